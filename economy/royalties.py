"""Paying royalties: each use of a work once, from its user to all on whose work it stands.

What is due to whom is computed in `royalty_shares`; here it is paid, by one chain of linked
transfers that is done as a whole or not at all, and recorded. The name of a use is its idempotency
key. A creator who uses his own work keeps his own share and pays the others'.

Three accounts keep money: the platform's and governance's fees, and the commons. What they have
received and what was withdrawn from them is on record, so

    Σ pools = Σ earned by creators + Σ received by the funds
    received − withdrawn = balance, for each fund.

Whoever applies these operations decides who may withdraw, and lets no one pay into a fund directly.
"""

from typing import Final

import msgspec

from economy.impact import ImpactParameters
from economy.ledger import Ledger
from economy.money import UnitsText, decode_units, encode_units
from economy.provenance import ProvenanceGraph
from economy.refusals import Refusal
from economy.royalty_shares import RoyaltyParameters, Shares, royalty_pool, share_out
from prsm_sim.actor import RemoteProtocolError, decode, encode

PLATFORM: Final = "royalties/platform"
GOVERNANCE: Final = "royalties/governance"
COMMONS: Final = "royalties/commons"
FUNDS: Final = (PLATFORM, GOVERNANCE, COMMONS)
FORMAT_VERSION: Final = 1


class Payment(msgspec.Struct, frozen=True):
    """A royalty that was paid.

    Attributes:
        content: what was used.
        payer: who used it.
        value_units: what the use was worth.
        pool_units: the royalty for it.
    """

    content: str
    payer: str
    value_units: int
    pool_units: int


class Fund(msgspec.Struct, frozen=True):
    """What an account of the royalties' own has received and what was withdrawn from it."""

    received_units: int = 0
    withdrawn_units: int = 0


class EncodedPayment(msgspec.Struct, frozen=True, array_like=True):
    """A `Payment` as it is saved, with the name of its use."""

    usage: str
    content: str
    payer: str
    value_units: UnitsText
    pool_units: UnitsText


