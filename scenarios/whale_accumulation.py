"""A whale buys the votes: do caps on shares keep it from control, also when it splits?

The votes guard a treasury (`token_economy.raiders`). A raider with a budget in dollars buys FTNS in
the pool, stakes them with a lock, and moves that the treasury be paid to it. Caps cut voting weight
at the largest limit by which no account has more than 15 %, no three more than 35 %, and the
effective number of voters is 10 or more (`economy.antimonopoly`).

Null hypothesis: the raider's share of the counted votes is the same with caps and without them.
For a single account it cannot be: 15 % is the most it can have. Split over accounts it may well be.
Three accounts may have 35 % between them, so five have up to 58 %: caps by account cannot keep a
majority from whoever has five names and enough money, and since they cut honest large stakes too,
they may even help. What they do for certain is to raise the price, while accounts are few.

The attack pays if the treasury is worth more than what the purchases lose by moving the price, and
the identities cost (`identity_ftns` each, burned). All else the raider has back when it leaves.
"""

from fractions import Fraction
from typing import Any

from pydantic import Field

from economy.concentration import nakamoto, top_share
from prsm_sim.scenario import Attack, Choice, Knob, Measure, Question, scenario
from prsm_sim.world import World
from scenarios.token_economy.crowd import Crowd
from scenarios.token_economy.model import Generators, TokenEconomy
from scenarios.token_economy.parameters import EconomyParameters
from scenarios.token_economy.purse import Purse
from scenarios.token_economy.raiders import (
    RAIDER,
    Council,
    Raiding,
    is_raider,
    majority_stake,
    raider_power,
    raider_share,
    weights_of,
)
from scenarios.token_economy.run import PACED, run_economy


class WhaleParameters(EconomyParameters):
    """Parameters of a raid by purchase."""

    steps: int = Field(60, ge=1, le=200_000, description="length of the run, in steps")
    step_hours: int = Field(24, ge=24, le=24, description="ledger time that a step lasts, h")
    researchers: int = Field(50, ge=0, le=1_000_000, description="who ask, and pay")
    hosts: int = Field(10, ge=0, le=100_000, description="who compute, and are paid")
    data_providers: int = Field(10, ge=0, le=100_000, description="who contribute data")
    model_providers: int = Field(5, ge=0, le=100_000, description="who contribute models")
    stakers: int = Field(60, ge=1, le=100_000, description="who stake, and vote")
    free_riders: int = Field(0, ge=0, le=100_000, description="who hand in worthless data")
    traders: int = Field(30, ge=0, le=100_000, description="who buy and sell FTNS for dollars")
    caps: bool = Field(True, description="whether voting weight is cut at the caps on shares")
    turnout: float = Field(0.5, ge=0, le=1, description="probability that a staker votes")
    treasury_ftns: float = Field(200_000.0, gt=0, le=1e8, description="what can be raided, FTNS")
    budget_usd: float = Field(100_000.0, gt=0, le=1e9, description="of the raider, dollars")
    accounts: int = Field(10, ge=1, le=200, description="that the raider splits into")
    buy_days: int = Field(14, ge=1, le=365, description="over which it buys, days")
    raider_lock_days: int = Field(30, ge=1, le=1460, description="lock of its stake, days")
    identity_ftns: float = Field(0.0, ge=0, le=1e6, description="that an account must burn first")


QUESTION = Question(
    question="Do caps on shares keep a whale from control of the votes when it splits?",
    null_hypothesis="The raider's share of the counted votes is the same with and without caps.",
    control={"caps": False},
    treatment={"caps": True},
    measures=(
        Measure("votes.raider_share", "largest share of the counted votes", "less"),
        Measure("votes.raider_power", "its Banzhaf index then, all its accounts as one", "less"),
        Measure("votes.raided", "1 if the treasury was paid out, else 0", "less"),
        Measure("votes.top_share", "largest share of one account then", "less"),
        Measure("votes.nakamoto", "fewest accounts with more than half of the votes", "greater"),
        Measure(
            "votes.stake_needed",
            "stake for a majority, of all honest weight; all FTNS there are if none suffices",
            "greater",
        ),
        Measure("attack.net_ftns", "what the raider is left with, FTNS", "less"),
    ),
)
ATTACK = Attack(
    space=(
        Knob("budget_usd", 10_000.0, 1_000_000.0, logarithmic=True),
        Knob("accounts", 1, 40),
        Knob("buy_days", 1, 30),
        Choice("raider_lock_days", (7, 30, 60, 120)),
    )
)


@scenario(WhaleParameters, live_defaults=PACED, question=QUESTION, attack=ATTACK)
def whale_accumulation(world: World, parameters: WhaleParameters) -> None:
    """A whale buys the votes: do caps on shares keep it from control, also when it splits?"""
    p = parameters

    def recruit(generators: Generators) -> list[Crowd]:
        council = Council(p.treasury_ftns, p.turnout, p.caps, generators("turnout"))
        return [Crowd("treasury", 1, council, generators("treasury"))]

    def attackers(generators: Generators) -> list[Crowd]:
        raiding = Raiding(
            p.budget_usd, p.accounts, p.buy_days, p.raider_lock_days, p.identity_ftns, p.price_usd
        )
        return [Crowd(RAIDER, p.accounts, raiding, generators(RAIDER), is_honest=False)]

    def prepare(economy: TokenEconomy) -> None:
        crowd = economy.crowds.get(RAIDER)
        if crowd is not None:
            economy.purses.append(Purse(economy, [agent.name for agent in crowd.agents]))

    run_economy(
        world, parameters, recruit=recruit, attackers=attackers, prepare=prepare, measure=_measure
    )


def _measure(economy: TokenEconomy) -> dict[str, Any]:
    """Who decides, when the raider is strongest; and what a majority takes."""
    p, council = economy.parameters, economy.crowds["treasury"].strategy
    assert isinstance(p, WhaleParameters), "this scenario's"
    assert isinstance(council, Council), "the treasury has a council"
    peak = council.peak_weights
    votes = list(peak.values())
    honest = [weight for account, weight in weights_of(economy).items() if not is_raider(account)]
    terms = economy.books.staking.parameters
    multiplier = min(
        Fraction(p.raider_lock_days, terms.lock_step_days), Fraction(terms.largest_multiplier)
    )
    most = economy.books.money.totals().supply_units
    needed = majority_stake(honest, p.accounts, multiplier, p.caps, most)
    figures = {
        "raider_share": float(raider_share(peak)),
        "raider_power": raider_power(peak),
        "raided": int(council.raided_step is not None),
        "raided_step": council.raided_step,
        "nakamoto": nakamoto(votes),
        "top_share": float(top_share(votes, 1)),
        "can_win": int(needed is not None),
        "stake_needed": (most if needed is None else needed) / max(1, sum(honest)),
    }
    return {"votes": figures}
