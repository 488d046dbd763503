from fractions import Fraction

import pytest
from economy_instrument import instrument, money_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from economy.issuance import FOUR_YEARS_MS, Issuance, IssuanceParameters, Issued
from economy.ledger import DAY_MS, Ledger, LedgerParameters
from economy.money import ftns
from economy.refusals import Refusal
from economy.staking import RESERVE, Paid, Staking
from prsm_sim.actor import RemoteProtocolError, UserError

TIMES_MS = st.integers(-10, 10**6) | st.integers(0, 10**14)
RATES = st.integers(0, 50) | st.integers(0, 10**19)
ERAS_MS = st.integers(1, 3000) | st.just(FOUR_YEARS_MS)


def walked(terms, time_ms):
    """The schedule as it is told: era after era at half the rate of the one before."""
    left_ms, rate, total = time_ms - terms.starts_at_ms, Fraction(terms.units_per_second, 1000), 0
    while left_ms > 0:
        total += rate * min(left_ms, terms.era_ms)
        left_ms -= terms.era_ms
        rate /= 2
    return int(total)


@given(RATES, st.integers(1, 3000), st.integers(0, 400_000), st.integers(-50, 50))
@settings(max_examples=50)
def test_the_total_is_that_of_walking_through_the_eras(rate, era_ms, eras_of_ms, start_ms):
    terms = IssuanceParameters(rate, era_ms, start_ms)
    time_ms = min(eras_of_ms, 200 * era_ms)
    assert terms.issued_until(time_ms) == walked(terms, time_ms)


@given(RATES, ERAS_MS, st.lists(TIMES_MS, min_size=3, max_size=3).map(sorted))
@example(10**18, FOUR_YEARS_MS, [0, 10**9 + 1, 10**18])
@example(1, 1, [0, 1, 10**30])
def test_an_interval_issues_what_its_parts_issue(rate, era_ms, times_ms):
    terms = IssuanceParameters(rate, era_ms)
    a, b, c = times_ms
    assert terms.issue(a, c) == terms.issue(a, b) + terms.issue(b, c)
    assert min(terms.issue(a, b), terms.issue(b, c)) >= 0


@pytest.mark.parametrize(
    ("elapsed_ms", "issued_ftns"),
    [
        (-1, "0"),
        (0, "0"),
        (1, "0.001"),
        (1000, "1"),
        (FOUR_YEARS_MS, "126230400"),
        (FOUR_YEARS_MS + 1000, "126230400.5"),
        (2 * FOUR_YEARS_MS, "189345600"),
        (2 * FOUR_YEARS_MS + 4000, "189345601"),
        (3 * FOUR_YEARS_MS, "220903200"),
        (4 * FOUR_YEARS_MS, "236682000"),
    ],
)
def test_one_ftns_a_second_halved_every_four_years(elapsed_ms, issued_ftns):
    assert IssuanceParameters().issued_until(elapsed_ms) == ftns(issued_ftns)


@pytest.mark.parametrize("times_ms", [[10**20, 10**40, 10**4000]])
def test_all_time_issues_less_than_two_eras_at_full_rate(times_ms):
    limit_units = 2 * ftns("126230400")
    assert [IssuanceParameters().issued_until(t) for t in times_ms] == [limit_units - 1] * 3


@given(st.integers(0, 40), st.integers(1, 40), st.integers(0, 60))
def test_the_last_eras_change_nothing_that_is_seen(rate, era_ms, eras):
    terms = IssuanceParameters(rate, era_ms)
    for time_ms in (eras * era_ms, eras * era_ms + era_ms - 1):
        assert terms.issued_until(time_ms) == walked(terms, time_ms)


def test_it_is_the_same_when_it_starts_later():
    early, late = IssuanceParameters(), IssuanceParameters(starts_at_ms=777)
    assert late.issued_until(777) == 0
    assert late.issued_until(777 + 5 * FOUR_YEARS_MS) == early.issued_until(5 * FOUR_YEARS_MS)


@pytest.mark.parametrize(
    ("figures", "word"),
    [({"units_per_second": -1}, "units_per_second"), ({"era_ms": 0}, "era_ms")],
)
def test_a_figure_out_of_range_is_named(figures, word):
    with pytest.raises(UserError, match=word):
        IssuanceParameters(**figures)


# --- on a ledger ------------------------------------------------------------------------------


def issuing(cap_units=1_000, rate=1000, era_ms=100, start_ms=0):
    """At these figures: one unit a millisecond for 100 ms, 200 units in all eras."""
    ledger = instrument(Ledger)(LedgerParameters(cap_units=cap_units, genesis_units=0))
    return Issuance(ledger, IssuanceParameters(rate, era_ms, start_ms, "payee"))


def test_what_is_due_is_minted_to_the_payee():
    issuance = issuing(start_ms=50)
    assert issuance.advance(40) == Issued(0, 0)
    assert issuance.advance(60) == Issued(10, 0)
    assert issuance.advance(60) == Issued(0, 0)
    assert issuance.advance(55) == Issued(0, 0)
    assert issuance.advance(350) == Issued(165, 0)
    assert issuance.ledger.balances == {"payee": 175}
    assert issuance.audit() is None


def test_the_cap_is_reached_and_not_passed_and_the_rest_is_forgone():
    issuance = issuing(cap_units=70)
    assert issuance.advance(60) == Issued(60, 0)
    assert issuance.advance(100) == Issued(10, 30)
    assert issuance.advance(200) == Issued(0, 50)
    assert issuance.ledger.totals().supply_units == 70
    assert issuance.audit() is None


