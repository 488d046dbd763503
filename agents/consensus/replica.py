"""The replica: the actor that hands each message to the part responsible for it.

PBFT by Castro and Liskov ("Practical Byzantine Fault Tolerance", OSDI 1999): the normal case,
checkpoints, view changes, state transfer, retransmission, and restarts that remember. All handlers
are synchronous, so each message is processed atomically.
"""

from collections.abc import Sequence

from agents.consensus import catch_up, patience, transfer, votes
from agents.consensus.catch_up import CatchUp
from agents.consensus.checkpoint import Checkpoints, HeldState
from agents.consensus.durable import Recovered, read_all, write_view
from agents.consensus.execution import Execution
from agents.consensus.log import Slot
from agents.consensus.machine import StateMachine
from agents.consensus.messages import (
    Checkpoint,
    Entries,
    Fetch,
    FetchState,
    NewView,
    Prepare,
    PrePrepare,
    ReadRequest,
    Request,
    Stable,
    StatePiece,
    ViewChange,
    batch_digest,
)
from agents.consensus.normal import NormalCase, sign_commit, sign_prepare
from agents.consensus.patience import Patience
from agents.consensus.reads import Reads
from agents.consensus.rules import Committee
from agents.consensus.settings import Settings
from agents.consensus.state import ReplicaState
from agents.consensus.transfer import Transfer
from agents.consensus.view_change import ViewChanges
from prsm_sim.actor import Actor, Context, PeerId, UserError, on


