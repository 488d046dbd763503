"""PRSM sim: one actor, two worlds. The engine, the contract and the testbed (no protocol).

Names are loaded on first use, so that protocol code which imports `prsm_sim.actor` does not load
the engine with it.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Environment": "prsm_sim.engine",
    "Network": "prsm_sim.network",
    "Scenario": "prsm_sim.scenario",
    "ScenarioParameters": "prsm_sim.scenario",
    "Sim": "prsm_sim.sim",
    "World": "prsm_sim.world",
}

__all__ = ["Environment", "Network", "Scenario", "ScenarioParameters", "Sim", "World"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'prsm_sim' has no attribute {name!r}")
