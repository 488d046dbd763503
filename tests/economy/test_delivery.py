"""Delivery in escrow: every turn by example, and any sequence of calls against a plain list."""

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from economy.delivery import Deliveries, DeliveryOpened, DeliveryParameters
from economy.delivery_state import DeliveryState
from economy.ledger import DAY_MS, Ledger
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError

DUE_MS = 10 * DAY_MS


def new_deliveries(**figures):
    ledger = Ledger()
    for account in ("buyer", "seller"):
        ledger.mint(account, 1_000)
    return Deliveries(ledger, DeliveryParameters(**figures))


@pytest.fixture
def deliveries():
    deliveries = new_deliveries()
    assert deliveries.order("buyer", "seller", "judge", 105, DUE_MS, 0) == DeliveryOpened(1)
    return deliveries


def money(deliveries):
    return [deliveries.ledger.balances.get(account, 0) for account in ("buyer", "seller")]


def state(deliveries):
    return deliveries.encode(), dict(deliveries.ledger.balances)


def test_the_defaults():
    defaults = DeliveryParameters(DAY_MS, 7 * DAY_MS, 30 * DAY_MS, 100_000)
    assert DeliveryParameters() == defaults


def test_a_confirmed_delivery_is_paid(deliveries):
    assert money(deliveries) == [895, 1_000]
    assert deliveries.deliver("seller", 1, 5) is None
    assert money(deliveries) == [895, 1_000]
    assert deliveries.confirm("buyer", 1, 6) is None
    assert money(deliveries) == [895, 1_105]
    assert deliveries.open == {}


def test_what_is_not_delivered_in_time_is_refunded(deliveries):
    assert deliveries.expire(DUE_MS - 1) == []
    assert deliveries.expire(DUE_MS) == [1]
    assert money(deliveries) == [1_000, 1_000]
    assert deliveries.deliver("seller", 1, DUE_MS) is Refusal.UNKNOWN_DELIVERY


def test_silence_of_the_buyer_is_consent(deliveries):
    deliveries.deliver("seller", 1, 5)
    assert deliveries.expire(5 + DAY_MS - 1) == []
    assert deliveries.dispute("buyer", 1, 5 + DAY_MS) is Refusal.UNKNOWN_DELIVERY
    assert money(deliveries) == [895, 1_105]


@pytest.mark.parametrize(
    ("buyer_ppm", "buyer", "seller"),
    # 105 and a bond of ⌈10.5⌉ are in escrow.
    [(1_000_000, 1_000, 1_000), (0, 884, 1_116), (500_000, 942, 1_058), (333_333, 922, 1_078)],
)
def test_a_ruling_shares_price_and_bond(deliveries, buyer_ppm, buyer, seller):
    deliveries.deliver("seller", 1, 5)
    assert deliveries.dispute("buyer", 1, 6) is None
    assert money(deliveries) == [884, 1_000]
    assert deliveries.rule("judge", 1, buyer_ppm, 7) is None
    assert money(deliveries) == [buyer, seller]


def test_a_dispute_that_is_never_decided_is_as_if_it_had_not_been(deliveries):
    deliveries.deliver("seller", 1, 5)
    deliveries.dispute("buyer", 1, 6)
    assert deliveries.expire(6 + 7 * DAY_MS - 1) == []
    assert deliveries.expire(6 + 7 * DAY_MS) == [1]
    assert money(deliveries) == [895, 1_105]


def test_a_dispute_pays_from_one_eleventh_on():
    """B / (P + B) with a bond of a tenth: 9/99 of 990 units in escrow are the bond of 90."""
    for buyer_ppm, gains in ((90_000, False), (92_000, True)):
        deliveries = new_deliveries()
        deliveries.order("buyer", "seller", "judge", 900, DUE_MS, 0)
        deliveries.deliver("seller", 1, 0)
        deliveries.dispute("buyer", 1, 0)
        deliveries.rule("judge", 1, buyer_ppm, 0)
        assert (money(deliveries)[0] > 100) is gains


