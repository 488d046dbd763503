"""Faults: a schedule of what goes wrong, when and for how long, in either world.

A fault is a validated value that a person can write in YAML. The worlds know how to strike and how
to heal each kind; a fault says only what and when. Times are in seconds of world time.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from prsm_sim.actor.types import Fact

At = Annotated[float, Field(ge=0, allow_inf_nan=False, description="when it strikes, s")]
Span = Annotated[float, Field(gt=0, allow_inf_nan=False, description="how long it lasts, s")]


class _Fault(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Partition(_Fault):
    """The network falls apart: peers of different groups cannot reach each other.

    A peer that is in no group belongs to the first.
    """

    kind: Literal["partition"] = "partition"
    at_s: At
    for_s: Span
    groups: tuple[tuple[str, ...], ...] = Field(min_length=2, description="names of peers")


class Crash(_Fault):
    """A peer loses its memory and stops; it restarts with its durable store after `for_s`."""

    kind: Literal["crash"] = "crash"
    at_s: At
    peer: str
    for_s: Span | None = Field(None, description="how long it is down, s; none: it stays down")


class Pause(_Fault):
    """A peer stands still and keeps its memory; messages and timers wait until it goes on."""

    kind: Literal["pause"] = "pause"
    at_s: At
    peer: str
    for_s: Span


class Loss(_Fault):
    """Every link loses this share of its messages, on top of what the network loses anyway."""

    kind: Literal["loss"] = "loss"
    at_s: At
    for_s: Span
    rate: float = Field(gt=0, le=1)


Fault = Annotated[Partition | Crash | Pause | Loss, Field(discriminator="kind")]


class FaultStruck(Fact, frozen=True):
    """A fault took effect: what kind, and on whom."""

    kind: str
    target: str


class FaultHealed(Fact, frozen=True):
    """A fault's effect ended."""

    kind: str
    target: str
