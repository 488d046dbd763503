"""A peer's durable store, simulated in memory with the failures of a real disk.

Writes go to a cache and become durable at `sync`. When the peer crashes, each write that was not
synced meets its own fate: kept, lost, or torn to a prefix of its value. Protocols that forget a
`sync` are found out that way. A disk can be worse than that: `ailments` say how, while they last.
"""

from collections.abc import Callable

from prsm_sim.actor.context import Random

Count = Callable[[int], None]


class Ailments:
    """What is wrong with a disk at present; each entry counts what it has done."""

    __slots__ = ("lies", "tears")

    def __init__(self) -> None:
        self.lies: list[Count] = []
        """While there is one, `sync` does nothing."""
        self.tears: list[Count] = []
        """While there is one, a crash tears every unsynced write."""


class MemoryStore:
    """A store that outlives its peer's crashes inside one run."""

    __slots__ = ("_deletes", "_durable", "_unsynced", "ailments")

    def __init__(self) -> None:
        self._durable: dict[str, bytes] = {}
        self._unsynced: dict[str, bytes | None] = {}
        self._deletes = False
        """Whether something is to be deleted by the next sync."""
        self.ailments: Ailments | None = None

    def get(self, key: str) -> bytes | None:
        """The value last put under `key`, or None."""
        if key in self._unsynced:
            return self._unsynced[key]
        return self._durable.get(key)

    def put(self, key: str, value: bytes) -> None:
        """Write `value` under `key`; durable after the next `sync`."""
        self._unsynced[key] = value if value.__class__ is bytes else bytes(value)

    def delete(self, key: str) -> None:
        """Forget `key`; durable after the next `sync`."""
        self._unsynced[key] = None
        self._deletes = True

    def keys(self) -> list[str]:
        """All keys, sorted."""
        if not self._unsynced:
            return sorted(self._durable)
        alive = {**self._durable, **self._unsynced}
        return sorted(key for key in alive if self.get(key) is not None)

    def sync(self) -> None:
        """Make every write so far durable."""
        if self.ailments is not None and self.ailments.lies:
            if self._unsynced:
                for count in self.ailments.lies:
                    count(1)
        elif self._deletes:
            self._settle()
        elif len(self._unsynced) == 1:  # as mostly: no new table for the next write
            key, value = self._unsynced.popitem()
            self._durable[key] = value  # type: ignore[assignment]  # nothing is deleted
        else:
            self._durable.update(self._unsynced)  # type: ignore[arg-type]  # nothing is deleted
            self._unsynced.clear()

    def _settle(self) -> None:
        durable, unsynced = self._durable, self._unsynced
        if self._deletes:
            self._deletes = False
            for key in [key for key, value in unsynced.items() if value is None]:
                del unsynced[key]
                if key in durable:
                    del durable[key]
        durable.update(unsynced)  # type: ignore[arg-type]  # None is gone
        unsynced.clear()

    def crash(self, rng: Random) -> None:
        """Let every unsynced write be kept, lost or torn, as `rng` decides."""
        tears = [] if self.ailments is None else self.ailments.tears
        for key, value in list(self._unsynced.items()):
            fate = rng.randrange(3)
            if tears and value:
                self._unsynced[key] = value[: rng.randrange(len(value))]
                for count in tears:
                    count(1)
            elif fate == 0 or (fate == 2 and value is None):
                del self._unsynced[key]
            elif fate == 2 and value is not None:
                self._unsynced[key] = value[: rng.randrange(len(value) + 1)]
        self._settle()

    def wipe(self) -> int:
        """Lose everything, as with a new disk; returns how many values there were."""
        lost = len(self.keys())
        self._durable.clear()
        self._unsynced.clear()
        return lost

    def rot(self, share: float, rng_of: Callable[[str], Random]) -> int:
        """Flip one bit in each of a share of the durable values; returns in how many.

        Args:
            share: probability of each value.
            rng_of: what decides about the value under a key.
        """
        rotten = 0
        for key, value in self._durable.items():
            rng = rng_of(key)
            if value and rng.random() < share:
                place = rng.randrange(8 * len(value))
                changed = bytearray(value)
                changed[place // 8] ^= 1 << place % 8
                self._durable[key] = bytes(changed)
                rotten += 1
        return rotten
