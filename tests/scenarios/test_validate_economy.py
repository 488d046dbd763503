"""`prsm validate economy`: right answers pass, wrong ones are found."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

import msgspec
import numpy as np
import pytest
from scipy import stats

from economy import base_fee, pool, sealed_auction, sealed_auction_state
from economy.power import Power
from economy.sealed_bids import Award, Bid, PriceRule
from prsm_sim.validation import Claim
from scenarios.compute_queue.pool import Source
from scenarios.cournot_providers.market import Market
from scenarios.cournot_providers.strategies import BestReply, Grim
from scenarios.economy_validation import validation, vote_claims
from scenarios.economy_validation.comparison import Comparison, Distribution, Frequency, decide
from scenarios.economy_validation.extent import Extent
from scenarios.kinetic_exchange.bank import Bank
from scenarios.polya_staking import population, urn
from scenarios.uniform_auction import bidder

pytestmark = pytest.mark.slow

TINY = Extent(
    runs=3, steps=30, few=3, some=12, many=400, jobs=1000, unequal=8, urns=60, many_urns=300,
    rewards=20, auction_runs=8, auctions=20, cartels=(2,), swaps=100, games=4, orders=2000,
)  # fmt: skip


def failures(claims: Iterable[Claim]) -> list[str]:
    return [claim.what for claim in claims if claim.verdict == "fail"]


def family(name: str, extent: Extent = TINY) -> list[str]:
    found = list(validation.FAMILIES[name](extent))
    claims = [one for one in found if isinstance(one, Claim)]
    return failures(claims + decide([one for one in found if not isinstance(one, Claim)]))


def test_the_shipped_economy_holds_every_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "QUICK", TINY)
    noted: list[str] = []
    claims = validation.validate(True, noted.append)
    assert failures(claims) == []
    assert noted == list(validation.FAMILIES)
    assert len({claim.what for claim in claims}) == len(claims) > 280


def test_agents_that_act_on_what_they_just_received_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    init = Bank.__init__

    def impatient(self: Bank, *arguments: object) -> None:
        init(self, *arguments)  # type: ignore[arg-type]
        self.at_once = False

    monkeypatch.setattr(Bank, "__init__", impatient)
    found = family("unit exchange of few agents", TINY._replace(runs=8, steps=50))
    assert found
    assert all("sync, 3 agents, event path" in what for what in found)


def test_a_pool_that_is_not_split_uniformly_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    meet = Bank.meet

    def timid(self: Bank, acting: str, other: str, draw: int) -> None:
        meet(self, acting, other, 2**30 + (draw & 2**31 - 1))

    monkeypatch.setattr(Bank, "meet", timid)
    found = family("pooling", TINY._replace(runs=4, steps=40))
    assert "pooling, async, 12 agents: gini" in found
    assert not any("population" in what for what in found)


def test_service_of_the_wrong_law_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    init = Source.__init__

    def rigid(self: Source, *arguments: object) -> None:
        init(self, *arguments)  # type: ignore[arg-type]
        self.exponential = False

    monkeypatch.setattr(Source, "__init__", rigid)
    found = family("queues", TINY._replace(runs=5, jobs=3000))
    assert "M/M/1, λ = 0.8, service 1 s: mean_wait_s" in found
    assert not any("/D/" in what for what in found)


def test_comparisons_decide_by_their_intervals() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(5.0, 1.0, 50)
    assert Comparison("a", 5.0, values).claim(0.99).verdict == "pass"
    assert Comparison("a", 6.0, values).claim(0.99).verdict == "fail"
    assert Comparison("a", rng.normal(5.0, 2.0, 40), values).claim(0.99).verdict == "pass"
    assert Comparison("a", rng.normal(7.0, 2.0, 40), values).claim(0.99).verdict == "fail"
    constant = np.full(3, 0.25)
    assert Comparison("a", 0.25, constant).claim(0.99).verdict == "pass"
    assert Comparison("a", 0.5, constant).claim(0.99).verdict == "fail"
    assert Frequency("a", 0.5, 45, 100).claim(0.95).verdict == "pass"
    assert Frequency("a", 0.5, 20, 100).claim(0.95).verdict == "fail"
    wide, narrow = (
        decide([Comparison("a", 5.0, values)] * 20)[0],
        decide([Comparison("a", 5.0, values)])[0],
    )
    assert wide.interval is not None
    assert narrow.interval is not None
    assert wide.interval[0] < narrow.interval[0]


def test_laws_are_compared_by_their_distribution_functions() -> None:
    rng = np.random.default_rng(2)
    law = stats.binom.pmf(np.arange(21), 20, 0.3)
    right = np.bincount(rng.binomial(20, 0.3, 4000), minlength=21)
    # Of the same mean and variance, nearly, and of another shape.
    three = np.bincount(rng.choice([2, 6, 10], 4000, p=[0.13, 0.74, 0.13]), minlength=21)
    assert Distribution("a", law, right).claim(0.999).verdict == "pass"
    claim = Distribution("a", law, three).claim(0.999)
    assert claim.verdict == "fail"
    assert claim.interval is not None
    assert 0.0 < claim.interval[0] < float(claim.measured) < claim.interval[1]


def test_a_distance_of_laws_is_within_its_interval_as_often_as_it_should() -> None:
    rng = np.random.default_rng(3)
    law = stats.betabinom.pmf(np.arange(11), 10, 1.5, 2.5)
    missed = 0
    for _ in range(400):
        counts = np.bincount(rng.choice(11, 150, p=law / law.sum()), minlength=11)
        missed += Distribution("a", law, counts).claim(0.9).verdict == "fail"
    # Conservative, for the law is discrete.
    assert stats.binom.sf(missed - 1, 400, 0.1) > 1e-6


def test_a_run_that_breaks_its_own_checks_is_a_claim_that_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pay = Market.pay

    def forge(self: Market, provider: str, offer: int, total: int) -> None:
        pay(self, provider, offer, total)
        self.ledger.balances[provider] += 1

    monkeypatch.setattr(Market, "pay", forge)
    monkeypatch.setattr(validation, "QUICK", TINY)
    families = {name: validation.FAMILIES[name] for name in ("cartels", "base fees")}
    monkeypatch.setattr(validation, "FAMILIES", families)
    claims = validation.validate(True, lambda _: None)
    assert failures(claims) == ["cartels: runs that broke their own checks"]
    (broken,) = (claim for claim in claims if claim.verdict == "fail")
    assert "cournot_providers, seed 0: money and price are right" in str(broken.measured)
    assert "base fees: runs that broke their own checks" in {claim.what for claim in claims}


def test_stakes_that_do_not_count_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def equally(stakes: Sequence[int], draw: int) -> int:
        return draw * len(stakes) >> 32

    monkeypatch.setattr(urn, "winner_of", equally)
    found = family("staking as an urn", TINY._replace(urns=150))
    assert "urn of 2, 1, reward 1, event path: staker 1: mean share" in found
    assert "urn of 1, 1, reward 4, event path: staker 1: variance of its share" in found
    assert not any("population" in what for what in found)


def test_rewards_that_are_not_staked_again_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    fair = population.reward
    first: dict[int, population.Ints] = {}

    def by_first_stakes(stakes: population.Ints, draws: population.Ints, grains: int) -> None:
        counts = first.setdefault(id(stakes), stakes.copy()).copy()
        before = counts.copy()
        fair(counts, draws, grains)
        stakes += counts - before

    monkeypatch.setattr(population, "reward", by_first_stakes)
    found = family("staking as an urn")
    name = "urn of 1, 1, reward 1, population path: staker 1"
    assert f"{name}: variance of its share" in found
    assert f"{name}: beta-binomial law of its rewards" in found
    assert f"{name}: mean share" not in found, "that is the same, reinvested or not"
    assert not any("event" in what for what in found)


def test_an_auction_that_takes_the_wrong_price_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    award = sealed_auction.award_of

    def greedy(bids: Iterable[Bid], rule: PriceRule, reserve_units: int) -> Award | None:
        return award(bids, PriceRule.FIRST, reserve_units)

    monkeypatch.setattr(sealed_auction, "award_of", greedy)
    monkeypatch.setattr(sealed_auction_state, "award_of", greedy)
    found = family("auctions")
    assert "second price, 3 bidders: revenue" in found
    assert "revenue equivalence, 7 bidders: first less second price" in found
    assert not any(what.startswith("first price") for what in found)


def test_bidders_who_do_not_shade_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bidder, "equilibrium_bid", lambda _rule, value, _n, _reserve: value)
    found = family("auctions")
    assert "first price, 2 bidders: surplus" in found
    assert not any(what.startswith("second price") for what in found)


def test_a_fee_that_never_rises_from_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_the_one(fee: int, used: int, target: int, denominator: int = 8) -> int:
        return fee + fee * (used - target) // target // denominator

    monkeypatch.setattr(base_fee, "next_base_fee", without_the_one)
    found = family("base fees")
    assert "EIP-1559, a full period at 7, by at least 1" in found
    assert "EIP-1559, above the target at 0, by at least 1" in found
    assert "EIP-1559, a full period" not in found


@pytest.mark.parametrize("wrong", ["no fee", "too little"])
def test_a_pool_that_gives_what_it_should_not_is_found(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fair = pool.amount_out

    def other(in_units: int, in_reserve: int, out_reserve: int, fee_ppm: int) -> int:
        if wrong == "no fee":
            return fair(in_units, in_reserve, out_reserve, 0)
        return fair(in_units, in_reserve, out_reserve, fee_ppm) - 1

    monkeypatch.setattr(pool, "amount_out", other)
    found = family("constant-product pools")
    assert "Uniswap v2: buy with 1 into 5/10" in found
    assert "Uniswap v2: sell with 1 into 1000/1000" in found


@pytest.mark.parametrize("wrong", ["myopic", "forgiving", "timid"])
def test_a_cartel_that_computes_wrongly_is_found(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if wrong == "myopic":  # looks at a single period
        monkeypatch.setattr(Grim, "gain", lambda self: Fraction(1))
    elif wrong == "forgiving":
        monkeypatch.setattr(Grim, "learn", lambda self, others_grains: None)
    else:
        monkeypatch.setattr(Grim, "gain", lambda self: Fraction(0))
    found = family("cartels")
    least = "cartel of 2: least discount, in millionths, with which nobody breaks it"
    earned = "cartel of 5, broken: price (a + n c)/(n + 1)"
    assert (least in found, earned in found) == (True, wrong == "forgiving")


def test_rivals_who_think_that_others_do_not_offer_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learn = BestReply.learn
    monkeypatch.setattr(BestReply, "learn", lambda self, others: learn(self, others // 2))
    found = family("rivals in a Cournot market")
    assert "p = 100 − 1 Q, 2 rivals of cost 10, seed 0: price" in found
    assert not any("fictitious" in what for what in found)


def test_a_power_that_forgets_the_order_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vote_claims, "shapley", vote_claims.banzhaf)
    fair = vote_claims.power

    def one_for_the_other(weights: Sequence[int], quota: int) -> Power:
        found = fair(weights, quota)
        return msgspec.structs.replace(found, shapley=found.banzhaf_index)

    monkeypatch.setattr(vote_claims, "power", one_for_the_other)
    found = family("voting power and concentration", TINY._replace(games=20, orders=200_000))
    assert "Shapley, EEC council of 1958" in found
    assert "apex game of 12: Shapley of the apex" in found
    assert "20 random votes of 2 to 6 holders: Shapley other than by all orders" in found
    assert "Shapley, Electoral College: state 1, of 54 votes" in found
    assert not any("Banzhaf" in what or "pivots" in what for what in found)
