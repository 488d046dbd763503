"""A committee with clients in a simulated world, and what the tests look at."""

from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import sha256

from agents.consensus import (
    ConflictingMessages,
    ConsensusClient,
    Executed,
    Replica,
    Reply,
    ReplyAccepted,
    Settings,
    ViewChanged,
)
from prsm_sim.actor import Actor, Context, Fact, Message, PeerId, Wrapper, encode, on
from prsm_sim.checker import Agreement, Checker, Order
from prsm_sim.network import Latency, Network
from prsm_sim.sim import Sim


def members_of(n: int) -> tuple[PeerId, ...]:
    return tuple(f"replica-{number}" for number in range(n))


def fixed(delay_s: float, loss: float = 0.0) -> Network:
    return Network(latency=Latency(law="fixed", mean_s=delay_s), loss=loss)


class AppendLog:
    """A state machine that remembers every operation it was given, in order."""

    def __init__(self) -> None:
        self.applied: list[tuple[int, PeerId, bytes, int]] = []

    def apply(self, sequence: int, client: PeerId, operation: bytes, now_ms: int) -> bytes:
        self.applied.append((sequence, client, operation, now_ms))
        return b"%d:%s" % (len(self.applied), operation)

    def digest(self) -> str:
        return sha256(encode(self.applied)).hexdigest()

    def snapshot(self) -> bytes:
        return encode(self.applied)

    def restore(self, state: bytes) -> None:
        raise NotImplementedError("no test restores this machine")

    def facts(self) -> tuple[Fact, ...]:
        return ()


class Caller(Actor):
    """A closed-loop client: submits `count` operations one after the other."""

    def __init__(
        self, members: tuple[PeerId, ...], count: int, retry_s: float, think_s: float
    ) -> None:
        self.client = ConsensusClient(members, retry_s=retry_s)
        self.count = count
        self.think_s = think_s
        self.results: list[bytes] = []

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        ctx.set_timer("next", 0.0)

    def on_timer(self, ctx: Context, name: str) -> None:
        if not self.client.on_timer(ctx, name) and len(self.results) < self.count:
            self.client.submit(ctx, f"{ctx.id}/{len(self.results)}".encode())

    @on(Reply)
    def reply(self, ctx: Context, sender: PeerId, message: Reply) -> None:
        result = self.client.on_reply(ctx, sender, message)
        if result is not None:
            self.results.append(result.value)
            ctx.set_timer("next", self.think_s)


class Tap(Wrapper):
    """Counts what an actor sends, by type, and alters nothing."""

    def __init__(self, inner: Actor, sent: Counter[str]) -> None:
        super().__init__(inner)
        self.sent = sent

    def outgoing(
        self, ctx: Context, to: PeerId, message: Message
    ) -> Iterable[tuple[PeerId, Message]]:
        self.sent[type(message).__name__] += 1
        return ((to, message),)


class Group:
    """A world with `n` replicas and some clients; agreement and order are checked throughout.

    Args:
        wrap: turns the replica of a name into the actor that runs there.
        byzantine: replicas whose facts do not count.
        tapped: count what every peer sends into `sent`.
    """

    def __init__(
        self,
        n: int = 4,
        clients: int = 1,
        requests: int = 1,
        *,
        seed: int = 1,
        network: Network | None = None,
        settings: Settings | None = None,
        retry_s: float = 2.0,
        think_s: float = 0.0,
        wrap: Callable[[PeerId, Replica], Actor] = lambda _, replica: replica,
        byzantine: tuple[PeerId, ...] = (),
        checkers: tuple[Checker, ...] | None = None,
        tapped: bool = False,
    ) -> None:
        self.members = members_of(n)
        self.honest = tuple(one for one in self.members if one not in byzantine)
        self.clients = tuple(f"client-{number}" for number in range(clients))
        self.requests = requests
        self.settings = settings or Settings()
        self.sent: Counter[str] = Counter()
        self.executed: dict[PeerId, list[tuple[float, Executed]]] = {m: [] for m in self.members}
        self.accepted: list[ReplyAccepted] = []
        self.accused: set[PeerId] = set()
        self.views: dict[PeerId, int] = {}
        sim = self.sim = Sim(seed=seed)
        sim.set_network(network or fixed(0.01))

        def tap(actor: Actor) -> Actor:
            return Tap(actor, self.sent) if tapped else actor

        for name in self.members:
            sim.spawn(name, lambda name=name: tap(wrap(name, self.replica())))
        for name in self.clients:
            sim.spawn(name, lambda: tap(Caller(self.members, requests, retry_s, think_s)))
        sim.observe(Executed, lambda at, peer, fact: self.executed[peer].append((at, fact)))
        sim.observe(ReplyAccepted, lambda _, peer, fact: self.accepted.append(fact))
        sim.observe(ConflictingMessages, lambda _, peer, fact: self.accused.add(fact.accused))
        sim.observe(ViewChanged, lambda _, peer, fact: self.views.update({peer: fact.view}))
        if checkers is None:
            checkers = (
                Agreement(Executed, lambda f: f.sequence, lambda f: f.digest, self.is_honest),
                Order(Executed, lambda f: f.sequence, self.is_honest),
            )
        sim.check(*checkers)

    def replica(self) -> Replica:
        return Replica(self.members, AppendLog(), self.settings)

    def is_honest(self, peer: PeerId) -> bool:
        return peer in self.honest

    def inner(self, name: PeerId) -> Actor:
        actor = self.sim.actor(name)
        while isinstance(actor, Wrapper):
            actor = actor.inner
        return actor

    def machine(self, name: PeerId) -> AppendLog:
        replica = self.inner(name)
        assert isinstance(replica, Replica)
        assert isinstance(replica.machine, AppendLog)
        return replica.machine

    @property
    def wanted(self) -> int:
        return len(self.clients) * self.requests

    @property
    def coverage(self) -> Counter[str]:
        return self.sim.observatory.coverage

    def run_until_settled(self, not_before_s: float, limit_s: float = 300.0) -> None:
        """Run until all requests are answered and all honest replicas are equal."""
        until = not_before_s
        while True:
            self.sim.run(until=until)
            if len(self.accepted) >= self.wanted and self.is_equal():
                return
            until += 1.0
            assert until < limit_s, (
                f"{len(self.accepted)} of {self.wanted} answered, equal: {self.is_equal()}"
            )

    def is_equal(self) -> bool:
        return len({self.machine(name).digest() for name in self.honest}) == 1

    def assert_exactly_once(self) -> None:
        """Each operation was applied once at each honest replica, each answered once."""
        expected = sorted(
            f"{client}/{number}".encode()
            for client in self.clients
            for number in range(self.requests)
        )
        for name in self.honest:
            assert (
                sorted(operation for _, _, operation, _ in self.machine(name).applied) == expected
            )
        assert len(self.accepted) == self.wanted
