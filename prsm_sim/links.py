"""Links: the hot methods of a context, specialised to the network at hand.

`send`, `broadcast` and `set_timer` run for nearly every event, so they are made once a world, as
closures over the queue, and only for what is switched on: without loss no draw is made for loss. A
fault of the network makes them anew, so a healthy network never asks whether it is broken. A struck
link draws the same numbers as a healthy one, and hands its letters to the wire (`prsm_sim.nemesis`)
instead of the queue.

Each sender has its own stream of standard exponential draws (`prsm_sim.noise`), and every random
quantity of a link is a function of such draws: an exponential delay is ``mean · e``, a loss of
probability p is ``e < −log(1 − p)``, a uniform number is ``1 − exp(−e)``.
"""

from collections.abc import Callable
from heapq import heappush
from math import floor
from typing import TYPE_CHECKING

import numpy as np

from prsm_sim.actor.codec import encode
from prsm_sim.actor.errors import UserError
from prsm_sim.actor.types import Fact, Message, PeerId, Seconds
from prsm_sim.chance import Floats, exp, log, normal_quantile
from prsm_sim.engine import Entry
from prsm_sim.internal import NEVER, Timer
from prsm_sim.network import REGIONS, ROUND_TRIP_MS, Latency, Network
from prsm_sim.process import SimContext
from prsm_sim.traffic import Broadcast, counted, overheard

if TYPE_CHECKING:
    from prsm_sim.sim import Sim

_FINEST = 1e9
"""Buckets a second up to which numpy may number them."""
_GROUPS = 4096
"""So many prepared groups of receivers are kept."""
_VECTOR_FROM = 32
"""From so many receivers up, a broadcast computes all delays at once."""


class Group:
    """The receivers of a broadcast, prepared once: names, and base delays from each region."""

    __slots__ = ("bases", "names")

    def __init__(self, sim: "Sim", names: tuple[PeerId, ...], excluded: PeerId) -> None:
        self.names = tuple(name for name in names if name != excluded)
        regions = [sim.region_of(name) for name in self.names]
        self.bases = np.array(sim.base_s)[:, regions]


def base_delays(regional: bool) -> list[list[float]]:
    """One-way base delay from region to region, s."""
    if not regional:
        return [[0.0]]
    return [[round_trip / 2000.0 for round_trip in row] for row in ROUND_TRIP_MS]


def region_index(region: str, regional: bool) -> int:
    """Row of `region` in the table; raises `UserError` for a name that is not in it."""
    if not regional:
        return 0
    if region not in REGIONS:
        raise UserError(
            f"no region is called {region!r}; the latency table knows {', '.join(REGIONS)}"
        )
    return REGIONS.index(region)


def delay_law(latency: Latency) -> Callable[[float], float]:
    """The function that turns a standard exponential draw into a link's random delay, s."""
    mean, sigma = latency.mean_s, latency.sigma
    match latency.law:
        case "fixed":
            return lambda _: mean
        case "exponential":
            return lambda e: mean * e
        case "uniform":
            return lambda e: 2.0 * mean * (1.0 - exp(-e))
        case "lognormal":
            median = mean * exp(-sigma * sigma / 2)
            tiny = 2.0**-53
            return lambda e: (
                median * exp(sigma * normal_quantile(min(max(1.0 - exp(-e), tiny), 1.0 - tiny)))
            )


def laws_of_links(network: Network) -> dict[tuple[PeerId, PeerId], Callable[[float], float]]:
    """The laws of the links that have one of their own, by sender and receiver."""
    laws = {}
    for link in network.links:
        law = delay_law(link.latency)
        laws[link.sender, link.receiver] = law
        if link.both_ways:
            laws.setdefault((link.receiver, link.sender), law)
    return laws


def below(share: float) -> float:
    """The level that a standard exponential draw stays under with probability `share`."""
    return -log(1.0 - share) if 0.0 < share < 1.0 else (float("inf") if share else 0.0)


