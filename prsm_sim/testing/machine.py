"""A ready stateful machine: Hypothesis drives a world step by step.

Where `cases` draws a whole plan beforehand, the machine decides as it goes: run a little, break
something, run on, heal. Subclass it, say what world it is, and add rules of your own::

    class Elections(WorldMachine):
        target = "raft_election.py"

    TestElections = Elections.TestCase

The oracles of the scenario judge throughout; at the end everything is healed and the run goes on to
its end, so that liveness is judged too. A failure prints the steps, each fault as a line of a
schedule. What must be known before the first message is sent (deviations of single messages, who
lies) is drawn with the world itself.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from hypothesis.strategies import DrawFn

from prsm_sim.actor.errors import InvariantViolation, PrsmError, UserError
from prsm_sim.actor.types import Seconds
from prsm_sim.exposure import Exposure
from prsm_sim.faults import Fault
from prsm_sim.fuzz.makers import FOR_GOOD, MESSAGES, Maker, makers_for
from prsm_sim.fuzz.trial import EVENTS_LIMIT, conclude
from prsm_sim.parameters import build_parameters
from prsm_sim.schedule import format_fault
from prsm_sim.sim import Sim
from prsm_sim.testing.case import Case, Target, scenario_of
from prsm_sim.testing.plans import SEEDS, arena_of, draw_parameters, one_fault, patient, tell_lie

STEP_S = st.sampled_from([0.001, 0.01, 0.1, 1.0])
"""How long a step lasts, as a share of the time until all is healed."""
FAULTS_AT_FIRST = 3
"""At most so many deviations and lies are drawn with the world."""


class Strike:
    """A fault that is printed as a line.

    Attributes:
        fault: the fault; None: there is nothing that may be struck.
    """

    def __init__(self, fault: Fault | None) -> None:
        self.fault = fault

    def __repr__(self) -> str:
        """The line."""
        return "nothing" if self.fault is None else f"{format_fault(self.fault)!r}"


@st.composite
def _beginnings(draw: DrawFn) -> Case:
    """A world of the machine that asks, and what goes wrong in it from the start."""
    machine = draw(st.runner())
    scenario = scenario_of(machine.target)
    seed, values = draw(SEEDS), draw_parameters(draw, scenario, machine.parameters)
    arena = arena_of(scenario, values, seed)
    ground = arena.ground(draw)
    makers: tuple[Maker, ...] = tuple(one for one in makers_for(ground) if one in MESSAGES)
    if ground.broken:
        makers += (tell_lie, *FOR_GOOD)
    if not makers:
        return Case(machine.target, values, seed)
    plan = draw(st.lists(one_fault(ground, makers), max_size=FAULTS_AT_FIRST))
    return Case(machine.target, values, seed, tuple(plan))


@st.composite
def _strikes(draw: DrawFn) -> Strike:
    """A fault that strikes the world of the machine that asks, now, and is over in time."""
    machine = draw(st.runner())
    left_s = machine.exposure.heal_s - machine.sim.now
    ground = machine.arena.ground(draw)
    makers = [one for one in makers_for(ground) if one not in MESSAGES]
    if not makers or left_s <= 0.0:
        return Strike(None)
    return Strike(from_now_on(draw(one_fault(ground, makers)), machine.sim.now, left_s))


class WorldMachine(RuleBasedStateMachine):
    """A simulated world under Hypothesis's command.

    Attributes:
        target: a scenario, the name of an installed one, or ``file.py`` or ``file.py:name``.
        parameters: by name, a value or a Hypothesis strategy that draws it.
        sim: the world, from the first step on.
        case: what the world began with.
        arena: what faults are drawn from.
    """

    target: ClassVar[Target]
    parameters: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        """Give the machine settings under which whole worlds may run."""
        super().__init_subclass__(**options)
        cls.TestCase.settings = settings(patient, stateful_step_count=20)

    def __init__(self) -> None:
        super().__init__()
        self.sim = Sim(0)
        self.case: Case | None = None
        self._over = False

    @initialize(world=_beginnings())
    def build(self, world: Case) -> None:
        """Build the world."""
        scenario = scenario_of(world.target)
        self.sim = Sim(world.seed)
        self.case = world
        self.arena = arena_of(scenario, world.parameters, world.seed)
        self.built = build_parameters(scenario.parameters, world.parameters)
        scenario.build(self.sim, self.built)
        self.sim.schedule(*world.plan)

    @property
    def exposure(self) -> Exposure:
        """What may be struck."""
        return self.sim.exposure

    @rule(share=STEP_S)
    def run_on(self, share: float) -> None:
        """Let the world run for a while."""
        self.run_until(self.sim.now + share * self.exposure.heal_s)

    @rule(fault=_strikes())
    def strike(self, fault: Strike) -> None:
        """Break something from now on, for a while that ends before all shall be healed."""
        if fault.fault is not None and not self._over:
            self.sim.schedule(fault.fault)

    def run_until(self, time_s: Seconds) -> None:
        """Run to a time, at most to the end of the scenario.

        Raises:
            AssertionError: an oracle found something wrong, or a handler raised.
        """
        if self.case is None or self._over or self.sim.stopped is not None:
            return
        found: PrsmError | None = None
        try:
            self.sim.run(until=min(time_s, self.built.duration_s), progress=self._watch)
        except UserError:
            raise
        except PrsmError as error:
            found = error
        self._judge(found)

    def teardown(self) -> None:
        """Heal, run to the end, and judge the run as a whole."""
        if self.case is not None and not self._over:
            self._judge(conclude(self.sim, self.built, EVENTS_LIMIT))

    def _watch(self, _: Seconds, events: int) -> None:
        if events > EVENTS_LIMIT:
            self.sim.stop("too many events")

    def _judge(self, error: PrsmError | None) -> None:
        """Say what was found, once.

        From one place, and with no cause: by these Hypothesis tells one bug from another, and an
        oracle is one bug wherever in a run it breaks.
        """
        if error is None:
            return
        self._over = True
        if isinstance(error, InvariantViolation):
            text = f"{error.checker} broke at {error.time_s:.6f} s: {error.what}"
        else:
            text = " ".join(str(error).split())
        raise AssertionError(text)


def from_now_on(fault: Fault, now_s: Seconds, left_s: Seconds) -> Fault:
    """The same fault, but striking now and over in time."""
    changes: dict[str, object] = {"at_s": now_s}
    for_s = getattr(fault, "for_s", None)
    if isinstance(for_s, float):
        changes["for_s"] = min(for_s, left_s)
    changed: Fault = fault.model_copy(update=changes)
    return changed
