"""The token economy as a Mesa model: crowds that take turns at the books.

A step is an hour (or `step_hours`). Ledger time passes and new money is shared out; each crowd
takes its turn, in the order in which it entered; what was asked for is matched with the hosts that
are online; the price of context moves; once a day stakers vote; everything is audited. Mesa keeps
the agents (`agents_by_type`) and collects the series (`datacollector`).

Votes are on one figure, the share of new money that goes to contributors. Each staker who turns out
names the share it prefers, and the weighted median is adopted: with single-peaked preferences
nobody gains by naming another one (Black 1948, Moulin 1980). Weights are those of staking, by units
and remaining lock.
"""

from collections import deque
from collections.abc import Callable, Sequence

import mesa
import numpy as np
from mesa.datacollection import DataCollector

from economy.concentration import gini
from economy.earning import POOL as EARNING_POOL
from economy.staking import BONDS, RESERVE
from scenarios.token_economy.books import CONTEXT, HOUR_MS, Books, amount, units
from scenarios.token_economy.crowd import Crowd
from scenarios.token_economy.kinds import Hosting
from scenarios.token_economy.parameters import EconomyParameters
from scenarios.token_economy.purse import Purse
from scenarios.token_economy.view import View

DAY_HOURS = 24
WEEK_HOURS = 7 * DAY_HOURS
QUORUM = 0.2
"""Share of the weight of all stakes that must turn out."""
VOTERS_MOST = 1000
EARNING_LEAST_PPM, EARNING_MOST_PPM = 300_000, 700_000

Generators = Callable[[str], np.random.Generator]
"""A random generator for a purpose; the same purpose and seed always give the same."""


