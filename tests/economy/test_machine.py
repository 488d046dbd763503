"""A ledger with desks as one state machine: keys, time, digests, audits, snapshots and proofs."""

from hashlib import blake2b

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from machine_console import BALANCES, Console, parameters

from economy.desks.accounts_desk import AccountsDesk
from economy.desks.assets_desk import AssetsDesk, ReadAsset, TransferAsset
from economy.desks.delivery_desk import OrderDelivery
from economy.desks.desk import ACCEPTED, Answer, Desk, DeskOperation, KeyedOperation
from economy.desks.desk_set import (
    BalanceProved,
    DeskSet,
    EncodedEconomy,
    ProveBalance,
    is_proved,
)
from economy.desks.income_desks import Issue
from economy.desks.opening import open_economy
from economy.desks.pool_desk import AddLiquidity, PoolDesk, ReadPool, Swap
from economy.desks.staking_desk import Bonded, BondStake, ReadStake, StakeStatus, WithdrawStake
from economy.facts import (
    InvariantBroken,
    LedgerAudited,
    OperationApplied,
    QueryRefunded,
    Settled,
    conserved,
)
from economy.genesis import open_ledger
from economy.ledger import DAY_MS, Ledger, LedgerParameters
from economy.ledger_digest import LedgerDigest
from economy.ledger_state import encode_ledger
from economy.operations import Accepted, Mint, OpenQuery, ReadBalance, Refused, Transfer
from economy.orders import Side
from economy.refusals import Refusal
from economy.state_machine import LedgerMachine
from prsm_sim.actor import RemoteProtocolError, UserError, encode

BOND = BondStake("k", "100", 30)


@pytest.fixture
def console():
    return Console()


class TestKeys:
    def test_what_was_done_under_a_key_is_accepted_again_and_not_done(self, console):
        assert isinstance(console.ask("alice", BOND), Bonded)
        digest = console.machine.digest()
        for _ in range(2):
            assert console.ask("alice", BOND) == Accepted()
        assert console.machine.digest() == digest
        assert console.balance("alice") == BALANCES["alice"] - 100

    def test_a_key_is_used_for_one_thing_only(self, console):
        console.ask("alice", BOND)
        assert console.ask("alice", BondStake("k", "101", 30)) is Refusal.KEY_REUSED
        assert console.ask("alice", Transfer("k", "bob", "1")) is Refusal.KEY_REUSED
        console.ask("alice", Transfer("t", "bob", "1"))
        assert console.ask("alice", BondStake("t", "1", 0)) is Refusal.KEY_REUSED

    def test_keys_of_others_are_others(self, console):
        assert isinstance(console.ask("alice", BOND), Bonded)
        assert isinstance(console.ask("bob", BOND), Bonded)

    def test_a_refused_operation_uses_up_no_key(self, console):
        large = BondStake("k", str(BALANCES["alice"] + 1), 0)
        assert console.ask("alice", large) is Refusal.INSUFFICIENT_FUNDS
        console.ask("bob", Transfer("gift", "alice", "1"))
        assert isinstance(console.ask("alice", large), Bonded)

    def test_keys_are_forgotten_with_the_ledgers(self):
        ledger = msgspec.structs.replace(parameters().ledger, key_window_ms=1_000)
        console = Console(ledger=ledger)
        assert console.ask("alice", BOND) is Refusal.NAME_WITHOUT_END
        assert isinstance(console.ask("alice", BondStake("k@900", "1", 0)), Bonded)
        assert len(console.machine.ledger.keys.records) == 1
        assert console.ask("alice", BondStake("k@900", "1", 0), 900) is Refusal.NAME_ENDED
        assert not console.machine.ledger.keys.records

    def test_they_are_part_of_the_state(self, console):
        console.ask("alice", BOND)
        twin = console.restored()
        answered = twin.apply(9, "alice", encode(BOND), 0)
        assert twin.decode_result(answered) == Accepted()


