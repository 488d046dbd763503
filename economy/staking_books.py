"""The books of staking: what belongs to whom, as it is kept, checked, saved and restored.

The encoding is canonical (owners and offences in name order, amounts as `UnitsText`), so equal
books have equal bytes. Restoring trusts nothing: the bytes are decoded against their type, and the
books that come out must pass the audit before anyone adopts them.
"""

from typing import Final

import msgspec

from economy.ledger import DAY_MS
from economy.money import UnitsText, decode_units, encode_units
from economy.slashing import Offence, Slashed
from economy.staking_terms import Bond, Stake, StakingParameters, Unbonding
from prsm_sim.actor import RemoteProtocolError, decode, encode

FORMAT_VERSION: Final = 1


class Books:
    """Everything that staking knows.

    Attributes:
        stakes: by owner; one with nothing in it does not exist.
        slashes: what was done about each offence, by its name.
        staked_units: sum of all that is bonded or unbonding.
        next_number: of the next bond.
        now_ms: ledger time of the latest change.
    """

    __slots__ = ("next_number", "now_ms", "slashes", "staked_units", "stakes")

    def __init__(self) -> None:
        self.stakes: dict[str, Stake] = {}
        self.slashes: dict[str, Slashed] = {}
        self.staked_units = 0
        self.next_number = 0
        self.now_ms = 0

    def audit(self, terms: StakingParameters) -> str | None:
        """Add everything up anew; returns what is wrong, or None."""
        staked_units = 0
        numbers: set[int] = set()
        for owner, stake in self.stakes.items():
            fault = _fault_of(stake, self.now_ms, terms)
            if fault is not None:
                return f"the stake of {owner!r}: {fault}"
            if not numbers.isdisjoint(stake.bonds):
                return f"the stake of {owner!r}: a bond is also another's"
            numbers.update(stake.bonds)
            staked_units += stake.bonded_units + sum(entry.units for entry in stake.unbondings)
        if staked_units != self.staked_units:
            return f"{staked_units} units are staked, the books say {self.staked_units}"
        if numbers and max(numbers) >= self.next_number:
            return f"bond {max(numbers)} exists, and {self.next_number} is to be the next"
        for name, slashed in self.slashes.items():
            if slashed.slashed_units != slashed.bounty_units + slashed.reserve_units:
                return f"the penalty for {name!r} was not shared out: {slashed}"
            if slashed.bounty_units and slashed.reporter == slashed.offence.offender:
                return f"the offender of {name!r} got a bounty: {slashed}"
        return None


def _fault_of(stake: Stake, now_ms: int, terms: StakingParameters) -> str | None:
    """What is wrong with one stake, or None."""
    if stake.is_over():
        return "nothing is in it"
    if stake.bonded_units != sum(bond.units for bond in stake.bonds.values()):
        return f"its bonds do not add up to {stake.bonded_units} units"
    if not 0 <= stake.owed_parts < terms.parts_per_unit or stake.owed_units < 0:
        return f"it is owed {stake.owed_units} units and {stake.owed_parts} parts"
    if max(len(stake.bonds), len(stake.unbondings)) > terms.most_entries:
        return "it has too many entries"
    for number, bond in stake.bonds.items():
        if bond.number != number or bond.units <= 0 or not 0 <= bond.accrued_at_ms <= now_ms:
            return f"a bond is not possible: {bond}"
        # A lock ends the days after some time that is past.
        latest_ms = now_ms + bond.lock_days * DAY_MS
        if bond.lock_ends_at_ms > latest_ms or not 0 <= bond.lock_days <= terms.longest_lock_days:
            return f"a lock is not possible: {bond}"
    ends = [entry.ends_at_ms for entry in stake.unbondings]
    if ends != sorted(ends) or (ends and ends[-1] > now_ms + terms.unbonding_ms):
        return f"unbondings end at impossible times: {ends}"
    if any(entry.units <= 0 for entry in stake.unbondings):
        return "an unbonding is empty"
    return None


class EncodedBond(msgspec.Struct, frozen=True, array_like=True):
    """A `Bond` as it is saved."""

    number: int
    units: UnitsText
    lock_days: int
    lock_ends_at_ms: int
    accrued_at_ms: int


class EncodedStake(msgspec.Struct, frozen=True, array_like=True):
    """A `Stake` as it is saved; its parts are below 10^39 and saved like an amount."""

    owner: str
    bonds: tuple[EncodedBond, ...]
    unbondings: tuple[tuple[UnitsText, int], ...]
    owed_units: UnitsText
    owed_parts: UnitsText


class EncodedSlashed(msgspec.Struct, frozen=True, array_like=True):
    """A `Slashed` as it is saved; the reserve's part is what the bounty leaves."""

    offence: Offence
    reporter: str
    slashed_units: UnitsText
    bounty_units: UnitsText
    at_ms: int


