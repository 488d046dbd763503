"""A price crash and a run on staking: does a delay dampen it, or only put it off?

An outside holder sells a large amount into the pool at one step. Stakers whom the fall frightens
unbond what is not locked; after the unbonding they sell it, unless the price has come back by then
and they are no longer afraid (`token_economy.depositors`). Each sale frightens more of them.
Traders and whales, who have dollars, buy what has become cheap.

Null hypothesis: how low the price falls does not depend on whether unbonding takes a week or no
time at all; everybody who is afraid sells in the end, and a delay only moves the fall. It is false
if the price comes back fast enough, by traders' purchases, for some to change their minds. It could
also be false the other way round: those who wait a week may then all sell into the same hour.

The lowest price after the crash decides. How long the price stayed below nine tenths of its opening
and where it stood at the end tell "dampened" from "put off". A lock that has not ended is a longer
delay, and has a parameter of its own.
"""

from typing import Any

from pydantic import Field

from prsm_sim.actor import UserError
from prsm_sim.scenario import Measure, Question, scenario
from prsm_sim.world import World
from scenarios.token_economy.crowd import Crowd
from scenarios.token_economy.depositors import Depositing, Dumping, losses, replace_staking
from scenarios.token_economy.model import Generators, TokenEconomy
from scenarios.token_economy.parameters import EconomyParameters
from scenarios.token_economy.run import PACED, run_economy

RECOVERED = 0.9
HOURS_A_DAY = 24


class BankRunParameters(EconomyParameters):
    """Parameters of a bank run."""

    steps: int = Field(240, ge=1, le=200_000, description="length of the run, in steps")
    step_hours: int = Field(6, ge=1, le=24, description="ledger time that a step lasts, h")
    researchers: int = Field(50, ge=0, le=1_000_000, description="who ask, and pay")
    hosts: int = Field(10, ge=0, le=100_000, description="who compute, and are paid")
    data_providers: int = Field(10, ge=0, le=100_000, description="who contribute data")
    model_providers: int = Field(5, ge=0, le=100_000, description="who contribute models")
    stakers: int = Field(0, ge=0, le=100_000, description="who stake and vote, and never run")
    free_riders: int = Field(0, ge=0, le=100_000, description="who hand in worthless data")
    traders: int = Field(60, ge=0, le=100_000, description="who buy and sell FTNS for dollars")
    depositors: int = Field(100, ge=1, le=100_000, description="stakers who may run")
    unbonding_days: int = Field(7, ge=0, le=365, description="from unbonding to withdrawal, days")
    lock_days: int = Field(0, ge=0, le=1460, description="of the locks of stakes, days")
    shock_step: int = Field(20, ge=2, description="at which the outside holder sells")
    shock_share: float = Field(
        0.2, ge=0, le=10, description="what it sells, as a share of the FTNS in the pool"
    )
    calm: float = Field(
        0.0, ge=0, le=1, description="lowers everybody's fear; 1: nobody is ever afraid"
    )


QUESTION = Question(
    question="Does a week of unbonding dampen a run on staking, or does it only put it off?",
    null_hypothesis="The lowest price is the same with a week of unbonding and without any.",
    control={"unbonding_days": 0},
    treatment={"unbonding_days": 7},
    measures=(
        Measure("run.lowest_price", "lowest price after the shock, of the opening's", "greater"),
        Measure("run.unstaked_share", "most of the stakes that had left staking at once", "less"),
        Measure("run.days_below", "days on which the price was below 90 % of the opening's"),
        Measure("run.lowest_day", "day of the lowest price, from the shock", "greater"),
        Measure("run.end_price", "price at the end, of the opening's"),
        Measure("run.early_loss", "loss of the half that sold first, of the opening price"),
        Measure("run.late_loss", "loss of the half that sold last, of the opening price"),
    ),
)


@scenario(BankRunParameters, live_defaults=PACED, question=QUESTION)
def bank_run(world: World, parameters: BankRunParameters) -> None:
    """A price crash and a run on staking: does a week of unbonding dampen it?"""
    p, hours = parameters, float(parameters.step_hours)
    if p.shock_step > p.steps:
        raise UserError(
            f"shock_step is {p.shock_step}, and the run has {p.steps} steps; choose one of them"
        )

    def recruit(generators: Generators) -> list[Crowd]:
        depositing = Depositing(hours, p.wealth_ftns, p.lock_days, p.calm)
        dumping = Dumping(p.shock_share * p.pool_ftns, p.shock_step)
        return [
            Crowd("outsider", 1, dumping, generators("outsider"), is_honest=False),
            Crowd("depositor", p.depositors, depositing, generators("depositor")),
        ]

    def prepare(economy: TokenEconomy) -> None:
        replace_staking(economy, p.unbonding_days)
        crowd = economy.crowds["depositor"]
        assert isinstance(crowd.strategy, Depositing), "depositors deposit"
        crowd.strategy.open(economy, crowd.agents)

    run_economy(world, parameters, recruit=recruit, prepare=prepare, measure=_measure)


def _measure(economy: TokenEconomy) -> dict[str, Any]:
    """How deep, how long, and who paid."""
    p = economy.parameters
    assert isinstance(p, BankRunParameters), "this scenario's"
    depositing = economy.crowds["depositor"].strategy
    assert isinstance(depositing, Depositing), "depositors deposit"
    series = economy.datacollector.get_model_vars_dataframe()
    prices = series["price_usd"].to_numpy()[p.shock_step - 1 :] / economy.opening_usd
    staked = series["staked_ftns"].to_numpy()
    first_ftns = float(staked[p.shock_step - 2])
    days_a_step = p.step_hours / HOURS_A_DAY
    early_loss, late_loss = losses(depositing.sales, economy.opening_usd)
    run = {
        "lowest_price": float(prices.min()),
        "lowest_day": float(prices.argmin()) * days_a_step,
        "end_price": float(prices[-1]),
        "days_below": float((prices < RECOVERED).sum()) * days_a_step,
        "sold_share": sum(sale.ftns for sale in depositing.sales) / first_ftns,
        "unstaked_share": 1.0 - float(staked[p.shock_step - 1 :].min()) / first_ftns,
        "early_loss": early_loss,
        "late_loss": late_loss,
    }
    return {"run": run}
