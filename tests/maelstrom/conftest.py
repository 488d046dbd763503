"""What the tests of processes share: the nodes, and a quick run of a workload against one."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from live.maelstrom.run import run_maelstrom
from prsm_sim.runner import RunResult

NODES = str(Path(__file__).with_name("nodes.py"))
QUICK = {
    "nodes": 2, "rate": 80.0, "duration_s": 0.6, "settle_s": 0.3, "timeout_s": 0.3,
}  # fmt: skip

Run = Callable[..., RunResult]


@pytest.fixture
def run() -> Run:
    """``run(workload, behaviour_or_file, runs_dir=…, parameter=…)``; two nodes, half a second."""

    def call(workload: str, what: str, runs_dir: Path | None = None, **values: Any) -> RunResult:
        command = [sys.executable, what] if what.endswith(".py") else [sys.executable, NODES, what]
        return run_maelstrom(workload, command, 7, values=QUICK | values, runs_dir=runs_dir)

    return call
