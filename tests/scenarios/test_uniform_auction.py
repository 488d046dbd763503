"""Auctions with uniform values: the bids, each auction decided anew, and what cannot be."""

from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from economy.sealed_auction import SealedAuctions
from economy.sealed_bids import PriceRule
from prsm_sim.runner import RunResult, simulate
from scenarios.economy_validation.auction_claims import expected, revenue_variance
from scenarios.uniform_auction.bidder import Reveal, ThingValued, equilibrium_bid
from scenarios.uniform_auction.house import AuctionSettled, House
from scenarios.uniform_auction.parameters import VALUE_MOST_UNITS, UniformAuctionParameters
from scenarios.uniform_auction.scenario import MEASURES, uniform_auction

ONE = VALUE_MOST_UNITS
values = st.integers(0, ONE - 1)


def parameters(**chosen: Any) -> UniformAuctionParameters:
    return UniformAuctionParameters.model_validate(chosen)


def run(seed: int = 1, **chosen: Any) -> RunResult:
    return simulate(uniform_auction, parameters(**chosen), seed, runs_dir=None)


@given(values, st.integers(1, 30), st.integers(1, ONE - 1))
def test_a_first_price_bid_is_the_expected_highest_rival_who_would_buy(
    value: int, bidders: int, reserve: int
) -> None:
    bid = equilibrium_bid(PriceRule.FIRST, value, bidders, reserve)
    truthful = equilibrium_bid(PriceRule.SECOND, value, bidders, reserve)
    assert truthful == value
    if value < reserve:
        assert bid == value, "which the reserve turns down"
        return
    # v − ∫ᵣᵛ (x/v)ⁿ⁻¹ dx
    v, r, n = Fraction(value), Fraction(reserve), bidders
    exact = v - (v**n - r**n) / (n * v ** (n - 1))
    assert 0 <= exact - bid < 1
    assert reserve <= bid <= value


@pytest.mark.parametrize("bidders", [2, 3, 6])
@pytest.mark.parametrize("reserve", [0.0, 0.4])
def test_no_other_bid_pays_better_against_those_of_the_others(bidders: int, reserve: float) -> None:
    r = max(1, round(reserve * ONE))
    grid = np.linspace(0, 1, 400, endpoint=False)[1:]
    bids = [equilibrium_bid(PriceRule.FIRST, int(v * ONE), bidders, r) / ONE for v in grid]
    below = grid[1] - grid[0]
    for value in (0.35, 0.6, 0.95):
        won = np.array([v ** (bidders - 1) for v in grid])  # by bidding as one with v would
        gains = np.where(np.array(bids) >= reserve, won * (value - np.array(bids)), 0.0)
        best = grid[int(np.argmax(gains))]
        if value < reserve:
            assert gains.max() <= 0
        else:
            assert abs(best - value) <= below


@pytest.mark.parametrize(("bidders", "reserve"), [(2, 0.0), (2, 0.5), (3, 0.3), (6, 0.8)])
def test_the_closed_forms_are_the_integrals(bidders: int, reserve: float) -> None:
    n, r = bidders, reserve
    v = (np.arange(200_000) + 0.5) / 200_000
    density = n * v ** (n - 1)
    bid = np.where(v >= r, v - (v**n - r**n) / (n * v ** (n - 1)), 0.0)
    found = expected(n, r)
    assert found["revenue"] == pytest.approx(float(np.mean(density * bid)), abs=1e-5)
    gain = np.where(v >= r, v - bid, 0.0)
    assert found["surplus"] == pytest.approx(float(np.mean(density * gain)) / n, abs=1e-5)
    assert found["efficiency"] == pytest.approx(float(np.mean(density * (v >= r))), abs=1e-5)
    if not r:
        assert found["revenue"] == pytest.approx((n - 1) / (n + 1))
        assert found["surplus"] == pytest.approx(1 / (n * (n + 1)))
        square = float(np.mean(density * bid**2))
        variance = square - found["revenue"] ** 2
        assert revenue_variance(n, "first") == pytest.approx(variance, abs=1e-5)
        second = n * (n - 1) * v ** (n - 2) * (1 - v)
        variance = float(np.mean(second * v**2)) - float(np.mean(second * v)) ** 2
        assert revenue_variance(n, "second") == pytest.approx(variance, abs=1e-5)
    assert expected(2, 0.5)["revenue"] == pytest.approx(5 / 12)


