"""Small actors and helpers that the kernel's tests share."""

from collections.abc import Callable

from prsm_sim.actor import Actor, Context, Fact, Message, PeerId, on
from prsm_sim.network import Latency, Network
from prsm_sim.sim import Sim


class Note(Message, frozen=True):
    """A message with a number."""

    number: int = 0
    payload: bytes = b""


class Saw(Fact, frozen=True):
    """An actor tells the test what it saw."""

    what: str
    number: int = 0


class Listener(Actor):
    """Tells of every note."""

    @on(Note)
    def note(self, ctx: Context, sender: PeerId, message: Note) -> None:
        ctx.emit(Saw(sender, message.number))


class Chatter(Actor):
    """At exponential intervals, draws a neighbour and sends it a note; answers every third note."""

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        ctx.set_timer("next", ctx.rng.expovariate(5.0))

    def on_timer(self, ctx: Context, name: str) -> None:
        ctx.send(ctx.rng.choice(ctx.peers), Note(ctx.rng.randrange(1000)))
        ctx.set_timer("next", ctx.rng.expovariate(5.0))

    @on(Note)
    def note(self, ctx: Context, sender: PeerId, message: Note) -> None:
        ctx.emit(Saw(sender, message.number))
        if message.number % 3 == 0:
            ctx.send(sender, Note(message.number + 1))


class Log:
    """Every `Saw` of a world, in order."""

    def __init__(self, sim: Sim) -> None:
        self.rows: list[tuple[float, PeerId, str, int]] = []
        sim.observe(Saw, self._take)

    def _take(self, time_s: float, peer: PeerId, fact: Fact) -> None:
        assert isinstance(fact, Saw)
        self.rows.append((time_s, peer, fact.what, fact.number))

    @property
    def times(self) -> list[float]:
        return [time_s for time_s, *_ in self.rows]

    @property
    def words(self) -> list[str]:
        return [what for _, _, what, _ in self.rows]

    @property
    def numbers(self) -> list[int]:
        return [number for *_, number in self.rows]


def fixed(delay_s: float = 0.01) -> Network:
    """A network in which every message takes `delay_s`."""
    return Network(latency=Latency(law="fixed", mean_s=delay_s))


def timed_actor(steps: dict[float, Callable[[Context], None]]) -> type[Listener]:
    """A class of actors that do each step at its time."""

    class Timed(Listener):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            for at_s in steps:
                ctx.set_timer(f"{at_s}", at_s - ctx.now)

        def on_timer(self, ctx: Context, name: str) -> None:
            steps[float(name)](ctx)

    return Timed


def chatting_world(
    seed: int, peers: int = 6, network: Network | None = None, digest: bool = True
) -> Sim:
    """A world of chatters in a ring with chords."""
    sim = Sim(seed, digest=digest)
    sim.set_network(network or Network(latency=Latency(law="exponential", mean_s=0.01)))
    for i in range(peers):
        near = sorted({f"p{(i + step) % peers}" for step in (1, 2)})
        sim.spawn(f"p{i}", Chatter, peers=near)
    return sim
