"""What a run says about its steady state: where the warm-up ends, and how sure the mean is.

The warm-up is found by MSER-5 (White, Cobb and Spratt, "A comparison of five steady-state
truncation heuristics for simulation", WSC 2000): of the means of 5 observations each, drop the
first d such that the standard error of the rest is least, Σ (y − ȳ)² / (n − d)². A d in the second
half is taken as the half: the run is then too short to tell.

What is left gives the mean, and its interval by batch means (`prsm_sim.intervals`).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prsm_sim.intervals import batch_interval

Floats = npt.NDArray[np.float64]

GROUP = 5


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
    return Estimate(float(kept.mean()), batch_interval(kept, level), dropped, len(kept))
