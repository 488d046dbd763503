from fractions import Fraction

import pytest
from economy_instrument import instrument, money_of
from hypothesis import given, settings
from hypothesis import strategies as st

from economy.dividends import POOL, QUARTER_MS, DividendParameters, Dividends
from economy.ledger import DAY_MS, Ledger, LedgerParameters
from economy.money import ftns
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError, UserError

YEAR_MS = 365 * DAY_MS
POOL_UNITS = ftns("1000000")


def dividends_with(*events, pool_units=POOL_UNITS, parameters=None, history_ms=YEAR_MS):
    """Dividends of a ledger with this past: day, payer or None, payee and FTNS each, in order."""
    ledger = instrument(Ledger)(LedgerParameters(genesis_units=0, history_ms=history_ms))
    if pool_units:
        ledger.mint(POOL, pool_units)
    for day, payer, payee, amount in events:
        ledger.pass_time(int(day * DAY_MS))
        if payer is None:
            assert ledger.mint(payee, ftns(amount)) is None
        else:
            assert ledger.transfer(payer, payee, ftns(amount)) is None
    return Dividends(ledger, parameters)


def at(dividends, now_ms):
    dividends.ledger.expire(now_ms)
    return dividends.distribute(now_ms)


def paid(dividends, now_ms=QUARTER_MS + 1):
    """What each account was credited, checked against the report, the pool and the balances."""
    before = dict(dividends.ledger.balances)
    done = at(dividends, now_ms)
    after = dividends.ledger.balances
    payments = dict(done.payments)
    assert len(payments) == len(done.payments)
    assert sum(payments.values()) == done.amount_units
    assert before.get(POOL, 0) - after.get(POOL, 0) == done.amount_units
    for account in {*before, *after} - {POOL}:
        assert after.get(account, 0) - before.get(account, 0) == payments.get(account, 0)
    assert dividends.audit() is None
    return payments


def test_the_defaults_are_those_of_the_token():
    assert DividendParameters() == DividendParameters(
        pool_units=POOL_UNITS,
        share_ppm=50_000,
        quarter_ms=YEAR_MS // 4,
        starts_at_ms=0,
        hold_ms=30 * DAY_MS,
        least_units=ftns("1"),
        long_hold_ms=90 * DAY_MS,
        long_bonus_ppm=200_000,
        large_units=ftns("10000"),
        large_bonus_ppm=100_000,
        excluded=("treasury",),
    )


class TestWho:
    def test_five_percent_of_the_pool_goes_to_holders_in_proportion(self):
        dividends = dividends_with((10, None, "alice", "300"), (10, None, "bob", "100"))
        assert paid(dividends) == {"alice": ftns("37500"), "bob": ftns("12500")}

    def test_who_holds_for_less_than_thirty_days_gets_nothing(self):
        record_days = Fraction(QUARTER_MS, DAY_MS)
        late = record_days - 30 + Fraction(1, DAY_MS)
        dividends = dividends_with(
            (record_days - 30, None, "exact", "10"), (late, None, "late", "1000000")
        )
        assert paid(dividends) == {"exact": ftns("50000")}

    def test_money_that_arrives_just_before_the_record_date_weighs_nothing(self):
        held = [(0, None, "whale", "900000"), (1, None, "alice", "100"), (1, None, "bob", "100")]
        for flash in ([], [(91, "whale", "alice", "500000"), (91.2, "alice", "whale", "1")]):
            payments = paid(dividends_with(*held, *flash))
            assert payments["alice"] == payments["bob"] > 0

    @given(st.lists(st.tuples(st.integers(62, 91), st.integers(1, 10**6)), max_size=4).map(sorted))
    @settings(max_examples=25)
    def test_nothing_that_arrives_in_the_last_thirty_days_changes_any_share(self, arrivals):
        held = [(0, None, "alice", "100"), (20, None, "bob", "300")]
        flash = [(day, None, ("alice", "flash")[day % 2], str(amount)) for day, amount in arrivals]
        assert paid(dividends_with(*held, *flash)) == paid(dividends_with(*held))

    def test_money_that_was_away_for_a_moment_was_not_held(self):
        dividends = dividends_with(
            (0, None, "alice", "100"),
            (0, None, "bob", "100"),
            (80, "alice", "carol", "99.5"),
            (80.1, "carol", "alice", "99.5"),
        )
        assert paid(dividends) == {"bob": ftns("50000")}

    def test_nothing_was_held_for_longer_than_there_is_time(self):
        terms = DividendParameters(quarter_ms=60 * DAY_MS)
        dividends = dividends_with((0, None, "a", "1"), (30, None, "b", "1"), parameters=terms)
        payments = paid(dividends, 60 * DAY_MS + 1)
        assert payments == {"a": ftns("25000"), "b": ftns("25000")}

    def test_what_the_holder_does_after_the_record_date_changes_nothing(self):
        dividends = dividends_with((0, None, "alice", "100"), (91.25, None, "bob", "5"))
        dividends.ledger.expire(QUARTER_MS + 1)
        dividends.ledger.transfer("alice", "bob", ftns("100"))
        assert paid(dividends, QUARTER_MS + 2) == {"alice": ftns("50000")}

    def test_the_record_date_itself_counts(self):
        dividends = dividends_with(
            (0, None, "alice", "100"), (0, None, "bob", "100"), (91.25, "bob", "alice", "99.5")
        )
        assert paid(dividends) == {"alice": ftns("50000")}

    @pytest.mark.parametrize(("amount", "count"), [("1", 2), ("0.999999999999999999", 1)])
    def test_at_least_one_ftns(self, amount, count):
        dividends = dividends_with((10, None, "alice", amount), (10, None, "bob", "9"))
        assert len(paid(dividends)) == count

    def test_mechanisms_the_treasury_and_closed_accounts_take_no_part(self):
        names = ("staking/bonds", "treasury", "gone", "alice")
        dividends = dividends_with(*((0, None, name, "100") for name in names))
        dividends.ledger.expire(QUARTER_MS + 1)
        dividends.ledger.burn("gone", ftns("100"))
        dividends.ledger.close("gone")
        assert paid(dividends) == {"alice": ftns("50000")}

    def test_a_frozen_holder_is_paid(self):
        dividends = dividends_with((0, None, "alice", "100"))
        dividends.ledger.freeze("alice")
        assert paid(dividends) == {"alice": ftns("50000")}

    def test_without_holders_the_pool_keeps_it(self):
        dividends = dividends_with((80, None, "alice", "100"))
        assert paid(dividends) == {}
        assert dividends.quarters == 1


