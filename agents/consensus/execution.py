"""Execution (OSDI 1999, sections 4.1 and 4.2): committed batches, in order, each request once.

Section 4.2: a replica executes a request after all with lower sequence numbers. Section 4.1: a
request whose timestamp is not above the last one executed for its client is not executed again; if
it is that very one, the cached reply is sent once more. A request can be ordered twice, because a
new primary may assign it again, so this check is made here, where all replicas agree.

After every K-th batch the state is fixed in a checkpoint (section 4.3).

Tentative execution (section 5.1; thesis, section 5.1.2), if switched on: the batch after the last
committed one is executed as soon as it is prepared, and the replies say so. A client accepts q of
them: then q replicas have prepared the batch, every view change will find it, and it will commit. A
single replica's may still come to nothing, so what it did is undone when its view ends (by going
back to the last checkpoint and executing what was committed since), and nothing of it is told,
journalled or part of a checkpoint before it is committed.
"""

from typing import NamedTuple

from agents.consensus.checkpoint import Checkpoints, HeldState
from agents.consensus.durable import discard_records, write_checkpoint, write_entry
from agents.consensus.facts import CheckpointStable, Executed, StateTransferred
from agents.consensus.log import Slot
from agents.consensus.machine import StateMachine
from agents.consensus.messages import Entry, Reply, StableProof
from agents.consensus.order import Batch
from agents.consensus.patience import Patience
from agents.consensus.reads import Reads
from agents.consensus.rules import advance_clock
from agents.consensus.state import ReplicaState
from prsm_sim.actor import Context, PeerId


class Tentative(NamedTuple):
    """The batch that is executed but not committed; its sequence number is the next."""

    digest: bytes
    replies: list[Reply]


