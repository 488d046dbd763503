"""Compute futures: examples worked by hand, and any sequence of calls against exact arithmetic."""

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from economy.clearing import Liquidation, Marked, Variation
from economy.futures import Futures, FuturesParameters
from economy.ledger import DAY_MS, Ledger
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError

HOLDERS = ("alice", "bob", "carol", "dave")
DELIVERY_MS = 10 * DAY_MS


def new_futures(units=10_000, insurance=0, delivers_at_ms=DELIVERY_MS, **figures):
    ledger = Ledger()
    for holder in HOLDERS:
        ledger.mint(holder, units)
    if insurance:
        ledger.mint("futures/insurance", insurance)
    futures = Futures(ledger, "clock", FuturesParameters(**figures))
    assert futures.open_series("clock", "june", 100, delivers_at_ms, 0) is None
    return futures


@pytest.fixture
def futures():
    return new_futures()


def held(futures):
    return {
        account: (position.quantity, position.margin_units)
        for account, position in sorted(futures.series["june"].positions.items())
    }


def deal(futures, buyer, seller, units, price=100, now_ms=0):
    return futures.trade("june", buyer, seller, units, price, now_ms)


def mark(futures, price, day):
    return futures.mark("clock", "june", price, day * DAY_MS)


def state(futures):
    return futures.encode(), dict(futures.ledger.balances)


def test_the_defaults_are_those_of_the_market():
    """An initial margin of 10 %, marked daily."""
    assert FuturesParameters() == FuturesParameters(100_000, 75_000, 5_000, DAY_MS)


class TestTrading:
    def test_both_sides_pay_the_initial_margin(self, futures):
        assert deal(futures, "alice", "bob", 10) is None
        assert held(futures) == {"alice": (10, 100), "bob": (-10, 100)}
        assert futures.ledger.balances["alice"] == 9_900

    def test_margin_is_rounded_up(self, futures):
        futures.open_series("clock", "july", 101, DELIVERY_MS, 0)
        futures.trade("july", "alice", "bob", 1, 101, 0)
        assert futures.series["july"].positions["alice"].margin_units == 11

    def test_a_price_off_the_mark_is_evened_out_at_once(self, futures):
        assert deal(futures, "alice", "bob", 10, 103) is None
        assert held(futures) == {"alice": (10, 100), "bob": (-10, 100)}
        assert futures.ledger.balances["alice"] == 10_000 - 100 - 30
        # Bob's gain of 30 is part of his margin, so he pays in 70.
        assert futures.ledger.balances["bob"] == 10_000 - 70

    def test_closing_a_position_returns_its_margin(self, futures):
        deal(futures, "alice", "bob", 10)
        deal(futures, "bob", "alice", 10, 105)
        assert held(futures) == {}
        assert futures.ledger.balances == {
            "alice": 10_050,
            "bob": 9_950,
            "carol": 10_000,
            "dave": 10_000,
        }

    def test_a_position_can_be_handed_on(self, futures):
        deal(futures, "alice", "bob", 10)
        deal(futures, "carol", "alice", 10)
        assert held(futures) == {"bob": (-10, 100), "carol": (10, 100)}

    def test_a_position_that_shrinks_needs_maintenance_one_that_turns_initial_margin(self, futures):
        deal(futures, "alice", "bob", 10)
        mark(futures, 98, 1)  # alice has 80, needs 98 to grow and 73.5 to stay
        deal(futures, "bob", "alice", 1, 98, DAY_MS)
        assert held(futures)["alice"] == (9, 80)
        deal(futures, "carol", "alice", 18, 98, DAY_MS)
        assert held(futures)["alice"] == (-9, 89)

    def test_neither_pays_when_one_cannot(self, futures):
        before = state(futures)
        assert deal(futures, "alice", "nobody", 10) is Refusal.INSUFFICIENT_FUNDS
        assert deal(futures, "nobody", "alice", 10) is Refusal.INSUFFICIENT_FUNDS
        assert state(futures) == before

    def test_margin_may_be_added_and_taken_down_to_the_initial_margin(self, futures):
        deal(futures, "alice", "bob", 10)
        assert futures.deposit("june", "alice", 50, 0) is None
        assert futures.withdraw("june", "alice", 51, 0) is Refusal.MARGIN_TOO_LOW
        assert futures.withdraw("june", "alice", 50, 0) is None
        assert held(futures)["alice"] == (10, 100)
        assert futures.ledger.balances["alice"] == 9_900


