"""Kinetic exchange: two paths that move the same grains, and equilibria known beforehand."""

import math
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import chisquare, kstest, poisson

from economy.concentration import gini
from economy.ledger import Ledger, LedgerParameters
from prsm_sim.chance import Stream
from prsm_sim.runner import RunResult, simulate
from scenarios.economy_validation import exchange_theory as theory
from scenarios.economy_validation.comparison import Comparison, decide
from scenarios.kinetic_exchange import population as vectorised
from scenarios.kinetic_exchange.agent import Agent, Open, rings
from scenarios.kinetic_exchange.bank import POT, Bank
from scenarios.kinetic_exchange.book import Book, Orders
from scenarios.kinetic_exchange.crowd import gini_and_variance
from scenarios.kinetic_exchange.parameters import KineticExchangeParameters
from scenarios.kinetic_exchange.population import Population
from scenarios.kinetic_exchange.rules import DRAW_BITS, GAINS, GRAINS_PER_COIN, PPM, endowment
from scenarios.kinetic_exchange.scenario import MEASURES, kinetic_exchange

pytestmark = pytest.mark.slow

CLOCKS = ("async", "sync", "shuffled")
COIN = GRAINS_PER_COIN
amounts = st.integers(0, 3 * COIN) | st.integers(0, 2**59) | st.sampled_from([0, COIN - 1, COIN])
draws = st.integers(0, 2**DRAW_BITS - 1)
shares = st.integers(0, PPM) | st.sampled_from([0, 1, PPM])


def parameters(**chosen: Any) -> KineticExchangeParameters:
    return KineticExchangeParameters.model_validate(chosen)


def run(seed: int = 1, **chosen: Any) -> RunResult:
    return simulate(kinetic_exchange, parameters(**chosen), seed, runs_dir=None)


def bank_of(balances: list[int], rule: Any, saving_ppm: int = 0, share_ppm: int = 0) -> Bank:
    total = sum(balances)
    ledger = Ledger(LedgerParameters(cap_units=total, genesis_units=total))
    names = tuple(f"agent-{number}" for number in range(len(balances)))
    for name, units in zip(names, balances, strict=True):
        assert not units or ledger.mint(name, units) is None
    return Bank(ledger, names, rule, "async", saving_ppm, share_ppm)


def owned(bank: Bank) -> list[int]:
    assert bank.ledger.audit() is None
    return [bank.ledger.balances.get(name, 0) for name in bank.names]


@given(amounts, amounts, shares, draws, st.sampled_from(sorted(GAINS)))
def test_a_meeting_takes_from_nobody_what_it_does_not_stake(
    acting: int, other: int, saving_ppm: int, draw: int, rule: Any
) -> None:
    gained = GAINS[rule](acting, other, saving_ppm, draw)
    if rule == "unit":
        assert gained == (-COIN if acting >= COIN else 0)
        return
    # The exact rule, in rationals, to the grain that each of three roundings may cost.
    part, heads = Fraction(draw % 2**32, 2**32), draw >> 32
    at_stake = 1 - Fraction(saving_ppm, PPM)
    if rule == "pooling":
        exact = part * at_stake * (acting + other) - at_stake * acting
    else:
        exact = part * at_stake * min(acting, other) * (1 if heads else -1)
    assert abs(gained - exact) <= 3
    assert acting + gained >= acting * saving_ppm // PPM
    assert other - gained >= other * saving_ppm // PPM


