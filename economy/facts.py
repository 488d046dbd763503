"""What the economy tells the outside: facts for checkers, metrics and the trace.

Every amount is a `UnitsText`. Each replica reports what its own copy of the ledger did, so an
observer of a committee sees each fact once a replica.
"""

from economy.money import UnitsText, decode_units
from prsm_sim.actor import Fact


class OperationApplied(Fact, frozen=True):
    """A ledger operation was applied, or refused.

    Attributes:
        sequence: the slot that consensus gave it.
        client: who asked for it.
        operation: its type, such as ``Transfer``; ``malformed`` if it could not be decoded.
        refusal: why it was refused, or empty.
        digest: of the whole ledger afterwards.
        supply_units: minted less burned.
        balances_units: sum of balances, from the running total.
        holds_units: sum of pending holds, from the running total.
    """

    sequence: int
    client: str
    operation: str
    refusal: str
    digest: str
    supply_units: UnitsText
    balances_units: UnitsText
    holds_units: UnitsText


class LedgerAudited(Fact, frozen=True):
    """The whole ledger was added up anew.

    Attributes:
        sequence: the slot after which it was.
        accounts: how many accounts it has.
        supply_units: minted less burned.
        balances_units: sum of balances, recounted.
        holds_units: sum of pending holds, recounted.
        discrepancy: what the audit found wrong, or empty.
    """

    sequence: int
    accounts: int
    supply_units: UnitsText
    balances_units: UnitsText
    holds_units: UnitsText
    discrepancy: str


class QueryOpened(Fact, frozen=True):
    """The payment for a query is in escrow, until `expires_at_ms` of ledger time."""

    query: str
    payer: str
    orchestrator: str
    amount_units: UnitsText
    expires_at_ms: int


class QuerySettled(Fact, frozen=True):
    """The contributors of a query were paid; `returned_units` went back to its payer."""

    query: str
    payments: tuple[tuple[str, UnitsText], ...]
    returned_units: UnitsText


class QueryRefunded(Fact, frozen=True):
    """The whole escrow of a query went back to its payer, because it `expired` or was refunded."""

    query: str
    returned_units: UnitsText
    expired: bool


def conserved(fact: Fact) -> str | None:
    """Whether nothing was created or lost as of `fact`; returns what is wrong, or None.

    Args:
        fact: an `OperationApplied` or a `LedgerAudited`.
    """
    assert isinstance(fact, OperationApplied | LedgerAudited), f"{fact!r} holds no totals"
    supply_units = decode_units(fact.supply_units)
    accounted_units = decode_units(fact.balances_units) + decode_units(fact.holds_units)
    if supply_units != accounted_units:
        return (
            f"after operation {fact.sequence} balances and holds add up to {accounted_units} "
            f"units, the supply is {supply_units}"
        )
    if isinstance(fact, LedgerAudited) and fact.discrepancy:
        return f"after operation {fact.sequence}: {fact.discrepancy}"
    return None
