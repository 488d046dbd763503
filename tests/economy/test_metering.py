"""Metering context: quote, hold, meter, charge, refund; and every session ends exactly once."""

from fractions import Fraction
from math import ceil

import msgspec
import pytest
from economy_instrument import instrument
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from economy.ledger import Ledger, LedgerParameters
from economy.metering import (
    AMOUNT_MOST,
    Charge,
    ContextMeter,
    EncodedMeter,
    Period,
    Session,
    cost_units,
)
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError, decode, encode

NOON, END = 1_000, 2_000


@pytest.fixture
def meter():
    """Session s of 5 context units at 7 units each, of which 1.5 are used."""
    ledger = instrument(Ledger)(LedgerParameters(cap_units=1_000, genesis_units=0))
    assert ledger.mint("user", 100) is None
    fresh = ContextMeter(ledger)
    assert fresh.open("s", "user", "host", 5_000, 7, END, NOON) is None
    assert fresh.meter("s", "host", 1_500, NOON) is None
    return fresh


@given(st.integers(0, 10**9), st.integers(0, 10**20))
def test_costs_are_rounded_up_once(amount, price):
    assert cost_units(amount, price) == ceil(Fraction(amount, 1_000) * price)


def test_the_quote_is_held_and_what_is_used_is_charged(meter):
    assert meter.ledger.balances == {"user": 65}
    assert meter.charge("s", "host", NOON) == Charge(charged_units=11, returned_units=24)
    assert meter.ledger.balances == {"user": 89, "host": 11}
    assert meter.sessions == {}


def test_what_is_not_used_costs_nothing(meter):
    meter.open("t", "user", "host", 1_000, 7, END, NOON)
    assert meter.charge("t", "host", NOON) == Charge(0, 7)


def test_a_refund_returns_everything(meter):
    assert meter.refund("s", "host", NOON) is None
    assert meter.ledger.balances == {"user": 100}


def test_the_allowance_is_reached_and_not_passed(meter):
    assert meter.meter("s", "host", 3_501, NOON) is Refusal.METER_EXCEEDED
    assert meter.meter("s", "host", 3_500, NOON) is None
    assert meter.meter("s", "host", 1, NOON) is Refusal.METER_EXCEEDED
    assert meter.charge("s", "host", NOON) == Charge(35, 0)


@pytest.mark.parametrize("end", ["charge", "refund", "expire"])
def test_a_session_ends_exactly_once(meter, end):
    if end == "expire":
        meter.ledger.expire(END)
    else:
        getattr(meter, end)("s", "host", NOON)
    refusal = {
        "charge": Refusal.ALREADY_POSTED,
        "refund": Refusal.ALREADY_VOIDED,
        "expire": Refusal.ALREADY_EXPIRED,
    }[end]
    before = dict(meter.ledger.balances)
    assert meter.charge("s", "host", NOON) is refusal
    assert meter.refund("s", "host", NOON) is refusal
    assert meter.meter("s", "host", 1, NOON) is refusal
    assert meter.open("s", "user", "host", 5_000, 7, END, NOON) is None
    assert meter.ledger.balances == before
    assert meter.period == Period(5_000, 1_500)
    assert meter.audit() is None


def test_what_is_due_cannot_be_charged_before_anyone_expired_it(meter):
    assert meter.charge("s", "host", END) is Refusal.ALREADY_EXPIRED
    assert isinstance(meter.charge("s", "host", END - 1), Charge)


