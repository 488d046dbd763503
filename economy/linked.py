"""Linked transfers: a sequence of movements that is done as a whole or not at all.

Exchanges and settlements move money both ways, and half of one is a theft. A chain is judged on a
tentative copy of the balances it names, one movement after the other, so that what an early one
brings a later one can spend; the ledger is written only once every movement has passed. The first
one that fails names the refusal of the whole, with its index (TigerBeetle's linked events give the
same guarantee; there a chain is rolled back, here nothing is done that would need to be).

The rules are those of a single transfer, in the same order.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from economy.accounts import AccountBook
from economy.refusals import Refusal

Move: TypeAlias = tuple[str, str, int]
"""Payer, payee and units."""


class LinkedRefusal(NamedTuple):
    """Why a chain of transfers was not done.

    Attributes:
        refusal: the reason.
        move: the first movement that cannot be done, from 0; None if the call itself is refused.
    """

    refusal: Refusal
    move: int | None


def why_not_move(
    balances: Mapping[str, int], accounts: AccountBook, payer: str, payee: str, units: int
) -> Refusal | None:
    """Why `units` cannot be moved from `payer` to `payee`, or None."""
    if units <= 0:
        return Refusal.INVALID_AMOUNT
    if payer == payee:
        return Refusal.SAME_ACCOUNT
    refusal = accounts.why_not_leave(payer, balances.get(payer, 0), units)
    return accounts.why_not_enter(payee) if refusal is None else refusal


def plan(
    balances: Mapping[str, int], accounts: AccountBook, moves: Sequence[Move]
) -> dict[str, int] | LinkedRefusal:
    """The balances that `moves` would leave, or why they cannot be done.

    Args:
        balances: units by account; not changed.
        accounts: the constraints.
        moves: in the order in which they are judged.

    Returns:
        Units by account, for the accounts that are named, in the order in which they first occur.
    """
    tentative: dict[str, int] = {}
    for index, (payer, payee, units) in enumerate(moves):
        for account in (payer, payee):
            tentative.setdefault(account, balances.get(account, 0))
        refusal = why_not_move(tentative, accounts, payer, payee, units)
        if refusal is not None:
            return LinkedRefusal(refusal, index)
        tentative[payer] -= units
        tentative[payee] += units
    return tentative
