"""Execution (OSDI 1999, sections 4.1 and 4.2): committed batches, in order, each request once.

Section 4.2: a replica executes a request after all with lower sequence numbers. Section 4.1: a
request whose timestamp is not above the last one executed for its client is not executed again; if
it is that very one, the cached reply is sent once more. A request can be ordered twice, because a
new primary may assign it again, so this check is made here, where all replicas agree.
"""

from agents.consensus.durable import write_entry
from agents.consensus.facts import Executed
from agents.consensus.machine import StateMachine
from agents.consensus.messages import Entry, Reply
from agents.consensus.patience import Patience
from agents.consensus.rules import advance_clock
from agents.consensus.state import ReplicaState
from prsm_sim.actor import Context


class Execution:
    """Applies batches to the state machine, journals them and answers the clients."""

    def __init__(self, state: ReplicaState, machine: StateMachine, patience: Patience) -> None:
        self.state = state
        self.machine = machine
        self.patience = patience

    def run(self, ctx: Context) -> None:
        """Execute every committed batch that is next in order."""
        log = self.state.log
        slot = log.slots.get(log.executed + 1)
        while slot is not None and slot.committed and slot.pre_prepare is not None:
            batch = slot.pre_prepare
            entry = Entry(batch.sequence, batch.now_ms, batch.requests)
            self.execute(ctx, entry, slot.digest)
            slot = log.slots.get(log.executed + 1)

    def execute(self, ctx: Context, entry: Entry, digest: bytes) -> None:
        """Execute the next batch, remember it durably, then answer."""
        state = self.state
        write_entry(ctx, entry)
        ctx.store.sync()
        replies = self.apply(entry, digest)
        hex_digest = digest.hex()
        if not replies:
            ctx.sometimes("consensus: batch without a fresh request executed")
            ctx.emit(Executed(entry.sequence, state.view, hex_digest, "", 0))
        for reply in replies:
            ctx.emit(
                Executed(entry.sequence, state.view, hex_digest, reply.client, reply.timestamp)
            )
        for fact in self.machine.facts():
            ctx.emit(fact)
        for reply in replies:
            ctx.send(reply.client, reply)
            self.patience.executed(ctx, reply.client, reply.timestamp)

    def apply(self, entry: Entry, digest: bytes) -> list[Reply]:
        """Apply the next batch and return the replies to its fresh requests. Also for replays."""
        state = self.state
        state.log.record(entry, digest)
        state.clock_ms = advance_clock(state.clock_ms, entry.now_ms)
        replies: list[Reply] = []
        for request in entry.requests:
            if state.is_executed(request.client, request.timestamp):
                continue
            result = self.machine.apply(
                entry.sequence, request.client, request.operation, state.clock_ms
            )
            reply = Reply(state.view, request.timestamp, request.client, result)
            state.replies[request.client] = reply
            replies.append(reply)
        return replies

    def answer_again(self, ctx: Context, client: str, timestamp: int) -> None:
        """Send the cached reply if `timestamp` is the last one executed (section 4.1)."""
        last = self.state.replies.get(client)
        if last is not None and last.timestamp == timestamp:
            ctx.sometimes("consensus: cached reply sent again")
            ctx.send(client, Reply(self.state.view, timestamp, client, last.result))