class TokenEconomy(mesa.Model):  # type: ignore[misc]
    """Books, and crowds that use them.

    Args:
        parameters: of the run.
        generators: where chance comes from.
        crowds: in the order of their turns; hosts are called ``host`` and must be there.

    Attributes:
        books: what belongs to whom.
        demand: factor on how often researchers ask; a scenario may move it.
        served_usd: what all answers so far were worth to those who asked.
        rejected: worthless contributions that were seen through.
        asked, unserved: queries of the running step, and those that found no host.
        last_asked, last_unserved: the same of the step before.
        purses: of attackers, for their accounts.
    """

    def __init__(
        self, parameters: EconomyParameters, generators: Generators, crowds: Sequence[Crowd]
    ) -> None:
        super().__init__(rng=generators("mesa"))
        self.parameters = parameters
        self.crowds = {crowd.name: crowd for crowd in crowds}
        self.hosts = self.crowds["host"]
        assert isinstance(self.hosts.strategy, Hosting), "hosts host"
        self.capacity = max(1, int(self.hosts.strategy.capacity * parameters.step_hours))
        self.demand = parameters.demand
        self.served_usd = 0.0
        self.rejected = 0
        self.asked = self.unserved = 0
        self.votes_adopted = 0
        self.purses: list[Purse] = []
        self.before_turns: list[Callable[[View], None]] = []
        """Called at the beginning of each step: shocks of a scenario."""
        self._votes = generators("votes")
        for crowd in crowds:
            crowd.enter(self)
        self.books = Books(parameters, self._endow(), self.capacity * self.hosts.count * CONTEXT)
        self._give_dollars()
        self.opening_usd = self.books.price_usd
        self.prices_usd = deque([self.opening_usd], maxlen=WEEK_HOURS // parameters.step_hours + 2)
        self._room: list[int] = []
        self._online = self.hosts.count
        self._load = self._queue_share = 0.0
        self._earnings_usd = 0.0
        self._revenue_units = 0
        self.last_asked = self.last_unserved = 0
        self.datacollector = DataCollector(model_reporters=REPORTERS)
        self.view = self._look()

    # --- a step -----------------------------------------------------------------------------

    def step(self) -> None:
        """Let a step pass."""
        parameters, books = self.parameters, self.books
        now_ms = self.steps * parameters.step_hours * HOUR_MS
        books.advance(now_ms)
        self._open_hosts()
        self.view = self._look()
        for shock in self.before_turns:
            shock(self.view)
        for crowd in self.crowds.values():
            if crowd.count:
                self.view = self._look()
                crowd.take_turn(self.view, at_once=parameters.path == "vectorised")
        self._close_market()
        hours = self.steps * parameters.step_hours
        if hours % DAY_HOURS < parameters.step_hours:
            self.vote()
        self.prices_usd.append(books.price_usd)
        for purse in self.purses:
            purse.close_step(self.steps)
        self.datacollector.collect(self)

    def ask(self, researcher: str, draw: float) -> bool:
        """Let a researcher ask a random host that has room.

        Args:
            researcher: its account.
            draw: uniform in [0, 1), decides which host.

        Returns:
            Whether it was answered, and paid for.
        """
        self.asked += 1
        room = self._room
        if not room:
            self.unserved += 1
            return False
        place = int(draw * len(room))
        host = self.hosts.agents[room[place]]
        fee_units = self.view.fee_units
        if self.books.ask(researcher, host.name, fee_units) is not None:
            return False
        self._revenue_units += fee_units
        left = self._left[room[place]] = self._left[room[place]] - 1
        if not left:
            # The last one takes its place: the order of the others does not matter to chance.
            room[place] = room[-1]
            room.pop()
        return True

    def vote(self) -> None:
        """Adopt the weighted median of the shares that those who turn out prefer."""
        stakers = self.crowds.get("staker")
        if stakers is None or not stakers.count:
            return
        staking, now_ms = self.books.staking, self.books.now_ms
        turns_out = self._votes.random(stakers.count) < 0.5
        ballots, weight_of_all = [], 0
        for agent in stakers.agents:
            weight = staking.weight(agent.name, now_ms)
            weight_of_all += weight
            if weight and turns_out[agent.number]:
                # Who wants a high yield prefers that less goes to contributors.
                wanted = EARNING_MOST_PPM - int(agent.trait("hurdle") * 5_000_000)
                ballots.append((max(EARNING_LEAST_PPM, wanted), weight))
        cast = sum(weight for _, weight in ballots)
        if not ballots or cast < QUORUM * weight_of_all:
            return
        self.books.earning_ppm = weighted_median(ballots)
        self.votes_adopted += 1

    def let_act_first(self, name: str) -> None:
        """Let a crowd take its turn before all others, from now on; who attacks is quick."""
        first = self.crowds.pop(name)
        self.crowds = {name: first, **self.crowds}

    # --- what there is ----------------------------------------------------------------------

    def honest_names(self) -> list[str]:
        """Accounts of all honest agents."""
        honest = (crowd for crowd in self.crowds.values() if crowd.is_honest)
        return [agent.name for crowd in honest for agent in crowd.agents]

    def honest_wealth_units(self) -> int:
        """What all honest agents are worth in FTNS, dollars at the opening price."""
        wealth_units, opening_usd = self.books.wealth_units, self.opening_usd
        return sum(wealth_units(name, opening_usd) for name in self.honest_names())

    def honest_welfare_ftns(self) -> float:
        """Wealth of honest agents, and what answers were worth to them, less what they brought.

        Dollars that were spent outside bought something that is worth as much.
        """
        outside_units = self.books.outside_units
        outside = amount(sum(outside_units.get(name, 0) for name in self.honest_names()))
        return amount(self.honest_wealth_units()) + (self.served_usd + outside) / self.opening_usd

    @property
    def gini(self) -> float:
        """Gini coefficient of the wealth of all agents."""
        wealth = [
            self.books.wealth_units(agent.name, self.opening_usd) // 10**12 for agent in self.agents
        ]
        return float(gini(wealth)) if sum(wealth) else 0.0

    # --- parts ------------------------------------------------------------------------------

    def _endow(self) -> dict[str, int]:
        endowments = {}
        for crowd in self.crowds.values():
            for agent in crowd.agents:
                ftns, _ = crowd.strategy.endowment(crowd.traits, agent.number)
                if ftns > 0:
                    endowments[agent.name] = units(ftns)
        return endowments

    def _give_dollars(self) -> None:
        for crowd in self.crowds.values():
            for agent in crowd.agents:
                _, dollars = crowd.strategy.endowment(crowd.traits, agent.number)
                self.books.bring(agent.name, units(dollars))

    def _open_hosts(self) -> None:
        online = np.flatnonzero(self.hosts.traits["online"] > 0).tolist()
        self._online = len(online)
        self._room = online
        self._left = dict.fromkeys(online, self.capacity)

    def _close_market(self) -> None:
        """Count what was asked, and set the price of the next step."""
        supply = self._online * self.capacity
        self._load = min(1.0, self.asked / supply) if supply else 1.0
        self._queue_share = self.unserved / self.asked if self.asked else 0.0
        self.books.price.close_period(self.asked * CONTEXT, supply * CONTEXT)
        self.books.meter.close_period(self.books.now_ms)
        revenue_usd = amount(self._revenue_units) * self.books.price_usd
        self._earnings_usd = revenue_usd / self._online if self._online else self.view.fee_usd
        self.last_asked, self.last_unserved = self.asked, self.unserved
        self.asked = self.unserved = self._revenue_units = 0

    def _return_over(self, hours: int) -> float:
        """Relative change of the price over so many hours, as far back as there is a past."""
        back = min(len(self.prices_usd), max(1, hours // self.parameters.step_hours))
        return self.books.price_usd / self.prices_usd[-back] - 1.0

    def _look(self) -> View:
        books = self.books
        circulating = books.money.totals().supply_units
        return View(
            step=self.steps,
            hour=float(self.steps * self.parameters.step_hours),
            fee_units=books.price.price_units,
            price_usd=books.price_usd,
            opening_usd=self.opening_usd,
            day_return=self._return_over(DAY_HOURS),
            week_return=self._return_over(WEEK_HOURS),
            staked_share=books.money.balances.get(BONDS, 0) / circulating,
            yield_reserve_ftns=amount(books.money.balances.get(RESERVE, 0)),
            queue_share=self._queue_share,
            load=self._load,
            earnings_usd=self._earnings_usd,
            demand=self.demand,
        )


def weighted_median(ballots: Sequence[tuple[int, int]]) -> int:
    """The least value that at least half of the weight is not above.

    Args:
        ballots: value and weight each; weights > 0.
    """
    half = sum(weight for _, weight in ballots)
    reached = 0
    for value, weight in sorted(ballots):
        reached += 2 * weight
        if reached >= half:
            return value
    raise AssertionError("there are no ballots")


REPORTERS = {
    "price_usd": lambda model: model.books.price_usd,
    "fee_ftns": lambda model: amount(model.books.price.price_units),
    "asked": lambda model: model.last_asked,
    "unserved": lambda model: model.last_unserved,
    "hosts_online": lambda model: int(model.hosts.traits["online"].sum()),
    "staked_ftns": lambda model: amount(model.books.money.balances.get(BONDS, 0)),
    "earning_pool_ftns": lambda model: amount(model.books.money.balances.get(EARNING_POOL, 0)),
}
"""What the collector keeps of each step."""
