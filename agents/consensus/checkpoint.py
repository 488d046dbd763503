"""Checkpoints (OSDI 1999, section 4.3): what lets a replica forget.

After every K-th sequence number a replica fixes its whole state (the service's, the agreed clock,
and the last reply to each client, without which a request could be executed twice) and signs its
digest. When q replicas have signed the same one, the checkpoint is stable: their signatures prove
the state to anyone, at least f + 1 correct replicas hold it, and so no message that led to it can
ever be needed again. It becomes the low watermark, and all up to it is forgotten, in memory and on
disk.

What one replica can make another keep is bounded: a checkpoint per interval within the window, and
one beyond it.
"""

from hashlib import sha256

import msgspec

from agents.consensus.durable import discard_records, write_checkpoint
from agents.consensus.facts import CheckpointStable, CheckpointTaken
from agents.consensus.machine import StateMachine
from agents.consensus.messages import (
    Checkpoint,
    Reply,
    StableProof,
    checkpoint_content,
    pieces_digest,
    split_state,
)
from agents.consensus.rules import is_checkpoint
from agents.consensus.state import ReplicaState
from agents.consensus.verify import is_valid_proof
from prsm_sim.actor import Context, PeerId, decode, encode


class WholeState(msgspec.Struct, frozen=True):
    """All that replicas agree on after a sequence number; its encoding is what is digested.

    Attributes:
        sequence: the last sequence number executed.
        clock_ms: the agreed time.
        replies: of each client, ascending: its name, the timestamp of the last request executed for
            it, and the result. Not the view of the reply, in which replicas may differ.
        machine: the state machine's.
    """

    sequence: int
    clock_ms: int
    replies: tuple[tuple[PeerId, int, bytes], ...]
    machine: bytes


class HeldState:
    """An encoded whole state in the pieces in which it travels, with their digests."""

    __slots__ = ("digest", "digests", "pieces")

    def __init__(self, encoded: bytes) -> None:
        self.pieces = split_state(encoded)
        self.digests = tuple(sha256(piece).digest() for piece in self.pieces)
        self.digest = pieces_digest(self.digests)

    @property
    def encoded(self) -> bytes:
        """The whole."""
        return b"".join(self.pieces)


