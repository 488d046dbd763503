"""The parameters of the staking urn, in whole numbers of the smallest amount that occurs."""

import math
from typing import Literal

from pydantic import Field, field_validator, model_validator

from economy.money import UNITS_PER_FTNS
from prsm_sim.scenario import ScenarioParameters

PARTS_PER_FTNS = 1_000_000
UNITS_PER_PART = UNITS_PER_FTNS // PARTS_PER_FTNS
DRAW_BITS = 32
"""Bits of a draw. A staker's probability is off by less than 2⁻³² for it."""
GRAINS_MOST = 2**31
"""Of the population path, so that stake times draw fits in 63 bits."""


class PolyaStakingParameters(ScenarioParameters):
    """Parameters of `polya_staking`. A step is a second of virtual time."""

    duration_s: float = Field(
        0.0, ge=0, le=1e9, description="the run ends at this time at last, s; 0: after its steps"
    )
    stakes: tuple[float, ...] = Field(
        (2.0, 1.0), min_length=2, max_length=100, description="FTNS that each staker begins with"
    )
    reward: float = Field(1.0, gt=0, le=1e6, description="FTNS that are paid to one staker a step")
    steps: int = Field(500, ge=1, le=1_000_000, description="rewards that are paid")
    replicas: int = Field(200, ge=2, le=1_000_000, description="independent urns of a run")
    path: Literal["event", "population"] = Field(
        "event", description="each urn an actor with a ledger, or all in one vectorised population"
    )

    @field_validator("stakes", "reward")
    @classmethod
    def _parts(cls, value: float | tuple[float, ...]) -> float | tuple[float, ...]:
        for amount in value if isinstance(value, tuple) else (value,):
            if not 0 < amount <= 1e9:
                raise ValueError(f"{amount:g} FTNS; give an amount above 0, at most a billion")
            if not math.isclose(amount * PARTS_PER_FTNS, parts(amount), rel_tol=1e-9):
                raise ValueError(f"{amount!r} FTNS has more than six decimals")
        return value

    @model_validator(mode="after")
    def _possible(self) -> "PolyaStakingParameters":
        if self.path == "population" and self.grains_at_the_end >= GRAINS_MOST:
            raise ValueError(
                f"{self.steps} rewards make {self.grains_at_the_end:,} times the common divisor of "
                f"stakes and reward, and the population path counts below {GRAINS_MOST:,}; take "
                "fewer steps, rounder amounts, or path event"
            )
        if self.duration_s == 0.0:
            self.__dict__["duration_s"] = self.steps + 1.0
        return self

    @property
    def grain_units(self) -> int:
        """Units of the largest amount of which stakes and reward are multiples."""
        return math.gcd(parts(self.reward), *map(parts, self.stakes)) * UNITS_PER_PART

    @property
    def reward_units(self) -> int:
        """The reward, in units."""
        return parts(self.reward) * UNITS_PER_PART

    @property
    def stakes_units(self) -> tuple[int, ...]:
        """What each staker begins with, in units."""
        return tuple(parts(stake) * UNITS_PER_PART for stake in self.stakes)

    @property
    def grains_at_the_end(self) -> int:
        """All that is staked in an urn after the last reward, in grains."""
        return (sum(self.stakes_units) + self.steps * self.reward_units) // self.grain_units


def parts(amount: float) -> int:
    """An amount of FTNS in millionths."""
    return round(amount * PARTS_PER_FTNS)
