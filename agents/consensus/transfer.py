"""State transfer (OSDI 1999, section 4.6; thesis, section 5.3): obtaining a state, with its proof.

A replica that missed so much that the others have forgotten the messages it needs fetches the state
at a stable checkpoint. Whose bytes they are does not matter: q replicas have signed the digest of
the digests of the pieces, so each piece is accepted or refused by itself, and a liar costs one
round trip and a change of source. The watermarks move as soon as the proof is known: the replica
votes on what is ordered beyond the checkpoint while the state is still on its way.

When: at once, if the checkpoint is beyond the high watermark or a new view begins after it, since
the sequence numbers in between will never be ordered again; otherwise when the replica has stood
still for a while, since it is usually about to execute them itself.
"""

from hashlib import sha256

from agents.consensus.checkpoint import Checkpoints, HeldState
from agents.consensus.durable import write_proof
from agents.consensus.execution import Execution
from agents.consensus.messages import FetchState, StableProof, StatePiece, pieces_digest
from agents.consensus.state import ReplicaState
from agents.consensus.verify import is_valid_proof
from prsm_sim.actor import Context, PeerId

TIMER = "consensus/transfer"


class Transfer:
    """Fetches a proved state for this replica, and serves its own to others."""

    def __init__(self, state: ReplicaState, checkpoints: Checkpoints, execution: Execution) -> None:
        self.state = state
        self.checkpoints = checkpoints
        self.execution = execution
        self.target: StableProof | None = None
        self._digests: tuple[bytes, ...] = ()
        self._pieces: list[bytes] = []
        self._tries = 0

    def consider(self, ctx: Context, must: bool = False) -> None:
        """Fetch the state at the checkpoint that is proven, if there is one and we have to.

        Args:
            ctx: the replica's.
            must: what leads to it will not come any more, so far as we can tell.
        """
        proof, target = self.checkpoints.proven, self.target
        if proof is None:
            self._stop(ctx)
            return
        if target is None:
            is_needed = must or proof.sequence > self.state.log.high
        else:
            is_needed = target.sequence < proof.sequence
        if is_needed:
            self._begin(ctx, proof)
            self._ask(ctx)

    def _begin(self, ctx: Context, proof: StableProof) -> None:
        """Aim at this checkpoint; the watermarks advance before the state has come (4.6)."""
        ctx.sometimes("consensus: state transfer begun")
        self.execution.undo(ctx)  # while what leads to the present state is still in the journal
        self.target = proof
        self._digests, self._pieces = (), []
        write_proof(ctx, proof)
        self.state.log.discard_to(proof.sequence)
        self.state.stable = proof

    def _stop(self, ctx: Context) -> None:
        if self.target is not None:
            self.target = None
            self._digests, self._pieces = (), []
            ctx.cancel_timer(TIMER)

    def _ask(self, ctx: Context) -> None:
        """Ask one of those who signed the checkpoint; another each time one fails to answer."""
        assert self.target is not None
        signers = [one for one, _ in self.target.signatures if one != self.state.me]
        first = self.state.committee.members.index(self.state.me)
        source = signers[(first + self._tries) % len(signers)]
        ctx.send(source, FetchState(self.target, len(self._pieces)))
        ctx.set_timer(TIMER, self.state.settings.retry_s)

    def on_timer(self, ctx: Context) -> None:
        """The source did not answer in time: ask the next one."""
        self.consider(ctx)
        if self.target is not None:
            self._tries += 1
            self._ask(ctx)

    def on_fetch_state(self, ctx: Context, sender: PeerId, message: FetchState) -> None:
        """Give `sender` a piece of the state at our last stable checkpoint, if it is late enough.

        The asker shows the proof, so a replica that lacked it gains its own stable checkpoint.
        """
        if sender not in self.state.other_set:
            return
        self.checkpoints.learn(ctx, message.proof)
        held, proof = self.checkpoints.held, self.checkpoints.held_proof
        if held is None or proof is None or proof.sequence < message.proof.sequence:
            return
        piece = message.piece if proof.sequence == message.proof.sequence else 0
        if 0 <= piece < len(held.pieces):
            ctx.send(sender, StatePiece(proof, held.digests, piece, held.pieces[piece]))

    def on_piece(self, ctx: Context, sender: PeerId, message: StatePiece) -> bool:
        """Take in a proved piece; return whether the state is complete and now ours."""
        if self.checkpoints.proven is None:
            self._stop(ctx)  # we have caught up by ourselves meanwhile, perhaps beyond it
        if self.target is None or sender not in self.state.other_set:
            return False
        if not self._is_wanted(ctx, message):
            ctx.sometimes("consensus: unproved piece of state refused")
            return False
        self._digests = message.digests
        self._pieces.append(message.content)
        if len(self._pieces) < len(self._digests):
            self._ask(ctx)
            return False
        proof, held = self.target, HeldState(b"".join(self._pieces))
        self._stop(ctx)
        self.execution.install(ctx, proof, held)
        return True

    def _is_wanted(self, ctx: Context, message: StatePiece) -> bool:
        """Whether it is the next piece of the state we aim at, or the first of a later one."""
        proof, target = message.proof, self.target
        assert target is not None
        if pieces_digest(message.digests) != proof.digest:
            return False
        if not 0 <= message.piece < len(message.digests):
            return False
        if sha256(message.content).digest() != message.digests[message.piece]:
            return False
        if proof.sequence > target.sequence and message.piece == 0:
            if not is_valid_proof(ctx, self.state, proof):
                return False
            self.checkpoints.prove(ctx, proof)
            self._begin(ctx, proof)
            return True
        same = (proof.sequence, proof.digest) == (target.sequence, target.digest)
        return same and message.piece == len(self._pieces)
