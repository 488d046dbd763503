"""What a replica must not forget, so that a crash never makes it contradict itself.

PBFT assumes that replicas remember. A replica that forgot would vote twice for one sequence number
and count as Byzantine, and one power failure would cost all of f. So each vote is written and
synced *before* it is sent: the pre-prepare it rests on (which implies the own prepare), the
prepared certificate (which implies the own commit), the view, and every executed batch. Signatures
are deterministic, so a restarted replica repeats its votes instead of making others.

A record is written under a key of its own and never overwritten by another, so a torn write damages
only a record that no message relied on; such a record is skipped.
"""

from typing import TypeVar

import msgspec

from agents.consensus.messages import Certificate, Entry, NewView, PrePrepare
from prsm_sim.actor import Context, RemoteProtocolError, decode, encode

T = TypeVar("T")

_STATE = "state"
_NEW_VIEW = "new-view"
_PRE_PREPARE = "pre-prepare"
_PREPARED = "prepared"
_ENTRY = "entry"


class ViewRecord(msgspec.Struct, frozen=True):
    """Which view a replica is in, and whether that view has started for it."""

    view: int
    active: bool


class Recovered(msgspec.Struct):
    """All that the store remembers."""

    position: ViewRecord
    new_view: NewView | None
    journal: list[Entry]
    pre_prepares: list[PrePrepare]
    certificates: list[Certificate]


def write_view(ctx: Context, view: int, active: bool) -> None:
    """Remember the view. Synced."""
    ctx.store.put(_STATE, encode(ViewRecord(view, active)))
    ctx.store.sync()


def write_new_view(ctx: Context, new_view: NewView) -> None:
    """Remember how the current view began, for those who missed it."""
    ctx.store.put(_NEW_VIEW, encode(new_view))


def write_pre_prepare(ctx: Context, pre_prepare: PrePrepare) -> None:
    """Remember an accepted pre-prepare. Synced."""
    key = f"{_PRE_PREPARE}/{pre_prepare.view}/{pre_prepare.sequence}"
    ctx.store.put(key, encode(pre_prepare))
    ctx.store.sync()


def write_certificate(ctx: Context, certificate: Certificate) -> None:
    """Remember that a slot prepared; its pre-prepare is written already. Synced."""
    pre_prepare = certificate.pre_prepare
    key = f"{_PREPARED}/{pre_prepare.view}/{pre_prepare.sequence}"
    ctx.store.put(key, encode(certificate.prepares))
    ctx.store.sync()


def write_entry(ctx: Context, entry: Entry) -> None:
    """Remember an executed batch; durable after the next sync."""
    ctx.store.put(f"{_ENTRY}/{entry.sequence}", encode(entry))


def read_all(ctx: Context, position: bytes) -> Recovered:
    """Read everything back.

    Args:
        ctx: whose store to read.
        position: what was under ``"state"``.
    """
    view = decode(position, ViewRecord)
    pre_prepares: dict[tuple[int, int], PrePrepare] = {}
    votes: dict[tuple[int, int], bytes] = {}
    entries: dict[int, Entry] = {}
    keys = ctx.store.keys()
    for key in keys:
        kind, _, rest = key.partition("/")
        value = ctx.store.get(key)
        if value is None or not rest:
            continue
        numbers = tuple(int(part) for part in rest.split("/") if part.isdecimal())
        if kind == _PRE_PREPARE and len(numbers) == 2:
            record = _whole(value, PrePrepare)
            if record is not None:
                pre_prepares[numbers[0], numbers[1]] = record
        elif kind == _PREPARED and len(numbers) == 2:
            votes[numbers[0], numbers[1]] = value
        elif kind == _ENTRY and len(numbers) == 1:
            entry = _whole(value, Entry)
            if entry is not None:
                entries[entry.sequence] = entry
    return Recovered(
        position=view,
        new_view=_whole(ctx.store.get(_NEW_VIEW) or b"", NewView),
        journal=_gapless(entries),
        pre_prepares=[pre_prepares[key] for key in sorted(pre_prepares)],
        certificates=_certificates(pre_prepares, votes),
    )


def _gapless(entries: dict[int, Entry]) -> list[Entry]:
    journal: list[Entry] = []
    while (entry := entries.get(len(journal) + 1)) is not None:
        journal.append(entry)
    return journal


def _certificates(
    pre_prepares: dict[tuple[int, int], PrePrepare], votes: dict[tuple[int, int], bytes]
) -> list[Certificate]:
    """Certificates in ascending order of view, so that the last of a sequence is its highest."""
    found: list[Certificate] = []
    for key in sorted(votes):
        pre_prepare = pre_prepares.get(key)
        prepares = _whole(votes[key], tuple[tuple[str, bytes], ...])
        if pre_prepare is not None and prepares is not None:
            found.append(Certificate(pre_prepare, prepares))
    return found


def _whole(value: bytes, as_type: type[T]) -> T | None:
    """The record, or None if it was torn before it was ever relied on."""
    try:
        record: T = decode(value, as_type)
    except RemoteProtocolError:
        return None
    return record
