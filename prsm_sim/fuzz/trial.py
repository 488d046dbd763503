"""A trial: one simulated run under a plan of faults, and what its oracles found.

It is a `runner.simulate` without the folder: nothing is recorded, because hundreds of trials a
second are run and nearly all of them pass. One that fails is run again with a recorder.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from prsm_sim.actor.errors import InvariantViolation, PrsmError, UserError
from prsm_sim.actor.types import Seconds
from prsm_sim.plan import Plan
from prsm_sim.scenario import Scenario, ScenarioParameters
from prsm_sim.sim import Sim

EVENTS_LIMIT = 400_000
"""A trial with more events than this is given up as inconclusive."""
NO_EXCEPTION = "no exception"
"""The oracle that a handler's exception breaks."""
_TOO_LONG = "too many events"
_EFFECT = "fault effect: "

Draw = Callable[[Sim], Plan]


class Finding(msgspec.Struct, frozen=True):
    """What an oracle found wrong.

    Attributes:
        oracle: its name.
        what: one sentence.
        time_s: world time, s.
    """

    oracle: str
    what: str
    time_s: Seconds


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One run under a plan.

    Attributes:
        seed: its seed.
        parameters: those of the scenario that were set, as JSON holds them.
        plan: the faults.
        finding: the first thing that an oracle found wrong; None: nothing.
        conclusive: it was not given up, and no oracle was without a judgement for want of effort.
        digest: digest of the run; empty if none was computed.
        events: events of the run.
        faults: of each kind of fault how many struck.
        effects: of each kind how often it made a difference.
        coverage: how often each `sometimes` label held.
    """

    seed: int
    parameters: dict[str, Any]
    plan: Plan
    finding: Finding | None
    conclusive: bool
    digest: str
    events: int
    faults: dict[str, int]
    effects: dict[str, int]
    coverage: dict[str, int]


def run_trial(
    scenario: Scenario[Any],
    parameters: ScenarioParameters,
    seed: int,
    plan: Plan | Draw,
    *,
    events_limit: int = EVENTS_LIMIT,
    digest: bool = True,
) -> Trial:
    """Run a scenario once, under `plan` or under what `plan` draws when the world is built.

    Args:
        scenario: what is run.
        parameters: with what.
        seed: from which seed.
        plan: the faults, or what draws them.
        events_limit: give the trial up as inconclusive after so many events.
        digest: compute the digest of the run; off, its trial has an empty one, and a message that
            has no canonical bytes passes unnoticed.

    Raises:
        UserError: the scenario refuses its parameters, or a fault names an unknown peer.
    """
    sim = Sim(seed, digest=digest)
    scenario.build(sim, parameters)
    faults = plan(sim) if callable(plan) else plan
    sim.schedule(*faults)
    error = conclude(sim, parameters, events_limit)
    watched = sim.observatory
    return Trial(
        seed=seed,
        parameters=parameters.model_dump(mode="json", exclude_unset=True),
        plan=faults,
        finding=None if error is None else _finding(error, sim.now),
        conclusive=sim.stopped != _TOO_LONG,
        digest=sim.digest if digest else "",
        events=sim.events,
        faults=dict(watched.faults_struck),
        effects={
            name.removeprefix(_EFFECT): count
            for name, count in watched.counters.items()
            if name.startswith(_EFFECT)
        },
        coverage=dict(watched.coverage),
    )


def conclude(sim: Sim, parameters: ScenarioParameters, events_limit: int) -> PrsmError | None:
    """Run a built world to its end and judge it; what went wrong first. Nothing is reported."""

    def watch(_: Seconds, events: int) -> None:
        if events > events_limit:
            sim.stop(_TOO_LONG)

    try:
        sim.run(until=parameters.duration_s, progress=watch)
        if sim.stopped != _TOO_LONG:
            return sim.observatory.judge(sim.now)
    except UserError:
        raise
    except PrsmError as error:
        return error
    return None


def _finding(error: PrsmError, now_s: Seconds) -> Finding:
    if isinstance(error, InvariantViolation):
        return Finding(error.checker, error.what, error.time_s)
    return Finding(NO_EXCEPTION, " ".join(str(error).split()), now_s)
