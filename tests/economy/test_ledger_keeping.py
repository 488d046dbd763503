"""Any sequence of calls of every kind: a ledger that forgets is like one that never does."""

from economy_instrument import instrument, money_of
from economy_keeping_reference import KeepingReference
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from economy.ledger import Ledger, LedgerParameters
from economy.ledger_digest import LedgerDigest
from economy.ledger_state import encode_ledger, restore_ledger

CAP_UNITS = 200
MAX_HOLD_MS = 50
WINDOW_MS = 45
RETENTION_MS = 15
HORIZON_MS = 60
InstrumentedLedger = instrument(Ledger)
ACCOUNTS = st.sampled_from(["alice", "bob", "carol"])
UNITS = st.integers(-1, 60)
ENDS = st.integers(0, 9).map(lambda n: n * 20)
KEYS = st.one_of(
    st.just(""),
    st.builds("k{}@{}".format, st.integers(1, 2), ENDS),
    st.sampled_from(["endless", "k@", "k@020", "k@-1"]),
)
HOLDS = st.builds(lambda n, end_ms: (f"h{n}@{end_ms}", end_ms), st.integers(1, 2), ENDS)
PAYMENTS = st.lists(st.tuples(ACCOUNTS, st.integers(-1, 30)), max_size=3)
MOVES = st.lists(st.tuples(ACCOUNTS, ACCOUNTS, st.integers(0, 40)), max_size=4)


