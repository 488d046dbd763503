"""How a fault of each kind is drawn: one small function a kind.

Strengths and spans are drawn over orders of magnitude, because whether a fault is a nuisance or a
disaster depends on time-outs that nobody here knows. Kinds that a peer cannot recover from strike
only those that the ground has marked as broken for good.
"""

from collections.abc import Callable
from itertools import pairwise

from prsm_sim.actor.types import PeerId, Seconds
from prsm_sim.faults import (
    Churn,
    ClockDrift,
    ClockSkew,
    Clog,
    Corruption,
    Crash,
    Delay,
    DelayMessage,
    DropMessage,
    DuplicateMessage,
    Duplication,
    Eclipse,
    Fault,
    Loss,
    LyingDisk,
    OneWay,
    Partition,
    Pause,
    Reordering,
    Slow,
    TornWrites,
)
from prsm_sim.faults.shapes import FEWEST, SHAPES, shaped_partition
from prsm_sim.fuzz.ground import Ground, rounded

Maker = Callable[[Ground], Fault]
_LOSS_LEVELS = (0.02, 0.1, 0.3, 0.7)


def split(ground: Ground, sides: int) -> tuple[tuple[PeerId, ...], ...]:
    """Everyone in `sides` random groups, none empty."""
    names = list(ground.everyone)
    ground.rng.shuffle(names)
    cuts = sorted(ground.rng.sample(range(1, len(names)), sides - 1))
    bounds = [0, *cuts, len(names)]
    return tuple(tuple(sorted(names[low:high])) for low, high in pairwise(bounds))


def partition(ground: Ground) -> Fault:
    """Two groups, now and then three."""
    at_s, for_s = ground.window_s()
    sides = 3 if len(ground.everyone) > 3 and ground.chance(0.25) else 2
    return Partition(at_s=at_s, for_s=for_s, groups=split(ground, sides))


def isolate(ground: Ground) -> Fault:
    """One peer alone."""
    at_s, for_s = ground.window_s()
    return alone(ground, at_s, for_s, ground.anyone())


def shape(ground: Ground) -> Fault:
    """A named shape, such as a ring of majorities, over the peers in a random order."""
    at_s, for_s = ground.window_s()
    names = list(ground.exposure.peers if len(ground.exposure.peers) > 1 else ground.everyone)
    ground.rng.shuffle(names)
    shapes = [one for one in SHAPES if len(names) >= FEWEST.get(one, 2)]
    return shaped_partition(ground.rng.choice(shapes), names, at_s=at_s, for_s=for_s)


def one_way(ground: Ground) -> Fault:
    """Some are not heard by some others."""
    at_s, for_s = ground.window_s()
    senders = ground.some(ground.everyone)
    return OneWay(
        at_s=at_s, for_s=for_s, senders=senders[:3], receivers=ground.some(ground.everyone)
    )


def loss(ground: Ground) -> Fault:
    """A share of all messages is lost."""
    at_s, for_s = ground.window_s()
    return Loss(at_s=at_s, for_s=for_s, rate=ground.rng.choice(_LOSS_LEVELS))


def delay(ground: Ground) -> Fault:
    """What one peer says takes longer."""
    at_s, for_s = ground.window_s()
    return Delay(at_s=at_s, for_s=for_s, by_s=ground.span_s(0.2), senders=(ground.anyone(),))


def clog(ground: Ground) -> Fault:
    """What one peer says is held back and arrives all at once."""
    at_s, for_s = ground.window_s()
    return Clog(at_s=at_s, for_s=for_s, senders=(ground.anyone(),))


def duplication(ground: Ground) -> Fault:
    """A share of all messages arrives twice."""
    at_s, for_s = ground.window_s()
    rate = ground.rng.choice(_LOSS_LEVELS)
    return Duplication(at_s=at_s, for_s=for_s, rate=rate, within_s=ground.span_s(0.2))


