"""Reads that are not ordered (Castro's thesis, section 5.1.3): two hops instead of five.

The client asks all replicas and accepts what q of them answer alike. Every write that was accepted
before is known to one correct replica among any q, so an answer that q agree on contains it, and
reads stay linearizable *provided that a write too is accepted on q matching replies*, not f + 1. A
client that gets no q answers in time, because of writes at the same moment or of faults, has its
read ordered like any request.

With tentative execution a write may be accepted that is only prepared. A replica that has prepared
the next batch therefore lets reads wait until it is decided, also across view changes and restarts.

Known weakness (Berger, Reiser and Bessani, "Making reads in BFT state machine replication fast,
linearizable, and live", 2021): waiting for q replies to *writes* costs liveness. A malicious
primary orders without telling f correct replicas, and the f faulty ones do not answer: a client
gets f + 1 replies, and no view change comes, since f + 1 correct replicas are content. In the
paper's protocol it waits for ever. Here the replicas left out catch up from the others and answer
then, so each request is merely as slow as `Settings.retry_s`; nothing deposes that primary. Both
are shown in the tests. That is why this option is off by default.
"""

from agents.consensus.machine import ReadableMachine, StateMachine
from agents.consensus.messages import ReadRequest, Reply, read_content
from agents.consensus.state import ReplicaState
from prsm_sim.actor import Context, PeerId, UserError


class Reads:
    """Answers reads from the state as it is.

    Attributes:
        waiting: of each client the read that waits for the next batch to be decided.

    Raises:
        UserError: reads are switched on, and the state machine has no `query`.
    """

    def __init__(self, state: ReplicaState, machine: StateMachine) -> None:
        self.state = state
        self.machine: ReadableMachine | None = None
        self.waiting: dict[PeerId, ReadRequest] = {}
        if state.settings.read_only:
            if not isinstance(machine, ReadableMachine):
                raise UserError(
                    f"consensus setting read_only is on, but {type(machine).__name__} has no query "
                    "method; give it one, or switch read_only off"
                )
            self.machine = machine

    def on_read(self, ctx: Context, sender: PeerId, request: ReadRequest) -> None:
        """Answer a client's read, now or when the next batch is decided."""
        if self.machine is None or sender != request.client:
            return
        if not ctx.verify(request.client, read_content(request), request.signature):
            ctx.sometimes("consensus: read with a false signature refused")
            return
        if self._must_wait:
            ctx.sometimes("consensus: read waits for a tentative execution")
            self.waiting[request.client] = request
        else:
            self._answer(ctx, request)

    @property
    def _must_wait(self) -> bool:
        """Whether a client may have accepted something that is not yet part of our state."""
        log = self.state.log
        following = log.slots.get(log.executed + 1)
        prepared = following is not None and following.certificate is not None
        return log.lacks_state or (self.state.settings.tentative and prepared)

    def release(self, ctx: Context) -> None:
        """Answer the reads that waited, if they need not wait any longer."""
        if self.waiting and not self._must_wait:
            waiting, self.waiting = self.waiting, {}
            for request in waiting.values():
                self._answer(ctx, request)

    def _answer(self, ctx: Context, request: ReadRequest) -> None:
        assert self.machine is not None
        state = self.state
        result = self.machine.query(request.client, request.operation, state.clock_ms)
        if result is None:
            ctx.sometimes("consensus: read that would change the state refused")
            return
        reply = Reply(state.view, request.timestamp, request.client, result, read_only=True)
        ctx.send(request.client, reply)
