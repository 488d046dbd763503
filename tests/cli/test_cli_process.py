"""`prsm` as real processes: Ctrl-C, kill, hash seeds, start-up."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from prsm_sim.run_folder import open_run

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-c", "from prsm_sim.cli.main import main; main(prog_name='prsm')"]


STARTED: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def _leave_none_running():
    yield
    while STARTED:
        process = STARTED.pop()
        if process.poll() is None:
            process.kill()
            process.communicate(timeout=20)


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    STARTED.append(process)
    return process


def wait_for_events(workplace: Path, size: int = 100_000) -> Path:
    """The folder of a run that has begun to write events."""
    give_up_s = time.monotonic() + 20
    while time.monotonic() < give_up_s:
        files = list(workplace.glob("runs/2*/events.ndjson"))
        if files and files[0].stat().st_size > size:
            return files[0].parent
        time.sleep(0.02)
    raise AssertionError("the run wrote no events")


@pytest.mark.parametrize("as_json", [True, False])
def test_ctrl_c_keeps_what_was_recorded(workplace, as_json):
    process = start(
        "run", "toy.py", "--set", "duration_s=1e8", "--set", "loss=0", *["--json"] * as_json
    )
    folder = wait_for_events(workplace)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stdout + stderr
    run = open_run(folder)
    assert run.manifest.status == "interrupted"
    assert run.manifest.recorded == len(run.events()) > 1000
    assert run.manifest.metrics["pings"] > 0
    assert not (folder / "events.ndjson").exists()
    if as_json:
        assert json.loads(stdout)["status"] == "interrupted"
    again = start("replay", str(folder))
    stdout, stderr = again.communicate(timeout=30)
    assert again.returncode == 0, stderr
    assert run.manifest.digest in stdout


def test_ctrl_c_ends_a_live_run_as_cleanly(workplace):
    process = start(
        "live",
        "toy.py",
        "--transport",
        "inprocess",
        "--set",
        "duration_s=60",
        "--set",
        "sample_s=0.1",
        "--json",
    )
    folder = wait_for_events(workplace, size=500)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (130, "")
    assert json.loads(stdout)["status"] == open_run(folder).manifest.status == "interrupted"
    assert len(open_run(folder).events()) > 3


def test_a_killed_run_can_still_be_read(workplace):
    process = start("run", "toy.py", "--set", "duration_s=1e8", "--set", "loss=0", "--json")
    folder = wait_for_events(workplace)
    process.kill()
    process.communicate(timeout=20)
    with (folder / "events.ndjson").open("ab") as file:
        file.write(b'{"n": 77777777, "time_s": 1.')  # as if it had been cut off in a line
    run = open_run("latest", workplace / "runs")
    assert run.manifest.status == "running"
    numbers = [event.n for event in run.events()]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 500


def test_the_digest_does_not_depend_on_the_hash_seed(workplace):
    processes = [
        start("run", "toy.py", "--json", "--seed", "12", PYTHONHASHSEED=seed)
        for seed in ("0", "4242")
    ]
    found = [json.loads(process.communicate(timeout=30)[0]) for process in processes]
    assert found[0]["digest"] == found[1]["digest"]
    assert found[0]["run_dir"] != found[1]["run_dir"]
    events = [open_run(workplace / one["run_dir"]).events() for one in found]
    assert events[0] == events[1]


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from prsm_sim.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'pydantic', 'duckdb', 'numpy', 'rich', 'simpy', 'ruamel.yaml', 'networkx'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "validate-file" in done.stdout


def test_completion_prints_to_stdout_and_edits_no_file(workplace):
    before = sorted(workplace.iterdir())
    done = start("completion", "bash", HOME=str(workplace)).communicate(timeout=20)
    assert "_PRSM_COMPLETE=bash_complete" in done[0]
    assert sorted(workplace.iterdir()) == before
