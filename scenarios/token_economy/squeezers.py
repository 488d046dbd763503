"""The squeezer of `futures_market`: buy futures, hold the price up, let it settle, sell out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from economy.orders import PPM
from economy.refusals import Refusal
from scenarios.token_economy.crowd import EconomicAgent, Floats, Strategy, Traits
from scenarios.token_economy.futures_market import (
    OPENING_UNITS,
    SERIES,
    SHORT,
    FuturesMarket,
    market_of,
)
from scenarios.token_economy.view import View

if TYPE_CHECKING:
    from scenarios.token_economy.model import TokenEconomy


class Squeezing(Strategy):
    """One squeezer.

    Args:
        budget_ftns: all that it has.
        contracts: that it buys, in equal parts from all shorts, as far as the margin goes.
        premium: that it pays for them above the spot price, a share.
        push: the spot price that it aims at, of the opening's.
        hold_hours: for how many hours before delivery it holds the price there.

    Attributes:
        bought: contracts that it got.
        most_hours: the most hours that it had at once, in units.
    """

    rows = 0

    def __init__(
        self, budget_ftns: float, contracts: int, premium: float, push: float, hold_hours: int
    ) -> None:
        self.budget_ftns = budget_ftns
        self.contracts = contracts
        self.premium = premium
        self.push = push
        self.hold_hours = hold_hours
        self.bought = 0
        self.most_hours = 0

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """The `budget_ftns`."""
        return {"budget_ftns": np.full(count, self.budget_ftns)}

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """The budget."""
        return self.budget_ftns, 0.0

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """Is busy every hour."""
        return traits["budget_ftns"] > 0.0

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Buy futures first, then hours, then sell these."""
        economy.purses[0].watch(lambda: self._act(economy, agent.name))

    def _act(self, economy: "TokenEconomy", account: str) -> None:
        market, hour = market_of(economy), economy.steps
        if hour == 1:
            self._buy_futures(economy, market, account)
        elif market.delivery_hour - self.hold_hours <= hour < market.delivery_hour:
            # What the next clearing sees is the price after the last purchase before it.
            market.buy_up_to(account, int(self.push * OPENING_UNITS))
        elif hour >= market.delivery_hour:
            market.sell_down_to(account, OPENING_UNITS)
        self.most_hours = max(self.most_hours, market.hours.balances.get(account, 0))

    def _buy_futures(self, economy: "TokenEconomy", market: FuturesMarket, account: str) -> None:
        shorts = economy.crowds[SHORT].agents
        price_units = OPENING_UNITS * round((1.0 + self.premium) * PPM) // PPM
        each = self.contracts // len(shorts)
        for short in shorts if each else []:
            refusal = market.futures.trade(
                SERIES, account, short.name, each, price_units, economy.books.now_ms
            )
            self.bought += 0 if isinstance(refusal, Refusal) else each
