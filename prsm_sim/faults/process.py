"""Faults of a peer's process."""

from typing import Annotated, Literal

from pydantic import Field

from prsm_sim.faults.base import At, BaseFault, Span


class Crash(BaseFault):
    """A peer loses its memory and stops; it restarts with its durable store after `for_s`.

    With `amnesia` the store is lost as well, as when a machine is replaced by a new one.
    """

    kind: Literal["crash"] = "crash"
    at_s: At
    peer: str
    for_s: Annotated[
        Span | None, Field(description="how long it is down, s; none: it stays down")
    ] = None
    amnesia: bool = False

    @property
    def distrusted(self) -> str | None:
        """A peer that forgets its store contradicts itself."""
        return self.peer if self.amnesia else None


class Pause(BaseFault):
    """A peer stands still and keeps its memory; messages and timers wait until it goes on."""

    kind: Literal["pause"] = "pause"
    at_s: At
    peer: str
    for_s: Span


class Slow(BaseFault):
    """A peer works on one thing at a time, and each takes it `by_s`: messages, timers, answers.

    What arrives meanwhile waits in order, so a peer that gets more than 1 / `by_s` messages a
    second falls behind, and catches up at once when the fault heals.
    """

    kind: Literal["slow"] = "slow"
    at_s: At
    peer: str
    by_s: Span
    for_s: Span
