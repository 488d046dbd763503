"""The economy as a replicated state machine: same operations in the same order, same state.

Consensus orders opaque bytes and knows nothing of money; this machine gives them their meaning
(Schneider, "Implementing fault-tolerant services using the state machine approach", 1990). All
that `apply` reads is its arguments and its own state: the client whom consensus authenticated and
the time that consensus agreed on are arguments like the operation itself.

The machine is a ledger (`teller`) and any number of *desks* (`economy.desks`), each a mechanism
behind operations of its own. Without desks it is the ledger and nothing else, to the byte.

Whatever a Byzantine client sends has an answer. Bytes that encode no operation are refused and
change nothing at all. An operation that is refused changes nothing either, except that what was due
by then happens first, as it would have before any operation of that time: the deadlines of desks
and the expiry of holds, merged in the order of their instants. Time passes only when an operation
is applied, also one that is refused: any will do, a `ReadBalance` included.

Every `audit_every` operations the ledger and all desks are checked from scratch, wherever the
machine runs. What is first found wrong is told once more on its own, with the operation after which
it was found and the last one after which all was well: with ``audit_every=1`` these are neighbours,
and the operation that broke the invariant is the one that is named.
"""

from economy.accounts import is_reserved
from economy.desks.desk import DeskOperation, KeyedOperation
from economy.desks.desk_set import (
    BalanceProved,
    D,
    DeskSet,
    EconomyProof,
    OpenDesks,
    ProveBalance,
    combine,
    no_desks,
    split_economy,
)
from economy.facts import InvariantBroken, LedgerAudited, OperationApplied
from economy.ledger import Ledger
from economy.ledger_digest import LedgerDigest
from economy.ledger_state import encode_ledger, restore_ledger
from economy.money import encode_units
from economy.operations import Refused
from economy.payments import Escrow
from economy.refusals import Refusal
from economy.teller import Teller, scoped
from prsm_sim.actor import Fact, Message, RemoteProtocolError, encode


