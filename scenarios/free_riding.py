"""Free-riding: some contributors hand in padded data, and are paid from the pool of the others.

The share of those who do is a parameter. How many can an economy bear before honest contributors
lose by it, and does reviewing restore what they lose? `token_economy.riders` has the closed form:
nothing is lost until the pool runs dry, then all lose in proportion to what they ask; reviewing
with probability q lets the economy bear 1 / (1 − q) times as many.

Null hypothesis: the share of their rewards that honest contributors lose is the same whether
reviewers see through nothing or nine tenths. The default share of riders is beyond what the pool
bears without review, and well within what it bears with it, by the closed form.

Riders lose nothing when they are seen through, so riding pays as long as anything passes; what
makes it unprofitable is something to lose (see `sybil_flood`).
"""

from typing import Any

from pydantic import Field

from prsm_sim.scenario import Attack, Knob, Measure, Question, scenario
from prsm_sim.world import World
from scenarios.token_economy.books import amount
from scenarios.token_economy.crowd import Crowd
from scenarios.token_economy.model import Generators, TokenEconomy
from scenarios.token_economy.parameters import HOUR_S, EconomyParameters
from scenarios.token_economy.purse import Purse
from scenarios.token_economy.riders import (
    HONEST,
    RIDER,
    Riding,
    Tray,
    asked_ftns_per_hour,
    bearable_riders,
    lost_share,
)
from scenarios.token_economy.run import run_economy
from scenarios.token_economy.scenario import LIVE

HONEST_MB = 100.0
QUESTION = Question(
    question="Does reviewing restore what free-riders take from honest contributors?",
    null_hypothesis="Honest contributors lose the same share of their rewards, reviewed or not.",
    control={"review": 0.0},
    treatment={"review": 0.9},
    measures=(
        Measure("lost_share", "share of their rewards that honest contributors lose", "less"),
        Measure("attack.net_ftns", "what riders gain, net, FTNS", "less"),
        Measure("attack.harm_ftns", "what honest agents lose, FTNS", "less"),
        Measure("honest_rewards_ftns", "what honest contributors are paid, FTNS", "greater"),
    ),
)
ATTACK = Attack(
    space=(
        Knob("rider_share", 0.01, 0.7),
        Knob("rider_rate", 0.01, 1.0, logarithmic=True),
        Knob("rider_mb", 1.0, 1000.0, logarithmic=True),
    )
)


class FreeRidingParameters(EconomyParameters):
    """Contributors who leave some of the pool, and free-riders."""

    steps: int = Field(336, ge=1, le=200_000, description="length of the run, in steps")
    researchers: int = Field(20, ge=0, le=1_000_000, description="who ask, and pay")
    hosts: int = Field(4, ge=0, le=100_000, description="who compute, and are paid")
    data_providers: int = Field(60, ge=1, le=100_000, description="who contribute data honestly")
    model_providers: int = Field(0, ge=0, le=100_000, description="who contribute models")
    stakers: int = Field(0, ge=0, le=100_000, description="who stake, and vote")
    traders: int = Field(20, ge=0, le=100_000, description="who buy and sell FTNS for dollars")
    whales: int = Field(0, ge=0, le=1000, description="who own much, and want more")
    free_riders: int = Field(0, ge=0, le=0, description="see rider_share")
    review: float = Field(0.0, ge=0, le=1, description="probability that padding is recognised")
    audit_every: int = Field(24, ge=1, description="steps between audits of all books")
    rider_share: float = Field(0.4, ge=0, le=0.9, description="of all contributors, who ride")
    rider_rate: float = Field(1 / 6, gt=0, le=24, description="of a rider's submissions, an hour")
    rider_mb: float = Field(100.0, gt=0, le=1e6, description="that a rider claims each time, MB")


@scenario(FreeRidingParameters, live_defaults=LIVE, question=QUESTION, attack=ATTACK)
def free_riding(world: World, parameters: FreeRidingParameters) -> None:
    """Contributors who hand in padded data: from which share on do the honest ones lose by it?"""
    p, hours = parameters, float(parameters.step_hours)
    riders = round(p.data_providers * p.rider_share / (1.0 - p.rider_share))
    economies: list[TokenEconomy] = []

    def ride(generators: Generators) -> list[Crowd]:
        strategy = Riding(hours, p.rider_rate, p.rider_mb, p.review)
        return [Crowd(RIDER, riders, strategy, generators(RIDER), is_honest=False)]

    def prepare(economy: TokenEconomy) -> None:
        economies.append(economy)
        if RIDER in economy.crowds:
            crowd = economy.crowds[RIDER]
            assert isinstance(crowd.strategy, Riding), "riders ride"
            crowd.strategy.purse = Purse(economy, [agent.name for agent in crowd.agents])
            economy.purses.append(crowd.strategy.purse)
        Tray(economy, [name for name in (HONEST, RIDER) if name in economy.crowds])

    def honest_rewards_ftns(economy: TokenEconomy) -> float:
        balances = economy.books.money.balances
        return amount(sum(balances.get(a.name, 0) for a in economy.crowds[HONEST].agents))

    def measure(economy: TokenEconomy) -> dict[str, Any]:
        with_riders, without = (honest_rewards_ftns(one) for one in economies)
        inflow = p.issuance_ftns_per_s * HOUR_S * economy.books.earning_ppm / 1_000_000
        honest = asked_ftns_per_hour(economy.crowds[HONEST], HONEST_MB, hours)
        asked = asked_ftns_per_hour(economy.crowds[RIDER], p.rider_mb, hours)
        passing = asked * (1.0 - p.review)
        bears = bearable_riders(inflow, honest, passing / max(1, riders), 0.0)
        return {
            "riders": riders,
            "honest_rewards_ftns": with_riders,
            "lost_share": 1.0 - with_riders / without if without else None,
            "theory_lost_share": lost_share(inflow, honest, passing),
            "bearable_share": bears / (bears + p.data_providers) if bears < 1e9 else 1.0,
        }

    run_economy(world, p, attackers=ride, prepare=prepare, measure=measure)
