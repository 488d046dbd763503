"""Who is there: churn takes peers away and brings them back, a Sybil attack adds more of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from prsm_sim.actor.types import PeerId, Seconds
from prsm_sim.chance import Stream
from prsm_sim.faults import Churn, Sybil
from prsm_sim.faults.population import sybils_of
from prsm_sim.nemesis.process_faults import host_of
from prsm_sim.nemesis.tally import Tally
from prsm_sim.network import REGIONS

if TYPE_CHECKING:
    from prsm_sim.sim import Sim


class Churning:
    """One churn: each of its peers is up and down for exponential times from its own stream.

    Args:
        sim: the world.
        fault: which.
        tally: counts those who leave.
        names: the names of each peer's stream.
    """

    def __init__(
        self, sim: "Sim", fault: Churn, tally: Tally, names: Mapping[PeerId, tuple[str, ...]]
    ) -> None:
        self._sim = sim
        self._fault = fault
        self._tally = tally
        self._streams = {peer: Stream(sim.seed, *names[peer]) for peer in fault.peers}
        self._away: set[PeerId] = set()
        self._ends_s = fault.at_s + fault.for_s

    def begin(self) -> None:
        """Let every peer stay for a while."""
        for peer in self._streams:
            self._stay(peer)

    def end(self) -> None:
        """Bring back whoever is away."""
        for peer in self._streams:
            self._come_back(peer)

    def _after(self, mean_s: Seconds, peer: PeerId) -> Seconds:
        return self._sim.now + mean_s * self._streams[peer].expovariate(1.0)

    def _stay(self, peer: PeerId) -> None:
        until_s = self._after(self._fault.up_s, peer)
        if until_s < self._ends_s:
            self._sim.at(until_s, f"{peer} leaves", lambda: self._leave(peer))

    def _leave(self, peer: PeerId) -> None:
        host = host_of(self._sim, peer)
        back_s = self._after(self._fault.down_s, peer)
        if host is not None and host.actor is not None:  # another fault may have taken it down
            self._away.add(peer)
            self._tally.effect()
            host.crash()
        if back_s < self._ends_s:
            self._sim.at(back_s, f"{peer} comes back", lambda: self._return(peer))

    def _return(self, peer: PeerId) -> None:
        self._come_back(peer)
        self._stay(peer)

    def _come_back(self, peer: PeerId) -> None:
        if peer in self._away:
            self._away.discard(peer)
            self._sim.peer(peer).restart()


class Crowd:
    """The peers of one Sybil attack; another attack on the same name shares them."""

    def __init__(self, sim: "Sim", fault: Sybil) -> None:
        self._sim = sim
        self._fault = fault
        self._brought: list[PeerId] = []

    def arrive(self) -> bool:
        """Spawn those that are not there yet; whether there were any."""
        model = self._sim.peer(self._fault.like)
        region = REGIONS[model.region] if self._sim.network.regional else ""
        for name in sybils_of(self._fault):
            if name not in self._sim.env.hosts:
                self._sim.spawn(name, model.factory, region=region, peers=model.own_peers)
                self._brought.append(name)
        return bool(self._brought)

    def depart(self) -> bool:
        """Let those that this attack brought disappear for good; whether there were any."""
        for name in self._brought:
            peer = self._sim.peer(name)
            if peer.actor is not None:
                peer.crash()
        return bool(self._brought)
