"""The whole way from question to settlement, with peers that fail, lie and crash."""

import pytest
from msgspec.structs import replace
from pipeline_market import BankClient, Market

from agents.pipeline.executor import Executor
from agents.pipeline.facts import StageReached, TaskExecuted
from agents.pipeline.messages import (
    AskQuestion,
    Candidate,
    ExecuteTask,
    QuestionAnswered,
    Quote,
    Refusal,
    RequestQuote,
    Route,
    RouteTask,
    TaskResult,
)
from agents.pipeline.questions import Question
from agents.pipeline.router import Router
from agents.pipeline.submodels import SKILLS
from agents.pipeline.tasks import FindExtreme, Number, Part
from agents.pipeline.work import WorkRules
from economy.holds import HoldState
from economy.money import encode_units, ftns
from economy.operations import OpenQuery, RefundQuery, encode_operation
from prsm_sim.actor import Actor, Message, on
from prsm_sim.faults import Crash, Partition
from scenarios.research_market.questions import load_questions
from scenarios.research_market.truth import accuracy

BY_ID = {question.id: question for question in load_questions()}
WINE = BY_ID["wine-1-3"]
CLUSTERS = BY_ID["iris-clusters"]


class Ask(Message, frozen=True):
    units: str
    arbiter: str
    open_first: bool


class Silent(Executor):
    """Announces itself and never answers."""

    @on(ExecuteTask)
    async def execute(self, ctx, sender, message) -> TaskResult:
        await ctx.sleep(1e6)
        raise AssertionError("nobody waits so long")


BOASTED = 10**9
"""A confidence in thousandths that no sub-model can have."""


def lying(answer):
    class Liar(Executor):
        @on(ExecuteTask)
        async def execute(self, ctx, sender, message) -> TaskResult:
            return TaskResult(message.call.task_id, answer, BOASTED)

    return Liar


def some(kind, which):
    """Put `kind` in place of the executors whose number is in `which`."""

    def make(index, honest):
        def changed():
            actor = honest()
            if index in which:
                actor.__class__ = kind
            return actor

        return changed

    return make


def collect(market, fact_type):
    facts = []
    market.sim.observe(fact_type, lambda _t, _p, fact: facts.append(fact))
    return facts


def test_one_question_is_answered_paid_for_and_settled():
    market = Market((WINE,))
    stages = collect(market, StageReached)
    market.sim.run(until=20)
    (answer,) = market.answered
    assert accuracy(WINE, answer.answer) > 0.7
    hold = market.machine.escrow.find(answer.query)
    assert hold.state is HoldState.POSTED
    assert hold.posted_units == int(answer.cost_units)
    ledger = market.machine.ledger
    assert ledger.audit() is None
    assert ledger.balances["client-0"] == ftns("100000") - hold.posted_units
    # Two elemental tasks, three executors each, eight FTNS an answer.
    paid = sum(ledger.balances[name] for name in answer.contributors)
    assert paid == 6 * ftns("8")
    # Base 1, architect 5, (prompter 2, router 1, compiler 10) twice, compiler 10 once more.
    stages_units = ftns("1") + ftns("5") + 2 * ftns("13") + ftns("10")
    # Complexity .41, depth 2, medium, three agents: 41·1.5·2.5·1.6 units at .1·1.205 FTNS.
    context_units = ftns("29.643")
    assert hold.posted_units == paid + stages_units + context_units
    assert [one.stage for one in stages if one.stage != "executor"][:2] == ["intent", "architect"]
    assert stages[-1].stage == "settled"


def test_silent_executors_are_replaced_by_the_next_candidates():
    market = Market((WINE,), executors=6, make_executor=some(Silent, (0, 1, 2)))
    executed = collect(market, TaskExecuted)
    market.sim.run(until=60)
    (answer,) = market.answered
    outcomes = {one.executor: one.outcome for one in executed}
    assert {outcomes[f"executor-{i}"] for i in (0, 1, 2) if f"executor-{i}" in outcomes} == {
        "timed out"
    }
    assert set(answer.contributors) == {"executor-3", "executor-4", "executor-5"}
    assert all(f"executor-{i}" not in market.machine.ledger.balances for i in (0, 1, 2))


def test_a_task_without_enough_answers_is_routed_again_after_a_pause():
    market = Market((CLUSTERS,), executors=3)
    down = [Crash(at_s=0.4, for_s=4.0, peer=f"executor-{index}") for index in (0, 1)]
    market.sim.schedule(*down)
    market.sim.run(until=30)
    (answer,) = market.answered
    assert answer.latency_s + 0.5 > 4.0
    assert len(answer.contributors) >= 2
    assert market.sim.observatory.coverage["a task was routed again"] >= 1


