"""Limits to concentration as operations: how alarming holdings are, and transfers under the caps.

What counts are the balances of the ledger without those of mechanisms and of the treasury, which
are nobody's holdings. The measures are rational; they are told in millionths, rounded down. A plain
transfer knows no caps; whoever must not push an account over one (an exchange, a grant) pays by a
capped transfer. What ought to be done about accounts that are over a cap is told, to whoever
governs the ledger, and not done by itself.

The desk keeps nothing, so its state is empty. Measuring looks at every account.
"""

from fractions import Fraction

from economy.accounts import is_reserved
from economy.antimonopoly import (
    Action,
    AntimonopolyParameters,
    Cap,
    admits,
    alert,
    capped_weights,
    interventions,
)
from economy.concentration import PPM, measure
from economy.desks.accounts_desk import NoBooks
from economy.desks.desk import Answer, Desk, DeskOperation, KeyedOperation, Reading, answer, refused
from economy.genesis import TREASURY
from economy.ledger import Ledger
from economy.linked import why_not_move
from economy.money import UnitsText, decode_units, encode_units
from economy.operations import Name
from economy.refusals import Refusal
from economy.teller import bar_payees
from prsm_sim.actor import Message

MOST_INTERVENTIONS = 100
"""So many interventions are told at once, about the richest first."""


class TransferCapped(KeyedOperation, frozen=True):
    """Move money of the client's to `payee`, unless it would then hold more than its share."""

    payee: Name
    units: UnitsText


class ReadConcentration(Reading, frozen=True):
    """Ask how concentrated the holdings are."""


class ReadInterventions(Reading, frozen=True):
    """Ask what ought to be done about it."""


class ReadCappedWeight(Reading, frozen=True):
    """Ask how much of what `account` holds counts under the caps."""

    account: Name


class ConcentrationStatus(Message, frozen=True):
    """The measures of concentration, and the alert.

    Attributes:
        level: the number of the `Level`.
        exceeded: caps that are exceeded.
        holders: accounts that hold anything.
        gini_ppm, herfindahl_ppm, top_one_ppm, top_three_ppm: each of 1, in millionths.
        effective_ppm: the effective number of holders, in millionths.
        nakamoto: the fewest holders with more than half.
    """

    level: int
    exceeded: tuple[Cap, ...]
    holders: int
    gini_ppm: int
    herfindahl_ppm: int
    top_one_ppm: int
    top_three_ppm: int
    effective_ppm: int
    nakamoto: int


class InterventionsTold(Message, frozen=True):
    """What ought to be done: action, account and units of each."""

    interventions: tuple[tuple[Action, str, UnitsText], ...]


class CappedWeight(Message, frozen=True):
    """What of an account's holding counts."""

    account: str
    units: UnitsText


class CapsDesk(Desk):
    """Limits to concentration behind operations.

    Args:
        ledger: whose balances count.
        parameters: the caps.
    """

    name = "caps"
    operations = (TransferCapped, ReadConcentration, ReadInterventions, ReadCappedWeight)
    results = (ConcentrationStatus, InterventionsTold, CappedWeight)

    def __init__(self, ledger: Ledger, parameters: AntimonopolyParameters | None = None) -> None:
        super().__init__(NoBooks())
        self.ledger = ledger
        self.parameters = AntimonopolyParameters() if parameters is None else parameters

    def perform(self, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        """Do what `client` asks."""
        match operation:
            case TransferCapped(_, payee, units):
                return answer(self._transfer(client, payee, decode_units(units)))
            case ReadConcentration():
                return Answer(self._measure())
            case ReadInterventions():
                told = interventions(self.holdings(), self.parameters)[:MOST_INTERVENTIONS]
                listed = tuple((one.action, one.account, encode_units(one.units)) for one in told)
                return Answer(InterventionsTold(listed))
            case ReadCappedWeight(account):
                weights = capped_weights(self.holdings(), self.parameters)
                if isinstance(weights, Refusal):
                    return refused(weights)
                return Answer(CappedWeight(account, encode_units(weights.get(account, 0))))
        raise AssertionError(f"{operation} is for another desk")

    def holdings(self) -> dict[str, int]:
        """Units by account, in name order."""
        return {
            account: units
            for account, units in sorted(self.ledger.balances.items())
            if not is_reserved(account) and account != TREASURY
        }

    def _transfer(self, client: str, payee: str, units: int) -> Refusal | None:
        ledger, holdings = self.ledger, self.holdings()
        # To those who count, what the treasury pays is new.
        payer = client if client in holdings else ""
        return (
            bar_payees(payee)
            or why_not_move(ledger.balances, ledger.accounts, client, payee, units)
            or admits(holdings, payee, units, self.parameters, payer)
            or ledger.transfer(client, payee, units)
        )

    def _measure(self) -> ConcentrationStatus:
        measures = measure(self.holdings().values())
        found = alert(measures, self.parameters)
        return ConcentrationStatus(
            level=int(found.level),
            exceeded=found.exceeded,
            holders=measures.holders,
            gini_ppm=_ppm(measures.gini),
            herfindahl_ppm=_ppm(measures.herfindahl),
            top_one_ppm=_ppm(measures.top_one),
            top_three_ppm=_ppm(measures.top_three),
            effective_ppm=_ppm(measures.effective),
            nakamoto=measures.nakamoto,
        )


def _ppm(value: Fraction) -> int:
    return value.numerator * PPM // value.denominator
