"""The in-process transport: wires go round the event loop instead of through a broker.

It carries bytes like any other transport, so every message is encoded, signed, checked and decoded
on the way: an actor that works here has no hidden reference to another's objects.
"""

import asyncio

from live.transport import Address, Count, Deliver
from prsm_sim.actor.types import PeerId


class InProcess:
    """Delivers every wire, in order, on the next turn of the event loop."""

    def __init__(self) -> None:
        self._listened: set[Address] = set()
        self._deliver: Deliver | None = None

    async def open(self, deliver: Deliver, count: Count) -> None:
        """Begin to deliver."""
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """Stop delivering; what is under way is lost."""
        self._deliver = None

    async def ready(self) -> None:
        """Listening is in force at once."""

    def listen(self, address: Address) -> None:
        """Have what is sent to `address` delivered here."""
        self._listened.add(address)

    def unlisten(self, address: Address) -> None:
        """Stop listening at `address`."""
        self._listened.discard(address)

    def send(self, sender: PeerId, address: Address, wire: bytes) -> None:
        """Have `wire` delivered on the next turn of the loop, if anyone listens."""
        self._loop.call_soon(self._arrive, address, wire)

    def _arrive(self, address: Address, wire: bytes) -> None:
        if self._deliver is not None and address in self._listened:
            self._deliver(address, wire)
