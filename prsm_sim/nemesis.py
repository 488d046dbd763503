"""The nemesis: makes scheduled faults strike, and heals them when their time is over.

It is the only part of the simulator that breaks things, and every strike and every healing is a
fact in the trace, so a run can say how often each fault really took effect.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from prsm_sim.actor.types import PeerId
from prsm_sim.faults import Crash, Fault, FaultHealed, FaultStruck, Loss, Partition, Pause

if TYPE_CHECKING:
    from prsm_sim.sim import Sim


class Nemesis:
    """Strikes one simulated world."""

    def __init__(self, sim: "Sim") -> None:
        self._sim = sim

    def schedule(self, fault: Fault) -> None:
        """Let a fault strike at its time; raises `UserError` if it names an unknown peer."""
        match fault:
            case Partition():
                self._schedule_partition(fault)
            case Crash():
                self._schedule_crash(fault)
            case Pause():
                self._schedule_pause(fault)
            case Loss():
                self._schedule_loss(fault)

    def _schedule_partition(self, fault: Partition) -> None:
        sides: dict[PeerId, int] = {}
        for side, group in enumerate(fault.groups):
            for name in group:
                sides[self._sim.peer(name).id] = side

        def strike() -> None:
            self._sim.partitions.append(sides)
            self._sim.network_changed()

        def heal() -> None:
            self._sim.partitions.remove(sides)
            self._sim.network_changed()

        self._sim.at(fault.at_s, "partition", lambda: self._struck(fault, strike))
        self._sim.at(fault.at_s + fault.for_s, "heal partition", lambda: self._healed(fault, heal))

    def _schedule_loss(self, fault: Loss) -> None:
        def strike() -> None:
            self._sim.extra_losses.append(fault.rate)
            self._sim.network_changed()

        def heal() -> None:
            self._sim.extra_losses.remove(fault.rate)
            self._sim.network_changed()

        self._sim.at(fault.at_s, "loss", lambda: self._struck(fault, strike))
        self._sim.at(fault.at_s + fault.for_s, "heal loss", lambda: self._healed(fault, heal))

    def _schedule_pause(self, fault: Pause) -> None:
        peer = self._sim.peer(fault.peer)
        struck = False

        def strike() -> None:
            nonlocal struck
            struck = peer.actor is not None and peer.held is None
            if struck:  # a peer that is down or paused already is not struck
                self._struck(fault, peer.pause)

        def heal() -> None:
            if struck:
                self._healed(fault, peer.go_on)

        self._sim.at(fault.at_s, f"pause {peer.id}", strike)
        self._sim.at(fault.at_s + fault.for_s, f"resume {peer.id}", heal)

    def _schedule_crash(self, fault: Crash) -> None:
        peer = self._sim.peer(fault.peer)
        struck = False

        def strike() -> None:
            nonlocal struck
            struck = peer.actor is not None
            if struck:
                # The fact comes before the peer's own, so that the trace reads in order.
                self._told(FaultStruck(fault.kind, fault.peer))
                peer.crash()

        def heal() -> None:
            if struck:
                self._told(FaultHealed(fault.kind, fault.peer))
                peer.restart()

        self._sim.at(fault.at_s, f"crash {peer.id}", strike)
        if fault.for_s is not None:
            self._sim.at(fault.at_s + fault.for_s, f"restart {peer.id}", heal)

    def _struck(self, fault: Partition | Pause | Loss, strike: Callable[[], None]) -> None:
        self._told(FaultStruck(fault.kind, _target(fault)))
        strike()

    def _healed(self, fault: Partition | Pause | Loss, heal: Callable[[], None]) -> None:
        heal()
        self._told(FaultHealed(fault.kind, _target(fault)))

    def _told(self, fact: FaultStruck | FaultHealed) -> None:
        if isinstance(fact, FaultStruck):
            self._sim.observatory.faults_struck[fact.kind] += 1
        self._sim.tell("", fact)


def _target(fault: Partition | Pause | Loss) -> str:
    match fault:
        case Partition():
            return " | ".join(" ".join(group) for group in fault.groups)
        case Pause():
            return fault.peer
        case Loss():
            return f"{fault.rate:g} of all messages"
