"""The ledger's audit: everything that must hold of it, checked from scratch.

Running totals are compared with totals added up anew, and what a ledger says twice (the present
balance and the last step of its history, a closed account and its money) must agree. It costs
O(accounts + holds), so simulations run it at intervals and tests around every call.
"""

from typing import TYPE_CHECKING

from economy.accounts import UNCONSTRAINED, Status
from economy.holds import HoldState
from economy.ledger_parameters import Totals

if TYPE_CHECKING:
    from economy.ledger import Ledger


def recount(ledger: "Ledger") -> Totals:
    """The totals with balances and holds added up anew."""
    holds = ledger.book.holds.values()
    return Totals(
        ledger.minted_units,
        ledger.burned_units,
        sum(ledger.balances.values()),
        sum(hold.amount_units for hold in holds if hold.state is HoldState.PENDING),
    )


def audit(ledger: "Ledger") -> str | None:
    """What is wrong with the ledger, or None."""
    return (
        _audit_totals(ledger)
        or _audit_balances(ledger)
        or _audit_holds(ledger)
        or _audit_accounts(ledger)
        or _audit_history(ledger)
    )


def _audit_totals(ledger: "Ledger") -> str | None:
    counted = recount(ledger)
    if counted != ledger.totals():
        return f"recounting gives {counted}, the ledger says {ledger.totals()}"
    if counted.supply_units != counted.balances_units + counted.held_units:
        return f"minted less burned is not balances plus holds: {counted}"
    if not 0 <= counted.supply_units <= ledger.parameters.cap_units:
        return f"a supply of {counted.supply_units} units is not within the cap"
    if counted.minted_units < 0 or counted.burned_units < 0:
        return f"what was minted or burned is negative: {counted}"
    return None


def _audit_balances(ledger: "Ledger") -> str | None:
    for account, units in ledger.balances.items():
        if units <= 0:
            return f"account {account!r} has {units} units"
    return None


def _audit_holds(ledger: "Ledger") -> str | None:
    for hold in ledger.book.holds.values():
        posted_most = hold.amount_units if hold.state is HoldState.POSTED else 0
        if hold.amount_units <= 0 or not 0 <= hold.posted_units <= posted_most:
            return f"a hold is not possible: {hold}"
    if ledger.book.pending_of != ledger.book.count_pending():
        return "the pending holds of some payer were miscounted"
    return None


def _audit_accounts(ledger: "Ledger") -> str | None:
    for account, standing in ledger.accounts.standings.items():
        if standing == UNCONSTRAINED or standing.minimum_units < 0:
            return f"account {account!r} has an impossible standing: {standing}"
        if standing.status is Status.CLOSED and (
            account in ledger.balances
            or account in ledger.book.pending_of
            or standing.minimum_units
        ):
            return f"account {account!r} is closed and not empty"
    return None


def _audit_history(ledger: "Ledger") -> str | None:
    history, now_ms = ledger.history, ledger.now_ms
    if history is None:
        return None
    for account in (*ledger.balances, *history.accounts()):
        if history.balance_at(account, now_ms) != ledger.balances.get(account, 0):
            return f"the history of {account!r} does not end with its balance"
    if history.total_at(now_ms) != ledger.balances_units:
        return "the history of the total does not end with the total"
    return None
