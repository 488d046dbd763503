"""Steady growth: do prices and service stay level when both sides of the market grow alike?

Researchers and hosts come in at monthly rates, from the first day on. If both grow at the same one,
the market is the same market at another size, and nothing that people see should drift: this is the
control. In the treatment demand grows twice as fast as supply. Then the load rises with
((1 + 2g) / (1 + g))^months, and what gives depends on the controller: with supply and demand the
share that is answered falls once the load reaches 1, with a base fee the price rises.

Null hypothesis: the drift of the share of questions that are answered, last week less first week,
is the same in both arms. What new money does to the dollar price of FTNS is part of both.
"""

from math import log
from typing import Any

import numpy as np
from pydantic import Field

from prsm_sim.scenario import Measure, Question, scenario
from prsm_sim.world import World
from scenarios.token_economy.demand_paths import DemandLog, outcome
from scenarios.token_economy.model import TokenEconomy
from scenarios.token_economy.newcomers import head_count, let_enter
from scenarios.token_economy.parameters import EconomyParameters
from scenarios.token_economy.run import run_economy
from scenarios.token_economy.scenario import LIVE

WEEK_HOURS = 7 * 24
QUESTION = Question(
    question="Does service stay level in steady growth, and does it still when demand grows "
    "twice as fast as supply?",
    null_hypothesis="The answered share drifts alike, whether demand grows as fast as supply or "
    "twice as fast.",
    control={"demand_growth": 0.3, "supply_growth": 0.3},
    treatment={"demand_growth": 0.6, "supply_growth": 0.3},
    measures=(
        Measure("drift.answered_share", "answered share, last week less first", "less"),
        Measure("drift.log_fee_usd", "logarithm of the fee in dollars, last week less first"),
        Measure("drift.log_price_usd", "logarithm of the price of FTNS, likewise", "greater"),
        Measure("drift.load", "share of the supply asked for, likewise", "greater"),
        Measure("drift.hosts_growth", "logarithm of hosts online, likewise"),
    ),
)


class SteadyGrowthParameters(EconomyParameters):
    """A young economy; `researchers` and `hosts` are those of the first day."""

    steps: int = Field(1440, ge=2, le=200_000, description="length of the run, in steps")
    step_hours: int = Field(2, ge=1, le=24, description="ledger time that a step lasts, h")
    researchers: int = Field(50, ge=1, le=100_000, description="who ask on the first day")
    hosts: int = Field(5, ge=1, le=10_000, description="who compute on the first day")
    data_providers: int = Field(0, ge=0, le=100_000, description="who contribute data")
    model_providers: int = Field(0, ge=0, le=100_000, description="who contribute models")
    stakers: int = Field(20, ge=0, le=100_000, description="who stake, and vote")
    traders: int = Field(40, ge=0, le=100_000, description="who buy and sell FTNS for dollars")
    whales: int = Field(0, ge=0, le=1000, description="who own much, and want more")
    free_riders: int = Field(0, ge=0, le=100_000, description="who hand in worthless data")
    audit_every: int = Field(24, ge=1, description="steps between audits of all books")
    demand_growth: float = Field(0.3, ge=0, le=10, description="of researchers, a month")
    supply_growth: float = Field(0.3, ge=0, le=10, description="of hosts, a month")


@scenario(SteadyGrowthParameters, live_defaults=LIVE, question=QUESTION)
def steady_growth(world: World, parameters: SteadyGrowthParameters) -> None:
    """Researchers and hosts come in month by month: does the market stay as it is?"""
    p = parameters
    hours = p.steps * p.step_hours
    researchers = head_count(p.researchers, p.demand_growth, hours)
    hosts = head_count(p.hosts, p.supply_growth, hours)
    grown = p.model_copy(update={"researchers": researchers, "hosts": hosts})
    logs: list[DemandLog] = []

    def prepare(economy: TokenEconomy) -> None:
        let_enter(economy.crowds["researcher"], p.researchers, p.demand_growth)
        let_enter(economy.crowds["host"], p.hosts, p.supply_growth)
        logs.append(DemandLog(economy, [p.demand] * p.steps))

    def measure(_economy: TokenEconomy) -> dict[str, Any]:
        series = logs[0].series()
        week = min(max(1, WEEK_HOURS // p.step_hours), p.steps // 2)
        figures = []
        for first, last in ((0, week), (p.steps - week, p.steps)):
            mean = {name: float(np.mean(values[first:last])) for name, values in series.items()}
            answered = outcome(series, first, last)["answered_share"]
            figures.append({
                "answered_share": answered if answered is not None else 1.0,
                "log_fee_usd": log(mean["fee_ftns"] * mean["price_usd"]),
                "log_price_usd": log(mean["price_usd"]),
                "load": mean["asked"] / max(1.0, mean["supply"]),
                "hosts_growth": log(max(1.0, mean["supply"])),
            })  # fmt: skip
        first_week, last_week = figures
        drift = {name: last_week[name] - first_week[name] for name in first_week}
        return {"first_week": first_week, "last_week": last_week, "drift": drift}

    run_economy(world, grown, prepare=prepare, measure=measure)