def reordering(ground: Ground) -> Fault:
    """A share of all messages is held back for a moment."""
    at_s, for_s = ground.window_s()
    rate = ground.rng.choice(_LOSS_LEVELS)
    return Reordering(at_s=at_s, for_s=for_s, rate=rate, within_s=ground.span_s(0.1))


def corruption(ground: Ground) -> Fault:
    """A share of all messages has a bit flipped on the way."""
    at_s, for_s = ground.window_s()
    return Corruption(at_s=at_s, for_s=for_s, rate=ground.rng.choice(_LOSS_LEVELS))


def crash(ground: Ground) -> Fault:
    """A peer goes down and comes back with its store."""
    at_s, for_s = ground.window_s()
    return Crash(at_s=at_s, for_s=for_s, peer=ground.peer())


def crash_for_good(ground: Ground) -> Fault:
    """A broken peer goes down for ever."""
    at_s, _ = ground.window_s()
    return Crash(at_s=at_s, peer=ground.rng.choice(ground.broken))


def amnesia(ground: Ground) -> Fault:
    """A broken peer comes back without its store."""
    at_s, for_s = ground.window_s()
    return Crash(at_s=at_s, for_s=for_s, peer=ground.rng.choice(ground.broken), amnesia=True)


def pause(ground: Ground) -> Fault:
    """A peer stands still."""
    at_s, for_s = ground.window_s()
    return Pause(at_s=at_s, for_s=for_s, peer=ground.peer())


def slow(ground: Ground) -> Fault:
    """A peer takes longer for everything."""
    at_s, for_s = ground.window_s()
    return Slow(at_s=at_s, for_s=for_s, peer=ground.peer(), by_s=ground.span_s(0.05))


def clock_skew(ground: Ground) -> Fault:
    """A peer's wall clock is wrong."""
    at_s, for_s = ground.window_s()
    sign = 1 if ground.chance(0.5) else -1
    return ClockSkew(at_s=at_s, for_s=for_s, peer=ground.peer(), by_s=sign * ground.span_s())


def clock_drift(ground: Ground) -> Fault:
    """A peer's clock runs too fast or too slow."""
    at_s, for_s = ground.window_s()
    rate = ground.rng.choice((0.5, 0.8, 1.25, 2.0))
    return ClockDrift(at_s=at_s, for_s=for_s, peer=ground.peer(), rate=rate)


def torn_writes(ground: Ground) -> Fault:
    """What a peer had not synced is torn in its next crash."""
    at_s, for_s = ground.window_s()
    return TornWrites(at_s=at_s, for_s=for_s, peer=ground.peer())


def lying_disk(ground: Ground) -> Fault:
    """A broken peer's disk forgets what it promised to keep."""
    at_s, for_s = ground.window_s()
    return LyingDisk(at_s=at_s, for_s=for_s, peer=ground.rng.choice(ground.broken))


def churn(ground: Ground) -> Fault:
    """Some peers leave and come back again and again."""
    at_s, for_s = ground.window_s()
    peers = ground.some(ground.exposure.peers)
    return Churn(at_s=at_s, for_s=for_s, peers=peers, up_s=for_s / 3, down_s=for_s / 6)


def eclipse(ground: Ground) -> Fault:
    """A peer can talk with some others only."""
    at_s, for_s = ground.window_s()
    victim = ground.anyone()
    others = tuple(name for name in ground.everyone if name != victim)
    return Eclipse(at_s=at_s, for_s=for_s, victim=victim, attackers=ground.some(others))


def drop_message(ground: Ground) -> Fault:
    """One message is lost."""
    sender, receiver = ground.link()
    return DropMessage(sender=sender, receiver=receiver, number=ground.number())


def delay_message(ground: Ground) -> Fault:
    """One message is late."""
    sender, receiver = ground.link()
    by_s = ground.span_s()
    return DelayMessage(sender=sender, receiver=receiver, number=ground.number(), by_s=by_s)


