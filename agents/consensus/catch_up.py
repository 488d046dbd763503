"""Catching up: how a replica obtains what the network lost or what it slept through.

PBFT relies on retransmission (OSDI 1999, section 4.5; the thesis' status messages, section 5.2).
Here it is receiver-driven: a replica that stands still although it knows of unfinished business
says where it stands (`Fetch`), and each other replica repeats what could be missing: the new-view
message, its view-change, its votes, and batches that it has executed. One replica's word about an
executed batch proves nothing; the same digest from f + 1 replicas includes a correct one, and a
correct replica executes only what is committed. Batches that were forgotten after a checkpoint
cannot be had this way; then the answer is the proof of that checkpoint, and `transfer` obtains the
state.

While requests progress the timer only looks, so undisturbed operation sends no extra message.
"""

from agents.consensus.checkpoint import Checkpoints
from agents.consensus.execution import Execution
from agents.consensus.messages import Entries, Entry, Fetch, Stable, batch_digest
from agents.consensus.order import Batch
from agents.consensus.state import ReplicaState
from prsm_sim.actor import Context, PeerId

TIMER = "consensus/retry"
STATUS_TIMER = "consensus/status"
BATCHES_A_FETCH = 64
"""Most executed batches, and most slots' votes, in answer to one fetch."""
UNPROVED_TRIES = 5
"""How often a replica asks on account of a vote that nothing else supports."""


