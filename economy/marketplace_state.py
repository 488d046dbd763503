"""The marketplace's books as bytes and back, and the audit that anything restored must pass.

Listings and rentals are numbered without gaps, so their encoding is canonical in number order and
equal books have equal bytes. The audit trusts nothing that can be derived: it recounts capacity and
ratings from the rentals, compares every open escrow with its hold and the retained account with the
retained shares.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec

from economy.holds import HoldState
from economy.ledger import Ledger
from economy.listings import Demand, Listing, RentalKind, Terms
from economy.money import UnitsText, decode_units, encode_units
from economy.price_models import PriceModel
from economy.rentals import ENDED, UNDER_WAY, MarketplaceParameters, Rental, RentalState, fee_units
from prsm_sim.actor import RemoteProtocolError, decode, encode

FORMAT_VERSION: Final = 1


class EncodedListing(msgspec.Struct, frozen=True, array_like=True):
    """A `Listing` as it is saved."""

    seller: str
    title: str
    tags: tuple[str, ...]
    kind: RentalKind
    base_units: UnitsText
    capacity: int
    model: PriceModel
    follows_clock: bool
    period_ms: int
    is_open: bool
    demand: Demand
    stars: int
    ratings: int
    undelivered: int


class EncodedRental(msgspec.Struct, frozen=True, array_like=True):
    """A `Rental` as it is saved."""

    listing: int
    buyer: str
    unit_price_units: UnitsText
    quantity: int
    held_units: UnitsText
    escrow_until_ms: int
    state: RentalState
    deadline_ms: int
    metered: int
    started_at_ms: int
    access_until_ms: int
    periods_left: int
    uses_capacity: bool
    retained_units: UnitsText
    stars: int


class EncodedBooks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All listings and rentals, in the order of their numbers, which begin at 1."""

    version: int
    listings: tuple[EncodedListing, ...]
    rentals: tuple[EncodedRental, ...]


def encode_books(listings: Mapping[int, Listing], rentals: Mapping[int, Rental]) -> bytes:
    """The books as canonical bytes."""
    return encode(
        EncodedBooks(
            version=FORMAT_VERSION,
            listings=tuple(_encode_listing(listings[number]) for number in sorted(listings)),
            rentals=tuple(_encode_rental(rentals[number]) for number in sorted(rentals)),
        )
    )


def restore_books(encoded: bytes) -> tuple[dict[int, Listing], dict[int, Rental]]:
    """The books that `encode_books` made `encoded` of.

    Raises:
        RemoteProtocolError: the bytes encode no books, or another version's.
    """
    books: EncodedBooks = decode(encoded, EncodedBooks)
    if books.version != FORMAT_VERSION:
        raise RemoteProtocolError(f"books of format {books.version}, this is {FORMAT_VERSION}")
    listings = {n: _decode_listing(n, listing) for n, listing in enumerate(books.listings, 1)}
    rentals = {n: _decode_rental(n, rental) for n, rental in enumerate(books.rentals, 1)}
    return listings, rentals


def audit_books(
    ledger: Ledger,
    parameters: MarketplaceParameters,
    listings: Mapping[int, Listing],
    rentals: Mapping[int, Rental],
) -> str | None:
    """Check the books from scratch, and the ledger against them; returns what is wrong, or None."""
    retained_units = sum(rental.retained_units for rental in rentals.values())
    kept_units = ledger.balances.get(parameters.retained_account, 0)
    if retained_units != kept_units:
        return f"{kept_units} units are kept in the retained account, {retained_units} are owed"
    for number, rental in rentals.items():
        if rental.listing not in listings:
            return f"rental {number} is of listing {rental.listing}, which does not exist"
        fault = _fault_of(rental, parameters) or _fault_of_escrow(rental, ledger, parameters)
        if fault is not None:
            return f"rental {number}: {fault}"
    in_use = Counter(rental.listing for rental in rentals.values() if rental.uses_capacity)
    ratings = Counter(rental.listing for rental in rentals.values() if rental.stars)
    stars: Counter[int] = Counter()
    for rental in rentals.values():
        stars[rental.listing] += rental.stars
    for number, listing in listings.items():
        if (listing.stars, listing.ratings) != (stars[number], ratings[number]):
            return f"listing {number} has other ratings than its rentals"
        if listing.demand.in_use != in_use[number]:
            return f"listing {number} counts {listing.demand.in_use} in use, not {in_use[number]}"
        if not 0 <= in_use[number] <= listing.terms.capacity:
            return f"listing {number} is rented beyond its capacity"
    return None


