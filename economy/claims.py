"""Claims: what a mechanism owes to accounts that the ledger would not let it pay.

A market pays third parties in the middle of someone else's call: the seller whose order was
resting, the holder whose position ends. Should such a payment fail, because that account was closed
meanwhile, the call of the other must not fail with it, or one account could stop a market. The
units then stay where they are, written down as a claim, and their owner fetches them into any
account he names ("pull over push", the withdrawal pattern of Ethereum contracts).
"""

from collections.abc import Sequence

from economy.ledger import Ledger
from economy.money import UnitsText, decode_units, encode_units
from economy.refusals import Refusal


class Claims:
    """What is owed out of one account of one ledger.

    Args:
        units: by account, > 0.
    """

    __slots__ = ("units",)

    def __init__(self, units: dict[str, int] | None = None) -> None:
        self.units: dict[str, int] = {} if units is None else units

    def pay(self, ledger: Ledger, payer: str, payee: str, units: int) -> None:
        """Pay `units` (0: nothing happens); what the ledger refuses becomes a claim."""
        if units and ledger.transfer(payer, payee, units) is not None:
            self.units[payee] = self.units.get(payee, 0) + units

    def collect(self, ledger: Ledger, payer: str, claimant: str, payee: str) -> Refusal | None:
        """Pay everything that `claimant` is owed to `payee`, an account of his choice."""
        units = self.units.get(claimant, 0)
        if not units:
            return Refusal.NOTHING_TO_CLAIM
        refusal = ledger.transfer(payer, payee, units)
        if refusal is None:
            del self.units[claimant]
        return refusal

    def total_units(self) -> int:
        """All that is owed."""
        return sum(self.units.values())

    def audit(self) -> str | None:
        """What is wrong, or None."""
        for account, units in self.units.items():
            if units <= 0:
                return f"the claim of {account!r} is {units} units"
        return None

    def encode(self) -> tuple[tuple[str, UnitsText], ...]:
        """As they are saved, by account."""
        return tuple(
            (account, encode_units(units)) for account, units in sorted(self.units.items())
        )


def decode_claims(saved: Sequence[tuple[str, UnitsText]]) -> Claims:
    """The inverse of `Claims.encode`."""
    return Claims({account: decode_units(units) for account, units in saved})
