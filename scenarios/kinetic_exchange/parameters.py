"""The parameters of the kinetic exchange, and how long a run must be to say something."""

import math
from typing import Literal

from pydantic import Field, field_validator, model_validator

from prsm_sim.scenario import ScenarioParameters
from scenarios.kinetic_exchange.agent import AHEAD
from scenarios.kinetic_exchange.rules import GRAINS_PER_COIN, PPM, Clock, Rule, endowment

GRAINS_MOST = 2**62
"""The population path counts in 64-bit integers."""
RELAXATIONS = 20
"""So many relaxation times a run lasts by default."""
STEPS_LEAST, STEPS_MOST = 300, 20_000
CONDENSING_STEPS = 1000
"""A yard sale without redistribution never settles; so long one watches it by default."""


class KineticExchangeParameters(ScenarioParameters):
    """Parameters of `kinetic_exchange`. A step is a second of virtual time."""

    duration_s: float = Field(
        0.0, ge=0, le=1e9, description="the run ends at this time at last, s; 0: after its steps"
    )
    steps: int = Field(
        0,
        ge=0,
        le=100_000_000,
        description="length of the run; 0: as duration_s says, or some 20 relaxation times",
    )
    warmup_steps: int = Field(
        -1, ge=-1, description="steps that count for nothing; -1: as many as MSER-5 says"
    )
    agents: int = Field(1000, ge=2, le=1_000_000, description="who exchange money")
    mean: float = Field(1.0, gt=0, le=1e6, description="coins an agent has on average")
    saving: float = Field(0.0, ge=0, lt=1, description="share of its money that an agent keeps out")
    rule: Rule = Field("pooling", description="what two agents do when they meet")
    clock: Clock = Field(
        "async",
        description="async: Poisson clocks; sync: all at once on the same state; "
        "shuffled: each once a step, one after the other in random order",
    )
    redistribution: float = Field(
        0.0, ge=0, le=1, description="share of all money that is divided equally after each step"
    )
    path: Literal["event", "population"] = Field(
        "event", description="agents as actors at a ledger, or one vectorised population"
    )
    ahead: int = Field(
        AHEAD,
        ge=1,
        le=1000,
        description="steps for which an actor hands its dated orders in at once",
    )

    @field_validator("rule", "clock", mode="before")
    @classmethod
    def _dashes(cls, text: object) -> object:
        return text.replace("-", "_") if isinstance(text, str) else text

    @model_validator(mode="after")
    def _possible(self) -> "KineticExchangeParameters":
        if self.agents * self.mean * GRAINS_PER_COIN > GRAINS_MOST:
            raise ValueError(
                f"{self.agents} agents with {self.mean:g} coins are more money than fits; "
                f"agents × mean is at most {GRAINS_MOST // GRAINS_PER_COIN:,}"
            )
        coins = round(self.agents * self.mean)
        if self.rule == "unit" and not math.isclose(coins, self.agents * self.mean, rel_tol=1e-9):
            raise ValueError(
                f"{self.agents} agents cannot have {self.mean:g} coins on average: rule unit needs "
                "a whole number of coins"
            )
        if self.steps == 0:
            lasts = int(self.duration_s) if self.duration_s else self._enough_steps()
            self.__dict__["steps"] = max(1, lasts)
        if self.duration_s == 0.0:
            self.__dict__["duration_s"] = self.steps + 1.0
        if self.warmup_steps >= min(self.steps, self.duration_s - 1):
            raise ValueError(f"{self.warmup_steps} warmup_steps leave none of the run to measure")
        return self

    @property
    def saving_ppm(self) -> int:
        """The share saved, in parts per million."""
        return round(self.saving * PPM)

    @property
    def redistribution_ppm(self) -> int:
        """The share redistributed, in parts per million."""
        return round(self.redistribution * PPM)

    @property
    def endowment(self) -> list[int]:
        """What each agent begins with, in grains, as equal as can be; whole coins for rule unit."""
        if self.rule == "unit":
            coins = endowment(self.agents, round(self.agents * self.mean))
            return [GRAINS_PER_COIN * each for each in coins]
        return endowment(self.agents, round(self.agents * self.mean * GRAINS_PER_COIN))

    @property
    def relaxation_steps(self) -> float:
        """The time in which the slowest deviation from equilibrium falls to 1/e, in steps.

        Pooling: each agent meets twice a step, and a meeting takes (1 − λ)(1 + 2λ)/3 off the
        variance's deviation. Unit: an agent is an M/M/1 queue of load m/(1 + m), whose spectral gap
        is (1 − √load)². Redistribution takes twice its share off a deviation of the variance.
        """
        if self.rule == "unit":
            rate = (1 - math.sqrt(self.mean / (1 + self.mean))) ** 2
        elif self.rule == "pooling":
            rate = 2 * (1 - self.saving) * (1 + 2 * self.saving) / 3
        else:
            rate = 2 * self.redistribution
        return 1 / rate if rate else math.inf

    def _enough_steps(self) -> int:
        """How long a run is by default."""
        if self.rule == "yard_sale" and not self.redistribution:
            return CONDENSING_STEPS
        return math.ceil(min(max(RELAXATIONS * self.relaxation_steps, STEPS_LEAST), STEPS_MOST))
