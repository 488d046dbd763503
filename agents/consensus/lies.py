"""Lies that only someone who knows PBFT would tell, for Byzantine replicas to choose from.

Changing one field of a message finds what checks single fields. The safety of PBFT also rests on
checks of what belongs together: that every request in a batch is signed by its client (OSDI 1999,
section 4.2), that a sequence number lies between the watermarks (4.2), that certificates prove what
they claim and V holds a quorum of distinct replicas (4.4), that O is what V demands (4.4), and that
a transferred state is the one that was proven (4.6). Each lie here is told against one of these
checks, as well formed as it can be: `agents.consensus.byzantine.resign` signs it afterwards.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Any, TypeVar

from msgspec.structs import replace

from agents.consensus.messages import (
    NULL_DIGEST,
    Certificate,
    Checkpoint,
    Commit,
    Entries,
    NewView,
    Prepare,
    PrePrepare,
    Reply,
    Request,
    Stable,
    StableProof,
    StatePiece,
    ViewChange,
    batch_digest,
    pieces_digest,
)
from prsm_sim.actor import Message, Random

T = TypeVar("T")
Lie = Callable[[Any, Random], Message | None]
FAR = (1, 2, 64, 100_000)
"""How far ahead a false number may be."""


def mutate(message: Message, rng: Random) -> Message | None:
    """One of the lies about such a message, mostly; None: change any field instead.

    Args:
        message: what the replica would honestly say.
        rng: decides which lie, and its details.
    """
    lies = LIES.get(type(message), ())
    if not lies or rng.randrange(4) == 0:
        return None
    lie = rng.choice(lies)(message, rng)
    return None if lie == message else lie


# Pre-prepares: what a primary can try in the normal case.


def later_time(message: PrePrepare, rng: Random) -> PrePrepare:
    """The same batch at another agreed time: a second order that every check allows (4.2)."""
    return replace(message, now_ms=message.now_ms + rng.choice((-1, 1)))


def absurd_time(message: PrePrepare, rng: Random) -> PrePrepare:
    """An agreed time far from anybody's clock."""
    return replace(message, now_ms=message.now_ms + rng.choice((-(10**9), 10**9)))


def forged_request(message: PrePrepare, rng: Random) -> PrePrepare | None:
    """A request that its client has not signed (4.2)."""
    if not message.requests:
        return None
    place = rng.randrange(len(message.requests))
    forged = _forged(message.requests[place], rng)
    return replace(message, requests=_with(message.requests, place, forged))


def request_twice(message: PrePrepare, rng: Random) -> PrePrepare:
    """A batch that holds its requests twice: they must be executed once (4.1)."""
    return replace(message, requests=message.requests * 2)


def empty_batch(message: PrePrepare, rng: Random) -> PrePrepare:
    """A null request outside of a view change (4.4)."""
    return replace(message, now_ms=0, requests=(), digest=NULL_DIGEST)


def far_sequence(message: Message, rng: Random) -> Message:
    """A sequence number that may lie above the high watermark (4.2)."""
    return replace(message, sequence=message.sequence + rng.choice(FAR))  # type: ignore[attr-defined]


def far_view(message: Message, rng: Random) -> Message:
    """A view that nobody else has asked for (4.4)."""
    return replace(message, view=message.view + rng.choice(FAR))  # type: ignore[attr-defined]


def vote_for_nothing(message: Message, rng: Random) -> Message:
    """A vote for the null request."""
    return replace(message, digest=NULL_DIGEST)


def _forged(request: Request, rng: Random) -> Request:
    if rng.randrange(2):
        return replace(request, timestamp=request.timestamp + 1)
    return replace(request, operation=request.operation + b"!")


# View changes: what a replica can claim to have prepared, and a primary to have heard.


def nothing_prepared(message: ViewChange, rng: Random) -> ViewChange:
    """P is left out: what has committed may be forgotten only if a quorum forgets it (4.4)."""
    return replace(message, prepared=())


def one_certificate_less(message: ViewChange, rng: Random) -> ViewChange | None:
    """One certificate is left out of P (4.4)."""
    if not message.prepared:
        return None
    return replace(message, prepared=_without(message.prepared, rng))


