"""Nodes that break the protocol, die or say nothing: one clear line, and no process left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from live.maelstrom.run import run_maelstrom
from prsm_sim.actor.errors import UserError
from prsm_sim.run_folder import open_run
from tests.maelstrom.conftest import NODES, Run

pytestmark = pytest.mark.slow


def alive(marker: str) -> list[int]:
    """Processes whose command line holds `marker`."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if marker.encode() in words:
            found.append(int(entry.name))
    return found


def gone(marker: str) -> bool:
    """Whether no such process is left, soon."""
    give_up_s = time.monotonic() + 5
    while time.monotonic() < give_up_s:
        if not alive(marker):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize(
    ("behaviour", "what"),
    [
        ("babbles", "n1 wrote to stdout what is no message: 'debug: here I am' (JSON is malformed"),
        ("says-an-array", "n1 wrote to stdout what is no message: '[1, 2]' (Expected `object`"),
        ("dies", "n1 ended with code 7; stderr: out of luck"),
        ("poses", "n1 sent a message as 'n9'; src must be its own id"),
        ("other-type", "not with echo_ok"),
        ("no-field", "which has no 'echo'"),
        ("odd-code", "an error whose code is 'eleven'; it must be an integer"),
        ("answers-nothing-asked", "n1 answered c1, which did not ask this"),
        ("closes-stdout", "n1 closed its stdout"),
    ],
)
def test_a_node_that_breaks_the_protocol_is_named_with_what_it_did(
    run: Run, behaviour: str, what: str
) -> None:
    result = run("echo", behaviour, nodes=1, duration_s=5.0)
    assert result.status == "fail"
    assert result.failure.startswith("protocol: n1 ")
    assert what in result.failure
    assert "\n" not in result.failure
    assert len(result.failure) < 400


def test_a_silent_node_is_called_silent_while_nothing_is_broken(run: Run) -> None:
    result = run("echo", "silent", nodes=1, timeout_s=0.05, duration_s=5.0)
    assert result.failure.startswith("answers: n1 has answered nobody for 0.")
    assert result.virtual_s < 1.0


def test_a_node_that_falls_silent_is_called_silent_too(run: Run) -> None:
    result = run("echo", "falls-silent", nodes=1, timeout_s=0.05, duration_s=5.0)
    assert result.failure.startswith("answers: n1 has answered nobody for 0.")


def test_a_node_that_never_takes_in_init_is_named(run: Run) -> None:
    script = "import time; time.sleep(60)"
    result = run_maelstrom(
        "echo", [sys.executable, "-c", script], 7,
        values={"init_s": 0.2, "nodes": 1}, runs_dir=None,
    )  # fmt: skip
    assert result.failure.startswith("protocol: n1 did not answer init within 0.2 s")


def test_a_refusal_is_an_answer_and_a_definite_one_leaves_nothing_open(run: Run) -> None:
    result = run("echo", "refuses", nodes=1)
    operations = result.metrics["operations"]
    assert operations["errors"] == {"11": operations["answered"]}
    assert operations["unanswered"] == 0
    assert result.status == "inconclusive"  # nothing was echoed


def test_a_message_to_a_node_that_does_not_exist_is_answered_with_error_1(run: Run) -> None:
    result = run("echo", "asks-a-stranger", nodes=1)
    assert result.status == "pass"
    assert result.manifest.counters["letters to nobody"] >= 1
    assert result.metrics["operations"]["errors"].keys() == {"11"}


def test_a_killed_node_starts_again_without_its_memory(run: Run, tmp_path: Path) -> None:
    crash = {"kind": "crash", "at_s": 0.2, "for_s": 0.1, "peer": "n1"}
    result = run("echo", "echo", faults=[crash], duration_s=1.2, runs_dir=tmp_path)
    assert (result.status, result.failure) == ("pass", "")
    assert result.manifest.counters["NodeReady"] == 3
    told = open_run(result.run_dir or "").query(
        "SELECT type FROM events WHERE type IN ('FaultStruck', 'FaultHealed', 'NodeReady') "
        "AND n > 8 ORDER BY n"
    )
    assert [row[0] for row in told] == ["FaultStruck", "FaultHealed", "NodeReady"]


