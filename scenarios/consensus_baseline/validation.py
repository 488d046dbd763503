"""`prsm validate consensus`: PBFT against closed forms, a Monte Carlo, and the theory's limit.

Three families of claims. On fixed links everything is known in closed form (`closed_forms`). On
random links latencies are compared with a max-plus recursion that shares no code with the replicas
(`monte_carlo`): means by Welch's interval, quantiles by a bootstrap that draws whole runs, since
requests of one run are not independent. Agreement must survive f Byzantine replicas and not
as many as two quorums share (f + 1, mostly); how often it breaks is given with its interval.

The intervals of all claims together hold with probability `FAMILY_LEVEL` (Bonferroni), so that a
correct implementation hardly ever fails however many claims there are.
"""

import math
from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prsm_sim.intervals import bootstrap_quantiles, share, welch
from prsm_sim.sim import Sim
from prsm_sim.validation import Claim, equal, within
from scenarios.consensus_baseline import closed_forms, monte_carlo
from scenarios.consensus_baseline.latencies import Latencies
from scenarios.consensus_baseline.parameters import ConsensusBaselineParameters
from scenarios.consensus_baseline.scenario import consensus_baseline

Floats = npt.NDArray[np.float64]
Note = Callable[[str], None]

FAMILY_LEVEL = 0.99
SHARES = (0.5, 0.99)
CHAINS = 4000
"""Independent chains of the Monte Carlo, many more than simulated runs."""


class Case(NamedTuple):
    """Random links to compare on."""

    link: str
    replicas: int
    crashed: str = "none"


class Extent(NamedTuple):
    """How much is measured."""

    sizes: tuple[int, ...]
    cases: tuple[Case, ...]
    runs: int
    requests: int
    committees: tuple[int, ...]
    seeds: int


FULL = Extent(
    sizes=(4, 5, 6, 7, 8, 10, 13),
    cases=(
        Case("exponential:1.0", 4),
        Case("exponential:0.05", 5),
        Case("exponential:1.0", 6),
        Case("exponential:1.0", 7),
        Case("exponential:1.0", 4, "backup"),
        Case("lognormal:1.0:0.5", 4),
        Case("lognormal:0.2:1.0", 6),
        Case("uniform:1.0", 4),
    ),
    runs=100,
    requests=30,
    committees=(4, 5, 6, 7, 10),
    seeds=40,
)
QUICK = Extent(
    sizes=(4, 6, 7),
    cases=(
        Case("exponential:1.0", 4),
        Case("exponential:1.0", 6),
        Case("lognormal:1.0:0.5", 4),
    ),
    runs=80,
    requests=20,
    committees=(4, 6),
    seeds=15,
)


def validate(quick: bool, note: Note) -> list[Claim]:
    """All claims about consensus.

    Args:
        quick: fewer cases and runs.
        note: is told what is being measured.
    """
    extent = QUICK if quick else FULL
    note("closed forms on fixed links")
    claims = list(closed_forms.claims(extent.sizes))
    level = 1 - (1 - FAMILY_LEVEL) / (2 * (1 + len(SHARES)) * len(extent.cases))
    for case in extent.cases:
        note(f"{extent.runs} runs, {case.replicas} replicas, {case.link}, crashed: {case.crashed}")
        claims += random_links(case, extent, level)
    for n in extent.committees:
        note(f"Byzantine replicas among {n}")
        claims += byzantine(n, extent.seeds)
    return claims


