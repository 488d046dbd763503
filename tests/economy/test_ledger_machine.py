"""The ledger as a replicated state machine: who may do what, and what the outside is told."""

import pytest

from economy.facts import (
    LedgerAudited,
    OperationApplied,
    QueryOpened,
    QueryRefunded,
    QuerySettled,
    conserved,
)
from economy.genesis import open_ledger
from economy.ledger import LedgerParameters
from economy.operations import (
    Accepted,
    Balance,
    Burn,
    Mint,
    OpenQuery,
    PlaceHold,
    PostHold,
    QueryStatus,
    ReadBalance,
    ReadQuery,
    RefundQuery,
    Refused,
    SettleQuery,
    Transfer,
    VoidHold,
    decode_result,
    encode_operation,
)
from economy.refusals import Refusal
from economy.state_machine import LedgerMachine
from prsm_sim.actor import RemoteProtocolError, encode

OPEN = OpenQuery(query="q", orchestrator="boss", units="60", expires_at_ms=2_000)
HOLD = PlaceHold(hold="h", arbiter="boss", units="60", expires_at_ms=2_000)


class Console:
    """Talks to a machine in structs, as client after client, and checks conservation each time."""

    def __init__(self):
        parameters = LedgerParameters(cap_units=1_000, genesis_units=150)
        ledger = open_ledger({"alice": 100, "bob": 50}, parameters)
        self.machine = LedgerMachine(ledger, issuer="mint", audit_every=1)
        self.sequence = 0
        self.told = []

    def ask(self, client, operation, now_ms=1_000):
        payload = operation if isinstance(operation, bytes) else encode_operation(operation)
        self.sequence += 1
        result = decode_result(self.machine.apply(self.sequence, client, payload, now_ms))
        facts = self.machine.facts()
        assert not self.machine.facts(), "facts are told once"
        for fact in facts:
            if isinstance(fact, OperationApplied | LedgerAudited):
                assert fact.sequence == self.sequence
                assert conserved(fact) is None
        self.told = [f for f in facts if not isinstance(f, OperationApplied | LedgerAudited)]
        (self.applied,) = [f for f in facts if isinstance(f, OperationApplied)]
        assert any(isinstance(f, LedgerAudited) for f in facts)
        assert self.machine.ledger.audit() is None
        return result.reason if isinstance(result, Refused) else result

    def balance(self, account):
        return int(self.ask("anyone", ReadBalance(account)).units)


@pytest.fixture
def console():
    return Console()


def test_a_transfer_moves_the_money_of_the_client_who_asked(console):
    assert console.ask("alice", Transfer("k", "bob", "30")) == Accepted()
    assert (console.balance("alice"), console.balance("bob")) == (70, 80)
    assert console.ask("alice", ReadBalance("nobody")) == Balance("nobody", "0")


def test_a_repeated_transfer_is_answered_and_not_repeated(console):
    for _ in range(3):
        assert console.ask("alice", Transfer("k", "bob", "30")) == Accepted()
    assert console.balance("alice") == 70
    assert console.ask("alice", Transfer("k", "bob", "31")) is Refusal.KEY_REUSED


def test_clients_cannot_use_up_each_others_keys(console):
    assert console.ask("bob", Transfer("k", "alice", "1")) == Accepted()
    assert console.ask("alice", Transfer("k", "bob", "30")) == Accepted()
    # Client 'a' with key 'x:k' is not client 'a:x' with key 'k', whatever joins the two.
    assert console.ask("alice", Transfer("x:k", "a:x", "5")) == Accepted()
    assert console.ask("alice", Transfer("pay", "a", "5")) == Accepted()
    assert console.ask("a", Transfer("x:k", "bob", "1")) == Accepted()
    assert console.ask("a:x", Transfer("k", "bob", "2")) == Accepted()


def test_an_overdraft_is_refused(console):
    assert console.ask("alice", Transfer("k", "bob", "101")) is Refusal.INSUFFICIENT_FUNDS
    assert console.ask("alice", Burn("b", "101")) is Refusal.INSUFFICIENT_FUNDS
    assert console.balance("alice") == 100


