"""Evidence: two messages signed by one replica that no correct replica signs both.

PBFT's proof of safety rests on what a correct replica never does (OSDI 1999, sections 4.2 to 4.4).
Each such promise is a predicate on two signed messages, so whoever holds both can convince a third
party that knows nothing but the committee and its public keys: neither order, time nor the word of
the accuser matters. The promises, by the `kind` of the evidence:

- ``votes``: all that a replica signs for one view and sequence number (pre-prepare, prepare,
  commit) names one digest. It prepares the one pre-prepare it accepted, and commits what it
  prepared (4.2).
- ``roles``: in one view a replica signs pre-prepares or prepares, not both: the primary sends no
  prepare (4.2).
- ``checkpoint``: after one sequence number it has one state (4.3).
- ``new-view``: it starts a view once, with one V and one O (4.4).
- ``omission``: who committed a batch holds its certificate, and shows it, or that of a later view,
  in each later view-change above whose low watermark the batch lies (4.4). Agreement across views
  hangs on nothing else.

Why a correct replica cannot be framed: it writes what it is about to say before it says it
(`durable`), so a crash does not make it break a promise; and nobody else can sign for it. Two
view-changes for one view are no evidence: a replica that restarts may know a later stable
checkpoint and say so.

Evidence has one form. Pre-prepares are reduced to what their signature covers, the two messages are
in the order of their bytes, and every encoding must be the canonical one; so the same contradiction
cannot be presented twice in different clothes. `offence` names what was done, for those who punish
each offence once: three stories about one vote are three pieces of evidence, but one offence.
"""

from collections.abc import Callable

import msgspec

from agents.consensus.messages import (
    Checkpoint,
    Commit,
    NewView,
    Prepare,
    PrePrepare,
    ViewChange,
    checkpoint_content,
    new_view_content,
    view_change_content,
    vote_content,
)
from agents.consensus.rules import Committee
from prsm_sim.actor import Codec, PeerId, RemoteProtocolError, decode, encode

Vote = PrePrepare | Prepare | Commit
Signed = PrePrepare | Prepare | Commit | Checkpoint | ViewChange | NewView
"""What a replica signs."""

Verify = Callable[[PeerId, bytes, bytes], bool]
"""``verify(signer, payload, signature)``: whether `signer` signed exactly these bytes."""

_codec: Codec[Signed] = Codec((PrePrepare, Prepare, Commit, Checkpoint, ViewChange, NewView))


class Evidence(msgspec.Struct, frozen=True):
    """Two signed messages that convict their signer; `verify_evidence` says whether they do.

    Attributes:
        accused: the replica that signed both.
        kind: which promise it broke: votes, roles, checkpoint, new-view or omission.
        first: one message, reduced and encoded; the lesser in the order of the bytes.
        second: the other.
    """

    accused: PeerId
    kind: str
    first: bytes
    second: bytes


def encode_evidence(evidence: Evidence) -> bytes:
    """Evidence as bytes, to be sent, stored or put into an operation."""
    return encode(evidence)


def decode_evidence(payload: bytes) -> Evidence:
    """Evidence from bytes; whether it convicts anyone is for `verify_evidence` to say.

    Raises:
        RemoteProtocolError: the bytes are no evidence, or not in the canonical encoding.
    """
    evidence: Evidence = decode(payload, Evidence)
    if encode(evidence) != payload:
        raise RemoteProtocolError("evidence is not in its canonical encoding")
    return evidence


def accuse(accused: PeerId, first: Signed, second: Signed) -> Evidence | None:
    """The evidence that two messages of `accused` make, or None if they do not contradict.

    Args:
        accused: who signed both; the signatures are not checked here.
        first: a message of its.
        second: another; their order does not matter.
    """
    kind = contradiction(first, second)
    if kind is None:
        return None
    lesser, greater = sorted((encode(_reduced(first)), encode(_reduced(second))))
    return Evidence(accused, kind, lesser, greater)


