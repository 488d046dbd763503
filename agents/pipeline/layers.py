"""Asking a layer: any of its peers will do, and a silent one is replaced by the next."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import msgspec

from prsm_sim.actor import Context, Done, Message, PeerId, PrsmError, Seconds

M = TypeVar("M", bound=Message)


class UnanswerableError(PrsmError):
    """The query cannot be answered; the text says why."""


class Layers(msgspec.Struct, frozen=True):
    """The peers of each layer that an orchestrator knows."""

    architects: tuple[PeerId, ...]
    prompters: tuple[PeerId, ...]
    routers: tuple[PeerId, ...]
    compilers: tuple[PeerId, ...]


class Wish(NamedTuple):
    """A request that any of `peers` may serve, by a reply of type `reply`."""

    peers: tuple[PeerId, ...]
    request: Message
    reply: type[Message]


class Patience(msgspec.Struct, frozen=True):
    """How long to wait for a peer, and how many to try.

    Attributes:
        first: index of the peer that gets the first request; spreads the load of many callers.
        attempts: peers that are tried in turn for each request.
        timeout_s: how long the first may take; each further one gets twice as long, so that
            loss is mended at once and a partition is outlasted.
    """

    first: int
    attempts: int
    timeout_s: Seconds


async def ask_layers(
    ctx: Context, wishes: Sequence[Wish], patience: Patience
) -> list[tuple[PeerId, Message]]:
    """One reply a wish, and who gave it. All are asked at once, spread over their layers.

    Raises:
        UnanswerableError: a request went through all its attempts without a reply.
    """
    replies: dict[int, tuple[PeerId, Message]] = {}
    for attempt in range(patience.attempts):
        missing = [index for index in range(len(wishes)) if index not in replies]
        if not missing:
            break
        timeout_s = patience.timeout_s * 2**attempt
        asked = []
        for index in missing:
            peers = wishes[index].peers
            asked.append((index, peers[(patience.first + attempt + index) % len(peers)]))
        outcomes = await ctx.gather(
            ctx.ask(peer, wishes[index].request, wishes[index].reply, timeout=timeout_s)
            for index, peer in asked
        )
        for (index, peer), outcome in zip(asked, outcomes, strict=True):
            if isinstance(outcome, Done):
                replies[index] = (peer, outcome.value)
        ctx.sometimes("another peer of a layer stepped in", attempt > 0)
    for index, wish in enumerate(wishes):
        if index not in replies:
            wanted = wish.reply.__name__
            raise UnanswerableError(f"no {wanted} came in {patience.attempts} attempts")
    return [replies[index] for index in range(len(wishes))]


async def ask_layer(
    ctx: Context,
    peers: tuple[PeerId, ...],
    requests: Sequence[Message],
    reply: type[M],
    patience: Patience,
) -> list[tuple[PeerId, M]]:
    """The same for requests to one layer, whose replies are all of one type."""
    wishes = [Wish(peers, request, reply) for request in requests]
    replies = await ask_layers(ctx, wishes, patience)
    return [(peer, _as(reply, message)) for peer, message in replies]


def _as(kind: type[M], message: Message) -> M:
    assert isinstance(message, kind), "`ask` lets no other type through"
    return message
