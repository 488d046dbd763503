import itertools

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.naive_bayes import GaussianNB

from agents.pipeline.architect import Refraction
from agents.pipeline.datasets import CARDS, reserved_rows
from agents.pipeline.forms import fits
from agents.pipeline.shares import Share
from agents.pipeline.submodels import SKILLS, SubmodelAdapter
from agents.pipeline.tasks import (
    ClassifyRows,
    Combine,
    CompareGroups,
    FindOutliers,
    Labels,
    MeasureClassifier,
    MeasureClusters,
    MeasureRegression,
    Number,
    RankFeatures,
    Ranking,
    Rows,
    bind,
)
from prsm_sim.actor import OperationFailed, decode, encode
from prsm_sim.chance import Stream
from scenarios.research_market import truth
from scenarios.research_market.questions import load_questions

pytestmark = pytest.mark.slow

PEERS = {f"peer-{seed}": Share(seed, 800, tuple(CARDS)) for seed in range(3)}


def ask(adapter, goal, peer="peer-0"):
    return adapter.call(peer, "infer", (type(goal).__name__, goal))


ONE_OF_EACH = [
    RankFeatures("wine", "variance_ratio", 4),
    RankFeatures("wine", "fisher", 2, (0, 2)),
    RankFeatures("diabetes", "correlation", 3),
    *(MeasureClassifier("iris", method) for method in ("bayes", "discriminant", "neighbours")),
    MeasureClassifier("wine", "logistic", (0, 2), (6, 11)),
    ClassifyRows("digits", "neighbours", reserved_rows("digits")[:10]),
    *(MeasureRegression("diabetes", m) for m in ("ridge", "least_squares", "neighbours")),
    CompareGroups("wine", 0, (0, 1)),
    FindOutliers("breast_cancer", reserved_rows("breast_cancer"), 4),
    MeasureClusters("iris", 3),
]


@pytest.mark.parametrize("goal", ONE_OF_EACH, ids=lambda goal: f"{type(goal).__name__}-{goal.data}")
def test_a_sub_model_answers_in_form_near_the_truth_and_the_same_each_time(goal):
    first, again = SubmodelAdapter(PEERS), SubmodelAdapter(PEERS)
    answers = [ask(first, goal, peer) for peer in PEERS]
    for inference in answers:
        assert fits(goal, inference.answer)
        assert 0 <= inference.confidence_thousandths <= 1000
        assert truth.score(goal, inference.answer, truth.truth(goal)) >= 0.66
    assert encode(answers) == encode([ask(again, goal, peer) for peer in PEERS])
    assert decode(encode(answers[0]), type(answers[0])) == answers[0]


def test_every_skill_is_covered_above():
    assert {type(goal).__name__ for goal in ONE_OF_EACH} == set(SKILLS)


def test_elemental_tasks_of_the_question_file_are_answered_well_by_a_single_peer():
    """A floor for one peer's raw answers, without any vote: near-tied features cost it most."""
    adapter = SubmodelAdapter(PEERS)
    scores = []
    for question in load_questions():
        answers = {}
        for task in Refraction(5, 300).graph(question.goal).order():
            if not isinstance(task.goal, Combine):
                goal = bind(task, answers)
                answers[task.id] = ask(adapter, goal).answer
                scores.append(truth.score(goal, answers[task.id], truth.truth(goal)))
    assert len(scores) > 60
    assert np.mean(scores) > 0.88


def test_the_same_rows_and_goal_are_computed_once_whoever_asks():
    twins = SubmodelAdapter({"a": Share(1, 800, ("iris",)), "b": Share(1, 800, ("iris",))})
    goal = MeasureClusters("iris", 3)
    assert ask(twins, goal, "a") is ask(twins, goal, "b")
    assert twins.computed == 1
    ask(twins, MeasureClusters("iris", 2), "a")
    assert twins.computed == 2


def test_shares_matter():
    adapter = SubmodelAdapter(PEERS)
    answers = {ask(adapter, CompareGroups("wine", 0, (0, 1)), peer).answer for peer in PEERS}
    assert len(answers) == 3


@pytest.mark.parametrize(
    ("peer", "skill", "goal", "reason"),
    [
        ("peer-0", "MeasureClusters", RankFeatures("wine", "fisher", 1, (0, 1)), "does not answer"),
        ("peer-0", "RankFeatures", RankFeatures("wine", "fisher", 99, (0, 1)), "count must be"),
        ("nobody", "MeasureClusters", MeasureClusters("iris", 3), "holds no share"),
        ("tiny", "MeasureClassifier", MeasureClassifier("iris", "bayes"), "cannot tell"),
    ],
)
def test_what_a_peer_cannot_do_is_refused_with_the_reason(peer, skill, goal, reason):
    adapter = SubmodelAdapter({**PEERS, "tiny": Share(0, 30, ("iris",))})
    with pytest.raises(OperationFailed, match=reason):
        adapter.call(peer, "infer", (skill, goal))


