"""Noise: the network's random draws, one stream of standard exponentials for each sender.

A draw must cost next to nothing, or the network model is the slowest part of the simulator. Three
things make it so. Draws are computed many at a time by numpy. They are computed for 256
neighbouring peers together, because peers that send at all tend to send alike. And draws in waiting
are bare doubles in an array: as a list of floats they would crowd everything else out of the
processor's cache, and a thousand peers would run a fifth slower.

None of this shows in the numbers: draw i of a peer is a pure function of (seed, name, i), however
it is buffered.
"""

from array import array

import numpy as np

from prsm_sim.actor.types import PeerId
from prsm_sim.chance import Floats, exponentials, key_of
from prsm_sim.process import SimContext

_CHUNK = 256
"""So many peers have their draws computed together."""
_FIRST, _NEXT = 8, 128
"""Draws of a peer's first block and of each further one."""
_OWN = 256
"""Draws of the block of a peer that keeps no pace with its neighbours."""
_LONGEST = 2048
"""In a world of few peers, a block has as many draws as its peer has made before, up to these: the
thirty calls of numpy that make a block cost as much as a thousand draws."""
_FEW = 1024
"""So many peers are few, since a block of each takes no more than 16 MiB together …"""
_ALONE = 32
"""… and of so many all are computed together …"""
_APART = 1024
"""… for their first so many draws; then those that send most would compute most for nothing."""
_CROWD = 1 << 16
"""In a world of so many peers, memory counts more than speed:"""
_CROWDED = 4
"""… a peer's very first draw comes alone, and its blocks hold so many draws, as bare doubles."""
_TABLES = 2
"""So many tables of a chunk are kept for those who come later."""
_WORTH = _CHUNK // 4
"""Compute for the whole chunk if so many peers took the block before."""
_BROADCAST = 4096
"""Draws of a block for broadcasts."""


class Block:
    """The draws of one peer's broadcasts: a stream of its own, made 4,096 at a time."""

    __slots__ = ("at", "draws", "following", "key")

    def __init__(self, key: int) -> None:
        self.key = np.array([key], dtype=np.uint64)
        self.draws: Floats = np.empty(0)
        self.at = 0
        self.following = 0

    def take(self, count: int) -> Floats:
        """The next `count` draws, shape (count,)."""
        at = self.at
        if at + count > len(self.draws):
            size = max(count, _BROADCAST)
            self.draws = exponentials(self.key, self.following, size)[0]
            self.following += size
            at = 0
        self.at = at + count
        return self.draws[at : at + count]


class Chunk:
    """The blocks of 256 neighbouring peers that have been computed and not all been taken."""

    __slots__ = ("tables", "taken")

    def __init__(self) -> None:
        self.tables: dict[tuple[int, int], bytes] = {}
        self.taken: dict[int, int] = {}

    def worth(self, start: int, stop: int) -> bool:
        """Whether the block from draw `start` to `stop` should be computed for all."""
        return (start, stop) in self.tables or self.taken.get(start, 0) >= _WORTH

    def keep(self, start: int, stop: int, table: bytes) -> None:
        """Keep a table, and let go of the oldest."""
        self.tables[start, stop] = table
        self.taken[stop] = 0
        if len(self.tables) > _TABLES:
            oldest = next(iter(self.tables))
            del self.tables[oldest]
            self.taken.pop(oldest[1], None)


class Noise:
    """The draws of all peers of one world."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._keys = array("Q")
        self._chunks: list[Chunk] = []

    def enrol(self, name: PeerId) -> int:
        """Give a peer its rank, its place among the keys."""
        self._keys.append(self._key(name, "network"))
        if len(self._keys) > _CHUNK * len(self._chunks):
            self._chunks.append(Chunk())
        return len(self._keys) - 1

    def draw(self, ctx: SimContext) -> float:
        """The next draw of a peer whose block is used up; makes its next block."""
        start, peers = ctx.drawn, len(self._keys)
        crowded, together = peers >= _CROWD, peers <= _ALONE and start < _APART
        if crowded:
            stop = start - start % _CROWDED + _CROWDED if start else 1
        elif start < _FIRST:
            stop = _FIRST
        else:
            stop = start + (min(max(start, _NEXT), _LONGEST) if together else _NEXT)
        chunk = self._chunks[ctx.rank // _CHUNK]
        if start == 0 or together or chunk.worth(start, stop):
            draws = self._row(chunk, ctx.rank, start, stop)
        else:
            if not crowded:
                stop = start + (min(max(start, _OWN), _LONGEST) if peers <= _FEW else _OWN)
            key = np.array([self._keys[ctx.rank]], dtype=np.uint64)
            draws = exponentials(key, start, stop - start)[0, ::-1].tobytes()
        ctx.drawn = stop
        block = array("d", draws)
        if len(block) > 1:
            ctx.noise = block
        return block.pop()

    def block(self, ctx: SimContext, count: int) -> Floats:
        """The next `count` draws for a broadcast, shape (count,)."""
        if ctx.block is None:
            ctx.block = Block(self._key(ctx.id, "broadcast"))
        draws: Floats = ctx.block.take(count)
        return draws

    def _key(self, name: PeerId, concern: str) -> int:
        return int.from_bytes(key_of(self._seed, name, concern)[:8], "little")

    def _row(self, chunk: Chunk, rank: int, start: int, stop: int) -> bytes:
        """A peer's draws from `start` to `stop`, the last first, as bare doubles."""
        row = rank % _CHUNK
        size = 8 * (stop - start)
        table = chunk.tables.get((start, stop))
        if table is None or (row + 1) * size > len(table):
            peers = self._keys[rank - row : rank - row + _CHUNK]
            keys = np.frombuffer(peers, dtype=np.uint64)
            # Draws are taken from the end of a block, which is the cheapest way to take.
            table = exponentials(keys, start, stop - start)[:, ::-1].tobytes()
            chunk.keep(start, stop, table)
        chunk.taken[stop] = chunk.taken.get(stop, 0) + 1
        return table[row * size : (row + 1) * size]
