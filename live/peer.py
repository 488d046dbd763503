"""A peer: what outlives its crashes, and its way to and from the wire.

Its store, its keys, its random stream and its counters belong to the peer; its actor, timers and
mailbox belong to the current `Life`. Counters that go on over a restart are what keeps an answer to
a former life from being taken for an answer to this one.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from live.envelope import Envelope, EnvelopeRejected, Kind, Rejection
from live.life import Letter, Life, Start
from live.store import BufferedStore
from live.transport import peer_address, topic_address
from prsm_sim.actor.actor import Actor
from prsm_sim.actor.codec import encode
from prsm_sim.actor.errors import RemoteProtocolError
from prsm_sim.actor.types import Message, PeerId, Topic
from prsm_sim.chance import Stream

if TYPE_CHECKING:
    from live.world import Live


class Peer:
    """A participant that this process hosts.

    Attributes:
        name: unique in its world.
        factory: makes the actor anew at every start.
        neighbours: what `ctx.peers` shows; None means every other peer.
        life: the current incarnation; None while the peer is down.
    """

    def __init__(
        self,
        world: "Live",
        name: PeerId,
        factory: Callable[[], Actor],
        neighbours: tuple[PeerId, ...] | None,
    ) -> None:
        self.name = name
        self.factory = factory
        self.neighbours = neighbours
        self.life: Life | None = None
        self.rng = Stream(world.seed, name, "user")
        self._world = world
        self._started = False
        self._correlation = 0
        # Microseconds of the wall clock: a process that is killed and started again goes on above
        # every number it used before, without having to keep the last one on disk.
        self._sequence = time.time_ns() // 1000

    def start(self) -> None:
        """Begin a life; what the store durably holds under ``"state"`` is handed to it."""
        with self._world.watch(self.name, Start(self._started)):
            self._started = True
            store = BufferedStore(self.name, self._world.backend)
            self.life = Life(self._world, self, store)
            self.life.begin(store.get("state"))

    def stop(self) -> None:
        """End the current life, if there is one."""
        life, self.life = self.life, None
        if life is not None:
            life.end()
            self._world.forget_subscriptions(self)

    def next_correlation(self) -> int:
        """A number that this peer has not used for an ask before."""
        self._correlation += 1
        return self._correlation

    def send(self, to: PeerId, message: Message) -> None:
        """Send `message`; to oneself without the network, after the current handler."""
        if to == self.name:
            self._world.later(self, Letter(self.name, message, 0))
        else:
            self._dispatch(peer_address(to), Kind.SEND, 0, encode(message))

    def broadcast(self, message: Message, receivers: tuple[PeerId, ...]) -> None:
        """Send `message` to each of `receivers` but oneself; it is encoded once."""
        body = encode(message)
        for to in receivers:
            if to != self.name:
                self._dispatch(peer_address(to), Kind.SEND, 0, body)

    def publish(self, topic: Topic, message: Message) -> None:
        """Send `message` to the subscribers of `topic`."""
        self._dispatch(topic_address(topic), Kind.SEND, 0, encode(message))

    def ask(self, to: PeerId, message: Message, correlation: int) -> None:
        """Send `message` as a question; its answer will carry `correlation`."""
        if to == self.name:
            self._world.later(self, Letter(self.name, message, correlation))
        else:
            self._dispatch(peer_address(to), Kind.ASK, correlation, encode(message))

    def reply(self, to: PeerId, message: Message, correlation: int) -> None:
        """Send what a handler returned: as an answer if it was asked, else as a message."""
        if not correlation:
            self.send(to, message)
        elif to == self.name:
            self._answered(to, correlation, encode(message), refused=False)
        else:
            self._dispatch(peer_address(to), Kind.REPLY, correlation, encode(message))

    def receive(self, envelope: Envelope) -> None:
        """Take in an envelope that passed every check but that of its type."""
        life = self.life
        if life is None:
            self._world.count("dropped: receiver down")
        elif envelope.kind in (Kind.REPLY, Kind.REFUSAL):
            refused = envelope.kind is Kind.REFUSAL
            self._answered(envelope.sender, envelope.correlation, envelope.body, refused)
        else:
            try:
                message = life.codec.decode(envelope.body)
            except RemoteProtocolError as error:
                self._world.count(f"dropped: {Rejection.WRONG_TYPE.value}")
                reason = f"{self.name} does not accept this message: {error}"
                self._refuse(envelope.sender, envelope.correlation, reason)
                return
            self.take(Letter(envelope.sender, message, envelope.correlation))

    def take(self, letter: Letter) -> None:
        """Give `letter` to the current life; an ask that it cannot take is refused."""
        if self.life is None:
            self._world.count("dropped: receiver down")
            return
        refusal = self.life.take(letter)
        if refusal is not None:
            self.refuse(letter, refusal)

    def refuse(self, letter: Letter, reason: str) -> None:
        """Tell the sender of an ask why it gets no answer; who only sent is not told."""
        self._refuse(letter.sender, letter.correlation, reason)

    def _answered(self, sender: PeerId, correlation: int, body: bytes, refused: bool) -> None:
        life = self.life
        if life is None or not life.performer.answer(sender, correlation, body, refused):
            self._world.count(f"dropped: {Rejection.UNASKED_REPLY.value}")

    def _refuse(self, to: PeerId, correlation: int, reason: str) -> None:
        if not correlation:
            return
        if to == self.name:
            self._answered(to, correlation, reason.encode(), refused=True)
        else:
            self._dispatch(peer_address(to), Kind.REFUSAL, correlation, reason.encode())

    def _dispatch(self, address: str, kind: Kind, correlation: int, body: bytes) -> None:
        self._sequence += 1
        envelope = Envelope(self.name, address, kind, correlation, self._sequence, body)
        try:
            wire = self._world.seal.close(envelope)
        except EnvelopeRejected as rejected:
            self._world.count(f"not sent: {rejected.reason.value}")
            return
        self._world.transport.send(self.name, address, wire)