class TestMarking:
    def test_a_mark_moves_what_the_price_moved(self, futures):
        deal(futures, "alice", "bob", 10)
        assert mark(futures, 102, 1) == Marked(Variation(20, 0, 0), (), ())
        assert held(futures) == {"alice": (10, 120), "bob": (-10, 80)}

    def test_once_a_day(self, futures):
        assert futures.mark("clock", "june", 101, DAY_MS - 1) is Refusal.TOO_EARLY
        assert isinstance(futures.mark("clock", "june", 101, DAY_MS), Marked)
        assert futures.mark("clock", "june", 101, 2 * DAY_MS - 1) is Refusal.TOO_EARLY

    def test_below_maintenance_a_position_is_liquidated(self, futures):
        deal(futures, "alice", "bob", 10)
        answer = mark(futures, 97, 1)  # alice has 70, needs ⌈72.75⌉
        assert answer.liquidated == (Liquidation("alice", 10, 5, 65),)  # fee ⌈4.85⌉
        assert answer.torn_up == (("bob", -10),)
        assert held(futures) == {}
        assert futures.ledger.balances["alice"] == 9_965
        assert futures.ledger.balances["bob"] == 10_030
        assert futures.ledger.balances["futures/insurance"] == 5

    def test_exactly_at_maintenance_it_is_not(self):
        futures = new_futures(initial_margin_ppm=100_000, maintenance_margin_ppm=50_000)
        futures.open_series("clock", "july", 200, DELIVERY_MS, 0)
        futures.trade("july", "alice", "bob", 1, 200, 0)
        futures.mark("clock", "july", 190, DAY_MS)  # 20 − 10 = 10 ≥ 9.5
        assert len(futures.series["july"].positions) == 2
        futures.mark("clock", "july", 190, 2 * DAY_MS)
        assert futures.series["july"].positions["alice"].margin_units == 10

    def test_contracts_of_the_liquidated_end_against_the_other_side_in_proportion(self, futures):
        deal(futures, "alice", "bob", 7)
        deal(futures, "alice", "carol", 3)
        deal(futures, "dave", "carol", 5)
        futures.deposit("june", "dave", 500, 0)
        answer = mark(futures, 96, 1)
        assert [each.account for each in answer.liquidated] == ["alice"]
        assert answer.torn_up == (("bob", -5), ("carol", -5))  # 10 · 7/15 = 4.67, 10 · 8/15 = 5.33
        assert {account: q for account, (q, _) in held(futures).items()} == {
            "bob": -2,
            "carol": -3,
            "dave": 5,
        }

    def test_the_waterfall_margin_then_insurance_then_gains(self):
        futures = new_futures(insurance=60)
        deal(futures, "alice", "bob", 10)
        deal(futures, "alice", "carol", 20)
        answer = mark(futures, 88, 1)  # alice loses 360 and has 300
        assert answer.variation == Variation(300, 60, 0)
        assert futures.ledger.balances["bob"] == 10_120
        assert futures.ledger.balances["carol"] == 10_240

        futures = new_futures(insurance=59)
        deal(futures, "alice", "bob", 10)
        deal(futures, "alice", "carol", 20)
        answer = mark(futures, 86, 1)  # alice loses 420
        assert answer.variation == Variation(300, 59, 61)
        assert futures.ledger.balances["bob"] == 10_140 - 20  # 61 · 140/420 = 20.3
        assert futures.ledger.balances["carol"] == 10_280 - 41  # 40.7
        assert futures.ledger.balances["alice"] == 9_700
        assert futures.audit() is None

    def test_the_smallest_gain_is_cut_like_any_other(self, futures):
        futures.open_series("clock", "july", 1, DELIVERY_MS, 0)
        futures.trade("july", "alice", "bob", 1, 1, 0)
        futures.trade("july", "carol", "bob", 9, 1, 0)
        answer = futures.mark("clock", "july", 2, DAY_MS)  # bob loses 10 and has 1
        assert answer.variation == Variation(1, 0, 9)
        # 9 are cut from gains of 1 and 9: 0.9 and 8.1, and the larger remainder takes the unit.
        balances = futures.ledger.balances
        assert [balances[name] for name in ("alice", "bob", "carol")] == [10_000, 9_999, 10_001]

    def test_a_loser_never_owes_more_than_his_margin(self, futures):
        deal(futures, "alice", "bob", 10)
        mark(futures, 115, 1)  # bob loses 150
        assert futures.ledger.balances["bob"] == 9_900
        assert futures.ledger.balances["alice"] == 10_100


