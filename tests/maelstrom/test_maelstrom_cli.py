"""`prsm maelstrom`: options, JSON, exit codes."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from prsm_sim.cli.main import main
from prsm_sim.run_folder import open_run
from tests.maelstrom.conftest import NODES

GOOD = ("--", sys.executable, NODES, "echo")


def prsm(runs: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    called = ["maelstrom", "--json", "--runs-dir", str(runs), "--duration", "0.5", "--rate", "60"]
    result = CliRunner().invoke(main, [*called, *arguments])
    return result.exit_code, json.loads(result.stdout or "{}"), result.stderr


def test_a_run_is_one_json_object_and_a_folder_that_runs_lists(tmp_path: Path) -> None:
    code, found, stderr = prsm(tmp_path, "echo", "--nodes", "2", *GOOD)
    assert (code, stderr, found["status"]) == (0, "", "pass")
    assert (found["digest"], found["replay"], found["world"]) == ("", "", "live")
    assert found["metrics"]["deterministic"] is False
    assert [verdict["name"] for verdict in found["verdicts"]] == ["protocol", "answers", "echo"]
    listed = CliRunner().invoke(main, ["runs", "ls", "--runs-dir", str(tmp_path)])
    assert "maelstrom_echo" in listed.stdout
    replayed = CliRunner().invoke(main, ["replay", "latest", "--runs-dir", str(tmp_path)])
    assert replayed.exit_code == 2
    assert "a live run" in replayed.stderr


def test_options_become_parameters(tmp_path: Path) -> None:
    code, found, _ = prsm(
        tmp_path, "echo", "--nodes", "1", "--clients", "3", "--latency", "0.02", "--loss", "0.25",
        "--nemesis", "pause,loss", "--seed", "5", "--set", "network.latency.law=exponential",
        "--set", "trouble_every_s=0.1", "--", sys.executable, NODES, "echo",
    )  # fmt: skip
    assert code == 0
    manifest = open_run(found["run_dir"]).manifest
    assert manifest.seed == 5
    parameters = manifest.parameters
    assert parameters["trouble"] == ["pause", "loss"]
    assert (parameters["nodes"], parameters["clients"]) == (1, 3)
    assert parameters["network"]["loss"] == 0.25
    assert parameters["network"]["latency"] == {"law": "exponential", "mean_s": 0.02, "sigma": 0.5}
    assert sum(found["faults"].values()) == 2


def test_a_broken_node_exits_with_1_and_says_why_on_stderr(tmp_path: Path) -> None:
    code, found, stderr = prsm(tmp_path, "echo", "--nodes", "1", *GOOD[:-1], "dies")
    assert (code, found["status"]) == (1, "fail")
    assert stderr.startswith("prsm: FAILED protocol: n1 ended with code 7; stderr: out of luck")
    assert stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["echo", "--", "no-such-program"], "no such program"),
        (["ecko", "--", "cat"], "ecko"),
        (["echo"], "COMMAND"),
        (["echo", "--nemesis", "flood", "--", "cat"], "trouble[0]"),
        (["echo", "--loss", "2", "--", "cat"], "network.loss"),
    ],
)
def test_a_mistake_exits_with_2_and_one_line(
    tmp_path: Path, arguments: list[str], what: str
) -> None:
    code, _, stderr = prsm(tmp_path, *arguments)
    assert code == 2
    assert what in stderr
    assert stderr.count("\n") == 1
