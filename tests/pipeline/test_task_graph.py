import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.pipeline.tasks import (
    Combine,
    MeasureClassifier,
    MeasureClusters,
    Number,
    Ranking,
    Task,
    TaskGraph,
    bind,
)
from prsm_sim.actor import RemoteProtocolError

GOAL = MeasureClusters("iris", 3)


@st.composite
def needs_of_tasks(draw):
    """For each of n tasks the earlier ones it needs, and an order in which they are listed."""
    count = draw(st.integers(1, 9))
    needs = [
        draw(st.sets(st.integers(0, index - 1), max_size=3)) if index else set()
        for index in range(count)
    ]
    return needs, draw(st.permutations(range(count)))


def graph_of(needs, listed):
    return TaskGraph(
        tuple(Task(str(i), GOAL, tuple(str(one) for one in sorted(needs[i]))) for i in listed)
    )


@given(needs_of_tasks())
def test_every_task_comes_after_what_it_needs_and_exactly_once(drawn):
    needs, listed = drawn
    place = {task.id: at for at, task in enumerate(graph_of(needs, listed).order())}
    assert sorted(place) == sorted(str(i) for i in listed)
    assert all(place[str(one)] < place[str(i)] for i in listed for one in needs[i])


@given(needs_of_tasks())
def test_a_task_runs_in_the_earliest_wave_it_can(drawn):
    needs, listed = drawn
    longest: dict[int, int] = {}
    for i in range(len(needs)):
        longest[i] = 1 + max((longest[one] for one in needs[i]), default=-1)
    waves = graph_of(needs, listed).waves()
    assert [[int(task.id) for task in wave] for wave in waves] == [
        [i for i in listed if longest[i] == level] for level in range(len(waves))
    ]


@given(needs_of_tasks(), st.data())
def test_a_back_edge_makes_a_cycle_and_is_refused(drawn, data):
    needs, listed = drawn
    early = data.draw(st.integers(0, len(needs) - 1))
    reachable = {early}
    for i in range(early + 1, len(needs)):
        if needs[i] & reachable:
            reachable.add(i)
    late = data.draw(st.sampled_from(sorted(reachable)))
    needs[early] = needs[early] | {late}
    with pytest.raises(RemoteProtocolError, match="wait for each other"):
        graph_of(needs, listed).waves()


def test_unknown_needs_and_double_ids_are_refused():
    with pytest.raises(RemoteProtocolError, match="does not exist"):
        TaskGraph((Task("0", GOAL, ("1",)),)).waves()
    with pytest.raises(RemoteProtocolError, match="share an id"):
        TaskGraph((Task("0", GOAL), Task("0", GOAL))).waves()


def test_a_task_takes_its_features_from_the_ranking_it_needs():
    task = Task("1", MeasureClassifier("wine", "bayes"), ("0",), "0")
    assert bind(task, {"0": Ranking((6, 11))}) == MeasureClassifier("wine", "bayes", (), (6, 11))
    assert bind(Task("2", GOAL), {}) == GOAL
    with pytest.raises(RemoteProtocolError, match="cannot take features"):
        bind(task, {"0": Number(0.5)})
    with pytest.raises(RemoteProtocolError, match="cannot take features"):
        bind(Task("1", Combine("select"), ("0",), "0"), {"0": Ranking((6,))})
    # What a task takes it must also need, or it could run before there is anything to take.
    with pytest.raises(RemoteProtocolError, match="takes from"):
        TaskGraph((Task("0", GOAL), Task("1", GOAL, (), "0"))).waves()
