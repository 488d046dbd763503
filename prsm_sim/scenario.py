"""Scenarios: a typed, frozen description of an experiment, and the function that builds it.

A scenario is one function ``build(world, parameters)`` that spawns actors, schedules faults and
adds checkers. It is given a `World` and cannot tell a simulated one from a live one, so one file
drives both.

A scenario may also ask a *question*: what does a treatment change, against a control? It says
beforehand what is held true unless runs speak against it (the null hypothesis), and which measure
decides, so that nobody picks the measure after seeing the numbers. And it may offer an *attack*:
what a rational attacker may choose, and which metrics say what came of it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from prsm_sim.actor.context import Random

if TYPE_CHECKING:
    from prsm_sim.world import World


class ScenarioParameters(BaseModel):
    """Base of every scenario's parameters: frozen, typed, and no unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    duration_s: float = Field(
        60.0, gt=0, le=1e9, description="the run ends at this time at last, s"
    )
    sample_s: float = Field(1.0, gt=0, description="interval between samples of the gauges, s")


P = TypeVar("P", bound=ScenarioParameters)
Variants = Callable[[Random], Mapping[str, Any]]
Direction = Literal["greater", "less", "different"]


@dataclass(frozen=True)
class Measure:
    """A metric that a question looks at.

    Attributes:
        metric: its dotted name among a run's metrics.
        meaning: what it is, in words, with its unit.
        expected: the alternative hypothesis about treatment − control.
    """

    metric: str
    meaning: str
    expected: Direction = "different"

    def __post_init__(self) -> None:
        if not self.metric.strip() or not self.meaning.strip():
            raise ValueError("a measure has a metric, and says what it means")
        if self.expected not in ("greater", "less", "different"):
            raise ValueError(f"{self.metric}: expected is greater, less or different")


@dataclass(frozen=True)
class Question:
    """What a scenario is there to find out: the same seeds under a control and a treatment.

    Attributes:
        question: one sentence.
        null_hypothesis: what holds unless the runs speak against it, one sentence.
        control: parameters of one arm by their (dotted) names; the others keep their values.
        treatment: parameters of the other arm.
        measures: what is looked at; the first one, the primary measure, decides.
        seeds: runs of each arm, unless a person wants others.

    Raises:
        ValueError: there is nothing to compare, or nothing to compare by.
    """

    question: str
    null_hypothesis: str
    control: Mapping[str, Any]
    treatment: Mapping[str, Any]
    measures: tuple[Measure, ...]
    seeds: int = 30

    def __post_init__(self) -> None:
        if not self.question.strip() or not self.null_hypothesis.strip():
            raise ValueError("a question is a sentence, and so is its null hypothesis")
        metrics = [measure.metric for measure in self.measures]
        if not metrics:
            raise ValueError(f"{self.question}: no measure; the first one decides")
        if len(set(metrics)) < len(metrics):
            raise ValueError(f"{self.question}: a metric is measured twice ({', '.join(metrics)})")
        if self.control == self.treatment:
            raise ValueError(f"{self.question}: control and treatment are the same")
        if self.seeds < 2:
            raise ValueError(f"{self.question}: an interval takes 2 seeds or more")
        for name in ("control", "treatment"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))


@dataclass(frozen=True)
class Knob:
    """A number that an attacker chooses.

    Attributes:
        parameter: its (dotted) name; one of whole numbers is given whole numbers only.
        low: smallest value.
        high: largest value.
        logarithmic: equal ratios are searched as densely as each other, not equal differences.

    Raises:
        ValueError: it is no range.
    """

    parameter: str
    low: float
    high: float
    logarithmic: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"{self.parameter}: {self.low} to {self.high} is no range")
        if self.logarithmic and self.low <= 0:
            raise ValueError(f"{self.parameter}: a logarithmic range begins above 0")


@dataclass(frozen=True)
class Choice:
    """One of several values that an attacker chooses.

    Attributes:
        parameter: its (dotted) name.
        values: among which.

    Raises:
        ValueError: there is nothing to choose.
    """

    parameter: str
    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        alike = any(one in self.values[:n] for n, one in enumerate(self.values))
        if len(self.values) < 2 or alike:
            raise ValueError(f"{self.parameter}: a choice is among several different values")


Option: TypeAlias = Knob | Choice


@dataclass(frozen=True)
class Attack:
    """What a rational attacker may choose, and the metrics that say what came of it.

    Attributes:
        space: what is chosen.
        gain: dotted name of the metric of what the attack brings in; net gain is gain − cost.
        cost: of what it costs the attacker.
        harm: of what others lose by it.

    Raises:
        ValueError: there is nothing to choose, or a parameter is chosen twice.
    """

    space: tuple[Option, ...]
    gain: str = "attack.gain_ftns"
    cost: str = "attack.cost_ftns"
    harm: str = "attack.harm_ftns"

    def __post_init__(self) -> None:
        names = [one.parameter for one in self.space]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"an attacker chooses parameters, each once ({', '.join(names)})")


@dataclass(frozen=True)
class Scenario(Generic[P]):
    """A named experiment.

    Attributes:
        name: how it is called on the command line.
        summary: its first docstring line.
        parameters: the type of its parameters.
        build: called once with a fresh world; registers all that the run needs.
        live_defaults: parameters that a live run sets unless the user does (a smaller load, say).
        variants: draws the parameters that a fuzzer varies from seed to seed, such as the size of a
            committee; None: it varies nothing.
        shrinks: names of whole numbers that a shrinker may make smaller, such as how much is done.
        question: what it is there to find out (`prsm answer`); None: it asks nothing.
        attack: what an attacker may choose (`prsm attack`); None: nobody attacks.

    Raises:
        ValueError: the question or the attack names a parameter that is not there, or a value that
            the parameters refuse.
    """

    name: str
    summary: str
    parameters: type[P]
    build: Callable[["World", P], None]
    live_defaults: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    variants: Variants | None = None
    shrinks: tuple[str, ...] = ()
    question: Question | None = None
    attack: Attack | None = None

    def __post_init__(self) -> None:
        if self.question is None and self.attack is None:
            return
        from prsm_sim.arms import check_attack, check_question  # it needs the parameters of here

        if self.question is not None:
            check_question(self.name, self.parameters, self.question)
        if self.attack is not None:
            check_attack(self.name, self.parameters, self.attack)


def scenario(
    parameters: type[P],
    *,
    live_defaults: Mapping[str, Any] | None = None,
    variants: Variants | None = None,
    shrinks: tuple[str, ...] = (),
    question: Question | None = None,
    attack: Attack | None = None,
) -> Callable[[Callable[["World", P], None]], Scenario[P]]:
    """Turn a build function into a `Scenario` named after it."""

    def make(build: Callable[["World", P], None]) -> Scenario[P]:
        summary = (build.__doc__ or build.__name__).strip().splitlines()[0]
        defaults = MappingProxyType(dict(live_defaults or {}))
        return Scenario(
            build.__name__, summary, parameters, build,
            defaults, variants, shrinks, question, attack,
        )  # fmt: skip

    return make
