"""A base fee that finds the price by itself, after EIP-1559, and a market that burns it.

    used > target:  fee + max(fee · (used − target) // target // 8, 1)
    used < target:  fee − fee · (target − used) // target // 8
    used = target:  fee

The fee is a thermostat on use: it moves towards the level at which half of what is supplied is
used, by at most an eighth a period, in whole units, rounded as the EIP rounds (each division down,
one after the other). The other half is slack for spikes. The next price is a function of the last
period alone, so everyone knows it beforehand, and bidding more than it buys nothing but the tip.

The base fee is burned and only the tip reaches the provider; if providers got the fee, they could
fill their own periods for nothing and push it up (EIP-1559, Rationale; Roughgarden, "Transaction
Fee Mechanism Design for the Ethereum Blockchain", 2020, section 6). Each charge takes its price
from the period it falls in; `close_period` ends one and sets the fee of the next.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from economy.ledger import Ledger
from economy.money import UnitsText, decode_units, encode_units, ftns
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError, decode, encode

FORMAT_VERSION: Final = 1


class BaseFeeParameters(msgspec.Struct, frozen=True):
    """The figures of EIP-1559, under its own names where they have one.

    Attributes:
        elasticity_multiplier: supply over target; 2 means that half of the supply is the target.
        change_denominator: the fee moves by at most one part in so many a period.
        initial_units: the fee of the first period, for one of what is supplied.
        supply: how much can be used in a period.
        most_units: the fee rises no further. The EIP knows no such bound, and none is ever felt
            where the fee is paid; but demand that pays nothing, as in a comparison of controllers,
            would raise it by an eighth for ever.
    """

    elasticity_multiplier: int = 2
    change_denominator: int = 8
    initial_units: int = ftns("0.1")
    supply: int = 100_000
    most_units: int = ftns("1000000000")


def next_base_fee(fee_units: int, used: int, target: int, change_denominator: int = 8) -> int:
    """The base fee after a period, exactly as EIP-1559 computes it.

    Args:
        fee_units: the period's base fee, ≥ 0.
        used: what was used in it, ≥ 0.
        target: what should have been, > 0.
        change_denominator: the fee moves by at most one part in so many if used ≤ 2 · target.
    """
    assert fee_units >= 0, f"a fee of {fee_units} units"
    assert used >= 0, f"a use of {used}"
    assert target > 0, f"a target of {target}"
    if used == target:
        return fee_units
    if used > target:
        # At least one, or a fee too small to be divided by eight would never rise again.
        return fee_units + max(fee_units * (used - target) // target // change_denominator, 1)
    return fee_units - fee_units * (target - used) // target // change_denominator


class BaseFeeController:
    """EIP-1559 as a price controller: demand is what was asked for, supply what there was.

    Args:
        parameters: its figures; of them `initial_units` and `supply` are the market's.
    """

    __slots__ = ("parameters",)

    def __init__(self, parameters: BaseFeeParameters | None = None) -> None:
        self.parameters = BaseFeeParameters() if parameters is None else parameters

    def next_price(
        self, price_units: int, demand: int, supply: int, recent_units: Sequence[int] = ()
    ) -> int:
        """The price of the next period; see `economy.demand_pricing.PriceController`.

        A period uses no more than its supply, however much was asked for. Where the supply is too
        little for a target of 1, any demand raises the price by a full step.
        """
        assert demand >= 0, f"a demand of {demand}"
        assert supply >= 0, f"a supply of {supply}"
        multiplier = self.parameters.elasticity_multiplier
        target, used = supply // multiplier, min(demand, supply)
        if not target:
            target, used = 1, multiplier if demand else 0
        price = next_base_fee(price_units, used, target, self.parameters.change_denominator)
        return min(price, self.parameters.most_units)


class Charged(msgspec.Struct, frozen=True):
    """What a use cost: the base fee, which was burned, and the tip, which the provider got."""

    burned_units: int
    tip_units: int


class EncodedMarket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `BaseFeeMarket` as it is saved."""

    version: int
    fee_units: UnitsText
    used: int
    period: int
    burned_units: UnitsText


