"""A hash tree over key-value pairs: the digest of a big state after a small change.

Replicas compare the digests of their states, and a digest that reads the whole state every time
would cost more than the work it vouches for. PBFT answers this with hierarchical state partitions
(Castro & Liskov, "Practical Byzantine Fault Tolerance and Proactive Recovery", TOCS 2002, on
checkpoint management): the state is cut into parts, only parts that changed are hashed again, and
the root commits to all.

Here a key belongs to one of 32³ buckets, by a hash of the key. A bucket's hash covers its pairs in
key order; above the buckets, a node's hash covers 32 children, up to the root. The root is
therefore a function of the pairs alone: neither the order of changes nor the moments at which the
root was asked for leave a mark. Buckets and nodes hash under their own personalisation, so that a
hash of one kind never passes for one of the other.
"""

from hashlib import blake2b
from itertools import pairwise
from typing import Final

FAN_OUT: Final = 32
LEVELS: Final = 3
BUCKETS: Final = FAN_OUT**LEVELS
HASH_SIZE: Final = 32


class StateTree:
    """Pairs of bytes with a root that is cheap to refresh after few changes."""

    __slots__ = ("_buckets", "_dirty", "_levels", "_root")

    def __init__(self) -> None:
        self._buckets: dict[int, dict[bytes, bytes]] = {}
        self._dirty: dict[int, None] = {}
        self._levels: list[list[bytes]] = []
        """Hashes from the buckets up; the last list has one for each child of the root."""
        empty = _hash_bucket({})
        for level in range(LEVELS):
            self._levels.append([empty] * FAN_OUT ** (LEVELS - level))
            empty = _hash_node([empty] * FAN_OUT)
        self._root = empty

    def put(self, key: bytes, value: bytes | None) -> None:
        """Let `key` have `value`; None removes it."""
        index = _bucket_of(key)
        bucket = self._buckets.setdefault(index, {})
        if value is None:
            bucket.pop(key, None)
        else:
            bucket[key] = value
        self._dirty[index] = None

    def root(self) -> bytes:
        """The 32-byte hash that commits to exactly the present pairs."""
        if not self._dirty:
            return self._root
        dirty = self._dirty
        for index in dirty:
            self._levels[0][index] = _hash_bucket(self._buckets[index])
        for children, parents in pairwise(self._levels):
            dirty = dict.fromkeys(index // FAN_OUT for index in dirty)
            for index in dirty:
                first = index * FAN_OUT
                parents[index] = _hash_node(children[first : first + FAN_OUT])
        self._root = _hash_node(self._levels[-1])
        self._dirty = {}
        return self._root


def _bucket_of(key: bytes) -> int:
    place = blake2b(key, digest_size=8, person=b"place").digest()
    return int.from_bytes(place, "big") % BUCKETS


def _hash_node(children: list[bytes]) -> bytes:
    return blake2b(b"".join(children), digest_size=HASH_SIZE, person=b"node").digest()


def _hash_bucket(pairs: dict[bytes, bytes]) -> bytes:
    parts: list[bytes] = []
    for key in sorted(pairs):
        value = pairs[key]
        # Lengths first: without them ("ab", "c") and ("a", "bc") would hash alike.
        parts += (len(key).to_bytes(4, "big"), len(value).to_bytes(4, "big"), key, value)
    return blake2b(b"".join(parts), digest_size=HASH_SIZE, person=b"bucket").digest()
