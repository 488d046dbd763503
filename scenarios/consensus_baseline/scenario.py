"""The consensus baseline: the plainest experiment with a PBFT committee, made to be compared.

Links are alike, independent for each message, and free to oneself; clients run closed loop with one
outstanding request; nothing goes wrong but what a parameter says. What such a run costs is known in
closed form (2n(n-1) messages a request between replicas, a commit after four links, a result after
five), which is what `prsm validate consensus` compares it with. The same scenario, with a nemesis
on top, is what a fuzzer strikes.
"""

from collections.abc import Callable

from agents.consensus.byzantine import Equivocator, resign
from agents.consensus.client import ConsensusClient
from agents.consensus.lies import mutate
from agents.consensus.replica import Replica
from agents.consensus.rules import fault_limit
from agents.consensus.settings import Settings
from prsm_sim.actor import Actor, Fact, PeerId, Seconds
from prsm_sim.exposure import Exposure
from prsm_sim.faults import Byzantine, Crash
from prsm_sim.history import History
from prsm_sim.network import Network
from prsm_sim.scenario import scenario
from prsm_sim.world import World
from scenarios.consensus_baseline.certificates import Certified
from scenarios.consensus_baseline.executions import Executions
from scenarios.consensus_baseline.key_value import KeyValueMachine
from scenarios.consensus_baseline.latencies import Latencies
from scenarios.consensus_baseline.limits import whole_after
from scenarios.consensus_baseline.oracles import oracles
from scenarios.consensus_baseline.parameters import ConsensusBaselineParameters, variants
from scenarios.consensus_baseline.report import Report
from scenarios.consensus_baseline.workload import Caller, Finished, keys_for

STATE_TOLD_EVERY = 4
"""Operations, or a batch, between two states that a replica tells."""
SKEW_TOLERANCE_S = 1e6
"""Agreed time is nobody's business here, and links may be as slow as one likes."""


class Remembered(dict[PeerId, bool]):
    """What is so of each peer, found out when it is first asked; cheaper to ask than a cache."""

    def __init__(self, find: Callable[[PeerId], bool]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, peer: PeerId) -> bool:
        found = self[peer] = self._find(peer)
        return found


class Baseline:
    """Composes one world.

    Args:
        world: where the peers shall live.
        parameters: how many of them there are, and how they behave.
    """

    def __init__(self, world: World, parameters: ConsensusBaselineParameters) -> None:
        self.world = world
        self.parameters = p = parameters
        self.members = tuple(f"replica-{number}" for number in range(p.replicas))
        self.clients = tuple(f"client-{number}" for number in range(p.clients))
        self.liars = self.members[: p.liars]
        self.wrapped = self.liars if p.behaviour in ("equivocate", "collude") else ()
        self.settings = settings_of(p)
        self.replicas: dict[PeerId, Replica] = {}
        self.callers: dict[PeerId, ConsensusClient] = {}
        self.is_honest = Remembered(self._is_honest).__getitem__
        """Whether a peer does what the protocol says; ask once all faults are scheduled."""

    def _is_honest(self, peer: PeerId) -> bool:
        return peer not in self.wrapped and self.world.is_honest(peer)

    def replica(self, name: PeerId) -> Actor:
        """A replica, or one that tells two stories."""
        machine = KeyValueMachine(told_every=max(STATE_TOLD_EVERY, self.parameters.batch))
        replica = Replica(self.members, machine, self.settings)
        self.replicas[name] = replica
        if name not in self.wrapped:
            return replica
        accomplices = self.liars if self.parameters.behaviour == "collude" else ()
        return Equivocator(replica, self.members, accomplices)

    def client(self, name: PeerId, requests: int) -> Actor:
        """A client that makes so many requests."""
        p = self.parameters
        keys = keys_for(p.clients)
        caller = Caller(self.members, requests, p.timeout_s, p.rest_s, keys, self.settings)
        self.callers[name] = caller.consensus
        return caller

    def slots_open(self, name: PeerId) -> tuple[int, int]:
        """How many slots a replica has open, and how many it may have."""
        log = self.replicas[name].state.log
        return len(log.slots), log.high - log.low

    def add_peers(self) -> None:
        """The committee and its clients; the requests are shared as evenly as possible."""
        p, world = self.parameters, self.world
        for name in self.members:
            world.spawn(name, lambda name=name: self.replica(name))  # type: ignore[misc]
        each, more = divmod(p.requests, p.clients)
        for number, name in enumerate(self.clients):
            count = each + (number < more)
            world.spawn(name, lambda name=name, count=count: self.client(name, count))  # type: ignore[misc]

    def add_faults(self) -> None:
        """Who is down, who lies, and what a nemesis may do besides."""
        p, world = self.parameters, self.world
        if p.crashed != "none":
            peer = self.members[0] if p.crashed == "primary" else self.members[-1]
            world.schedule(Crash(at_s=0.0, peer=peer, for_s=None))
        if not self.wrapped:
            for peer in self.liars:
                world.schedule(Byzantine.model_validate({"peer": peer, "behaviour": p.behaviour}))
        world.expose(
            Exposure(
                peers=self.members,
                bystanders=self.clients,
                faulty=max(0, fault_limit(p.replicas) - p.liars - (p.crashed != "none")),
                heal_s=p.heal_s,
                resign=resign,
                mutate=mutate,
            )
        )

    def add_end(self) -> None:
        """Stop once every client has finished."""
        running = set(self.clients)

        def finished(_time_s: Seconds, peer: PeerId, _fact: Fact) -> None:
            running.discard(peer)
            if not running:
                self.world.stop("every request has its result, and the network is quiet")

        self.world.observe(Finished, finished)


def settings_of(parameters: ConsensusBaselineParameters) -> Settings:
    """The numbers that the committee runs by."""
    p = parameters
    return Settings(
        view_timeout_s=p.timeout_s,
        retry_s=p.timeout_s,
        skew_tolerance_s=SKEW_TOLERANCE_S,
        window=p.window,
        batch_limit=p.batch,
        in_flight_limit=p.in_flight_limit,
        checkpoint_interval=p.checkpoint_interval,
        tentative=p.tentative,
        read_only=p.read_only,
        status_s=p.status_links * p.latency.mean_s or None,
    )


@scenario(
    ConsensusBaselineParameters,
    live_defaults={"link": "fixed:0.02", "requests": 40},
    variants=variants,
)
def consensus_baseline(world: World, parameters: ConsensusBaselineParameters) -> None:
    """A PBFT committee and closed-loop clients on plain links; messages and latencies counted."""
    world.set_network(Network(latency=parameters.latency))
    traffic = world.count_traffic()
    baseline = Baseline(world, parameters)
    baseline.add_peers()
    baseline.add_faults()
    world.check(
        Certified(
            baseline.members, baseline.is_honest, baseline.replicas, baseline.callers,
            reads_unordered=parameters.read_only,
        )
    )  # fmt: skip
    history, executions = History(), Executions()
    world.check(
        *oracles(
            baseline.is_honest,
            parameters,
            baseline.slots_open,
            lambda: whole_after(world.faults),
            history,
            executions,
        )
    )
    latencies = Latencies(history, executions)
    Report(world, baseline.members, baseline.is_honest, traffic, latencies)
    baseline.add_end()