def test_what_is_burned_is_not_issued_again():
    issuance = issuing(cap_units=70)
    issuance.advance(100)
    assert issuance.burn("payee", 40, 150) == Issued(0, 25)
    assert issuance.advance(150) == Issued(0, 0)
    assert issuance.ledger.totals().supply_units == 30
    assert issuance.burned_units == 40
    assert issuance.advance(200) == Issued(25, 0)


@pytest.mark.parametrize(
    ("payer", "units", "refusal"),
    [
        ("payee", 51, Refusal.INSUFFICIENT_FUNDS),
        ("nobody", 1, Refusal.INSUFFICIENT_FUNDS),
        ("payee", 0, Refusal.INVALID_AMOUNT),
        ("payee", -1, Refusal.INVALID_AMOUNT),
    ],
)
def test_a_burn_that_is_refused_issues_nothing_either(payer, units, refusal):
    issuance = issuing()
    issuance.advance(50)
    before = issuance.encode(), money_of(issuance.ledger)
    assert issuance.burn(payer, units, 90) is refusal
    assert (issuance.encode(), money_of(issuance.ledger)) == before


def test_while_the_payee_is_closed_what_falls_due_waits():
    issuance = issuing()
    issuance.ledger.mint("alice", 5)
    issuance.ledger.close("payee")
    before = issuance.encode(), money_of(issuance.ledger)
    assert issuance.advance(50) is Refusal.ACCOUNT_CLOSED
    assert issuance.burn("alice", 5, 50) is Refusal.ACCOUNT_CLOSED
    assert (issuance.encode(), money_of(issuance.ledger)) == before
    assert issuance.burn("alice", 5, 0) == Issued(0, 0)


def test_issuance_can_feed_the_reserve_that_pays_the_yield():
    ledger = instrument(Ledger)(LedgerParameters(genesis_units=0))
    ledger.mint("alice", 730_000)
    issuance = Issuance(ledger, IssuanceParameters(1, 10 * DAY_MS, 0, RESERVE))
    staking = Staking(ledger)
    staking.bond("alice", 730_000, 30, 0)  # earns 100 units a day
    for day in range(1, 40):
        issued = issuance.advance(day * DAY_MS)
        before = ledger.balances.get(RESERVE, 0)
        claimed = staking.claim("alice", day * DAY_MS)
        assert issued.minted_units == 86_400 >> (day - 1) // 10
        assert claimed == Paid(100, 0)
        assert before - ledger.balances[RESERVE] == 100
        assert staking.audit() is issuance.audit() is None


class IssuanceAgainstWalk(RuleBasedStateMachine):
    """A schedule on a tight cap, with others who mint and burn; against eras walked one by one."""

    def __init__(self):
        super().__init__()
        self.issuance = issuing(cap_units=150, rate=777, era_ms=60)
        self.ledger = self.issuance.ledger
        self.now_ms = self.settled_ms = 0
        self.minted = self.forgone = self.supply = 0

    def due(self):
        terms = self.issuance.parameters
        units = walked(terms, self.now_ms) - walked(terms, self.settled_ms)
        minted = min(units, 150 - self.supply)
        return minted, units - minted

    def settle(self, minted, forgone):
        self.settled_ms = self.now_ms
        self.minted, self.forgone = self.minted + minted, self.forgone + forgone
        self.supply += minted

    @rule(span_ms=st.integers(0, 30))
    def wait(self, span_ms):
        self.now_ms += span_ms

    @rule()
    def advance(self):
        expected = self.due()
        assert self.issuance.advance(self.now_ms) == Issued(*expected)
        self.settle(*expected)

    @rule(units=st.integers(-1, 40))
    def burn(self, units):
        funds = self.ledger.balances.get("payee", 0)
        expected = self.due()
        answer = self.issuance.burn("payee", units, self.now_ms)
        if units <= 0:
            assert answer is Refusal.INVALID_AMOUNT
        elif units > funds:
            assert answer is Refusal.INSUFFICIENT_FUNDS
        else:
            assert answer == Issued(*expected)
            self.settle(*expected)
            self.supply -= units

    @rule(units=st.integers(1, 40))
    def others_mint(self, units):
        if self.ledger.mint("other", units) is None:
            self.supply += units

    @rule()
    def move_to_a_restored_issuance(self):
        encoded = self.issuance.encode()
        restored = Issuance(self.ledger, self.issuance.parameters)
        restored.restore(encoded)
        assert restored.encode() == encoded
        self.issuance = restored

    @invariant()
    def agrees(self):
        assert self.issuance.audit() is None
        assert (self.issuance.minted_units, self.issuance.forgone_units) == (
            self.minted,
            self.forgone,
        )
        assert self.ledger.totals().supply_units == self.supply <= 150


TestIssuanceAgainstWalk = IssuanceAgainstWalk.TestCase
TestIssuanceAgainstWalk.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


# --- as state ---------------------------------------------------------------------------------


def test_a_restored_issuance_needs_its_figures_and_its_ledger():
    issuance = issuing()
    issuance.advance(60)
    encoded = issuance.encode()
    for other in (issuing(rate=999), issuing()):
        with pytest.raises(RemoteProtocolError):
            other.restore(encoded)
        assert other.minted_units == 0
    with pytest.raises(RemoteProtocolError):
        issuance.restore(encoded[:-1])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("settled_at_ms", 61),
        ("minted_units", 59),
        ("forgone_units", 1),
        ("burned_units", 1),
        ("burned_units", -1),
    ],
)
def test_the_audit_finds_books_that_are_wrong(name, value):
    issuance = issuing()
    issuance.advance(60)
    assert issuance.audit() is None
    setattr(issuance, name, value)
    assert issuance.audit() is not None


def test_the_defaults_are_those_of_the_token():
    assert IssuanceParameters() == IssuanceParameters(ftns("1"), 1461 * DAY_MS, 0, "treasury")
