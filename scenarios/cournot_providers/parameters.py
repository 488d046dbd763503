"""The parameters of the Cournot market."""

import math
from fractions import Fraction
from typing import Literal

from pydantic import Field, field_validator, model_validator

from economy.money import UNITS_PER_FTNS
from prsm_sim.scenario import ScenarioParameters
from scenarios.cournot_providers.demand import Demand
from scenarios.cournot_providers.strategies import PPM, Betrayal

Conduct = Literal["best_reply", "fictitious_play", "cartel"]
UNITS_PER_PART = UNITS_PER_FTNS // PPM


class CournotProvidersParameters(ScenarioParameters):
    """Parameters of `cournot_providers`. A period is a second of virtual time."""

    duration_s: float = Field(
        0.0, ge=0, le=1e9, description="the run ends at this time at last, s; 0: after its periods"
    )
    providers: int = Field(3, ge=2, le=1000, description="who offer compute")
    intercept: float = Field(100.0, gt=0, le=1e6, description="FTNS at which nobody buys, a")
    slope: float = Field(1.0, gt=0, le=1e6, description="FTNS off the price for one more, b")
    cost: float = Field(10.0, ge=0, le=1e6, description="FTNS that offering one costs, c")
    conduct: Conduct = Field(
        "best_reply",
        description="best_reply: move towards the best reply to what others offered last; "
        "fictitious_play: reply to what they offered on average; cartel: keep to the cartel's "
        "share until somebody does not",
    )
    inertia: float = Field(
        0.5, ge=0, lt=1, description="best_reply: the part of the way that is not moved"
    )
    discount: float = Field(
        0.9, ge=0, lt=1, description="what a unit is worth a period later, to six decimals"
    )
    betrayal: Betrayal = Field("if_it_pays", description="cartel: when it is broken")
    tempted: int = Field(1, ge=0, description="cartel: how many would break it, the first ones")
    periods: int = Field(500, ge=1, le=10_000_000, description="length of the run")

    @field_validator("conduct", "betrayal", mode="before")
    @classmethod
    def _dashes(cls, text: object) -> object:
        return text.replace("-", "_") if isinstance(text, str) else text

    @field_validator("intercept", "slope", "cost", "inertia", "discount")
    @classmethod
    def _parts(cls, value: float) -> float:
        if not math.isclose(value * PPM, round(value * PPM), rel_tol=1e-9):
            raise ValueError(f"{value!r} has more than six decimals")
        return value

    @model_validator(mode="after")
    def _possible(self) -> "CournotProvidersParameters":
        if self.cost >= self.intercept:
            raise ValueError(f"cost {self.cost:g} is no less than intercept {self.intercept:g}")
        if self.tempted > self.providers:
            raise ValueError(f"{self.tempted} of {self.providers} providers cannot be tempted")
        if self.duration_s == 0.0:
            self.__dict__["duration_s"] = self.periods + 1.0
        return self

    @property
    def demand(self) -> Demand:
        """What buyers pay, and what providing costs."""
        return Demand(
            round(self.intercept * PPM) * UNITS_PER_PART,
            round(self.slope * PPM) * UNITS_PER_PART,
            round(self.cost * PPM) * UNITS_PER_PART,
            self.providers,
        )

    @property
    def discount_exactly(self) -> Fraction:
        """The discount factor."""
        return Fraction(round(self.discount * PPM), PPM)

    @property
    def inertia_ppm(self) -> int:
        """The inertia, in parts per million."""
        return round(self.inertia * PPM)
