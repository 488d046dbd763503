"""How faults take hold of a peer's process.

Each function strikes now, if there is something to strike, and returns what heals it. A peer that
is down cannot crash, pause or be slowed; one that is paused already cannot be paused again.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from prsm_sim.actor.types import PeerId
from prsm_sim.faults import Crash, Pause, Slow
from prsm_sim.nemesis.slowness import Slowness
from prsm_sim.nemesis.tally import Tally
from prsm_sim.process import SimContext

if TYPE_CHECKING:
    from prsm_sim.nemesis.nemesis import Nemesis
    from prsm_sim.sim import Sim

Heal = Callable[[], None]


class Holding(list[tuple[PeerId, Any]]):
    """What a pause holds back; counts it."""

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self._tally = tally

    def append(self, arrival: tuple[PeerId, Any]) -> None:
        """Hold back one more arrival."""
        super().append(arrival)
        self._tally.effect()


def host_of(sim: "Sim", name: PeerId) -> SimContext | None:
    """A peer, or None if a Sybil attack has yet to bring it."""
    host = sim.env.hosts.get(name)
    return host if isinstance(host, SimContext) else None


def begin_crash(sim: "Sim", nemesis: "Nemesis", fault: Crash, tally: Tally) -> Heal | None:
    """Crash a peer."""
    peer = host_of(sim, fault.peer)
    if peer is None or peer.actor is None:
        return None
    nemesis.strike(tally)
    peer.crash(amnesia=fault.amnesia)
    tally.effect()

    def heal() -> None:
        nemesis.heal(fault)
        if peer.actor is None:
            peer.restart()

    return heal


def begin_pause(sim: "Sim", nemesis: "Nemesis", fault: Pause, tally: Tally) -> Heal | None:
    """Let a peer stand still."""
    peer = host_of(sim, fault.peer)
    if peer is None or peer.actor is None or peer.held is not None:
        return None
    nemesis.strike(tally)
    held = Holding(tally)
    peer.pause(held)

    def heal() -> None:
        if peer.held is held:  # after a crash it may stand still for another reason
            peer.go_on()
        nemesis.heal(fault)

    return heal


def begin_slow(sim: "Sim", nemesis: "Nemesis", fault: Slow, tally: Tally) -> Heal | None:
    """Make a peer slow."""
    peer = host_of(sim, fault.peer)
    if peer is None or peer.actor is None or peer.id in sim.slowed:
        return None
    nemesis.strike(tally)
    slowness = sim.slowed[peer.id] = Slowness(sim, peer, fault.by_s, tally)
    if peer.held is None:
        peer.enter(sim.slow)

    def heal() -> None:
        slowness.end()
        nemesis.heal(fault)

    return heal
