"""A market for compute-hours with futures, and a squeeze of those who sold them.

*Spot*: hours against FTNS in a constant-product pool. Merchants hold both and have a private value
of an hour; whenever the pool is further from it than their threshold they trade half the way back,
as long as their stock lasts. *Futures*: one series (`economy.futures`), marked once a day and
settled in cash at delivery, by the average of the last so many hourly spot prices: a window of one
hour settles by the last price, a longer one by a time-weighted average. Hedgers who will have hours
sell futures, hedgers who need them buy; they add to their margin when it falls below the initial
one, as far as their money goes.

A *squeezer* buys futures from the short hedgers, at a premium, and before delivery buys hours in
the pool until their price is where it wants it, hour after hour. It gains q·(settlement − price) on
q contracts, as far as the shorts' margins, the insurance and then its own haircut allow, and it
loses what it pays for hours above their value. Merchants sell to it in the meantime: so the longer
it has to hold the price, the more hours it has to take, and if it takes all they have it has
cornered the market. Each hour counts as an FTNS, the opening price, and it sells above that only.
"""

from collections import deque
from collections.abc import Sequence
from math import isqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from economy.clearing import Marked
from economy.constant_product import Swapped
from economy.futures import Futures, FuturesParameters
from economy.futures_state import margin_units
from economy.ledger import Ledger, LedgerParameters
from economy.money import UNITS_PER_FTNS
from economy.orders import PPM, Side
from economy.pool import Pool
from economy.refusals import Refusal
from scenarios.token_economy.books import HOUR_MS, units
from scenarios.token_economy.crowd import EconomicAgent, Floats, Strategy, Traits
from scenarios.token_economy.view import View

if TYPE_CHECKING:
    from scenarios.token_economy.model import TokenEconomy

CLEARING = "clearing"
MERCHANT = "merchant"
SHORT = "short"
LONG = "long"
SERIES = "compute"
HOUR_UNITS = 10**9
"""Units of the ledger of hours that make one hour; a contract is for one hour."""
OPENING_UNITS = UNITS_PER_FTNS
"""FTNS for an hour at first, and at which hours count."""


