"""The first day: how much FTNS there is, how much there may ever be, and who gets it."""

from collections.abc import Mapping
from typing import Final

from economy.ledger import Ledger, LedgerParameters
from economy.money import format_ftns
from prsm_sim.actor import UserError

TREASURY: Final = "treasury"
"""The account that receives what the allocations leave of the genesis amount."""


def open_ledger(
    allocations: Mapping[str, int], parameters: LedgerParameters | None = None
) -> Ledger:
    """A ledger with the genesis amount minted, and all of it allocated.

    Args:
        allocations: units by account; `TREASURY` gets what they leave over.
        parameters: the ledger's figures.

    Raises:
        UserError: an allocation is negative, they exceed the genesis amount, or that the cap.
    """
    ledger = Ledger(parameters)
    genesis_units, cap_units = ledger.parameters.genesis_units, ledger.parameters.cap_units
    rest_units = genesis_units - sum(allocations.values())
    if not 0 <= genesis_units <= cap_units:
        raise UserError(
            f"a genesis of {format_ftns(genesis_units)} FTNS is not within the cap of "
            f"{format_ftns(cap_units)}; lower genesis_units or raise cap_units"
        )
    if rest_units < 0 or min(allocations.values(), default=0) < 0:
        raise UserError(
            f"genesis allocations do not fit the genesis of {format_ftns(genesis_units)} FTNS "
            f"(left over: {format_ftns(rest_units)}); allocate less, and nothing below zero"
        )
    for account, units in (*allocations.items(), (TREASURY, rest_units)):
        if units:
            refusal = ledger.mint(account, units)
            assert refusal is None, f"genesis fits the cap, yet {refusal}"
    return ledger
