"""`prsm sweep` and `prsm compare` as a person uses them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from prsm_sim.cli.main import main

SMALL = ["--set", "requests=4", "--set", "link=exponential:0.01"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(main, list(words))


def test_a_sweep_prints_means_with_intervals_and_keeps_a_table(run, tmp_path):
    result = run(
        "sweep", "consensus_baseline", "--vary", "replicas=4,7", "--seeds", "3", *SMALL,
        "--metric", "messages.total", "--out", "s",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "replicas" in result.stdout
    assert "messages.total" in result.stdout
    assert "6 of 6 replicas, 0 failed; in s" in result.stderr
    rows = (tmp_path / "s" / "results.csv").read_text().splitlines()
    assert len(rows) == 7
    assert rows[0].startswith("replicas,seed,status,digest,events,client_latency_s.mean")


def test_the_same_command_goes_on_and_gives_the_same(run, tmp_path):
    words = ["sweep", "consensus_baseline", "--vary", "replicas=4,5", "--seeds", "3", *SMALL]
    first = json.loads(run(*words, "--json").stdout)
    (folder,) = (tmp_path / "studies").iterdir()
    table = (folder / "results.csv").read_bytes()
    lines = (folder / "outcomes.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "outcomes.jsonl").write_bytes(b"".join(lines[:2]) + lines[2][:30])
    (folder / "results.csv").unlink()
    again = json.loads(run(*words, "--json", "--workers", "2").stdout)
    assert again == first
    assert (folder / "results.csv").read_bytes() == table
    assert first["complete"] is True
    assert first["points"][0]["metrics"]["committed"]["mean"] == 4


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--vary", "replica=4,7"], "did you mean 'replicas'"),
        (["--vary", "replicas=3"], "replicas"),
        (["--vary", "replicas"], "--vary replicas: write it as"),
        (["--metric", "nothing"], "--metric nothing: no replica has it"),
        (["--on", "mars"], "--on mars: there is no such place"),
    ],
)
def test_what_is_wrong_is_one_line_before_anything_runs(run, words, says):
    result = run("sweep", "consensus_baseline", "--seeds", "2", *SMALL, *words)
    assert result.exit_code == 2
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_another_study_in_the_same_folder_is_refused(run):
    words = ["sweep", "consensus_baseline", *SMALL, "--out", "s", "--seeds"]
    assert run(*words, "2").exit_code == 0
    result = run(*words, "3")
    assert result.exit_code == 2
    assert "holds another study" in result.stderr


def test_replicas_that_fail_are_told_and_the_exit_code_is_1(run):
    result = run(
        "sweep", "consensus_baseline", "--seeds", "4", "--set", "byzantine=2:collude",
        "--set", "requests=6", "--json",
    )  # fmt: skip
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["failed"] == found["points"][0]["failed"] > 0
    assert "fail: agreement" in result.stderr


def test_a_scenario_file_with_faults_is_swept_as_it_is(run, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "scenario: consensus_baseline\n"
        "parameters: {requests: 4, link: 'fixed:0.01'}\n"
        "faults:\n- at 0 s crash replica-0 for 0.2 s\n"
    )
    found = json.loads(run("sweep", "mine.yaml", "--seeds", "2", "--json").stdout)
    assert found["points"][0]["metrics"]["view_changes"]["mean"] >= 0
    assert found["points"][0]["metrics"]["committed"]["mean"] == 4
    study = json.loads((tmp_path / found["folder"] / "study.json").read_text())
    assert study["faults"][0]["kind"] == "crash"
    assert study["values"]["requests"] == 4


def test_compare_says_what_differs_and_what_does_not(run):
    result = run(
        "compare", "consensus_baseline", "consensus_baseline", "--seeds", "6", *SMALL,
        "--set-b", "replicas=7", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    rows = {row["metric"]: row for row in json.loads(result.stdout)["metrics"]}
    assert rows["messages.replica_to_replica"]["differs"]
    assert rows["messages.replica_to_replica"]["low"] == 4 * (84 - 24)
    assert not rows["committed"]["differs"]
    shown = run("compare", "consensus_baseline", "consensus_baseline", "--seeds", "3", *SMALL)
    assert "differs" not in shown.stdout


def test_sensitivity_ranks_parameters_and_says_when_it_cannot(run):
    words = [
        "sensitivity", "consensus_baseline", "--vary", "replicas=4..10", "--vary",
        "timeout_links=50..100", *SMALL, "--samples", "4", "--seeds", "1",
    ]  # fmt: skip
    found = json.loads(run(*words, "--metric", "messages.total", "--json").stdout)
    assert [one["name"] for one in found["result"]["indices"]] == ["replicas", "timeout_links"]
    assert found["replicas"] == 4 * 3
    shown = run(*words, "--metric", "messages.total")
    assert shown.exit_code == 0
    assert "4 blocks of samples, 0 dropped" in shown.stdout
    same = run(*words, "--metric", "committed")
    assert same.exit_code == 3
    assert "the metric is the same everywhere" in same.stderr
    wrong = run(*words, "--metric", "nothing")
    assert wrong.exit_code == 2
    assert "--metric nothing: no replica has it" in wrong.stderr
