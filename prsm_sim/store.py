"""A peer's durable store, simulated in memory with the failures of a real disk.

Writes go to a cache and become durable at `sync`. When the peer crashes, each write that was not
synced meets its own fate: kept, lost, or torn to a prefix of its value. Protocols that forget a
`sync` are found out that way.
"""

from prsm_sim.actor.context import Random


class MemoryStore:
    """A store that outlives its peer's crashes inside one run."""

    __slots__ = ("_durable", "_unsynced")

    def __init__(self) -> None:
        self._durable: dict[str, bytes] = {}
        self._unsynced: dict[str, bytes | None] = {}

    def get(self, key: str) -> bytes | None:
        """The value last put under `key`, or None."""
        if key in self._unsynced:
            return self._unsynced[key]
        return self._durable.get(key)

    def put(self, key: str, value: bytes) -> None:
        """Write `value` under `key`; durable after the next `sync`."""
        self._unsynced[key] = bytes(value)

    def delete(self, key: str) -> None:
        """Forget `key`; durable after the next `sync`."""
        self._unsynced[key] = None

    def keys(self) -> list[str]:
        """All keys, sorted."""
        alive = {**self._durable, **self._unsynced}
        return sorted(key for key in alive if self.get(key) is not None)

    def sync(self) -> None:
        """Make every write so far durable."""
        for key, value in self._unsynced.items():
            if value is None:
                self._durable.pop(key, None)
            else:
                self._durable[key] = value
        self._unsynced.clear()

    def crash(self, rng: Random) -> None:
        """Let every unsynced write be kept, lost or torn, as `rng` decides."""
        for key, value in list(self._unsynced.items()):
            fate = rng.randrange(3)
            if fate == 0 or (fate == 2 and value is None):
                del self._unsynced[key]
            elif fate == 2 and value is not None:
                self._unsynced[key] = value[: rng.randrange(len(value) + 1)]
        self.sync()
