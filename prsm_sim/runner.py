"""The runner: one run from its parameters to its folder, and again from its folder to its digest.

Both worlds end the same way, so what happens around a run is written once. The folder is made when
the world has been built (a scenario that refuses its parameters leaves nothing behind). The
verdicts decide the status. Whatever ends the run, a violation, an exception in a handler or Ctrl-C,
what was recorded is kept. A failure carries the command that replays it.
"""

import math
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Real
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import msgspec

from prsm_sim.actor.errors import InvariantViolation, PrsmError, UserError
from prsm_sim.actor.types import Seconds
from prsm_sim.checker import Verdict
from prsm_sim.guard import Guard
from prsm_sim.interrupt import Interrupt, Progress, stop_on_interrupt
from prsm_sim.manifest import Manifest, RunStatus, new_manifest
from prsm_sim.plan import Plan, dump_plan
from prsm_sim.recorder import Recorder, to_json
from prsm_sim.scenario import Scenario, ScenarioParameters
from prsm_sim.sim import Sim
from prsm_sim.world import World

P = TypeVar("P", bound=ScenarioParameters)
TRACEBACK = "traceback.txt"


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended.

    Attributes:
        status: ``pass``, ``fail``, ``inconclusive`` or ``interrupted``.
        digest: digest of the run.
        events: events of the run.
        wall_s: how long it took, s.
        virtual_s: world time at the end, s.
        verdicts: one a checker, and one more if a handler raised.
        metrics: final figures that the scenario reported.
        run_dir: the folder, if one was kept.
        failure: what went wrong first, in one sentence; empty if nothing did.
        replay: the command that replays the run; empty if no folder was kept.
        manifest: all that is kept of the run besides events and series.
        not_finite: metrics that are NaN or infinite, such as ``wait.mean is nan``: JSON has no word
            for them, so in `metrics` they are None.
    """

    status: RunStatus
    digest: str
    events: int
    wall_s: float
    virtual_s: float
    verdicts: tuple[Verdict, ...]
    metrics: dict[str, Any]
    run_dir: Path | None
    failure: str
    replay: str
    manifest: Manifest
    not_finite: tuple[str, ...] = ()


class Run:
    """Everything around a run that does not depend on its world.

    Args:
        scenario: what is run.
        parameters: with what.
        seed: from which seed.
        kind: in which world.
        runs_dir: where to keep the folder; None keeps none.
        record_events: whether to record events; a number records at most so many.
        source: the Python file of the scenario, if it is not installed.
        plan: faults to schedule besides the scenario's own.

    Attributes:
        recorder: give it to the world; None if no events are to be recorded.
        began: the folder has been made.
    """

    def __init__(
        self,
        scenario: Scenario[P],
        parameters: P,
        seed: int,
        *,
        kind: str,
        runs_dir: Path | str | None,
        record_events: bool | int = True,
        source: Path | None = None,
        plan: Plan = (),
    ) -> None:
        self._folder = Recorder(events=record_events)
        self._runs_dir = runs_dir
        self.recorder = self._folder if record_events and runs_dir is not None else None
        self._manifest = new_manifest(
            scenario=scenario.name,
            parameters=parameters.model_dump(mode="json"),
            seed=seed,
            world=kind,
            source=source,
            plan=dump_plan(plan),
        )
        self._began_s = time.perf_counter()
        self.began = False

    def begin(self, world: World) -> None:
        """The world is built: make the folder, and start the clock. Again does nothing."""
        if self.began:
            return
        self.began = True
        adapters = {port: adapter.mode for port, adapter in sorted(world.adapters.items())}
        self._manifest = msgspec.structs.replace(self._manifest, adapters=adapters)
        if self._runs_dir is not None:
            self._manifest = self._folder.open(self._runs_dir, self._manifest)
        self._began_s = time.perf_counter()

    def end(
        self,
        world: World,
        *,
        digest: str,
        events: int,
        failure: PrsmError | None = None,
        interrupted: bool = False,
    ) -> RunResult:
        """The world has stopped: judge the run, and finish its folder.

        Args:
            failure: what stopped it, if it was a violation or an exception in a handler.
            interrupted: a person stopped it.
        """
        wall_s = time.perf_counter() - self._began_s
        broken = failure is not None
        last = _finish(world, judge=not broken and not interrupted)
        failure = failure or last
        verdicts = _verdicts(world, failure, self._last_event() if broken else None)
        watched = world.observatory
        manifest = msgspec.structs.replace(
            self._manifest,
            digest=digest,
            events=events,
            virtual_s=world.now,
            wall_s=round(wall_s, 6),
            status="interrupted" if interrupted else _status(verdicts),
            metrics=_plain(dict(watched.metrics)),
            counters=dict(watched.counters),
            coverage=dict(watched.coverage),
            faults=dict(watched.faults_struck),
        )
        manifest = self._keep(manifest, verdicts, world, failure)
        return RunResult(
            status=manifest.status,
            digest=digest,
            events=events,
            wall_s=manifest.wall_s,
            virtual_s=manifest.virtual_s,
            verdicts=tuple(verdicts),
            metrics=manifest.metrics,
            run_dir=None if self._runs_dir is None else self._folder.path,
            failure="" if failure is None else _one_line(failure),
            replay=manifest.replay,
            manifest=manifest,
            not_finite=tuple(_not_finite(watched.metrics)),
        )

    @contextmanager
    def kept(self, world: World) -> Iterator[None]:
        """Keep what was recorded if something other than the run itself goes wrong inside."""
        ended = False
        try:
            yield
            ended = True
        finally:
            if not ended:
                self.abort(world, sys.exception())

    def abort(self, world: World, error: BaseException | None) -> None:
        """Something other than the run itself went wrong: keep what was recorded."""
        manifest = msgspec.structs.replace(
            self._manifest, status="error", virtual_s=world.now, events=self._folder.count
        )
        self._keep(manifest, world.observatory.verdicts(), world, error)

    def _keep(
        self,
        manifest: Manifest,
        verdicts: list[Verdict],
        world: World,
        error: BaseException | None,
    ) -> Manifest:
        """Close the folder, if there is one; an exception's traceback goes beside the events."""
        if self._runs_dir is None:
            return manifest
        if error is not None and not isinstance(error, InvariantViolation):
            text = "".join(traceback.format_exception(error))
            (self._folder.path / TRACEBACK).write_text(text, "utf-8")
        return self._folder.close(manifest, verdicts, world.observatory.series)

    def _last_event(self) -> int | None:
        """Number of the last recorded event, if all were recorded."""
        return self._folder.count - 1 if self.recorder is not None and self._folder.count else None


