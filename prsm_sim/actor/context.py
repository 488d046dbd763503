"""`Context`: everything an actor knows of the world, and everything it can do to it.

Both worlds implement this protocol; protocol code sees nothing else. A method here is either
instant (it returns at once and never fails because of the network) or it returns an `Operation`,
which may be awaited in an async handler, or started with `start` from a sync one.
"""

from collections.abc import Iterable, MutableSequence, Sequence
from typing import Any, Protocol, TypeVar

from prsm_sim.actor.operations import Blobs, Chain, Models, Operation, Outcome, Tools
from prsm_sim.actor.types import Fact, Message, PeerId, Seconds, Topic

E = TypeVar("E")
R = TypeVar("R", bound=Message)


class Random(Protocol):
    """A stream of random numbers that belongs to one actor. Same seed, same numbers."""

    def random(self) -> float:
        """A float in [0, 1)."""

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        """An integer of ``range(start, stop, step)``."""

    def randint(self, a: int, b: int) -> int:
        """An integer in [a, b]."""

    def getrandbits(self, k: int, /) -> int:
        """An integer of `k` random bits."""

    def randbytes(self, n: int) -> bytes:
        """`n` random bytes."""

    def uniform(self, a: float, b: float) -> float:
        """A float in [a, b]."""

    def expovariate(self, lambd: float) -> float:
        """An exponential variate of rate `lambd`."""

    def gauss(self, mu: float, sigma: float) -> float:
        """A normal variate."""

    def choice(self, seq: Sequence[E]) -> E:
        """One element of a non-empty sequence."""

    def sample(self, population: Sequence[E], k: int) -> list[E]:
        """`k` distinct elements, in random order."""

    def shuffle(self, x: MutableSequence[Any]) -> None:
        """Shuffle in place."""


class Store(Protocol):
    """The peer's durable key-value store. It outlives a crash; the actor's memory does not.

    A write is durable only after `sync`. In a crash, writes since the last `sync` are each kept,
    lost or (values only) torn to a prefix, as the world's storage faults decide.
    """

    def get(self, key: str) -> bytes | None:
        """The value last put under `key`, or None."""

    def put(self, key: str, value: bytes) -> None:
        """Write `value` under `key`; durable after the next `sync`."""

    def delete(self, key: str) -> None:
        """Forget `key`; durable after the next `sync`."""

    def keys(self) -> list[str]:
        """All keys, sorted."""

    def sync(self) -> None:
        """Make every write so far durable."""


class Context(Protocol):
    """What the world lends to an actor for the time of a handler (async: until it returns)."""

    @property
    def id(self) -> PeerId:
        """This peer."""

    @property
    def peers(self) -> tuple[PeerId, ...]:
        """This peer's neighbours in the topology, sorted; all other peers if none was given."""

    @property
    def now(self) -> Seconds:
        """Monotonic world time since the start of the run."""

    @property
    def wall(self) -> Seconds:
        """This peer's wall clock (Unix seconds); may be skewed, never use it for spans."""

    @property
    def rng(self) -> Random:
        """This actor's own random stream."""

    @property
    def store(self) -> Store:
        """This peer's durable store."""

    @property
    def models(self) -> Models:
        """Port to the sub-models this peer hosts."""

    @property
    def blobs(self) -> Blobs:
        """Port to content-addressed storage."""

    @property
    def chain(self) -> Chain:
        """Port to an EVM chain."""

    @property
    def tools(self) -> Tools:
        """Port to tools."""

    def send(self, to: PeerId, message: Message) -> None:
        """Send `message` to one peer. It may be delayed, lost or duplicated; it is altered
        only where a scenario schedules that, and then its signatures fail.

        Sending to oneself is delivered without the network, after the current handler.
        """

    def broadcast(self, message: Message, to: tuple[PeerId, ...] | None = None) -> None:
        """Send `message` to each of `to`, by default to all of `peers`; never to oneself."""

    def subscribe(self, topic: Topic) -> None:
        """Receive what is published on `topic`, from now on."""

    def unsubscribe(self, topic: Topic) -> None:
        """Stop receiving what is published on `topic`."""

    def publish(self, topic: Topic, message: Message) -> None:
        """Send `message` to every subscriber of `topic` but oneself."""

    def set_timer(self, name: str, after_s: Seconds) -> None:
        """Have `on_timer(name)` called once, `after_s` from now. Setting it again replaces it."""

    def cancel_timer(self, name: str) -> None:
        """Disarm the timer `name`, if it is armed."""

    def sleep(self, for_s: Seconds) -> Operation[None]:
        """An operation that is done `for_s` from now."""

    def ask(
        self, to: PeerId, message: Message, reply: type[R], timeout: Seconds | None = None
    ) -> Operation[R]:
        """Send `message` to a peer and return the message its handler returns.

        Fails with `OperationFailed` if the peer refuses (its mailbox is full, or it answers with
        another type than `reply`), with `OperationTimedOut` if no answer comes in `timeout` seconds
        (None: the world's default, 30 s).
        """

    def gather(self, operations: Iterable[Operation[Any]]) -> Operation[list[Outcome]]:
        """All `operations` at once; done when each has an outcome, in the order given."""

    def start(self, operation: Operation[Any], tag: str) -> None:
        """Begin `operation` without awaiting it; `on_complete(tag, outcome)` tells how it went."""

    def sign(self, payload: bytes) -> bytes:
        """This peer's signature over `payload`."""

    def verify(self, signer: PeerId, payload: bytes, signature: bytes) -> bool:
        """Whether `signature` is `signer`'s over exactly `payload`."""

    def emit(self, fact: Fact) -> None:
        """Tell the outside that something happened: to the trace, the checkers and the metrics."""

    def sometimes(self, label: str, condition: bool = True) -> None:
        """Count that `condition` held here at least once, so that a run can prove its coverage."""
