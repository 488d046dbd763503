"""Wash trading: is a rebate on volume farmed by whoever trades with itself, and from which rate?

A venue for compute-hours takes a fee of half a percent from takers and pays a rebate on volume out
of a fund, limited by day (`token_economy.venue`). A washer with two accounts trades with itself
between bid and ask, over and over. Theory: a round of value V costs it the fee f·V and is credited
the rebate r·V, so it breaks even at r = f, whatever its budget and however often it trades, until
the fund's daily limit cuts everybody's credits; then its return falls with every further round, and
honest dealers' part of the rebate falls to their part of the volume.

Null hypothesis: what the washer nets is the same with a rebate below the fee and one above it. The
alternative is that it is more, and the sign changes between them, at the fee.

It could be false: a washer has to trade with others when no price is free between bid and ask, or
may be cut so much by its own volume that even a large rebate does not pay for the fees. That is
what the search over budget and rounds is for; `wash.break_even_rebate` is the measured fee per
value washed, at which it would have broken even.
"""

from typing import Any

from pydantic import Field

from prsm_sim.scenario import Attack, Knob, Measure, Question, scenario
from prsm_sim.world import World
from scenarios.token_economy.books import amount
from scenarios.token_economy.crowd import Crowd
from scenarios.token_economy.model import Generators, TokenEconomy
from scenarios.token_economy.parameters import EconomyParameters
from scenarios.token_economy.purse import Purse
from scenarios.token_economy.run import PACED, run_economy
from scenarios.token_economy.venue import FUND, Dealing, Fund, Venue, Washing, venue_of

WASHER = "washer"
DEALER = "dealer"
PPM = 1_000_000


class WashParameters(EconomyParameters):
    """Parameters of wash trading."""

    steps: int = Field(168, ge=1, le=200_000, description="length of the run, in steps")
    researchers: int = Field(20, ge=0, le=1_000_000, description="who ask, and pay")
    hosts: int = Field(5, ge=0, le=100_000, description="who compute, and are paid")
    data_providers: int = Field(0, ge=0, le=100_000, description="who contribute data")
    model_providers: int = Field(0, ge=0, le=100_000, description="who contribute models")
    stakers: int = Field(0, ge=0, le=100_000, description="who stake, and vote")
    traders: int = Field(0, ge=0, le=100_000, description="who buy and sell FTNS for dollars")
    whales: int = Field(0, ge=0, le=1000, description="who own much, and want more")
    free_riders: int = Field(0, ge=0, le=100_000, description="who hand in worthless data")
    dealers: int = Field(60, ge=0, le=10_000, description="who trade compute-hours for a reason")
    dealer_hours: int = Field(200, ge=0, le=10**6, description="that each has at first, h")
    fee: float = Field(0.005, ge=0, le=1, description="of the taker, as a share of the value")
    rebate: float = Field(
        0.006, ge=0, le=1, description="to both sides of a trade together, as a share of its value"
    )
    fund_ftns: float = Field(20_000.0, ge=0, le=1e8, description="of the fund at first, FTNS")
    fund_day_ftns: float = Field(
        500.0, ge=0, le=1e8, description="the most that the fund pays in a day, FTNS"
    )
    wash_ftns: float = Field(1000.0, gt=0, le=1e8, description="budget of the washer, FTNS")
    wash_accounts: int = Field(2, ge=1, le=2, description="accounts of the washer")
    wash_rounds: int = Field(5, ge=0, le=1000, description="of its trades with itself, a step")


QUESTION = Question(
    question="Does a rebate on volume that exceeds the fee pay for washing, and one below it not?",
    null_hypothesis="What a washer nets is the same with a rebate of .4 % and with one of .6 %.",
    control={"rebate": 0.004},
    treatment={"rebate": 0.006},
    measures=(
        Measure("attack.net_ftns", "what the washer is left with, FTNS", "greater"),
        Measure("attack.harm_ftns", "what dealers and the fund lose by it, FTNS", "greater"),
        Measure("wash.break_even_rebate", "fee the washer paid per value washed"),
        Measure("wash.volume_share", "its share of the volume"),
        Measure("wash.rebate_share", "its share of the rebates paid"),
        Measure("wash.dealer_rate", "rebate that dealers got on their volume", "greater"),
    ),
)
ATTACK = Attack(
    space=(
        Knob("wash_ftns", 10.0, 100_000.0, logarithmic=True),
        Knob("wash_rounds", 1, 100, logarithmic=True),
    )
)


@scenario(WashParameters, live_defaults=PACED, question=QUESTION, attack=ATTACK)
def wash_trading(world: World, parameters: WashParameters) -> None:
    """Wash trading for a rebate on volume: does it pay, and from which rate on?"""
    p, hours = parameters, float(parameters.step_hours)

    def recruit(generators: Generators) -> list[Crowd]:
        return [
            Crowd(FUND, 1, Fund(hours, p.fund_ftns, p.fund_day_ftns), generators(FUND)),
            Crowd(DEALER, p.dealers, Dealing(hours, p.dealer_hours), generators(DEALER)),
        ]

    def attackers(generators: Generators) -> list[Crowd]:
        washing = Washing(p.wash_ftns, p.wash_accounts, p.wash_rounds)
        return [Crowd(WASHER, p.wash_accounts, washing, generators(WASHER), is_honest=False)]

    def prepare(economy: TokenEconomy) -> None:
        venue = Venue(economy, round(p.fee * PPM), round(p.rebate * PPM))
        fund = economy.crowds[FUND].strategy
        assert isinstance(fund, Fund), "a fund has the venue"
        fund.venue = venue
        owners = {agent.name: p.dealer_hours for agent in economy.crowds[DEALER].agents}
        washers = economy.crowds[WASHER].agents if WASHER in economy.crowds else []
        owners |= {agent.name: int(p.wash_ftns / 2) for agent in washers[:1]}
        for account, count in owners.items():
            refusal = venue.hours.mint(account, count) if count else None
            assert refusal is None, f"{account} cannot have {count} hours: {refusal}"
        if washers:
            economy.purses.append(Purse(economy, [agent.name for agent in washers]))

    run_economy(
        world, parameters, recruit=recruit, attackers=attackers, prepare=prepare, measure=_measure
    )


def _measure(economy: TokenEconomy) -> dict[str, Any]:
    """Who traded, who was paid for it, and what it cost."""
    venue = venue_of(economy)

    def part(figures: dict[str, int]) -> tuple[int, int]:
        own = sum(value for account, value in figures.items() if account.startswith(WASHER + "-"))
        return own, sum(figures.values())

    volume, all_volume = part(venue.volume_units)
    paid, all_paid = part(venue.paid_units)
    fees, _ = part(venue.fee_units)
    others_volume = all_volume - volume
    figures = {
        "washed_ftns": amount(volume),
        "break_even_rebate": fees / volume if volume else 0.0,
        "volume_share": volume / all_volume if all_volume else 0.0,
        "rebate_share": paid / all_paid if all_paid else 0.0,
        "dealer_rate": (all_paid - paid) / others_volume if others_volume else 0.0,
        "trades": venue.exchange.books.statistics.trades,
        "last_price_ftns": amount(venue.exchange.books.statistics.last_price_units),
    }
    return {"wash": figures}
