"""A study: replicas of a scenario at the points of a design, and what is kept of each.

A *task* is one replica: a point and a seed. Tasks are numbered point by point, so a study that is
continued, moved to another machine or split among several has the same tasks under the same
numbers. An outcome holds nothing that depends on when or where it was made.

A replica that goes wrong is an outcome too, with the reason: an oracle's finding or a handler's
exception (*fail*), parameters that are refused, an exception while the world is built, or a metric
that is no finite number (*error*), a process that was killed (*died*). None of these has a say in a
mean, and none becomes a zero.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from prsm_sim.actor.errors import PrsmError, UserError
from prsm_sim.guard import Guard
from prsm_sim.parameters import build_parameters
from prsm_sim.plan import load_plan
from prsm_sim.registry import known_scenario
from prsm_sim.runner import RunResult, simulate
from prsm_sim.sweep.design import Point

Status = str
ERROR = "error"
"""Status of a replica that could not be run, or has a metric that is no finite number."""
DIED = "died"
"""Status of a replica whose process was killed; another time it may not be."""
DEATH = "its process was killed: by the kernel for want of memory, by a crash, or by the scenario"


class Task(NamedTuple):
    """One replica: its number, the overrides of its point, its seed."""

    number: int
    point: Point
    seed: int


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

    def task(self, number: int) -> Task:
        """The task of a number."""
        point, seed = divmod(number, self.seeds)
        return Task(number, self.points[point], self.first_seed + seed)

    def frame(self) -> "Study":
        """All that its tasks have in common: the study without its points, which may be many."""
        return msgspec.structs.replace(self, points=())


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one replica gave.

    Attributes:
        task: its number.
        point: its overrides.
        seed: its seed.
        status: pass, fail, inconclusive, error or died.
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
    """Run one replica, by its number."""
    return replica(study.frame(), study.task(number))


def replica(frame: Study, task: Task) -> Outcome:
    """Run one replica. One that fails is an outcome as well, never a missing one.

    Raises:
        KeyboardInterrupt: a person stopped it; half a replica is no outcome.
    """
    try:
        with Guard(_unexpected, (PrsmError,)):
            result = _simulate(frame, task)
    except PrsmError as error:
        return broken(task, " ".join(str(error).split()))
    except SystemExit as leaving:  # else the whole study would end, perhaps with the code 0
        return broken(task, f"the scenario left with SystemExit({leaving.code!r})")
    if result.status == "interrupted":
        raise KeyboardInterrupt
    outcome = outcome_of(task, result)
    if result.not_finite and outcome.is_good:
        said = f"no finite number: {', '.join(result.not_finite)}"
        return msgspec.structs.replace(outcome, status=ERROR, failure=said)
    return outcome


def _simulate(frame: Study, task: Task) -> RunResult:
    scenario = known_scenario(frame.scenario)
    overrides = (*frame.fixed, *task.point)
    parameters = build_parameters(scenario.parameters, frame.values, overrides)
    plan = load_plan(frame.faults, "faults")
    return simulate(scenario, parameters, task.seed, runs_dir=None, record_events=False, plan=plan)


def _unexpected(error: Exception) -> UserError:
    name = type(error).__name__
    return UserError(f"the scenario raised {name}: {error}" if str(error) else name)


def outcome_of(task: Task, result: RunResult) -> Outcome:
    """What is kept of a run."""
    failed = (one for one in result.verdicts if one.status == "fail")
    judged = next((f"{one.name}: {one.detail}" for one in failed), "")
    return Outcome(
        task=task.number,
        point=task.point,
        seed=task.seed,
        status=result.status,
        failure=result.failure or " ".join(judged.split()),
        digest=result.digest,
        events=result.events,
        metrics=dict(_numbers(result.metrics)),
    )


def broken(task: Task, failure: str) -> Outcome:
    """The outcome of a replica that gave nothing to go by."""
    number, point, seed = task
    return Outcome(task=number, point=point, seed=seed, status=ERROR, failure=failure)


def died(task: Task) -> Outcome:
    """The outcome of a replica whose process was killed."""
    return Outcome(task=task.number, point=task.point, seed=task.seed, status=DIED, failure=DEATH)


def _numbers(metrics: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, float]]:
    """The finite numbers among nested metrics, by their dotted names."""
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and math.isfinite(value):
            yield f"{prefix}{name}", float(value)
