"""Means, intervals and comparisons: against scipy, by coverage, and where chance alone rules."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from prsm_sim.sweep.analysis import estimate, summarise
from prsm_sim.sweep.compare import compare, holm
from prsm_sim.sweep.study import Outcome


def outcome(seed: int, status: str = "pass", point: str = "a=1", **metrics: float) -> Outcome:
    return Outcome(task=seed, point=(point,), seed=seed, status=status, metrics=metrics)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), st.sampled_from([0.9, 0.95]))
def test_an_interval_is_students(values: list[float], level: float) -> None:
    found = estimate(values, level)
    spread = stats.tstd(values) if len(set(values)) > 1 else 0.0
    assert found.mean == pytest.approx(math.fsum(values) / len(values))
    assert found.low is not None
    assert found.high is not None
    if spread > 1e-3 * max(map(abs, values)):
        low, high = stats.t.interval(
            level, len(values) - 1, loc=sum(values) / len(values), scale=stats.sem(values)
        )
        assert (found.low, found.high) == pytest.approx((low, high), rel=1e-6, abs=1e-6)


def test_few_values_have_no_interval_and_none_have_no_mean() -> None:
    assert estimate([]).mean is None
    assert (estimate([3.0]).mean, estimate([3.0]).low) == (3.0, None)


def test_what_failed_has_no_say_and_is_counted() -> None:
    outcomes = [
        outcome(2, point="a=2", x=9.0), outcome(0, x=1.0), outcome(1, status="fail", x=1000.0),
        outcome(3, x=3.0, y=5.0), outcome(4, status="error"),
    ]  # fmt: skip
    first, second = summarise(outcomes)
    assert (first.point, first.replicas, first.failed) == (("a=1",), 4, 2)
    assert first.metrics["x"].mean == 2.0
    assert first.metrics["y"].count == 1
    assert (second.point, second.metrics["x"].mean) == (("a=2",), 9.0)


def test_holm_by_hand_and_never_descending() -> None:
    assert holm([0.01, 0.04, 0.03, None]) == pytest.approx([0.03, 0.06, 0.06, None])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_adjusted_p_values_keep_the_order_and_never_shrink(p_values: list[float]) -> None:
    adjusted = [p for p in holm(p_values) if p is not None]
    assert all(after >= before for before, after in zip(p_values, adjusted, strict=True))
    ranked = [after for _, after in sorted(zip(p_values, adjusted, strict=True))]
    assert ranked == sorted(ranked)
    assert min(adjusted) == pytest.approx(min(1.0, min(p_values) * len(p_values)))


def test_pairs_are_compared_by_seed() -> None:
    noise = {seed: random.Random(seed).gauss(0, 100) for seed in range(12)}
    first = [outcome(seed, x=noise[seed], y=1.0) for seed in range(12)]
    second = [outcome(seed, x=noise[seed] + 1 + seed / 100, y=1.0) for seed in reversed(range(12))]
    x, y = compare(first, second)
    assert (x.metric, x.pairs, x.differs) == ("x", 12, True)
    assert x.low is not None
    assert x.high is not None
    assert x.low < 1.055 < x.high < 1.2, "far less than the noise between seeds"
    assert (y.metric, y.p, y.differs, y.low, y.high) == ("y", 1.0, False, 0.0, 0.0)


def test_one_metric_alone_agrees_with_scipys_paired_test() -> None:
    rng = random.Random(4)
    pairs = [(rng.gauss(0, 1), rng.gauss(0.4, 1)) for _ in range(20)]
    (row,) = compare(
        [outcome(seed, x=a) for seed, (a, _) in enumerate(pairs)],
        [outcome(seed, x=b) for seed, (_, b) in enumerate(pairs)],
    )
    reference = stats.ttest_rel([b for _, b in pairs], [a for a, _ in pairs])
    low, high = reference.confidence_interval(0.95)
    assert row.p == pytest.approx(reference.pvalue)
    assert (row.low, row.high) == pytest.approx((low, high))


def test_among_many_metrics_that_do_not_differ_hardly_any_is_said_to() -> None:
    false_claims = 0
    for study in range(200):
        rng = random.Random(study)
        names = [f"m{number}" for number in range(20)]
        first = [outcome(seed, **{name: rng.gauss(0, 1) for name in names}) for seed in range(10)]
        second = [outcome(seed, **{name: rng.gauss(0, 1) for name in names}) for seed in range(10)]
        false_claims += any(row.differs for row in compare(first, second))
    assert stats.binom.sf(false_claims - 1, 200, 0.05) > 1e-3, "one study in twenty at most"
    assert false_claims < 30


def test_seeds_of_one_variant_only_or_that_failed_make_no_pair() -> None:
    first = [outcome(0, x=1.0), outcome(1, x=2.0), outcome(2, status="fail", x=3.0)]
    second = [outcome(1, x=5.0), outcome(2, x=5.0), outcome(3, x=5.0)]
    (row,) = compare(first, second)
    assert (row.pairs, row.first, row.second, row.p) == (1, 2.0, 5.0, None)
