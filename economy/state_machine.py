"""The ledger as a replicated state machine: same operations in the same order, same state.

Consensus orders opaque bytes and knows nothing of money; this machine gives them their meaning
(Schneider, "Implementing fault-tolerant services using the state machine approach", 1990). All
that `apply` reads is its arguments and its own state: the client whom consensus authenticated and
the time that consensus agreed on are arguments like the operation itself.

Whatever a Byzantine client sends has an answer. Bytes that encode no operation are refused and
change nothing at all. An operation that is refused changes nothing either, except that holds due by
then expire first, as they would have before any operation of that time. Time passes only when an
operation is applied, also one that is refused: any will do, a `ReadBalance` included.
"""

from typing import Final, assert_never

from economy.accounts import is_reserved
from economy.facts import (
    LedgerAudited,
    OperationApplied,
    QueryOpened,
    QueryRefunded,
    QuerySettled,
)
from economy.holds import Hold
from economy.ledger import Ledger
from economy.ledger_digest import LedgerDigest
from economy.ledger_state import encode_ledger, restore_ledger
from economy.money import decode_units, encode_units
from economy.operations import (
    OPERATIONS,
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
from prsm_sim.actor import Fact, RemoteProtocolError, encode

HOLD_PREFIX: Final = "hold/"
"""Keeps the names of plain holds apart from those of queries."""


class LedgerMachine:
    """Applies operations to a ledger.

    Args:
        ledger: the state to begin with, such as `open_ledger` makes; the machine owns it.
        issuer: the client that may mint; empty for none.
        audit_every: emit a `LedgerAudited` at each sequence that is a multiple of this; 0: never.
    """

    def __init__(self, ledger: Ledger, issuer: str = "", audit_every: int = 64) -> None:
        assert audit_every >= 0, "audit_every is a count"
        self._issuer = issuer
        self._audit_every = audit_every
        self._facts: list[Fact] = []
        self._adopt(ledger)

    def _adopt(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.escrow = Escrow(ledger)
        self._digest = LedgerDigest(ledger)

    # --- what consensus needs ---------------------------------------------------------------

    def apply(self, sequence: int, client: str, operation: bytes, now_ms: int) -> bytes:
        """Apply one operation; the same arguments on the same state give the same bytes.

        Args:
            sequence: the slot that consensus gave it; told to the outside only.
            client: who asked, authenticated by consensus.
            operation: an encoded `LedgerOperation`, or anything else.
            now_ms: ledger time, agreed by consensus. Time that runs backwards does no harm: what
                has expired stays so.

        Returns:
            An encoded `Result`.
        """
        try:
            decoded = OPERATIONS.decode(operation)
        except RemoteProtocolError:
            # The decoder's own words stay out of the reply: replies must be equal to the byte.
            result: Result = Refused(Refusal.MALFORMED)
            self._report(sequence, client, "malformed", result)
            return encode(result)
        for hold in self.ledger.expire(now_ms):
            self._report_expired(hold)
        result = self._perform(client, decoded, now_ms)
        self._report(sequence, client, type(decoded).__name__, result)
        return encode(result)

    def digest(self) -> str:
        """A hash (hex) of the whole state; equal states, and only they, have equal digests."""
        return self._digest.hexdigest()

    def snapshot(self) -> bytes:
        """The whole state as canonical bytes."""
        return encode_ledger(self.ledger)

    def restore(self, state: bytes) -> None:
        """Replace the whole state by the one in `state`; facts not yet drained are dropped.

        Raises:
            RemoteProtocolError: it is not a sound state of a ledger with these parameters.
        """
        self._adopt(restore_ledger(state, self.ledger.parameters))
        self._facts.clear()

    def facts(self) -> tuple[Fact, ...]:
        """What happened since this was last called, in order."""
        drained = tuple(self._facts)
        self._facts.clear()
        return drained

    # --- what each operation does -----------------------------------------------------------

    def _perform(self, client: str, operation: AnyOperation, now_ms: int) -> Result:
        ledger = self.ledger
        match operation:
            case Transfer(key, payee, units):
                refusal = _bar_payees(payee) or ledger.transfer(
                    client, payee, decode_units(units), _scoped(client, key)
                )
            case Mint(key, payee, units):
                refusal = self._mint(client, key, payee, decode_units(units))
            case Burn(key, units):
                refusal = ledger.burn(client, decode_units(units), _scoped(client, key))
            case PlaceHold(hold, arbiter, units, expires_at_ms):
                refusal = ledger.hold(
                    HOLD_PREFIX + hold, client, arbiter, decode_units(units), expires_at_ms, now_ms
                )
            case PostHold(hold, payments):
                refusal = self._bar(client, ledger.book.holds.get(HOLD_PREFIX + hold))
                refusal = refusal or _bar_payees(*(payee for payee, _ in payments))
                if refusal is None:
                    refusal = ledger.post(HOLD_PREFIX + hold, _decode_payments(payments), now_ms)
            case VoidHold(hold):
                refusal = self._bar(client, ledger.book.holds.get(HOLD_PREFIX + hold))
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
        return _bar_payees(payee) or self.ledger.mint(payee, units, _scoped(client, key))

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
        refusal = self._bar(client, hold)
        if refusal is not None or hold is None:
            return refusal
        refusal = _bar_payees(*(payee for payee, _ in operation.contributions))
        if refusal is not None:
            return refusal
        payments = _decode_payments(operation.contributions)
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
        refusal = self._bar(client, hold)
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

    def _bar(self, client: str, hold: Hold | None) -> Refusal | None:
        """Why `client` may not end `hold`, or None: only its arbiter may."""
        if hold is None:
            return Refusal.UNKNOWN_HOLD
        return None if hold.arbiter == client else Refusal.NOT_AUTHORISED

    # --- what it tells the outside ----------------------------------------------------------

    def _report(self, sequence: int, client: str, operation: str, result: Result) -> None:
        totals = self.ledger.totals()
        self._facts.append(
            OperationApplied(
                sequence=sequence,
                client=client,
                operation=operation,
                refusal=result.reason.value if isinstance(result, Refused) else "",
                digest=self.digest(),
                supply_units=encode_units(totals.supply_units),
                balances_units=encode_units(totals.balances_units),
                holds_units=encode_units(totals.held_units),
            )
        )
        if self._audit_every and sequence % self._audit_every == 0:
            recounted = self.ledger.recount()
            self._facts.append(
                LedgerAudited(
                    sequence=sequence,
                    accounts=len(self.ledger.balances),
                    supply_units=encode_units(recounted.supply_units),
                    balances_units=encode_units(recounted.balances_units),
                    holds_units=encode_units(recounted.held_units),
                    discrepancy=self.ledger.audit() or "",
                )
            )

    def _report_expired(self, hold: Hold) -> None:
        query = query_of(hold)
        if query is not None:
            returned_units = encode_units(hold.amount_units)
            self._facts.append(QueryRefunded(query, returned_units, expired=True))


def _bar_payees(*payees: str) -> Refusal | None:
    """Why a client may not pay these, or None: accounts of mechanisms take no gifts."""
    return Refusal.RESERVED_ACCOUNT if any(map(is_reserved, payees)) else None


def _scoped(client: str, key: str) -> str:
    """The key in the client's own name space, so that no one can use up another's keys.

    The length goes first, or client ``a`` with key ``b:c`` would be client ``a:b`` with key ``c``.
    """
    return f"{len(client)}:{client}:{key}"


def _decode_payments(payments: EncodedPayments) -> tuple[tuple[str, int], ...]:
    return tuple((account, decode_units(units)) for account, units in payments)