def specialise(sim: "Sim") -> None:
    """Give the world's context class the hot methods for its network as it is now."""
    context = sim.context_type
    network = sim.network
    whole = _is_whole(network)
    law = network.latency.law
    vectorisable = whole and law in ("fixed", "exponential")
    vectorised: Callable[[SimContext, Group, Message], None] | None = None
    broadcast: Broadcast | None = None
    if sim.nemesis.wire.is_struck:
        send = _struck_send(sim)
        vectorised = _struck_broadcast(sim) if vectorisable else None
    else:
        vectorised = _vector_broadcast(sim) if vectorisable else None
        if whole and law == "exponential" and not network.regional:
            send = _plain_send(sim)
            broadcast = _plain_broadcast(sim, _broadcast(sim, _each(send), vectorised))
        else:
            send = _send_over(sim, sim.env.queue.push)
    if broadcast is None:
        broadcast = _broadcast(sim, _each(send), vectorised)
        if sim.traffic is not None:
            send = counted(sim.traffic, send)
    hot = {
        "now": property(_now(sim)),
        "send": send,
        "broadcast": broadcast,
        "set_timer": _drifting_set_timer(sim) if sim.clocks.drifting else _set_timer(sim),
        "emit": _emit(sim),
        "sometimes": _sometimes(sim),
    }
    if sim.ear is not None:
        hot |= overheard(sim.ear, hot)
    for name, method in hot.items():
        setattr(context, name, method)


def _is_whole(network: Network) -> bool:
    """Whether nothing but a delay happens to a message, by one law for all links."""
    return not (
        network.loss or network.duplication or network.reordering
        or network.bandwidth_bytes_s or network.links
    )  # fmt: skip


def _send_over(
    sim: "Sim", push: Callable[[Entry], None]
) -> Callable[[SimContext, PeerId, Message], None]:
    """`send` for the world's network, whatever it is; `push` takes each letter."""
    is_even = _is_whole(sim.network) and not sim.network.regional
    return _even_send(sim, push) if is_even else _general_send(sim, push)


def _now(sim: "Sim") -> Callable[[SimContext], float]:
    env = sim.env

    def now(_: SimContext) -> float:
        return env._now

    return now


def _emit(sim: "Sim") -> Callable[[SimContext, Fact], None]:
    """`emit` is `Sim.tell` without a detour: committees tell several facts a request."""
    env, note, observatory = sim.env, sim.trace.facts.append, sim.observatory
    watches, observe_fact = observatory.watches, observatory.fact

    def emit(ctx: SimContext, fact: Fact) -> None:
        now, me = env._now, ctx.id
        note((now, me, "", fact))
        try:
            watch = watches[fact.__class__]
        except KeyError:
            watch = observatory.watch(fact.__class__)
        watch.told += 1
        for observe in watch.observers:
            wrong = observe(now, me, fact)
            if wrong is not None:
                observatory.condemn(watch, observe, wrong, now)

    def emit_unheard(ctx: SimContext, fact: Fact) -> None:
        observe_fact(env._now, ctx.id, fact)

    return emit if sim.trace.is_heard else emit_unheard


def _sometimes(sim: "Sim") -> Callable[..., None]:
    coverage = sim.observatory.coverage

    def sometimes(_: SimContext, label: str, condition: bool = True) -> None:
        coverage[label] += condition

    return sometimes


def _plain_send(sim: "Sim") -> Callable[[SimContext, PeerId, Message], None]:
    """`send` for a whole network whose delays are exponential and the same everywhere.

    It counts the traffic itself, since a wrapper would cost as much as half of it.
    """
    env, queue, draw, traffic = sim.env, sim.env.queue, sim.noise.draw, sim.traffic
    buckets, ids, push = queue.buckets, queue.ids, queue.push
    mean = sim.network.latency.mean_s
    sent = {} if traffic is None else traffic.sent

    def send(ctx: SimContext, to: PeerId, message: Message) -> None:
        me = ctx.id
        if to == me:
            at = env._now
        else:
            if traffic is not None:
                try:
                    sent[me][message.__class__] += 1
                except KeyError:  # its first
                    traffic[me, message.__class__] += 1
            try:
                at = env._now + mean * ctx.noise.pop()
            except IndexError:
                at = env._now + mean * draw(ctx)
        bucket_id = floor(at * queue.per_s)  # half the price of int()
        if bucket_id > queue.open_id:
            try:
                buckets[bucket_id].append((at, me, to, message))
            except KeyError:
                buckets[bucket_id] = [(at, me, to, message)]
                heappush(ids, bucket_id)
        else:
            push((at, me, to, message))

    return send


