"""A guard around other people's code: whatever it raises becomes an error of ours, with its cause.

A handler, a scenario's report or a user's file may raise anything, and that must not look like a
failure of the testbed. A guard sees every exception in its `with` block, lets those through that
already mean something, and raises in place of the others what the caller makes of them.
"""

from collections.abc import Callable


class Guard:
    """A context manager that translates exceptions.

    Args:
        translate: makes an error of ours from an exception; None lets the exception through.
        lets_through: exceptions that already mean something.
    """

    def __init__(
        self,
        translate: Callable[[Exception], Exception | None],
        lets_through: tuple[type[Exception], ...] = (),
    ) -> None:
        self._translate = translate
        self._lets_through = lets_through

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, self._lets_through):
            translated = self._translate(error)
            if translated is not None:
                raise translated from error