class TestSettlement:
    def test_the_buyer_pays_the_price_he_reserved_at(self):
        futures = new_futures(initial_margin_ppm=900_000)
        deal(futures, "alice", "bob", 10, 104)
        for day, price in enumerate((110, 90, 120), start=1):
            mark(futures, price, day)
        assert futures.mark("clock", "june", 130, DELIVERY_MS).variation.collected_units == 100
        assert held(futures) == {}
        gain = futures.ledger.balances["alice"] - 10_000
        assert 10 * 130 - gain == 10 * 104
        assert futures.ledger.balances["bob"] == 10_000 - gain

    def test_after_delivery_nothing_more_happens(self, futures):
        deal(futures, "alice", "bob", 1)
        assert deal(futures, "alice", "bob", 1, 100, DELIVERY_MS) is Refusal.SERIES_SETTLED
        mark(futures, 100, 10)
        before = state(futures)
        assert mark(futures, 200, 20) is Refusal.SERIES_SETTLED
        assert deal(futures, "alice", "bob", 1) is Refusal.SERIES_SETTLED
        assert futures.deposit("june", "alice", 1, 0) is Refusal.SERIES_SETTLED
        assert futures.withdraw("june", "alice", 1, 0) is Refusal.SERIES_SETTLED
        assert state(futures) == before

    def test_the_last_mark_needs_no_interval(self, futures):
        deal(futures, "alice", "bob", 1)
        futures.mark("clock", "june", 101, DELIVERY_MS - 1)
        assert isinstance(futures.mark("clock", "june", 102, DELIVERY_MS), Marked)
        assert futures.ledger.balances["alice"] == 10_002


@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        (lambda f: f.open_series("alice", "x", 1, 5, 0), Refusal.NOT_AUTHORISED),
        (lambda f: f.open_series("clock", "june", 1, 5, 0), Refusal.ID_TAKEN),
        (lambda f: f.open_series("clock", "x", 0, 5, 0), Refusal.INVALID_PRICE),
        (lambda f: f.open_series("clock", "x", 10**40, 5, 0), Refusal.INVALID_PRICE),
        (lambda f: f.open_series("clock", "x", 1, 5, 5), Refusal.EXPIRY_PAST),
        (lambda f: f.mark("alice", "june", 1, DAY_MS), Refusal.NOT_AUTHORISED),
        (lambda f: f.mark("clock", "may", 1, DAY_MS), Refusal.UNKNOWN_SERIES),
        (lambda f: f.mark("clock", "june", 0, DAY_MS), Refusal.INVALID_PRICE),
        (lambda f: f.trade("may", "alice", "bob", 1, 1, 0), Refusal.UNKNOWN_SERIES),
        (lambda f: deal(f, "alice", "alice", 1), Refusal.SAME_ACCOUNT),
        (lambda f: deal(f, "alice", "futures/insurance", 1), Refusal.RESERVED_ACCOUNT),
        (lambda f: deal(f, "alice", "bob", 0), Refusal.INVALID_AMOUNT),
        (lambda f: deal(f, "alice", "bob", -1), Refusal.INVALID_AMOUNT),
        (lambda f: deal(f, "alice", "bob", 10**40), Refusal.INVALID_AMOUNT),
        (lambda f: deal(f, "alice", "bob", 1, -1), Refusal.INVALID_PRICE),
        (lambda f: f.deposit("june", "carol", 1, 0), Refusal.UNKNOWN_POSITION),
        (lambda f: f.deposit("june", "alice", 0, 0), Refusal.INVALID_AMOUNT),
        (lambda f: f.deposit("june", "alice", 10**9, 0), Refusal.INSUFFICIENT_FUNDS),
        (lambda f: f.withdraw("june", "carol", 1, 0), Refusal.UNKNOWN_POSITION),
        (lambda f: f.withdraw("june", "alice", -1, 0), Refusal.INVALID_AMOUNT),
        (lambda f: f.claim("alice", "alice"), Refusal.NOTHING_TO_CLAIM),
    ],
)
def test_refusals_change_nothing(futures, call, refusal):
    deal(futures, "alice", "bob", 1)
    before = state(futures)
    assert call(futures) is refusal
    assert state(futures) == before


def test_a_payout_that_the_ledger_refuses_waits_to_be_claimed(futures):
    deal(futures, "alice", "bob", 1)
    futures.ledger.burn("bob", 9_990)
    assert futures.ledger.close("bob") is None
    mark(futures, 101, 10)
    assert futures.claims.units == {"bob": 9}
    assert futures.claim("bob", "bob") is Refusal.ACCOUNT_CLOSED
    futures.restore(futures.encode())
    assert futures.audit() is None
    assert futures.claim("bob", "bobby") is None
    assert (futures.claims.units, futures.ledger.balances["bobby"]) == ({}, 9)


