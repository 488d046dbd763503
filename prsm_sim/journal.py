"""A durable log of opaque records, and a state machine that answers for none that is not in it.

A transfer is done when it cannot be lost. So its record is written and forced to disk *before* it
is applied and acknowledged (write-ahead logging: Mohan et al., "ARIES", TODS 17(1), 1992), and
after a crash the state is the latest snapshot and whatever the log has beyond it, applied once each
in the order of their sequence numbers. A record that was written and not acknowledged may survive a
crash or not; one that was acknowledged survives.

Forcing to disk takes milliseconds, a record microseconds. Hence *group commit* (DeWitt et al.,
"Implementation techniques for main memory database systems", SIGMOD 1984): records gather, and one
commit makes all of them durable.

The file is an SQLite database in write-ahead mode with ``synchronous=FULL``, so a commit is one
append to SQLite's own log and one fsync, and a half-written commit is as if it had not been. Each
record carries a CRC-32 of its number and its bytes, each number follows the one before, and the
last one is written down beside them: damage is refused, never read around. So are foreign files,
for the file says whose it is. One process at a time has it open.
"""

import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Generic, NamedTuple, TypeVar

from prsm_sim.actor.errors import UserError

R = TypeVar("R")

APPLICATION: Final = 0x5052534A
"""What SQLite's header says of our files (``PRSJ``)."""
VERSION: Final = 1
GROUP: Final = 4096
"""Records that are committed together, unless somebody asks sooner."""
_PAGE: Final = 4096
"""Records read at a time."""
_LOG_PAGES: Final = 8192
"""Pages of 4 KiB of SQLite's own log at which it is moved into the file: seldom, for that costs two
more fsyncs."""
_SCHEMA: Final = """
CREATE TABLE record (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE snapshot (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE head (sequence INTEGER PRIMARY KEY, crc INTEGER NOT NULL);
"""


class Snapshot(NamedTuple):
    """A state, and the last record that is in it (0: none was)."""

    sequence: int
    body: bytes


