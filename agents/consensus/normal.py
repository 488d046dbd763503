"""The normal case (OSDI 1999, sections 4.1 and 4.2): request, pre-prepare, prepare, commit.

The primary gives a request the next sequence number; backups that accept it prepare; q - 1 matching
prepares beside the pre-prepare fix the order within the view; q matching commits fix it across
views. All three are signed, so that each can be shown to others. The primary sends no prepare and
nobody sends to itself, so one request among n replicas costs (n-1) + (n-1)^2 + n(n-1) = 2n(n-1)
messages, and commits four hops after the client sent it. What comes of the votes is counted in
`agents.consensus.votes`.
"""

from itertools import islice

from agents.consensus.catch_up import CatchUp
from agents.consensus.durable import write_certificate, write_pre_prepare
from agents.consensus.execution import Execution
from agents.consensus.log import Slot
from agents.consensus.messages import (
    Commit,
    Prepare,
    PrePrepare,
    Request,
    batch_digest,
    vote_content,
)
from agents.consensus.patience import Patience
from agents.consensus.rules import is_plausible_time
from agents.consensus.state import ReplicaState
from agents.consensus.verify import are_valid_requests, is_signed_by_primary, is_valid_request
from prsm_sim.actor import Context, PeerId


def sign_prepare(ctx: Context, slot: Slot) -> Prepare:
    """This backup's vote for what the slot holds (section 4.2)."""
    signature = ctx.sign(slot.prepare_content)
    return Prepare(slot.view, slot.sequence, slot.digest, signature)


def sign_commit(ctx: Context, slot: Slot) -> Commit:
    """This replica's second vote for what the slot holds (section 4.2)."""
    signature = ctx.sign(slot.commit_content)
    return Commit(slot.view, slot.sequence, slot.digest, signature)


