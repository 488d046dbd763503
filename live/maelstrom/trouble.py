"""Trouble in turns: faults of the kinds that a person names, drawn from the seed.

Strike, heal, strike: each turn lasts as long as the calm before it, so that a run shows both how
the nodes fare under a fault and how they recover. The order of kinds, whom a fault strikes and how
a partition divides the nodes come from one stream.
"""

from collections.abc import Sequence
from typing import Literal

from prsm_sim.actor.context import Random
from prsm_sim.actor.types import PeerId, Seconds
from prsm_sim.faults import Crash, Fault, Loss, Partition, Pause

Trouble = Literal["partition", "loss", "kill", "pause"]
LOSS_RATE = 0.3


def draw_trouble(
    kinds: Sequence[Trouble],
    nodes: Sequence[PeerId],
    rng: Random,
    *,
    duration_s: Seconds,
    interval_s: Seconds,
) -> tuple[Fault, ...]:
    """Faults of `kinds` for one run.

    Args:
        kinds: what may strike; none strike nothing.
        nodes: whom.
        rng: decides.
        duration_s: no fault strikes later.
        interval_s: length of each calm, and of each fault, s.
    """
    faults: list[Fault] = []
    at_s = interval_s
    while kinds and at_s < duration_s:
        faults.append(_draw(rng.choice(kinds), nodes, rng, at_s, interval_s))
        at_s += 2 * interval_s
    return tuple(faults)


def _draw(
    kind: Trouble, nodes: Sequence[PeerId], rng: Random, at_s: Seconds, for_s: Seconds
) -> Fault:
    match kind:
        case "partition":
            order = rng.sample(nodes, len(nodes))
            cut = rng.randrange(1, max(2, len(nodes)))
            sides = (tuple(order[:cut]), tuple(order[cut:]))
            return Partition(at_s=at_s, for_s=for_s, groups=sides)
        case "loss":
            return Loss(at_s=at_s, for_s=for_s, rate=LOSS_RATE)
        case "kill":
            return Crash(at_s=at_s, for_s=for_s, peer=rng.choice(nodes))
        case "pause":
            return Pause(at_s=at_s, for_s=for_s, peer=rng.choice(nodes))
