"""What a run says about its steady state: where the warm-up ends, and how sure the mean is.

The warm-up is found by MSER-5 (White, Cobb and Spratt, "A comparison of five steady-state
truncation heuristics for simulation", WSC 2000): of the means of 5 observations each, drop the
first d such that the standard error of the rest is least, Σ (y − ȳ)² / (n − d)². A d in the second
half is taken as the half: the run is then too short to tell.

The interval is by batch means (Law and Kelton, "Simulation Modeling and Analysis", 9.5.3): what is
left is cut into 20 stretches, longer than the memory of the process, and Student's t is taken over
their means. These are not quite independent in a short run. If φ is their correlation with the next
one, the variance of their mean is (1 + φ)/(1 − φ) times what independence would make it, and the
interval is widened accordingly (the correction of Skart: Tafazzoli, Wilson, Lada and Steiger,
INFORMS J. on Computing 23(2), 2011). An estimated φ falls short by about 1/20, which is added.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]

GROUP = 5
BATCHES = 20
CORRELATION_MOST = 0.8
"""A run whose batches are more alike than this is too short for any interval."""


class Estimate(NamedTuple):
    """A steady-state mean.

    Attributes:
        mean: of what follows the warm-up.
        interval: its confidence interval; None if there are too few observations for one.
        warmup: how many observations were dropped.
        kept: how many were not.
    """

    mean: float
    interval: tuple[float, float] | None
    warmup: int
    kept: int


def warmup_length(series: Floats) -> int:
    """How many observations MSER-5 drops; a multiple of 5, at most half of all.

    Args:
        series: shape (n,), in order of time.
    """
    groups = len(series) // GROUP
    if groups < 4:
        return 0
    means = series[: groups * GROUP].reshape(groups, GROUP).mean(axis=1)
    means = means - means.mean()  # so that the sums of squares below lose no digits
    left = np.arange(groups, 0, -1, dtype=np.float64)
    sums = np.cumsum(means[::-1])[::-1]
    squares = np.cumsum(means[::-1] ** 2)[::-1]
    errors = (squares - sums**2 / left) / left**2
    return int(np.argmin(errors[: groups // 2 + 1])) * GROUP


def estimate(series: Floats, level: float = 0.95, warmup: int | None = None) -> Estimate:
    """The steady-state mean of a series and its confidence interval.

    Args:
        series: shape (n,), n ≥ 1, in order of time.
        level: coverage of the interval.
        warmup: how many observations to drop; None: as many as MSER-5 says.
    """
    dropped = warmup_length(series) if warmup is None else warmup
    kept = series[dropped:]
    mean = float(kept.mean())
    batches = min(BATCHES, len(kept))
    interval = None
    if batches >= 2:
        length = len(kept) // batches
        # The oldest of the rest are left out of the interval, so that all batches are alike.
        means = kept[len(kept) - batches * length :].reshape(batches, length).mean(axis=1)
        low, high = student(means, level, mean)
        wider = correlation_factor(means)
        interval = mean - wider * (mean - low), mean + wider * (high - mean)
    return Estimate(mean, interval, dropped, len(kept))


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


def student(values: Floats, level: float, centre: float | None = None) -> tuple[float, float]:
    """Student's interval of the mean of independent values.

    Args:
        values: shape (n,), n ≥ 2.
        level: coverage.
        centre: middle of the interval; None: the mean of the values.
    """
    middle = float(values.mean()) if centre is None else centre
    spread = float(values.std(ddof=1)) / math.sqrt(len(values))
    half = float(stats.t.ppf((1 + level) / 2, len(values) - 1)) * spread
    return middle - half, middle + half
