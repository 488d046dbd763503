"""Random operations of all desks; the long fuzz is `machine_fuzz.py`, run as a program.

Two machines that are given the same operations, however damaged, stay equal to the byte, also if
one of them is replaced, at any moment, by one that was made of a snapshot.
"""

from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from machine_aim import aim
from machine_fuzz import BALANCES, Fuzz, figures
from machine_operations import HOUR_MS, Draw

from economy.desks.desk import KeyedOperation
from economy.desks.opening import open_economy
from economy.facts import InvariantBroken
from economy.operations import Refused
from economy.refusals import Refusal
from prsm_sim.actor import encode


def test_refused_operations_change_nothing_and_every_audit_holds():
    fuzz = Fuzz(seed=7, audit_every=1)
    answers = fuzz.run(4_000)
    assert answers["accepted"] > 1_000
    assert set(fuzz.by_type) == {kind.__name__ for kind in fuzz.kinds} | {"malformed"}
    keyed = [kind for kind in fuzz.kinds if issubclass(kind, KeyedOperation)]
    assert len(keyed) > 25
    done = {name for name, told in fuzz.by_type.items() if told["accepted"]}
    assert len(done) > 0.7 * len(fuzz.kinds), set(fuzz.by_type) - done
    assert len(answers) > 50, "most reasons of a refusal occur"


def test_it_is_the_same_story_for_a_seed():
    stories = [Fuzz(seed=3) for _ in range(2)]
    assert stories[0].run(400) == stories[1].run(400)
    assert stories[0].machine.snapshot() == stories[1].machine.snapshot()


class Twins(RuleBasedStateMachine):
    """Two economies that are told the same."""

    def __init__(self):
        super().__init__()
        self.figures = figures(Random(1), audit_every=1)
        self.one, self.other = (open_economy(BALANCES, self.figures) for _ in range(2))
        self.kinds = self.one._operations.types
        self.now_ms = self.sequence = 0

    @rule(seed=st.integers(0, 2**32), kind=st.integers(0, 10**6), is_damaged=st.booleans())
    def ask(self, seed, kind, is_damaged):
        chance = Random(seed)
        draw = Draw(chance)
        draw.now_ms = self.now_ms
        kind = self.kinds[kind % len(self.kinds)]
        aimed = aim(self.one, kind, chance, self.now_ms)
        client, operation = draw.request(kind, aimed)
        payload = encode(operation)
        if is_damaged:
            payload = draw.damaged(payload)
        self.sequence += 1
        before = self.one.digest()
        answers = [
            twin.apply(self.sequence, client, payload, self.now_ms)
            for twin in (self.one, self.other)
        ]
        assert answers[0] == answers[1], (client, operation)
        facts = self.one.facts()
        assert facts == self.other.facts()
        assert not any(isinstance(fact, InvariantBroken) for fact in facts), facts
        if self.one.decode_result(answers[0]) == Refused(Refusal.MALFORMED):
            assert self.one.digest() == before

    @rule(hours=st.integers(0, 60))
    def wait(self, hours):
        self.now_ms += hours * HOUR_MS

    @rule()
    def replace(self):
        replaced = open_economy({}, self.figures)
        replaced.restore(self.other.snapshot())
        self.other = replaced

    @invariant()
    def equal(self):
        assert self.one.digest() == self.other.digest()

    def teardown(self):
        assert self.one.snapshot() == self.other.snapshot()
        assert self.one.audit() is None


TestTwins = Twins.TestCase
TestTwins.settings = settings(max_examples=25, stateful_step_count=60, deadline=None)
