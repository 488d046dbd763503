"""`prsm fuzz` and `prsm shrink` for people: mistakes, Ctrl-C, progress, JSON, exit codes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from prsm_sim.cli.fuzz import exit_code
from prsm_sim.fuzz.campaign import Campaign, Job
from prsm_sim.run_folder import list_runs
from tests.cli.test_cli_bad_input import refused

COMMAND = [sys.executable, "-c", "from prsm_sim.cli.main import main; main(prog_name='prsm')"]
CARELESS = ("--set", "careful=false")


@pytest.fixture(autouse=True)
def _tally_is_here(workplace):
    shutil.copy(Path(__file__).parents[1] / "fuzz" / "tally.py", workplace / "tally.py")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["fuzz", "tali"], ["tali: no such scenario"]),
        (["fuzz", "tali.py"], ["tali.py: no such file"]),
        (["fuzz", "tally.py", "--strategy", "swam"], ["--strategy swam", "did you mean 'swarm'?"]),
        (["fuzz", "tally.py", "--set", "vots=3"], ["--set vots=3", "did you mean 'votes'?"]),
        (["fuzz", "tally.py", "--set", "votes=many"], ["a whole number"]),
        (["fuzz", "tally.py", "--for", "10x"], ["'10x' is not a span of time", "10m"]),
        (["fuzz", "tally.py", "--for", "0s"], ["'0s' is not a span of time"]),
        (["fuzz", "tally.py", "--seeds", "0"], ["--seeds"]),
        (["fuzz", "tally.py", "--workers", "0"], ["--workers"]),
        (["fuzz", "tally.py", "--first-seed", "-1"], ["--first-seed"]),
        (["fuzz", "tally.py", "--first-seed", str(2**64 - 1)], ["seeds end at 2^64 - 1"]),
        (["fuzz", "toy.py"], ["exposes nothing to faults", "world.expose(Exposure("]),
        (["fuzz", "research_market"], ["exposes nothing to faults"]),
        (["shrink", "nothing"], ["nothing: no such run"]),
        (["shrink", "."], ["no such run"]),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(prsm, arguments, parts):
    said = refused(prsm(*arguments))
    assert all(part in said for part in parts), said
    assert list_runs("runs") == []


def failing_run(prsm):
    found = json.loads(prsm("fuzz", "tally.py", *CARELESS, "--no-shrink", "--json").stdout)
    return Path(found["run_dir"])


def test_what_does_not_fail_cannot_be_shrunk(prsm):
    prsm("run", "tally.py")
    assert "this run does not fail, so nothing can be shrunk" in refused(prsm("shrink", "latest"))


@pytest.mark.parametrize("manifest", ["", "{", "[]", '{"format": 99}', '{"format": 1}'])
def test_a_corrupt_or_foreign_folder_is_refused(prsm, manifest):
    folder = failing_run(prsm)
    (folder / "manifest.json").write_text(manifest, "utf-8")
    assert "manifest.json" in refused(prsm("shrink", str(folder)))


def test_a_folder_that_is_no_run_and_a_live_run_are_refused(prsm, workplace):
    (workplace / "empty").mkdir()
    assert "not a run folder" in refused(prsm("shrink", "empty"))
    folder = failing_run(prsm)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    (folder / "manifest.json").write_text(json.dumps(manifest | {"world": "live"}), "utf-8")
    assert "live" in refused(prsm("shrink", str(folder)))


def test_a_folder_whose_plan_is_broken_is_refused(prsm):
    folder = failing_run(prsm)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    (folder / "manifest.json").write_text(json.dumps(manifest | {"plan": [{"kind": "fly"}]}))
    assert str(folder.name) in refused(prsm("shrink", str(folder)))


def test_json_is_one_object_and_exit_codes_tell_the_outcome(prsm):
    clean = prsm("fuzz", "tally.py", "--seeds", "30", "--json")
    found = json.loads(clean.stdout)
    assert (clean.exit_code, found["seeds"], found["failures"]) == (0, 30, [])
    assert (found["run_dir"], list_runs("runs")) == (None, [])
    broken = prsm("fuzz", "tally.py", *CARELESS, "--json")
    found = json.loads(broken.stdout)
    assert broken.exit_code == 1
    assert len(found["shrunk"]["plan"]) == 1
    assert found["failures"][0]["finding"]["oracle"] == "integrity"
    assert (Path(found["run_dir"]) / "story.txt").is_file()
    assert "FAILED seed" in broken.stderr


@pytest.mark.parametrize(("given_up", "code"), [(4, 3), (3, 0), (0, 0)])
def test_what_is_given_up_everywhere_is_inconclusive(given_up, code):
    campaign = Campaign(Job(scenario="tally.py", strategy="pct"), count=4)
    campaign.run()
    campaign.inconclusive = given_up
    assert exit_code(campaign) == code


def test_the_report_is_for_people(prsm):
    result = prsm("fuzz", "tally.py", *CARELESS, "--no-shrink")
    assert result.exit_code == 1
    for part in ("1 failure", "struck", "then integrity broke at", "prsm shrink runs/",
                 "prsm replay runs/", "pytest runs/", "space_time.svg"):  # fmt: skip
        assert part in result.stdout, part
    shrunk = prsm("shrink", "latest")
    assert shrunk.exit_code == 1
    assert "shrunk to 1 fault in" in shrunk.stdout
    assert len(list_runs("runs")) == 2


def test_progress_in_a_log_is_lines(prsm, monkeypatch):
    monkeypatch.setattr("prsm_sim.cli.long_work.time.monotonic", iter(range(3, 10**6, 3)).__next__)
    result = prsm("fuzz", "tally.py", "--seeds", "40", "--progress", "--for", "60s")
    lines = [line for line in result.stderr.splitlines() if " of 40 seeds" in line]
    assert len(lines) == 3
    assert "of 60 s" in lines[0]
    assert prsm("fuzz", "tally.py", "--seeds", "40").stderr == ""


def test_a_yaml_file_fixes_its_parameters(prsm, workplace):
    (workplace / "careless.yaml").write_text(
        "scenario: tally.py\nparameters: {careful: false, votes: 5}\n"
    )
    found = json.loads(prsm("fuzz", "careless.yaml", "--json").stdout)
    assert found["failures"]
    assert found["shrunk"]["parameters"] == {"careful": False, "votes": 5}
    (workplace / "own.yaml").write_text("scenario: tally.py\nfaults: [at 1 s loss 0.5 for 1 s]\n")
    assert "take `faults` out" in refused(prsm("fuzz", "own.yaml"))


@pytest.mark.parametrize(
    ("entry", "position", "says"),
    [
        ("at 1 s partition halvs for 2 s", "6:3", "did you mean 'halves'?"),
        ("at 1 s fly", "6:3", "fly"),
        ("message 0 from server to klient dropped", "6:3", "did you mean 'client'?"),
        ("{kind: crash, at_s: 1, peer: servr}", "6:3", "did you mean 'server'?"),
        ("{kind: loss, at_s: 1, for_s: 2, rate: 5}", "6:3", "rate"),
    ],
)
@pytest.mark.parametrize("command", ["run", "validate-file"])
def test_faults_in_a_file_are_blamed_at_their_place(
    prsm, workplace, command, entry, position, says
):
    text = (
        f"scenario: tally.py\n\nfaults:\n- at 10 s partition halves for 20 s\n# next\n- {entry}\n"
    )
    (workplace / "bad.yaml").write_text(text)
    said = refused(prsm(command, "bad.yaml"))
    assert said.startswith(f"bad.yaml:{position}: "), said
    assert says in said


def test_lines_and_mappings_of_a_file_strike(prsm, workplace):
    (workplace / "good.yaml").write_text(
        "scenario: tally.py\nfaults:\n"
        "- at 0 s partition halves for 0.3 s\n"
        "- {kind: loss, at_s: 0.2, for_s: 0.5, rate: 1.0}\n"
        "- message 1 from server to client dropped\n"
    )
    found = json.loads(prsm("run", "good.yaml", "--json").stdout)
    assert found["faults"] == {"partition": 1, "loss": 1, "drop_message": 1}
    assert found["status"] == "pass"


def children_of(process_id):
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process_id)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return [int(word) for word in listed.stdout.split()]


def is_alive(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process_id}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_keeps_what_was_found_and_leaves_no_process(workplace, workers, number):
    process = subprocess.Popen(
        [*COMMAND, "fuzz", "tally.py", *CARELESS, "--keep-going", "--seeds", "10000000",
         "--workers", str(workers), "--json", "--progress"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert " failures" in process.stderr.readline()  # progress: it has found some
        helpers = children_of(process.pid)
        assert len(helpers) == (0 if workers == 1 else workers)
        os.killpg(process.pid, number) if number == signal.SIGINT else process.terminate()
        stdout, stderr = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate(timeout=20)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stdout + stderr
    found = json.loads(stdout)
    assert found["failures"]
    assert (Path(found["run_dir"]) / "test_counter_example.py").is_file()
    give_up_s = time.monotonic() + 5
    while any(map(is_alive, helpers)) and time.monotonic() < give_up_s:
        time.sleep(0.05)
    assert not any(map(is_alive, helpers))


def test_the_exhaustive_strategy_tries_every_order_of_a_small_world(prsm):
    wrong = prsm("fuzz", "tally.py", "--strategy", "exhaustive", *CARELESS, "--set", "votes=1")
    assert wrong.exit_code == 1
    assert "3. deliver Vote" in wrong.stdout
    assert "integrity: server applied 1 in slot 2" in wrong.stdout
    right = prsm("fuzz", "tally.py", "--strategy", "exhaustive", "--set", "votes=1", "--json")
    found = json.loads(right.stdout)
    assert (right.exit_code, found["complete"], found["violation"]) == (0, True, None)
