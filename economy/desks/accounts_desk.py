"""What a ledger can do beyond transfers and holds, as operations.

Constraints on accounts (a minimum and closing are their owner's word, freezing an officer's),
chains of payments that are made as a whole or not at all, the past (what was held at an instant,
and since when), and gifts to the accounts from which mechanisms pay others, which take nothing else
from clients.

An account needs no opening: it is there as soon as money is in it. What a mechanism keeps in an
account of its own can be neither frozen nor given a minimum, for its books say that it can be paid.

The books of this desk are the ledger's, which is saved and hashed as such: its own state is empty.
"""

from typing import Annotated, Final, TypeAlias

from msgspec import Meta

from economy.accounts import Status
from economy.desks.desk import Answer, Desk, DeskOperation, KeyedOperation, Reading, answer, refused
from economy.ledger import Ledger
from economy.money import UnitsText, decode_units, encode_units
from economy.operations import EncodedPayments, Milliseconds, Name, Refused
from economy.refusals import Refusal
from economy.teller import bar_payees, decode_payments
from prsm_sim.actor import Message, RemoteProtocolError

NO_STATE: Final = b""
PositiveUnits: TypeAlias = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,38}\Z", max_length=39)]
"""A `UnitsText` of at least one unit."""


class TransferLinked(KeyedOperation, frozen=True):
    """Pay all of these out of the client's money, one after the other, or none."""

    payments: EncodedPayments


class Donate(KeyedOperation, frozen=True):
    """Pay into the account from which a mechanism pays others."""

    account: Name
    units: UnitsText


class CloseAccount(DeskOperation, frozen=True):
    """Let nothing enter or leave the client's account ever again; it must be empty."""


class RequireMinimum(DeskOperation, frozen=True):
    """Let nothing leave the client's account if less than `units` would remain; 0: no such."""

    units: UnitsText


class FreezeAccount(DeskOperation, frozen=True):
    """Let nothing leave `account`; the officer's right."""

    account: Name


class UnfreezeAccount(DeskOperation, frozen=True):
    """Undo `FreezeAccount`; the officer's right."""

    account: Name


class ReadStanding(Reading, frozen=True):
    """Ask what `account` is allowed to do."""

    account: Name


class ReadBalanceAt(Reading, frozen=True):
    """Ask what `account` had at an instant, after the last operation of that instant so far."""

    account: Name
    time_ms: Milliseconds


class ReadHeldSince(Reading, frozen=True):
    """Ask since when `account` has had at least `units`."""

    account: Name
    units: PositiveUnits


class LinkRefused(Refused, frozen=True):
    """Not one of the payments was made, because of the one of this index, from 0."""

    move: int


class StandingStatus(Message, frozen=True):
    """What an account is allowed to do."""

    account: str
    status: Status
    minimum_units: UnitsText


class BalanceAt(Message, frozen=True):
    """What `account` had at `time_ms`."""

    account: str
    time_ms: int
    units: UnitsText


class HeldSince(Message, frozen=True):
    """Since when (ledger time) the account has had so much; `held_ms` until now, 0: it has not."""

    account: str
    since_ms: int
    held_ms: int


class NoBooks:
    """The state of a desk that has none."""

    def audit(self) -> str | None:
        """Nothing can be wrong."""
        return None

    def encode(self) -> bytes:
        """No bytes."""
        return NO_STATE

    def restore(self, encoded: bytes) -> None:
        """Refuse whatever is no empty state."""
        if encoded != NO_STATE:
            raise RemoteProtocolError(f"restored accounts: {len(encoded)} bytes of no state")


class AccountsDesk(Desk):
    """The ledger's further operations.

    Args:
        ledger: the FTNS ledger.
        officer: the client that may freeze and unfreeze; empty for none.
        open_accounts: accounts of mechanisms that anyone may pay into.
    """

    name = "accounts"
    operations = (
        *(TransferLinked, Donate, CloseAccount, RequireMinimum, FreezeAccount, UnfreezeAccount),
        *(ReadStanding, ReadBalanceAt, ReadHeldSince),
    )
    results = (LinkRefused, StandingStatus, BalanceAt, HeldSince)

    def __init__(
        self, ledger: Ledger, officer: str = "", open_accounts: tuple[str, ...] = ()
    ) -> None:
        super().__init__(NoBooks())
        self.ledger = ledger
        self._officer = officer
        self._open_accounts = open_accounts

    def perform(self, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        """Do what `client` asks."""
        ledger = self.ledger
        match operation:
            case TransferLinked():
                return self._transfer_linked(client, operation)
            case Donate(_, account, units):
                if account not in self._open_accounts:
                    return refused(Refusal.NOT_AUTHORISED)
                return answer(ledger.transfer(client, account, decode_units(units)))
            case CloseAccount():
                return answer(ledger.close(client))
            case RequireMinimum(units):
                return answer(ledger.require_minimum(client, decode_units(units)))
            case FreezeAccount(account):
                return answer(self._bar(client, account) or ledger.freeze(account))
            case UnfreezeAccount(account):
                return answer(self._bar(client, account) or ledger.unfreeze(account))
            case ReadStanding(account):
                standing = ledger.accounts.standing(account)
                minimum = encode_units(standing.minimum_units)
                return Answer(StandingStatus(account, standing.status, minimum))
            case ReadBalanceAt(account, time_ms):
                return self._read_past(account, time_ms, now_ms)
            case ReadHeldSince(account, units):
                return self._read_period(account, decode_units(units), now_ms)
        raise AssertionError(f"{operation} is for another desk")

    def _transfer_linked(self, client: str, chain: TransferLinked) -> Answer:
        payments = decode_payments(chain.payments)
        refusal = bar_payees(*(payee for payee, _ in payments))
        if refusal is not None:
            return refused(refusal)
        failed = self.ledger.transfer_linked([(client, payee, units) for payee, units in payments])
        if failed is None:
            return answer(None)
        return Answer(LinkRefused(failed.refusal, failed.move or 0))

    def _bar(self, client: str, account: str) -> Refusal | None:
        """Why `client` may not freeze `account`, or None."""
        if not self._officer or client != self._officer:
            return Refusal.NOT_AUTHORISED
        return bar_payees(account)

    def _read_past(self, account: str, time_ms: int, now_ms: int) -> Answer:
        history = self.ledger.history
        if history is None or not history.floor_ms <= time_ms <= now_ms:
            return refused(Refusal.OUT_OF_RANGE)
        units = encode_units(history.balance_at(account, time_ms))
        return Answer(BalanceAt(account, time_ms, units))

    def _read_period(self, account: str, units: int, now_ms: int) -> Answer:
        history = self.ledger.history
        if history is None:
            return refused(Refusal.OUT_OF_RANGE)
        since_ms = history.held_since(account, units, now_ms)
        return Answer(HeldSince(account, since_ms, now_ms - since_ms))
