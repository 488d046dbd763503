"""The scenario of a world of processes: how many, what is asked of them, and what goes wrong."""

import numpy as np
from pydantic import Field

from live.maelstrom.checkers import CHECKERS, Answers, Protocol, Settling
from live.maelstrom.facts import Answered, Lapsed
from live.maelstrom.load import Load
from live.maelstrom.nemesis import check_faults
from live.maelstrom.trouble import Trouble, draw_trouble
from live.maelstrom.workloads import WORKLOADS, Broadcast, Topology, Workload
from live.maelstrom.world import Maelstrom
from prsm_sim.actor.types import Fact, PeerId, Seconds
from prsm_sim.faults import Fault
from prsm_sim.network import Network
from prsm_sim.scenario import Scenario, ScenarioParameters
from prsm_sim.world import World

SILENT = 3
"""A node that answers nobody for so many times a client's patience counts as silent."""


class MaelstromParameters(ScenarioParameters):
    """Parameters of a run of processes."""

    command: tuple[str, ...] = Field(min_length=1, description="program and arguments of a node")
    nodes: int = Field(3, ge=1, le=100, description="processes")
    clients: int | None = Field(None, ge=1, le=1000, description="clients; none: one a node")
    rate: float = Field(20.0, gt=0, le=10_000, description="operations a second, of all clients")
    duration_s: float = Field(5.0, gt=0, le=1e6, description="how long clients go on, s")
    sample_s: float = Field(0.5, gt=0, description="interval between samples of the gauges, s")
    init_s: float = Field(10.0, gt=0, description="how long a node may take to answer init, s")
    timeout_s: float = Field(1.0, gt=0, description="how long a client waits for an answer, s")
    settle_s: float = Field(10.0, ge=0, description="longest time nodes may take to agree, s")
    topology: Topology = Field("grid", description="neighbours that broadcast tells the nodes")
    network: Network = Field(Network(), description="the links between nodes")
    faults: tuple[Fault, ...] = Field((), description="what strikes, in seconds of the load")
    trouble: tuple[Trouble, ...] = Field((), description="faults drawn from the seed, by kind")
    trouble_every_s: float = Field(1.0, gt=0, description="length of each calm and each fault, s")


def maelstrom_scenario(workload: str) -> Scenario[MaelstromParameters]:
    """The scenario that puts `workload` to processes; its name is the workload's."""
    kind = WORKLOADS[workload]

    def build(world: World, parameters: MaelstromParameters) -> None:
        assert isinstance(world, Maelstrom), "processes live in a world of processes"
        names = tuple(f"n{i + 1}" for i in range(parameters.nodes))
        check_faults(parameters.faults, names)
        asked = _workload(kind, names, parameters)
        world.set_network(parameters.network)
        world.add_nodes(names, parameters.command)
        world.welcome = asked.welcome
        world.init_s = parameters.init_s
        drawn = draw_trouble(
            parameters.trouble,
            names,
            world.stream("trouble"),
            duration_s=parameters.duration_s,
            interval_s=parameters.trouble_every_s,
        )
        world.schedule(*parameters.faults, *drawn)
        judge = CHECKERS[workload]()
        world.check(Protocol(), Answers(SILENT * parameters.timeout_s), judge)
        load = Load(
            asked,
            clients=parameters.clients or parameters.nodes,
            rate=parameters.rate,
            timeout_s=parameters.timeout_s,
            duration_s=parameters.duration_s,
            settle_s=parameters.settle_s,
            settling=judge if isinstance(judge, Settling) else None,
        )
        world.story = load.story
        Figures(world)

    name = "maelstrom_" + workload.replace("-", "_")
    summary = f"Processes under the {workload} workload of Maelstrom."
    return Scenario(name, summary, MaelstromParameters, build)


def _workload(
    kind: type[Workload], names: tuple[PeerId, ...], parameters: MaelstromParameters
) -> Workload:
    if issubclass(kind, Broadcast):
        return kind(names, parameters.topology)
    return kind(names)


class Figures:
    """Counts what clients got, and reports it at the end."""

    def __init__(self, world: Maelstrom) -> None:
        self._world = world
        self._latencies_s: list[float] = []
        self._errors: dict[str, int] = {}
        self._lapsed = 0
        world.observe(Answered, self._answered)
        world.observe(Lapsed, self._lapse)
        world.gauge("answers", lambda: float(len(self._latencies_s)))
        world.gauge("letters", lambda: float(world.events))
        world.gauge("nodes_up", lambda: float(len(world.up)))
        world.at_end(self._report)

    def _answered(self, time_s: Seconds, peer: PeerId, fact: Fact) -> None:
        assert isinstance(fact, Answered)
        self._latencies_s.append(fact.latency_s)
        if fact.code is not None:
            self._errors[str(fact.code)] = self._errors.get(str(fact.code), 0) + 1

    def _lapse(self, time_s: Seconds, peer: PeerId, fact: Fact) -> None:
        self._lapsed += 1

    def _report(self) -> None:
        answered = len(self._latencies_s)
        self._world.report("deterministic", False)
        self._world.report(
            "operations",
            {
                "asked": answered + self._lapsed,
                "answered": answered,
                "unanswered": self._lapsed,
                "errors": dict(sorted(self._errors.items())),
            },
        )
        if answered:
            p50, p99 = np.percentile(self._latencies_s, [50, 99])
            mean = float(np.mean(self._latencies_s))
            latency: dict[str, float] = {"mean": mean, "p50": float(p50), "p99": float(p99)}
            self._world.report("client_latency_s", latency)
