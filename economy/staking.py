"""Staking: money that answers for its owner's conduct, and is paid for waiting.

A stake is worth something to others only while it can be lost, hence two delays: a lock, chosen by
the owner and rewarded (`staking_terms`), and seven days of unbonding, so that who misbehaves cannot
leave with the stake before the evidence arrives. What is unbonding is slashed like what is bonded.
When its time is up it is out of reach, whether its owner has fetched it by then or not: a penalty
must not depend on who was quick to withdraw.

The money lies in two accounts of the ledger. `BONDS` holds exactly what is bonded and unbonding.
`RESERVE` pays the yield and receives the reserve's part of penalties; anyone may pay into it, and
nothing is minted here. A claim is paid as far as the reserve goes; what it cannot pay stays owed
and can be claimed later, so the reserve is never overdrawn and no yield is lost. First come, first
served: a reserve that runs dry is a run on the bank like any other.

Ledger time is an argument; whoever knows it has told the ledger before (`Ledger.expire`), as for
any operation. Time that runs backwards counts as standing still.
"""

from typing import Final

import msgspec

from economy.accounts import is_account_of
from economy.ledger import DAY_MS, Ledger
from economy.refusals import Refusal
from economy.slashing import Offence, Slashed, assess
from economy.staking_books import Books, encode_books, restore_books
from economy.staking_terms import Bond, Stake, StakingParameters, Tier, Unbonding
from prsm_sim.actor import RemoteProtocolError

NAME: Final = "staking"
BONDS: Final = NAME + "/bonds"
"""The ledger account of all stakes."""
RESERVE: Final = NAME + "/reserve"
"""The ledger account that pays the yield."""


class Paid(msgspec.Struct, frozen=True):
    """An owner was paid `units`; `left_units` are still unbonding, or owed."""

    units: int
    left_units: int


