"""A cartel of hosts: members stay offline by turns, so that context is short and dear.

Under the price by supply and demand an hour's price falls with the supply s on offer, as a share of
the capacity that there is: p(s) = base · … · (1 − 0.2·(s − ½)). Questions go to a random host that
is online. With n hosts online, a cartel of m of them that keeps k offline serves (m − k)/(n − k) of
the questions instead of m/n. For a small k its income less running costs changes by

    d ln(profit)·(1 − σ) ∝ −(1 − σ)/m + 1/n + (1 − ε)·η/n      for each host kept offline,

σ being the part of income that running costs take, ε the price elasticity of questions, and η the
relative rise of the price if a host's share of the supply goes. So withholding pays from a share

    m/n > (1 − σ) / (1 + (1 − ε)·η)

of the hosts on: below it the members give more to the others than to themselves. It stops paying
when what is left cannot serve what is asked. And it lasts only if nobody else comes: entrants are
hosts with higher costs, who begin when a host's earnings are a fifth above these.

Hosts of this market pay their costs in dollars, once a day, out of what they earn.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from economy.refusals import Refusal
from scenarios.token_economy.books import amount, units
from scenarios.token_economy.crowd import EconomicAgent, Floats, Strategy, Traits
from scenarios.token_economy.kinds import Hosting
from scenarios.token_economy.purse import Purse
from scenarios.token_economy.view import View

if TYPE_CHECKING:
    from scenarios.token_economy.model import TokenEconomy

SPARE = 1.02
"""So much more is sold than costs are worth at the price, for the pool's fee and its move."""


class PayingHosts(Hosting):
    """Hosts who pay for the hours in which they are online, and keep what is left."""

    def learn(self, view: View, traits: dict[str, Floats]) -> None:
        """Owe the hour; then go or come, those who may."""
        traits["owed_usd"] += traits["online"] * traits["cost_usd"] * self.hours
        super().learn(view, traits)
        traits["online"][traits["barred"] > 0] = 0.0

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Sell as much as is owed, and pay."""
        books, owed_usd = economy.books, agent.crowd.traits["owed_usd"]
        owed_units = units(float(owed_usd[agent.number]))
        if not owed_units:
            return
        wanted_units = int(owed_units / books.price_usd * SPARE)
        has_units = books.money.balances.get(agent.name, 0)
        sold = books.sell(agent.name, min(wanted_units, has_units))
        if not isinstance(sold, Refusal):
            paid_units = min(sold.received_units, owed_units)
            refusal = books.take_out(agent.name, paid_units)
            assert refusal is None, f"{agent.name} has the dollars that it pays, yet {refusal}"
            owed_usd[agent.number] -= amount(paid_units)


def open_hosts(
    economy: "TokenEconomy", entrants: int, cost_usd: float, entrant_usd: float, can_enter: bool
) -> None:
    """Make the hosts of a fresh economy such hosts; the last so many of them are entrants.

    Args:
        entrants: hosts who are offline at first.
        cost_usd: median of an hour's cost of the others; `entrant_usd` of entrants.
        can_enter: whether entrants ever come.
    """
    hosts = economy.hosts
    assert isinstance(hosts.strategy, Hosting), "hosts host"
    hosts.strategy = PayingHosts(hosts.strategy.hours, hosts.strategy.capacity)
    is_entrant = np.arange(hosts.count) >= hosts.count - entrants
    traits = hosts.traits
    # Costs keep their order, and differ less than those of all hosts of the world.
    spread = np.cbrt(traits["cost_usd"] / np.median(traits["cost_usd"]))
    traits["cost_usd"] = np.where(is_entrant, entrant_usd, cost_usd) * spread
    traits["expected_usd"] = np.where(is_entrant, 0.0, 2 * traits["cost_usd"])
    traits["online"] = np.where(is_entrant, 0.0, 1.0)
    traits["barred"] = np.where(is_entrant & (not can_enter), 1.0, 0.0)
    traits["owed_usd"] = np.zeros(hosts.count)


class Withholding(Strategy):
    """The secretary of the cartel, who says which members stay offline in the next step.

    Args:
        members: how many hosts, the first ones.
        withheld: how many of these are offline at any time; they take turns.
    """

    rows = 0

    def __init__(self, members: int, withheld: int) -> None:
        self.members = members
        self.withheld = withheld

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """How many are `withheld`."""
        return {"withheld": np.full(count, float(self.withheld))}

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """In each step, if any are to be."""
        return traits["withheld"] > 0.0

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Send the next ones out; hosts who have learnt that it pays have come back by then."""
        online = economy.hosts.traits["online"]
        first = economy.steps * self.withheld
        for place in range(self.withheld):
            online[(first + place) % self.members] = 0.0


class CartelPurse(Purse):
    """What members are worth more than in the same economy without the cartel.

    They would have earned without it too, so each step is compared with the same step there: gain
    is by how much more, cost by how much less they earned in it. Running costs that are not paid
    yet count against them. Harm is what all others lose; the members are hosts like others in the
    welfare of an economy.

    Args:
        economy: that has the cartel.
        accounts: of the members, in both.
    """

    def __init__(self, economy: "TokenEconomy", accounts: Sequence[str]) -> None:
        self.twin: TokenEconomy | None = None
        super().__init__(economy, accounts)

    def wealth_units(self) -> int:
        """The difference; 0 as long as there is nothing to compare with."""
        if self.twin is None:
            return 0
        return self._net_worth_units(self._economy) - self._net_worth_units(self.twin)

    def close_step(self, step: int) -> None:
        """Compare as soon as both economies have done the step; the other one does it later."""
        if self.twin is not None and self.twin.steps == step:
            super().close_step(step)

    def figures(self, harm_ftns: float) -> dict[str, float | int | None]:
        """See `Purse.figures`; others lose what all lose, and what the members gain."""
        return super().figures(harm_ftns + amount(self.wealth_units()))

    def _net_worth_units(self, economy: "TokenEconomy") -> int:
        worth = sum(
            economy.books.wealth_units(account, economy.opening_usd) for account in self.accounts
        )
        owed_usd = float(economy.hosts.traits["owed_usd"][: len(self.accounts)].sum())
        return worth - units(owed_usd / economy.opening_usd)