class BaseFeeMarket:
    """Sells a bounded supply, period by period, at the base fee and a tip.

    It keeps no money: what it takes is burned or handed on in the same call.

    Attributes:
        fee_units: the present base fee, for one of what is supplied.
        used: what the present period has sold.
        period: how many periods have been closed.
        burned_units: all that was burned.
    """

    __slots__ = ("burned_units", "fee_units", "ledger", "parameters", "period", "used")

    def __init__(self, ledger: Ledger, parameters: BaseFeeParameters | None = None) -> None:
        self.ledger = ledger
        self.parameters = BaseFeeParameters() if parameters is None else parameters
        self.fee_units = self.parameters.initial_units
        self.used = 0
        self.period = 0
        self.burned_units = 0

    def charge(
        self, payer: str, provider: str, amount: int, fee_most_units: int, tip_most_units: int
    ) -> Charged | Refusal:
        """Sell `amount` of the period's supply to `payer`.

        The payer pays the base fee and a tip: `tip_most_units`, or what `fee_most_units` leaves
        over the base fee if that is less (EIP-1559's effective priority fee). Both are for one of
        what is supplied, as the fee is.
        """
        if amount <= 0 or tip_most_units < 0 or fee_most_units < tip_most_units:
            return Refusal.INVALID_FIGURE
        if fee_most_units < self.fee_units:
            return Refusal.FEE_TOO_LOW
        if amount > self.parameters.supply - self.used:
            return Refusal.PERIOD_FULL
        burned_units = amount * self.fee_units
        tip_units = amount * min(tip_most_units, fee_most_units - self.fee_units)
        # The EIP asks that the payer could pay the most he offers; what he does pay is enough here,
        # since fee and tip are known before anything moves.
        if payer == provider and tip_units:
            return Refusal.SAME_ACCOUNT
        refusal = self._bar(payer, provider, burned_units + tip_units)
        if refusal is not None:
            return refusal
        if burned_units:
            refusal = self.ledger.burn(payer, burned_units)
            assert refusal is None, f"it was asked for beforehand, yet {refusal}"
        if tip_units:
            refusal = self.ledger.transfer(payer, provider, tip_units)
            assert refusal is None, f"it was asked for beforehand, yet {refusal}"
        self.used += amount
        self.burned_units += burned_units
        return Charged(burned_units, tip_units)

    def close_period(self) -> int:
        """End the period; returns the base fee of the next, in units."""
        controller = BaseFeeController(self.parameters)
        self.fee_units = controller.next_price(self.fee_units, self.used, self.parameters.supply)
        self.used = 0
        self.period += 1
        return self.fee_units

    def audit(self) -> str | None:
        """Check the books; returns what is wrong, or None."""
        if not 0 <= self.used <= self.parameters.supply:
            return f"{self.used} of a supply of {self.parameters.supply} are sold"
        if self.fee_units < 0 or self.period < 0:
            return f"a base fee of {self.fee_units} units in period {self.period}"
        if not 0 <= self.burned_units <= self.ledger.burned_units:
            return f"{self.burned_units} units burned, the ledger knows {self.ledger.burned_units}"
        return None

    def encode(self) -> bytes:
        """The whole state as canonical bytes."""
        return encode(
            EncodedMarket(
                version=FORMAT_VERSION,
                fee_units=encode_units(self.fee_units),
                used=self.used,
                period=self.period,
                burned_units=encode_units(self.burned_units),
            )
        )

    def restore(self, encoded: bytes) -> None:
        """Replace the whole state by the one in `encoded`.

        Raises:
            RemoteProtocolError: it is not a sound state over this ledger; nothing has changed.
        """
        state: EncodedMarket = decode(encoded, EncodedMarket)
        if state.version != FORMAT_VERSION:
            raise RemoteProtocolError(f"market of format {state.version}, not {FORMAT_VERSION}")
        fresh = BaseFeeMarket(self.ledger, self.parameters)
        fresh._adopt(state)
        discrepancy = fresh.audit()
        if discrepancy is not None:
            raise RemoteProtocolError(f"restored market: {discrepancy}")
        self._adopt(state)

    def _bar(self, payer: str, provider: str, units: int) -> Refusal | None:
        """Why `units` cannot leave the payer for the fire and the provider, or None."""
        accounts, balance_units = self.ledger.accounts, self.ledger.balances.get(payer, 0)
        refusal = accounts.why_not_leave(payer, balance_units, units)
        return accounts.why_not_enter(provider) if refusal is None else refusal

    def _adopt(self, state: EncodedMarket) -> None:
        self.fee_units = decode_units(state.fee_units)
        self.used = state.used
        self.period = state.period
        self.burned_units = decode_units(state.burned_units)
