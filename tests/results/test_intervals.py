"""Intervals of means: against scipy, whatever the order, and where there is nothing to estimate."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from prsm_sim.intervals import BATCHES, batch_interval, correlation_factor, student

values_of = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40)


@given(values_of, st.floats(0.5, 0.9999), st.randoms(use_true_random=False))
def test_students_interval_is_scipys_whatever_the_order(
    values: list[float], level: float, rng: random.Random
) -> None:
    low, high = student(values, level)
    shuffled = list(values)
    rng.shuffle(shuffled)
    assert student(shuffled, level) == (low, high)
    assert student(np.array(values), level) == (low, high)
    spread = np.std(values, ddof=1)
    if spread > 1e-6 * max(map(abs, values)):
        expected = stats.ttest_1samp(values, 0.0).confidence_interval(level)
        assert (low, high) == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-6)


@given(st.floats(-1e9, 1e9), st.integers(2, 50))
def test_values_that_are_all_the_same_leave_no_doubt(value: float, count: int) -> None:
    assert student([value] * count, 0.99) == (value, value)


def test_an_interval_may_have_another_centre() -> None:
    low, high = student([1.0, 2.0, 6.0], 0.9)
    moved = student([1.0, 2.0, 6.0], 0.9, centre=10.0)
    assert moved == pytest.approx((low + 7.0, high + 7.0))


def test_batches_are_equal_stretches_and_the_latest() -> None:
    rng = np.random.default_rng(4)
    series = rng.normal(size=10 * BATCHES + 7)
    means = series[7:].reshape(BATCHES, 10).mean(axis=1)
    low, high = student(means, 0.95)
    half = (high - low) / 2 * correlation_factor(means)
    mean = float(series.mean())
    assert batch_interval(series, 0.95) == pytest.approx((mean - half, mean + half))
    assert batch_interval(series[:1], 0.95) is None
    two = batch_interval(np.array([1.0, 3.0]), 0.9)
    assert two == pytest.approx(student([1.0, 3.0], 0.9))
