"""A Sybil flood: one attacker farms the rewards of contribution under many names.

Reviewers see through what is worthless with a probability, and a name that is seen through is
replaced for nothing. In the treatment each name has a bond at stake, which it loses then
(`token_economy.sybils`, with the closed form). Null hypothesis: the attacker's net gain is the same
with a bond as without. Theory says that the bond costs it `caught · bond`, and that above the
break-even bond flooding loses money; the treatment's is twice that. An attacker that loses gives up
when it has lost `stop_loss_ftns`. Reviewers never take honest work for worthless here; if they did,
a bond would cost honest contributors too.

The harm is done to contributors: everybody is paid from one pool, and the attacker, who is quick,
is paid first. What is small is still paid from what is left; a model, which is not, waits for ever.
With `accomplice` the attacker reports itself, under another name, and gets the bounty back.
"""

from typing import Any

from pydantic import Field

from prsm_sim.scenario import Attack, Choice, Knob, Measure, Question, scenario
from prsm_sim.world import World
from scenarios.token_economy.books import amount
from scenarios.token_economy.crowd import Crowd
from scenarios.token_economy.model import Generators, TokenEconomy
from scenarios.token_economy.parameters import EconomyParameters
from scenarios.token_economy.purse import Purse
from scenarios.token_economy.run import run_economy
from scenarios.token_economy.scenario import LIVE
from scenarios.token_economy.sybils import (
    ACCOMPLICE,
    REVIEWER,
    Flooding,
    break_even_bond,
    gain_per_submission,
    lost_share,
    reward_ftns,
)

SYBIL = "sybil"
QUESTION = Question(
    question="Does a bond per name, lost when a reviewer sees through it, end a Sybil flood?",
    null_hypothesis="The attacker's net gain is the same with a bond as without.",
    control={"bond_ftns": 0.0},
    treatment={"bond_ftns": 10.0},
    measures=(
        Measure("attack.net_ftns", "what the attacker gains, net, FTNS", "less"),
        Measure("attack.harm_ftns", "what honest agents lose, FTNS", "less"),
        Measure("provider_rewards_ftns", "what honest contributors are paid, FTNS", "greater"),
        Measure("submitted", "worthless submissions", "less"),
    ),
)
ATTACK = Attack(
    space=(
        Knob("identities", 1, 60, logarithmic=True),
        Knob("submit_rate", 0.05, 1.0),
        Knob("claim_mb", 1.0, 1000.0, logarithmic=True),
        Choice("accomplice", (False, True)),
    )
)


class SybilFloodParameters(EconomyParameters):
    """Contributors whose pool is just large enough for them, and an attacker."""

    steps: int = Field(336, ge=1, le=200_000, description="length of the run, in steps")
    researchers: int = Field(40, ge=0, le=1_000_000, description="who ask, and pay")
    hosts: int = Field(8, ge=0, le=100_000, description="who compute, and are paid")
    data_providers: int = Field(60, ge=0, le=100_000, description="who contribute data")
    model_providers: int = Field(20, ge=0, le=100_000, description="who contribute models")
    stakers: int = Field(20, ge=0, le=100_000, description="who stake, and vote")
    traders: int = Field(20, ge=0, le=100_000, description="who buy and sell FTNS for dollars")
    whales: int = Field(0, ge=0, le=1000, description="who own much, and want more")
    free_riders: int = Field(0, ge=0, le=100_000, description="others who hand in worthless data")
    review: float = Field(0.5, ge=0, le=1, description="probability that it is seen through")
    audit_every: int = Field(24, ge=1, description="steps between audits of all books")
    identities: int = Field(20, ge=1, le=1000, description="names of the attacker")
    submit_rate: float = Field(0.5, ge=0, le=24, description="submissions of each name an hour")
    claim_mb: float = Field(100.0, gt=0, le=1e6, description="what each claims to be, MB")
    bond_ftns: float = Field(0.0, ge=0, le=1e6, description="that each name must stake, FTNS")
    accomplice: bool = Field(False, description="the attacker reports itself for the bounty")
    budget_ftns: float = Field(20_000.0, ge=0, le=1e7, description="of the attacker, FTNS")
    stop_loss_ftns: float = Field(1000.0, ge=0, le=1e7, description="loss at which it gives up")


@scenario(SybilFloodParameters, live_defaults=LIVE, question=QUESTION, attack=ATTACK)
def sybil_flood(world: World, parameters: SybilFloodParameters) -> None:
    """One attacker under many names farms the pool of contributors; does a bond end it?"""
    p = parameters
    reporter = ACCOMPLICE if p.accomplice else REVIEWER

    def flood(generators: Generators) -> list[Crowd]:
        budget_ftns = p.budget_ftns / p.identities
        names = Flooding(
            p.step_hours, p.submit_rate, p.claim_mb, p.review, p.bond_ftns, budget_ftns,
            p.stop_loss_ftns, reporter,
        )  # fmt: skip
        return [Crowd(SYBIL, p.identities, names, generators(SYBIL), is_honest=False)]

    def prepare(economy: TokenEconomy) -> None:
        if SYBIL in economy.crowds:
            crowd = economy.crowds[SYBIL]
            owned = [agent.name for agent in crowd.agents]
            purse = Purse(economy, [*owned, ACCOMPLICE])
            economy.purses.append(purse)
            strategy_of(economy).purse = purse
            economy.let_act_first(SYBIL)

    def measure(economy: TokenEconomy) -> dict[str, Any]:
        flood, balances = strategy_of(economy), economy.books.money.balances
        providers = [economy.crowds[name] for name in ("data-provider", "model-provider")]
        paid_units = sum(
            balances.get(agent.name, 0) for crowd in providers for agent in crowd.agents
        )
        share = lost_share(economy.books.staking.parameters, colludes=p.accomplice)
        reward = reward_ftns(p.claim_mb)
        lost = share * p.bond_ftns
        return {
            "submitted": flood.submitted,
            "caught": flood.caught,
            "refused_by_the_pool": flood.refused,
            "provider_rewards_ftns": amount(paid_units),
            "bounties_ftns": amount(balances.get(reporter, 0)),
            "break_even_bond_ftns": break_even_bond(p.review, reward, share),
            "theory_net_ftns": flood.submitted * gain_per_submission(p.review, reward, lost),
        }

    run_economy(world, p, attackers=flood, prepare=prepare, measure=measure)


def strategy_of(economy: TokenEconomy) -> Flooding:
    """The attacker's."""
    strategy = economy.crowds[SYBIL].strategy
    assert isinstance(strategy, Flooding), "Sybils flood"
    return strategy