@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        (lambda d: d.order("buyer", "seller", "judge", 0, 9, 0), Refusal.INVALID_AMOUNT),
        (lambda d: d.order("buyer", "seller", "judge", 896, 9, 0), Refusal.INSUFFICIENT_FUNDS),
        (lambda d: d.order("buyer", "buyer", "judge", 1, 9, 0), Refusal.SAME_ACCOUNT),
        (lambda d: d.order("buyer", "seller", "buyer", 1, 9, 0), Refusal.SAME_ACCOUNT),
        (lambda d: d.order("buyer", "seller", "seller", 1, 9, 0), Refusal.SAME_ACCOUNT),
        (lambda d: d.order("buyer", "delivery/x", "judge", 1, 9, 0), Refusal.RESERVED_ACCOUNT),
        (lambda d: d.order("buyer", "seller", "judge", 1, 9, 9), Refusal.EXPIRY_PAST),
        (
            lambda d: d.order("buyer", "seller", "judge", 1, 30 * DAY_MS + 1, 0),
            Refusal.EXPIRY_TOO_FAR,
        ),
        (lambda d: d.deliver("buyer", 1, 0), Refusal.NOT_AUTHORISED),
        (lambda d: d.deliver("seller", 2, 0), Refusal.UNKNOWN_DELIVERY),
        (lambda d: d.confirm("seller", 1, 0), Refusal.NOT_AUTHORISED),
        (lambda d: d.confirm("buyer", 1, 0), Refusal.WRONG_STATE),
        (lambda d: d.dispute("buyer", 1, 0), Refusal.WRONG_STATE),
        (lambda d: d.rule("buyer", 1, 0, 0), Refusal.NOT_AUTHORISED),
        (lambda d: d.rule("judge", 1, 0, 0), Refusal.WRONG_STATE),
        (lambda d: d.claim("buyer", "buyer"), Refusal.NOTHING_TO_CLAIM),
    ],
)
def test_refusals_change_nothing(deliveries, call, refusal):
    before = state(deliveries)
    assert call(deliveries) is refusal
    assert state(deliveries) == before


def test_a_buyer_who_cannot_pay_the_bond_cannot_dispute(deliveries):
    deliveries.deliver("seller", 1, 5)
    deliveries.ledger.burn("buyer", 885)
    before = state(deliveries)
    assert deliveries.dispute("buyer", 1, 6) is Refusal.INSUFFICIENT_FUNDS
    assert state(deliveries) == before


@pytest.mark.parametrize("buyer_ppm", [-1, 1_000_001])
def test_no_ruling_gives_more_than_there_is(deliveries, buyer_ppm):
    deliveries.deliver("seller", 1, 5)
    deliveries.dispute("buyer", 1, 6)
    before = state(deliveries)
    assert deliveries.rule("judge", 1, buyer_ppm, 7) is Refusal.OUT_OF_RANGE
    assert state(deliveries) == before


def test_a_payout_that_the_ledger_refuses_waits_to_be_claimed(deliveries):
    deliveries.ledger.burn("seller", 1_000)
    deliveries.ledger.close("seller")
    deliveries.deliver("seller", 1, 5)
    assert deliveries.confirm("buyer", 1, 6) is None
    assert deliveries.audit() is None
    assert deliveries.claim("seller", "heir") is None
    assert deliveries.ledger.balances["heir"] == 105


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d.ledger.transfer("buyer", "delivery/escrow", 1),
        lambda d: setattr(d.open[1], "price_units", 104),
        lambda d: setattr(d.open[1], "deadline_ms", 3),
        lambda d: setattr(d, "next_number", 1),
        lambda d: (setattr(d.open[1], "price_units", 95), setattr(d.open[1], "bond_units", 10)),
        lambda d: (setattr(d.open[1], "price_units", 0), d.claims.units.update(x=105)),
        lambda d: d.claims.units.update(x=0),
    ],
)
def test_an_audit_finds_what_is_wrong(deliveries, damage):
    assert deliveries.audit() is None
    damage(deliveries)
    assert deliveries.audit() is not None


def test_states_that_are_not_of_this_ledger_are_rejected(deliveries):
    encoded = deliveries.encode()
    for wrong in (b"", encoded[:-1], new_deliveries().encode()):
        with pytest.raises(RemoteProtocolError):
            deliveries.restore(wrong)
        assert deliveries.encode() == encoded