@given(st.data(), st.lists(amounts, min_size=2, max_size=7), shares)
@settings(max_examples=100)
def test_the_population_moves_the_grains_that_the_ledger_moves(
    data: st.DataObject, balances: list[int], saving_ppm: int
) -> None:
    count = len(balances)
    rule = data.draw(st.sampled_from(["pooling", "unit", "yard_sale"]))
    how = data.draw(st.sampled_from(["sequence", "order", "at once"]))
    order = data.draw(st.permutations(range(count)))
    acting = data.draw(st.lists(st.integers(0, count - 1), max_size=20))
    if how != "sequence":
        acting = list(order)
    gaps = data.draw(
        st.lists(st.integers(1, count - 1), min_size=len(acting), max_size=len(acting))
    )
    others = [(a + gap) % count for a, gap in zip(acting, gaps, strict=True)]
    drawn = data.draw(st.lists(draws, min_size=len(acting), max_size=len(acting)))
    bank, found = bank_of(balances, rule, saving_ppm), np.array(balances, dtype=np.int64)
    p = KineticExchangeParameters.model_construct(rule=rule, saving=saving_ppm / PPM)
    assert p.saving_ppm == saving_ppm
    arrays = [np.array(values, dtype=np.int64) for values in (acting, others, drawn)]
    if how == "at once" and rule == "unit":
        by_agent = np.empty(count, dtype=np.int64)
        by_agent[arrays[0]] = arrays[1]
        vectorised.unit_at_once(found, by_agent)
        givers = [a for a in acting if balances[a] >= COIN]
        taken = dict(zip(acting, others, strict=True))
        meetings = [(a, taken[a], 0) for a in givers]
    elif how == "at once":
        half = count // 2
        pairs = arrays[0][:half], arrays[0][half : 2 * half], arrays[2][:half]
        vectorised.meet_at_once(found, *pairs, p)
        meetings = list(zip(*(one.tolist() for one in pairs), strict=True))
    else:
        meetings = list(zip(acting, others, drawn, strict=True))
        if rule != "unit":
            vectorised.meet_in_sequence(found, *arrays, GAINS[rule], saving_ppm)
        elif how == "order":
            vectorised.unit_in_order(found, arrays[0], arrays[1])
        else:
            vectorised.unit_in_sequence(found, arrays[0], arrays[1])
    for a, b, draw in meetings:
        bank.meet(bank.names[a], bank.names[b], draw)
    assert owned(bank) == found.tolist()


@given(st.data(), st.lists(st.sampled_from([0, 0, 0, 1, 2]), min_size=3, max_size=12))
@settings(max_examples=60)
def test_a_coin_may_pass_through_many_hands_in_a_step(
    data: st.DataObject, coins: list[int]
) -> None:
    order = np.array(data.draw(st.permutations(range(len(coins)))))
    # Mostly to whoever is next, so that one coin goes from the empty-handed to the empty-handed.
    gaps = data.draw(
        st.lists(st.sampled_from([1, 1, 1, 2]), min_size=len(coins), max_size=len(coins))
    )
    others = order[(np.arange(len(coins)) + np.array(gaps)) % len(coins)]
    one_by_one = COIN * np.array(coins)
    all_together = one_by_one.copy()
    vectorised.unit_in_sequence(one_by_one, order, others)
    vectorised.unit_in_order(all_together, order, others)
    assert one_by_one.tolist() == all_together.tolist()


@given(st.lists(amounts, min_size=2, max_size=7).filter(any), shares)
def test_redistribution_is_the_same_on_both_paths(balances: list[int], share_ppm: int) -> None:
    bank, found = bank_of(balances, "pooling", share_ppm=share_ppm), np.array(balances)
    bank.redistribute()
    vectorised.redistribute(found, share_ppm)
    assert owned(bank) == found.tolist()
    assert POT not in bank.ledger.balances
    assert sum(found) == sum(balances)
    if share_ppm == PPM:
        assert max(found) - min(found) <= 1


