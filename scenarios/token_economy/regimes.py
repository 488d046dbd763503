"""Years of a token: demand that grows or shrinks, issuance by schedule, and a part of it burned.

A *regime* is a yearly growth g of demand. Customers, each of whom stands for many, ask

    queries(t) = queries(0) · g^t · (fee(t)/fee(0))^(−ε) · noise

a week, the fee counted in dollars; so a dear token keeps some of them away. They buy the FTNS in
the pool, and of what they pay a part is burned and the rest goes to providers, who sell it.
Contributors sell what the issuance pays them. Holders do nothing, stakers stake.

Traders hold fair what the equation of exchange says (Fisher 1911, at a constant velocity): the
price moves with the dollars that are spent, and against the supply,

    fair(t) = fair(0) · g^t · supply(0) / supply(t).

Issuance is so many FTNS a second whatever happens; what is burned follows the use. Hence in a bear
market there is more new money for each that is destroyed, and a holder's part of the supply,
S(0)/S(t) of what it was, shrinks faster. How much of that the cheaper token undoes, by making
queries cheaper in dollars, is what the elasticity ε decides.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from economy.genesis import TREASURY
from economy.issuance import Issuance, IssuanceParameters
from economy.ledger import DAY_MS
from economy.refusals import Refusal
from scenarios.token_economy.books import FRESH, YIELD_PPM, amount, units
from scenarios.token_economy.crowd import EconomicAgent, Floats, Strategy, Traits
from scenarios.token_economy.kinds import Contributing, Trading
from scenarios.token_economy.view import View

if TYPE_CHECKING:
    from scenarios.token_economy.model import TokenEconomy

Regime = Literal["bull", "base", "bear"]
GROWTH: Final[dict[str, float]] = {"bull": 1.6, "base": 1.15, "bear": 0.7}
"""Yearly factor of demand."""
YEAR_HOURS: Final = 365.25 * 24
PROVIDER = "provider"
NOISE = 0.2
"""Standard deviation of the logarithm of a customer's demand in a week."""
PPM: Final = 1_000_000


class Customers(Strategy):
    """Customers, who buy FTNS to ask with.

    Args:
        queries: a week, of each at first.
        growth: yearly factor of their demand.
        elasticity: ε.
        burn: part of what they pay that is burned.

    Attributes:
        burned_units, paid_units: so far; what was paid includes what was burned.
    """

    rows = 2

    def __init__(self, queries: float, growth: float, elasticity: float, burn: float) -> None:
        self.queries = queries
        self.growth = growth
        self.elasticity = elasticity
        self.burn_ppm = round(burn * PPM)
        self.burned_units = 0
        self.paid_units = 0

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """The `queries` of each a week, at first."""
        return {"queries": self.queries * rng.lognormal(0.0, 0.5, count)}

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """Every week."""
        return traits["queries"] > 0.0

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Buy what the week's queries cost, burn a part of it and pay the rest."""
        view, books = agent.crowd.view, economy.books
        dearer = view.price_usd / view.opening_usd
        noise = NormalDist(0.0, NOISE).inv_cdf(min(max(draws[0], 1e-9), 1 - 1e-9))
        queries = agent.trait("queries") * self.growth ** (view.hour / YEAR_HOURS)
        queries *= dearer**-self.elasticity * float(np.exp(noise))
        cost_units = int(queries) * view.fee_units
        dollars = units(amount(cost_units) * view.price_usd)
        if not dollars:
            return
        books.bring(agent.name, dollars)
        bought = books.buy(agent.name, dollars)
        if isinstance(bought, Refusal):
            return
        # What the dollars bought is what is asked for: the pool's price moves against a buyer.
        burn_units = bought.received_units * self.burn_ppm // PPM
        if burn_units:
            issued = books.issuance.burn(agent.name, burn_units, books.now_ms)
            assert not isinstance(issued, Refusal), f"{agent.name} cannot burn: {issued}"
        providers = economy.crowds[PROVIDER].agents
        provider = providers[int(draws[1] * len(providers))].name
        rest_units = bought.received_units - burn_units
        if rest_units:
            refusal = books.money.transfer(agent.name, provider, rest_units)
            assert refusal is None, f"{agent.name} has what it pays, yet {refusal}"
        self.burned_units += burn_units
        self.paid_units += bought.received_units


class Providing(Strategy):
    """Providers: sell what they were paid, and spend the dollars."""

    rows = 0

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """What they are: `paid`."""
        return {"paid": np.ones(count)}

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """Every week."""
        return traits["paid"] > 0.0

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Sell all."""
        cash_in(economy, agent.name)


class Cashing(Contributing):
    """Contributors of models who sell their rewards."""

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Hand in, be paid, sell."""
        super().act(economy, agent, draws)
        cash_in(economy, agent.name)


class Holding(Strategy):
    """Holders, who do nothing.

    Args:
        ftns: of each.
    """

    rows = 0

    def __init__(self, ftns: float) -> None:
        self.ftns = ftns

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """What each has, `ftns`."""
        return {"ftns": np.full(count, self.ftns)}

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """That, in FTNS."""
        return self.ftns, 0.0

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """Never."""
        return traits["ftns"] < 0.0

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Nothing."""
        raise AssertionError(f"{agent.name} holds")


def cash_in(economy: "TokenEconomy", account: str) -> None:
    """Sell all FTNS of an account, and spend the dollars outside."""
    books = economy.books
    sold = books.sell(account, books.money.balances.get(account, 0))
    if not isinstance(sold, Refusal):
        refusal = books.take_out(account, sold.received_units)
        assert refusal is None, f"{account} has the dollars that it spends, yet {refusal}"


def circulating_units(economy: "TokenEconomy") -> int:
    """The supply, without what the treasury has had since the genesis and never spends."""
    money = economy.books.money
    return money.totals().supply_units - money.balances.get(TREASURY, 0)


def replace_issuance(economy: "TokenEconomy", ftns_per_s: float, era_days: int) -> None:
    """Let the issuance have other eras; to be called before anything is issued."""
    books = economy.books
    assert not books.issuance.minted_units, "something was issued on the old terms"
    books.issuance = Issuance(
        books.money,
        IssuanceParameters(units(ftns_per_s), era_ms=era_days * DAY_MS, payee=FRESH),
    )


def follow_demand(economy: "TokenEconomy", growth: float) -> None:
    """Let traders' fair price follow the equation of exchange from now on."""
    traders = economy.crowds["trader"]
    assert isinstance(traders.strategy, Trading), "traders trade"
    first_usd = traders.traits["fair_usd"].copy()
    first_units = circulating_units(economy)

    def follow(view: View) -> None:
        supply = circulating_units(economy) / first_units
        demand = growth ** (view.hour / YEAR_HOURS)
        traders.traits["fair_usd"] = first_usd * (demand / supply)

    economy.before_turns.append(follow)


def yield_paid_units(economy: "TokenEconomy", reserve_first: int, reserve_now: int) -> int:
    """What stakers were paid: what the reserve had, and got of the issuance, and has no more."""
    return reserve_first + economy.books.issuance.minted_units * YIELD_PPM // PPM - reserve_now
