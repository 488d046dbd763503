"""A world: where actors live. `Sim` and `Live` are its two kinds.

A scenario sees only this class: it spawns peers, provides adapters for their ports, schedules
faults, adds checkers and gauges. Nothing here says whether time is virtual.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from prsm_sim.actor.actor import Actor
from prsm_sim.actor.context import Random
from prsm_sim.actor.errors import UserError
from prsm_sim.actor.types import Fact, PeerId, Seconds
from prsm_sim.chance import Stream
from prsm_sim.checker import Checker
from prsm_sim.exposure import Exposure
from prsm_sim.faults import Fault
from prsm_sim.network import Network
from prsm_sim.observatory import Observatory, Observer
from prsm_sim.ports import Adapter
from prsm_sim.traffic import Traffic

if TYPE_CHECKING:
    import networkx

PORTS = ("models", "blobs", "chain", "tools")
ASK_TIMEOUT_S: Seconds = 30.0
"""How long `Context.ask` waits when the actor does not say."""


class World(ABC):
    """What both worlds share: who lives there, what they may use, and who watches.

    Args:
        seed: the whole story of a simulated run; live, the seed of the actors' own randomness.
    """

    kind: Literal["sim", "live"]

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.network = Network()
        self.observatory = Observatory()
        self.adapters: dict[str, Adapter] = {}
        self.faults: list[Fault] = []
        self.exposure = Exposure(peers=())
        self._distrusted: set[PeerId] = set()
        self.neighbours: dict[PeerId, tuple[PeerId, ...]] = {}
        self.stopped: str | None = None
        self.traffic: Traffic | None = None
        self.inhabited = False
        """Whether a peer has been spawned."""

    @property
    @abstractmethod
    def now(self) -> Seconds:
        """World time since the start of the run."""

    @abstractmethod
    def spawn(
        self,
        name: PeerId,
        factory: Callable[[], Actor],
        *,
        region: str = "",
        peers: Sequence[PeerId] | None = None,
    ) -> None:
        """Add a peer that runs the actor which `factory` makes, anew at every start and restart.

        Args:
            name: unique in this world.
            factory: called without arguments; the actor finds its name in `ctx.id`.
            region: where the peer is, for the latency table.
            peers: its neighbours (what `ctx.peers` shows); None means every other peer.

        Raises:
            UserError: the name is taken.
        """

    def set_network(self, network: Network) -> None:
        """Describe the network; raises `UserError` once a peer has been spawned."""
        self._must_be_empty("set_network")
        self.network = network

    def connect(self, topology: "networkx.Graph", name: str = "{}") -> None:
        """Give every node of a networkx graph its neighbours as `ctx.peers`.

        Call it before the first `spawn`; a `peers` argument there takes precedence.

        Args:
            topology: the graph.
            name: how a node's name is made of the node, such as ``"peer-{}"``.
        """
        self._must_be_empty("connect")
        for node in topology.nodes:
            friends = (name.format(neighbour) for neighbour in topology.neighbors(node))
            self.neighbours[name.format(node)] = tuple(sorted(friends))

    def _must_be_empty(self, what: str) -> None:
        if self.inhabited:
            raise UserError(f"{what} comes too late: call it before the first spawn")

    def stream(self, purpose: str) -> Random:
        """A random stream for building the world, one a purpose; independent of the actors'."""
        return Stream(self.seed, "world", purpose)

    def count_traffic(self) -> Traffic:
        """Count the messages that peers send; raises `UserError` once a peer has been spawned."""
        self._must_be_empty("count_traffic")
        self.traffic = Traffic()
        return self.traffic

    def provide(self, port: str, adapter: Adapter) -> None:
        """Answer the operations on `port` (one of ``models blobs chain tools``) by `adapter`."""
        if port not in PORTS:
            raise UserError(f"no port is called {port!r}; the ports are {', '.join(PORTS)}")
        self.adapters[port] = adapter

    def schedule(self, *faults: Fault) -> None:
        """Let these faults strike at their times."""
        self.faults.extend(faults)
        self._distrusted.update(filter(None, (fault.distrusted for fault in faults)))

    def expose(self, exposure: Exposure) -> None:
        """Say what a nemesis may strike here; a fuzzer draws its plans within these limits."""
        self.exposure = exposure

    def is_honest(self, peer: PeerId) -> bool:
        """Whether no scheduled fault makes this peer lie or forget: the oracles' idea of trust."""
        return peer not in self._distrusted

    def check(self, *checkers: Checker) -> None:
        """Have these checkers judge the run while it goes on."""
        for checker in checkers:
            self.observatory.check(checker)

    def observe(self, fact_type: type[Fact], observer: Observer) -> None:
        """Call ``observer(time_s, peer, fact)`` for every fact of this type."""
        self.observatory.observe(fact_type, observer)

    def gauge(self, name: str, read: Callable[[], float]) -> None:
        """Sample ``read()`` every `sample_s` of world time into the series `name`."""
        self.observatory.gauges[name] = read

    def report(self, name: str, value: object) -> None:
        """Put a final figure (a number, string, or a dict or list of them) among the metrics."""
        self.observatory.metrics[name] = value

    def at_end(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the run has ended, to `report` its figures."""
        self.observatory.closing.append(callback)

    def stop(self, reason: str = "done") -> None:
        """End the run after the current event."""
        self.stopped = reason