def false_certificate(message: ViewChange, rng: Random) -> ViewChange | None:
    """A certificate that does not prove what it claims (4.4)."""
    if not message.prepared:
        return None
    place = rng.randrange(len(message.prepared))
    false = rng.choice(FALSE_CERTIFICATES)(message.prepared[place], rng)
    return replace(message, prepared=_with(message.prepared, place, false))


def _other_batch(certificate: Certificate, rng: Random) -> Certificate:
    """Another batch than the one that the votes are for."""
    old = certificate.pre_prepare
    now_ms = old.now_ms + 1
    digest = batch_digest(now_ms, old.requests)
    return replace(certificate, pre_prepare=replace(old, now_ms=now_ms, digest=digest))


def _later_view(certificate: Certificate, rng: Random) -> Certificate:
    """As if it had prepared in a later view, and so outranked the true one."""
    old = certificate.pre_prepare
    return replace(certificate, pre_prepare=replace(old, view=old.view + 1))


def _too_few_votes(certificate: Certificate, rng: Random) -> Certificate:
    return replace(certificate, prepares=certificate.prepares[:-1])


def _one_vote_twice(certificate: Certificate, rng: Random) -> Certificate:
    """As many votes as it takes, but not of distinct backups."""
    return replace(certificate, prepares=_first_again(certificate.prepares))


def _other_content(certificate: Certificate, rng: Random) -> Certificate:
    """Other requests under the digest that was voted for."""
    old = certificate.pre_prepare
    if not old.requests or rng.randrange(2):
        return replace(certificate, pre_prepare=replace(old, now_ms=old.now_ms + 1))
    requests = (_forged(old.requests[0], rng), *old.requests[1:])
    return replace(certificate, pre_prepare=replace(old, requests=requests))


FALSE_CERTIFICATES = (_other_batch, _later_view, _too_few_votes, _one_vote_twice, _other_content)


def other_low(message: ViewChange, rng: Random) -> ViewChange:
    """Another checkpoint to start from than the one that is proved; P goes on from there (4.4)."""
    low = max(0, message.low + rng.choice((-4, -2, -1, 1, 2, 4, 8)))
    above = tuple(one for one in message.prepared if one.pre_prepare.sequence > low)
    return replace(message, low=low, prepared=above)


def false_start(message: ViewChange, rng: Random) -> ViewChange | None:
    """A stable checkpoint that its proof does not prove (4.4)."""
    if message.stable is None:
        return None
    stable = rng.choice(FALSE_PROOFS)(message.stable, rng)
    above = tuple(one for one in message.prepared if one.pre_prepare.sequence > stable.sequence)
    return replace(message, low=stable.sequence, stable=stable, prepared=above)


def false_stable(message: Stable, rng: Random) -> Stable:
    """A checkpoint that is said to be stable, and is not (4.3)."""
    return replace(message, proof=rng.choice(FALSE_PROOFS)(message.proof, rng))


def _too_few_signers(proof: StableProof, rng: Random) -> StableProof:
    return replace(proof, signatures=proof.signatures[:-1])


def _one_signer_twice(proof: StableProof, rng: Random) -> StableProof:
    """As many signatures as it takes, but not of distinct replicas."""
    return replace(proof, signatures=_first_again(proof.signatures))


def _later_proof(proof: StableProof, rng: Random) -> StableProof:
    """The signatures of one checkpoint under the number of a later one."""
    return replace(proof, sequence=proof.sequence + rng.choice((2, 4, 8)))


def _proof_of_another(proof: StableProof, rng: Random) -> StableProof:
    """The signatures of one state under the digest of another."""
    return replace(proof, digest=sha256(proof.digest).digest())


FALSE_PROOFS = (_too_few_signers, _one_signer_twice, _later_proof, _proof_of_another)


def too_small_quorum(message: NewView, rng: Random) -> NewView:
    """V of fewer than a quorum (4.4)."""
    return replace(message, view_changes=message.view_changes[:-1])


def one_voter_twice(message: NewView, rng: Random) -> NewView:
    """V of a quorum of messages, but not of distinct replicas (4.4)."""
    return replace(message, view_changes=_first_again(message.view_changes))


def altered_voter(message: NewView, rng: Random) -> NewView:
    """V with another's view-change from which P was taken away, and O to match nothing (4.4)."""
    place = rng.randrange(len(message.view_changes))
    altered = replace(message.view_changes[place], prepared=())
    return replace(message, view_changes=_with(message.view_changes, place, altered))