def test_only_the_issuer_mints(console):
    for client in ("alice", "", "mint "):
        assert console.ask(client, Mint("k", "alice", "5")) is Refusal.NOT_AUTHORISED
    assert console.ask("mint", Mint("k", "alice", "5")) == Accepted()
    assert console.ask("mint", Mint("l", "alice", "846")) is Refusal.CAP_EXCEEDED
    assert console.ask("alice", Burn("k", "105")) == Accepted()
    assert console.balance("alice") == 0


def test_without_an_issuer_no_one_mints():
    machine = LedgerMachine(open_ledger({}))
    result = machine.apply(1, "", encode_operation(Mint("k", "a", "1")), 0)
    assert decode_result(result) == Refused(Refusal.NOT_AUTHORISED)


class TestQuery:
    def test_from_opening_to_settlement(self, console):
        assert console.ask("alice", OPEN) == Accepted()
        assert console.told == [QueryOpened("q", "alice", "boss", "60", 2_000)]
        assert console.balance("alice") == 40
        payments = (("bob", "20"), ("carol", "15"))
        assert console.ask("boss", SettleQuery("q", payments)) == Accepted()
        assert console.told == [QuerySettled("q", payments, "25")]
        assert [console.balance(who) for who in ("alice", "bob", "carol")] == [65, 70, 15]
        status = console.ask("anyone", ReadQuery("q"))
        assert isinstance(status, QueryStatus)
        assert (status.payer, status.orchestrator, status.amount_units) == ("alice", "boss", "60")
        assert (status.state.value, status.posted_units) == ("posted", "35")

    def test_a_refund(self, console):
        console.ask("alice", OPEN)
        assert console.ask("boss", RefundQuery("q")) == Accepted()
        assert console.told == [QueryRefunded("q", "60", expired=False)]
        assert console.balance("alice") == 100

    def test_time_refunds_what_no_one_settled_before_the_operation_that_came_late(self, console):
        console.ask("alice", OPEN)
        late = SettleQuery("q", (("boss", "60"),))
        assert console.ask("boss", late, now_ms=2_000) is Refusal.ALREADY_EXPIRED
        assert console.told == [QueryRefunded("q", "60", expired=True)]
        assert console.ask("anyone", ReadQuery("q"), now_ms=3_000).state.value == "expired"
        assert console.told == []

    def test_money_that_time_returns_can_be_spent_by_the_same_operation(self, console):
        console.ask("alice", OPEN)
        assert console.ask("alice", Transfer("k", "bob", "100"), now_ms=2_000) == Accepted()

    def test_time_that_runs_backwards_revives_nothing(self, console):
        console.ask("alice", OPEN)
        console.ask("bob", ReadBalance("bob"), now_ms=2_000)
        assert console.ask("boss", RefundQuery("q"), now_ms=1_000) is Refusal.ALREADY_EXPIRED

    @pytest.mark.parametrize("client", ["alice", "bob", "mallory", "", "boss2"])
    def test_only_its_orchestrator_ends_it(self, console, client):
        console.ask("alice", OPEN)
        stolen = SettleQuery("q", ((client or "x", "60"),))
        assert console.ask(client, stolen) is Refusal.NOT_AUTHORISED
        assert console.ask(client, RefundQuery("q")) is Refusal.NOT_AUTHORISED
        assert console.ask("boss", RefundQuery("q")) == Accepted()

    def test_payments_are_bounded_by_the_escrow(self, console):
        console.ask("alice", OPEN)
        too_much = SettleQuery("q", (("bob", "30"), ("carol", "31")))
        assert console.ask("boss", too_much) is Refusal.EXCEEDS_HOLD
        assert console.told == []

    def test_it_ends_once(self, console):
        console.ask("alice", OPEN)
        console.ask("boss", SettleQuery("q", (("bob", "1"),)))
        assert console.ask("boss", SettleQuery("q", (("bob", "1"),))) is Refusal.ALREADY_POSTED
        assert console.ask("boss", RefundQuery("q")) is Refusal.ALREADY_POSTED
        assert console.told == []

    def test_opening_it_again_is_answered_and_not_told_again(self, console):
        console.ask("alice", OPEN)
        assert console.ask("alice", OPEN) == Accepted()
        assert console.told == []
        assert console.balance("alice") == 40
        assert console.ask("bob", OPEN) is Refusal.ID_TAKEN

    def test_one_that_was_never_opened(self, console):
        assert console.ask("boss", SettleQuery("q", ())) is Refusal.UNKNOWN_HOLD
        assert console.ask("boss", RefundQuery("q")) is Refusal.UNKNOWN_HOLD
        assert console.ask("boss", ReadQuery("q")) is Refusal.UNKNOWN_HOLD

    def test_no_escrow_beyond_the_balance(self, console):
        big = OpenQuery("q", "boss", "101", 2_000)
        assert console.ask("alice", big) is Refusal.INSUFFICIENT_FUNDS
        assert console.told == []


