"""The parameters of the compute queue, and how many jobs a run needs to say something."""

from typing import Literal

from pydantic import Field, model_validator

from prsm_sim.scenario import ScenarioParameters

Service = Literal["exponential", "deterministic"]

JOBS_LEAST, JOBS_MOST = 50_000, 1_000_000
JOBS_AT_REST = 8000
"""The variance of a mean wait grows as 1/(1 − load)² beyond the wait's own; so do the jobs."""
SLACK = 2.0
"""A run ends by itself after its last job; this many times the expected length is too long."""


class ComputeQueueParameters(ScenarioParameters):
    """Parameters of `compute_queue`."""

    duration_s: float = Field(
        0.0, ge=0, le=1e12, description="the run ends at this time at last, s; 0: after its jobs"
    )
    sample_s: float = Field(100.0, gt=0, description="interval between samples of the gauges, s")
    arrival_rate: float = Field(0.8, gt=0, le=1e6, description="jobs that arrive a second")
    service: Service = Field("exponential", description="law of the time that a job takes")
    service_s: float = Field(1.0, gt=0, le=1e6, description="mean time that a job takes, s")
    servers: int = Field(1, ge=1, le=10_000, description="servers behind the one queue")
    jobs: int = Field(
        0,
        ge=0,
        le=100_000_000,
        description="jobs of the run; 0: until duration_s, or more the higher the load",
    )
    warmup_jobs: int = Field(
        -1, ge=-1, description="jobs that count for nothing; -1: as many as MSER-5 says"
    )

    @model_validator(mode="after")
    def _possible(self) -> "ComputeQueueParameters":
        if self.load >= 1.0:
            raise ValueError(
                f"arrival_rate {self.arrival_rate:g} is more than the servers can do, so the queue "
                f"would grow for ever; it must be below {self.servers / self.service_s:g}"
            )
        if self.jobs == 0:
            self.__dict__["jobs"] = self._enough_jobs()
        if self.warmup_jobs >= self.jobs:
            raise ValueError(f"{self.warmup_jobs} warmup_jobs leave none of {self.jobs} to measure")
        if self.duration_s == 0.0:
            longest = SLACK * (self.jobs / self.arrival_rate + self.service_s / (1 - self.load))
            self.__dict__["duration_s"] = longest + 100 * self.service_s
        return self

    def _enough_jobs(self) -> int:
        """How many jobs there are by default: more than come, if it is said when the run ends."""
        if self.duration_s:
            return round(SLACK * self.arrival_rate * self.duration_s) + JOBS_LEAST
        enough = round(JOBS_AT_REST / (1.0 - self.load) ** 2)
        return min(max(enough, JOBS_LEAST), JOBS_MOST)

    @property
    def load(self) -> float:
        """The share of time that a server is busy."""
        return self.arrival_rate * self.service_s / self.servers
