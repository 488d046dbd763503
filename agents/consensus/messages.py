"""The messages of PBFT and the bytes that are signed in them (OSDI 1999, sections 4.1 to 4.4).

A message between two replicas is authenticated by the world: the `sender` a handler is given is who
really sent it. A signature *inside* a message is for third parties. Requests, pre-prepares,
prepares, view-changes and new-views are shown to others later, as part of a certificate or by
relay, so they are signed; commits and replies are counted only by their receiver, so they are not.

What is signed is the canonical encoding of the kind and the fields without the signature. For
pre-prepares and prepares that is ``(kind, view, sequence, digest)``: the same bytes for every
signer, so a replica encodes them once a slot and checks all votes against them.

A *batch* is what one sequence number carries: the agreed time and zero or more requests. The digest
covers both, so time is part of what is agreed on. An empty batch is the null request of 4.4.
"""

from hashlib import sha256
from typing import Literal

import msgspec

from prsm_sim.actor import Message, PeerId, encode


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


class Reply(Message, frozen=True):
    """A replica tells the client the result (section 4.1).

    Attributes:
        view: the replica's view, so that the client learns who is primary.
        timestamp: of the request answered.
        client: of the request answered.
        result: what the state machine returned.
    """

    view: int
    timestamp: int
    client: PeerId
    result: bytes


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
    """

    view: int
    replica: PeerId
    low: int
    prepared: tuple[Certificate, ...]
    signature: bytes = b""


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
    """

    view: int
    active: bool
    executed: int


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One executed batch, as the journal and the catch-up know it."""

    sequence: int
    now_ms: int
    requests: tuple[Request, ...]


class Entries(Message, frozen=True):
    """A replica's answer to `Fetch`: batches it has executed, ascending. Proof takes f + 1."""

    entries: tuple[Entry, ...]


VoteKind = Literal["pre-prepare", "prepare"]


def request_content(request: Request) -> bytes:
    """The bytes that a client signs."""
    return encode(("request", request.client, request.timestamp, request.operation))


def vote_content(kind: VoteKind, view: int, sequence: int, digest: bytes) -> bytes:
    """The bytes that a primary (pre-prepare) or a backup (prepare) signs."""
    return encode((kind, view, sequence, digest))


def batch_digest(now_ms: int, requests: tuple[Request, ...]) -> bytes:
    """SHA-256 over the agreed time and what the clients signed (their signatures excluded)."""
    content = [(one.client, one.timestamp, one.operation) for one in requests]
    return sha256(encode(("batch", now_ms, content))).digest()


NULL_DIGEST = batch_digest(0, ())
"""Digest of the null request."""


def view_change_content(message: ViewChange) -> bytes:
    """The bytes that a replica signs in a view-change."""
    return encode(("view-change", message.view, message.replica, message.low, message.prepared))


def new_view_content(message: NewView) -> bytes:
    """The bytes that a new primary signs; the view-changes and pre-prepares are signed already."""
    voters = [(one.replica, one.signature) for one in message.view_changes]
    votes = [(one.sequence, one.digest) for one in message.pre_prepares]
    return encode(("new-view", message.view, voters, votes))