class TestHold:
    def test_its_arbiter_posts_it(self, console):
        assert console.ask("alice", HOLD) == Accepted()
        assert console.ask("boss", PostHold("h", (("bob", "20"),))) == Accepted()
        assert (console.balance("alice"), console.balance("bob")) == (80, 70)

    def test_its_arbiter_voids_it(self, console):
        console.ask("alice", HOLD)
        assert console.ask("boss", VoidHold("h")) == Accepted()
        assert console.balance("alice") == 100

    @pytest.mark.parametrize("client", ["alice", "bob", ""])
    def test_no_one_else_does(self, console, client):
        console.ask("alice", HOLD)
        assert console.ask(client, PostHold("h", (("bob", "60"),))) is Refusal.NOT_AUTHORISED
        assert console.ask(client, VoidHold("h")) is Refusal.NOT_AUTHORISED

    def test_it_is_no_query_and_a_query_is_no_hold(self, console):
        console.ask("alice", HOLD)
        assert console.told == []
        console.ask("alice", OpenQuery("p", "boss", "10", 2_000))
        assert console.ask("boss", RefundQuery("h")) is Refusal.UNKNOWN_HOLD
        assert console.ask("boss", VoidHold("p")) is Refusal.UNKNOWN_HOLD
        console.ask("bob", ReadBalance("bob"), now_ms=2_000)
        assert console.told == [QueryRefunded("p", "10", expired=True)]


class TestMalformed:
    @pytest.mark.parametrize(
        "payload",
        [
            b"",
            b"\x00",
            b"{}",
            encode(None),
            encode({"type": "Steal"}),
            encode({"type": "Transfer", "key": "k", "payee": "bob"}),
            encode({"type": "Transfer", "key": "k", "payee": "bob", "units": 5}),
            encode({"type": "Transfer", "key": "k", "payee": "bob", "units": "-5"}),
            encode({"type": "Transfer", "key": "k", "payee": "bob", "units": "05"}),
            encode({"type": "Transfer", "key": "", "payee": "bob", "units": "5"}),
            encode({"type": "Transfer", "key": "k", "payee": "", "units": "5"}),
            encode({"type": "Transfer", "key": "k", "payee": "b" * 129, "units": "5"}),
            encode({"type": "Transfer", "key": "k", "payee": "bob", "units": "5", "payer": "bob"}),
            encode_operation(Transfer("k", "bob", "5")) + b"\x00",
            encode_operation(Transfer("k", "bob", "5"))[:-1],
            encode_operation(OpenQuery("q", "boss", "5", -1)),
            encode_operation(OpenQuery("q", "boss", "5", 2**62)),
            encode_operation(SettleQuery("q", (("bob", "1"),) * 1025)),
            encode(Accepted()),
            b"\x91" * 5_000,
            b"\x82\xa4type\xa8Transfer\xa1x" + b"\x91" * 5_000 + b"\xc0",
        ],
    )
    def test_it_is_refused_and_changes_nothing_at_all(self, console, payload):
        console.ask("alice", OPEN)
        before = console.machine.snapshot()
        assert console.ask("alice", payload, now_ms=9_000) is Refusal.MALFORMED
        assert console.told == []
        assert console.machine.snapshot() == before

    def test_the_answer_is_the_same_for_all(self, console):
        answers = {console.machine.apply(1, "a", bad, 0) for bad in (b"", b"\x00", encode("x"))}
        assert len(answers) == 1


