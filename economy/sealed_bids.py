"""What a sealed bid is, who wins, and what the winner pays.

A bid is sealed by publishing only its commitment, a hash over the auction, the bidder, the amount
and a secret nonce. The hash *binds*: to open a commitment with another amount is to find a second
preimage of BLAKE2b. It *hides* as long as the nonce cannot be guessed, hence its length of at least
16 bytes (with a short nonce the amount would be found by trying). Both auction and bidder are part
of it, so a commitment that is copied can be opened by nobody but its author, and not in another
auction. The hash has a personalisation of its own, and the fields are encoded before they are
hashed, so no other hash of the system passes for a commitment.

The winner has the highest amount; among equals the one who committed first, an order that was fixed
before anyone could know of the tie. A *first-price* auction takes what he bid. A *second-price* one
takes the highest of the other bids, or the reserve if that is more: to bid one's true value is then
never worse than any other bid (Vickrey, "Counterspeculation, Auctions, and Competitive Sealed
Tenders", Journal of Finance 16, 1961), and with independent uniform values both rules bring the
seller the same on average.
"""

from collections.abc import Iterable
from enum import Enum
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from prsm_sim.actor import encode

COMMITMENT_SIZE: Final = 32
LEAST_NONCE: Final = 16
MOST_NONCE: Final = 64

_PERSON: Final = b"prsm.sealed.bid"


class PriceRule(Enum):
    """What the winner pays."""

    FIRST = "first"
    SECOND = "second"


def commitment_of(auction: int, bidder: str, amount_units: int, nonce: bytes) -> bytes:
    """The 32-byte commitment to a bid.

    Args:
        auction: its number.
        bidder: the account that will open it.
        amount_units: the bid.
        nonce: 16 to 64 secret random bytes, used once.
    """
    content = encode((auction, bidder, str(amount_units), nonce))
    return blake2b(content, digest_size=COMMITMENT_SIZE, person=_PERSON).digest()


class Bid(msgspec.Struct):
    """A bidder's part in an auction.

    Attributes:
        bidder: who committed.
        place: how many had committed before.
        commitment: to what.
        amount_units: what it was, once revealed; 0 before.
    """

    bidder: str
    place: int
    commitment: bytes
    amount_units: int = 0


class Award(NamedTuple):
    """Who wins, and what it costs in units."""

    winner: str
    price_units: int


def award_of(bids: Iterable[Bid], rule: PriceRule, reserve_units: int) -> Award | None:
    """Who wins at what price, or None if nobody bid the reserve.

    Args:
        bids: in the order of their commitments; those that are not revealed do not count.
        rule: what the winner pays.
        reserve_units: the least the seller takes, ≥ 1.
    """
    best: Bid | None = None
    second_units = 0
    for bid in bids:
        if bid.amount_units < reserve_units:
            continue
        if best is None or bid.amount_units > best.amount_units:
            second_units = best.amount_units if best is not None else 0
            best = bid
        else:
            second_units = max(second_units, bid.amount_units)
    if best is None:
        return None
    first = rule is PriceRule.FIRST
    return Award(best.bidder, best.amount_units if first else max(second_units, reserve_units))
