"""The bytes of staking and its audit: functions of the state, of all of it, and of nothing else."""

import msgspec
import pytest

from economy.ledger import DAY_MS, Ledger, LedgerParameters
from economy.slashing import Offence, OffenceClass
from economy.staking import BONDS, RESERVE, Staking
from economy.staking_books import EncodedBooks
from economy.staking_terms import StakingParameters, Unbonding
from prsm_sim.actor import RemoteProtocolError, UserError, decode, encode

HUGE = 10**26


def story(owners=("alice", "bob", "carol")):
    """A staking with something of everything in it."""
    ledger = Ledger(LedgerParameters(genesis_units=0))
    ledger.mint(RESERVE, 5)
    staking = Staking(ledger)
    for owner in owners:
        ledger.mint(owner, HUGE)
    for owner in owners:
        staking.bond(owner, HUGE // 2, 30, 0)
    for owner in owners:
        staking.bond(owner, 1_000, 0, 0)
    numbers = {owner: list(staking.books.stakes[owner].bonds) for owner in owners}
    staking.unbond("alice", numbers["alice"][1], 300, DAY_MS)
    staking.unbond("alice", numbers["alice"][1], 200, 2 * DAY_MS)
    staking.relock("bob", numbers["bob"][0], 90, 3 * DAY_MS)
    staking.claim("bob", 4 * DAY_MS)
    staking.slash(Offence("deed", "carol", OffenceClass.NEGLIGENCE), "dave", 5 * DAY_MS)
    staking.slash(Offence("a deed", "carol", OffenceClass.FORGERY), "carol", 5 * DAY_MS)
    return staking


def saved():
    return decode(story().encode(), EncodedBooks)


def test_restoring_gives_an_equal_staking_that_goes_on_alike():
    original = story()
    restored = Staking(original.ledger)
    restored.restore(original.encode())
    assert restored.encode() == original.encode()
    assert restored.audit() is None
    for owner in ("alice", "bob", "carol"):
        assert restored.owed(owner, 99 * DAY_MS) == original.owed(owner, 99 * DAY_MS)
    assert restored.slash(
        Offence("deed", "carol", OffenceClass.NEGLIGENCE), "eve", 0
    ) is original.slash(Offence("deed", "carol", OffenceClass.NEGLIGENCE), "eve", 0)
    assert restored.withdraw("alice", 8 * DAY_MS).units == 300


def test_owners_and_offences_are_saved_in_name_order():
    state = decode(story(("bob", "carol", "alice")).encode(), EncodedBooks)
    assert [stake.owner for stake in state.stakes] == sorted(stake.owner for stake in state.stakes)
    assert [s.offence.name for s in state.slashes] == ["a deed", "deed"]


def _with_bonds_reversed(stake):
    return msgspec.structs.replace(stake, bonds=stake.bonds[::-1])


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"figures": ("1",)},
        {"next_number": 4},
        {"now_ms": DAY_MS},
        {"stakes": ()},
        {"stakes": saved().stakes[::-1]},
        {"stakes": saved().stakes * 2},
        {"stakes": (_with_bonds_reversed(saved().stakes[0]), *saved().stakes[1:])},
        {"slashes": saved().slashes[::-1]},
        {"slashes": saved().slashes * 2},
    ],
)
def test_a_state_that_is_not_sound_is_refused_and_replaces_nothing(change):
    staking = story()
    before = staking.encode()
    with pytest.raises(RemoteProtocolError):
        staking.restore(encode(msgspec.structs.replace(saved(), **change)))
    with pytest.raises(RemoteProtocolError):
        staking.restore(before[:-1])
    assert staking.encode() == before


def test_another_ledger_or_other_figures_are_refused():
    encoded = story().encode()
    with pytest.raises(RemoteProtocolError, match="staked"):
        Staking(Ledger()).restore(encoded)
    with pytest.raises(RemoteProtocolError, match="figures"):
        Staking(story().ledger, StakingParameters(yield_ppm=1)).restore(encoded)


