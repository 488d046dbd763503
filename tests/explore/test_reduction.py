"""The reduced search leaves out orders, never outcomes: against the search that tries them all."""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_systems import EachByItself, Recorder, System, build_system, systems

from prsm_sim.checker import Checker
from prsm_sim.explore import Budget, StillWorld
from prsm_sim.explore.search import Search
from prsm_sim.explore.space import Space

pytestmark = pytest.mark.slow

LIMIT = 300
RELAXED = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


def space_of(system: System, lives: int, checker: Checker | None, budget: Budget) -> Space:
    world = StillWorld(seed=1)
    build_system(world, (system, lives, checker))
    return Space(world, budget)


def assert_same_outcomes(space: Space) -> tuple[int, int]:
    """Both searches of one space; they share its numbers, so states can be compared."""
    reduced = Search(space, depth=200, states=LIMIT)
    assert reduced.run() is None
    local_states = [len(states) for states in space.automata.states]
    full = Search(space, depth=200, states=LIMIT, reduction="none")
    assert full.run() is None
    assume(full.is_complete)
    assert reduced.is_complete
    assert set(reduced.ends) == set(full.ends)
    assert [len(states) for states in space.automata.states] == local_states
    assert reduced.transitions <= full.transitions
    return reduced.transitions, full.transitions


@RELAXED
@given(systems(), st.integers(1, 3))
def test_reduction_keeps_all_ends(system: System, lives: int) -> None:
    assert_same_outcomes(space_of(system, lives, None, Budget(timeouts=2)))


@RELAXED
@given(systems(topics=True), st.integers(1, 3))
def test_reduction_keeps_all_orders_of_facts_and_topics(system: System, lives: int) -> None:
    assert_same_outcomes(space_of(system, lives, Recorder(), Budget(timeouts=1)))


@RELAXED
@given(systems(), st.integers(1, 3))
def test_reduction_keeps_what_each_peer_tells(system: System, lives: int) -> None:
    assert_same_outcomes(space_of(system, lives, EachByItself(), Budget(timeouts=1)))


@RELAXED
@given(systems(crashes=True, topics=True), st.integers(1, 2), st.data())
def test_reduction_keeps_all_ends_under_faults(
    system: System, lives: int, data: st.DataObject
) -> None:
    few = st.integers(0, 1)
    budget = Budget(
        drops=data.draw(few), duplicates=data.draw(few), crashes=data.draw(few),
        timeouts=data.draw(few),
    )  # fmt: skip
    assert_same_outcomes(space_of(system, lives, Recorder(), budget))


@RELAXED
@given(systems(topics=True), st.integers(1, 3), st.text("abcpq", min_size=2, max_size=4))
def test_both_searches_find_a_violation_or_neither(
    system: System, lives: int, forbidden: str
) -> None:
    failing = []
    for reduction in ("dynamic", "none"):
        space = space_of(system, lives, Recorder(forbidden), Budget(timeouts=1))
        search = Search(space, depth=200, states=LIMIT, reduction=reduction)
        found = search.run()
        assume(found is not None or search.is_complete)
        failing.append(found is not None)
    assert failing[0] == failing[1]