def random_links(case: Case, extent: Extent, level: float) -> Iterator[Claim]:
    """Compare the latencies of one case with the Monte Carlo's."""
    parameters = ConsensusBaselineParameters.model_validate(
        {**case._asdict(), "requests": extent.requests}
    )
    down = int(case.crashed == "backup")
    up = case.replicas - down
    runs = [latencies_of(parameters, seed) for seed in range(extent.runs)]
    name = f"n = {case.replicas}, {case.link}" + (", a backup crashed" if down else "")
    commits = sum(len(group) for one in runs for group in one.commit_s)
    expected = extent.runs * extent.requests * up
    yield equal(f"{name}: commits at replicas that are up", expected, commits)
    if commits != expected or any(len(one.client_s) != extent.requests for one in runs):
        return
    law = parameters.latency
    rng = np.random.default_rng([case.replicas, down, extent.requests])
    draw = monte_carlo.link_delays(law.law, law.mean_s, law.sigma, rng)
    model = monte_carlo.run(case.replicas, down, extent.requests, CHAINS, draw)
    for what, found, modelled in (
        ("client latency", [one.client_s for one in runs], model.client_s),
        ("commit latency", [list(chain(*one.commit_s)) for one in runs], model.commit_s),
    ):
        measured = np.array(found)
        yield from compare(f"{name}: {what}", measured, modelled.reshape(CHAINS, -1), level, rng)


def compare(
    what: str, measured: Floats, modelled: Floats, level: float, rng: np.random.Generator
) -> Iterator[Claim]:
    """Compare a mean and quantiles; rows are independent runs."""
    of = f"difference, {level:.2%}"
    how = f"{len(measured)} runs of {measured.shape[1]} against {len(modelled)} chains"
    interval = welch(measured.mean(axis=1), modelled.mean(axis=1), level)
    means = float(modelled.mean()), float(measured.mean())
    yield within(f"{what}, mean, s", *means, interval, 0.0, of=of, detail=how)
    intervals = bootstrap_quantiles(measured, modelled[: 4 * len(measured)], SHARES, level, rng)
    for quantile, interval in zip(SHARES, intervals, strict=True):
        expected = float(np.quantile(modelled[: 4 * len(measured)], quantile))
        found = float(np.quantile(measured, quantile))
        yield within(f"{what}, p{quantile * 100:g}, s", expected, found, interval, 0.0, of=of)


def latencies_of(parameters: ConsensusBaselineParameters, seed: int) -> Latencies:
    """The latencies of one run."""
    sim = Sim(seed)
    latencies = Latencies.of(sim, lambda _: True)
    consensus_baseline.build(sim, parameters)
    sim.run(until=parameters.duration_s)
    return latencies


def byzantine(n: int, seeds: int) -> Iterator[Claim]:
    """f replicas that collude do not break agreement among n; as many as two quorums share do.

    Two quorums have 2q − n replicas in common. If all of these lie, each quorum can be made to
    commit a story of its own. That is f + 1 replicas, or f + 2 where n + f is even, so that
    rounding q up gives one more for nothing (n = 5 or 8, say).
    """
    f = (n - 1) // 3
    shared = 2 * math.ceil((n + f + 1) / 2) - n
    for liars in dict.fromkeys((f, shared - 1, shared)):
        broken = [seed for seed in range(seeds) if breaks_agreement(n, liars, seed)]
        interval = share(len(broken), seeds, FAMILY_LEVEL)
        survives = liars < shared
        holds = not broken if survives else interval[0] > 0.0
        first = f", first with seed {broken[0]}" if broken else ""
        yield Claim(
            what=f"n = {n}, f = {f}: {liars} equivocate together, agreement broken",
            expected="never" if survives else "> 0",
            measured=f"{len(broken)} of {seeds} seeds",
            interval=interval,
            of=f"share, {FAMILY_LEVEL:.0%}",
            verdict="pass" if holds else "fail",
            detail=f"seeds 0 to {seeds - 1}{first}",
        )


def breaks_agreement(n: int, liars: int, seed: int) -> bool:
    """Whether honest replicas execute different requests under one sequence number."""
    result = closed_forms.measure(
        seed, replicas=n, clients=2, requests=6, link="exponential:0.01", timeout_links=50,
        status_links=50, byzantine=f"{liars}:collude",
    )  # fmt: skip
    return any(one.name == "agreement" and one.status == "fail" for one in result.verdicts)
