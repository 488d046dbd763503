"""What the parts of one replica share: who and where it is, its log, and what it still owes.

The parts (`normal`, `execution`, `checkpoint`, `transfer`, `view_change`, `catch_up`, `patience`)
each own one responsibility and act on this one state; `replica` wires them.
"""

from collections import deque

from agents.consensus.evidence import accuse
from agents.consensus.facts import ConflictingMessages
from agents.consensus.log import Log
from agents.consensus.messages import (
    Checkpoint,
    Commit,
    NewView,
    Prepare,
    PrePrepare,
    Reply,
    StableProof,
    ViewChange,
)
from agents.consensus.rules import Committee
from agents.consensus.settings import Settings
from prsm_sim.actor import Context, PeerId

Vote = PrePrepare | Prepare | Commit


class ReplicaState:
    """State shared by the parts of a replica.

    Attributes:
        committee: who the replicas are.
        settings: the numbers they run by.
        me: this replica.
        others: the other replicas, in committee order.
        other_set: the same, to look one up.
        view: the view this replica is in, or moving to; `move_to` sets it.
        active: it takes part in `view`; False while it waits for the new-view message.
        primary: the primary of `view`.
        is_primary: whether this replica leads `view`, and the view has started.
        log: slots and journal.
        stable: proof of the checkpoint at the log's low watermark; None while that is 0.
        clock_ms: the agreed time.
        replies: of each client the last reply, which also tells what was executed.
        new_view: the message that started the current view, to relay to those who missed it.
        view_changes: of each replica the view-change with the highest view, own included.
        aside: of each replica messages of views that this one has not entered yet.
    """

    def __init__(self, committee: Committee, settings: Settings) -> None:
        self.committee = committee
        self.settings = settings
        self.me: PeerId = ""
        self.others: tuple[PeerId, ...] = ()
        self.other_set: frozenset[PeerId] = frozenset()
        self.move_to(0, active=True)
        self.log = Log(settings.window, settings.checkpoint_interval > 0)
        self.stable: StableProof | None = None
        self.clock_ms = 0
        self.replies: dict[PeerId, Reply] = {}
        self.new_view: NewView | None = None
        self.view_changes: dict[PeerId, ViewChange] = {}
        self.aside: dict[PeerId, deque[Vote]] = {}

    def be(self, me: PeerId) -> None:
        """Be this member of the committee."""
        self.me = me
        self.others = tuple(one for one in self.committee.members if one != me)
        self.other_set = frozenset(self.others)
        self.move_to(self.view, active=self.active)

    def move_to(self, view: int, *, active: bool) -> None:
        """Be in a view, or on the way to it."""
        self.view = view
        self.active = active
        self.primary: PeerId = self.committee.primary(view)
        self.is_primary = active and self.primary == self.me

    def reproposed(self, sequence: int) -> PrePrepare | None:
        """What the new-view message of the current view orders under `sequence` (section 4.4).

        That message was verified as a whole, so neither a null request nor an old time is refused
        when a replica that could not take it in then receives it again.
        """
        if self.new_view is None or self.new_view.view != self.view:
            return None
        ordered = self.new_view.pre_prepares
        index = sequence - ordered[0].sequence if ordered else -1
        return ordered[index] if 0 <= index < len(ordered) else None

    def is_usable(self, sender: PeerId, message: Vote) -> bool:
        """Whether a vote of `sender` counts now; votes for a view not yet entered are set aside.

        Votes of earlier views are void (section 4.2: messages are accepted in the current view).
        What is set aside is bounded a sender, so a liar fills only its own share.
        """
        if sender not in self.committee.member_set:
            return False
        if message.view == self.view and self.active:
            return True
        if message.view >= self.view:
            queue = self.aside.get(sender)
            if queue is None:
                queue = self.aside[sender] = deque(maxlen=self.settings.aside_limit)
            queue.append(message)
        return False

    def take_aside(self) -> list[tuple[PeerId, Vote]]:
        """What was set aside for the view just entered; later views' stays, older is dropped."""
        ready: list[tuple[PeerId, Vote]] = []
        for member in self.committee.members:
            queue = self.aside.pop(member, None)
            if queue is None:
                continue
            ready.extend((member, one) for one in queue if one.view == self.view)
            later = [one for one in queue if one.view > self.view]
            if later:
                self.aside[member] = deque(later, maxlen=self.settings.aside_limit)
        return ready

    def is_executed(self, client: PeerId, timestamp: int) -> bool:
        """Whether this request of `client`, or a later one, has been executed (section 4.1)."""
        last = self.replies.get(client)
        return last is not None and timestamp <= last.timestamp

    def report_conflict(
        self, ctx: Context, accused: PeerId, first: Vote | Checkpoint, second: Vote | Checkpoint
    ) -> None:
        """Tell the outside that `accused` signed two messages that exclude each other."""
        evidence = accuse(accused, first, second)
        assert evidence is not None, "who reports a conflict has seen one"
        ctx.sometimes("consensus: conflicting messages")
        view = 0 if isinstance(first, Checkpoint) else first.view
        ctx.emit(ConflictingMessages(accused, view, first.sequence, evidence))
