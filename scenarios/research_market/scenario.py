"""The research market: 200 peers answer research questions, pay each other and agree on the ledger.

Clients put money in escrow on a ledger that seven replicas keep by PBFT, one of which lies. For
each question an orchestrator has it decomposed, prompted, routed, executed by three peers that
really fit models on their share of real data, and compiled. Meanwhile the network loses messages, a
region is cut off for ten seconds, and the primary crashes and comes back.
"""

from collections.abc import Callable, Sequence

from agents.consensus.byzantine import Equivocator
from agents.consensus.facts import Executed
from agents.consensus.replica import Replica
from agents.consensus.settings import Settings
from agents.pipeline.architect import Architect
from agents.pipeline.client import Client, ClientRules
from agents.pipeline.compiler import Compiler
from agents.pipeline.datasets import CARDS
from agents.pipeline.execution import WorkRules
from agents.pipeline.executor import Executor
from agents.pipeline.layers import Layers
from agents.pipeline.messages import Announce
from agents.pipeline.orchestrator import Orchestrator
from agents.pipeline.prompter import Prompter
from agents.pipeline.questions import Question
from agents.pipeline.router import Router
from agents.pipeline.shares import Share
from agents.pipeline.submodels import SKILLS, SubmodelAdapter
from economy.facts import LedgerAudited, OperationApplied, conserved
from economy.genesis import open_ledger
from economy.money import UNITS_PER_FTNS, encode_units, ftns
from economy.state_machine import LedgerMachine
from prsm_sim.actor import Actor, Fact, PeerId, Seconds
from prsm_sim.checker import Agreement, Always, Order
from prsm_sim.faults import Crash, Partition
from prsm_sim.network import Network
from prsm_sim.scenario import scenario
from prsm_sim.world import World
from scenarios.research_market.checks import PaidQueriesEnd
from scenarios.research_market.ledger_access import ConsensusCommittee
from scenarios.research_market.parameters import REGIONS, ResearchMarketParameters
from scenarios.research_market.questions import load_questions
from scenarios.research_market.report import Report

GRACE_S = 30.0
"""A query opened less than this before the end of a run may still be open."""


def names(role: str, count: int) -> tuple[PeerId, ...]:
    """Names of the peers of a role, such as ``router-03``."""
    width = len(str(count - 1))
    return tuple(f"{role}-{i:0{width}}" for i in range(count))


