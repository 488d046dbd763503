"""The marketplace as operations: listings, rentals from payment to settlement, and the search.

Buyers bound what they pay, because prices follow the market. Time-outs happen by themselves, each
at its own instant; that a rental ended is told as a fact, whoever or whatever ended it.
"""

from economy.desks.desk import Answer, Desk, DeskOperation, answer, refused
from economy.desks.marketplace_operations import (
    CancelRenewal,
    ConfirmRental,
    DecideDispute,
    DeclineRental,
    DeliverRental,
    DisputeRental,
    FinishRental,
    ListingMade,
    ListingsFound,
    ListingStatus,
    MeterRental,
    OfferListing,
    QuoteRental,
    RateRental,
    ReadRental,
    RentalMade,
    RentalQuote,
    RentalStatus,
    RentListing,
    SearchListings,
    WithdrawListing,
)
from economy.facts import RentalEnded
from economy.ledger_parameters import DAY_MS
from economy.listings import Offer, Search, Terms
from economy.marketplace import Marketplace
from economy.money import decode_units, encode_units
from economy.price_models import HOUR_MS
from economy.refusals import Refusal
from economy.rentals import ENDED, Listed, Rental
from prsm_sim.actor import Fact

LEAST_PERIOD_MS = HOUR_MS
"""No subscription is renewed more often: all renewals since the last operation are done in one."""

MOST_FOUND = 50
"""Most listings that one search tells."""


class MarketplaceDesk(Desk):
    """A marketplace behind operations.

    Args:
        marketplace: the mechanism; its arbiter and platform are clients.
    """

    name = "marketplace"
    operations = (
        *(OfferListing, WithdrawListing, RentListing, DeliverRental, DeclineRental, MeterRental),
        *(CancelRenewal, FinishRental, ConfirmRental, DisputeRental, DecideDispute, RateRental),
        *(SearchListings, QuoteRental, ReadRental),
    )
    results = (ListingMade, ListingsFound, RentalMade, RentalQuote, RentalStatus)

    def __init__(self, marketplace: Marketplace) -> None:
        super().__init__(marketplace)
        self.marketplace = marketplace

    def perform(self, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        """Do what `client` asks."""
        market = self.marketplace
        match operation:
            case OfferListing():
                return self._offer(client, operation, now_ms)
            case WithdrawListing(number):
                return answer(market.withdraw(number, client))
            case RentListing(_, listing, quantity, limit):
                limit_units = decode_units(limit)
                rented = market.rent(listing, client, quantity, limit_units, now_ms)
                if isinstance(rented, Refusal):
                    return refused(rented)
                price, fee = encode_units(rented.price_units), encode_units(rented.fee_units)
                return Answer(RentalMade(rented.number, price, fee))
            case SearchListings():
                return self._search(operation, now_ms)
            case QuoteRental(listing, quantity):
                quote = market.quote(listing, quantity, now_ms)
                if isinstance(quote, Refusal):
                    return refused(quote)
                unit, price = encode_units(quote.unit_price_units), encode_units(quote.price_units)
                return Answer(RentalQuote(unit, price, encode_units(quote.fee_units)))
            case ReadRental(number):
                rental = market.rentals.get(number)
                if rental is None:
                    return refused(Refusal.UNKNOWN_RENTAL)
                return Answer(_rental_status(rental))
        return self._move(client, operation, now_ms)

    def _move(self, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        """What moves a rental that there is."""
        market = self.marketplace
        match operation:
            case DeliverRental(number):
                return answer(market.deliver(number, client, now_ms))
            case DeclineRental(number):
                return self._told(number, market.decline(number, client, now_ms))
            case MeterRental(_, number, quantity):
                return answer(market.meter(number, client, quantity, now_ms))
            case CancelRenewal(number):
                return answer(market.cancel_renewal(number, client))
            case FinishRental(number):
                return answer(market.finish(number, client, now_ms))
            case ConfirmRental(number):
                return self._told(number, market.confirm(number, client, now_ms))
            case DisputeRental(number):
                return answer(market.dispute(number, client, now_ms))
            case DecideDispute(number, award_ppm):
                return self._told(number, market.decide(number, client, award_ppm, now_ms))
            case RateRental(number, stars):
                return answer(market.rate(number, client, stars))
        raise AssertionError(f"{operation} is for another desk")

    def due_ms(self, after_ms: int) -> int | None:
        """When the next deadline of a rental is."""
        return self.marketplace.next_due_ms(after_ms)

    def advance(self, now_ms: int) -> tuple[Fact, ...]:
        """Answer the deadlines that are past."""
        rentals = self.marketplace.rentals
        under_way = {number for number, rental in rentals.items() if rental.state not in ENDED}
        moved = [n for n in self.marketplace.advance(now_ms) if n in under_way]
        return tuple(fact for number in moved for fact in self._ends(number))

    def _offer(self, client: str, wanted: OfferListing, now_ms: int) -> Answer:
        if 0 < wanted.period_ms < LEAST_PERIOD_MS:
            return refused(Refusal.OUT_OF_RANGE)
        terms = Terms(
            title=wanted.title,
            tags=wanted.tags,
            kind=wanted.kind,
            base_units=decode_units(wanted.base_units),
            capacity=wanted.capacity,
            model=wanted.model,
            follows_clock=wanted.follows_clock,
            period_ms=wanted.period_ms or 30 * DAY_MS,
        )
        listed = self.marketplace.offer(client, terms, now_ms)
        return Answer(ListingMade(listed.number)) if isinstance(listed, Listed) else refused(listed)

    def _search(self, wanted: SearchListings, now_ms: int) -> Answer:
        most_units = decode_units(wanted.most_units)
        found = self.marketplace.search(
            Search(
                words=wanted.words,
                kind=wanted.kind,
                most_units=most_units or None,
                least_centistars=wanted.least_centistars,
                only_available=wanted.only_available,
                order=wanted.order,
                skip=wanted.skip,
                limit=min(wanted.limit, MOST_FOUND),
            ),
            now_ms,
        )
        return Answer(ListingsFound(tuple(map(_listing_status, found))))

    def _told(self, number: int, outcome: Refusal | None) -> Answer:
        """The answer to what may have ended a rental."""
        return answer(None, *self._ends(number)) if outcome is None else refused(outcome)

    def _ends(self, number: int) -> tuple[Fact, ...]:
        """That this rental has ended, if it has."""
        rental = self.marketplace.rentals[number]
        if rental.state not in ENDED:
            return ()
        seller = self.marketplace.listings[rental.listing].seller
        state = rental.state.value
        return (RentalEnded(self.name, number, rental.listing, rental.buyer, seller, state),)


def _listing_status(offer: Offer) -> ListingStatus:
    return ListingStatus(
        number=offer.number,
        seller=offer.seller,
        title=offer.terms.title,
        kind=offer.terms.kind,
        unit_price_units=encode_units(offer.unit_price_units),
        available=offer.available,
        stars=offer.stars,
        ratings=offer.ratings,
        undelivered=offer.undelivered,
    )


def _rental_status(rental: Rental) -> RentalStatus:
    return RentalStatus(
        number=rental.number,
        listing=rental.listing,
        buyer=rental.buyer,
        state=rental.state,
        deadline_ms=rental.deadline_ms,
        unit_price_units=encode_units(rental.unit_price_units),
        quantity=rental.quantity,
        metered=rental.metered,
        held_units=encode_units(rental.held_units),
        retained_units=encode_units(rental.retained_units),
        periods_left=rental.periods_left,
        stars=rental.stars,
    )
