"""The messages of PBFT and the bytes that are signed in them (OSDI 1999, sections 4.1 to 4.6).

A message between two replicas is authenticated by the world: the `sender` a handler is given is who
really sent it. A signature *inside* a message is for third parties. Requests, the three votes,
checkpoints, view-changes and new-views are shown to others later, as part of a certificate, by
relay or as evidence, so they are signed; replies and what merely asks for or repeats something that
carries its own proof are not.

What is signed is the canonical encoding of the kind and the fields without the signature. For votes
that is ``(kind, view, sequence, digest)`` and for checkpoints ``(kind, sequence, digest)``: the
same bytes for every signer, so a replica encodes them once and checks all votes against them.

A *batch* is what one sequence number carries: the agreed time and zero or more requests. The digest
covers both, so time is part of what is agreed on. An empty batch is the null request of 4.4.
"""

from hashlib import sha256
from typing import Literal

import msgspec

from prsm_sim.actor import Message, PeerId, Results, encode


class Request(Message, frozen=True):
    """A client asks for `operation` (section 4.1).

    Attributes:
        client: who asks and gets the replies.
        timestamp: grows with each request of this client; makes execution exactly-once.
        operation: opaque to consensus.
        signature: the client's, over `request_content`.
    """

    client: PeerId
    timestamp: int
    operation: bytes
    signature: bytes = b""


class ReadRequest(Message, frozen=True):
    """A client asks for something that changes nothing (thesis, section 5.1.3).

    Attributes:
        client: who asks and gets the replies.
        timestamp: from the same count as its requests.
        operation: opaque to consensus.
        signature: the client's, over `read_content`.
    """

    client: PeerId
    timestamp: int
    operation: bytes
    signature: bytes = b""


class Reply(Message, frozen=True):
    """A replica tells the client the result (section 4.1).

    Attributes:
        view: the replica's view, so that the client learns who is primary.
        timestamp: of the request answered.
        client: of the request answered.
        result: what the state machine returned.
        tentative: the execution may yet be undone (thesis, section 5.1.2).
        read_only: it answers a `ReadRequest` (thesis, section 5.1.3).
    """

    view: int
    timestamp: int
    client: PeerId
    result: bytes
    tentative: bool = False
    read_only: bool = False


class PrePrepare(Message, frozen=True):
    """The primary gives a batch a sequence number (section 4.2).

    Attributes:
        view: the primary's view.
        sequence: from 1.
        now_ms: the primary's clock, ms; becomes the agreed time.
        requests: the batch; empty for a null request.
        digest: of `now_ms` and `requests` (`batch_digest`).
        signature: the primary's, over `vote_content("pre-prepare", …)`.
    """

    view: int
    sequence: int
    now_ms: int
    requests: tuple[Request, ...]
    digest: bytes
    signature: bytes = b""


class Prepare(Message, frozen=True):
    """A backup accepts the pre-prepare with this digest (section 4.2)."""

    view: int
    sequence: int
    digest: bytes
    signature: bytes = b""


class Commit(Message, frozen=True):
    """A replica has a prepared certificate for this digest (section 4.2)."""

    view: int
    sequence: int
    digest: bytes
    signature: bytes = b""


class Checkpoint(Message, frozen=True):
    """A replica has executed up to `sequence` and its state has this digest (section 4.3).

    Attributes:
        sequence: a multiple of the checkpoint interval.
        digest: `state_digest` of the whole state.
        signature: the replica's, over `checkpoint_content`.
    """

    sequence: int
    digest: bytes
    signature: bytes = b""


class StableProof(msgspec.Struct, frozen=True, gc=False):
    """Proof to anyone that a checkpoint is stable: checkpoints of q distinct replicas (4.3).

    Attributes:
        sequence: the last sequence number whose effects the checkpoint contains.
        digest: of the state.
        signatures: the replicas and their signatures over the matching checkpoint.
    """

    sequence: int
    digest: bytes
    signatures: tuple[tuple[PeerId, bytes], ...]


class Certificate(msgspec.Struct, frozen=True, gc=False):
    """Proof to anyone that a batch prepared: a pre-prepare and q - 1 prepares of distinct backups.

    Attributes:
        pre_prepare: signed by the primary of its view.
        prepares: the backups and their signatures over the matching prepare.
    """

    pre_prepare: PrePrepare
    prepares: tuple[tuple[PeerId, bytes], ...]


class ViewChange(Message, frozen=True):
    """A replica wants to move to `view` and shows what it has prepared (section 4.4).

    Attributes:
        view: the view to move to.
        replica: who wants it; the message may be relayed inside a `NewView`.
        low: sequence number of the last stable checkpoint this replica knows.
        prepared: the set P: one certificate a sequence number above `low`, ascending.
        signature: the replica's, over `view_change_content`.
        stable: the set C: proof that the checkpoint at `low` is stable; None if `low` is 0.
    """

    view: int
    replica: PeerId
    low: int
    prepared: tuple[Certificate, ...]
    signature: bytes = b""
    stable: StableProof | None = None


