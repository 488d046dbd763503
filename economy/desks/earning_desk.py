"""Rewards for contributions, as operations.

What a contribution measures is the word of the reporter, a client that was given to the desk and is
paid nothing here. A report names all that was measured so far, so it can be repeated as it is.
"""

from economy.desks.desk import Answer, Desk, DeskOperation, Reading, refused
from economy.earning import Earning, Work
from economy.money import UnitsText, encode_units
from economy.operations import Name
from economy.refusals import Refusal
from economy.teller import bar_payees
from prsm_sim.actor import Message


class ReportContribution(DeskOperation, frozen=True):
    """Pay `account` what its contribution of this name has earned beyond what it was paid.

    The reporter's right.
    """

    name: Name
    account: Name
    work: Work


class ReadContribution(Reading, frozen=True):
    """Ask whose a contribution is and what it was paid."""

    name: Name


class ContributionPaid(Message, frozen=True):
    """A contribution of `account`'s was paid `due_units` now, and `paid_units` in all."""

    name: str
    account: str
    kind: str
    due_units: UnitsText
    paid_units: UnitsText


class EarningDesk(Desk):
    """Rewards behind operations.

    Args:
        earning: the mechanism.
        reporter: the client that vouches for contributions; empty for none.
    """

    name = "earning"
    operations = (ReportContribution, ReadContribution)
    results = (ContributionPaid,)

    def __init__(self, earning: Earning, reporter: str = "") -> None:
        super().__init__(earning)
        self.earning = earning
        self._reporter = reporter

    def perform(self, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        """Do what `client` asks."""
        match operation:
            case ReportContribution(name, account, work):
                if not self._reporter or client != self._reporter:
                    return refused(Refusal.NOT_AUTHORISED)
                reward = bar_payees(account) or self.earning.report(name, account, work)
                return (
                    refused(reward)
                    if isinstance(reward, Refusal)
                    else self._read(name, reward.units)
                )
            case ReadContribution(name):
                return self._read(name, 0)
        raise AssertionError(f"{operation} is for another desk")

    def _read(self, name: str, due_units: int) -> Answer:
        record = self.earning.contributions.get(name)
        if record is None:
            return refused(Refusal.UNKNOWN_CONTENT)
        due, paid = encode_units(due_units), encode_units(record.paid_units)
        return Answer(ContributionPaid(name, record.account, record.kind, due, paid))