class Execution:
    """Applies batches to the state machine, journals them and answers the clients.

    Attributes:
        tentative: the batch executed before it was committed, if there is one.
    """

    def __init__(
        self,
        state: ReplicaState,
        machine: StateMachine,
        patience: Patience,
        checkpoints: Checkpoints,
        reads: Reads,
    ) -> None:
        self.state = state
        self.machine = machine
        self.patience = patience
        self.checkpoints = checkpoints
        self.reads = reads
        self.tentative: Tentative | None = None

    def run(self, ctx: Context) -> None:
        """Execute every committed batch that is next in order, and perhaps a prepared one."""
        log = self.state.log
        slot = log.slots.get(log.executed + 1)
        while slot is not None and slot.committed and slot.order is not None:
            self.execute(ctx, slot.order.batch)
            slot = log.slots.get(log.executed + 1)
        if self.state.settings.tentative and slot is not None and slot.prepared:
            self._execute_tentatively(ctx, slot)

    def execute(self, ctx: Context, batch: Batch) -> None:
        """Execute the next batch, remember it durably, then answer."""
        state, tentative = self.state, self.tentative
        entry, digest = batch.entry, batch.digest
        write_entry(ctx, batch)
        is_answered = tentative is not None and tentative.digest == digest
        if tentative is not None and is_answered:
            self.tentative = None
            replies = tentative.replies
        else:
            self.undo(ctx)
            replies = self._apply(entry)
        state.log.record(entry, digest)
        if not replies:
            ctx.sometimes("consensus: batch without a fresh request executed")
        if len(replies) == len(entry.requests):
            applied = batch.names
        else:
            applied = tuple([(reply.client, reply.timestamp) for reply in replies])
        ctx.emit(Executed(entry.sequence, state.view, batch.digest_hex, applied))
        for fact in self.machine.facts():
            ctx.emit(fact)
        if not is_answered:
            send = ctx.send
            for reply in replies:
                send(reply.client, reply)
        self.patience.executed(ctx, replies)
        if self.checkpoints.is_due(entry.sequence):
            ctx.broadcast(self.checkpoints.take(ctx, entry.sequence), state.others)
            self.checkpoints.settle(ctx, entry.sequence)
        if self.reads.waiting:
            self.reads.release(ctx)

    def _execute_tentatively(self, ctx: Context, slot: Slot) -> None:
        """Execute a prepared batch, all before it being committed, and say so (section 5.1)."""
        if self.tentative is None:
            ctx.sometimes("consensus: batch executed tentatively")
            assert slot.order is not None, "only what has its pre-prepare is prepared"
            replies = self._apply(slot.order.batch.entry)
            self.tentative = Tentative(slot.digest, replies)
            for reply in replies:
                ctx.send(reply.client, _marked(reply))

    def is_tentative(self, client: PeerId, timestamp: int) -> bool:
        """Whether this request is executed, but not committed."""
        return self.tentative is not None and any(
            (reply.client, reply.timestamp) == (client, timestamp)
            for reply in self.tentative.replies
        )

    def undo(self, ctx: Context) -> None:
        """Take the tentative execution back (section 5.1): to the last checkpoint, and forward."""
        if self.tentative is None:
            return
        ctx.sometimes("consensus: tentative execution undone")
        self.tentative = None
        self.machine.facts()
        checkpoint = self.checkpoints.restore_last()
        for entry in self.state.log.journal:
            if entry.sequence > checkpoint:
                self._apply(entry)
        self.machine.facts()

    def replay(self, ctx: Context, entry: Entry, digest: bytes) -> None:
        """Execute a batch again that was executed before: nobody is told or answered."""
        self._apply(entry)
        self.state.log.record(entry, digest)
        self.machine.facts()
        if self.checkpoints.is_due(entry.sequence):
            self.checkpoints.take(ctx, entry.sequence)

    def install(self, ctx: Context, proof: StableProof, held: HeldState) -> None:
        """Replace the state by the proved one of others (section 4.6), durably.

        What this replica had executed beyond that checkpoint was committed, so it is executed again
        on the right state. That happens only where its own state was damaged.
        """
        state, log = self.state, self.state.log
        beyond = max(0, log.executed - proof.sequence)
        tail = list(zip(log.journal, log.digests, strict=True))[-beyond:] if beyond else []
        write_checkpoint(ctx, proof, held.encoded)
        discard_records(ctx, proof.sequence)
        self.tentative = None
        self.checkpoints.adopt(proof, held)
        for entry, digest in tail:
            self.replay(ctx, entry, digest)
        ctx.sometimes("consensus: state transferred")
        ctx.emit(CheckpointStable(proof.sequence, proof.digest.hex()))
        ctx.emit(StateTransferred(proof.sequence))
        self.patience.executed(ctx, list(state.replies.values()))
        self.run(ctx)
        self.reads.release(ctx)

    def _apply(self, entry: Entry) -> list[Reply]:
        """Apply the next batch and return the replies to its fresh requests."""
        state, apply = self.state, self.machine.apply
        clock_ms = state.clock_ms = advance_clock(state.clock_ms, entry.now_ms)
        replies: list[Reply] = []
        for request in entry.requests:
            client = request.client
            if not state.is_executed(client, request.timestamp):
                result = apply(entry.sequence, client, request.operation, clock_ms)
                reply = Reply(state.view, request.timestamp, client, result)
                state.replies[client] = reply
                replies.append(reply)
        return replies

    def answer_again(self, ctx: Context, client: PeerId, timestamp: int) -> None:
        """Send the cached reply if `timestamp` is the last one executed (section 4.1)."""
        last = self.state.replies.get(client)
        if last is not None and last.timestamp == timestamp:
            ctx.sometimes("consensus: cached reply sent again")
            reply = Reply(self.state.view, timestamp, client, last.result)
            ctx.send(client, _marked(reply) if self.is_tentative(client, timestamp) else reply)


def _marked(reply: Reply) -> Reply:
    return Reply(reply.view, reply.timestamp, reply.client, reply.result, tentative=True)
