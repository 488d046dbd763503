"""The consensus baseline: counts and latencies are exact, and what is judged can fail."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.consensus.facts import CheckpointTaken, Executed, StateTransferred
from prsm_sim.actor import Actor, Context, Message, UserError
from prsm_sim.chance import Stream
from prsm_sim.cli.main import main
from prsm_sim.faults import Crash, Loss
from prsm_sim.history import History, Invoked, Returned
from prsm_sim.parameters import build_parameters
from prsm_sim.runner import RunResult, simulate
from prsm_sim.sim import Sim
from scenarios.consensus_baseline.executions import Executions
from scenarios.consensus_baseline.oracles import (
    Answered,
    ExecutedBeforeTold,
    ExecutedOnce,
    Slots,
    checkpoint_agreement,
    execution_agreement,
    ordered_execution,
)
from scenarios.consensus_baseline.parameters import (
    ConsensusBaselineParameters,
    parse_byzantine,
    parse_link,
    variants,
)
from scenarios.consensus_baseline.scenario import Baseline, consensus_baseline

Parameters = ConsensusBaselineParameters


def measure(seed: int = 7, **changes: Any) -> RunResult:
    return simulate(consensus_baseline, Parameters(**changes), seed, runs_dir=None)


def metrics(seed: int = 7, **changes: Any) -> dict[str, Any]:
    result = measure(seed, **changes)
    assert result.status == "pass", result.failure
    return result.metrics


def with_one_backup_down(n: int) -> int:
    return (n - 1) + (n - 2) * (n - 1) + (n - 1) ** 2


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(4, 12),
    requests=st.integers(1, 6),
    delay_s=st.floats(1e-3, 1e3),
    seed=st.integers(0, 2**32),
)
def test_pbft_4_2_an_undisturbed_request_costs_2n_n_minus_1_messages_and_five_links(
    n: int, requests: int, delay_s: float, seed: int
) -> None:
    found = metrics(seed, replicas=n, requests=requests, link=f"fixed:{delay_s}")
    messages = found["messages"]
    assert messages["pre_prepare"] == requests * (n - 1)
    assert messages["prepare"] == requests * (n - 1) ** 2
    assert messages["commit"] == requests * n * (n - 1)
    assert messages["replica_to_replica"] == requests * 2 * n * (n - 1)
    assert messages["total"] == requests * (2 * n * n - n + 1)
    assert (messages["view_change"], messages["new_view"], messages["checkpoint"]) == (0, 0, 0)
    for quantity, links in (("commit_latency_s", 4), ("client_latency_s", 5)):
        for figure in ("mean", "p50", "p99"):
            assert found[quantity][figure] == pytest.approx(links * delay_s, rel=1e-9)
    assert (found["committed"], found["view_changes"]) == (requests, 0)


@pytest.mark.parametrize("n", [4, 5, 7, 9])
def test_with_a_backup_down_its_own_messages_are_missing_and_those_to_it_count(n: int) -> None:
    found = metrics(replicas=n, requests=5, crashed="backup")
    assert found["messages"]["replica_to_replica"] == 5 * with_one_backup_down(n)
    assert found["messages"]["total"] == 5 * (with_one_backup_down(n) + 1 + n - 1)
    assert found["client_latency_s"]["mean"] == 5.0


@pytest.mark.parametrize("n", [4, 5, 7, 9])
def test_pbft_4_4_a_dead_primary_costs_n_minus_1_squared_view_changes_and_a_new_view(
    n: int,
) -> None:
    found = metrics(replicas=n, requests=5, crashed="primary")
    messages = found["messages"]
    assert messages["view_change"] == (n - 1) ** 2
    assert messages["new_view"] == n - 1
    assert found["view_changes"] == 1
    ordering = messages["pre_prepare"] + messages["prepare"] + messages["commit"]
    assert ordering == 5 * with_one_backup_down(n)
    assert found["client_latency_s"]["p50"] == 5.0


def test_time_outs_are_a_hundred_links_whatever_a_link_takes() -> None:
    slow, fast = (metrics(link=link, crashed="primary") for link in ("fixed:8", "fixed:0.5"))
    assert slow["messages"] == fast["messages"]
    assert slow["client_latency_s"]["mean"] == 16 * fast["client_latency_s"]["mean"]
    # Retransmission after 100 links, one more, the time-out, view-change, new-view, four links.
    assert slow["client_latency_s"]["mean"] * 20 / 8 == 19 * 5 + 100 + 1 + 100 + 1 + 4


@pytest.mark.parametrize(("n", "interval", "requests"), [(4, 2, 9), (5, 3, 9), (7, 10, 9)])
def test_pbft_4_3_every_kth_request_brings_a_round_of_checkpoints(
    n: int, interval: int, requests: int
) -> None:
    found = metrics(replicas=n, requests=requests, checkpoint_interval=interval)
    assert found["messages"]["checkpoint"] == requests // interval * n * (n - 1)


def test_requests_that_wait_for_the_batch_under_way_share_the_next_one() -> None:
    found = metrics(clients=9, requests=9, batch=8)
    assert found["messages"]["replica_to_replica"] == 2 * 24
    alone = metrics(clients=9, requests=9)
    assert alone["messages"]["replica_to_replica"] == 9 * 24
    assert alone["committed"] == found["committed"] == 9


class Recorded:
    """Every message that was taken from the queue, by type, from whom and to whom."""

    def __init__(self) -> None:
        self.sent: Counter[tuple[str, bool]] = Counter()

    def bucket(self, events: list[tuple[float, str, str, Any]]) -> None:
        for _, sender, receiver, message in events:
            if sender and receiver and sender != receiver:
                between = sender.startswith("replica") and receiver.startswith("replica")
                self.sent[type(message).__name__, between] += 1


@pytest.mark.parametrize(
    "changes",
    [
        {"link": "exponential:1.0", "clients": 3, "requests": 31},
        {"link": "uniform:0.1", "replicas": 6, "crashed": "primary", "checkpoint_interval": 4},
        {"link": "lognormal:0.2:1.0", "replicas": 7, "crashed": "backup"},
    ],
)
def test_counts_are_those_of_the_trace_because_the_run_ends_when_the_network_is_quiet(
    changes: dict[str, Any],
) -> None:
    recorded = Recorded()
    sim = Sim(3, recorder=recorded)
    parameters = Parameters(**changes)
    consensus_baseline.build(sim, parameters)
    sim.run(until=parameters.duration_s)
    sim.observatory.finish(sim.now)
    messages: Any = sim.observatory.metrics["messages"]
    assert messages["total"] == recorded.sent.total()
    assert messages["replica_to_replica"] == sum(
        count for (_, between), count in recorded.sent.items() if between
    )
    assert messages["commit"] == recorded.sent["Commit", True]
    assert messages["view_change"] == recorded.sent["ViewChange", True]
    assert sim.stopped == "every request has its result, and the network is quiet"


def test_what_the_network_loses_has_been_sent() -> None:
    parameters = Parameters(requests=1, duration_s=50.0)
    sim = Sim(1)
    consensus_baseline.build(sim, parameters)
    sim.schedule(Loss(at_s=0.5, for_s=40.0, rate=1.0))
    sim.run(until=20.0)
    assert sim.traffic is not None
    assert {kind.__name__: count for (_, kind), count in sim.traffic.items()} == {
        "Request": 1, "PrePrepare": 3,
    }  # fmt: skip


class Word(Message, frozen=True):
    pass


class Talker(Actor):
    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        ctx.send(ctx.id, Word())
        ctx.send("b", Word())
        ctx.broadcast(Word())
        ctx.broadcast(Word(), ("a", "b", "nobody"))


def test_messages_to_oneself_are_no_traffic() -> None:
    sim = Sim(1)
    traffic = sim.count_traffic()
    for name in ("a", "b", "c"):
        sim.spawn(name, Talker)
    sim.run()
    assert traffic == {("a", Word): 1 + 2 + 2, ("b", Word): 0 + 2 + 2, ("c", Word): 1 + 2 + 3}
    assert ("a", Word) in traffic
    assert ("d", Word) not in traffic
    assert (traffic["d", Word], len(traffic)) == (0, 3), "asking for it does not add it"


def test_traffic_is_counted_from_the_beginning_or_not_at_all() -> None:
    sim = Sim(1)
    assert sim.traffic is None
    consensus_baseline.build(sim, Parameters())
    with pytest.raises(UserError, match="count_traffic comes too late"):
        sim.count_traffic()


def test_requests_are_shared_among_clients_and_each_waits_for_its_result() -> None:
    parameters = Parameters(clients=3, requests=11, link="exponential:0.3")
    sim = Sim(2)
    outstanding: Counter[str] = Counter()
    made: Counter[str] = Counter()

    def invoked(_time_s: float, peer: str, _fact: Any) -> None:
        outstanding[peer] += 1
        made[peer] += 1
        assert outstanding[peer] == 1

    def returned(_time_s: float, peer: str, _fact: Any) -> None:
        outstanding[peer] -= 1

    sim.observe(Invoked, invoked)
    sim.observe(Returned, returned)
    consensus_baseline.build(sim, parameters)
    sim.run(until=parameters.duration_s)
    assert made == {"client-0": 4, "client-1": 4, "client-2": 3}
    assert outstanding.total() == 0


def test_a_seed_is_the_whole_story() -> None:
    first, again, other = (measure(seed, link="exponential:1.0", clients=2) for seed in (4, 4, 5))
    assert first.digest == again.digest != other.digest
    assert first.metrics == again.metrics != other.metrics


def test_a_peer_is_honest_unless_a_wrapper_or_a_fault_corrupts_it() -> None:
    baseline = Baseline(Sim(1), Parameters(replicas=7, byzantine="2:collude"))
    assert [baseline.is_honest(name) for name in baseline.members] == [False] * 2 + [True] * 5
    sim = Sim(1)
    baseline = Baseline(sim, Parameters(replicas=7, byzantine="1:withhold"))
    baseline.add_faults()
    assert [baseline.is_honest(name) for name in baseline.members] == [False] + [True] * 6
    assert sim.exposure.faulty == 1
    assert sim.exposure.peers == baseline.members


@pytest.mark.parametrize(
    "behaviour", ["equivocate", "withhold", "delay", "replay", "mutate", "twin"]
)
def test_one_byzantine_primary_among_four_is_survived(behaviour: str) -> None:
    for seed in range(2):
        result = measure(
            seed, byzantine=f"1:{behaviour}", link="exponential:0.01", requests=6,
            timeout_links=20, status_links=40,
        )  # fmt: skip
        assert result.status == "pass", (seed, result.failure)


def test_two_colluding_replicas_of_four_break_agreement() -> None:
    result = measure(byzantine="2:collude")
    assert result.status == "fail"
    assert result.failure.startswith("agreement: ")


def test_with_f_plus_1_replicas_down_liveness_is_what_fails() -> None:
    parameters = Parameters(requests=3)
    plan = tuple(Crash(at_s=7.0, peer=f"replica-{i}", for_s=None) for i in (2, 3))
    result = simulate(consensus_baseline, parameters, 7, runs_dir=None, plan=plan)
    failed = {one.name for one in result.verdicts if one.status == "fail"}
    assert failed == {"recovery", "liveness"}
    assert result.metrics["returned"] == 1


def test_the_order_oracle_allows_a_gap_that_a_transferred_state_fills_and_no_other() -> None:
    def executed(sequence: int) -> Executed:
        return Executed(sequence, 0, "d", (("client-0", sequence),))

    oracle = ordered_execution(lambda _: True)
    assert oracle.observe(1.0, "a", executed(1)) is None
    assert oracle.observe(2.0, "a", StateTransferred(4)) is None
    assert oracle.observe(3.0, "a", executed(5)) is None
    assert oracle.observe(3.0, "b", executed(2)) is not None
    assert oracle.observe(4.0, "a", executed(7)) is not None
    assert oracle.observe(5.0, "a", executed(2)) is None, "again, after a restart"
    assert oracle.observe(6.0, "a", executed(6)) is None


def executed_by(oracle: Any, time_s: float, peer: str, sequence: int, *numbers: int) -> str | None:
    requests = tuple(("client-0", number) for number in numbers)
    executed = Executed(sequence, 0, f"d{sequence}", requests)
    wrong: str | None = oracle.observe(time_s, peer, executed)
    return wrong


def test_the_agreement_oracle_compares_digests_of_honest_replicas() -> None:
    oracle = execution_agreement(lambda peer: peer != "liar")
    assert executed_by(oracle, 1.0, "a", 1, 1) is None
    assert executed_by(oracle, 1.0, "b", 1, 1) is None
    other = Executed(1, 0, "other", (("client-0", 1),))
    assert oracle.observe(2.0, "liar", other) is None
    assert oracle.evaluations == 2
    assert "b has 'other' in slot 1 where a has 'd1'" in str(oracle.observe(2.0, "b", other))


def test_the_integrity_oracle_finds_what_was_executed_twice_or_never_asked_for() -> None:
    def oracle() -> ExecutedOnce:
        fresh = ExecutedOnce(lambda peer: peer != "liar", {})
        for number in (1, 2, 3):
            fresh.observe(0.0, "client-0", Invoked("client-0", number, b"get x"))
        assert executed_by(fresh, 1.0, "a", 1, 1) is None
        return fresh

    assert executed_by(oracle(), 2.0, "a", 2, 2) is None
    assert "had not made" in str(executed_by(oracle(), 2.0, "a", 2, 4))
    assert "has slot 1" in str(executed_by(oracle(), 2.0, "a", 2, 1))
    assert "has slot 1" in str(executed_by(oracle(), 2.0, "b", 2, 1))
    assert "request 2 of client-0 again in slot 2" in str(
        executed_by(oracle(), 1.0, "a", 2, 2, 3, 2)
    )
    assert executed_by(oracle(), 2.0, "liar", 2, 9) is None
    restarted = oracle()
    assert executed_by(restarted, 2.0, "a", 1, 1) is None
    several = oracle()
    assert executed_by(several, 2.0, "a", 2, 2, 3) is None
    assert several.evaluations == 3
    assert executed_by(several, 3.0, "a", 3) is None, "a null request"
    assert "had not made" in str(executed_by(oracle(), 2.0, "b", 1, 4)), "not what a executed"


def test_what_the_integrity_oracle_refuses_is_not_among_the_executions() -> None:
    executions, history = Executions(), History()
    oracle = ExecutedOnce(lambda peer: peer != "liar", {}, history, executions)
    assert set(oracle.observers()) == {Executed}
    history.add(0.0, Invoked("client-0", 1, b"get x"))
    assert executed_by(oracle, 1.0, "a", 1, 1) is None
    assert executed_by(oracle, 2.0, "liar", 1, 1) is None
    assert executed_by(oracle, 3.0, "b", 1, 1) is None
    assert "had not made" in str(executed_by(oracle, 4.0, "b", 2, 2))
    assert [(one.requests, one.times_s) for one in executions.batches] == [
        ((("client-0", 1),), [1.0, 3.0])
    ]


def test_the_validity_oracle_wants_a_result_to_have_been_executed() -> None:
    slots: Slots = {("client-0", 1): 5}
    oracle = ExecutedBeforeTold(slots)
    assert oracle.observe(1.0, "client-0", Returned("client-0", 1, b"")) is None
    wrong = oracle.observe(1.0, "client-0", Returned("client-0", 2, b""))
    assert wrong == "client-0 was told the result of request 2, which none had executed"


def test_the_validity_oracle_excepts_reads_and_waits_for_what_is_tentative() -> None:
    slots: Slots = {}
    reads = ExecutedBeforeTold(slots, unordered_reads=True)
    reads.observe(0.0, "client-0", Invoked("client-0", 2, b"get x"))
    assert reads.observe(1.0, "client-0", Returned("client-0", 2, b"")) is None
    reads.observe(2.0, "client-0", Invoked("client-0", 3, b"put x 1"))
    assert reads.observe(3.0, "client-0", Returned("client-0", 3, b"")) is not None
    tentative = ExecutedBeforeTold(slots, tentative=True)
    assert tentative.observe(1.0, "client-0", Returned("client-0", 4, b"")) is None
    assert tentative.finish(9.0) is None  # it may become final one day
    assert "request 4 of client-0 was told tentatively" in str(tentative.doubt)
    slots["client-0", 5] = 1
    assert "request 4, which none ever executed" in str(tentative.finish(9.0))
    slots["client-0", 4] = 1
    assert tentative.finish(9.0) is None


def test_tentative_execution_saves_a_link_and_reads_that_are_not_ordered_three() -> None:
    assert metrics(tentative=True)["client_latency_s"]["p99"] == 4.0
    found = metrics(read_only=True, requests=40)
    assert found["committed"] < found["returned"] == 40
    assert found["client_latency_s"]["p99"] == 5.0
    reads = found["returned"] - found["committed"]
    assert found["client_latency_s"]["mean"] == pytest.approx((5 * (40 - reads) + 2 * reads) / 40)


def test_checkpoints_are_judged_once_there_is_one() -> None:
    oracle = checkpoint_agreement(lambda peer: peer != "liar")
    assert not oracle.judges
    assert oracle.observe(1.0, "a", CheckpointTaken(8, "x")) is None
    assert oracle.judges
    assert oracle.observe(1.0, "liar", CheckpointTaken(8, "y")) is None
    assert oracle.observe(1.0, "b", CheckpointTaken(8, "y")) is not None


def test_liveness_is_judged_at_the_end_of_a_run_that_is_long_enough() -> None:
    oracle = Answered(2, 9.0)
    assert oracle.observe(1.0, "c", Returned("c", 1, b"")) is None
    assert oracle.finish(9.0) == "only 1 of 2 requests had a result by 9 s"
    oracle = Answered(1, 9.0)
    oracle.observe(1.0, "c", Returned("c", 1, b""))
    assert oracle.finish(9.0) is None
    assert oracle.doubt == ""
    short = measure(duration_s=12.0)
    assert short.status == "inconclusive"
    assert short.metrics["returned"] == 2
    assert {one.name for one in short.verdicts if one.status == "inconclusive"} == {"liveness"}


def test_links_are_written_as_law_and_mean() -> None:
    assert parse_link("fixed:2").mean_s == 2.0
    assert parse_link("exponential:0.5").law == "exponential"
    assert (parse_link("lognormal:3:0.7").mean_s, parse_link("lognormal:3:0.7").sigma) == (3, 0.7)
    assert parse_link("lognormal:3").sigma == 0.5
    assert parse_byzantine("0") == (0, "collude")
    assert parse_byzantine("2") == (2, "collude")
    assert parse_byzantine("1:twin") == (1, "twin")
    assert Parameters(byzantine=0).liars == 0


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("link=fixd:1", "no law is called 'fixd'"),
        ("link=fixed", "write fixed:MEAN_S with positive numbers"),
        ("link=fixed:0", "write fixed:MEAN_S with positive numbers"),
        ("link=fixed:nan", "write fixed:MEAN_S with positive numbers"),
        ("link=exponential:1:2", "write exponential:MEAN_S with positive numbers"),
        ("link=lognormal:x", "write lognormal:MEAN_S:SIGMA"),
        ("link=lognormal:1:9", "sigma is 9; it is at most 4"),
        ("byzantine=many", "write 0, or COUNT:BEHAVIOUR"),
        ("byzantine=1:lie", "no behaviour is called 'lie'"),
        ("byzantine=4:collude", "4 broken replicas of 4 leave none to agree"),
        ("clients=99", "99 clients cannot share 20 requests"),
        ("checkpoint_interval=999", "give at least twice checkpoint_interval"),
        ("replicas=3", "it must be from 4 to 200"),
        ("crashed=client", "must be 'none', 'backup' or 'primary'"),
    ],
)
def test_a_mistake_gets_one_line_that_says_how_to_mend_it(override: str, hint: str) -> None:
    result = CliRunner().invoke(main, ["run", "consensus_baseline", "--set", override])
    assert result.exit_code == 2
    assert result.stderr.startswith("prsm: ")
    assert hint in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_command_line_prints_the_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings_given = ["replicas=7", "link=fixed:1.0", "requests=20", "crashed=primary"]
    overrides = [part for one in settings_given for part in ("--set", one)]
    result = CliRunner().invoke(main, ["run", "consensus_baseline", *overrides, "--json"])
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)["metrics"]
    assert found["messages"]["view_change"] == 36
    assert found["messages"]["new_view"] == 6
    assert set(found["commit_latency_s"]) == {"mean", "p50", "p99", "ci95"}


def test_what_a_fuzzer_varies_is_possible_and_makes_small_worlds_rich() -> None:
    coverage: Counter[str] = Counter()
    for seed in range(12):
        parameters = build_parameters(Parameters, variants(Stream(seed, "test")))
        result = simulate(consensus_baseline, parameters, seed, runs_dir=None)
        assert result.status == "pass", (seed, result.failure)
        coverage.update(result.manifest.coverage)
        assert result.manifest.virtual_s < parameters.duration_s < 60.0
    assert coverage["consensus: checkpoint stable"] > 50
    assert coverage["consensus: primary held requests back"] > 10