class TestClients:
    def test_an_account_of_a_mechanism_is_no_client(self, console):
        console.ask("alice", BOND)
        for client in ("staking/bonds", "a/b"):
            assert console.ask(client, BondStake("x", "1", 0)) is Refusal.RESERVED_ACCOUNT
            assert console.ask(client, ReadStake("alice")) is Refusal.RESERVED_ACCOUNT
        assert console.ask("", ReadStake("alice")) is Refusal.NOT_AUTHORISED
        stolen = Transfer("x", "alice", "1")
        assert console.ask("staking/bonds", stolen) is Refusal.RESERVED_ACCOUNT

    def test_reading_changes_nothing(self, console):
        console.ask("alice", BOND)
        digest = console.machine.digest()
        status = console.ask("bob", ReadStake("alice"))
        assert isinstance(status, StakeStatus)
        assert (status.liable_units, len(status.bonds)) == ("100", 1)
        assert console.machine.digest() == digest
        assert console.ask("bob", ReadStake("nobody")).bonds == ()

    @pytest.mark.parametrize(
        "payload",
        [
            encode({"type": "BondStake", "key": "k", "units": "5"}),
            encode({"type": "BondStake", "key": "k", "units": "-5", "lock_days": 1}),
            encode({"type": "BondStake", "key": "k", "units": "5", "lock_days": -1}),
            encode({"type": "BondStake", "key": "k", "units": "5", "lock_days": 2**62}),
            encode({"type": "BondStake", "key": "", "units": "5", "lock_days": 1}),
            encode({"type": "BondStake", "key": "k", "units": "5", "lock_days": 1, "owner": "bob"}),
            encode(Bonded(1, "5", 0)),
            encode({"type": "ReportContribution", "name": "n", "account": "a",
                    "work": {"type": "data", "size_bytes": 1, "deep": [[[]]]}}),
        ],
    )  # fmt: skip
    def test_what_the_types_forbid_is_malformed(self, console, payload):
        assert console.ask("alice", payload, 10**9) is Refusal.MALFORMED
        assert console.machine.ledger.now_ms == 0

    def test_a_ledger_alone_takes_no_operations_of_desks(self):
        machine = LedgerMachine(open_ledger(BALANCES))
        result = machine.apply(1, "alice", encode(BOND), 0)
        assert machine.decode_result(result) == Refused(Refusal.MALFORMED)


class Ring(KeyedOperation, frozen=True):
    at_ms: int


class Bells(Desk):
    """A desk with deadlines: it pays a unit out of a hold at each, or is stuck."""

    name = "bells"
    operations = (Ring,)

    def __init__(self, ledger, told=None):
        super().__init__(self)
        self.ledger, self.due, self.rung, self.told = ledger, [], [], told

    def perform(self, client, operation, now_ms):
        self.due.append(operation.at_ms)
        return ACCEPTED

    def due_ms(self, after_ms):
        return min((at_ms for at_ms in self.due if at_ms > after_ms), default=None)

    def advance(self, now_ms):
        done = [at_ms for at_ms in self.due if at_ms <= now_ms and at_ms % 2 == 0]
        self.due = [at_ms for at_ms in self.due if at_ms not in done]
        self.rung += done
        return tuple(Settled(self.name, str(at_ms), "rung", "0", "0") for at_ms in done)

    def audit(self):
        return "it is midnight" if 13 in self.due else None

    def encode(self):
        return encode((self.due, self.rung))

    def restore(self, encoded):
        self.due, self.rung = msgspec.msgpack.decode(encoded)


class Chimes(Bells):
    name = "chimes"
    operations = ()


