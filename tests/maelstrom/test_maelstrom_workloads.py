"""Every workload passes with a good node and catches a broken one: real processes, real pipes."""

from pathlib import Path

import pytest

from live.maelstrom.run import run_maelstrom
from prsm_sim.run_folder import open_run
from prsm_sim.runner import RunResult
from tests.law.floors import ROOT
from tests.maelstrom.conftest import Run
from tests.servers import find_server

pytestmark = pytest.mark.slow

EXAMPLES = ROOT / "examples" / "maelstrom"


def verdicts(result: RunResult) -> dict[str, str]:
    return {verdict.name: verdict.status for verdict in result.verdicts}


@pytest.mark.parametrize(
    ("workload", "node"),
    [
        ("echo", str(EXAMPLES / "echo.py")),
        ("broadcast", "broadcast"),
        ("g-set", "g-set"),
        ("lin-kv", str(EXAMPLES / "lin_kv.py")),
    ],
)
def test_a_good_node_passes(run: Run, workload: str, node: str) -> None:
    result = run(workload, node)
    assert (result.status, result.failure) == ("pass", "")
    assert verdicts(result) == {"protocol": "pass", "answers": "pass", workload: "pass"}
    operations = result.metrics["operations"]
    assert operations["answered"] == operations["asked"] > 10
    assert 0 < result.metrics["client_latency_s"]["mean"] < 0.25
    judged = next(v.evaluations for v in result.verdicts if v.name == workload)
    assert judged > 5


@pytest.mark.parametrize(
    ("workload", "behaviour", "what"),
    [
        ("echo", "echo-shouts", "came back as 'PLEASE ECHO"),
        ("broadcast", "broadcast-keeps-to-itself", "ended without"),
        ("broadcast", "broadcast-invents", "lists 4242, which nobody added"),
        ("g-set", "g-set-forgets", "was acknowledged"),
        ("g-set", "g-set-twice", "twice"),
        ("g-set", "g-set-no-list", "which is no list"),
        ("lin-kv", "lin-kv-own-store", "no order explains"),
    ],
)
def test_a_broken_node_is_caught_by_the_checker_of_its_workload(
    run: Run, workload: str, behaviour: str, what: str
) -> None:
    result = run(workload, behaviour)
    assert result.status == "fail"
    assert verdicts(result)[workload] == "fail"
    assert what in result.failure


def test_seven_point_nought_is_seven(run: Run) -> None:
    assert run("g-set", "g-set-floats").status == "pass"


def test_a_run_in_which_nothing_was_asked_is_inconclusive(run: Run) -> None:
    result = run("echo", "echo", rate=0.001, duration_s=0.05)
    assert result.status == "inconclusive"


def test_a_store_with_one_in_charge_is_linearizable_through_a_partition(run: Run) -> None:
    """While it cannot be reached there is no answer; what was left open may have been done."""
    cut = {"kind": "partition", "at_s": 0.2, "for_s": 0.4, "groups": [["n1"], ["n2"]]}
    slow = {"latency": {"law": "exponential", "mean_s": 0.002}, "duplication": 0.3}
    result = run(
        "lin-kv", str(EXAMPLES / "lin_kv.py"), faults=[cut], timeout_s=0.1, network=slow,
        duration_s=1.0,
    )  # fmt: skip
    assert (result.status, result.failure) == ("pass", "")
    assert result.metrics["operations"]["unanswered"] > 0
    assert set(result.metrics["operations"]["errors"]) <= {"20", "22"}


def test_the_run_folder_says_what_was_run_and_that_it_cannot_be_repeated(
    run: Run, tmp_path: Path
) -> None:
    result = run("g-set", "g-set", runs_dir=tmp_path)
    assert result.run_dir is not None
    folder = open_run(result.run_dir)
    manifest = folder.manifest
    assert (manifest.world, manifest.digest, manifest.replay) == ("live", "", "")
    assert manifest.adapters == {"nodes": "external processes, real time, not deterministic"}
    assert manifest.metrics["deterministic"] is False
    assert manifest.scenario == "maelstrom_g_set"
    assert manifest.parameters["command"][-1] == "g-set"
    types = {event.type for event in folder.events() if event.kind == "message"}
    assert {"init", "init_ok", "add", "add_ok", "read", "read_ok", "also"} <= types
    assert {name for _, name, _ in folder.metrics()} >= {"answers", "letters", "nodes_up"}
    told = folder.query("SELECT DISTINCT sender FROM events WHERE type = 'also'")
    assert sorted(told) == [("n1",), ("n2",)]


