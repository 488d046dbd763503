"""Any sequence of calls: the ledger answers and moves exactly like the naive one."""

from economy_instrument import instrument
from economy_reference import ReferenceLedger
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from economy.ledger import Ledger, LedgerParameters
from economy.ledger_digest import LedgerDigest
from economy.ledger_state import encode_ledger, restore_ledger

CAP_UNITS = 200
MAX_HOLD_MS = 50
InstrumentedLedger = instrument(Ledger)
ACCOUNTS = st.sampled_from(["alice", "bob", "carol"])
UNITS = st.integers(-1, 60)
KEYS = st.sampled_from(["", "", "k1", "k2", "k3"])
HOLDS = st.sampled_from(["h1", "h2", "h3", "h4", "h5"])
SPANS = st.integers(-1, MAX_HOLD_MS + 2)
PAYMENTS = st.lists(st.tuples(ACCOUNTS, st.integers(-1, 30)), max_size=4)


class LedgerAgainstReference(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.parameters = LedgerParameters(CAP_UNITS, 0, MAX_HOLD_MS)
        self.ledger = InstrumentedLedger(self.parameters)
        self.digest = LedgerDigest(self.ledger)
        self.reference = ReferenceLedger(CAP_UNITS, MAX_HOLD_MS)
        self.now_ms = 0

    def both_keyed(self, key, method, *arguments):
        answer = getattr(self.ledger, method)(*arguments, key=key)
        assert answer is self.reference.keyed(key, (method, *arguments))

    def both(self, method, *arguments):
        answer = getattr(self.ledger, method)(*arguments, self.now_ms)
        assert answer is getattr(self.reference, method)(*arguments, self.now_ms)

    @rule(payer=ACCOUNTS, payee=ACCOUNTS, units=UNITS, key=KEYS)
    def transfer(self, payer, payee, units, key):
        self.both_keyed(key, "transfer", payer, payee, units)

    @rule(payee=ACCOUNTS, units=UNITS, key=KEYS)
    def mint(self, payee, units, key):
        self.both_keyed(key, "mint", payee, units)

    @rule(payer=ACCOUNTS, units=UNITS, key=KEYS)
    def burn(self, payer, units, key):
        self.both_keyed(key, "burn", payer, units)

    @rule(name=HOLDS, payer=ACCOUNTS, units=UNITS, span_ms=SPANS)
    def hold(self, name, payer, units, span_ms):
        self.both("hold", name, payer, "arbiter", units, self.now_ms + span_ms)

    @rule(name=HOLDS, payments=PAYMENTS)
    def post(self, name, payments):
        self.both("post", name, payments)

    @rule(name=HOLDS)
    def void(self, name):
        self.both("void", name)

    @rule(span_ms=st.integers(0, 20))
    def wait(self, span_ms):
        self.now_ms += span_ms

    @rule()
    def expire(self):
        names = [hold.name for hold in self.ledger.expire(self.now_ms)]
        assert names == self.reference.expire(self.now_ms)

    @rule()
    def take_the_digest(self):
        self.digest.hexdigest()

    @rule()
    def move_to_a_restored_ledger(self):
        payload = encode_ledger(self.ledger)
        restored = restore_ledger(payload, self.parameters)
        assert encode_ledger(restored) == payload
        fresh = LedgerDigest(restored)
        assert fresh.hexdigest() == self.digest.hexdigest()
        # The rest of the story is told by the restored ledger, under the same checks.
        restored.__class__ = InstrumentedLedger
        self.ledger, self.digest = restored, fresh

    @invariant()
    def moved_alike(self):
        assert self.ledger.balances == self.reference.balances()
        totals = self.ledger.totals()
        assert totals.held_units == self.reference.held()
        assert totals.supply_units == self.reference.supply()
        assert totals.minted_units == self.reference.minted()


TestLedgerAgainstReference = LedgerAgainstReference.TestCase
TestLedgerAgainstReference.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None
)
