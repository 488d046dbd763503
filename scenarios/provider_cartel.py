"""A cartel of hosts: does withholding capacity pay, from which size on, and does entry end it?

Members of a cartel keep a part of their capacity offline, by turns, so that the supply-and-demand
price of context rises (`token_economy.cartels` has the theory). What they earn is compared with
what the same hosts earn in an economy without the cartel, and with the same questions.

Null hypothesis: what the cartel nets is the same whether others can enter or not. The alternative
is that entry takes it away: when hosts earn more, others with higher costs begin. It could be
false, since the price moves by a fifth at most when supply goes from all to nothing, which may be
too little to bring anyone in, and since much of what a cartel nets is not the higher price but
running costs saved in a market with idle hosts, which entry does not touch.

A cartel's own theory is a threshold: (1 − σ)/(1 + (1 − ε)·η) of the hosts. With a third of income
going into costs that is about six tenths, which is why a minority has no reason to withhold.
"""

from typing import Any

from pydantic import Field

from prsm_sim.actor import UserError
from prsm_sim.scenario import Attack, Knob, Measure, Question, scenario
from prsm_sim.world import World
from scenarios.token_economy.books import amount
from scenarios.token_economy.cartels import CartelPurse, Withholding, open_hosts
from scenarios.token_economy.crowd import Crowd
from scenarios.token_economy.model import Generators, TokenEconomy
from scenarios.token_economy.parameters import EconomyParameters
from scenarios.token_economy.run import PACED, run_economy

CARTEL = "cartel"


class CartelParameters(EconomyParameters):
    """Parameters of a cartel of hosts."""

    steps: int = Field(336, ge=1, le=200_000, description="length of the run, in steps")
    researchers: int = Field(200, ge=0, le=1_000_000, description="who ask, and pay")
    hosts: int = Field(40, ge=2, le=100_000, description="who compute, entrants among them")
    data_providers: int = Field(0, ge=0, le=100_000, description="who contribute data")
    model_providers: int = Field(0, ge=0, le=100_000, description="who contribute models")
    stakers: int = Field(0, ge=0, le=100_000, description="who stake, and vote")
    traders: int = Field(10, ge=0, le=100_000, description="who buy and sell FTNS for dollars")
    whales: int = Field(0, ge=0, le=1000, description="who own much, and want more")
    free_riders: int = Field(0, ge=0, le=100_000, description="who hand in worthless data")
    entrants: int = Field(20, ge=0, le=100_000, description="hosts who are offline at first")
    entry: bool = Field(True, description="whether these may begin")
    host_cost_usd: float = Field(0.015, ge=0, le=1e3, description="median cost of an hour online")
    entrant_cost_usd: float = Field(0.05, ge=0, le=1e3, description="the same of entrants")
    cartel_share: float = Field(1.0, ge=0, le=1, description="of the hosts there at first")
    withheld: float = Field(0.4, ge=0, le=1, description="share of its members kept offline")


QUESTION = Question(
    question="Does the entry of other hosts take away what a cartel of all hosts nets?",
    null_hypothesis="The cartel nets the same whether others can enter or not.",
    control={"entry": False},
    treatment={"entry": True},
    measures=(
        Measure("attack.net_ftns", "what members earn more than without a cartel, FTNS", "less"),
        Measure("attack.harm_ftns", "what all others lose by it, FTNS", "less"),
        Measure("cartel.fee_rise", "mean price of a query, relative to that without", "less"),
        Measure("cartel.income_rise", "income of its members, relative to that without", "less"),
        Measure("cartel.entered", "mean of hosts online that would not be without", "greater"),
        Measure("cartel.served_fall", "queries not served that would be, as a share", "less"),
    ),
)
ATTACK = Attack(space=(Knob("cartel_share", 0.1, 1.0), Knob("withheld", 0.05, 0.9)))


@scenario(CartelParameters, live_defaults=PACED, question=QUESTION, attack=ATTACK)
def provider_cartel(world: World, parameters: CartelParameters) -> None:
    """A cartel of hosts: does withholding capacity pay, and does entry end it?"""
    p = parameters
    if p.entrants > p.hosts:
        raise UserError(
            f"{p.entrants} of {p.hosts} hosts shall be entrants; lower entrants, or raise hosts"
        )
    members = round(p.cartel_share * max(0, p.hosts - p.entrants))
    withheld = round(p.withheld * members)
    built: list[TokenEconomy] = []

    def attackers(generators: Generators) -> list[Crowd]:
        kind = Withholding(members, withheld)
        return [Crowd(CARTEL, 1, kind, generators(CARTEL), is_honest=False)]

    def prepare(economy: TokenEconomy) -> None:
        open_hosts(economy, p.entrants, p.host_cost_usd, p.entrant_cost_usd, p.entry)
        built.append(economy)
        if CARTEL in economy.crowds:
            accounts = [host.name for host in economy.hosts.agents[:members]]
            economy.purses.append(CartelPurse(economy, accounts))
        else:
            (purse,) = built[0].purses
            assert isinstance(purse, CartelPurse), "members have one of these"
            purse.twin = economy
            economy.purses.append(purse)

    def measure(economy: TokenEconomy) -> dict[str, Any]:
        changes = compare(economy, built[1], members, withheld)
        return {"cartel": {"members": members, "withheld": withheld, **changes}}

    run_economy(world, parameters, attackers=attackers, prepare=prepare, measure=measure)


def compare(
    cartel: TokenEconomy, twin: TokenEconomy, members: int, withheld: int
) -> dict[str, float]:
    """What the cartel changes, relative to the same economy without it."""
    ours, theirs = (one.datacollector.get_model_vars_dataframe() for one in (cartel, twin))
    incomes = [income_ftns(one, members) for one in (cartel, twin)]
    served = [float((one["asked"] - one["unserved"]).sum()) for one in (ours, theirs)]
    online = float((ours["hosts_online"] - theirs["hosts_online"]).mean())
    return {
        "fee_rise": float(ours["fee_ftns"].mean() / theirs["fee_ftns"].mean()) - 1.0,
        "income_rise": incomes[0] / incomes[1] - 1.0 if incomes[1] else 0.0,
        "income_ftns": incomes[0],
        "income_without_ftns": incomes[1],
        "saved_ftns": costs_ftns(twin, members) - costs_ftns(cartel, members),
        "entered": online + withheld,
        "served_fall": 1.0 - served[0] / served[1] if served[1] else 0.0,
    }


def costs_ftns(economy: TokenEconomy, members: int) -> float:
    """Running costs of members so far, paid or owed, in FTNS at the opening price."""
    owed_usd = float(economy.hosts.traits["owed_usd"][:members].sum())
    paid = [economy.books.outside_units.get(one.name, 0) for one in economy.hosts.agents[:members]]
    return (amount(sum(paid)) + owed_usd) / economy.opening_usd


def income_ftns(economy: TokenEconomy, members: int) -> float:
    """What members were paid: what they have, and the costs that they paid out of it."""
    names = [one.name for one in economy.hosts.agents[:members]]
    worth = [economy.books.wealth_units(name, economy.opening_usd) for name in names]
    paid = [economy.books.outside_units.get(name, 0) for name in names]
    return amount(sum(worth)) + amount(sum(paid)) / economy.opening_usd
