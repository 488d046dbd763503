"""Any sequence of calls: the staking answers, pays and punishes exactly like the naive one."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from staking_reference import DAY_TICKS, TICK_MS, ReferenceStaking, staking_with, state_of

from economy.refusals import Refusal
from economy.slashing import Offence, OffenceClass
from economy.staking import BONDS, RESERVE, Staking
from economy.staking_terms import StakingParameters

TERMS = StakingParameters(
    tier_units=(0, 300, 900, 2_000), yield_ppm=900_000, longest_lock_days=130, most_entries=3
)
STAKED = ("alice", "bob", "alice", "carol")
OWNERS = st.sampled_from(["alice", "bob", "carol"])
REPORTERS = st.sampled_from(["alice", "bob", "dave"])
UNITS = st.integers(-1, 900) | st.integers(1, 30)
PICKS = st.integers(0, 4)
LOCKS = st.sampled_from([-1, 0, 0, 0, 1, 7, 30, 31, 119, 130, 131])
CLASSES = st.sampled_from(OffenceClass)


class StakingAgainstReference(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        funds = {"alice": 3_000, "bob": 1_000, "carol": 100}
        self.staking = staking_with(150, TERMS, **funds)
        self.reference = ReferenceStaking({**funds, "reserve": 150}, TERMS)

    @initialize(locks=st.lists(LOCKS.filter(lambda days: 0 <= days <= 130), min_size=4, max_size=4))
    def begin_with_stakes(self, locks):
        for owner, units, lock_days in zip(STAKED, (700, 201, 300, 99), locks, strict=True):
            self.check_bond(*self.both("bond", owner, units, lock_days))

    def pick(self, number):
        """One of the bonds, by its place; or one that is not there."""
        places = [(bond["owner"], bond["number"]) for bond in self.reference.bonds]
        return places[number] if number < len(places) else ("alice", 77 + number)

    def both(self, method, *arguments):
        """Both answers; equal if they are refusals, and then nothing has changed."""
        before = state_of(self.staking)
        answer = getattr(self.staking, method)(*arguments, self.now_ms)
        expected = getattr(self.reference, method)(*arguments)
        if isinstance(expected, Refusal):
            assert answer is expected
            assert state_of(self.staking) == before
            return None, None
        assert not isinstance(answer, Refusal), answer
        return answer, expected

    @property
    def now_ms(self):
        return self.reference.now * TICK_MS

    def check_bond(self, answer, expected):
        if expected is not None:
            assert (answer.number, answer.units) == (expected["number"], expected["units"])
            assert answer.lock_days == expected["days"]
            assert answer.lock_ends_at_ms == expected["end"] * TICK_MS

    @rule(owner=OWNERS, units=UNITS, lock_days=LOCKS)
    def bond(self, owner, units, lock_days):
        self.check_bond(*self.both("bond", owner, units, lock_days))

    @rule(place=PICKS, lock_days=LOCKS)
    def relock(self, place, lock_days):
        self.check_bond(*self.both("relock", *self.pick(place), lock_days))

    @rule(place=PICKS, units=UNITS)
    def unbond(self, place, units):
        self.check_unbonding(*self.both("unbond", *self.pick(place), units))

    @rule(place=PICKS)
    def unbond_all(self, place):
        owner, number = self.pick(place)
        bond = self.reference.find(owner, number)
        units = 1 if bond is None else bond["units"]
        self.check_unbonding(*self.both("unbond", owner, number, units))

    def check_unbonding(self, answer, expected):
        if expected is not None:
            assert answer.ends_at_ms == expected["end"] * TICK_MS
            assert answer.units == expected["units"]

    @rule(owner=OWNERS)
    def withdraw(self, owner):
        answer, expected = self.both("withdraw", owner)
        assert expected is None or (answer.units, answer.left_units) == expected

    @rule(place=PICKS, units=st.integers(1, 300), ticks=st.integers(-1, 1))
    def unbond_and_wait_about_a_week(self, place, units, ticks):
        owner = self.pick(place)[0]
        self.unbond(place, units)
        self.wait(7 * DAY_TICKS + ticks)
        self.withdraw(owner)

    @rule(owner=OWNERS)
    def claim(self, owner):
        answer, expected = self.both("claim", owner)
        assert expected is None or (answer.units, answer.left_units) == expected

    @rule(name=st.sampled_from("pqrstuvw"), offender=OWNERS, kind=CLASSES, reporter=REPORTERS)
    def slash(self, name, offender, kind, reporter):
        answer = self.staking_slash(name, offender, kind, reporter)
        expected = self.reference.slash(name, offender, kind.value, reporter)
        if isinstance(expected, Refusal):
            assert answer is expected
        else:
            assert (answer.slashed_units, answer.bounty_units, answer.reserve_units) == expected

    def staking_slash(self, name, offender, kind, reporter):
        before = state_of(self.staking)
        answer = self.staking.slash(Offence(name, offender, kind), reporter, self.now_ms)
        assert not isinstance(answer, Refusal) or state_of(self.staking) == before
        return answer

    @rule(ticks=st.sampled_from([1, 5, 28, 28, 121, 520]))
    def wait(self, ticks):
        self.reference.wait(ticks)

    @rule(units=st.integers(1, 50))
    def fund_the_reserve(self, units):
        if self.staking.ledger.transfer("alice", RESERVE, units) is None:
            self.reference.move("alice", "reserve", units)

    @rule()
    def move_to_a_restored_staking(self):
        encoded = self.staking.encode()
        restored = Staking(self.staking.ledger, TERMS)
        restored.restore(encoded)
        assert restored.encode() == encoded
        self.staking = restored

    @invariant()
    def they_agree(self):
        assert self.staking.audit() is None
        named = {"bonds": BONDS, "reserve": RESERVE}
        balances = {named.get(a, a): units for a, units in self.reference.balances.items() if units}
        assert self.staking.ledger.balances == balances
        for owner in ("alice", "bob", "carol"):
            assert self.staking.owed(owner, self.now_ms) == self.reference.owed(owner)
            assert self.staking.tier(owner) == self.reference.tier(owner)
            assert self.staking.weight(owner, self.now_ms) == self.reference.weight(owner)
            assert self.staking.liable(owner, self.now_ms) == self.reference.liable(owner)


TestStakingAgainstReference = StakingAgainstReference.TestCase
TestStakingAgainstReference.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None
)
