import pytest
from economy_instrument import instrument, money_of

from economy.genesis import TREASURY, open_ledger
from economy.holds import ENDED, LIFECYCLE, HoldState, Signal
from economy.ledger import DAY_MS, Ledger, LedgerParameters
from economy.money import ftns
from economy.refusals import Refusal
from prsm_sim.actor import UserError

NOON = 1_000


@pytest.fixture
def ledger():
    fresh = instrument(Ledger)(LedgerParameters(cap_units=1_000, genesis_units=0))
    assert fresh.mint("alice", 100) is None
    return fresh


def held(ledger, units=60, expires_at_ms=2_000):
    assert ledger.hold("h", "alice", "arbiter", units, expires_at_ms, NOON) is None
    return ledger


def test_the_defaults_are_those_of_the_token():
    assert LedgerParameters() == LedgerParameters(
        ftns("1000000000"), ftns("100000000"), 30 * DAY_MS
    )


class TestTransfer:
    def test_what_leaves_one_account_enters_the_other(self, ledger):
        assert ledger.transfer("alice", "bob", 40) is None
        assert ledger.balances == {"alice": 60, "bob": 40}

    def test_an_empty_account_does_not_exist(self, ledger):
        assert ledger.transfer("alice", "bob", 100) is None
        assert ledger.balances == {"bob": 100}

    @pytest.mark.parametrize(
        ("payer", "payee", "units", "refusal"),
        [
            ("alice", "bob", 101, Refusal.INSUFFICIENT_FUNDS),
            ("nobody", "bob", 1, Refusal.INSUFFICIENT_FUNDS),
            ("alice", "bob", 0, Refusal.INVALID_AMOUNT),
            ("alice", "bob", -1, Refusal.INVALID_AMOUNT),
            ("alice", "alice", 1, Refusal.SAME_ACCOUNT),
        ],
    )
    def test_refusals(self, ledger, payer, payee, units, refusal):
        assert ledger.transfer(payer, payee, units) is refusal

    def test_amounts_beyond_64_bits_stay_exact(self):
        ledger = instrument(Ledger)()
        assert ledger.mint("alice", 10**27) is None
        assert ledger.transfer("alice", "bob", 10**27 - 1) is None
        assert ledger.balances == {"alice": 1, "bob": 10**27 - 1}


class TestIssuance:
    def test_supply_is_minted_less_burned(self, ledger):
        assert ledger.burn("alice", 30) is None
        assert ledger.totals() == (100, 30, 70, 0)
        assert ledger.totals().supply_units == 70

    def test_the_cap_is_reached_and_not_passed(self, ledger):
        assert ledger.mint("bob", 901) is Refusal.CAP_EXCEEDED
        assert ledger.mint("bob", 900) is None
        assert ledger.mint("bob", 1) is Refusal.CAP_EXCEEDED

    def test_what_is_burned_may_be_minted_again(self, ledger):
        assert ledger.mint("bob", 900) is None
        assert ledger.burn("bob", 5) is None
        assert ledger.mint("bob", 6) is Refusal.CAP_EXCEEDED
        assert ledger.mint("bob", 5) is None

    def test_what_is_held_counts_against_the_cap(self, ledger):
        held(ledger)
        assert ledger.mint("bob", 901) is Refusal.CAP_EXCEEDED

    @pytest.mark.parametrize("units", [0, -1])
    def test_amounts_are_positive(self, ledger, units):
        assert ledger.mint("alice", units) is Refusal.INVALID_AMOUNT
        assert ledger.burn("alice", units) is Refusal.INVALID_AMOUNT

    def test_no_one_burns_more_than_he_has(self, ledger):
        assert ledger.burn("alice", 101) is Refusal.INSUFFICIENT_FUNDS
        assert ledger.burn("nobody", 1) is Refusal.INSUFFICIENT_FUNDS


