"""The context that a live world lends to an actor.

It is the whole of what an actor sees of asyncio, MQTT, the clock and the disk: nothing. Each life
has its own, and the context of a life that ended does nothing any more, so a coroutine that is
closed in a crash cannot act while it unwinds.
"""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from live.performer import asking, gathering, sleeping
from prsm_sim.actor.context import Random, Store
from prsm_sim.actor.operations import (
    BLOBS,
    CHAIN,
    MODELS,
    TOOLS,
    Blobs,
    Chain,
    Models,
    Operation,
    Outcome,
    Tools,
)
from prsm_sim.actor.types import Fact, Message, PeerId, Seconds, Topic

if TYPE_CHECKING:
    from live.life import Life
    from live.peer import Peer
    from live.world import Live

R = TypeVar("R", bound=Message)


class LiveContext:
    """`prsm_sim.actor.Context` for one life of one peer."""

    models: Models = MODELS
    blobs: Blobs = BLOBS
    chain: Chain = CHAIN
    tools: Tools = TOOLS

    def __init__(self, world: "Live", peer: "Peer", life: "Life", store: Store) -> None:
        self.id: PeerId = peer.name
        self.rng: Random = peer.rng
        self.store: Store = store
        self._world = world
        self._peer = peer
        self._life = life

    @property
    def peers(self) -> tuple[PeerId, ...]:
        """This peer's neighbours, sorted; all other peers if none was given."""
        return self._world.peers_of(self._peer)

    @property
    def now(self) -> Seconds:
        """Seconds since the start of the run."""
        return self._world.now

    @property
    def wall(self) -> Seconds:
        """Unix seconds."""
        return time.time()

    def send(self, to: PeerId, message: Message) -> None:
        """Send `message` to one peer."""
        if self._life.alive:
            if self._world.traffic is not None and to != self.id:
                self._world.traffic[self.id, type(message)] += 1
            self._peer.send(to, message)

    def broadcast(self, message: Message, to: tuple[PeerId, ...] | None = None) -> None:
        """Send `message` to each of `to`, by default to all of `peers`; never to oneself."""
        if self._life.alive:
            receivers = self.peers if to is None else to
            if self._world.traffic is not None:
                reached = len(receivers) - receivers.count(self.id)
                self._world.traffic[self.id, type(message)] += reached
            self._peer.broadcast(message, receivers)

    def subscribe(self, topic: Topic) -> None:
        """Receive what is published on `topic`, from now on."""
        if self._life.alive:
            self._world.subscribe(self._peer, topic)

    def unsubscribe(self, topic: Topic) -> None:
        """Stop receiving what is published on `topic`."""
        if self._life.alive:
            self._world.unsubscribe(self._peer, topic)

    def publish(self, topic: Topic, message: Message) -> None:
        """Send `message` to every subscriber of `topic` but oneself."""
        if self._life.alive:
            self._peer.publish(topic, message)

    def set_timer(self, name: str, after_s: Seconds) -> None:
        """Have ``on_timer(name)`` called once, `after_s` from now; replaces an armed one."""
        self._life.set_timer(name, after_s)

    def cancel_timer(self, name: str) -> None:
        """Disarm the timer `name`, if it is armed."""
        self._life.cancel_timer(name)

    def sleep(self, for_s: Seconds) -> Operation[None]:
        """An operation that is done `for_s` from now."""
        return sleeping(for_s)

    def ask(
        self, to: PeerId, message: Message, reply: type[R], timeout: Seconds | None = None
    ) -> Operation[R]:
        """Send `message` to a peer and return the message its handler returns."""
        return asking(to, message, reply, timeout)

    def gather(self, operations: Iterable[Operation[Any]]) -> Operation[list[Outcome]]:
        """All `operations` at once; done when each has an outcome, in the order given."""
        return gathering(tuple(operations))

    def start(self, operation: Operation[Any], tag: str) -> None:
        """Begin `operation`; ``on_complete(tag, outcome)`` tells how it went."""
        self._life.start(operation, tag)

    def sign(self, payload: bytes) -> bytes:
        """This peer's Ed25519 signature over `payload`."""
        return self._world.sign(self.id, payload)

    def verify(self, signer: PeerId, payload: bytes, signature: bytes) -> bool:
        """Whether `signature` is `signer`'s over exactly `payload`."""
        return self._world.verify(signer, payload, signature)

    def emit(self, fact: Fact) -> None:
        """Tell the outside that something happened."""
        if self._life.alive:
            self._world.emit(self.id, fact)

    def sometimes(self, label: str, condition: bool = True) -> None:
        """Count that `condition` held here at least once."""
        if condition:
            self._world.observatory.coverage[label] += 1
