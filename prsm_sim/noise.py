"""Noise: the network's random draws, one stream of standard exponentials for each sender.

A draw must cost next to nothing, or the network model is the slowest part of the simulator. Three
things make it so. Draws are computed many at a time by numpy. They are computed for 256
neighbouring peers together, because peers that send at all tend to send alike. And a peer's block
is short, so that the draws in waiting stay in the processor's cache: with 512 a peer, a thousand
peers run at half the speed.

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
_FIRST, _NEXT = 8, 64
"""Draws of a peer's first block and of each further one."""
_OWN = 256
"""Draws of the block of a peer that keeps no pace with its neighbours."""
_TABLES = 2
"""So many tables of a chunk are kept for those who come later."""
_WORTH = _CHUNK // 4
"""Compute for the whole chunk if so many peers took the block before."""
_CROWD = 1 << 16
"""In a world of so many peers, a peer's very first draw comes alone, to save memory."""
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
        self.tables: dict[int, Floats] = {}
        self.taken: dict[int, int] = {}

    def worth(self, start: int) -> bool:
        """Whether the block that begins at draw `start` should be computed for all."""
        before = start - _NEXT if start > _FIRST else 0
        return start == 0 or self.taken.get(before, 0) >= _WORTH

    def keep(self, start: int, table: Floats) -> None:
        """Keep a table, and let go of the oldest."""
        self.tables[start] = table
        self.taken.setdefault(start, 0)
        if len(self.tables) > _TABLES:
            oldest = next(iter(self.tables))
            del self.tables[oldest], self.taken[oldest]


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
        start = ctx.drawn
        if start < _FIRST:
            stop = 1 if start == 0 and len(self._keys) >= _CROWD else _FIRST
            block = self._shared(ctx.rank, start, stop - start)
            ctx.drawn = stop
        elif (start - _FIRST) % _NEXT == 0 and self._is_shared(ctx.rank, start):
            block = self._shared(ctx.rank, start, _NEXT)
            ctx.drawn = start + _NEXT
        else:
            keys = np.array([self._keys[ctx.rank]], dtype=np.uint64)
            block = exponentials(keys, start, _OWN)[0].tolist()
            ctx.drawn = start + _OWN
        first = block[0]
        if len(block) > 1:
            ctx.noise = iter(block)
            next(ctx.noise)
        return first

    def block(self, ctx: SimContext, count: int) -> Floats:
        """The next `count` draws for a broadcast, shape (count,)."""
        if ctx.block is None:
            ctx.block = Block(self._key(ctx.id, "broadcast"))
        draws: Floats = ctx.block.take(count)
        return draws

    def _key(self, name: PeerId, concern: str) -> int:
        return int.from_bytes(key_of(self._seed, name, concern)[:8], "little")

    def _is_shared(self, rank: int, start: int) -> bool:
        chunk = self._chunks[rank // _CHUNK]
        return start in chunk.tables or chunk.worth(start)

    def _shared(self, rank: int, start: int, count: int) -> list[float]:
        """A peer's row of the block of its chunk that begins at draw `start`."""
        number, row = divmod(rank, _CHUNK)
        chunk = self._chunks[number]
        table = chunk.tables.get(start)
        if table is None or row >= len(table):
            keys = np.frombuffer(
                self._keys[number * _CHUNK : (number + 1) * _CHUNK], dtype=np.uint64
            )
            table = exponentials(keys, start, count)
            chunk.keep(start, table)
        chunk.taken[start] += 1
        draws: list[float] = table[row].tolist()
        return draws
