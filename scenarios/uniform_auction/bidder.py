"""Bidders who know what the thing is worth to them, and what they say to the auction house.

A bidder draws its value anew for each auction, commits to a bid when the auction opens, and reveals
it when it is told to. With n bidders whose values are independent and uniform from 0 to 1, and a
reserve r, it is an equilibrium that whoever has a value v ≥ r bids (Riley and Samuelson, "Optimal
auctions", American Economic Review 71, 1981)

    second price:  v,
    first price:   v − (vⁿ − rⁿ) / (n vⁿ⁻¹),    which is (n − 1) v / n without a reserve,

and everyone else what they like below the reserve, for it does not win: here, their value. Bids are
whole units, computed in integers.
"""

from economy.money import UnitsText, encode_units
from economy.sealed_bids import LEAST_NONCE, PriceRule, commitment_of
from prsm_sim.actor import Actor, Context, Fact, Message, PeerId, on
from scenarios.uniform_auction.parameters import VALUE_MOST_UNITS

VALUE_BITS = 64


class AuctionOpened(Message, frozen=True):
    """Commitments are taken."""

    number: int


class Commit(Message, frozen=True):
    """The sender's commitment."""

    number: int
    commitment: bytes


class RevealAsked(Message, frozen=True):
    """Nobody can commit any more: show your bid."""

    number: int


class Reveal(Message, frozen=True):
    """The sender's bid."""

    number: int
    amount_units: UnitsText
    nonce: bytes


class ThingValued(Fact, frozen=True):
    """A bidder has learned what the thing is worth to it."""

    number: int
    value_units: UnitsText


def equilibrium_bid(rule: PriceRule, value_units: int, bidders: int, reserve_units: int) -> int:
    """What a bidder bids, in units, rounded down; 0, which is no bid, if it values it at nothing.

    Args:
        rule: what the winner pays.
        value_units: what the thing is worth to it.
        bidders: how many there are with it.
        reserve_units: the least price, ≥ 1.
    """
    v, n, r = value_units, bidders, reserve_units
    if rule is PriceRule.SECOND or v < r:
        return v
    shade_units: int = -(-(v**n - r**n) // (n * v ** (n - 1)))
    return v - shade_units


class Bidder(Actor):
    """Someone who bids in equilibrium.

    Args:
        rule: what the winner pays.
        bidders: how many there are.
        reserve_units: the least price.
    """

    def __init__(self, rule: PriceRule, bidders: int, reserve_units: int) -> None:
        self.rule = rule
        self.bidders = bidders
        self.reserve_units = reserve_units
        self.bid_units = 0
        self.nonce = b""

    @on(AuctionOpened)
    def opened(self, ctx: Context, sender: PeerId, message: AuctionOpened) -> None:
        """Look at the thing, and commit."""
        value_units = ctx.rng.getrandbits(VALUE_BITS) * VALUE_MOST_UNITS >> VALUE_BITS
        ctx.emit(ThingValued(message.number, encode_units(value_units)))
        self.bid_units = equilibrium_bid(self.rule, value_units, self.bidders, self.reserve_units)
        # Drawn whether it bids or not, so that a seed's values are the same under every rule.
        self.nonce = ctx.rng.randbytes(LEAST_NONCE)
        if self.bid_units:
            commitment = commitment_of(message.number, ctx.id, self.bid_units, self.nonce)
            ctx.send(sender, Commit(message.number, commitment))

    @on(RevealAsked)
    def reveal(self, ctx: Context, sender: PeerId, message: RevealAsked) -> None:
        """Show the bid."""
        if self.bid_units:
            ctx.send(sender, Reveal(message.number, encode_units(self.bid_units), self.nonce))
