"""A toy protocol with a bug that can be switched on: a tally that may count a vote twice.

A client sends numbered votes and repeats one until it is acknowledged. A careful server counts each
number once; a careless one counts what arrives. A vote has a weight; with `doubled_from` the server
counts the heavy ones twice, a bug that needs no fault but the right workload. Which client casts
how heavy a vote can be given as a list.
"""

from prsm_sim.actor import Actor, Context, Fact, Message, PeerId, on
from prsm_sim.actor.context import Random
from prsm_sim.checker import Settled
from prsm_sim.exposure import Exposure
from prsm_sim.network import Latency, Network
from prsm_sim.oracles import Integrity
from prsm_sim.scenario import ScenarioParameters, scenario
from prsm_sim.world import World


class Vote(Message, frozen=True):
    number: int
    weight: int = 1


class Counted(Message, frozen=True):
    number: int


class Asked(Fact, frozen=True):
    number: int


class Tallied(Fact, frozen=True):
    number: int
    place: int


class Acknowledged(Fact, frozen=True):
    number: int


class Server(Actor):
    def __init__(self, careful: bool, doubled_from: int | None) -> None:
        self.careful = careful
        self.doubled_from = doubled_from
        self.seen: dict[int, None] = {}
        self.total = 0

    @on(Vote)
    def vote(self, ctx: Context, sender: PeerId, vote: Vote) -> None:
        if not (self.careful and vote.number in self.seen):
            self.seen[vote.number] = None
            self.total += 1
            ctx.emit(Tallied(vote.number, self.total))
            if self.doubled_from is not None and vote.weight >= self.doubled_from:
                self.total += 1
                ctx.emit(Tallied(vote.number, self.total))
        else:
            ctx.sometimes("tally: a vote came again")
        ctx.send(sender, Counted(vote.number))


class Client(Actor):
    """Casts votes one after the other; `votes` holds the number and the weight of each."""

    def __init__(self, votes: tuple[tuple[int, int], ...]) -> None:
        self.votes = votes
        self.done = 0

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        self.next(ctx)

    def next(self, ctx: Context) -> None:
        if self.done < len(self.votes):
            ctx.emit(Asked(self.votes[self.done][0]))
            self.ask(ctx)

    def ask(self, ctx: Context) -> None:
        ctx.send("server", Vote(*self.votes[self.done]))
        ctx.set_timer("again", 0.5)

    def on_timer(self, ctx: Context, name: str) -> None:
        self.ask(ctx)

    @on(Counted)
    def counted(self, ctx: Context, sender: PeerId, counted: Counted) -> None:
        if self.done < len(self.votes) and counted.number == self.votes[self.done][0]:
            ctx.cancel_timer("again")
            ctx.emit(Acknowledged(counted.number))
            self.done += 1
            self.next(ctx)


class TallyParameters(ScenarioParameters):
    duration_s: float = 60.0
    careful: bool = True
    votes: int = 8
    workload: tuple[tuple[int, int], ...] = ()
    doubled_from: int | None = None


def variants(rng: Random) -> dict[str, object]:
    return {"votes": rng.randint(4, 12)}


def number_of(fact: Fact) -> int:
    return fact.number  # type: ignore[attr-defined]


def votes_of(parameters: TallyParameters) -> dict[str, tuple[tuple[int, int], ...]]:
    """Of each client the votes, each a number and a weight."""
    asked = parameters.workload or ((0, 1),) * parameters.votes
    clients: dict[str, tuple[tuple[int, int], ...]] = {}
    for number, (client, weight) in enumerate(asked, 1):
        name = f"client-{client}" if client else "client"
        clients[name] = (*clients.get(name, ()), (number, weight))
    return dict(sorted(clients.items()))


@scenario(TallyParameters, variants=variants, shrinks=("votes",))
def tally(world: World, parameters: TallyParameters) -> None:
    """Clients vote, a server counts."""
    world.set_network(Network(latency=Latency(law="fixed", mean_s=0.1)))
    world.spawn("server", lambda: Server(parameters.careful, parameters.doubled_from))
    clients = votes_of(parameters)
    for name, votes in clients.items():
        world.spawn(name, lambda votes=votes: Client(votes))
    # The server forgets what it has seen in a crash, so it is exposed to the network only.
    world.expose(Exposure(peers=(), bystanders=(*clients, "server"), heal_s=10.0))
    world.check(
        Integrity(Tallied, number_of, lambda fact: fact.place, (Asked, number_of)),
        Settled("liveness", (Asked, number_of), ((Acknowledged, number_of),)),
    )
