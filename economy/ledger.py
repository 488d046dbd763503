"""The FTNS ledger: integer units moved by balanced transfers, nothing created or lost.

Double entry makes conservation local: whatever leaves one account enters another in the same call,
so no call can change the sum. Money enters and leaves only through the issuance account, which
stands outside the others and whose balance is minus the supply. At every moment

    minted − burned = supply = sum of balances + sum of pending holds ≤ cap.

No account can be overdrawn. An account with nothing in it does not exist, so the state is no
bigger than the money in it and two equal states have equal bytes.

What an account may do can be constrained (`accounts`), transfers can be linked so that all or none
are done (`linked`), past balances can be kept (`history`).

Time is an argument. The ledger never knows what time it is, it is told by whoever agreed on it. A
ledger that keeps time, because it forgets or because it has a history, remembers the latest time it
was told, and takes an earlier one for that: its time never decreases.
"""

from collections.abc import Sequence

from economy import ledger_audit
from economy.accounts import AccountBook
from economy.accounts import Step as AccountStep
from economy.history import BalanceHistory
from economy.holds import ENDED, Hold, HoldBook, HoldState, Signal
from economy.idempotency import KeyBook
from economy.ledger_parameters import DAY_MS, LedgerParameters, Totals
from economy.linked import LinkedRefusal, Move, plan, why_not_move
from economy.refusals import Refusal
from economy.windows import end_of

__all__ = ["DAY_MS", "Ledger", "LedgerParameters", "Totals"]


