"""What a study says: at each point, the mean of each metric with its interval, over seeds.

Replicas are independent, so the interval is Student's. A replica that failed has no say in the
means, and is counted: a mean over those that went well is one of a selection, and whoever reads it
has to know.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from prsm_sim.intervals import student
from prsm_sim.sweep.design import Point
from prsm_sim.sweep.study import Outcome


class Estimate(msgspec.Struct, frozen=True):
    """A mean over seeds.

    Attributes:
        count: seeds that gave a value.
        mean: their mean; None without any.
        low: lower end of the interval; None where there are fewer than two.
        high: upper end.
        median: of the values.
    """

    count: int
    mean: float | None
    low: float | None
    high: float | None
    median: float | None


class PointSummary(msgspec.Struct, frozen=True):
    """One point.

    Attributes:
        point: its overrides.
        replicas: how many there were.
        failed: how many of them failed, and so do not count.
        metrics: an estimate for each metric.
    """

    point: Point
    replicas: int
    failed: int
    metrics: dict[str, Estimate]


def estimate(values: Sequence[float], level: float = 0.95) -> Estimate:
    """Mean and interval of independent values."""
    count = len(values)
    if not count:
        return Estimate(0, None, None, None, None)
    mean = math.fsum(values) / count
    median = float(np.median(values))
    if count < 2:
        return Estimate(count, mean, None, None, median)
    low, high = student(values, level, mean)
    return Estimate(count, mean, low, high, median)


def summarise(outcomes: Sequence[Outcome], level: float = 0.95) -> list[PointSummary]:
    """One summary a point, in the order of their first task.

    Args:
        outcomes: in any order.
        level: coverage of each interval.
    """
    by_point: dict[Point, list[Outcome]] = {}
    for outcome in sorted(outcomes, key=lambda one: one.task):
        by_point.setdefault(outcome.point, []).append(outcome)
    return [_summary(point, ones, level) for point, ones in by_point.items()]


def _summary(point: Point, outcomes: Sequence[Outcome], level: float) -> PointSummary:
    good = [one for one in outcomes if one.is_good]
    names = sorted({name for one in good for name in one.metrics})
    metrics = {
        name: estimate([one.metrics[name] for one in good if name in one.metrics], level)
        for name in names
    }
    return PointSummary(point, len(outcomes), len(outcomes) - len(good), metrics)