class Journal:
    """An append-only log of records in one file.

    Args:
        path: the file; made if there is none. SQLite keeps a second one beside it (``-wal``) while
            the journal is open or after a crash; the two belong together.

    Attributes:
        last: number of the last record appended, from 1; 0: there has been none.
        durable: number of the last record that no crash can take away.

    Raises:
        UserError: the file cannot be opened or written, is open elsewhere, is damaged, or is not a
            journal. Once a commit has failed, nothing is known of what the disk holds, and every
            further call is refused.
    """

    def __init__(self, path: Path | str) -> None:
        self.path: Final = Path(path)
        self._is_broken = False
        self._buffer: list[tuple[int, bytes, int]] = []
        self._start = Snapshot(0, b"")
        with self._reported("cannot be opened"):
            self._database = sqlite3.connect(self.path, isolation_level=None, timeout=0.0)
        is_sound = False
        try:
            with self._reported("cannot be opened"):
                self._open()
                self.last = self.durable = self._last_written()
            is_sound = True
        finally:
            if not is_sound:
                self._database.close()

    def append(self, record: bytes) -> int:
        """Add a record, durable after the next `commit`; returns its number."""
        self._refuse_if_broken()
        self.last = sequence = self.last + 1
        self._buffer.append((sequence, record, _crc(sequence, record)))
        return sequence

    def commit(self) -> int:
        """Make every record so far durable, in one transaction; returns the last one's number."""
        self._refuse_if_broken()
        if self._buffer:
            with self._transaction():
                self._write_buffer()
        return self.durable

    def replay(self, from_sequence: int | None = None) -> Iterator[tuple[int, bytes]]:
        """The durable records in order, each with its number.

        Args:
            from_sequence: the first to give; by default the first that is not in the snapshot.

        Raises:
            UserError: a record is damaged or missing, or was given up for a snapshot.
        """
        self._refuse_if_broken()
        first = self._start.sequence + 1
        following = first if from_sequence is None else from_sequence
        if following < first:
            raise UserError(
                f"{self.path}: record {following} was given up for the snapshot at "
                f"{first - 1}; replay from {first}"
            )
        while following <= self.durable:
            for sequence, body, crc in self._page(following):
                if sequence != following:
                    raise self._damaged(f"record {following} is missing")
                if not isinstance(body, bytes) or crc != _crc(sequence, body):
                    raise self._damaged(f"record {sequence} is damaged")
                yield sequence, body
                following += 1

    def snapshot(self) -> Snapshot:
        """The latest snapshot; of a journal that has none, record 0 and no bytes."""
        return self._start

    def checkpoint(self, state: bytes) -> None:
        """Keep `state`, which holds every record so far, and give the records up for it.

        The snapshot and the end of the records are one transaction.
        """
        self._refuse_if_broken()
        with self._transaction():
            self._write_buffer()
            self._database.execute("DELETE FROM snapshot")
            self._database.execute(
                "INSERT INTO snapshot VALUES (?, ?, ?)", (self.last, state, _crc(self.last, state))
            )
            self._database.execute("DELETE FROM record WHERE sequence <= ?", (self.last,))
        self._start = Snapshot(self.last, state)

    def close(self) -> None:
        """Commit, and close the file. A journal that is broken is only closed."""
        try:
            if not self._is_broken:
                self.commit()
        finally:
            self._database.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the file ---------------------------------------------------------------------------

    def _open(self) -> None:
        """Lock the file, and read or write what it says of itself."""
        run = self._database.execute
        run("PRAGMA locking_mode=EXCLUSIVE")
        found = run("PRAGMA application_id").fetchone()[0], run("PRAGMA user_version").fetchone()[0]
        is_new = found == (0, 0) and not run("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if not is_new and found != (APPLICATION, VERSION):
            what = "a journal of another version" if found[0] == APPLICATION else "not a journal"
            raise UserError(f"{self.path}: this file is {what}; name another file")
        run("PRAGMA journal_mode=WAL")
        run("PRAGMA synchronous=FULL")
        run(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
        run("BEGIN EXCLUSIVE")  # taken now and kept, so that a second process hears of it at once
        if is_new:
            for statement in _SCHEMA.strip().split("\n"):
                run(statement)
            run(f"PRAGMA application_id={APPLICATION}")
            run(f"PRAGMA user_version={VERSION}")
        run("COMMIT")
        kept = run("SELECT sequence, body, crc FROM snapshot").fetchone()
        if kept is not None:
            sequence, state, crc = kept
            if not isinstance(state, bytes) or crc != _crc(sequence, state):
                raise self._damaged("its snapshot is damaged")
            self._start = Snapshot(sequence, state)

    def _last_written(self) -> int:
        """The number of the last record, which is written down twice."""
        (found,) = self._database.execute("SELECT max(sequence) FROM record").fetchone()
        head = self._database.execute("SELECT sequence, crc FROM head").fetchall()
        last = self._start.sequence if found is None else found
        expected = [(last, _crc(last, b""))] if last else []
        if head != expected:
            raise self._damaged(f"it ends with record {last}, or should not")
        return int(last)

    def _page(self, following: int) -> list[tuple[int, object, int]]:
        with self._reported("cannot be read"):
            page = self._database.execute(
                "SELECT sequence, body, crc FROM record WHERE sequence >= ? ORDER BY sequence"
                " LIMIT ?",
                (following, _PAGE),
            ).fetchall()
        if not page:
            raise self._damaged(f"record {following} is missing")
        return page

    def _write_buffer(self) -> None:
        run = self._database.execute
        self._database.executemany("INSERT INTO record VALUES (?, ?, ?)", self._buffer)
        if self._buffer:
            run("DELETE FROM head")
            run("INSERT INTO head VALUES (?, ?)", (self.last, _crc(self.last, b"")))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """A transaction; if it fails, the journal is broken."""
        whole = False
        try:
            with self._reported("cannot be written"):
                self._database.execute("BEGIN")
                yield
                self._database.execute("COMMIT")
            self._buffer.clear()
            self.durable = self.last
            whole = True
        finally:
            self._is_broken = not whole

    @contextmanager
    def _reported(self, what: str) -> Iterator[None]:
        """Say in one line what SQLite found."""
        try:
            yield
        except sqlite3.OperationalError as error:
            is_taken = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
            why = "another process has it open; close that one first" if is_taken else str(error)
            raise UserError(f"{self.path}: the journal {what}: {why}") from error
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # of its own error's text
            raise self._damaged(str(error)) from error

    def _damaged(self, how: str) -> UserError:
        return UserError(
            f"{self.path}: this is not a whole journal ({how}); take a copy of it that is, with "
            "the file -wal beside it, or name another file"
        )

    def _refuse_if_broken(self) -> None:
        if self._is_broken:
            raise UserError(
                f"{self.path}: a commit of this journal has failed before; open the journal anew "
                "to see what is on the disk"
            )


def _crc(sequence: int, body: bytes) -> int:
    """The checksum of a record, over its number and its bytes."""
    return zlib.crc32(body, sequence & 0xFFFFFFFF)


class Journalled(Generic[R]):
    """A deterministic state machine whose operations are in a journal before they are applied.

    Args:
        journal: where operations are written; this object owns it.
        apply: applies an operation and returns its result; a refusal is a result as well.
        acknowledge: told the number and the result of every operation once it is durable and
            applied, in order. What was recovered is acknowledged to nobody.
        restore: sets the state from a snapshot; needed where there are snapshots.
        group: commit when so many operations wait.

    Attributes:
        applied: number of the last operation applied.

    Raises:
        UserError: the journal cannot be read or written, or has a snapshot and there is no
            `restore`.
    """

    def __init__(
        self,
        journal: Journal,
        apply: Callable[[bytes], R],
        acknowledge: Callable[[int, R], object],
        *,
        restore: Callable[[bytes], object] | None = None,
        group: int = GROUP,
    ) -> None:
        self.journal: Final = journal
        self._apply = apply
        self._acknowledge = acknowledge
        self._group = group
        self._waiting: list[bytes] = []
        self._is_telling = False
        start = journal.snapshot()
        if start.sequence:
            if restore is None:
                raise UserError(f"{journal.path}: there is a snapshot, and nothing to restore it")
            restore(start.body)
        self.applied = start.sequence
        for self.applied, operation in journal.replay():
            apply(operation)

    def submit(self, operation: bytes) -> int:
        """Write an operation; returns its number, under which it will be acknowledged."""
        sequence = self.journal.append(operation)
        self._waiting.append(operation)
        if len(self._waiting) >= self._group and not self._is_telling:
            self.commit()
        return sequence

    def commit(self) -> None:
        """Make what waits durable, apply all of it, then acknowledge it.

        What is submitted by whom is being told waits for the next commit.
        """
        assert not self._is_telling, "a commit inside an acknowledgement would overtake the others"
        self.journal.commit()
        waiting, self._waiting = self._waiting, []
        results = list(map(self._apply, waiting))
        first = self.applied + 1
        self.applied += len(results)
        self._is_telling = True
        try:
            for sequence, result in enumerate(results, first):
                self._acknowledge(sequence, result)
        finally:
            self._is_telling = False

    def checkpoint(self, encode_state: Callable[[], bytes]) -> None:
        """Commit what waits, then keep the state and give the records up for it."""
        self.commit()
        self.journal.checkpoint(encode_state())

    def close(self) -> None:
        """Commit what waits, and close the journal."""
        try:
            self.commit()
        finally:
            self.journal.close()
