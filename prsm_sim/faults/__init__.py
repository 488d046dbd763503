"""Faults: a schedule of what goes wrong, when and for how long, in either world.

A fault is a validated value that a person can write in YAML, or as a line of text
(`prsm_sim.schedule`). The worlds know how to strike and how to heal each kind; a fault says only
what and when. Times are in seconds of world time. The simulator knows every kind; a live world
those that need no simulated part (`live.nemesis`).
"""

from typing import Annotated

from pydantic import Field

from prsm_sim.faults.base import BaseFault, FaultHealed, FaultStruck
from prsm_sim.faults.byzantine import Byzantine
from prsm_sim.faults.clock import ClockDrift, ClockSkew
from prsm_sim.faults.describe import peers_of, target_of
from prsm_sim.faults.messages import DelayMessage, DropMessage, DuplicateMessage
from prsm_sim.faults.network import (
    Clog,
    Corruption,
    Delay,
    Duplication,
    LinkFault,
    Loss,
    OneWay,
    Partition,
    Reordering,
    Throttle,
    sides_of,
)
from prsm_sim.faults.population import Churn, Eclipse, Sybil
from prsm_sim.faults.process import Crash, Pause, Slow
from prsm_sim.faults.shapes import SHAPES, shaped_partition
from prsm_sim.faults.storage import BitRot, LyingDisk, TornWrites

Fault = Annotated[
    Partition
    | OneWay
    | Loss
    | Delay
    | Duplication
    | Reordering
    | Corruption
    | Clog
    | Throttle
    | Crash
    | Pause
    | Slow
    | ClockSkew
    | ClockDrift
    | LyingDisk
    | TornWrites
    | BitRot
    | Churn
    | Eclipse
    | Sybil
    | DropMessage
    | DelayMessage
    | DuplicateMessage
    | Byzantine,
    Field(discriminator="kind"),
]

__all__ = [
    "SHAPES",
    "BaseFault",
    "BitRot",
    "Byzantine",
    "Churn",
    "ClockDrift",
    "ClockSkew",
    "Clog",
    "Corruption",
    "Crash",
    "Delay",
    "DelayMessage",
    "DropMessage",
    "DuplicateMessage",
    "Duplication",
    "Eclipse",
    "Fault",
    "FaultHealed",
    "FaultStruck",
    "LinkFault",
    "Loss",
    "LyingDisk",
    "OneWay",
    "Partition",
    "Pause",
    "Reordering",
    "Slow",
    "Sybil",
    "Throttle",
    "TornWrites",
    "peers_of",
    "shaped_partition",
    "sides_of",
    "target_of",
]
