"""The tiny world in which conversations take place: real actors, one queue, no time of its own.

Messages wait in one first-in-first-out queue until the script delivers them; time passes only when
the script says so. Nothing is drawn at random, so a script has exactly one exchange. Replicas are
called a, b, c, …; every other name is a client's.
"""

import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from consensus_desk import DeskContext

from agents.consensus import Committee, ConsensusClient, Replica, Reply, Settings
from prsm_sim.actor import Actor, Context, Fact, Message, PeerId, decode, encode, find_handler, on
from prsm_sim.store import MemoryStore

LIMIT = 5_000
"""More messages or timers than this in one command are a conversation that never ends."""


class KeyValues:
    """The replicated service: ``put x 1``, ``get x`` and ``add x 1``; anything else is refused."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def apply(self, sequence: int, client: PeerId, operation: bytes, now_ms: int) -> bytes:
        match operation.decode().split():
            case ["put", key, value]:
                self.values[key] = value
                return b"ok"
            case ["add", key, value]:
                self.values[key] = str(int(self.values.get(key, "0")) + int(value))
                return self.values[key].encode()
        return self.query(client, operation, now_ms) or b"refused"

    def query(self, client: PeerId, operation: bytes, now_ms: int) -> bytes | None:
        match operation.decode().split():
            case ["get", key]:
                return self.values.get(key, "none").encode()
        return None

    def digest(self) -> str:
        return self.snapshot().hex()

    def snapshot(self) -> bytes:
        return encode(self.values)

    def restore(self, state: bytes) -> None:
        self.values = decode(state, dict[str, str])

    def facts(self) -> tuple[Fact, ...]:
        return ()


class Caller(Actor):
    """A client that asks what the script tells it to."""

    def __init__(self, members: tuple[PeerId, ...], settings: Settings) -> None:
        self.client = ConsensusClient(members, settings=settings)

    def on_timer(self, ctx: Context, name: str) -> None:
        self.client.on_timer(ctx, name)

    @on(Reply)
    def reply(self, ctx: Context, sender: PeerId, message: Reply) -> None:
        self.client.on_reply(ctx, sender, message)


class Host:
    """Where one actor runs: its context, its store, and whether it is up."""

    def __init__(self, name: PeerId, make: Callable[[], Actor]) -> None:
        self.name = name
        self.make = make
        self.store = MemoryStore()
        self.is_up = False

    def start(self, now_s: float) -> None:
        recovered = self.store.get("state")
        self.ctx = DeskContext(self.name, self.store)
        self.ctx.now = now_s
        self.actor = self.make()
        self.is_up = True
        self.actor.on_start(self.ctx, recovered)

    def crash(self) -> None:
        self.is_up = False
        self.store.crash(Merciless())


class Merciless:
    """The fate of every write that was not synced: lost."""

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        return 0


@dataclass(frozen=True)
class Envelope:
    """A message on its way; those of one broadcast share their number."""

    broadcast: int
    sender: PeerId
    to: PeerId
    message: Message


@dataclass(frozen=True)
class Happened:
    """Something that one actor told the outside: a fact, or (as text) a refusal."""

    who: PeerId
    what: Fact | str


class Wiring:
    """Which messages arrive: partitions and losses, until they are healed."""

    def __init__(self) -> None:
        self.groups: list[set[PeerId]] = []
        self.losing: list[Callable[[Envelope], bool]] = []

    def loses(self, envelope: Envelope) -> bool:
        if any(rule(envelope) for rule in self.losing):
            return True
        here = [one for one in self.groups if envelope.sender in one]
        there = [one for one in self.groups if envelope.to in one]
        return bool(here and there and here != there)

    def heal(self) -> None:
        self.groups.clear()
        self.losing.clear()


class World:
    """A committee of `n`, its clients, and the messages between them."""

    def __init__(self, n: int, settings: Settings) -> None:
        self.members = tuple(string.ascii_lowercase[:n])
        self.committee = Committee(self.members)
        self.settings = settings
        self.now_s = 0.0
        self.queue: list[Envelope] = []
        self.wiring = Wiring()
        self.happened: list[Happened] = []
        self.hosts: dict[PeerId, Host] = {}
        self._broadcasts = 0
        for name in self.members:
            self._add(name, lambda: Replica(self.members, KeyValues(), settings))

    def _add(self, name: PeerId, make: Callable[[], Actor]) -> Host:
        host = self.hosts[name] = Host(name, make)
        host.start(self.now_s)
        self._collect(host)
        return host

    def client(self, name: PeerId) -> Host:
        """The client of this name, who joins when first spoken of."""
        return self.hosts.get(name) or self._add(name, lambda: Caller(self.members, self.settings))

    def replica(self, name: PeerId) -> Replica:
        actor = self.hosts[name].actor
        assert isinstance(actor, Replica)
        return actor

    def caller(self, name: PeerId) -> Caller:
        actor = self.client(name).actor
        assert isinstance(actor, Caller)
        return actor

    def ask(self, name: PeerId, operation: bytes, read_only: bool) -> None:
        """Have a client ask something."""
        caller, host = self.caller(name), self.client(name)
        host.ctx.now = self.now_s
        caller.client.submit(host.ctx, operation, read_only)
        self._collect(host)

    def restart(self, name: PeerId) -> None:
        self.hosts[name].start(self.now_s)
        self._collect(self.hosts[name])

    def hear(self, to: PeerId, sender: PeerId, message: Message) -> None:
        """Give a message to an actor, whatever the network thinks of it."""
        host = self.hosts[to]
        handler = find_handler(host.actor.handlers, type(message))
        if handler is not None:
            host.ctx.now = self.now_s
            handler.function(host.actor, host.ctx, sender, message)
            self._collect(host)

    def deliver_next(self) -> tuple[Envelope, bool]:
        """Deliver the message that waits longest; also tells whether it arrived."""
        envelope = self.queue.pop(0)
        host = self.hosts.get(envelope.to)
        if host is None or not host.is_up or self.wiring.loses(envelope):
            return envelope, False
        self.hear(envelope.to, envelope.sender, envelope.message)
        return envelope, True

    def timers(self, name: PeerId) -> dict[str, float]:
        """What an actor's running timers are called in scripts, and when they fire, s."""
        host = self.hosts[name]
        return {short(timer): at for timer, at in host.ctx.timers.items()} if host.is_up else {}

    def fire(self, name: PeerId, timer: str) -> None:
        host = self.hosts[name]
        (full,) = [one for one in host.ctx.timers if short(one) == timer]
        del host.ctx.timers[full]
        host.ctx.now = self.now_s
        host.actor.on_timer(host.ctx, full)
        self._collect(host)

    def due(self, until_s: float) -> Iterator[tuple[PeerId, str]]:
        """Each timer that fires up to `until_s`, in order; the clock goes along."""
        while True:
            armed = [
                (at, order, timer, name)
                for order, name in enumerate(self.hosts)
                for timer, at in self.timers(name).items()
                if at <= until_s
            ]
            if not armed:
                self.now_s = until_s
                return
            at, _, timer, name = min(armed)
            self.now_s = max(self.now_s, at)
            yield name, timer

    def _collect(self, host: Host) -> None:
        """Take what the actor has just said and told out of its context."""
        ctx, last = host.ctx, None
        for to, message in ctx.sent:
            if message is not last:
                self._broadcasts += 1
            last = message
            self.queue.append(Envelope(self._broadcasts, host.name, to, message))
        self.happened.extend(Happened(host.name, fact) for fact in ctx.emitted)
        self.happened.extend(
            Happened(host.name, label.removeprefix("consensus: "))
            for label in sorted(ctx.labels)
            if label.endswith("refused")
        )
        ctx.sent.clear()
        ctx.emitted.clear()
        ctx.labels.clear()


def short(timer: str) -> str:
    """A timer's name in scripts: ``view``, ``retry``, ``status``."""
    return "retry" if timer.startswith("consensus-client") else timer.rpartition("/")[2]
