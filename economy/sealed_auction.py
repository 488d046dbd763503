"""Sealed-bid auctions by commit and reveal: nobody sees a bid before nobody can change one.

In the first phase bidders commit (`sealed_bids`) and put up a deposit, the same for all, so that it
says nothing about the bid. In the second they reveal, and put up what they bid. Then the winner
pays the seller and everyone else gets everything back, except who did not reveal: his deposit is
lost. Without that, a bidder could commit to many bids and open only the one that suits him when he
has seen the others.

The lost deposit does not go to the seller, but to `AuctionParameters.forfeits`. A seller who got it
could bid against his own buyers under other names at no risk: revealing the bid that raises the
second price, and taking back the deposits of those that would have won.

Money is held by the ledger throughout, so an auction that nobody settles returns all of it when its
holds run out, deposits included. `advance` settles what is due, each auction as of the end of its
reveal phase; call it first, before anything else is done at that time.

Every method that changes something returns a `Refusal` when it did not, and has changed nothing
then.
"""

from heapq import heapify, heappop, heappush

import msgspec

from economy.deadlines import next_after
from economy.ledger import Ledger
from economy.refusals import Refusal
from economy.sealed_auction_state import (
    Auction,
    AuctionParameters,
    AuctionState,
    audit_auctions,
    encode_auctions,
    has_run_out,
    restore_auctions,
)
from economy.sealed_bids import (
    COMMITMENT_SIZE,
    LEAST_NONCE,
    MOST_NONCE,
    Bid,
    PriceRule,
    award_of,
    commitment_of,
)
from prsm_sim.actor import RemoteProtocolError


class Opened(msgspec.Struct, frozen=True):
    """An auction was opened, under this number."""

    number: int


