"""The wrapper that all behaviours share: it stands between an actor and the network.

A wrapper of the actor contract takes every message in one synchronous handler. A traitor instead
has a class made for the actor's class, with the very same table of handlers, so asynchronous and
reentrant handlers, refusals of unknown messages and the limit of the mailbox stay as they are: from
outside, a traitor that does nothing is the actor itself. Traitors wrap traitors, so several faults
of one peer compose; the last one scheduled stands next to the network.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

from prsm_sim.actor.actor import Actor, Handler, find_handler
from prsm_sim.actor.context import Context
from prsm_sim.actor.operations import Operation
from prsm_sim.actor.types import Message, PeerId, Seconds, Topic
from prsm_sim.actor.wrapper import Lens, Wrapper
from prsm_sim.treachery.plot import Plot

T = TypeVar("T", bound="Traitor")
Outgoing = Iterable[tuple[PeerId, Message]]


class TraitorLens(Lens):
    """The context of the inner actor: whatever leaves passes through the traitor."""

    __slots__ = ()

    _wrapper: "Traitor"

    def send(self, to: PeerId, message: Message) -> None:
        """Send what the traitor makes of `message`; one that has done with it makes nothing."""
        traitor, ctx = self._wrapper, self._ctx
        if traitor.is_harmless(ctx):
            ctx.send(to, message)
            return
        for receiver, altered in traitor.outgoing(ctx, to, message):
            ctx.send(receiver, altered)

    def publish(self, topic: Topic, message: Message) -> None:
        """Send to each subscriber in turn."""
        subscribers: tuple[PeerId, ...] = self._ctx.sim.subscribers(topic).sorted()  # type: ignore[attr-defined]
        self.broadcast(message, subscribers)

    def ask(
        self, to: PeerId, message: Message, reply: type[Any], timeout: Seconds | None = None
    ) -> Operation[Any]:
        """Ask with what the wrapper makes of `message`; a question is never kept back."""
        altered = (one for who, one in self._wrapper.outgoing(self._ctx, to, message) if who == to)
        return self._ctx.ask(to, next(iter(altered), message), reply, timeout)


class Traitor(Wrapper):
    """Honest towards all that its plot does not strike. Override `betray`.

    Args:
        inner: the actor, or another traitor around it.
        plot: the fault's part in the run.
    """

    def __init__(self, inner: Actor, plot: Plot) -> None:
        super().__init__(inner)
        self.plot = plot
        self._seen_by: Context | None = None
        self._lens: Context | None = None

    def betray(self, ctx: Context, to: PeerId, message: Message) -> Outgoing:
        """What leaves in place of a message that is struck; tells `plot.struck` if that differs."""
        raise NotImplementedError

    def is_target(self, ctx: Context, to: PeerId, message: Message) -> bool:
        """Whether this message is one of those that this behaviour strikes, by number."""
        return self.plot.concerns(ctx, to, message)

    def hears(self, ctx: Context, sender: PeerId, message: Message) -> bool:
        """A message arrives; whether the inner actor is to get it."""
        return True

    def is_harmless(self, ctx: Context) -> bool:
        """Whether all that is said leaves as it is from now on, whatever it is."""
        return self.plot.is_done(ctx)

    def says(self, ctx: Context, to: PeerId, message: Message) -> None:
        """The inner actor sends a message, struck or not."""

    def outgoing(self, ctx: Context, to: PeerId, message: Message) -> Outgoing:
        """Let through what is not struck."""
        self.says(ctx, to, message)
        if self.is_target(ctx, to, message) and self.plot.counts():
            return self.betray(ctx, to, message)
        return ((to, message),)

    def lens(self, ctx: Context) -> Context:
        """The context that the inner actor gets to see; it is made once for each real one."""
        if self._lens is None or self._seen_by is not ctx:
            self._seen_by, self._lens = ctx, self.look(ctx)
        return self._lens

    def look(self, ctx: Context) -> Context:
        """A new such context."""
        return TraitorLens(self, ctx)

    def answer(self, ctx: Context, to: PeerId, reply: Message | None) -> Message | None:
        """A handler's reply is a message like any other; it leaves through the world's own way."""
        if reply is None:
            return None
        first: Message | None = None
        for receiver, altered in self.outgoing(ctx, to, reply):
            if receiver == to and first is None:
                first = altered
            else:
                ctx.send(receiver, altered)
        return first

    def receive(self, ctx: Context, sender: PeerId, message: Message) -> Message | None:
        """Hand `message` to the inner actor's own handler, which is synchronous."""
        if not self.hears(ctx, sender, message):
            return None
        function = handler_of(self.inner, message).function
        return self.answer(ctx, sender, function(self.inner, self.lens(ctx), sender, message))

    async def receive_async(self, ctx: Context, sender: PeerId, message: Message) -> Message | None:
        """Hand `message` to the inner actor's own handler, which is asynchronous."""
        if not self.hears(ctx, sender, message):
            return None
        function = handler_of(self.inner, message).function
        reply = await function(self.inner, self.lens(ctx), sender, message)
        return self.answer(ctx, sender, reply)

    @classmethod
    def table(cls, inner_type: type[Actor]) -> dict[type[Message], Handler]:
        """The handlers of a traitor of this class around an actor of that class."""
        return {
            message_type: handler._replace(
                function=cls.receive_async if handler.is_async else cls.receive
            )
            for message_type, handler in inner_type.handlers.items()
        }

    @classmethod
    def around(cls: type[T], inner: Actor, plot: Plot) -> T:
        """A traitor of this class around `inner`, with the same table of handlers."""
        key = cls, type(inner)
        if key not in _made:
            _made[key] = _class_around(*key)
        traitor: T = _made[key](inner, plot)
        return traitor


def handler_of(actor: Actor, message: Message) -> Handler:
    """The handler that `actor` has for `message`."""
    handlers, kind = actor.handlers, type(message)
    handler = handlers.get(kind) or find_handler(handlers, kind)
    assert handler is not None, "a traitor's table has what its actor's has"
    return handler


_made: dict[tuple[type[Traitor], type[Actor]], type[Any]] = {}
"""The classes made so far: making one has no other effect, so the order of runs does not matter."""


def _class_around(traitor_type: type[Traitor], inner_type: type[Actor]) -> type[Traitor]:
    """A subclass of `traitor_type` that looks like `inner_type` from outside."""

    class Made(traitor_type):  # type: ignore[valid-type, misc]
        """A traitor with the table of one actor class."""

    made: type[Traitor] = Made
    made.__name__ = made.__qualname__ = f"{traitor_type.__name__}Of{inner_type.__name__}"
    made.handlers = traitor_type.table(inner_type)
    made.mailbox_limit = inner_type.mailbox_limit
    return made
