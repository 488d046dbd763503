"""FTNS as integers: parsing, printing, splitting, and the form that money takes in a message.

A token amount is a whole number of *units*, 10^18 to one FTNS (the 18 decimals of an ERC-20 token,
EIP-20), so that every sum is exact and a share that does not divide evenly is a decision made here
and not a rounding accident. `split` gives whole shares that add up to the whole by the method of
largest remainders (Hamilton's apportionment): each share is rounded down, then the units left over
go, one each, to the largest remainders. No share is more than one unit from its exact value.

A billion FTNS is 10^27 units, which no 64-bit integer of MessagePack can hold. In messages, facts
and snapshots money therefore travels as `UnitsText`, a canonical decimal string; one amount has one
spelling, so equal messages have equal bytes.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias

from msgspec import Meta

from prsm_sim.actor import UserError

DECIMALS: Final = 18
UNITS_PER_FTNS: Final = 10**DECIMALS

UNITS_DIGITS: Final = 39
"""Most digits of a `UnitsText`: far above any supply, and short enough to parse at once."""

UnitsText: TypeAlias = Annotated[
    str, Meta(pattern=rf"^(0|[1-9][0-9]{{0,{UNITS_DIGITS - 1}}})\Z", max_length=UNITS_DIGITS)
]
"""An amount on a wire: units in canonical decimal, such as ``"100000000000000000"``; never < 0."""

_FTNS_TEXT: Final = re.compile(rf"([0-9]{{1,{UNITS_DIGITS}}})(?:\.([0-9]{{1,{DECIMALS}}}))?")


def ftns(text: str) -> int:
    """The units of an amount written in FTNS: ``ftns("0.1") == 10**17``.

    Args:
        text: digits, with at most 18 of them behind a point.

    Raises:
        UserError: it is not such a number; floats are refused so that no amount is ever inexact.
    """
    match = _FTNS_TEXT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise UserError(
            f"amount {text!r} is not a number of FTNS; "
            f"write a decimal string with at most {DECIMALS} decimals, such as '0.1'"
        )
    whole, decimals = match.group(1), match.group(2) or ""
    return int(whole) * UNITS_PER_FTNS + int(decimals.ljust(DECIMALS, "0"))


def format_ftns(units: int) -> str:
    """`units` written in FTNS, exactly and without trailing zeros; the inverse of `ftns`."""
    sign = "-" if units < 0 else ""
    whole, decimals = divmod(abs(units), UNITS_PER_FTNS)
    fraction = str(decimals).rjust(DECIMALS, "0").rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def encode_units(units: int) -> UnitsText:
    """`units` (≥ 0) as they travel in messages, facts and snapshots."""
    assert 0 <= units < 10**UNITS_DIGITS, f"{units} units cannot travel in a message"
    return str(units)


def decode_units(text: UnitsText) -> int:
    """The units in a `UnitsText` that was decoded against its type."""
    return int(text)


def split(amount_units: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Share `amount_units` in proportion to `weights`, in whole units that add up exactly.

    Args:
        amount_units: what to share, ≥ 0.
        weights: at least one positive integer; zeros get nothing.

    Returns:
        One share a weight, in the same order. Units left over go to the largest remainders; among
        equal remainders to the first.
    """
    total_weight = sum(weights)
    assert amount_units >= 0, f"cannot split {amount_units} units"
    assert total_weight > 0, "cannot split by weights that add up to nothing"
    assert min(weights) >= 0, "a weight is negative"
    shares = []
    remainders = []
    for weight in weights:
        share, remainder = divmod(amount_units * weight, total_weight)
        shares.append(share)
        remainders.append(remainder)
    left_over = amount_units - sum(shares)
    by_remainder = sorted(range(len(shares)), key=remainders.__getitem__, reverse=True)
    for index in by_remainder[:left_over]:
        shares[index] += 1
    return tuple(shares)
