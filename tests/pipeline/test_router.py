import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.pipeline.messages import Announce, RouteTask
from agents.pipeline.router import (
    SCORE_STEP,
    STRATEGIES,
    Executor,
    Marks,
    Registry,
    Weights,
    score_thousandths,
)

ALL = ("RankFeatures", "MeasureClassifier")
marks = st.integers(0, 1000)


def announce(price=8, share=800, skills=ALL, datasets=("wine",)):
    return Announce(skills, datasets, share, str(price))


def task(at_most=9, task_id="q/0"):
    return RouteTask(task_id, "RankFeatures", "wine", "performance", at_most)


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("performance", 0.5 * 900 + 0.3 * 700 + 0.2 * 500),
        ("cost", 0.4 * 300 + 0.3 * 900 + 0.3 * 700),
        ("latency", 0.4 * 100 + 0.3 * 900 + 0.3 * 700),
        ("accuracy", 0.6 * 900 + 0.4 * 700),
    ],
)
def test_a_score_is_the_weighted_sum_of_the_strategy(strategy, expected):
    given_marks = Marks(
        performance=900, compatibility=700, availability=500, cheapness=300, swiftness=100
    )
    assert score_thousandths(given_marks, STRATEGIES[strategy]) == round(expected)


@given(st.tuples(marks, marks, marks, marks, marks), st.sampled_from(sorted(STRATEGIES)))
def test_weights_add_up_so_scores_stay_between_the_worst_and_the_best_mark(five, strategy):
    weights = STRATEGIES[strategy]
    assert sum(getattr(weights, name) for name in Weights.__struct_fields__) == 10
    assert min(five) <= score_thousandths(Marks(*five), weights) <= max(five)


def test_marks_follow_from_announcement_and_measurements():
    registry = Registry(silence_limit_s=40.0)
    executor = Executor(announce(price=16, share=650), heard_at_s=0.0)
    for response_ms, succeeded in ((100, True), (500, True), (100, False)):
        executor.measured(response_ms, succeeded)
    assert executor.mean_response_ms == 175  # 100, then + 400/4, then - 100/4
    assert registry.marks(executor, cheapest_units=8, swiftest_ms=87, now_s=10.0) == Marks(
        performance=750, compatibility=650, availability=750, cheapness=500, swiftness=500
    )


def test_only_who_has_the_skill_and_the_data_and_was_heard_lately_is_a_candidate():
    registry = Registry(silence_limit_s=30.0)
    registry.announced("able", announce(), 20.0)
    registry.announced("other-skill", announce(skills=("ClassifyRows",)), 20.0)
    registry.announced("other-data", announce(datasets=("iris",)), 20.0)
    registry.announced("silent", announce(), 1.0)
    found = registry.candidates(task(), STRATEGIES["performance"], now_s=31.0)
    assert [one.executor for one in found] == ["able"]
    registry.announced("silent", announce(), 31.0)
    found = registry.candidates(task(), STRATEGIES["performance"], now_s=32.0)
    assert sorted(one.executor for one in found) == ["able", "silent"]


def test_cost_prefers_the_cheap_and_latency_the_swift():
    registry = Registry(30.0)
    registry.announced("cheap", announce(price=2), 0.0)
    registry.announced("swift", announce(price=20), 0.0)
    registry.executors["cheap"].measured(900, succeeded=True)
    registry.executors["swift"].measured(50, succeeded=True)
    first = {
        strategy: registry.candidates(task(), STRATEGIES[strategy], 1.0)[0].executor
        for strategy in ("cost", "latency")
    }
    assert first == {"cost": "cheap", "latency": "swift"}


def test_who_fails_sinks_below_who_answers():
    registry = Registry(30.0)
    for name in ("a", "b", "c"):
        registry.announced(name, announce(), 0.0)
    for _ in range(4):
        registry.executors["b"].measured(2000, succeeded=False)
    found = registry.candidates(task(), STRATEGIES["performance"], 1.0)
    assert found[-1].executor == "b"


def test_equals_share_the_work_by_a_lot_that_depends_on_the_task():
    registry = Registry(30.0)
    for index in range(8):
        registry.announced(f"e{index}", announce(), 0.0)
    firsts = {
        registry.candidates(task(3, f"q/{i}"), STRATEGIES["accuracy"], 1.0)[0].executor
        for i in range(200)
    }
    assert len(firsts) == 8


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 1000)), min_size=1, max_size=8),
    st.sampled_from(sorted(STRATEGIES)),
    st.integers(1, 9),
)
def test_candidates_come_best_first_and_at_most_as_many_as_asked(offers, strategy, at_most):
    registry = Registry(30.0)
    for index, (price, share) in enumerate(offers):
        registry.announced(f"e{index}", announce(price, share), 0.0)
    found = registry.candidates(task(at_most), STRATEGIES[strategy], 1.0)
    assert len(found) == min(at_most, len(offers))
    steps = [one.score_thousandths // SCORE_STEP for one in found]
    assert steps == sorted(steps, reverse=True)
    everyone = registry.candidates(task(99), STRATEGIES[strategy], 1.0)
    assert everyone[: len(found)] == found
