"""Cournot providers: arithmetic against fractions, dynamics against their own recursion."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from economy.ledger import Ledger
from prsm_sim.runner import RunResult, simulate
from scenarios.cournot_providers.demand import GRAINS, Demand
from scenarios.cournot_providers.market import Market
from scenarios.cournot_providers.parameters import CournotProvidersParameters
from scenarios.cournot_providers.scenario import cournot_providers
from scenarios.cournot_providers.strategies import PPM, BestReply, FictitiousPlay, Grim, play

ONE = 10**18
demands = st.builds(
    lambda cost, margin, slope, n: Demand(cost + margin, slope, cost, n),
    st.integers(0, 100 * ONE), st.integers(ONE, 100 * ONE), st.integers(ONE // 10, 10 * ONE),
    st.integers(2, 12),
)  # fmt: skip


def parameters(**chosen: Any) -> CournotProvidersParameters:
    return CournotProvidersParameters.model_validate(chosen)


def run(seed: int = 1, **chosen: Any) -> RunResult:
    return simulate(cournot_providers, parameters(**chosen), seed, runs_dir=None)


@given(demands, st.integers(0, 300 * GRAINS), st.integers(1, 2 * GRAINS))
def test_no_other_offer_earns_more_than_the_best_reply(
    demand: Demand, others: int, step: int
) -> None:
    best = demand.best_reply(others)
    earned = demand.profit(best, others)
    for other in (best + step, max(0, best - step), 0):
        # Rounding of price and payments is below a unit for one, and for the offer.
        assert demand.profit(other, others) <= earned + other // GRAINS + 3


@given(demands)
def test_in_equilibrium_everyone_gives_the_best_reply(demand: Demand) -> None:
    n, rivals = demand.providers, demand.rivals_grains
    assert abs(demand.best_reply((n - 1) * rivals) - rivals) <= n
    a, b, c = demand.intercept_units, demand.slope_units, demand.cost_units
    exact = Fraction((a - c) * GRAINS, b * (n + 1))
    assert 0 <= exact - rivals < 1
    assert abs(demand.price(n * rivals) - Fraction(a + n * c, n + 1)) <= n * Fraction(b, GRAINS) + 1
    assert abs(2 * n * demand.cartel_grains - (n + 1) * rivals) <= 4 * n
    # A cartel of n earns what one provider alone would.
    alone = demand.profit(demand.best_reply(0), 0)
    share = demand.profit(demand.cartel_grains, (n - 1) * demand.cartel_grains)
    assert abs(n * share - alone) <= 4 * n * (1 + a // ONE + demand.cartel_grains // GRAINS)


@given(demands, st.integers(0, PPM - 1))
@settings(max_examples=60)
def test_a_cartel_is_broken_just_below_friedmans_threshold(demand: Demand, ppm: int) -> None:
    n = demand.providers
    threshold = Fraction((n + 1) ** 2, (n + 1) ** 2 + 4 * n)
    discount = Fraction(ppm, PPM)
    found = Grim(demand, discount).gain()
    m = Fraction(demand.intercept_units - demand.cost_units)
    scale = m * m / demand.slope_units
    once, share, rival = (
        Fraction((n + 1) ** 2, 16 * n * n) * scale, scale / (4 * n), scale / (n + 1) ** 2,
    )  # fmt: skip
    exact = once + discount * rival / (1 - discount) - share / (1 - discount)
    assert float(found / scale) == pytest.approx(float(exact / scale), rel=1e-9, abs=1e-9)
    if abs(discount - threshold) > Fraction(1, 10**9):
        assert (found > 0) == (discount < threshold)
        tempted = Grim(demand, discount, "if_it_pays")
        assert (tempted.offer() > demand.cartel_grains) == (discount < threshold)


def test_a_future_is_worth_its_discounted_profits() -> None:
    demand = Demand(100 * ONE, ONE, 10 * ONE, 3)
    half = Fraction(1, 2)
    loyal = play(demand, [Grim(demand, half) for _ in range(3)], half)
    assert loyal == 2 * demand.profit(15 * GRAINS, 30 * GRAINS) == 2 * 675 * ONE
    broken = play(demand, [Grim(demand, half, "always"), *[Grim(demand, half)] * 2], half)
    # 30 against 15 and 15 earns 900 once, then 506.25 for ever.
    assert broken == 900 * ONE + Fraction(50625, 100) * ONE


@given(demands, st.data())
@settings(max_examples=40)
def test_strategies_follow_their_recursions(demand: Demand, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, 10 * GRAINS))
    others = data.draw(st.lists(st.integers(0, 20 * GRAINS), min_size=1, max_size=8))
    stays = data.draw(st.integers(0, PPM - 1))
    lazy, wise = BestReply(demand, first, stays), FictitiousPlay(demand, first)
    a, b, c = demand.intercept_units, demand.slope_units, demand.cost_units
    at = Fraction(first)
    for count, seen in enumerate(others, start=1):
        lazy.learn(seen)
        wise.learn(seen)
        reply = max(Fraction(0), Fraction((a - c) * GRAINS - b * seen, 2 * b))
        at += Fraction(PPM - stays, PPM) * (reply - at)
        assert abs(lazy.offer() - at) <= 2 * count + 2
        mean = Fraction(sum(others[:count]), count)
        reply = max(Fraction(0), Fraction((a - c) * GRAINS - b * mean, 2 * b))
        assert abs(wise.offer() - reply) <= 3


@pytest.mark.parametrize("conduct", ["best_reply", "fictitious_play"])
def test_a_run_is_a_function_of_its_seed(conduct: str) -> None:
    first, again, other = (run(seed, conduct=conduct, periods=25) for seed in (3, 3, 4))
    assert first.status == "pass"
    assert first.digest == again.digest != other.digest
    assert first.metrics == again.metrics != other.metrics
    assert first.metrics["periods"] == 25
    assert first.metrics["price"] == pytest.approx(100 - 3 * first.metrics["quantity"])


def test_profits_are_what_the_ledger_paid() -> None:
    metrics = run(inertia=0.5, periods=200, providers=4, slope=2, discount=0).metrics
    assert metrics["spread"] < 1e-15
    assert metrics["profit"] == pytest.approx((metrics["price"] - 10) * metrics["quantity"])
    first = run(periods=1, discount=0, providers=2).metrics
    # With no future the discounted profit is that of the first period, of one who offered less
    # or more than the mean by half the spread.
    offers = [first["quantity"] + half * first["spread"] / 2 for half in (-1, 1)]
    earned = [(first["price"] - 10) * offer for offer in offers]
    assert any(first["discounted_profit"] == pytest.approx(one) for one in earned)


def test_who_is_tempted_breaks_the_cartel_and_is_punished() -> None:
    held = run(conduct="cartel", periods=4, discount=0.9).metrics
    assert (held["cartel_holds"], held["broken_in_period"], held["price"]) == (True, None, 55.0)
    broken = run(conduct="cartel", periods=4, discount=0.1).metrics
    assert (broken["cartel_holds"], broken["broken_in_period"], broken["price"]) == (False, 1, 32.5)
    assert broken["first_quantity"] == 20.0  # 15, 15 and 30
    loyal = run(conduct="cartel", periods=4, discount=0.1, tempted=0).metrics
    assert loyal["cartel_holds"]
    stubborn = run(conduct="cartel", periods=4, discount=0.1, betrayal="never").metrics
    assert stubborn["cartel_holds"]
    all_of_them = run(conduct="cartel", periods=4, discount=0.1, tempted=3).metrics
    assert all_of_them["first_quantity"] == 30.0


def test_offers_of_another_period_are_not_bought(monkeypatch: pytest.MonkeyPatch) -> None:
    clear = Market.on_timer

    def late(self: Market, ctx: Any, name: str) -> None:
        clear(self, ctx, name)
        if self.period == 3:
            self.period = 4  # the market is a period ahead from here on

    monkeypatch.setattr(Market, "on_timer", late)
    assert run(periods=8).metrics["quantity"] == 0.0


def test_a_price_that_demand_would_not_pay_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    transfer = Ledger.transfer

    def tip(self: Ledger, payer: str, payee: str, units: int, key: str = "") -> Any:
        if payer == "buyers":
            self.balances[payee] = self.balances.get(payee, 0) + 1
        return transfer(self, payer, payee, units, key)

    monkeypatch.setattr(Ledger, "transfer", tip)
    result = run(periods=8)
    assert result.status == "fail"
    assert "money and price are right: after period 1" in result.failure


@pytest.mark.parametrize(
    "wrong",
    [
        {"providers": 1}, {"cost": 100}, {"slope": 0}, {"inertia": 1.0}, {"discount": 1.0},
        {"discount": 0.12345678}, {"tempted": 4}, {"conduct": "war"}, {"periods": 0},
        {"betrayal": "maybe"},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parameters(**wrong)


def test_dashes_are_as_good_as_underscores() -> None:
    assert parameters(conduct="best-reply", betrayal="if-it-pays").conduct == "best_reply"
