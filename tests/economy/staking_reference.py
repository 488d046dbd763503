"""A second, naive staking to compare with: time passes in ticks, money is in dictionaries.

`ReferenceStaking` shares no code with the staking but `Refusal`. What a bond earns is added tick by
tick, as a number of unit-days weighed by the multiplier of that tick, and divided only when someone
asks.
"""

from fractions import Fraction
from math import ceil, floor

from economy_instrument import instrument, money_of

from economy.ledger import Ledger, LedgerParameters
from economy.refusals import Refusal
from economy.staking import RESERVE, Staking

HOUR_MS = 3_600_000
TICK_MS = 6 * HOUR_MS
DAY_TICKS = 4
DAYS_A_YEAR = 365


def staking_with(reserve_units=0, parameters=None, **funds):
    ledger = instrument(Ledger)(LedgerParameters(genesis_units=0))
    for account, units in (*funds.items(), (RESERVE, reserve_units)):
        if units:
            ledger.mint(account, units)
    return Staking(ledger, parameters)


def state_of(staking):
    return staking.encode(), money_of(staking.ledger)


class ReferenceStaking:
    """All times are in ticks."""

    def __init__(self, balances, figures):
        self.balances = dict(balances)
        self.figures = figures
        self.now = 0
        self.bonds = []
        self.unbondings = []
        self.earned = {}
        self.punished = {}
        self.numbers = 0

    def move(self, payer, payee, units):
        self.balances[payer] = self.balances.get(payer, 0) - units
        self.balances[payee] = self.balances.get(payee, 0) + units

    def wait(self, ticks):
        for _ in range(ticks):
            for bond in self.bonds:
                weighed = bond["units"] * self.multiplier(bond) / DAY_TICKS
                self.earned[bond["owner"]] = self.earned.get(bond["owner"], 0) + weighed
            self.now += 1

    def multiplier(self, bond):
        multiplier = min(Fraction(bond["days"], 30), 4)
        return min(multiplier, 1) if self.now >= bond["end"] else multiplier

    def bonds_of(self, owner):
        return [bond for bond in self.bonds if bond["owner"] == owner]

    def waiting_of(self, owner):
        mine = [entry for entry in self.unbondings if entry["owner"] == owner]
        return [entry for entry in mine if entry["end"] > self.now]

    def exact_owed(self, owner):
        yearly = Fraction(self.figures.yield_ppm, 10**6)
        return self.earned.get(owner, 0) * yearly / DAYS_A_YEAR - self.paid(owner)

    def paid(self, owner):
        return self.earned.get(("paid", owner), 0)

    def owed(self, owner):
        return floor(self.exact_owed(owner))

    def forget(self, owner):
        """Fractions of a unit lapse when an owner leaves."""
        here = [entry for entry in self.bonds + self.unbondings if entry["owner"] == owner]
        if not here and self.owed(owner) == 0:
            self.earned.pop(owner, None)
            self.earned.pop(("paid", owner), None)

    def tier(self, owner):
        bonded = sum(bond["units"] for bond in self.bonds_of(owner))
        return sum(bonded >= units for units in self.figures.tier_units) - 1

    def weight(self, owner):
        return floor(sum(b["units"] * self.multiplier(b) for b in self.bonds_of(owner)))

    def liable(self, owner):
        entries = self.bonds_of(owner) + self.waiting_of(owner)
        return sum(entry["units"] for entry in entries)

    def bond(self, owner, units, days):
        if not 0 <= days <= self.figures.longest_lock_days:
            return Refusal.INVALID_FIGURE
        if len(self.bonds_of(owner)) == self.figures.most_entries:
            return Refusal.TOO_MANY
        if units <= 0:
            return Refusal.INVALID_AMOUNT
        if units > self.balances.get(owner, 0):
            return Refusal.INSUFFICIENT_FUNDS
        self.move(owner, "bonds", units)
        end = self.now + days * DAY_TICKS
        bond = {"owner": owner, "number": self.numbers, "units": units, "days": days, "end": end}
        self.bonds.append(bond)
        self.numbers += 1
        return bond

    def find(self, owner, number):
        return next((b for b in self.bonds_of(owner) if b["number"] == number), None)

    def relock(self, owner, number, days):
        bond = self.find(owner, number)
        if bond is None:
            return Refusal.UNKNOWN_BOND
        if not 0 <= days <= self.figures.longest_lock_days:
            return Refusal.INVALID_FIGURE
        if self.now + days * DAY_TICKS < bond["end"]:
            return Refusal.LOCKED
        bond["days"], bond["end"] = days, self.now + days * DAY_TICKS
        return bond

    def unbond(self, owner, number, units):
        bond = self.find(owner, number)
        if bond is None:
            return Refusal.UNKNOWN_BOND
        if units <= 0:
            return Refusal.INVALID_AMOUNT
        if self.now < bond["end"]:
            return Refusal.LOCKED
        if units > bond["units"]:
            return Refusal.INSUFFICIENT_FUNDS
        if sum(e["owner"] == owner for e in self.unbondings) == self.figures.most_entries:
            return Refusal.TOO_MANY
        bond["units"] -= units
        self.bonds = [b for b in self.bonds if b["units"]]
        entry = {"owner": owner, "units": units, "end": self.now + 7 * DAY_TICKS}
        self.unbondings.append(entry)
        return entry

    def withdraw(self, owner):
        waiting = self.waiting_of(owner)
        due = [e for e in self.unbondings if e["owner"] == owner and e not in waiting]
        if not due:
            return Refusal.NOTHING_DUE
        units = sum(entry["units"] for entry in due)
        self.move("bonds", owner, units)
        self.unbondings = [e for e in self.unbondings if e["owner"] != owner or e in waiting]
        self.forget(owner)
        return units, sum(entry["units"] for entry in waiting)

    def claim(self, owner):
        owed = self.owed(owner)
        units = min(owed, self.balances.get("reserve", 0))
        if units == 0:
            return Refusal.NOTHING_DUE
        self.move("reserve", owner, units)
        self.earned["paid", owner] = self.paid(owner) + units
        self.forget(owner)
        return units, owed - units

    def slash(self, name, offender, kind, reporter):
        if name in self.punished:
            same = self.punished[name] == (offender, kind)
            return Refusal.ALREADY_SLASHED if same else Refusal.ID_TAKEN
        entries = self.bonds_of(offender) + self.waiting_of(offender)
        total = sum(entry["units"] for entry in entries)
        if total == 0:
            return Refusal.NOTHING_STAKED
        lost = ceil(total * {"negligence": Fraction(1, 2)}.get(kind, 1))
        self.take(entries, Fraction(lost, total), lost)
        bounty = 0 if reporter == offender else floor(lost * Fraction(7, 10))
        self.move("bonds", reporter, bounty)
        self.move("bonds", "reserve", lost - bounty)
        self.punished[name] = offender, kind
        self.forget(offender)
        return lost, bounty, lost - bounty

    def take(self, entries, share, lost):
        """Round each share down; those that lost most by rounding, the first first, give one."""
        exact = [entry["units"] * share for entry in entries]
        left = lost - sum(floor(part) for part in exact)
        ranked = sorted(range(len(entries)), key=lambda i: (floor(exact[i]) - exact[i], i))
        for place, index in enumerate(ranked):
            entries[index]["units"] -= floor(exact[index]) + (place < left)
        self.bonds = [bond for bond in self.bonds if bond["units"]]
        self.unbondings = [entry for entry in self.unbondings if entry["units"]]
