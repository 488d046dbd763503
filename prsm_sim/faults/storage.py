"""Faults of a peer's durable store, after what disks do (Rebello et al., "Can applications recover
from fsync failures?", USENIX ATC 2020; Bairavasundaram et al., "An analysis of data corruption in
the storage stack", FAST 2008). They show when the peer crashes or reads.
"""

from typing import Annotated, Literal

from pydantic import Field

from prsm_sim.faults.base import At, BaseFault, Rate, Span


class LyingDisk(BaseFault):
    """`sync` returns and does nothing; a crash meanwhile finds all these writes unsynced."""

    kind: Literal["lying_disk"] = "lying_disk"
    at_s: At
    peer: str
    for_s: Annotated[Span | None, Field(description="how long it lies, s; none: to the end")] = None

    @property
    def distrusted(self) -> str | None:
        """A peer whose store is wrong contradicts itself."""
        return self.peer


class TornWrites(BaseFault):
    """A crash tears every unsynced write to a part of its value that is too short."""

    kind: Literal["torn_writes"] = "torn_writes"
    at_s: At
    peer: str
    for_s: Annotated[
        Span | None, Field(description="how long crashes tear, s; none: to the end")
    ] = None


class BitRot(BaseFault):
    """At `at_s` one bit flips in each of a share of the values that are durable."""

    kind: Literal["bit_rot"] = "bit_rot"
    at_s: At
    peer: str
    share: Rate = 1.0

    @property
    def distrusted(self) -> str | None:
        """A peer whose store is wrong contradicts itself."""
        return self.peer