class NormalCase:
    """Orders requests while the primary works.

    Attributes:
        queue: at the primary, of each client the request that has no sequence number yet.
        assigned: at the primary, of each client the last timestamp given a sequence number.
        last_sequence: at the primary, the last sequence number given.
    """

    def __init__(
        self, state: ReplicaState, execution: Execution, patience: Patience, catch_up: CatchUp
    ) -> None:
        self.state = state
        self.execution = execution
        self.patience = patience
        self.catch_up = catch_up
        self.queue: dict[PeerId, Request] = {}
        self.assigned: dict[PeerId, int] = {}
        self.last_sequence = 0

    def on_request(self, ctx: Context, sender: PeerId, request: Request) -> None:
        """Order a client's request, or relay it to who can and watch that it happens (4.1, 4.4)."""
        state = self.state
        if state.is_executed(request.client, request.timestamp):
            self.execution.answer_again(ctx, request.client, request.timestamp)
            if not self.execution.is_tentative(request.client, request.timestamp):
                return
        if not is_valid_request(ctx, request):
            ctx.sometimes("consensus: request with a false signature refused")
            return
        if state.is_primary:
            if self.assigned.get(request.client, 0) >= request.timestamp:
                self.patience.wait_for(ctx, request)
                return
            self.enqueue(request)
            self.assign(ctx)
            return
        if state.active and sender == request.client:
            ctx.sometimes("consensus: backup relayed a request")
            ctx.send(state.primary, request)
        self.patience.wait_for(ctx, request)

    def enqueue(self, request: Request) -> None:
        """Line a valid request up for a sequence number, unless it has one."""
        known = self.queue.get(request.client)
        if known is None or known.timestamp < request.timestamp:
            self.queue[request.client] = request

    def assign(self, ctx: Context) -> None:
        """As primary, give queued requests sequence numbers within the limits (4.2)."""
        state, log, settings = self.state, self.state.log, self.state.settings
        while self.queue and state.is_primary:
            # A replica that lost its store may lead a view whose start it has forgotten.
            sequence = max(self.last_sequence, log.low, log.executed) + 1
            if sequence - log.executed > settings.in_flight_limit or sequence > log.high:
                ctx.sometimes("consensus: primary held requests back")
                return
            batch = self._take_batch()
            if not batch:
                continue
            now_ms = int(ctx.now * 1000.0)
            digest = batch_digest(now_ms, batch)
            signature = ctx.sign(vote_content("pre-prepare", state.view, sequence, digest))
            self.last_sequence = sequence
            pre_prepare = PrePrepare(state.view, sequence, now_ms, batch, digest, signature)
            slot = log.open(sequence, state.view)
            assert slot is not None, "the primary assigns within the watermarks"
            self.accept(ctx, slot, pre_prepare)
            ctx.broadcast(pre_prepare, state.others)

    def _take_batch(self) -> tuple[Request, ...]:
        batch: list[Request] = []
        for client in list(islice(self.queue, self.state.settings.batch_limit)):
            request = self.queue.pop(client)
            if not self.state.is_executed(client, request.timestamp):
                self.assigned[client] = request.timestamp
                batch.append(request)
        return tuple(batch)

    def on_pre_prepare(self, ctx: Context, sender: PeerId, message: PrePrepare) -> None:
        """As backup, accept the first valid pre-prepare for a sequence number (4.2)."""
        state = self.state
        if not state.is_usable(sender, message):
            self.catch_up.notice(ctx, sender, message.view, message.sequence)
            return
        if sender != state.primary:
            return
        slot = state.log.open(message.sequence, state.view)
        if slot is None:
            self.catch_up.notice(ctx, sender, message.view, message.sequence)
            return
        if slot.pre_prepare is not None:
            if slot.digest != message.digest and is_signed_by_primary(
                ctx, state.committee, message
            ):
                state.report_conflict(ctx, sender, slot.pre_prepare, message)
            return
        if self._is_acceptable(ctx, message):
            self.accept(ctx, slot, message)

    def _is_acceptable(self, ctx: Context, message: PrePrepare) -> bool:
        state = self.state
        if message == state.reproposed(message.sequence):
            return True
        if not 0 < len(message.requests) <= state.settings.batch_limit:
            return False
        if batch_digest(message.now_ms, message.requests) != message.digest:
            return False
        if not is_plausible_time(message.now_ms, ctx.now, state.settings.skew_tolerance_s):
            ctx.sometimes("consensus: implausible agreed time refused")
            return False
        if not is_signed_by_primary(ctx, state.committee, message):
            return False
        return are_valid_requests(ctx, message.requests)

    def accept(self, ctx: Context, slot: Slot, message: PrePrepare) -> None:
        """Enter a valid pre-prepare into the log and, as backup, vote for it."""
        state = self.state
        executed = state.log.executed_digest(message.sequence)
        if executed is not None and executed != message.digest:
            return
        write_pre_prepare(ctx, message)
        slot.accept(message)
        if not state.is_primary:
            vote = sign_prepare(ctx, slot)
            slot.add_prepare(state.me, vote)
            ctx.broadcast(vote, state.others)
        if executed is None:
            self.catch_up.accepted(ctx, message.sequence)
        self.advance(ctx, slot)

    def advance(self, ctx: Context, slot: Slot) -> None:
        """Move a slot that has its pre-prepare on to prepared, committed and executed (4.2)."""
        state, committee = self.state, self.state.committee
        if not slot.prepared:
            if not committee.is_prepared(slot.prepare_count):
                return
            slot.prepared = True
            write_certificate(ctx, slot.certify(committee.q - 1))
            commit = sign_commit(ctx, slot)
            slot.add_commit(state.me, commit)
            ctx.broadcast(commit, state.others)
            if state.settings.tentative:
                self.execution.run(ctx)
        if not slot.committed and committee.is_committed(slot.commit_count):
            slot.committed = True
            self.execution.run(ctx)
            if self.queue:
                self.assign(ctx)

    def begin_view(self, reproposed: tuple[PrePrepare, ...], last_sequence: int) -> None:
        """Continue after what a new view orders anew (4.4)."""
        self.queue.clear()
        self.assigned.clear()
        self.last_sequence = last_sequence
        for pre_prepare in reproposed:
            self.remember_assigned(pre_prepare)

    def remember_assigned(self, pre_prepare: PrePrepare) -> None:
        """Note which requests have a sequence number in this view."""
        for request in pre_prepare.requests:
            known = self.assigned.get(request.client, 0)
            self.assigned[request.client] = max(known, request.timestamp)
