"""`Live`: the same actors as in the simulator, under asyncio, on real time.

Everything happens on one event loop and one thread (adapters alone work in others), so handlers are
as atomic as they are in the simulator. What makes it live is what the actors cannot see: time is
the loop's monotonic clock, every message is signed bytes on a transport, signatures are Ed25519,
stores are on disk if a folder is given.

A run ends when its time is up, when somebody calls `stop`, or at the first finding: an exception in
a handler or a violated invariant. The finding is raised from `run`, with the actor's own traceback.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import msgspec

from live.envelope import Envelope, EnvelopeRejected, Seal
from live.faulty import Faulty
from live.findings import Watch
from live.inprocess import InProcess
from live.keys import Keys
from live.life import Letter
from live.nemesis import Nemesis
from live.peer import Peer
from live.store import Backend, MemoryBackend
from live.transport import PEER, TOPIC, Address, Transport, peer_address, topic_address
from prsm_sim.actor.actor import Actor
from prsm_sim.actor.errors import InvariantViolation, PrsmError, UserError
from prsm_sim.actor.types import Fact, Message, PeerId, Seconds, Topic
from prsm_sim.faults import Fault
from prsm_sim.network import Network
from prsm_sim.world import World


class Recording(Protocol):
    """Takes down what happens, in order."""

    def event(
        self,
        time_s: Seconds,
        kind: str,
        sender: PeerId,
        receiver: PeerId,
        payload: msgspec.Struct | str,
    ) -> None:
        """Take down one event."""


class Live(World):
    """A world of real time and real bytes.

    Args:
        seed: of the actors' random streams, and of what is lost on the wire.
        transport: carries the envelopes; by default within this process.
        backend: keeps what peers sync; by default in memory.
        keys: the directory of keys; by default new ones are generated.
        recording: takes down deliveries, timers and facts.
        run_name: names this run on a shared broker; by default a random one.

    Attributes:
        events: handlers run so far.
        over: the run has ended; nothing is handled any more.
    """

    kind: Literal["sim", "live"] = "live"

    def __init__(
        self,
        seed: int,
        *,
        transport: Transport | None = None,
        backend: Backend | None = None,
        keys: Keys | None = None,
        recording: Recording | None = None,
        run_name: str | None = None,
    ) -> None:
        super().__init__(seed)
        self.run_name = run_name or secrets.token_hex(8)
        self.keys = keys or Keys()
        self.seal = Seal(self.run_name, self.keys)
        self.backend: Backend = backend or MemoryBackend()
        self.transport = Faulty(transport or InProcess(), self.stream("loss"))
        self.events = 0
        self.over = False
        self._recording = recording
        self._peers: dict[PeerId, Peer] = {}
        self._sorted: tuple[PeerId, ...] = ()
        self._subscribers: dict[Topic, dict[PeerId, Peer]] = {}
        self._posted: list[tuple[PeerId, Message]] = []
        self._nemesis: Nemesis | None = None
        self._failure: PrsmError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()
        self._started_s = 0.0
        self._finished_s: Seconds | None = None

    @property
    def now(self) -> Seconds:
        """Seconds since the start of the run; 0 before, and the last instant after."""
        if self._finished_s is not None:
            return self._finished_s
        return 0.0 if self._loop is None else self._loop.time() - self._started_s

    def spawn(
        self,
        name: PeerId,
        factory: Callable[[], Actor],
        *,
        region: str = "",
        peers: Sequence[PeerId] | None = None,
    ) -> None:
        """Add a peer; its region means nothing live, where latency is real."""
        if not name or name in self._peers or name.startswith("\x00"):
            raise UserError(f"a peer cannot be called {name!r}: the name is taken or not allowed")
        self.inhabited = True
        neighbours = self.neighbours.get(name) if peers is None else tuple(sorted(peers))
        peer = Peer(self, name, factory, neighbours)
        self.keys.enrol(name)
        self._peers[name] = peer
        self._sorted = ()
        if self._loop is not None:
            self.transport.listen(peer_address(name))
            self._loop.call_soon(peer.start)

    def set_network(self, network: Network) -> None:
        """Describe the network; live, only its `loss` is applied (see `live.faulty`)."""
        super().set_network(network)
        self.transport.loss = network.loss

    def post(self, to: PeerId, message: Message) -> None:
        """Hand `message` to a peer from outside (its sender is ``""``).

        Raises:
            UserError: there is no such peer.
        """
        if to not in self._peers:
            raise UserError(f"there is no peer {to!r} to post to; spawn it first")
        if self._loop is None:
            self._posted.append((to, message))
        else:
            self.later(self._peers[to], Letter("", message, 0))

    def actor(self, name: PeerId) -> Actor:
        """The actor object of a running peer, or of one that ran until the end; for tests.

        Raises:
            KeyError: there is no such peer, or it is down.
        """
        life = self._peers[name].life
        if life is None:
            raise KeyError(f"{name} is down")
        return life.actor

    def schedule(self, *faults: Fault) -> None:
        """Let these faults strike at their times."""
        super().schedule(*faults)
        if self._loop is not None:
            assert self._nemesis is not None
            for fault in faults:
                self._nemesis.arm(fault)

    def stop(self, reason: str = "done") -> None:
        """End the run after the current event."""
        if self.stopped is None:
            super().stop(reason)
        self._end()

    async def run(
        self,
        duration_s: Seconds,
        *,
        sample_s: Seconds | None = None,
        progress: Callable[[Seconds, int], None] | None = None,
    ) -> None:
        """Run for `duration_s`, or until `stop`.

        Args:
            duration_s: the run ends at this time at last, s.
            sample_s: interval between samples of the gauges, s; None: none are taken.
            progress: called with the time and the events so far, with every sample.

        Raises:
            HandlerFailed: an actor's code raised.
            InvariantViolation: a checker found the world wrong.
            UserError: the transport cannot be reached.
        """
        assert self._loop is None, "a live world runs once"
        if self.over:
            return
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._unexpected)
        await self.transport.open(self._receive, self.count)
        try:
            for name in self._peers:
                self.transport.listen(peer_address(name))
            await self.transport.ready()
            self._loop, self._started_s = loop, loop.time()
            self._begin()
            self._sample(sample_s, progress)
            loop.call_later(duration_s, self._end)
            await self._ended.wait()
        finally:
            self._finish()
            await self.transport.close()
            self.backend.close()
        if self._failure is not None:
            raise self._failure

    # What follows is the world's side of its peers; scenarios do not call it.

    def has(self, name: PeerId) -> bool:
        """Whether there is a peer of this name."""
        return name in self._peers

    def peer(self, name: PeerId) -> Peer:
        """The peer of this name."""
        return self._peers[name]

    def peers_of(self, peer: Peer) -> tuple[PeerId, ...]:
        """What `ctx.peers` shows to `peer`."""
        if peer.neighbours is not None:
            return peer.neighbours
        if not self._sorted:
            self._sorted = tuple(sorted(self._peers))
        return tuple(name for name in self._sorted if name != peer.name)

    def subscribe(self, peer: Peer, topic: Topic) -> None:
        """Have `peer` hear `topic`."""
        subscribers = self._subscribers.setdefault(topic, {})
        if not subscribers:
            self.transport.listen(topic_address(topic))
        subscribers[peer.name] = peer

    def forget_subscriptions(self, peer: Peer) -> None:
        """Have `peer`, which lost its memory, hear no topic any more."""
        for topic in tuple(self._subscribers):
            self.unsubscribe(peer, topic)

    def unsubscribe(self, peer: Peer, topic: Topic) -> None:
        """Have `peer` not hear `topic` any more."""
        subscribers = self._subscribers.get(topic, {})
        if subscribers.pop(peer.name, None) is not None and not subscribers:
            self.transport.unlisten(topic_address(topic))

    def sign(self, peer: PeerId, payload: bytes) -> bytes:
        """The signature of `peer`; its domain keeps it from being taken for an envelope's."""
        return self.keys.sign(peer, b"prsm-actor\0" + payload)

    def verify(self, signer: PeerId, payload: bytes, signature: bytes) -> bool:
        """Whether `signature` is `signer`'s over exactly `payload`."""
        return self.keys.verify(signer, b"prsm-actor\0" + payload, signature)

    def emit(self, peer: PeerId, fact: Fact) -> None:
        """Take in a fact; a violated invariant ends the run even if the actor catches it."""
        now = self.now
        if self._recording is not None:
            self._recording.event(now, "fact", peer, "", fact)
        try:
            self.observatory.fact(now, peer, fact)
        except InvariantViolation as violation:
            self.fail(violation)
            raise

    def record(self, kind: str, sender: PeerId, receiver: PeerId, payload: Message | str) -> None:
        """Count and take down an event that is about to be handled."""
        self.events += 1
        if self._recording is not None:
            self._recording.event(self.now, kind, sender, receiver, payload)

    def count(self, name: str) -> None:
        """Count something that is not a fact, such as a dropped envelope."""
        self.observatory.counters[name] += 1

    def later(self, peer: Peer, letter: Letter) -> None:
        """Give `letter` to `peer` after the current handler, without the network."""
        assert self._loop is not None, "peers act only while the world runs"
        self._loop.call_soon(peer.take, letter)

    def watch(self, peer: PeerId, handled: object) -> Watch:
        """Turn an exception of what runs inside into the end of the run."""
        return Watch(self, peer, handled)

    def fail(self, error: PrsmError) -> None:
        """End the run because of `error`; the first one is raised from `run`."""
        if self._failure is None:
            self._failure = error
            self.stopped = str(error)
        self._end()

    def _begin(self) -> None:
        for peer in tuple(self._peers.values()):
            if not self.over:
                peer.start()
        self._nemesis = Nemesis(self)
        for fault in self.faults:
            self._nemesis.arm(fault)
        posted, self._posted = self._posted, []
        for to, message in posted:
            self.later(self._peers[to], Letter("", message, 0))

    def _end(self) -> None:
        self.over = True
        if self._loop is not None:
            # Also from a signal handler or a worker thread, where the loop may be asleep.
            self._loop.call_soon_threadsafe(self._ended.set)

    def _finish(self) -> None:
        self._finished_s = self.now
        self.over = True
        if self._nemesis is not None:
            self._nemesis.end()
        for peer in self._peers.values():
            if peer.life is not None:
                peer.life.end()

    def _unexpected(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A callback of the loop raised outside every watch: a bug of ours, never to be lost."""
        error = context.get("exception")
        if isinstance(error, Exception) and "handle" in context:
            with self.watch("", str(context["handle"])):
                raise error
        else:
            loop.default_exception_handler(context)

    def _sample(
        self, every_s: Seconds | None, progress: Callable[[Seconds, int], None] | None
    ) -> None:
        if every_s is None or self._loop is None or self.over:
            return
        with self.watch("", "a gauge"):
            self.observatory.sample(self.now)
        if progress is not None:
            progress(self.now, self.events)
        self._loop.call_later(every_s, self._sample, every_s, progress)

    def _receive(self, address: Address, wire: bytes) -> None:
        if self.over:
            return
        # A transport may call from code that swallows exceptions: what is wrong is caught here.
        with self.watch("", address):
            try:
                envelope = self.seal.open(wire, address)
            except EnvelopeRejected as rejected:
                self.count(f"dropped: {rejected.reason.value}")
            else:
                self._fan_out(address, envelope)

    def _fan_out(self, address: Address, envelope: Envelope) -> None:
        if not address.startswith(TOPIC):
            self._peers[address.removeprefix(PEER)].receive(envelope)
            return
        hearing = self._subscribers.get(address.removeprefix(TOPIC), {})
        for name, peer in tuple(hearing.items()):
            if name != envelope.sender and self.transport.passes(envelope.sender, name):
                peer.receive(envelope)
