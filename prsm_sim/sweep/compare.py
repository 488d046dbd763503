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
    by_seed = {one.seed: one for one in first if one.is_good}
    pairs: dict[str, list[tuple[float, float]]] = {}
    for one in second:
        if one.is_good and one.seed in by_seed:
            before = by_seed[one.seed].metrics
            for name, value in one.metrics.items():
                if name in before:
                    pairs.setdefault(name, []).append((before[name], value))
    names = sorted(pairs)
    differences = [[b - a for a, b in pairs[name]] for name in names]
    p_values = [None if len(ones) < 2 else _p_value(ones) for ones in differences]
    tested = sum(p is not None for p in p_values)
    rows = zip(names, differences, holm(p_values), strict=True)
    return [_row(name, pairs[name], ones, p, level, tested) for name, ones, p in rows]


def _row(
    name: str,
    pairs: Sequence[tuple[float, float]],
    differences: Sequence[float],
    p: float | None,
    level: float,
    tested: int,
) -> Difference:
    """A metric's difference; its interval holds together with those of all that are tested."""
    count = len(pairs)
    first = math.fsum(a for a, _ in pairs) / count
    second = math.fsum(b for _, b in pairs) / count
    if p is None:
        return Difference(name, count, first, second, None, None, None, False)
    mean, error = _error(differences)
    half = float(stats.t.isf((1 - level) / (2 * tested), count - 1)) * error
    return Difference(name, count, first, second, mean - half, mean + half, p, p < 1 - level)


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


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p-values: the k-th smallest of m times m − k + 1, never below a smaller one's."""
    tested = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    least = 0.0
    for rank, (p, place) in enumerate(tested):
        least = max(least, min(1.0, p * (len(tested) - rank)))
        adjusted[place] = least
    return adjusted
