"""The parameters of the research market: who takes part, on what network, and what goes wrong."""

from typing import Literal

from pydantic import Field, model_validator

from prsm_sim.network import Latency
from prsm_sim.scenario import ScenarioParameters

REGIONS = ("us-east", "eu-west", "ap-southeast", "sa-east")
"""Where the peers are; every role is spread over all four."""


class ResearchMarketParameters(ScenarioParameters):
    """Parameters of `research_market`; the defaults make 200 peers."""

    duration_s: float = Field(180.0, gt=0, le=1e6, description="longest virtual time, s")

    replicas: int = Field(7, ge=4, le=100, description="replicas of the ledger")
    byzantine: int = Field(1, ge=0, description="replicas that equivocate, at most f")
    clients: int = Field(40, ge=1, le=100_000, description="peers that ask and pay")
    orchestrators: int = Field(8, ge=1, le=1000, description="NWTN orchestrators")
    architects: int = Field(8, ge=1, le=1000, description="peers that decompose")
    prompters: int = Field(8, ge=1, le=1000, description="peers that write model calls")
    routers: int = Field(6, ge=1, le=1000, description="peers that match tasks to executors")
    compilers: int = Field(8, ge=1, le=1000, description="peers that merge answers")
    executors: int = Field(115, ge=3, le=100_000, description="peers that host sub-models")

    questions_per_client: int = Field(3, ge=1, le=1000, description="asked one after the other")
    pause_s: float = Field(2.0, gt=0, description="mean pause of a client between questions, s")
    arrivals_s: float = Field(20.0, ge=0, description="clients begin within this time, s")
    budget_ftns: float = Field(5000.0, gt=0, le=1e9, description="most a client pays a question")
    wealth_ftns: float = Field(100_000.0, gt=0, le=1e9, description="a client's FTNS at genesis")
    executor_price_ftns: tuple[int, int] = Field(
        (6, 10), description="executors charge from … to … FTNS a task"
    )
    shards: int = Field(9, ge=1, le=1000, description="different shares of the data")
    share: float = Field(0.8, gt=0.1, le=1, description="part of the rows that a share holds")
    answers_wanted: int = Field(3, ge=1, le=15, description="executors asked for each task")
    strategy: Literal["performance", "cost", "latency", "accuracy"] = Field(
        "performance", description="how routers rank executors"
    )
    conflict_rule: Literal["majority", "confidence", "best"] = Field(
        "majority", description="how compilers merge different answers"
    )

    latency: Latency = Field(
        Latency(law="lognormal", mean_s=0.01, sigma=0.5),
        description="random part of a link's delay, on top of the regions'",
    )
    loss: float = Field(0.02, ge=0, lt=1, description="share of messages that the network loses")
    view_timeout_s: float = Field(4.0, gt=0, description="patience of a backup, s")
    partition_at_s: float = Field(20.0, ge=0, description="when a region is cut off, s")
    partition_s: float = Field(10.0, ge=0, description="how long a region is cut off; 0: never")
    crash_at_s: float = Field(40.0, ge=0, description="when the first primary crashes, s")
    crash_s: float = Field(8.0, ge=0, description="how long the primary is down; 0: never")

    @model_validator(mode="after")
    def _possible(self) -> "ResearchMarketParameters":
        most = (self.replicas - 1) // 3
        if self.byzantine > most:
            raise ValueError(
                f"{self.replicas} replicas tolerate {most} Byzantine ones, not {self.byzantine}"
            )
        if self.wealth_ftns * self.clients > 100_000_000:
            raise ValueError("the clients' wealth exceeds the 100,000,000 FTNS of genesis")
        if not 0 <= self.executor_price_ftns[0] <= self.executor_price_ftns[1]:
            raise ValueError("executor_price_ftns goes from the lower price to the higher")
        return self
