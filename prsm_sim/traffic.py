"""Traffic: how many messages of which type each peer has sent.

What a protocol costs is counted where a message leaves its sender, so that one that is lost on the
way, or arrives at a peer that is down, counts as well. A message to oneself needs no network and is
no traffic. Nothing is counted unless a scenario asks for it (`World.count_traffic`), and a
broadcast is counted by one addition (in `prsm_sim.links`, like a message over a plain link).
"""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from copy import copy
from typing import TYPE_CHECKING, Any, TypeAlias

from prsm_sim.actor.types import Message, PeerId

if TYPE_CHECKING:
    from prsm_sim.process import SimContext

Key: TypeAlias = tuple[PeerId, type[Message]]


class Traffic(MutableMapping[Key, int]):
    """Messages sent, by sender and type; 0 of what was never sent.

    Args:
        counts: to begin with.

    Attributes:
        sent: of each sender, how many it has sent of each type. A table of its own for each costs
            a third of one that pairs are looked up in; who counts much adds to it directly.
    """

    def __init__(self, counts: Mapping[Key, int] | None = None) -> None:
        self.sent: dict[PeerId, dict[type[Message], int]] = {}
        self.update(counts or {})

    def __getitem__(self, key: Key) -> int:
        sender, kind = key
        return self.sent.get(sender, {}).get(kind, 0)

    def __contains__(self, key: object) -> bool:
        return any(key == one for one in self)

    def __setitem__(self, key: Key, count: int) -> None:
        sender, kind = key
        self.sent.setdefault(sender, {})[kind] = count

    def __delitem__(self, key: Key) -> None:
        sender, kind = key
        del self.sent[sender][kind]

    def __iter__(self) -> Iterator[Key]:
        return ((sender, kind) for sender, counts in self.sent.items() for kind in counts)

    def __len__(self) -> int:
        return sum(map(len, self.sent.values()))


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
    sent = traffic.sent

    def counted_send(ctx: "SimContext", to: PeerId, message: Message) -> None:
        me = ctx.id
        if to != me:
            try:
                sent[me][message.__class__] += 1
            except KeyError:  # its first
                traffic[me, message.__class__] += 1
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
