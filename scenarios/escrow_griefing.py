"""Escrow griefing: a buyer takes the places of a marketplace, and pays for nothing.

Rentals by use are paid by what was metered, so who reserves and uses nothing gets everything back,
and sellers turn ordinary buyers away meanwhile. A griefer gains nothing by it, and no choice of
parameters makes it gain: it is worth to it what it costs, and the question is how much harm a unit
of money buys. `token_economy.griefers` has the tactics and the closed form.

Does a floor, an hourly minimum that is paid out of a deposit, bring the griefing factor (what
sellers lose over what it costs) below 1? Null hypothesis: the damage share, harm / (harm + cost),
is the same with a floor as without. Theory says that it is 1 without, since hogging is free, and
below one half with a floor of more than half of what the place would have earned its seller.

A time-out is the other remedy: sellers end what stands idle for `idle_hours`. By itself it cannot
help against a griefer who is quick and takes the place again at once; against one who is not
(`is_quick` false: ordinary buyers come first) it can.
"""

from typing import Any

from pydantic import Field

from prsm_sim.scenario import Attack, Choice, Knob, Measure, Question, scenario
from prsm_sim.world import World
from scenarios.token_economy.bazaar import (
    BUYER,
    ORDINARY_FTNS_PER_HOUR,
    SELLER,
    Bazaar,
    Renting,
    Selling,
)
from scenarios.token_economy.books import amount
from scenarios.token_economy.crowd import Crowd
from scenarios.token_economy.griefers import GRIEFER, Griefing, Tactic, griefing_figures
from scenarios.token_economy.model import Generators, TokenEconomy
from scenarios.token_economy.parameters import EconomyParameters
from scenarios.token_economy.purse import Purse
from scenarios.token_economy.run import run_economy
from scenarios.token_economy.scenario import LIVE

QUESTION = Question(
    question="Does an hourly floor, paid out of a deposit, bring the griefing factor of hogging "
    "below 1?",
    null_hypothesis="The damage share is the same with a floor as without.",
    control={"floor_share": 0.0},
    treatment={"floor_share": 0.3},
    measures=(
        Measure("damage_share", "sellers' loss over it and the griefer's cost", "less"),
        Measure("sellers_lost_ftns", "what sellers lose, FTNS", "less"),
        Measure("attack.cost_ftns", "what it costs the griefer, FTNS", "greater"),
        Measure("lost_sales", "ordinary buyers who found no place"),
    ),
)
ATTACK = Attack(
    space=(
        Choice("tactic", ("hog", "dispute")),
        Knob("hogged", 1, 20),
        Choice("is_quick", (True, False)),
    )
)


class EscrowGriefingParameters(EconomyParameters):
    """Sellers and buyers of compute, in an economy that goes on beside them, and a griefer."""

    steps: int = Field(240, ge=1, le=200_000, description="length of the run, in steps")
    researchers: int = Field(10, ge=0, le=1_000_000, description="who ask, and pay")
    hosts: int = Field(2, ge=0, le=100_000, description="who compute, and are paid")
    data_providers: int = Field(0, ge=0, le=100_000, description="who contribute data")
    model_providers: int = Field(0, ge=0, le=100_000, description="who contribute models")
    stakers: int = Field(4, ge=0, le=100_000, description="who stake, and vote")
    traders: int = Field(10, ge=0, le=100_000, description="who buy and sell FTNS for dollars")
    whales: int = Field(0, ge=0, le=1000, description="who own much, and want more")
    free_riders: int = Field(0, ge=0, le=100_000, description="who hand in worthless data")
    audit_every: int = Field(24, ge=1, description="steps between audits of all books")
    sellers: int = Field(10, ge=1, le=10_000, description="who rent out compute")
    places: int = Field(2, ge=1, le=1000, description="rentals at a time, of each seller")
    buyers: int = Field(100, ge=1, le=100_000, description="who rent it, for four hours each time")
    buyer_rate: float = Field(0.03, gt=0, le=1, description="rentals of each buyer an hour")
    tactic: Tactic = Field("hog", description="hog: take places; dispute: use, and do not pay")
    hogged: int = Field(15, ge=0, le=10_000, description="places that the griefer wants")
    is_quick: bool = Field(True, description="the griefer comes before the buyers, else last")
    arbiter_looks: float = Field(0.5, ge=0, le=1, description="probability, at a dispute")
    floor_share: float = Field(
        0.0, ge=0, le=1, description="least that a rental pays an hour, of an ordinary one's pay"
    )
    idle_hours: int = Field(24, ge=1, le=24, description="before an idle rental is ended")
    budget_ftns: float = Field(20_000.0, ge=0, le=1e7, description="of the griefer, FTNS")


@scenario(EscrowGriefingParameters, live_defaults=LIVE, question=QUESTION, attack=ATTACK)
def escrow_griefing(world: World, parameters: EscrowGriefingParameters) -> None:
    """A griefer takes places and pays for nothing: how much harm does a unit of money buy?"""
    p, hours = parameters, float(parameters.step_hours)
    bazaars: list[Bazaar] = []
    floor_ftns = p.floor_share * ORDINARY_FTNS_PER_HOUR

    def recruit(generators: Generators) -> list[Crowd]:
        return [
            Crowd(SELLER, p.sellers, Selling(), generators(SELLER)),
            Crowd(BUYER, p.buyers, Renting(hours, p.buyer_rate), generators(BUYER)),
        ]

    def grief(generators: Generators) -> list[Crowd]:
        strategy = Griefing(p.tactic, p.hogged, p.arbiter_looks, p.budget_ftns)
        return [Crowd(GRIEFER, 1, strategy, generators(GRIEFER), is_honest=False)]

    def prepare(economy: TokenEconomy) -> None:
        bazaar = Bazaar(economy, p.places, floor_ftns, p.idle_hours)
        bazaars.append(bazaar)
        for crowd in list(economy.crowds.values()):
            if isinstance(crowd.strategy, Renting | Griefing):
                crowd.strategy.bazaar = bazaar
            if isinstance(crowd.strategy, Griefing):
                griefer = crowd.agents[0].name
                bazaar.watched = frozenset([griefer])
                crowd.strategy.purse = Purse(economy, [griefer])
                economy.purses.append(crowd.strategy.purse)
                if p.is_quick:
                    economy.let_act_first(GRIEFER)

    def measure(economy: TokenEconomy) -> dict[str, Any]:
        purse = economy.purses[0]
        attacked, peaceful = bazaars
        return griefing_figures(attacked, peaceful, amount(purse.cost_units - purse.gain_units))

    run_economy(world, p, attackers=grief, recruit=recruit, prepare=prepare, measure=measure)