@pytest.mark.parametrize(
    ("constrain", "insured"),
    [
        (lambda ledger: ledger.freeze("futures/insurance"), 0),
        (lambda ledger: ledger.require_minimum("futures/insurance", 20), 10),
        (lambda ledger: ledger.require_minimum("futures/insurance", 40), 0),
    ],
)
def test_insurance_that_may_not_leave_its_account_does_not_pay(constrain, insured):
    futures = new_futures(insurance=30)
    deal(futures, "alice", "bob", 10)
    constrain(futures.ledger)
    assert mark(futures, 87, 1).variation == Variation(100, insured, 30 - insured)
    assert futures.audit() is None


def test_states_that_are_not_this_ledgers_are_rejected(futures):
    deal(futures, "alice", "bob", 1)
    encoded = futures.encode()
    for wrong in (b"", encoded[:-1], new_futures().encode()):
        with pytest.raises(RemoteProtocolError):
            futures.restore(wrong)
        assert futures.encode() == encoded


@pytest.mark.parametrize(
    "damage",
    [
        lambda f: f.ledger.transfer("alice", "futures/margin", 1),
        lambda f: setattr(f.series["june"].positions["alice"], "quantity", 2),
        lambda f: setattr(f.series["june"].positions["alice"], "margin_units", 9),
        lambda f: setattr(f.series["june"], "mark_units", 200),
        lambda f: setattr(f.series["june"], "settled", True),
        lambda f: f.claims.units.update(bob=0),
    ],
)
def test_an_audit_finds_what_is_wrong(futures, damage):
    deal(futures, "alice", "bob", 1)
    assert futures.audit() is None
    damage(futures)
    assert futures.audit() is not None


DEALS = st.lists(
    st.tuples(st.permutations(HOLDERS), st.integers(1, 9), st.integers(90, 110)), max_size=8
)


@given(DEALS, st.lists(st.integers(1, 200), max_size=6), st.integers(1, 200))
def test_with_margin_enough_gains_are_quantity_times_the_move_and_add_up_to_nothing(
    deals, marks, last
):
    """Whatever the marks in between: only the trades and the settlement price count."""
    futures = new_futures(units=10**6, initial_margin_ppm=10**8, maintenance_margin_ppm=1)
    for (buyer, seller, *_), units, price in deals:
        assert deal(futures, buyer, seller, units, price) is None
    for day, price in enumerate(marks, start=1):
        mark(futures, price, day)
    futures.mark("clock", "june", last, DELIVERY_MS)
    for holder in HOLDERS:
        bought = sum(u * (last - p) for (b, *_), u, p in deals if b == holder)
        sold = sum(u * (p - last) for (_, s, *_), u, p in deals if s == holder)
        assert futures.ledger.balances[holder] == 10**6 + bought + sold
    assert "futures/margin" not in futures.ledger.balances


