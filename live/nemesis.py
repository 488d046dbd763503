"""The nemesis: makes a schedule of faults strike a live world, and heals them.

What a fault does to the wire is the transport wrapper's business, what it does to a peer the
peer's; here is only when. Live, the real network, clocks and disks are what they are, so only those
kinds of faults are known that need no simulated part.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from live.peer import Peer
from prsm_sim.actor.errors import UserError
from prsm_sim.faults import (
    Crash,
    Fault,
    FaultHealed,
    FaultStruck,
    Loss,
    Partition,
    Pause,
    peers_of,
    target_of,
)

if TYPE_CHECKING:
    from live.world import Live

LiveFault = Partition | Loss | Crash | Pause


class Nemesis:
    """Strikes `world` on the current event loop."""

    def __init__(self, world: "Live") -> None:
        self._world = world
        self._loop = asyncio.get_running_loop()
        self._handles: set[asyncio.TimerHandle] = set()

    def arm(self, fault: Fault) -> None:
        """Let `fault` strike at its time, or at once if that is past.

        Raises:
            UserError: it is of a kind that only the simulator knows, or names a peer that does not
                exist.
        """
        if not isinstance(fault, LiveFault):
            raise UserError(
                f"the fault {fault.kind!r} works in the simulator only; live there are partition, "
                "loss, crash and pause"
            )
        if isinstance(fault, Crash) and fault.amnesia:
            raise UserError(
                f"the crash of {fault.peer!r} at {fault.at_s} s asks for amnesia, and live no "
                "store is deleted; leave amnesia out, or run this in the simulator"
            )
        for name in peers_of(fault):
            if not self._world.has(name):
                raise UserError(
                    f"the fault {fault.kind!r} at {fault.at_s} s names the peer {name!r}, "
                    "which does not exist; name one that the scenario spawns"
                )
        self._after(max(0.0, fault.at_s - self._world.now), lambda: self._strike(fault))

    def end(self) -> None:
        """Strike and heal no more."""
        for handle in self._handles:
            handle.cancel()

    def _after(self, for_s: float, callback: Callable[[], None]) -> None:
        def fire() -> None:
            self._handles.discard(handle)
            if not self._world.over:
                callback()

        handle = self._loop.call_later(for_s, fire)
        self._handles.add(handle)

    def _strike(self, fault: LiveFault) -> None:
        self._world.observatory.faults_struck[fault.kind] += 1
        # The fact of a fault is told before those of the peer that it strikes.
        self._tell(FaultStruck(fault.kind, target_of(fault)))
        heal = self._apply(fault)
        if fault.for_s is None:
            return

        def end() -> None:
            self._tell(FaultHealed(fault.kind, target_of(fault)))
            heal()

        self._after(fault.for_s, end)

    def _tell(self, fact: FaultStruck | FaultHealed) -> None:
        with self._world.watch("", fact):
            self._world.emit("", fact)

    def _apply(self, fault: LiveFault) -> Callable[[], None]:
        match fault:
            case Partition():
                return self._world.transport.separate(fault)
            case Loss():
                return self._world.transport.lose(fault)
            case Crash():
                peer = self._world.peer(fault.peer)
                peer.stop()
                return lambda: _restart(peer)
            case Pause():
                return _pause(self._world.peer(fault.peer))


def _restart(peer: Peer) -> None:
    # Two crashes may overlap: the first to end brings the peer back, the second finds it running.
    if peer.life is None:
        peer.start()


def _pause(peer: Peer) -> Callable[[], None]:
    life = peer.life
    if life is None:
        return lambda: None
    life.pause()

    def go_on() -> None:
        # A peer that crashed during its pause has begun another life, which never stood still.
        if peer.life is life:
            life.resume()

    return go_on