def _plain_broadcast(sim: "Sim", to_many: Broadcast) -> Broadcast:
    """Broadcast over a network of `_plain_send`: to a few the same, without a call for each."""
    env, queue, draw, traffic = sim.env, sim.env.queue, sim.noise.draw, sim.traffic
    buckets, ids, push = queue.buckets, queue.ids, queue.push
    mean = sim.network.latency.mean_s
    sent = {} if traffic is None else traffic.sent

    def broadcast(ctx: SimContext, message: Message, to: tuple[PeerId, ...] | None = None) -> None:
        receivers = ctx.peers if to is None else to
        if len(receivers) >= _VECTOR_FROM:
            to_many(ctx, message, to)
            return
        me, now = ctx.id, env._now
        if traffic is not None:
            count = len(receivers) - receivers.count(me)
            try:
                sent[me][message.__class__] += count
            except KeyError:
                traffic[me, message.__class__] += count
        for name in receivers:
            if name == me:
                continue
            try:
                at = now + mean * ctx.noise.pop()
            except IndexError:
                at = now + mean * draw(ctx)
            bucket_id = floor(at * queue.per_s)
            if bucket_id > queue.open_id:
                try:
                    buckets[bucket_id].append((at, me, name, message))
                except KeyError:
                    buckets[bucket_id] = [(at, me, name, message)]
                    heappush(ids, bucket_id)
            else:
                push((at, me, name, message))

    return broadcast


def _each(
    send: Callable[[SimContext, PeerId, Message], None],
) -> Callable[[SimContext, tuple[PeerId, ...], Message], None]:
    """Broadcast to a few by sending to one after the other."""

    def broadcast(ctx: SimContext, receivers: tuple[PeerId, ...], message: Message) -> None:
        for receiver in receivers:
            if receiver != ctx.id:
                send(ctx, receiver, message)

    return broadcast


def _general_send(
    sim: "Sim", push: Callable[[Entry], None]
) -> Callable[[SimContext, PeerId, Message], None]:
    """`send` for any network: loss, bandwidth, reordering, duplication; `push` takes each letter.

    Over a whole network it draws what `_plain_send` draws.
    """
    env, hosts, draw_block = sim.env, sim.env.hosts, sim.noise.draw
    nowhere = sim.nowhere
    network, base, drop = sim.network, sim.base_s, sim.drop
    law, laws = delay_law(network.latency), laws_of_links(network)
    lost_below = below(network.loss)
    doubled_below, held_below = below(network.duplication), below(network.reordering)
    bandwidth, uplink_free_s = network.bandwidth_bytes_s, sim.uplink_free_s

    def draw(ctx: SimContext) -> float:
        try:
            return ctx.noise.pop()
        except IndexError:
            return draw_block(ctx)

    def delay_s(ctx: SimContext, to: PeerId) -> float:
        own = laws.get((ctx.id, to), law) if laws else law
        delay: float = base[ctx.region][hosts.get(to, nowhere).region] + own(draw(ctx))
        if held_below and draw(ctx) < held_below:
            delay += network.reordering_s * (1.0 - exp(-draw(ctx)))
        return delay

    def send(ctx: SimContext, to: PeerId, message: Message) -> None:
        now = env._now
        if to == ctx.id:
            push((now, to, to, message))
            return
        if lost_below and draw(ctx) < lost_below:
            drop("loss")
            return
        sent = now
        if bandwidth:
            # One uplink a peer: a message waits until those before it have left.
            takes_s = len(encode(message)) / bandwidth
            uplink_free_s[ctx.id] = sent = max(now, uplink_free_s.get(ctx.id, 0.0)) + takes_s
        push((sent + delay_s(ctx, to), ctx.id, to, message))
        if doubled_below and draw(ctx) < doubled_below:
            push((sent + delay_s(ctx, to), ctx.id, to, message))

    return send


def _even_send(
    sim: "Sim", push: Callable[[Entry], None]
) -> Callable[[SimContext, PeerId, Message], None]:
    """`send` for a whole network whose links are all alike; `push` takes each letter.

    It draws what `_general_send` draws.
    """
    env, draw, law = sim.env, sim.noise.draw, delay_law(sim.network.latency)

    def send(ctx: SimContext, to: PeerId, message: Message) -> None:
        if to == ctx.id:
            push((env._now, to, to, message))
            return
        try:
            drawn = ctx.noise.pop()
        except IndexError:
            drawn = draw(ctx)
        push((env._now + law(drawn), ctx.id, to, message))

    return send


def _struck_send(sim: "Sim") -> Callable[[SimContext, PeerId, Message], None]:
    """`send` while there are faults of the network."""
    queue, wire = sim.env.queue, sim.nemesis.wire
    announce, healthy = wire.announce, _send_over(sim, wire.carry)

    def send(ctx: SimContext, to: PeerId, message: Message) -> None:
        if to == ctx.id:
            queue.push((sim.env._now, to, to, message))
            return
        announce(ctx.id, to)
        healthy(ctx, to, message)

    return send


