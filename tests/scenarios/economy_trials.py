"""Trials of scenarios of the token economy: runs in two arms with the same seeds, and their books.

The intervals are Student's, over the differences of pairs; a difference is *shown* if the interval
leaves out 0.
"""

from typing import Any

import pytest

from prsm_sim.intervals import student
from prsm_sim.runner import RunResult, simulate
from prsm_sim.scenario import Scenario
from scenarios.token_economy.parameters import EconomyParameters
from scenarios.token_economy.purse import Purse

SMALL = {"audit_every": 40}


def run(scenario: Scenario[Any], seed: int = 1, **chosen: Any) -> RunResult:
    """One run whose money was conserved and whose books were audited."""
    parameters = scenario.parameters.model_validate({**SMALL, **chosen})
    assert isinstance(parameters, EconomyParameters)
    result = simulate(scenario, parameters, seed, runs_dir=None, record_events=False)
    assert result.status == "pass", result.failure
    conserved = next(v for v in result.verdicts if v.name == "conservation of money")
    assert conserved.evaluations == parameters.steps
    return result


def metric(result: RunResult, name: str) -> float:
    """A metric by its dotted name."""
    found: Any = result.metrics
    for word in name.split("."):
        found = found[word]
    return float(found)


Pairs = list[tuple[RunResult, RunResult]]
"""Runs of two arms, seed by seed."""


def pairs(
    scenario: Scenario[Any], seeds: int, first: dict[str, Any], second: dict[str, Any]
) -> Pairs:
    """Both arms with the seeds 1, 2, …"""
    return [
        (run(scenario, seed, **first), run(scenario, seed, **second))
        for seed in range(1, seeds + 1)
    ]


def differences(found: Pairs, name: str) -> list[float]:
    """Of a metric, second less first, by seed."""
    return [metric(second, name) - metric(first, name) for first, second in found]


def shown(values: list[float], level: float = 0.95) -> int:
    """1 if their mean is above 0 by its interval, −1 if below, 0 if neither is shown."""
    low, high = student(values, level)
    return int(low > 0) - int(high < 0)


def assert_paths_agree(scenario: Scenario[Any], seed: int = 3, **chosen: Any) -> None:
    """Asking all at once and one after the other are the same economy."""
    at_once = run(scenario, seed, path="vectorised", **chosen)
    one_by_one = run(scenario, seed, path="agents", **chosen)
    assert at_once.digest == one_by_one.digest
    assert at_once.metrics == one_by_one.metrics
    assert at_once.digest != run(scenario, seed + 1, path="vectorised", **chosen).digest


def assert_purse_adds_up(
    monkeypatch: pytest.MonkeyPatch, scenario: Scenario[Any], **chosen: Any
) -> RunResult:
    """Gain less cost is what the attackers' accounts are worth more than before the first step."""
    opened: list[tuple[Purse, int]] = []
    make = Purse.__init__

    def note(self: Purse, *arguments: Any) -> None:
        make(self, *arguments)
        opened.append((self, self.wealth_units()))

    monkeypatch.setattr(Purse, "__init__", note)
    result = run(scenario, **chosen)
    ((purse, first_units),) = opened
    assert purse.gain_units - purse.cost_units == purse.wealth_units() - first_units != 0
    assert metric(result, "attack.net_ftns") == pytest.approx(
        (purse.wealth_units() - first_units) / 10**18, abs=1e-6
    )
    return result