def test_work_takes_time_in_proportion_to_what_it_reads():
    adapter = SubmodelAdapter(PEERS)

    def mean_s(goal):
        rng = Stream(1, "test", "duration")
        arguments = (type(goal).__name__, goal)
        return np.mean([adapter.duration_s("peer-0", "infer", arguments, rng) for _ in range(400)])

    small, large = mean_s(MeasureClusters("iris", 3)), mean_s(MeasureClusters("digits", 3))
    assert small == pytest.approx(0.01 + 5e-8 * 480 * 60, rel=0.05)
    assert large == pytest.approx(0.01 + 5e-8 * 92006 * 60, rel=0.05)


# The ground truth itself, against the definition that it takes a short cut to.


@pytest.mark.parametrize(
    ("method", "model"),
    [("discriminant", LinearDiscriminantAnalysis()), ("bayes", GaussianNB())],
)
@pytest.mark.parametrize(("data", "features"), [("iris", (0, 1)), ("wine", (0, 5, 6, 11))])
def test_the_truth_of_a_classifier_is_leave_one_out(method, model, data, features):
    values, target = truth.table(data)
    values = values[:, list(features)]
    refitted = cross_val_predict(model, values, target, cv=LeaveOneOut())
    quick = truth.leave_one_out_accuracy(method, values, target)
    assert quick == pytest.approx(float(np.mean(refitted == target)), abs=1e-12)


def test_the_truth_of_a_logistic_regression_is_near_another_solver():
    values, target = truth.table("wine")
    keep = target != 1
    values, target = values[keep][:, [0, 1, 2]], target[keep]
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    refitted = cross_val_predict(LogisticRegression(), scaled, target, cv=10)
    quick = truth.leave_one_out_accuracy("logistic", values, target)
    assert quick == pytest.approx(float(np.mean(refitted == target)), abs=0.02)


def test_the_truth_of_a_regression_is_leave_one_out():
    values, target = truth.table("diabetes")
    residuals = []
    for row in range(len(target)):
        design = np.column_stack([np.ones(len(target)), values])
        others = np.arange(len(target)) != row
        weights, *_ = np.linalg.lstsq(design[others], target[others], rcond=None)
        residuals.append(target[row] - design[row] @ weights)
    expected = 1 - np.sum(np.square(residuals)) / np.sum((target - target.mean()) ** 2)
    assert truth.leave_one_out_quality("least_squares", values, target) == pytest.approx(expected)


def test_the_truth_of_clusters_counts_pairs_as_the_adjusted_rand_index_does():
    rng = np.random.default_rng(3)
    for _ in range(5):
        one, other = rng.integers(0, 3, 40).tolist(), rng.integers(0, 4, 40).tolist()
        assert truth._adjusted_rand(one, other) == pytest.approx(adjusted_rand_score(one, other))


def test_the_truth_names_the_best_features_by_definition():
    values, target = truth.table("wine")
    found = truth.truth(RankFeatures("wine", "fisher", 3, (0, 2)))
    scores = [
        (column[target == 0].mean() - column[target == 2].mean()) ** 2
        / (column[target == 0].var(ddof=1) + column[target == 2].var(ddof=1))
        for column in values.T
    ]
    assert set(found.features) == set(np.argsort(scores)[-3:].tolist())


def test_scores_follow_their_definition():
    goal = CompareGroups("wine", 0, (0, 1))
    assert truth.score(goal, Number(1.5), Number(2.0)) == pytest.approx(0.5)
    goal = MeasureClusters("wine", 3)
    assert truth.score(goal, Number(0.90), Number(0.85)) == pytest.approx(0.8)
    assert truth.score(goal, Number(0.10), Number(0.85)) == 0
    assert truth.score(goal, Labels((1,)), Number(0.85)) == 0
    ranking = RankFeatures("wine", "fisher", 3, (0, 1))
    for order in itertools.permutations((1, 2, 3)):
        assert truth.score(ranking, Ranking(order), Ranking((1, 2, 3))) == 1
    assert truth.score(ranking, Ranking((1, 2, 9)), Ranking((1, 2, 3))) == pytest.approx(2 / 3)
    outliers = FindOutliers("wine", (7, 15, 23), 1)
    assert truth.score(outliers, Rows((7,)), Rows((15,))) == 0
    rows = ClassifyRows("wine", "bayes", (7, 15))
    assert truth.score(rows, Labels((0, 1)), Labels((0, 2))) == 0.5
