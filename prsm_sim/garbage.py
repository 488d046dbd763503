"""The kernel owns garbage collection during a run.

Python's collector walks all young objects every 700 allocations, and a simulator's queue is one
large heap of young objects that are all alive. Hardly anything in a run is cyclic, so reference
counting frees it. Hence what exists before a run is frozen, the automatic collector is off, and the
engine collects at intervals counted in events (worth 1.1 to 1.5 ×, more for SimPy processes).
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_INTERVAL = 1 << 18
"""Events between two collections."""
_FULL_EVERY = 32
"""One collection in so many walks all objects."""


class Collector:
    """Collects now and then, for an engine that reports how many events it has executed."""

    __slots__ = ("_collections", "_events", "_running")

    def __init__(self) -> None:
        self._events = 0
        self._collections = 0
        self._running = False

    def executed(self, events: int) -> None:
        """Count events; collect if it is time."""
        self._events += events
        if self._events >= _INTERVAL and self._running:
            self._events = 0
            self._collections += 1
            gc.collect(2 if self._collections % _FULL_EVERY == 0 else 1)

    @contextmanager
    def owning(self) -> Iterator[None]:
        """Own the collector for the time of a run; runs may nest."""
        if self._running or not gc.isenabled():
            yield
            return
        gc.freeze()
        gc.disable()
        self._running = True
        try:
            yield
        finally:
            self._running = False
            gc.unfreeze()
            gc.enable()
