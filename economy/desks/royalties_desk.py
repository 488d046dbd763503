"""Royalties as operations: whoever uses a work pays for it, and the governor spends the funds.

A use is named by the client who pays for it, in a name space of the client's own: nobody can take
the name of another's use first. The name is its key, so a repetition pays nothing.
"""

from enum import Enum

from economy.desks.desk import (
    Answer,
    Desk,
    DeskOperation,
    KeyedOperation,
    Reading,
    answer,
    refused,
)
from economy.facts import RoyaltyPaid
from economy.money import UnitsText, decode_units, encode_units
from economy.operations import Name
from economy.refusals import Refusal
from economy.royalties import COMMONS, GOVERNANCE, PLATFORM, Royalties
from economy.teller import bar_payees, scoped
from prsm_sim.actor import Message


class RoyaltyFund(Enum):
    """An account of the royalties' own."""

    PLATFORM = "platform"
    GOVERNANCE = "governance"
    COMMONS = "commons"


ACCOUNT_OF = {
    RoyaltyFund.PLATFORM: PLATFORM,
    RoyaltyFund.GOVERNANCE: GOVERNANCE,
    RoyaltyFund.COMMONS: COMMONS,
}


class PayRoyalty(DeskOperation, frozen=True):
    """Pay the royalty for a use of `content` that was worth `value_units` to the client."""

    usage: Name
    content: Name
    value_units: UnitsText


class WithdrawRoyaltyFund(KeyedOperation, frozen=True):
    """Pay out of one of the funds; the governor's right."""

    fund: RoyaltyFund
    payee: Name
    units: UnitsText


class ReadRoyalties(Reading, frozen=True):
    """Ask what a creator has earned in all."""

    creator: Name


class RoyaltyReceipt(Message, frozen=True):
    """What was paid for the use, now or the first time."""

    usage: str
    pool_units: UnitsText


class RoyaltiesEarned(Message, frozen=True):
    """What a creator has earned by royalties in all, after cuts."""

    creator: str
    units: UnitsText


class RoyaltiesDesk(Desk):
    """Royalties behind operations.

    Args:
        royalties: the mechanism; its graph belongs to another desk.
        governor: the client that spends the funds; empty for none.
    """

    name = "royalties"
    operations = (PayRoyalty, WithdrawRoyaltyFund, ReadRoyalties)
    results = (RoyaltyReceipt, RoyaltiesEarned)

    def __init__(self, royalties: Royalties, governor: str = "") -> None:
        super().__init__(royalties)
        self.royalties = royalties
        self._governor = governor

    def perform(self, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        """Do what `client` asks."""
        match operation:
            case PayRoyalty():
                return self._pay(client, operation)
            case WithdrawRoyaltyFund(_, fund, payee, units):
                if not self._governor or client != self._governor:
                    return refused(Refusal.NOT_AUTHORISED)
                account = ACCOUNT_OF[fund]
                return answer(
                    bar_payees(payee)
                    or self.royalties.withdraw(account, payee, decode_units(units))
                )
            case ReadRoyalties(creator):
                units = encode_units(self.royalties.earned_units.get(creator, 0))
                return Answer(RoyaltiesEarned(creator, units))
        raise AssertionError(f"{operation} is for another desk")

    def _pay(self, client: str, use: PayRoyalty) -> Answer:
        usage = scoped(client, use.usage)
        is_new = usage not in self.royalties.payments
        paid = self.royalties.pay(usage, use.content, client, decode_units(use.value_units))
        if isinstance(paid, Refusal):
            return refused(paid)
        pool = encode_units(paid.pool_units)
        told = RoyaltyPaid(usage, use.content, client, pool)
        return Answer(RoyaltyReceipt(use.usage, pool), (told,) if is_new else ())
