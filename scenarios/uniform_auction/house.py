"""An auction house: it opens one sealed-bid auction after the other, and its ledger pays.

Half a second is for commitments, another half for revealing; then the house settles and says who
won at what price. It never learns a value, and a bid only when everyone has committed. Its books
are added up now and then, while no auction is open, so that nothing may be held.
"""

from economy.genesis import open_ledger
from economy.ledger import LedgerParameters
from economy.money import UnitsText, decode_units, encode_units
from economy.sealed_auction import Opened, SealedAuctions
from economy.sealed_auction_state import AuctionParameters
from economy.sealed_bids import PriceRule
from prsm_sim.actor import Actor, Context, Fact, PeerId, Seconds, on
from scenarios.uniform_auction.bidder import AuctionOpened, Commit, Reveal, RevealAsked
from scenarios.uniform_auction.parameters import (
    ROUND_S,
    VALUE_MOST_UNITS,
    UniformAuctionParameters,
)

HOUSE = "house"
SELLER = "seller"
PHASE_S: Seconds = 0.5
LINK_S: Seconds = 0.1
GRACE_MS = 1000
MS = 1000
DEPOSIT_UNITS = VALUE_MOST_UNITS // 100
AUDIT_EVERY = 250
"""Auctions between two audits."""


class AuctionSettled(Fact, frozen=True):
    """An auction is over; nobody won if `winner` is empty."""

    number: int
    winner: PeerId
    price_units: UnitsText


class BooksClosed(Fact, frozen=True):
    """Everything was added up.

    Attributes:
        number: of the latest auction.
        supply_units: minted less burned; `owned_units` what all accounts and holds have, recounted.
        held_units: what is held for bids that are not settled.
        discrepancy: what the audits found wrong, or empty.
    """

    number: int
    supply_units: UnitsText
    owned_units: UnitsText
    held_units: UnitsText
    discrepancy: str


class House(Actor):
    """Holds one auction after the other.

    Args:
        parameters: of the run.
        bidders: their names.
    """

    def __init__(self, parameters: UniformAuctionParameters, bidders: tuple[PeerId, ...]) -> None:
        p = parameters
        self.bidders = bidders
        self.rule = PriceRule(p.rule)
        self.reserve_units = p.reserve_units
        self.auctions_most = p.auctions
        each = funds(p)
        total = each * len(bidders)
        self.ledger = open_ledger(
            dict.fromkeys(bidders, each),
            LedgerParameters(cap_units=total, genesis_units=total, hold_retention_ms=1),
        )
        self.auctions = SealedAuctions(self.ledger, AuctionParameters(grace_ms=GRACE_MS))
        self.number = 0

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """Hold the first auction a moment later, when everyone is there."""
        ctx.set_timer("open", ROUND_S - 2 * PHASE_S)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Open an auction, end its first phase, or settle it."""
        now_ms = round(ctx.now * MS)
        self.ledger.pass_time(now_ms)
        if name == "open":
            self._open(ctx, now_ms)
        elif name == "reveal":
            ctx.broadcast(RevealAsked(self.number), self.bidders)
            ctx.set_timer("settle", PHASE_S)
        else:
            self._settle(ctx, now_ms)

    @on(Commit)
    def commit(self, ctx: Context, sender: PeerId, message: Commit) -> None:
        """Take a commitment; one that comes too late is refused."""
        now_ms = round(ctx.now * MS)
        self.auctions.commit(message.number, sender, message.commitment, now_ms)

    @on(Reveal)
    def reveal(self, ctx: Context, sender: PeerId, message: Reveal) -> None:
        """Take a bid."""
        amount_units, now_ms = decode_units(message.amount_units), round(ctx.now * MS)
        self.auctions.reveal(message.number, sender, amount_units, message.nonce, now_ms)

    def _open(self, ctx: Context, now_ms: int) -> None:
        phase_ms = round(PHASE_S * MS)
        ends_ms = now_ms + phase_ms, now_ms + 2 * phase_ms
        opened = self.auctions.open(
            SELLER, "a thing", self.rule, self.reserve_units, DEPOSIT_UNITS, *ends_ms, now_ms
        )
        assert isinstance(opened, Opened), f"nothing is wrong with it, yet {opened}"
        self.number = opened.number
        ctx.broadcast(AuctionOpened(self.number), self.bidders)
        ctx.set_timer("reveal", PHASE_S)

    def _settle(self, ctx: Context, now_ms: int) -> None:
        self.auctions.advance(now_ms)
        award = self.auctions.auctions[self.number].award
        winner, price_units = ("", 0) if award is None else award
        ctx.emit(AuctionSettled(self.number, winner, encode_units(price_units)))
        if self.number % AUDIT_EVERY == 0 or self.number == self.auctions_most:
            ctx.emit(self.books())
        if self.number < self.auctions_most:
            ctx.set_timer("open", ROUND_S - 2 * PHASE_S)

    def books(self) -> BooksClosed:
        """Add everything up."""
        totals = self.ledger.recount()
        return BooksClosed(
            number=self.number,
            supply_units=encode_units(totals.supply_units),
            owned_units=encode_units(totals.balances_units + totals.held_units),
            held_units=encode_units(totals.held_units),
            discrepancy=self.ledger.audit() or self.auctions.audit() or "",
        )


def funds(parameters: UniformAuctionParameters) -> int:
    """Units that pay for all auctions, if one bidder wins them all at the highest value."""
    return VALUE_MOST_UNITS * (parameters.auctions + 1) + DEPOSIT_UNITS


def conserved(fact: BooksClosed, expected_units: int) -> str | None:
    """What is wrong with the money when no auction is open, or None."""
    where = f"after auction {fact.number}"
    if fact.discrepancy:
        return f"{where}: {fact.discrepancy}"
    found = fact.supply_units, fact.owned_units, fact.held_units
    if found != (encode_units(expected_units), encode_units(expected_units), "0"):
        return f"{where} there are {found} units, not {expected_units} and none held"
    return None
