"""The parameters that every scenario of the token economy shares.

The counts are of agents by kind; a scenario that is about one kind changes a few of these and adds
its own. Money is given in FTNS and in US dollars as a person would write it, and turned into whole
units where it enters the books.
"""

from typing import Literal

from pydantic import Field

from prsm_sim.scenario import ScenarioParameters

Controller = Literal["supply_demand", "base_fee", "fixed"]
Path = Literal["vectorised", "agents"]
HOUR_S = 3600.0
SLACK_S = 60.0


class EconomyParameters(ScenarioParameters):
    """Parameters of a token economy."""

    duration_s: float = Field(
        0.0, ge=0, le=1e10, description="the run ends at this time at last, s; 0: after its steps"
    )
    sample_s: float = Field(
        6 * HOUR_S, gt=0, description="interval between samples of the gauges, s"
    )
    steps: int = Field(168, ge=1, le=200_000, description="length of the run, in steps")
    step_hours: int = Field(1, ge=1, le=24 * 31, description="ledger time that a step lasts, h")
    step_s: float = Field(
        HOUR_S, gt=0, description="world time that a step takes, s; smaller for a live run"
    )
    path: Path = Field(
        "vectorised",
        description="vectorised: all agents of a kind are asked at once who wants to act; "
        "agents: one after the other, as Mesa does; the outcome is the same",
    )
    audit_every: int = Field(1, ge=1, description="steps between audits of all books")

    researchers: int = Field(500, ge=0, le=1_000_000, description="who ask, and pay")
    hosts: int = Field(150, ge=0, le=100_000, description="who compute, and are paid")
    data_providers: int = Field(100, ge=0, le=100_000, description="who contribute data")
    model_providers: int = Field(50, ge=0, le=100_000, description="who contribute models")
    stakers: int = Field(100, ge=0, le=100_000, description="who stake, and vote")
    traders: int = Field(85, ge=0, le=100_000, description="who buy and sell FTNS for dollars")
    whales: int = Field(5, ge=0, le=1000, description="who own much, and want more")
    free_riders: int = Field(
        10, ge=0, le=100_000, description="who hand in worthless data for the reward"
    )
    review: float = Field(
        0.9, ge=0, le=1, description="probability that worthless data is recognised as such"
    )

    controller: Controller = Field("supply_demand", description="what sets the price of context")
    fee_ftns: float = Field(0.1, gt=0, le=1e6, description="its first, or fixed, price, FTNS")
    price_usd: float = Field(0.25, gt=0, le=1e6, description="of one FTNS at first, in the pool")
    pool_ftns: float = Field(
        400_000.0, gt=0, le=1e9, description="FTNS in the pool at first, and dollars to match"
    )
    demand: float = Field(1.0, ge=0, le=1000, description="factor on how often researchers ask")
    wealth_ftns: float = Field(
        10_000.0, ge=0, le=1e6, description="mean wealth of stakers and traders at first"
    )
    issuance_ftns_per_s: float = Field(0.01, ge=0, le=100, description="new FTNS a second at first")
    yield_reserve_ftns: float = Field(
        100_000.0, ge=0, le=1e8, description="FTNS set aside for the yield of stakes"
    )

    def model_post_init(self, _context: object) -> None:
        """Let the run last as long as its steps, unless it is told how long.

        It ends with its last step; a live one is given a minute more, should the machine be busy.
        """
        if self.duration_s == 0.0:
            self.__dict__["duration_s"] = (self.steps + 1) * self.step_s + SLACK_S