def duplicate_message(ground: Ground) -> Fault:
    """One message arrives once more, perhaps much later."""
    sender, receiver = ground.link()
    after_s = ground.span_s()
    return DuplicateMessage(
        sender=sender, receiver=receiver, number=ground.number(), after_s=after_s
    )


def tangle(ground: Ground, at_s: Seconds, for_s: Seconds) -> list[Fault]:
    """Each way between two peers is cut or open by itself: who hears whom is any directed graph.

    That is where agreement by quorums is decided: one peer has heard enough, the others have not.
    """
    share = ground.rng.choice((0.2, 0.4, 0.6))
    faults: list[Fault] = []
    for sender in ground.exposure.peers:
        deaf = tuple(one for one in ground.exposure.peers if one != sender and ground.chance(share))
        if deaf:
            faults.append(OneWay(at_s=at_s, for_s=for_s, senders=(sender,), receivers=deaf))
    return faults


def rounds(ground: Ground) -> list[Fault]:
    """A few spans of equal length, each with a network of its own: whole, split, tangled, without
    one peer, or a star. What one round leaves half done the next one must finish otherwise."""
    rng, count = ground.rng, ground.rng.randint(2, 10)
    longest_s = ground.exposure.heal_s / count
    length_s = ground.between_s(min(ground.link_s, longest_s / 2), longest_s)
    begin_s = rng.random() * (ground.exposure.heal_s - count * length_s)
    faults: list[Fault] = []
    for number in range(count):
        at_s = rounded(begin_s + number * length_s)
        match rng.randrange(6):
            case 0:
                groups = split(ground, 2)
                faults.append(Partition(at_s=at_s, for_s=length_s, groups=groups))
            case 1 | 2:
                faults += tangle(ground, at_s, length_s)
            case 3:
                faults.append(alone(ground, at_s, length_s, ground.anyone()))
            case 4 if len(ground.exposure.peers) >= FEWEST["star"]:
                faults.append(star(ground, at_s, length_s))
    return faults


def alone(ground: Ground, at_s: Seconds, for_s: Seconds, lonely: PeerId) -> Fault:
    """One peer is parted from all others."""
    rest = tuple(name for name in ground.everyone if name != lonely)
    return Partition(at_s=at_s, for_s=for_s, groups=(rest, (lonely,)))


def star(ground: Ground, at_s: Seconds, for_s: Seconds, peer: PeerId | None = None) -> Fault:
    """Peers reach one of them only, and that one learns what the others do not."""
    exposure = ground.exposure
    return shaped_partition(
        "star", exposure.peers, at_s=at_s, for_s=for_s, peer=peer or ground.peer(),
        bystanders=exposure.bystanders,
    )  # fmt: skip


def blackout(ground: Ground) -> list[Fault]:
    """Several peers lose power at the same instant; each comes back when it can."""
    at_s, _ = ground.window_s()
    left_s = ground.exposure.heal_s - at_s
    return [
        Crash(at_s=at_s, for_s=rounded(min(ground.span_s(), left_s)), peer=peer)
        for peer in ground.some(ground.exposure.peers)
    ]


NETWORK: tuple[Maker, ...] = (
    partition, isolate, shape, one_way, loss, delay, clog, duplication, reordering, corruption,
    eclipse,
)  # fmt: skip
MESSAGES: tuple[Maker, ...] = (drop_message, delay_message, duplicate_message)
PROCESS: tuple[Maker, ...] = (crash, pause, slow, clock_skew, clock_drift, torn_writes, churn)
FOR_GOOD: tuple[Maker, ...] = (crash_for_good, amnesia, lying_disk)


def makers_for(ground: Ground) -> tuple[Maker, ...]:
    """The makers whose faults may strike here; those that break a peer for good are not among
    them."""
    links = NETWORK + MESSAGES if len(ground.everyone) > 1 else ()
    if ground.exposure.resign is None:  # without signatures nobody could tell what was altered
        links = tuple(one for one in links if one is not corruption)
    return links + PROCESS if ground.exposure.peers else links
