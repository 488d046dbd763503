"""Sealed-bid auctions as operations.

A bidder commits to `commitment_of(auction, himself, amount, nonce)` and reveals later. Auctions end
by themselves when their time is up, and what came of each is told as a fact.
"""

from typing import Annotated, TypeAlias

from msgspec import Meta

from economy.desks.desk import (
    Answer,
    Count,
    Desk,
    DeskOperation,
    KeyedOperation,
    Reading,
    Text,
    answer,
    refused,
)
from economy.facts import Settled
from economy.money import UnitsText, decode_units, encode_units
from economy.operations import Milliseconds
from economy.refusals import Refusal
from economy.sealed_auction import Opened, SealedAuctions
from economy.sealed_auction_state import Auction, AuctionState
from economy.sealed_bids import COMMITMENT_SIZE, LEAST_NONCE, MOST_NONCE, PriceRule
from prsm_sim.actor import Fact, Message

Commitment: TypeAlias = Annotated[
    bytes, Meta(min_length=COMMITMENT_SIZE, max_length=COMMITMENT_SIZE)
]
Nonce: TypeAlias = Annotated[bytes, Meta(min_length=LEAST_NONCE, max_length=MOST_NONCE)]


class OpenAuction(KeyedOperation, frozen=True):
    """Sell something of the client's by sealed bids."""

    item: Text
    rule: PriceRule
    reserve_units: UnitsText
    deposit_units: UnitsText
    commit_until_ms: Milliseconds
    reveal_until_ms: Milliseconds


class CommitBid(DeskOperation, frozen=True):
    """Bid without saying how much, and put up the deposit; once an auction."""

    number: Count
    commitment: Commitment


class RevealBid(DeskOperation, frozen=True):
    """Say how much one's bid is, and put it up."""

    number: Count
    amount_units: UnitsText
    nonce: Nonce


class ReadAuction(Reading, frozen=True):
    """Ask how an auction stands."""

    number: Count


class AuctionOpened(Message, frozen=True):
    """The auction has this number."""

    number: int


class AuctionStatus(Message, frozen=True):
    """An auction; `winner` and `price_units` are empty and 0 unless it is sold."""

    number: int
    seller: str
    item: str
    rule: PriceRule
    reserve_units: UnitsText
    deposit_units: UnitsText
    commit_until_ms: int
    reveal_until_ms: int
    state: AuctionState
    bids: int
    winner: str
    price_units: UnitsText


class AuctionsDesk(Desk):
    """Sealed-bid auctions behind operations.

    Args:
        auctions: the mechanism.
    """

    name = "auctions"
    operations = (OpenAuction, CommitBid, RevealBid, ReadAuction)
    results = (AuctionOpened, AuctionStatus)

    def __init__(self, auctions: SealedAuctions) -> None:
        super().__init__(auctions)
        self.auctions = auctions

    def perform(self, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        """Do what `client` asks."""
        auctions = self.auctions
        match operation:
            case OpenAuction():
                return self._open(client, operation, now_ms)
            case CommitBid(number, commitment):
                return answer(auctions.commit(number, client, commitment, now_ms))
            case RevealBid(number, amount, nonce):
                amount_units = decode_units(amount)
                return answer(auctions.reveal(number, client, amount_units, nonce, now_ms))
            case ReadAuction(number):
                auction = auctions.auctions.get(number)
                if auction is None:
                    return refused(Refusal.UNKNOWN_AUCTION)
                return Answer(_status(auction))
        raise AssertionError(f"{operation} is for another desk")

    def due_ms(self, after_ms: int) -> int | None:
        """When the next auction ends."""
        return self.auctions.next_due_ms(after_ms)

    def advance(self, now_ms: int) -> tuple[Fact, ...]:
        """Settle the auctions that are over."""
        settled = self.auctions.advance(now_ms)
        return tuple(_settled(self.auctions.auctions[number]) for number in settled)

    def _open(self, client: str, wanted: OpenAuction, now_ms: int) -> Answer:
        opened = self.auctions.open(
            client,
            wanted.item,
            wanted.rule,
            decode_units(wanted.reserve_units),
            decode_units(wanted.deposit_units),
            wanted.commit_until_ms,
            wanted.reveal_until_ms,
            now_ms,
        )
        if isinstance(opened, Opened):
            return Answer(AuctionOpened(opened.number))
        return refused(opened)


def _status(auction: Auction) -> AuctionStatus:
    award = auction.award
    return AuctionStatus(
        number=auction.number,
        seller=auction.seller,
        item=auction.item,
        rule=auction.rule,
        reserve_units=encode_units(auction.reserve_units),
        deposit_units=encode_units(auction.deposit_units),
        commit_until_ms=auction.commit_until_ms,
        reveal_until_ms=auction.reveal_until_ms,
        state=auction.state,
        bids=len(auction.bids),
        winner="" if award is None else award.winner,
        price_units=encode_units(0 if award is None else award.price_units),
    )


def _settled(auction: Auction) -> Settled:
    """Of what bidders had put up, the price went to the seller; lost deposits went elsewhere."""
    bids = auction.bids.values()
    put_up = sum(auction.deposit_units for bid in bids)
    put_up += sum(bid.amount_units for bid in bids if auction.is_backed(bid))
    lost = sum(auction.deposit_units for bid in bids if not bid.amount_units)
    if auction.state is AuctionState.LAPSED:
        lost = 0
    paid = 0 if auction.award is None else auction.award.price_units
    return Settled(
        AuctionsDesk.name,
        str(auction.number),
        auction.state.value,
        encode_units(paid),
        encode_units(put_up - paid - lost),
    )