class TestBonuses:
    def test_what_is_held_for_ninety_days_counts_a_fifth_more(self):
        dividends = dividends_with((1, None, "long", "100"), (2, None, "short", "100"))
        payments = paid(dividends)
        assert Fraction(payments["long"], payments["short"]) == pytest.approx(1.2)
        assert payments["long"] == ftns("50000") * 12 // 22 + 1

    def test_an_old_account_does_not_lend_its_age_to_new_money(self):
        dividends = dividends_with(
            (0, None, "old", "1"), (50, None, "old", "99"), (50, None, "new", "100")
        )
        payments = paid(dividends)
        assert payments["old"] * 1000 // payments["new"] == 1002  # 99 + 1.2 to 100

    @pytest.mark.parametrize(
        ("amount", "factor"), [("10000", "1.1"), ("9999.999999999999999999", "1")]
    )
    def test_ten_thousand_count_a_tenth_more(self, amount, factor):
        dividends = dividends_with((10, None, "large", amount), (10, None, "small", "100"))
        payments = paid(dividends)
        ratio = Fraction(payments["large"], payments["small"])
        assert abs(ratio - 100 * Fraction(factor)) < Fraction(1, 10**9)

    def test_size_is_what_was_held_not_what_is_there_at_the_record_date(self):
        dividends = dividends_with(
            (10, None, "a", "5000"), (10, None, "b", "5000"), (90, None, "a", "95000")
        )
        payments = paid(dividends)
        assert payments["a"] == payments["b"]

    def test_both_together(self):
        assert DividendParameters().weight(ftns("10000"), ftns("10000")) * 100 == (
            DividendParameters().weight(ftns("5000"), 0) * 264
        )

    @given(st.lists(st.integers(1, 30_000), min_size=2, max_size=6))
    @settings(max_examples=40)
    def test_splitting_a_holding_over_accounts_gains_nothing(self, parts):
        weight = DividendParameters().weight
        whole = weight(ftns(str(sum(parts))), ftns(str(sum(parts))))
        assert sum(weight(ftns(str(part)), ftns(str(part))) for part in parts) <= whole


