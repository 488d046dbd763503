"""The rival of the consensus benchmark: the same replicas and clients as SimPy processes.

The actors are the very same objects; only what drives them differs. Each peer is a process that
takes messages out of its `simpy.Store`; each message on its way is a process that waits for the
link's delay and then for the store to take the message; each timer is a process that waits. That is
how SimPy's documentation writes such a model. Delays come from ``random.expovariate``, and there is
no digest and no trace.
"""

import random
from collections.abc import Callable, Generator
from typing import Any

import simpy

from prsm_sim.actor import Actor, Fact, Message, PeerId, Seconds
from prsm_sim.actor.actor import find_handler
from prsm_sim.chance import Stream
from prsm_sim.notary import Notary
from prsm_sim.store import MemoryStore

Steps = Generator[simpy.Event, Any, None]


class SimpyWorld:
    """Peers as SimPy processes with stores.

    Args:
        mean_s: mean of the exponential delays, s.
    """

    def __init__(self, mean_s: Seconds) -> None:
        self.env = simpy.Environment()
        self.notary = Notary(1)
        self.contexts: dict[PeerId, SimpyContext] = {}
        self.delay = random.Random(1).expovariate  # the rival's own way
        self.rate = 1.0 / mean_s
        self.handled = 0
        self.over = self.env.event()

    def spawn(self, name: PeerId, factory: Callable[[], Actor]) -> None:
        """Add a peer."""
        self.contexts[name] = SimpyContext(self, name, factory())

    def run(self) -> None:
        """Start everybody, and run until `over`."""
        for ctx in self.contexts.values():
            self.env.process(ctx.live())
        self.env.run(until=self.over)


class SimpyContext:
    """What an actor sees: the part of `prsm_sim.actor.Context` that consensus uses."""

    def __init__(self, world: SimpyWorld, name: PeerId, actor: Actor) -> None:
        self.world = world
        self.id = name
        self.actor = actor
        self.inbox = simpy.Store(world.env)
        self.store = MemoryStore()
        self.rng = Stream(1, name)
        self._timers: dict[str, int] = {}

    @property
    def now(self) -> Seconds:
        """Virtual time, s."""
        return float(self.world.env.now)

    def live(self) -> Steps:
        """Start, then take one message after the other."""
        self.actor.on_start(self, None)  # type: ignore[arg-type]  # the part that is used
        functions: dict[type, Any] = {}
        while True:
            sender, message = yield self.inbox.get()
            self.world.handled += 1
            function = functions.get(type(message))
            if function is None:
                handler = find_handler(self.actor.handlers, type(message))
                assert handler is not None
                function = functions[type(message)] = handler.function
            function(self.actor, self, sender, message)

    def _link(self, to: PeerId, message: Message) -> Steps:
        world = self.world
        yield world.env.timeout(world.delay(world.rate))
        yield world.contexts[to].inbox.put((self.id, message))

    def send(self, to: PeerId, message: Message) -> None:
        """Send to one peer."""
        self.world.env.process(self._link(to, message))

    def broadcast(self, message: Message, to: tuple[PeerId, ...]) -> None:
        """Send to many."""
        for receiver in to:
            if receiver != self.id:
                self.send(receiver, message)

    def set_timer(self, name: str, after_s: Seconds) -> None:
        """Set a named timer."""
        number = self._timers[name] = self._timers.get(name, 0) + 1
        self.world.env.process(self._wait(name, number, after_s))

    def _wait(self, name: str, number: int, after_s: Seconds) -> Steps:
        yield self.world.env.timeout(after_s)
        if self._timers[name] == number:
            self.actor.on_timer(self, name)  # type: ignore[arg-type]

    def cancel_timer(self, name: str) -> None:
        """Disarm a timer."""
        self._timers[name] = self._timers.get(name, 0) + 1

    def sign(self, payload: bytes) -> bytes:
        """This peer's signature."""
        return self.world.notary.sign(self.id, payload)

    def verify(self, signer: PeerId, payload: bytes, signature: bytes) -> bool:
        """Whether a signature is `signer`'s."""
        return self.world.notary.verify(signer, payload, signature)

    def emit(self, fact: Fact) -> None:
        """Nobody listens but the end of the run."""
        if type(fact).__name__ == "Finished" and not self.world.over.triggered:
            self.world.over.succeed()

    def sometimes(self, label: str, condition: bool = True) -> None:
        """Nobody counts."""