class KeepingLedger(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.parameters = LedgerParameters(
            CAP_UNITS, 0, MAX_HOLD_MS, WINDOW_MS, RETENTION_MS, HORIZON_MS
        )
        self.ledger = InstrumentedLedger(self.parameters)
        self.digest = LedgerDigest(self.ledger)
        self.reference = KeepingReference(
            CAP_UNITS, MAX_HOLD_MS, WINDOW_MS, RETENTION_MS, HORIZON_MS
        )
        self.now_ms = 0
        self.acted = set()
        for account in ("alice", "bob"):
            self.both("mint", account, 60)

    def both(self, method, *arguments):
        before = encode_ledger(self.ledger)
        answer = getattr(self.ledger, method)(*arguments)
        assert answer == getattr(self.reference, method)(*arguments)
        if answer is not None:
            assert encode_ledger(self.ledger) == before, f"refused {method} and changed something"

    def both_keyed(self, key, method, *arguments):
        before = money_of(self.ledger)
        answer = getattr(self.ledger, method)(*arguments, key=key)
        assert answer == self.reference.keyed(key, (method, *arguments))
        if money_of(self.ledger) != before:
            assert answer is None
            assert key == "" or key not in self.acted, f"{key} acted twice"
            self.acted.add(key)

    @rule(payer=ACCOUNTS, payee=ACCOUNTS, units=UNITS, key=KEYS)
    def transfer(self, payer, payee, units, key):
        self.both_keyed(key, "transfer", payer, payee, units)

    @rule(key=KEYS)
    def transfer_the_same_again_and_again(self, key):
        self.both_keyed(key, "transfer", "alice", "bob", 1)

    @rule(moves=MOVES, key=KEYS)
    def transfer_linked(self, moves, key):
        self.both_keyed(key, "transfer_linked", tuple(moves))

    @rule(payee=ACCOUNTS, units=UNITS, key=KEYS)
    def mint(self, payee, units, key):
        self.both_keyed(key, "mint", payee, units)

    @rule(payer=ACCOUNTS, units=UNITS, key=KEYS)
    def burn(self, payer, units, key):
        self.both_keyed(key, "burn", payer, units)

    @rule(hold=HOLDS, payer=ACCOUNTS, units=UNITS, late_ms=st.sampled_from([0, 0, 0, -30, 7]))
    def hold(self, hold, payer, units, late_ms):
        name, end_ms = hold
        before = money_of(self.ledger)
        self.both("hold", name, payer, "arbiter", units, end_ms, self.now_ms + late_ms)
        if money_of(self.ledger) != before:
            assert name not in self.acted, f"{name} was made twice"
            self.acted.add(name)

    @rule(hold=HOLDS, payer=ACCOUNTS, off_ms=st.sampled_from([-20, 1, 20]))
    def hold_under_a_name_with_another_end(self, hold, payer, off_ms):
        self.both("hold", hold[0], payer, "arbiter", 5, hold[1] + off_ms, self.now_ms)

    @rule(hold=HOLDS, payments=PAYMENTS, late_ms=st.sampled_from([0, 0, -30, 7]))
    def post(self, hold, payments, late_ms):
        self.both("post", hold[0], payments, self.now_ms + late_ms)

    @rule(hold=HOLDS)
    def void(self, hold):
        self.both("void", hold[0], self.now_ms)

    @rule(account=ACCOUNTS, method=st.sampled_from(["freeze", "unfreeze", "unfreeze", "close"]))
    def take_step(self, account, method):
        self.both(method, account)

    @rule(account=ACCOUNTS, units=st.sampled_from([-1, 0, 0, 10, 40]))
    def require_minimum(self, account, units):
        self.both("require_minimum", account, units)

    @rule(span_ms=st.integers(0, 20))
    def wait(self, span_ms):
        self.now_ms += span_ms

    @rule(span_ms=st.integers(0, 20))
    def wait_and_pass_time(self, span_ms):
        self.now_ms += span_ms
        self.both("pass_time", self.now_ms)

    @rule(late_ms=st.sampled_from([0, 0, -30]))
    def expire(self, late_ms):
        names = [hold.name for hold in self.ledger.expire(self.now_ms + late_ms)]
        assert names == self.reference.expire(self.now_ms + late_ms)

    @rule(account=ACCOUNTS, back_ms=st.integers(0, HORIZON_MS))
    def look_back(self, account, back_ms):
        history, reference = self.ledger.history, self.reference
        time_ms = max(self.ledger.now_ms - back_ms, history.floor_ms)
        assert history.balance_at(account, time_ms) == reference.balance_at(account, time_ms)
        accounts = ("alice", "bob", "carol")
        at_once = {name: reference.balance_at(name, time_ms) for name in accounts}
        snapshot = history.snapshot(time_ms)
        assert snapshot.is_readable
        assert snapshot.accounts() == {name: units for name, units in at_once.items() if units}
        assert snapshot.total_units() == sum(at_once.values())

    @rule(account=ACCOUNTS, units=st.integers(1, 70), back_ms=st.integers(0, 20))
    def ask_how_long(self, account, units, back_ms):
        history = self.ledger.history
        now_ms = max(self.ledger.now_ms - back_ms, history.floor_ms)
        since_ms = history.held_since(account, units, now_ms)
        true_ms = self.reference.held_since(account, units, now_ms)
        if true_ms > history.floor_ms:
            assert since_ms == true_ms
        else:
            assert true_ms <= since_ms <= history.floor_ms

    @rule()
    def take_the_digest(self):
        self.digest.hexdigest()

    @rule(account=ACCOUNTS)
    def prove(self, account):
        proof, units = self.digest.prove_balance(account), self.ledger.balances.get(account, 0)
        digest = self.digest.hexdigest()
        assert proof.is_of(digest, account, units)
        assert not proof.is_of(digest, account, units + 1)

    @rule()
    def move_to_a_restored_ledger(self):
        payload = encode_ledger(self.ledger)
        restored = restore_ledger(payload, self.parameters)
        assert encode_ledger(restored) == payload
        fresh = LedgerDigest(restored)
        assert fresh.hexdigest() == self.digest.hexdigest()
        restored.__class__ = InstrumentedLedger
        self.ledger, self.digest = restored, fresh

    @invariant()
    def moved_alike(self):
        ledger, reference = self.ledger, self.reference
        assert ledger.now_ms == reference.now_ms
        assert ledger.balances == reference.balances()
        assert ledger.totals().held_units == reference.held()
        assert ledger.totals().supply_units == reference.supply()

    @invariant()
    def remembers_no_more_than_it_should(self):
        ledger, reference = self.ledger, self.reference
        assert ledger.history.floor_ms == reference.floor_ms
        assert set(ledger.book.holds) == {
            name for name in reference.terms if not reference.forgotten(name)
        }
        ends = {key: int(key.rpartition("@")[2]) for key in reference.answers}
        assert set(ledger.keys.records) == {k for k, end in ends.items() if end > ledger.now_ms}
        floor_ms, accounts = reference.floor_ms, ("alice", "bob", "carol")
        based = sum(reference.balance_at(account, floor_ms) > 0 for account in accounts)
        recent = sum(time_ms > floor_ms for time_ms in reference.journal.times_ms)
        assert all(steps for _, steps in ledger.history), "no empty entries"
        assert ledger.history.size() <= based + 2 * recent


TestKeepingLedger = KeepingLedger.TestCase
TestKeepingLedger.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
