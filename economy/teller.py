"""The ledger's own operations, carried out: who may do what to accounts, holds and queries.

The teller stands between clients and the ledger: it puts the client in the place of whoever acts,
gives each client's idempotency keys a name space of their own, lets only the arbiter end a hold,
and lets no client pay into the accounts of mechanisms.
"""

from typing import Final, assert_never

from economy.accounts import is_reserved
from economy.facts import QueryOpened, QueryRefunded, QuerySettled
from economy.holds import Hold
from economy.ledger import Ledger
from economy.money import decode_units, encode_units
from economy.operations import (
    Accepted,
    AnyOperation,
    Balance,
    Burn,
    EncodedPayments,
    Mint,
    OpenQuery,
    PlaceHold,
    PostHold,
    QueryStatus,
    ReadBalance,
    ReadQuery,
    RefundQuery,
    Refused,
    Result,
    SettleQuery,
    Transfer,
    VoidHold,
)
from economy.payments import Escrow, query_of
from economy.refusals import Refusal
from prsm_sim.actor import Fact

HOLD_PREFIX: Final = "hold/"
"""Keeps the names of plain holds apart from those of queries."""


class Teller:
    """Carries out operations on one ledger.

    Args:
        ledger: the ledger.
        issuer: the client that may mint; empty for none.
        facts: where what happened is appended.
    """

    def __init__(self, ledger: Ledger, issuer: str, facts: list[Fact]) -> None:
        self.ledger = ledger
        self.escrow = Escrow(ledger)
        self._issuer = issuer
        self._facts = facts

    def expire(self, now_ms: int) -> None:
        """Let the ledger's time pass."""
        for hold in self.ledger.expire(now_ms):
            query = query_of(hold)
            if query is not None:
                returned_units = encode_units(hold.amount_units)
                self._facts.append(QueryRefunded(query, returned_units, expired=True))

    def perform(self, client: str, operation: AnyOperation, now_ms: int) -> Result:
        """Do what `client` asks."""
        ledger = self.ledger
        match operation:
            case Transfer(key, payee, units):
                refusal = bar_payees(payee) or ledger.transfer(
                    client, payee, decode_units(units), scoped(client, key)
                )
            case Mint(key, payee, units):
                refusal = self._mint(client, key, payee, decode_units(units))
            case Burn(key, units):
                refusal = ledger.burn(client, decode_units(units), scoped(client, key))
            case PlaceHold(hold, arbiter, units, expires_at_ms):
                refusal = ledger.hold(
                    HOLD_PREFIX + hold, client, arbiter, decode_units(units), expires_at_ms, now_ms
                )
            case PostHold(hold, payments):
                refusal = _bar(client, ledger.book.holds.get(HOLD_PREFIX + hold))
                refusal = refusal or bar_payees(*(payee for payee, _ in payments))
                if refusal is None:
                    refusal = ledger.post(HOLD_PREFIX + hold, decode_payments(payments), now_ms)
            case VoidHold(hold):
                refusal = _bar(client, ledger.book.holds.get(HOLD_PREFIX + hold))
                if refusal is None:
                    refusal = ledger.void(HOLD_PREFIX + hold, now_ms)
            case OpenQuery():
                refusal = self._open_query(client, operation, now_ms)
            case SettleQuery():
                refusal = self._settle_query(client, operation, now_ms)
            case RefundQuery():
                refusal = self._refund_query(client, operation, now_ms)
            case ReadBalance(account):
                return Balance(account, encode_units(ledger.balances.get(account, 0)))
            case ReadQuery(query):
                return self._read_query(query)
            case _:
                assert_never(operation)
        return Accepted() if refusal is None else Refused(refusal)

    def _mint(self, client: str, key: str, payee: str, units: int) -> Refusal | None:
        if not self._issuer or client != self._issuer:
            return Refusal.NOT_AUTHORISED
        return bar_payees(payee) or self.ledger.mint(payee, units, scoped(client, key))

    def _open_query(self, client: str, operation: OpenQuery, now_ms: int) -> Refusal | None:
        is_new = self.escrow.find(operation.query) is None
        refusal = self.escrow.open(
            operation.query,
            client,
            operation.orchestrator,
            decode_units(operation.units),
            operation.expires_at_ms,
            now_ms,
        )
        if refusal is None and is_new:
            self._facts.append(
                QueryOpened(
                    query=operation.query,
                    payer=client,
                    orchestrator=operation.orchestrator,
                    amount_units=operation.units,
                    expires_at_ms=operation.expires_at_ms,
                )
            )
        return refusal

    def _settle_query(self, client: str, operation: SettleQuery, now_ms: int) -> Refusal | None:
        hold = self.escrow.find(operation.query)
        refusal = _bar(client, hold)
        if refusal is not None or hold is None:
            return refusal
        refusal = bar_payees(*(payee for payee, _ in operation.contributions))
        if refusal is not None:
            return refusal
        payments = decode_payments(operation.contributions)
        refusal = self.escrow.settle(operation.query, payments, now_ms)
        if refusal is None:
            paid_units = sum(units for _, units in payments)
            self._facts.append(
                QuerySettled(
                    query=operation.query,
                    payments=operation.contributions,
                    returned_units=encode_units(hold.amount_units - paid_units),
                )
            )
        return refusal

    def _refund_query(self, client: str, operation: RefundQuery, now_ms: int) -> Refusal | None:
        hold = self.escrow.find(operation.query)
        refusal = _bar(client, hold)
        if refusal is not None or hold is None:
            return refusal
        refusal = self.escrow.refund(operation.query, now_ms)
        if refusal is None:
            returned_units = encode_units(hold.amount_units)
            self._facts.append(QueryRefunded(operation.query, returned_units, expired=False))
        return refusal

    def _read_query(self, query: str) -> Result:
        hold = self.escrow.find(query)
        if hold is None:
            return Refused(Refusal.UNKNOWN_HOLD)
        return QueryStatus(
            query=query,
            payer=hold.payer,
            orchestrator=hold.arbiter,
            amount_units=encode_units(hold.amount_units),
            expires_at_ms=hold.expires_at_ms,
            state=hold.state,
            posted_units=encode_units(hold.posted_units),
        )


def _bar(client: str, hold: Hold | None) -> Refusal | None:
    """Why `client` may not end `hold`, or None: only its arbiter may."""
    if hold is None:
        return Refusal.UNKNOWN_HOLD
    return None if hold.arbiter == client else Refusal.NOT_AUTHORISED


def bar_payees(*payees: str) -> Refusal | None:
    """Why a client may not pay these, or None: accounts of mechanisms take no gifts."""
    return Refusal.RESERVED_ACCOUNT if any(map(is_reserved, payees)) else None


def scoped(client: str, key: str) -> str:
    """The key in the client's own name space, so that no one can use up another's keys.

    The length goes first, or client ``a`` with key ``b:c`` would be client ``a:b`` with key ``c``.
    """
    return f"{len(client)}:{client}:{key}"


def decode_payments(payments: EncodedPayments) -> tuple[tuple[str, int], ...]:
    """Pairs of account and units, in the order in which they travelled."""
    return tuple((account, decode_units(units)) for account, units in payments)
