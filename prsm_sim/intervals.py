"""Confidence intervals, for comparing what is random.

Runs with different seeds are independent, requests within a run are not. So what compares takes
*replications*: one number, or one list of numbers, a run.

The interval of a mean within one run is by batch means (Law and Kelton, "Simulation Modeling and
Analysis", 9.5.3): the series is cut into 20 stretches, longer than the memory of the process, and
Student's t is taken over their means. These are not quite independent in a short run. If φ is their
correlation with the next one, the variance of their mean is (1 + φ)/(1 − φ) times what independence
would make it, and the interval is widened accordingly (the correction of Skart: Tafazzoli, Wilson,
Lada and Steiger, INFORMS J. on Computing 23(2), 2011). An estimated φ falls short by about 1/20,
which is added.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]

BATCHES = 20
CORRELATION_MOST = 0.8
"""A run whose batches are more alike than this is too short for any interval."""


def student(
    values: Floats | Sequence[float], level: float, centre: float | None = None
) -> tuple[float, float]:
    """Student's interval of the mean of independent values.

    The sums are rounded once, so the order of the values makes no difference.

    Args:
        values: n of them, n ≥ 2. If all are the same, so are both ends of the interval.
        level: coverage.
        centre: middle of the interval; None: the mean of the values.
    """
    floats = [float(value) for value in values]
    count = len(floats)
    mean = floats[0] if min(floats) == max(floats) else math.fsum(floats) / count
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in floats) / (count - 1))
    half = float(stats.t.ppf((1 + level) / 2, count - 1)) * spread / math.sqrt(count)
    middle = mean if centre is None else centre
    return middle - half, middle + half


def batch_interval(series: Floats, level: float) -> tuple[float, float] | None:
    """Interval of the mean of a correlated series, by batch means.

    Args:
        series: shape (n,), in order of time, without its warm-up.
        level: coverage.

    Returns:
        None if n < 2.
    """
    batches = min(BATCHES, len(series))
    if batches < 2:
        return None
    length = len(series) // batches
    # The oldest are left out of the spread, so that all batches are alike; not out of the mean.
    means = series[len(series) - batches * length :].reshape(batches, length).mean(axis=1)
    mean = float(series.mean())
    low, high = student(means, level, mean)
    wider = correlation_factor(means)
    return mean - wider * (mean - low), mean + wider * (high - mean)


def correlation_factor(means: Floats) -> float:
    """By what the interval of correlated batch means is wider than of independent ones; ≥ 1.

    Args:
        means: shape (n,), n ≥ 2, in order of time.
    """
    deviations = means - means.mean()
    total = float(deviations @ deviations)
    if total == 0.0:
        return 1.0
    correlation = float(deviations[1:] @ deviations[:-1]) / total + 1 / len(means)
    bounded = min(max(correlation, 0.0), CORRELATION_MOST)
    return math.sqrt((1 + bounded) / (1 - bounded))


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
