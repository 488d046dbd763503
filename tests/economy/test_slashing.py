from fractions import Fraction
from math import ceil, floor

import pytest
from economy_instrument import instrument
from hypothesis import given, settings
from hypothesis import strategies as st
from staking_reference import state_of

from economy.ledger import DAY_MS, Ledger, LedgerParameters
from economy.refusals import Refusal
from economy.slashing import Offence, OffenceClass, Slashed, assess, rate_ppm
from economy.staking import BONDS, RESERVE, Paid, Staking
from economy.staking_terms import StakingParameters

NEGLIGENCE, EQUIVOCATION, FORGERY = OffenceClass
TERMS = StakingParameters()
LIABLE = st.lists(st.integers(1, 10**24) | st.integers(1, 5), min_size=1, max_size=8)
NAMES = st.sampled_from(["offender", "accomplice", "honest"])


@pytest.fixture
def staking():
    ledger = instrument(Ledger)(LedgerParameters(genesis_units=0))
    for account in ("offender", "accomplice", "honest"):
        ledger.mint(account, 1_000)
    return Staking(ledger)


def offence(kind=EQUIVOCATION, name="deed"):
    return Offence(name, "offender", kind)


def wealth(staking, *accounts):
    """All that the accounts have, at stake or not."""
    balances = staking.ledger.balances
    stakes = (staking.books.stakes.get(account) for account in accounts)
    entries = (e for s in stakes if s is not None for e in (*s.bonds.values(), *s.unbondings))
    return sum(balances.get(a, 0) for a in accounts) + sum(entry.units for entry in entries)


