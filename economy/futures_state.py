"""Series and positions of the clearing house: what they are, what must hold of them, their bytes.

The encoding is canonical: series and positions in name order, amounts as text, and the sign of a
position as the side it is on.
"""

from typing import Final

import msgspec

from economy.claims import Claims, decode_claims
from economy.money import UnitsText, decode_units, encode_units
from prsm_sim.actor import RemoteProtocolError, decode, encode

FORMAT_VERSION: Final = 1
PPM: Final = 1_000_000


class Position(msgspec.Struct):
    """What an account has in one series.

    Attributes:
        quantity: contracts bought less contracts sold; never 0 in the books.
        margin_units: money behind it, ≥ 0.
    """

    quantity: int
    margin_units: int


class Series(msgspec.Struct):
    """Contracts that deliver at one time.

    Attributes:
        name: unique in its clearing house.
        delivers_at_ms: ledger time of delivery; trading ends then.
        mark_units: price of a contract at the latest mark.
        marked_at_ms: ledger time of the latest mark, or of the opening.
        settled: whether it is over.
        positions: by account.
    """

    name: str
    delivers_at_ms: int
    mark_units: int
    marked_at_ms: int
    settled: bool = False
    positions: dict[str, Position] = msgspec.field(default_factory=dict)


class EncodedPosition(msgspec.Struct, frozen=True, array_like=True):
    """A `Position` as it is saved, with its account."""

    account: str
    is_long: bool
    quantity: UnitsText
    margin_units: UnitsText


class EncodedSeries(msgspec.Struct, frozen=True, array_like=True):
    """A `Series` as it is saved."""

    name: str
    delivers_at_ms: int
    mark_units: UnitsText
    marked_at_ms: int
    settled: bool
    positions: tuple[EncodedPosition, ...]


class EncodedFutures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The state of a clearing house as it is saved."""

    version: int
    series: tuple[EncodedSeries, ...]
    claims: tuple[tuple[str, UnitsText], ...]


def margin_units(quantity: int, price_units: int, rate_ppm: int) -> int:
    """`rate_ppm` of the value of so many contracts at this price, in units, rounded up."""
    return -(-abs(quantity) * price_units * rate_ppm // PPM)


def audit_series(series: Series, maintenance_margin_ppm: int) -> str | None:
    """Check one series from scratch; returns what is wrong, or None."""
    positions = series.positions
    if sum(position.quantity for position in positions.values()):
        return f"series {series.name!r} has not as many longs as shorts"
    if series.settled and positions:
        return f"series {series.name!r} was settled and has positions"
    for account, position in positions.items():
        least_units = margin_units(position.quantity, series.mark_units, maintenance_margin_ppm)
        if not position.quantity or position.margin_units < least_units:
            return f"series {series.name!r}: {account!r} has {position}, less than maintenance"
    return None


def encode_futures(series: dict[str, Series], claims: Claims) -> bytes:
    """The state of a clearing house as canonical bytes."""
    return encode(
        EncodedFutures(
            version=FORMAT_VERSION,
            series=tuple(_encode_series(series[name]) for name in sorted(series)),
            claims=claims.encode(),
        )
    )


def decode_futures(encoded: bytes) -> tuple[dict[str, Series], Claims]:
    """The inverse of `encode_futures`.

    Raises:
        RemoteProtocolError: the bytes are not those of any state.
    """
    state: EncodedFutures = decode(encoded, EncodedFutures)
    if state.version != FORMAT_VERSION:
        raise RemoteProtocolError(f"futures of format {state.version}, this is {FORMAT_VERSION}")
    series = {saved.name: _decode_series(saved) for saved in state.series}
    claims = decode_claims(state.claims)
    if encode_futures(series, claims) != encoded:
        raise RemoteProtocolError("restored futures: their bytes are not canonical")
    return series, claims


def _encode_series(series: Series) -> EncodedSeries:
    return EncodedSeries(
        name=series.name,
        delivers_at_ms=series.delivers_at_ms,
        mark_units=encode_units(series.mark_units),
        marked_at_ms=series.marked_at_ms,
        settled=series.settled,
        positions=tuple(
            EncodedPosition(
                account=account,
                is_long=position.quantity > 0,
                quantity=encode_units(abs(position.quantity)),
                margin_units=encode_units(position.margin_units),
            )
            for account, position in sorted(series.positions.items())
        ),
    )


def _decode_series(saved: EncodedSeries) -> Series:
    return Series(
        name=saved.name,
        delivers_at_ms=saved.delivers_at_ms,
        mark_units=decode_units(saved.mark_units),
        marked_at_ms=saved.marked_at_ms,
        settled=saved.settled,
        positions={
            each.account: Position(
                decode_units(each.quantity) * (1 if each.is_long else -1),
                decode_units(each.margin_units),
            )
            for each in saved.positions
        },
    )
