"""`prsm runs`, `diff`, `scenarios`, `schema`, `dashboard`: looking at things."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from prsm_sim.run_folder import open_run


def test_runs_ls_lists_all_oldest_first(prsm, run_json):
    names = [Path(run_json("--seed", str(seed))["run_dir"]).name for seed in (5, 1, 3)]
    listed = json.loads(prsm("runs", "ls", "--json").stdout)["runs"]
    assert [Path(run["run_dir"]).name for run in listed] == sorted(names)
    text = prsm("runs", "ls").stdout
    assert all(name in text for name in names)


def test_runs_ls_of_nothing(prsm):
    result = prsm("runs", "ls")
    assert result.exit_code == 0
    assert "no runs in runs" in result.stdout


def test_runs_show_prints_the_newest_and_picked_events(prsm, run_json):
    found = run_json()
    shown = prsm("runs", "show", "--events", "5:8")
    assert shown.exit_code == 0
    assert found["digest"] in shown.stdout
    lines = [line for line in shown.stdout.splitlines() if re.match(r" +\d+ +\d+\.\d{6} s", line)]
    assert [int(line.split()[0]) for line in lines] == [5, 6, 7]
    as_json = json.loads(prsm("runs", "show", found["run_dir"], "--json").stdout)
    assert as_json["manifest"]["digest"] == found["digest"]
    assert as_json["verdicts"] == found["verdicts"]


def test_runs_show_refuses_a_range_it_cannot_read(prsm, run_json):
    run_json()
    result = prsm("runs", "show", "--events", "five")
    assert result.exit_code == 2
    assert "FROM:TO" in result.stderr


def test_diff_of_a_run_with_itself_is_identical(prsm, run_json):
    one, other = run_json("--seed", "2"), run_json("--seed", "2")
    result = prsm("diff", one["run_dir"], other["run_dir"])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"identical: digest {one['digest']}")
    assert json.loads(prsm("diff", one["run_dir"], "latest", "--json").stdout)["identical"] is True


def test_diff_shows_the_first_divergent_event_side_by_side(prsm, run_json):
    one, other = run_json(), run_json("--set", "raise_at=20", "--set", "style.colour=blue")
    found = json.loads(prsm("diff", one["run_dir"], other["run_dir"], "--json").stdout)
    left, right = (open_run(run["run_dir"]).events() for run in (one, other))
    n = found["events"]["n"]
    assert left[:n] == right[:n]
    assert (left[n : n + 1] or [None]) != (right[n : n + 1] or [None])
    assert found["parameters"] == {"raise_at": [0, 20], "style.colour": ["red", "blue"]}
    assert found["manifest"]["status"] == ["pass", "fail"]
    text = prsm("diff", one["run_dir"], other["run_dir"])
    assert text.exit_code == 1
    assert f"first divergent event: {n}" in text.stdout
    assert f"{left[n].time_s}" in text.stdout
    assert "parameter style.colour" in text.stdout


def test_scenarios_lists_what_is_installed_and_what_is_in_the_way(prsm, monkeypatch, workplace):
    monkeypatch.setattr("prsm_sim.registry.scenario_names", lambda: ["absent", "toy.py"])
    result = prsm("scenarios")
    assert result.exit_code == 0
    for text in ("toy", "Peers pass a number around.", "absent", "no such scenario"):
        assert text in result.stdout
    listed = json.loads(prsm("scenarios", "--json").stdout)
    assert listed["scenarios"][0]["name"] == "toy"
    assert "executors" in listed["scenarios"][0]["parameters"]
    assert list(listed["missing"]) == ["absent"]


def test_scenarios_shows_what_can_be_set_in_one(prsm):
    text = prsm("scenarios", "toy.py").stdout
    for part in ("Peers pass a number around.", "executors", "from 2 to 50"):
        assert part in text
    assert "executors" in json.loads(prsm("scenarios", "toy.py", "--json").stdout)["parameters"]
    assert prsm("scenarios", "nowhere").exit_code == 2


def test_schema_is_the_one_that_pydantic_checks_by(prsm):
    schema = json.loads(prsm("schema", "toy.py").stdout)
    executors = schema["properties"]["executors"]
    assert (executors["minimum"], executors["maximum"]) == (2, 50)
    whole = json.loads(prsm("schema", "toy.py", "--file").stdout)
    assert whole["properties"]["parameters"]["properties"]["executors"] == executors
    reference = whole["properties"]["parameters"]["properties"]["style"]["$ref"]
    assert reference.removeprefix("#/$defs/") in whole["$defs"]


@pytest.mark.parametrize("flags", [[], ["--no-open"]])
def test_dashboard_serves_the_runs_folder_on_a_port(prsm, monkeypatch, flags):
    calls = []

    def serve(runs_dir: Path, *, port: int, open_browser: bool) -> int:
        calls.append((runs_dir, port, open_browser))
        return 0

    monkeypatch.setattr("prsm_sim.registry.find_dashboard", lambda _name: serve)
    result = prsm("dashboard", "--port", "8600", "--runs-dir", "kept", *flags)
    assert result.exit_code == 0
    assert calls == [(Path("kept"), 8600, not flags)]
    assert prsm("dashboard", "--host", "0.0.0.0").exit_code == 2


def test_bench_kernel_prints_its_figures(prsm, monkeypatch):
    figures: dict[str, object] = {
        "random": {"events": 10, "vs_simpy_process": 20.5},
        "digest_share": 0.1,
    }

    def measure(say: Callable[[str], None]) -> dict[str, object]:
        say("measuring")
        return figures

    monkeypatch.setattr("prsm_sim.bench.kernel.run", measure)
    measured = prsm("bench", "kernel", "--json")
    assert json.loads(measured.stdout) == figures
    assert measured.stderr == "prsm: measuring\n"
    assert "random.vs_simpy_process" in prsm("bench", "kernel").stdout