class CatchUp:
    """Notices that this replica is behind, asks, answers, and takes in what was proved."""

    def __init__(self, state: ReplicaState, execution: Execution, checkpoints: Checkpoints) -> None:
        self.state = state
        self.execution = execution
        self.checkpoints = checkpoints
        self._accepted = 0
        self._noticed = 0
        self._noticed_view = 0
        self._tries = 0
        self._armed = False
        self._mark = (0, 0, True)
        self._claims: dict[int, dict[PeerId, bytes]] = {}

    def accepted(self, ctx: Context, sequence: int) -> None:
        """A pre-prepare was accepted, so `sequence` is surely to be executed or replaced."""
        if sequence > self._accepted:
            self._accepted = sequence
        if not self._armed:
            self.arm(ctx)

    def notice(self, ctx: Context, sender: PeerId, view: int, sequence: int) -> None:
        """A member's message cannot be used yet; it may mean that we are behind."""
        state = self.state
        if sender not in state.committee.member_set:
            return
        if view > state.view or (view == state.view and sequence > state.log.executed):
            self.noticed(ctx, view, sequence)

    def noticed(self, ctx: Context, view: int, sequence: int) -> None:
        """Someone votes in a later view, or on something of which we have no pre-prepare."""
        if view > self._noticed_view or sequence > self._noticed:
            self._noticed_view = max(view, self._noticed_view)
            self._noticed = max(sequence, self._noticed)
            self._tries = 0
        if not self._armed:
            self.arm(ctx)

    def watch(self, ctx: Context) -> None:
        """Look again in a while if a checkpoint is unfinished."""
        if not self._armed and self.checkpoints.is_unfinished:
            self.arm(ctx)

    def view_entered(self, last_sequence: int) -> None:
        """Only what the new view orders is still awaited; pre-prepares of old views are void."""
        self._accepted = last_sequence

    def arm(self, ctx: Context) -> None:
        """Look again in a while, and remember where we stand now."""
        state = self.state
        self._armed = True
        self._mark = (state.log.executed, state.view, state.active)
        ctx.set_timer(TIMER, state.settings.retry_s)

    def start(self, ctx: Context) -> None:
        """Begin to report at regular intervals, if the settings say so."""
        if self.state.settings.status_s is not None:
            ctx.set_timer(STATUS_TIMER, self.state.settings.status_s)

    def on_status(self, ctx: Context) -> None:
        """Report, whether or not anything seems to be missing."""
        self.ask(ctx)
        self.start(ctx)

    def on_timer(self, ctx: Context) -> bool:
        """Ask if we stand still; return whether we asked."""
        state = self.state
        self._armed = False
        executed = state.log.executed
        owing = not state.active or self._accepted > executed or self.checkpoints.is_unfinished
        suspecting = self._noticed > executed or self._noticed_view > state.view
        asks = False
        if self._mark != (executed, state.view, state.active):
            self._tries = 0
        elif owing or (suspecting and self._tries < UNPROVED_TRIES):
            asks = True
            self._tries += 1
            self.ask(ctx)
        if owing or (suspecting and self._tries < UNPROVED_TRIES):
            self.arm(ctx)
        return asks

    def ask(self, ctx: Context) -> None:
        """Tell the others where we stand."""
        ctx.sometimes("consensus: asked for what is missing")
        state = self.state
        log = state.log
        ctx.broadcast(Fetch(state.view, state.active, log.executed, log.low), state.others)

    def on_fetch(self, ctx: Context, sender: PeerId, message: Fetch) -> None:
        """Repeat whatever `sender` may lack."""
        state = self.state
        if sender not in state.committee.member_set:
            return
        lacks_view = message.view < state.view or (
            message.view == state.view and not message.active
        )
        if state.active and lacks_view and state.new_view is not None:
            ctx.send(sender, state.new_view)
        elif not state.active and message.view <= state.view and state.me in state.view_changes:
            ctx.send(sender, state.view_changes[state.me])
        if state.stable is not None and state.stable.sequence > message.low:
            ctx.send(sender, Stable(state.stable))
        for vote, _ in self.checkpoints.taken.values():
            if vote.sequence > message.low:
                ctx.send(sender, vote)
        entries = state.log.entries_after(message.executed, BATCHES_A_FETCH)
        if entries:
            ctx.send(sender, Entries(entries))
        if state.active and message.active and message.view == state.view:
            self._repeat_votes(ctx, sender, message.executed)

    def _repeat_votes(self, ctx: Context, sender: PeerId, executed: int) -> None:
        state = self.state
        for sequence in range(executed + 1, executed + 1 + BATCHES_A_FETCH):
            slot = state.log.slots.get(sequence)
            if slot is None or slot.pre_prepare is None:
                continue
            if state.is_primary:
                ctx.send(sender, slot.pre_prepare)
            elif state.me in slot.prepares:
                ctx.send(sender, slot.prepares[state.me])
            if state.me in slot.commits:
                ctx.send(sender, slot.commits[state.me])

    def on_entries(self, ctx: Context, sender: PeerId, message: Entries) -> bool:
        """Take in what `sender` says it has executed; return whether anything was executed.

        What is kept is bounded: one digest a replica and sequence number, of the next
        `BATCHES_A_FETCH` numbers.
        """
        state = self.state
        if sender not in state.committee.member_set:
            return False
        before = state.log.executed
        for entry in message.entries:
            executed = state.log.executed
            if not executed < entry.sequence <= before + BATCHES_A_FETCH:
                continue
            if state.log.has_checkpoints and entry.sequence > state.log.high:
                continue
            digest = batch_digest(entry.now_ms, entry.requests)
            claims = self._claims.setdefault(entry.sequence, {})
            claims[sender] = digest
            supporters = sum(claimed == digest for claimed in claims.values())
            if entry.sequence == executed + 1 and supporters >= state.committee.join:
                self._take(ctx, entry, digest)
        if state.log.executed == before:
            return False
        self._claims = {k: v for k, v in self._claims.items() if k > state.log.executed}
        self.execution.run(ctx)
        self.watch(ctx)
        if len(message.entries) == BATCHES_A_FETCH:
            self.ask(ctx)
        return True

    def _take(self, ctx: Context, entry: Entry, digest: bytes) -> None:
        ctx.sometimes("consensus: caught up on an executed batch")
        self.execution.execute(ctx, Batch(entry, digest))
