"""Work that takes a while: how long it may, how far it is, and how a person stops it."""

import math
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click


def span_s(text: str) -> float:
    """Seconds in a text such as ``90``, ``90s``, ``10m`` or ``2h``.

    Raises:
        BadParameter: it is not a positive span of time.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text)
    if found is None or float(found[1]) == 0:
        raise click.BadParameter(f"{text!r} is not a span of time; write 90s, 10m or 2h")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


class Line:
    """One line on stderr that is rewritten on a terminal, and repeated now and then in a log.

    Args:
        shown: print it; None: only if stderr is a terminal.
    """

    every_s = 0.1
    """Least time between two updates on a terminal; in a log there are a tenth as many."""

    def __init__(self, shown: bool | None) -> None:
        self._terminal = sys.stderr.isatty()
        self._shown = self._terminal if shown is None else shown
        self._last_s = -math.inf
        self._width = 0

    @property
    def is_due(self) -> bool:
        """Whether a text would be shown now."""
        every_s = self.every_s if self._terminal else self.every_s * 10
        return self._shown and time.monotonic() - self._last_s >= every_s

    def show(self, text: str) -> None:
        """Show a text, unless one was shown a moment ago."""
        if not self.is_due:
            return
        self._last_s = time.monotonic()
        if self._terminal:
            text = text[: shutil.get_terminal_size().columns - 1]
            click.echo("\r" + text.ljust(self._width), nl=False, err=True)
            self._width = len(text)
        else:
            click.echo(text, err=True)

    def close(self) -> None:
        """Wipe the line."""
        if self._width:
            click.echo("\r" + " " * self._width + "\r", nl=False, err=True)
            self._width = 0


class Stop:
    """Whether a person asked to stop."""

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def finishing() -> Iterator[Stop]:
    """Within the block a request to terminate is treated as Ctrl-C, so that workers end too."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    stop = Stop()
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)
