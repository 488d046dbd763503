"""Faults on the wire: a transport around a transport that loses and separates.

Partitions and losses (the network's own share, and what a fault adds) strike live exactly where
they do in the simulator, between sender and receiver, whatever the real network below. A wire to a
peer is stopped when it is sent. A wire to a topic has many receivers, so the world asks `passes`
once for each of them when it fans out.

The rest of a network's description (latency, duplication, reordering, bandwidth) is not applied:
live, it is that of the real transport.
"""

from collections.abc import Callable

from live.transport import PEER, Address, Count, Deliver, Transport
from prsm_sim.actor.context import Random
from prsm_sim.actor.types import PeerId
from prsm_sim.faults import Loss, Partition, sides_of


class Faulty:
    """Stops some of what is sent over `inner`.

    Args:
        inner: the real transport.
        rng: decides which messages are lost.

    Attributes:
        loss: share of messages that is lost all the time.
    """

    def __init__(self, inner: Transport, rng: Random) -> None:
        self.inner = inner
        self.loss = 0.0
        self._rng = rng
        self._losses: list[Loss] = []
        self._partitions: list[dict[PeerId, int]] = []
        self._count: Count = _ignore

    def lose(self, loss: Loss) -> Callable[[], None]:
        """Begin to lose a share of the messages on some links; returns what heals it."""
        self._losses.append(loss)
        return lambda: self._losses.remove(loss)

    def separate(self, partition: Partition) -> Callable[[], None]:
        """Begin to separate the groups of `partition`; returns what heals it."""
        sides = sides_of(partition)
        self._partitions.append(sides)
        return lambda: self._partitions.remove(sides)

    def passes(self, sender: PeerId, receiver: PeerId) -> bool:
        """Whether the next message of `sender` reaches `receiver`; counts it when it does not."""
        for sides in self._partitions:
            if not sides.get(sender, 1) & sides.get(receiver, 1):
                self._count("dropped: partition")
                return False
        rates = (loss.rate for loss in self._losses if loss.strikes(sender, receiver))
        for rate in (self.loss, *rates):
            if rate and self._rng.random() < rate:
                self._count("dropped: loss")
                return False
        return True

    async def open(self, deliver: Deliver, count: Count) -> None:
        """Open the inner transport."""
        self._count = count
        await self.inner.open(deliver, count)

    async def close(self) -> None:
        """Close the inner transport."""
        await self.inner.close()

    async def ready(self) -> None:
        """Return once the inner transport is ready."""
        await self.inner.ready()

    def listen(self, address: Address) -> None:
        """Listen at the inner transport."""
        self.inner.listen(address)

    def unlisten(self, address: Address) -> None:
        """Stop listening at the inner transport."""
        self.inner.unlisten(address)

    def send(self, sender: PeerId, address: Address, wire: bytes) -> None:
        """Send over the inner transport, unless a fault stops it."""
        if not address.startswith(PEER) or self.passes(sender, address.removeprefix(PEER)):
            self.inner.send(sender, address, wire)


def _ignore(name: str) -> None:
    """Count nothing: before `open` nothing can be sent."""