def test_a_node_that_stays_down_is_not_asked_what_it_held(run: Run) -> None:
    crash = {"kind": "crash", "at_s": 0.2, "peer": "n1"}
    result = run("g-set", "g-set", faults=[crash])
    assert (result.status, result.failure) == ("pass", "")
    assert result.manifest.counters["ReadFinally"] == 1
    assert result.manifest.counters["dropped: down"] > 0


def test_a_node_that_forgets_loses_what_it_alone_had_acknowledged(run: Run) -> None:
    crash = {"kind": "crash", "at_s": 0.3, "for_s": 0.05, "peer": "n1"}
    result = run("g-set", "g-set", faults=[crash], nodes=1, duration_s=1.0)
    assert result.status == "fail"
    assert result.failure.startswith("g-set: n1 ended without ")


def test_stderr_is_kept_in_the_run_folder(run: Run, tmp_path: Path) -> None:
    result = run("echo", "dies", nodes=1, duration_s=5.0, runs_dir=tmp_path)
    assert result.run_dir is not None
    assert (result.run_dir / "nodes" / "n1.stderr").read_text() == "starting\nout of luck\n"


@pytest.mark.parametrize(
    ("command", "values", "what"),
    [
        (["no-such-program"], {}, "no-such-program: no such program"),
        ([], {}, "no command"),
        (["cat"], {"nodes": 0}, "nodes: 0 is out of range, it must be from 1 to 100"),
        (["cat"], {"network": {"regional": True}}, "no regions"),
        (["cat"], {"trouble": ["flood"]}, "trouble[0]: must be 'partition', 'loss', 'kill' or"),
        (["cat"], {"faults": [{"kind": "pause", "at_s": 1, "for_s": 1, "peer": "n9"}]}, "'n9'"),
        (
            ["cat"],
            {"faults": [{"kind": "lying_disk", "at_s": 1, "for_s": 1, "peer": "n1"}]},
            "the fault 'lying_disk' cannot strike a process; partition, one_way, loss",
        ),
    ],
)
def test_a_person_s_mistake_is_one_line_and_leaves_nothing(
    command: list[str], values: dict[str, object], what: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"^[^\n]*$") as caught:
        run_maelstrom("echo", command, 7, values=values, runs_dir=tmp_path / "runs")
    assert what in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_what_a_node_has_started_ends_with_it(tmp_path: Path) -> None:
    marker = f"3{os.getpid()}.25"
    script = f"sleep {marker} & exec {sys.executable} {NODES} echo"
    result = run_maelstrom(
        "echo", ["sh", "-c", script], 7,
        values={"nodes": 2, "duration_s": 0.3, "rate": 50.0}, runs_dir=None,
    )  # fmt: skip
    assert result.status == "pass"
    assert gone(marker)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_no_process_outlives_an_interrupted_run(tmp_path: Path, number: signal.Signals) -> None:
    marker = str(tmp_path / "this-run")
    script = (
        "import sys; from live.maelstrom.run import run_maelstrom; "
        f"r = run_maelstrom('echo', [sys.executable, {NODES!r}, 'echo', {marker!r}], 7, "
        f"values={{'duration_s': 60.0}}, runs_dir={str(tmp_path)!r}); print(r.status)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    give_up_s = time.monotonic() + 20
    while len(alive(marker)) < 3 and time.monotonic() < give_up_s:
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=20)
    assert (stdout.strip(), stderr) == ("interrupted", "")
    assert gone(marker)
    assert open_run("latest", tmp_path).manifest.status == "interrupted"


def test_a_paused_node_is_excused_and_its_clients_go_on_under_new_names(
    run: Run, tmp_path: Path
) -> None:
    """What lapsed stays open in the history: nobody is told two things under one name."""
    pause = {"kind": "pause", "at_s": 0.2, "for_s": 0.9, "peer": "n1"}
    result = run(
        "echo", "echo", faults=[pause], nodes=1, timeout_s=0.1, duration_s=1.6, runs_dir=tmp_path
    )
    assert (result.status, result.failure) == ("pass", "")
    unanswered = result.metrics["operations"]["unanswered"]
    assert unanswered > 3
    names = open_run(result.run_dir or "").query(
        "SELECT DISTINCT sender FROM events WHERE type = 'Invoked'"
    )
    assert len(names) == 1 + unanswered


def test_an_indefinite_error_leaves_the_operation_open(run: Run) -> None:
    result = run("echo", "crashes-inside", nodes=1)
    assert result.metrics["operations"]["errors"].keys() == {"13"}
    assert "Returned" not in result.manifest.counters
