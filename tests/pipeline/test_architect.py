import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline_goals import goals

from agents.pipeline.architect import (
    DEPTH_LIMIT,
    LEAF_BELOW_THOUSANDTHS,
    Refraction,
    RefractionError,
)
from agents.pipeline.budget import task_counts
from agents.pipeline.datasets import CARDS, reserved_rows
from agents.pipeline.intent import complexity_thousandths, objection, refractions
from agents.pipeline.questions import Question
from agents.pipeline.tasks import (
    ELEMENTAL,
    ClassifyRows,
    Combine,
    FindExtreme,
    MeasureClusters,
    Part,
    RankFeatures,
    SeparateClasses,
)


def refract(goal, depth_limit=DEPTH_LIMIT):
    return Refraction(depth_limit, LEAF_BELOW_THOUSANDTHS).graph(goal)


@given(goals)
def test_refraction_ends_in_leaves_below_the_threshold_within_the_depth_limit(goal):
    assert objection(goal) is None
    graph = refract(goal)
    assert graph.depth == refractions(goal) <= DEPTH_LIMIT
    for task in graph.tasks:
        if isinstance(task.goal, Combine):
            assert task.needs
        else:
            assert isinstance(task.goal, ELEMENTAL)
            assert task.complexity_thousandths < LEAF_BELOW_THOUSANDTHS
            assert objection(task.goal) is None


@given(goals)
def test_the_last_task_needs_all_others_directly_or_not(goal):
    graph = refract(goal)
    assert graph.order()[-1] == graph.tasks[-1]
    by_id = {task.id: task for task in graph.tasks}
    reached, frontier = set(), [graph.tasks[-1].id]
    while frontier:
        task_id = frontier.pop()
        if task_id not in reached:
            reached.add(task_id)
            frontier.extend(by_id[task_id].needs)
    assert reached == set(by_id)


@given(goals)
def test_the_budget_counts_every_task_that_refraction_makes(goal):
    tasks = refract(goal).tasks
    combinations = sum(isinstance(task.goal, Combine) for task in tasks)
    elemental, combining = task_counts(goal)
    assert len(tasks) - combinations <= elemental
    assert combinations <= combining
    if not isinstance(goal, ClassifyRows):  # halves may become small enough one level earlier
        assert (len(tasks) - combinations, combinations) == (elemental, combining)


@given(st.integers(1, 100))
def test_a_split_list_of_rows_keeps_every_row_in_order(count):
    rows = reserved_rows("digits")[:count]
    graph = refract(ClassifyRows("digits", "bayes", rows))
    leaves = [task.goal.rows for task in graph.tasks if isinstance(task.goal, ClassifyRows)]
    assert sum(leaves, ()) == rows
    assert max(len(one) for one in leaves) <= 10


def test_a_selection_measures_what_the_ranking_chose():
    graph = refract(SeparateClasses("wine", (0, 2), 3, "fisher", "discriminant"))
    ranking, measurement, combination = graph.tasks
    assert ranking.goal == RankFeatures("wine", "fisher", 3, (0, 2))
    assert measurement.features_from == ranking.id
    assert measurement.needs == (ranking.id,)
    assert combination.goal == Combine("select")
    assert combination.needs == (ranking.id, measurement.id)


def test_a_sub_task_that_is_still_complex_is_refracted_again():
    pair = SeparateClasses("wine", (0, 2), 1, "fisher", "bayes")
    graph = refract(FindExtreme("largest", (Part("a", pair), Part("b", pair))))
    assert [task.id for task in graph.tasks] == [
        "0.0.0",
        "0.0.1",
        "0.0",
        "0.1.0",
        "0.1.1",
        "0.1",
        "0",
    ]
    assert [len(wave) for wave in graph.waves()] == [2, 2, 2, 1]


def test_what_is_still_complex_at_the_depth_limit_is_refused():
    goal = MeasureClusters("iris", 3)
    for _ in range(DEPTH_LIMIT):
        goal = FindExtreme("largest", (Part("a", goal), Part("b", MeasureClusters("iris", 2))))
    assert refract(goal).depth == DEPTH_LIMIT
    deeper = FindExtreme("largest", (Part("a", goal), Part("b", MeasureClusters("iris", 2))))
    with pytest.raises(RefractionError, match="still complex"):
        refract(deeper)


@given(goals, st.text(max_size=400))
def test_complexity_comes_from_structure_and_never_from_the_text(goal, text):
    assert 0 < complexity_thousandths(Question("q", text, "any", goal).goal) <= 1000
    parts = (Part("a", goal), Part("b", goal))
    whole = FindExtreme("largest", parts)
    assert complexity_thousandths(whole) > min(999, complexity_thousandths(goal))


@pytest.mark.parametrize("name", sorted(CARDS))
def test_more_operations_more_data_and_longer_chains_are_more_complex(name):
    one = ClassifyRows(name, "bayes", reserved_rows(name)[:10])
    two = ClassifyRows(name, "bayes", reserved_rows(name)[:11])
    assert complexity_thousandths(two) - complexity_thousandths(one) == 120
    assert complexity_thousandths(one) == 120 + 10 * CARDS[name].cells().bit_length()
