"""Whom a fault strikes: by name, and in a few words as `target` of `FaultStruck` and its like."""

from typing import TypeAlias, assert_never

from prsm_sim.faults.byzantine import Byzantine
from prsm_sim.faults.clock import ClockDrift, ClockSkew
from prsm_sim.faults.messages import DelayMessage, DropMessage, DuplicateMessage
from prsm_sim.faults.network import (
    Clog,
    Corruption,
    Delay,
    Duplication,
    Loss,
    OneWay,
    Partition,
    Reordering,
    Throttle,
)
from prsm_sim.faults.population import Churn, Eclipse, Sybil
from prsm_sim.faults.process import Crash, Pause, Slow
from prsm_sim.faults.storage import BitRot, LyingDisk, TornWrites

AnyKind: TypeAlias = "Partition | LinkKind | PeerKind | MessageKind | Churn | Eclipse | Sybil"
LinkKind = Loss | Duplication | Reordering | Corruption | OneWay | Delay | Clog | Throttle
PeerKind = (
    Crash | Pause | Slow | ClockSkew | ClockDrift | LyingDisk | TornWrites | BitRot | Byzantine
)
MessageKind = DropMessage | DelayMessage | DuplicateMessage


def target_of(fault: AnyKind) -> str:
    """Whom or what a fault strikes, for people and for matching a strike with its healing."""
    match fault:
        case Partition():
            return " | ".join(" ".join(group) for group in fault.groups)
        case Loss() | Duplication() | Reordering() | Corruption():
            return f"{fault.rate:g} of all messages{_links(fault)}"
        case OneWay() | Delay() | Clog() | Throttle():
            return "all messages" + _links(fault)
        case DropMessage() | DelayMessage() | DuplicateMessage():
            return f"message {fault.number} from {fault.sender} to {fault.receiver}"
        case Churn():
            return " ".join(fault.peers)
        case Eclipse():
            return fault.victim
        case Sybil():
            return f"{fault.count} like {fault.like}"
        case (
            Crash() | Pause() | Slow() | ClockSkew() | ClockDrift() | LyingDisk() | TornWrites()
            | BitRot() | Byzantine()
        ):  # fmt: skip
            return fault.peer
    assert_never(fault)


def _links(fault: LinkKind) -> str:
    text = f" from {' '.join(fault.senders)}" if fault.senders else ""
    return text + (f" to {' '.join(fault.receivers)}" if fault.receivers else "")


def peers_of(fault: AnyKind) -> tuple[str, ...]:
    """Every peer that a fault names, in the order of its fields."""
    match fault:
        case Partition():
            return tuple(name for group in fault.groups for name in group)
        case (
            Loss() | Duplication() | Reordering() | Corruption() | OneWay() | Delay() | Clog()
            | Throttle()
        ):  # fmt: skip
            return (*fault.senders, *fault.receivers)
        case DropMessage() | DelayMessage() | DuplicateMessage():
            return (fault.sender, fault.receiver)
        case Churn():
            return fault.peers
        case Eclipse():
            return (fault.victim, *fault.attackers)
        case Sybil():
            return (fault.like,)
        case Byzantine():
            return (fault.peer, *fault.receivers, *fault.accomplices)
        case (
            Crash() | Pause() | Slow() | ClockSkew() | ClockDrift() | LyingDisk() | TornWrites()
            | BitRot()
        ):  # fmt: skip
            return (fault.peer,)
    assert_never(fault)