@given(st.lists(amounts, min_size=2, max_size=30).filter(any))
def test_both_paths_measure_alike(balances: list[int]) -> None:
    bank = bank_of(balances, "unit")
    fact = bank.measured()
    found = gini_and_variance(np.array(balances))
    assert found == pytest.approx((fact.gini, fact.variance_over_mean_sq), rel=1e-9, abs=1e-12)
    assert fact.gini == pytest.approx(float(gini(balances)))
    mean = Fraction(sum(balances), len(balances))
    variance = sum((x - mean) ** 2 for x in balances) / len(balances)
    assert fact.variance_over_mean_sq == pytest.approx(float(variance / mean**2))
    assert fact.p_zero == sum(x < COIN for x in balances) / len(balances)


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize(("path", "ahead"), [("event", 1), ("event", 16), ("population", 1)])
def test_unit_exchange_of_three_agents_is_the_chain_of_all_its_states(
    clock: Any, path: str, ahead: int
) -> None:
    expected = theory.few_agents(3, 3, clock)
    chosen = {"rule": "unit", "agents": 3, "steps": 600, "warmup_steps": 50}
    found = [run(seed, clock=clock, path=path, ahead=ahead, **chosen).metrics for seed in range(5)]
    claims = decide(
        [
            Comparison(name, getattr(expected, name), np.array([one[name] for one in found]))
            for name in MEASURES
        ]
    )
    assert [claim.what for claim in claims if claim.verdict == "fail"] == []


def test_the_three_clocks_differ_by_more_than_chance_allows() -> None:
    chains = [theory.few_agents(3, 3, clock).p_zero for clock in CLOCKS]  # type: ignore[arg-type]
    assert chains == pytest.approx([2 / 5, 1 / 4, 60 / 209])
    limits = [theory.unit_async_limit(1.0), theory.unit_sync_limit(1.0)]
    shuffled = theory.unit_shuffled_limit(1.0)
    assert limits[1].p_zero < shuffled.p_zero < limits[0].p_zero
    chosen = {"rule": "unit", "agents": 10_000, "path": "population", "steps": 40}
    for clock, expected in zip(CLOCKS, (*limits, shuffled), strict=True):
        found = run(clock=clock, warmup_steps=30, **chosen).metrics
        others = [one for one in (*limits, shuffled) if one is not expected]
        apart = min(abs(one.p_zero - expected.p_zero) for one in others)
        assert abs(found["p_zero"] - expected.p_zero) < apart / 3


@pytest.mark.parametrize(("agents", "coins"), [(3, 1), (3, 5), (4, 2), (5, 4)])
def test_poisson_clocks_make_all_divisions_equally_probable(agents: int, coins: int) -> None:
    assert theory.few_agents(agents, coins, "async") == pytest.approx(
        theory.unit_async(agents, coins)
    )


@pytest.mark.parametrize("mean", [1, 3])
def test_closed_forms_of_many_agents(mean: int) -> None:
    many = theory.unit_async(300, 300 * mean)
    assert many == pytest.approx(theory.unit_async_limit(mean), rel=0.02)
    geometric = (1 / (1 + mean)) * (mean / (1 + mean)) ** np.arange(3000)
    assert theory.of_law(geometric) == pytest.approx(theory.unit_async_limit(mean))
    sync = theory.unit_sync_limit(mean)
    assert sync.p_zero == pytest.approx((mean**2 + 1) ** 0.5 - mean)
    moves = np.zeros((60 * mean, 60 * mean))
    for has in range(len(moves)):
        left = max(has - 1, 0)
        moves[has, left:] = poisson.pmf(np.arange(len(moves) - left), 1 - sync.p_zero)
    law = np.linalg.matrix_power(moves, 4096)[mean]
    assert law @ np.arange(len(law)) == pytest.approx(mean, rel=1e-3)
    assert theory.of_law(law / law.sum()) == pytest.approx(sync, rel=2e-3)
    shuffled = theory.unit_shuffled_limit(mean)
    assert shuffled.p_zero == pytest.approx(theory.shuffled_p_zero(mean), rel=1e-9)


def pooling_moments(agents: int, saving: float, clock: str, share: float, steps: int) -> float:
    """The variance by following E x² and E x y through the meetings, without a fixed point."""
    square, cross = 1.0, 1.0
    for _ in range(steps):
        pieces = 4000 if clock == "async" else 1
        for _ in range(pieces):
            meets = 2 / pieces if clock == "async" else 1.0
            kept, pooled = saving, 1 - saving
            after = (
                kept**2 * square + kept * pooled * (square + cross)
                + pooled**2 * (2 * square + 2 * cross) / 3
            )  # fmt: skip
            square += meets * (after - square)
            cross = (agents - square) / (agents - 1)
        square = (1 - share) ** 2 * square + 2 * share * (1 - share) + share**2
        cross = (agents - square) / (agents - 1)
    return square - 1


