"""A venue that pays for volume: compute-hours against FTNS, and who trades them there.

Hours are traded in a continuous double auction with a fee for the taker (`economy.exchange`). To
attract trade a fund returns a *rebate*: for each trade of value V both sides together are credited
r·V, half each, and paid at the end of the day; if the credits of a day exceed what the fund gives
away in a day, all of them are cut in proportion. The fees go to the fund.

Dealers trade because they need hours or have too many: each has a private value around the common
one, a part of which is new each time, and bids below it or asks above it (zero intelligence with a
budget: Gode and Sunder 1993). They do not chase the rebate.

A washer has two accounts. One posts hours between the best bid and the best ask, the other takes
them at once, then they change places. Nobody else can come between, and no price risk is taken; the
exchange stops an account that meets itself and does not know that two have one owner. Each round
of value V costs it f·V, the taker's fee, and is credited r·V. So it pays if r > f, and the more it
trades the more, until the credits of a day reach the fund's limit D. That is at the volume D/r, so
there is at most D·(1 − f/r) a day to be had; beyond it every further round costs its fee and brings
nothing but others' part: the washer's share of D is its share of the volume, which is how it drives
out those who trade for a reason.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from economy.exchange import Exchange
from economy.ledger import Ledger, LedgerParameters
from economy.money import UNITS_PER_FTNS, split
from economy.orders import PPM, ExchangeParameters, OrderKind, OrderRequest, Side
from economy.refusals import Refusal
from economy.trades import Placed
from scenarios.token_economy.books import units
from scenarios.token_economy.crowd import EconomicAgent, Floats, Strategy, Traits
from scenarios.token_economy.view import View

if TYPE_CHECKING:
    from scenarios.token_economy.model import TokenEconomy

FUND = "fund"
HOUR_UNITS = UNITS_PER_FTNS
"""An hour is worth an FTNS at first, and counts as that."""
TICK_UNITS = HOUR_UNITS // 1000
DAY_HOURS = 24


def ticks(price_ftns: float) -> int:
    """A price in money units, rounded down to a tick but to one at least."""
    return max(1, int(price_ftns * HOUR_UNITS / TICK_UNITS)) * TICK_UNITS


class Venue:
    """The exchange, and who traded how much there.

    Args:
        economy: whose FTNS it takes.
        fee_ppm: of the taker.
        rebate_ppm: of a trade's value, to both sides together.

    Attributes:
        credits_ppm: what each account is owed for this day's trades, units · parts per million.
        volume_units, fee_units, paid_units: by account and since the start: value of its trades
            (half of each trade to either side), fees, and rebates paid to it.
    """

    def __init__(self, economy: "TokenEconomy", fee_ppm: int, rebate_ppm: int) -> None:
        books = economy.books
        self.hours = books.install(Ledger(LedgerParameters(cap_units=10**12, genesis_units=0)))
        figures = ExchangeParameters(taker_fee_ppm=fee_ppm, tick_units=TICK_UNITS)
        self.exchange = books.install(Exchange(books.money, self.hours, figures))
        self.money = books.money
        self.rebate_ppm = rebate_ppm
        self.credits_ppm: dict[str, int] = {}
        self.volume_units: dict[str, int] = {}
        self.fee_units: dict[str, int] = {}
        self.paid_units: dict[str, int] = {}
        self.fees_total_units = 0
        books.holdings.append(self.worth_units)

    def worth_units(self, account: str) -> int:
        """Hours at the opening price, and what open orders hold."""
        worth = self.hours.balances.get(account, 0) * HOUR_UNITS
        for order in self.exchange.books.orders.values():
            if order.account == account:
                is_hours = order.side is Side.SELL
                worth += order.escrow_units * (HOUR_UNITS if is_hours else 1)
        return worth

    def submit(self, request: OrderRequest, now_ms: int) -> Placed | Refusal:
        """Enter an order, and credit both sides of each of its trades."""
        placed = self.exchange.submit(request, now_ms)
        for trade in () if isinstance(placed, Refusal) else placed.trades:
            value_units = trade.price_units * trade.units
            sides = ((trade.buyer, trade.buyer_fee_units), (trade.seller, trade.seller_fee_units))
            for account, fee_units in sides:
                half = value_units // 2
                self.volume_units[account] = self.volume_units.get(account, 0) + half
                self.fee_units[account] = self.fee_units.get(account, 0) + fee_units
                due = self.credits_ppm.get(account, 0) + half * self.rebate_ppm
                self.credits_ppm[account] = due
        return placed

    def close_day(self, fund: str, most_units: int) -> None:
        """Take in the fees, and pay the day's credits as far as `most_units` go."""
        fees_units = self.money.balances.get(self.exchange.fees_account, 0)
        if fees_units:
            self._move(self.exchange.fees_account, fund, fees_units)
            self.fees_total_units += fees_units
        accounts = sorted(account for account, due in self.credits_ppm.items() if due)
        due_units = [self.credits_ppm[account] // PPM for account in accounts]
        room_units = min(most_units, self.money.balances.get(fund, 0))
        if sum(due_units) > room_units:
            due_units = list(split(room_units, due_units))
        for account, part_units in zip(accounts, due_units, strict=True):
            if part_units:
                self._move(fund, account, part_units)
                self.paid_units[account] = self.paid_units.get(account, 0) + part_units
        self.credits_ppm = {}

    def _move(self, payer: str, payee: str, amount_units: int) -> None:
        refusal = self.money.transfer(payer, payee, amount_units)
        assert refusal is None, f"{payer} has what it pays, yet {refusal}"


class Fund(Strategy):
    """Pays for volume once a day, and has the venue.

    Args:
        hours: of a step.
        ftns: that it has at first.
        day_ftns: the most that it gives away in a day.
    """

    rows = 0

    def __init__(self, hours: float, ftns: float, day_ftns: float) -> None:
        self.hours = hours
        self.ftns = ftns
        self.day_units = units(day_ftns)
        self.venue: Venue

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """What it has, `ftns`."""
        return {"ftns": np.full(count, self.ftns)}

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """What it can give away."""
        return self.ftns, 0.0

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """At the end of each day."""
        return (traits["ftns"] >= 0.0) & (view.hour % DAY_HOURS < self.hours)

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Close the day."""
        self.venue.close_day(agent.name, self.day_units)


def venue_of(economy: "TokenEconomy") -> Venue:
    """The venue of an economy that has one."""
    fund = economy.crowds[FUND].strategy
    assert isinstance(fund, Fund), "a fund has the venue"
    return fund.venue


class Dealing(Strategy):
    """Dealers in hours, who trade for a reason.

    Args:
        hours: of a step.
        endowment_each: hours and as many FTNS that each has at first.
    """

    rows = 4

    def __init__(self, hours: float, endowment_each: int) -> None:
        self.hours = hours
        self.endowment_each = endowment_each

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """`rate` of orders an hour, and the private `value` of an hour, FTNS."""
        return {
            "rate": rng.uniform(0.05, 0.4, count),
            "value": rng.lognormal(0.0, 0.05, count),
        }

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """As many FTNS as hours."""
        return float(self.endowment_each), 0.0

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """A need arises."""
        return draws[0] < traits["rate"] * self.hours

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Replace the last order by a new one."""
        venue, now_ms = venue_of(economy), economy.books.now_ms
        venue.exchange.cancel(agent.name, int(agent.memory.get("order", -1)), now_ms)
        value = agent.trait("value") * (1.0 + 0.1 * (draws[3] - 0.5))
        side = Side.BUY if draws[1] < 0.5 else Side.SELL
        margin = 0.05 * draws[2]
        price_units = ticks(value * (1.0 - margin if side is Side.BUY else 1.0 + margin))
        hours = 1 + int(draws[2] * 1000) % 5
        request = OrderRequest(agent.name, side, OrderKind.LIMIT, hours, price_units)
        placed = venue.submit(request, now_ms)
        if not isinstance(placed, Refusal):
            agent.memory["order"] = placed.number


class Washing(Strategy):
    """The accounts of one washer; the first of them does everything.

    Args:
        budget_ftns: of all accounts together; half of it in hours, which count as much.
        accounts: 2 or more, of which the first two trade; 1 can only meet itself.
        rounds: trades a step.
    """

    rows = 0

    def __init__(self, budget_ftns: float, accounts: int, rounds: int) -> None:
        self.budget_ftns = budget_ftns
        self.accounts = accounts
        self.rounds = rounds

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """`leads`: 1 for the account that acts."""
        return {"leads": (np.arange(count) == 0).astype(float)}

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """Half of the budget in FTNS, with the last account."""
        return (self.budget_ftns / 2 if number == self.accounts - 1 else 0.0), 0.0

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """In each step."""
        return traits["leads"] > 0.0

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Trade with itself to and fro."""
        names = [one.name for one in agent.crowd.agents]
        economy.purses[0].watch(lambda: self._wash(economy, names[0], names[-1]))

    def _wash(self, economy: "TokenEconomy", first: str, last: str) -> None:
        venue, now_ms = venue_of(economy), economy.books.now_ms
        for _ in range(self.rounds):
            price_units = self._price_between(venue)
            seller, buyer = first, last
            if venue.hours.balances.get(first, 0) < venue.hours.balances.get(last, 0):
                seller, buyer = last, first
            money_units = venue.money.balances.get(buyer, 0)
            # The buyer must have the value and the fee on it in hand.
            fee_ppm = venue.exchange.parameters.top_fee_ppm
            affordable = money_units * PPM // max(1, price_units * (PPM + fee_ppm))
            hours = min(venue.hours.balances.get(seller, 0), affordable)
            if not price_units or not hours:
                return
            ask = OrderRequest(seller, Side.SELL, OrderKind.POST_ONLY, hours, price_units)
            bid = OrderRequest(buyer, Side.BUY, OrderKind.IMMEDIATE_OR_CANCEL, hours, price_units)
            posted = venue.submit(ask, now_ms)
            venue.submit(bid, now_ms)
            if not isinstance(posted, Refusal):
                venue.exchange.cancel(seller, posted.number, now_ms)

    def _price_between(self, venue: Venue) -> int:
        """A price where nobody else has an order to meet: between bid and ask; 0: there is none."""
        resting = venue.exchange.books.resting
        bid_units = resting.best_price(Side.BUY) or TICK_UNITS
        ask_units = resting.best_price(Side.SELL) or 2 * HOUR_UNITS
        middle = (bid_units + ask_units) // (2 * TICK_UNITS) * TICK_UNITS
        return middle if bid_units < middle < ask_units else 0
