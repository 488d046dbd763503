"""The model marketplace: list, search, rent, deliver, dispute, rate; every unit accounted for.

`listings` says what is offered and what it costs, `rentals` what becomes of the money, and the
`rental_desk` moves it; here it is decided who may ask for what, and when. A rental's money is a
hold of the ledger, so it cannot be spent twice and returns to the buyer by itself if everyone falls
silent; the retained tenth lies in an account of the marketplace's own until the buyer can no longer
dispute it. Nothing else is kept: the books and the ledger can be compared to the unit at any time.

Time-outs are performed by `advance`, each as of its own deadline and in the order of deadlines, so
that it makes no difference how often it is called. Call it first, before anything else is done at
that time: until it is called, what is due answers `TOO_LATE`, and an escrow that outlived its
deadlines by the grace period returns to the buyer at the next `Ledger.expire`.

A method that changes something returns a `Refusal` when it did not, and has changed nothing then.
"""

from economy.ledger import Ledger
from economy.listings import (
    MOST_COUNT,
    Demand,
    Listing,
    Offer,
    RentalKind,
    Search,
    Terms,
    find,
)
from economy.marketplace_state import audit_books, encode_books, restore_books
from economy.price_models import PPM
from economy.refusals import Refusal
from economy.rental_desk import RentalDesk
from economy.rentals import (
    MOST_STARS,
    RATEABLE,
    Listed,
    MarketplaceParameters,
    Quote,
    Rental,
    RentalState,
    Rented,
    fee_units,
)
from prsm_sim.actor import RemoteProtocolError


