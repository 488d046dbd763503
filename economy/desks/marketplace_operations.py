"""The marketplace's operations and results, as they travel."""

from typing import Annotated, TypeAlias

from msgspec import Meta

from economy.desks.desk import Count, DeskOperation, KeyedOperation, Reading, Text
from economy.listings import MOST_TAGS, RentalKind, SearchOrder
from economy.money import UnitsText
from economy.operations import Name
from economy.price_models import PriceModel
from economy.rentals import RentalState
from prsm_sim.actor import Message

Tags: TypeAlias = Annotated[tuple[Name, ...], Meta(max_length=MOST_TAGS)]


class OfferListing(KeyedOperation, frozen=True):
    """List something of the client's for rent; `period_ms` 0: thirty days."""

    title: Text
    tags: Tags
    kind: RentalKind
    base_units: UnitsText
    capacity: Count
    model: PriceModel
    follows_clock: bool
    period_ms: Count


class WithdrawListing(DeskOperation, frozen=True):
    """Take no more rentals of a listing of the client's."""

    number: Count


class RentListing(KeyedOperation, frozen=True):
    """Rent so much, and put at most `limit_units`, fee included, in escrow."""

    listing: Count
    quantity: Count
    limit_units: UnitsText


class DeliverRental(DeskOperation, frozen=True):
    """Give the buyer access; the seller's right."""

    number: Count


class DeclineRental(DeskOperation, frozen=True):
    """Give up a rental that was not delivered; the seller's right."""

    number: Count


class MeterRental(KeyedOperation, frozen=True):
    """Record that so many metered units were used; the seller's right."""

    number: Count
    quantity: Count


class CancelRenewal(DeskOperation, frozen=True):
    """Let a subscription end with its present period; the buyer's right."""

    number: Count


class FinishRental(DeskOperation, frozen=True):
    """End a running rental early, as its buyer or seller."""

    number: Count


class ConfirmRental(DeskOperation, frozen=True):
    """Accept what was delivered; the buyer's right."""

    number: Count


class DisputeRental(DeskOperation, frozen=True):
    """Call the arbiter; the buyer's right."""

    number: Count


class DecideDispute(DeskOperation, frozen=True):
    """Give the seller this share of what the dispute is about; the arbiter's right."""

    number: Count
    award_ppm: Count


class RateRental(DeskOperation, frozen=True):
    """Give 1 to 5 stars, once; the buyer's right."""

    number: Count
    stars: Count


class SearchListings(Reading, frozen=True):
    """Ask for open listings; `kind` None, no words, `most_units` 0: everything passes."""

    words: Tags
    kind: RentalKind | None
    most_units: UnitsText
    least_centistars: Count
    only_available: bool
    order: SearchOrder
    skip: Count
    limit: Count


class QuoteRental(Reading, frozen=True):
    """Ask what renting would cost now."""

    listing: Count
    quantity: Count


class ReadRental(Reading, frozen=True):
    """Ask how a rental stands."""

    number: Count


class ListingMade(Message, frozen=True):
    """The listing has this number."""

    number: int


class ListingStatus(Message, frozen=True):
    """A listing at one moment; `stars` is the sum of its `ratings`."""

    number: int
    seller: str
    title: str
    kind: RentalKind
    unit_price_units: UnitsText
    available: int
    stars: int
    ratings: int
    undelivered: int


class ListingsFound(Message, frozen=True):
    """What a search found, in its order."""

    listings: tuple[ListingStatus, ...]


class RentalMade(Message, frozen=True):
    """The rental has this number; both amounts are in escrow."""

    number: int
    price_units: UnitsText
    fee_units: UnitsText


class RentalQuote(Message, frozen=True):
    """What a rental would cost now."""

    unit_price_units: UnitsText
    price_units: UnitsText
    fee_units: UnitsText


class RentalStatus(Message, frozen=True):
    """A rental; see `economy.rentals.Rental`."""

    number: int
    listing: int
    buyer: str
    state: RentalState
    deadline_ms: int
    unit_price_units: UnitsText
    quantity: int
    metered: int
    held_units: UnitsText
    retained_units: UnitsText
    periods_left: int
    stars: int