@pytest.mark.parametrize("saving", [0.0, 0.4])
@pytest.mark.parametrize("share", [0.0, 0.2])
def test_pooling_variance_is_where_the_moments_go(saving: float, share: float) -> None:
    for clock, tolerance in (("sync", 1e-9), ("async", 1e-3)):
        found = pooling_moments(10, saving, clock, share, 60)
        expected = theory.pooling_variance(10, saving, share, clock)  # type: ignore[arg-type]
        assert found == pytest.approx(expected, rel=tolerance)
    limit = (1 - saving) / (1 + 2 * saving)
    assert theory.pooling_variance(10**9, saving) == pytest.approx(limit)


@pytest.mark.parametrize(
    ("clock", "saving", "share"),
    [("sync", 0.0, 0.0), ("async", 0.5, 0.0), ("shuffled", 0.5, 0.0), ("async", 0.3, 0.2),
     ("sync", 0.0, 0.1)],
)  # fmt: skip
def test_pooling_of_a_few_agents_has_exactly_that_variance(
    clock: Any, saving: float, share: float
) -> None:
    agents = 7 if clock == "sync" else 6
    p = parameters(agents=agents, clock=clock, saving=saving, redistribution=share, steps=1)
    means = []
    for seed in range(6):
        population = Population(p, np.random.default_rng(seed))
        variances = []
        for step in range(600):
            population.step()
            if step >= 60:
                variances.append(gini_and_variance(population.balances)[1])
        means.append(np.mean(variances))
    expected = theory.pooling_variance(agents, saving, share, clock)
    (claim,) = decide([Comparison("variance", expected, np.array(means))])
    assert claim.verdict == "pass", claim


@pytest.mark.parametrize("clock", CLOCKS)
def test_pooling_at_the_ledger_is_uniform_on_the_simplex(clock: str) -> None:
    agents = 6
    found = [
        run(seed, agents=agents, clock=clock, steps=250, warmup_steps=20).metrics
        for seed in range(5)
    ]
    expected = theory.pooling(agents)
    claims = decide(
        [
            Comparison(name, getattr(expected, name), np.array([one[name] for one in found]))
            for name in MEASURES
        ]
    )
    assert [claim for claim in claims if claim.verdict == "fail"] == []


def test_poisson_clocks_of_the_population_ring_a_random_number_of_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rings: list[int] = []
    monkeypatch.setattr(
        vectorised, "unit_in_sequence", lambda balances, acting, others: rings.append(len(acting))
    )
    population = Population(
        parameters(agents=50, rule="unit", path="population"), np.random.default_rng(1)
    )
    for _ in range(1000):
        population.step()
    claims = decide(
        [
            Comparison("mean", 50.0, np.array(rings)),
            Comparison("variance", 50.0, (np.array(rings) - 50.0) ** 2),
        ]
    )
    assert [claim for claim in claims if claim.verdict == "fail"] == []


def test_a_yard_sale_condenses_unless_wealth_is_redistributed() -> None:
    poor = run(rule="yard_sale", agents=50, path="population", steps=2000).metrics
    assert poor["gini_final"] > 0.97
    assert poor["gini"] > 0.95
    fair = run(rule="yard_sale", agents=50, path="population", redistribution=0.1).metrics
    assert 0.3 < fair["gini"] < 0.7
    event = run(rule="yard_sale", agents=8, steps=400).metrics
    assert event["gini_final"] == pytest.approx(7 / 8, abs=1e-3)


def test_a_run_is_a_function_of_its_seed_and_conserves() -> None:
    first, again, other = (run(seed, agents=20, steps=30) for seed in (3, 3, 4))
    assert first.digest == again.digest != other.digest
    assert first.metrics == again.metrics != other.metrics
    (verdict,) = first.verdicts
    assert (verdict.status, verdict.evaluations) == ("pass", 30)
    assert first.metrics["steps"] == 30
    low, high = first.metrics["gini_ci95"]
    assert low < first.metrics["gini"] < high