class FuturesAgainstReference(RuleBasedStateMachine):
    """The reference keeps margins as fractions of nothing but the rules, in one dictionary."""

    @initialize(insurance=st.sampled_from([0, 7, 200]), fee=st.sampled_from([0, 5_000, 300_000]))
    def begin(self, insurance, fee):
        self.futures = new_futures(2_000, insurance, 99 * DAY_MS, liquidation_fee_ppm=fee)
        self.fee = Fraction(fee, 10**6)
        self.free = dict.fromkeys(HOLDERS, 2_000)
        self.insurance, self.price, self.day = insurance, 100, 0
        self.book = {}

    @rule(pair=st.permutations(HOLDERS), units=st.integers(1, 40), price=st.integers(90, 115))
    def trade(self, pair, units, price):
        buyer, seller = pair[:2]
        sides = []
        for account, change in ((buyer, units), (seller, -units)):
            quantity, margin = self.book.get(account, (0, 0))
            margin += change * (self.price - price)
            grows = abs(quantity + change) > abs(quantity) or (quantity + change) * quantity < 0
            rate = Fraction(10 if grows else Fraction(15, 2), 100)
            needs = ceil(rate * abs(quantity + change) * self.price)
            pays = needs - margin if needs > margin else 0
            sides.append((account, quantity + change, margin + pays, pays))
        answer = deal(self.futures, buyer, seller, units, price, self.day * DAY_MS)
        if any(pays > self.free[account] for account, _, _, pays in sides):
            assert answer is Refusal.INSUFFICIENT_FUNDS
            return
        assert answer is None
        for account, quantity, margin, pays in sides:
            self.free[account] -= pays
            self.book[account] = (quantity, margin)
            if quantity == 0:
                self.free[account] += self.book.pop(account)[1]

    @rule(move=st.integers(-12, 12))
    def mark(self, move):
        self.day += 1
        old, self.price = self.price, max(1, self.price + move)
        answer = mark(self.futures, self.price, self.day)
        change = self.price - old
        gains = {a: q * change for a, (q, _) in self.book.items() if q * change > 0}
        missing = 0
        for account, (quantity, margin) in self.book.items():
            loss = max(0, -quantity * change)
            missing += max(0, loss - margin)
            self.book[account] = (quantity, max(0, margin - loss))
        insured = min(missing, self.insurance)
        self.insurance -= insured
        cut = missing - insured
        assert (answer.variation.insured_units, answer.variation.haircut_units) == (insured, cut)
        for account, share in apportion(cut, gains).items():
            quantity, margin = self.book[account]
            self.book[account] = (quantity, margin + gains[account] - share)
        self.close_out()

    def close_out(self):
        for account, (quantity, margin) in sorted(self.book.items()):
            if margin < Fraction(75, 1000) * abs(quantity) * self.price:
                fee = min(margin, ceil(self.fee * abs(quantity) * self.price))
                self.insurance += fee
                self.free[account] += margin - fee
                del self.book[account]
        excess = sum(quantity for quantity, _ in self.book.values())
        sizes = {a: abs(q) for a, (q, _) in self.book.items() if q * excess > 0}
        for account, share in apportion(abs(excess), sizes).items():
            quantity, margin = self.book[account]
            quantity -= share if quantity > 0 else -share
            self.book[account] = (quantity, margin)
            if quantity == 0:
                self.free[account] += self.book.pop(account)[1]

    @rule(account=st.sampled_from(HOLDERS), units=st.integers(1, 100))
    def deposit(self, account, units):
        answer = self.futures.deposit("june", account, units, self.day * DAY_MS)
        if account not in self.book:
            assert answer is Refusal.UNKNOWN_POSITION
        elif units > self.free[account]:
            assert answer is Refusal.INSUFFICIENT_FUNDS
        else:
            assert answer is None
            self.free[account] -= units
            self.book[account] = (self.book[account][0], self.book[account][1] + units)

    @rule(account=st.sampled_from(HOLDERS), units=st.integers(1, 100))
    def withdraw(self, account, units):
        answer = self.futures.withdraw("june", account, units, self.day * DAY_MS)
        if account not in self.book:
            assert answer is Refusal.UNKNOWN_POSITION
            return
        quantity, margin = self.book[account]
        if margin - units < Fraction(abs(quantity) * self.price, 10):
            assert answer is Refusal.MARGIN_TOO_LOW
        else:
            assert answer is None
            self.free[account] += units
            self.book[account] = (quantity, margin - units)

    @rule()
    def move_to_a_restored_clearing_house(self):
        old = self.futures
        self.futures = Futures(old.ledger, old.operator, old.parameters)
        self.futures.restore(old.encode())
        assert self.futures.encode() == old.encode()

    @invariant()
    def is_sound(self):
        ledger = self.futures.ledger
        assert self.futures.audit() is None
        assert ledger.audit() is None
        assert held(self.futures) == self.book
        assert {holder: ledger.balances.get(holder, 0) for holder in HOLDERS} == self.free
        assert ledger.balances.get("futures/insurance", 0) == self.insurance
        assert sum(quantity for quantity, _ in self.book.values()) == 0

    def teardown(self):
        if hasattr(self, "futures"):
            self.futures.mark("clock", "june", self.price, 99 * DAY_MS)
            assert self.futures.audit() is None
            for account, (_, margin) in self.book.items():
                self.free[account] += margin
            balances = self.futures.ledger.balances
            assert {holder: balances.get(holder, 0) for holder in HOLDERS} == self.free


def apportion(amount, weights):
    """Largest remainders, the first name winning ties, one unit at a time."""
    total = sum(weights.values())
    exact = {name: Fraction(amount * weight, total) for name, weight in sorted(weights.items())}
    shares = {name: int(value) for name, value in exact.items()}
    while sum(shares.values()) < amount:
        shares[max(exact, key=lambda name: exact[name] - shares[name])] += 1
    return shares


FuturesAgainstReference.TestCase.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None
)
TestFuturesAgainstReference = FuturesAgainstReference.TestCase