class TestTime:
    @pytest.fixture
    def tower(self):
        ledger = open_ledger(BALANCES, LedgerParameters(history_ms=10_000))
        return LedgerMachine(ledger, open_desks=lambda ledger: (Bells(ledger),))

    def ask(self, machine, operation, now_ms):
        machine.apply(1, "alice", encode(operation), now_ms)
        facts = machine.facts()
        return [f for f in facts if not isinstance(f, OperationApplied | LedgerAudited)]

    def test_deadlines_and_expiries_happen_in_the_order_of_their_instants(self, tower):
        for at_ms in (40, 20, 30, 50):
            self.ask(tower, Ring(f"r{at_ms}", at_ms), 0)
        for query, at_ms in (("a", 25), ("b", 40), ("c", 45)):
            self.ask(tower, OpenQuery(query, "bob", "1", at_ms), 0)
        told = self.ask(tower, ReadBalance("alice"), 49)
        named = [f.name if isinstance(f, Settled) else f.query for f in told]
        # At 40 the desk goes before the hold that expires then.
        assert named == ["20", "a", "30", "40", "b", "c"]
        assert all(isinstance(f, Settled | QueryRefunded) for f in told)

    def test_what_expires_between_two_deadlines_is_back_before_the_second(self, tower):
        self.ask(tower, OpenQuery("q", "bob", "9", 25), 0)
        for at_ms in (20, 30):
            self.ask(tower, Ring(f"r{at_ms}", at_ms), 0)
        self.ask(tower, ReadBalance("alice"), 1_000)
        before, after = (tower.ledger.history.balance_at("alice", at_ms) for at_ms in (19, 29))
        assert after - before == 9

    def test_what_is_stuck_is_tried_again_and_holds_up_nothing(self, tower):
        self.ask(tower, Ring("odd", 21), 0)
        self.ask(tower, Ring("even", 30), 0)
        assert [f.name for f in self.ask(tower, ReadBalance("alice"), 35)] == ["30"]
        assert tower.desk(Bells).due == [21]
        assert self.ask(tower, ReadBalance("alice"), 36) == []

    def test_a_desk_that_did_something_by_itself_has_another_digest(self, tower):
        self.ask(tower, Ring("even", 30), 0)
        before = tower.digest()
        self.ask(tower, ReadBalance("alice"), 30)
        assert tower.digest() != before
        twin = LedgerMachine(
            open_ledger({}, tower.ledger.parameters), open_desks=lambda ledger: (Bells(ledger),)
        )
        twin.restore(tower.snapshot())
        assert twin.digest() == tower.digest()

    def test_what_a_desk_pays_at_its_deadline_is_dated_so(self, console):
        console.ask("alice", OrderDelivery("o", "bob", "carol", "100", 5_000))
        console.ask("dave", ReadBalance("alice"), 90_000)
        history = console.machine.ledger.history
        assert [history.balance_at("alice", at_ms) for at_ms in (4_999, 5_000)] == [9_900, 10_000]

    def test_desks_are_not_told_an_earlier_time_than_before(self, console):
        console.ask("alice", ReadBalance("alice"), 50)
        assert console.ask("alice", BondStake("k", "5", 1), 10).lock_ends_at_ms == 50 + DAY_MS

    def test_time_that_runs_backwards_is_the_time_it_was(self, tower):
        self.ask(tower, ReadBalance("alice"), 50)
        self.ask(tower, Ring("even", 30), 10)
        assert [f.name for f in self.ask(tower, ReadBalance("alice"), 10)] == []
        assert [f.name for f in self.ask(tower, ReadBalance("alice"), 51)] == ["30"]


class TestAudits:
    def test_the_operation_that_broke_an_invariant_is_named_once(self, console):
        pool = AddLiquidity("l", "5000", "5000", "1")
        console.ask("alice", pool)
        machine = console.machine
        machine.desk(PoolDesk).pool.money_units += 1
        facts = []
        for client, operation in (("bob", Swap("s", Side.BUY, "50", "1")), ("carol", BOND)):
            console.sequence += 1
            machine.apply(console.sequence, client, encode(operation), 0)
            facts += machine.facts()
        (broken,) = [f for f in facts if isinstance(f, InvariantBroken)]
        assert (broken.sequence, broken.sound_after) == (2, 1)
        assert (broken.client, broken.operation) == ("bob", "Swap")
        assert broken.what.startswith("pool: the reserve account has")
        told = conserved(broken)
        assert told.startswith("Swap of 'bob', operation 2: pool: the reserve account has")
        assert told.endswith("all was well after operation 1")
        audits = [f for f in facts if isinstance(f, LedgerAudited)]
        assert [bool(f.discrepancy) for f in audits] == [True, True]

    def test_between_two_audits_the_span_is_named(self):
        ledger = open_ledger(BALANCES, LedgerParameters(history_ms=100))
        machine = LedgerMachine(ledger, audit_every=4, open_desks=lambda ledger: (Bells(ledger),))
        for sequence, at_ms in enumerate((10, 11, 12, 14, 13, 15, 16, 17), start=1):
            machine.apply(sequence, "alice", encode(Ring(f"k{at_ms}", at_ms)), 0)
        (broken,) = [f for f in machine.facts() if isinstance(f, InvariantBroken)]
        assert (broken.sequence, broken.sound_after) == (8, 4)
        assert broken.what == "bells: it is midnight"


