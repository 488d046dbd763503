"""The books of the sealed-bid auctions: what is kept, its bytes, and the audit.

Auctions are numbered without gaps and bids kept in the order of commitment, so equal books have
equal bytes. The audit trusts nothing that can be derived: it decides each sale anew, and compares
every deposit and every payment with its hold.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

import msgspec

from economy.holds import HoldState
from economy.ledger import Ledger
from economy.ledger_parameters import DAY_MS
from economy.money import UnitsText, decode_units, encode_units
from economy.sealed_bids import COMMITMENT_SIZE, Award, Bid, PriceRule, award_of
from economy.windows import name_until
from prsm_sim.actor import RemoteProtocolError, decode, encode

FORMAT_VERSION: Final = 1


class AuctionParameters(msgspec.Struct, frozen=True):
    """The figures of sealed-bid auctions.

    Attributes:
        name: first part of the names of their holds.
        forfeits: the account that gets lost deposits.
        grace_ms: how long the holds outlast the reveal phase.
        most_bids: how many may bid in one auction.
    """

    name: str = "sealed-auction"
    forfeits: str = "treasury"
    grace_ms: int = DAY_MS
    most_bids: int = 1000

    def deposit_of(self, auction: "Auction", bid: Bid) -> str:
        """The name of the hold of a bid's deposit."""
        return self._name_of(auction, bid, "deposit")

    def payment_of(self, auction: "Auction", bid: Bid) -> str:
        """The name of the hold of a bid's amount."""
        return self._name_of(auction, bid, "payment")

    def held_until(self, auction: "Auction") -> int:
        """When all holds of an auction run out."""
        return auction.reveal_until_ms + self.grace_ms

    def _name_of(self, auction: "Auction", bid: Bid, what: str) -> str:
        # By place, not by bidder: no bidder's name can then be mistaken for part of another's.
        name = f"{self.name}/{auction.number}/{bid.place}/{what}"
        return name_until(name, self.held_until(auction))


class AuctionState(Enum):
    """What became of an auction."""

    OPEN = "open"
    SOLD = "sold"
    UNSOLD = "unsold"
    LAPSED = "lapsed"
    """Its holds ran out before it was settled: everyone got everything back."""


class Auction(msgspec.Struct):
    """One auction.

    Attributes:
        number: unique, in the order of opening.
        seller: who is paid.
        item: what is sold, a free text.
        rule: what the winner pays.
        reserve_units: the least the seller takes, ≥ 1.
        deposit_units: what each bidder puts up, ≥ 1.
        commit_until_ms: commitments are taken before.
        reveal_until_ms: bids are revealed from `commit_until_ms` on, and before this.
        state: what became of it.
        bids: by bidder, in the order of commitment.
        award: who won at what price, once sold.
    """

    number: int
    seller: str
    item: str
    rule: PriceRule
    reserve_units: int
    deposit_units: int
    commit_until_ms: int
    reveal_until_ms: int
    state: AuctionState = AuctionState.OPEN
    bids: dict[str, Bid] = {}
    award: Award | None = None

    def is_backed(self, bid: Bid) -> bool:
        """Whether the bid was opened and could win, so that its amount was put up."""
        return bid.amount_units >= self.reserve_units


class EncodedAuction(msgspec.Struct, frozen=True, array_like=True):
    """An `Auction` as it is saved; each bid is its bidder, its commitment and its amount."""

    seller: str
    item: str
    rule: PriceRule
    reserve_units: UnitsText
    deposit_units: UnitsText
    commit_until_ms: int
    reveal_until_ms: int
    state: AuctionState
    bids: tuple[tuple[str, bytes, UnitsText], ...]
    award: tuple[str, UnitsText] | None