@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        (lambda m: m.open("s", "user", "host", 5_000, 7, END, NOON), None),
        (lambda m: m.open("s", "user", "host", 5_001, 7, END, NOON), Refusal.ID_TAKEN),
        (lambda m: m.open("s", "user", "host", 2_500, 14, END, NOON), Refusal.ID_TAKEN),
        (lambda m: m.open("s", "user", "other", 5_000, 7, END, NOON), Refusal.ID_TAKEN),
        (lambda m: m.open("t", "user", "host", 0, 7, END, NOON), Refusal.INVALID_FIGURE),
        (lambda m: m.open("t", "user", "host", 5, -1, END, NOON), Refusal.INVALID_FIGURE),
        (
            lambda m: m.open("t", "user", "host", AMOUNT_MOST + 1, 7, END, NOON),
            Refusal.INVALID_FIGURE,
        ),
        (lambda m: m.open("t", "user", "host", 5, 0, END, NOON), Refusal.INVALID_AMOUNT),
        (lambda m: m.open("t", "user", "host", 10_000, 7, END, NOON), Refusal.INSUFFICIENT_FUNDS),
        (lambda m: m.open("t", "user", "host", 1_000, 7, NOON, NOON), Refusal.EXPIRY_PAST),
        (lambda m: m.meter("s", "user", 1, NOON), Refusal.NOT_AUTHORISED),
        (lambda m: m.meter("t", "host", 1, NOON), Refusal.UNKNOWN_HOLD),
        (lambda m: m.meter("s", "host", 0, NOON), Refusal.INVALID_FIGURE),
        (lambda m: m.meter("s", "host", -1, NOON), Refusal.INVALID_FIGURE),
        (lambda m: m.charge("s", "user", NOON), Refusal.NOT_AUTHORISED),
        (lambda m: m.refund("s", "user", NOON), Refusal.NOT_AUTHORISED),
        (lambda m: m.charge("t", "host", NOON), Refusal.UNKNOWN_HOLD),
    ],
)
def test_what_is_refused_or_repeated_changes_nothing(meter, call, refusal):
    before = meter.encode(), dict(meter.ledger.balances)
    assert call(meter) is refusal
    assert (meter.encode(), meter.ledger.balances) == before


def test_a_provider_whose_account_is_closed_is_not_paid(meter):
    meter.ledger.close("host")
    before = meter.encode()
    assert meter.charge("s", "host", NOON) is Refusal.ACCOUNT_CLOSED
    assert meter.encode() == before
    assert meter.refund("s", "host", NOON) is None


def test_a_period_counts_what_was_asked_for_and_used(meter):
    meter.open("t", "user", "host", 2_000, 7, END, NOON)
    assert meter.close_period(NOON) == Period(7_000, 1_500)
    meter.meter("t", "host", 400, NOON)
    assert meter.close_period(NOON) == Period(0, 400)


def test_sessions_that_expired_are_dropped_at_the_end_of_a_period(meter):
    meter.close_period(END - 1)
    assert meter.sessions == {"s": Session(5_000, 7, 1_500)}
    meter.close_period(END)
    assert meter.sessions == {}
    assert meter.charge("s", "host", NOON) is Refusal.ALREADY_EXPIRED


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda m: m.sessions.update(s=Session(5_000, 7, 5_001)), "not possible"),
        (lambda m: m.sessions.update(s=Session(0, 7, 0)), "not possible"),
        (lambda m: m.sessions.update(s=Session(5_000, 8, 0)), "holds"),
        (lambda m: m.ledger.void("context/s", NOON), "voided"),
        (lambda m: setattr(m, "period", Period(-1, 0)), "period"),
    ],
)
def test_the_audit_finds_what_is_wrong(meter, break_it, words):
    assert meter.audit() is None
    break_it(meter)
    assert words in meter.audit()


def test_restoring_trusts_nothing(meter):
    meter.open("r", "user", "host", 2_000, 7, END, NOON)
    payload = meter.encode()
    fresh = ContextMeter(meter.ledger)
    for length in range(len(payload)):
        with pytest.raises(RemoteProtocolError):
            fresh.restore(payload[:length])
    state = decode(payload, EncodedMeter)
    for changes, words in (
        ({"version": 2}, "format"),
        ({"sessions": state.sessions[::-1]}, "canonical"),
        ({"period": Period(-1, 0)}, "period"),
    ):
        with pytest.raises(RemoteProtocolError, match=words):
            fresh.restore(encode(msgspec.structs.replace(state, **changes)))
    assert fresh.sessions == {}
    fresh.restore(payload)
    assert fresh.encode() == payload
    assert fresh.charge("s", "host", NOON) == Charge(11, 24)


