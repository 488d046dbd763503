"""A bazaar: sellers who rent out compute by the metered unit, and what a reservation may cost.

Rentals are those of `economy.marketplace`, of the kind that is paid by use: so much is reserved,
and only what is metered is paid for. Sellers are machines: they deliver at once, and end a rental
that meters nothing for `idle_hours`. Buyers use all they have reserved in a few hours, and confirm.

Who reserves and uses nothing has taken a place and pays nothing. A *floor* mends that: a rental
owes at least f for each hour for which it took a place. Whoever rents pays for the longest time
beforehand, into a hold; when the place is free again the seller is paid out of it

    max(0, f · hours − price of what was metered),

and the rest returns. Ordinary rentals pay more than the floor by their use, and lose nothing.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from economy.listings import RentalKind, Terms
from economy.marketplace import Marketplace
from economy.refusals import Refusal
from economy.rentals import (
    ENDED,
    UNDER_WAY,
    MarketplaceParameters,
    Rental,
    RentalState,
    award,
)
from economy.windows import name_until
from scenarios.token_economy.books import HOUR_MS, amount, units
from scenarios.token_economy.crowd import EconomicAgent, Floats, Strategy, Traits
from scenarios.token_economy.view import View

if TYPE_CHECKING:
    from scenarios.token_economy.model import TokenEconomy

SELLER, BUYER = "seller", "buyer"
UNIT_FTNS = 0.5
ORDINARY_UNITS, ORDINARY_HOURS = 20, 4
"""What an ordinary rental reserves and uses, and for how long."""
ORDINARY_FTNS_PER_HOUR = UNIT_FTNS * ORDINARY_UNITS / ORDINARY_HOURS
PURSE_FTNS = 100.0
"""What an ordinary buyer tops up to: a rental and its deposit are less."""
VALUE = 1.5
"""What an ordinary rental is worth to its buyer, in prices."""


class Bazaar:
    """The marketplace of an economy, and the floor under its rentals.

    Args:
        economy: whose money it is; the marketplace is audited with its other books.
        places: of each seller.
        floor_ftns: that a rental owes for an hour, FTNS; 0: nothing.
        idle_hours: after which a seller ends a rental that meters nothing.

    Attributes:
        market: listings and rentals.
        lost_sales: ordinary buyers who found no place.
        place_hours: for which buyers in `watched` took places.
        watched: whose places are counted.
    """

    def __init__(
        self, economy: "TokenEconomy", places: int, floor_ftns: float, idle_hours: int
    ) -> None:
        self.economy = economy
        books = economy.books
        self.parameters = MarketplaceParameters(listing_fee_units=0)
        self.market = books.install(Marketplace(books.money, self.parameters))
        self.longest_ms = self.parameters.usage_ms
        self.floor_units = units(floor_ftns)
        self.idle_ms = idle_hours * HOUR_MS
        self.lost_sales = 0
        self.place_hours = 0.0
        self.watched: frozenset[str] = frozenset()
        self._live: dict[int, Rental] = {}
        self._uses: dict[int, int] = {}
        self._deposits: dict[int, str] = {}
        terms = Terms("compute", (), RentalKind.USAGE, units(UNIT_FTNS), places)
        for agent in economy.crowds[SELLER].agents:
            self.market.offer(agent.name, terms, books.now_ms)
        books.holdings.append(self.worth_units)
        economy.before_turns.append(self.tend)

    def free(self) -> list[int]:
        """Listings that have a place."""
        listings = self.market.listings.values()
        return [one.number for one in listings if one.demand.in_use < one.terms.capacity]

    def rent(self, listing: int, buyer: str, quantity: int, *, use: bool) -> int | None:
        """Rent, with a deposit; the number of the rental, or None if it cannot be paid.

        Args:
            listing: that has a place.
            buyer: who pays.
            quantity: units to reserve.
            use: whether all of them will be used, within `ORDINARY_HOURS`.
        """
        books, market = self.economy.books, self.market
        now_ms = books.now_ms
        number = len(market.rentals) + 1
        if self.floor_units:
            ends_at_ms = now_ms + self.parameters.delivery_ms + self.longest_ms + HOUR_MS
            deposit = name_until(f"deposit/{number}", ends_at_ms)
            deposit_units = self.floor_units * (self.longest_ms // HOUR_MS)
            refused = books.money.hold(
                deposit, buyer, self.parameters.arbiter, deposit_units, ends_at_ms, now_ms
            )
            if refused is not None:
                return None
            self._deposits[number] = deposit
        limit_units = books.money.balances.get(buyer, 0)
        rented = market.rent(listing, buyer, quantity, limit_units, now_ms)
        if isinstance(rented, Refusal):
            if number in self._deposits:
                books.money.void(self._deposits.pop(number), now_ms)
            return None
        self._live[number] = rental = market.rentals[number]
        market.deliver(number, self.seller_of(rental), now_ms)
        if use:
            self._uses[number] = now_ms + ORDINARY_HOURS * HOUR_MS
        return number

    def dispute(self, number: int, award_ppm: int | None) -> bool:
        """Dispute a rental in review; the arbiter awards at once, or (None) sleeps."""
        rental, now_ms = self.market.rentals[number], self.economy.books.now_ms
        if self.market.dispute(number, rental.buyer, now_ms) is not None:
            return False
        if award_ppm is not None:
            self.market.decide(number, self.parameters.arbiter, award_ppm, now_ms)
        return True

    def tend(self, _view: View) -> None:
        """Let time-outs happen, machines meter, and places become free."""
        now_ms = self.economy.books.now_ms
        self.place_hours += self.economy.parameters.step_hours * sum(
            rental.buyer in self.watched and rental.state in UNDER_WAY
            for rental in self._live.values()
        )
        self.market.advance(now_ms)
        for number, rental in list(self._live.items()):
            if rental.state is RentalState.RUNNING:
                self._look_at(rental, now_ms)
            if rental.state not in UNDER_WAY:
                self._settle_deposit(rental, now_ms)
            if rental.state in ENDED:
                del self._live[number]

    def seller_of(self, rental: Rental) -> str:
        """Who is paid."""
        return self.market.listings[rental.listing].seller

    def worth_units(self, account: str) -> int:
        """What lies in escrow of an account's, and what it is still to be paid.

        A dispute at which the arbiter has not looked is worth what it ends with if he never does.
        """
        worth, terms = 0, self.parameters
        for rental in self._live.values():
            is_buyer = rental.buyer == account
            if not is_buyer and self.seller_of(rental) != account:
                continue
            owed_units = self._owed_units(rental) if rental.number in self._deposits else 0
            held_units = rental.held_units if rental.is_in_escrow else 0
            if rental.state is RentalState.DISPUTED:
                expected = award(rental.due_units, terms.default_award_ppm, terms)
                held_units -= expected.seller_units + expected.platform_units
                owed_units += expected.seller_units if not is_buyer else 0
            if is_buyer:
                worth += held_units + self._deposit_units(rental.number) - owed_units
            else:
                worth += rental.retained_units * terms.seller_ppm // 1_000_000 + owed_units
        return worth

    def sellers_ftns(self) -> float:
        """What all sellers are worth, FTNS."""
        economy = self.economy
        worth = economy.books.wealth_units
        agents = economy.crowds[SELLER].agents
        return amount(sum(worth(agent.name, economy.opening_usd) for agent in agents))

    # --- parts ------------------------------------------------------------------------------

    def _look_at(self, rental: Rental, now_ms: int) -> None:
        """Meter what was used, or end what stands idle."""
        number, market = rental.number, self.market
        used_at_ms = self._uses.get(number)
        if used_at_ms is not None and used_at_ms <= now_ms:
            del self._uses[number]
            market.meter(number, self.seller_of(rental), rental.quantity, now_ms)
            market.finish(number, rental.buyer, now_ms)
            if rental.buyer not in self.watched:
                market.confirm(number, rental.buyer, now_ms)
                paid_usd = VALUE * rental.due_units / 10**18 * self.economy.opening_usd
                self.economy.served_usd += paid_usd
        elif used_at_ms is None and now_ms - rental.started_at_ms >= self.idle_ms:
            market.finish(number, self.seller_of(rental), now_ms)

    def _settle_deposit(self, rental: Rental, now_ms: int) -> None:
        """Pay the floor out of the deposit, when the place has become free."""
        if rental.number not in self._deposits:
            return
        owed_units = self._owed_units(rental)
        deposit = self._deposits.pop(rental.number)
        money = self.economy.books.money
        refused = money.post(deposit, ((self.seller_of(rental), owed_units),), now_ms)
        assert refused is None, f"{deposit} does not pay {owed_units}: {refused}"

    def _deposit_units(self, number: int) -> int:
        hold = self.economy.books.money.book.holds.get(self._deposits.get(number, ""))
        return 0 if hold is None else hold.amount_units

    def _owed_units(self, rental: Rental) -> int:
        """What the floor demands by now; nothing while the buyer is at work."""
        if rental.number in self._uses:
            return 0
        lasted_ms = min(self.economy.books.now_ms - rental.started_at_ms, self.longest_ms)
        # Hours that have begun count, as they do with rentals by the hour.
        return max(0, self.floor_units * -(-lasted_ms // HOUR_MS) - rental.due_units)


class Selling(Strategy):
    """Sellers: their machines do it all (`Bazaar`); they themselves do nothing."""

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """None."""
        return {}

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """Never."""
        return draws[0] < 0.0

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Nothing."""


