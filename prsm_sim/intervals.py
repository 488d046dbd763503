"""Confidence intervals, for comparing what is random.

Runs with different seeds are independent, requests within a run are not. So everything here takes
*replications*: one number, or one list of numbers, a run.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]


def welch(first: Floats, second: Floats, level: float) -> tuple[float, float]:
    """Interval of the difference of two means, ``mean(first) − mean(second)``.

    Welch's t with the degrees of freedom of Satterthwaite: the two may differ in variance and in
    number.

    Args:
        first: shape (m,), one independent value a replication, m ≥ 2.
        second: shape (n,), n ≥ 2.
        level: coverage, such as 0.95.
    """
    parts = [float(np.var(values, ddof=1)) / len(values) for values in (first, second)]
    difference = float(np.mean(first) - np.mean(second))
    total = sum(parts)
    if total == 0.0:
        return difference, difference
    freedom = total**2 / sum(
        part**2 / (len(values) - 1) for part, values in zip(parts, (first, second), strict=True)
    )
    half = float(stats.t.ppf((1 + level) / 2, freedom)) * math.sqrt(total)
    return difference - half, difference + half


def bootstrap_quantiles(
    first: Floats,
    second: Floats,
    shares: Sequence[float],
    level: float,
    rng: np.random.Generator,
    rounds: int = 150,
) -> list[tuple[float, float]]:
    """Intervals of the differences of quantiles, by a bootstrap that draws whole replications.

    Normal intervals with the bootstrap's standard error (Efron and Tibshirani 1993, chapter 6).

    Args:
        first: shape (m, k): m replications of k values each; `second` likewise (n, l).
        shares: which quantiles.
        level: coverage of each interval.
        rng: draws the replications.
        rounds: how many times.

    Returns:
        one interval a share.
    """
    z = float(stats.norm.ppf((1 + level) / 2))
    differences = np.quantile(first, shares) - np.quantile(second, shares)
    spread = np.zeros(len(shares))
    for values in (first, second):
        draws = np.array(
            [
                np.quantile(values[rng.integers(0, len(values), len(values))], shares)
                for _ in range(rounds)
            ]
        )
        spread += np.var(draws, axis=0, ddof=1)
    halves = z * np.sqrt(spread)
    return [
        (float(difference - half), float(difference + half))
        for difference, half in zip(differences, halves, strict=True)
    ]


def share(hits: int, trials: int, level: float) -> tuple[float, float]:
    """Interval of a probability of which `hits` of `trials` is an estimate (Clopper–Pearson)."""
    tail = (1 - level) / 2
    low = float(stats.beta.ppf(tail, hits, trials - hits + 1)) if hits else 0.0
    high = float(stats.beta.ppf(1 - tail, hits + 1, trials - hits)) if hits < trials else 1.0
    return low, high
