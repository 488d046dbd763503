"""The state machine that consensus drives: deterministic, and opaque to it.

Consensus orders operations; what they mean is the state machine's business (hashicorp/raft's
division of labour). Replicas stay equal because each applies the same operations in the same order
at the same agreed time, so an implementation must depend on nothing else.
"""

from typing import Protocol, runtime_checkable

from prsm_sim.actor import Fact, PeerId


class StateMachine(Protocol):
    """A deterministic state machine."""

    def apply(self, sequence: int, client: PeerId, operation: bytes, now_ms: int) -> bytes:
        """Apply one operation and return its result.

        Args:
            sequence: the batch's sequence number; several operations may share one.
            client: who asked; proven by its signature.
            operation: what was asked. Must not raise on any bytes: a refusal is a result.
            now_ms: the agreed time, ms; never decreases.
        """

    def digest(self) -> str:
        """A digest of the whole state; equal states have equal digests."""

    def snapshot(self) -> bytes:
        """The whole state, in canonical bytes: equal states have equal ones.

        The digest of a checkpoint is taken over them, so replicas whose bytes differ could never
        make one stable.
        """

    def restore(self, state: bytes) -> None:
        """Replace the state by what `snapshot` returned."""

    def facts(self) -> tuple[Fact, ...]:
        """What happened since the last call; the replica emits it."""


@runtime_checkable
class ReadableMachine(StateMachine, Protocol):
    """A state machine that can also answer without changing."""

    def query(self, client: PeerId, operation: bytes, now_ms: int) -> bytes | None:
        """The result of an operation that only reads, or None if this one could change the state.

        Section 5.1.3 of the thesis: the service decides whether a request is read-only, since a
        faulty client may say so of any. The result must be what `apply` would return.
        """
