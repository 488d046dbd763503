"""The actor: a state machine that turns one message at a time into effects on its `ctx`.

An actor does no I/O and holds no clock. That is what lets one object run both in a simulation of
thousands of peers and live: everything it learns comes in as an argument, everything it does goes
out through `ctx` (the style of etcd's raft and of stateright).

Handlers are found once a class, not once a message: `Actor.__init_subclass__` reads the marks that
`@on` left and builds one table, ``type(message) -> Handler``, which the worlds dispatch through.
"""

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, TypeVar

from prsm_sim.actor.context import Context
from prsm_sim.actor.operations import Outcome
from prsm_sim.actor.types import Message

F = TypeVar("F", bound=Callable[..., Any])


class Handler(NamedTuple):
    """One entry of an actor's table.

    Attributes:
        function: called as ``function(actor, ctx, sender, message)``.
        is_async: the function is a coroutine function and may await `ctx` operations.
        is_reentrant: it may start while another handler of the same actor is suspended.
        replies: it may return a message, which goes back to the sender.
    """

    function: Callable[..., Any]
    is_async: bool
    is_reentrant: bool
    replies: bool


def on(*message_types: type[Message]) -> Callable[[F], F]:
    """Mark a method as the handler of `message_types` (``@on(Message)`` takes all that is left).

    The method is called as ``method(self, ctx, sender, message)``. It may be ``def`` (atomic and
    fastest) or ``async def`` (may await `ctx` operations). A message that it returns goes back to
    the sender, and resumes it there if it awaits it by `Context.ask`.
    """

    def mark(function: F) -> F:
        vars(function)["__handles__"] = message_types
        return function

    return mark


def reentrant(function: F) -> F:
    """Let this handler start while another handler of the same actor is suspended in an await."""
    vars(function)["__reentrant__"] = True
    return function


class Actor:
    """Base of every protocol participant. Subclass it, mark handlers with `@on`.

    A fresh object is made by the factory given to `World.spawn` at every start and restart; what
    must outlive a crash goes into `ctx.store`.
    """

    handlers: ClassVar[dict[type[Message], Handler]] = {}
    mailbox_limit: ClassVar[int] = 1024
    """Messages that may wait behind a suspended handler; one more is refused and counted."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        table: dict[type[Message], Handler] = {}
        for base in reversed(cls.__mro__):
            for function in vars(base).values():
                for message_type in getattr(function, "__handles__", ()):
                    table[message_type] = Handler(
                        getattr(cls, function.__name__),
                        inspect.iscoroutinefunction(function),
                        getattr(function, "__reentrant__", False),
                        _replies(function),
                    )
        cls.handlers = table

    def accepts(self) -> tuple[type[Message], ...]:
        """The message types that this actor can decode from a wire, in a stable order."""
        return tuple(self.handlers)

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """Called once when the peer starts.

        Args:
            recovered: on a restart what `ctx.store` durably holds under ``"state"``, else None.
        """

    def on_timer(self, ctx: Context, name: str) -> None:
        """Called when the timer `name` fires."""

    def on_complete(self, ctx: Context, tag: str, outcome: Outcome) -> None:
        """Called when an operation begun by ``ctx.start(operation, tag)`` has an outcome."""


def find_handler(
    handlers: dict[type[Message], Handler], message_type: type[Message]
) -> Handler | None:
    """The handler for `message_type`: its own, or that of its nearest base class, or None."""
    for base in message_type.__mro__:
        handler = handlers.get(base)
        if handler is not None:
            return handler
    return None


def _replies(function: Callable[..., Any]) -> bool:
    """Whether the annotation allows the handler to return a message (no annotation allows it)."""
    annotation = getattr(function, "__annotations__", {}).get("return", ...)
    return annotation is not None and annotation != "None"
