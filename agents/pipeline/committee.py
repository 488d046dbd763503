"""The payment port: how orchestrators and clients reach the ledger without knowing its consensus.

The ledger is a state machine that a committee replicates. The pipeline only needs to submit an
operation, as opaque bytes, and to learn what the committee answered; which protocol orders the
operations is not its business. Whoever composes the system injects an object of this form.
"""

from typing import Protocol

from prsm_sim.actor import Context, Message, PeerId


class Committee(Protocol):
    """A client of the ledger's committee, embedded in an actor."""

    @property
    def message_types(self) -> tuple[type[Message], ...]:
        """Types of the messages that the committee sends to its clients."""

    def submit(self, ctx: Context, operation: bytes, tag: str) -> None:
        """Have `operation` ordered and applied once, resending it until it is answered.

        Args:
            ctx: of the actor that embeds this client.
            operation: encoded for the ledger's state machine.
            tag: comes back with the result; unique among those in flight.
        """

    def on_message(
        self, ctx: Context, sender: PeerId, message: Message
    ) -> tuple[str, bytes] | None:
        """Take in a message of the committee; (tag, result) once enough replicas agree on one."""

    def on_timer(self, ctx: Context, name: str) -> bool:
        """Take in a timer; whether it was one of its own."""
