"""What a replica must not forget, so that a crash never makes it contradict itself.

PBFT assumes that replicas remember. A replica that forgot would vote twice for one sequence number
and count as Byzantine, and one power failure would cost all of f. So each vote is written and
synced *before* it is sent: the pre-prepare it rests on (which implies the own prepare), the
prepared certificate (which implies the own commit), the view, and every executed batch. Signatures
are deterministic, so a restarted replica repeats its votes instead of making others. A checkpoint
vote needs no record: executing the journal again yields it.

A record is written under a key of its own and never overwritten, so a torn write damages only a
record that no message relied on. Each carries a checksum, and one that does not match is skipped. A
stable checkpoint is durable before the records it replaces are
deleted, and reading takes the latest whole one, so a crash at any write leaves a store to go on
from, with at worst some records that are deleted the next time.
"""

from typing import TypeVar

import msgspec

from agents.consensus.messages import Certificate, Entry, NewView, PrePrepare, StableProof
from agents.consensus.order import Batch, order_of, sealed, unsealed
from prsm_sim.actor import Context, RemoteProtocolError, decode, encode

T = TypeVar("T")

_STATE = "state"
"""The key whose presence tells a restart from a first start."""
_VIEW = "view"
_NEW_VIEW = "new-view"
_PRE_PREPARE = "pre-prepare"
_PREPARED = "prepared"
_ENTRY = "entry"
_CHECKPOINT = "checkpoint"
_PROOF = "proof"
_BY_SEQUENCE = (_PRE_PREPARE, _PREPARED, _ENTRY, _CHECKPOINT, _PROOF)
"""Kinds of records whose key ends with the sequence number they are about."""


class ViewRecord(msgspec.Struct, frozen=True):
    """Which view a replica is in, and whether that view has started for it."""

    view: int
    active: bool


class CheckpointRecord(msgspec.Struct, frozen=True):
    """A stable checkpoint: its proof and the encoded state."""

    proof: StableProof
    state: bytes


class Recovered(msgspec.Struct):
    """All that the store remembers.

    Attributes:
        position: the view.
        new_view: how that view, or an earlier one, began.
        checkpoint: the latest stable one.
        proof: of the latest checkpoint whose state was being fetched.
        journal: what was executed since, without gaps.
        pre_prepares: those accepted, of any view, ascending by view and sequence number.
        certificates: what prepared, in the same order.
    """

    position: ViewRecord
    new_view: NewView | None
    checkpoint: CheckpointRecord | None
    proof: StableProof | None
    journal: list[Entry]
    pre_prepares: list[PrePrepare]
    certificates: list[Certificate]


def write_view(ctx: Context, view: int, active: bool) -> None:
    """Remember the view. Synced; earlier views are forgotten afterwards."""
    if ctx.store.get(_STATE) is None:
        ctx.store.put(_STATE, b"\x01")
    latest = f"{_VIEW}/{view}/{int(active)}"
    _put(ctx, latest, encode(ViewRecord(view, active)))
    ctx.store.sync()
    keys = ctx.store.keys()
    for key in keys:
        kind, _, rest = key.partition("/")
        older = kind == _NEW_VIEW and active and rest != str(view)
        if older or (kind == _VIEW and key != latest):
            ctx.store.delete(key)


def write_new_view(ctx: Context, new_view: NewView) -> None:
    """Remember how a view began, for those who missed it, before `write_view` enters it. Synced."""
    _put(ctx, f"{_NEW_VIEW}/{new_view.view}", encode(new_view))
    ctx.store.sync()


def write_pre_prepare(ctx: Context, pre_prepare: PrePrepare) -> None:
    """Remember an accepted pre-prepare. Synced."""
    store, record = ctx.store, order_of(pre_prepare).record
    store.put(f"{_PRE_PREPARE}/{pre_prepare.view}/{pre_prepare.sequence}", record)
    store.sync()


def write_certificate(ctx: Context, certificate: Certificate) -> None:
    """Remember that a slot prepared; its pre-prepare is written already. Synced."""
    pre_prepare, store = certificate.pre_prepare, ctx.store
    key = f"{_PREPARED}/{pre_prepare.view}/{pre_prepare.sequence}"
    store.put(key, sealed(encode(certificate.prepares)))
    store.sync()


def write_entry(ctx: Context, batch: Batch) -> None:
    """Remember an executed batch. Synced."""
    store = ctx.store
    store.put(f"{_ENTRY}/{batch.entry.sequence}", batch.record)
    store.sync()


def write_checkpoint(ctx: Context, proof: StableProof, state: bytes) -> None:
    """Remember a stable checkpoint: everything written before it, and itself, is durable then."""
    _put(ctx, f"{_CHECKPOINT}/{proof.sequence}", encode(CheckpointRecord(proof, state)))
    ctx.store.sync()


def write_proof(ctx: Context, proof: StableProof) -> None:
    """Remember that a checkpoint is stable whose state is still to come: it is the low watermark.

    Synced: what this replica votes for beyond it must not be refused to it after a crash.
    """
    _put(ctx, f"{_PROOF}/{proof.sequence}", encode(proof))
    ctx.store.sync()


