"""A squeeze in compute futures: does settling by an average price make it a loss, or higher margin?

A squeezer buys futures from hedgers, and before delivery buys hours in the spot market until their
price is where it wants it (`token_economy.futures_market`). The shorts pay the difference, as far
as their margins go; then the insurance pays, then gains are cut.

Null hypothesis: what the squeezer nets is the same whether futures settle by the last hourly price
or by the average over a day. Theory: q contracts gain q·(push − 1 − premium). A price held for one
hour costs two pool fees; held for H hours it costs what merchants sell into it meanwhile, whatever
q is. So for each number of contracts there is a window beyond which it is a loss, and for each
window a number beyond which it pays, at the latest when all that merchants have is bought.

Margin works the other way round from what one might think: shorts cannot lose more than is behind
their positions (and the insurance), so a *low* margin bounds the squeezer's gain. A higher one
lets it collect more, and costs it nothing but the use of its money, since it gets its own back.
"""

from typing import Any

from pydantic import Field

from prsm_sim.actor import UserError
from prsm_sim.scenario import Attack, Knob, Measure, Question, scenario
from prsm_sim.world import World
from scenarios.token_economy import futures_market as place
from scenarios.token_economy.books import amount
from scenarios.token_economy.crowd import Crowd
from scenarios.token_economy.model import Generators, TokenEconomy
from scenarios.token_economy.parameters import EconomyParameters
from scenarios.token_economy.purse import Purse
from scenarios.token_economy.run import PACED, run_economy
from scenarios.token_economy.squeezers import Squeezing

SQUEEZER = "squeezer"


class SqueezeParameters(EconomyParameters):
    """Parameters of a squeeze."""

    steps: int = Field(144, ge=1, le=200_000, description="length of the run, in steps")
    step_hours: int = Field(1, ge=1, le=1, description="ledger time that a step lasts, h")
    researchers: int = Field(10, ge=0, le=1_000_000, description="who ask, and pay")
    hosts: int = Field(3, ge=0, le=100_000, description="who compute, and are paid")
    data_providers: int = Field(0, ge=0, le=100_000, description="who contribute data")
    model_providers: int = Field(0, ge=0, le=100_000, description="who contribute models")
    stakers: int = Field(0, ge=0, le=100_000, description="who stake, and vote")
    traders: int = Field(0, ge=0, le=100_000, description="who buy and sell FTNS for dollars")
    whales: int = Field(0, ge=0, le=1000, description="who own much, and want more")
    free_riders: int = Field(0, ge=0, le=100_000, description="who hand in worthless data")
    merchants: int = Field(30, ge=0, le=10_000, description="who trade hours in the spot market")
    merchant_hours: float = Field(200.0, ge=0, le=1e6, description="that each has at first, h")
    pool_hours: float = Field(4000.0, gt=0, le=1e9, description="in the spot pool at first, h")
    hedgers: int = Field(40, ge=1, le=10_000, description="who sell futures, and as many who buy")
    hedged: int = Field(50, ge=1, le=10**6, description="contracts that each of them hedges")
    hedger_ftns: float = Field(100.0, gt=0, le=1e6, description="that each has for margins, FTNS")
    margin: float = Field(0.1, gt=0, le=1, description="initial margin, of a position's value")
    insurance_ftns: float = Field(100.0, ge=0, le=1e6, description="in the insurance at first")
    delivery_hour: int = Field(96, ge=2, le=100_000, description="at which futures settle")
    window_hours: int = Field(
        1, ge=1, le=24 * 31, description="hourly prices that a mark and the settlement average"
    )
    budget_ftns: float = Field(20_000.0, gt=0, le=1e8, description="of the squeezer, FTNS")
    contracts: int = Field(1000, ge=0, le=10**7, description="that it buys")
    premium: float = Field(0.02, ge=0, le=1, description="that it pays for them, a share")
    push: float = Field(1.1, ge=1, le=10, description="price it aims at, of the opening's")
    hold_hours: int = Field(
        0, ge=0, le=10_000, description="that it holds the price; 0: as long as the window"
    )


