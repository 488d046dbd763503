"""The floors stand, and the check that says so finds every kind of violation planted here."""

import subprocess
import sys

import pytest

from tests.law.floors import all_breaches, breaches_of


def test_nobody_breaks_the_law() -> None:
    assert [str(breach) for breach in all_breaches()] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("prsm_sim.actor.types", "import numpy"),
        ("prsm_sim.actor.types", "import prsm_sim.engine"),
        ("prsm_sim.actor.types", "import asyncio"),
        ("prsm_sim.engine", "from agents.consensus import replica"),
        ("prsm_sim.engine", "import economy.ledger"),
        ("prsm_sim.cli.run", "from importlib import import_module\nimport_module('live.node')"),
        ("economy.ledger", "from prsm_sim.sim import Sim"),
        ("economy.ledger", "import agents.pipeline"),
        ("agents.consensus.replica", "from agents.pipeline import router"),
        ("agents.consensus.replica", "from agents import pipeline"),
        ("agents.consensus.replica", "from ..pipeline import router"),
        ("agents.pipeline.router", "import simpy"),
        ("agents.pipeline.router", "import prsm_sim"),
        ("scenarios.research_market.scenario", "from live.world import Live"),
        ("live.world", "import scenarios"),
        ("dashboards.app", "from economy.money import ftns"),
        ("dashboards.app", "from prsm_sim.sim import Sim"),
    ],
)
def test_a_planted_import_is_found(module: str, source: str) -> None:
    assert list(breaches_of(source, module))


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from time import monotonic",
        "import random",
        "from random import choice",
        "import asyncio",
        "import socket",
        "import uuid",
        "import os",
        "from datetime import datetime",
        "import secrets",
        "import threading",
        "from numpy import random",
        "import numpy.random",
        "def handler(self):\n    import time\n    return time.time()",
        "handle = open('state')",
        "print('hello')",
        "order = hash('peer')",
        "for peer in set(peers):\n    send(peer)",
        "votes = [vote for vote in {1, 2, 3}]",
        "exec('import time')",
        "__import__('time')",
    ],
)
@pytest.mark.parametrize("module", ["agents.consensus.replica", "economy.ledger"])
def test_a_planted_clock_chance_or_socket_is_found(module: str, source: str) -> None:
    assert list(breaches_of(source, module))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("agents.consensus.replica", "from prsm_sim.actor import Actor"),
        ("agents.consensus.replica", "from agents.consensus.rules import quorum"),
        ("agents.pipeline.orchestrator", "from economy.pricing import price"),
        ("economy.ledger", "from fractions import Fraction"),
        ("scenarios.research_market.scenario", "from agents.pipeline import orchestrator"),
        ("live.world", "import asyncio"),
        ("agents.pipeline.router", "for peer in sorted(set(peers)):\n    send(peer)"),
    ],
)
def test_what_is_allowed_is_let_through(module: str, source: str) -> None:
    assert list(breaches_of(source, module)) == []


def test_floor_0_loads_the_standard_library_and_msgspec_only() -> None:
    """What floor 0 pulls in at run time, seen from a fresh interpreter."""
    script = (
        "import sys; import prsm_sim.actor; "
        "names = {n.split('.')[0] for n, m in sys.modules.items() if m is not None}; "
        "print(sorted(n for n in names if n not in sys.stdlib_module_names "
        "and not n.startswith(('_', 'sitecustomize', 'distutils'))))"
    )
    command = [sys.executable, "-c", script]
    seen = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    loaded = {name for name in eval(seen) if not name.startswith("__")}
    # msgspec itself loads typing_extensions, where that is installed
    assert loaded - {"typing_extensions"} == {"prsm_sim", "msgspec"}