class EncodedBooks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `Books` as they are saved; `figures` are the parameters, in the order of their class."""

    version: int
    figures: tuple[str, ...]
    now_ms: int
    next_number: int
    stakes: tuple[EncodedStake, ...]
    slashes: tuple[EncodedSlashed, ...]


def encode_books(books: Books, terms: StakingParameters) -> bytes:
    """The whole state as canonical bytes."""
    return encode(
        EncodedBooks(
            version=FORMAT_VERSION,
            figures=_figures(terms),
            now_ms=books.now_ms,
            next_number=books.next_number,
            stakes=tuple(
                _encode_stake(owner, stake) for owner, stake in sorted(books.stakes.items())
            ),
            slashes=tuple(_encode_slashed(books.slashes[name]) for name in sorted(books.slashes)),
        )
    )


def restore_books(payload: bytes, terms: StakingParameters) -> Books:
    """The books that `encode_books` made `payload` of; whoever adopts them audits them.

    Raises:
        RemoteProtocolError: the bytes encode no books, another version's, ones with other
            parameters, or ones that are not in canonical order.
    """
    state: EncodedBooks = decode(payload, EncodedBooks)
    if state.version != FORMAT_VERSION:
        raise RemoteProtocolError(f"staking of format {state.version}, this is {FORMAT_VERSION}")
    if state.figures != _figures(terms):
        raise RemoteProtocolError(f"staking of figures {state.figures}, not of {terms}")
    _require_order(state)
    books = Books()
    books.now_ms, books.next_number = state.now_ms, state.next_number
    for saved in state.stakes:
        stake = books.stakes[saved.owner] = _decode_stake(saved)
        books.staked_units += stake.bonded_units
        books.staked_units += sum(entry.units for entry in stake.unbondings)
    for slashed in state.slashes:
        books.slashes[slashed.offence.name] = _decode_slashed(slashed)
    return books


def _require_order(state: EncodedBooks) -> None:
    """Owners, bonds and offences: sorted, and none twice."""
    owners = [saved.owner for saved in state.stakes]
    numbers = [[bond.number for bond in saved.bonds] for saved in state.stakes]
    names = [slashed.offence.name for slashed in state.slashes]
    if owners != sorted(set(owners)) or names != sorted(set(names)):
        raise RemoteProtocolError("restored staking: owners or offences are out of order")
    if any(bonds != sorted(set(bonds)) for bonds in numbers):
        raise RemoteProtocolError("restored staking: bonds are out of order")


def _figures(terms: StakingParameters) -> tuple[str, ...]:
    return tuple(str(figure) for figure in msgspec.structs.astuple(terms))


def _encode_stake(owner: str, stake: Stake) -> EncodedStake:
    return EncodedStake(
        owner=owner,
        bonds=tuple(
            EncodedBond(
                bond.number,
                encode_units(bond.units),
                bond.lock_days,
                bond.lock_ends_at_ms,
                bond.accrued_at_ms,
            )
            for bond in stake.bonds.values()
        ),
        unbondings=tuple((encode_units(e.units), e.ends_at_ms) for e in stake.unbondings),
        owed_units=encode_units(stake.owed_units),
        owed_parts=encode_units(stake.owed_parts),
    )


def _decode_stake(saved: EncodedStake) -> Stake:
    stake = Stake()
    for bond in saved.bonds:
        stake.put(
            Bond(
                bond.number,
                decode_units(bond.units),
                bond.lock_days,
                bond.lock_ends_at_ms,
                bond.accrued_at_ms,
            )
        )
    stake.unbondings = [
        Unbonding(decode_units(u), ends_at_ms) for u, ends_at_ms in saved.unbondings
    ]
    stake.owed_units = decode_units(saved.owed_units)
    stake.owed_parts = decode_units(saved.owed_parts)
    return stake


def _encode_slashed(slashed: Slashed) -> EncodedSlashed:
    return EncodedSlashed(
        offence=slashed.offence,
        reporter=slashed.reporter,
        slashed_units=encode_units(slashed.slashed_units),
        bounty_units=encode_units(slashed.bounty_units),
        at_ms=slashed.at_ms,
    )


def _decode_slashed(saved: EncodedSlashed) -> Slashed:
    slashed_units, bounty_units = (
        decode_units(saved.slashed_units),
        decode_units(saved.bounty_units),
    )
    return Slashed(
        offence=saved.offence,
        reporter=saved.reporter,
        slashed_units=slashed_units,
        bounty_units=bounty_units,
        reserve_units=slashed_units - bounty_units,
        at_ms=saved.at_ms,
    )
