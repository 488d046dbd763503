"""The digest: one number that is equal if, and only if, two runs went the same way.

It covers every entry in order of execution (time, kind, sender, receiver, contents) and every fact.
An entry is a tuple of values that msgspec encodes, so a whole bucket is encoded by one call in C
and hashed by another, about 0.1 µs an event. The list header is cut off, so the digest does not
depend on how the run was sliced into buckets or calls of `run`.
"""

import hashlib
from typing import Any, Protocol

import msgspec
from simpy.events import Event

from prsm_sim.actor.errors import PrsmError
from prsm_sim.actor.types import Fact, PeerId, Seconds
from prsm_sim.engine import Entry


class Sink(Protocol):
    """Takes the events of a run, such as `prsm_sim.recorder.Recorder`."""

    def bucket(self, events: list[tuple[float, str, str, Any]]) -> None:
        """Take events in order; each is ``(time_s, sender, receiver, message)``."""


class Unencodable(PrsmError):
    """A message holds a value that has no canonical bytes, so no wire could carry it."""


def _hook(value: object) -> str:
    if isinstance(value, Event):
        return type(value).__name__  # SimPy's events have no contents of their own
    raise NotImplementedError(f"{type(value).__name__} has no canonical bytes")


_encoder = msgspec.msgpack.Encoder(enc_hook=_hook, order="deterministic")


class Trace:
    """Hashes and passes on what a simulation executes.

    Args:
        sink: also gets every event, if given.
        hashing: whether to compute the digest (off only to measure what it costs).
    """

    def __init__(self, sink: Sink | None = None, hashing: bool = True) -> None:
        self._sink = sink
        self._hashing = hashing
        self._entries = hashlib.sha256()
        self._told = hashlib.sha256()
        self.is_heard = hashing or sink is not None
        """Whether anything comes of what is taken in."""
        self.facts: list[tuple[Seconds, PeerId, str, Fact]] = []
        """The facts since the last flush; who tells many appends to it directly."""
        self.events = 0

    def fact(self, time_s: Seconds, peer: PeerId, fact: Fact) -> None:
        """Take in one fact."""
        self.facts.append((time_s, peer, "", fact))

    def flush(self, entries: list[Entry]) -> None:
        """Take in entries that have been executed, in order.

        Raises:
            Unencodable: one of them holds a value that msgspec cannot encode.
        """
        self.events += len(entries)
        facts = self.facts
        if self._hashing:
            _hash(self._entries, entries)
            if facts:
                _hash(self._told, facts)
        if self._sink is not None:
            named = [(at, s if type(s) is str else "", to, m) for at, s, to, m in entries]
            named += facts
            named.sort(key=lambda event: event[0])  # stable: a fact comes after its event
            self._sink.bucket(named)
        facts.clear()

    @property
    def digest(self) -> str:
        """32 hexadecimal digits over everything so far."""
        both = self._entries.digest() + self._told.digest()
        return hashlib.sha256(both).hexdigest()[:32]


def _hash(into: Any, rows: list[Any]) -> None:
    """Update a hash with the encodings of `rows`, without the header that counts them."""
    try:
        encoded = _encoder.encode(rows)
    except (NotImplementedError, TypeError, OverflowError, ValueError) as error:
        raise Unencodable(f"{_culprit(rows)}: {error}") from error
    header = 1 if len(rows) < 16 else 3 if len(rows) < 65536 else 5
    into.update(memoryview(encoded)[header:])


def _culprit(rows: list[Any]) -> str:
    """Name the first row that cannot be encoded."""
    for at, sender, to, message in rows:
        try:
            _encoder.encode(message)
        except (NotImplementedError, TypeError, OverflowError, ValueError):
            return f"{type(message).__name__} from {sender!r} to {to!r} at {at:.6f} s"
    return "an event"
