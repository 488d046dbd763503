"""The parameters of the uniform auction."""

import math
from typing import Literal

from pydantic import Field, field_validator, model_validator

from economy.money import UNITS_PER_FTNS
from prsm_sim.scenario import ScenarioParameters

PARTS_PER_FTNS = 1_000_000
VALUE_MOST_UNITS = UNITS_PER_FTNS
"""Values are uniform from 0 to 1 FTNS."""
ROUND_S = 2.0
"""An auction takes so long: half a second to commit, half a second to reveal, and a pause."""
BIDDERS_MOST = 200


class UniformAuctionParameters(ScenarioParameters):
    """Parameters of `uniform_auction`."""

    duration_s: float = Field(
        0.0, ge=0, le=1e9, description="the run ends at this time at last, s; 0: after its auctions"
    )
    sample_s: float = Field(100.0, gt=0, description="interval between samples of the gauges, s")
    bidders: int = Field(2, ge=1, le=BIDDERS_MOST, description="who bid, each in every auction")
    rule: Literal["first", "second"] = Field(
        "first", description="what the winner pays: its own bid, or the second highest"
    )
    auctions: int = Field(2000, ge=2, le=10_000_000, description="how many, one after the other")
    reserve: float = Field(0.0, ge=0, lt=1, description="FTNS below which the seller keeps it")

    @field_validator("reserve")
    @classmethod
    def _parts(cls, value: float) -> float:
        if not math.isclose(
            value * PARTS_PER_FTNS, round(value * PARTS_PER_FTNS), rel_tol=1e-9, abs_tol=1e-9
        ):
            raise ValueError(f"{value!r} FTNS has more than six decimals")
        return value

    @model_validator(mode="after")
    def _length(self) -> "UniformAuctionParameters":
        if self.duration_s == 0.0:
            self.__dict__["duration_s"] = ROUND_S * self.auctions + 1.0
        return self

    @property
    def reserve_units(self) -> int:
        """The least price, in units; no auction has one below 1."""
        return max(1, round(self.reserve * PARTS_PER_FTNS) * (UNITS_PER_FTNS // PARTS_PER_FTNS))