def forgotten_order(message: NewView, rng: Random) -> NewView | None:
    """O with a null request in place of a batch that had prepared (4.4)."""
    if not message.pre_prepares:
        return None
    place = rng.randrange(len(message.pre_prepares))
    null = replace(message.pre_prepares[place], now_ms=0, requests=(), digest=NULL_DIGEST)
    return replace(message, pre_prepares=_with(message.pre_prepares, place, null))


def other_order(message: NewView, rng: Random) -> NewView | None:
    """O with another batch, well formed in itself, in place of what V demands (4.4)."""
    if not message.pre_prepares:
        return None
    place = rng.randrange(len(message.pre_prepares))
    old = message.pre_prepares[place]
    now_ms = old.now_ms + 1
    other = replace(old, now_ms=now_ms, digest=batch_digest(now_ms, old.requests))
    return replace(message, pre_prepares=_with(message.pre_prepares, place, other))


def shorter_order(message: NewView, rng: Random) -> NewView | None:
    """O without its last entry (4.4)."""
    if not message.pre_prepares:
        return None
    return replace(message, pre_prepares=message.pre_prepares[:-1])


# Checkpoints, state transfer and replies: what those who lag behind, and clients, may believe.


def other_state(message: Checkpoint, rng: Random) -> Checkpoint:
    """A checkpoint of another state (4.3)."""
    return replace(message, digest=sha256(message.digest).digest())


def false_history(message: Entries, rng: Random) -> Entries | None:
    """An executed batch with a forged request: a lone replica's word, which proves nothing."""
    places = [place for place, entry in enumerate(message.entries) if entry.requests]
    if not places:
        return None
    place = rng.choice(places)
    entry = message.entries[place]
    forged = replace(entry, requests=(_forged(entry.requests[0], rng), *entry.requests[1:]))
    return replace(message, entries=_with(message.entries, place, forged))


def false_piece(message: StatePiece, rng: Random) -> StatePiece:
    """Another content, with digests to match, under the proof of the true state (4.6)."""
    content = message.content + b"!"
    digests = _with(message.digests, message.piece, sha256(content).digest())
    if rng.randrange(2):
        proof = replace(message.proof, digest=pieces_digest(digests))
        return replace(message, content=content, digests=digests, proof=proof)
    return replace(message, content=content, digests=digests)


def later_piece(message: StatePiece, rng: Random) -> StatePiece:
    """A piece of a later state than anybody has signed, consistent in itself (thesis, 5.3)."""
    content = message.content + b"!"
    digests = _with(message.digests, message.piece, sha256(content).digest())
    later = message.proof.sequence + rng.choice((2, 4, 8))
    proof = replace(message.proof, sequence=later, digest=pieces_digest(digests))
    return replace(message, content=content, digests=digests, proof=proof)


def false_result(message: Reply, rng: Random) -> Reply:
    """A result that the state machine has not returned; all liars return the same (4.1)."""
    return replace(message, result=b"lie about " + message.result)


LIES: dict[type[Message], tuple[Lie, ...]] = {
    PrePrepare: (
        later_time, later_time, absurd_time, forged_request, request_twice, empty_batch,
        far_sequence, far_view,
    ),
    Prepare: (far_sequence, far_view, vote_for_nothing),
    Commit: (far_sequence, far_view, vote_for_nothing),
    ViewChange: (
        nothing_prepared, one_certificate_less, false_certificate, false_certificate, other_low,
        false_start, far_view,
    ),
    NewView: (
        too_small_quorum, one_voter_twice, altered_voter, forgotten_order, other_order,
        shorter_order,
    ),
    Checkpoint: (other_state, far_sequence),
    Stable: (false_stable,),
    Entries: (false_history,),
    StatePiece: (false_piece, later_piece),
    Reply: (false_result,),
}  # fmt: skip
"""What can be told in place of a message, by its type."""


def _with(items: tuple[T, ...], place: int, item: T) -> tuple[T, ...]:
    return (*items[:place], item, *items[place + 1 :])


def _without(items: tuple[T, ...], rng: Random) -> tuple[T, ...]:
    place = rng.randrange(len(items))
    return (*items[:place], *items[place + 1 :])


def _first_again(items: tuple[T, ...]) -> tuple[T, ...]:
    """The first in place of the last: as many, but not as many different ones."""
    return (*items[:-1], *items[:1])
