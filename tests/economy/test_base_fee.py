"""The base fee of EIP-1559: its published vectors, its bounds, and a market that uses it."""

import pytest
from earning_reference import base_fee
from economy_instrument import instrument
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from economy.base_fee import (
    BaseFeeController,
    BaseFeeMarket,
    BaseFeeParameters,
    Charged,
    next_base_fee,
)
from economy.ledger import Ledger, LedgerParameters
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError

GWEI = 10**9

# Parent base fee, parent gas used, parent gas target, base fee. The first three are go-ethereum's
# (consensus/misc/eip1559, TestCalcBaseFee), the next is the second London block of the main net
# (12,965,001, whose parent used 30,025,257 of 30,029,122), the others the vectors that clients
# share (ethereumjs, packages/block/test/testdata/eip1559baseFee.json).
VECTORS = [
    (GWEI, 10_000_000, 10_000_000, GWEI),
    (GWEI, 9_000_000, 10_000_000, 987_500_000),
    (GWEI, 11_000_000, 10_000_000, 1_012_500_000),
    (GWEI, 30_025_257, 30_029_122 // 2, 1_124_967_822),
    (1000000000, 10000000, 5000000, 1125000000),
    (1000000000, 10000000, 6000000, 1083333333),
    (1000000000, 10000000, 7000000, 1053571428),
    (1000000000, 10000000, 8000000, 1031250000),
    (1000000000, 10000000, 9000000, 1013888888),
    (1000000000, 7000000, 4000000, 1093750000),
    (1000000000, 7000000, 6000000, 1020833333),
    (1000000000, 7000000, 8000000, 984375000),
    (1100000000, 10000000, 6000000, 1191666666),
    (1100000000, 10000000, 7000000, 1158928571),
    (1100000000, 9000000, 7000000, 1139285714),
    (1086250000, 9000000, 6000000, 1154140625),
    (1086250000, 9000000, 7000000, 1125044642),
    (1086250000, 9000000, 8000000, 1103222656),
    (1072671875, 9000000, 5000000, 1179939062),
    (1072671875, 9000000, 6000000, 1139713867),
    (1072671875, 9000000, 7000000, 1110981584),
    (1072671875, 9000000, 8000000, 1089432373),
    (1059263476, 10001000, 6000000, 1147557500),
    (1059263476, 10001000, 7000000, 1116028649),
    (1059263476, 10001000, 8000000, 1092382010),
    (1059263476, 10001000, 9000000, 1073990180),
    (1059276716, 16000000, 8000000, 1191686305),
    (1059276716, 16000000, 9000000, 1162261952),
    (1049238967, 0, 1000000, 918084097),
    (1049238967, 0, 9000000, 918084097),
    (1049238967, 10000000, 5000000, 1180393837),
    (1049238967, 10000000, 6000000, 1136675547),
    (1049238967, 10000000, 7000000, 1105448197),
    (1049238967, 10000000, 9000000, 1063811730),
    (0, 10000000, 9000000, 1),
    (1, 10000000, 9000000, 2),
    (2, 10000000, 9000000, 3),
    (7, 10000000, 5000000, 8),
]


@pytest.mark.parametrize(("fee", "used", "target", "expected"), VECTORS)
def test_eip_1559_vectors(fee, used, target, expected):
    assert next_base_fee(fee, used, target) == expected
    assert base_fee(fee, used, target) == expected, "the reference is wrong"
    market = BaseFeeController()
    if used <= 2 * target:
        assert market.next_price(fee, used, 2 * target) == expected


@given(st.integers(0, 10**27), st.integers(1, 10**9), st.data())
def test_the_fee_moves_towards_the_target_by_at_most_an_eighth(fee, target, data):
    used = data.draw(st.integers(0, 2 * target))
    after = next_base_fee(fee, used, target)
    assert after == base_fee(fee, used, target)
    assert abs(after - fee) <= max(fee // 8, 1)
    assert (after > fee) == (used > target)
    assert after <= fee or used > target
    assert after >= 0


@given(st.integers(0, 10**20), st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_more_demand_never_lowers_the_next_price(price, supply, demand, more):
    controller = BaseFeeController()
    least = controller.next_price(price, demand, supply)
    assert least <= controller.next_price(price, demand + more, supply)


@pytest.mark.parametrize(
    ("demand", "supply", "expected"),
    [
        (50, 100, 800),
        (100, 100, 900),
        (10_000, 100, 900),  # a period uses no more than its supply
        (0, 100, 700),
        (75, 100, 850),
        (1, 1, 900),
        (0, 1, 700),
        (1, 0, 900),
        (0, 0, 700),
    ],
)
def test_the_controller_takes_half_of_the_supply_for_its_target(demand, supply, expected):
    assert BaseFeeController().next_price(800, demand, supply) == expected


def test_other_figures_are_heeded():
    controller = BaseFeeController(
        BaseFeeParameters(elasticity_multiplier=4, change_denominator=10)
    )
    assert controller.next_price(1_000, 25, 100) == 1_000
    assert controller.next_price(1_000, 0, 100) == 900
    assert controller.next_price(1_000, 50, 100) == 1_100


def test_demand_that_pays_nothing_raises_the_fee_to_its_bound_and_no_further():
    controller, price = BaseFeeController(), 10**17
    for _ in range(300):
        price = controller.next_price(price, 100, 100)
    assert price == 10**27
    assert controller.next_price(price, 100, 100) == price
    assert controller.next_price(price, 0, 100) == price * 7 // 8


def test_a_demand_that_falls_with_the_price_settles_at_the_target():
    price, supply = 10**6, 1_000
    for _ in range(200):
        demand = 10**9 // max(price, 1)
        price = BaseFeeController().next_price(price, demand, supply)
    assert abs(10**9 // price - supply // 2) <= 5


# --- the market -------------------------------------------------------------------------------

FIGURES = BaseFeeParameters(initial_units=8, supply=10)


@pytest.fixture
def ledger():
    fresh = instrument(Ledger)(LedgerParameters(cap_units=10_000, genesis_units=0))
    assert fresh.mint("payer", 1_000) is None
    return fresh


@pytest.fixture
def market(ledger):
    return BaseFeeMarket(ledger, FIGURES)


def test_the_fee_is_burned_and_the_tip_is_the_providers(market, ledger):
    assert market.charge("payer", "host", 5, 20, 3) == Charged(burned_units=40, tip_units=15)
    assert ledger.balances == {"payer": 945, "host": 15}
    assert (ledger.burned_units, market.burned_units, market.used) == (40, 40, 5)


def test_the_tip_is_what_the_offer_leaves_over_the_fee(market, ledger):
    assert market.charge("payer", "host", 1, 9, 9) == Charged(8, 1)
    assert market.charge("payer", "host", 1, 8, 5) == Charged(8, 0)
    assert ledger.balances == {"payer": 983, "host": 1}


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (("payer", "host", 0, 9, 1), Refusal.INVALID_FIGURE),
        (("payer", "host", -1, 9, 1), Refusal.INVALID_FIGURE),
        (("payer", "host", 1, 9, -1), Refusal.INVALID_FIGURE),
        (("payer", "host", 1, 9, 10), Refusal.INVALID_FIGURE),
        (("payer", "host", 1, 7, 1), Refusal.FEE_TOO_LOW),
        (("payer", "host", 11, 9, 1), Refusal.PERIOD_FULL),
        (("payer", "payer", 1, 9, 1), Refusal.SAME_ACCOUNT),
        (("poor", "host", 2, 9, 1), Refusal.INSUFFICIENT_FUNDS),
        (("frozen", "host", 2, 9, 1), Refusal.ACCOUNT_FROZEN),
        (("payer", "closed", 2, 9, 1), Refusal.ACCOUNT_CLOSED),
    ],
)
def test_a_refused_charge_changes_nothing(market, ledger, arguments, refusal):
    ledger.mint("poor", 17)
    ledger.mint("frozen", 100)
    ledger.freeze("frozen")
    ledger.close("closed")
    before = market.encode(), dict(ledger.balances), ledger.totals()
    assert market.charge(*arguments) is refusal
    assert (market.encode(), ledger.balances, ledger.totals()) == before


def test_the_period_is_full_at_its_supply_and_the_next_is_empty(market):
    assert market.charge("payer", "host", 10, 8, 0) == Charged(80, 0)
    assert market.charge("payer", "host", 1, 8, 0) is Refusal.PERIOD_FULL
    assert market.close_period() == 9
    assert (market.used, market.period) == (0, 1)
    assert market.charge("payer", "host", 1, 8, 0) is Refusal.FEE_TOO_LOW
    assert market.charge("payer", "host", 1, 9, 0) == Charged(9, 0)


def test_a_free_use_moves_no_money(ledger):
    market = BaseFeeMarket(ledger, BaseFeeParameters(initial_units=0, supply=10))
    assert market.charge("nobody", "host", 3, 0, 0) == Charged(0, 0)
    assert market.used == 3


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("used", 11, "sold"),
        ("used", -1, "sold"),
        ("fee_units", -1, "base fee"),
        ("period", -1, "period"),
        ("burned_units", 1, "burned"),
        ("burned_units", -1, "burned"),
    ],
)
def test_the_audit_finds_what_is_wrong(market, field, value, words):
    assert market.audit() is None
    setattr(market, field, value)
    assert words in market.audit()


