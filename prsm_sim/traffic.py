"""Traffic: how many messages of which type each peer has sent.

What a protocol costs is counted where a message leaves its sender, so that one that is lost on the
way, or arrives at a peer that is down, counts as well. A message to oneself needs no network and is
no traffic. Nothing is counted unless a scenario asks for it (`World.count_traffic`), and a
broadcast is counted by one addition (in `prsm_sim.links`, like a message over a plain link).
"""

from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any, TypeAlias

from prsm_sim.actor.types import Message, PeerId
from prsm_sim.counts import Counts

if TYPE_CHECKING:
    from prsm_sim.process import SimContext

Traffic: TypeAlias = Counts[tuple[PeerId, type[Message]]]
"""Messages sent, by sender and type."""

Ear = Callable[["SimContext", PeerId, Message], None]
"""Hears who sends what to whom, before it is sent."""
Send = Callable[["SimContext", PeerId, Message], None]
Broadcast = Callable[["SimContext", Message, tuple[PeerId, ...] | None], None]


def counted(traffic: Traffic, send: Send) -> Send:
    """A context's method `send`, counting what it sends.

    Args:
        traffic: is counted up.
        send: the method as it is.
    """

    def counted_send(ctx: "SimContext", to: PeerId, message: Message) -> None:
        if to != ctx.id:
            traffic[ctx.id, message.__class__] += 1
        send(ctx, to, message)

    return counted_send


def overheard(ear: Ear, hot: dict[str, Any]) -> dict[str, Any]:
    """The methods of a simulated context that send, telling what they send.

    Each message is sent as a copy of its own, so that who listens can tell its arrival from that of
    the same message sent again.

    Args:
        ear: is told.
        hot: the methods of the context, by name.
    """
    send: Send = hot["send"]
    broadcast: Broadcast = hot["broadcast"]

    def heard_send(ctx: "SimContext", to: PeerId, message: Message) -> None:
        message = copy(message)
        ear(ctx, to, message)
        send(ctx, to, message)

    def heard_broadcast(
        ctx: "SimContext", message: Message, to: tuple[PeerId, ...] | None = None
    ) -> None:
        message = copy(message)
        for receiver in ctx.peers if to is None else to:
            if receiver != ctx.id:
                ear(ctx, receiver, message)
        broadcast(ctx, message, to)

    return {"send": heard_send, "broadcast": heard_broadcast}
