"""What all faults share: a validated, frozen value, and the facts that say it took effect."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from prsm_sim.actor.types import Fact

At = Annotated[float, Field(ge=0, allow_inf_nan=False, description="when it strikes, s")]
Span = Annotated[float, Field(gt=0, allow_inf_nan=False, description="how long it lasts, s")]
Rate = Annotated[float, Field(gt=0, le=1, description="share that is struck")]
Names = Annotated[tuple[str, ...], Field(description="names of peers; empty: all")]


class BaseFault(BaseModel):
    """Base of every fault: immutable, comparable, and without unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def distrusted(self) -> str | None:
        """The peer whose word counts for nothing once this fault is scheduled, if there is one.

        A peer that lies, or forgets what it has promised, is outside what a protocol answers for.
        """
        return None


class FaultStruck(Fact, frozen=True):
    """A fault took effect: what kind, and on whom."""

    kind: str
    target: str


class FaultHealed(Fact, frozen=True):
    """A fault's effect ended."""

    kind: str
    target: str
