"""Frozen, closed and bounded accounts; chains of transfers that are done as a whole or not."""

import pytest
from economy_instrument import instrument

from economy.accounts import IMPOSSIBLE, LIFECYCLE, Standing, Status, Step
from economy.ledger import Ledger, LedgerParameters
from economy.ledger_state import encode_ledger
from economy.linked import LinkedRefusal
from economy.refusals import Refusal

NOON = 1_000


@pytest.fixture
def ledger():
    fresh = instrument(Ledger)(LedgerParameters(cap_units=1_000, genesis_units=0))
    assert fresh.mint("alice", 100) is None
    assert fresh.mint("bob", 10) is None
    assert fresh.hold("earlier", "alice", "x", 20, 2_000, NOON) is None
    return fresh


def ways_out(ledger, account):
    return [
        ledger.transfer(account, "zoe", 1),
        ledger.burn(account, 1),
        ledger.hold("h", account, "x", 1, 2_000, NOON),
        ledger.transfer_linked([(account, "zoe", 1)]),
    ]


def ways_in(ledger, account):
    return [
        ledger.transfer("alice", account, 1),
        ledger.mint(account, 1),
        ledger.post("earlier", [("bob", 1), (account, 1)], NOON),
        ledger.transfer_linked([("alice", account, 1)]),
    ]


def all_are(answers, refusal):
    return answers == [*[refusal] * 3, LinkedRefusal(refusal, 0)]


class TestConstraints:
    def test_nothing_leaves_a_frozen_account(self, ledger):
        assert ledger.freeze("alice") is None
        before = encode_ledger(ledger)
        assert all_are(ways_out(ledger, "alice"), Refusal.ACCOUNT_FROZEN)
        assert encode_ledger(ledger) == before

    def test_what_enters_a_frozen_account_is_kept(self, ledger):
        assert ledger.freeze("bob") is None
        assert ways_in(ledger, "bob") == [None] * 4
        assert ledger.balances["bob"] == 10 + 5

    def test_what_was_held_before_the_freeze_goes_on_to_its_end(self, ledger):
        assert ledger.freeze("alice") is None
        assert ledger.post("earlier", [("bob", 5)], NOON) is None
        assert ledger.balances == {"alice": 95, "bob": 15}

    def test_an_unfrozen_account_is_as_before(self, ledger):
        before = encode_ledger(ledger)
        assert ledger.freeze("alice") is None
        assert ledger.unfreeze("alice") is None
        assert encode_ledger(ledger) == before
        assert ways_out(ledger, "alice") == [None] * 4

    def test_nothing_enters_or_leaves_a_closed_account(self, ledger):
        assert ledger.close("carol") is None
        before = encode_ledger(ledger)
        assert all_are(ways_in(ledger, "carol"), Refusal.ACCOUNT_CLOSED)
        assert all_are(ways_out(ledger, "carol"), Refusal.ACCOUNT_CLOSED)
        assert encode_ledger(ledger) == before
        assert ledger.post("earlier", [("carol", 0)], NOON) is None, "nothing enters with nothing"

    def test_only_an_empty_account_closes(self, ledger):
        assert ledger.close("bob") is Refusal.ACCOUNT_NOT_EMPTY
        assert ledger.transfer("bob", "alice", 10) is None
        assert ledger.close("bob") is None

    @pytest.mark.parametrize("end", ["post", "void", "expire"])
    def test_an_account_with_a_pending_hold_is_not_empty(self, ledger, end):
        assert ledger.burn("alice", 80) is None
        assert ledger.close("alice") is Refusal.ACCOUNT_NOT_EMPTY
        if end == "post":
            assert ledger.post("earlier", [("bob", 20)], NOON) is None
        elif end == "void":
            assert ledger.void("earlier", NOON) is None
        else:
            assert len(ledger.expire(2_000)) == 1
        if end != "post":
            assert ledger.close("alice") is Refusal.ACCOUNT_NOT_EMPTY
            assert ledger.burn("alice", 20) is None
        assert ledger.close("alice") is None

    def test_a_minimum_remains(self, ledger):
        assert ledger.require_minimum("alice", 78) is None
        assert ledger.transfer("alice", "bob", 3) is Refusal.BELOW_MINIMUM
        assert ledger.transfer("alice", "bob", 2) is None
        assert all_are(ways_out(ledger, "alice"), Refusal.BELOW_MINIMUM)
        assert ledger.burn("alice", 79) is Refusal.INSUFFICIENT_FUNDS
        assert ledger.require_minimum("alice", 0) is None
        assert ways_out(ledger, "alice") == [None] * 4

    def test_a_minimum_is_not_negative(self, ledger):
        assert ledger.require_minimum("alice", -1) is Refusal.INVALID_AMOUNT

    def test_a_minimum_survives_a_freeze_and_ends_with_the_account(self, ledger):
        assert ledger.require_minimum("carol", 5) is None
        assert ledger.freeze("carol") is None
        assert ledger.unfreeze("carol") is None
        assert ledger.accounts.standing("carol") == Standing(Status.OPEN, 5)
        assert ledger.close("carol") is None
        assert ledger.accounts.standing("carol") == Standing(Status.CLOSED, 0)
        assert ledger.require_minimum("carol", 5) is Refusal.ACCOUNT_CLOSED

    def test_the_lifecycle_is_complete_and_closing_is_for_good(self, ledger):
        calls = {Step.FREEZE: "freeze", Step.UNFREEZE: "unfreeze", Step.CLOSE: "close"}
        ways = {Status.OPEN: [], Status.FROZEN: ["freeze"], Status.CLOSED: ["close"]}
        for number, (status, way) in enumerate(ways.items()):
            for step, call in calls.items():
                account = f"new-{number}-{step.value}"
                for method in way:
                    assert getattr(ledger, method)(account) is None
                answer = getattr(ledger, call)(account)
                assert answer is (None if (status, step) in LIFECYCLE else IMPOSSIBLE[status])
        assert {(status.value, step.value) for status, step in LIFECYCLE} == {
            ("open", "freeze"),
            ("frozen", "unfreeze"),
            ("open", "close"),
        }

    def test_a_ledger_is_plain_again_when_the_last_constraint_is_gone(self, ledger):
        assert ledger._is_plain
        ledger.freeze("bob")
        assert not ledger._is_plain
        ledger.unfreeze("bob")
        assert ledger._is_plain
        assert ledger.accounts.standings == {}

    @pytest.mark.parametrize(
        "standing", [Standing(), Standing(Status.CLOSED), Standing(Status.OPEN, -1)]
    )
    def test_the_audit_sees_an_impossible_standing(self, ledger, standing):
        ledger.accounts.standings["alice"] = standing
        assert "account 'alice'" in ledger.audit()

    def test_the_audit_sees_a_closed_account_with_a_pending_hold(self, ledger):
        assert ledger.burn("alice", 80) is None
        ledger.accounts.standings["alice"] = Standing(Status.CLOSED)
        assert "closed and not empty" in ledger.audit()

    def test_the_audit_counts_pending_holds_anew(self, ledger):
        ledger.book.pending_of.clear()
        assert "miscounted" in ledger.audit()