def discard_records(ctx: Context, stable: int) -> None:
    """Forget what a durable stable checkpoint replaces: all up to it, and earlier checkpoints."""
    limits = dict.fromkeys(_BY_SEQUENCE, stable)
    limits[_CHECKPOINT] = stable - 1
    store = ctx.store
    delete, keys = store.delete, store.keys()
    latest, limit = "", -1
    for key in keys:  # sorted, so that those of one path follow each other
        path, _, sequence = key.rpartition("/")
        if path != latest:
            latest, limit = path, limits.get(path.partition("/")[0], -1)
        if limit >= 0 and sequence.isdecimal() and int(sequence) <= limit:
            delete(key)


def read_all(ctx: Context) -> Recovered:
    """Read everything back.

    If no record of the view is whole, which takes a decayed disk, the view after the latest that
    any other record shows is taken, as one that has not started: the replica may have left it.
    """
    memory = _Memory()
    keys = ctx.store.keys()
    for key in keys:
        kind, _, rest = key.partition("/")
        numbers = tuple(int(part) for part in rest.split("/") if part.isdecimal())
        value = ctx.store.get(key) if numbers else None
        if value is not None:
            memory.read(kind, numbers, value)
    pre_prepares, new_views, checkpoints = memory.pre_prepares, memory.new_views, memory.checkpoints
    checkpoint = checkpoints[max(checkpoints)] if checkpoints else None
    new_view = new_views[max(new_views)] if new_views else None
    if memory.positions:
        position = max(memory.positions, key=lambda one: (one.view, one.active))
    else:
        position = ViewRecord(max([*new_views, *(view for view, _ in pre_prepares), 0]) + 1, False)
    if position.view > 0 and position.view not in new_views:
        position = ViewRecord(position.view, False)
    return Recovered(
        position=position,
        new_view=new_view,
        checkpoint=checkpoint,
        proof=memory.proofs[max(memory.proofs)] if memory.proofs else None,
        journal=_gapless(memory.entries, 0 if checkpoint is None else checkpoint.proof.sequence),
        pre_prepares=[pre_prepares[key] for key in sorted(pre_prepares)],
        certificates=_certificates(pre_prepares, memory.votes),
    )


class _Memory:
    """The whole records of a store, by what they are about."""

    def __init__(self) -> None:
        self.positions: list[ViewRecord] = []
        self.new_views: dict[int, NewView] = {}
        self.pre_prepares: dict[tuple[int, int], PrePrepare] = {}
        self.votes: dict[tuple[int, int], tuple[tuple[str, bytes], ...]] = {}
        self.entries: dict[int, Entry] = {}
        self.checkpoints: dict[int, CheckpointRecord] = {}
        self.proofs: dict[int, StableProof] = {}

    def read(self, kind: str, numbers: tuple[int, ...], value: bytes) -> None:
        """Take in one record, if it is whole."""
        if kind == _VIEW and (position := _whole(value, ViewRecord)) is not None:
            self.positions.append(position)
        elif kind == _NEW_VIEW and (new_view := _whole(value, NewView)) is not None:
            self.new_views[new_view.view] = new_view
        elif kind == _ENTRY and (entry := _whole(value, Entry)) is not None:
            self.entries[entry.sequence] = entry
        elif kind == _CHECKPOINT and (record := _whole(value, CheckpointRecord)) is not None:
            self.checkpoints[record.proof.sequence] = record
        elif kind == _PROOF and (proof := _whole(value, StableProof)) is not None:
            self.proofs[proof.sequence] = proof
        elif kind == _PRE_PREPARE and (order := _whole(value, PrePrepare)) is not None:
            self.pre_prepares[order.view, order.sequence] = order
        elif kind == _PREPARED and len(numbers) == 2:
            prepares = _whole(value, tuple[tuple[str, bytes], ...])
            if prepares is not None:
                self.votes[numbers[0], numbers[1]] = prepares


def _gapless(entries: dict[int, Entry], after: int) -> list[Entry]:
    journal: list[Entry] = []
    while (entry := entries.get(after + len(journal) + 1)) is not None:
        journal.append(entry)
    return journal


def _certificates(
    pre_prepares: dict[tuple[int, int], PrePrepare],
    votes: dict[tuple[int, int], tuple[tuple[str, bytes], ...]],
) -> list[Certificate]:
    """Certificates in ascending order of view, so that the last of a sequence is its highest."""
    return [
        Certificate(pre_prepares[key], votes[key]) for key in sorted(votes) if key in pre_prepares
    ]


def _put(ctx: Context, key: str, payload: bytes) -> None:
    ctx.store.put(key, sealed(payload))


def _whole(value: bytes, as_type: type[T]) -> T | None:
    """The record, or None if it was torn before it was ever relied on, or has decayed."""
    payload = unsealed(value)
    if payload is None:
        return None
    try:
        record: T = decode(payload, as_type)
    except RemoteProtocolError:
        return None
    return record
