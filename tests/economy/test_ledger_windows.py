"""A ledger that forgets: what was done once is never done again, and nothing is kept for ever."""

import pytest
from economy_instrument import instrument, money_of
from hypothesis import given
from hypothesis import strategies as st

from economy.ledger import Ledger, LedgerParameters
from economy.ledger_digest import LedgerDigest
from economy.ledger_state import encode_ledger, restore_ledger
from economy.refusals import Refusal
from economy.windows import end_of, name_until

PARAMETERS = LedgerParameters(
    cap_units=10_000, genesis_units=0, max_hold_ms=1_000, key_window_ms=100, hold_retention_ms=50
)


@pytest.fixture
def ledger():
    fresh = instrument(Ledger)(PARAMETERS)
    assert fresh.mint("alice", 1_000) is None
    fresh.pass_time(500)
    return fresh


@given(st.text(max_size=6), st.integers(0, 10**19 - 1))
def test_a_name_gives_back_its_end(name, ends_at_ms):
    assert end_of(name_until(name, ends_at_ms)) == ends_at_ms


@pytest.mark.parametrize(
    "name", ["", "k", "@", "k@", "k@05", "k@-5", "k@5 ", "k@5\n", "k@٥", "k@5x", "k@" + "9" * 20]
)
def test_one_instant_has_one_spelling(name):
    assert end_of(name) is None


class TestKeys:
    def test_a_repeated_call_is_answered_until_its_end_and_refused_from_then_on(self, ledger):
        call = ("alice", "bob", 10)
        assert ledger.transfer(*call, key="k@600") is None
        ledger.pass_time(599)
        money = money_of(ledger)
        assert ledger.transfer(*call, key="k@600") is None
        assert "k@600" in ledger.keys.records
        ledger.pass_time(600)
        assert ledger.keys.records == {}
        for _ in range(2):
            assert ledger.transfer(*call, key="k@600") is Refusal.NAME_ENDED
        assert money_of(ledger) == money

    @pytest.mark.parametrize(
        ("key", "refusal"),
        [
            ("k", Refusal.NAME_WITHOUT_END),
            ("k@0600", Refusal.NAME_WITHOUT_END),
            ("k@500", Refusal.NAME_ENDED),
            ("k@0", Refusal.NAME_ENDED),
            ("k@601", Refusal.NAME_ENDS_TOO_LATE),
            ("k@600", None),
            ("k@501", None),
        ],
    )
    def test_the_window_is_from_after_now_to_its_length(self, ledger, key, refusal):
        before = encode_ledger(ledger)
        assert ledger.transfer("alice", "bob", 10, key=key) is refusal
        assert (encode_ledger(ledger) == before) == (refusal is not None)

    def test_time_that_runs_backwards_opens_no_window_again(self, ledger):
        assert ledger.transfer("alice", "bob", 10, key="k@600") is None
        ledger.expire(600)
        for earlier_ms in (599, 0):
            ledger.pass_time(earlier_ms)
            ledger.expire(earlier_ms)
            assert ledger.transfer("alice", "bob", 10, key="k@600") is Refusal.NAME_ENDED

    def test_the_book_is_no_bigger_than_a_window(self, ledger):
        for now_ms in range(501, 3_000):
            ledger.pass_time(now_ms)
            assert ledger.mint("bob", 1, key=name_until("a", now_ms + 100)) is None
            ledger.burn("nobody", 1, key=name_until("b", now_ms + 1))
            assert len(ledger.keys.records) <= 100 + 1
        assert len(ledger.keys._ends) <= 101
        assert len(ledger.keys.touched) <= 101, "nor does a list of changes that no digest reads"

    def test_without_a_window_keys_are_kept_and_need_no_end(self):
        ledger = Ledger(LedgerParameters(cap_units=100))
        assert ledger.mint("alice", 10, key="k@5") is None
        ledger.pass_time(10**9)
        ledger.expire(10**9)
        assert ledger.mint("alice", 10, key="k@5") is None
        assert ledger.balances == {"alice": 10}
        assert ledger.now_ms == 0