def _fault_of(rental: Rental, parameters: MarketplaceParameters) -> str | None:
    price = rental.unit_price_units * rental.quantity
    if rental.held_units != price + fee_units(price, parameters) or price <= 0:
        return f"the escrow of {rental.held_units} units is not its price and fee"
    if not 0 <= rental.metered <= rental.quantity:
        return f"{rental.metered} of {rental.quantity} are metered"
    if (rental.deadline_ms == 0) != (rental.state in ENDED):
        return f"a deadline of {rental.deadline_ms} does not fit {rental.state}"
    if rental.retained_units and rental.state not in (RentalState.RETAINED, RentalState.DISPUTED):
        return f"units are retained in {rental.state}"
    if rental.state is RentalState.RETAINED and not rental.retained_units:
        return "nothing is retained"
    if rental.state in UNDER_WAY and not rental.uses_capacity:
        return "it takes up no capacity"
    if not 0 <= rental.stars <= 5 or rental.periods_left < 0:
        return "its stars or its periods are out of range"
    return None


def _fault_of_escrow(
    rental: Rental, ledger: Ledger, parameters: MarketplaceParameters
) -> str | None:
    name = parameters.hold_of(rental.number, rental.escrow_until_ms)
    hold = ledger.book.holds.get(name)
    if not rental.is_in_escrow:
        pending = hold is not None and hold.state is HoldState.PENDING
        return "its escrow is still held" if pending else None
    # An escrow that ran out stays in the books until the next time-out is performed, and some
    # ledgers have forgotten its hold by then.
    if hold is None:
        return None if ledger.parameters.hold_retention_ms else "its escrow does not exist"
    if not hold.has_terms(
        rental.buyer, parameters.arbiter, rental.held_units, rental.escrow_until_ms
    ):
        return "its escrow is held on other terms"
    if hold.state not in (HoldState.PENDING, HoldState.EXPIRED):
        return f"its escrow is {hold.state}"
    return None


def _encode_listing(listing: Listing) -> EncodedListing:
    terms = listing.terms
    return EncodedListing(
        seller=listing.seller,
        title=terms.title,
        tags=terms.tags,
        kind=terms.kind,
        base_units=encode_units(terms.base_units),
        capacity=terms.capacity,
        model=terms.model,
        follows_clock=terms.follows_clock,
        period_ms=terms.period_ms,
        is_open=listing.is_open,
        demand=listing.demand,
        stars=listing.stars,
        ratings=listing.ratings,
        undelivered=listing.undelivered,
    )


def _decode_listing(number: int, listing: EncodedListing) -> Listing:
    terms = Terms(
        title=listing.title,
        tags=listing.tags,
        kind=listing.kind,
        base_units=decode_units(listing.base_units),
        capacity=listing.capacity,
        model=listing.model,
        follows_clock=listing.follows_clock,
        period_ms=listing.period_ms,
    )
    return Listing(
        number=number,
        seller=listing.seller,
        terms=terms,
        is_open=listing.is_open,
        demand=listing.demand,
        stars=listing.stars,
        ratings=listing.ratings,
        undelivered=listing.undelivered,
    )


def _encode_rental(rental: Rental) -> EncodedRental:
    return EncodedRental(
        listing=rental.listing,
        buyer=rental.buyer,
        unit_price_units=encode_units(rental.unit_price_units),
        quantity=rental.quantity,
        held_units=encode_units(rental.held_units),
        escrow_until_ms=rental.escrow_until_ms,
        state=rental.state,
        deadline_ms=rental.deadline_ms,
        metered=rental.metered,
        started_at_ms=rental.started_at_ms,
        access_until_ms=rental.access_until_ms,
        periods_left=rental.periods_left,
        uses_capacity=rental.uses_capacity,
        retained_units=encode_units(rental.retained_units),
        stars=rental.stars,
    )


def _decode_rental(number: int, rental: EncodedRental) -> Rental:
    return Rental(
        number=number,
        listing=rental.listing,
        buyer=rental.buyer,
        unit_price_units=decode_units(rental.unit_price_units),
        quantity=rental.quantity,
        held_units=decode_units(rental.held_units),
        escrow_until_ms=rental.escrow_until_ms,
        state=rental.state,
        deadline_ms=rental.deadline_ms,
        metered=rental.metered,
        started_at_ms=rental.started_at_ms,
        access_until_ms=rental.access_until_ms,
        periods_left=rental.periods_left,
        uses_capacity=rental.uses_capacity,
        retained_units=decode_units(rental.retained_units),
        stars=rental.stars,
    )