def simulate(
    scenario: Scenario[P],
    parameters: P,
    seed: int,
    *,
    runs_dir: Path | str | None = "runs",
    record_events: bool | int = True,
    progress: Progress | None = None,
    source: Path | None = None,
    plan: Plan = (),
) -> RunResult:
    """Run a scenario in the simulator.

    Args:
        scenario: what to run.
        parameters: with what.
        seed: the whole story of the run, together with the two above.
        runs_dir: where to keep the run's folder; None keeps none.
        record_events: whether to record events; a number records at most so many, the first ones.
        progress: called now and then with virtual time and events so far.
        source: the Python file that holds the scenario, if it is not installed.
        plan: faults to schedule besides the scenario's own.

    Raises:
        UserError: the scenario refuses its parameters, or `runs_dir` cannot be written.
    """
    run = Run(
        scenario,
        parameters,
        seed,
        kind="sim",
        runs_dir=runs_dir,
        record_events=record_events,
        source=source,
        plan=plan,
    )
    interrupt = Interrupt(run.recorder, progress)
    sim = Sim(seed, recorder=None if run.recorder is None else interrupt)
    scenario.build(sim, parameters)
    sim.schedule(*plan)
    run.begin(sim)
    with run.kept(sim):
        failure = drive(sim, parameters, interrupt)
        return run.end(
            sim,
            digest=sim.digest,
            events=sim.events,
            failure=failure,
            interrupted=interrupt.happened,
        )


class Counting(Protocol):
    """A world that counts its events."""

    @property
    def events(self) -> int:
        """Events so far."""


