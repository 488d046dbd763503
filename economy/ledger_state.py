"""The whole ledger as bytes, and back: what a replica saves at a checkpoint or sends to another.

The encoding is canonical (accounts, holds and keys in name order, amounts as `UnitsText`), so equal
ledgers have equal bytes. Restoring trusts nothing: the bytes are decoded against their type, and
the ledger that comes out must pass its audit before anyone sees it.

What not every ledger has (`ledger_extension`) is left out where there is none of it, so a ledger
that does not use it has the bytes it would have if it did not exist.
"""

from typing import Annotated, Final, TypeAlias

import msgspec

from economy.holds import Hold, HoldState
from economy.idempotency import KeyRecord
from economy.ledger import Ledger, LedgerParameters
from economy.ledger_extension import (
    EncodedExtension,
    encode_extension,
    has_times,
    require_order,
    restore_extension,
)
from economy.money import UnitsText, decode_units, encode_units
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError, decode, encode

FORMAT_VERSION: Final = 1

Fingerprint: TypeAlias = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
"""The hash of what a key was used for."""


class EncodedHold(msgspec.Struct, frozen=True, array_like=True):
    """A `Hold` as it is saved."""

    name: str
    payer: str
    arbiter: str
    amount_units: UnitsText
    expires_at_ms: int
    state: HoldState
    posted_units: UnitsText


class EncodedKey(msgspec.Struct, frozen=True, array_like=True):
    """A `KeyRecord` as it is saved, with its key."""

    key: str
    fingerprint: Fingerprint
    refusal: Refusal | None


class EncodedLedger(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A `Ledger` as it is saved; `figures` are its first parameters, in the order of their class.

    The others are in the extension.
    """

    version: int
    figures: tuple[UnitsText, UnitsText, int]
    minted_units: UnitsText
    burned_units: UnitsText
    balances: tuple[tuple[str, UnitsText], ...]
    holds: tuple[EncodedHold, ...]
    keys: tuple[EncodedKey, ...]
    extension: EncodedExtension | None = None


def encode_ledger(ledger: Ledger) -> bytes:
    """The whole state of `ledger` as canonical bytes."""
    holds, records = ledger.book.holds, ledger.keys.records
    return encode(
        EncodedLedger(
            version=FORMAT_VERSION,
            figures=figures(ledger.parameters),
            minted_units=encode_units(ledger.minted_units),
            burned_units=encode_units(ledger.burned_units),
            balances=tuple(
                (account, encode_units(units)) for account, units in sorted(ledger.balances.items())
            ),
            holds=tuple(encode_hold(holds[name]) for name in sorted(holds)),
            keys=tuple(encode_key(key, records[key]) for key in sorted(records)),
            extension=encode_extension(ledger),
        )
    )


def restore_ledger(payload: bytes, parameters: LedgerParameters) -> Ledger:
    """The ledger that `encode_ledger` made `payload` of.

    Args:
        payload: the bytes; they may come from a peer.
        parameters: the figures that this ledger must have.

    Raises:
        RemoteProtocolError: the bytes encode no ledger, another version's, one with other
            parameters, or one that does not pass its audit.
    """
    state: EncodedLedger = decode(payload, EncodedLedger)
    if state.version != FORMAT_VERSION:
        raise RemoteProtocolError(f"ledger of format {state.version}, this is {FORMAT_VERSION}")
    if state.figures != figures(parameters) or not has_times(state.extension, parameters):
        raise RemoteProtocolError(f"ledger of other figures than {parameters}")
    require_order("account", [account for account, _ in state.balances])
    require_order("hold", [hold.name for hold in state.holds])
    require_order("key", [record.key for record in state.keys])
    ledger = Ledger(parameters)
    ledger.minted_units = decode_units(state.minted_units)
    ledger.burned_units = decode_units(state.burned_units)
    ledger.balances = {account: decode_units(units) for account, units in state.balances}
    ledger.balances_units = sum(ledger.balances.values())
    ledger.touched = dict.fromkeys(ledger.balances)
    ledger.book.load({hold.name: decode_hold(hold) for hold in state.holds})
    records = {r.key: KeyRecord(r.fingerprint, r.refusal) for r in state.keys}
    discrepancy = restore_extension(ledger, state.extension, records) or ledger.audit()
    if discrepancy is not None:
        raise RemoteProtocolError(f"restored ledger: {discrepancy}")
    return ledger


def figures(parameters: LedgerParameters) -> tuple[UnitsText, UnitsText, int]:
    """The parameters as they are saved."""
    return (
        encode_units(parameters.cap_units),
        encode_units(parameters.genesis_units),
        parameters.max_hold_ms,
    )


def encode_hold(hold: Hold) -> EncodedHold:
    """The hold as it is saved."""
    return EncodedHold(
        name=hold.name,
        payer=hold.payer,
        arbiter=hold.arbiter,
        amount_units=encode_units(hold.amount_units),
        expires_at_ms=hold.expires_at_ms,
        state=hold.state,
        posted_units=encode_units(hold.posted_units),
    )


def encode_key(key: str, record: KeyRecord) -> EncodedKey:
    """The record of an idempotency key as it is saved."""
    return EncodedKey(key=key, fingerprint=record.fingerprint, refusal=record.refusal)


def decode_hold(hold: EncodedHold) -> Hold:
    """The inverse of `encode_hold`."""
    return Hold(
        name=hold.name,
        payer=hold.payer,
        arbiter=hold.arbiter,
        amount_units=decode_units(hold.amount_units),
        expires_at_ms=hold.expires_at_ms,
        state=hold.state,
        posted_units=decode_units(hold.posted_units),
    )