class Renting(Strategy):
    """Ordinary buyers: rent now and then, from anyone who has a place; else they go away.

    Args:
        hours: of a step.
        rate_per_hour: of rentals, of each buyer.

    Attributes:
        bazaar: to be set before the first step.
    """

    rows = 2

    def __init__(self, hours: float, rate_per_hour: float) -> None:
        self.hours = hours
        self.rate_per_hour = rate_per_hour
        self.bazaar: Bazaar

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """The `rate` of rentals an hour."""
        return {"rate": rng.exponential(self.rate_per_hour, count)}

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """Enough for some rentals and their deposits."""
        return 2 * PURSE_FTNS, 0.0

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """There is something to compute."""
        return draws[0] < traits["rate"] * self.hours

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Top up if need be, and rent from anyone."""
        bazaar, books = self.bazaar, economy.books
        if books.money.balances.get(agent.name, 0) < units(PURSE_FTNS):
            dollars = units(PURSE_FTNS * agent.crowd.view.price_usd)
            books.bring(agent.name, dollars)
            books.buy(agent.name, dollars)
        free = bazaar.free()
        if not free:
            bazaar.lost_sales += 1
            return
        listing = free[int(draws[1] * len(free))]
        bazaar.rent(listing, agent.name, ORDINARY_UNITS, use=True)
