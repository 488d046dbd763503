"""A peer that is handled one event at a time, and what each event made it do.

In exploration a peer is a function: (what it remembers, one event) to (what it remembers then, its
effects). It has no clock (`now` is always 0, or the outcome would depend on how others interleave),
its chance is its own stream, and its effects are collected instead of carried out. `automaton`
builds on exactly this.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, TypeAlias

from prsm_sim.actor.actor import Actor, find_handler
from prsm_sim.actor.errors import UserError
from prsm_sim.actor.operations import BLOBS, CHAIN, MODELS, TOOLS, Operation
from prsm_sim.actor.types import Fact, Message, PeerId, Seconds, Topic
from prsm_sim.chance import Stream
from prsm_sim.guard import Guard
from prsm_sim.notary import Notary
from prsm_sim.process import WALL_EPOCH_S
from prsm_sim.store import MemoryStore

KEPT, LOST, TORN = "kept", "lost", "torn"
"""What may become of a write that was not synced when its peer crashed; torn: half is left."""
FATES_IN_FULL = 2
"""Of so many unsynced writes all combinations of fates are tried; of more, the telling ones."""

Event: TypeAlias = tuple[Any, ...]
"""What can happen to a peer: ``("start",)``, ``("deliver", sender, message)``, ``("timer", name)``,
``("crash", fates)`` or ``("restart",)``."""
Fates: TypeAlias = tuple[str, ...]


class HandlerRaised(Exception):
    """A handler raised; the cause is what it raised."""


class Effects:
    """What one event made a peer do, in order.

    Attributes:
        sent: (receiver, message).
        published: (topic, message).
        subscribed: (topic, whether it subscribed or unsubscribed).
        facts: what it emitted.
        labels: what it reached of `Context.sometimes`.
    """

    __slots__ = ("facts", "labels", "published", "sent", "subscribed")

    def __init__(self) -> None:
        self.sent: list[tuple[PeerId, Message]] = []
        self.published: list[tuple[Topic, Message]] = []
        self.subscribed: list[tuple[Topic, bool]] = []
        self.facts: list[Fact] = []
        self.labels: list[str] = []


class ExploredStore(MemoryStore):
    """A store whose unsynced writes meet fates that are chosen, not drawn."""

    __slots__ = ()

    def fates(self) -> tuple[Fates, ...]:
        """The combinations of fates worth trying in a crash, one entry a write, by key."""
        count = len(self._unsynced)
        combined: list[Fates] = [()]
        if count <= FATES_IN_FULL:
            for _ in range(count):
                combined = [(*one, fate) for one in combined for fate in (KEPT, LOST, TORN)]
            return tuple(combined)
        combined = [(KEPT,) * count, (LOST,) * count]
        for index in range(count):
            for rest, single in ((KEPT, LOST), (KEPT, TORN), (LOST, KEPT)):
                combined.append((rest,) * index + (single,) + (rest,) * (count - index - 1))
        return tuple(combined)

    def crash_with(self, fates: Fates) -> None:
        """Let each unsynced write, in the order of keys, meet its fate."""
        for key, fate in zip(sorted(self._unsynced), fates, strict=True):
            value = self._unsynced[key]
            if fate == LOST or (fate == TORN and value is None):
                del self._unsynced[key]
            elif fate == TORN and value is not None:
                self._unsynced[key] = value[: len(value) // 2]
        self.sync()

    def canonical_state(self) -> object:
        """What is durable and what is not; in which order it was put decides nothing."""
        return sorted(self._durable.items()), sorted(self._unsynced.items())


class Peer:
    """A peer and the `Context` of its actor.

    Args:
        name: who.
        factory: makes its actor.
        peers: what `ctx.peers` shows.
        seed: of its random stream.
        notary: signs for everyone.

    Attributes:
        actor: None while it is down, and before its start.
        timers: the delay of each armed timer, s, in the order in which they were set.
    """

    models = MODELS
    blobs = BLOBS
    chain = CHAIN
    tools = TOOLS
    now: Seconds = 0.0
    wall: Seconds = WALL_EPOCH_S

    def __init__(
        self,
        name: PeerId,
        factory: Callable[[], Actor],
        peers: tuple[PeerId, ...],
        seed: int,
        notary: Notary,
    ) -> None:
        self.id = name
        self.peers = peers
        self.actor: Actor | None = None
        self.store = ExploredStore()
        self.timers: dict[str, Seconds] = {}
        self._factory = factory
        self._seed = seed
        self._notary = notary
        self._rng: Stream | None = None
        self._effects = Effects()

    def canonical_state(self) -> object:
        """All that decides what this peer will do."""
        return self.actor, self.store, list(self.timers.items()), self._rng

    def handle(self, event: Event) -> Effects:
        """Let one event happen.

        Raises:
            HandlerRaised: the actor raised something.
            UserError: the actor needs what exploration does not have.
        """
        self._effects = effects = Effects()
        through = (UserError, HandlerRaised)
        with Guard(lambda error: HandlerRaised(f"{type(error).__name__}: {error}"), through):
            self._handle(event)
        return effects

    def _handle(self, event: Event) -> None:
        kind = event[0]
        if kind == "deliver":
            self._deliver(event[1], event[2])
        elif kind == "timer":
            del self.timers[event[1]]
            self._running().on_timer(self, event[1])
        elif kind == "start":
            self.actor = self._made()
            self.actor.on_start(self, None)
        elif kind == "crash":
            self.actor = None
            self.timers.clear()
            self.store.crash_with(event[1])
        else:
            assert kind == "restart", kind
            self.actor = self._made()
            self.actor.on_start(self, self.store.get("state"))

    def _running(self) -> Actor:
        assert self.actor is not None, "a peer that is down has no timers"
        return self.actor

    def _made(self) -> Actor:
        actor = self._factory()
        awaiting = sorted(t.__name__ for t, handler in actor.handlers.items() if handler.is_async)
        if awaiting:
            raise UserError(
                f"{self.id} runs {type(actor).__name__}, whose handler of {awaiting[0]} is async; "
                "only actors with plain handlers can be explored, so use another strategy here"
            )
        return actor

    def _deliver(self, sender: PeerId, message: Message) -> None:
        if self.actor is None:
            return  # it arrives at a peer that is down
        handler = find_handler(self.actor.handlers, type(message))
        if handler is None:
            return
        reply = handler.function(self.actor, self, sender, message)
        if reply is not None and handler.replies:
            self.send(sender, reply)

    # What the actor sees of its context.

    @property
    def rng(self) -> Stream:
        """This actor's own random stream."""
        if self._rng is None:
            self._rng = Stream(self._seed, self.id, "user")
        return self._rng

    def send(self, to: PeerId, message: Message) -> None:
        """Send to one peer."""
        self._effects.sent.append((to, message))

    def broadcast(self, message: Message, to: tuple[PeerId, ...] | None = None) -> None:
        """Send to many, never to oneself."""
        receivers = self.peers if to is None else to
        self._effects.sent.extend((one, message) for one in receivers if one != self.id)

    def subscribe(self, topic: Topic) -> None:
        """Receive what is published on `topic`."""
        self._effects.subscribed.append((topic, True))

    def unsubscribe(self, topic: Topic) -> None:
        """Stop receiving what is published on `topic`."""
        self._effects.subscribed.append((topic, False))

    def publish(self, topic: Topic, message: Message) -> None:
        """Send to every subscriber of `topic` but oneself."""
        self._effects.published.append((topic, message))

    def set_timer(self, name: str, after_s: Seconds) -> None:
        """Arm a timer, or arm it anew."""
        if not after_s >= 0.0:
            raise ValueError(f"{self.id} cannot wait for {after_s} s")
        self.timers.pop(name, None)
        self.timers[name] = float(after_s)

    def cancel_timer(self, name: str) -> None:
        """Disarm a timer."""
        self.timers.pop(name, None)

    def sleep(self, for_s: Seconds) -> Operation[None]:
        """An operation; it cannot be begun here."""
        return Operation("clock", "sleep", (for_s,))

    def ask(
        self, to: PeerId, message: Message, reply: type[Any], timeout: Seconds | None = None
    ) -> Operation[Any]:
        """An operation; it cannot be begun here."""
        return Operation("peers", "ask", (to, message, reply), timeout)

    def gather(self, operations: Iterable[Operation[Any]]) -> Operation[Any]:
        """An operation; it cannot be begun here."""
        return Operation("clock", "gather", tuple(operations))

    def start(self, operation: Operation[Any], tag: str) -> NoReturn:
        """Refused: exploration has no operations."""
        raise UserError(
            f"{self.id} begins {operation!r} ({tag}), and exploration knows messages and timers "
            "only; use another strategy here"
        )

    def sign(self, payload: bytes) -> bytes:
        """This peer's signature over `payload`."""
        return self._notary.sign(self.id, payload)

    def verify(self, signer: PeerId, payload: bytes, signature: bytes) -> bool:
        """Whether `signature` is `signer`'s over exactly `payload`."""
        return self._notary.verify(signer, payload, signature)

    def emit(self, fact: Fact) -> None:
        """Tell the checkers."""
        self._effects.facts.append(fact)

    def sometimes(self, label: str, condition: bool = True) -> None:
        """Count that `condition` held here."""
        if condition:
            self._effects.labels.append(label)


def due(timers: Sequence[tuple[str, Seconds]]) -> list[tuple[str, Seconds]]:
    """Which armed timers of one peer may fire next, whatever time has passed.

    Of two timers of one clock, that which was set no later and waits no longer fires first.
    """
    first: list[tuple[str, Seconds]] = []
    shortest = float("inf")
    for name, delay_s in timers:
        if delay_s < shortest:
            shortest = delay_s
            first.append((name, delay_s))
    return first
