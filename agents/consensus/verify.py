"""Checks of what a third party signed (OSDI 1999, 4.3 and 4.4): proofs, certificates, V and O.

A view change moves what old views decided into the new one by proof alone, so every part is checked
by every backup: a certificate needs the primary's signature and those of q - 1 distinct backups
over one digest; V needs q distinct replicas; O must be what anyone computes from V. Signatures that
this replica checked when it received them are not checked twice.
"""

from agents.consensus.messages import (
    NULL_DIGEST,
    Certificate,
    NewView,
    PrePrepare,
    Request,
    StableProof,
    ViewChange,
    batch_digest,
    checkpoint_content,
    new_view_content,
    request_content,
    view_change_content,
    vote_content,
)
from agents.consensus.order import claims_of
from agents.consensus.rules import Committee, is_checkpoint, select_reproposals
from agents.consensus.state import ReplicaState
from prsm_sim.actor import Context


def is_valid_request(ctx: Context, request: Request) -> bool:
    """Whether the client signed this request."""
    content = request_content(request.client, request.timestamp, request.operation)
    return ctx.verify(request.client, content, request.signature)


def are_valid_requests(ctx: Context, requests: tuple[Request, ...]) -> bool:
    """Whether the client of each of these requests signed it."""
    clients, contents, signatures = claims_of(requests)
    return all(map(ctx.verify, clients, contents, signatures))


def is_signed_by_primary(ctx: Context, committee: Committee, message: PrePrepare) -> bool:
    """Whether the primary of its view signed this pre-prepare."""
    content = vote_content("pre-prepare", message.view, message.sequence, message.digest)
    return ctx.verify(committee.primary(message.view), content, message.signature)


def is_valid_certificate(ctx: Context, state: ReplicaState, certificate: Certificate) -> bool:
    """Whether the certificate proves that its batch prepared in its view."""
    committee = state.committee
    pre_prepare, prepares = certificate.pre_prepare, certificate.prepares
    primary = committee.primary(pre_prepare.view)
    backups = {backup for backup, _ in prepares}
    if primary in backups or not backups <= committee.member_set:
        return False
    if len(backups) != len(prepares) or not committee.is_prepared(len(backups)):
        return False
    slot = state.log.slots.get(pre_prepare.sequence)
    own = None if slot is None else slot.certificate
    if own is not None and own == certificate:
        return True
    known = dict(own.prepares) if own is not None and own.pre_prepare == pre_prepare else {}
    if not known:
        if batch_digest(pre_prepare.now_ms, pre_prepare.requests) != pre_prepare.digest:
            return False
        if not is_signed_by_primary(ctx, committee, pre_prepare):
            return False
    content = vote_content("prepare", pre_prepare.view, pre_prepare.sequence, pre_prepare.digest)
    return all(
        known.get(backup) == signature or ctx.verify(backup, content, signature)
        for backup, signature in prepares
    )


def is_valid_proof(ctx: Context, state: ReplicaState, proof: StableProof) -> bool:
    """Whether q distinct replicas signed this checkpoint, so that it is stable (section 4.3)."""
    if proof == state.stable:
        return True
    committee = state.committee
    signers = {signer for signer, _ in proof.signatures}
    if not is_checkpoint(proof.sequence, state.settings.checkpoint_interval):
        return False
    if len(signers) != len(proof.signatures) or not signers <= committee.member_set:
        return False
    if not committee.is_stable(len(signers)):
        return False
    content = checkpoint_content(proof.sequence, proof.digest)
    return all(ctx.verify(signer, content, signature) for signer, signature in proof.signatures)


def _is_low_proven(ctx: Context, state: ReplicaState, message: ViewChange) -> bool:
    """Whether the set C proves the stable checkpoint that a view-change starts from (4.4)."""
    if message.stable is None:
        return message.low == 0
    return message.stable.sequence == message.low and is_valid_proof(ctx, state, message.stable)


def is_valid_view_change(ctx: Context, state: ReplicaState, message: ViewChange) -> bool:
    """Whether a view-change is well formed, signed, and proves all it claims to have prepared."""
    if message.replica not in state.committee.member_set or message.view < 1:
        return False
    if message == state.view_changes.get(message.replica):
        return True
    last, high = message.low, message.low + state.settings.window
    for certificate in message.prepared:
        pre_prepare = certificate.pre_prepare
        if pre_prepare.sequence <= last or not 0 <= pre_prepare.view < message.view:
            return False
        if state.log.has_checkpoints and pre_prepare.sequence > high:
            return False
        last = pre_prepare.sequence
    if not ctx.verify(message.replica, view_change_content(message), message.signature):
        return False
    if not _is_low_proven(ctx, state, message):
        return False
    return all(is_valid_certificate(ctx, state, one) for one in message.prepared)


def is_valid_new_view(ctx: Context, state: ReplicaState, message: NewView) -> bool:
    """Whether the primary of the view signed it, V is a quorum, and O is what V demands."""
    committee = state.committee
    voters = {one.replica for one in message.view_changes}
    if len(voters) != len(message.view_changes) or len(voters) < committee.q:
        return False
    if any(one.view != message.view for one in message.view_changes):
        return False
    primary = committee.primary(message.view)
    if not ctx.verify(primary, new_view_content(message), message.signature):
        return False
    if not all(is_valid_view_change(ctx, state, one) for one in message.view_changes):
        return False
    low, choices = select_reproposals(message.view_changes)
    if len(choices) != len(message.pre_prepares):
        return False
    pairs = zip(choices, message.pre_prepares, strict=True)
    for sequence, (chosen, again) in enumerate(pairs, low + 1):
        digest = NULL_DIGEST if chosen is None else chosen.digest
        if (again.view, again.sequence, again.digest) != (message.view, sequence, digest):
            return False
        if batch_digest(again.now_ms, again.requests) != digest:
            return False
        if not is_signed_by_primary(ctx, committee, again):
            return False
    return True
