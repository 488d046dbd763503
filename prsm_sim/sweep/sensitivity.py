"""Sensitivity: which parameters a metric depends on, and how much.

*Sobol* splits the variance of a metric among the parameters (Sobol 2001; Saltelli 2010): the first
index S1 is the share that a parameter explains by itself, the total index ST the share that is gone
if it is fixed, its interplay with others included. *Morris* (1991) takes far fewer runs: the mean
absolute change μ* when a parameter is moved by a step, and its spread σ, which tells a constant
effect from one that depends on the rest. Sampling and estimating are SALib's.

Both take their samples in blocks that mean nothing incomplete (D + 2 points for Sobol, D + 1 for
Morris, with D parameters). A point at which every replica failed therefore takes its whole block
with it, and how many were taken is told; nothing is ever filled in. The metric of a point is its
mean over seeds; what is left of chance in it is noise, which no parameter explains: it makes the
indices of Sobol add up to less, and its intervals wider.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from prsm_sim.actor.errors import UserError
from prsm_sim.sweep.design import Point
from prsm_sim.sweep.study import Outcome

Method = Literal["sobol", "morris"]
Floats = npt.NDArray[np.float64]
LEVELS = 4
"""Morris: values that a parameter takes, evenly spaced."""
FEWEST_BLOCKS = 4
"""With fewer whole blocks nothing is said."""


class Bounds(msgspec.Struct, frozen=True):
    """A parameter and the range that it is varied in.

    Attributes:
        name: of the parameter.
        low: smallest value.
        high: largest.
        whole: it takes whole numbers only.
    """

    name: str
    low: float
    high: float
    whole: bool


class Index(msgspec.Struct, frozen=True):
    """How much a metric depends on a parameter.

    Attributes:
        name: of the parameter.
        first: S1, or μ* of Morris.
        first_half: half of its interval.
        total: ST, or σ of Morris.
        total_half: half of its interval; None for σ, which has none.
    """

    name: str
    first: float
    first_half: float
    total: float
    total_half: float | None


class Sensitivity(msgspec.Struct, frozen=True):
    """What came of it.

    Attributes:
        indices: one a parameter, the strongest first; empty: nothing can be said.
        blocks: whole blocks of samples that count.
        dropped: blocks that failed replicas have spoilt.
        doubt: why nothing can be said; empty: it can.
    """

    indices: tuple[Index, ...]
    blocks: int
    dropped: int
    doubt: str = ""


def parse_bounds(text: str) -> Bounds:
    """Read ``name=low..high``; whole numbers at both ends make a parameter of whole numbers.

    Raises:
        UserError: it is no such thing.
    """
    name, equals, values = text.partition("=")
    low, dots, high = values.partition("..")
    try:
        found = Bounds(
            name.strip(), float(low), float(high),
            all(end.strip().lstrip("+-").isdigit() for end in (low, high)),
        )  # fmt: skip
    except ValueError:
        found = Bounds("", 0.0, 0.0, False)
    if not equals or not dots or not found.name or not found.low < found.high:
        raise UserError(f"--vary {text}: write it as --vary name=low..high, such as rate=0.1..0.5")
    return found


class Plan:
    """The samples of one study.

    Args:
        bounds: the parameters.
        method: how.
        samples: blocks of samples; for Sobol a power of two.
        seed: of the sampling, and of the bootstrap of intervals.

    Attributes:
        points: where the scenario is to be run.

    Raises:
        UserError: SALib is not installed, or `samples` does not suit the method.
    """

    def __init__(self, bounds: Sequence[Bounds], method: Method, samples: int, seed: int) -> None:
        if samples < FEWEST_BLOCKS or (method == "sobol" and samples & (samples - 1)):
            raise UserError(
                f"--samples {samples}: take {FEWEST_BLOCKS} or more, for sobol a power of two"
            )
        if len({one.name for one in bounds}) < len(bounds):
            raise UserError("--vary: a parameter is given twice")
        self.method = method
        self.seed = seed
        self.bounds = tuple(bounds)
        self._problem: dict[str, Any] = {
            "num_vars": len(bounds),
            "names": [one.name for one in bounds],
            # A whole number gets half a step on either side, so that both ends are as likely.
            "bounds": [[one.low - one.whole / 2, one.high + one.whole / 2] for one in bounds]
            if method == "sobol"
            else [[one.low, one.high] for one in bounds],
        }
        sampler = _salib(f"sample.{method}")
        if method == "sobol":
            options: dict[str, Any] = {"calc_second_order": False}
        else:
            options = {"num_levels": LEVELS}
        self.rows: Floats = sampler.sample(self._problem, samples, seed=seed, **options)
        self.block = len(bounds) + (2 if method == "sobol" else 1)
        self.points: tuple[Point, ...] = tuple(self._point(row) for row in self.rows)

    def _point(self, row: Floats) -> Point:
        return tuple(
            f"{one.name}={_text(float(value), one)}"
            for one, value in zip(self.bounds, row, strict=True)
        )

    def analyse(self, values: Sequence[float | None], level: float = 0.95) -> Sensitivity:
        """The indices, from the metric at each point; None where there is none.

        Args:
            values: one a point.
            level: coverage of the intervals.
        """
        whole = [
            start
            for start in range(0, len(values), self.block)
            if None not in values[start : start + self.block]
        ]
        dropped = len(values) // self.block - len(whole)
        rows = np.array([n for start in whole for n in range(start, start + self.block)], np.int64)
        kept = np.array([values[n] for n in rows], np.float64)
        if len(whole) < FEWEST_BLOCKS:
            return Sensitivity((), len(whole), dropped, "too few blocks without a failed replica")
        if np.ptp(kept) == 0.0:
            return Sensitivity((), len(whole), dropped, "the metric is the same everywhere")
        found = self._indices(self.rows[rows], kept, level)
        return Sensitivity(
            tuple(sorted(found, key=lambda one: (-one.first, one.name))), len(whole), dropped
        )

    def _indices(self, rows: Floats, values: Floats, level: float) -> list[Index]:
        analyser = _salib(f"analyze.{self.method}")
        if self.method == "sobol":
            # Scaling changes no index, and keeps the estimator's sums well conditioned.
            scaled = (values - values.mean()) / values.std()
            found = analyser.analyze(
                self._problem, scaled, calc_second_order=False, conf_level=level, seed=self.seed
            )
            columns = ("S1", "S1_conf", "ST", "ST_conf")
        else:
            found = analyser.analyze(
                self._problem, rows, values, conf_level=level, num_levels=LEVELS, seed=self.seed
            )
            columns = ("mu_star", "mu_star_conf", "sigma", "")
        return [
            Index(one.name, *(float(found[c][n]) if c else None for c in columns))  # type: ignore[arg-type]
            for n, one in enumerate(self.bounds)
        ]


def values_at(outcomes: Sequence[Outcome], seeds: int, metric: str) -> list[float | None]:
    """The metric at each point: its mean over the replicas that went well; None without any.

    Args:
        outcomes: of all tasks, by task.
        seeds: replicas at each point.
        metric: its name.

    Raises:
        UserError: no replica has it.
    """
    found: list[float | None] = []
    for start in range(0, len(outcomes), seeds):
        good = [one for one in outcomes[start : start + seeds] if one.is_good]
        here = [one.metrics[metric] for one in good if metric in one.metrics]
        found.append(sum(here) / len(here) if here else None)
    if outcomes and all(value is None for value in found):
        known = sorted({name for one in outcomes for name in one.metrics})
        raise UserError(f"--metric {metric}: no replica has it (there are {', '.join(known)})")
    return found


def _text(value: float, bounds: Bounds) -> str:
    if bounds.whole:
        return str(int(min(max(np.floor(value + 0.5), bounds.low), bounds.high)))
    return f"{value:.12g}"


def _salib(name: str) -> Any:
    try:
        return import_module(f"SALib.{name}")
    except ImportError as error:
        raise UserError("SALib is not installed; pip install 'prsm-sim[sweep]'") from error