class Market:
    """Composes the peers of one market.

    Args:
        world: where they shall live.
        parameters: how many of them there are, and how they behave.
    """

    def __init__(self, world: World, parameters: ResearchMarketParameters) -> None:
        self.world = world
        self.parameters = p = parameters
        self.rng = world.stream("market")
        self.members = names("replica", p.replicas)
        self.liars = self.members[-p.byzantine :] if p.byzantine else ()
        self.honest = tuple(one for one in self.members if one not in self.liars)
        self.clients = names("client", p.clients)
        self.orchestrators = names("orchestrator", p.orchestrators)
        self.executors = names("executor", p.executors)
        self.routers = names("router", p.routers)
        self.layers = Layers(
            names("architect", p.architects),
            names("prompter", p.prompters),
            self.routers,
            names("compiler", p.compilers),
        )
        self.wealth_units = int(p.wealth_ftns * UNITS_PER_FTNS)
        self.regions: dict[str, list[PeerId]] = {region: [] for region in REGIONS}

    def spawn(self, role: Sequence[PeerId], factory: Callable[[PeerId], Actor]) -> None:
        """Add the peers of one role, spread over the regions."""
        for i, name in enumerate(role):
            region = REGIONS[i % len(REGIONS)]
            self.regions[region].append(name)
            self.world.spawn(name, lambda name=name: factory(name), region=region)  # type: ignore[misc]

    def replica(self, name: PeerId) -> Actor:
        """A replica of the ledger, or one that lies about it."""
        genesis = dict.fromkeys(self.clients, self.wealth_units)
        machine = LedgerMachine(open_ledger(genesis), audit_every=4)
        settings = Settings(view_timeout_s=self.parameters.view_timeout_s, status_s=2.0)
        replica = Replica(self.members, machine, settings)
        return Equivocator(replica, self.members, self.liars) if name in self.liars else replica

    def committee(self) -> ConsensusCommittee:
        """A peer's own way to the ledger."""
        return ConsensusCommittee(self.members)

    def add_replicas(self) -> None:
        """The ledger."""
        self.spawn(self.members, self.replica)

    def add_layers(self) -> None:
        """Orchestrators and the layers that help them."""
        p = self.parameters
        rules = WorkRules(
            strategy=p.strategy, conflict_rule=p.conflict_rule, answers_wanted=p.answers_wanted,
            answers_needed=p.answers_wanted // 2 + 1, candidates=3 * p.answers_wanted,
        )  # fmt: skip
        self.spawn(self.orchestrators, lambda _: Orchestrator(self.layers, self.committee(), rules))
        self.spawn(self.layers.architects, lambda _: Architect())
        self.spawn(self.layers.prompters, lambda _: Prompter())
        self.spawn(self.routers, lambda _: Router())
        self.spawn(self.layers.compilers, lambda _: Compiler())

    def add_executors(self) -> None:
        """Peers with a share of the data, a price, and every skill."""
        p = self.parameters
        datasets = tuple(CARDS)
        share_thousandths = round(1000 * p.share)
        shares = {
            name: Share(i % p.shards, share_thousandths, datasets)
            for i, name in enumerate(self.executors)
        }
        self.world.provide("models", SubmodelAdapter(shares))
        prices = {
            name: encode_units(ftns(str(self.rng.randint(*p.executor_price_ftns))))
            for name in self.executors
        }

        def executor(name: PeerId) -> Actor:
            offer = Announce(SKILLS, datasets, share_thousandths, prices[name])
            return Executor(self.routers, offer)

        self.spawn(self.executors, executor)

    def add_clients(self, questions: tuple[Question, ...]) -> None:
        """Peers that ask; each draws its own questions."""
        p = self.parameters
        budget = encode_units(int(p.budget_ftns * UNITS_PER_FTNS))
        plans: dict[PeerId, tuple[tuple[Question, ...], ClientRules]] = {}
        for i, name in enumerate(self.clients):
            # Taken in turn from a random beginning, so that all kinds are asked.
            first = i * p.questions_per_client
            chosen = [
                questions[(first + j) % len(questions)] for j in range(p.questions_per_client)
            ]
            rules = ClientRules(budget, self.rng.uniform(0.0, p.arrivals_s), p.pause_s)
            plans[name] = (tuple(chosen), rules)

        def client(name: PeerId) -> Actor:
            return Client(plans[name][0], self.orchestrators, self.committee(), plans[name][1])

        self.spawn(self.clients, client)

    def add_faults(self) -> None:
        """Cut off the last region, and crash the first primary."""
        p = self.parameters
        if p.partition_s:
            away = tuple(self.regions[REGIONS[-1]])
            rest = tuple(name for region in REGIONS[:-1] for name in self.regions[region])
            self.world.schedule(
                Partition(at_s=p.partition_at_s, for_s=p.partition_s, groups=(rest, away))
            )
        if p.crash_s:
            self.world.schedule(Crash(at_s=p.crash_at_s, peer=self.members[0], for_s=p.crash_s))

    def add_checks(self, questions: tuple[Question, ...]) -> None:
        """What must hold, what is measured, and when it is over."""
        world = self.world
        trusted = frozenset(self.honest)

        def balanced(peer: PeerId, fact: Fact) -> str | None:
            return conserved(fact) if peer in trusted else None

        ends = PaidQueriesEnd(self.honest, GRACE_S)
        world.check(
            Agreement(Executed, _sequence, _digest, trusted.__contains__),
            Order(Executed, _sequence, trusted.__contains__),
            Always("conservation of FTNS", OperationApplied, balanced),
            Always("the ledger's books balance", LedgerAudited, balanced),
            ends,
        )
        report = Report(world, questions, self.honest, self.wealth_units * len(self.clients))
        expected = len(self.clients) * self.parameters.questions_per_client

        def over(_time_s: Seconds, _peer: PeerId, _fact: Fact) -> None:
            if report.finished == expected and ends.still_open == 0:
                world.stop("every question has been answered or given up")

        world.observe(OperationApplied, over)


def _sequence(fact: Fact) -> int:
    assert isinstance(fact, Executed)
    return fact.sequence


def _digest(fact: Fact) -> str:
    assert isinstance(fact, Executed)
    return fact.digest


@scenario(
    ResearchMarketParameters,
    live_defaults={
        "clients": 8, "questions_per_client": 1, "orchestrators": 2, "architects": 2,
        "prompters": 2, "routers": 2, "compilers": 2, "executors": 24, "duration_s": 60.0,
        "arrivals_s": 1.0, "loss": 0.0, "partition_s": 0.0, "crash_s": 0.0,
    },
)  # fmt: skip
def research_market(world: World, parameters: ResearchMarketParameters) -> None:
    """Peers answer research questions, pay each other in FTNS and agree through PBFT."""
    world.set_network(Network(latency=parameters.latency, regional=True, loss=parameters.loss))
    questions = load_questions()
    market = Market(world, parameters)
    market.add_replicas()
    market.add_layers()
    market.add_executors()
    market.add_clients(questions)
    market.add_faults()
    market.add_checks(questions)
