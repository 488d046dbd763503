import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from staking_reference import staking_with, state_of

from economy.ledger import DAY_MS
from economy.money import ftns
from economy.refusals import Refusal
from economy.staking import BONDS, RESERVE, Paid
from economy.staking_terms import YEAR_MS, StakingParameters, Tier

FUNDS = ftns("100000")


@pytest.fixture
def staking():
    return staking_with(ftns("50000"), alice=FUNDS, bob=FUNDS)


def refused(staking, refusal, method, *arguments):
    """The call is refused and has changed nothing at all."""
    before = state_of(staking)
    assert getattr(staking, method)(*arguments) is refusal
    assert state_of(staking) == before
    assert staking.audit() is None


def test_the_defaults_are_those_of_the_token():
    terms = StakingParameters()
    assert [units // 10**18 for units in terms.tier_units] == [0, 5_000, 25_000, 50_000]
    assert (terms.negligence_ppm, terms.equivocation_ppm, terms.forgery_ppm) == (
        500_000,
        1_000_000,
        1_000_000,
    )
    assert (terms.bounty_ppm, terms.yield_ppm) == (700_000, 50_000)
    assert (terms.unbonding_ms, terms.lock_step_days, terms.largest_multiplier) == (
        7 * DAY_MS,
        30,
        4,
    )


class TestTiers:
    @pytest.mark.parametrize(
        ("bonded_ftns", "tier"),
        [
            ("1", Tier.OPEN),
            ("4999.999999999999999999", Tier.OPEN),
            ("5000", Tier.STANDARD),
            ("24999.999999999999999999", Tier.STANDARD),
            ("25000", Tier.PREMIUM),
            ("49999.999999999999999999", Tier.PREMIUM),
            ("50000", Tier.CRITICAL),
            ("100000", Tier.CRITICAL),
        ],
    )
    def test_they_begin_at_their_thresholds(self, staking, bonded_ftns, tier):
        staking.bond("alice", ftns(bonded_ftns), 0, 0)
        assert staking.tier("alice") is tier
        assert staking.tier("bob") is Tier.OPEN

    def test_bonds_add_up_and_unbondings_do_not_count(self, staking):
        staking.bond("alice", ftns("20000"), 0, 0)
        staking.bond("alice", ftns("5000"), 0, 0)
        assert staking.tier("alice") is Tier.PREMIUM
        staking.unbond("alice", 1, 1, 0)
        assert staking.tier("alice") is Tier.STANDARD


class TestLeaving:
    def test_a_stake_leaves_seven_days_after_it_is_unbonded(self, staking):
        staking.bond("alice", 100, 0, 0)
        assert staking.unbond("alice", 0, 40, 5).ends_at_ms == 5 + 7 * DAY_MS
        refused(staking, Refusal.NOTHING_DUE, "withdraw", "alice", 5 + 7 * DAY_MS - 1)
        assert staking.withdraw("alice", 5 + 7 * DAY_MS) == Paid(40, 0)
        assert staking.ledger.balances["alice"] == FUNDS - 60
        refused(staking, Refusal.NOTHING_DUE, "withdraw", "alice", 30 * DAY_MS)

    def test_what_has_ended_leaves_and_the_rest_waits(self, staking):
        staking.bond("alice", 100, 0, 0)
        staking.unbond("alice", 0, 30, 0)
        staking.unbond("alice", 0, 50, DAY_MS)
        assert staking.withdraw("alice", 7 * DAY_MS) == Paid(30, 50)
        assert staking.withdraw("alice", 8 * DAY_MS) == Paid(50, 0)
        assert staking.liable("alice", 8 * DAY_MS) == 20

    def test_a_lock_holds_to_its_end(self, staking):
        staking.bond("alice", 100, 30, 7)
        refused(staking, Refusal.LOCKED, "unbond", "alice", 0, 1, 7 + 30 * DAY_MS - 1)
        assert staking.unbond("alice", 0, 1, 7 + 30 * DAY_MS).units == 1

    def test_a_bond_that_is_emptied_is_gone(self, staking):
        staking.bond("alice", 100, 0, 0)
        staking.unbond("alice", 0, 100, 0)
        refused(staking, Refusal.UNKNOWN_BOND, "unbond", "alice", 0, 1, 0)
        assert staking.bond("alice", 1, 0, 0).number == 1

    def test_an_owner_who_left_is_forgotten(self, staking):
        staking.bond("alice", 100, 0, 0)
        staking.unbond("alice", 0, 100, 0)
        staking.withdraw("alice", 7 * DAY_MS)
        assert staking.books.stakes == {}

    def test_time_that_runs_backwards_shortens_nothing(self, staking):
        staking.bond("alice", 100, 0, 100)
        assert staking.unbond("alice", 0, 50, 10).ends_at_ms == 100 + 7 * DAY_MS
        assert staking.bond("bob", 100, 1, 50).lock_ends_at_ms == 100 + DAY_MS
        staking.unbond("alice", 0, 50, 8 * DAY_MS)
        assert staking.withdraw("alice", 1) == Paid(50, 50)


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "refusal"),
        [
            (("alice", FUNDS + 1, 0, 0), Refusal.INSUFFICIENT_FUNDS),
            (("nobody", 1, 0, 0), Refusal.INSUFFICIENT_FUNDS),
            (("alice", 0, 0, 0), Refusal.INVALID_AMOUNT),
            (("alice", -1, 0, 0), Refusal.INVALID_AMOUNT),
            (("alice", 1, -1, 0), Refusal.INVALID_FIGURE),
            (("alice", 1, 1461, 0), Refusal.INVALID_FIGURE),
            ((BONDS, 1, 0, 0), Refusal.RESERVED_ACCOUNT),
            ((RESERVE, 1, 0, 0), Refusal.RESERVED_ACCOUNT),
        ],
    )
    def test_of_a_bond(self, staking, arguments, refusal):
        refused(staking, refusal, "bond", *arguments)

    @pytest.mark.parametrize(
        ("arguments", "refusal"),
        [
            (("alice", 0, 101, 0), Refusal.INSUFFICIENT_FUNDS),
            (("alice", 0, 0, 0), Refusal.INVALID_AMOUNT),
            (("alice", 0, -1, 0), Refusal.INVALID_AMOUNT),
            (("alice", 1, 1, 0), Refusal.UNKNOWN_BOND),
            (("bob", 0, 1, 0), Refusal.UNKNOWN_BOND),
        ],
    )
    def test_of_an_unbonding(self, staking, arguments, refusal):
        staking.bond("alice", 100, 0, 0)
        refused(staking, refusal, "unbond", *arguments)

    @pytest.mark.parametrize(
        ("arguments", "refusal"),
        [
            (("alice", 0, 9, DAY_MS), Refusal.INVALID_FIGURE),
            (("alice", 0, 7, DAY_MS + 2), Refusal.LOCKED),
            (("alice", 0, -1, DAY_MS), Refusal.INVALID_FIGURE),
            (("alice", 1, 1, DAY_MS), Refusal.UNKNOWN_BOND),
            (("bob", 0, 1, DAY_MS), Refusal.UNKNOWN_BOND),
        ],
    )
    def test_of_a_relock(self, arguments, refusal):
        staking = staking_with(0, StakingParameters(longest_lock_days=8), alice=100)
        staking.bond("alice", 100, 8, DAY_MS + 1)
        refused(staking, refusal, "relock", *arguments)

    def test_of_too_many_entries(self):
        staking = staking_with(0, StakingParameters(most_entries=2), alice=100)
        for _ in range(2):
            staking.bond("alice", 10, 0, 0)
        refused(staking, Refusal.TOO_MANY, "bond", "alice", 10, 0, 0)
        for _ in range(2):
            staking.unbond("alice", 0, 1, 0)
        refused(staking, Refusal.TOO_MANY, "unbond", "alice", 0, 1, 0)
        assert staking.unbond("alice", 0, 1, 8 * DAY_MS) is Refusal.TOO_MANY
        staking.withdraw("alice", 8 * DAY_MS)
        assert staking.unbond("alice", 0, 1, 8 * DAY_MS).units == 1

    def test_of_a_frozen_owner_and_a_closed_one(self, staking):
        staking.bond("alice", FUNDS, 30, 0)
        staking.ledger.close("alice")
        staking.ledger.freeze("bob")
        refused(staking, Refusal.ACCOUNT_FROZEN, "bond", "bob", 1, 0, 0)
        refused(staking, Refusal.ACCOUNT_CLOSED, "claim", "alice", DAY_MS)
        staking.unbond("alice", 0, FUNDS, 30 * DAY_MS)
        refused(staking, Refusal.ACCOUNT_CLOSED, "withdraw", "alice", 40 * DAY_MS)


