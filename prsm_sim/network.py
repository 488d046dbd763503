"""The network model: how long a message takes, and whether it arrives at all.

Every link has a latency of two parts: a base that depends on the two regions (a measured table) and
a random part whose law is named (`fixed`, `uniform`, `exponential`, `lognormal`). On top of that a
link may lose, duplicate or reorder messages and has a bandwidth; partitions come from the schedule
of faults. A peer sends to itself without the network.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]

REGIONS = (
    "us-east", "us-west", "sa-east", "eu-west", "eu-central", "ap-south", "ap-southeast",
    "ap-northeast",
)  # fmt: skip
"""Names of the regions of the built-in table."""

ROUND_TRIP_MS: tuple[tuple[float, ...], ...] = (
    # use1   usw2   sae1   euw1   euc1   aps1  apse1  apne1
    (1.0, 64.0, 114.0, 69.0, 92.0, 188.0, 222.0, 148.0),
    (64.0, 1.0, 176.0, 128.0, 148.0, 218.0, 164.0, 98.0),
    (114.0, 176.0, 1.0, 178.0, 204.0, 300.0, 326.0, 256.0),
    (69.0, 128.0, 178.0, 1.0, 26.0, 122.0, 176.0, 202.0),
    (92.0, 148.0, 204.0, 26.0, 1.0, 110.0, 160.0, 226.0),
    (188.0, 218.0, 300.0, 122.0, 110.0, 1.0, 56.0, 124.0),
    (222.0, 164.0, 326.0, 176.0, 160.0, 56.0, 1.0, 70.0),
    (148.0, 98.0, 256.0, 202.0, 226.0, 124.0, 70.0, 1.0),
)
"""Typical round trips between eight public-cloud regions, ms, as public latency monitors list
them (medians over a day, rounded; the diagonal is within one region). One way is half of it."""


class Latency(BaseModel):
    """The law of a link's random delay.

    Attributes:
        law: ``fixed`` (always `mean_s`), ``uniform`` (0 to 2·`mean_s`), ``exponential``, or
            ``lognormal`` (mean `mean_s`, shape `sigma`).
        mean_s: mean delay, s.
        sigma: standard deviation of the delay's logarithm (lognormal only).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    law: Literal["fixed", "uniform", "exponential", "lognormal"] = "fixed"
    mean_s: NonNegative = 0.01
    sigma: Annotated[float, Field(gt=0, le=4)] = 0.5


class Link(BaseModel):
    """A link whose random delay follows a law of its own.

    Attributes:
        sender: name of a peer.
        receiver: name of another.
        latency: random part of the delay from `sender` to `receiver`.
        both_ways: and from `receiver` to `sender`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sender: str
    receiver: str
    latency: Latency
    both_ways: bool = True


class Network(BaseModel):
    """The network of a world.

    Attributes:
        latency: random part of a link's delay.
        links: links with a law of their own.
        regional: add half the measured round trip between the two peers' regions.
        loss: share of messages lost.
        duplication: share of messages delivered twice.
        reordering: share of messages held back for up to `reordering_s` more.
        reordering_s: longest extra delay of a held-back message, s.
        bandwidth_bytes_s: what a peer can send a second; messages queue behind each other.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency: Latency = Latency()
    links: tuple[Link, ...] = ()
    regional: bool = False
    loss: Share = 0.0
    duplication: Share = 0.0
    reordering: Share = 0.0
    reordering_s: NonNegative = 0.1
    bandwidth_bytes_s: Annotated[float, Field(gt=0)] | None = None