class Ledger:
    """Accounts, holds and idempotency keys.

    Every method that changes something returns None when it did, and a `Refusal` when it did not.

    Attributes:
        balances: available units by account, never zero or negative. Read it, do not write it.
        accounts: the constraints on accounts.
        book: the holds.
        keys: what was done under each idempotency key.
        history: past balances, if the parameters ask for them.
        now_ms: the latest time the ledger was told; 0 unless it keeps time.
        touched: accounts that changed since the ledger's digest was last taken.
    """

    __slots__ = (
        "_is_plain",
        "accounts",
        "balances",
        "balances_units",
        "book",
        "burned_units",
        "history",
        "keys",
        "minted_units",
        "now_ms",
        "parameters",
        "touched",
    )

    def __init__(self, parameters: LedgerParameters | None = None) -> None:
        self.parameters = LedgerParameters() if parameters is None else parameters
        figures = self.parameters
        self.balances: dict[str, int] = {}
        self.accounts = AccountBook()
        self.book = HoldBook(figures.hold_retention_ms)
        self.keys = KeyBook(figures.key_window_ms)
        self.history = BalanceHistory(figures.history_ms) if figures.history_ms else None
        self.now_ms = 0
        self.minted_units = 0
        self.burned_units = 0
        self.balances_units = 0
        self.touched: dict[str, None] = {}
        self._is_plain = self.history is None
        """Whether transfers need neither look at constraints nor note the past."""

    # --- single-phase movements -------------------------------------------------------------

    def transfer(self, payer: str, payee: str, units: int, key: str = "") -> Refusal | None:
        """Move `units` from `payer` to `payee`; with a `key`, at most once."""
        if key:
            content = "transfer", payer, payee, units
            return self.keys.once(
                key, content, self.now_ms, lambda: self.transfer(payer, payee, units)
            )
        if not self._is_plain:
            return self._transfer_checked(payer, payee, units)
        if units <= 0:
            return Refusal.INVALID_AMOUNT
        if payer == payee:
            return Refusal.SAME_ACCOUNT
        balances = self.balances
        left = balances.get(payer, 0) - units
        if left > 0:
            balances[payer] = left
        elif left:
            return Refusal.INSUFFICIENT_FUNDS
        else:
            del balances[payer]
        balances[payee] = balances.get(payee, 0) + units
        touched = self.touched
        touched[payer] = None
        touched[payee] = None
        return None

    def transfer_each(self, payers: Sequence[str], payees: Sequence[str], units: int) -> int:
        """`transfer` of the same amount by each of `payers` to its payee, one after the other.

        The same as so many calls, at half the price.

        Args:
            payers: who pays; whoever cannot is refused, and the others pay all the same.
            payees: as many.
            units: what each pays.

        Returns:
            How many were not refused.
        """
        pairs = zip(payers, payees, strict=True)
        if not self._is_plain or units <= 0:
            return sum(self.transfer(payer, payee, units) is None for payer, payee in pairs)
        balances, touched = self.balances, self.touched
        balance_of = balances.get
        done = 0
        for payer, payee in pairs:
            left = balance_of(payer, 0) - units
            if left < 0 or payer == payee:
                continue
            if left:
                balances[payer] = left
            else:
                del balances[payer]
            balances[payee] = balance_of(payee, 0) + units
            touched[payer] = touched[payee] = None
            done += 1
        return done

    def transfer_linked(self, moves: Sequence[Move], key: str = "") -> LinkedRefusal | None:
        """Do all of `moves`, one after the other, or none; with a `key`, at most once.

        Args:
            moves: payer, payee and units each; none at all is done at once.
            key: makes the call safe to repeat.

        Returns:
            The first movement that cannot be done, and why; None if all were done.
        """
        if key:
            return self.keys.once_linked(
                key, moves, self.now_ms, lambda: self.transfer_linked(moves)
            )
        planned = plan(self.balances, self.accounts, moves)
        if isinstance(planned, LinkedRefusal):
            return planned
        for account, units in planned.items():
            self._set_balance(account, units)
        return None

    def mint(self, payee: str, units: int, key: str = "") -> Refusal | None:
        """Issue new `units` to `payee`, as far as the cap allows."""
        if key:
            content = "mint", "", payee, units
            return self.keys.once(key, content, self.now_ms, lambda: self.mint(payee, units))
        if units <= 0:
            return Refusal.INVALID_AMOUNT
        refusal = self.accounts.why_not_enter(payee)
        if refusal is not None:
            return refusal
        if self.minted_units - self.burned_units + units > self.parameters.cap_units:
            return Refusal.CAP_EXCEEDED
        self.minted_units += units
        self._credit(payee, units)
        return None

    def burn(self, payer: str, units: int, key: str = "") -> Refusal | None:
        """Destroy `units` of `payer`'s; they may be minted again."""
        if key:
            content = "burn", payer, "", units
            return self.keys.once(key, content, self.now_ms, lambda: self.burn(payer, units))
        if units <= 0:
            return Refusal.INVALID_AMOUNT
        refusal = self.accounts.why_not_leave(payer, self.balances.get(payer, 0), units)
        if refusal is not None:
            return refusal
        self._debit(payer, units)
        self.burned_units += units
        return None

    # --- two-phase movements ----------------------------------------------------------------

    def hold(
        self, name: str, payer: str, arbiter: str, units: int, expires_at_ms: int, now_ms: int
    ) -> Refusal | None:
        """Set `units` of `payer`'s aside until `arbiter` posts or voids them, or they expire.

        The name is the idempotency key: making the same hold again, on the same terms, is answered
        like the first time and does nothing. In a ledger that drops ended holds the name must end
        with the expiry, as `windows.name_until` writes it.
        """
        now_ms = max(now_ms, self.now_ms)
        existing = self.book.holds.get(name)
        if existing is not None:
            same = existing.has_terms(payer, arbiter, units, expires_at_ms)
            return None if same else Refusal.ID_TAKEN
        if self.parameters.hold_retention_ms and end_of(name) != expires_at_ms:
            return Refusal.NAME_WITHOUT_END
        if units <= 0:
            return Refusal.INVALID_AMOUNT
        if expires_at_ms <= now_ms:
            return Refusal.EXPIRY_PAST
        if expires_at_ms - now_ms > self.parameters.max_hold_ms:
            return Refusal.EXPIRY_TOO_FAR
        refusal = self.accounts.why_not_leave(payer, self.balances.get(payer, 0), units)
        if refusal is not None:
            return refusal
        self.pass_time(now_ms)
        self._debit(payer, units)
        self.book.add(Hold(name, payer, arbiter, units, expires_at_ms))
        return None

    def post(self, name: str, payments: Sequence[tuple[str, int]], now_ms: int) -> Refusal | None:
        """End a hold by paying out of it; what the payments leave over returns to the payer.

        Args:
            name: the hold.
            payments: pairs of payee and units ≥ 0; a payee may occur more than once.
            now_ms: ledger time.
        """
        hold = self._pending(name, now_ms)
        if isinstance(hold, Refusal):
            return hold
        paid = 0
        for _, units in payments:
            if units < 0:
                return Refusal.INVALID_AMOUNT
            paid += units
        if paid > hold.amount_units:
            return Refusal.EXCEEDS_HOLD
        for payee, units in payments:
            refusal = self.accounts.why_not_enter(payee) if units else None
            if refusal is not None:
                return refusal
        self.pass_time(now_ms)
        self.book.end(hold, Signal.POST, paid)
        for payee, units in payments:
            self._credit(payee, units)
        self._credit(hold.payer, hold.amount_units - paid)
        return None

    def void(self, name: str, now_ms: int) -> Refusal | None:
        """End a hold by returning all of it to the payer."""
        hold = self._pending(name, now_ms)
        if isinstance(hold, Refusal):
            return hold
        self.pass_time(now_ms)
        self.book.end(hold, Signal.VOID)
        self._credit(hold.payer, hold.amount_units)
        return None

    def expire(self, now_ms: int) -> list[Hold]:
        """Return to their payers all holds due by `now_ms`; returns them, the first due first.

        Time passes: see `pass_time`.
        """
        self.pass_time(now_ms)
        now_ms = max(now_ms, self.now_ms)
        expired = []
        while (hold := self.book.next_due(now_ms)) is not None:
            expired.append(self.book.end(hold, Signal.EXPIRE))
            self._credit(hold.payer, hold.amount_units)
        self.book.drop_ended(now_ms)
        return expired

    # --- time and constraints ---------------------------------------------------------------

    def pass_time(self, now_ms: int) -> None:
        """Tell a ledger that keeps time what time it is; an earlier time than before is ignored.

        What moves from now on is dated so in the history, and what the ledger need no longer
        remember is forgotten. Holds do not expire here.
        """
        if now_ms <= self.now_ms or not self.parameters.keeps_time:
            return
        self.now_ms = now_ms
        self.keys.drop_ended(now_ms)
        self.book.drop_ended(now_ms)
        if self.history is not None:
            self.history.advance(now_ms)

    def freeze(self, account: str) -> Refusal | None:
        """Let nothing leave `account`."""
        return self._constrained(self.accounts.take(account, AccountStep.FREEZE))

    def unfreeze(self, account: str) -> Refusal | None:
        """Undo `freeze`."""
        return self._constrained(self.accounts.take(account, AccountStep.UNFREEZE))

    def close(self, account: str) -> Refusal | None:
        """Let nothing enter or leave `account` ever again; it must be empty."""
        if account in self.balances or account in self.book.pending_of:
            return Refusal.ACCOUNT_NOT_EMPTY
        return self._constrained(self.accounts.take(account, AccountStep.CLOSE))

    def require_minimum(self, account: str, minimum_units: int) -> Refusal | None:
        """Let nothing leave `account` if less than `minimum_units` would remain; 0 for no such."""
        return self._constrained(self.accounts.require(account, minimum_units))

    # --- what it holds ----------------------------------------------------------------------

    def totals(self) -> Totals:
        """The totals, in O(1)."""
        return Totals(
            self.minted_units, self.burned_units, self.balances_units, self.book.pending_units
        )

    def recount(self) -> Totals:
        """The totals with balances and holds added up anew, in O(accounts + holds)."""
        return ledger_audit.recount(self)

    def audit(self) -> str | None:
        """Check everything from scratch; returns what is wrong, or None."""
        return ledger_audit.audit(self)

    def reconsider(self) -> None:
        """Look anew whether there is anything that transfers must check or note."""
        self._is_plain = self.history is None and not self.accounts.standings

    # --- parts ------------------------------------------------------------------------------

    def _transfer_checked(self, payer: str, payee: str, units: int) -> Refusal | None:
        """`transfer` where there are constraints or a history."""
        refusal = why_not_move(self.balances, self.accounts, payer, payee, units)
        if refusal is None:
            self._place(payer, self.balances[payer] - units)
            self._place(payee, self.balances.get(payee, 0) + units)
        return refusal

    def _constrained(self, refusal: Refusal | None) -> Refusal | None:
        self.reconsider()
        return refusal

    def _credit(self, account: str, units: int) -> None:
        if units:
            self._set_balance(account, self.balances.get(account, 0) + units)

    def _debit(self, account: str, units: int) -> None:
        self._set_balance(account, self.balances[account] - units)

    def _set_balance(self, account: str, units: int) -> None:
        """Let `account` have `units`, and the total change with it."""
        change_units = units - self.balances.get(account, 0)
        if not change_units:
            return
        self.balances_units += change_units
        self._place(account, units)
        if self.history is not None:
            self.history.note_total(self.balances_units, self.now_ms)

    def _place(self, account: str, units: int) -> None:
        """Let `account` have `units`; the caller answers for the total."""
        assert units >= 0, f"{account!r} would be overdrawn"
        if units:
            self.balances[account] = units
        else:
            del self.balances[account]
        self.touched[account] = None
        if self.history is not None:
            self.history.note(account, units, self.now_ms)

    def _pending(self, name: str, now_ms: int) -> Hold | Refusal:
        """The hold if it can still be posted or voided at `now_ms`, else why not."""
        now_ms = max(now_ms, self.now_ms)
        hold = self.book.holds.get(name)
        if hold is None:
            return Refusal.UNKNOWN_HOLD
        if hold.state is not HoldState.PENDING:
            return ENDED[hold.state]
        if hold.expires_at_ms <= now_ms:
            return Refusal.ALREADY_EXPIRED
        return hold
