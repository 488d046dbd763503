"""The research market as a whole: what it promises holds, and its checkers can fail."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

from agents.pipeline.facts import QueryAnswered, QueryFailed
from economy.facts import QueryOpened, QueryRefunded, QuerySettled
from economy.state_machine import LedgerMachine
from prsm_sim.actor import Fact, InvariantViolation, UserError
from prsm_sim.parameters import build_parameters
from prsm_sim.sim import Sim
from scenarios.research_market.checks import PaidQueriesEnd
from scenarios.research_market.parameters import ResearchMarketParameters
from scenarios.research_market.questions import load_questions
from scenarios.research_market.scenario import research_market
from scenarios.research_market.truth import accuracy

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {
    "clients": 6, "questions_per_client": 2, "executors": 15, "orchestrators": 2, "architects": 2,
    "prompters": 2, "routers": 2, "compilers": 2, "arrivals_s": 4.0, "partition_at_s": 3.0,
    "partition_s": 4.0, "crash_at_s": 9.0, "crash_s": 5.0, "shards": 3,
}  # fmt: skip


def run(seed: int = 5, **changes: Any) -> Sim:
    parameters = ResearchMarketParameters(**{**SMALL, **changes})
    sim = Sim(seed)
    research_market.build(sim, parameters)
    sim.run(parameters.duration_s, sample_s=1.0)
    sim.observatory.finish(sim.now)
    return sim


@pytest.fixture(scope="module")
def market() -> Sim:
    return run()


def test_the_default_market_has_200_peers_in_4_regions_and_7_replicas_of_which_one_lies() -> None:
    sim = Sim(1)
    research_market.build(sim, ResearchMarketParameters())
    peers = ("client-00", *sim.others("client-00"))
    assert len(peers) == 200
    assert len({sim.region_of(peer) for peer in peers}) == 4
    kinds = [type(sim.actor(f"replica-{i}")).__name__ for i in range(7)]
    assert kinds == ["Replica"] * 6 + ["Equivocator"]
    assert sim.network.loss == 0.02


def test_there_are_enough_questions_of_enough_kinds() -> None:
    questions = load_questions()
    assert len(questions) >= 24
    assert len({question.kind for question in questions}) >= 6
    assert sum(question.kind == "recursive" for question in questions) >= 4


def test_every_promise_was_put_to_the_test_and_held(market: Sim) -> None:
    verdicts = market.observatory.verdicts()
    assert {verdict.status for verdict in verdicts} == {"pass"}, verdicts
    assert all(verdict.evaluations > 10 for verdict in verdicts)
    assert market.observatory.faults_struck == {"partition": 1, "crash": 1}
    dropped = market.observatory.counters
    assert all(dropped[f"dropped: {why}"] > 0 for why in ("loss", "partition", "receiver down"))
    assert dropped["ViewChanged"] > 0
    assert market.observatory.coverage["executors disagreed"] > 0


def test_answers_are_right_and_reported(market: Sim) -> None:
    metrics: dict[str, Any] = market.observatory.metrics
    assert metrics["queries"]["asked"] == 12
    assert metrics["queries"]["answered"] >= 10
    assert metrics["accuracy"]["mean"] > 0.85
    assert 0.5 < metrics["latency_s"]["p50"] <= metrics["latency_s"]["p99"] < 60
    used = metrics["contributors"]["answers_used"]
    assert metrics["contributors"]["peers"] == len(used) > 5
    assert metrics["cost_ftns"]["mean"] > 1


def test_what_clients_pay_is_what_the_others_earn(market: Sim) -> None:
    last = {name: value for _, name, value in market.observatory.series}
    wealth = 6 * 100_000
    roles = ("clients", "executors", "others")
    total = sum(last[f"balance_total_{role}_ftns"] for role in roles) + last["escrow_ftns"]
    assert total == pytest.approx(wealth, abs=1e-6)
    assert last["balance_total_executors_ftns"] > 0
    assert last["supply_ftns"] == 100_000_000


def test_the_digest_depends_on_the_seed_and_on_nothing_else() -> None:
    short = [f"--set={key}={value}" for key, value in {**SMALL, "duration_s": 12}.items()]
    command = [sys.executable, "-m", "prsm_sim", "run", "research_market", "--json"]
    command += ["--no-events", *short]

    def digest(seed: int, hash_seed: str, folder: str) -> str:
        done = subprocess.run(
            [*command, "--seed", str(seed), "--runs-dir", folder],
            env=os.environ | {"PYTHONHASHSEED": hash_seed}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode in (0, 3), done.stderr
        found: str = json.loads(done.stdout)["digest"]
        return found

    with tempfile.TemporaryDirectory() as folder:
        first = digest(3, "0", folder)
        assert first == digest(3, "12345", folder)
        assert first != digest(4, "0", folder)


def test_a_ledger_that_loses_a_unit_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = LedgerMachine.apply

    def leaky(self: LedgerMachine, sequence: int, client: str, operation: bytes, now: int) -> bytes:
        if sequence == 9:
            self.ledger.balances["client-0"] -= 1
        return honest(self, sequence, client, operation, now)

    monkeypatch.setattr(LedgerMachine, "apply", leaky)
    with pytest.raises(InvariantViolation, match=r"books balance|conservation"):
        run()


def test_more_liars_than_f_are_refused_with_the_bound() -> None:
    with pytest.raises(ValueError, match="7 replicas tolerate 2 Byzantine ones, not 3"):
        ResearchMarketParameters(byzantine=3)


Story = list[tuple[str, Fact]]
OPENED = QueryOpened("q", "client", "orchestrator", "5", 1000)
SETTLED = QuerySettled("q", (("executor", "5"),), "0")
REFUNDED = QueryRefunded("q", "5", expired=False)
FAILED = QueryFailed("q", "id", "kind", "no answer", 1.0)


def wrongs(story: Story, end_s: float = 100.0) -> Iterator[str]:
    checker = PaidQueriesEnd(("r1", "r2"), grace_s=10.0)
    for time_s, (peer, fact) in enumerate(story):
        wrong = checker.observe(float(time_s), peer, fact)
        if wrong is not None:
            yield wrong
    wrong = checker.finish(end_s)
    if wrong is not None:
        yield wrong


@pytest.mark.parametrize(
    ("story", "what"),
    [
        ([("r1", OPENED)], "never answered or refunded"),
        ([("r1", OPENED), ("r1", SETTLED), ("r1", SETTLED)], "after it was settled"),
        ([("r1", OPENED), ("r1", SETTLED), ("r2", REFUNDED)], "settled elsewhere"),
        ([("r1", SETTLED)], "never opened"),
        ([("r1", OPENED), ("r1", SETTLED)], "never heard"),
    ],
)
def test_a_query_that_ends_badly_is_named(story: Story, what: str) -> None:
    assert any(what in wrong for wrong in wrongs(story))


@pytest.mark.parametrize(
    "story",
    [
        [("r1", OPENED), ("r2", OPENED), ("r1", REFUNDED), ("r2", REFUNDED)],
        [("r1", OPENED), ("r1", SETTLED), ("client", FAILED)],
        [("liar", SETTLED)],
    ],
)
def test_a_query_that_ends_well_is_not(story: Story) -> None:
    assert list(wrongs(story)) == []


def test_the_last_queries_may_still_be_open() -> None:
    assert list(wrongs([("r1", OPENED)], end_s=5.0)) == []


def test_parameters_can_be_overridden_and_typos_are_named() -> None:
    parameters = build_parameters(ResearchMarketParameters, {}, ("executors=500",))
    assert parameters.executors == 500
    with pytest.raises(UserError, match="did you mean 'executors'"):
        build_parameters(ResearchMarketParameters, {}, ("executers=500",))


def test_an_answer_is_judged_by_the_truth(market: Sim) -> None:
    """A market whose answers are shuffled among its questions scores far worse."""
    by_id = {question.id: question for question in load_questions()}
    answers: list[QueryAnswered] = []
    sim = Sim(5)
    parameters = ResearchMarketParameters(**SMALL)
    sim.observe(QueryAnswered, lambda _t, _p, fact: answers.append(fact))  # type: ignore[arg-type]
    research_market.build(sim, parameters)
    sim.run(parameters.duration_s)
    right = [accuracy(by_id[one.question], one.answer) for one in answers]
    wrong = [
        accuracy(by_id[one.question], other.answer)
        for one, other in zip(answers, answers[1:] + answers[:1], strict=True)
        if one.question != other.question
    ]
    assert sum(right) / len(right) > 0.85 > 0.5 > sum(wrong) / len(wrong)
