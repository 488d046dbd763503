from itertools import permutations
from statistics import median_low

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.pipeline.compiler import CONFLICT_RULES, agreeing, combine, merge
from agents.pipeline.messages import Contribution
from agents.pipeline.narrative import narrate
from agents.pipeline.tasks import (
    Choice,
    Combine,
    Labels,
    MeasureClusters,
    Number,
    Ranking,
    Rows,
    Selection,
)
from prsm_sim.actor import RemoteProtocolError


def contributions(*answers, confidences=None):
    confidences = confidences or [500] * len(answers)
    return [
        Contribution(f"peer-{index}", answer, confidence)
        for index, (answer, confidence) in enumerate(zip(answers, confidences, strict=True))
    ]


figures = st.floats(-1, 1, allow_nan=False).map(lambda value: Number(round(value, 4)))
rankings = st.permutations(range(4)).map(lambda order: Ranking(tuple(order[:3])))
labels = st.tuples(*[st.integers(0, 2)] * 4).map(Labels)
row_sets = st.sets(st.integers(0, 6), min_size=3, max_size=3).map(lambda s: Rows(tuple(sorted(s))))
one_kind = st.one_of(
    *(st.lists(kind, min_size=1, max_size=5) for kind in (figures, rankings, labels, row_sets))
)


@given(one_kind, st.sampled_from(CONFLICT_RULES), st.data())
def test_the_order_of_arrival_does_not_matter(answers, rule, data):
    given_in = contributions(*answers)
    shuffled = data.draw(st.permutations(given_in))
    assert merge(given_in, rule) == merge(shuffled, rule)


@given(
    st.one_of(figures, rankings, labels, row_sets),
    st.integers(1, 5),
    st.sampled_from(CONFLICT_RULES),
)
def test_unanimity_is_kept(answer, count, rule):
    assert merge(contributions(*[answer] * count), rule) == (answer, "unanimous")


@given(
    st.one_of(rankings, labels, row_sets),
    st.one_of(rankings, labels, row_sets),
    st.integers(0, 1000),
)
def test_a_majority_beats_any_confidence(answer, lie, confidence):
    answers = contributions(answer, lie, answer, confidences=[0, confidence, 0])
    merged, rule = merge(answers, "majority")
    assert merged == answer
    assert rule == ("unanimous" if lie == answer else "majority")


def test_confidence_weighs_where_there_is_no_majority():
    answers = contributions(
        Labels((0, 1)), Labels((1, 0)), Labels((2, 1)), confidences=[100, 900, 200]
    )
    # Row 0: label 1 has 901 of 1203. Row 1: label 0 has 901, label 1 has 101 + 201.
    assert merge(answers, "majority") == (Labels((1, 0)), "confidence")
    answers = contributions(
        Labels((0, 1)), Labels((1, 0)), Labels((2, 1)), confidences=[500, 600, 200]
    )
    # Row 1: label 1 has 501 + 201, more than the most confident peer's 601.
    assert merge(answers, "confidence") == (Labels((1, 1)), "confidence")


def test_best_takes_the_most_confident_answer_alone():
    answers = contributions(Number(0.1), Number(0.9), Number(0.2), confidences=[10, 30, 20])
    assert merge(answers, "best") == (Number(0.9), "best")


def test_rankings_merge_by_weighted_borda_points():
    answers = contributions(
        Ranking((1, 2)), Ranking((2, 3)), Ranking((3, 1)), confidences=[299, 99, 199]
    )
    # 1: 2·300 + 1·200 = 800, 2: 1·300 + 2·100 = 500, 3: 1·100 + 2·200 = 500; 2 precedes 3.
    assert merge(answers, "majority") == (Ranking((1, 2)), "confidence")


def test_sets_of_rows_keep_the_rows_most_named():
    answers = contributions(Rows((1, 2)), Rows((2, 3)), Rows((2, 4)), confidences=[5, 9, 7])
    assert merge(answers, "majority") == (Rows((2, 3)), "confidence")


@given(st.lists(st.floats(0, 1), min_size=2, max_size=2), st.floats(-1e9, 1e9))
def test_one_liar_among_three_cannot_move_a_figure_beyond_the_honest_ones(honest, lie):
    low, high = sorted(honest)
    merged, _ = merge(contributions(Number(low), Number(lie), Number(high)), "majority")
    assert low <= merged.value <= high


@given(st.lists(figures, min_size=1, max_size=7))
def test_with_equal_weights_the_figure_is_the_low_median(answers):
    merged, _ = merge(contributions(*answers), "confidence")
    assert merged.value == median_low([one.value for one in answers])


def test_an_answer_of_another_kind_than_most_is_dropped():
    answers = contributions(Number(0.5), Rows((1,)), Number(0.5))
    assert merge(answers, "majority") == (Number(0.5), "confidence")
    assert agreeing(answers, Number(0.5)) == ("peer-0", "peer-2")


def test_nothing_and_unknown_rules_are_refused():
    with pytest.raises(RemoteProtocolError, match="nothing to merge"):
        merge([], "majority")
    with pytest.raises(RemoteProtocolError, match="no conflict rule"):
        merge(contributions(Number(1.0)), "dice")


def test_agreement_is_equality_and_for_figures_closeness():
    answers = contributions(Number(0.50), Number(0.54), Number(0.56))
    assert agreeing(answers, Number(0.5)) == ("peer-0", "peer-1")
    answers = contributions(Rows((1,)), Rows((2,)))
    assert agreeing(answers, Rows((2,))) == ("peer-1",)


@given(st.permutations([Number(0.3), Selection((1,), 0.1), Choice("x", 0.7, (0.7, 0.2))]))
def test_extremes_name_the_part_with_the_extreme_figure(answers):
    names = tuple(type(one).__name__ for one in answers)
    assert combine(Combine("largest", names), answers).label == "Choice"
    assert combine(Combine("smallest", names), answers).label == "Selection"
    assert combine(Combine("largest", names), answers).figures == tuple(
        one.value for one in answers
    )


def test_selections_and_concatenations():
    assert combine(Combine("select"), (Ranking((3, 1)), Number(0.9))) == Selection((3, 1), 0.9)
    joined = combine(Combine("concatenate"), (Labels((0, 1)), Labels((2,))))
    assert joined == Labels((0, 1, 2))


@pytest.mark.parametrize(
    ("rule", "answers"),
    [
        ("select", (Number(1.0), Ranking((1,)))),
        ("select", (Ranking((1,)),)),
        ("concatenate", (Labels((1,)), Number(1.0))),
        ("largest", (Number(1.0),)),
        ("largest", (Labels((1,)), Number(1.0))),
        ("dice", (Number(1.0),)),
    ],
)
def test_answers_that_do_not_fit_a_combination_are_refused(rule, answers):
    with pytest.raises(RemoteProtocolError):
        combine(Combine(rule, ("a", "b")), answers)


def test_a_narrative_never_states_an_answer_of_another_kind():
    assert "0.876" in narrate(MeasureClusters("wine", 3), Number(0.8764))
    for wrong in (Labels((1,)), Choice("x", 1.0, (1.0,)), Rows((1,))):
        with pytest.raises(RemoteProtocolError, match="is no answer to"):
            narrate(MeasureClusters("wine", 3), wrong)


def test_ties_of_votes_do_not_depend_on_who_is_first_in_the_list():
    answers = contributions(Labels((0,)), Labels((1,)))
    results = {merge(order, "majority") for order in permutations(answers)}
    assert results == {(Labels((0,)), "confidence")}