QUESTION = Question(
    question="Does settling by the average price of a day make a squeeze of futures a loss?",
    null_hypothesis="The squeezer nets the same with a window of 24 hours and with the last price.",
    control={"window_hours": 1},
    treatment={"window_hours": 24},
    measures=(
        Measure("attack.net_ftns", "what the squeezer is left with, FTNS", "less"),
        Measure("attack.harm_ftns", "what all others lose by it, FTNS", "less"),
        Measure("squeeze.settlement_ftns", "price at which futures settled, FTNS"),
        Measure("squeeze.cornered", "most hours it had at once, of all merchants' stock"),
        Measure("squeeze.shorts_lost_ftns", "what those who sold futures lost, FTNS"),
        Measure("squeeze.shortfall_ftns", "losses beyond the margins, FTNS"),
        Measure("squeeze.liquidated", "positions ended for lack of margin"),
    ),
)
ATTACK = Attack(
    space=(
        Knob("contracts", 100, 20_000, logarithmic=True),
        Knob("push", 1.02, 2.0),
        Knob("hold_hours", 1, 48),
    )
)


@scenario(SqueezeParameters, live_defaults=PACED, question=QUESTION, attack=ATTACK)
def futures_squeeze(world: World, parameters: SqueezeParameters) -> None:
    """A squeeze in compute futures: does settling by an average price make it a loss?"""
    p = parameters
    if p.delivery_hour > p.steps:
        raise UserError(
            f"delivery_hour is {p.delivery_hour}, and the run has {p.steps} hours; change one"
        )

    def recruit(generators: Generators) -> list[Crowd]:
        kinds = (
            (place.CLEARING, 1, place.Clearing(p.pool_hours, p.insurance_ftns)),
            (place.MERCHANT, p.merchants, place.Merchant(p.merchant_hours)),
            (place.SHORT, p.hedgers, place.Hedging(p.hedger_ftns)),
            (place.LONG, p.hedgers, place.Hedging(p.hedger_ftns)),
        )
        return [Crowd(name, count, kind, generators(name)) for name, count, kind in kinds]

    def attackers(generators: Generators) -> list[Crowd]:
        hold_hours = p.hold_hours or p.window_hours
        squeezing = Squeezing(p.budget_ftns, p.contracts, p.premium, p.push, hold_hours)
        return [Crowd(SQUEEZER, 1, squeezing, generators(SQUEEZER), is_honest=False)]

    def prepare(economy: TokenEconomy) -> None:
        market = place.FuturesMarket(economy, p.margin, p.delivery_hour, p.window_hours)
        place.open_market(economy, market, p.merchant_hours, p.hedged)
        if SQUEEZER in economy.crowds:
            economy.purses.append(Purse(economy, [economy.crowds[SQUEEZER].agents[0].name]))

    run_economy(
        world, parameters, recruit=recruit, attackers=attackers, prepare=prepare, measure=_measure
    )


def _measure(economy: TokenEconomy) -> dict[str, Any]:
    """What it settled at, and who paid."""
    p, market = economy.parameters, place.market_of(economy)
    assert isinstance(p, SqueezeParameters), "this scenario's"
    squeezing = economy.crowds[SQUEEZER].strategy
    assert isinstance(squeezing, Squeezing), "squeezers squeeze"
    shorts_units = sum(
        economy.books.wealth_units(short.name, economy.opening_usd)
        for short in economy.crowds[place.SHORT].agents
    )
    stock = p.merchants * p.merchant_hours * place.HOUR_UNITS
    variations = [marked.variation for marked in market.marks]
    figures = {
        "contracts": squeezing.bought,
        "settlement_ftns": amount(market.settlement_units),
        "cornered": squeezing.most_hours / stock if stock else 0.0,
        "shorts_lost_ftns": p.hedgers * p.hedger_ftns - amount(shorts_units),
        "shortfall_ftns": amount(sum(one.insured_units + one.haircut_units for one in variations)),
        "haircut_ftns": amount(sum(one.haircut_units for one in variations)),
        "liquidated": sum(len(marked.liquidated) for marked in market.marks),
    }
    return {"squeeze": figures}
