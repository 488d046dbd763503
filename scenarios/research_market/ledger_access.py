"""The joint between the pipeline and consensus, which know nothing of each other."""

from collections.abc import Sequence

from agents.consensus.client import ConsensusClient
from agents.consensus.messages import Reply
from prsm_sim.actor import Context, Message, PeerId, Seconds


class ConsensusCommittee:
    """Gives a PBFT client the form that the pipeline expects (`agents.pipeline.committee`).

    Args:
        members: the committee's replicas, in their order.
        retry_s: how long to wait for a result before asking all of them.
    """

    message_types: tuple[type[Message], ...] = (Reply,)

    def __init__(self, members: Sequence[PeerId], retry_s: Seconds = 2.0) -> None:
        self._client = ConsensusClient(members, retry_s)
        self._tags: dict[int, str] = {}

    def submit(self, ctx: Context, operation: bytes, tag: str) -> None:
        """Have `operation` ordered and applied once."""
        self._tags[self._client.submit(ctx, operation)] = tag

    def on_message(
        self, ctx: Context, sender: PeerId, message: Message
    ) -> tuple[str, bytes] | None:
        """Count a reply; (tag, result) once f + 1 replicas agree."""
        assert isinstance(message, Reply), "only replies are handed on"
        result = self._client.on_reply(ctx, sender, message)
        return None if result is None else (self._tags.pop(result.ticket), result.value)

    def on_timer(self, ctx: Context, name: str) -> bool:
        """Ask again if the timer is the client's own; whether it was."""
        return self._client.on_timer(ctx, name)