class DeliveriesAgainstReference(RuleBasedStateMachine):
    """The reference looks at every row, every time; a row is [state, deadline, price, bond]."""

    def __init__(self):
        super().__init__()
        self.deliveries = new_deliveries(review_ms=4, ruling_ms=6, max_wait_ms=9, bond_ppm=150_000)
        self.rows, self.count, self.now_ms = {}, 0, 0
        self.money = [1_000, 1_000]

    def pass_time(self):
        for number, (name, deadline_ms, price, bond) in list(self.rows.items()):
            if deadline_ms <= self.now_ms:
                self.end(number, {"awaited": price, "delivered": 0, "disputed": bond}[name])

    def end(self, number, buyer):
        _, _, price, bond = self.rows.pop(number)
        self.money[0] += buyer
        self.money[1] += price + bond - buyer

    def why_not(self, number, state):
        self.pass_time()
        if number not in self.rows:
            return Refusal.UNKNOWN_DELIVERY
        return None if self.rows[number][0] == state else Refusal.WRONG_STATE

    @rule(price=st.integers(0, 400), wait_ms=st.integers(0, 10))
    def order(self, price, wait_ms):
        due_ms = self.now_ms + wait_ms
        answer = self.deliveries.order("buyer", "seller", "judge", price, due_ms, self.now_ms)
        self.pass_time()
        if wait_ms == 0:
            assert answer is Refusal.EXPIRY_PAST
        elif wait_ms == 10:
            assert answer is Refusal.EXPIRY_TOO_FAR
        elif price == 0:
            assert answer is Refusal.INVALID_AMOUNT
        elif price > self.money[0]:
            assert answer is Refusal.INSUFFICIENT_FUNDS
        else:
            self.count += 1
            assert answer.number == self.count
            self.rows[self.count] = ["awaited", due_ms, price, 0]
            self.money[0] -= price

    @rule(back=st.integers(0, 3))
    def deliver(self, back):
        number = self.count - back
        refusal = self.why_not(number, "awaited")
        assert self.deliveries.deliver("seller", number, self.now_ms) is refusal
        if refusal is None:
            self.rows[number][:2] = ["delivered", self.now_ms + 4]

    @rule(back=st.integers(0, 3))
    def confirm(self, back):
        number = self.count - back
        refusal = self.why_not(number, "delivered")
        assert self.deliveries.confirm("buyer", number, self.now_ms) is refusal
        if refusal is None:
            self.end(number, 0)

    @rule(back=st.integers(0, 3))
    def dispute(self, back):
        number = self.count - back
        refusal = self.why_not(number, "delivered")
        bond = ceil(Fraction(15, 100) * self.rows[number][2]) if number in self.rows else 0
        if refusal is None and bond > self.money[0]:
            refusal = Refusal.INSUFFICIENT_FUNDS
        assert self.deliveries.dispute("buyer", number, self.now_ms) is refusal
        if refusal is None:
            self.money[0] -= bond
            self.rows[number] = ["disputed", self.now_ms + 6, self.rows[number][2], bond]

    @rule(back=st.integers(0, 3), buyer_ppm=st.integers(0, 1_000_000))
    def decide(self, back, buyer_ppm):
        number = self.count - back
        refusal = self.why_not(number, "disputed")
        assert self.deliveries.rule("judge", number, buyer_ppm, self.now_ms) is refusal
        if refusal is None:
            _, _, price, bond = self.rows[number]
            self.end(number, floor((price + bond) * Fraction(buyer_ppm, 10**6)))

    @rule(span_ms=st.integers(0, 5))
    def wait(self, span_ms):
        self.now_ms += span_ms

    @rule()
    def expire(self):
        due = [(row[1], n) for n, row in self.rows.items() if row[1] <= self.now_ms]
        assert self.deliveries.expire(self.now_ms) == [n for _, n in sorted(due)]
        self.pass_time()

    @rule()
    def move_to_a_restored_one(self):
        old = self.deliveries
        self.deliveries = Deliveries(old.ledger, old.parameters)
        self.deliveries.restore(old.encode())
        assert self.deliveries.encode() == old.encode()

    @invariant()
    def is_sound(self):
        assert self.deliveries.audit() is None
        assert self.deliveries.ledger.audit() is None
        assert money(self.deliveries) == self.money
        states = {number: row[0] for number, row in self.rows.items()}
        assert {n: each.state for n, each in self.deliveries.open.items()} == {
            number: DeliveryState(name) for number, name in states.items()
        }
        assert sum(self.deliveries.ledger.balances.values()) == 2_000


TestDeliveriesAgainstReference = DeliveriesAgainstReference.TestCase
TestDeliveriesAgainstReference.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None
)