class LedgerMachine:
    """Applies operations to a ledger and to the desks on it.

    Args:
        ledger: the state to begin with, such as `open_ledger` makes; the machine owns it.
        issuer: the client that may mint; empty for none.
        audit_every: emit a `LedgerAudited` at each sequence that is a multiple of this; 0: never.
        open_desks: opens the desks on the ledger, anew on each restored one.
        digest_every: tell the digest at each sequence that is a multiple of this, > 0. A desk whose
            books are large is encoded anew for each digest after it did something.
    """

    def __init__(
        self,
        ledger: Ledger,
        issuer: str = "",
        audit_every: int = 64,
        open_desks: OpenDesks = no_desks,
        digest_every: int = 1,
    ) -> None:
        assert audit_every >= 0, "audit_every is a count"
        assert digest_every > 0, "digest_every is a count from 1"
        self._issuer = issuer
        self._audit_every = audit_every
        self._digest_every = digest_every
        self._open_desks = open_desks
        self._facts: list[Fact] = []
        self._adopt(ledger, DeskSet(ledger, open_desks(ledger)))

    def _adopt(self, ledger: Ledger, desks: DeskSet) -> None:
        self.ledger = ledger
        self._teller = Teller(ledger, self._issuer, self._facts)
        self._ledger_digest = LedgerDigest(ledger)
        self._desks = desks
        self._has_desks = bool(desks.desks)
        self._operations = desks.operations()
        self._sound_after = 0
        self._is_broken = False

    # --- what consensus needs ---------------------------------------------------------------

    def apply(self, sequence: int, client: str, operation: bytes, now_ms: int) -> bytes:
        """Apply one operation; the same arguments on the same state give the same bytes.

        Args:
            sequence: the slot that consensus gave it; told to the outside only.
            client: who asked, authenticated by consensus.
            operation: an encoded operation of the ledger or of a desk, or anything else.
            now_ms: ledger time, agreed by consensus. Time that runs backwards does no harm: what
                has expired stays so.

        Returns:
            An encoded result.
        """
        try:
            decoded = self._operations.decode(operation)
        except RemoteProtocolError:
            # The decoder's own words stay out of the reply: replies must be equal to the byte.
            result: Message = Refused(Refusal.MALFORMED)
            self._report(sequence, client, "malformed", result)
            return encode(result)
        self._pass_time(now_ms)
        if self._has_desks and (not client or is_reserved(client)):
            # No one's name is empty: that is how a right is written that no one has.
            result = Refused(Refusal.RESERVED_ACCOUNT if client else Refusal.NOT_AUTHORISED)
        elif not isinstance(decoded, DeskOperation):
            result = self._teller.perform(client, decoded, now_ms)
        elif isinstance(decoded, ProveBalance):
            result = self._prove(decoded.account)
        else:
            key = scoped(client, decoded.key) if isinstance(decoded, KeyedOperation) else ""
            agreed_ms = max(now_ms, self.ledger.now_ms)
            result, facts = self._desks.perform(client, decoded, agreed_ms, key)
            self._facts.extend(facts)
        self._report(sequence, client, type(decoded).__name__, result)
        return encode(result)

    def digest(self) -> str:
        """A hash (hex) of the whole state; equal states, and only they, have equal digests."""
        return combine(self._ledger_digest.hexdigest(), self._desks.digests())

    def snapshot(self) -> bytes:
        """The whole state as canonical bytes."""
        return self._desks.encode(encode_ledger(self.ledger))

    def restore(self, state: bytes) -> None:
        """Replace the whole state by the one in `state`; facts not yet drained are dropped.

        The ledger and the desks are new objects afterwards: ask for them again.

        Raises:
            RemoteProtocolError: it is not a sound state of an economy with these parameters and
                desks; nothing was replaced.
        """
        encoded_ledger, saved = split_economy(state, self._has_desks)
        ledger = restore_ledger(encoded_ledger, self.ledger.parameters)
        if self._has_desks and encode_ledger(ledger) != encoded_ledger:
            raise RemoteProtocolError("restored economy: the ledger is not in canonical form")
        desks = DeskSet(ledger, self._open_desks(ledger))
        desks.restore(saved)
        self._adopt(ledger, desks)
        self._facts.clear()

    def facts(self) -> tuple[Fact, ...]:
        """What happened since this was last called, in order."""
        drained = tuple(self._facts)
        self._facts.clear()
        return drained

    # --- what there is ----------------------------------------------------------------------

    @property
    def escrow(self) -> Escrow:
        """The queries of the ledger; read it, do not change it."""
        return self._teller.escrow

    def desk(self, kind: type[D]) -> D:
        """The desk of this class; read it, do not change it."""
        return self._desks.find(kind)

    def decode_result(self, payload: bytes) -> Message:
        """What `apply` returned, as a message.

        Raises:
            RemoteProtocolError: the bytes encode no result of this machine.
        """
        return self._desks.results().decode(payload)

    def prove_balance(self, account: str) -> EconomyProof:
        """What convinces anyone who knows the present digest of what `account` has."""
        return EconomyProof(
            self._ledger_digest.prove_balance(account),
            self._ledger_digest.hexdigest(),
            self._desks.digests(),
        )

    def audit(self) -> str | None:
        """Check the ledger and all desks from scratch; returns what is wrong, or None."""
        return self.ledger.audit() or self._desks.audit()

    def _prove(self, account: str) -> BalanceProved:
        units = encode_units(self.ledger.balances.get(account, 0))
        return BalanceProved(account, units, self.digest(), encode(self.prove_balance(account)))

    # --- parts ------------------------------------------------------------------------------

    def _pass_time(self, now_ms: int) -> None:
        """Let everything happen that is due by `now_ms`, in the order of its instants.

        At each instant the desks go first, then holds expire. What a desk could not do stays due,
        and is tried again at the next instant at which anything happens.
        """
        at_ms = self._next_instant(-1, now_ms) if self._has_desks else None
        while at_ms is not None:
            self.ledger.pass_time(at_ms)
            self._facts.extend(self._desks.advance(at_ms))
            self._teller.expire(at_ms)
            at_ms = self._next_instant(at_ms, now_ms)
        self._teller.expire(now_ms)

    def _next_instant(self, after_ms: int, now_ms: int) -> int | None:
        """The earliest instant up to `now_ms` at which a desk, after `after_ms`, or a hold is due.

        It depends on the state alone, and not on how the machine came by it: or a replica that was
        restored would do things at other instants than the others.
        """
        due_ms = self._desks.next_due_ms(after_ms)
        hold = self.ledger.book.next_due(now_ms)
        if hold is not None and (due_ms is None or hold.expires_at_ms < due_ms):
            return hold.expires_at_ms
        return due_ms if due_ms is not None and due_ms <= now_ms else None

    def _report(self, sequence: int, client: str, operation: str, result: Message) -> None:
        totals = self.ledger.totals()
        self._facts.append(
            OperationApplied(
                sequence=sequence,
                client=client,
                operation=operation,
                refusal=result.reason.value if isinstance(result, Refused) else "",
                digest="" if sequence % self._digest_every else self.digest(),
                supply_units=encode_units(totals.supply_units),
                balances_units=encode_units(totals.balances_units),
                holds_units=encode_units(totals.held_units),
            )
        )
        if self._audit_every and sequence % self._audit_every == 0:
            self._report_audit(sequence, client, operation)

    def _report_audit(self, sequence: int, client: str, operation: str) -> None:
        recounted = self.ledger.recount()
        fault = self.audit()
        self._facts.append(
            LedgerAudited(
                sequence=sequence,
                accounts=len(self.ledger.balances),
                supply_units=encode_units(recounted.supply_units),
                balances_units=encode_units(recounted.balances_units),
                holds_units=encode_units(recounted.held_units),
                discrepancy=fault or "",
            )
        )
        if fault is None:
            self._sound_after = sequence
        elif not self._is_broken:
            self._is_broken = True
            self._facts.append(
                InvariantBroken(sequence, self._sound_after, client, operation, fault)
            )
