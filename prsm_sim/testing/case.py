"""A case: a scenario, its parameters, a seed and a plan; one run, judged.

It is what a generated test holds, what Hypothesis draws, and what a person pastes into a test of
their own: its `repr` is Python that makes it again, with a story inside, because faults are lines
(`prsm_sim.schedule`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prsm_sim.fuzz.trial import EVENTS_LIMIT, Trial, run_trial
from prsm_sim.parameters import build_parameters
from prsm_sim.plan import Plan, dump_plan, read_plan
from prsm_sim.registry import known_scenario
from prsm_sim.scenario import Scenario
from prsm_sim.schedule import format_fault, parse_schedule

Target = str | Scenario[Any]
"""A scenario: itself, the name of an installed one, or ``file.py`` or ``file.py:name``."""


@dataclass(frozen=True)
class Case:
    """One run to be judged.

    Attributes:
        target: a scenario, the name of an installed one, or ``file.py`` or ``file.py:name``.
        parameters: by name; the rest are at their defaults.
        seed: the seed.
        plan: the faults; lines of a schedule, and mappings with a ``kind``, are read as such.
    """

    target: Target
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    plan: Plan = ()

    def __post_init__(self) -> None:
        """Read a plan that was given as text or as mappings.

        Raises:
            UserError: it is no plan; the text says which fault and what is wrong.
        """
        object.__setattr__(self, "plan", plan_of(self.plan))

    def run(self, *, events_limit: int = EVENTS_LIMIT) -> Trial:
        """Run it; nothing is recorded. A run of more events than `events_limit` is given up.

        Raises:
            UserError: there is no such scenario, or a parameter or fault is wrong.
        """
        scenario = scenario_of(self.target)
        parameters = build_parameters(scenario.parameters, self.parameters)
        return run_trial(scenario, parameters, self.seed, self.plan, events_limit=events_limit)

    def check(self, *, events_limit: int = EVENTS_LIMIT) -> Trial:
        """Run it and assert that no oracle finds anything wrong.

        Raises:
            AssertionError: one did; the text says which, what and when.
            UserError: as `run`.
        """
        trial = self.run(events_limit=events_limit)
        if trial.finding is not None:
            found = trial.finding
            raise AssertionError(f"{found.oracle} broke at {found.time_s:.6f} s: {found.what}")
        return trial

    def __repr__(self) -> str:
        """Python that makes this case again, and the story of its faults."""
        parts = [repr(target_name(self.target))]
        parts += [repr(dict(self.parameters))] if self.parameters else []
        parts.append(f"seed={self.seed}")
        if self.plan:
            parts.append(f"plan={plan_text(self.plan)}")
        return f"Case({', '.join(parts)})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """How Hypothesis prints a falsifying example."""
        lines = repr(self).splitlines()
        printer.text(lines[0])
        for line in lines[1:]:
            printer.break_()
            printer.text(line)


def assert_holds(
    target: Target,
    parameters: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    plan: str | Sequence[Any] = (),
) -> Trial:
    """Assert that no oracle finds anything wrong in a case; returns the trial.

    Args:
        target: a scenario, the name of an installed one, or ``file.py`` or ``file.py:name``.
        parameters: by name; the rest are at their defaults.
        seed: the seed.
        plan: faults, as lines of a schedule, as values, or as mappings with a ``kind``.

    Raises:
        AssertionError: an oracle did; the text says which, what and when.
        UserError: there is no such scenario, or a parameter or fault is wrong.
    """
    return Case(target, parameters or {}, seed, plan_of(plan)).check()


def plan_of(plan: str | Sequence[Any]) -> Plan:
    """A plan out of lines of a schedule, of faults, or of mappings with a ``kind``.

    Raises:
        UserError: it is none.
    """
    if isinstance(plan, str):
        return parse_schedule(plan, ())
    if not any(isinstance(entry, str | Mapping) for entry in plan):
        return tuple(plan)
    plain = [e if isinstance(e, str | Mapping) else dump_plan((e,))[0] for e in plan]
    return read_plan(plain, "plan")


def plan_text(plan: Plan) -> str:
    """A plan as a Python string of lines."""
    lines = "".join(f"    {format_fault(fault)}\n" for fault in plan).replace("\\", "\\\\")
    return f'"""\n{lines}"""'


def target_name(target: Target) -> str:
    """What names a scenario in a story."""
    return target if isinstance(target, str) else target.name


def scenario_of(target: Target) -> Scenario[Any]:
    """The scenario that a target names.

    A file is imported once, not for every case, unless it has changed.

    Raises:
        UserError: there is none.
    """
    return target if isinstance(target, Scenario) else known_scenario(target, fresh=True)
