"""Corruption: turns a peer into a traitor, now and after each of its restarts."""

from typing import TYPE_CHECKING

from prsm_sim.actor.actor import Actor
from prsm_sim.actor.types import PeerId
from prsm_sim.faults.byzantine import Behaviour, Byzantine
from prsm_sim.treachery.behaviours import (
    Contradictor,
    Delayer,
    Equivocator,
    Forger,
    Liar,
    Replayer,
    Stalker,
    Withholder,
)
from prsm_sim.treachery.conspiracy import Conspiracy
from prsm_sim.treachery.deafness import Deaf
from prsm_sim.treachery.plot import Plot
from prsm_sim.treachery.traitor import Traitor
from prsm_sim.treachery.twin import SECOND, Twin

if TYPE_CHECKING:
    from prsm_sim.sim import Sim

TRAITORS: dict[Behaviour, type[Traitor]] = {
    "withhold": Withholder,
    "delay": Delayer,
    "replay": Replayer,
    "mutate": Liar,
    "equivocate": Equivocator,
    "contradict": Contradictor,
    "forge": Forger,
    "adaptive": Stalker,
    "ignore": Deaf,
    "twin": Twin,
}


def corrupt(sim: "Sim", fault: Byzantine) -> None:
    """Put the wrapper of a Byzantine fault around a peer. Call it before the run's first event.

    Raises:
        UserError: the fault names a peer that does not exist.
    """
    peer = sim.peer(fault.peer)
    sides = (name.removesuffix(SECOND) for pair in fault.rounds for side in pair for name in side)
    for name in (*fault.receivers, *fault.accomplices, *sides):
        sim.peer(name)
    assert peer.actor is not None, "a peer is corrupted before the run, when it is up"
    number = len(traitors_of(peer.actor))
    traitor_type, honest = TRAITORS[fault.behaviour], peer.factory
    plot = Plot(sim, fault, number, _conspiracy_of(sim, fault, number), honest)

    def factory() -> Actor:
        return traitor_type.around(honest(), plot)

    peer.factory = factory
    peer.actor = traitor_type.around(peer.actor, plot)
    peer.enter(sim.conditions(type(peer.actor))[0])


def traitors_of(actor: Actor | None) -> list[Traitor]:
    """The traitors around an actor, the outermost first."""
    found = []
    while isinstance(actor, Traitor):
        found.append(actor)
        actor = actor.inner
    return found


def _conspiracy_of(sim: "Sim", fault: Byzantine, number: int) -> Conspiracy:
    """The conspiracy that the fault's peer forms with its accomplices, which may exist already."""
    members = frozenset((fault.peer, *fault.accomplices))
    if len(members) == 1:
        return Conspiracy(sim.seed, (fault.peer, str(number)), members)
    names: tuple[PeerId, ...] = tuple(sorted(members))
    for name in names:
        for traitor in traitors_of(sim.peer(name).actor):
            if traitor.plot.conspiracy.members == members:
                return traitor.plot.conspiracy
    return Conspiracy(sim.seed, names, members)
