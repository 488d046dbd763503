"""`prsm validate economy`: exchange, queues and voting power against theory.

Scenarios are run as they are shipped, one seed a replication, and the figures that they report are
compared with closed forms (`exchange_theory`, `queue_theory`), with Markov chains of few agents
that are solved exactly, and the event path with the population path. What is random is decided by
intervals over the runs (`comparison`), what is not must be equal.

To add a family write a function ``(extent) -> Iterator[Comparison | Frequency | Claim]`` and name
it in `FAMILIES`.
"""

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from economy.concentration import gini, herfindahl, nakamoto
from economy.power import banzhaf, shapley
from prsm_sim.runner import simulate
from prsm_sim.validation import Claim, equal
from scenarios.compute_queue.parameters import ComputeQueueParameters
from scenarios.compute_queue.scenario import compute_queue
from scenarios.economy_validation import exchange_theory as theory
from scenarios.economy_validation.comparison import Comparison, Floats, Frequency, decide
from scenarios.economy_validation.queue_theory import (
    Waiting,
    crommelin,
    erlang_c,
    pollaczek_khinchine,
)
from scenarios.kinetic_exchange.parameters import KineticExchangeParameters
from scenarios.kinetic_exchange.scenario import MEASURES, kinetic_exchange

Note = Callable[[str], None]


class Extent(NamedTuple):
    """How much is measured.

    Attributes:
        runs: independent runs of each case, one a seed.
        steps: length of a run of exchange, in steps.
        few: agents of the runs that are compared with an exact chain.
        some: agents of other event runs; `many` of population runs compared with a limit.
        jobs: of a run of a queue.
        unequal: how many runs of a yard sale.
    """

    runs: int
    steps: int
    few: int
    some: int
    many: int
    jobs: int
    unequal: int


FULL = Extent(runs=12, steps=300, few=4, some=100, many=10_000, jobs=50_000, unequal=300)
QUICK = Extent(runs=6, steps=150, few=4, some=60, many=5_000, jobs=15_000, unequal=100)

Found = Iterator[Comparison | Frequency | Claim]


def validate(quick: bool, note: Note) -> list[Claim]:
    """All claims about the economy.

    Args:
        quick: fewer and shorter runs.
        note: is told what is being measured.
    """
    extent = QUICK if quick else FULL
    claims: list[Claim] = []
    comparisons: list[Comparison | Frequency] = []
    for name, family in FAMILIES.items():
        note(name)
        for one in family(extent):
            if isinstance(one, Claim):
                claims.append(one)
            else:
                comparisons.append(one)
    return claims + decide(comparisons)


def exchange_runs(extent: Extent, **parameters: Any) -> dict[str, Floats]:
    """Each measure of `kinetic_exchange` in each run.

    What comes first is dropped for seven relaxation times, of which all is known here, and not as
    the data suggest: that would favour runs that began with a deviation.
    """
    found: dict[str, list[float]] = {name: [] for name in MEASURES}
    plain = KineticExchangeParameters.model_validate(parameters)
    warmup = math.ceil(7 * plain.relaxation_steps)
    chosen = plain.model_validate(
        {**parameters, "steps": warmup + extent.steps, "warmup_steps": warmup}
    )
    for seed in range(extent.runs):
        metrics = simulate(kinetic_exchange, chosen, seed, runs_dir=None).metrics
        for name in MEASURES:
            found[name].append(metrics[name])
    return {name: np.array(values) for name, values in found.items()}


def few_agents(extent: Extent) -> Found:
    """Unit exchange of few agents, on both paths, against the chain of all its states."""
    agents, long = extent.few, extent._replace(steps=10 * extent.steps)
    for clock in ("async", "sync", "shuffled"):
        expected = theory.few_agents(agents, agents, clock)
        for path in ("event", "population"):
            found = exchange_runs(long, rule="unit", clock=clock, agents=agents, path=path)
            for name in MEASURES:
                yield Comparison(
                    f"unit, {clock}, {agents} agents, {path} path: {name}",
                    float(getattr(expected, name)),
                    found[name],
                    f"{extent.runs} runs against the exact chain",
                )


def unit_exchange(extent: Extent) -> Found:
    """Unit exchange: the zero-range process exactly, and the limits of many agents."""
    for coins in (1, 2):
        agents = extent.some
        expected = theory.unit_async(agents, agents * coins)
        found = exchange_runs(extent, rule="unit", agents=agents, mean=coins)
        yield from _measures(f"unit, async, {agents} agents, mean {coins}", expected, found)
    agents = extent.many // 10
    found = exchange_runs(extent, rule="unit", agents=agents, mean=1, path="population")
    name = f"unit, async, {agents:,} agents, mean 1, population path"
    yield from _measures(name, theory.unit_async(agents, agents), found)
    for clock, mean, limit in (
        ("sync", 1.0, theory.unit_sync_limit),
        ("sync", 0.5, theory.unit_sync_limit),
        ("shuffled", 1.0, theory.unit_shuffled_limit),
        ("shuffled", 2.0, theory.unit_shuffled_limit),
    ):
        agents = extent.many
        found = exchange_runs(
            extent, rule="unit", clock=clock, agents=agents, mean=mean, path="population"
        )
        name = f"unit, {clock}, {agents:,} agents, mean {mean:g}, population path"
        yield from _measures(name, limit(mean), found)


