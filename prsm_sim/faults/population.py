"""Faults of the population of an open network: who is there, and who talks to whom.

Churn follows Stutzbach and Rejaie ("Understanding churn in peer-to-peer networks", IMC 2006) with
exponential times; eclipse is Heilman et al. (USENIX Security 2015); Sybil is Douceur (IPTPS 2002).
"""

from typing import Annotated, Literal

from pydantic import Field

from prsm_sim.faults.base import At, BaseFault, Span


class Churn(BaseFault):
    """Peers leave and come back, each at its own exponential times, until all are back at the end.

    Whoever leaves loses its memory and keeps its store.
    """

    kind: Literal["churn"] = "churn"
    at_s: At
    for_s: Span
    peers: Annotated[tuple[str, ...], Field(min_length=1)]
    up_s: Annotated[Span, Field(description="mean time up, s")] = 10.0
    down_s: Annotated[Span, Field(description="mean time down, s")] = 2.0


class Eclipse(BaseFault):
    """A victim can talk with the attackers only."""

    kind: Literal["eclipse"] = "eclipse"
    at_s: At
    for_s: Span
    victim: str
    attackers: tuple[str, ...] = ()


class Sybil(BaseFault):
    """`count` more peers appear that run what `like` runs, called `like~1`, `like~2` and so on.

    They know the neighbours of `like`; after `for_s` they are gone.
    """

    kind: Literal["sybil"] = "sybil"
    at_s: At
    like: str
    count: int = Field(gt=0, le=100_000)
    for_s: Annotated[Span | None, Field(description="how long they stay, s; none: to the end")] = (
        None
    )


def sybils_of(fault: Sybil) -> tuple[str, ...]:
    """The names of the peers that a Sybil attack adds."""
    return tuple(f"{fault.like}~{number}" for number in range(1, fault.count + 1))
