"""A study: replicas of a scenario at the points of a design, and what is kept of each.

A *task* is one replica: a point and a seed. Tasks are numbered point by point, so a study that is
continued, moved to another machine or split among several has the same tasks under the same
numbers. An outcome holds nothing that depends on when or where it was made.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from prsm_sim.actor.errors import PrsmError
from prsm_sim.parameters import build_parameters
from prsm_sim.plan import load_plan
from prsm_sim.registry import known_scenario
from prsm_sim.runner import RunResult, simulate
from prsm_sim.sweep.design import Point

Status = str
ERROR = "error"
"""Status of a replica whose parameters were refused, or that a handler's exception ended."""


class Study(msgspec.Struct, frozen=True, kw_only=True):
    """What is run.

    Attributes:
        scenario: a name, or a Python file.
        values: parameters that a file sets.
        fixed: overrides that hold at every point, stronger than `values`.
        faults: that are scheduled in every replica, as `prsm_sim.plan.dump_plan` writes them.
        points: the overrides of each point.
        first_seed: the first of the seeds.
        seeds: how many seeds each point gets; the same ones everywhere.
        version: of the package that runs it; another one may give other results.
    """

    scenario: str
    values: dict[str, Any] = {}
    fixed: tuple[str, ...] = ()
    faults: list[dict[str, Any]] = []
    points: tuple[Point, ...] = ((),)
    first_seed: int = 0
    seeds: int = 10
    version: str = ""

    @property
    def tasks(self) -> int:
        """How many replicas there are."""
        return len(self.points) * self.seeds

    def task(self, number: int) -> tuple[Point, int]:
        """The point and the seed of a task."""
        point, seed = divmod(number, self.seeds)
        return self.points[point], self.first_seed + seed


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one replica gave.

    Attributes:
        task: its number.
        point: its overrides.
        seed: its seed.
        status: pass, fail, inconclusive, or error.
        failure: what went wrong, one line; empty: nothing.
        digest: of the run.
        events: of the run.
        metrics: its numbers by name, with dots where they are nested; what is no number, or not
            finite, is left out.
    """

    task: int
    point: Point
    seed: int
    status: Status
    failure: str = ""
    digest: str = ""
    events: int = 0
    metrics: dict[str, float] = {}

    @property
    def is_good(self) -> bool:
        """Whether its metrics count: it did not fail."""
        return self.status in ("pass", "inconclusive")


def run_task(study: Study, number: int) -> Outcome:
    """Run one replica. A replica that fails is an outcome as well, never a missing one."""
    point, seed = study.task(number)
    try:
        scenario = known_scenario(study.scenario)
        overrides = (*study.fixed, *point)
        parameters = build_parameters(scenario.parameters, study.values, overrides)
        plan = load_plan(study.faults, "faults")
        result = simulate(scenario, parameters, seed, runs_dir=None, record_events=False, plan=plan)
    except PrsmError as error:
        return _broken(number, point, seed, error)
    return outcome_of(number, point, seed, result)


def outcome_of(number: int, point: Point, seed: int, result: RunResult) -> Outcome:
    """What is kept of a run."""
    return Outcome(
        task=number,
        point=point,
        seed=seed,
        status=result.status,
        failure=result.failure,
        digest=result.digest,
        events=result.events,
        metrics=dict(_numbers(result.metrics)),
    )


def _broken(number: int, point: Point, seed: int, error: Exception) -> Outcome:
    text = " ".join(str(error).split())
    return Outcome(task=number, point=point, seed=seed, status=ERROR, failure=text)


def _numbers(metrics: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, float]]:
    """The finite numbers among nested metrics, by their dotted names."""
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and math.isfinite(value):
            yield f"{prefix}{name}", float(value)