class Checkpoints:
    """Takes checkpoints, counts those of others, and makes them stable.

    Attributes:
        taken: own checkpoints above the low watermark: vote and state.
        proven: a valid proof of a later checkpoint than our state supports, if we know one.
        supported: the highest sequence number for which f + 1 replicas signed one checkpoint, so
            that a correct replica surely has executed it.
        held: the state at the last stable checkpoint that is ours, to give to others.
        held_proof: that it is stable.
    """

    def __init__(self, state: ReplicaState, machine: StateMachine) -> None:
        self.state = state
        self.machine = machine
        self.taken: dict[int, tuple[Checkpoint, HeldState]] = {}
        self.proven: StableProof | None = None
        self.supported = 0
        self.held: HeldState | None = None
        self.held_proof: StableProof | None = None
        self._votes: dict[PeerId, dict[int, Checkpoint]] = {}
        self._initial: HeldState | None = None

    def keep_initial(self) -> None:
        """Fix the state before any execution, for those that are undone before a checkpoint."""
        self._initial = HeldState(encode(self._whole(0)))

    def restore_last(self) -> int:
        """Return to the last state that was fixed here; the sequence number it contains."""
        last = self.taken[max(self.taken)][1] if self.taken else self.held or self._initial
        assert last is not None, "tentative execution keeps the initial state"
        whole: WholeState = decode(last.encoded, WholeState)
        self._load(whole)
        return whole.sequence

    @property
    def is_unfinished(self) -> bool:
        """Whether a checkpoint is not stable here that should become so."""
        return (
            bool(self.taken) or self.proven is not None or self.supported > self.state.log.executed
        )

    def is_due(self, sequence: int) -> bool:
        """Whether a checkpoint is taken after `sequence`."""
        return is_checkpoint(sequence, self.state.settings.checkpoint_interval)

    def take(self, ctx: Context, sequence: int) -> Checkpoint:
        """Fix the state after `sequence`, which was executed last, and sign its digest (4.3)."""
        state = self.state
        held = HeldState(encode(self._whole(sequence)))
        signature = ctx.sign(checkpoint_content(sequence, held.digest))
        vote = Checkpoint(sequence, held.digest, signature)
        self.taken[sequence] = (vote, held)
        self._votes.setdefault(state.me, {})[sequence] = vote
        ctx.emit(CheckpointTaken(sequence, held.digest.hex()))
        return vote

    def _whole(self, sequence: int) -> WholeState:
        state = self.state
        rows = tuple(
            (client, last.timestamp, last.result) for client, last in sorted(state.replies.items())
        )
        return WholeState(sequence, state.clock_ms, rows, self.machine.snapshot())

    def settle(self, ctx: Context, sequence: int) -> None:
        """See whether the checkpoint just taken is stable already."""
        self._count(ctx, self.taken[sequence][0])
        self._conclude(ctx)

    def on_checkpoint(self, ctx: Context, sender: PeerId, message: Checkpoint) -> None:
        """Count a replica's first checkpoint for a sequence number (4.3)."""
        state = self.state
        if sender not in state.other_set or not self.is_due(message.sequence):
            return
        if message.sequence <= state.log.low:
            return
        known = self._votes.get(sender, {}).get(message.sequence)
        if known is not None and known.digest == message.digest:
            return
        content = checkpoint_content(message.sequence, message.digest)
        if not ctx.verify(sender, content, message.signature):
            ctx.sometimes("consensus: checkpoint with a false signature refused")
            return
        if known is not None:
            state.report_conflict(ctx, sender, known, message)
        elif self._keep(sender, message):
            self._count(ctx, message)

    def _keep(self, sender: PeerId, message: Checkpoint) -> bool:
        """Remember a vote; beyond the high watermark only the latest of each sender."""
        votes = self._votes.setdefault(sender, {})
        high = self.state.log.high
        if message.sequence > high:
            beyond = [sequence for sequence in votes if sequence > high]
            if beyond and max(beyond) > message.sequence:
                return False
            for sequence in beyond:
                del votes[sequence]
        votes[message.sequence] = message
        return True

    def _count(self, ctx: Context, vote: Checkpoint) -> None:
        """Draw the conclusion from all votes that agree with this one."""
        committee = self.state.committee
        signatures: list[tuple[PeerId, bytes]] = []
        for member in committee.members:
            other = self._votes.get(member, {}).get(vote.sequence)
            if other is not None and other.digest == vote.digest:
                signatures.append((member, other.signature))
        if committee.is_stable(len(signatures)):
            proof = StableProof(vote.sequence, vote.digest, tuple(signatures[: committee.q]))
            self.prove(ctx, proof)
        elif len(signatures) >= committee.join and vote.sequence > self.supported:
            self.supported = vote.sequence

    def learn(self, ctx: Context, proof: StableProof) -> bool:
        """Take in a proof from anyone; return whether it is valid and was news."""
        if proof.sequence <= self.state.log.low:
            return False
        if not is_valid_proof(ctx, self.state, proof):
            ctx.sometimes("consensus: invalid proof of a checkpoint refused")
            return False
        self.prove(ctx, proof)
        return True

    def prove(self, ctx: Context, proof: StableProof) -> None:
        """A valid proof exists: keep the latest, and make the checkpoint stable if it is ours."""
        if proof.sequence <= self.state.log.low:
            return
        if self.proven is None or proof.sequence > self.proven.sequence:
            self.proven = proof
        self._conclude(ctx)

    def _conclude(self, ctx: Context) -> None:
        proof = self.proven
        if proof is None or proof.sequence not in self.taken:
            return
        held = self.taken[proof.sequence][1]
        if held.digest == proof.digest:
            self.make_stable(ctx, proof, held)
        else:
            ctx.sometimes("consensus: own state differs from a proved checkpoint")

    def make_stable(self, ctx: Context, proof: StableProof, held: HeldState) -> None:
        """Let a proved state of ours be the low watermark, and forget all before it (4.3).

        The state and its proof are durable before anything that they replace is deleted.
        """
        state, stable = self.state, proof.sequence
        write_checkpoint(ctx, proof, held.encoded)
        discard_records(ctx, stable)
        self.held, self.held_proof = held, proof
        state.stable = proof
        state.log.discard_to(stable)
        self._forget(stable)
        ctx.sometimes("consensus: checkpoint stable")
        ctx.emit(CheckpointStable(stable, proof.digest.hex()))

    def _forget(self, stable: int) -> None:
        if self.proven is not None and self.proven.sequence <= stable:
            self.proven = None
        self.taken = {one: kept for one, kept in self.taken.items() if one > stable}
        for sender, votes in self._votes.items():
            self._votes[sender] = {one: vote for one, vote in votes.items() if one > stable}

    def adopt(self, proof: StableProof, held: HeldState) -> None:
        """Make a proved state of others, or of our own store, this replica's state (4.6)."""
        state = self.state
        whole: WholeState = decode(held.encoded, WholeState)
        self._load(whole)
        state.log.begin_at(whole.sequence)
        state.stable = proof
        self.held, self.held_proof = held, proof
        self._forget(whole.sequence)

    def _load(self, whole: WholeState) -> None:
        state = self.state
        self.machine.restore(whole.machine)
        self.machine.facts()  # told when it was executed
        state.clock_ms = whole.clock_ms
        state.replies = {
            client: Reply(state.view, timestamp, client, result)
            for client, timestamp, result in whole.replies
        }
