"""`prsm run`, `live` and `replay`: results, exit codes, and what is kept."""

import json
from pathlib import Path

import pytest

from prsm_sim.run_folder import list_runs, open_run


def test_json_is_one_object_with_the_promised_keys(run_json):
    found = run_json("--seed", "3")
    assert found["exit_code"] == 0
    assert found["stderr"] == ""
    promised = {"digest", "events", "wall_s", "virtual_s", "verdicts", "metrics", "run_dir"}
    assert promised <= set(found)
    assert found["status"] == "pass"
    assert found["seed"] == 3
    assert found["virtual_s"] == 5.0
    assert found["events"] > 100
    assert len(found["digest"]) == 32
    assert found["metrics"]["pings"] == found["counters"]["Pinged"] > 100
    assert found["verdicts"][0]["evaluations"] == found["metrics"]["pings"]
    assert found["faults"] == {"crash": 1}
    assert found["coverage"]["long path"] > 0


def test_the_seed_decides_and_nothing_else(run_json):
    one, again, other = run_json("--seed", "3"), run_json("--seed", "3"), run_json("--seed", "4")
    assert one["digest"] == again["digest"] != other["digest"]
    assert one["run_dir"] != again["run_dir"]


def test_recording_does_not_change_the_run(run_json):
    full, none, some = run_json(), run_json("--no-events"), run_json("--events", "10")
    assert full["digest"] == none["digest"] == some["digest"]
    assert not (Path(none["run_dir"]) / "events.parquet").exists()
    assert [event.n for event in open_run(some["run_dir"]).events()] == list(range(10))
    kinds = [event.kind for event in open_run(full["run_dir"]).events()]
    assert len(kinds) - kinds.count("fact") == full["events"]
    assert kinds.count("fact") >= full["counters"]["Pinged"] > 0


def test_a_person_gets_verdicts_digest_folder_and_next_commands(prsm, run_json):
    result = prsm("run", "toy.py", "--seed", "5")
    assert result.exit_code == 0
    folder = open_run("latest")
    assert folder.manifest.digest in result.stdout
    for text in ("small", "pass", "pings", f"prsm runs show runs/{folder.path.name}"):
        assert text in result.stdout
    assert result.stderr == ""


def test_progress_goes_to_stderr_only_and_only_when_asked(prsm, monkeypatch):
    monkeypatch.setattr("prsm_sim.sim._PROGRESS_EVERY", 1)
    monkeypatch.setattr("prsm_sim.cli.long_work.Line.every_s", 0.0)
    shown = prsm("run", "toy.py", "--json", "--progress")
    assert "virtual" in shown.stderr
    assert "/s" in shown.stderr
    json.loads(shown.stdout)
    assert prsm("run", "toy.py", "--json").stderr == ""


def test_a_violation_stops_the_run_and_prints_the_replay(run_json, prsm):
    found = run_json("--set", "fail_at=30")
    assert found["exit_code"] == 1
    assert found["status"] == "fail"
    assert 0 < found["virtual_s"] < 5.0
    verdict = found["verdicts"][0]
    assert "saw 30" in verdict["detail"]
    assert f"event {verdict['event']}" in found["stderr"]
    assert f"{verdict['time_s']:.6f}" in found["stderr"]
    assert found["replay"] == f"prsm replay {found['run_dir']} --until {verdict['event']}"
    assert found["replay"] in found["stderr"]
    replayed = prsm(*found["replay"].split()[1:], "--json")
    last = json.loads(replayed.stdout)["events"][-1]
    assert last["n"] == verdict["event"]
    assert json.loads(last["payload"]) == {"type": "Pinged", "number": 30}
    assert found["metrics"]["pings"] == found["counters"]["Pinged"]


def test_an_exception_in_a_handler_is_a_finding_with_its_traceback(run_json):
    found = run_json("--set", "raise_at=9")
    assert found["exit_code"] == 1
    assert found["verdicts"][-1]["status"] == "fail"
    assert "ValueError: the number is too big" in found["verdicts"][-1]["detail"]
    assert all(line.startswith("prsm: ") for line in found["stderr"].splitlines())
    assert 'raise ValueError("the number' in (Path(found["run_dir"]) / "traceback.txt").read_text()


def test_a_checker_with_nothing_to_judge_is_inconclusive(run_json):
    found = run_json("--set", "vacuous=true")
    assert found["exit_code"] == 3
    assert [v["status"] for v in found["verdicts"]] == ["pass", "inconclusive"]


