"""A supply that is sold at a base fee, as operations.

The fee of the next period follows from this one alone. Who closes periods is the operator; closing
one early or late moves the fee as far as one period does, so an operator who trades here himself
should be none of the parties.
"""

from economy.base_fee import BaseFeeMarket
from economy.desks.desk import Answer, Count, Desk, DeskOperation, KeyedOperation, Reading, refused
from economy.money import UnitsText, decode_units, encode_units
from economy.operations import Name
from economy.refusals import Refusal
from economy.teller import bar_payees
from prsm_sim.actor import Message


class PayBaseFee(KeyedOperation, frozen=True):
    """Buy `amount` of the period's supply, at the base fee and a tip for `provider`.

    Both bounds are for one of what is supplied.
    """

    provider: Name
    amount: Count
    fee_most_units: UnitsText
    tip_most_units: UnitsText


class CloseFeePeriod(KeyedOperation, frozen=True):
    """End the period; the operator's right."""


class ReadBaseFee(Reading, frozen=True):
    """Ask for the present base fee."""


class BaseFeePaid(Message, frozen=True):
    """What a use cost: the base fee, which was burned, and the tip."""

    burned_units: UnitsText
    tip_units: UnitsText


class BaseFee(Message, frozen=True):
    """The base fee of the present period, and what of its supply is sold."""

    period: int
    fee_units: UnitsText
    used: int


class BaseFeeDesk(Desk):
    """A base fee market behind operations.

    Args:
        market: the mechanism.
        operator: the client that closes periods; empty for none.
    """

    name = "base-fee"
    operations = (PayBaseFee, CloseFeePeriod, ReadBaseFee)
    results = (BaseFeePaid, BaseFee)

    def __init__(self, market: BaseFeeMarket, operator: str = "") -> None:
        super().__init__(market)
        self.market = market
        self._operator = operator

    def perform(self, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        """Do what `client` asks."""
        market = self.market
        match operation:
            case PayBaseFee(_, provider, amount, fee_most, tip_most):
                charged = bar_payees(provider) or market.charge(
                    client, provider, amount, decode_units(fee_most), decode_units(tip_most)
                )
                if isinstance(charged, Refusal):
                    return refused(charged)
                burned, tip = encode_units(charged.burned_units), encode_units(charged.tip_units)
                return Answer(BaseFeePaid(burned, tip))
            case CloseFeePeriod():
                if not self._operator or client != self._operator:
                    return refused(Refusal.NOT_AUTHORISED)
                market.close_period()
                return Answer(self._fee())
            case ReadBaseFee():
                return Answer(self._fee())
        raise AssertionError(f"{operation} is for another desk")

    def _fee(self) -> BaseFee:
        market = self.market
        return BaseFee(market.period, encode_units(market.fee_units), market.used)
