"""A simulated peer: its actor, its context, and the coroutines it has under way.

Dispatch is by table, and the table *is* the peer's condition. A running peer has its actor class's
table; while an async handler is suspended the peer has the *busy* table, which lets only answers
and `@reentrant` handlers through and sends all else to the mailbox; a paused peer has a table that
holds everything back; a crashed one has a table that drops everything. So the hot path never asks
what condition a peer is in (`prsm_sim.dispatch` makes the tables).
"""

from collections import deque
from collections.abc import Callable, Coroutine, Iterable, MutableSequence
from typing import TYPE_CHECKING, Any, Protocol

from prsm_sim.actor.actor import Actor
from prsm_sim.actor.errors import ForeignAwait, OperationFailed, OperationTimedOut
from prsm_sim.actor.operations import (
    BLOBS,
    CHAIN,
    MODELS,
    TOOLS,
    Done,
    Failed,
    Operation,
    Outcome,
)
from prsm_sim.actor.types import Fact, Message, PeerId, Seconds, Topic
from prsm_sim.chance import Stream
from prsm_sim.internal import Completed, Start, Timer
from prsm_sim.store import MemoryStore

if TYPE_CHECKING:
    from prsm_sim.sim import Sim

NOTHING: MutableSequence[float] = []
"""The draws in waiting of a peer that has made none: shared, and always empty."""
Finish = Callable[[Outcome], None]
Dispatch = Callable[[Any, "SimContext", PeerId, Any], object]


class Condition(Protocol):
    """A condition that a peer can be in; see `prsm_sim.dispatch`."""

    known: dict[type, Dispatch]

    def find(self, message_type: type) -> Dispatch:
        """What takes messages of a type."""


WALL_EPOCH_S = 1_767_225_600.0
"""Unix time at which every simulated run starts (2026-01-01)."""


class Hot:
    """What the kernel touches of a peer for every event; a base class, so that it lies together.

    Python puts the slots of a base class first. Spread among the others, these four would take
    three lines of the processor's cache for each peer.
    """

    __slots__ = ("actor", "id", "noise", "table")