class TestHold:
    def test_a_held_amount_cannot_be_spent(self, ledger):
        held(ledger, 60)
        assert ledger.transfer("alice", "bob", 41) is Refusal.INSUFFICIENT_FUNDS
        assert ledger.burn("alice", 41) is Refusal.INSUFFICIENT_FUNDS
        assert ledger.hold("i", "alice", "x", 41, 2_000, NOON) is Refusal.INSUFFICIENT_FUNDS
        assert ledger.totals().held_units == 60

    def test_a_partial_post_returns_the_rest(self, ledger):
        held(ledger, 60)
        assert ledger.post("h", [("bob", 10), ("carol", 20), ("bob", 5)], NOON) is None
        assert ledger.balances == {"alice": 65, "bob": 15, "carol": 20}
        assert ledger.book.holds["h"].state is HoldState.POSTED
        assert ledger.book.holds["h"].posted_units == 35

    def test_a_full_post_leaves_nothing(self, ledger):
        held(ledger, 100)
        assert ledger.post("h", [("bob", 100)], NOON) is None
        assert ledger.balances == {"bob": 100}

    def test_payments_of_nothing_create_no_account(self, ledger):
        held(ledger)
        assert ledger.post("h", [("bob", 0)], NOON) is None
        assert ledger.balances == {"alice": 100}

    def test_no_more_is_posted_than_is_held(self, ledger):
        held(ledger, 60)
        assert ledger.post("h", [("bob", 30), ("carol", 31)], NOON) is Refusal.EXCEEDS_HOLD
        assert ledger.post("h", [("bob", 61), ("carol", -1)], NOON) is Refusal.INVALID_AMOUNT

    def test_a_void_returns_everything(self, ledger):
        held(ledger, 60)
        assert ledger.void("h", NOON) is None
        assert ledger.balances == {"alice": 100}

    def test_expiry_is_at_its_time_and_not_before(self, ledger):
        held(ledger, 60, expires_at_ms=2_000)
        assert ledger.expire(1_999) == []
        assert [hold.name for hold in ledger.expire(2_000)] == ["h"]
        assert ledger.balances == {"alice": 100}
        assert ledger.expire(9_000) == []

    @pytest.mark.parametrize("now_ms", [2_000, 2_001])
    def test_a_hold_that_is_due_cannot_be_posted_before_anyone_expired_it(self, ledger, now_ms):
        held(ledger, 60, expires_at_ms=2_000)
        assert ledger.post("h", [("bob", 1)], now_ms) is Refusal.ALREADY_EXPIRED
        assert ledger.void("h", now_ms) is Refusal.ALREADY_EXPIRED
        assert len(ledger.expire(now_ms)) == 1

    def test_holds_expire_by_time_then_by_name(self, ledger):
        for name, at in (("c", 1_500), ("b", 1_400), ("a", 1_500), ("d", 1_600)):
            assert ledger.hold(name, "alice", "x", 1, at, NOON) is None
        assert ledger.void("a", NOON) is None
        assert [hold.name for hold in ledger.expire(1_500)] == ["b", "c"]

    @pytest.mark.parametrize(
        ("units", "expires_at_ms", "refusal"),
        [
            (0, 2_000, Refusal.INVALID_AMOUNT),
            (-5, 2_000, Refusal.INVALID_AMOUNT),
            (101, 2_000, Refusal.INSUFFICIENT_FUNDS),
            (1, NOON, Refusal.EXPIRY_PAST),
            (1, NOON + 30 * DAY_MS + 1, Refusal.EXPIRY_TOO_FAR),
        ],
    )
    def test_refusals(self, ledger, units, expires_at_ms, refusal):
        assert ledger.hold("h", "alice", "x", units, expires_at_ms, NOON) is refusal
        assert ledger.hold("h", "alice", "x", 1, NOON + 30 * DAY_MS, NOON) is None

    def test_the_name_of_a_hold_is_its_idempotency_key(self, ledger):
        held(ledger, 60)
        assert ledger.hold("h", "alice", "arbiter", 60, 2_000, NOON) is None
        assert ledger.totals().held_units == 60
        for terms in (("bob", "arbiter", 60, 2_000), ("alice", "bob", 60, 2_000)):
            assert ledger.hold("h", *terms, NOON) is Refusal.ID_TAKEN
        for terms in (("alice", "arbiter", 59, 2_000), ("alice", "arbiter", 60, 2_001)):
            assert ledger.hold("h", *terms, NOON) is Refusal.ID_TAKEN

    def test_a_hold_that_is_not_there(self, ledger):
        assert ledger.post("h", [], NOON) is Refusal.UNKNOWN_HOLD
        assert ledger.void("h", NOON) is Refusal.UNKNOWN_HOLD

    @pytest.mark.parametrize("end", ["post", "void", "expire"])
    def test_a_hold_ends_exactly_once(self, ledger, end):
        held(ledger)
        if end == "post":
            ledger.post("h", [("bob", 1)], NOON)
        elif end == "void":
            ledger.void("h", NOON)
        else:
            ledger.expire(2_000)
        refusal = ENDED[ledger.book.holds["h"].state]
        assert refusal is Refusal(f"already-{'expired' if end == 'expire' else end + 'ed'}")
        money = money_of(ledger)
        assert ledger.post("h", [("bob", 1)], NOON) is refusal
        assert ledger.void("h", NOON) is refusal
        assert ledger.expire(10_000) == []
        assert money_of(ledger) == money

    def test_no_hold_that_ended_has_anywhere_to_go(self):
        assert {state for state, _ in LIFECYCLE} == {HoldState.PENDING}
        assert {signal for _, signal in LIFECYCLE} == set(Signal)
        assert set(ENDED) == set(LIFECYCLE.values()) == set(HoldState) - {HoldState.PENDING}


