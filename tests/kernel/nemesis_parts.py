"""A world of pingers, which every fault can be felt in."""

from collections import Counter

from prsm_sim.actor import Actor, Context, Fact, Message, PeerId, on
from prsm_sim.faults import Fault
from prsm_sim.network import Latency, Network
from prsm_sim.sim import Sim

EVERY_S = 0.1
NAMES = ("a", "b", "c", "d", "e")


class Ping(Message, frozen=True):
    number: int
    sent_s: float = 0.0
    text: str = ""


class Pong(Message, frozen=True):
    number: int


class Got(Fact, frozen=True):
    """A message arrived, and what it was."""

    sender: PeerId
    what: str
    number: int
    sent_s: float = 0.0
    text: str = ""


class Pinger(Actor):
    """Pings all its neighbours ten times a second, answers pings, and keeps its count on disk."""

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        self.number = 0
        ctx.emit(Got(ctx.id, f"start {recovered!r}", 0))
        ctx.set_timer("tick", EVERY_S)

    def on_timer(self, ctx: Context, name: str) -> None:
        self.number += 1
        ctx.store.put("state", b"%06d" % self.number)
        ctx.store.sync()
        ctx.store.put("unsynced", b"%06d" % self.number)
        ctx.broadcast(Ping(self.number, ctx.now, "x" * 8))
        ctx.set_timer("tick", EVERY_S)

    @on(Ping)
    def ping(self, ctx: Context, sender: PeerId, message: Ping) -> Pong:
        ctx.emit(Got(sender, "ping", message.number, message.sent_s, message.text))
        return Pong(message.number)

    @on(Pong)
    def pong(self, ctx: Context, sender: PeerId, message: Pong) -> None:
        ctx.emit(Got(sender, "pong", message.number))


class Talker(Pinger):
    """Sends at fixed times whatever arrives, and answers nothing: only draws can differ."""

    @on(Ping)
    def ping(self, ctx: Context, sender: PeerId, message: Ping) -> None:  # type: ignore[override]
        ctx.emit(Got(sender, "ping", message.number, message.sent_s, message.text))


Row = tuple[float, PeerId, Got]


class World:
    """Five pingers, and what arrived."""

    def __init__(
        self,
        *faults: Fault,
        seed: int = 0,
        names: tuple[PeerId, ...] = NAMES,
        network: Network | None = None,
        actor: type[Actor] = Pinger,
    ) -> None:
        self.sim = Sim(seed)
        fixed = Network(latency=Latency(law="fixed", mean_s=0.01))
        self.sim.set_network(fixed if network is None else network)
        self.rows: list[Row] = []
        self.sim.observe(Got, self._take)
        for name in names:
            self.sim.spawn(name, actor)
        self.sim.schedule(*faults)

    def _take(self, time_s: float, peer: PeerId, fact: Fact) -> None:
        assert isinstance(fact, Got)
        self.rows.append((time_s, peer, fact))

    def run(self, until: float) -> "World":
        self.sim.run(until=until)
        return self

    def got(self, start_s: float = 0.0, end_s: float = 1e9, what: str = "ping") -> list[Row]:
        """What arrived in a span of time."""
        return [row for row in self.rows if start_s <= row[0] < end_s and row[2].what == what]

    def links(self, start_s: float, end_s: float, what: str = "ping") -> Counter[str]:
        """How many messages arrived on each link, called ``ab`` from a to b."""
        return Counter(got.sender + peer for _, peer, got in self.got(start_s, end_s, what))

    def effects(self, kind: str) -> int:
        return self.sim.observatory.counters[f"fault effect: {kind}"]

    def struck(self, kind: str) -> int:
        return self.sim.observatory.faults_struck[kind]


EXPONENTIAL = Network(latency=Latency(law="exponential", mean_s=0.01))
ALL_LINKS = {a + b for a in NAMES for b in NAMES if a != b}
