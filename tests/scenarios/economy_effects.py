"""Effects of scenarios of the token economy, several metrics at once, and the sums of an attack."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from prsm_sim.intervals import student
from prsm_sim.runner import RunResult
from prsm_sim.scenario import Scenario
from tests.scenarios.economy_trials import metric, run

LEVEL = 0.99


def effects(
    scenario: Scenario[Any],
    names: Iterable[str],
    control: dict[str, Any],
    treatment: dict[str, Any],
    seeds: int = 8,
) -> dict[str, tuple[float, float]]:
    """Student's interval of treatment − control, paired by seed, for each metric."""
    metrics = list(names)
    rows = []
    for seed in range(1, seeds + 1):
        one, other = (run(scenario, seed, **arm) for arm in (control, treatment))
        rows.append([metric(other, name) - metric(one, name) for name in metrics])
    return {
        name: student(column.tolist(), LEVEL)
        for name, column in zip(metrics, np.array(rows).T, strict=True)
    }


def attack_of(result: RunResult) -> dict[str, Any]:
    """What a run reports of an attack; net is gain less cost, return is their ratio less 1."""
    attack: dict[str, Any] = result.metrics["attack"]
    cost, gain = attack["cost_ftns"], attack["gain_ftns"]
    assert cost >= 0 <= gain
    assert attack["net_ftns"] == pytest.approx(gain - cost)
    assert attack["return"] == (pytest.approx(gain / cost - 1) if cost else None)
    return attack