@pytest.mark.parametrize("rule", ["first", "second"])
@pytest.mark.parametrize("reserve", [0.0, 0.5])
def test_every_auction_goes_to_the_highest_value_at_the_right_price(
    rule: str, reserve: float
) -> None:
    p = parameters(bidders=3, rule=rule, reserve=reserve, auctions=60)
    drawn: dict[int, dict[str, int]] = defaultdict(dict)
    settled: dict[int, tuple[str, int]] = {}

    def build(world: Any, chosen: UniformAuctionParameters) -> None:
        uniform_auction.build(world, chosen)
        world.observe(ThingValued, lambda _, peer, fact: note(peer, fact))
        world.observe(
            AuctionSettled,
            lambda _, __, fact: settled.update({fact.number: (fact.winner, int(fact.price_units))}),
        )

    def note(peer: str, fact: ThingValued) -> None:
        drawn[fact.number][peer] = int(fact.value_units)

    result = simulate(replace(uniform_auction, build=build), p, 7, runs_dir=None)
    assert result.status == "pass"
    assert len(settled) == 60
    unsold = 0
    for number, (winner, price) in settled.items():
        (second, _), (first, name) = sorted((v, peer) for peer, v in drawn[number].items())[-2:]
        if first < p.reserve_units:
            assert (winner, price) == ("", 0)
            unsold += 1
            continue
        assert winner == name
        if rule == "second":
            assert price == max(second, p.reserve_units)
        else:
            assert price == equilibrium_bid(PriceRule.FIRST, first, 3, p.reserve_units)
    assert result.metrics["sold"] == 1 - unsold / 60
    assert (unsold > 0) == (reserve > 0)
    assert result.metrics["efficiency"] == pytest.approx(1 - unsold / 60)
    brought = sum(price for _, price in settled.values()) / ONE / 60
    assert result.metrics["revenue"] == pytest.approx(brought)


def test_a_seeds_values_are_the_same_under_both_rules() -> None:
    first, second = (
        run(4, rule=rule, bidders=2, auctions=300).metrics for rule in ("first", "second")
    )
    highest = [2 * one["surplus"] + one["revenue"] for one in (first, second)]
    assert highest[0] == pytest.approx(highest[1])
    assert first["revenue"] == pytest.approx(highest[0] / 2)
    assert first["revenue"] != pytest.approx(second["revenue"], abs=1e-6)


def test_a_run_is_a_function_of_its_seed() -> None:
    first, again, other = (run(seed, auctions=40) for seed in (3, 3, 4))
    assert first.digest == again.digest != other.digest
    assert first.metrics == again.metrics != other.metrics
    for name in MEASURES:
        low, high = first.metrics[f"{name}_ci95"]
        assert low <= first.metrics[name] <= high
    assert first.metrics["ci95"] == first.metrics["revenue_ci95"]
    assert first.metrics["auctions"] == 40


def test_money_out_of_nothing_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    advance = SealedAuctions.advance

    def forge(self: SealedAuctions, now_ms: int) -> tuple[int, ...]:
        self.ledger.balances["seller"] = self.ledger.balances.get("seller", 0) + 1
        return advance(self, now_ms)

    monkeypatch.setattr(SealedAuctions, "advance", forge)
    result = run(auctions=5)
    assert result.status == "fail"
    assert "money is conserved: after auction 5" in result.failure


def test_who_does_not_reveal_loses_the_deposit_and_the_thing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reveal = House.reveal

    def drop(self: House, ctx: Any, sender: str, message: Reveal) -> None:
        if sender != "bidder-0":
            reveal(self, ctx, sender, message)

    handler = House.handlers[Reveal]._replace(function=drop)
    monkeypatch.setattr(House, "handlers", {**House.handlers, Reveal: handler})
    metrics = run(auctions=50, bidders=2, rule="second").metrics
    assert metrics["sold"] == 1.0
    assert metrics["revenue"] < 1e-9, "the other one has no rival, and pays the reserve"
    assert metrics["efficiency"] < 0.95


@pytest.mark.parametrize(
    "wrong",
    [
        {"bidders": 0}, {"bidders": 201}, {"rule": "third"}, {"auctions": 1}, {"reserve": 1.0},
        {"reserve": -0.1}, {"reserve": 0.12345678},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parameters(**wrong)
