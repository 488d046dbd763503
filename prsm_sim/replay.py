"""Replay: a recorded simulation done again from its parameters and seed.

Nothing of the recorded events is fed back. The same version, scenario and seed must go the same way
by themselves, so a replay that reaches the same digest is evidence of determinism, and one that
stops at an event shows how the world came there.
"""

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

import prsm_sim
from prsm_sim.actor.errors import UserError
from prsm_sim.actor.types import PeerId, Seconds
from prsm_sim.interrupt import Interrupt, Progress
from prsm_sim.manifest import file_sha256
from prsm_sim.parameters import build_parameters
from prsm_sim.plan import load_plan
from prsm_sim.recorder import describe_event
from prsm_sim.registry import find_scenario
from prsm_sim.run_folder import Event, RunFolder, show_path
from prsm_sim.runner import Run, RunResult, drive, simulate
from prsm_sim.scenario import Scenario, ScenarioParameters
from prsm_sim.sim import Sim


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay found.

    Attributes:
        result: the run, done again.
        same: whether it went the same way as the recorded one.
        warnings: what has changed since the run was recorded.
    """

    result: RunResult
    same: bool
    warnings: tuple[str, ...]


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """What led up to an event.

    Attributes:
        events: the last events, oldest first.
        reached: whether the run came as far as the event.
        failure: what stopped it before, in one sentence; empty if nothing did.
        warnings: what has changed since the run was recorded.
    """

    events: list[Event]
    reached: bool
    failure: str
    warnings: tuple[str, ...]


def replay(
    folder: RunFolder,
    *,
    runs_dir: Path | str | None = None,
    progress: Progress | None = None,
) -> Replayed:
    """Run a recorded simulation again, and compare the digests.

    Args:
        runs_dir: where to keep a folder of the replay; None keeps none.

    Raises:
        UserError: it was a live run or is unfinished, or its scenario is no longer there.
    """
    scenario, parameters, source, warnings = again(folder)
    if folder.manifest.status == "running":
        raise UserError(
            f"{folder.path}: still running or killed, so there is no digest to compare; "
            f"look at it: prsm replay {show_path(folder.path)} --until EVENT"
        )
    if folder.manifest.status == "interrupted":
        result = _as_far(folder, scenario, parameters, progress)
    else:
        result = simulate(
            scenario,
            parameters,
            folder.manifest.seed,
            runs_dir=runs_dir,
            progress=progress,
            source=source,
            plan=load_plan(folder.manifest.plan, str(folder.path)),
        )
    return Replayed(result=result, same=result.digest == folder.manifest.digest, warnings=warnings)


def _as_far(
    folder: RunFolder,
    scenario: Scenario[Any],
    parameters: ScenarioParameters,
    progress: Progress | None,
) -> RunResult:
    """Run as far as an interrupted run came. Ctrl-C is heeded between two buckets of events, and
    these fall in the same places again, so the digests can be compared."""
    stop = StopAfter(folder.manifest.events)
    interrupt = Interrupt(stop, progress)
    run = Run(scenario, parameters, folder.manifest.seed, kind="sim", runs_dir=None)
    stop.sim = sim = Sim(folder.manifest.seed, recorder=interrupt)
    scenario.build(sim, parameters)
    sim.schedule(*load_plan(folder.manifest.plan, str(folder.path)))
    run.begin(sim)
    failure = drive(sim, parameters, interrupt)
    return run.end(sim, digest=sim.digest, events=sim.events, failure=failure, interrupted=True)


class StopAfter:
    """A recorder that keeps nothing, and stops the run once it has executed so many events."""

    sim: Sim

    def __init__(self, events: int) -> None:
        self._events = events

    def bucket(self, events: Sequence[tuple[Seconds, PeerId, PeerId, object]]) -> None:
        """Stop the run if it has come far enough."""
        if self.sim.events >= self._events:
            self._events = 1 << 62
            raise KeyboardInterrupt


def replay_until(
    folder: RunFolder, until: int, *, keep: int = 20, progress: Progress | None = None
) -> Passage:
    """Run a recorded simulation again up to and with event number `until`.

    Raises:
        UserError: it was a live run, or its scenario is no longer there.
    """
    scenario, parameters, _, warnings = again(folder)
    tail = Tail(until, keep)
    interrupt = Interrupt(tail, progress)
    sim = Sim(folder.manifest.seed, recorder=interrupt)
    scenario.build(sim, parameters)
    sim.schedule(*load_plan(folder.manifest.plan, str(folder.path)))
    failure = drive(sim, parameters, interrupt)
    return Passage(
        events=tail.events(),
        reached=tail.reached,
        failure="" if failure is None or tail.reached else " ".join(str(failure).split()),
        warnings=warnings,
    )


class Tail:
    """A recorder that keeps the last events in memory, and stops the run at an event number.

    Attributes:
        reached: the event has been seen.
    """

    def __init__(self, until: int, keep: int) -> None:
        self.reached = False
        self._until = until
        self._count = 0
        self._kept: deque[tuple[int, tuple[Seconds, PeerId, PeerId, object]]] = deque(maxlen=keep)

    def bucket(self, events: Sequence[tuple[Seconds, PeerId, PeerId, object]]) -> None:
        """Take a batch; the run ends after the one that holds the event."""
        wanted = events[: max(0, self._until + 1 - self._count)]
        self._kept.extend(enumerate(wanted, self._count))
        self._count += len(wanted)
        if self._count > self._until and not self.reached:
            self.reached = True
            raise KeyboardInterrupt

    def events(self) -> list[Event]:
        """What was kept, oldest first."""
        return [describe_event(n, event) for n, event in self._kept]


def again(
    folder: RunFolder,
) -> tuple[Scenario[Any], ScenarioParameters, Path | None, tuple[str, ...]]:
    """The scenario and parameters of a recorded run, and what has changed since."""
    manifest = folder.manifest
    if manifest.world != "sim":
        raise UserError(
            f"{folder.path}: a live run, its seed is not its whole story; simulate the same: "
            f"prsm run {manifest.scenario} --seed {manifest.seed}"
        )
    warnings = []
    if manifest.version != prsm_sim.__version__:
        warnings.append(
            f"recorded by version {manifest.version}, replayed by {prsm_sim.__version__}: "
            "the digest may differ"
        )
    source = None if manifest.source is None else Path(manifest.source)
    if source is None:
        scenario = find_scenario(manifest.scenario).scenario
    else:
        scenario = find_scenario(f"{source}:{manifest.scenario}").scenario
        if file_sha256(source) != manifest.source_sha256:
            warnings.append(f"{source} has changed since the run: the digest may differ")
    try:
        parameters = build_parameters(scenario.parameters, manifest.parameters)
    except UserError as error:
        raise UserError(
            f"{folder.path}/manifest.json: the scenario no longer takes these parameters, {error}"
        ) from error
    return scenario, parameters, source, tuple(warnings)
