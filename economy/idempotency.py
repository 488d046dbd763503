"""Idempotency keys: a call that is safe to repeat, because only its first time counts.

A client that saw no answer does not know whether it was heard. It repeats the call under the same
key, and gets the answer of the first call, whichever of the two arrives first. Refusals are
recorded like successes: otherwise a delayed duplicate of a refused call could act later, after its
sender had given it up. The same key with other content is refused, and recorded nowhere.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

from economy.refusals import Refusal
from prsm_sim.actor import encode

Content: TypeAlias = tuple[str, str, str, int]
"""What a call does: verb, payer, payee (empty where there is none) and units."""


class KeyRecord(NamedTuple):
    """What was done under a key: a 32-byte hash of the call's content, and the answer it got."""

    fingerprint: bytes
    refusal: Refusal | None


class KeyBook:
    """The record of every key.

    Attributes:
        records: by key. They are never dropped: a forgotten key is a payment made twice.
        touched: keys that were added since the ledger's digest was last taken.
    """

    __slots__ = ("records", "touched")

    def __init__(self) -> None:
        self.records: dict[str, KeyRecord] = {}
        self.touched: dict[str, None] = {}

    def once(self, key: str, content: Content, act: Callable[[], Refusal | None]) -> Refusal | None:
        """The recorded answer if `key` was used for `content` before, else that of ``act()``."""
        verb, payer, payee, units = content
        fingerprint = blake2b(encode((verb, payer, payee, str(units))), digest_size=32).digest()
        record = self.records.get(key)
        if record is not None:
            return record.refusal if record.fingerprint == fingerprint else Refusal.KEY_REUSED
        refusal = act()
        self.records[key] = KeyRecord(fingerprint, refusal)
        self.touched[key] = None
        return refusal

    def load(self, records: dict[str, KeyRecord]) -> None:
        """Replace the whole book by `records`."""
        self.records = records
        self.touched = dict.fromkeys(records)
