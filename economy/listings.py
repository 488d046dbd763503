"""What is for rent: listings, the demand for them, and the search.

A listing offers a capacity, so many rentals at a time, at a base price that one of six laws
(`price_models`) turns into today's. The laws need to know the market, and the market must not be
told to them by whoever profits: a listing's demand is counted by the marketplace itself, from
rentals that were paid for. It is a number of rentals in use, a count of those opened in the current
window, and for each recent window how many were in use when it ended.

A search is a pure function of the listings. Its order is total: what compares equal is ordered by
number, hence two replicas page through the same results.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Final

import msgspec

from economy.ledger_parameters import DAY_MS
from economy.price_models import (
    Conditions,
    PriceModel,
    PriceParameters,
    multiplier,
    price_units,
)
from economy.refusals import Refusal

MOST_COUNT: Final = 10**9
"""Largest capacity of a listing, and largest quantity of a rental."""

MOST_PERIOD_MS: Final = 3660 * DAY_MS
"""Longest period of a subscription."""

MOST_TAGS: Final = 32
"""Most tags of a listing."""


class RentalKind(Enum):
    """What a rental's quantity counts."""

    HOURLY = "hourly"
    """Hours reserved; those begun are paid for."""
    USAGE = "usage"
    """Metered units reserved; those used are paid for."""
    SUBSCRIPTION = "subscription"
    """Periods, each paid for when it begins."""
    ONE_TIME = "one-time"
    """Copies, for good."""


class Terms(msgspec.Struct, frozen=True):
    """What a seller offers.

    Attributes:
        title: free text.
        tags: free words to be found by.
        kind: what the quantity of a rental counts.
        base_units: price of one, in FTNS units, before the market is looked at; > 0.
        capacity: how many rentals at a time, ≥ 1.
        model: how the price follows the market.
        follows_clock: whether the time of day counts too.
        period_ms: length of a period of a subscription, > 0.
    """

    title: str
    tags: tuple[str, ...]
    kind: RentalKind
    base_units: int
    capacity: int
    model: PriceModel = PriceModel.FIXED
    follows_clock: bool = False
    period_ms: int = 30 * DAY_MS

    def fault(self, most_units: int) -> Refusal | None:
        """Why this cannot be offered where no price is above `most_units`, or None."""
        if self.base_units <= 0:
            return Refusal.INVALID_AMOUNT
        in_range = (
            self.base_units <= most_units
            and 1 <= self.capacity <= MOST_COUNT
            and 1 <= self.period_ms <= MOST_PERIOD_MS
            and len(self.tags) <= MOST_TAGS
        )
        return None if in_range else Refusal.OUT_OF_RANGE

    def mentions(self, word: str) -> bool:
        """Whether `word`, in any case, is a tag or part of the title."""
        wanted = word.casefold()
        if wanted in self.title.casefold():
            return True
        return any(wanted == tag.casefold() for tag in self.tags)


class Demand(msgspec.Struct, frozen=True):
    """How much a listing is wanted.

    Attributes:
        window: number of the current window, in ledger time.
        in_use: rentals that take up capacity now.
        opened: rentals opened in the current window.
        recent: rentals that were in use at the end of each earlier window, the oldest first.
    """

    window: int
    in_use: int = 0
    opened: int = 0
    recent: tuple[int, ...] = ()

    def at(self, window: int, windows: int) -> "Demand":
        """The same, once `window` is the current one; `windows` earlier ones are remembered."""
        passed = window - self.window
        if passed <= 0:
            return self
        # Nothing was opened or ended since, or the demand would have been brought up to then.
        recent = (*self.recent, *(self.in_use for _ in range(min(passed, windows))))
        return Demand(window, self.in_use, 0, recent[len(recent) - min(len(recent), windows) :])


class Listing(msgspec.Struct):
    """An offer and what became of it.

    Attributes:
        number: unique in its marketplace, in the order of listing.
        seller: who is paid.
        terms: what is offered.
        is_open: whether it may be rented.
        demand: how much it is wanted.
        stars: sum of its ratings.
        ratings: how many there are.
        undelivered: rentals that the seller took no notice of until they lapsed.
    """

    number: int
    seller: str
    terms: Terms
    is_open: bool
    demand: Demand
    stars: int = 0
    ratings: int = 0
    undelivered: int = 0