class TestLinked:
    def test_what_an_early_movement_brings_a_later_one_spends(self, ledger):
        moves = [("alice", "carol", 80), ("carol", "dave", 79), ("dave", "alice", 10)]
        assert ledger.transfer_linked(moves) is None
        assert ledger.balances == {"alice": 10, "bob": 10, "carol": 1, "dave": 69}

    @pytest.mark.parametrize(
        ("last", "refusal"),
        [
            (("alice", "bob", 80), Refusal.INSUFFICIENT_FUNDS),
            (("nobody", "bob", 1), Refusal.INSUFFICIENT_FUNDS),
            (("alice", "bob", 0), Refusal.INVALID_AMOUNT),
            (("alice", "bob", -1), Refusal.INVALID_AMOUNT),
            (("bob", "bob", 1), Refusal.SAME_ACCOUNT),
            (("frozen", "bob", 1), Refusal.ACCOUNT_FROZEN),
            (("alice", "closed", 1), Refusal.ACCOUNT_CLOSED),
            (("bounded", "bob", 1), Refusal.BELOW_MINIMUM),
        ],
    )
    def test_the_first_that_fails_undoes_them_all(self, ledger, last, refusal):
        for account in ("frozen", "bounded"):
            assert ledger.mint(account, 5) is None
        assert ledger.require_minimum("bounded", 5) is None
        assert ledger.freeze("frozen") is None
        assert ledger.close("closed") is None
        before = encode_ledger(ledger)
        moves = [("alice", "bob", 1), ("bob", "carol", 1), last, ("alice", "alice", 0)]
        assert ledger.transfer_linked(moves) == LinkedRefusal(refusal, 2)
        assert encode_ledger(ledger) == before

    def test_no_movements_are_done_at_once(self, ledger):
        before = encode_ledger(ledger)
        assert ledger.transfer_linked([]) is None
        assert encode_ledger(ledger) == before

    def test_a_chain_acts_once_under_its_key(self, ledger):
        moves = [("alice", "carol", 10), ("carol", "bob", 5)]
        for _ in range(2):
            assert ledger.transfer_linked(moves, key="k") is None
        assert ledger.balances == {"alice": 70, "bob": 15, "carol": 5}
        reused = LinkedRefusal(Refusal.KEY_REUSED, None)
        assert ledger.transfer_linked(moves[::-1], key="k") == reused
        assert ledger.transfer_linked(moves[:1], key="k") == reused
        assert ledger.transfer("alice", "carol", 10, key="k") is Refusal.KEY_REUSED

    def test_a_refused_chain_is_answered_alike_for_good(self, ledger):
        moves = [("alice", "carol", 1), ("dave", "bob", 5)]
        refused = LinkedRefusal(Refusal.INSUFFICIENT_FUNDS, 1)
        assert ledger.transfer_linked(moves, key="k") == refused
        assert ledger.mint("dave", 5) is None
        assert ledger.transfer_linked(moves, key="k") == refused
        assert ledger.transfer_linked(moves, key="l") is None