class TestIdempotency:
    CALLS = (("transfer", "alice", "bob", 10), ("mint", "bob", 10), ("burn", "alice", 10))

    @pytest.mark.parametrize("call", CALLS)
    def test_the_same_key_and_content_act_once_and_answer_the_same(self, ledger, call):
        method, *arguments = call
        assert getattr(ledger, method)(*arguments, key="k") is None
        money = money_of(ledger)
        assert getattr(ledger, method)(*arguments, key="k") is None
        assert money_of(ledger) == money
        assert getattr(ledger, method)(*arguments, key="l") is None
        assert money_of(ledger) != money

    @pytest.mark.parametrize(
        "other",
        [
            ("transfer", "bob", "alice", 10),
            ("transfer", "alice", "carol", 10),
            ("transfer", "alice", "bob", 11),
            ("mint", "bob", 10),
            ("burn", "alice", 10),
        ],
    )
    def test_the_same_key_with_other_content_is_refused(self, ledger, other):
        assert ledger.transfer("alice", "bob", 10, key="k") is None
        method, *arguments = other
        assert getattr(ledger, method)(*arguments, key="k") is Refusal.KEY_REUSED
        assert ledger.transfer("alice", "bob", 10, key="k") is None

    def test_verbs_are_told_apart_even_where_their_arguments_are_alike(self, ledger):
        assert ledger.transfer("", "bob", 10, key="k") is Refusal.INSUFFICIENT_FUNDS
        assert ledger.mint("bob", 10, key="k") is Refusal.KEY_REUSED
        assert ledger.transfer("alice", "", 10, key="l") is None
        assert ledger.burn("alice", 10, key="l") is Refusal.KEY_REUSED

    def test_a_refusal_is_the_answer_for_good(self, ledger):
        assert ledger.transfer("bob", "carol", 10, key="k") is Refusal.INSUFFICIENT_FUNDS
        assert ledger.transfer("alice", "bob", 10) is None
        assert ledger.transfer("bob", "carol", 10, key="k") is Refusal.INSUFFICIENT_FUNDS
        assert ledger.transfer("bob", "carol", 10, key="l") is None


class TestAudit:
    """The audit is the judge of every other test, so each thing it must see is broken once."""

    @pytest.mark.parametrize(
        "breakage",
        [
            lambda ledger: ledger.balances.update(alice=41),
            lambda ledger: ledger.balances.update(alice=39),
            lambda ledger: ledger.balances.update(mallory=0),
            lambda ledger: ledger.balances.update(alice=41, mallory=-1),
            lambda ledger: setattr(ledger, "minted_units", 101),
            lambda ledger: setattr(ledger, "burned_units", 1),
            lambda ledger: setattr(ledger, "balances_units", 41),
            lambda ledger: setattr(ledger.book, "pending_units", 61),
            lambda ledger: ledger.book.holds.pop("h"),
            lambda ledger: ledger.book.end(ledger.book.holds["h"], Signal.VOID),
            lambda ledger: setattr(ledger, "parameters", LedgerParameters(cap_units=99)),
        ],
    )
    def test_it_sees_what_is_broken(self, ledger, breakage):
        held(ledger, 60)
        assert ledger.audit() is None
        breakage(ledger)
        assert ledger.audit() is not None

    def test_it_sees_a_hold_that_paid_more_than_it_had(self, ledger):
        held(ledger, 60)
        ledger.void("h", NOON)
        ledger.book.holds["h"] = type(ledger.book.holds["h"])(
            "h", "alice", "arbiter", 60, 2_000, HoldState.VOIDED, 1
        )
        assert "not possible" in ledger.audit()

    def test_it_sees_minting_and_burning_below_zero(self, ledger):
        ledger.minted_units, ledger.burned_units = 90, -10
        assert "negative" in ledger.audit()


class TestGenesis:
    def test_all_of_it_is_allocated(self):
        ledger = open_ledger({"alice": 30, "bob": 0}, LedgerParameters(100, 50))
        assert ledger.balances == {"alice": 30, TREASURY: 20}
        assert ledger.totals() == (50, 0, 50, 0)
        assert ledger.audit() is None

    def test_by_default_it_is_a_hundred_million(self):
        assert open_ledger({}).balances == {TREASURY: ftns("100000000")}

    def test_nothing_need_be_left_over(self):
        assert open_ledger({"a": 50}, LedgerParameters(50, 50)).balances == {"a": 50}

    @pytest.mark.parametrize(
        ("allocations", "parameters", "words"),
        [
            ({"a": 51}, LedgerParameters(100, 50), "do not fit"),
            ({"a": -1}, LedgerParameters(100, 50), "do not fit"),
            ({"a": 51, "b": -1}, LedgerParameters(100, 50), "do not fit"),
            ({}, LedgerParameters(100, 101), "not within the cap"),
            ({}, LedgerParameters(100, -1), "not within the cap"),
        ],
    )
    def test_what_does_not_fit_is_said_in_one_line(self, allocations, parameters, words):
        with pytest.raises(UserError, match=words) as caught:
            open_ledger(allocations, parameters)
        assert "\n" not in str(caught.value)
