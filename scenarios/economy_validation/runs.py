"""Runs of scenarios whose figures are compared; a run that breaks its own checks has none."""

from typing import Any, TypeVar

from prsm_sim.runner import simulate
from prsm_sim.scenario import Scenario, ScenarioParameters

P = TypeVar("P", bound=ScenarioParameters)


class UnsoundRun(Exception):
    """A run failed: its money did not add up, say."""


def figures_of(scenario: Scenario[P], parameters: P, seed: int) -> dict[str, Any]:
    """The metrics of a run.

    Raises:
        UnsoundRun: it failed.
        KeyboardInterrupt: it was interrupted.
    """
    result = simulate(scenario, parameters, seed, runs_dir=None)
    if result.status == "interrupted":
        raise KeyboardInterrupt
    if result.status != "pass":
        raise UnsoundRun(f"{scenario.name}, seed {seed}: {result.failure or result.status}")
    return result.metrics
