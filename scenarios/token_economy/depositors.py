"""Depositors: stakers who may run, and the outside holder whose sale frightens them.

A depositor bears the price to be below the opening by a share of its own, its *fear* (a threshold
of collective behaviour: Granovetter 1978; of a run: Diamond and Dybvig 1983, where leaving is the
better the more others leave, here because each sale lowers the price for those who come later).
Whenever it looks, at a rate of its own, it fetches what has finished unbonding. If it is afraid by
then, it unbonds all whose lock has ended and sells whatever is free; if it is not, it stakes again.
So a delay gives it time to think better of it, and that is all that a delay does here: nobody looks
at the queue of those who leave. Who has sold stays out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from economy.ledger import DAY_MS
from economy.refusals import Refusal
from economy.staking import Staking as StakingDesk
from economy.staking_terms import StakingParameters
from scenarios.token_economy.books import amount, units
from scenarios.token_economy.crowd import EconomicAgent, Floats, Strategy, Traits
from scenarios.token_economy.view import View

if TYPE_CHECKING:
    from scenarios.token_economy.model import TokenEconomy

LEAST_UNITS = units(1.0)


@dataclass(frozen=True)
class Sale:
    """What a depositor sold: FTNS, dollars, and in which step."""

    step: int
    ftns: float
    dollars: float


class Depositing(Strategy):
    """Stakers who leave when the price falls further than they can bear.

    Args:
        hours: of a step.
        wealth_ftns: mean wealth at first, FTNS; all of it is staked when the run begins.
        lock_days: of the locks. Those that run at the beginning end after 0 to so many days.
        calm: share by which their fear is lowered, all alike; 1: nobody is ever afraid.

    Attributes:
        sales: of all depositors, in order.
    """

    rows = 1

    def __init__(self, hours: float, wealth_ftns: float, lock_days: int, calm: float) -> None:
        self.hours = hours
        self.wealth_ftns = wealth_ftns
        self.lock_days = lock_days
        self.calm = calm
        self.sales: list[Sale] = []

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """`fear`: loss borne, a share; `rate` of looks an hour; `lock_days` left; `wealth_ftns`."""
        fear = 0.05 + rng.exponential(0.25, count)
        return {
            "fear": fear + self.calm * (1.0 - fear),
            "rate": rng.uniform(1 / 72, 1 / 6, count),
            "lock_days": np.floor(rng.random(count) * (self.lock_days + 1)),
            "wealth_ftns": self.wealth_ftns * rng.lognormal(-0.5, 1.0, count),
        }

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """All in FTNS."""
        return float(traits["wealth_ftns"][number]), 0.0

    def open(self, economy: "TokenEconomy", agents: Sequence[EconomicAgent]) -> None:
        """Stake all that they have, before the first step."""
        books = economy.books
        for agent in agents:
            money_units = books.money.balances[agent.name]
            days = int(agent.trait("lock_days"))
            bond = books.staking.bond(agent.name, money_units, days, books.now_ms)
            assert not isinstance(bond, Refusal), f"{agent.name} cannot stake: {bond}"

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """Looks now and then."""
        return draws[0] < traits["rate"] * self.hours

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Fetch what is free; leave if afraid, stake again if not."""
        books, view = economy.books, agent.crowd.view
        staking, now_ms = books.staking, books.now_ms
        staking.withdraw(agent.name, now_ms)
        staking.claim(agent.name, now_ms)
        if view.price_usd >= view.opening_usd * (1.0 - agent.trait("fear")):
            idle_units = books.money.balances.get(agent.name, 0)
            if idle_units > LEAST_UNITS:
                staking.bond(agent.name, idle_units, self.lock_days, now_ms)
            return
        stake = staking.books.stakes.get(agent.name)
        for bond in [] if stake is None else list(stake.bonds.values()):
            staking.unbond(agent.name, bond.number, bond.units, now_ms)  # refused while locked
        staking.withdraw(agent.name, now_ms)
        sold = books.sell(agent.name, books.money.balances.get(agent.name, 0))
        if not isinstance(sold, Refusal):
            self.sales.append(
                Sale(economy.steps, amount(sold.paid_units), amount(sold.received_units))
            )


class Dumping(Strategy):
    """A holder from outside who sells everything into the pool at once.

    Args:
        ftns: how much.
        step: when.
    """

    rows = 0

    def __init__(self, ftns: float, step: int) -> None:
        self.ftns = ftns
        self.step = step

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """None: there is no more to it."""
        return {"ftns": np.full(count, self.ftns)}

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """What it will sell."""
        return float(traits["ftns"][number]), 0.0

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """At its step."""
        return (traits["ftns"] > 0.0) & (view.step == self.step)

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Sell all."""
        books = economy.books
        books.sell(agent.name, books.money.balances.get(agent.name, 0))


def replace_staking(economy: "TokenEconomy", unbonding_days: int) -> None:
    """Let staking have another delay; to be called before anyone has staked."""
    books = economy.books
    assert not books.staking.books.stakes, "someone has staked on the old terms"
    books.staking = StakingDesk(
        books.money, StakingParameters(unbonding_ms=unbonding_days * DAY_MS)
    )


def losses(sales: Sequence[Sale], opening_usd: float) -> tuple[float, float]:
    """What early and late sellers lost against the opening price, as shares.

    Early is the half, by FTNS, that was sold first. Without sales both are 0: nobody lost.
    """
    half = sum(sale.ftns for sale in sales) / 2
    if not half:
        return 0.0, 0.0
    early_usd = late_usd = done = 0.0
    for sale in sales:
        early_ftns = min(max(half - done, 0.0), sale.ftns)
        early_usd += sale.dollars * early_ftns / sale.ftns
        late_usd += sale.dollars * (1.0 - early_ftns / sale.ftns)
        done += sale.ftns
    return 1.0 - early_usd / (half * opening_usd), 1.0 - late_usd / (half * opening_usd)
