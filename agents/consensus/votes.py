"""Counting votes (OSDI 1999, section 4.2): prepares of backups, then commits of replicas.

The first vote of each sender for a slot counts, if it is signed; a second one that says something
else is evidence against its sender. One request among n replicas costs about n^2 of either, and
nearly all that a large committee does is done here. So these two are handlers of the replica as
they are, without a detour through a part of it.
"""

from typing import TYPE_CHECKING

from agents.consensus.log import Slot
from agents.consensus.messages import Commit, Prepare, VoteKind
from agents.consensus.state import ReplicaState
from prsm_sim.actor import Context, PeerId, on

if TYPE_CHECKING:
    from agents.consensus.replica import Replica


@on(Prepare)
def prepare(self: "Replica", ctx: Context, sender: PeerId, message: Prepare) -> None:
    """Count a backup's first prepare (4.2)."""
    state, committee = self.state, self.state.committee
    if message.view != state.view or not state.active or sender not in committee.member_set:
        if not state.is_usable(sender, message):
            self.catch_up.notice(ctx, sender, message.view, message.sequence)
        return
    slot = state.log.slots.get(message.sequence)
    if slot is None:
        slot = state.log.open(message.sequence, message.view)
    if slot is None:
        self.catch_up.notice(ctx, sender, message.view, message.sequence)
        return
    first = slot.prepares.get(sender)
    if first is not None:
        if first.digest != message.digest:
            _report(state, ctx, slot, sender, first, message)
        return
    if slot.prepared or sender == state.primary or sender == state.me:
        return
    content = slot.prepare_content if message.digest == slot.digest else b""
    content = content or slot.content("prepare", message.digest)
    if not ctx.verify(sender, content, message.signature):
        return
    slot.add_prepare(sender, message)
    if slot.pre_prepare is None:
        self.catch_up.notice(ctx, sender, message.view, message.sequence)
    elif committee.is_prepared(slot.prepare_count):
        self.normal.advance(ctx, slot)


@on(Commit)
def commit(self: "Replica", ctx: Context, sender: PeerId, message: Commit) -> None:
    """Count a replica's first commit (4.2)."""
    state, committee = self.state, self.state.committee
    if message.view != state.view or not state.active or sender not in committee.member_set:
        if not state.is_usable(sender, message):
            self.catch_up.notice(ctx, sender, message.view, message.sequence)
        return
    slot = state.log.slots.get(message.sequence)
    if slot is None:
        slot = state.log.open(message.sequence, message.view)
    if slot is None:
        self.catch_up.notice(ctx, sender, message.view, message.sequence)
        return
    first = slot.commits.get(sender)
    if first is not None:
        if first.digest != message.digest:
            _report(state, ctx, slot, sender, first, message)
        return
    if slot.committed or sender == state.me:
        return
    content = slot.commit_content if message.digest == slot.digest else b""
    content = content or slot.content("commit", message.digest)
    if not ctx.verify(sender, content, message.signature):
        return
    slot.add_commit(sender, message)
    if slot.prepared:
        if committee.is_committed(slot.commit_count):
            self.normal.advance(ctx, slot)
    elif slot.pre_prepare is None:
        self.catch_up.notice(ctx, sender, message.view, message.sequence)


def _report(
    state: ReplicaState,
    ctx: Context,
    slot: Slot,
    sender: PeerId,
    first: Prepare | Commit,
    second: Prepare | Commit,
) -> None:
    """Two votes exclude each other; it is a conflict only if the second is signed as well."""
    kind: VoteKind = "commit" if isinstance(second, Commit) else "prepare"
    if ctx.verify(sender, slot.content(kind, second.digest), second.signature):
        state.report_conflict(ctx, sender, first, second)