# --- what an offence costs --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "rate", "slashed", "bounty"),
    [(NEGLIGENCE, 500_000, 50, 35), (EQUIVOCATION, 10**6, 100, 70), (FORGERY, 10**6, 100, 70)],
)
def test_half_for_negligence_all_for_equivocation_and_forgery(kind, rate, slashed, bounty):
    assert rate_ppm(TERMS, kind) == rate
    penalty = assess(TERMS, offence(kind), "honest", [60, 40])
    assert penalty == ((slashed * 60 // 100, slashed * 40 // 100), slashed, bounty)


def test_each_class_has_a_rate_of_its_own():
    terms = StakingParameters(negligence_ppm=1, equivocation_ppm=2, forgery_ppm=3)
    assert [rate_ppm(terms, kind) for kind in OffenceClass] == [1, 2, 3]


@given(LIABLE, st.integers(0, 10**6), st.integers(0, 10**6))
@settings(max_examples=60)
def test_the_penalty_is_rounded_up_its_bounty_down_and_shared_to_the_unit(liable, rate, bounty):
    terms = StakingParameters(negligence_ppm=rate, bounty_ppm=bounty)
    penalty = assess(terms, offence(NEGLIGENCE), "honest", liable)
    assert penalty.slashed_units == ceil(sum(liable) * Fraction(rate, 10**6))
    assert penalty.bounty_units == floor(penalty.slashed_units * Fraction(bounty, 10**6))
    assert sum(penalty.shares) == penalty.slashed_units
    for share, units in zip(penalty.shares, liable, strict=True):
        assert 0 <= share <= units
        assert abs(share - Fraction(units * penalty.slashed_units, sum(liable))) < 1


def test_no_stake_is_too_small_to_be_punished():
    assert assess(TERMS, offence(NEGLIGENCE), "honest", [1]) == ((1,), 1, 0)


# --- on a ledger ------------------------------------------------------------------------------


def test_a_reporter_gets_seventy_percent_and_the_reserve_thirty(staking):
    staking.bond("offender", 101, 0, 5)
    done = staking.slash(offence(), "honest", 9)
    assert done == Slashed(offence(), "honest", 101, 70, 31, 9)
    assert staking.ledger.balances == {
        "offender": 899,
        "accomplice": 1_000,
        "honest": 1_070,
        RESERVE: 31,
    }
    assert staking.audit() is None


def test_half_is_taken_of_each_bond_and_each_unbonding(staking):
    staking.bond("offender", 100, 0, 0)
    staking.bond("offender", 60, 30, 0)
    staking.unbond("offender", 0, 40, 0)
    assert staking.slash(offence(NEGLIGENCE), "honest", DAY_MS).slashed_units == 80
    stake = staking.books.stakes["offender"]
    assert [bond.units for bond in stake.bonds.values()] == [30, 30]
    assert [entry.units for entry in stake.unbondings] == [20]
    assert staking.ledger.balances[BONDS] == 80
    assert staking.withdraw("offender", 7 * DAY_MS) == Paid(20, 0)
    assert staking.audit() is None


def test_what_is_unbonding_is_out_of_reach_from_its_end_on_and_not_before(staking):
    for _ in range(2):
        staking.bond("offender", 50, 0, 0)
    staking.unbond("offender", 0, 50, 0)
    staking.unbond("offender", 1, 50, 1)
    # At this time the first has ended, though nobody has fetched it; the second ends 1 ms later.
    before = staking.ledger.balances["offender"]
    assert staking.liable("offender", 7 * DAY_MS) == 50
    assert staking.slash(offence(), "honest", 7 * DAY_MS).slashed_units == 50
    refusal = staking.slash(offence(name="other"), "honest", 7 * DAY_MS)
    assert refusal is Refusal.NOTHING_STAKED
    assert staking.withdraw("offender", 7 * DAY_MS) == Paid(50, 0)
    assert staking.ledger.balances["offender"] == before + 50
    assert staking.audit() is None


def test_the_same_deed_is_punished_once_whoever_reports_it_and_when(staking):
    staking.bond("offender", 100, 0, 0)
    staking.slash(offence(NEGLIGENCE), "honest", 0)
    before = state_of(staking)
    for reporter in ("honest", "accomplice", "offender"):
        again = staking.slash(offence(NEGLIGENCE), reporter, 9 * DAY_MS)
        assert again is Refusal.ALREADY_SLASHED
    for other in (offence(FORGERY), Offence("deed", "accomplice", NEGLIGENCE)):
        assert staking.slash(other, "honest", 0) is Refusal.ID_TAKEN
    assert state_of(staking) == before
    assert staking.slash(offence(NEGLIGENCE, "another"), "honest", 0).slashed_units == 25


def test_a_deed_without_a_stake_waits_for_one(staking):
    before = state_of(staking)
    assert staking.slash(offence(), "honest", 0) is Refusal.NOTHING_STAKED
    assert state_of(staking) == before
    staking.bond("offender", 10, 0, 0)
    assert staking.slash(offence(), "honest", 0).slashed_units == 10


def test_who_reports_himself_gets_nothing(staking):
    staking.bond("offender", 100, 0, 0)
    assert staking.slash(offence(), "offender", 0).bounty_units == 0
    assert staking.ledger.balances["offender"] == 900
    assert staking.ledger.balances[RESERVE] == 100


@given(
    st.lists(st.integers(1, 200), max_size=3),
    st.lists(st.integers(1, 200), min_size=1, max_size=3),
    st.sampled_from(OffenceClass),
    st.sampled_from(["offender", "accomplice"]),
)
@settings(max_examples=50)
def test_offender_and_accomplice_together_lose_thirty_percent_of_the_penalty(
    leaving, staying, kind, reporter
):
    ledger = Ledger(LedgerParameters(genesis_units=0))
    ledger.mint("offender", 1_200)
    staking = Staking(ledger)
    for units in leaving + staying:
        staking.bond("offender", units, 0, 0)
    for number, units in enumerate(leaving):
        staking.unbond("offender", number, units, 0)
    before = wealth(staking, "offender", "accomplice")
    done = staking.slash(offence(kind), reporter, 1)
    lost = before - wealth(staking, "offender", "accomplice")
    assert lost == done.reserve_units >= Fraction(3, 10) * done.slashed_units > 0
    assert reporter == "accomplice" or lost == done.slashed_units


def test_the_reporter_may_be_staked_and_keeps_its_stake(staking):
    staking.bond("offender", 100, 0, 0)
    staking.bond("honest", 100, 0, 0)
    staking.slash(offence(), "honest", 0)
    assert staking.liable("honest", 0) == 100
    assert "offender" not in staking.books.stakes


def test_yield_earned_before_is_still_owed_and_none_after(staking):
    staking.ledger.mint("offender", 73 * 10**6)
    staking.ledger.mint(RESERVE, 10**6)
    staking.bond("offender", 73 * 10**6, 30, 0)  # 10,000 units a day
    staking.slash(offence(NEGLIGENCE), "honest", DAY_MS)
    assert staking.owed("offender", DAY_MS) == 10_000
    assert staking.owed("offender", 2 * DAY_MS) == 15_000
    staking.slash(offence(FORGERY, "other"), "honest", 2 * DAY_MS)
    assert staking.claim("offender", 9 * DAY_MS) == Paid(15_000, 0)


@pytest.mark.parametrize("reporter", [BONDS, RESERVE])
def test_no_account_of_staking_reports(staking, reporter):
    staking.bond("offender", 100, 0, 0)
    before = state_of(staking)
    assert staking.slash(offence(), reporter, 0) is Refusal.RESERVED_ACCOUNT
    assert state_of(staking) == before


@pytest.mark.parametrize("closed", ["nobody", RESERVE])
def test_if_either_part_cannot_be_paid_neither_is(staking, closed):
    staking.bond("offender", 100, 0, 0)
    staking.ledger.close(closed)
    before = state_of(staking)
    assert staking.slash(offence(), "nobody", 0) is Refusal.ACCOUNT_CLOSED
    assert state_of(staking) == before


def test_a_rate_of_nothing_is_a_reprimand():
    ledger = instrument(Ledger)(LedgerParameters(genesis_units=0))
    ledger.mint("offender", 100)
    staking = Staking(ledger, StakingParameters(negligence_ppm=0))
    staking.bond("offender", 100, 0, 0)
    assert staking.slash(offence(NEGLIGENCE), "honest", 0).slashed_units == 0
    assert staking.slash(offence(NEGLIGENCE), "honest", 0) is Refusal.ALREADY_SLASHED
    assert staking.liable("offender", 0) == 100
