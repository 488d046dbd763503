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
        digest: of the whole state afterwards; empty where the machine was told to leave it out.
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


class InvariantBroken(Fact, frozen=True):
    """An invariant that held does not hold any more; told once, when an audit first finds it.

    Attributes:
        sequence: the slot after which it was found. If `sound_after` is the slot before, or the
            same one, this operation broke it.
        sound_after: the last slot after which an audit found nothing wrong; 0 if none ever did.
        client: who asked for the operation after which it was found.
        operation: its type.
        what: the invariant, and by how much it is missed; with the desk's name if it is a desk's.
    """

    sequence: int
    sound_after: int
    client: str
    operation: str
    what: str


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


class Traded(Fact, frozen=True):
    """Something changed hands for money.

    Attributes:
        market: the desk where.
        buyer: who received `units`.
        seller: who received the money; the pool's own account if it was the pool.
        units: how much of the asset, or how many contracts.
        value_units: the money that was exchanged for it, fees of the sides not counted.
    """

    market: str
    buyer: str
    seller: str
    units: UnitsText
    value_units: UnitsText


class StakeSlashed(Fact, frozen=True):
    """A deed was punished; the reporter got `bounty_units`, the reserve the rest."""

    deed: str
    offender: str
    offence_class: str
    reporter: str
    slashed_units: UnitsText
    bounty_units: UnitsText


class DividendPaid(Fact, frozen=True):
    """The dividend of a quarter was shared out; `lapsed`: it was too late, and nobody got any."""

    quarter: int
    amount_units: UnitsText
    payees: int
    lapsed: bool


class RoyaltyPaid(Fact, frozen=True):
    """A use of `content` was paid for; `pool_units` went to creators and funds."""

    usage: str
    content: str
    payer: str
    pool_units: UnitsText


class Settled(Fact, frozen=True):
    """An agreement came to an end, and its money to whom it belongs.

    Attributes:
        market: the desk where.
        name: of the rental, the auction, the delivery, the session or the series.
        outcome: how it ended, in a word of the mechanism's.
        paid_units: what those who delivered received.
        returned_units: what those who had put up money got back.
    """

    market: str
    name: str
    outcome: str
    paid_units: UnitsText
    returned_units: UnitsText


class SeriesMarked(Fact, frozen=True):
    """A series of futures was marked to the market.

    Attributes:
        series: its name.
        price_units: the new mark.
        collected_units: what losing positions paid.
        insured_units: what the insurance paid.
        haircut_units: by which gains were cut.
        liquidated: whose positions were ended for lack of margin.
        settled: whether it was the last mark.
    """

    series: str
    price_units: UnitsText
    collected_units: UnitsText
    insured_units: UnitsText
    haircut_units: UnitsText
    liquidated: tuple[str, ...]
    settled: bool


class RentalEnded(Fact, frozen=True):
    """A rental was settled or refunded, as `outcome` says."""

    market: str
    number: int
    listing: int
    buyer: str
    seller: str
    outcome: str


def conserved(fact: Fact) -> str | None:
    """Whether nothing was created or lost as of `fact`; returns what is wrong, or None.

    Args:
        fact: an `OperationApplied`, a `LedgerAudited` or an `InvariantBroken`.
    """
    if isinstance(fact, InvariantBroken):
        return (
            f"{fact.operation} of {fact.client!r}, operation {fact.sequence}: {fact.what}; "
            f"all was well after operation {fact.sound_after}"
        )
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
