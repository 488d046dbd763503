"""Scenarios: a typed, frozen description of an experiment, and the function that builds it.

A scenario is one function ``build(world, parameters)`` that spawns actors, schedules faults and
adds checkers. It is given a `World` and cannot tell a simulated one from a live one, so one file
drives both.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

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
    """

    name: str
    summary: str
    parameters: type[P]
    build: Callable[["World", P], None]
    live_defaults: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    variants: Variants | None = None
    shrinks: tuple[str, ...] = ()


def scenario(
    parameters: type[P],
    *,
    live_defaults: Mapping[str, Any] | None = None,
    variants: Variants | None = None,
    shrinks: tuple[str, ...] = (),
) -> Callable[[Callable[["World", P], None]], Scenario[P]]:
    """Turn a build function into a `Scenario` named after it."""

    def make(build: Callable[["World", P], None]) -> Scenario[P]:
        summary = (build.__doc__ or build.__name__).strip().splitlines()[0]
        defaults = MappingProxyType(dict(live_defaults or {}))
        return Scenario(build.__name__, summary, parameters, build, defaults, variants, shrinks)

    return make