def test_a_partition_that_cuts_off_every_layer_is_outlasted():
    market = Market((CLUSTERS,), executors=4)
    layers = ("architect", "prompter", "router", "compiler")
    cut_off = tuple(f"{layer}-{index}" for layer in layers for index in (0, 1))
    market.sim.schedule(Partition(at_s=0.7, for_s=8.0, groups=(("bank",), cut_off)))
    market.sim.run(until=60)
    (answer,) = market.answered
    assert answer.latency_s > 7


def test_an_executor_votes_once_however_often_a_router_names_it():
    market = Market((CLUSTERS,), executors=4, make_router=lambda: Stuffing("executor-1"))
    executed = collect(market, TaskExecuted)
    market.sim.run(until=30)
    assert [one.executor for one in executed].count("executor-1") <= 4  # once a routing
    assert market.failed[0].reason.startswith("task 0: 1 answers")


class Inflating(Router):
    """A router that names a price a hundred times too high."""

    @on(RouteTask)
    def route(self, ctx, sender, message) -> Route:
        found = super().route(ctx, sender, message).candidates
        dear = encode_units(ftns("800"))
        return Route(message.task_id, tuple(replace(one, price_units=dear) for one in found))


def test_a_router_cannot_make_an_executor_earn_more_than_the_stage_price():
    market = Market((CLUSTERS,), make_router=Inflating)
    market.sim.run(until=20)
    (answer,) = market.answered
    balances = market.machine.ledger.balances
    assert [balances[name] for name in answer.contributors] == [ftns("8")] * 3


class Forger(Actor):
    """Answers a question that it was never asked."""

    @on(Ask)
    def forge(self, ctx, sender, message) -> None:
        ctx.send("client-0", QuestionAnswered("client-0/0", Number(0.123), "a lie."))
        ctx.set_timer("again", 0.02)

    def on_timer(self, ctx, name):
        self.forge(ctx, "", Ask("0", "", open_first=False))


def test_a_client_takes_an_answer_only_from_whom_it_asked():
    market = Market((CLUSTERS,))
    market.sim.spawn("forger", Forger)
    market.sim.post("forger", Ask("0", "", open_first=False))
    market.sim.run(until=10)
    (answer,) = market.answered
    assert answer.answer != Number(0.123)


class Stuffing(Router):
    """A router that fills its list with one name."""

    def __init__(self, friend):
        super().__init__()
        self.friend = friend

    @on(RouteTask)
    def route(self, ctx, sender, message) -> Route:
        return Route(message.task_id, (Candidate(self.friend, "1", 1000),) * 9)


def test_a_dead_peer_of_any_layer_is_stood_in_for_by_the_next():
    market = Market((CLUSTERS, WINE))
    dead = [f"{layer}-0" for layer in ("architect", "prompter", "router", "compiler")]
    market.sim.schedule(*(Crash(at_s=0.4, peer=name) for name in dead))
    market.sim.run(until=60)
    assert len(market.answered) == 2
    assert all(name not in market.machine.ledger.balances for name in dead)
    assert market.sim.observatory.coverage["another peer of a layer stepped in"] >= 4


def test_who_stayed_silent_is_asked_less_often_later():
    questions = tuple(BY_ID[name] for name in ("iris-clusters", "wine-clusters", "petal-length"))
    market = Market(questions, executors=8, make_executor=some(Silent, (0, 1)))
    executed = collect(market, TaskExecuted)
    market.sim.run(until=60)
    assert len(market.answered) == 3
    timed_out = [one.executor for one in executed if one.outcome == "timed out"]
    assert len(set(timed_out)) == len(timed_out)
    assert len(timed_out) <= 2  # each is tried once at most, then ranks last


@pytest.mark.parametrize(
    "lie",
    [Number(-0.5), Number(1.0), Number(float("nan")), Number(1e300), Refusal("I would rather not")],
    ids=str,
)
def test_a_minority_of_liars_cannot_turn_the_answer(lie):
    market = Market((CLUSTERS,), executors=3, make_executor=some(lying(lie), (1,)))
    market.sim.run(until=30)
    (answer,) = market.answered
    assert accuracy(CLUSTERS, answer.answer) > 0.75


