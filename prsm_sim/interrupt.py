"""Ctrl-C: a run that a person stops ends where it is whole, and keeps what it recorded."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from prsm_sim.actor.types import PeerId, Seconds
from prsm_sim.recorder import Sink

Progress = Callable[[Seconds, int], None]
"""Called now and then while a run goes on: world time, events so far."""


class Interrupt:
    """Whether a person pressed Ctrl-C, and the place where the simulator heeds it.

    A signal may come in the middle of anything. So it only sets a mark, and the run ends where it
    is whole: after a bucket of events has been executed and recorded.
    """

    def __init__(self, recorder: Sink | None = None, progress: Progress | None = None) -> None:
        self.happened = False
        self._heeded = False
        self._recorder = recorder
        self._progress = progress

    def bucket(self, events: Sequence[tuple[Seconds, PeerId, PeerId, object]]) -> None:
        """Record a bucket, then heed the mark."""
        if self._recorder is not None:
            self._recorder.bucket(events)
        self._heed()

    def progress(self, time_s: Seconds, events: int) -> None:
        """Tell the progress, then heed the mark."""
        if self._progress is not None:
            self._progress(time_s, events)
        self._heed()

    def _heed(self) -> None:
        if self.happened and not self._heeded:
            self._heeded = True
            raise KeyboardInterrupt


@contextmanager
def stop_on_interrupt(
    interrupt: Interrupt, stop: Callable[[], None] | None = None
) -> Iterator[None]:
    """The first Ctrl-C marks `interrupt` and calls `stop`; the second raises at once.

    Either way the block ends without an exception. Off the main thread, where Python delivers no
    signals, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        interrupt.happened = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if stop is not None:
            stop()

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield
    except KeyboardInterrupt:
        interrupt.happened = True
    finally:
        signal.signal(signal.SIGINT, before)
