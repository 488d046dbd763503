"""Rewards for contributions: the rates, never twice, and never more than the pool has."""

from fractions import Fraction

import pytest
from economy_instrument import instrument
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from economy.earning import (
    POOL,
    Access,
    Data,
    Earning,
    EarningParameters,
    Governance,
    Model,
    Paper,
    Reward,
    Teaching,
    earned_units,
)
from economy.ledger import Ledger, LedgerParameters
from economy.money import UNITS_PER_FTNS, ftns
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError

RATES = EarningParameters()


@pytest.fixture
def earning():
    ledger = instrument(Ledger)(LedgerParameters(genesis_units=0))
    assert ledger.mint("sponsor", ftns("5000")) is None
    fresh = Earning(ledger)
    assert fresh.fund("sponsor", ftns("2000")) is None
    return fresh


@pytest.mark.parametrize(
    ("work", "amount"),
    [
        (Data(0), "0"),
        (Data(1_000_000), "0.05"),
        (Data(1), "0.00000005"),
        (Data(2_500_000_000), "125"),
        (Model(), "100"),
        (Paper(), "500"),
        (Paper(1), "510"),
        (Paper(49), "990"),
        (Paper(50), "1000"),
        (Paper(51), "1000"),
        (Teaching(0), "20"),
        (Teaching(250_000), "30"),
        (Teaching(1_000_000), "60"),
        (Governance(), "5"),
        (Access(0), "0"),
        (Access(1), "0.01"),
        (Access(100), "1"),
        (Access(101), "1.015"),
        (Access(300), "4"),
    ],
)
def test_what_work_is_worth(work, amount):
    assert earned_units(work, RATES) == ftns(amount)


@pytest.mark.parametrize(
    "work", [Data(-1), Paper(-1), Teaching(-1), Teaching(1_000_001), Access(-1)]
)
def test_impossible_figures_are_refused_and_change_nothing(earning, work):
    before = earning.encode(), dict(earning.ledger.balances)
    assert earning.report("c", "alice", work) is Refusal.INVALID_FIGURE
    assert (earning.encode(), earning.ledger.balances) == before


def exact(kind, figure):
    """The rules as they are written, in FTNS."""
    if kind is Data:
        return Fraction(figure, 10**6) * Fraction("0.05")
    if kind is Paper:
        return 500 + min(10 * figure, 500)
    if kind is Teaching:
        return 20 * (1 + 2 * Fraction(figure, 10**6))
    return sum(Fraction("0.01") * (Fraction("1.5") if n > 100 else 1) for n in range(1, figure + 1))


@given(st.sampled_from([Data, Paper, Teaching, Access]), st.integers(0, 1_000))
def test_the_rules_are_the_closed_forms_rounded_down(kind, figure):
    value = exact(kind, figure) * UNITS_PER_FTNS
    assert 0 <= value - earned_units(kind(figure), RATES) < 1


def test_what_is_no_whole_unit_is_rounded_down():
    rates = EarningParameters(
        data_units_per_mb=3, teaching_units=1, access_units=1, popular_accesses=0
    )
    assert earned_units(Data(999_999), rates) == 2
    assert earned_units(Teaching(499_999), rates) == 1
    assert earned_units(Access(1), rates) == 1
    assert earned_units(Access(3), rates) == 4


def test_a_paper_gets_the_difference_when_it_is_cited(earning):
    assert earning.report("p", "alice", Paper()) == Reward(ftns("500"), ftns("500"))
    assert earning.report("p", "alice", Paper(3)) == Reward(ftns("30"), ftns("530"))
    assert earning.report("p", "alice", Paper(3)) == Reward(0, ftns("530"))
    assert earning.report("p", "alice", Paper(1)) == Reward(0, ftns("530"))
    assert earning.ledger.balances["alice"] == ftns("530")
    assert earning.paid_units == {"paper": ftns("530")}


@given(st.lists(st.integers(0, 400), min_size=1, max_size=6))
def test_how_accesses_are_cut_into_reports_leaves_no_mark(figures):
    ledger = Ledger()
    ledger.mint(POOL, ftns("100"))
    earning = Earning(ledger)
    for figure in figures:
        earning.report("c", "alice", Access(figure))
    assert ledger.balances.get("alice", 0) == earned_units(Access(max(figures)), RATES)


@pytest.mark.parametrize(
    ("account", "work"), [("bob", Model()), ("alice", Governance()), ("alice", Data(1))]
)
def test_a_contribution_keeps_its_account_and_kind(earning, account, work):
    earning.report("c", "alice", Model())
    before = earning.encode(), dict(earning.ledger.balances)
    assert earning.report("c", account, work) is Refusal.ID_TAKEN
    assert (earning.encode(), earning.ledger.balances) == before