class TestState:
    def test_without_desks_bytes_and_digest_are_the_ledgers(self):
        machine, ledger = LedgerMachine(open_ledger(BALANCES)), open_ledger(BALANCES)
        assert machine.snapshot() == encode_ledger(ledger)
        assert machine.digest() == LedgerDigest(ledger).hexdigest()

    def test_every_desk_counts_in_the_digest(self, console):
        seen = {console.machine.digest()}
        story = (
            ("alice", BOND),
            ("alice", AddLiquidity("l", "5000", "5000", "1")),
            ("bob", TransferAsset("t", "carol", "3")),
            ("bob", Issue()),
        )
        for number, (client, operation) in enumerate(story):
            console.ask(client, operation, number * 1_000)
            assert console.machine.digest() not in seen
            seen.add(console.machine.digest())
            assert console.restored().digest() == console.machine.digest()
            assert console.restored().snapshot() == console.machine.snapshot()

    def test_a_trade_of_one_desk_is_seen_in_the_ledger_of_another(self, console):
        console.ask("alice", AddLiquidity("l", "5000", "5000", "1"))
        before = console.machine.desk(AssetsDesk).digest()
        console.ask("bob", Swap("s", Side.BUY, "100", "1"))
        console.ask("carol", TransferAsset("t", "bob", str(BALANCES["carol"])))
        assert console.machine.desk(AssetsDesk).digest() != before
        assert console.restored().desk(AssetsDesk).digest() == (
            console.machine.desk(AssetsDesk).digest()
        )

    def test_states_that_are_none_are_refused_and_leave_everything_as_it_was(self, console):
        console.ask("alice", BOND)
        console.ask("alice", AddLiquidity("l", "5000", "5000", "1"))
        machine = console.machine
        state, digest = machine.snapshot(), machine.digest()
        saved = msgspec.msgpack.decode(state)
        names = [name for name, _ in saved["desks"]]
        pool = names.index("pool")
        wrong = [b"", state[:-1], state + b"\x00", encode_ledger(machine.ledger)]
        changes = (
            {"version": 2},
            {"ledger": encode_ledger(open_ledger(BALANCES, machine.ledger.parameters))},
            {"desks": saved["desks"][:-1]},
            {"desks": saved["desks"][::-1]},
            {"desks": [*saved["desks"][:pool], ["pool", b"\xc0"], *saved["desks"][pool + 1 :]]},
        )
        wrong += [encode(EncodedEconomy(**{**saved, **change})) for change in changes]
        wrong.append(encode({**saved, "more": 1}))
        for bad in wrong:
            with pytest.raises(RemoteProtocolError):
                machine.restore(bad)
            assert (machine.snapshot(), machine.digest()) == (state, digest)
        console.ask("bob", Swap("s", Side.BUY, "100", "1"))

    def test_other_bytes_for_the_same_state_are_no_state(self, console):
        console.ask("alice", BOND)
        state = msgspec.msgpack.decode(console.machine.snapshot())
        one, long_one = b"\xa7version\x01", b"\xa7version\xcc\x01"
        wrong = [{"ledger": state["ledger"].replace(one, long_one)}]
        for place, (name, books) in enumerate(state["desks"]):
            if one in books and books[0] >> 4 == 8:  # a map, and not bytes in a list
                desks = list(state["desks"])
                desks[place] = [name, books.replace(one, long_one)]
                wrong.append({"desks": desks})
        assert len(wrong) > 8
        for change in wrong:
            with pytest.raises(RemoteProtocolError, match="canonical"):
                console.machine.restore(encode(EncodedEconomy(**{**state, **change})))
        with pytest.raises(RemoteProtocolError, match="canonical"):
            console.machine.restore(console.machine.snapshot().replace(one, long_one, 1))

    def test_books_of_another_state_do_not_fit_the_ledger(self, console):
        console.ask("alice", BOND)
        earlier = msgspec.msgpack.decode(console.machine.snapshot())
        console.ask("alice", BondStake("l", "7", 0))
        later = msgspec.msgpack.decode(console.machine.snapshot())
        with pytest.raises(RemoteProtocolError, match="staking"):
            console.machine.restore(encode(EncodedEconomy(**{**later, "desks": earlier["desks"]})))

    def test_facts_that_were_not_told_are_dropped_by_a_restore(self, console):
        state = console.machine.snapshot()
        console.machine.apply(1, "alice", encode(BOND), 0)
        console.machine.restore(state)
        assert console.machine.facts() == ()

    def test_desks_of_one_machine_have_names_of_their_own(self):
        ledger = Ledger()
        DeskSet(ledger, (Bells(ledger), Chimes(ledger)))
        with pytest.raises(AssertionError, match="share a name"):
            DeskSet(ledger, (Bells(ledger), Bells(ledger)))