class EncodedAuctions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All auctions, in the order of their numbers, which begin at 1."""

    version: int
    auctions: tuple[EncodedAuction, ...]


def encode_auctions(auctions: Mapping[int, Auction]) -> bytes:
    """The auctions as canonical bytes."""
    saved = tuple(_encode_auction(auctions[number]) for number in sorted(auctions))
    return encode(EncodedAuctions(FORMAT_VERSION, saved))


def restore_auctions(encoded: bytes) -> dict[int, Auction]:
    """The auctions that `encode_auctions` made `encoded` of.

    Raises:
        RemoteProtocolError: the bytes encode no auctions, or another version's.
    """
    state: EncodedAuctions = decode(encoded, EncodedAuctions)
    if state.version != FORMAT_VERSION:
        raise RemoteProtocolError(f"auctions of format {state.version}, this is {FORMAT_VERSION}")
    return {n: _decode_auction(n, auction) for n, auction in enumerate(state.auctions, 1)}


def has_run_out(ledger: Ledger, name: str) -> bool:
    """Whether the hold of this name, which was made, has expired; it may be forgotten since."""
    hold = ledger.book.holds.get(name)
    return hold is None or hold.state is HoldState.EXPIRED


def audit_auctions(
    ledger: Ledger, parameters: AuctionParameters, auctions: Mapping[int, Auction]
) -> str | None:
    """Check the books from scratch, and the ledger against them; returns what is wrong, or None."""
    for number, auction in auctions.items():
        if auction.reserve_units < 1 or auction.deposit_units < 1:
            return f"auction {number} has no reserve or no deposit"
        if auction.commit_until_ms >= auction.reveal_until_ms:
            return f"auction {number} has no time to reveal"
        if [bid.place for bid in auction.bids.values()] != list(range(len(auction.bids))):
            return f"the bids of auction {number} are out of order"
        due = _award_due(auction)
        if auction.award != due or (due is not None) != (auction.state is AuctionState.SOLD):
            return f"auction {number} is {auction.state} with {auction.award}, due is {due}"
        for bid in auction.bids.values():
            fault = _fault_of(auction, bid, ledger, parameters)
            if fault is not None:
                return f"auction {number}: {fault} of {bid.bidder!r}"
    return None


def _award_due(auction: Auction) -> Award | None:
    if auction.state in (AuctionState.OPEN, AuctionState.LAPSED):
        return None
    return award_of(auction.bids.values(), auction.rule, auction.reserve_units)


def _fault_of(
    auction: Auction, bid: Bid, ledger: Ledger, parameters: AuctionParameters
) -> str | None:
    if len(bid.commitment) != COMMITMENT_SIZE or bid.amount_units < 0:
        return "no possible bid"
    holds = ledger.book.holds
    made = [("deposit", parameters.deposit_of(auction, bid), auction.deposit_units)]
    if auction.is_backed(bid):
        made.append(("payment", parameters.payment_of(auction, bid), bid.amount_units))
    for what, name, units in made:
        hold = holds.get(name)
        if hold is None:
            # Some ledgers have forgotten the holds that ran out.
            if not ledger.parameters.hold_retention_ms:
                return f"there is no {what}"
            continue
        until_ms = parameters.held_until(auction)
        if not hold.has_terms(bid.bidder, parameters.name, units, until_ms):
            return f"the hold has other terms than the {what}"
        if auction.state is AuctionState.OPEN and hold.state not in _ALIVE:
            return f"the hold is {hold.state}, the auction still needs the {what}"
        if auction.state is AuctionState.SOLD and what == "payment":
            won = auction.award is not None and auction.award.winner == bid.bidder
            if won != (hold.state is HoldState.POSTED):
                return f"the hold is {hold.state}, which does not fit the {what}"
    return None


_ALIVE: Final = (HoldState.PENDING, HoldState.EXPIRED)
"""Where the holds of an open auction may be: what ran out is noticed when it is settled."""


def _encode_auction(auction: Auction) -> EncodedAuction:
    award = auction.award
    return EncodedAuction(
        seller=auction.seller,
        item=auction.item,
        rule=auction.rule,
        reserve_units=encode_units(auction.reserve_units),
        deposit_units=encode_units(auction.deposit_units),
        commit_until_ms=auction.commit_until_ms,
        reveal_until_ms=auction.reveal_until_ms,
        state=auction.state,
        bids=tuple(
            (bid.bidder, bid.commitment, encode_units(bid.amount_units))
            for bid in auction.bids.values()
        ),
        award=None if award is None else (award.winner, encode_units(award.price_units)),
    )


def _decode_auction(number: int, auction: EncodedAuction) -> Auction:
    bids = {
        bidder: Bid(bidder, place, commitment, decode_units(amount))
        for place, (bidder, commitment, amount) in enumerate(auction.bids)
    }
    award = auction.award
    return Auction(
        number=number,
        seller=auction.seller,
        item=auction.item,
        rule=auction.rule,
        reserve_units=decode_units(auction.reserve_units),
        deposit_units=decode_units(auction.deposit_units),
        commit_until_ms=auction.commit_until_ms,
        reveal_until_ms=auction.reveal_until_ms,
        state=auction.state,
        bids=bids,
        award=None if award is None else Award(award[0], decode_units(award[1])),
    )
