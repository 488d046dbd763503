"""The honest kinds: what researchers, providers, hosts, stakers, traders and whales want.

Each is a rule of thumb with a few traits, which differ between agents. Nobody optimises and nobody
knows the model. Rates are per hour of ledger time. An agent acts at most once a step, with the
probability rate · hours: steps are short against the time between two acts, or it acts every step.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from economy.earning import Data, Model
from economy.refusals import Refusal
from scenarios.token_economy.books import units
from scenarios.token_economy.crowd import EconomicAgent, Floats, Strategy, Traits
from scenarios.token_economy.view import View

if TYPE_CHECKING:
    from scenarios.token_economy.model import TokenEconomy

BYTES_PER_MB = 1_000_000
LOCK_DAYS = 30


class Asking(Strategy):
    """Researchers: ask when an answer is worth its price, and buy FTNS when the purse is low.

    Args:
        hours: of a step.
        value_usd: median of what an answer is worth to them, in dollars; log-normal.
        rate_per_hour: of questions, on average.
    """

    rows = 2

    def __init__(self, hours: float, value_usd: float = 0.05, rate_per_hour: float = 0.2) -> None:
        self.hours = hours
        self.value_usd = value_usd
        self.rate_per_hour = rate_per_hour

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """`value_usd` of an answer, and `rate` of questions an hour."""
        return {
            "value_usd": self.value_usd * rng.lognormal(0.0, 0.5, count),
            "rate": rng.exponential(self.rate_per_hour, count),
        }

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """A few questions' worth."""
        return 5.0, 0.0

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """A question has come up, and its answer is worth the price."""
        comes_up = draws[0] < traits["rate"] * (view.demand * self.hours)
        return comes_up & (traits["value_usd"] >= view.fee_usd)

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Top up if need be, and ask."""
        books, fee_units = economy.books, agent.crowd.view.fee_units
        if books.money.balances.get(agent.name, 0) < fee_units:
            dollars = units(20 * agent.crowd.view.fee_usd)
            books.bring(agent.name, dollars)
            books.buy(agent.name, dollars)
        if economy.ask(agent.name, draws[1]):
            economy.served_usd += agent.trait("value_usd")


class Hosting(Strategy):
    """Hosts: online while it pays, with patience both ways; they sell what they earn once a day.

    Args:
        hours: of a step.
        capacity: queries a host can serve in an hour.
    """

    rows = 1

    def __init__(self, hours: float, capacity: float) -> None:
        self.hours = hours
        self.capacity = capacity

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """`cost_usd` an hour, `online` (0 or 1), and `expected_usd` earnings an hour."""
        cost_usd = 0.005 * rng.lognormal(0.0, 0.6, count)
        return {"cost_usd": cost_usd, "online": np.ones(count), "expected_usd": 2 * cost_usd}

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """Once a day on average: pay the bills."""
        return draws[0] < self.hours / 24

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Sell half of what was earned, and spend the dollars on costs."""
        books = economy.books
        earned_units = books.money.balances.get(agent.name, 0)
        if earned_units > 1 and not isinstance(books.sell(agent.name, earned_units // 2), Refusal):
            books.take_out(agent.name, books.dollars.balances.get(agent.name, 0))

    def learn(self, view: View, traits: dict[str, Floats]) -> None:
        """Expect a little more of what online hosts earn; go or come where it does not, or does."""
        expected = traits["expected_usd"]
        expected += 0.05 * (view.earnings_usd / self.hours - expected)
        online = traits["online"]
        online[expected < 0.8 * traits["cost_usd"]] = 0.0
        online[expected > 1.2 * traits["cost_usd"]] = 1.0


class Contributing(Strategy):
    """Data and model providers: contribute at their own rate, and are rewarded from the pool.

    Args:
        hours: of a step.
        rate_per_hour: of contributions, on average.
        megabytes: of a data set, on average; 0: contributes models.
    """

    rows = 2

    def __init__(self, hours: float, rate_per_hour: float, megabytes: float = 0.0) -> None:
        self.hours = hours
        self.rate_per_hour = rate_per_hour
        self.megabytes = megabytes

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """The `rate` of contributions an hour."""
        return {"rate": rng.exponential(self.rate_per_hour, count)}

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """Something is finished."""
        return draws[0] < traits["rate"] * self.hours

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Hand it in; a pool that is short refuses, and it is handed in again next time."""
        work: Data | Model = Model()
        if self.megabytes:
            size = -self.megabytes * float(np.log1p(-draws[1]))
            work = Data(int(size * BYTES_PER_MB))
        number = int(agent.memory.get("made", 0))
        if not isinstance(
            economy.books.earning.report(f"{agent.name}/{number}", agent.name, work), Refusal
        ):
            agent.memory["made"] = number + 1


class Padding(Contributing):
    """Free-riders: hand in worthless data as often as they can, and hope that nobody looks.

    Args:
        hours: of a step.
        rate_per_hour: of submissions.
        megabytes: that they claim to hand in, on average.
        review: probability that a reviewer sees that it is worthless; it earns nothing then.
    """

    rows = 3

    def __init__(self, hours: float, rate_per_hour: float, megabytes: float, review: float) -> None:
        super().__init__(hours, rate_per_hour, megabytes)
        self.review = review

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Hand in; what is seen through counts as seen through."""
        if draws[2] < self.review:
            economy.rejected += 1
        else:
            super().act(economy, agent, draws)


class Trading(Strategy):
    """Traders: chase trends, return to what they hold fair, and make noise.

    Args:
        hours: of a step.
        wealth_ftns: mean wealth at first, FTNS; and dollars to match.
        fair_usd: what they hold FTNS to be worth, give or take a tenth.
    """

    rows = 2

    def __init__(self, hours: float, wealth_ftns: float, fair_usd: float) -> None:
        self.hours = hours
        self.wealth_ftns = wealth_ftns
        self.fair_usd = fair_usd

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """`rate` of trades an hour; weights of `trend`, `value` and `noise`; own `fair_usd`."""
        return {
            "rate": rng.exponential(1 / 12, count),
            "trend": rng.normal(0.3, 0.3, count),
            "value": rng.exponential(0.5, count),
            "noise": rng.exponential(0.02, count),
            "fair_usd": self.fair_usd * rng.lognormal(0.0, 0.1, count),
            "wealth_ftns": self.wealth_ftns * rng.lognormal(-0.5, 1.0, count),
        }

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """Half in FTNS, half in dollars."""
        wealth_ftns = float(traits["wealth_ftns"][number])
        return wealth_ftns / 2, wealth_ftns / 2 * self.fair_usd

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """Once in a while."""
        return draws[0] < traits["rate"] * self.hours

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Trade a part of what is there, as large as the conviction."""
        view, books = agent.crowd.view, economy.books
        gap = agent.trait("fair_usd") / view.price_usd - 1.0
        conviction = agent.trait("trend") * view.day_return + agent.trait("value") * gap
        conviction += agent.trait("noise") * (2 * draws[1] - 1)
        part_ppm = int(min(abs(conviction), 0.5) * 1_000_000)
        if conviction > 0:
            books.buy(agent.name, books.dollars.balances.get(agent.name, 0) * part_ppm // 1_000_000)
        else:
            books.sell(agent.name, books.money.balances.get(agent.name, 0) * part_ppm // 1_000_000)


class Staking(Strategy):
    """Stakers: stake while the yield beats what they want, leave when they are afraid; they vote.

    Args:
        hours: of a step.
        wealth_ftns: mean wealth at first, FTNS.
    """

    rows = 1

    def __init__(self, hours: float, wealth_ftns: float) -> None:
        self.hours = hours
        self.wealth_ftns = wealth_ftns

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """`hurdle` yearly yield; `fear`: daily loss at which they leave; `wealth_ftns`."""
        return {
            "hurdle": rng.uniform(0.0, 0.06, count),
            "fear": rng.exponential(0.15, count) + 0.05,
            "wealth_ftns": self.wealth_ftns * rng.lognormal(-0.5, 1.0, count),
        }

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """All in FTNS."""
        return float(traits["wealth_ftns"][number]), 0.0

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """Looks once a day, and at once when the price falls further than it can bear."""
        is_afraid = view.day_return < -traits["fear"]
        return is_afraid | (draws[0] < self.hours / 24)

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Fetch what is free; run, or stake nine tenths of what lies idle."""
        books, view = economy.books, agent.crowd.view
        staking, now_ms = books.staking, books.now_ms
        staking.withdraw(agent.name, now_ms)
        if view.day_return < -agent.trait("fear"):
            self.run(economy, agent)
            return
        staking.claim(agent.name, now_ms)
        idle_units = books.money.balances.get(agent.name, 0)
        offered = staking.parameters.yield_ppm / 1_000_000 if view.yield_reserve_ftns > 0 else 0.0
        if offered >= agent.trait("hurdle") and idle_units > units(1.0):
            staking.bond(agent.name, idle_units * 9 // 10, LOCK_DAYS, now_ms)

    def run(self, economy: "TokenEconomy", agent: EconomicAgent) -> None:
        """Unbond all that is not locked, and sell what is free."""
        books = economy.books
        stake = books.staking.books.stakes.get(agent.name)
        for bond in [] if stake is None else list(stake.bonds.values()):
            books.staking.unbond(agent.name, bond.number, bond.units, books.now_ms)
        books.sell(agent.name, books.money.balances.get(agent.name, 0))


class Hoarding(Strategy):
    """Whales: own much, and buy the dips.

    Args:
        hours: of a step.
        wealth_ftns: of each at first, FTNS; and a tenth of its worth in dollars.
        price_usd: at which that is counted.
    """

    rows = 1

    def __init__(self, hours: float, wealth_ftns: float, price_usd: float) -> None:
        self.hours = hours
        self.wealth_ftns = wealth_ftns
        self.price_usd = price_usd

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """The `dip` of a week at which they buy."""
        return {"dip": rng.uniform(0.02, 0.1, count)}

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """Much in FTNS, some in dollars."""
        return self.wealth_ftns, self.wealth_ftns / 10 * self.price_usd

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """The week was bad, and a day has passed since the last time, on average."""
        return (view.week_return < -traits["dip"]) & (draws[0] < self.hours / 24)

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Buy for a tenth of the dollars that are left."""
        books = economy.books
        books.buy(agent.name, books.dollars.balances.get(agent.name, 0) // 10)
