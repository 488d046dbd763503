"""A committee with clients in a simulated world, and what the tests look at."""

from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import sha256

from agents.consensus import (
    CheckpointStable,
    ConflictingMessages,
    ConsensusClient,
    Executed,
    Replica,
    Reply,
    ReplyAccepted,
    Settings,
    StateTransferred,
    ViewChanged,
)
from prsm_sim.actor import Actor, Context, Fact, Message, PeerId, Wrapper, decode, encode, on
from prsm_sim.checker import Agreement, Checker
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
        if operation.startswith(b"count"):
            self.applied.pop()
            return b"%d" % len(self.applied)
        return b"%d:%s" % (len(self.applied), operation)

    def query(self, client: PeerId, operation: bytes, now_ms: int) -> bytes | None:
        """How many operations were applied; anything else is no read."""
        return b"%d" % len(self.applied) if operation.startswith(b"count") else None

    def digest(self) -> str:
        return sha256(encode(self.applied)).hexdigest()

    def snapshot(self) -> bytes:
        return encode(self.applied)

    def restore(self, state: bytes) -> None:
        self.applied = [tuple(row) for row in decode(state, list[tuple[int, str, bytes, int]])]

    def facts(self) -> tuple[Fact, ...]:
        return ()


class Applied(Fact, frozen=True):
    """A `TellingLog` applied an operation."""

    operation: bytes


class TellingLog(AppendLog):
    """An `AppendLog` that tells what it applies; `restore` leaves that to whoever calls it."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Fact] = []

    def apply(self, sequence: int, client: PeerId, operation: bytes, now_ms: int) -> bytes:
        self.told.append(Applied(operation))
        return super().apply(sequence, client, operation, now_ms)

    def restore(self, state: bytes) -> None:
        super().restore(state)
        self.told.append(Applied(b"restored"))

    def facts(self) -> tuple[Fact, ...]:
        told, self.told = tuple(self.told), []
        return told


class Caller(Actor):
    """A closed-loop client: submits `count` operations one after the other.

    Args:
        reads_every: each so-many-th operation is a read; 0: none is.
    """

    def __init__(
        self,
        members: tuple[PeerId, ...],
        count: int,
        retry_s: float,
        think_s: float,
        settings: Settings | None = None,
        reads_every: int = 0,
    ) -> None:
        self.client = ConsensusClient(members, retry_s=retry_s, settings=settings)
        self.count = count
        self.think_s = think_s
        self.reads_every = reads_every
        self.results: list[bytes] = []
        self.spans: list[tuple[float, float, bool, bytes]] = []
        self.begun_s = 0.0

    @property
    def is_reading(self) -> bool:
        return self.reads_every > 0 and len(self.results) % self.reads_every == 0

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        ctx.set_timer("next", 0.0)

    def on_timer(self, ctx: Context, name: str) -> None:
        if not self.client.on_timer(ctx, name) and len(self.results) < self.count:
            self.begun_s = ctx.now
            if self.is_reading:
                self.client.submit(ctx, b"count", read_only=True)
            else:
                self.client.submit(ctx, f"{ctx.id}/{len(self.results)}".encode())

    @on(Reply)
    def reply(self, ctx: Context, sender: PeerId, message: Reply) -> None:
        result = self.client.on_reply(ctx, sender, message)
        if result is not None:
            self.spans.append((self.begun_s, ctx.now, self.is_reading, result.value))
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


class OrderAcrossTransfers(Checker):
    """Each peer executes 1, 2, 3, … without a gap, but for those a transferred state contains."""

    name = "order"
    facts = (Executed, StateTransferred)

    def __init__(self, trusted: Callable[[PeerId], bool]) -> None:
        super().__init__()
        self.trusted = trusted
        self.last: dict[PeerId, int] = {}

    def observe(self, time_s: float, peer: PeerId, fact: Fact) -> str | None:
        if not self.trusted(peer):
            return None
        assert isinstance(fact, Executed | StateTransferred)
        self.evaluations += 1
        last = self.last.get(peer, 0)
        self.last[peer] = max(last, fact.sequence)
        if isinstance(fact, Executed) and fact.sequence > last + 1:
            return f"{peer} executed {fact.sequence} right after {last}"
        return None


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
        reads_every: int = 0,
    ) -> None:
        self.members = members_of(n)
        self.honest = tuple(one for one in self.members if one not in byzantine)
        self.clients = tuple(f"client-{number}" for number in range(clients))
        self.requests = requests
        self.reads_every = reads_every
        self.settings = settings or Settings()
        self.sent: Counter[str] = Counter()
        self.executed: dict[PeerId, list[tuple[float, Executed]]] = {m: [] for m in self.members}
        self.accepted: list[ReplyAccepted] = []
        self.accused: set[PeerId] = set()
        self.views: dict[PeerId, int] = {}
        self.stable: dict[PeerId, list[int]] = {m: [] for m in self.members}
        self.transferred: dict[PeerId, list[int]] = {m: [] for m in self.members}
        sim = self.sim = Sim(seed=seed)
        sim.set_network(network or fixed(0.01))

        def tap(actor: Actor) -> Actor:
            return Tap(actor, self.sent) if tapped else actor

        for name in self.members:
            sim.spawn(name, lambda name=name: tap(wrap(name, self.replica())))
        for name in self.clients:
            sim.spawn(
                name,
                lambda: tap(
                    Caller(self.members, requests, retry_s, think_s, self.settings, reads_every)
                ),
            )
        sim.observe(Executed, lambda at, peer, fact: self.executed[peer].append((at, fact)))
        sim.observe(ReplyAccepted, lambda _, peer, fact: self.accepted.append(fact))
        sim.observe(ConflictingMessages, lambda _, peer, fact: self.accused.add(fact.accused))
        sim.observe(ViewChanged, lambda _, peer, fact: self.views.update({peer: fact.view}))
        sim.observe(CheckpointStable, lambda _, peer, fact: self.stable[peer].append(fact.sequence))
        sim.observe(
            StateTransferred, lambda _, peer, fact: self.transferred[peer].append(fact.sequence)
        )
        if checkers is None:
            checkers = (
                Agreement(
                    CheckpointStable, lambda f: f.sequence, lambda f: f.digest, self.is_honest
                ),
                Agreement(Executed, lambda f: f.sequence, lambda f: f.digest, self.is_honest),
                OrderAcrossTransfers(self.is_honest),
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
            if not self.reads_every or number % self.reads_every
        )
        for name in self.honest:
            assert (
                sorted(operation for _, _, operation, _ in self.machine(name).applied) == expected
            )
        assert len(self.accepted) == self.wanted

    def assert_linearizable(self) -> None:
        """Reads of the number of writes fit between the writes, in real time.

        A read returns at least what was accepted before it began, counting reads, and at most what
        was begun before it ended. For a counter that only grows this is all there is to check.
        """
        spans = []
        for name in self.clients:
            caller = self.inner(name)
            assert isinstance(caller, Caller)
            spans.extend(caller.spans)
        numbers = [
            (begun_s, ended_s, reads, int(value.split(b":")[0]))
            for begun_s, ended_s, reads, value in spans
        ]
        for begun_s, ended_s, reads, value in numbers:
            if reads:
                before = [other for _, ended, _, other in numbers if ended < begun_s]
                begun = sum(not writes for start, _, writes, _ in numbers if start < ended_s)
                assert max(before, default=0) <= value <= begun, (begun_s, ended_s, value)
