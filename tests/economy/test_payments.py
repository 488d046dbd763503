import pytest
from economy_instrument import instrument
from hypothesis import example, given
from hypothesis import strategies as st

from economy.ledger import Ledger, LedgerParameters
from economy.money import ftns
from economy.payments import Escrow, fit, merge, query_of, quote, stage_pay
from economy.pricing import ContextDemand, Pricing, QueryKind, Stage
from economy.refusals import Refusal

PAYMENTS = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 10**20)), max_size=12)


@pytest.fixture
def ledger():
    fresh = instrument(Ledger)(LedgerParameters(cap_units=1_000, genesis_units=0))
    assert fresh.mint("payer", 100) is None
    return fresh


@pytest.fixture
def escrow(ledger):
    fresh = Escrow(ledger)
    assert fresh.open("q", "payer", "orchestrator", 90, 2_000, 1_000) is None
    return fresh


def test_a_quote_is_the_context_charge_and_each_stage():
    stages = (Stage.BASE, Stage.ARCHITECT, Stage.EXECUTOR, Stage.EXECUTOR, Stage.COMPILER)
    demand = ContextDemand(500, kind=QueryKind.MEDIUM)
    priced = quote(Pricing(), demand, stages)
    assert priced.context_units == ftns("15.625")
    assert priced.stages_units == ftns("32")
    assert priced.total_units == ftns("47.625")


def test_stage_pay_adds_up_what_each_account_did():
    work = [("a", Stage.EXECUTOR), ("b", Stage.COMPILER), ("a", Stage.ROUTER)]
    assert stage_pay(Pricing(), work) == (("a", ftns("9")), ("b", ftns("10")))


@given(PAYMENTS)
def test_merging_pays_each_account_the_same(payments):
    merged = merge(payments)
    assert len({account for account, _ in merged}) == len(merged)
    for name in "abcde":
        assert dict(merged).get(name, 0) == sum(units for who, units in payments if who == name)


@given(PAYMENTS, st.integers(0, 10**20))
@example([("a", 10), ("b", 5)], 14)
@example([("a", 10), ("b", 5)], 15)
def test_fitting_pays_in_full_or_spends_the_budget_in_proportion(payments, budget):
    fitted, merged = fit(payments, budget), merge(payments)
    total = sum(units for _, units in merged)
    assert [account for account, _ in fitted] == [account for account, _ in merged]
    if total <= budget:
        assert fitted == merged
    else:
        assert sum(units for _, units in fitted) == budget
        for (_, got), (_, earned) in zip(fitted, merged, strict=True):
            assert abs(got * total - earned * budget) < total


def test_settling_pays_the_contributors_and_returns_the_rest(escrow, ledger):
    assert ledger.balances == {"payer": 10}
    assert escrow.settle("q", (("a", 30), ("b", 20)), 1_500) is None
    assert ledger.balances == {"payer": 50, "a": 30, "b": 20}


def test_refunding_returns_everything(escrow, ledger):
    assert escrow.refund("q", 1_500) is None
    assert ledger.balances == {"payer": 100}


def test_what_is_not_settled_in_time_expires(escrow, ledger):
    assert escrow.settle("q", (("a", 30),), 2_000) is Refusal.ALREADY_EXPIRED
    assert [query_of(hold) for hold in ledger.expire(2_000)] == ["q"]
    assert ledger.balances == {"payer": 100}


@pytest.mark.parametrize("first", ["settle", "refund", "expire"])
def test_a_query_ends_exactly_once(escrow, ledger, first):
    ends = {
        "settle": lambda: escrow.settle("q", (("a", 1),), 1_500),
        "refund": lambda: escrow.refund("q", 1_500),
        "expire": lambda: ledger.expire(2_000) and None,
    }
    assert ends[first]() is None
    balances = dict(ledger.balances)
    assert isinstance(ends["settle"](), Refusal)
    assert isinstance(ends["refund"](), Refusal)
    assert escrow.open("q", "payer", "orchestrator", 90, 2_000, 1_000) is None
    ledger.expire(9_000)
    assert ledger.balances == balances


def test_the_contributors_get_no_more_than_the_escrow(escrow):
    assert escrow.settle("q", (("a", 91),), 1_500) is Refusal.EXCEEDS_HOLD


def test_a_query_is_told_from_other_holds(escrow, ledger):
    assert ledger.hold("q", "payer", "x", 5, 2_000, 1_000) is None
    assert query_of(ledger.book.holds["q"]) is None
    assert query_of(escrow.find("q")) == "q"
    assert escrow.find("p") is None
    assert escrow.settle("p", (), 1_500) is Refusal.UNKNOWN_HOLD