class EncodedRoyalties(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `Royalties` as it is saved; `funds` are in the order of `FUNDS`."""

    version: int
    payments: tuple[EncodedPayment, ...]
    earned: tuple[tuple[str, UnitsText], ...]
    funds: tuple[tuple[UnitsText, UnitsText], ...]


class Royalties:
    """Royalties over one ledger and one provenance graph.

    Args:
        ledger: where the money is.
        graph: who made what; its owner keeps its state.
        parameters: the figures.
        weights: those of impact.

    Attributes:
        payments: by the name of the use. They are never dropped: a forgotten use is paid twice.
        earned_units: what each creator has earned in all, after cuts.
        funds: the books of the accounts that keep money.
    """

    __slots__ = ("earned_units", "funds", "graph", "ledger", "parameters", "payments", "weights")

    def __init__(
        self,
        ledger: Ledger,
        graph: ProvenanceGraph,
        parameters: RoyaltyParameters | None = None,
        weights: ImpactParameters | None = None,
    ) -> None:
        self.ledger = ledger
        self.graph = graph
        self.parameters = RoyaltyParameters() if parameters is None else parameters
        self.weights = ImpactParameters() if weights is None else weights
        self.payments: dict[str, Payment] = {}
        self.earned_units: dict[str, int] = {}
        self.funds: dict[str, Fund] = dict.fromkeys(FUNDS, Fund())

    def pay(self, usage: str, content: str, payer: str, value_units: int) -> Payment | Refusal:
        """Pay the royalty for one use; repeating it on the same terms does nothing.

        Args:
            usage: unique name of the use.
            content: what was used.
            payer: who used it, and pays the royalty on top of whatever else the use costs.
            value_units: what the use was worth, > 0 and within the ledger's cap.

        Returns:
            What was paid: by the first call of this name if this is not it.
        """
        before = self.payments.get(usage)
        if before is not None:
            terms = before.content, before.payer, before.value_units
            return before if terms == (content, payer, value_units) else Refusal.ID_TAKEN
        if content not in self.graph.contents:
            return Refusal.UNKNOWN_CONTENT
        if not 0 < value_units <= self.ledger.parameters.cap_units:
            return Refusal.INVALID_AMOUNT
        pool_units = royalty_pool(self.graph, content, value_units, self.parameters, self.weights)
        shares = share_out(self.graph, content, pool_units, self.parameters, self.ledger)
        if payer in self.funds or any(creator in self.funds for creator, _ in shares.creators):
            return Refusal.NOT_AUTHORISED  # or a fund would move and its books would not
        refused = self.ledger.transfer_linked(_moves(payer, shares))
        if refused is not None:
            return refused.refusal
        for creator, units in shares.creators:
            if units:
                self.earned_units[creator] = self.earned_units.get(creator, 0) + units
        for fund, units in _to_funds(shares):
            book = self.funds[fund]
            self.funds[fund] = Fund(book.received_units + units, book.withdrawn_units)
        self.payments[usage] = Payment(content, payer, value_units, pool_units)
        return self.payments[usage]

    def withdraw(self, fund: str, payee: str, units: int) -> Refusal | None:
        """Pay `units` out of one of `FUNDS`; the right of whoever governs it."""
        book = self.funds.get(fund)
        if book is None or payee in self.funds:
            return Refusal.NOT_AUTHORISED
        refusal = self.ledger.transfer(fund, payee, units)
        if refusal is None:
            self.funds[fund] = Fund(book.received_units, book.withdrawn_units + units)
        return refusal

    def audit(self) -> str | None:
        """Check the books against the ledger, from scratch; returns what is wrong, or None."""
        pools_units = sum(payment.pool_units for payment in self.payments.values())
        shared_units = sum(self.earned_units.values())
        shared_units += sum(book.received_units for book in self.funds.values())
        if pools_units != shared_units:
            return f"pools of {pools_units} units in all were shared out as {shared_units}"
        for fund, book in self.funds.items():
            kept_units = book.received_units - book.withdrawn_units
            if self.ledger.balances.get(fund, 0) != kept_units:
                return f"{fund} should hold {kept_units}, not {self.ledger.balances.get(fund, 0)}"
        for usage, payment in self.payments.items():
            if payment.pool_units < 0 or payment.value_units <= 0:
                return f"use {usage!r} is not possible: {payment}"
            if payment.content not in self.graph.contents:
                return f"use {usage!r} is of no content"
        return None

    def encode(self) -> bytes:
        """The whole state as canonical bytes, without that of the ledger and of the graph."""
        return encode(
            EncodedRoyalties(
                version=FORMAT_VERSION,
                payments=tuple(
                    EncodedPayment(
                        usage,
                        payment.content,
                        payment.payer,
                        encode_units(payment.value_units),
                        encode_units(payment.pool_units),
                    )
                    for usage, payment in sorted(self.payments.items())
                ),
                earned=tuple(
                    (creator, encode_units(units))
                    for creator, units in sorted(self.earned_units.items())
                ),
                funds=tuple(
                    (encode_units(book.received_units), encode_units(book.withdrawn_units))
                    for book in (self.funds[fund] for fund in FUNDS)
                ),
            )
        )

    def restore(self, encoded: bytes) -> None:
        """Replace the whole state by the one in `encoded`, over the ledger and graph as they are.

        Raises:
            RemoteProtocolError: it is not a sound state over them; nothing has changed.
        """
        state: EncodedRoyalties = decode(encoded, EncodedRoyalties)
        if state.version != FORMAT_VERSION or len(state.funds) != len(FUNDS):
            raise RemoteProtocolError(f"royalties of format {state.version}, not {FORMAT_VERSION}")
        fresh = Royalties(self.ledger, self.graph, self.parameters, self.weights)
        for entry in state.payments:
            fresh.payments[entry.usage] = Payment(
                entry.content,
                entry.payer,
                decode_units(entry.value_units),
                decode_units(entry.pool_units),
            )
        fresh.earned_units = {creator: decode_units(units) for creator, units in state.earned}
        for fund, (received, withdrawn) in zip(FUNDS, state.funds, strict=True):
            fresh.funds[fund] = Fund(decode_units(received), decode_units(withdrawn))
        discrepancy = fresh.audit()
        if discrepancy is None and fresh.encode() != encoded:
            discrepancy = "the bytes are not in canonical form"
        if discrepancy is not None:
            raise RemoteProtocolError(f"restored royalties: {discrepancy}")
        self.payments, self.earned_units = fresh.payments, fresh.earned_units
        self.funds = fresh.funds


def _to_funds(shares: Shares) -> tuple[tuple[str, int], ...]:
    return (
        (PLATFORM, shares.platform_units),
        (GOVERNANCE, shares.governance_units),
        (COMMONS, shares.commons_units),
    )


def _moves(payer: str, shares: Shares) -> list[tuple[str, str, int]]:
    """The transfers that pay the shares; none of nothing, and none from the payer to himself."""
    return [
        (payer, payee, units)
        for payee, units in (*_to_funds(shares), *shares.creators)
        if units and payee != payer
    ]
