"""Idempotency keys: a call that is safe to repeat, because only its first time counts.

A client that saw no answer does not know whether it was heard. It repeats the call under the same
key, and gets the answer of the first call, whichever of the two arrives first. Refusals are
recorded like successes: otherwise a delayed duplicate of a refused call could act later, after its
sender had given it up. The same key with other content is refused, and recorded nowhere.

A ledger with `LedgerParameters.key_window_ms` forgets keys when their names say so (`windows`), so
that the book is no bigger than what happens within a window. A key is then refused, and recorded
nowhere, if it names no end, an end that has come, or one beyond the window. Of these only the last
may be accepted when it is repeated later; nothing under a key acts after the end in its name.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from heapq import heappop, heappush
from typing import Final, NamedTuple, TypeAlias

from economy.linked import LinkedRefusal, Move
from economy.refusals import Refusal
from economy.windows import end_of
from prsm_sim.actor import encode

Content: TypeAlias = tuple[str, str, str, int]
"""What a call does: verb, payer, payee (empty where there is none) and units."""


class KeyRecord(NamedTuple):
    """What was done under a key.

    Attributes:
        fingerprint: a 32-byte hash of the call's content.
        refusal: the answer it got.
        move: for a chain of transfers that was refused, the movement that failed; else 0.
    """

    fingerprint: bytes
    refusal: Refusal | None
    move: int = 0


def fingerprint_of(content: tuple[object, ...]) -> bytes:
    """The 32-byte hash of what a call does; money in it must be written as decimal text."""
    return blake2b(encode(content), digest_size=32).digest()


class KeyBook:
    """The record of every key that may still be used.

    Args:
        window_ms: how far away the end of a key may be; 0: keys name no end, and every record is
            kept for good, for a forgotten key is a payment made twice.

    Attributes:
        records: by key.
        touched: keys that changed since the ledger's digest was last taken.
        is_followed: whether a digest follows, and must hear of records that are dropped.
    """

    __slots__ = ("_ends", "is_followed", "records", "touched", "window_ms")

    def __init__(self, window_ms: int = 0) -> None:
        self.window_ms: Final = window_ms
        self.records: dict[str, KeyRecord] = {}
        self.touched: dict[str, None] = {}
        self.is_followed = False
        self._ends: list[tuple[int, str]] = []

    def recall(self, key: str, fingerprint: bytes, now_ms: int) -> KeyRecord | Refusal | None:
        """The record of `key`, or why it cannot be used, or None if it was not used before."""
        ends_at_ms = end_of(key) if self.window_ms else None
        if self.window_ms:
            if ends_at_ms is None:
                return Refusal.NAME_WITHOUT_END
            if ends_at_ms <= now_ms:
                return Refusal.NAME_ENDED
        record = self.records.get(key)
        if record is not None:
            return record if record.fingerprint == fingerprint else Refusal.KEY_REUSED
        if ends_at_ms is not None and ends_at_ms - now_ms > self.window_ms:
            return Refusal.NAME_ENDS_TOO_LATE
        return None

    def add(self, key: str, record: KeyRecord) -> None:
        """Remember what was done under a key that `recall` let pass."""
        assert key not in self.records, f"key {key!r} was used before"
        self.records[key] = record
        self.touched[key] = None
        self._await_end(key)

    def once(
        self, key: str, content: Content, now_ms: int, act: Callable[[], Refusal | None]
    ) -> Refusal | None:
        """The recorded answer if `key` was used for `content` before, else that of ``act()``."""
        verb, payer, payee, units = content
        fingerprint = fingerprint_of((verb, payer, payee, str(units)))
        known = self.recall(key, fingerprint, now_ms)
        if isinstance(known, Refusal):
            return known
        if known is not None:
            return known.refusal
        refusal = act()
        self.add(key, KeyRecord(fingerprint, refusal))
        return refusal

    def once_linked(
        self,
        key: str,
        moves: Sequence[Move],
        now_ms: int,
        act: Callable[[], LinkedRefusal | None],
    ) -> LinkedRefusal | None:
        """`once` for a chain of transfers, whose answer says which movement failed."""
        written = tuple((payer, payee, str(units)) for payer, payee, units in moves)
        fingerprint = fingerprint_of(("linked", written))
        known = self.recall(key, fingerprint, now_ms)
        if isinstance(known, Refusal):
            return LinkedRefusal(known, None)
        if known is None:
            answer = act()
            refusal, move = (None, 0) if answer is None else answer
            self.add(key, KeyRecord(fingerprint, refusal, move or 0))
            return answer
        return None if known.refusal is None else LinkedRefusal(known.refusal, known.move)

    def drop_ended(self, now_ms: int) -> None:
        """Forget the keys whose end has come."""
        ends = self._ends
        while ends and ends[0][0] <= now_ms:
            key = heappop(ends)[1]
            del self.records[key]
            if self.is_followed:
                self.touched[key] = None
            else:
                self.touched.pop(key, None)

    def load(self, records: dict[str, KeyRecord]) -> None:
        """Replace the whole book by `records`; with a window, each key must name its end."""
        self.records = records
        self.touched = dict.fromkeys(records)
        self._ends = []
        for key in records:
            self._await_end(key)

    def _await_end(self, key: str) -> None:
        if self.window_ms:
            ends_at_ms = end_of(key)
            assert ends_at_ms is not None, f"key {key!r} has no end"
            heappush(self._ends, (ends_at_ms, key))
