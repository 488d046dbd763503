"""Any history: the dividends are those of a reference that looks at every millisecond of it."""

from fractions import Fraction

from economy_instrument import instrument
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from economy.dividends import POOL, DividendParameters, Dividends
from economy.ledger import Ledger, LedgerParameters
from economy.refusals import Refusal

TERMS = DividendParameters(
    pool_units=1_000,
    share_ppm=100_000,
    quarter_ms=20,
    hold_ms=6,
    least_units=5,
    long_hold_ms=15,
    large_units=40,
)
NAMES = ["alice", "bob", "carol", "dave", "m/x", "treasury"]
ACCOUNTS = st.sampled_from(NAMES)


class DividendsAgainstReference(RuleBasedStateMachine):
    """The reference writes down every balance in every millisecond, and looks at all of them."""

    def __init__(self):
        super().__init__()
        figures = LedgerParameters(cap_units=10**6, genesis_units=0, history_ms=45)
        self.dividends = Dividends(instrument(Ledger)(figures), TERMS)
        self.ledger.mint(POOL, 2_000)
        for name in NAMES:
            self.ledger.mint(name, 60)
        self.now_ms = 0
        self.photographs = {}
        self.quarters = self.credited = 0
        self.closed = set()

    @property
    def ledger(self):
        return self.dividends.ledger

    @rule(payer=ACCOUNTS, payee=ACCOUNTS, units=st.integers(1, 60))
    def transfer(self, payer, payee, units):
        self.ledger.transfer(payer, payee, units)

    @rule(span_ms=st.sampled_from([1, 2, 5, 12, 21]))
    def wait(self, span_ms):
        for _ in range(span_ms):
            self.photographs[self.now_ms] = dict(self.ledger.balances)
            self.now_ms += 1
        self.ledger.expire(self.now_ms)

    @rule(more_ms=st.integers(0, 3))
    def wait_for_the_quarter_and_distribute(self, more_ms):
        self.wait(max(1, 20 * (self.quarters + 1) + more_ms - self.now_ms))
        self.distribute()

    @precondition(lambda self: "dave" not in self.ledger.balances)
    @rule()
    def close(self):
        self.ledger.close("dave")
        self.closed = {"dave"}

    def exact_weight(self, name, record_ms):
        spans = (range(record_ms - span, record_ms + 1) for span in (6, 15))
        held, held_long = (min(self.photographs[t].get(name, 0) for t in span) for span in spans)
        if held < 5:
            return Fraction(0)
        return (held + held_long * Fraction(1, 5)) * (Fraction(11, 10) if held >= 40 else 1)

    def expected(self):
        record_ms = 20 * (self.quarters + 1)
        if self.now_ms <= record_ms:
            return None
        if self.now_ms - 45 > record_ms - 15:
            return {}, True
        takers = [name for name in NAMES[:4] if name not in self.closed]
        weights = {name: self.exact_weight(name, record_ms) for name in takers}
        total = sum(weights.values())
        amount = min(100, self.ledger.balances.get(POOL, 0)) if total else 0
        exact = {name: amount * weight / total for name, weight in weights.items() if weight}
        shares = {name: int(part) for name, part in exact.items()}
        ranked = sorted(exact, key=lambda name: (shares[name] - exact[name], name))
        for name in ranked[: amount - sum(shares.values())]:
            shares[name] += 1
        return {name: units for name, units in shares.items() if units}, False

    @rule()
    def distribute(self):
        expected = self.expected()
        before = dict(self.ledger.balances)
        done = self.dividends.distribute(self.now_ms)
        if expected is None:
            assert done is Refusal.TOO_EARLY
            return
        payments, lapsed = expected
        assert (dict(done.payments), done.lapsed) == (payments, lapsed)
        assert done.amount_units == sum(payments.values())
        for name in {*before, *payments}:
            change = -done.amount_units if name == POOL else payments.get(name, 0)
            assert self.ledger.balances.get(name, 0) == before.get(name, 0) + change
        self.quarters += 1
        self.credited += done.amount_units

    @rule()
    def move_to_restored_dividends(self):
        encoded = self.dividends.encode()
        restored = Dividends(self.ledger, TERMS)
        restored.restore(encoded)
        assert restored.encode() == encoded
        self.dividends = restored

    @invariant()
    def agrees(self):
        assert self.dividends.audit() is None
        assert self.dividends.quarters == self.quarters
        assert self.dividends.paid_units == self.credited <= 2_000
        assert self.ledger.balances.get(POOL, 0) == 2_000 - self.credited


TestDividendsAgainstReference = DividendsAgainstReference.TestCase
TestDividendsAgainstReference.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None
)