def _replace_bond(staking, **change):
    stake = staking.books.stakes["alice"]
    number = next(iter(stake.bonds))
    stake.bonds[number] = msgspec.structs.replace(stake.bonds[number], **change)


def _set_unbondings(staking, *entries):
    staking.books.stakes["alice"].unbondings = [Unbonding(*entry) for entry in entries]


def _set(staking, name, value):
    setattr(staking.books.stakes["alice"], name, value)


def _give_reporter_more(staking):
    slashes = staking.books.slashes
    slashes["deed"] = msgspec.structs.replace(slashes["deed"], bounty_units=1)


def _let_offender_earn(staking):
    slashes = staking.books.slashes
    slashes["deed"] = msgspec.structs.replace(slashes["deed"], reporter="carol")


def _share_a_bond(staking):
    bonds = staking.books.stakes["bob"].bonds
    number, bond = next(iter(staking.books.stakes["alice"].bonds.items()))
    staking.books.stakes["bob"].bonded_units += bond.units
    staking.books.staked_units += bond.units
    staking.ledger.mint(BONDS, bond.units)
    bonds[number] = bond


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda s: s.ledger.transfer("alice", BONDS, 1), "staked"),
        (lambda s: s.ledger.transfer(BONDS, "alice", 1), "staked"),
        (lambda s: _replace_bond(s, units=1), "add up"),
        (lambda s: _replace_bond(s, number=77), "bond"),
        (lambda s: _replace_bond(s, accrued_at_ms=10**15), "bond"),
        (lambda s: _replace_bond(s, accrued_at_ms=-1), "bond"),
        (lambda s: _replace_bond(s, lock_ends_at_ms=35 * DAY_MS + 1), "lock is"),
        (lambda s: _replace_bond(s, lock_ends_at_ms=35 * DAY_MS), "all is well"),
        (lambda s: _replace_bond(s, lock_ends_at_ms=0, lock_days=-1), "lock"),
        (lambda s: _replace_bond(s, lock_days=9999), "lock"),
        (lambda s: _set(s, "owed_units", -1), "owed"),
        (lambda s: _set(s, "owed_parts", -1), "owed"),
        (lambda s: _set(s, "owed_parts", 10**30), "owed"),
        (lambda s: _set_unbondings(s, (500, 1)), "all is well"),
        (lambda s: _set_unbondings(s, (300, 9), (200, 8)), "times"),
        (lambda s: _set_unbondings(s, (500, 10**12)), "times"),
        (lambda s: _set_unbondings(s, (501, 7), (-1, 8)), "empty"),
        (lambda s: _set_unbondings(s, (499, 7)), "staked"),
        (lambda s: _set_unbondings(s, *((1, 7),) * 33), "many"),
        (lambda s: setattr(s.books, "next_number", 4), "next"),
        (_give_reporter_more, "shared"),
        (_let_offender_earn, "bounty"),
        (_share_a_bond, "another"),
    ],
)
def test_the_audit_finds_books_that_are_wrong(spoil, word):
    staking = story()
    assert staking.audit() is None
    spoil(staking)
    assert word in (staking.audit() or "all is well")


@pytest.mark.parametrize(
    ("figures", "word"),
    [
        ({"tier_units": (1, 2, 3, 4)}, "tier_units"),
        ({"tier_units": (0, 3, 2, 4)}, "tier_units"),
        ({"negligence_ppm": 1_000_001}, "negligence_ppm"),
        ({"equivocation_ppm": -1}, "equivocation_ppm"),
        ({"forgery_ppm": -1}, "forgery_ppm"),
        ({"bounty_ppm": 1_000_001}, "bounty_ppm"),
        ({"unbonding_ms": -1}, "unbonding_ms"),
        ({"yield_ppm": -1}, "yield_ppm"),
        ({"longest_lock_days": -1}, "longest_lock_days"),
        ({"lock_step_days": 0}, "lock_step_days"),
        ({"largest_multiplier": 0}, "largest_multiplier"),
        ({"most_entries": 0}, "most_entries"),
    ],
)
def test_a_figure_out_of_range_is_named(figures, word):
    with pytest.raises(UserError, match=word):
        StakingParameters(**figures)
