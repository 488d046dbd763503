"""Transports: how the bytes of an envelope get from one process to another.

A transport promises little, as real ones do: a wire handed to `send` may be lost or arrive twice,
but those of one sender to one address arrive in the order they were sent. Who sent it, whether it
was altered and whether it is a copy is found out from the envelope, never from the transport.
"""

from collections.abc import Callable
from typing import Protocol

from prsm_sim.actor.types import PeerId, Topic

Address = str
"""Where a wire goes: ``peer/<id>`` or ``topic/<name>``."""

Deliver = Callable[[Address, bytes], None]
"""Called by a transport, on the event loop, for every wire that arrives at a listened address."""

Count = Callable[[str], None]
"""Called by a transport with the name of something worth counting, such as a reconnection."""

PEER = "peer/"
TOPIC = "topic/"


def peer_address(peer: PeerId) -> Address:
    """Where `peer` is reached."""
    return PEER + peer


def topic_address(topic: Topic) -> Address:
    """Where what is published on `topic` is heard."""
    return TOPIC + topic


class Transport(Protocol):
    """Carries wires between addresses. All methods are called on the event loop."""

    async def open(self, deliver: Deliver, count: Count) -> None:
        """Connect; from now on call `deliver` for what arrives.

        Raises:
            UserError: the other end is unreachable.
        """

    async def close(self) -> None:
        """Give what is under way a short time to leave, then disconnect."""

    async def ready(self) -> None:
        """Return once every `listen` so far is in force, so that nothing sent from now is missed.

        Raises:
            UserError: the other end refused, or does not answer.
        """

    def listen(self, address: Address) -> None:
        """Have what is sent to `address` delivered here."""

    def unlisten(self, address: Address) -> None:
        """Stop listening at `address`."""

    def send(self, sender: PeerId, address: Address, wire: bytes) -> None:
        """Send `wire` to `address`. Returns at once; it may be lost."""