class SealedAuctions:
    """The sealed-bid auctions of a ledger.

    Args:
        ledger: where the money is.
        parameters: the figures.

    Attributes:
        auctions: by number. Read them, do not write them.
    """

    def __init__(self, ledger: Ledger, parameters: AuctionParameters | None = None) -> None:
        self.ledger = ledger
        self.parameters = AuctionParameters() if parameters is None else parameters
        self.auctions: dict[int, Auction] = {}
        self._due: list[tuple[int, int]] = []
        """Ends of reveal phases of open auctions, and the auction's number."""

    def open(
        self,
        seller: str,
        item: str,
        rule: PriceRule,
        reserve_units: int,
        deposit_units: int,
        commit_until_ms: int,
        reveal_until_ms: int,
        now_ms: int,
    ) -> Opened | Refusal:
        """Begin an auction; it cannot be called off, for that would be one more way to choose.

        Refused: `INVALID_AMOUNT`, `OUT_OF_RANGE` (above all money), `EXPIRY_PAST` (a phase would
        have no length), `EXPIRY_TOO_FAR` (deposits would be held longer than the ledger allows).
        """
        if reserve_units < 1 or deposit_units < 1:
            return Refusal.INVALID_AMOUNT
        if max(reserve_units, deposit_units) > self.ledger.parameters.cap_units:
            return Refusal.OUT_OF_RANGE
        if not now_ms < commit_until_ms < reveal_until_ms:
            return Refusal.EXPIRY_PAST
        held_ms = reveal_until_ms + self.parameters.grace_ms - now_ms
        if held_ms > self.ledger.parameters.max_hold_ms:
            return Refusal.EXPIRY_TOO_FAR
        number = len(self.auctions) + 1
        self.auctions[number] = Auction(
            number=number,
            seller=seller,
            item=item,
            rule=rule,
            reserve_units=reserve_units,
            deposit_units=deposit_units,
            commit_until_ms=commit_until_ms,
            reveal_until_ms=reveal_until_ms,
        )
        heappush(self._due, (reveal_until_ms, number))
        return Opened(number)

    def commit(self, number: int, bidder: str, commitment: bytes, now_ms: int) -> Refusal | None:
        """Bid without saying how much, and put up the deposit; once an auction.

        Refused: `UNKNOWN_AUCTION`, `WRONG_STATE`, `TOO_LATE`, `SAME_ACCOUNT` (one's own auction),
        `ALREADY_COMMITTED`, `OUT_OF_RANGE` (not 32 bytes), `NO_CAPACITY`, or the ledger's reason.
        """
        auction = self._find(number)
        if isinstance(auction, Refusal):
            return auction
        if now_ms >= auction.commit_until_ms:
            return Refusal.TOO_LATE
        if bidder == auction.seller:
            return Refusal.SAME_ACCOUNT
        if bidder in auction.bids:
            return Refusal.ALREADY_COMMITTED
        if len(commitment) != COMMITMENT_SIZE:
            return Refusal.OUT_OF_RANGE
        if len(auction.bids) >= self.parameters.most_bids:
            return Refusal.NO_CAPACITY
        bid = Bid(bidder, len(auction.bids), commitment)
        refusal = self._hold(
            self.parameters.deposit_of(auction, bid), auction, bidder, auction.deposit_units, now_ms
        )
        if refusal is None:
            auction.bids[bidder] = bid
        return refusal

    def reveal(
        self, number: int, bidder: str, amount_units: int, nonce: bytes, now_ms: int
    ) -> Refusal | None:
        """Open one's bid, and put up the amount if it can win.

        Refused: `UNKNOWN_AUCTION`, `WRONG_STATE` (over, or revealed before), `TOO_EARLY`,
        `TOO_LATE`, `NO_COMMITMENT`, `INVALID_AMOUNT`, `OUT_OF_RANGE` (the nonce's length),
        `COMMITMENT_MISMATCH`, or the ledger's reason; a bid that is not paid up in time counts as
        not revealed.
        """
        auction = self._find(number)
        if isinstance(auction, Refusal):
            return auction
        if now_ms < auction.commit_until_ms:
            return Refusal.TOO_EARLY
        if now_ms >= auction.reveal_until_ms:
            return Refusal.TOO_LATE
        bid = auction.bids.get(bidder)
        if bid is None:
            return Refusal.NO_COMMITMENT
        if bid.amount_units:
            return Refusal.WRONG_STATE
        if amount_units < 1:
            return Refusal.INVALID_AMOUNT
        if not LEAST_NONCE <= len(nonce) <= MOST_NONCE:
            return Refusal.OUT_OF_RANGE
        if commitment_of(number, bidder, amount_units, nonce) != bid.commitment:
            return Refusal.COMMITMENT_MISMATCH
        refusal = None
        if amount_units >= auction.reserve_units:
            payment = self.parameters.payment_of(auction, bid)
            refusal = self._hold(payment, auction, bidder, amount_units, now_ms)
        if refusal is None:
            bid.amount_units = amount_units
        return refusal

    def next_due_ms(self, after_ms: int) -> int | None:
        """The earliest end of a reveal phase later than `after_ms`, or None."""
        return next_after(self._due, after_ms, lambda entry: True)

    def advance(self, now_ms: int) -> tuple[int, ...]:
        """Settle the auctions whose reveal phase is over by `now_ms`, the first over first.

        Returns:
            Their numbers. An auction whose seller cannot be paid stays due, until its holds run
            out and it lapses.
        """
        settled: list[int] = []
        stuck: list[tuple[int, int]] = []
        while self._due and self._due[0][0] <= now_ms:
            entry = heappop(self._due)
            if self._settle(self.auctions[entry[1]]) is None:
                settled.append(entry[1])
            else:
                stuck.append(entry)
        for entry in stuck:
            heappush(self._due, entry)
        return tuple(settled)

    # --- the whole state --------------------------------------------------------------------

    def audit(self) -> str | None:
        """Check the auctions, and the ledger against them; returns what is wrong, or None."""
        return audit_auctions(self.ledger, self.parameters, self.auctions)

    def encode(self) -> bytes:
        """The whole state but the ledger's, as canonical bytes."""
        return encode_auctions(self.auctions)

    def restore(self, encoded: bytes) -> None:
        """Replace the whole state by one that `encode` gave; restore the ledger first.

        Raises:
            RemoteProtocolError: it is no sound state with this ledger; nothing was replaced.
        """
        auctions = restore_auctions(encoded)
        fault = audit_auctions(self.ledger, self.parameters, auctions)
        if fault is not None:
            raise RemoteProtocolError(f"restored auctions: {fault}")
        self.auctions = auctions
        self._due = [
            (auction.reveal_until_ms, number)
            for number, auction in auctions.items()
            if auction.state is AuctionState.OPEN
        ]
        heapify(self._due)

    # --- parts ------------------------------------------------------------------------------

    def _find(self, number: int) -> Auction | Refusal:
        auction = self.auctions.get(number)
        if auction is None:
            return Refusal.UNKNOWN_AUCTION
        return auction if auction.state is AuctionState.OPEN else Refusal.WRONG_STATE

    def _settle(self, auction: Auction) -> Refusal | None:
        """Pay the seller, return what is to be returned, and take what is lost.

        Only the first payment can stop it. Whatever else the ledger would refuse stays held, and
        returns to its owner when the hold runs out.
        """
        names, ledger, at_ms = self.parameters, self.ledger, auction.reveal_until_ms
        bids = tuple(auction.bids.values())
        if any(has_run_out(ledger, names.deposit_of(auction, bid)) for bid in bids):
            auction.state = AuctionState.LAPSED
            return None
        award = award_of(bids, auction.rule, auction.reserve_units)
        if award is not None:
            payment = names.payment_of(auction, auction.bids[award.winner])
            refusal = ledger.post(payment, ((auction.seller, award.price_units),), at_ms)
            if refusal is not None:
                return refusal
        for bid in bids:
            deposit = names.deposit_of(auction, bid)
            if bid.amount_units:
                ledger.void(deposit, at_ms)
            else:
                ledger.post(deposit, ((names.forfeits, auction.deposit_units),), at_ms)
            if auction.is_backed(bid) and (award is None or bid.bidder != award.winner):
                ledger.void(names.payment_of(auction, bid), at_ms)
        auction.award = award
        auction.state = AuctionState.UNSOLD if award is None else AuctionState.SOLD
        return None

    def _hold(
        self, name: str, auction: Auction, bidder: str, units: int, now_ms: int
    ) -> Refusal | None:
        until_ms = self.parameters.held_until(auction)
        return self.ledger.hold(name, bidder, self.parameters.name, units, until_ms, now_ms)
