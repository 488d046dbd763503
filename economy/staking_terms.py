"""The terms of a stake: tiers, locks, and what a bond earns, exactly.

A bond of `units` that its owner locked for `lock_days` earns, in a time of `span_ms`,

    units · yield · multiplier · span_ms / year,    multiplier = min(lock_days / 30, 4),

with a yield of 5 % a year: 5 % for a lock of 30 days, 20 % from 120 days, nothing for no lock. An
owner whose lock has ended may leave at any time, so from then on the multiplier is at most 1.

The yield is linear between the points where one of its factors changes, so it needs no steps: it is
added up in *parts* of a unit, the integer numerator over one denominator,

    parts = units · yield_ppm · min(lock_days, 120) · span_ms,
    parts a unit = 1,000,000 · 30 · milliseconds of a year.

Whole units become owed, the parts left over stay in the owner's books. Hence what an owner gets
does not depend on how often anyone looks, claims or unbonds.
"""

from bisect import bisect_right
from enum import IntEnum
from typing import Final

import msgspec

from economy.ledger import DAY_MS
from economy.money import ftns
from prsm_sim.actor import UserError

PPM: Final = 1_000_000
YEAR_MS: Final = 365 * DAY_MS


class Tier(IntEnum):
    """What an owner may serve, by how much is bonded. Each tier includes those below it."""

    OPEN = 0
    STANDARD = 1
    PREMIUM = 2
    CRITICAL = 3


class StakingParameters(msgspec.Struct, frozen=True):
    """The figures of staking.

    Attributes:
        tier_units: bonded units from which an owner is of each `Tier`, ascending, the first 0.
        unbonding_ms: time from unbonding to withdrawal, in which the stake can still be slashed.
        yield_ppm: yearly yield at multiplier 1, in parts per million.
        lock_step_days: days of lock for each 1 of the multiplier.
        largest_multiplier: the multiplier grows no further than this.
        longest_lock_days: no lock is longer.
        negligence_ppm, equivocation_ppm, forgery_ppm: share of the stake that an offence of each
            `OffenceClass` costs, in parts per million.
        bounty_ppm: share of what is slashed that the reporter gets; the reserve gets the rest.
        most_entries: most bonds, and most unbondings, of one owner. It bounds the work of a slash.

    Raises:
        UserError: a figure is out of range.
    """

    tier_units: tuple[int, int, int, int] = (0, ftns("5000"), ftns("25000"), ftns("50000"))
    unbonding_ms: int = 7 * DAY_MS
    yield_ppm: int = 50_000
    lock_step_days: int = 30
    largest_multiplier: int = 4
    longest_lock_days: int = 1460
    negligence_ppm: int = 500_000
    equivocation_ppm: int = 1_000_000
    forgery_ppm: int = 1_000_000
    bounty_ppm: int = 700_000
    most_entries: int = 32

    def __post_init__(self) -> None:
        if self.tier_units[0] != 0 or list(self.tier_units) != sorted(self.tier_units):
            raise UserError(f"tier_units are {self.tier_units}; begin with 0 and do not descend")
        for name in ("negligence_ppm", "equivocation_ppm", "forgery_ppm", "bounty_ppm"):
            if not 0 <= getattr(self, name) <= PPM:
                raise UserError(f"{name} is {getattr(self, name)}; give a share from 0 to {PPM}")
        for name in ("unbonding_ms", "yield_ppm", "longest_lock_days"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} is {getattr(self, name)}; give an integer from 0")
        for name in ("lock_step_days", "largest_multiplier", "most_entries"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}; give an integer from 1")

    @property
    def parts_per_unit(self) -> int:
        """How many parts of yield make one unit."""
        return PPM * self.lock_step_days * YEAR_MS

    def tier_of(self, bonded_units: int) -> Tier:
        """The highest tier that `bonded_units` reach."""
        return Tier(bisect_right(self.tier_units, bonded_units) - 1)


class Bond(msgspec.Struct, frozen=True):
    """Units that serve as a stake.

    Attributes:
        number: unique among all bonds ever made.
        units: how much, > 0.
        lock_days: for how long it was locked when it was last locked.
        lock_ends_at_ms: ledger time from which it can be unbonded.
        accrued_at_ms: ledger time up to which its yield is in the owner's books.
    """

    number: int
    units: int
    lock_days: int
    lock_ends_at_ms: int
    accrued_at_ms: int

    def multiplier_days(self, now_ms: int, terms: StakingParameters) -> int:
        """The multiplier at `now_ms`, times `lock_step_days`."""
        most = terms.largest_multiplier if now_ms < self.lock_ends_at_ms else 1
        return min(self.lock_days, most * terms.lock_step_days)

    def parts_until(self, now_ms: int, terms: StakingParameters) -> int:
        """What it has earned from `accrued_at_ms` to `now_ms`, in parts of a unit."""
        turn_ms = min(max(self.lock_ends_at_ms, self.accrued_at_ms), now_ms)
        locked_ms, free_ms = turn_ms - self.accrued_at_ms, now_ms - turn_ms
        locked_days = min(self.lock_days, terms.largest_multiplier * terms.lock_step_days)
        free_days = min(self.lock_days, terms.lock_step_days)
        return self.units * terms.yield_ppm * (locked_days * locked_ms + free_days * free_ms)


class Unbonding(msgspec.Struct, frozen=True):
    """Units on their way out: they earn nothing, and are liable until `ends_at_ms`.

    Attributes:
        units: how much, > 0.
        ends_at_ms: ledger time from which they can be withdrawn, and no longer slashed.
    """

    units: int
    ends_at_ms: int


class Stake:
    """All that one owner has in staking.

    Attributes:
        bonds: by number, in the order of their making.
        unbondings: in the order of their making, which is that of their ends.
        bonded_units: sum of the bonds.
        owed_units: yield that was earned and not yet paid.
        owed_parts: what was earned beyond that, in parts of a unit; less than one unit.
    """

    __slots__ = ("bonded_units", "bonds", "owed_parts", "owed_units", "unbondings")

    def __init__(self) -> None:
        self.bonds: dict[int, Bond] = {}
        self.unbondings: list[Unbonding] = []
        self.bonded_units = 0
        self.owed_units = 0
        self.owed_parts = 0

    def put(self, bond: Bond) -> None:
        """Enter `bond`, or what became of it; a bond with nothing in it ceases to be."""
        old = self.bonds.get(bond.number)
        self.bonded_units += bond.units - (0 if old is None else old.units)
        if bond.units:
            self.bonds[bond.number] = bond
        else:
            del self.bonds[bond.number]

    def accrue(self, bond: Bond, now_ms: int, terms: StakingParameters) -> Bond:
        """Book what `bond` has earned by `now_ms`; returns the bond as it is then."""
        whole, self.owed_parts = divmod(
            self.owed_parts + bond.parts_until(now_ms, terms), terms.parts_per_unit
        )
        self.owed_units += whole
        accrued = msgspec.structs.replace(bond, accrued_at_ms=now_ms)
        self.bonds[bond.number] = accrued
        return accrued

    def owed_at(self, now_ms: int, terms: StakingParameters) -> int:
        """Whole units of yield that are owed at `now_ms`."""
        parts = self.owed_parts
        for bond in self.bonds.values():
            parts += bond.parts_until(now_ms, terms)
        return self.owed_units + parts // terms.parts_per_unit

    def is_over(self) -> bool:
        """Whether nothing is left but, at most, parts of a unit, which then lapse."""
        return not (self.bonds or self.unbondings or self.owed_units)
