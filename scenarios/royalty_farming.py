"""Royalty farming: copies of popular works, far enough from their originals to owe them nothing.

A forger registers copies that derive, through pads of its own, from what readers want, and some
readers take the copy for the work (`token_economy.forgers`, with the closed form). Its puppets may
use the copies as well, to make them look important.

Royalties reach five derivations far, so six pads cut the original off. Null hypothesis: the
forger's net gain is the same with a limit of five derivations as with one of twenty, which reaches
the original. Theory says that it gains less where the original is reached; but no more than the
original's claim can be taken from it (at most 16 % of what is left after fees, and less in the
crowd of its pads), since the creator of what is used has the rest. So the limit is not what such a
forger lives on; that readers do not know the work from the copy is. `review` is what helps:
recognised copies pay nothing.

The rules for first movers and against hoarding can be switched off, one by one.
"""

from typing import Any

from pydantic import Field

from prsm_sim.scenario import Attack, Choice, Knob, Measure, Question, scenario
from prsm_sim.world import World
from scenarios.token_economy.authors import AUTHOR, READER, Library, Reading, Writing, royalty_rules
from scenarios.token_economy.books import amount
from scenarios.token_economy.crowd import Crowd
from scenarios.token_economy.forgers import FORGER, Forging, PadKind
from scenarios.token_economy.model import Generators, TokenEconomy
from scenarios.token_economy.parameters import EconomyParameters
from scenarios.token_economy.purse import Purse
from scenarios.token_economy.run import run_economy
from scenarios.token_economy.scenario import LIVE

QUESTION = Question(
    question="Does a forger live on the limit of depth that cuts originals off?",
    null_hypothesis="The forger's net gain is the same, however far royalties reach.",
    control={"depth_most": 5},
    treatment={"depth_most": 20},
    measures=(
        Measure("attack.net_ftns", "what the forger gains, net, FTNS", "less"),
        Measure("attack.harm_ftns", "what honest agents lose, FTNS", "less"),
        Measure("authors_ftns", "what true authors earn, FTNS", "greater"),
        Measure("attack.cost_ftns", "what using its own copies costs the forger, FTNS"),
    ),
)
ATTACK = Attack(
    space=(
        Knob("pads", 0, 10),
        Choice("pad_kind", ("foundational", "derivative")),
        Knob("copies", 1, 40),
        Knob("self_uses_per_day", 0.0, 100.0),
        Knob("puppets", 1, 25),
    )
)


class RoyaltyFarmingParameters(EconomyParameters):
    """Authors and readers, in an economy that goes on beside them, and a forger."""

    steps: int = Field(336, ge=2, le=200_000, description="length of the run, in steps")
    researchers: int = Field(20, ge=0, le=1_000_000, description="who ask, and pay")
    hosts: int = Field(4, ge=0, le=100_000, description="who compute, and are paid")
    data_providers: int = Field(0, ge=0, le=100_000, description="who contribute data")
    model_providers: int = Field(0, ge=0, le=100_000, description="who contribute models")
    stakers: int = Field(10, ge=0, le=100_000, description="who stake, and vote")
    traders: int = Field(20, ge=0, le=100_000, description="who buy and sell FTNS for dollars")
    whales: int = Field(0, ge=0, le=1000, description="who own much, and want more")
    free_riders: int = Field(0, ge=0, le=100_000, description="who hand in worthless data")
    audit_every: int = Field(24, ge=1, description="steps between audits of all books")
    review: float = Field(0.2, ge=0, le=1, description="probability that a copy is recognised")
    authors: int = Field(20, ge=1, le=10_000, description="who write")
    readers: int = Field(60, ge=0, le=100_000, description="who use works, and pay royalties")
    lure: float = Field(0.5, ge=0, le=1, description="probability to take a copy for the work")
    use_value_ftns: float = Field(10.0, gt=0, le=1000, description="what a use is worth, FTNS")
    depth_most: int = Field(5, ge=1, le=64, description="derivations that royalties reach")
    first_mover: bool = Field(True, description="the first of a field claim more")
    anti_hoarding: bool = Field(True, description="who owns much is paid less")
    copies: int = Field(20, ge=0, le=10_000, description="that the forger makes")
    pads: int = Field(6, ge=0, le=60, description="between a copy and its original")
    pad_kind: PadKind = Field("foundational", description="what it says that pads are")
    self_uses_per_day: float = Field(10.0, ge=0, le=10_000, description="by puppets of the forger")
    puppets: int = Field(10, ge=1, le=1000, description="accounts that use for it")
    budget_ftns: float = Field(2000.0, ge=0, le=1e7, description="of the forger, FTNS")


@scenario(RoyaltyFarmingParameters, live_defaults=LIVE, question=QUESTION, attack=ATTACK)
def royalty_farming(world: World, parameters: RoyaltyFarmingParameters) -> None:
    """A forger puts copies between readers and originals: what royalties does it keep?"""
    p = parameters
    rules = royalty_rules(
        depth_most=p.depth_most, first_mover=p.first_mover, anti_hoarding=p.anti_hoarding
    )

    def recruit(generators: Generators) -> list[Crowd]:
        writing, reading = Writing(p.step_hours, 1 / 120), Reading(p.step_hours, 1 / 8, p.lure)
        return [
            Crowd(AUTHOR, p.authors, writing, generators(AUTHOR)),
            Crowd(READER, p.readers, reading, generators(READER)),
        ]

    def forge(generators: Generators) -> list[Crowd]:
        strategy = Forging(
            p.step_hours, p.copies, p.pads, p.pad_kind, p.self_uses_per_day, p.puppets,
            p.review, p.budget_ftns,
        )  # fmt: skip
        return [Crowd(FORGER, 1, strategy, generators(FORGER), is_honest=False)]

    def prepare(economy: TokenEconomy) -> None:
        library = Library(economy, rules, p.use_value_ftns)
        for crowd in economy.crowds.values():
            if isinstance(crowd.strategy, Writing | Reading | Forging):
                crowd.strategy.library = library
            if isinstance(crowd.strategy, Forging):
                owned = [crowd.agents[0].name, *crowd.strategy.puppets]
                crowd.strategy.purse = Purse(economy, owned)
                economy.purses.append(crowd.strategy.purse)

    def measure(economy: TokenEconomy) -> dict[str, Any]:
        forger = economy.crowds[FORGER].strategy
        assert isinstance(forger, Forging), "the forger forges"
        earned_units = forger.library.royalties.earned_units
        of_authors = sum(earned_units.get(a.name, 0) for a in economy.crowds[AUTHOR].agents)
        return {
            "works": len(forger.library.works),
            "uses": sum(forger.library.uses.values()),
            "lured": forger.library.lured,
            "copies_made": forger.made,
            "copies_recognised": forger.recognised,
            "self_uses": forger.self_uses,
            "authors_ftns": amount(of_authors),
            "forger_earned_ftns": amount(
                earned_units.get(economy.crowds[FORGER].agents[0].name, 0)
            ),
        }

    run_economy(world, p, attackers=forge, recruit=recruit, prepare=prepare, measure=measure)
