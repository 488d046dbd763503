"""The node: puts a live world together and runs a scenario in it.

This is the one place that knows which transport, broker and store a run uses; the scenario builds
the same peers as in the simulator and cannot tell.
"""

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from live.inprocess import InProcess
from live.mqtt import Mqtt
from live.store import Backend, MemoryBackend, SqliteBackend
from live.transport import Transport
from live.world import Live, Recording
from prsm_sim.actor.errors import UserError
from prsm_sim.actor.types import Seconds
from prsm_sim.interrupt import Interrupt, stop_on_interrupt
from prsm_sim.plan import Plan
from prsm_sim.scenario import Scenario, ScenarioParameters

P = TypeVar("P", bound=ScenarioParameters)
TRANSPORTS = ("mqtt", "inprocess")
INTERRUPTED = "interrupted"
"""What `Live.stopped` says after Ctrl-C."""


def run_live(
    scenario: Scenario[P],
    parameters: P,
    seed: int,
    *,
    broker: str | None = None,
    transport: str = "mqtt",
    store: Path | None = None,
    recorder: Recording | None = None,
    progress: Callable[[Seconds, int], None] | None = None,
    begin: Callable[[Live], None] | None = None,
    judge: bool = True,
    plan: Plan = (),
) -> Live:
    """Run a scenario live, to its end or until Ctrl-C.

    Args:
        scenario: what to run.
        parameters: with what.
        seed: of the actors' randomness; live, it is not the whole story.
        broker: address of an MQTT broker; None starts the embedded one.
        transport: ``mqtt`` or ``inprocess``.
        store: folder for the peers' durable stores; None keeps them in memory.
        recorder: takes down deliveries, timers and facts.
        progress: called with the time and the events so far, with every sample of the gauges.
        begin: called with the world when it is built, before it runs.
        judge: close the observatory at the end; False leaves that to the caller.
        plan: faults to schedule besides the scenario's own.

    Returns:
        The world as it was at its end; its `stopped` is ``"interrupted"`` after Ctrl-C.

    Raises:
        UserError: the transport is unknown, or the broker cannot be reached.
        HandlerFailed: an actor's code raised.
        InvariantViolation: a checker found the world wrong.
    """
    backend: Backend = MemoryBackend() if store is None else SqliteBackend(store)
    run_name = secrets.token_hex(8)
    world = Live(
        seed,
        transport=_transport(transport, broker, run_name),
        backend=backend,
        recording=recorder,
        run_name=run_name,
    )
    scenario.build(world, parameters)
    world.schedule(*plan)
    if begin is not None:
        begin(world)
    with stop_on_interrupt(Interrupt(), lambda: world.stop(INTERRUPTED)):
        asyncio.run(
            world.run(parameters.duration_s, sample_s=parameters.sample_s, progress=progress)
        )
    if judge and world.stopped == INTERRUPTED:
        world.observatory.close(world.now)
    elif judge:
        world.observatory.finish(world.now)
    return world


def _transport(name: str, broker: str | None, run_name: str) -> Transport:
    if name == "mqtt":
        return Mqtt(broker, run_name)
    if name != "inprocess":
        raise UserError(f"no transport is called {name!r}; they are {', '.join(TRANSPORTS)}")
    if broker is not None:
        raise UserError("the in-process transport uses no broker; leave out --broker or take mqtt")
    return InProcess()