class SearchOrder(Enum):
    """What comes first."""

    CHEAPEST = "cheapest"
    BEST = "best"
    """The highest mean rating, among equals the one with more ratings; those without come last."""
    NEWEST = "newest"


class Search(msgspec.Struct, frozen=True):
    """What a buyer looks for; a filter that is left out lets everything pass.

    Attributes:
        words: each must occur in the title or be a tag.
        kind: of rental.
        seller: whose listings.
        most_units: highest price of one.
        least_centistars: lowest mean rating in hundredths of a star; 0 lets unrated ones pass.
        only_available: leave out what has no free capacity.
        order: what comes first.
        skip: how many results to leave out.
        limit: how many to give at most.
    """

    words: tuple[str, ...] = ()
    kind: RentalKind | None = None
    seller: str | None = None
    most_units: int | None = None
    least_centistars: int = 0
    only_available: bool = True
    order: SearchOrder = SearchOrder.CHEAPEST
    skip: int = 0
    limit: int = 50


class Offer(msgspec.Struct, frozen=True):
    """A listing at one moment.

    Attributes:
        number, seller, terms, is_open, stars, ratings, undelivered: as in the `Listing`.
        unit_price_units: price of one at that moment, in FTNS units, rounded up; > 0.
        available: how many more rentals there is capacity for.
    """

    number: int
    seller: str
    terms: Terms
    is_open: bool
    unit_price_units: int
    stars: int
    ratings: int
    undelivered: int
    available: int


def offer_of(
    listing: Listing, parameters: PriceParameters, window: int, windows: int, now_ms: int
) -> Offer:
    """The listing at `now_ms`, in `window` of its demand; `windows` earlier ones count."""
    terms, demand = listing.terms, listing.demand.at(window, windows)
    available = terms.capacity - demand.in_use
    conditions = Conditions(
        in_use=demand.in_use,
        capacity=terms.capacity,
        wanted=demand.opened,
        offered=available,
        recent=demand.recent,
    )
    factor = multiplier(
        terms.model, conditions, parameters, now_ms if terms.follows_clock else None
    )
    return Offer(
        number=listing.number,
        seller=listing.seller,
        terms=terms,
        is_open=listing.is_open,
        unit_price_units=price_units(terms.base_units, 1, factor),
        stars=listing.stars,
        ratings=listing.ratings,
        undelivered=listing.undelivered,
        available=available,
    )


def find(search: Search, offers: Iterable[Offer]) -> tuple[Offer, ...]:
    """The open offers that pass the filters, in the order wanted; equal ones by number."""
    found = [offer for offer in offers if _passes(search, offer)]
    match search.order:
        case SearchOrder.CHEAPEST:
            found.sort(key=lambda offer: (offer.unit_price_units, offer.number))
        case SearchOrder.NEWEST:
            found.sort(key=lambda offer: -offer.number)
        case SearchOrder.BEST:
            found.sort(key=_goodness)
    first = max(0, search.skip)
    return tuple(found[first : first + max(0, search.limit)])


def _passes(search: Search, offer: Offer) -> bool:
    if not offer.is_open or (search.only_available and offer.available <= 0):
        return False
    if search.kind is not None and search.kind is not offer.terms.kind:
        return False
    if search.seller is not None and search.seller != offer.seller:
        return False
    if search.most_units is not None and offer.unit_price_units > search.most_units:
        return False
    if search.least_centistars > 0:
        enough = 100 * offer.stars >= search.least_centistars * offer.ratings
        if not offer.ratings or not enough:
            return False
    return all(offer.terms.mentions(word) for word in search.words)


def _goodness(offer: Offer) -> tuple[int, int, int]:
    """Sorts the best first, by integers only.

    Two unequal means of n and m ratings differ by at least 1/(n·m), and neither n nor m is above
    10^9, so 10^18-ths of a star tell them apart.
    """
    scaled = offer.stars * 10**18 // offer.ratings if offer.ratings else 0
    return (-scaled, -offer.ratings, offer.number)