def test_the_seed_decides_what_clients_ask(run: Run, tmp_path: Path) -> None:
    def asked() -> list[str]:
        result = run("g-set", "g-set", runs_dir=tmp_path, nodes=1, rate=30.0)
        rows = open_run(result.run_dir or "").query(
            "SELECT type FROM events WHERE sender = 'c1' AND kind = 'message' ORDER BY n"
        )
        return [row[0] for row in rows][:8]

    assert asked() == asked()


def test_the_example_in_javascript_survives_partitions_loss_and_pauses() -> None:
    source = EXAMPLES / "broadcast.js"
    assert source.read_text("utf-8").count("\n") <= 80
    result = run_maelstrom(
        "broadcast",
        [find_server("node"), str(source)],
        7,
        values={
            "nodes": 5,
            "rate": 60.0,
            "duration_s": 1.6,
            "network": {"loss": 0.1, "latency": {"law": "exponential", "mean_s": 0.005}},
            "faults": [
                {"kind": "partition", "at_s": 0.2, "for_s": 0.8, "groups": [["n1", "n2"], ["n3"]]},
                {"kind": "loss", "at_s": 1.1, "for_s": 0.4, "rate": 0.5},
                {"kind": "pause", "at_s": 0.3, "for_s": 0.4, "peer": "n4"},
                {"kind": "partition", "at_s": 1.5, "for_s": 99, "groups": [["n1"], ["n5", "n4"]]},
            ],
        },
        runs_dir=None,
    )
    assert (result.status, result.failure) == ("pass", "")
    assert result.manifest.faults == {"partition": 2, "loss": 1, "pause": 1}
    counters = result.manifest.counters
    assert counters["fault effect: partition"] > 0
    assert 0 < counters["fault effect: loss"] < counters["dropped: loss"]


def test_gossip_that_does_not_repeat_itself_is_caught_in_a_partition(run: Run) -> None:
    """The good broadcast node of these tests tells each value once; a partition swallows it."""
    cut = {"kind": "partition", "at_s": 0.05, "for_s": 0.4, "groups": [["n1"], ["n2"]]}
    result = run("broadcast", "broadcast", faults=[cut])
    assert verdicts(result)["broadcast"] == "fail"
    assert "ended without" in result.failure


def test_what_arrives_late_is_waited_for_and_no_longer_than_allowed(run: Run) -> None:
    slow = {"latency": {"law": "fixed", "mean_s": 0.25}}
    assert run("g-set", "g-set", network=slow, settle_s=5.0).status == "pass"
    late = run("g-set", "g-set", network=slow, settle_s=0.0)
    assert " ended without " in late.failure


def test_latency_is_between_nodes_and_not_between_a_client_and_its_node(run: Run) -> None:
    """Client 1 talks to the node in charge; client 2 waits for two letters between nodes."""
    slow = {"latency": {"law": "fixed", "mean_s": 0.1}}
    result = run("lin-kv", str(EXAMPLES / "lin_kv.py"), network=slow, timeout_s=2.0)
    latency = result.metrics["client_latency_s"]
    assert latency["p50"] < 0.1 < 0.2 <= latency["p99"]


def test_a_duplicated_letter_arrives_twice(run: Run) -> None:
    """The g-set node of these tests does not look whether it has heard a value before."""
    result = run("g-set", "g-set", network={"duplication": 0.9})
    assert result.failure.startswith("g-set: ")
    assert "twice" in result.failure


def test_faults_of_links_strike_the_links_they_name(run: Run) -> None:
    one_way = {"kind": "one_way", "at_s": 0, "for_s": 9, "senders": ["n1"], "receivers": ["n2"]}
    result = run("g-set", "g-set", faults=[one_way])
    assert result.failure.startswith("g-set: n2 ended without ")
    counters = result.manifest.counters
    assert counters["fault effect: one_way"] == counters["dropped: one-way"] > 0