@pytest.mark.parametrize("path", ["event", "population"])
def test_money_out_of_nothing_ends_the_run_at_its_step(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    meet, step = Bank.meet, Population.step

    def forge(self: Bank, acting: str, other: str, draw: int) -> None:
        meet(self, acting, other, draw)
        if self.steps == 5:
            self.ledger.balances[acting] = self.ledger.balances.get(acting, 0) + 1

    def forge_all(self: Population) -> None:
        step(self)
        self.balances[0] += 1

    monkeypatch.setattr(Bank, "meet", forge)
    monkeypatch.setattr(Population, "step", forge_all)
    result = run(agents=10, steps=20, path=path)
    assert result.status == "fail"
    assert f"after step {5 if path == 'event' else 1}" in result.failure
    assert result.verdicts[0].name == "conservation of money"


@pytest.mark.parametrize("path", ["event", "population"])
def test_a_debt_is_found_though_the_sum_is_right(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lend(self: Bank, acting: str, other: str, draw: int) -> None:
        self.ledger.balances[acting] = self.ledger.balances.get(acting, 0) - COIN
        self.ledger.balances[other] = self.ledger.balances.get(other, 0) + COIN

    def lend_all(self: Population) -> None:
        self.balances[0] -= COIN
        self.balances[1] += COIN

    monkeypatch.setattr(Bank, "meet", lend)
    monkeypatch.setattr(Population, "step", lend_all)
    result = run(agents=4, steps=20, path=path)
    assert result.status == "fail"
    assert result.failure.startswith("conservation of money: after step ")
    assert " units (t = " in result.failure


@pytest.mark.parametrize("ahead", [1, 16])
@pytest.mark.parametrize("clock", CLOCKS)
def test_each_clock_rings_as_it_should(
    clock: Any, ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts: list[tuple[int, str, str]] = []
    take = Book.take

    def watch(self: Book, end: int) -> Any:
        due = take(self, end)
        acts.extend((end - 2, one, other) for one, other, _ in zip(*due, strict=True))
        return due

    monkeypatch.setattr(Book, "take", watch)
    run(agents=6, clock=clock, steps=200, rule="unit", ahead=ahead)
    assert all(sender != other for _, sender, other in acts)
    partners = Counter((sender, other) for _, sender, other in acts)
    assert len(partners) == 30
    by_step = [[sender for step, sender, _ in acts if step == number] for number in range(200)]
    if clock == "async":
        counts = Counter(sender for _, sender, _ in acts)
        assert all(abs(count - 200) < 5 * 200**0.5 for count in counts.values())
        return
    orders = [tuple(one) for one in by_step]
    assert all(sorted(order) == sorted(set(order)) and len(order) == 6 for order in orders)
    assert len(set(orders)) == 1 if clock == "sync" else len(set(orders)) > 100


@pytest.mark.parametrize("span_steps", [1, 2, 16, 300])
def test_the_rings_of_a_span_follow_the_poisson_law(span_steps: int) -> None:
    for count in range(span_steps + 10 * math.isqrt(span_steps)):
        exact = poisson.cdf(count, span_steps)
        for distance, expected in ((-1e-12, count), (1e-12, count + 1)):
            word = int((exact + distance) * 2**64)
            if 1e-9 < exact < 1 - 1e-9:
                assert rings(span_steps, word) == expected
    fewest = rings(span_steps, 0)
    assert poisson.cdf(fewest - 1, span_steps) < 1e-18
    most = rings(span_steps, 2**64 - 1)
    assert poisson.sf(most, span_steps) < 1e-18


class Desk:
    """The part of a context that an agent writes its letters with."""

    def __init__(self, seed: int) -> None:
        self.rng = Stream(seed, "agent")
        self.letters: list[Orders] = []

    def send(self, to: str, message: Orders) -> None:
        assert to == "bank"
        self.letters.append(message)


@pytest.mark.parametrize("ahead", [1, 5, 16])
@pytest.mark.parametrize("clock", CLOCKS)
def test_letters_hold_what_was_drawn_for_their_steps(clock: Any, ahead: int) -> None:
    names = [f"agent-{number}" for number in range(5)]
    agent, desk = Agent(2, names, "bank", clock, True, ahead), Desk(ahead)
    firsts = range(1, 4000, ahead)
    for first in firsts:
        agent.write(desk, "bank", Open(first))  # type: ignore[arg-type]
    orders = [one for letter in desk.letters for one in zip(*letter_of(letter), strict=True)]
    dates, others, drawn = (np.array(column) for column in zip(*orders, strict=True))
    if clock == "async":
        counts = np.histogram(dates, bins=[*firsts, firsts[-1] + ahead])[0]
        claims = [
            Comparison("mean", float(ahead), counts),
            Comparison("variance", float(ahead), (counts - ahead) ** 2),
        ]
        assert [claim for claim in decide(claims) if claim.verdict == "fail"] == []
        assert uniform((dates - 1) % ahead / ahead)
    else:
        assert np.floor(dates).tolist() == list(range(1, firsts[-1] + ahead))
        assert uniform(dates % 1) if clock == "shuffled" else not np.any(dates % 1)
    assert set(others) == set(names) - {"agent-2"}
    assert chisquare(list(Counter(others).values())).pvalue > 1e-4
    assert drawn.max() < 2**DRAW_BITS
    assert uniform(drawn % 2**32 / 2**32)
    assert abs(np.mean(drawn >> 32) - 0.5) < 4 * 0.5 / len(drawn) ** 0.5


def letter_of(letter: Orders) -> tuple[tuple[Any, ...], ...]:
    return letter.dates, letter.others, letter.draws


def uniform(values: Any) -> bool:
    return bool(kstest(values, "uniform").pvalue > 1e-4)


def test_orders_leave_the_book_by_date_whenever_they_came() -> None:
    book = Book()
    book.enter("a", Orders((2.5, 1.25), ("b", "c")))
    book.enter("b", Orders((1.25, 3.0), ("a", "c"), (7, 8)))
    assert book.take(2) == (["a", "b"], ["c", "a"], [0, 7])
    book.enter("c", Orders((1.5, 2.75), ("a", "b")))  # the first of them is late
    book.enter("c", Orders((2.0,), ("a", "b")))  # an order without a date: the letter is not read
    book.enter("c", Orders((2.0, 2.1), ("a", "b"), (1,)))
    assert book.take(3) == (["c", "a", "c"], ["a", "b", "b"], [0, 0, 0])
    assert book.take(3) == ([], [], [])
    assert book.take(4) == (["b"], ["c"], [8])


def test_agents_begin_as_equal_as_can_be() -> None:
    assert endowment(4, 10) == [3, 3, 2, 2]
    assert parameters(agents=4, mean=2.5, rule="unit").endowment == [3 * COIN] * 2 + [2 * COIN] * 2
    assert parameters(agents=4, mean=2.5).endowment == [5 * COIN // 2] * 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"agents": 3, "mean": 0.5, "rule": "unit"}, {"agents": 1}, {"saving": 1.0}, {"mean": 0},
        {"rule": "barter"}, {"clock": "cuckoo"}, {"redistribution": 1.5},
        {"agents": 1_000_000, "mean": 1e6}, {"steps": 10, "warmup_steps": 10},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parameters(**wrong)


def test_runs_are_long_enough_by_default() -> None:
    short, slow = parameters(rule="unit", mean=1), parameters(rule="unit", mean=5)
    assert (short.steps, short.duration_s) == (300, 301.0)
    assert slow.steps > 20 * slow.relaxation_steps - 1
    assert parameters(duration_s=77).steps == 77
    assert run(agents=3, duration_s=20).metrics["steps"] == 19  # the 20th closes at 20.9 s
    assert parameters(saving=0.999, agents=2).steps == pytest.approx(10_000, rel=0.01)
    assert parameters(rule="yard-sale").rule == "yard_sale"