class SimContext(Hot):
    """A peer, and the `Context` that its actor sees. `links.specialise` adds the hot methods."""

    __slots__ = (
        "_peers", "_rng", "_store", "block", "condition", "drawn", "factory", "held", "lock",
        "mailbox", "numbers", "rank", "region", "timers", "unlocking", "waiting",
    )  # fmt: skip

    sim: "Sim"
    if TYPE_CHECKING:  # defined on the world's own subclass

        @property
        def now(self) -> Seconds:
            """Virtual time, s."""

        def send(self, to: PeerId, message: Any) -> None:
            """Send to one peer."""

        def broadcast(self, message: Message, to: tuple[PeerId, ...] | None = None) -> None:
            """Send to many."""

        def set_timer(self, name: str, after_s: Seconds) -> None:
            """Set a named timer."""

        def verify(self, signer: PeerId, payload: bytes, signature: bytes) -> bool:
            """Whether `signature` is `signer`'s over exactly `payload`."""

        def emit(self, fact: Fact) -> None:
            """Tell the trace, the checkers and the metrics."""

        def sometimes(self, label: str, condition: bool = True) -> None:
            """Count that `condition` held here."""

    models = MODELS
    blobs = BLOBS
    chain = CHAIN
    tools = TOOLS

    def __init__(
        self,
        name: PeerId,
        factory: Callable[[], Actor],
        region: int,
        peers: tuple[PeerId, ...] | None,
        rank: int,
    ) -> None:
        self.id = name
        self.factory = factory
        self.region = region
        self.rank = rank
        self.noise = NOTHING
        self.drawn = 0
        self.block: Any = None
        self.numbers = 0
        self._peers = peers
        self._rng: Stream | None = None
        self._store: MemoryStore | None = None
        self.held: list[tuple[PeerId, Any]] | None = None
        self.lock: Task | None = None
        self.unlocking = False
        self.mailbox: deque[tuple[PeerId, Any]] | None = None
        self.timers: dict[str, Timer] | None = None
        self.waiting: dict[int, Finish] | None = None
        self.actor: Actor | None = factory()
        self.enter(self.sim.conditions(type(self.actor))[0])

    @property
    def peers(self) -> tuple[PeerId, ...]:
        """Neighbours, sorted; all other peers if the topology says nothing."""
        if self._peers is None:
            return self.sim.others(self.id)
        return self._peers

    @property
    def own_peers(self) -> tuple[PeerId, ...] | None:
        """Neighbours, if the topology names them."""
        return self._peers

    @property
    def wall(self) -> Seconds:
        """Wall clock of this peer, Unix seconds."""
        return WALL_EPOCH_S + self.sim.now + self.sim.clocks.error_s(self.id)

    @property
    def rng(self) -> Stream:
        """This actor's own random stream."""
        if self._rng is None:
            self._rng = Stream(self.sim.seed, self.id, "user")
        return self._rng

    @property
    def store(self) -> MemoryStore:
        """This peer's durable store."""
        if self._store is None:
            self._store = MemoryStore()
        return self._store

    def subscribe(self, topic: Topic) -> None:
        """Receive what is published on `topic`."""
        self.sim.subscribers(topic).add(self.id)

    def unsubscribe(self, topic: Topic) -> None:
        """Stop receiving what is published on `topic`."""
        self.sim.subscribers(topic).discard(self.id)

    def publish(self, topic: Topic, message: Message) -> None:
        """Send to every subscriber of `topic` but oneself."""
        self.broadcast(message, self.sim.subscribers(topic).sorted())

    def cancel_timer(self, name: str) -> None:
        """Disarm the timer `name`, if it is armed."""
        timers = self.timers
        if timers is not None and name in timers:
            timers[name].deadline = -1.0

    def sleep(self, for_s: Seconds) -> Operation[None]:
        """An operation that is done `for_s` from now."""
        return Operation("clock", "sleep", (for_s,))

    def ask(
        self, to: PeerId, message: Message, reply: type[Any], timeout: Seconds | None = None
    ) -> Operation[Any]:
        """Send `message` and return the message its handler returns."""
        return Operation("peers", "ask", (to, message, reply), timeout)

    def gather(self, operations: Iterable[Operation[Any]]) -> Operation[list[Outcome]]:
        """All `operations` at once; done when each has an outcome."""
        return Operation("clock", "gather", tuple(operations))

    def start(self, operation: Operation[Any], tag: str) -> None:
        """Begin `operation`; `on_complete(tag, outcome)` tells how it went."""
        self.begin(operation, lambda outcome: self.take("", Completed(tag, outcome)))

    def sign(self, payload: bytes) -> bytes:
        """This peer's signature over `payload` (a keyed hash stands in for Ed25519)."""
        return self.sim.notary.sign(self.id, payload)

    # What follows is the kernel's side of a peer; actors see only the `Context` protocol.

    def enter(self, condition: "Condition") -> None:
        """Be in a condition from now on."""
        self.condition = condition
        self.table = condition.known

    def take(self, sender: PeerId, message: Any) -> None:
        """Dispatch `message` now, as the peer's condition allows."""
        self.sim.handling = (self.id, message)  # if this raises, the queue does not know of it
        self.condition.find(type(message))(self.actor, self, sender, message)
        self.sim.handling = None

    def begin(self, operation: Operation[Any], finish: Finish) -> None:
        """Begin an operation; `finish` is called once with its outcome."""
        self.sim.operations.begin(self, operation, finish)

    def wait(self, finish: Finish) -> int:
        """Remember `finish` under a new number, for a `Wake` or an `Answer`."""
        self.numbers += 1
        if self.waiting is None:
            self.waiting = {}
        self.waiting[self.numbers] = finish
        return self.numbers

    def settle(self, number: int, outcome: Outcome) -> bool:
        """Finish what waits under `number`; False if it has been finished already."""
        finish = self.waiting.pop(number, None) if self.waiting is not None else None
        if finish is None:
            return False
        finish(outcome)
        return True

    def unlock(self) -> None:
        """The suspended handler has ended: run what waits, until another one is suspended."""
        assert self.actor is not None, "a peer that is down has no handler to end"
        self.lock = None
        running = self.sim.conditions(type(self.actor))[0]
        self.enter(running)
        if self.unlocking:
            return  # a handler out of the mailbox has ended at once; the loop below goes on
        self.unlocking = True
        while self.mailbox and self.condition is running:
            sender, message = self.mailbox.popleft()
            self.take(sender, message)
        self.unlocking = False

    def enqueue(self, sender: PeerId, message: Any) -> None:
        """Put a message behind the suspended handler."""
        if self.mailbox is None:
            self.mailbox = deque()
        self.mailbox.append((sender, message))

    def wakeful(self) -> "Condition":
        """The condition of this peer when nothing is wrong with it: running or busy."""
        assert self.actor is not None, "a peer that is down is in no other condition"
        return self.sim.conditions(type(self.actor))[self.lock is not None]

    def crash(self, *, amnesia: bool = False) -> None:
        """Stop and forget everything but the durable store; with `amnesia` that as well."""
        self.sim.unsubscribe_all(self.id)
        for timer in (self.timers or {}).values():
            timer.deadline = -1.0
        # An actor that unwinds (a `finally` around an await) is already gone: it says nothing.
        living, self.__class__ = self.__class__, self.sim.muted_type
        if self.lock is not None:
            self.lock.coroutine.close()
        self.actor = self.lock = self.mailbox = self.timers = self.waiting = self.held = None
        self.__class__ = living
        self.enter(self.sim.down)
        if self.id in self.sim.slowed:
            self.sim.slowed[self.id].forget()
        if self._store is not None:
            self._store.crash(Stream(self.sim.seed, self.id, "storage", str(self.sim.now)))
            if amnesia:
                self._store.wipe()

    def restart(self) -> None:
        """Come back with a new actor object and what the store holds."""
        self.actor = self.factory()
        self.enter(self.wakeful())
        self.take("", Start(restart=True))
        if self.id in self.sim.slowed:
            self.enter(self.sim.slow)

    def pause(self, held: list[tuple[PeerId, Any]]) -> None:
        """Stand still: whatever arrives is held back in `held`, in order."""
        if self.actor is not None and self.held is None:
            self.held = held
            self.enter(self.sim.paused)

    def go_on(self) -> None:
        """Handle what was held back, then go on as before the pause."""
        if self.actor is None or self.held is None:
            return
        held, self.held = self.held, None
        slowness = self.sim.slowed.get(self.id)
        self.enter(self.wakeful() if slowness is None else self.sim.slow)
        if slowness is not None:
            slowness.work()
        for sender, message in held:
            self.take(sender, message)


class Task:
    """An async handler on its way: a coroutine, and where its return value goes."""

    __slots__ = ("answer", "coroutine", "ctx")

    def __init__(
        self,
        ctx: SimContext,
        coroutine: Coroutine[Any, Any, Any],
        answer: Callable[[Message | None], None],
    ) -> None:
        self.ctx = ctx
        self.coroutine = coroutine
        self.answer = answer

    def resume(self, outcome: Outcome) -> None:
        """Go on with the outcome of what the coroutine awaits."""
        try:
            if type(outcome) is Done:
                operation = self.coroutine.send(outcome.value)
            elif type(outcome) is Failed:
                operation = self.coroutine.throw(OperationFailed(outcome.reason))
            else:
                operation = self.coroutine.throw(OperationTimedOut("no answer came in time"))
        except StopIteration as stop:
            self.answer(stop.value)
            if self.ctx.lock is self:
                self.ctx.unlock()
            return
        except RuntimeError as error:
            if str(error) == "no running event loop":  # asyncio was awaited, without a loop
                raise ForeignAwait("something of asyncio") from error
            raise
        if type(operation) is not Operation:
            self.coroutine.close()
            raise ForeignAwait(operation)
        self.ctx.begin(operation, self.resume)
