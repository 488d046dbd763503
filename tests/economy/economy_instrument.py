"""Invariants run around every call: `instrument(Ledger)` is a ledger that audits itself.

Around every public method the instrumented class checks that the ledger passes its audit before and
after, that only `mint` and `burn` change the supply, and that a refused call moved nothing.
"""

import functools

from economy.linked import LinkedRefusal
from economy.refusals import Refusal

METHODS = (
    *("transfer", "transfer_linked", "mint", "burn", "hold", "post", "void", "expire"),
    *("pass_time", "freeze", "unfreeze", "close", "require_minimum"),
)


def instrument(ledger_class):
    """A subclass of the same memory layout, so that a plain ledger can be given this class too."""
    methods = {name: _checked(name, getattr(ledger_class, name)) for name in METHODS}
    namespace = {"__slots__": (), **methods}
    return type(f"Instrumented{ledger_class.__name__}", (ledger_class,), namespace)


def money_of(ledger):
    return dict(ledger.balances), dict(ledger.book.holds), ledger.totals()


def _checked(name, method):
    @functools.wraps(method)
    def call(self, *arguments, **options):
        assert self.audit() is None, f"before {name}{arguments}: {self.audit()}"
        before = money_of(self)
        result = method(self, *arguments, **options)
        assert self.audit() is None, f"after {name}{arguments}: {self.audit()}"
        if isinstance(result, Refusal | LinkedRefusal):
            assert money_of(self) == before, f"{name}{arguments} was refused and moved money"
        if name not in {"mint", "burn"}:
            assert self.totals().supply_units == before[2].supply_units, f"{name} made money"
        return result

    return call