class TestFacts:
    def test_every_operation_is_reported_with_the_state_after_it(self, console):
        console.ask("alice", OPEN)
        applied = console.applied
        assert (applied.client, applied.operation, applied.refusal) == ("alice", "OpenQuery", "")
        assert applied.digest == console.machine.digest()
        totals = (applied.supply_units, applied.balances_units, applied.holds_units)
        assert totals == ("150", "90", "60")
        console.ask("bob", OPEN)
        assert (console.applied.client, console.applied.refusal) == ("bob", "id-taken")
        console.ask("bob", b"?")
        assert (console.applied.operation, console.applied.refusal) == ("malformed", "malformed")

    @pytest.mark.parametrize(("every", "audited"), [(0, []), (1, [1, 2, 3, 4]), (3, [3])])
    def test_the_ledger_is_audited_as_often_as_asked(self, every, audited):
        machine = LedgerMachine(open_ledger({}), audit_every=every)
        for sequence in range(1, 5):
            machine.apply(sequence, "a", b"", 0)
        facts = [fact for fact in machine.facts() if isinstance(fact, LedgerAudited)]
        assert [fact.sequence for fact in facts] == audited

    def test_money_from_nowhere_is_noticed_by_the_audit_and_by_what_is_conserved(self, console):
        console.machine.ledger.balances["mallory"] = 1
        console.machine.apply(7, "bob", b"", 0)
        (audited,) = [f for f in console.machine.facts() if isinstance(f, LedgerAudited)]
        assert "151" in conserved(audited)
        assert audited.accounts == 3
        assert "recounting" in audited.discrepancy

    def test_a_running_total_that_is_wrong_is_noticed_at_the_next_operation(self, console):
        console.machine.ledger.balances_units += 1
        console.machine.apply(7, "bob", b"", 0)
        applied = console.machine.facts()[0]
        assert "after operation 7" in conserved(applied)

    def test_an_audit_that_finds_something_else_is_passed_on(self):
        fact = LedgerAudited(5, 1, "3", "2", "1", "account 'x' has 0 units")
        assert conserved(fact) == "after operation 5: account 'x' has 0 units"
        assert conserved(LedgerAudited(5, 1, "3", "2", "1", "")) is None


class TestRestore:
    def test_a_restored_machine_answers_like_the_original(self, console):
        console.ask("alice", OPEN)
        console.ask("alice", Transfer("k", "bob", "5"))
        original = console.machine
        other = LedgerMachine(open_ledger({}, original.ledger.parameters), issuer="mint")
        assert other.digest() != original.digest()
        other.restore(original.snapshot())
        assert other.digest() == original.digest()
        for client, operation, now_ms in (
            ("alice", Transfer("k", "bob", "5"), 1_000),
            ("boss", SettleQuery("q", (("carol", "9"),)), 1_500),
            ("mint", Mint("k", "alice", "9"), 2_500),
        ):
            payload = encode_operation(operation)
            answers = {m.apply(9, client, payload, now_ms) for m in (original, other)}
            assert len(answers) == 1
            assert original.digest() == other.digest()

    def test_what_is_no_state_is_refused_and_leaves_the_machine_as_it_was(self, console):
        console.ask("alice", OPEN)
        before = console.machine.snapshot()
        with pytest.raises(RemoteProtocolError):
            console.machine.restore(before[:-1])
        assert console.machine.snapshot() == before

    def test_facts_of_the_replaced_state_are_not_told(self, console):
        state = console.machine.snapshot()
        console.machine.apply(1, "alice", encode_operation(OPEN), 0)
        console.machine.restore(state)
        assert console.machine.facts() == ()


def test_accounts_of_mechanisms_take_no_payments_from_clients(console):
    console.ask("alice", OPEN)
    console.ask("bob", PlaceHold("h", "boss", "10", 2_000))
    before = dict(console.machine.ledger.balances)
    for client, operation in (
        ("alice", Transfer("k", "staking/bonds", "1")),
        ("mint", Mint("k", "staking/bonds", "1")),
        ("boss", PostHold("h", (("bob", "1"), ("pool/assets", "2")))),
        ("boss", SettleQuery("q", (("staking/bonds", "1"),))),
    ):
        assert console.ask(client, operation) is Refusal.RESERVED_ACCOUNT
    assert console.machine.ledger.balances == before
    assert console.ask("alice", PostHold("h", (("pool/x", "1"),))) is Refusal.NOT_AUTHORISED
    assert console.ask("boss", PostHold("h", (("carol", "10"),))) == Accepted()
