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

A `PathProof` convinces someone who knows only the root of what a key has, or that it has nothing:
the pairs of the key's bucket, whose hash he computes himself, and the hashes of the 31 siblings at
each of the three levels (Merkle, "A Digital Signature Based on a Conventional Encryption Function",
CRYPTO 1987). That is 3 kB, whatever the number of keys, and the pairs of one bucket.
"""

from hashlib import blake2b
from itertools import pairwise
from typing import Final

import msgspec

FAN_OUT: Final = 32
LEVELS: Final = 3
BUCKETS: Final = FAN_OUT**LEVELS
HASH_SIZE: Final = 32


class PathProof(msgspec.Struct, frozen=True, array_like=True):
    """What leads from a key to the root.

    Attributes:
        pairs: all pairs of the key's bucket, in key order.
        siblings: at each level, from the buckets up, the hashes of the 31 other children of the
            key's node, in order.
    """

    pairs: tuple[tuple[bytes, bytes], ...]
    siblings: tuple[tuple[bytes, ...], ...]

    def value_of(self, key: bytes) -> bytes | None:
        """What the proof says that `key` has."""
        return dict(self.pairs).get(key)

    def root(self, key: bytes) -> bytes | None:
        """The root of the tree in which this proof holds for `key`; None if it is no proof.

        Whoever knows the root, and knows it from elsewhere, compares. Each hash must have its
        exact length: they are hashed side by side, and a long one could hide the place of another.
        """
        keys = [key for key, _ in self.pairs]
        if any(earlier >= later for earlier, later in pairwise(keys)):
            return None
        if len(self.siblings) != LEVELS:
            return None
        index = _bucket_of(key)
        node = _hash_bucket(dict(self.pairs))
        for siblings in self.siblings:
            if len(siblings) != FAN_OUT - 1 or any(len(hash_) != HASH_SIZE for hash_ in siblings):
                return None
            index, place = divmod(index, FAN_OUT)
            node = _hash_node([*siblings[:place], node, *siblings[place:]])
        return node


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

    def prove(self, key: bytes) -> PathProof:
        """What convinces anyone who knows the root of what `key` has, or that it has nothing."""
        self.root()
        index = _bucket_of(key)
        pairs = tuple(sorted(self._buckets.get(index, {}).items()))
        siblings = []
        for hashes in self._levels:
            parent, place = divmod(index, FAN_OUT)
            children = hashes[parent * FAN_OUT : (parent + 1) * FAN_OUT]
            siblings.append((*children[:place], *children[place + 1 :]))
            index = parent
        return PathProof(pairs, tuple(siblings))


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