class TestProofs:
    def test_a_balance_is_proved_against_the_digest_of_the_whole_economy(self, console):
        console.ask("alice", BOND)
        for account in ("alice", "nobody"):
            proved = console.ask("bob", ProveBalance(account))
            assert isinstance(proved, BalanceProved)
            assert proved.units == str(console.balance(account))
            assert proved.digest == console.machine.digest()
            assert is_proved(proved, console.machine.digest())
            assert not is_proved(msgspec.structs.replace(proved, units="1"), proved.digest)
            assert not is_proved(msgspec.structs.replace(proved, proof=b"\x00"), proved.digest)
        old = console.ask("bob", ProveBalance("alice"))
        console.ask("alice", Transfer("t", "bob", "1"))
        assert not is_proved(old, console.machine.digest())

    @given(st.binary(max_size=40))
    def test_noise_proves_nothing(self, noise):
        proved = BalanceProved("alice", "1", "00" * 32, noise)
        assert not is_proved(proved, blake2b(b"", digest_size=32).hexdigest())


def test_the_digest_is_told_as_often_as_asked():
    machine = open_economy(BALANCES, parameters(digest_every=3))
    for sequence in range(1, 7):
        machine.apply(sequence, "alice", encode(BondStake(f"k{sequence}", "1", 0)), 0)
        *_, applied = [f for f in machine.facts() if isinstance(f, OperationApplied)]
        assert applied.digest == ("" if sequence % 3 else machine.digest())


def test_an_economy_is_opened_from_its_parameters_alone():
    one, other = (open_economy(BALANCES, parameters()) for _ in range(2))
    assert (one.digest(), one.snapshot()) == (other.digest(), other.snapshot())
    assert one.audit() is None
    assert one.desk(AccountsDesk).ledger is one.ledger


@pytest.mark.parametrize(
    "change",
    [{"assets": LedgerParameters(history_ms=1)}, {"ledger": LedgerParameters(history_ms=9)}],
)
def test_figures_that_fit_no_economy_are_refused_in_words(change):
    with pytest.raises(UserError, match="history_ms"):
        open_economy({}, parameters(**change))


def test_answers_of_desks_are_told_to_clients_and_read_back():
    console = Console()
    assert console.ask("alice", ReadAsset("alice")).units == str(BALANCES["alice"])
    assert console.ask("alice", ReadPool("alice")).total_shares == "0"
    assert console.ask("alice", WithdrawStake()) is Refusal.NOTHING_DUE
    assert console.ask("issuer", Mint("m", "alice", "5")) == Accepted()
    assert Answer(Accepted()) == ACCEPTED
    assert issubclass(BondStake, DeskOperation)