SESSIONS = st.sampled_from(["s1", "s2", "s3"])
CLIENTS = st.sampled_from(["host", "host", "user"])


class MeterAgainstReference(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.ledger = instrument(Ledger)(LedgerParameters(cap_units=500, genesis_units=0))
        self.ledger.mint("user", 300)
        self.meter_ = ContextMeter(self.ledger)
        self.now_ms, self.user, self.host = 0, 300, 0
        self.open_ = {}  # name: [allowance, price, expires_at_ms, used]
        self.over = set()
        self.asked = self.used = 0

    def quote(self, name):
        allowance, price, _, _ = self.open_[name]
        return ceil(Fraction(allowance * price, 1_000))

    @rule(
        name=SESSIONS,
        allowance=st.integers(1, 9_000),
        price=st.integers(1, 20),
        span_ms=st.integers(1, 20),
    )
    def open(self, name, allowance, price, span_ms):
        if name in self.open_ or name in self.over:
            return
        end_ms = self.now_ms + span_ms
        answer = self.meter_.open(name, "user", "host", allowance, price, end_ms, self.now_ms)
        cost = ceil(Fraction(allowance * price, 1_000))
        assert answer is (None if cost <= self.user else Refusal.INSUFFICIENT_FUNDS)
        if answer is None:
            self.open_[name] = [allowance, price, end_ms, 0]
            self.user -= cost
            self.asked += allowance

    def may(self, name, client):
        return name in self.open_ and client == "host" and self.open_[name][2] > self.now_ms

    @rule(name=SESSIONS, client=CLIENTS, amount=st.integers(1, 6_000))
    def meter(self, name, client, amount):
        answer = self.meter_.meter(name, client, amount, self.now_ms)
        fits = self.may(name, client) and self.open_[name][3] + amount <= self.open_[name][0]
        assert (answer is None) == fits
        if fits:
            self.open_[name][3] += amount
            self.used += amount

    @rule(name=SESSIONS, client=CLIENTS)
    def charge(self, name, client):
        answer = self.meter_.charge(name, client, self.now_ms)
        assert isinstance(answer, Charge) == self.may(name, client)
        if isinstance(answer, Charge):
            cost = ceil(Fraction(self.open_[name][3] * self.open_[name][1], 1_000))
            assert answer == Charge(cost, self.quote(name) - cost)
            self.host += cost
            self.user += self.quote(name) - cost
            self.end(name)

    @rule(name=SESSIONS, client=CLIENTS)
    def refund(self, name, client):
        answer = self.meter_.refund(name, client, self.now_ms)
        assert (answer is None) == self.may(name, client)
        if answer is None:
            self.user += self.quote(name)
            self.end(name)

    def end(self, name):
        del self.open_[name]
        self.over.add(name)

    @rule(span_ms=st.integers(1, 8))
    def wait(self, span_ms):
        self.now_ms += span_ms
        self.ledger.expire(self.now_ms)
        for name in [name for name, terms in self.open_.items() if terms[2] <= self.now_ms]:
            self.user += self.quote(name)
            self.end(name)

    @rule()
    def close_the_period(self):
        assert self.meter_.close_period(self.now_ms) == Period(self.asked, self.used)
        self.asked = self.used = 0

    @rule()
    def move_to_a_restored_meter(self):
        payload = self.meter_.encode()
        self.meter_ = ContextMeter(self.ledger)
        self.meter_.restore(payload)
        assert self.meter_.encode() == payload

    @invariant()
    def charged_alike(self):
        assert self.meter_.audit() is None
        assert self.ledger.balances.get("user", 0) == self.user
        assert self.ledger.balances.get("host", 0) == self.host
        assert self.ledger.totals().held_units == sum(map(self.quote, self.open_))


TestMeterAgainstReference = MeterAgainstReference.TestCase
TestMeterAgainstReference.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None
)