def test_a_run_is_judged_as_a_whole_only_if_it_came_to_its_end(run_json):
    ended = run_json("--set", "unfinished=true")
    assert (ended["exit_code"], ended["virtual_s"]) == (1, 5.0)
    assert ended["failure"].startswith("unfinished: something was left undone")
    assert ended["verdicts"][1]["event"] is None
    assert ended["metrics"]["pings"] > 0
    stopped = run_json("--set", "unfinished=true", "--set", "fail_at=9")
    assert [v["status"] for v in stopped["verdicts"]] == ["fail", "pass"]


def test_a_report_that_raises_is_a_finding(run_json):
    found = run_json("--set", "bad_report=true")
    assert found["exit_code"] == 1
    assert "RuntimeError: no figures" in found["failure"]


def test_a_scenario_that_refuses_leaves_no_folder(prsm):
    result = prsm("run", "toy.py", "--set", "refuse=true")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "prsm: toy: refuse is set; leave it out\n"
    assert list_runs("runs") == []


def test_replay_reaches_the_same_digest(prsm, run_json):
    found = run_json("--seed", "11", "--set", "style.width_m=2.5")
    result = prsm("replay", found["run_dir"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert found["digest"] in result.stdout
    assert len(list_runs("runs")) == 1
    replayed = json.loads(prsm("replay", "latest", "--json", "--record").stdout)
    assert replayed["same"] is True
    assert replayed["digest"] == replayed["recorded_digest"] == found["digest"]
    assert len(list_runs("runs")) == 2


def test_replay_of_changed_code_says_so(prsm, run_json, workplace):
    found = run_json()
    source = (workplace / "toy.py").read_text()
    (workplace / "toy.py").write_text(source.replace("message.number + 1", "message.number + 2"))
    result = prsm("replay", "latest")
    assert result.exit_code == 1
    assert "has changed since the run" in result.stderr
    assert "digest differs" in result.stderr
    assert found["digest"] in result.stderr


def test_replay_until_an_event_beyond_the_end_is_refused(prsm, run_json):
    run_json()
    result = prsm("replay", "latest", "--until", "999999")
    assert result.exit_code == 2
    assert "the run ends after event" in result.stderr


def test_replay_until_prints_what_was_recorded(prsm, run_json):
    run_json()
    result = prsm("replay", "latest", "--until", "77", "--last", "5", "--json")
    recorded = [event._asdict() for event in open_run("latest").events(73, 78)]
    assert json.loads(result.stdout)["events"] == recorded


def test_a_yaml_file_runs_with_its_seed_and_parameters(prsm, workplace):
    (workplace / "small.yaml").write_text(
        "scenario: toy.py\nseed: 21\nparameters:\n  executors: 3\n  style: {colour: blue}\n"
    )
    found = json.loads(prsm("run", "small.yaml", "--json", "--set", "style.width_m=3").stdout)
    manifest = open_run(found["run_dir"]).manifest
    assert (found["seed"], manifest.parameters["executors"]) == (21, 3)
    assert manifest.parameters["style"] == {"colour": "blue", "width_m": 3.0}
    over = json.loads(prsm("run", "small.yaml", "--json", "--seed", "22").stdout)
    assert over["seed"] == 22


def test_live_runs_the_same_file_with_its_own_defaults(prsm, monkeypatch):
    monkeypatch.setattr("prsm_sim.registry.CLASHING_PACKAGES", ())
    result = prsm("live", "toy.py", "--transport", "inprocess", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["world"], found["status"]) == (0, "live", "pass")
    assert found["virtual_s"] == pytest.approx(0.3, abs=0.2)
    assert found["metrics"]["pings"] == found["counters"]["Pinged"] > 0
    folder = open_run(found["run_dir"])
    assert {event.kind for event in folder.events()} >= {"fact", "message"}
    assert prsm("replay", found["run_dir"]).exit_code == 2


def test_a_live_violation_is_recorded_like_a_simulated_one(prsm, monkeypatch):
    monkeypatch.setattr("prsm_sim.registry.CLASHING_PACKAGES", ())
    result = prsm(
        "live", "toy.py", "--transport", "inprocess", "--json", "--set", "fail_at=3",
        "--set", "duration_s=30",
    )  # fmt: skip
    found = json.loads(result.stdout)
    assert (result.exit_code, found["status"]) == (1, "fail")
    assert found["virtual_s"] < 20
    assert open_run("latest").verdicts[0].status == "fail"
