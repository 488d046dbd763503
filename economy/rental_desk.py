"""What happens to a rental's money: the moves behind the marketplace's methods, and the time-outs.

The desk keeps the books and moves the money; whoever calls it has already made sure that the one
who asks may ask. Each move pays first and writes down afterwards: if the ledger refuses the payment
nothing was changed, and the rental is where it was.

Payments out of an escrow are one `post`, payments of a retained share are linked transfers out of
the marketplace's own account: both are done as a whole or not at all.
"""

from heapq import heapify, heappop, heappush

import msgspec

from economy.deadlines import next_after
from economy.holds import HoldState
from economy.ledger import Ledger
from economy.listings import Listing, Offer, RentalKind, offer_of
from economy.price_models import HOUR_MS, PPM
from economy.refusals import Refusal
from economy.rentals import (
    MarketplaceParameters,
    Payout,
    Rental,
    RentalState,
    Step,
    accept,
    award,
    fee_units,
    release,
    run_ms,
)


class RentalDesk:
    """The books of a marketplace.

    Args:
        ledger: where the money is.
        parameters: the marketplace's figures.

    Attributes:
        listings, rentals: by number.
    """

    __slots__ = ("_due", "ledger", "listings", "parameters", "rentals")

    def __init__(self, ledger: Ledger, parameters: MarketplaceParameters) -> None:
        self.ledger = ledger
        self.parameters = parameters
        self.listings: dict[int, Listing] = {}
        self.rentals: dict[int, Rental] = {}
        self._due: list[tuple[int, int]] = []
        """Deadlines and ends of periods with the rental's number; outdated ones are skipped."""

    def load(self, listings: dict[int, Listing], rentals: dict[int, Rental]) -> None:
        """Replace the books."""
        self.listings.clear()
        self.listings.update(listings)
        self.rentals.clear()
        self.rentals.update(rentals)
        due = [(rental.deadline_ms, number) for number, rental in rentals.items()]
        due += [(rental.access_until_ms, number) for number, rental in rentals.items()]
        self._due = [entry for entry in due if entry[0]]
        heapify(self._due)

    def listing_of(self, rental: Rental) -> Listing:
        """What is rented."""
        return self.listings[rental.listing]

    def window(self, now_ms: int) -> int:
        """The number of the window of demand at `now_ms`."""
        return now_ms // self.parameters.window_ms

    def offer_of(self, listing: Listing, now_ms: int) -> Offer:
        """The listing as it is offered at `now_ms`."""
        figures = self.parameters
        return offer_of(listing, figures.prices, self.window(now_ms), figures.windows, now_ms)

    # --- moves ------------------------------------------------------------------------------

    def open(
        self,
        listing: Listing,
        buyer: str,
        unit_price_units: int,
        quantity: int,
        now_ms: int,
        renewed: bool = False,
    ) -> Rental | Refusal:
        """Put the price and the fee in escrow; a renewed period needs no delivery."""
        parameters = self.parameters
        number = len(self.rentals) + 1
        price = unit_price_units * quantity
        held = price + fee_units(price, parameters)
        run = run_ms(listing.terms.kind, quantity, parameters)
        deadline = now_ms + (parameters.review_ms if renewed else parameters.delivery_ms)
        review = 0 if renewed else run + parameters.review_ms
        escrow_until = deadline + review + parameters.decision_ms + parameters.grace_ms
        name = parameters.hold_of(number, escrow_until)
        refusal = self.ledger.hold(name, buyer, parameters.arbiter, held, escrow_until, now_ms)
        if refusal is not None:
            return refusal
        rental = Rental(
            number=number,
            listing=listing.number,
            buyer=buyer,
            unit_price_units=unit_price_units,
            quantity=quantity,
            held_units=held,
            escrow_until_ms=escrow_until,
            state=RentalState.REVIEW if renewed else RentalState.RESERVED,
            deadline_ms=deadline,
        )
        self.rentals[number] = rental
        heappush(self._due, (deadline, number))
        self._count(listing, now_ms, in_use=1, opened=1)
        return rental

    def hand_over(self, rental: Rental, now_ms: int) -> None:
        """Access was given: let it run, or begin the review."""
        listing = self.listing_of(rental)
        rental.started_at_ms = now_ms
        run = run_ms(listing.terms.kind, rental.quantity, self.parameters)
        if run:
            self._step(rental, Step.START, now_ms + run)
            return
        rental.metered = rental.quantity
        self._step(rental, Step.HAND_OVER, now_ms + self.parameters.review_ms)
        if listing.terms.kind is RentalKind.SUBSCRIPTION:
            self._begin_period(rental, listing, now_ms)
        else:
            self._free(rental, now_ms)

    def finish(self, rental: Rental, now_ms: int) -> None:
        """Stop the clock and the meter, and begin the review."""
        if self.listing_of(rental).terms.kind is RentalKind.HOURLY:
            # Rounded up; no more than was reserved, since time was up after that many.
            begun = -(-(now_ms - rental.started_at_ms) // HOUR_MS)
            rental.metered = max(1, begun)
        self._step(rental, Step.FINISH, now_ms + self.parameters.review_ms)
        self._free(rental, now_ms)

    def give_back(self, rental: Rental, now_ms: int) -> Refusal | None:
        """Return everything for what was not delivered."""
        refusal = self.ledger.void(self._hold_of(rental), now_ms)
        if refusal is None:
            self._step(rental, Step.DECLINE)
            self._free(rental, now_ms)
        return refusal

    def accept(self, rental: Rental, now_ms: int) -> Refusal | None:
        """Pay the price but for what is retained."""
        payout = accept(rental.due_units, self.parameters)
        refusal = self._pay_held(rental, payout, now_ms)
        if refusal is not None:
            return refusal
        rental.retained_units = payout.retained_units
        if payout.retained_units:
            self._step(rental, Step.ACCEPT, now_ms + self.parameters.retention_ms)
        else:
            self._step(rental, Step.ACCEPT_ALL)
        return None

    def dispute(self, rental: Rental, now_ms: int) -> None:
        """Hand the rental to the arbiter."""
        self._step(rental, Step.DISPUTE, now_ms + self.parameters.decision_ms)

    def decide(self, rental: Rental, award_ppm: int, now_ms: int) -> Refusal | None:
        """Pay the seller `award_ppm` of what the dispute is about, and return the rest."""
        if rental.retained_units:
            refusal = self._pay_retained(rental, award_ppm)
            step = Step.AWARD
        else:
            payout = award(rental.due_units, award_ppm, self.parameters)
            refusal = self._pay_held(rental, payout, now_ms)
            step = Step.AWARD if payout.seller_units or payout.platform_units else Step.REFUND
        if refusal is None:
            self._step(rental, step)
            if step is Step.REFUND:
                self._free(rental, now_ms)
        return refusal

    def rate(self, rental: Rental, stars: int) -> None:
        """Enter the buyer's rating."""
        rental.stars = stars
        listing = self.listing_of(rental)
        listing.stars += stars
        listing.ratings += 1

    # --- time -------------------------------------------------------------------------------

    def next_due_ms(self, after_ms: int) -> int | None:
        """The earliest deadline later than `after_ms`, or None."""
        return next_after(self._due, after_ms, self._is_live)

    def advance(self, now_ms: int) -> tuple[int, ...]:
        """Perform what is due by `now_ms`; returns the rentals that moved, in order."""
        moved: list[int] = []
        stuck: list[tuple[int, int]] = []
        while self._due and self._due[0][0] <= now_ms:
            entry = heappop(self._due)
            at_ms, number = entry
            rental = self.rentals[number]
            if rental.deadline_ms == at_ms:
                if self._time_out(rental, at_ms) is None:
                    moved.append(number)
                else:
                    stuck.append(entry)
            elif rental.uses_capacity and rental.access_until_ms == at_ms:
                self._end_period(rental, at_ms)
                moved.append(number)
        for entry in stuck:
            heappush(self._due, entry)
        return tuple(moved)

    def _is_live(self, entry: tuple[int, int]) -> bool:
        """Whether something is due at the instant of this entry."""
        at_ms, number = entry
        rental = self.rentals[number]
        is_renewal = rental.uses_capacity and rental.access_until_ms == at_ms
        return rental.deadline_ms == at_ms or is_renewal

    def _time_out(self, rental: Rental, at_ms: int) -> Refusal | None:
        """The answer to a deadline, as of the deadline."""
        if rental.is_in_escrow and self._has_lapsed(rental):
            self._step(rental, Step.LAPSE)
            self._free(rental, at_ms)
            return None
        refusal: Refusal | None = None
        match rental.state:
            case RentalState.RESERVED:
                refusal = self.give_back(rental, at_ms)
                self.listing_of(rental).undelivered += refusal is None
            case RentalState.RUNNING:
                self.finish(rental, at_ms)
            case RentalState.REVIEW:
                refusal = self.accept(rental, at_ms)
            case RentalState.DISPUTED:
                refusal = self.decide(rental, self.parameters.default_award_ppm, at_ms)
            case RentalState.RETAINED:
                refusal = self._pay_retained(rental, PPM)
                if refusal is None:
                    self._step(rental, Step.RELEASE)
            case RentalState.SETTLED | RentalState.REFUNDED:
                raise AssertionError(f"{rental} has ended, and has a deadline")
        return refusal

    def _has_lapsed(self, rental: Rental) -> bool:
        hold = self.ledger.book.holds.get(self._hold_of(rental))
        return hold is None or hold.state is HoldState.EXPIRED

    def _begin_period(self, rental: Rental, listing: Listing, now_ms: int) -> None:
        rental.access_until_ms = now_ms + listing.terms.period_ms
        heappush(self._due, (rental.access_until_ms, rental.number))

    def _end_period(self, rental: Rental, at_ms: int) -> None:
        """Renew the subscription if it is to go on, nobody quarrels and the buyer can pay."""
        self._free(rental, at_ms)
        listing = self.listing_of(rental)
        if not (rental.periods_left and listing.is_open) or rental.state is RentalState.DISPUTED:
            return
        renewal = self.open(listing, rental.buyer, rental.unit_price_units, 1, at_ms, renewed=True)
        if isinstance(renewal, Rental):
            renewal.metered = 1
            renewal.started_at_ms = at_ms
            renewal.periods_left = rental.periods_left - 1
            self._begin_period(renewal, listing, at_ms)

    # --- parts ------------------------------------------------------------------------------

    def _step(self, rental: Rental, step: Step, deadline_ms: int = 0) -> None:
        rental.step(step, deadline_ms)
        if deadline_ms:
            heappush(self._due, (deadline_ms, rental.number))

    def _free(self, rental: Rental, now_ms: int) -> None:
        """Give the rental's capacity back to its listing, once."""
        if rental.uses_capacity:
            rental.uses_capacity = False
            self._count(self.listing_of(rental), now_ms, in_use=-1)

    def _count(self, listing: Listing, now_ms: int, in_use: int, opened: int = 0) -> None:
        demand = listing.demand.at(self.window(now_ms), self.parameters.windows)
        listing.demand = msgspec.structs.replace(
            demand, in_use=demand.in_use + in_use, opened=demand.opened + opened
        )

    def _pay_held(self, rental: Rental, payout: Payout, now_ms: int) -> Refusal | None:
        payments = (
            (self.listing_of(rental).seller, payout.seller_units),
            (self.parameters.platform, payout.platform_units),
            (self.parameters.retained_account, payout.retained_units),
        )
        return self.ledger.post(self._hold_of(rental), payments, now_ms)

    def _pay_retained(self, rental: Rental, award_ppm: int) -> Refusal | None:
        kept = rental.retained_units
        payout = release(rental.due_units, kept, award_ppm, self.parameters)
        paid = payout.seller_units + payout.platform_units
        payments = (
            (self.listing_of(rental).seller, payout.seller_units),
            (rental.buyer, kept - paid),
            (self.parameters.platform, payout.platform_units),
        )
        account = self.parameters.retained_account
        moves = [(account, payee, units) for payee, units in payments if units]
        refused = self.ledger.transfer_linked(moves)
        if refused is not None:
            return refused.refusal
        rental.retained_units = 0
        return None

    def _hold_of(self, rental: Rental) -> str:
        return self.parameters.hold_of(rental.number, rental.escrow_until_ms)