def pooling(extent: Extent) -> Found:
    """Pooling: the simplex, and the variance with saving and redistribution."""
    agents = extent.some
    for clock in ("async", "sync", "shuffled"):
        found = exchange_runs(extent, clock=clock, agents=agents)
        yield from _measures(f"pooling, {clock}, {agents} agents", theory.pooling(agents), found)
    for clock, saving, redistribution, path in (
        ("async", 0.5, 0.0, "event"),
        ("sync", 0.8, 0.0, "event"),
        ("shuffled", 0.3, 0.0, "event"),
        ("sync", 0.25, 0.0, "population"),
        ("async", 0.5, 0.1, "event"),
        ("sync", 0.2, 0.3, "event"),
        ("sync", 0.2, 0.3, "population"),
    ):
        found = exchange_runs(
            extent, clock=clock, agents=agents, saving=saving, redistribution=redistribution,
            path=path,
        )  # fmt: skip
        name = f"pooling, {clock}, saving {saving:g}, redistribution {redistribution:g}, {path}"
        variance = theory.pooling_variance(agents, saving, redistribution, clock)  # type: ignore[arg-type]
        yield Comparison(f"{name}: variance_over_mean_sq", variance, found["variance_over_mean_sq"])


def yard_sale(extent: Extent) -> Found:
    """A fair yard sale ends with one agent owning all, each with the probability of its share."""
    agents, steps = 6, 400
    winners = []
    others_most = 0.0
    for seed in range(extent.unequal):
        chosen = KineticExchangeParameters.model_validate(
            {"rule": "yard_sale", "agents": agents, "steps": steps, "path": "population"}
        )
        metrics = simulate(kinetic_exchange, chosen, seed, runs_dir=None).metrics
        winners.append(metrics["gini_final"])
        others_most = max(others_most, (agents - 1) / agents - metrics["gini_final"])
    condensed = sum(value > (agents - 1.001) / agents for value in winners)
    what = f"yard sale, {agents} agents, {steps} steps: runs in which one owns 99.9 %"
    yield equal(what, extent.unequal, condensed, f"Gini short of (N−1)/N by ≤ {others_most:.1g}")
    both = {
        path: exchange_runs(
            extent, rule="yard_sale", agents=extent.some, redistribution=0.1, path=path
        )
        for path in ("event", "population")
    }
    for name in MEASURES[:2]:
        yield Comparison(
            f"yard sale, redistribution 0.1, event against population path: {name}",
            both["population"][name],
            both["event"][name],
        )


def queues(extent: Extent) -> Found:
    """Waiting against Erlang, Pollaczek and Khinchine, and Crommelin."""
    cases: tuple[tuple[str, float, float, int, Waiting], ...] = (
        ("exponential", 0.8, 1.0, 1, erlang_c(0.8, 1.0, 1)),
        ("exponential", 2.1, 1.0, 3, erlang_c(2.1, 1.0, 3)),
        ("exponential", 12.0, 0.5, 10, erlang_c(12.0, 0.5, 10)),
        ("deterministic", 0.8, 1.0, 1, pollaczek_khinchine(0.8, 1.0)),
        ("deterministic", 0.3, 2.0, 1, pollaczek_khinchine(0.3, 2.0)),
        ("deterministic", 2.1, 1.0, 3, crommelin(2.1, 1.0, 3)),
    )
    for service, rate, service_s, servers, expected in cases:
        chosen = ComputeQueueParameters.model_validate(
            {
                "service": service, "arrival_rate": rate, "service_s": service_s,
                "servers": servers, "jobs": extent.jobs, "warmup_jobs": extent.jobs // 10,
            }
        )  # fmt: skip
        runs = [
            simulate(compute_queue, chosen, seed, runs_dir=None).metrics
            for seed in range(extent.runs)
        ]
        law = {"exponential": "M", "deterministic": "D"}[service]
        name = f"M/{law}/{servers}, λ = {rate:g}, service {service_s:g} s"
        how = f"{extent.runs} runs of {extent.jobs:,} jobs"
        for metric, value in (("p_wait", expected.probability), ("mean_wait_s", expected.mean_s)):
            found = np.array([metrics[metric] for metrics in runs])
            yield Comparison(f"{name}: {metric}", value, found, how)


def votes(_: Extent) -> Found:
    """Voting power and concentration: published figures, as exact fractions."""
    council = [4, 4, 4, 2, 2, 1]
    security = [7] * 5 + [1] * 10
    for what, expected, measured in (
        ("Banzhaf, EEC council of 1958", "5 5 5 3 3 0 / 21", _over(banzhaf(council, 12), 21)),
        ("Shapley, EEC council of 1958", "14 14 14 9 9 0 / 60", _over(shapley(council, 12), 60)),
        ("Shapley, a veto in the Security Council", "421/2145", str(shapley(security, 39)[0])),
        ("Banzhaf, weights 50, 49, 1, quota 51", "3 1 1 / 5", _over(banzhaf([50, 49, 1], 51), 5)),
        ("Gini of 1, …, 100: (n − 1)/(3n)", "33/100", str(gini(range(1, 101)))),
        ("HHI of 50, 30, 20 %", "19/50", str(herfindahl([50, 30, 20]))),
        ("Nakamoto coefficient of ten equal holders", "6", str(nakamoto([1] * 10))),
    ):
        yield equal(what, expected, measured)


def _over(values: tuple[Fraction, ...], denominator: int) -> str:
    return " ".join(str(value * denominator) for value in values) + f" / {denominator}"


def _measures(name: str, expected: theory.Equilibrium, found: dict[str, Floats]) -> Found:
    for measure in MEASURES:
        yield Comparison(f"{name}: {measure}", float(getattr(expected, measure)), found[measure])


FAMILIES: dict[str, Callable[[Extent], Found]] = {
    "voting power and concentration": votes,
    "unit exchange of few agents": few_agents,
    "unit exchange": unit_exchange,
    "pooling": pooling,
    "yard sale": yard_sale,
    "queues": queues,
}
