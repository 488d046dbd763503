"""Findings: how an exception in an actor becomes the end of the run.

An exception in a handler is a result of the experiment, so it must neither vanish in a task that
nobody awaits nor leave the loop running without the peer. Whatever calls an actor's code does so
inside a `Watch`, the one place where any exception at all is caught; it is kept, with the actor's
own traceback, as the cause of the `HandlerFailed` that `Live.run` raises.
"""

from types import TracebackType
from typing import Protocol

from prsm_sim.actor.errors import InvariantViolation, PrsmError, UserError
from prsm_sim.actor.types import PeerId, Seconds
from prsm_sim.sim import HandlerFailed


class Failing(Protocol):
    """Where findings go: the world."""

    @property
    def now(self) -> Seconds:
        """World time."""

    def fail(self, error: PrsmError) -> None:
        """End the run because of `error`."""


class Watch:
    """Turns an exception of an actor, or of its adapter, into the end of the run.

    Args:
        world: is told.
        peer: whose code runs inside.
        handled: what it is handling: a message, a timer, an outcome, an operation.
    """

    __slots__ = ("_handled", "_peer", "_world")

    def __init__(self, world: Failing, peer: PeerId, handled: object) -> None:
        self._world = world
        self._peer = peer
        self._handled = handled

    def __enter__(self) -> None:
        """Begin to watch."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """Report an exception to the world; cancellation and Ctrl-C pass."""
        if not isinstance(error, Exception):
            return False
        if isinstance(error, InvariantViolation | UserError):
            self._world.fail(error)
        else:
            finding = HandlerFailed(self._peer, self._handled, self._world.now, error)
            finding.__cause__ = error
            self._world.fail(finding)
        return True