def test_restoring_trusts_nothing(market, ledger):
    market.charge("payer", "host", 5, 20, 3)
    market.close_period()
    payload = market.encode()
    for length in range(len(payload)):
        with pytest.raises(RemoteProtocolError):
            market.restore(payload[:length])
    other = BaseFeeMarket(Ledger(), FIGURES)
    with pytest.raises(RemoteProtocolError, match="burned"):
        other.restore(payload)
    assert other.encode() == BaseFeeMarket(Ledger(), FIGURES).encode()
    twin = BaseFeeMarket(ledger, FIGURES)
    twin.restore(payload)
    assert twin.encode() == payload


class MarketAgainstReference(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.ledger = instrument(Ledger)(LedgerParameters(cap_units=10_000, genesis_units=0))
        self.ledger.mint("payer", 2_000)
        self.market = BaseFeeMarket(self.ledger, FIGURES)
        self.fee, self.sold, self.money, self.tips, self.burned = 8, [], 2_000, 0, 0

    @rule(amount=st.integers(-1, 6), most=st.integers(0, 30), tip=st.integers(-1, 5))
    def charge(self, amount, most, tip):
        answer = self.market.charge("payer", "host", amount, most, tip)
        cost = amount * self.fee, amount * min(tip, most - self.fee)
        if amount < 1 or tip < 0 or most < tip:
            assert answer is Refusal.INVALID_FIGURE
        elif most < self.fee:
            assert answer is Refusal.FEE_TOO_LOW
        elif sum(self.sold) + amount > 10:
            assert answer is Refusal.PERIOD_FULL
        elif sum(cost) > self.money:
            assert answer is Refusal.INSUFFICIENT_FUNDS
        else:
            assert answer == Charged(*cost)
            self.sold.append(amount)
            self.money -= sum(cost)
            self.burned += cost[0]
            self.tips += cost[1]

    @rule()
    def close(self):
        self.fee = base_fee(self.fee, sum(self.sold), 5)
        self.sold = []
        assert self.market.close_period() == self.fee

    @rule()
    def move_to_a_restored_market(self):
        payload = self.market.encode()
        self.market = BaseFeeMarket(self.ledger, FIGURES)
        self.market.restore(payload)
        assert self.market.encode() == payload

    @invariant()
    def moved_alike(self):
        assert self.market.audit() is None
        assert self.ledger.balances.get("payer", 0) == self.money
        assert self.ledger.balances.get("host", 0) == self.tips
        assert self.ledger.burned_units == self.burned == self.market.burned_units
        assert self.market.fee_units == self.fee


TestMarketAgainstReference = MarketAgainstReference.TestCase
TestMarketAgainstReference.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None
)