class Replica(Actor):
    """One replica of a replicated state machine.

    Args:
        members: the whole committee, in the same order at every replica and client.
        machine: a fresh state machine; a restarted replica replays its journal into it.
        settings: the same at every replica.
    """

    def __init__(
        self, members: Sequence[PeerId], machine: StateMachine, settings: Settings | None = None
    ) -> None:
        self.machine = machine
        self.state = ReplicaState(Committee(tuple(members)), settings or Settings())
        self.patience = Patience(self.state)
        self.checkpoints = Checkpoints(self.state, machine)
        self.reads = Reads(self.state, machine)
        self.execution = Execution(self.state, machine, self.patience, self.checkpoints, self.reads)
        self.catch_up = CatchUp(self.state, self.execution, self.checkpoints)
        self.transfer = Transfer(self.state, self.checkpoints, self.execution)
        self.normal = NormalCase(self.state, self.execution, self.patience, self.catch_up)
        self.view_changes = ViewChanges(
            self.state, self.normal, self.patience, self.catch_up, self.transfer
        )

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """Begin in view 0, or continue where the durable store left off.

        Raises:
            UserError: this peer is no member of its committee.
        """
        state = self.state
        if ctx.id not in state.committee.member_set:
            raise UserError(
                f"replica {ctx.id!r} is not in its committee ({', '.join(state.committee.members)})"
                "; spawn it under one of these names"
            )
        state.be(ctx.id)
        if state.settings.tentative:
            self.checkpoints.keep_initial()
        self.catch_up.start(ctx)
        if recovered is None:
            write_view(ctx, state.view, active=True)
            return
        ctx.sometimes("consensus: replica restarted from its store")
        self._recover(read_all(ctx), ctx)

    def _recover(self, memory: Recovered, ctx: Context) -> None:
        """Become again what this replica was when it last synced, and ask what it missed."""
        state, log = self.state, self.state.log
        state.move_to(memory.position.view, active=memory.position.active)
        state.new_view = memory.new_view
        if memory.checkpoint is not None:
            self.checkpoints.adopt(memory.checkpoint.proof, HeldState(memory.checkpoint.state))
        for entry in memory.journal:
            self.execution.replay(ctx, entry, batch_digest(entry.now_ms, entry.requests))
        if memory.proof is not None:
            self.checkpoints.prove(ctx, memory.proof)
            self.transfer.consider(ctx, must=True)
        for certificate in memory.certificates:
            sequence = certificate.pre_prepare.sequence
            if sequence <= log.low:
                continue
            log.slots.setdefault(sequence, Slot(sequence, state.view)).certificate = certificate
        for pre_prepare in memory.pre_prepares:
            if pre_prepare.view == state.view and state.active and pre_prepare.sequence > log.low:
                self._revive(ctx, pre_prepare)
        self.normal.last_sequence = max(self.normal.last_sequence, log.executed)
        self._resume_new_view(ctx)
        if not state.active:
            self.view_changes.announce(ctx)
        self.catch_up.ask(ctx)
        self.catch_up.noticed(ctx, state.view, log.executed + 1)

    def _resume_new_view(self, ctx: Context) -> None:
        """Vote on what the new view ordered, if the crash came before we had (section 4.4)."""
        state, new_view = self.state, self.state.new_view
        if not state.active or new_view is None or new_view.view != state.view:
            return
        for pre_prepare in new_view.pre_prepares:
            slot = state.log.open(pre_prepare.sequence, state.view)
            if slot is not None and slot.pre_prepare is None:
                self.normal.accept(ctx, slot, pre_prepare)
            self.normal.last_sequence = max(self.normal.last_sequence, pre_prepare.sequence)

    def _revive(self, ctx: Context, pre_prepare: PrePrepare) -> None:
        """Restore a slot of the current view together with the votes we sent for it."""
        state, sequence = self.state, pre_prepare.sequence
        slot = state.log.slots.setdefault(sequence, Slot(sequence, state.view))
        slot.accept(pre_prepare)
        if not state.is_primary:
            slot.add_prepare(state.me, sign_prepare(ctx, slot))
        certificate = slot.certificate
        if certificate is not None and certificate.pre_prepare.view == state.view:
            slot.prepared = True
            for backup, signature in certificate.prepares:
                if backup != state.me:
                    slot.add_prepare(backup, Prepare(state.view, sequence, slot.digest, signature))
            slot.add_commit(state.me, sign_commit(ctx, slot))
        self.normal.last_sequence = max(self.normal.last_sequence, sequence)
        self.normal.remember_assigned(pre_prepare)
        if sequence > state.log.executed:
            self.catch_up.accepted(ctx, sequence)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Give up on the primary, or look for what is missing."""
        if name == patience.TIMER:
            self.patience.fired()
            self.view_changes.start(ctx, self.state.view + 1)
        elif name == catch_up.STATUS_TIMER:
            self.catch_up.on_status(ctx)
        elif name == transfer.TIMER:
            self.transfer.on_timer(ctx)
        elif name == catch_up.TIMER and self.catch_up.on_timer(ctx):
            self.view_changes.repeat(ctx)
            self.transfer.consider(ctx, must=True)

    @on(Request)
    def request(self, ctx: Context, sender: PeerId, message: Request) -> None:
        """A client's request, from the client or relayed."""
        self.normal.on_request(ctx, sender, message)

    @on(ReadRequest)
    def read_request(self, ctx: Context, sender: PeerId, message: ReadRequest) -> None:
        """A client's request to read only."""
        self.reads.on_read(ctx, sender, message)

    @on(PrePrepare)
    def pre_prepare(self, ctx: Context, sender: PeerId, message: PrePrepare) -> None:
        """The primary's order."""
        self.normal.on_pre_prepare(ctx, sender, message)

    prepare = votes.prepare
    commit = votes.commit

    @on(ViewChange)
    def view_change(self, ctx: Context, sender: PeerId, message: ViewChange) -> None:
        """A replica wants another primary."""
        self.view_changes.on_view_change(ctx, sender, message)

    @on(NewView)
    def new_view(self, ctx: Context, sender: PeerId, message: NewView) -> None:
        """A new primary takes over."""
        before = self.state.view, self.state.active
        self.view_changes.on_new_view(ctx, sender, message)
        if (self.state.view, self.state.active) != before:
            self._take_aside(ctx)

    @on(Fetch)
    def fetch(self, ctx: Context, sender: PeerId, message: Fetch) -> None:
        """A replica lacks something."""
        self.catch_up.on_fetch(ctx, sender, message)

    @on(Entries)
    def entries(self, ctx: Context, sender: PeerId, message: Entries) -> None:
        """What a replica has executed."""
        if self.catch_up.on_entries(ctx, sender, message):
            self.normal.assign(ctx)

    @on(Checkpoint)
    def checkpoint(self, ctx: Context, sender: PeerId, message: Checkpoint) -> None:
        """A replica fixed its state."""
        self.checkpoints.on_checkpoint(ctx, sender, message)
        self._after_checkpoint(ctx)

    @on(Stable)
    def stable(self, ctx: Context, sender: PeerId, message: Stable) -> None:
        """A replica shows that a checkpoint is stable."""
        if sender in self.state.other_set and self.checkpoints.learn(ctx, message.proof):
            self._after_checkpoint(ctx)

    def _after_checkpoint(self, ctx: Context) -> None:
        """The watermarks may have moved, or we may have found that we are far behind."""
        self.transfer.consider(ctx)
        self.catch_up.watch(ctx)
        self.normal.assign(ctx)

    @on(FetchState)
    def fetch_state(self, ctx: Context, sender: PeerId, message: FetchState) -> None:
        """A replica lacks the state at a checkpoint."""
        self.transfer.on_fetch_state(ctx, sender, message)
        self._after_checkpoint(ctx)

    @on(StatePiece)
    def state_piece(self, ctx: Context, sender: PeerId, message: StatePiece) -> None:
        """A piece of the state at a checkpoint."""
        if self.transfer.on_piece(ctx, sender, message):
            self.catch_up.ask(ctx)
            self._after_checkpoint(ctx)

    def _take_aside(self, ctx: Context) -> None:
        """Process the votes that arrived before the new-view message."""
        for sender, vote in self.state.take_aside():
            if isinstance(vote, PrePrepare):
                self.normal.on_pre_prepare(ctx, sender, vote)
            elif isinstance(vote, Prepare):
                self.prepare(ctx, sender, vote)
            else:
                self.commit(ctx, sender, vote)
