"""What long work keeps on disk: what it is, and one line for each thing that is done.

A folder belongs to one piece of work, and says which in a file of its own, so that nobody goes on
with another. Lines are appended as things are done. A crash may have torn the last one; it is cut
off when the work is taken up again, and what it stood for is done once more. A file of lines has
one writer, which holds a lock on it as long as it lives, however it dies.
"""

import errno
import os
import secrets
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Generic, TypeVar

import msgspec

from prsm_sim.actor.errors import UserError

if sys.platform != "win32":
    import fcntl

T = TypeVar("T", bound=msgspec.Struct)


def claim(folder: Path, name: str, wanted: msgspec.Struct, lines: str) -> None:
    """Write what the work is, or see that it is the one that is there.

    Args:
        folder: it is made if it is not there.
        name: of the file that says what the work is.
        wanted: what it is.
        lines: name of the file of its lines; with ``*``, of several.

    Raises:
        UserError: the folder holds other work, or is damaged.
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file, kind = folder / name, type(wanted)
    if not file.exists():
        # Somebody else may just have begun the same work; it says what it is before it does any.
        if any(folder.glob(lines)) and not file.exists():
            what = lines.partition(".")[0].rstrip("*")
            raise UserError(f"{folder}: has {what} and no {name}; take another folder")
        replace(file, msgspec.json.format(msgspec.json.encode(wanted)))
        return
    try:
        known = msgspec.json.decode(file.read_bytes(), type=kind)
    except msgspec.DecodeError as error:
        raise UserError(f"{file}: damaged ({error}); take another folder") from error
    if known != wanted:
        other = ", ".join(
            field for field in kind.__struct_fields__
            if getattr(known, field) != getattr(wanted, field)
        )  # fmt: skip
        raise UserError(
            f"{folder}: holds another {name.partition('.')[0]} (it differs in {other}); "
            "take another folder"
        )


def replace(file: Path, content: bytes) -> None:
    """Write a file whole, or leave it as it was. Several may do so at once; the last one counts."""
    partial = file.with_name(f"{file.name}.{secrets.token_hex(8)}.partial")
    partial.write_bytes(content)
    partial.replace(file)


def read_lines(content: bytes, file: Path, kind: type[T], work: str) -> tuple[list[T], int]:
    """What whole lines hold, and how many bytes they are; a torn last one counts for nothing.

    Raises:
        UserError: a line is damaged.
    """
    found = []
    whole = content.rfind(b"\n") + 1
    for number, line in enumerate(content[:whole].splitlines(), 1):
        try:
            found.append(msgspec.json.decode(line, type=kind))
        except msgspec.DecodeError as error:
            raise UserError(
                f"{file}:{number}: damaged ({error}); delete this line, and its {work} runs again"
            ) from error
    return found, whole


class Lines(Generic[T]):
    """A file of JSON lines that grows.

    Args:
        file: it is made if it is not there.
        kind: what a line holds.
        work: what a line stands for, for a person.

    Attributes:
        known: what the file held when it was opened.

    Raises:
        UserError: a line is damaged, or another process writes the file.
        OSError: it cannot be written.
    """

    def __init__(self, file: Path, kind: type[T], work: str) -> None:
        with ExitStack() as if_it_fails:
            self._stream = if_it_fails.enter_context(open(file, "a+b"))
            _lock(self._stream, file)
            self._stream.seek(0)
            # Read by the stream itself: closing another one of this file would give up the lock.
            self.known, whole = read_lines(self._stream.read(), file, kind, work)
            self._stream.truncate(whole)
            if_it_fails.pop_all()

    def add(self, items: Iterable[T]) -> None:
        """Append items; they are on disk when this returns."""
        for item in items:
            self._stream.write(msgspec.json.encode(item) + b"\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def _lock(stream: IO[bytes], file: Path) -> None:
    """Keep other processes from writing the file, also those of other machines that share it.

    The lock belongs to the process, not to its children, so it is gone as soon as the process is,
    though a worker of it may live a while longer.
    """
    if sys.platform == "win32":
        return
    try:
        fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            return  # a file system without locks
        raise UserError(
            f"{file}: another process is at this work; wait until it is done, or stop it"
        ) from error
