"""A demand shock: for some days many more questions come up than hosts can answer.

Which rule for the price keeps people served, and what does it cost them? A price by supply and
demand moves little and lets hosts run full: whoever comes late is turned away, however much the
answer is worth to him. A base fee rises by up to an eighth a step until half of the supply is used:
hardly anybody is turned away, but many are priced out, and by design the other half stays idle. A
fixed price does nothing.

Null hypothesis: the share of questions that are answered during the shock is the same under a base
fee as under supply and demand. Theory says that it is less, and that what is answered is worth more
apiece; whether all of it together is worth more is open. `overshoot` is the highest fee over what
clears the market (or the fee before the shock, if that is more), less 1. `settling_h` is how long
after the shock a day's mean fee still strays from that of before by more than a tenth; it is at
most until the last day begins, and `settled` is false then.
"""

from typing import Any

import numpy as np
from pydantic import Field

from prsm_sim.scenario import Measure, Question, scenario
from prsm_sim.world import World
from scenarios.token_economy.demand_paths import (
    DemandLog,
    clearing_fee_usd,
    outcome,
    pulse,
    settling_steps,
)
from scenarios.token_economy.model import TokenEconomy
from scenarios.token_economy.parameters import EconomyParameters
from scenarios.token_economy.run import run_economy
from scenarios.token_economy.scenario import LIVE

BAND = 0.1
QUESTION = Question(
    question="Does a base fee keep more questions answered in a demand shock than a price by "
    "supply and demand?",
    null_hypothesis="The same share of the questions that come up in the shock is answered.",
    control={"controller": "supply_demand"},
    treatment={"controller": "base_fee"},
    measures=(
        Measure("shock.answered_share", "share of the questions that came up, answered", "less"),
        Measure("shock.turned_away_share", "share of those asked that found no room", "less"),
        Measure("shock.value_answered_share", "share of their value, in dollars, answered"),
        Measure("overshoot", "highest fee over the clearing fee, less 1", "greater"),
        Measure("settling_h", "hours until the fee is back", "greater"),
        Measure("welfare_ftns", "wealth and answers of honest agents, FTNS"),
    ),
)


class DemandShockParameters(EconomyParameters):
    """A market of queries that is half used at first."""

    steps: int = Field(336, ge=3, le=200_000, description="length of the run, in steps")
    researchers: int = Field(400, ge=1, le=1_000_000, description="who ask, and pay")
    hosts: int = Field(40, ge=1, le=100_000, description="who compute, and are paid")
    data_providers: int = Field(0, ge=0, le=100_000, description="who contribute data")
    model_providers: int = Field(0, ge=0, le=100_000, description="who contribute models")
    stakers: int = Field(20, ge=0, le=100_000, description="who stake, and vote")
    traders: int = Field(40, ge=0, le=100_000, description="who buy and sell FTNS for dollars")
    whales: int = Field(0, ge=0, le=1000, description="who own much, and want more")
    free_riders: int = Field(0, ge=0, le=100_000, description="who hand in worthless data")
    shock_factor: float = Field(4.0, gt=0, le=1000, description="factor on demand in the shock")
    shock_from_day: int = Field(4, ge=1, description="day after which it begins")
    shock_days: int = Field(3, ge=1, description="how long it lasts, days")


@scenario(DemandShockParameters, live_defaults=LIVE, question=QUESTION)
def demand_shock(world: World, parameters: DemandShockParameters) -> None:
    """Demand jumps for some days and falls back: who is served, at what price, and how long."""
    p = parameters
    day_steps = max(1, 24 // p.step_hours)
    first = min(p.shock_from_day * day_steps, p.steps - 2)
    last = min(first + p.shock_days * day_steps, p.steps - 1)
    logs: list[DemandLog] = []

    def prepare(economy: TokenEconomy) -> None:
        logs.append(DemandLog(economy, pulse(p.steps, first, last - first, p.shock_factor)))

    def measure(economy: TokenEconomy) -> dict[str, Any]:
        series = logs[0].series()
        fees_ftns, before = series["fee_ftns"], slice(max(0, first - day_steps), first)
        level_ftns = float(fees_ftns[before].mean())
        # The worst moment: the highest fee over what would clear the market just then.
        highest = first + int(fees_ftns[first:].argmax())
        researchers, supply = economy.crowds["researcher"], float(series["supply"][highest])
        in_shock_usd = clearing_fee_usd(researchers, p.shock_factor, p.step_hours, supply)
        clearing_ftns = in_shock_usd / float(series["price_usd"][highest])
        day = min(day_steps, p.steps - last)
        day_means = np.convolve(fees_ftns[last:], np.full(day, 1 / day), mode="valid")
        settling = settling_steps(day_means, level_ftns, BAND)
        return {
            "shock": outcome(series, first, last),
            "before": outcome(series, 0, first),
            "peak_fee_ftns": float(fees_ftns[highest]),
            "fee_before_ftns": level_ftns,
            "clearing_fee_ftns": clearing_ftns,
            "overshoot": float(fees_ftns[highest]) / max(clearing_ftns, level_ftns) - 1.0,
            "settling_h": settling * p.step_hours,
            "settled": settling < len(day_means),
        }

    run_economy(world, p, prepare=prepare, measure=measure)