def test_a_reward_the_pool_cannot_pay_is_refused_whole_and_can_be_had_later(earning):
    big = Data(40_000_000_001)
    before = earning.encode(), dict(earning.ledger.balances)
    assert earning.report("c", "alice", big) is Refusal.INSUFFICIENT_FUNDS
    assert (earning.encode(), earning.ledger.balances) == before
    assert earning.fund("sponsor", ftns("1")) is None
    assert isinstance(earning.report("c", "alice", big), Reward)


def test_a_closed_account_earns_nothing(earning):
    earning.ledger.close("alice")
    assert earning.report("c", "alice", Model()) is Refusal.ACCOUNT_CLOSED
    assert earning.contributions == {}


def test_nobody_funds_what_he_has_not(earning):
    assert earning.fund("alice", 1) is Refusal.INSUFFICIENT_FUNDS
    assert earning.fund("sponsor", 0) is Refusal.INVALID_AMOUNT


def test_the_audit_finds_what_is_wrong(earning):
    earning.report("c", "alice", Model())
    assert earning.audit() is None
    earning.paid_units["model"] += 1
    assert "totals" in earning.audit()
    earning.restore(earning.encode())
    assert earning.audit() is None, "the totals are worked out anew"


def test_restoring_trusts_nothing(earning):
    for name in ("b", "a"):
        earning.report(name, "alice", Model())
    payload = earning.encode()
    fresh = Earning(earning.ledger)
    for length in range(len(payload)):
        with pytest.raises(RemoteProtocolError):
            fresh.restore(payload[:length])
    swapped = payload.replace(b"\xa1a\xa5alice", b"\xa1z\xa5alice")
    assert swapped != payload
    with pytest.raises(RemoteProtocolError, match="canonical"):
        fresh.restore(swapped)
    assert fresh.encode() == Earning(earning.ledger).encode()
    fresh.restore(payload)
    assert fresh.encode() == payload
    assert fresh.report("a", "alice", Model()) == Reward(0, ftns("100"))


RATES_OF_SMALL = EarningParameters(
    data_units_per_mb=7,
    model_units=10,
    paper_units=20,
    citation_units=3,
    citations_most_units=9,
    teaching_units=5,
    governance_units=2,
    access_units=2,
    popular_accesses=4,
)


def worth(work):
    """In units of the small economy, rounded down."""
    match work:
        case Data(size):
            return 7 * size // 10**6
        case Model():
            return 10
        case Paper(citations):
            return 20 + min(9, 3 * citations)
        case Teaching(gain_ppm):
            return int(5 + Fraction(10 * gain_ppm, 10**6))
        case Governance():
            return 2
        case Access(accesses):
            return sum(3 if n > 4 else 2 for n in range(1, accesses + 1))


WORKS = st.one_of(
    st.builds(Data, st.integers(0, 5_000_000)),
    st.just(Model()),
    st.builds(Paper, st.integers(0, 5)),
    st.builds(Teaching, st.integers(0, 10**6)),
    st.just(Governance()),
    st.builds(Access, st.integers(0, 9)),
)


class EarningAgainstReference(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.ledger = instrument(Ledger)(LedgerParameters(cap_units=1_000, genesis_units=0))
        self.ledger.mint("sponsor", 500)
        self.earning = Earning(self.ledger, RATES_OF_SMALL)
        self.pool = 0
        self.reports = []  # (name, account, kind, worth), those that were answered

    @rule(units=st.integers(1, 60))
    def fund(self, units):
        if self.earning.fund("sponsor", units) is None:
            self.pool += units

    @rule(
        name=st.sampled_from(["c1", "c2", "c3", "c4"]),
        account=st.sampled_from(["alice", "alice", "bob"]),
        work=WORKS,
    )
    def report(self, name, account, work):
        answer = self.earning.report(name, account, work)
        same = [report for report in self.reports if report[0] == name]
        paid = max((report[3] for report in same), default=0)
        due = max(0, worth(work) - paid)
        if same and same[0][1:3] != (account, type(work)):
            assert answer is Refusal.ID_TAKEN
        elif due > self.pool:
            assert answer is Refusal.INSUFFICIENT_FUNDS
        else:
            assert answer == Reward(due, paid + due)
            self.reports.append((name, account, type(work), worth(work)))
            self.pool -= due

    @rule()
    def move_to_restored_earnings(self):
        payload = self.earning.encode()
        self.earning = Earning(self.ledger, RATES_OF_SMALL)
        self.earning.restore(payload)
        assert self.earning.encode() == payload

    @invariant()
    def paid_alike(self):
        assert self.earning.audit() is None
        assert self.ledger.balances.get(POOL, 0) == self.pool
        best = {}
        for name, account, _, units in self.reports:
            best[name, account] = max(units, best.get((name, account), 0))
        for wanted in ("alice", "bob"):
            paid = sum(units for (_, account), units in best.items() if account == wanted)
            assert self.ledger.balances.get(wanted, 0) == paid
        assert sum(self.earning.paid_units.values()) == sum(best.values())


TestEarningAgainstReference = EarningAgainstReference.TestCase
TestEarningAgainstReference.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None
)
