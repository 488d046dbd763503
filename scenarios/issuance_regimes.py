"""Four years of issuance in a bull, a base and a bear market: whom does inflation dilute?

New FTNS come by schedule, halved every two years here, whatever the demand; a part of what
customers pay is burned (`token_economy.regimes`). So the supply grows by issuance less what use
destroys.

Null hypothesis: who holds FTNS and does nothing keeps the same part of the supply in a bear market
as in an ordinary one. The alternative is that it keeps less, since less is burned. It could be
false: for the same dollars more of a cheap token is burned. At an elasticity of 1 the two cancel
as far as the price follows demand, and without burning (`burn=0`) there is nothing to differ.

`regime.real_yield` is what a staked FTNS earns a year less the growth of the supply: a holder's
remedy, as far as the reserve reaches.
"""

from typing import Any

from pydantic import Field

from economy.staking import RESERVE
from prsm_sim.scenario import Measure, Question, scenario
from prsm_sim.world import World
from scenarios.token_economy.books import amount
from scenarios.token_economy.crowd import Crowd
from scenarios.token_economy.model import Generators, TokenEconomy
from scenarios.token_economy.parameters import Controller, EconomyParameters
from scenarios.token_economy.regimes import (
    GROWTH,
    PROVIDER,
    YEAR_HOURS,
    Cashing,
    Customers,
    Holding,
    Providing,
    Regime,
    circulating_units,
    follow_demand,
    replace_issuance,
    yield_paid_units,
)
from scenarios.token_economy.run import PACED, run_economy

CUSTOMER, HOLDER = "customer", "holder"


class RegimeParameters(EconomyParameters):
    """Parameters of years of issuance."""

    steps: int = Field(209, ge=1, le=200_000, description="length of the run, in steps")
    step_hours: int = Field(168, ge=168, le=168, description="ledger time that a step lasts, h")
    controller: Controller = Field("fixed", description="what sets the price of context")
    researchers: int = Field(0, ge=0, le=1_000_000, description="who ask one query a step")
    hosts: int = Field(1, ge=1, le=100_000, description="who compute for these")
    data_providers: int = Field(0, ge=0, le=100_000, description="who contribute data")
    model_providers: int = Field(0, ge=0, le=100_000, description="who contribute, and hold")
    stakers: int = Field(50, ge=0, le=100_000, description="who stake, and vote")
    traders: int = Field(40, ge=1, le=100_000, description="who buy and sell FTNS for dollars")
    free_riders: int = Field(0, ge=0, le=100_000, description="who hand in worthless data")
    issuance_ftns_per_s: float = Field(0.005, ge=0, le=100, description="new FTNS a second")
    era_days: int = Field(731, ge=1, le=100_000, description="after which issuance is halved, days")
    regime: Regime = Field("base", description="how demand grows: bull, base or bear")
    customers: int = Field(20, ge=1, le=10_000, description="each of whom stands for many")
    queries: float = Field(1500.0, ge=0, le=1e9, description="of each a week, at first")
    elasticity: float = Field(0.5, ge=0, le=5, description="of queries by their price in dollars")
    burn: float = Field(0.5, ge=0, le=1, description="part of what is paid that is burned")
    providers: int = Field(10, ge=1, le=10_000, description="who answer, and sell what they earn")
    contributors: int = Field(60, ge=0, le=10_000, description="who are paid by the issuance")
    holders: int = Field(10, ge=1, le=10_000, description="who do nothing")


QUESTION = Question(
    question="Does inflation dilute holders more in a bear market than in an ordinary one?",
    null_hypothesis="Holders keep the same part of the supply in a bear market as in the base.",
    control={"regime": "base"},
    treatment={"regime": "bear"},
    measures=(
        Measure("regime.holder_share", "holders' part of the supply, of that at first", "less"),
        Measure("regime.inflation", "growth of the circulating supply, a year", "greater"),
        Measure("regime.burned_share", "what was burned, of what was issued", "less"),
        Measure("regime.price", "price of an FTNS in dollars, of the opening's", "less"),
        Measure("regime.holder_value", "worth in dollars of what holders have, of that at first"),
        Measure("regime.real_yield", "yield of a stake less inflation, a year", "less"),
        Measure("regime.staker_share", "stakers' part of the supply, of that at first"),
    ),
)


@scenario(RegimeParameters, live_defaults=PACED, question=QUESTION)
def issuance_regimes(world: World, parameters: RegimeParameters) -> None:
    """Four years of issuance in a bull, a base or a bear market: whom does it dilute?"""
    p, hours = parameters, float(parameters.step_hours)
    first: dict[str, int] = {}

    def recruit(generators: Generators) -> list[Crowd]:
        kinds = (
            (CUSTOMER, p.customers, Customers(p.queries, GROWTH[p.regime], p.elasticity, p.burn)),
            (PROVIDER, p.providers, Providing()),
            ("contributor", p.contributors, Cashing(hours, 1 / (20 * 24))),
            (HOLDER, p.holders, Holding(p.wealth_ftns)),
        )
        return [Crowd(name, count, kind, generators(name)) for name, count, kind in kinds]

    def prepare(economy: TokenEconomy) -> None:
        replace_issuance(economy, p.issuance_ftns_per_s, p.era_days)
        follow_demand(economy, GROWTH[p.regime])
        first.update(standing(economy))

    def measure(economy: TokenEconomy) -> dict[str, Any]:
        last = standing(economy)
        grown = {name: last[name] / first[name] if first[name] else 0.0 for name in first}
        paying = economy.crowds[CUSTOMER].strategy
        assert isinstance(paying, Customers), "customers pay"
        years = p.steps * p.step_hours / YEAR_HOURS
        inflation = grown["supply"] ** (1 / years) - 1
        staked = economy.datacollector.get_model_vars_dataframe()["staked_ftns"].mean()
        paid = amount(yield_paid_units(economy, first["reserve"], last["reserve"]))
        nominal = paid / staked / years if staked else 0.0
        minted_units = economy.books.issuance.minted_units
        price = economy.books.price_usd / economy.opening_usd
        figures = {
            "supply_ftns": amount(last["supply"]),
            "inflation": inflation,
            "issued_ftns": amount(minted_units),
            "burned_share": paying.burned_units / minted_units if minted_units else 0.0,
            "price": price,
            "holder_share": grown["holders"] / grown["supply"],
            "holder_value": grown["holders"] * price,
            "nominal_yield": nominal,
            "real_yield": (1 + nominal) / (1 + inflation) - 1,
            "staker_share": grown["stakers"] / grown["supply"],
        }
        return {"regime": figures}

    run_economy(world, parameters, recruit=recruit, prepare=prepare, measure=measure)


def standing(economy: TokenEconomy) -> dict[str, int]:
    """Units of FTNS: in circulation, of holders, of stakers (and staked), and in the reserve."""

    def worth_units(crowd: str) -> int:
        names = [agent.name for agent in economy.crowds[crowd].agents]
        return sum(economy.books.wealth_units(name, economy.opening_usd) for name in names)

    return {
        "supply": circulating_units(economy),
        "reserve": economy.books.money.balances.get(RESERVE, 0),
        "holders": worth_units(HOLDER),
        "stakers": worth_units("staker"),
    }
