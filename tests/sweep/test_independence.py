"""Replicas are independent: as many trajectories as seeds, the same ones again, on every backend.

That digests differ says that no two seeds give the same run; it does not say that neighbours have
nothing in common, as they would if a generator were seeded with the seed itself and drew much the
same first numbers. So the correlation of a metric with that of the next seeds is tested as well.
For n independent values a lag's correlation is about normal with mean −1/n and variance 1/n (Box
and Jenkins), and n times the sum of its squares over k lags about χ² with k degrees of freedom
(Ljung and Box 1978, with their correction for a finite n).

Points share their seeds on purpose (common random numbers), so neighbouring *points* are correlated
and their differences vary less; that is tested too.
"""

import math

import numpy as np
import pytest
from scipy import stats

from prsm_sim.sweep.backends import opened, run_on
from prsm_sim.sweep.design import grid, parse_axis
from prsm_sim.sweep.study import Outcome, Study

pytestmark = pytest.mark.slow

SEEDS = 100
LAGS = 5
ALPHA = 1e-3
"""The seeds are fixed, so a test passes always or never; so rarely would it fail by chance."""


def study_of(scenario: str, vary: str, *fixed: str, first_seed: int = 0) -> Study:
    from prsm_sim import __version__

    return Study(
        scenario=scenario,
        fixed=fixed,
        points=grid([parse_axis(vary)]),
        first_seed=first_seed,
        seeds=SEEDS,
        version=__version__,
    )


KINETIC = study_of("kinetic_exchange", "saving=0,0.1", "agents=6", "steps=10", "warmup_steps=0")
QUEUE = study_of("compute_queue", "arrival_rate=0.6,0.65", "jobs=60", "warmup_jobs=0")
CASES = [(KINETIC, "gini"), (KINETIC, "gini_final"), (QUEUE, "mean_wait_s"), (QUEUE, "p_wait")]


def outcomes_on(place: str, study: Study, workers: int) -> list[Outcome]:
    blocks = run_on(place, study, range(study.tasks), workers)
    return [one for block in blocks for one in block]


@pytest.fixture(scope="module")
def known() -> dict[str, list[Outcome]]:
    return {study.scenario: outcomes_on("processes", study, 2) for study in (KINETIC, QUEUE)}


def trajectories(outcomes: list[Outcome]) -> list[tuple[str, int, tuple[tuple[str, float], ...]]]:
    return [(one.digest, one.seed, tuple(sorted(one.metrics.items()))) for one in outcomes]


@pytest.mark.parametrize("study", [KINETIC, QUEUE], ids=lambda study: study.scenario)
def test_each_seed_is_another_trajectory(known, study):
    outcomes = known[study.scenario]
    assert len(outcomes) == 2 * SEEDS
    assert all(one.is_good for one in outcomes)
    assert len({one.digest for one in outcomes}) == 2 * SEEDS
    for start in (0, SEEDS):
        point = outcomes[start : start + SEEDS]
        assert [one.seed for one in point] == list(range(SEEDS))
        assert len({tuple(sorted(one.metrics.items())) for one in point}) == SEEDS


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("study", [KINETIC, QUEUE], ids=lambda study: study.scenario)
def test_and_the_same_ones_again(known, study, workers):
    again = outcomes_on("processes", study, workers)
    assert trajectories(again) == trajectories(known[study.scenario])


@pytest.mark.server
def test_and_the_same_ones_again_on_ray(known, cluster):
    with opened(cluster, 1) as run:
        for study in (KINETIC, QUEUE):
            again = [one for block in run(study, range(study.tasks)) for one in block]
            assert trajectories(again) == trajectories(known[study.scenario])


def values(outcomes: list[Outcome], metric: str, point: int) -> "np.ndarray":
    return np.array([one.metrics[metric] for one in outcomes[point * SEEDS : (point + 1) * SEEDS]])


def correlations(series: "np.ndarray", lags: int) -> list[float]:
    deviations = series - series.mean()
    square = float(deviations @ deviations)
    return [float(deviations[lag:] @ deviations[:-lag]) / square for lag in range(1, lags + 1)]


@pytest.mark.parametrize("point", [0, 1])
@pytest.mark.parametrize(("study", "metric"), CASES)
def test_a_seed_says_nothing_of_the_next_ones(known, study, metric, point):
    found = correlations(values(known[study.scenario], metric, point), LAGS)
    half = float(stats.norm.isf(ALPHA / 2)) / math.sqrt(SEEDS)
    assert abs(found[0] + 1 / SEEDS) < half
    ljung_box = (
        SEEDS * (SEEDS + 2) * sum(one**2 / (SEEDS - lag) for lag, one in enumerate(found, 1))
    )
    assert stats.chi2.sf(ljung_box, LAGS) > ALPHA


@pytest.mark.parametrize(("study", "metric"), CASES)
def test_a_seed_says_nothing_of_the_one_that_differs_in_a_bit(known, study, metric):
    """A seed that went into a generator as it is would show here, if not at the next one."""
    series = values(known[study.scenario], metric, 0)
    for bit in (1, 2, 4, 8):
        low = [seed for seed in range(96) if not seed & bit]
        pair = stats.pearsonr(series[low], series[[seed | bit for seed in low]])
        assert pair.pvalue > ALPHA / 4


def test_the_test_can_tell_generators_that_share_their_draws() -> None:
    """Were seed n to use the draws n … n + 9 of one stream, its mean would tell of the next one."""
    draws = np.random.default_rng(1).random(SEEDS + 9)
    means = np.convolve(draws, np.ones(10) / 10, mode="valid")
    assert len(means) == SEEDS
    assert correlations(means, 1)[0] > float(stats.norm.isf(ALPHA / 2)) / math.sqrt(SEEDS)


@pytest.mark.parametrize(("study", "metric"), [(KINETIC, "gini"), (QUEUE, "mean_wait_s")])
def test_points_share_their_seeds_on_purpose_so_that_differences_vary_less(known, study, metric):
    first, second = (values(known[study.scenario], metric, point) for point in (0, 1))
    paired = np.var(second - first, ddof=1)
    unpaired = np.var(first, ddof=1) + np.var(second, ddof=1)
    assert paired < 0.8 * unpaired