def test_an_answer_without_the_form_of_its_goal_earns_nothing():
    market = Market((CLUSTERS,), executors=4, make_executor=some(lying(Number(7.0)), (1,)))
    executed = collect(market, TaskExecuted)
    market.sim.run(until=30)
    (answer,) = market.answered
    assert "executor-1" not in answer.contributors
    assert "executor-1" not in market.machine.ledger.balances
    assert all(one.outcome == "refused" for one in executed if one.executor == "executor-1")


def test_what_nobody_can_do_is_refunded_in_full():
    lacking = tuple(skill for skill in SKILLS if skill != "MeasureClusters")
    market = Market((CLUSTERS,), skills_of=lambda _: lacking)
    stages = collect(market, StageReached)
    market.sim.run(until=30)
    (failure,) = market.failed
    assert failure.reason == "task 0: 0 answers to 0 requests, 2 needed"
    assert market.machine.escrow.find(failure.query).state is HoldState.VOIDED
    assert market.machine.ledger.balances["client-0"] == ftns("100000")
    assert stages[-1].stage == "refunded"


def test_too_few_answers_are_no_answer():
    market = Market((CLUSTERS,), executors=3, make_executor=some(Silent, (0, 1)))
    market.sim.run(until=30)
    assert market.failed[0].reason == "task 0: 1 answers to 9 requests, 2 needed"
    alone = Market(
        (CLUSTERS,),
        executors=3,
        make_executor=some(Silent, (0, 1)),
        rules=WorkRules(answers_needed=1),
    )
    alone.sim.run(until=30)
    assert len(alone.answered) == 1


def test_a_price_beyond_the_budget_is_declined_before_any_money_moves():
    market = Market((WINE,), budget_units=encode_units(ftns("100")))
    market.sim.run(until=30)
    assert market.failed[0].reason == "the price exceeds the budget"
    assert market.machine.escrow.find("client-0/0") is None


def test_a_goal_that_makes_no_sense_is_declined_with_the_reason():
    nonsense = Question("x", "?", "x", FindExtreme("largest", (Part("a", CLUSTERS.goal),)))
    market = Market((nonsense,))
    market.sim.run(until=30)
    assert "at least two parts" in market.failed[0].reason


class Impostor(Actor):
    """Asks without paying the price."""

    def __init__(self):
        self.bank = BankClient()
        self.got = []

    @on(Ask)
    def ask(self, ctx, sender, message) -> None:
        if message.open_first:
            operation = OpenQuery("x", message.arbiter, message.units, 60_000)
            self.bank.submit(ctx, encode_operation(operation), "open")
        else:
            ctx.send("orchestrator-0", AskQuestion("x", CLUSTERS))

    @on(Message)
    def receipt(self, ctx, sender, message) -> None:
        if isinstance(message, QuestionAnswered):
            self.got.append(message)
        elif self.bank.on_message(ctx, sender, message):
            ctx.send("orchestrator-0", AskQuestion("x", CLUSTERS))

    def on_timer(self, ctx, name):
        self.bank.on_timer(ctx, name)


@pytest.mark.parametrize(
    ("units", "arbiter", "open_first", "reason"),
    [
        (ftns("1000"), "orchestrator-0", False, "no escrow"),
        (ftns("1"), "orchestrator-0", True, "less than the price"),
        (ftns("1000"), "client-1", True, "for another"),
    ],
)
def test_without_a_sufficient_escrow_no_work_is_done(units, arbiter, open_first, reason):
    market = Market((), clients=2)
    impostor = Impostor()
    market.machine.ledger.transfer("client-0", "impostor", ftns("2000"))
    market.sim.spawn("impostor", lambda: impostor)
    executed = collect(market, TaskExecuted)
    market.sim.post("impostor", Ask(encode_units(units), arbiter, open_first))
    market.sim.run(until=20)
    assert reason in impostor.got[0].answer.reason
    assert not executed


def test_an_escrow_that_has_ended_pays_for_nothing():
    market = Market(())
    impostor = Impostor()
    market.machine.ledger.transfer("treasury", "impostor", ftns("2000"))
    operation = OpenQuery("x", "orchestrator-0", encode_units(ftns("1000")), 60_000)
    market.machine.apply(1, "impostor", encode_operation(operation), 0)
    market.machine.apply(2, "orchestrator-0", encode_operation(RefundQuery("x")), 0)
    market.sim.spawn("impostor", lambda: impostor)
    executed = collect(market, TaskExecuted)
    market.sim.post("impostor", Ask("1", "orchestrator-0", open_first=False))
    market.sim.run(until=20)
    assert impostor.got[0].answer.reason == "the escrow has ended: voided"
    assert not executed


