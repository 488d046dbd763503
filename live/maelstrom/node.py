"""One node: a process of the user's command, its three streams, and its certain end.

The process leads a session of its own, so that Ctrl-C in a terminal does not reach it before us,
and so that whatever it starts can be ended with it, by one signal to the group. Its stderr is kept
on disk and its last lines in memory, because they are the first thing a person wants to see when a
node dies.
"""

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from live.maelstrom.protocol import Letter, write_letter
from prsm_sim.actor.errors import UserError
from prsm_sim.actor.types import PeerId

LONGEST_LINE_BYTES = 16 * 1024 * 1024
MOST_UNREAD_BYTES = 64 * 1024 * 1024
"""So much may wait on a node's stdin before it counts as one that does not read."""
LAST_WORDS = 5
EXIT_GRACE_S = 0.5
"""A node that has closed its stdout is given so long to end, so that its exit code can be told."""

Hear = Callable[[bytes], None]
Broke = Callable[[str], None]


class Node:
    """A process that speaks the protocol.

    Args:
        name: its node id.
        command: program and arguments.
        hear: called with every line it writes to stdout.
        broke: called once, with what it did, when it ends or misbehaves unasked.
        log: keeps its stderr, across restarts; None keeps only the last lines.
    """

    def __init__(
        self, name: PeerId, command: Sequence[str], hear: Hear, broke: Broke, log: Path | None
    ) -> None:
        self.name = name
        self._command = tuple(command)
        self._hear = hear
        self._broke = broke
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []
        self._last_words: deque[str] = deque(maxlen=LAST_WORDS)

    @property
    def pid(self) -> int | None:
        """The running process, if there is one."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start a process.

        Raises:
            UserError: the command cannot be started.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=LONGEST_LINE_BYTES,
                start_new_session=True,
                # A Python node that forgets to flush would seem dead behind a pipe.
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )
        except OSError as error:
            raise UserError(
                f"{self._command[0]}: cannot be started ({error.strerror}); "
                "name a program after --, such as -- python node.py"
            ) from error
        self._process = process
        self._readers = [
            asyncio.create_task(self._read_stdout(process)),
            asyncio.create_task(self._read_stderr(process)),
        ]

    def send(self, letter: Letter) -> None:
        """Write a letter to its stdin; to a node that is down it is lost."""
        process = self._process
        if process is None or process.stdin is None or process.stdin.is_closing():
            return
        transport = process.stdin.transport
        if transport.get_write_buffer_size() > MOST_UNREAD_BYTES:
            self._report(process, f"does not read: {MOST_UNREAD_BYTES:,} bytes wait on its stdin")
            return
        process.stdin.write(write_letter(letter))

    def pause(self) -> None:
        """Let the process stand still."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the process and all that it started, at once; again does nothing."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process = None

    async def reap(self) -> None:
        """After `kill`: return when the process is gone and its streams have been read."""
        await _all(self._readers)
        self._readers = []

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    async def _read_stdout(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:
                self._report(process, f"wrote a line longer than {LONGEST_LINE_BYTES:,} bytes")
                break
            if not line:
                break
            if process is self._process and line.strip():
                self._hear(line)
        if process is self._process:
            self._report(process, await self._how_it_ended(process))
        await process.wait()

    async def _how_it_ended(self, process: asyncio.subprocess.Process) -> str:
        try:
            code = await asyncio.wait_for(process.wait(), EXIT_GRACE_S)
        except TimeoutError:
            return "closed its stdout"
        await _all(self._readers[1:])  # its last words, to the end
        how = f"ended with code {code}" if code >= 0 else f"was ended by {_signal_name(-code)}"
        return how + "".join(f"; stderr: {line}" for line in list(self._last_words)[-1:])

    async def _read_stderr(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        with contextlib.ExitStack() as stack:
            log: BinaryIO | None = None
            if self._log is not None:
                log = stack.enter_context(self._log.open("ab", buffering=0))
            while chunk := await process.stderr.read(65536):
                if log is not None:
                    log.write(chunk)
                lines = chunk.decode("utf-8", "replace").splitlines()
                self._last_words.extend(line.strip()[:300] for line in lines if line.strip())

    def _report(self, process: asyncio.subprocess.Process, what: str) -> None:
        if process is self._process:
            self._broke(what)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


async def _all(tasks: Sequence[Awaitable[None]]) -> None:
    if tasks:
        await asyncio.gather(*tasks, return_exceptions=True)
