"""Comparisons of random figures with known ones, decided together.

A family of claims is a list of `Comparison`s, each with one independent value a run. They become
claims at the end, when it is known how many there are: the intervals of all of them together hold
with probability `FAMILY_LEVEL` (Bonferroni), so that a correct implementation hardly ever fails
however many claims there are.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import stats

from prsm_sim.intervals import share, student, welch
from prsm_sim.validation import Claim, equal, within

Floats = npt.NDArray[np.float64]

FAMILY_LEVEL = 0.99


class Comparison(NamedTuple):
    """Measured values, and what their mean must be.

    Attributes:
        what: what is claimed.
        expected: the value, or independent values of a second implementation.
        measured: one value a run, at least 2.
        detail: how it was measured.
    """

    what: str
    expected: float | Floats
    measured: Floats
    detail: str = ""

    def claim(self, level: float) -> Claim:
        """The claim, by an interval of this level."""
        measured = float(np.mean(self.measured))
        if isinstance(self.expected, float):
            interval = student(self.measured, level)
            expected = contains = self.expected
            of = f"mean, {level:.2%}"
            if interval[0] == interval[1]:  # no run differs from any other: nothing is random
                return equal(self.what, expected, measured, self.detail)
        else:
            interval = welch(self.measured, self.expected, level)
            expected, contains = float(np.mean(self.expected)), 0.0
            of = f"difference, {level:.2%}"
        return within(self.what, expected, measured, interval, contains, of=of, detail=self.detail)


class Frequency(NamedTuple):
    """How often something happened in independent trials, and its probability."""

    what: str
    probability: float
    hits: int
    trials: int
    detail: str = ""

    def claim(self, level: float) -> Claim:
        """The claim, by Clopper and Pearson's interval."""
        interval = share(self.hits, self.trials, level)
        found = self.hits / self.trials
        return within(
            self.what, self.probability, found, interval, self.probability,
            of=f"share, {level:.2%}", detail=self.detail,
        )  # fmt: skip


class Distribution(NamedTuple):
    """Independent whole numbers, and the law that they must have.

    What is compared is the distance of Kolmogorov and Smirnov, the largest difference of the two
    distribution functions. If the law were F, the empirical one would be no farther from F than the
    quantile of that distance for a continuous law, with at least that probability (Noether 1963).
    So this is also how far the measured distance is from the true one, by the triangle inequality,
    and the interval is measured distance ± quantile.

    Attributes:
        what: what is claimed.
        law: shape (m,), the probabilities of 0, …, m − 1.
        counts: shape (m,), how often each was measured.
        detail: how it was measured.
    """

    what: str
    law: Floats
    counts: npt.NDArray[np.int64]
    detail: str = ""

    def claim(self, level: float) -> Claim:
        """The claim, by an interval of this level."""
        number = int(self.counts.sum())
        measured = np.cumsum(self.counts) / number
        distance = float(np.abs(measured - np.cumsum(self.law)).max())
        half = float(stats.kstwo.ppf(level, number))
        return within(
            self.what, 0.0, distance, (max(0.0, distance - half), distance + half), 0.0,
            of=f"distance of laws, {level:.2%}", detail=self.detail,
        )  # fmt: skip


Uncertain: TypeAlias = Comparison | Frequency | Distribution


def decide(comparisons: Sequence[Uncertain]) -> list[Claim]:
    """The claims of all comparisons, whose intervals hold together with `FAMILY_LEVEL`."""
    level = 1 - (1 - FAMILY_LEVEL) / max(1, len(comparisons))
    return [one.claim(level) for one in comparisons]