def test_an_escrow_of_somebody_else_pays_for_nothing():
    """The victim's escrow is pending; the thief asks under its name."""
    market = Market(())
    thief = Impostor()
    market.machine.ledger.transfer("treasury", "victim", ftns("2000"))
    expires_at_ms = 60_000
    operation = OpenQuery("x", "orchestrator-0", encode_units(ftns("1000")), expires_at_ms)
    market.machine.apply(1, "victim", encode_operation(operation), 0)
    market.sim.spawn("thief", lambda: thief)
    executed = collect(market, TaskExecuted)
    market.sim.post("thief", Ask("1", "orchestrator-0", open_first=False))
    market.sim.run(until=20)
    assert "another client" in thief.got[0].answer.reason
    assert not executed


@pytest.mark.parametrize("at_s", [0.7, 0.9, 1.0, 1.2])
def test_a_crashed_orchestrator_ends_every_escrow_once_and_the_client_gets_its_answer(at_s):
    market = Market((WINE,))
    market.sim.schedule(Crash(at_s=at_s, for_s=1.5, peer="orchestrator-0"))
    market.sim.run(until=60)
    (answer,) = market.answered
    hold = market.machine.escrow.find(answer.query)
    assert hold.state is HoldState.POSTED
    assert hold.posted_units == int(answer.cost_units)
    assert market.machine.ledger.audit() is None


def test_a_settlement_that_a_crash_cut_off_is_taken_up_at_the_restart():
    """The answer is out, the bank has not heard of the settlement yet, and then the crash comes."""
    undisturbed = Market((WINE,))
    compiled_at_s = []
    undisturbed.sim.observe(StageReached, lambda time_s, _p, fact: compiled_at_s.append(time_s))
    undisturbed.sim.run(until=20)
    last_but_settled_s = compiled_at_s[-2]
    market = Market((WINE,))
    market.sim.schedule(
        Partition(at_s=last_but_settled_s, for_s=2.0, groups=(("orchestrator-0",), ("bank",))),
        Crash(at_s=last_but_settled_s + 1.0, for_s=2.0, peer="orchestrator-0"),
    )
    market.sim.run(until=20)
    (answer,) = market.answered
    assert answer.latency_s < 1.5
    assert market.machine.escrow.find(answer.query).state is HoldState.POSTED
    coverage = market.sim.observatory.coverage
    assert coverage["an orchestrator took up a settlement after a crash"] == 1


@pytest.mark.parametrize("at_s", [0.55, 0.6, 0.65, 0.9])
def test_a_crashed_client_goes_on_with_its_query_and_then_with_the_next(at_s):
    market = Market((CLUSTERS, WINE), seed=3)
    market.sim.schedule(Crash(at_s=at_s, for_s=1.0, peer="client-0"))
    market.sim.run(until=90)
    ended = [one.query for one in (*market.answered, *market.failed)]
    assert sorted(ended) == ["client-0/0", "client-0/1"]
    assert market.machine.ledger.totals().held_units == 0
    for failure in market.failed:
        assert failure.reason == "the client crashed before it opened an escrow"


def test_heavy_loss_delays_answers_but_loses_no_money():
    questions = tuple(BY_ID[name] for name in ("iris-clusters", "wine-1-3", "wine-hardest-pair"))
    market = Market(questions, loss=0.25, executors=10, clients=3, seed=8)
    market.sim.run(until=200)
    assert len(market.answered) + len(market.failed) == 3
    assert market.answered
    assert market.machine.ledger.audit() is None
    assert market.machine.ledger.totals().held_units == 0


def test_the_same_seed_gives_the_same_run_and_another_seed_another():
    def digest(seed):
        market = Market((WINE, CLUSTERS), seed=seed, loss=0.05)
        market.sim.run(until=30)
        return market.sim.digest

    assert digest(4) == digest(4) != digest(5)


def test_a_quote_can_be_asked_for_twice():
    class Shopper(Actor):
        def __init__(self):
            self.quotes = []

        @on(Ask)
        async def ask(self, ctx, sender, message) -> None:
            for _ in range(2):
                self.quotes.append(await ctx.ask("orchestrator-0", RequestQuote(WINE), Quote))

    market = Market(())
    shopper = Shopper()
    market.sim.spawn("shopper", lambda: shopper)
    market.sim.post("shopper", Ask("0", "", open_first=False))
    market.sim.run(until=5)
    first, second = shopper.quotes
    assert first == second
    # As settled above, when every executor is paid the full stage price.
    assert int(first.price_units) == 6 * ftns("8") + ftns("42") + ftns("29.643")