class Staking:
    """The stakes of a ledger.

    Every method that changes something returns a `Refusal` when it did not.

    Args:
        ledger: where the money lies.
        parameters: the figures.

    Attributes:
        books: what belongs to whom. Read it, do not write it.
    """

    __slots__ = ("books", "ledger", "parameters")

    def __init__(self, ledger: Ledger, parameters: StakingParameters | None = None) -> None:
        self.ledger = ledger
        self.parameters = StakingParameters() if parameters is None else parameters
        self.books = Books()

    # --- what owners do ---------------------------------------------------------------------

    def bond(self, owner: str, units: int, lock_days: int, now_ms: int) -> Bond | Refusal:
        """Stake `units` of `owner`'s, locked for `lock_days` from now (0: not at all)."""
        if is_account_of(owner, NAME):
            return Refusal.RESERVED_ACCOUNT
        if not 0 <= lock_days <= self.parameters.longest_lock_days:
            return Refusal.INVALID_FIGURE
        stake = self.books.stakes.get(owner)
        if stake is not None and len(stake.bonds) >= self.parameters.most_entries:
            return Refusal.TOO_MANY
        refusal = self.ledger.transfer(owner, BONDS, units)
        if refusal is not None:
            return refusal
        now_ms = self._advance(now_ms)
        if stake is None:
            stake = self.books.stakes[owner] = Stake()
        bond = Bond(self.books.next_number, units, lock_days, now_ms + lock_days * DAY_MS, now_ms)
        self.books.next_number += 1
        self.books.staked_units += units
        stake.put(bond)
        return bond

    def relock(self, owner: str, number: int, lock_days: int, now_ms: int) -> Bond | Refusal:
        """Lock a bond again, for `lock_days` from now; not to end sooner than it would have."""
        stake, bond = self._find(owner, number)
        if stake is None or bond is None:
            return Refusal.UNKNOWN_BOND
        now_ms = max(now_ms, self.books.now_ms)
        lock_ends_at_ms = now_ms + lock_days * DAY_MS
        if not 0 <= lock_days <= self.parameters.longest_lock_days:
            return Refusal.INVALID_FIGURE
        if lock_ends_at_ms < bond.lock_ends_at_ms:
            return Refusal.LOCKED
        accrued = stake.accrue(bond, self._advance(now_ms), self.parameters)
        relocked = msgspec.structs.replace(
            accrued, lock_days=lock_days, lock_ends_at_ms=lock_ends_at_ms
        )
        stake.put(relocked)
        return relocked

    def unbond(self, owner: str, number: int, units: int, now_ms: int) -> Unbonding | Refusal:
        """Begin to take `units` out of a bond whose lock has ended."""
        stake, bond = self._find(owner, number)
        if stake is None or bond is None:
            return Refusal.UNKNOWN_BOND
        now_ms = max(now_ms, self.books.now_ms)
        if units <= 0:
            return Refusal.INVALID_AMOUNT
        if now_ms < bond.lock_ends_at_ms:
            return Refusal.LOCKED
        if units > bond.units:
            return Refusal.INSUFFICIENT_FUNDS
        if len(stake.unbondings) >= self.parameters.most_entries:
            return Refusal.TOO_MANY
        accrued = stake.accrue(bond, self._advance(now_ms), self.parameters)
        stake.put(msgspec.structs.replace(accrued, units=bond.units - units))
        unbonding = Unbonding(units, now_ms + self.parameters.unbonding_ms)
        stake.unbondings.append(unbonding)
        return unbonding

    def withdraw(self, owner: str, now_ms: int) -> Paid | Refusal:
        """Pay `owner` everything whose unbonding has ended."""
        now_ms = max(now_ms, self.books.now_ms)
        stake = self.books.stakes.get(owner)
        waiting = [] if stake is None else [u for u in stake.unbondings if u.ends_at_ms > now_ms]
        if stake is None or len(waiting) == len(stake.unbondings):
            return Refusal.NOTHING_DUE
        left_units = sum(unbonding.units for unbonding in waiting)
        units = sum(unbonding.units for unbonding in stake.unbondings) - left_units
        refusal = self.ledger.transfer(BONDS, owner, units)
        if refusal is not None:
            return refusal
        self._advance(now_ms)
        self.books.staked_units -= units
        stake.unbondings = waiting
        self._close(owner, stake)
        return Paid(units, left_units)

    def claim(self, owner: str, now_ms: int) -> Paid | Refusal:
        """Pay `owner` the yield that is owed, as far as the reserve goes."""
        owed_units = self.owed(owner, now_ms)
        units = min(owed_units, self.ledger.balances.get(RESERVE, 0))
        if not units:
            return Refusal.NOTHING_DUE
        refusal = self.ledger.transfer(RESERVE, owner, units)
        if refusal is not None:
            return refusal
        stake = self.books.stakes[owner]
        self._accrue_all(stake, self._advance(now_ms))
        stake.owed_units -= units
        self._close(owner, stake)
        return Paid(units, stake.owed_units)

    # --- what others do to them -------------------------------------------------------------

    def slash(self, offence: Offence, reporter: str, now_ms: int) -> Slashed | Refusal:
        """Punish a proved offence, once, and pay its reporter (see `slashing`).

        An offender with nothing at stake is refused and not recorded: the same offence can be
        reported again when there is something to take.
        """
        known = self.books.slashes.get(offence.name)
        if known is not None:
            return Refusal.ALREADY_SLASHED if known.offence == offence else Refusal.ID_TAKEN
        if is_account_of(reporter, NAME):
            return Refusal.RESERVED_ACCOUNT
        now_ms = max(now_ms, self.books.now_ms)
        stake = self.books.stakes.get(offence.offender)
        if stake is None:
            return Refusal.NOTHING_STAKED
        liable = [entry for entry in stake.unbondings if entry.ends_at_ms > now_ms]
        entries = [bond.units for bond in stake.bonds.values()]
        entries += [entry.units for entry in liable]
        if not entries:
            return Refusal.NOTHING_STAKED
        penalty = assess(self.parameters, offence, reporter, entries)
        reserve_units = penalty.slashed_units - penalty.bounty_units
        refusal = self._pay_out(reporter, penalty.bounty_units, reserve_units)
        if refusal is not None:
            return refusal
        self._accrue_all(stake, self._advance(now_ms))
        self._cut(stake, list(stake.bonds.values()), liable, penalty.shares)
        self.books.staked_units -= penalty.slashed_units
        self._close(offence.offender, stake)
        slashed = Slashed(
            offence, reporter, penalty.slashed_units, penalty.bounty_units, reserve_units, now_ms
        )
        self.books.slashes[offence.name] = slashed
        return slashed

    # --- what there is ----------------------------------------------------------------------

    def tier(self, owner: str) -> Tier:
        """The tier that `owner`'s bonds reach; what is unbonding does not count."""
        stake = self.books.stakes.get(owner)
        return self.parameters.tier_of(0 if stake is None else stake.bonded_units)

    def weight(self, owner: str, now_ms: int) -> int:
        """`owner`'s bonded units, each times its multiplier now; rounded down to a whole unit."""
        stake = self.books.stakes.get(owner)
        if stake is None:
            return 0
        now_ms = max(now_ms, self.books.now_ms)
        weighed = (
            b.units * b.multiplier_days(now_ms, self.parameters) for b in stake.bonds.values()
        )
        return sum(weighed) // self.parameters.lock_step_days

    def liable(self, owner: str, now_ms: int) -> int:
        """Units that a slash at `now_ms` could take."""
        stake = self.books.stakes.get(owner)
        if stake is None:
            return 0
        now_ms = max(now_ms, self.books.now_ms)
        waiting = (u.units for u in stake.unbondings if u.ends_at_ms > now_ms)
        return stake.bonded_units + sum(waiting)

    def owed(self, owner: str, now_ms: int) -> int:
        """Whole units of yield that `owner` could claim at `now_ms`, if the reserve has them."""
        stake = self.books.stakes.get(owner)
        return (
            0 if stake is None else stake.owed_at(max(now_ms, self.books.now_ms), self.parameters)
        )

    # --- as state ---------------------------------------------------------------------------

    def audit(self) -> str | None:
        """Check the books, and `BONDS` against them; returns what is wrong, or None."""
        return self._fault_of(self.books)

    def encode(self) -> bytes:
        """The whole state but the ledger's, as canonical bytes."""
        return encode_books(self.books, self.parameters)

    def restore(self, encoded: bytes) -> None:
        """Replace the whole state by one that `encode` gave; restore the ledger first.

        Raises:
            RemoteProtocolError: it is no sound state for these parameters and this ledger;
                nothing was replaced.
        """
        books = restore_books(encoded, self.parameters)
        fault = self._fault_of(books)
        if fault is not None:
            raise RemoteProtocolError(f"restored staking: {fault}")
        self.books = books

    # --- parts ------------------------------------------------------------------------------

    def _fault_of(self, books: Books) -> str | None:
        kept_units = self.ledger.balances.get(BONDS, 0)
        if kept_units != books.staked_units:
            return f"{BONDS!r} has {kept_units} units, {books.staked_units} are staked"
        return books.audit(self.parameters)

    def _advance(self, now_ms: int) -> int:
        self.books.now_ms = max(now_ms, self.books.now_ms)
        return self.books.now_ms

    def _find(self, owner: str, number: int) -> tuple[Stake | None, Bond | None]:
        stake = self.books.stakes.get(owner)
        return stake, None if stake is None else stake.bonds.get(number)

    def _accrue_all(self, stake: Stake, now_ms: int) -> None:
        for bond in list(stake.bonds.values()):
            stake.accrue(bond, now_ms, self.parameters)

    def _close(self, owner: str, stake: Stake) -> None:
        if stake.is_over():
            del self.books.stakes[owner]

    def _pay_out(self, reporter: str, bounty_units: int, reserve_units: int) -> Refusal | None:
        """Pay both parts of a penalty, or neither."""
        moves = [(BONDS, reporter, bounty_units), (BONDS, RESERVE, reserve_units)]
        failed = self.ledger.transfer_linked([move for move in moves if move[2]])
        return None if failed is None else failed.refusal

    def _cut(
        self, stake: Stake, bonds: list[Bond], liable: list[Unbonding], shares: tuple[int, ...]
    ) -> None:
        """Take its share from each bond, then from each liable unbonding."""
        for bond, share in zip(bonds, shares, strict=False):
            stake.put(msgspec.structs.replace(bond, units=bond.units - share))
        ended = stake.unbondings[: len(stake.unbondings) - len(liable)]
        cut = [
            Unbonding(entry.units - share, entry.ends_at_ms)
            for entry, share in zip(liable, shares[len(bonds) :], strict=True)
        ]
        stake.unbondings = ended + [entry for entry in cut if entry.units]
