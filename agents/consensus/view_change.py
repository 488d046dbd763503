"""View changes (OSDI 1999, sections 4.4 and 4.5.2): how a new primary takes over safely.

Why nothing committed is lost: what committed had prepared at q replicas, any q view-changes include
one correct replica of those, so the certificate is in V and the new primary must order the batch
again under the same number. Every backup recomputes that demand, so a lying primary is not obeyed.

Why it comes to an end: waits double, so views grow longer than the (unknown) delays; f + 1 replicas
in later views draw a replica along, so none is left waiting where a quorum can no longer form.
"""

from agents.consensus.catch_up import CatchUp
from agents.consensus.durable import write_new_view, write_view
from agents.consensus.facts import ViewChanged
from agents.consensus.messages import (
    NULL_DIGEST,
    NewView,
    PrePrepare,
    ViewChange,
    new_view_content,
    view_change_content,
    vote_content,
)
from agents.consensus.normal import NormalCase
from agents.consensus.patience import Patience
from agents.consensus.rules import select_reproposals
from agents.consensus.state import ReplicaState
from agents.consensus.transfer import Transfer
from agents.consensus.verify import is_valid_new_view, is_valid_view_change
from prsm_sim.actor import Context, PeerId


class ViewChanges:
    """Leaves a view, gathers view-changes, starts and enters the next view."""

    def __init__(
        self,
        state: ReplicaState,
        normal: NormalCase,
        patience: Patience,
        catch_up: CatchUp,
        transfer: Transfer,
    ) -> None:
        self.state = state
        self.normal = normal
        self.patience = patience
        self.catch_up = catch_up
        self.transfer = transfer

    def start(self, ctx: Context, view: int) -> None:
        """Leave the current view and ask for `view` (section 4.4)."""
        ctx.sometimes("consensus: view change started")
        state = self.state
        state.move_to(view, active=False)
        self.normal.execution.undo(ctx)
        self.patience.attempts += 1
        ctx.sometimes("consensus: view timeout doubled", self.patience.attempts > 1)
        self.patience.rest(ctx)
        for request in self.normal.queue.values():
            self.patience.wait_for(ctx, request)
        self.normal.queue.clear()
        write_view(ctx, view, active=False)
        self.announce(ctx)
        self._proceed(ctx)

    def announce(self, ctx: Context) -> None:
        """Tell the others that we want this view, with all that we have prepared (section 4.4)."""
        state = self.state
        low, prepared = state.log.low, state.log.certificates()
        unsigned = ViewChange(state.view, state.me, low, prepared, stable=state.stable)
        signature = ctx.sign(view_change_content(unsigned))
        message = ViewChange(state.view, state.me, low, prepared, signature, state.stable)
        state.view_changes[state.me] = message
        ctx.broadcast(message, state.others)
        self.catch_up.arm(ctx)

    def repeat(self, ctx: Context) -> None:
        """Send our view-change again; the network may have lost it."""
        own = self.state.view_changes.get(self.state.me)
        if own is not None and not self.state.active:
            ctx.sometimes("consensus: view-change sent again")
            ctx.broadcast(own, self.state.others)

    def on_view_change(self, ctx: Context, sender: PeerId, message: ViewChange) -> None:
        """Keep a replica's latest valid view-change, and see whether it tips the scale."""
        state = self.state
        if sender != message.replica or sender == state.me or self._is_past(message.view):
            return
        known = state.view_changes.get(sender)
        if known is not None and known.view >= message.view:
            return
        if not is_valid_view_change(ctx, state, message):
            ctx.sometimes("consensus: invalid view-change refused")
            return
        state.view_changes[sender] = message
        asked = [one.view for who, one in state.view_changes.items() if who != state.me]
        join = state.committee.view_to_join(state.view, asked)
        if join is not None:
            ctx.sometimes("consensus: joined a view change of f + 1 others")
            self.start(ctx, join)
        else:
            self._proceed(ctx)

    def _is_past(self, view: int) -> bool:
        return view < self.state.view or (view == self.state.view and self.state.active)

    def _proceed(self, ctx: Context) -> None:
        """Start the timer once a quorum is on its way; as new primary, start the view."""
        state, committee = self.state, self.state.committee
        if state.active:
            return
        on_the_way = [one for one in state.view_changes.values() if one.view >= state.view]
        if len(on_the_way) >= committee.q:
            self.patience.await_new_view(ctx)
        if state.primary == state.me:
            here = [
                state.view_changes[member]
                for member in committee.members
                if member in state.view_changes and state.view_changes[member].view == state.view
            ]
            if len(here) >= committee.q:
                self._lead(ctx, tuple(here[: committee.q]))

    def _lead(self, ctx: Context, view_changes: tuple[ViewChange, ...]) -> None:
        """As primary of the new view, order again what V demands (section 4.4)."""
        view = self.state.view
        low, choices = select_reproposals(view_changes)
        pre_prepares: list[PrePrepare] = []
        for sequence, chosen in enumerate(choices, low + 1):
            ctx.sometimes("consensus: prepared request re-proposed", chosen is not None)
            ctx.sometimes("consensus: gap filled by a null request", chosen is None)
            digest = NULL_DIGEST if chosen is None else chosen.digest
            now_ms, requests = (0, ()) if chosen is None else (chosen.now_ms, chosen.requests)
            signature = ctx.sign(vote_content("pre-prepare", view, sequence, digest))
            pre_prepares.append(PrePrepare(view, sequence, now_ms, requests, digest, signature))
        unsigned = NewView(view, view_changes, tuple(pre_prepares))
        message = NewView(
            view, view_changes, unsigned.pre_prepares, ctx.sign(new_view_content(unsigned))
        )
        self._enter(ctx, message)

    def on_new_view(self, ctx: Context, sender: PeerId, message: NewView) -> None:
        """As backup, enter the view if its primary did what V demands (section 4.4)."""
        state = self.state
        if sender not in state.committee.member_set or self._is_past(message.view):
            return
        if not is_valid_new_view(ctx, state, message):
            ctx.sometimes("consensus: invalid new-view refused")
            return
        self._enter(ctx, message)

    def _enter(self, ctx: Context, message: NewView) -> None:
        """Take part in the new view: vote on O, then on what is waiting."""
        state, log, normal = self.state, self.state.log, self.normal
        normal.execution.undo(ctx)
        state.move_to(message.view, active=True)
        state.new_view = message
        write_new_view(ctx, message)
        write_view(ctx, message.view, active=True)
        if state.is_primary:
            ctx.broadcast(message, state.others)
        ctx.emit(ViewChanged(message.view))
        self.patience.rest(ctx)
        state.view_changes = {
            replica: one for replica, one in state.view_changes.items() if one.view > message.view
        }
        last = self._begin_after(ctx, message)
        log.renew(message.view)
        self.catch_up.view_entered(last)
        normal.begin_view(message.pre_prepares, max(last, log.executed))
        for pre_prepare in message.pre_prepares:
            slot = log.open(pre_prepare.sequence, message.view)
            if slot is not None:
                normal.accept(ctx, slot, pre_prepare)
        self._bring_waiting(ctx)

    def _begin_after(self, ctx: Context, message: NewView) -> int:
        """Adopt the latest stable checkpoint in V, or obtain its state; return the end of O (4.4).

        The view orders nothing up to that checkpoint again, so a replica that has not executed so
        far needs the state.
        """
        latest = max(message.view_changes, key=lambda one: one.low)
        if latest.stable is not None and latest.low > self.state.log.low:
            self.transfer.checkpoints.prove(ctx, latest.stable)
            self.transfer.consider(ctx, must=True)
        return message.pre_prepares[-1].sequence if message.pre_prepares else latest.low

    def _bring_waiting(self, ctx: Context) -> None:
        """Have the new primary order what this replica still waits for."""
        state, waiting = self.state, self.patience.waiting
        for client, request in list(waiting.items()):
            if state.is_executed(client, request.timestamp):
                del waiting[client]
            elif not state.is_primary:
                ctx.send(state.primary, request)
            elif self.normal.assigned.get(client, 0) < request.timestamp:
                self.normal.enqueue(request)
        self.normal.assign(ctx)
        self.patience.watch(ctx)
