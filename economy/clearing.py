"""The day of a mark: who pays whom, who is liquidated, and who bears it when money is missing.

*Default waterfall*, when a loss is greater than the margin behind it:

1. the margin of the position itself;
2. the insurance account, as far as it goes; liquidation fees fill it, and whoever transfers to it;
3. the gains of that mark are cut in proportion to themselves ("variation margin gains
   haircutting", ISDA 2013; `split`, so the cuts add up exactly). No one loses what he had before.

A position below maintenance is *liquidated*: it ends at the mark, pays a fee to the insurance as
far as its margin goes, and its owner gets the rest. Its contracts need someone else to end with, or
longs and shorts would no longer be equal. Those of liquidated longs end against liquidated shorts;
what is left ends against the other side in proportion to its positions ("partial tear-up",
CPMI-IOSCO 2014). At the mark that costs its owners nothing but the position, and it always works,
with no one willing to trade.

These functions change positions and say what money has to move; the clearing house moves it.
"""

import msgspec

from economy.futures_state import Position, Series, margin_units
from economy.money import split


class Variation(msgspec.Struct, frozen=True):
    """Who bore the gains of a mark.

    Attributes:
        collected_units: paid by losing positions out of their margins.
        insured_units: to be paid by the insurance account.
        haircut_units: by which gains were cut.
    """

    collected_units: int
    insured_units: int
    haircut_units: int


class Liquidation(msgspec.Struct, frozen=True):
    """A position that was ended for lack of margin.

    Attributes:
        account: whose it was.
        quantity: contracts, negative if sold.
        fee_units: of its margin, to the insurance.
        returned_units: of its margin, to the account.
    """

    account: str
    quantity: int
    fee_units: int
    returned_units: int


class Marked(msgspec.Struct, frozen=True):
    """What a mark did.

    Attributes:
        variation: who bore the gains.
        liquidated: positions ended for lack of margin, by account.
        torn_up: accounts and the contracts they lost because the other side was liquidated.
    """

    variation: Variation
    liquidated: tuple[Liquidation, ...]
    torn_up: tuple[tuple[str, int], ...]


def vary(series: Series, price_units: int, insurance_units: int) -> Variation:
    """Move the gains of a mark between the margins, by the waterfall.

    Args:
        series: its positions change, its mark does not.
        price_units: the new mark.
        insurance_units: what the insurance account has.
    """
    move_units = price_units - series.mark_units
    winners: list[Position] = []
    gains: list[int] = []
    collected_units = 0
    for account in sorted(series.positions):
        position = series.positions[account]
        gain_units = position.quantity * move_units
        if gain_units > 0:
            winners.append(position)
            gains.append(gain_units)
        else:
            paid_units = min(position.margin_units, -gain_units)
            position.margin_units -= paid_units
            collected_units += paid_units
    lacking_units = sum(gains) - collected_units
    insured_units = min(lacking_units, insurance_units)
    haircut_units = lacking_units - insured_units
    cuts = split(haircut_units, gains) if gains else ()
    for position, gain_units, cut_units in zip(winners, gains, cuts, strict=True):
        position.margin_units += gain_units - cut_units
    return Variation(collected_units, insured_units, haircut_units)


def liquidate(series: Series, maintenance_margin_ppm: int, fee_ppm: int) -> tuple[Liquidation, ...]:
    """Take out the positions below maintenance at the present mark, by account."""
    ended = []
    for account in sorted(series.positions):
        position = series.positions[account]
        quantity, mark_units = position.quantity, series.mark_units
        if position.margin_units < margin_units(quantity, mark_units, maintenance_margin_ppm):
            fee_units = min(position.margin_units, margin_units(quantity, mark_units, fee_ppm))
            del series.positions[account]
            ended.append(
                Liquidation(account, quantity, fee_units, position.margin_units - fee_units)
            )
    return tuple(ended)


def tear_up(series: Series) -> tuple[tuple[str, int], ...]:
    """Make longs and shorts equal again by ending contracts of the side that has more.

    Returns:
        Accounts and the contracts they lost, negative if sold. A position may be left with none.
    """
    positions = series.positions
    excess = sum(position.quantity for position in positions.values())
    if not excess:
        return ()
    larger = [account for account in sorted(positions) if positions[account].quantity * excess > 0]
    shares = split(abs(excess), [abs(positions[account].quantity) for account in larger])
    torn_up = []
    for account, share in zip(larger, shares, strict=True):
        if share:
            lost = share if excess > 0 else -share
            positions[account].quantity -= lost
            torn_up.append((account, lost))
    return tuple(torn_up)
