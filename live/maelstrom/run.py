"""Runs a workload against processes: the composition root of this world."""

import asyncio
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from live.maelstrom.scenario import MaelstromParameters, maelstrom_scenario
from live.maelstrom.workloads import WORKLOADS
from live.maelstrom.world import Maelstrom
from prsm_sim.actor.errors import UserError
from prsm_sim.actor.types import Seconds
from prsm_sim.interrupt import Interrupt, stop_on_interrupt
from prsm_sim.parameters import build_parameters
from prsm_sim.recorder import Recorder
from prsm_sim.runner import RunResult, run_elsewhere
from prsm_sim.scenario import Scenario

INTERRUPTED = "interrupted"
"""What `Maelstrom.stopped` says after Ctrl-C."""


def run_maelstrom(
    workload: str,
    command: Sequence[str],
    seed: int,
    *,
    values: Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    runs_dir: Path | str | None = "runs",
    record_events: bool | int = True,
    progress: Callable[[Seconds, int], None] | None = None,
) -> RunResult:
    """Put a workload to processes of `command`, and keep the run's folder.

    Args:
        workload: ``echo``, ``broadcast``, ``g-set`` or ``lin-kv``.
        command: program and arguments of a node.
        seed: of the operations, the faults and each link's draws; not of the processes' timing.
        values: parameters by name (`MaelstromParameters`).
        overrides: texts ``name=value``, laid over them.
        runs_dir: where to keep the run's folder; None keeps none.
        record_events: whether to record events; a number records at most so many.
        progress: called now and then with world time and letters so far.

    Raises:
        UserError: no such workload or program, or a parameter is wrong.
    """
    if workload not in WORKLOADS:
        raise UserError(f"{workload}: no such workload; they are {', '.join(WORKLOADS)}")
    if not command:
        raise UserError("no command; name a node's program after --, such as -- python node.py")
    if shutil.which(command[0]) is None:
        raise UserError(
            f"{command[0]}: no such program; name one after --, such as -- python node.py"
        )
    scenario = maelstrom_scenario(workload)
    given = dict(values or {}) | {"command": list(command)}
    parameters = build_parameters(MaelstromParameters, given, overrides)
    return run_elsewhere(
        live_through,
        scenario,
        parameters,
        seed,
        runs_dir=runs_dir,
        record_events=record_events,
        progress=progress,
    )


def live_through(
    scenario: Scenario[MaelstromParameters],
    parameters: MaelstromParameters,
    seed: int,
    *,
    recorder: Recorder | None = None,
    progress: Callable[[Seconds, int], None] | None = None,
    begin: Callable[[Maelstrom], None] | None = None,
    judge: bool = True,
) -> Maelstrom:
    """Run a scenario among processes, to its end or until Ctrl-C; every process is ended.

    Args:
        recorder: takes down letters and facts.
        progress: called with the time and the letters so far, with every sample of the gauges.
        begin: called with the world when it is built.
        judge: close the observatory at the end; False leaves that to the caller.

    Raises:
        InvariantViolation: a checker found the world wrong, or a node broke the protocol.
        UserError: the command cannot be started.
    """
    world = Maelstrom(seed, recorder=recorder)
    scenario.build(world, parameters)
    if begin is not None:
        begin(world)
    if progress is not None:
        progress(0.0, 0)  # the folder is made now, for the nodes' logs

    async def run() -> None:
        world.sample_every(parameters.sample_s, progress)
        await world.run()

    try:
        with stop_on_interrupt(Interrupt(), lambda: world.stop(INTERRUPTED)), _terminated(world):
            asyncio.run(run())
    finally:
        world.kill_all()
    if judge and world.stopped == INTERRUPTED:
        world.observatory.close(world.now)
    elif judge:
        world.observatory.finish(world.now)
    return world


@contextmanager
def _terminated(world: Maelstrom) -> Iterator[None]:
    """SIGTERM ends the run as Ctrl-C does: no process may outlive us."""

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        world.stop(INTERRUPTED)

    try:
        before = signal.signal(signal.SIGTERM, on_signal)
    except ValueError:  # off the main thread Python delivers no signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
