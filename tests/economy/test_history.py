"""Past balances: exact within the horizon, never flattering beyond it, and bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from economy.history import BalanceHistory
from economy.ledger import Ledger, LedgerParameters
from economy.ledger_digest import LedgerDigest
from economy.ledger_state import encode_ledger

HORIZON_MS = 100


@pytest.fixture
def history():
    fresh = BalanceHistory(HORIZON_MS)
    for time_ms, units in ((10, 100), (20, 40), (30, 70), (40, 30)):
        fresh.note("alice", units, time_ms)
    return fresh


class TestWhatMayBeAsked:
    @pytest.mark.parametrize(
        ("time_ms", "units"),
        [(0, 0), (9, 0), (10, 100), (19, 100), (20, 40), (35, 70), (40, 30), (1_000, 30)],
    )
    def test_a_balance_lasts_until_the_next_step(self, history, time_ms, units):
        assert history.balance_at("alice", time_ms) == units
        assert history.balance_at("nobody", time_ms) == 0

    @pytest.mark.parametrize(
        ("units", "now_ms", "since_ms"),
        [(1, 50, 10), (30, 50, 10), (31, 50, 50), (40, 39, 10), (41, 39, 30), (71, 39, 39)],
    )
    def test_holding_begins_after_the_last_time_there_was_less(
        self, history, units, now_ms, since_ms
    ):
        assert history.held_since("alice", units, now_ms) == since_ms
        assert history.held_since("nobody", units, now_ms) == now_ms

    def test_only_the_last_balance_of_an_instant_counts(self, history):
        history.note("alice", 5, 50)
        history.note("alice", 80, 50)
        assert history.balance_at("alice", 50) == 80
        assert history.held_since("alice", 30, 60) == 10

    def test_what_is_taken_back_within_its_instant_leaves_no_step(self, history):
        before = history.steps("alice")
        history.note("alice", 5, 50)
        history.note("alice", 30, 50)
        history.note("bob", 5, 50)
        history.note("bob", 0, 50)
        history.note("carol", 0, 50)
        assert history.steps("alice") == before
        assert history.accounts() == ["alice"]

    def test_the_past_does_not_change(self, history):
        with pytest.raises(AssertionError, match="past"):
            history.note("alice", 5, 39)


class TestHorizon:
    def test_the_base_is_kept_with_its_own_time(self, history):
        history.advance(135)
        assert history.floor_ms == 35
        assert history.steps("alice") == ((30, 70), (40, 30))
        assert history.balance_at("alice", 35) == 70

    def test_a_holding_that_began_before_it_is_never_dated_too_early(self, history):
        assert history.held_since("alice", 30, 100) == 10
        history.advance(135)
        assert history.held_since("alice", 30, 135) == 30

    def test_an_account_that_held_still_keeps_its_date_for_ever(self):
        history = BalanceHistory(HORIZON_MS)
        history.note("alice", 7, 10)
        history.advance(10**9)
        assert history.held_since("alice", 7, 10**9) == 10

    def test_an_emptied_account_is_forgotten_once_the_horizon_has_passed(self, history):
        history.note("alice", 0, 50)
        history.advance(149)
        assert history.steps("alice") == ((40, 30), (50, 0))
        history.advance(150)
        assert history.size() == 0
        assert history.accounts() == []

    def test_instants_before_it_cannot_be_asked_for(self, history):
        snapshot = history.snapshot(20)
        assert snapshot.accounts() == {"alice": 40}
        history.advance(121)
        assert not snapshot.is_readable
        for ask in (
            lambda: snapshot.units("alice"),
            lambda: history.snapshot(20),
            lambda: history.held_since("alice", 1, 20),
            lambda: history.total_at(20),
        ):
            with pytest.raises(AssertionError, match="floor"):
                ask()

    def test_a_floor_does_not_sink(self, history):
        history.advance(135)
        history.advance(110)
        assert history.floor_ms == 35

    def test_endless_business_stays_within_bounds(self):
        ledger = Ledger(LedgerParameters(history_ms=50))
        ledger.mint("alice", 100)
        sizes = []
        for now_ms in range(1, 2_000):
            ledger.pass_time(now_ms)
            for other in range(2):
                ledger.transfer("alice", f"peer-{now_ms}-{other}", 1)
                ledger.transfer(f"peer-{now_ms}-{other}", "alice", 1)
            ledger.mint("alice", 1)
            ledger.transfer("alice", "bob", 1)
            sizes.append(ledger.history.size())
        assert max(sizes) <= 2 + 2 * 50
        assert len(ledger.history._waiting) <= 50 * 12, "no queue grows either"
        assert len(ledger.history._total.units) <= 50 + 1


STEPS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 4), st.integers(0, 9)), max_size=25
)


@given(STEPS, st.integers(0, 30))
def test_any_steps_read_like_a_table_of_every_instant(steps, horizon_ms):
    history = BalanceHistory(horizon_ms + 1)
    table, now_ms, present = [], 0, {"a": 0, "b": 0}
    for account, units, wait_ms in steps:
        table += [dict(present) for _ in range(wait_ms)]
        now_ms += wait_ms
        history.advance(now_ms)
        present[account] = units
        history.note(account, units, now_ms)
        history.note_total(sum(present.values()), now_ms)
    table.append(present)
    for time_ms in range(history.floor_ms, now_ms + 1):
        for account in "ab":
            assert history.balance_at(account, time_ms) == table[time_ms][account]
        assert history.total_at(time_ms) == sum(table[time_ms].values())
    for account in "ab":
        for units in range(1, 5):
            since_ms = history.held_since(account, units, now_ms)
            true_ms = now_ms
            if table[now_ms][account] >= units:
                while true_ms and table[true_ms - 1][account] >= units:
                    true_ms -= 1
            assert true_ms <= since_ms <= max(true_ms, history.floor_ms)


class TestLoad:
    def test_it_goes_on_like_the_original(self, history):
        history.note("bob", 5, 40)
        history.note_total(35, 40)
        history.advance(135)
        twin = BalanceHistory(HORIZON_MS)
        assert twin.load(tuple(history), 135) is None
        for each in (history, twin):
            each.advance(141)
            each.note("alice", 0, 141)
        assert (
            tuple(twin) == tuple(history) == (("alice", ((40, 30), (141, 0))), ("bob", ((40, 5),)))
        )
        assert twin.total_at(141) == 35
        assert twin.floor_ms == history.floor_ms

    @pytest.mark.parametrize(
        ("steps", "words"),
        [
            (((10, 5), (10, 6)), "impossible"),
            (((11, 5), (10, 6)), "impossible"),
            (((201, 5),), "impossible"),
            (((-1, 5),), "impossible"),
            (((10, -5),), "impossible"),
            (((110, 5), (120, 5)), "idle"),
            (((110, 0), (120, 5)), "idle"),
            (((90, 5), (100, 6)), "not compact"),
            (((90, 5), (95, 0)), "not compact"),
            ((), "not compact"),
        ],
    )
    def test_what_no_history_could_have_become_is_refused(self, steps, words):
        history = BalanceHistory(HORIZON_MS)
        history.note("bob", 1, 0)
        assert words in history.load((("alice", steps),), 200)
        assert tuple(history) == (("bob", ((0, 1),)),)


class TestInALedger:
    def test_movements_of_every_kind_are_dated(self):
        ledger = Ledger(LedgerParameters(history_ms=HORIZON_MS))
        ledger.mint("alice", 100)
        ledger.pass_time(10)
        ledger.transfer("alice", "bob", 10)
        ledger.hold("h", "alice", "x", 20, 40, 20)
        ledger.post("h", [("bob", 5)], 30)
        ledger.hold("i", "alice", "x", 1, 45, 30)
        ledger.expire(45)
        ledger.pass_time(50)
        ledger.burn("bob", 15)
        ledger.transfer_linked([("alice", "bob", 3), ("bob", "carol", 3)])
        steps = dict(ledger.history)
        assert steps == {
            "alice": ((0, 100), (10, 90), (20, 70), (30, 84), (45, 85), (50, 82)),
            "bob": ((10, 10), (30, 15), (50, 0)),
            "carol": ((50, 3),),
        }
        assert [ledger.history.total_at(ms) for ms in (0, 20, 29, 30, 50)] == [100, 80, 80, 99, 85]
        assert ledger.audit() is None

    def test_refused_movements_leave_no_mark(self):
        ledger = Ledger(LedgerParameters(history_ms=HORIZON_MS))
        ledger.mint("alice", 10)
        before = encode_ledger(ledger)
        assert ledger.transfer("alice", "bob", 11) is not None
        assert ledger.hold("h", "alice", "x", 11, 40, 20) is not None
        assert ledger.transfer_linked([("alice", "bob", 10), ("alice", "bob", 1)]) is not None
        assert encode_ledger(ledger) == before

    def test_nothing_piles_up_where_no_digest_follows(self):
        ledger = Ledger(LedgerParameters(history_ms=5))
        ledger.mint("alice", 10)
        assert ledger.history.touched is None
        digest = LedgerDigest(ledger)
        assert ledger.history.touched == {("alice", 0): None}
        digest.hexdigest()
        assert ledger.history.touched == {}

    @pytest.mark.parametrize(
        "breakage",
        [
            lambda ledger: ledger.history.note("alice", 9, 7),
            lambda ledger: ledger.history.note("mallory", 9, 7),
            lambda ledger: ledger.history.note_total(9, 7),
        ],
    )
    def test_the_audit_sees_a_history_that_ends_wrongly(self, breakage):
        ledger = Ledger(LedgerParameters(history_ms=HORIZON_MS))
        ledger.pass_time(7)
        ledger.mint("alice", 10)
        assert ledger.audit() is None
        breakage(ledger)
        assert "history" in ledger.audit()