def _struck_broadcast(sim: "Sim") -> Callable[[SimContext, Group, Message], None]:
    """Broadcast to many while there are faults; draws what `_vector_broadcast` draws."""
    env, wire, block = sim.env, sim.nemesis.wire, sim.noise.block
    mean = sim.network.latency.mean_s
    fixed = sim.network.latency.law == "fixed"

    def broadcast(ctx: SimContext, group: Group, message: Message) -> None:
        at = _arrivals(env._now, mean, fixed, group.bases[ctx.region], ctx, block)
        for due, name in zip(at.tolist(), group.names, strict=True):
            wire.announce(ctx.id, name)
            wire.carry((due, ctx.id, name, message))

    return broadcast


def _vector_broadcast(sim: "Sim") -> Callable[[SimContext, Group, Message], None]:
    """Broadcast to many over a whole network: all delays in a few calls of numpy."""
    env, queue = sim.env, sim.env.queue
    buckets, ids, push, block = queue.buckets, queue.ids, queue.push, sim.noise.block
    mean = sim.network.latency.mean_s
    fixed = sim.network.latency.law == "fixed"

    def broadcast(ctx: SimContext, group: Group, message: Message) -> None:
        me, names, open_id = ctx.id, group.names, queue.open_id
        at = _arrivals(env._now, mean, fixed, group.bases[ctx.region], ctx, block)
        per_s = queue.per_s
        if per_s > _FINEST:  # a bucket's number may need more than 64 bits
            for due, name in zip(at.tolist(), names, strict=True):
                push((due, me, name, message))
            return
        bucket_ids = (at * per_s).astype(np.int64).tolist()
        for bucket_id, due, name in zip(bucket_ids, at.tolist(), names, strict=True):
            if bucket_id > open_id:
                try:
                    buckets[bucket_id].append((due, me, name, message))
                except KeyError:
                    buckets[bucket_id] = [(due, me, name, message)]
                    heappush(ids, bucket_id)
            else:
                push((due, me, name, message))

    return broadcast


def _arrivals(
    now: Seconds,
    mean: Seconds,
    fixed: bool,
    bases: Floats,
    ctx: SimContext,
    block: Callable[[SimContext, int], Floats],
) -> Floats:
    """When a broadcast arrives at each receiver, shape (n,), from base delays of the same shape."""
    if fixed:
        return bases + (now + mean)
    at = block(ctx, len(bases)) * mean
    at += bases
    at += now
    return at


def _broadcast(
    sim: "Sim",
    one_by_one: Callable[[SimContext, tuple[PeerId, ...], Message], None],
    vectorised: Callable[[SimContext, Group, Message], None] | None,
) -> Broadcast:
    groups: dict[tuple[PeerId, tuple[PeerId, ...] | None, int], Group] = {}
    traffic = sim.traffic

    def broadcast(ctx: SimContext, message: Message, to: tuple[PeerId, ...] | None = None) -> None:
        receivers = ctx.peers if to is None else to
        if traffic is not None:
            traffic[ctx.id, message.__class__] += len(receivers) - receivers.count(ctx.id)
        if vectorised is None or len(receivers) < _VECTOR_FROM:
            one_by_one(ctx, receivers, message)
            return
        try:
            group = groups[ctx.id, to, len(receivers)]  # the length: peers may be spawned late
        except KeyError:
            if len(groups) >= _GROUPS:
                groups.clear()
            group = Group(sim, receivers, ctx.id)
            groups[ctx.id, to, len(receivers)] = group
        vectorised(ctx, group, message)

    return broadcast


def _set_timer(sim: "Sim") -> Callable[[SimContext, str, Seconds], None]:
    env, push, never = sim.env, sim.env.queue.push, NEVER

    def add(ctx: SimContext, name: str) -> Timer:
        if ctx.timers is None:
            ctx.timers = {}
        timer = ctx.timers[name] = Timer(name, -1.0, NEVER)
        return timer

    def set_timer(ctx: SimContext, name: str, after_s: Seconds) -> None:
        try:
            timer = ctx.timers[name]  # type: ignore[index]  # no timers at all: a TypeError
        except (KeyError, TypeError):
            timer = add(ctx, name)
        timer.deadline = at = env._now + after_s
        if not timer.queued <= at < never:  # earlier than its entry, infinite or not a number
            if not after_s >= 0.0:
                raise ValueError(f"timer {name!r} of {ctx.id} is set to {after_s} s from now")
            timer.queued = at
            push((at, ctx.id, ctx.id, timer))

    return set_timer


def _drifting_set_timer(sim: "Sim") -> Callable[[SimContext, str, Seconds], None]:
    """`set_timer` while some clocks are too fast or too slow."""
    right, span_s = _set_timer(sim), sim.clocks.span_s

    def set_timer(ctx: SimContext, name: str, after_s: Seconds) -> None:
        right(ctx, name, span_s(ctx.id, after_s))

    return set_timer
