"""Controllers of the price, compared on the same demand.

A controller sees how much was asked for and how much was on offer, and names the next price. A good
one keeps half of the supply in use (the other half is slack), turns nobody away, and does not make
the price restless; it cannot do all of that. Demand takes four paths, one after the other: a step,
a ramp, a daily wave, and noise that forgets half of itself in a day. Before each comes a day of
ordinary demand, which the figures of that path leave out.

A price by supply and demand is a curve: it goes to where the formula puts it and stays. A base fee
is an integrator: it moves until use is on target, so it should follow better, at the price of more
movement, and lag behind what changes faster than an eighth a step. Null hypothesis: the tracking
error is the same under both. The control within the question is a path that does not move (`size`
1): then neither has anything to follow.
"""

from typing import Any

from pydantic import Field

from prsm_sim.scenario import Measure, Question, scenario
from prsm_sim.world import World
from scenarios.token_economy.demand_paths import PATHS, DemandLog, demand_path, outcome
from scenarios.token_economy.model import TokenEconomy
from scenarios.token_economy.parameters import EconomyParameters
from scenarios.token_economy.run import run_economy
from scenarios.token_economy.scenario import LIVE

QUESTION = Question(
    question="Does a base fee keep use closer to its target than a price by supply and demand?",
    null_hypothesis="The tracking error is the same under both.",
    control={"controller": "supply_demand"},
    treatment={"controller": "base_fee"},
    measures=(
        Measure("tracking_error", "root mean square of use less its target, of supply", "less"),
        Measure("fee_volatility", "standard deviation of the fee's change a step", "greater"),
        Measure("turned_away_share", "share of what was asked that found no room", "less"),
        Measure("answered_share", "share of the questions that came up, answered", "less"),
        Measure("revenue_ftns", "what hosts were paid, FTNS"),
        *(
            Measure(f"{path}.tracking_error", f"tracking error on the {path} only", "less")
            for path in PATHS
        ),
    ),
)


class PriceControllersParameters(EconomyParameters):
    """A market of queries that is half used at first, and where demand can rise beyond supply."""

    steps: int = Field(480, ge=8, le=200_000, description="length of the run, in steps")
    researchers: int = Field(400, ge=1, le=1_000_000, description="who ask, and pay")
    hosts: int = Field(40, ge=1, le=100_000, description="who compute, and are paid")
    data_providers: int = Field(0, ge=0, le=100_000, description="who contribute data")
    model_providers: int = Field(0, ge=0, le=100_000, description="who contribute models")
    stakers: int = Field(20, ge=0, le=100_000, description="who stake, and vote")
    traders: int = Field(40, ge=0, le=100_000, description="who buy and sell FTNS for dollars")
    whales: int = Field(0, ge=0, le=1000, description="who own much, and want more")
    free_riders: int = Field(0, ge=0, le=100_000, description="who hand in worthless data")
    size: float = Field(3.0, gt=0, le=1000, description="factor by which demand moves")


@scenario(PriceControllersParameters, live_defaults=LIVE, question=QUESTION)
def price_controllers(world: World, parameters: PriceControllersParameters) -> None:
    """Demand steps, climbs, swings and jitters: which controller keeps use on its target?"""
    p = parameters
    length = p.steps // len(PATHS)
    calm = min(max(1, 24 // p.step_hours), length // 2)
    logs: list[DemandLog] = []

    def prepare(economy: TokenEconomy) -> None:
        factors = [1.0] * p.steps
        for number, path in enumerate(PATHS):
            moving = demand_path(path, length - calm, p.step_hours, p.size, economy.rng)
            factors[number * length + calm : (number + 1) * length] = moving.tolist()
        logs.append(DemandLog(economy, factors))

    def measure(_economy: TokenEconomy) -> dict[str, Any]:
        series = logs[0].series()
        parts: dict[str, Any] = {
            path: outcome(series, number * length + calm, (number + 1) * length)
            for number, path in enumerate(PATHS)
        }
        return {**outcome(series, 0, len(PATHS) * length), **parts}

    run_economy(world, p, prepare=prepare, measure=measure)
