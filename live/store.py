"""Durable stores: what a peer still knows after a crash, a restart, or a kill at any instruction.

Writes wait in memory and reach the backend only at `sync`, all of them in one transaction. A crash
therefore loses exactly what was not synced: the mildest of the outcomes the contract allows (each
unsynced write kept, lost or torn), and the one a transactional database really gives.

The SQLite backend runs in write-ahead-log mode with ``synchronous=FULL``: a commit returns once the
log is on the disk (SQLite documentation, "Write-Ahead Logging" and "PRAGMA synchronous"), so it
survives `kill -9` and a loss of power.
"""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from prsm_sim.actor.errors import UserError
from prsm_sim.actor.types import PeerId

Writes = Mapping[str, bytes | None]
"""Values to put, by key; None deletes the key."""


class Backend(Protocol):
    """Where synced values live."""

    def load(self, peer: PeerId) -> dict[str, bytes]:
        """All that `peer` has synced."""

    def commit(self, peer: PeerId, writes: Writes) -> None:
        """Make `writes` durable, all or none."""

    def close(self) -> None:
        """Let go of files."""


class MemoryBackend:
    """Keeps values as long as this process lives: enough for crashes that a fault plan makes."""

    def __init__(self) -> None:
        self._durable: dict[PeerId, dict[str, bytes]] = {}

    def load(self, peer: PeerId) -> dict[str, bytes]:
        """All that `peer` has synced."""
        return dict(self._durable.get(peer, {}))

    def commit(self, peer: PeerId, writes: Writes) -> None:
        """Apply `writes`."""
        values = self._durable.setdefault(peer, {})
        for key, value in writes.items():
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value

    def close(self) -> None:
        """Nothing to let go of."""


class SqliteBackend:
    """Keeps values of all peers of a process in ``<folder>/store.sqlite``.

    Args:
        folder: made if it does not exist.

    Raises:
        UserError: the folder cannot be made, or holds something that is not such a database.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "store.sqlite"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS durable (peer TEXT, key TEXT, value BLOB NOT NULL, "
                "PRIMARY KEY (peer, key)) WITHOUT ROWID"
            )
        except (OSError, sqlite3.Error) as error:
            raise UserError(
                f"{path}: cannot keep a peer's store there ({error}); give another folder"
            ) from error

    def load(self, peer: PeerId) -> dict[str, bytes]:
        """All that `peer` has synced."""
        rows = self._database.execute("SELECT key, value FROM durable WHERE peer = ?", (peer,))
        return {key: bytes(value) for key, value in rows}

    def commit(self, peer: PeerId, writes: Writes) -> None:
        """Apply `writes` in one transaction; returns when it is on the disk."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            for key, value in writes.items():
                if value is None:
                    self._database.execute(
                        "DELETE FROM durable WHERE peer = ? AND key = ?", (peer, key)
                    )
                else:
                    self._database.execute(
                        "INSERT OR REPLACE INTO durable VALUES (?, ?, ?)", (peer, key, value)
                    )
            self._database.execute("COMMIT")
        except sqlite3.Error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the database."""
        self._database.close()


class BufferedStore:
    """One incarnation's view of a peer's store: its own writes over what is durable."""

    def __init__(self, peer: PeerId, backend: Backend) -> None:
        self._peer = peer
        self._backend = backend
        self._values = backend.load(peer)
        self._unsynced: dict[str, bytes | None] = {}

    def get(self, key: str) -> bytes | None:
        """The value last put under `key`, or None."""
        return self._values.get(key)

    def put(self, key: str, value: bytes) -> None:
        """Write `value` under `key`; durable after the next `sync`."""
        self._values[key] = value
        self._unsynced[key] = value

    def delete(self, key: str) -> None:
        """Forget `key`; durable after the next `sync`."""
        self._values.pop(key, None)
        self._unsynced[key] = None

    def keys(self) -> list[str]:
        """All keys, sorted."""
        return sorted(self._values)

    def sync(self) -> None:
        """Make every write so far durable."""
        if self._unsynced:
            self._backend.commit(self._peer, self._unsynced)
            self._unsynced = {}
