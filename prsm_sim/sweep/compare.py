"""How two variants differ: paired by seed, with an interval for each metric.

Both variants run with the same seeds, so most of what chance does to one it does to the other, and
the difference of a pair varies less than either (common random numbers). For each metric the mean
difference has Student's interval over pairs. Whoever looks at forty metrics finds two "significant"
ones where nothing differs, so the p-values are adjusted by Holm's method (1979), which keeps the
chance of even one false claim below the level, whatever the metrics have to do with each other; the
intervals are widened to match (Bonferroni's, so that they hold all at once).
"""

import math
from collections.abc import Sequence

import msgspec
from scipy import stats

from prsm_sim.sweep.analysis import GOOD
from prsm_sim.sweep.study import Outcome


class Difference(msgspec.Struct, frozen=True):
    """How a metric differs.

    Attributes:
        metric: its name.
        pairs: seeds for which both variants gave a value.
        first: mean of the first variant over these.
        second: of the second.
        low: lower end of the interval of ``second − first``; None with fewer than two pairs.
        high: upper end.
        p: probability of a mean difference as far from 0 if there were none, adjusted for the
            number of metrics; None with fewer than two pairs.
        differs: it is below 1 − level.
    """

    metric: str
    pairs: int
    first: float
    second: float
    low: float | None
    high: float | None
    p: float | None
    differs: bool


def compare(
    first: Sequence[Outcome], second: Sequence[Outcome], level: float = 0.95
) -> list[Difference]:
    """Compare two variants metric by metric.

    Args:
        first: outcomes of one point, one a seed; those that failed do not count.
        second: of the other, with the same seeds.
        level: how sure all claims together shall be.
    """
    by_seed = {one.seed: one for one in first if one.status in GOOD}
    pairs = [
        (by_seed[one.seed].metrics, one.metrics)
        for one in second
        if one.status in GOOD and one.seed in by_seed
    ]
    names = sorted({name for a, b in pairs for name in a if name in b})
    rows = [_paired(name, [(a[name], b[name]) for a, b in pairs if name in a and name in b])
            for name in names]  # fmt: skip
    adjusted = holm([row.p for row in rows])
    tested = sum(row.p is not None for row in rows)
    return [
        _widened(row, p, level, tested, [b[row.metric] - a[row.metric] for a, b in pairs
                                         if row.metric in a and row.metric in b])
        for row, p in zip(rows, adjusted, strict=True)
    ]  # fmt: skip


def _paired(name: str, pairs: Sequence[tuple[float, float]]) -> Difference:
    count = len(pairs)
    first = math.fsum(a for a, _ in pairs) / count
    second = math.fsum(b for _, b in pairs) / count
    p = None if count < 2 else _p_value([b - a for a, b in pairs])
    return Difference(name, count, first, second, None, None, p, False)


def _error(differences: Sequence[float]) -> tuple[float, float]:
    """Mean and standard error."""
    count = len(differences)
    mean = math.fsum(differences) / count
    variance = math.fsum((one - mean) ** 2 for one in differences) / (count - 1)
    return mean, math.sqrt(variance / count)


def _p_value(differences: Sequence[float]) -> float:
    """Two-sided p of Student's paired test; differences that are all alike leave no doubt."""
    mean, error = _error(differences)
    if error == 0.0:
        return 1.0 if mean == 0.0 else 0.0
    return float(2 * stats.t.sf(abs(mean) / error, len(differences) - 1))


def _widened(
    row: Difference, p: float | None, level: float, tested: int, differences: Sequence[float]
) -> Difference:
    if p is None:
        return row
    mean, error = _error(differences)
    tail = (1 - level) / (2 * tested)
    half = float(stats.t.isf(tail, len(differences) - 1)) * error
    return msgspec.structs.replace(
        row, low=mean - half, high=mean + half, p=p, differs=p < 1 - level
    )


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p-values: the k-th smallest of m times m − k + 1, never below a smaller one's."""
    tested = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    least = 0.0
    for rank, (p, place) in enumerate(tested):
        least = max(least, min(1.0, p * (len(tested) - rank)))
        adjusted[place] = least
    return adjusted
