"""The FTNS ledger: integer units moved by balanced transfers, nothing created or lost.

Double entry makes conservation local: whatever leaves one account enters another in the same call,
so no call can change the sum. Money enters and leaves only through the issuance account, which
stands outside the others and whose balance is minus the supply. At every moment

    minted − burned = supply = sum of balances + sum of pending holds ≤ cap.

No account can be overdrawn. An account with nothing in it does not exist, so the state is no
bigger than the money in it and two equal states have equal bytes.

Time is an argument. The ledger never knows what time it is, it is told by whoever agreed on it.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from economy.holds import ENDED, Hold, HoldBook, HoldState, Signal
from economy.idempotency import KeyBook
from economy.money import ftns
from economy.refusals import Refusal

DAY_MS: Final = 24 * 60 * 60 * 1000


class LedgerParameters(msgspec.Struct, frozen=True):
    """The ledger's figures.

    Attributes:
        cap_units: the supply never exceeds this.
        genesis_units: minted before the first operation.
        max_hold_ms: longest time from the making of a hold to its expiry.
    """

    cap_units: int = ftns("1000000000")
    genesis_units: int = ftns("100000000")
    max_hold_ms: int = 30 * DAY_MS


class Totals(NamedTuple):
    """What the ledger holds in all, in units: ``minted − burned = balances + held``."""

    minted_units: int
    burned_units: int
    balances_units: int
    held_units: int

    @property
    def supply_units(self) -> int:
        """What was minted and not burned."""
        return self.minted_units - self.burned_units


class Ledger:
    """Accounts, holds and idempotency keys.

    Every method that changes something returns None when it did, and a `Refusal` when it did not.

    Attributes:
        balances: available units by account, never zero or negative. Read it, do not write it.
        book: the holds.
        keys: what was done under each idempotency key.
        touched: accounts that changed since the ledger's digest was last taken.
    """

    __slots__ = (
        "balances",
        "balances_units",
        "book",
        "burned_units",
        "keys",
        "minted_units",
        "parameters",
        "touched",
    )

    def __init__(self, parameters: LedgerParameters | None = None) -> None:
        self.parameters = LedgerParameters() if parameters is None else parameters
        self.balances: dict[str, int] = {}
        self.book = HoldBook()
        self.keys = KeyBook()
        self.minted_units = 0
        self.burned_units = 0
        self.balances_units = 0
        self.touched: dict[str, None] = {}

    # --- single-phase movements -------------------------------------------------------------

    def transfer(self, payer: str, payee: str, units: int, key: str = "") -> Refusal | None:
        """Move `units` from `payer` to `payee`; with a `key`, at most once."""
        if key:
            return self.keys.once(
                key, ("transfer", payer, payee, units), lambda: self.transfer(payer, payee, units)
            )
        if units <= 0:
            return Refusal.INVALID_AMOUNT
        if payer == payee:
            return Refusal.SAME_ACCOUNT
        balances = self.balances
        left = balances.get(payer, 0) - units
        if left < 0:
            return Refusal.INSUFFICIENT_FUNDS
        if left:
            balances[payer] = left
        else:
            del balances[payer]
        balances[payee] = balances.get(payee, 0) + units
        touched = self.touched
        touched[payer] = None
        touched[payee] = None
        return None

    def mint(self, payee: str, units: int, key: str = "") -> Refusal | None:
        """Issue new `units` to `payee`, as far as the cap allows."""
        if key:
            return self.keys.once(key, ("mint", "", payee, units), lambda: self.mint(payee, units))
        if units <= 0:
            return Refusal.INVALID_AMOUNT
        if self.minted_units - self.burned_units + units > self.parameters.cap_units:
            return Refusal.CAP_EXCEEDED
        self.minted_units += units
        self._credit(payee, units)
        return None

    def burn(self, payer: str, units: int, key: str = "") -> Refusal | None:
        """Destroy `units` of `payer`'s; they may be minted again."""
        if key:
            return self.keys.once(key, ("burn", payer, "", units), lambda: self.burn(payer, units))
        if units <= 0:
            return Refusal.INVALID_AMOUNT
        if self.balances.get(payer, 0) < units:
            return Refusal.INSUFFICIENT_FUNDS
        self._debit(payer, units)
        self.burned_units += units
        return None

    # --- two-phase movements ----------------------------------------------------------------

    def hold(
        self, name: str, payer: str, arbiter: str, units: int, expires_at_ms: int, now_ms: int
    ) -> Refusal | None:
        """Set `units` of `payer`'s aside until `arbiter` posts or voids them, or they expire.

        The name is the idempotency key: making the same hold again, on the same terms, is answered
        like the first time and does nothing.
        """
        existing = self.book.holds.get(name)
        if existing is not None:
            same = existing.has_terms(payer, arbiter, units, expires_at_ms)
            return None if same else Refusal.ID_TAKEN
        if units <= 0:
            return Refusal.INVALID_AMOUNT
        if expires_at_ms <= now_ms:
            return Refusal.EXPIRY_PAST
        if expires_at_ms - now_ms > self.parameters.max_hold_ms:
            return Refusal.EXPIRY_TOO_FAR
        if self.balances.get(payer, 0) < units:
            return Refusal.INSUFFICIENT_FUNDS
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
        self.book.end(hold, Signal.VOID)
        self._credit(hold.payer, hold.amount_units)
        return None

    def expire(self, now_ms: int) -> list[Hold]:
        """Return to their payers all holds due by `now_ms`; returns them, the first due first."""
        expired = []
        while (hold := self.book.next_due(now_ms)) is not None:
            expired.append(self.book.end(hold, Signal.EXPIRE))
            self._credit(hold.payer, hold.amount_units)
        return expired

    # --- what it holds ----------------------------------------------------------------------

    def totals(self) -> Totals:
        """The totals, in O(1)."""
        return Totals(
            self.minted_units, self.burned_units, self.balances_units, self.book.pending_units
        )

    def recount(self) -> Totals:
        """The totals with balances and holds added up anew, in O(accounts + holds)."""
        pending = (h.amount_units for h in self.book.holds.values() if h.state is HoldState.PENDING)
        return Totals(
            self.minted_units, self.burned_units, sum(self.balances.values()), sum(pending)
        )

    def audit(self) -> str | None:
        """Check everything from scratch; returns what is wrong, or None."""
        counted = self.recount()
        if counted != self.totals():
            return f"recounting gives {counted}, the ledger says {self.totals()}"
        if counted.supply_units != counted.balances_units + counted.held_units:
            return f"minted less burned is not balances plus holds: {counted}"
        if not 0 <= counted.supply_units <= self.parameters.cap_units:
            return f"a supply of {counted.supply_units} units is not within the cap"
        if counted.minted_units < 0 or counted.burned_units < 0:
            return f"what was minted or burned is negative: {counted}"
        for account, units in self.balances.items():
            if units <= 0:
                return f"account {account!r} has {units} units"
        for hold in self.book.holds.values():
            posted_most = hold.amount_units if hold.state is HoldState.POSTED else 0
            if hold.amount_units <= 0 or not 0 <= hold.posted_units <= posted_most:
                return f"a hold is not possible: {hold}"
        return None

    # --- parts ------------------------------------------------------------------------------

    def _credit(self, account: str, units: int) -> None:
        if units:
            self.balances[account] = self.balances.get(account, 0) + units
            self.balances_units += units
            self.touched[account] = None

    def _debit(self, account: str, units: int) -> None:
        left = self.balances[account] - units
        assert left >= 0, f"{account!r} would be overdrawn"
        if left:
            self.balances[account] = left
        else:
            del self.balances[account]
        self.balances_units -= units
        self.touched[account] = None

    def _pending(self, name: str, now_ms: int) -> Hold | Refusal:
        """The hold if it can still be posted or voided at `now_ms`, else why not."""
        hold = self.book.holds.get(name)
        if hold is None:
            return Refusal.UNKNOWN_HOLD
        if hold.state is not HoldState.PENDING:
            return ENDED[hold.state]
        if hold.expires_at_ms <= now_ms:
            return Refusal.ALREADY_EXPIRED
        return hold
