"""Hypothesis strategies for fault plans, sparse deviations, workloads and whole cases.

Bulk randomness (delays, losses, what clients ask for) comes from one drawn seed, so Hypothesis
never sees thousands of draws. What it draws itself is the plan, fault by fault, which is what its
shrinker then takes apart: a falsifying example is the shortest story that still fails.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from prsm_sim.actor.types import Seconds
from prsm_sim.exposure import Exposure
from prsm_sim.faults import Fault
from prsm_sim.fuzz.census import Census
from prsm_sim.fuzz.ground import Ground
from prsm_sim.fuzz.lies import lie
from prsm_sim.fuzz.makers import FOR_GOOD, MESSAGES, Maker, makers_for
from prsm_sim.parameters import build_parameters
from prsm_sim.plan import Plan
from prsm_sim.scenario import Scenario, ScenarioParameters
from prsm_sim.sim import Sim
from prsm_sim.testing.case import Case, Target, scenario_of
from prsm_sim.testing.drawn import DrawnRandom
from prsm_sim.world import World

Operation = TypeVar("Operation")
SEEDS = st.integers(0, (1 << 16) - 1)

patient = settings(
    deadline=None,
    suppress_health_check=(
        HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example,
    ),
    report_multiple_bugs=False,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink),
)  # fmt: skip
"""Settings for tests that run whole worlds: such a run may take longer than Hypothesis's deadline.

Hypothesis's phase that explains a failure is left out: it traces every line of the world and makes
shrinking many times slower. A decorator, and a parent for others:
``settings(patient, max_examples=500)``.
"""


class Arena(NamedTuple):
    """What a plan for a world is drawn from.

    Attributes:
        exposure: what may be struck.
        types: of each message type that is accepted, by name, its fields.
        link_s: how long a message takes, about.
    """

    exposure: Exposure
    types: Mapping[str, tuple[str, ...]]
    link_s: Seconds

    def ground(self, draw: DrawFn) -> Ground:
        """What strategies stand on, with every choice drawn by Hypothesis."""
        return Ground(self.exposure, self.types, Census(), DrawnRandom(draw), self.link_s)


@st.composite
def fault_plans(
    draw: DrawFn,
    exposure: Exposure,
    *,
    types: Mapping[str, tuple[str, ...]] | None = None,
    most: int = 6,
) -> Plan:
    """Plans of up to `most` faults within what `exposure` allows.

    Args:
        exposure: what may be struck.
        types: message types that a Byzantine peer may single out, with the fields of each.
        most: the largest number of faults.
    """
    ground = Ground(exposure, types or {}, Census(), DrawnRandom(draw))
    return _plan(draw, ground, most)


@st.composite
def deviations(draw: DrawFn, peers: Sequence[str], *, most: int = 5) -> Plan:
    """Up to `most` single messages that are lost, late or doubled, between any of `peers`.

    The schedule is otherwise the canonical one of the seed.
    """
    if len(peers) < 2:
        return ()
    exposure = Exposure(peers=tuple(peers))
    ground = Ground(exposure, {}, Census(), DrawnRandom(draw))
    return tuple(draw(st.lists(one_fault(ground, MESSAGES), max_size=most)))


def workloads(
    operations: SearchStrategy[Operation], *, clients: int = 2, most: int = 20
) -> SearchStrategy[list[tuple[int, Operation]]]:
    """Lists of at most `most` operations, each with the number of the client that asks for it.

    Give it to `cases` in place of a parameter's value; it shrinks to few operations of few clients.
    """
    return st.lists(st.tuples(st.integers(0, clients - 1), operations), max_size=most)


@st.composite
def cases(
    draw: DrawFn,
    target: Target,
    parameters: Mapping[str, Any] | None = None,
    *,
    most: int = 6,
) -> Case:
    """Cases of a scenario: a seed, the parameters that it varies, and a plan.

    Args:
        target: a scenario, the name of an installed one, or ``file.py`` or ``file.py:name``.
        parameters: by name, a value, or a Hypothesis strategy that draws it (such as `workloads`);
            the scenario's own variation of these is overruled.
        most: the largest number of faults.

    Raises:
        UserError: there is no such scenario, or a parameter is wrong.
    """
    scenario = scenario_of(target)
    seed, values = draw(SEEDS), draw_parameters(draw, scenario, parameters or {})
    arena = arena_of(scenario, values, seed)
    return Case(target, values, seed, _plan(draw, arena.ground(draw), most))


def draw_parameters(
    draw: DrawFn, scenario: Scenario[Any], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """What the scenario varies, and over it what `parameters` says."""
    varied: dict[str, Any] = {}
    if scenario.variants is not None:
        varied = dict(scenario.variants(DrawnRandom(draw)))
    for name, value in parameters.items():
        varied[name] = draw(value) if isinstance(value, SearchStrategy) else value
    return varied


def arena_of(scenario: Scenario[Any], values: Mapping[str, Any], seed: int) -> Arena:
    """The arena of a world; kept for a while, because shrinking asks again and again."""
    built = build_parameters(scenario.parameters, values)
    kind: Callable[..., ScenarioParameters] = scenario.parameters
    return _arena(scenario.build, kind, built.model_dump_json(), seed)


@lru_cache(maxsize=256)
def _arena(
    build: Callable[[World, Any], None],
    kind: Callable[..., ScenarioParameters],
    values: str,
    seed: int,
) -> Arena:
    sim = Sim(seed)
    build(sim, kind(**json.loads(values)))
    ground = Ground.of(sim, sim.stream("arena"), Census())
    return Arena(ground.exposure, ground.types, ground.link_s)


def _plan(draw: DrawFn, ground: Ground, most: int) -> Plan:
    makers: tuple[Maker, ...] = makers_for(ground)
    if ground.broken:
        makers += (*FOR_GOOD, tell_lie)
    if not makers:  # nothing is exposed
        return ()
    return tuple(draw(st.lists(one_fault(ground, makers), max_size=most)))


@st.composite
def one_fault(draw: DrawFn, ground: Ground, makers: Sequence[Maker]) -> Fault:
    """One fault; drawn in one piece, so that the shrinker can cut it out in one piece."""
    before, ground.rng = ground.rng, DrawnRandom(draw)
    try:
        return draw(st.sampled_from(list(makers)))(ground)
    finally:
        ground.rng = before


def tell_lie(ground: Ground) -> Fault:
    """A Byzantine behaviour of one of those that may be broken for good."""
    return lie(ground, ground.rng.choice(ground.broken))
