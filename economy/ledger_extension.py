"""The part of a ledger's bytes that not every ledger has: time, constraints, history.

It is canonical like the rest (names in order, one spelling for each amount) and absent when there
is nothing to say. What a ledger forgets by the clock must have been forgotten in the bytes too, or
a peer could send records that no replica would ever drop.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, TypeAlias

import msgspec

from economy.accounts import Standing, Status
from economy.holds import HoldState
from economy.idempotency import KeyRecord
from economy.ledger import Ledger, LedgerParameters
from economy.money import UnitsText, decode_units, encode_units
from economy.windows import end_of
from prsm_sim.actor import RemoteProtocolError

Milliseconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]


class EncodedStanding(msgspec.Struct, frozen=True, array_like=True):
    """The `Standing` of an account as it is saved."""

    account: str
    status: Status
    minimum_units: UnitsText


class EncodedHistory(msgspec.Struct, frozen=True, array_like=True):
    """The history of an account as it is saved: pairs of time in ms and units."""

    account: str
    steps: tuple[tuple[Milliseconds, UnitsText], ...]


class EncodedExtension(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What not every ledger has.

    Attributes:
        times_ms: the parameters `key_window_ms`, `hold_retention_ms` and `history_ms`.
        now_ms: the ledger's time.
        standings: of constrained accounts.
        moves: keys of refused chains of transfers, with the movement that failed, where it is not
            the first.
        history: past balances by account.
    """

    times_ms: tuple[Milliseconds, Milliseconds, Milliseconds] = (0, 0, 0)
    now_ms: Milliseconds = 0
    standings: tuple[EncodedStanding, ...] = ()
    moves: tuple[tuple[str, int], ...] = ()
    history: tuple[EncodedHistory, ...] = ()


NOTHING = EncodedExtension()


def encode_extension(ledger: Ledger) -> EncodedExtension | None:
    """The extension of `ledger`, or None if it has nothing to say."""
    standings, records = ledger.accounts.standings, ledger.keys.records
    extension = EncodedExtension(
        times_ms=times(ledger.parameters),
        now_ms=ledger.now_ms,
        standings=tuple(encode_standing(name, standings[name]) for name in sorted(standings)),
        moves=tuple((key, records[key].move) for key in sorted(records) if records[key].move),
        history=tuple(
            EncodedHistory(account, tuple((ms, encode_units(units)) for ms, units in steps))
            for account, steps in ledger.history or ()
        ),
    )
    return None if extension == NOTHING else extension


def restore_extension(
    ledger: Ledger, extension: EncodedExtension | None, records: dict[str, KeyRecord]
) -> str | None:
    """Give `ledger`, whose holds are loaded, its keys and what the extension says.

    Args:
        ledger: its parameters are those of the extension.
        extension: decoded against its type.
        records: of the keys, without the movements that failed.

    Returns:
        What is wrong with it, or None.

    Raises:
        RemoteProtocolError: names are out of order.
    """
    if extension == NOTHING:
        return "an extension says nothing"
    state = NOTHING if extension is None else extension
    require_order("standing", [standing.account for standing in state.standings])
    require_order("movement", [key for key, _ in state.moves])
    require_order("history", [history.account for history in state.history])
    for key, move in state.moves:
        record = records.get(key)
        if record is None or record.refusal is None or move <= 0:
            return f"key {key!r} cannot have failed at movement {move}"
        records[key] = record._replace(move=move)
    ledger.now_ms = state.now_ms
    remembered = _why_not_remember(ledger, records)
    if remembered is not None:
        return remembered
    ledger.keys.load(records)
    ledger.accounts.load(
        {s.account: Standing(s.status, decode_units(s.minimum_units)) for s in state.standings}
    )
    ledger.reconsider()
    if ledger.history is None:
        return "there is a history where none is kept" if state.history else None
    return ledger.history.load(
        (
            (history.account, tuple((ms, decode_units(units)) for ms, units in history.steps))
            for history in state.history
        ),
        state.now_ms,
    )


def _why_not_remember(ledger: Ledger, records: dict[str, KeyRecord]) -> str | None:
    """The first key or hold that the ledger would have forgotten or never made, or None."""
    now_ms, parameters = ledger.now_ms, ledger.parameters
    if now_ms and not parameters.keeps_time:
        return f"it keeps no time, and yet it is {now_ms} ms"
    if parameters.key_window_ms:
        for key in records:
            ends_at_ms = end_of(key)
            if ends_at_ms is None or not now_ms < ends_at_ms <= now_ms + parameters.key_window_ms:
                return f"key {key!r} does not end within the window"
    if parameters.hold_retention_ms:
        for hold in ledger.book.holds.values():
            forgotten_ms = hold.expires_at_ms + parameters.hold_retention_ms
            is_over = hold.state is not HoldState.PENDING and forgotten_ms <= now_ms
            if is_over or end_of(hold.name) != hold.expires_at_ms:
                return f"hold {hold.name!r} would have been forgotten or never made"
    return None


def times(parameters: LedgerParameters) -> tuple[int, int, int]:
    """The parameters that say how long the ledger remembers, as they are saved."""
    return parameters.key_window_ms, parameters.hold_retention_ms, parameters.history_ms


def has_times(extension: EncodedExtension | None, parameters: LedgerParameters) -> bool:
    """Whether the extension is of a ledger that remembers as long as `parameters` say."""
    return (NOTHING if extension is None else extension).times_ms == times(parameters)


def encode_standing(account: str, standing: Standing) -> EncodedStanding:
    """The constraints on `account` as they are saved."""
    return EncodedStanding(account, standing.status, encode_units(standing.minimum_units))


def require_order(what: str, names: Sequence[str]) -> None:
    """Each name greater than the one before: sorted, and none twice.

    Raises:
        RemoteProtocolError: they are not.
    """
    for earlier, later in pairwise(names):
        if earlier >= later:
            raise RemoteProtocolError(f"restored ledger: {what} {later!r} is out of order")