class FuturesMarket:
    """Spot pool and clearing house of one economy.

    Args:
        economy: whose FTNS they take.
        margin: initial margin, a share; that of maintenance is three quarters of it.
        delivery_hour: of the series.
        window_hours: hourly spot prices that a mark is the average of.

    Attributes:
        marks: what each mark did.
        settlement_units: the last mark; 0 before delivery.
        provider: the account that paid for the insurance, and to which it counts.
    """

    def __init__(
        self, economy: "TokenEconomy", margin: float, delivery_hour: int, window_hours: int
    ) -> None:
        books = self.books = economy.books
        figures = LedgerParameters(cap_units=10**30, genesis_units=0)
        self.hours = books.install(Ledger(figures))
        self.spot = books.install(Pool(books.money, self.hours, name="spot"))
        margin_ppm = round(margin * PPM)
        terms = FuturesParameters(
            initial_margin_ppm=margin_ppm, maintenance_margin_ppm=margin_ppm * 3 // 4
        )
        self.futures = books.install(Futures(books.money, CLEARING, terms))
        refusal = self.futures.open_series(
            CLEARING, SERIES, OPENING_UNITS, delivery_hour * HOUR_MS, books.now_ms
        )
        assert refusal is None, f"the series does not open: {refusal}"
        self.delivery_hour = delivery_hour
        self.prices: deque[int] = deque(maxlen=window_hours)
        self.marks: list[Marked] = []
        self.settlement_units = 0
        self.provider = ""
        books.holdings.append(self.worth_units)

    @property
    def price_units(self) -> int:
        """FTNS units for an hour in the pool, rounded down."""
        return self.spot.money_units * HOUR_UNITS // self.spot.asset_units

    def worth_units(self, account: str) -> int:
        """Hours at their opening price, the margin of a position, a part of the pool, insurance."""
        worth = self.hours.balances.get(account, 0) * OPENING_UNITS // HOUR_UNITS
        position = self.futures.series[SERIES].positions.get(account)
        worth += 0 if position is None else position.margin_units
        shares, total = self.spot.shares.get(account, 0), self.spot.total_shares
        if account == self.provider:
            worth += self.books.money.balances.get(self.futures.insurance_account, 0)
        if shares:
            hours_units = self.spot.asset_units * shares // total
            worth += self.spot.money_units * shares // total
            worth += hours_units * OPENING_UNITS // HOUR_UNITS
        return worth

    def give_hours(self, account: str, hours: float) -> None:
        """Hours that somebody has at first."""
        if hours > 0:
            refusal = self.hours.mint(account, int(hours * HOUR_UNITS))
            assert refusal is None, f"{account} cannot have {hours} hours: {refusal}"

    def buy_up_to(self, account: str, price_units: int) -> Swapped | Refusal:
        """Buy hours for as much money as lifts the price to this one, or as there is."""
        product = self.spot.money_units * self.spot.asset_units
        wanted_units = isqrt(product * price_units // HOUR_UNITS) - self.spot.money_units
        has_units = self.books.money.balances.get(account, 0)
        return self.spot.swap(account, Side.BUY, max(0, min(wanted_units, has_units)))

    def sell_down_to(self, account: str, price_units: int) -> Swapped | Refusal:
        """Sell as many hours as lower the price to this one, or as there are."""
        product = self.spot.money_units * self.spot.asset_units
        wanted_units = isqrt(product * HOUR_UNITS // price_units) - self.spot.asset_units
        has_units = self.hours.balances.get(account, 0)
        return self.spot.swap(account, Side.SELL, max(0, min(wanted_units, has_units)))

    def close_hour(self, hour: int) -> None:
        """Note the price, and mark the series if it is time."""
        self.prices.append(self.price_units)
        series = self.futures.series[SERIES]
        if series.settled or (hour % 24 and hour < self.delivery_hour):
            return
        mean_units = sum(self.prices) // len(self.prices)
        marked = self.futures.mark(CLEARING, SERIES, mean_units, self.books.now_ms)
        if not isinstance(marked, Refusal):
            self.marks.append(marked)
            self.settlement_units = mean_units if series.settled else 0


class Clearing(Strategy):
    """The clearing house, which provides the pool too.

    Args:
        pool_hours: in the pool at first, and as many FTNS.
        insurance_ftns: in the insurance account at first.
    """

    rows = 0

    def __init__(self, pool_hours: float, insurance_ftns: float) -> None:
        self.pool_hours = pool_hours
        self.insurance_ftns = insurance_ftns
        self.market: FuturesMarket

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """The `hours` it puts into the pool."""
        return {"hours": np.full(count, self.pool_hours)}

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """FTNS for the pool and the insurance."""
        return self.pool_hours + self.insurance_ftns, 0.0

    def open(self, market: FuturesMarket, account: str) -> None:
        """Fill the pool and the insurance."""
        self.market = market
        market.provider = account
        market.give_hours(account, self.pool_hours)
        hours_units = market.hours.balances[account]
        opened = market.spot.add(account, units(self.pool_hours), hours_units)
        assert not isinstance(opened, Refusal), f"the pool does not open: {opened}"
        if self.insurance_ftns > 0:
            insurance = market.futures.insurance_account
            refusal = market.books.money.transfer(account, insurance, units(self.insurance_ftns))
            assert refusal is None, f"the insurance is not paid: {refusal}"

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """Every hour."""
        return traits["hours"] > 0.0

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Close the hour that has passed."""
        self.market.close_hour(economy.steps)


def market_of(economy: "TokenEconomy") -> FuturesMarket:
    """The futures market of an economy that has one."""
    clearing = economy.crowds[CLEARING].strategy
    assert isinstance(clearing, Clearing), "a clearing house has the market"
    return clearing.market


class Merchant(Strategy):
    """Merchants of hours: buy cheap, sell dear, as long as the stock lasts.

    Args:
        stock: hours, and FTNS, that each has at first.
    """

    rows = 2

    def __init__(self, stock: float) -> None:
        self.stock = stock

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """`rate` of looks an hour, private `value` of an hour, `threshold` of a trade."""
        return {
            "rate": rng.uniform(0.05, 0.35, count),
            "value": rng.lognormal(0.0, 0.01, count),
            "threshold": rng.uniform(0.005, 0.03, count),
        }

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """As many FTNS as hours."""
        return self.stock, 0.0

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """Looks now and then."""
        return draws[0] < traits["rate"]

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Trade half the way back to its value of today."""
        market = market_of(economy)
        value = agent.trait("value") * (1.0 + 0.01 * (draws[1] - 0.5))
        price = market.price_units / OPENING_UNITS
        aim_units = int((price + value) / 2 * OPENING_UNITS)
        if price > value * (1.0 + agent.trait("threshold")):
            market.sell_down_to(agent.name, aim_units)
        elif price < value * (1.0 - agent.trait("threshold")):
            market.buy_up_to(agent.name, aim_units)


class Hedging(Strategy):
    """Those who sold or bought futures: they answer margin calls as far as their money goes.

    Args:
        ftns: that each has at first.
    """

    rows = 0

    def __init__(self, ftns: float) -> None:
        self.ftns = ftns

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """What each has, `ftns`."""
        return {"ftns": np.full(count, self.ftns)}

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """For margins."""
        return self.ftns, 0.0

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """Looks every hour."""
        return traits["ftns"] > 0.0

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Bring the margin up to the initial one."""
        market, books = market_of(economy), economy.books
        series = market.futures.series[SERIES]
        position = series.positions.get(agent.name)
        if position is None:
            return
        rate_ppm = market.futures.parameters.initial_margin_ppm
        needed_units = margin_units(position.quantity, series.mark_units, rate_ppm)
        has_units = books.money.balances.get(agent.name, 0)
        lacking_units = min(needed_units - position.margin_units, has_units)
        if lacking_units > 0:
            market.futures.deposit(SERIES, agent.name, lacking_units, books.now_ms)


def open_market(
    economy: "TokenEconomy", market: FuturesMarket, merchant_hours: float, hedged: int
) -> None:
    """Fill the pool, give merchants their stock, and let each pair of hedgers make a trade.

    Args:
        market: of the economy, still empty.
        merchant_hours: that each merchant has.
        hedged: contracts of each pair, at the opening price.
    """
    clearing = economy.crowds[CLEARING]
    assert isinstance(clearing.strategy, Clearing), "a clearing house has the market"
    clearing.strategy.open(market, clearing.agents[0].name)
    for merchant in economy.crowds[MERCHANT].agents:
        market.give_hours(merchant.name, merchant_hours)
    pairs = zip(economy.crowds[LONG].agents, economy.crowds[SHORT].agents, strict=True)
    for long, short in pairs:
        market.futures.trade(SERIES, long.name, short.name, hedged, OPENING_UNITS, 0)