def run_elsewhere(
    run_world: Callable[..., World],
    scenario: Scenario[P],
    parameters: P,
    seed: int,
    *,
    runs_dir: Path | str | None = "runs",
    record_events: bool | int = True,
    progress: Progress | None = None,
    source: Path | None = None,
    plan: Plan = (),
    **options: object,
) -> RunResult:
    """Run a scenario in another world than the simulator (the live one), and keep its folder.

    The folder is made when the world has come up, so a broker that cannot be reached leaves none.

    Args:
        run_world: ``run_world(scenario, parameters, seed, recorder=…, progress=…, begin=…,
            judge=False, **options)`` runs the scenario and returns the world; it calls `begin` with
            the world when it is built, and `progress` once it is up and now and then after.
        plan: faults to schedule besides the scenario's own.
        options: what `run_world` takes besides.

    Raises:
        UserError: the scenario refuses its parameters, or the world cannot come up.
    """
    run = Run(
        scenario,
        parameters,
        seed,
        kind="live",
        runs_dir=runs_dir,
        record_events=record_events,
        source=source,
        plan=plan,
    )
    built: list[World] = []

    def on_progress(time_s: Seconds, events: int) -> None:
        run.begin(built[0])
        if run.recorder is not None:
            run.recorder.flush()  # live, what has been recorded shall survive a kill
        if progress is not None:
            progress(time_s, events)

    options |= {"recorder": run.recorder, "progress": on_progress, "begin": built.append}
    options |= {"plan": plan} if plan else {}
    failure = _failure_of(
        lambda: run_world(scenario, parameters, seed, judge=False, **options), run, built
    )
    world = built[0]
    run.begin(world)
    return run.end(
        world,
        digest="",
        events=cast(Counting, world).events,
        failure=failure,
        interrupted=world.stopped == "interrupted",
    )


def _failure_of(
    run_world: Callable[[], World], run: Run, built: Sequence[World]
) -> PrsmError | None:
    """Run another world to its end; what stopped it, if it failed."""
    try:
        run_world()
    except UserError as error:
        if run.began:
            run.abort(built[0], error)
        raise
    except PrsmError as error:
        return error
    return None


class ScenarioFailed(PrsmError):
    """What a scenario does at the end of its run raised; the exception itself is the cause."""


def drive(sim: Sim, parameters: ScenarioParameters, interrupt: Interrupt) -> PrsmError | None:
    """Run a built world to its end; what stopped it, if it failed."""
    failure: PrsmError | None = None
    with stop_on_interrupt(interrupt):
        try:
            sim.run(
                until=parameters.duration_s,
                progress=interrupt.progress,
                sample_s=parameters.sample_s,
            )
        except UserError:
            raise
        except PrsmError as error:
            failure = error
    return failure


def _finish(world: World, *, judge: bool) -> PrsmError | None:
    """Let the scenario report its figures; what it or a judgement of the whole run found wrong.

    A run that stopped early is not judged as a whole: what it left undone is no finding.
    """
    watched = world.observatory
    try:
        with Guard(_report_failed, (PrsmError,)):
            if judge:
                watched.finish(world.now)
            else:
                watched.close(world.now)
    except PrsmError as error:
        return error
    return None


def _report_failed(error: Exception) -> ScenarioFailed:
    name = type(error).__name__
    return ScenarioFailed(f"the scenario's report at the end raised {name}: {error}")


def _verdicts(world: World, failure: PrsmError | None, last_event: int | None) -> list[Verdict]:
    """What the checkers concluded, with the number of the event at which the run failed."""
    verdicts = []
    for verdict in world.observatory.verdicts():
        if isinstance(failure, InvariantViolation) and verdict.name == failure.checker:
            verdict = msgspec.structs.replace(verdict, event=last_event)
        verdicts.append(verdict)
    if failure is not None and not isinstance(failure, InvariantViolation):
        text = _one_line(failure)
        verdicts.append(Verdict("no exception", "fail", 1, text, world.now, last_event))
    return verdicts


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _status(verdicts: Sequence[Verdict]) -> RunStatus:
    """The worst verdict. A run without checkers passes: it promised nothing."""
    statuses = {verdict.status for verdict in verdicts}
    if "fail" in statuses:
        return "fail"
    return "inconclusive" if "inconclusive" in statuses else "pass"


def _not_finite(values: Mapping[str, object], prefix: str = "") -> Iterator[str]:
    """The numbers among nested metrics that are none, by their dotted names."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _not_finite(value, f"{prefix}{name}.")
        elif isinstance(value, Real) and not math.isfinite(value):
            yield f"{prefix}{name} is {float(value)}"


def _plain(values: dict[str, object]) -> dict[str, Any]:
    """Metrics as JSON can hold them."""
    plain: dict[str, Any] = msgspec.json.decode(to_json(values))
    return plain