class TestHolds:
    def made(self, ledger, now_ms=500):
        return ledger.hold("h@600", "alice", "x", 30, 600, now_ms)

    @pytest.mark.parametrize("end", ["post", "void", "expire"])
    def test_an_ended_hold_is_kept_for_its_time_and_never_made_again(self, ledger, end):
        assert self.made(ledger) is None
        if end == "post":
            assert ledger.post("h@600", [("bob", 30)], 510) is None
        elif end == "void":
            assert ledger.void("h@600", 510) is None
        ledger.expire(649)
        answer = Refusal(f"already-{'expired' if end == 'expire' else end + 'ed'}")
        assert ledger.void("h@600", 649) is answer
        money = ledger.balances.copy()
        ledger.expire(650)
        assert ledger.book.holds == {}
        for now_ms in (650, 500, 10):
            assert ledger.post("h@600", [("bob", 30)], now_ms) is Refusal.UNKNOWN_HOLD
            assert ledger.void("h@600", now_ms) is Refusal.UNKNOWN_HOLD
            assert self.made(ledger, now_ms) is Refusal.EXPIRY_PAST
        assert ledger.balances == money

    def test_a_late_expiry_ends_and_drops_at_once(self, ledger):
        assert self.made(ledger) is None
        ledger.pass_time(5_000)
        assert ledger.totals().held_units == 30, "a pending hold is never dropped"
        assert [hold.name for hold in ledger.expire(5_000)] == ["h@600"]
        assert ledger.book.holds == {}
        assert ledger.balances == {"alice": 1_000}

    def test_time_that_runs_backwards_revives_no_hold(self, ledger):
        assert self.made(ledger) is None
        ledger.pass_time(600)
        for refusal in (ledger.void("h@600", 599), ledger.post("h@600", [("bob", 1)], 0)):
            assert refusal is Refusal.ALREADY_EXPIRED
        assert len(ledger.expire(0)) == 1

    @pytest.mark.parametrize("name", ["h", "h@601", "h@0600", "600", "@60"])
    def test_a_name_is_bound_to_one_expiry(self, ledger, name):
        assert ledger.hold(name, "alice", "x", 30, 600, 500) is Refusal.NAME_WITHOUT_END

    def test_the_book_is_no_bigger_than_what_may_still_be_asked_for(self, ledger):
        for now_ms in range(501, 2_500):
            ledger.expire(now_ms)
            name = name_until("h", now_ms + 20)
            assert ledger.hold(name, "alice", "x", 3, now_ms + 20, now_ms) is None
            if now_ms % 3:
                assert ledger.post(name, [("bob", 1)] if now_ms % 2 else [], now_ms) is None
            assert len(ledger.book.holds) <= 20 + 50
        assert max(len(ledger.book._ended), len(ledger.book.touched)) <= 70


@pytest.mark.parametrize(
    "refused",
    [
        lambda ledger: ledger.post("h@600", [("closed", 1)], 550),
        lambda ledger: ledger.post("h@600", [("bob", 31)], 550),
        lambda ledger: ledger.post("h@600", [("bob", -1)], 550),
        lambda ledger: ledger.post("h@600", [], 600),
        lambda ledger: ledger.void("h@600", 600),
        lambda ledger: ledger.void("i@600", 550),
        lambda ledger: ledger.hold("h@600", "alice", "x", 31, 600, 550),
        lambda ledger: ledger.hold("i@700", "alice", "x", 0, 700, 550),
        lambda ledger: ledger.hold("i@700", "alice", "x", 1_000, 700, 550),
        lambda ledger: ledger.hold("i@551", "alice", "x", 1, 551, 551),
    ],
)
def test_no_time_passes_in_a_refused_call(ledger, refused):
    assert ledger.hold("h@600", "alice", "x", 30, 600, 500) is None
    assert ledger.close("closed") is None
    before = encode_ledger(ledger)
    assert isinstance(refused(ledger), Refusal)
    assert encode_ledger(ledger) == before
    assert ledger.void("h@600", 550) is None
    assert ledger.now_ms == 550


def test_a_digest_that_follows_hears_of_what_is_dropped(ledger):
    following = LedgerDigest(ledger)
    assert ledger.transfer("alice", "bob", 10, key="k@600") is None
    assert ledger.hold("h@600", "alice", "x", 30, 600, 500) is None
    following.hexdigest()
    for now_ms in (599, 600, 649, 650):
        ledger.expire(now_ms)
        restored = restore_ledger(encode_ledger(ledger), PARAMETERS)
        assert following.hexdigest() == LedgerDigest(restored).hexdigest()
    assert (ledger.keys.records, ledger.book.holds) == ({}, {})


def test_a_restored_ledger_forgets_like_the_original(ledger):
    assert ledger.transfer("alice", "bob", 10, key="k@600") is None
    assert ledger.hold("h@600", "alice", "x", 30, 600, 500) is None
    assert ledger.hold("i@700", "alice", "x", 30, 700, 500) is None
    assert ledger.void("h@600", 510) is None
    twin = restore_ledger(encode_ledger(ledger), PARAMETERS)
    for now_ms in (600, 650, 700, 750):
        names = [[hold.name for hold in each.expire(now_ms)] for each in (ledger, twin)]
        assert names[0] == names[1]
        assert encode_ledger(twin) == encode_ledger(ledger)
    assert twin.book.holds == {}
