"""The message log of one replica (OSDI 1999, section 4.2): slots, votes and the journal.

A *slot* holds what a replica knows about one sequence number in its current view: the pre-prepare
and, of each replica, the first vote. Later votes of the same replica never replace or add to it, so
votes are counted by distinct senders. A prepared certificate survives into later views, because a
view change must show it.

Between the watermarks, ``low < n <= high``, messages are accepted. `low` is the last stable
checkpoint. With checkpoints `high` is a window beyond it, so a liar that orders far ahead exhausts
nothing, and all up to `low` is forgotten (section 4.3). Without them `low` stays 0, `high` is a
window beyond what is executed, and the log grows with the run.

`executed` is usually at or above `low`. It is below while this replica has the proof of a stable
checkpoint, but not yet its state: it votes meanwhile and executes when the state has come (4.6).
"""

from agents.consensus.messages import (
    Certificate,
    Commit,
    Entry,
    Prepare,
    PrePrepare,
    VoteKind,
    vote_content,
)
from agents.consensus.order import Order, order_of
from prsm_sim.actor import PeerId


class Slot:
    """One sequence number in the current view, and its latest certificate of any view."""

    __slots__ = (
        "certificate", "commit_content", "commit_count", "commits", "committed", "digest",
        "order", "pre_prepare", "prepare_content", "prepare_count", "prepared", "prepares",
        "sequence", "view",
    )  # fmt: skip

    def __init__(self, sequence: int, view: int) -> None:
        self.sequence = sequence
        self.certificate: Certificate | None = None
        self.renew(view)

    def renew(self, view: int) -> None:
        """Forget the votes of the old view; the certificate stays."""
        self.view = view
        self.pre_prepare: PrePrepare | None = None
        self.order: Order | None = None
        self.digest = b""
        self.prepares: dict[PeerId, Prepare] = {}
        self.commits: dict[PeerId, Commit] = {}
        self.prepare_count = 0
        self.commit_count = 0
        self.prepared = False
        self.committed = False
        self.prepare_content = b""
        self.commit_content = b""

    def content(self, kind: VoteKind, digest: bytes) -> bytes:
        """The signed bytes of a vote for `digest` in this slot.

        Those for the digest that the slot has are `prepare_content` and `commit_content`, encoded
        once. Others are not kept, so a liar's many digests take no room.
        """
        return vote_content(kind, self.view, self.sequence, digest)

    def accept(self, pre_prepare: PrePrepare) -> None:
        """Fix the slot's digest, and count the votes that came before it."""
        self.pre_prepare = pre_prepare
        digest = self.digest = pre_prepare.digest
        order = self.order = order_of(pre_prepare)
        self.prepare_content = order.prepare_content
        self.commit_content = order.commit_content
        if self.prepares:
            self.prepare_count = sum(vote.digest == digest for vote in self.prepares.values())
        if self.commits:
            self.commit_count = sum(vote.digest == digest for vote in self.commits.values())

    def add_prepare(self, backup: PeerId, vote: Prepare) -> None:
        """Add a backup's first prepare."""
        self.prepares[backup] = vote
        if vote.digest == self.digest:
            self.prepare_count += 1

    def add_commit(self, replica: PeerId, vote: Commit) -> None:
        """Add a replica's first commit."""
        self.commits[replica] = vote
        if vote.digest == self.digest:
            self.commit_count += 1

    def certify(self, votes_needed: int) -> Certificate:
        """Keep the proof that this slot prepared: the first `votes_needed` matching prepares."""
        assert self.pre_prepare is not None
        votes = [
            (backup, vote.signature)
            for backup, vote in self.prepares.items()
            if vote.digest == self.digest
        ]
        self.certificate = Certificate(self.pre_prepare, tuple(votes[:votes_needed]))
        return self.certificate


class Log:
    """All slots of a replica, and the journal of what it has executed since its low watermark.

    Args:
        window: how many sequence numbers beyond the base are accepted.
        has_checkpoints: the base is the low watermark; otherwise what is executed.
    """

    def __init__(self, window: int, has_checkpoints: bool = False) -> None:
        self.window = window
        self.has_checkpoints = has_checkpoints
        self.low = 0
        self.executed = 0
        self.slots: dict[int, Slot] = {}
        self.journal: list[Entry] = []
        self.digests: list[bytes] = []

    @property
    def high(self) -> int:
        """The last sequence number accepted at present (section 4.2: H = h + k)."""
        return (self.low if self.has_checkpoints else self.executed) + self.window

    @property
    def lacks_state(self) -> bool:
        """Whether the low watermark is a checkpoint whose state has not come yet."""
        return self.executed < self.low

    def open(self, sequence: int, view: int) -> Slot | None:
        """The slot of `sequence`, or None outside the watermarks (section 4.2: h < n <= H)."""
        slot = self.slots.get(sequence)
        if slot is None and self.low < sequence <= self.high:
            slot = self.slots[sequence] = Slot(sequence, view)
        return slot

    def renew(self, view: int) -> None:
        """Enter `view`: all votes are void, certificates stay."""
        for slot in self.slots.values():
            slot.renew(view)

    def record(self, entry: Entry, digest: bytes) -> None:
        """Append what was executed."""
        assert entry.sequence == self.executed + 1, "the journal has no gaps"
        self.executed = entry.sequence
        self.journal.append(entry)
        self.digests.append(digest)

    def executed_digest(self, sequence: int) -> bytes | None:
        """Digest of what was executed under `sequence`, or None if nothing was or it is gone."""
        index = sequence - self.executed + len(self.digests) - 1
        return self.digests[index] if 0 <= index < len(self.digests) else None

    def entries_after(self, sequence: int, limit: int) -> tuple[Entry, ...]:
        """Up to `limit` journal entries that follow `sequence`; none if the first of them is gone.

        A replica executes in order, so entries beyond a gap would be of no use to it.
        """
        start = sequence - self.executed + len(self.journal)
        return tuple(self.journal[start : start + limit]) if start >= 0 else ()

    def certificates(self) -> tuple[Certificate, ...]:
        """The set P of section 4.4: what prepared above `low`, ascending."""
        found = (self.slots[sequence].certificate for sequence in sorted(self.slots))
        return tuple(one for one in found if one is not None)

    def discard_to(self, stable: int) -> None:
        """Make `stable` the low watermark and forget all up to it (section 4.3)."""
        forgotten = max(0, stable - self.executed + len(self.journal))
        del self.journal[:forgotten]
        del self.digests[:forgotten]
        for sequence in [one for one in self.slots if one <= stable]:
            del self.slots[sequence]
        self.low = stable

    def begin_at(self, checkpoint: int) -> None:
        """Continue from a state that contains all up to `checkpoint`, and nothing beyond."""
        self.journal.clear()
        self.digests.clear()
        self.executed = checkpoint
        self.discard_to(checkpoint)