class Marketplace:
    """Listings and rentals on a ledger.

    Args:
        ledger: where the money is.
        parameters: the figures.

    Attributes:
        listings: by number. Read them, do not write them.
        rentals: by number, those that ended included. Read them, do not write them.
    """

    def __init__(self, ledger: Ledger, parameters: MarketplaceParameters | None = None) -> None:
        self.ledger = ledger
        self.parameters = MarketplaceParameters() if parameters is None else parameters
        self._desk = RentalDesk(ledger, self.parameters)
        self.listings = self._desk.listings
        self.rentals = self._desk.rentals

    # --- sellers ----------------------------------------------------------------------------

    def offer(self, seller: str, terms: Terms, now_ms: int) -> Listed | Refusal:
        """List something for rent; the seller pays the listing fee, which is not returned.

        Refused: `INVALID_AMOUNT`, `OUT_OF_RANGE` (a figure of the terms), `RESERVED_ACCOUNT`,
        `NOT_AUTHORISED` (the arbiter cannot trade), or the ledger's reason.
        """
        refusal = self.parameters.why_not_trade(seller) or terms.fault(
            self.ledger.parameters.cap_units
        )
        fee = self.parameters.listing_fee_units
        if refusal is None and fee and seller != self.parameters.platform:
            refusal = self.ledger.transfer(seller, self.parameters.platform, fee)
        if refusal is not None:
            return refusal
        number = len(self.listings) + 1
        demand = Demand(self._desk.window(now_ms))
        self.listings[number] = Listing(number, seller, terms, is_open=True, demand=demand)
        return Listed(number)

    def withdraw(self, number: int, seller: str) -> Refusal | None:
        """Take no more rentals; those under way go on, subscriptions are not renewed."""
        listing = self.listings.get(number)
        if listing is None:
            return Refusal.UNKNOWN_LISTING
        if listing.seller != seller:
            return Refusal.NOT_AUTHORISED
        listing.is_open = False
        return None

    def deliver(self, number: int, seller: str, now_ms: int) -> Refusal | None:
        """Give the buyer access; hours and meters run from here."""
        rental = self._find_of_seller(number, seller, now_ms, RentalState.RESERVED)
        if isinstance(rental, Refusal):
            return rental
        self._desk.hand_over(rental, now_ms)
        return None

    def decline(self, number: int, seller: str, now_ms: int) -> Refusal | None:
        """Give up a rental that was not delivered; the buyer gets everything back."""
        rental = self._find_of_seller(number, seller, now_ms, RentalState.RESERVED)
        return rental if isinstance(rental, Refusal) else self._desk.give_back(rental, now_ms)

    def meter(self, number: int, seller: str, quantity: int, now_ms: int) -> Refusal | None:
        """Record that the buyer used `quantity` more metered units, ≥ 1, of those reserved."""
        rental = self._find_of_seller(number, seller, now_ms, RentalState.RUNNING)
        if isinstance(rental, Refusal):
            return rental
        if self._desk.listing_of(rental).terms.kind is not RentalKind.USAGE:
            return Refusal.WRONG_STATE
        if quantity < 1:
            return Refusal.OUT_OF_RANGE
        if rental.metered + quantity > rental.quantity:
            return Refusal.METER_EXCEEDED
        rental.metered += quantity
        return None

    # --- buyers -----------------------------------------------------------------------------

    def search(self, search: Search, now_ms: int) -> tuple[Offer, ...]:
        """The open listings that pass the filters, at their prices of `now_ms`, in order."""
        return find(search, (self._desk.offer_of(each, now_ms) for each in self.listings.values()))

    def quote(self, number: int, quantity: int, now_ms: int) -> Quote | Refusal:
        """What renting would cost now; of a subscription, one period."""
        listing = self.listings.get(number)
        if listing is None:
            return Refusal.UNKNOWN_LISTING
        if not 1 <= quantity <= MOST_COUNT:
            return Refusal.OUT_OF_RANGE
        unit = self._desk.offer_of(listing, now_ms).unit_price_units
        price = unit if listing.terms.kind is RentalKind.SUBSCRIPTION else unit * quantity
        return Quote(unit, price, fee_units(price, self.parameters))

    def rent(
        self, number: int, buyer: str, quantity: int, limit_units: int, now_ms: int
    ) -> Rented | Refusal:
        """Rent, and put price and fee in escrow.

        Args:
            number: of the listing.
            buyer: who pays.
            quantity: how much to reserve, ≥ 1; of a subscription, how many periods, the first of
                which is paid now.
            limit_units: the most to pay now, fee included; prices follow the market.
            now_ms: ledger time.

        Refused: `UNKNOWN_LISTING`, `OUT_OF_RANGE`, `LISTING_CLOSED`, `RESERVED_ACCOUNT`,
        `NOT_AUTHORISED` (the arbiter cannot trade), `SAME_ACCOUNT` (one's own listing: it would buy
        ratings), `NO_CAPACITY`, `SLIPPAGE` (above the limit), or the ledger's reason.
        """
        price = self.quote(number, quantity, now_ms)
        if isinstance(price, Refusal):
            return price
        listing = self.listings[number]
        refusal = self.parameters.why_not_trade(buyer)
        if not listing.is_open:
            refusal = Refusal.LISTING_CLOSED
        elif listing.seller == buyer:
            refusal = Refusal.SAME_ACCOUNT
        elif listing.demand.in_use >= listing.terms.capacity:
            refusal = Refusal.NO_CAPACITY
        elif refusal is None and price.price_units + price.fee_units > limit_units:
            refusal = Refusal.SLIPPAGE
        if refusal is not None:
            return refusal
        periodic = listing.terms.kind is RentalKind.SUBSCRIPTION
        count = 1 if periodic else quantity
        rental = self._desk.open(listing, buyer, price.unit_price_units, count, now_ms)
        if isinstance(rental, Refusal):
            return rental
        rental.periods_left = quantity - 1 if periodic else 0
        return Rented(rental.number, price.price_units, price.fee_units)

    def cancel_renewal(self, number: int, buyer: str) -> Refusal | None:
        """Let a subscription end with its present period."""
        rental = self._find_of_buyer(number, buyer)
        if isinstance(rental, Refusal):
            return rental
        if not rental.periods_left:
            return Refusal.WRONG_STATE
        rental.periods_left = 0
        return None

    def finish(self, number: int, party: str, now_ms: int) -> Refusal | None:
        """End a running rental early, as its buyer or its seller; hours begun are due."""
        rental = self._find(number, now_ms, RentalState.RUNNING)
        if isinstance(rental, Refusal):
            return rental
        if party not in (rental.buyer, self._desk.listing_of(rental).seller):
            return Refusal.NOT_AUTHORISED
        self._desk.finish(rental, now_ms)
        return None

    def confirm(self, number: int, buyer: str, now_ms: int) -> Refusal | None:
        """Accept what was delivered: the seller is paid now, but for what is retained."""
        rental = self._find_of_buyer(number, buyer, now_ms, RentalState.REVIEW)
        return rental if isinstance(rental, Refusal) else self._desk.accept(rental, now_ms)

    def dispute(self, number: int, buyer: str, now_ms: int) -> Refusal | None:
        """Call the arbiter: in review about the whole price, later about the retained share."""
        states = RentalState.REVIEW, RentalState.RETAINED
        rental = self._find_of_buyer(number, buyer, now_ms, *states)
        if isinstance(rental, Refusal):
            return rental
        self._desk.dispute(rental, now_ms)
        return None

    def decide(self, number: int, arbiter: str, award_ppm: int, now_ms: int) -> Refusal | None:
        """End a dispute, as the arbiter: the seller gets `award_ppm` of what it is about."""
        rental = self._find(number, now_ms, RentalState.DISPUTED)
        if isinstance(rental, Refusal):
            return rental
        if arbiter != self.parameters.arbiter:
            return Refusal.NOT_AUTHORISED
        if not 0 <= award_ppm <= PPM:
            return Refusal.OUT_OF_RANGE
        return self._desk.decide(rental, award_ppm, now_ms)

    def rate(self, number: int, buyer: str, stars: int) -> Refusal | None:
        """Give 1 to 5 stars, once a rental, when the seller was paid or had to give it back."""
        rental = self._find_of_buyer(number, buyer)
        if isinstance(rental, Refusal):
            return rental
        if not 1 <= stars <= MOST_STARS:
            return Refusal.OUT_OF_RANGE
        if rental.stars:
            return Refusal.ALREADY_RATED
        if rental.state not in RATEABLE:
            return Refusal.WRONG_STATE
        self._desk.rate(rental, stars)
        return None

    # --- time -------------------------------------------------------------------------------

    def next_due_ms(self, after_ms: int) -> int | None:
        """The earliest deadline later than `after_ms`, in ledger time, or None."""
        return self._desk.next_due_ms(after_ms)

    def advance(self, now_ms: int) -> tuple[int, ...]:
        """Perform what is due by `now_ms`, in the order of deadlines.

        Returns:
            The rentals that moved, or were renewed, in that order. What the ledger would not pay
            stays due, and is tried again until its escrow runs out.
        """
        return self._desk.advance(now_ms)

    # --- the whole state --------------------------------------------------------------------

    def audit(self) -> str | None:
        """Check the books, and the ledger against them; returns what is wrong, or None."""
        return audit_books(self.ledger, self.parameters, self.listings, self.rentals)

    def encode(self) -> bytes:
        """The whole state but the ledger's, as canonical bytes."""
        return encode_books(self.listings, self.rentals)

    def restore(self, encoded: bytes) -> None:
        """Replace the whole state by one that `encode` gave; restore the ledger first.

        Raises:
            RemoteProtocolError: it is no sound state with this ledger; nothing was replaced.
        """
        listings, rentals = restore_books(encoded)
        fault = audit_books(self.ledger, self.parameters, listings, rentals)
        if fault is not None:
            raise RemoteProtocolError(f"restored marketplace: {fault}")
        self._desk.load(listings, rentals)

    # --- parts ------------------------------------------------------------------------------

    def _find(self, number: int, now_ms: int, *states: RentalState) -> Rental | Refusal:
        """The rental, if it is in one of `states`, if any, and the time for it is not over."""
        rental = self.rentals.get(number)
        if rental is None:
            return Refusal.UNKNOWN_RENTAL
        if not states:
            return rental
        if rental.state not in states:
            return Refusal.WRONG_STATE
        return Refusal.TOO_LATE if rental.deadline_ms <= now_ms else rental

    def _find_of_buyer(
        self, number: int, buyer: str, now_ms: int = 0, *states: RentalState
    ) -> Rental | Refusal:
        rental = self.rentals.get(number)
        if rental is not None and rental.buyer != buyer:
            return Refusal.NOT_AUTHORISED
        return self._find(number, now_ms, *states)

    def _find_of_seller(
        self, number: int, seller: str, now_ms: int, state: RentalState
    ) -> Rental | Refusal:
        rental = self.rentals.get(number)
        if rental is not None and self._desk.listing_of(rental).seller != seller:
            return Refusal.NOT_AUTHORISED
        return self._find(number, now_ms, state)