class NewView(Message, frozen=True):
    """The primary of `view` starts it (section 4.4).

    Attributes:
        view: the new view.
        view_changes: the set V, of q distinct replicas.
        pre_prepares: the set O, which every backup recomputes from V.
        signature: the new primary's, over `new_view_content`.
    """

    view: int
    view_changes: tuple[ViewChange, ...]
    pre_prepares: tuple[PrePrepare, ...]
    signature: bytes = b""


class Fetch(Message, frozen=True):
    """A replica that makes no progress says where it stands and asks for what it lacks.

    Attributes:
        view: the view it is in or moving to.
        active: whether it takes part in that view (False: it waits for the new-view).
        executed: the last sequence number it has executed.
        low: the last checkpoint that is stable for it.
    """

    view: int
    active: bool
    executed: int
    low: int = 0


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One executed batch, as the journal and the catch-up know it."""

    sequence: int
    now_ms: int
    requests: tuple[Request, ...]


class Entries(Message, frozen=True):
    """A replica's answer to `Fetch`: batches it has executed, ascending. Proof takes f + 1."""

    entries: tuple[Entry, ...]


class Stable(Message, frozen=True):
    """A replica's answer to a `Fetch` that shows an older stable checkpoint than its own."""

    proof: StableProof


class FetchState(Message, frozen=True):
    """A replica asks for the state at a stable checkpoint (section 4.6), piece by piece.

    Attributes:
        proof: which checkpoint; a later stable one will do as well.
        piece: the index of the piece it lacks.
    """

    proof: StableProof
    piece: int


class StatePiece(Message, frozen=True):
    """A piece of the state at a stable checkpoint, each provable by itself (section 4.6).

    Attributes:
        proof: which checkpoint, and that it is stable.
        digests: of all the pieces, in order; `pieces_digest` of them is ``proof.digest``.
        piece: the index of this one.
        content: its bytes.
    """

    proof: StableProof
    digests: tuple[bytes, ...]
    piece: int
    content: bytes


VoteKind = Literal["pre-prepare", "prepare", "commit"]


def request_content(client: PeerId, timestamp: int, operation: bytes) -> bytes:
    """The bytes that a client signs."""
    return encode(("request", client, timestamp, operation))


def read_content(request: ReadRequest) -> bytes:
    """The bytes that a client signs in a read; they are no request's, so it is never ordered."""
    return encode(("read", request.client, request.timestamp, request.operation))


def vote_content(kind: VoteKind, view: int, sequence: int, digest: bytes) -> bytes:
    """The bytes that a primary (pre-prepare), a backup (prepare) or a replica (commit) signs."""
    return encode((kind, view, sequence, digest))


def checkpoint_content(sequence: int, digest: bytes) -> bytes:
    """The bytes that a replica signs in a checkpoint."""
    return encode(("checkpoint", sequence, digest))


PIECE_BYTES = 1 << 18
"""Size of the pieces in which a state travels; a piece and its proof fit into one wire message."""


def split_state(state: bytes) -> tuple[bytes, ...]:
    """The pieces of an encoded state, each of `PIECE_BYTES` but the last."""
    return tuple(state[at : at + PIECE_BYTES] for at in range(0, len(state), PIECE_BYTES))


def pieces_digest(digests: tuple[bytes, ...]) -> bytes:
    """Digest of a state, from the digests of its pieces."""
    return sha256(encode(("state", digests))).digest()


def state_digest(state: bytes) -> bytes:
    """Digest of an encoded state: of its pieces' digests, so that each piece can be checked."""
    return pieces_digest(tuple(sha256(piece).digest() for piece in split_state(state)))


_digests: Results[tuple[Request, ...], tuple[int, bytes]] = Results()
"""Digests of batches, and for which agreed time."""


def batch_digest(now_ms: int, requests: tuple[Request, ...]) -> bytes:
    """SHA-256 over the agreed time and what the clients signed (their signatures excluded)."""
    known = _digests.of(requests)
    if known is not None and known[0] == now_ms:
        return known[1]
    content = [(one.client, one.timestamp, one.operation) for one in requests]
    digest = sha256(encode(("batch", now_ms, content))).digest()
    if requests:  # there is but one empty tuple, and it is no particular batch
        _digests.keep(requests, (now_ms, digest))
    return digest


NULL_DIGEST = batch_digest(0, ())
"""Digest of the null request."""


def view_change_content(message: ViewChange) -> bytes:
    """The bytes that a replica signs in a view-change."""
    return encode(
        (
            "view-change",
            message.view,
            message.replica,
            message.low,
            message.prepared,
            message.stable,
        )
    )


def new_view_content(message: NewView) -> bytes:
    """The bytes that a new primary signs; the view-changes and pre-prepares are signed already."""
    voters = [(one.replica, one.signature) for one in message.view_changes]
    votes = [(one.sequence, one.digest) for one in message.pre_prepares]
    return encode(("new-view", message.view, voters, votes))
