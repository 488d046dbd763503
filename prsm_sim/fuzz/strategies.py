"""Strategies: how a plan is drawn from a seed.

- ``random``: a few faults of any kind.
- ``pct``: priorities instead of faults (Burckhardt et al., "A randomized scheduler with
  probabilistic guarantees of finding bugs", ASPLOS 2010): each peer's messages take as long as its
  rank, and at d − 1 moments one peer falls to the lowest rank. A bug that needs d ordered moments
  is found with a probability that has a lower bound, whatever else happens.
- ``twins``: correct code run twice under one name (Bano et al., "Twins", OPODIS 2021);
  ``twins:FILE.json`` takes the scenarios of a file, in their order.
- ``mutation``: one to three wrong messages of small scope, and a few lost ones (ByzzFuzz).
- ``swarm``: each seed draws first *which* kinds of faults there are, then how many (Groce et al.,
  "Swarm testing", ISSTA 2012). Faults hide each other; leaving most out lets the rest be seen.
- ``aimed``: swarm; where its plan finds nothing, some messages of that run are chosen and faults
  added just where they are sent.

All stay inside what the scenario exposes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from prsm_sim.actor.errors import UserError
from prsm_sim.faults import Delay, Fault
from prsm_sim.fuzz.aim import aim
from prsm_sim.fuzz.ground import Ground, rounded
from prsm_sim.fuzz.lies import ALTERING, deafness, lie, lies
from prsm_sim.fuzz.makers import (
    FOR_GOOD,
    MESSAGES,
    Maker,
    blackout,
    crash,
    isolate,
    makers_for,
    partition,
    rounds,
)
from prsm_sim.fuzz.moments import Moment
from prsm_sim.fuzz.twins import drawn_round_s, plan_of, read_twins, twins_plan
from prsm_sim.parameters import did_you_mean
from prsm_sim.plan import Plan

_GENTLE: tuple[Maker, ...] = (*MESSAGES, partition, isolate, crash)
"""What brings about the unusual without drowning the one message that matters."""
_LEAST_S = 1e-6
"""Earliest time and shortest span of a priority: a fault must last."""


@dataclass(frozen=True)
class Strategy:
    """A way of drawing plans.

    Attributes:
        name: how it is called on the command line.
        draw: makes a plan.
        aim: adds to a plan, given what its run sent; None: one run of the plan is all.
    """

    name: str
    draw: Callable[[Ground], Plan]
    aim: Callable[[Ground, Plan, Sequence[Moment]], Plan] | None = None


def find_strategy(name: str) -> Strategy:
    """The strategy called `name`; ``twins:FILE`` runs the scenarios of a file, one a seed.

    Raises:
        UserError: there is none; the text says which is nearest. Or the file is not as it should
            be.
    """
    kind, _, place = name.partition(":")
    if kind == "twins" and place:
        read_twins(Path(place))  # what is wrong with it is told before anything runs
        return Strategy(name, lambda ground: _twins_of_file(ground, Path(place)))
    found = STRATEGIES.get(name)
    if found is None:
        names = sorted(STRATEGIES)
        raise UserError(
            f"--strategy {name}: no such strategy{did_you_mean(name, names)} "
            f"(there are {', '.join(names)}, twins:FILE.json, and exhaustive)"
        )
    return found


def draw_random(ground: Ground) -> Plan:
    """One to six faults, each of a kind drawn anew; half the seeds have liars."""
    makers = makers_for(ground) + (FOR_GOOD if ground.broken else ())
    faults: list[Fault] = [
        ground.rng.choice(makers)(ground) for _ in range(ground.rng.randint(1, 6))
    ]
    if ground.chance(0.5):
        faults += lies(ground)
    return tuple(faults)


def draw_pct(ground: Ground) -> Plan:
    """Priorities that change at up to four moments."""
    rng, names, heal_s = ground.rng, list(ground.everyone), ground.exposure.heal_s
    unit_s = ground.span_s(0.1)
    moments = sorted(rng.random() * heal_s for _ in range(rng.randint(0, 4)))
    rng.shuffle(names)
    faults: list[Fault] = []
    for begin_s, end_s in zip([0.0, *moments], [*moments, heal_s], strict=True):
        faults += [
            Delay(
                at_s=rounded(max(begin_s, _LEAST_S)),
                for_s=rounded(max(end_s - begin_s, _LEAST_S)),
                by_s=unit_s * rank,
                senders=(name,),
            )
            for rank, name in enumerate(names)
            if rank
        ]
        names.append(names.pop(rng.randrange(len(names))))
    if ground.chance(0.5):
        faults += lies(ground, most=2)
    return tuple(faults)


def draw_mutation(ground: Ground) -> Plan:
    """One to three messages altered or kept back, and a few network faults that bring about the
    unusual: nobody sends the rare messages of a protocol in peace."""
    faults: list[Fault] = []
    if ground.broken:
        liar = ground.rng.choice(ground.broken)
        for _ in range(ground.rng.randint(1, 3)):
            told = lie(ground, liar, (*ALTERING, "mutate", "withhold", "replay"))
            faults.append(told.model_copy(update={"count": ground.rng.randint(1, 2)}))
    makers = [one for one in makers_for(ground) if one in _GENTLE]
    faults += [ground.rng.choice(makers)(ground) for _ in range(ground.rng.randint(0, 4))]
    return tuple(faults)


def draw_swarm(ground: Ground) -> Plan:
    """Draw which kinds there are, how many of each, and who lies how."""
    rng = ground.rng
    if ground.broken and ground.chance(0.2):
        return draw_twins(ground)
    if ground.broken and ground.census.asked and ground.chance(0.05):
        # All else is well, and those who are asked first do not listen.
        first = ground.exposure.peers[: len(ground.broken)]
        return tuple(deafness(ground, peer) for peer in first)
    share = rng.choice((0.0, 0.05, 0.15, 0.4))
    makers: list[Maker] = [one for one in makers_for(ground) if ground.chance(share)]
    if ground.broken:
        makers += [one for one in FOR_GOOD if ground.chance(0.1)]
    faults: list[Fault] = []
    for maker in makers:
        faults += [maker(ground) for _ in range(rng.choice((1, 1, 2, 3)))]
    if len(ground.everyone) > 1 and ground.chance(0.5):
        faults += rounds(ground)
    if ground.exposure.peers and ground.chance(0.1):
        faults += blackout(ground)
    if ground.chance(0.15):
        faults += draw_pct(ground)
    if ground.chance(0.7):
        faults += lies(ground)
    return tuple(faults)


def draw_twins(ground: Ground) -> Plan:
    """A Twins scenario: who has a twin, and who hears whom in each round."""
    return twins_plan(ground.exposure, ground.rng)


def _twins_of_file(ground: Ground, path: Path) -> Plan:
    """The scenario of a file whose turn it is, by the seed; its rounds fill a drawn share of the
    time until all heals."""
    scenarios = read_twins(path).scenarios
    if not scenarios:
        return ()
    scenario = scenarios[ground.seed % len(scenarios)]
    if not scenario.rounds:
        return ()
    round_s = drawn_round_s(ground.exposure, ground.rng, len(scenario.rounds))
    return plan_of(scenario, ground.exposure, round_s)


STRATEGIES = {
    one.name: one
    for one in (
        Strategy("random", draw_random),
        Strategy("pct", draw_pct),
        Strategy("twins", draw_twins),
        Strategy("mutation", draw_mutation),
        Strategy("swarm", draw_swarm),
        Strategy("aimed", draw_swarm, aim),
    )
}
"""By name; the order is that of the documentation."""
