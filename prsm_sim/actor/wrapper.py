"""Treachery is a wrapper: alter what an honest actor says without touching the actor.

``Equivocator(Replica(...))`` runs the real replica and stands between it and the network. The
replica's own code has no branch for being malicious, so what is tested is what is shipped (the
design of Twins and of relab/hotstuff).
"""

from collections.abc import Iterable
from typing import Any

from prsm_sim.actor.actor import Actor, find_handler, on
from prsm_sim.actor.context import Context, Store
from prsm_sim.actor.operations import Outcome
from prsm_sim.actor.types import Fact, Message, PeerId, Seconds


class Lens:
    """A context whose outgoing messages pass through its wrapper; all else is the real one's.

    What an actor asks for all the time is passed on by name, which is several times as fast.
    """

    __slots__ = ("_ctx", "_wrapper")

    def __init__(self, wrapper: "Wrapper", ctx: Context) -> None:
        self._wrapper = wrapper
        self._ctx = ctx

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ctx, name)

    @property
    def id(self) -> PeerId:
        """The peer's name."""
        return self._ctx.id

    @property
    def now(self) -> Seconds:
        """World time, s."""
        return self._ctx.now

    @property
    def store(self) -> Store:
        """The peer's durable store."""
        return self._ctx.store

    def set_timer(self, name: str, after_s: Seconds) -> None:
        """Set a named timer."""
        self._ctx.set_timer(name, after_s)

    def sign(self, payload: bytes) -> bytes:
        """The peer's signature."""
        return self._ctx.sign(payload)

    def verify(self, signer: PeerId, payload: bytes, signature: bytes) -> bool:
        """Whether a signature is `signer`'s."""
        return self._ctx.verify(signer, payload, signature)

    def emit(self, fact: Fact) -> None:
        """Tell a fact."""
        self._ctx.emit(fact)

    def sometimes(self, label: str, condition: bool = True) -> None:
        """Count that `condition` held."""
        self._ctx.sometimes(label, condition)

    def send(self, to: PeerId, message: Message) -> None:
        """Send what the wrapper makes of `message`."""
        for receiver, altered in self._wrapper.outgoing(self._ctx, to, message):
            self._ctx.send(receiver, altered)

    def broadcast(self, message: Message, to: tuple[PeerId, ...] | None = None) -> None:
        """Send to each receiver in turn, so that the wrapper may treat them differently."""
        for receiver in self._ctx.peers if to is None else to:
            if receiver != self._ctx.id:
                self.send(receiver, message)


class Wrapper(Actor):
    """An actor around an actor. Override `outgoing` to alter, drop, add or redirect messages.

    The wrapped actor's handlers must be synchronous (consensus and ledger code is).
    """

    def __init__(self, inner: Actor) -> None:
        self.inner = inner

    def outgoing(
        self, ctx: Context, to: PeerId, message: Message
    ) -> Iterable[tuple[PeerId, Message]]:
        """What really leaves when the inner actor sends `message` to `to`. Honest by default."""
        return ((to, message),)

    def accepts(self) -> tuple[type[Message], ...]:
        """What the inner actor accepts."""
        return self.inner.accepts()

    def lens(self, ctx: Context) -> Context:
        """The context that the inner actor gets to see."""
        return Lens(self, ctx)

    @on(Message)
    def forward(self, ctx: Context, sender: PeerId, message: Message) -> Message | None:
        """Hand `message` to the inner actor's own handler."""
        handler = find_handler(self.inner.handlers, type(message))
        if handler is None:
            return None
        assert not handler.is_async, "a wrapped actor's handlers must be synchronous"
        reply: Message | None = handler.function(self.inner, self.lens(ctx), sender, message)
        return reply

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """Start the inner actor behind the lens."""
        self.inner.on_start(self.lens(ctx), recovered)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Pass a timer on, behind the lens."""
        self.inner.on_timer(self.lens(ctx), name)

    def on_complete(self, ctx: Context, tag: str, outcome: Outcome) -> None:
        """Pass an outcome on, behind the lens."""
        self.inner.on_complete(self.lens(ctx), tag, outcome)