class TestWhen:
    def test_a_quarter_is_paid_once_and_not_before_it_is_over(self):
        dividends = dividends_with((0, None, "alice", "100"))
        before = dividends.encode(), money_of(dividends.ledger)
        assert dividends.distribute(QUARTER_MS) is Refusal.TOO_EARLY
        assert (dividends.encode(), money_of(dividends.ledger)) == before
        assert at(dividends, QUARTER_MS + 1).quarter == 0
        assert dividends.distribute(QUARTER_MS + 1) is Refusal.TOO_EARLY
        assert dividends.distribute(2 * QUARTER_MS) is Refusal.TOO_EARLY
        done = at(dividends, 2 * QUARTER_MS + 1)
        assert (done.quarter, done.record_ms) == (1, 2 * QUARTER_MS)

    def test_quarters_that_were_missed_are_paid_in_their_order(self):
        dividends = dividends_with((0, None, "alice", "100"), (100, None, "bob", "100"))
        assert paid(dividends, 2 * QUARTER_MS + 1) == {"alice": ftns("50000")}
        payments = paid(dividends, 2 * QUARTER_MS + 1)
        assert set(payments) == {"alice", "bob"}
        assert dividends.paid_units == ftns("100000")

    def test_a_quarter_that_the_ledger_has_forgotten_lapses(self):
        dividends = dividends_with((0, None, "alice", "100"), history_ms=91 * DAY_MS)
        lapsed = at(dividends, QUARTER_MS + DAY_MS + 1)
        assert lapsed.lapsed
        assert (lapsed.amount_units, lapsed.payments) == (0, ())
        assert not at(dividends, 2 * QUARTER_MS + DAY_MS).lapsed
        assert dividends.paid_units == ftns("50000")

    def test_the_first_quarter_begins_where_it_is_told(self):
        terms = DividendParameters(starts_at_ms=7)
        dividends = dividends_with((0, None, "alice", "100"), parameters=terms)
        assert dividends.distribute(QUARTER_MS + 7) is Refusal.TOO_EARLY
        assert at(dividends, QUARTER_MS + 8).record_ms == QUARTER_MS + 7

    def test_the_pool_is_never_overdrawn(self):
        events = ((0, None, "alice", "1"), (0, None, "bob", "2"))
        dividends = dividends_with(*events, pool_units=10)
        assert paid(dividends) == {"alice": 3, "bob": 7}
        assert paid(dividends, 2 * QUARTER_MS + 1) == {}

    def test_a_share_of_nothing_is_no_payment(self):
        dividends = dividends_with((0, None, "a", "1"), (0, None, "b", "9"), pool_units=1)
        assert paid(dividends) == {"b": 1}

    def test_a_frozen_pool_pays_nothing_until_it_thaws(self):
        dividends = dividends_with((0, None, "alice", "1"))
        dividends.ledger.freeze(POOL)
        before = dividends.encode(), money_of(dividends.ledger)
        assert at(dividends, QUARTER_MS + 1) is Refusal.ACCOUNT_FROZEN
        assert (dividends.encode(), money_of(dividends.ledger)) == before
        dividends.ledger.unfreeze(POOL)
        assert paid(dividends) == {"alice": ftns("50000")}


# --- as state ---------------------------------------------------------------------------------


def test_restored_dividends_go_on_with_the_next_quarter():
    dividends = dividends_with((0, None, "alice", "100"))
    at(dividends, QUARTER_MS + 1)
    restored = Dividends(dividends.ledger)
    restored.restore(dividends.encode())
    assert restored.distribute(QUARTER_MS + 1) is Refusal.TOO_EARLY
    assert restored.paid_units == ftns("50000")


def test_a_state_that_is_not_sound_is_refused():
    dividends = dividends_with((0, None, "alice", "100"))
    other = dividends_with(parameters=DividendParameters(least_units=2))
    with pytest.raises(RemoteProtocolError, match="figures"):
        dividends.restore(other.encode())
    with pytest.raises(RemoteProtocolError):
        dividends.restore(dividends.encode()[:-1])
    other = dividends_with()
    other.paid_units = 1
    assert "1 units" in other.audit()
    with pytest.raises(RemoteProtocolError, match="paid"):
        dividends.restore(other.encode())
    assert (dividends.quarters, dividends.paid_units) == (0, 0)


def test_a_ledger_that_forgets_too_early_is_refused():
    for history_ms in (0, 90 * DAY_MS):
        with pytest.raises(UserError, match="history_ms"):
            Dividends(Ledger(LedgerParameters(history_ms=history_ms)))
    Dividends(Ledger(LedgerParameters(history_ms=90 * DAY_MS + 1)))


@pytest.mark.parametrize(
    ("figures", "word"),
    [
        ({"pool_units": -1}, "pool_units"),
        ({"share_ppm": 1_000_001}, "share_ppm"),
        ({"quarter_ms": 0}, "quarter_ms"),
        ({"least_units": 0}, "least_units"),
        ({"hold_ms": 91 * DAY_MS}, "hold_ms"),
        ({"hold_ms": -1}, "hold_ms"),
        ({"long_bonus_ppm": -1}, "long_bonus_ppm"),
        ({"large_units": -1}, "large_units"),
        ({"large_bonus_ppm": -1}, "large_bonus_ppm"),
    ],
)
def test_a_figure_out_of_range_is_named(figures, word):
    with pytest.raises(UserError, match=word):
        DividendParameters(**figures)
