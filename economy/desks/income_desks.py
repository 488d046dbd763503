"""Dividends and issuance as operations that anyone may set off when their time has come.

Neither needs anybody's word: what is due follows from the parameters, the ledger's time and its
history. Somebody has to ask, because a machine does nothing by itself; who it is makes no
difference.
"""

from economy.desks.desk import Answer, Desk, DeskOperation, KeyedOperation, Reading, refused
from economy.dividends import Dividends
from economy.facts import DividendPaid
from economy.issuance import Issuance, Issued
from economy.money import UnitsText, decode_units, encode_units
from economy.refusals import Refusal
from prsm_sim.actor import Message


class PayDividend(DeskOperation, frozen=True):
    """Pay the dividend of the earliest quarter that is over and not paid."""


class ReadDividends(Reading, frozen=True):
    """Ask how many quarters were paid, and when the next one ends."""


class DividendShared(Message, frozen=True):
    """A quarter's dividend was paid, or has lapsed because it was too late."""

    quarter: int
    amount_units: UnitsText
    payees: int
    lapsed: bool


class DividendsStatus(Message, frozen=True):
    """How many quarters were paid, what they cost, and the record date of the next."""

    quarters: int
    paid_units: UnitsText
    record_ms: int


class DividendsDesk(Desk):
    """Dividends behind operations.

    Args:
        dividends: the mechanism.
    """

    name = "dividends"
    operations = (PayDividend, ReadDividends)
    results = (DividendShared, DividendsStatus)

    def __init__(self, dividends: Dividends) -> None:
        super().__init__(dividends)
        self.dividends = dividends

    def perform(self, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        """Do what `client` asks."""
        dividends = self.dividends
        match operation:
            case PayDividend():
                paid = dividends.distribute(now_ms)
                if isinstance(paid, Refusal):
                    return refused(paid)
                amount, payees = encode_units(paid.amount_units), len(paid.payments)
                told = DividendPaid(paid.quarter, amount, payees, paid.lapsed)
                shared = DividendShared(paid.quarter, amount, payees, paid.lapsed)
                return Answer(shared, (told,))
            case ReadDividends():
                quarters, paid_units = dividends.quarters, encode_units(dividends.paid_units)
                return Answer(DividendsStatus(quarters, paid_units, dividends.record_ms(quarters)))
        raise AssertionError(f"{operation} is for another desk")


class Issue(DeskOperation, frozen=True):
    """Mint what the schedule has made due since the last time."""


class BurnIssued(KeyedOperation, frozen=True):
    """Destroy money of the client's, after what was due before it is issued."""

    units: UnitsText


class ReadIssuance(Reading, frozen=True):
    """Ask what the schedule has minted so far."""


class IssuanceAdvanced(Message, frozen=True):
    """What was minted now, and what was due and the cap did not allow."""

    minted_units: UnitsText
    forgone_units: UnitsText


class IssuanceStatus(Message, frozen=True):
    """What the schedule has minted, forgone and burned in all, and up to when."""

    settled_at_ms: int
    minted_units: UnitsText
    forgone_units: UnitsText
    burned_units: UnitsText


class IssuanceDesk(Desk):
    """Issuance behind operations.

    Args:
        issuance: the mechanism.
    """

    name = "issuance"
    operations = (Issue, BurnIssued, ReadIssuance)
    results = (IssuanceAdvanced, IssuanceStatus)

    def __init__(self, issuance: Issuance) -> None:
        super().__init__(issuance)
        self.issuance = issuance

    def perform(self, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        """Do what `client` asks."""
        issuance = self.issuance
        match operation:
            case Issue():
                return _issued(issuance.advance(now_ms))
            case BurnIssued(_, units):
                return _issued(issuance.burn(client, decode_units(units), now_ms))
            case ReadIssuance():
                return Answer(
                    IssuanceStatus(
                        issuance.settled_at_ms,
                        encode_units(issuance.minted_units),
                        encode_units(issuance.forgone_units),
                        encode_units(issuance.burned_units),
                    )
                )
        raise AssertionError(f"{operation} is for another desk")


def _issued(outcome: Issued | Refusal) -> Answer:
    if isinstance(outcome, Refusal):
        return refused(outcome)
    return Answer(
        IssuanceAdvanced(encode_units(outcome.minted_units), encode_units(outcome.forgone_units))
    )