class TestYield:
    @pytest.mark.parametrize(
        ("lock_days", "percent_a_year"),
        [(0, 0), (15, 2.5), (30, 5), (45, 7.5), (90, 15), (120, 20), (400, 20)],
    )
    def test_it_is_five_percent_a_year_by_the_multiplier_of_the_lock(
        self, lock_days, percent_a_year
    ):
        staking = staking_with(0, StakingParameters(), alice=FUNDS)
        staking.bond("alice", ftns("1000"), lock_days, 0)
        assert staking.weight("alice", 0) * 5 == int(percent_a_year * 10) * ftns("100")
        span_ms = lock_days * DAY_MS
        exact_units = int(percent_a_year * 10) * ftns("1") * span_ms // YEAR_MS
        assert staking.owed("alice", span_ms) == exact_units

    def test_after_its_end_a_lock_earns_the_plain_yield(self):
        staking = staking_with(0, None, alice=FUNDS)
        staking.bond("alice", ftns("7300"), 120, 0)  # a day at 5 % is 1 FTNS
        assert staking.owed("alice", 120 * DAY_MS) == ftns("480")
        assert staking.owed("alice", 130 * DAY_MS) == ftns("490")
        assert staking.weight("alice", 120 * DAY_MS - 1) == ftns("29200")
        assert staking.weight("alice", 120 * DAY_MS) == ftns("7300")

    def test_a_relock_earns_by_its_own_days_from_its_own_time(self):
        staking = staking_with(0, None, alice=FUNDS)
        staking.bond("alice", ftns("7300"), 30, 0)
        assert staking.relock("alice", 0, 60, 10 * DAY_MS).lock_ends_at_ms == 70 * DAY_MS
        assert staking.owed("alice", 70 * DAY_MS) == ftns("130")
        assert staking.unbond("alice", 0, 1, 69 * DAY_MS) is Refusal.LOCKED
        staking.relock("alice", 0, 0, 80 * DAY_MS)
        assert staking.owed("alice", 99 * DAY_MS) == ftns("140")

    def test_what_is_unbonding_earns_nothing(self):
        staking = staking_with(0, None, alice=FUNDS)
        staking.bond("alice", ftns("7300"), 1, 0)
        staking.unbond("alice", 0, ftns("7300"), 3 * DAY_MS)
        assert staking.owed("alice", 9 * DAY_MS) == ftns("0.1")

    def test_the_reserve_pays_and_is_never_overdrawn(self):
        staking = staking_with(ftns("3"), None, alice=FUNDS)
        staking.bond("alice", ftns("7300"), 30, 0)
        assert staking.claim("alice", 2 * DAY_MS) == Paid(ftns("2"), 0)
        assert staking.claim("alice", 10 * DAY_MS) == Paid(ftns("1"), ftns("7"))
        refused(staking, Refusal.NOTHING_DUE, "claim", "alice", 11 * DAY_MS)
        staking.ledger.transfer("alice", RESERVE, ftns("50"))
        assert staking.claim("alice", 12 * DAY_MS) == Paid(ftns("9"), 0)
        assert staking.ledger.balances[RESERVE] == ftns("41")

    def test_it_outlives_the_bond_until_it_is_paid(self):
        staking = staking_with(0, None, alice=ftns("7300"))
        staking.bond("alice", ftns("7300"), 30, 0)
        staking.unbond("alice", 0, ftns("7300"), 30 * DAY_MS)
        staking.withdraw("alice", 37 * DAY_MS)
        assert staking.owed("alice", 99 * DAY_MS) == ftns("30")
        staking.ledger.mint(RESERVE, ftns("30"))
        assert staking.claim("alice", 99 * DAY_MS) == Paid(ftns("30"), 0)
        assert staking.books.stakes == {}

    def test_claims_after_the_lock_count_nothing_twice(self):
        staking = staking_with(ftns("9000"), None, alice=ftns("7300"))
        staking.bond("alice", ftns("7300"), 120, 0)
        for day, paid in ((119, 476), (121, 5), (122, 1), (130, 8)):
            assert staking.claim("alice", day * DAY_MS) == Paid(ftns(str(paid)), 0)

    def test_fractions_of_a_unit_wait_for_the_rest(self):
        staking = staking_with(9, None, alice=73)
        staking.bond("alice", 73, 30, 0)  # a unit every hundred days
        for _ in range(3):
            staking.relock("alice", 0, 30, staking.books.now_ms + 33 * DAY_MS)
        refused(staking, Refusal.NOTHING_DUE, "claim", "alice", 100 * DAY_MS - 1)
        assert staking.claim("alice", 100 * DAY_MS) == Paid(1, 0)

    def test_a_relock_may_end_when_the_lock_would_have(self):
        staking = staking_with(0, None, alice=73)
        staking.bond("alice", 73, 30, 0)
        assert staking.relock("alice", 0, 20, 10 * DAY_MS).lock_ends_at_ms == 30 * DAY_MS

    @given(
        st.integers(10**9, 10**24),
        st.sampled_from([0, 10, 30, 45, 120, 200]),
        st.lists(st.tuples(st.integers(0, 299), st.integers(0, DAY_MS)), max_size=6).map(sorted),
    )
    @settings(max_examples=50)
    def test_however_often_it_is_claimed_the_sum_is_the_same(self, units, lock_days, times):
        often, once = (staking_with(ftns("9000000"), None, alice=10**24) for _ in range(2))
        end_ms = 300 * DAY_MS
        for staking in (often, once):
            staking.bond("alice", units, lock_days, 0)
        for time_ms in (*(day * DAY_MS + ms for day, ms in times), end_ms):
            often.claim("alice", time_ms)
        once.claim("alice", end_ms)
        assert often.ledger.balances == once.ledger.balances
        locked_ms = min(lock_days * DAY_MS, end_ms)
        days = min(lock_days, 120) * locked_ms + min(lock_days, 30) * (end_ms - locked_ms)
        paid_units = once.ledger.balances.get("alice", 0) - (10**24 - units)
        assert paid_units == units * days * 5 // (100 * 30 * YEAR_MS)

    @given(st.lists(st.integers(1, 10**6), min_size=1, max_size=5))
    @settings(max_examples=30)
    def test_one_bond_or_many_of_the_same_sum_earn_the_same(self, parts):
        whole, split = (staking_with(0, None, alice=10**24) for _ in range(2))
        whole.bond("alice", sum(parts), 77, 0)
        for units in parts:
            split.bond("alice", units, 77, 0)
        for time_ms in (0, DAY_MS, 80 * DAY_MS):
            assert whole.owed("alice", time_ms) == split.owed("alice", time_ms)
            assert whole.weight("alice", time_ms) == split.weight("alice", time_ms)


def test_an_ever_drained_reserve_pays_first_come_first_served():
    staking = staking_with(ftns("5"), None, alice=ftns("7300"), bob=ftns("7300"))
    for owner in ("alice", "bob"):
        staking.bond(owner, ftns("7300"), 30, 0)
    assert staking.claim("bob", 4 * DAY_MS) == Paid(ftns("4"), 0)
    assert staking.claim("alice", 4 * DAY_MS) == Paid(ftns("1"), ftns("3"))
    refused(staking, Refusal.NOTHING_DUE, "claim", "bob", 5 * DAY_MS)
    assert staking.owed("bob", 5 * DAY_MS) == ftns("1")