def verify_evidence(verify: Verify, committee: Committee, evidence: Evidence) -> str | None:
    """Whether evidence convicts the accused, judged by public keys alone.

    Args:
        verify: checks one signature.
        committee: who could be accused.
        evidence: from anyone.

    Returns:
        None if it does; otherwise why not, in one line.
    """
    accused = evidence.accused
    if accused not in committee.member_set:
        return f"the accused {accused!r} is no member of the committee"
    if evidence.first == evidence.second:
        return "both messages are the same"
    if evidence.first > evidence.second:
        return "the messages are not in the order of their bytes"
    messages: list[Signed] = []
    for name, payload in (("first", evidence.first), ("second", evidence.second)):
        try:
            message = _codec.decode(payload)
        except RemoteProtocolError as error:
            return f"the {name} message cannot be read: {error}"
        if encode(_reduced(message)) != payload:
            return f"the {name} message is not in its reduced, canonical form"
        messages.append(message)
    first, second = messages
    kind = contradiction(first, second)
    if kind is None:
        return "the messages do not contradict each other"
    if kind != evidence.kind:
        return f"the messages break the promise {kind!r}, not {evidence.kind!r}"
    for name, message in (("first", first), ("second", second)):
        if isinstance(message, ViewChange) and message.replica != accused:
            return f"the {name} message is the view-change of {message.replica!r}"
        if not verify(accused, signed_content(message), message.signature):
            return f"the {name} message is not signed by {accused!r}"
    return None


def offence(evidence: Evidence) -> tuple[PeerId, str, int, int]:
    """What was done, named alike by all evidence of it: ``(accused, kind, view, sequence)``.

    View or sequence is 0 where the promise has none. Only for evidence that was verified.
    """
    first, second = (_codec.decode(one) for one in (evidence.first, evidence.second))
    commit = first if isinstance(first, Commit) else second
    match evidence.kind:
        case "omission" if isinstance(commit, Commit):
            return (evidence.accused, "omission", commit.view, commit.sequence)
        case "checkpoint" if isinstance(first, Checkpoint):
            return (evidence.accused, "checkpoint", 0, first.sequence)
        case "votes" if isinstance(first, Vote):
            return (evidence.accused, "votes", first.view, first.sequence)
    view = 0 if isinstance(first, Checkpoint) else first.view
    return (evidence.accused, evidence.kind, view, 0)


def contradiction(first: Signed, second: Signed) -> str | None:
    """Which promise two messages of one replica break together, or None."""
    match first, second:
        case (PrePrepare() | Prepare() | Commit(), PrePrepare() | Prepare() | Commit()):
            return _contradiction_of_votes(first, second)
        case Checkpoint(), Checkpoint():
            if first.sequence == second.sequence and first.digest != second.digest:
                return "checkpoint"
        case NewView(), NewView():
            if first.view == second.view and new_view_content(first) != new_view_content(second):
                return "new-view"
        case (Commit(), ViewChange()):
            return "omission" if _omits(second, first) else None
        case (ViewChange(), Commit()):
            return "omission" if _omits(first, second) else None
    return None


def _contradiction_of_votes(first: Vote, second: Vote) -> str | None:
    if first.view != second.view:
        return None
    if first.sequence == second.sequence and first.digest != second.digest:
        return "votes"
    kinds = {type(first), type(second)}
    return "roles" if kinds == {PrePrepare, Prepare} else None


def _omits(view_change: ViewChange, commit: Commit) -> bool:
    """Whether the set P leaves out what its replica committed in an earlier view (4.4)."""
    if not (commit.view < view_change.view and commit.sequence > view_change.low):
        return False
    return not any(
        one.pre_prepare.sequence == commit.sequence
        and (
            one.pre_prepare.view > commit.view
            or (one.pre_prepare.view == commit.view and one.pre_prepare.digest == commit.digest)
        )
        for one in view_change.prepared
    )


def signed_content(message: Signed) -> bytes:
    """The bytes that the message's signature covers."""
    match message:
        case PrePrepare():
            return vote_content("pre-prepare", message.view, message.sequence, message.digest)
        case Prepare():
            return vote_content("prepare", message.view, message.sequence, message.digest)
        case Commit():
            return vote_content("commit", message.view, message.sequence, message.digest)
        case Checkpoint():
            return checkpoint_content(message.sequence, message.digest)
        case ViewChange():
            return view_change_content(message)
        case NewView():
            return new_view_content(message)


def _reduced(message: Signed) -> Signed:
    """The message without what its signature does not cover; the signature stays valid."""
    match message:
        case PrePrepare():
            return msgspec.structs.replace(message, now_ms=0, requests=())
        case NewView():
            voters = tuple(
                ViewChange(message.view, one.replica, 0, (), one.signature)
                for one in message.view_changes
            )
            orders = tuple(
                PrePrepare(message.view, one.sequence, 0, (), one.digest)
                for one in message.pre_prepares
            )
            return msgspec.structs.replace(message, view_changes=voters, pre_prepares=orders)
    return message
