"""Ground truth by another route, and how near an answer comes to it.

The pipeline fits scikit-learn models on parts of the data and lets peers vote. Here every question
is answered from *all* rows, by closed forms or by brute force in numpy and scipy, without any of
the pipeline's code and without scikit-learn's models: leave-one-out instead of five folds, the hat
matrix instead of refitting (Allen's PRESS, 1974), a t statistic instead of a pooled deviation,
leverages from a QR decomposition instead of a covariance's inverse, pair counting instead of a
contingency formula, Newton's method instead of L-BFGS. For classification of samples the truth is
the label in the data set.

An answer scores from 0 to 1: sets by the share that is right, figures by their distance in units of
a tolerance.
"""

from collections.abc import Sequence
from functools import cache
from itertools import combinations

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import stats
from sklearn import datasets as shipped

from agents.pipeline import tasks
from agents.pipeline.questions import Question
from agents.pipeline.tasks import AnyAnswer, AnyGoal

Floats = npt.NDArray[np.float64]

FIGURE_TOLERANCE = 0.25
"""A figure that is off by this much scores 0; shares of the data differ by a few hundredths."""
EFFECT_TOLERANCE = 1.0
"""The same for a standardised difference, whose standard error is itself several tenths."""


@cache
def table(data: str) -> tuple[Floats, Floats]:
    """Features (rows, columns) and target (rows,) of a whole data set."""
    bunch = getattr(shipped, f"load_{data}")()
    return np.asarray(bunch["data"], float), np.asarray(bunch["target"], float)


@cache
def _truth_of(encoded: bytes) -> AnyAnswer:
    return _solve(msgspec.msgpack.decode(encoded, type=AnyGoal))


def truth(goal: AnyGoal) -> AnyAnswer:
    """The true answer to a goal."""
    return _truth_of(msgspec.msgpack.encode(goal))


def accuracy(question: Question, answer: AnyAnswer) -> float:
    """How near `answer` comes to the truth, from 0 to 1."""
    return score(question.goal, answer, truth(question.goal))


def score(goal: AnyGoal, answer: AnyAnswer, true: AnyAnswer) -> float:
    """How near `answer` comes to `true`, from 0 to 1; another kind of answer scores 0.

    Rankings and sets of rows: the share of members that are right. Labels: the share of rows that
    are right. Figures: linear in the distance. A selection: the mean of its two parts. A choice: 0
    unless the right part is named, or one whose true figure is as good.
    """
    match true, answer:
        case tasks.Number(expected), tasks.Number(value):
            effect = isinstance(goal, tasks.CompareGroups)
            tolerance = EFFECT_TOLERANCE if effect else FIGURE_TOLERANCE
            return max(0.0, 1.0 - abs(expected - value) / tolerance)
        case tasks.Ranking(expected), tasks.Ranking(features):
            return _overlap(expected, features)
        case tasks.Rows(expected), tasks.Rows(rows):
            return _overlap(expected, rows)
        case tasks.Labels(expected), tasks.Labels(labels):
            right = sum(one == other for one, other in zip(expected, labels, strict=False))
            return right / len(expected)
        case tasks.Selection(features, expected), tasks.Selection(chosen, value):
            near = max(0.0, 1.0 - abs(expected - value) / FIGURE_TOLERANCE)
            return (_overlap(features, chosen) + near) / 2
        case tasks.Choice(_, expected, figures), tasks.Choice(label, _, _):
            assert isinstance(goal, tasks.FindExtreme), "only comparisons choose"
            names = [part.label for part in goal.parts]
            return float(label in names and figures[names.index(label)] == expected)
        case _:
            return 0.0


def _overlap(expected: Sequence[int], given: Sequence[int]) -> float:
    return len(set(expected) & set(given)) / max(len(expected), len(given))


def _solve(goal: AnyGoal) -> AnyAnswer:
    match goal:
        case tasks.RankFeatures():
            return tasks.Ranking(_best_features(goal))
        case tasks.MeasureClassifier():
            features, target = _part(goal.data, goal.classes, goal.features)
            return tasks.Number(leave_one_out_accuracy(goal.method, features, target))
        case tasks.ClassifyRows():
            _, target = table(goal.data)
            return tasks.Labels(tuple(int(target[row]) for row in goal.rows))
        case tasks.MeasureRegression():
            features, target = _part(goal.data, (), goal.features)
            return tasks.Number(leave_one_out_quality(goal.method, features, target))
        case tasks.CompareGroups():
            return tasks.Number(_effect(goal))
        case tasks.FindOutliers():
            return tasks.Rows(_leverage_outliers(goal))
        case tasks.MeasureClusters():
            features, target = table(goal.data)
            return tasks.Number(_cluster_agreement(features, target, goal.count))
        case tasks.SeparateClasses():
            ranking = tasks.RankFeatures(goal.data, goal.criterion, goal.count, goal.classes)
            chosen = _best_features(ranking)
            features, target = _part(goal.data, goal.classes, chosen)
            figure = leave_one_out_accuracy(goal.method, features, target)
            return tasks.Selection(chosen, figure)
        case tasks.RegressOnBest():
            chosen = _best_features(tasks.RankFeatures(goal.data, "correlation", goal.count))
            features, target = _part(goal.data, (), chosen)
            return tasks.Selection(chosen, leave_one_out_quality(goal.method, features, target))
        case tasks.FindExtreme():
            figures = tuple(_figure(truth(part.goal)) for part in goal.parts)
            wanted = max(figures) if goal.want == "largest" else min(figures)
            return tasks.Choice(goal.parts[figures.index(wanted)].label, wanted, figures)


def _figure(answer: AnyAnswer) -> float:
    if isinstance(answer, tasks.Number | tasks.Selection | tasks.Choice):
        return answer.value
    raise AssertionError(f"{answer} has no figure")


def _part(data: str, classes: Sequence[int], features: Sequence[int]) -> tuple[Floats, Floats]:
    values, target = table(data)
    if classes:
        kept = np.logical_or.reduce([target == label for label in classes])
        values, target = values[kept], target[kept]
    return (values[:, list(features)] if features else values), target


def _best_features(goal: tasks.RankFeatures) -> tuple[int, ...]:
    """Scores one feature at a time, from the definition of each criterion."""
    values, target = _part(goal.data, goal.classes, ())
    scores = []
    for column in values.T:
        groups = [column[target == label] for label in np.unique(target)]
        if np.ptp(column) == 0:
            scores.append(0.0)
        elif goal.criterion == "correlation":
            scores.append(abs(float(stats.pearsonr(column, target).statistic)))
        elif goal.criterion == "fisher":
            first, second = groups
            spread = np.cov(first) + np.cov(second)
            scores.append(float((np.average(first) - np.average(second)) ** 2 / spread))
        else:
            scores.append(float(stats.f_oneway(*groups).statistic))
    ranked = sorted(range(len(scores)), key=lambda feature: -scores[feature])
    return tuple(ranked[: goal.count])


def leave_one_out_accuracy(method: str, features: Floats, target: Floats) -> float:
    """Share of rows that a classifier fitted on all the others gets right."""
    predict = {
        "bayes": _bayes,
        "discriminant": _discriminant,
        "neighbours": _nearest,
        "logistic": _logistic,
    }[method]
    return float(np.mean(predict(features, target) == target))


def _bayes(features: Floats, target: Floats) -> Floats:
    """Gaussian naive Bayes; a class's sums without row i are its sums less row i."""
    classes = np.unique(target)
    floor = 1e-9 * features.var(axis=0).max()
    scores = np.empty((len(target), len(classes)))
    for index, label in enumerate(classes):
        own = (target == label).astype(float)[:, None]
        count = own.sum() - own
        total = (own * features).sum(axis=0) - own * features
        squares = (own * features**2).sum(axis=0) - own * features**2
        mean = total / count
        variance = np.maximum(squares / count - mean**2, 0) + floor
        log_density = -0.5 * (np.log(variance) + (features - mean) ** 2 / variance).sum(axis=1)
        scores[:, index] = log_density + np.log(count[:, 0])
    return np.asarray(classes[np.argmax(scores, axis=1)])


def _discriminant(features: Floats, target: Floats) -> Floats:
    """Linear discriminant, left-out row by row through a rank-one update of the scatter matrix.

    Without row x of a class of n rows and mean m the mean is m − (x − m)/(n − 1), and the scatter
    W loses n/(n − 1) · (x − m)(x − m)ᵀ (Sherman & Morrison 1950 inverts what is left).
    """
    scale = features.std(axis=0)
    values = (features[:, scale > 0] - features.mean(axis=0)[scale > 0]) / scale[scale > 0]
    classes = np.unique(target)
    means = np.array([values[target == label].mean(axis=0) for label in classes])
    counts = np.array([(target == label).sum() for label in classes])
    own = np.searchsorted(classes, target)
    residuals = values - means[own]
    inverse = np.linalg.pinv(residuals.T @ residuals)
    freedom = len(target) - 1 - len(classes)
    predicted = np.empty(len(target))
    for row, (value, residual, label) in enumerate(zip(values, residuals, own, strict=True)):
        count = counts[label]
        factor = count / (count - 1)
        step = inverse @ residual
        # Zero where this row alone spans a direction (a pixel that only it lights).
        left = max(1 - factor * (residual @ step), 1e-9)
        without = inverse + factor * np.outer(step, step) / left
        centres = means.copy()
        centres[label] -= residual / (count - 1)
        sizes = counts.copy()
        sizes[label] -= 1
        away = value - centres
        distance = np.einsum("ij,jk,ik->i", away, without, away) * freedom
        predicted[row] = classes[np.argmax(np.log(sizes) - distance / 2)]
    return predicted


def _nearest(features: Floats, target: Floats, count: int = 5) -> Floats:
    """Majority of the five nearest other rows, by all pairwise distances."""
    order = _neighbour_order(features)[:, :count]
    classes = np.unique(target)
    votes = np.stack([(target[order] == label).sum(axis=1) for label in classes], axis=1)
    return np.asarray(classes[np.argmax(votes, axis=1)])


def _neighbour_order(features: Floats) -> npt.NDArray[np.int64]:
    scale = features.std(axis=0)
    values = features / np.where(scale > 0, scale, 1.0)
    squares = (values**2).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * values @ values.T
    np.fill_diagonal(distances, np.inf)
    return np.argsort(distances, axis=1, kind="stable")


def _logistic(features: Floats, target: Floats) -> Floats:
    """Two-class logistic regression with a unit ridge, by Newton's method, in ten folds."""
    classes = np.unique(target)
    assert len(classes) == 2, "ground truth of a logistic regression is for two classes"
    values = (features - features.mean(axis=0)) / features.std(axis=0)
    design = np.column_stack([np.ones(len(values)), values])
    ridge = np.eye(design.shape[1])
    ridge[0, 0] = 0.0
    positive = (target == classes[1]).astype(float)
    predicted = np.empty(len(target))
    for fold in range(10):
        left_out = np.arange(len(target)) % 10 == fold
        seen, wanted = design[~left_out], positive[~left_out]
        weights = np.zeros(design.shape[1])
        for _ in range(25):
            chance = 1 / (1 + np.exp(-np.clip(seen @ weights, -30, 30)))
            slope = seen.T @ (chance - wanted) + ridge @ weights
            curvature = (seen * (chance * (1 - chance))[:, None]).T @ seen + ridge
            weights -= np.linalg.solve(curvature, slope)
        predicted[left_out] = classes[(design[left_out] @ weights > 0).astype(int)]
    return predicted


def leave_one_out_quality(method: str, features: Floats, target: Floats) -> float:
    """R² of predictions for each row from all the others."""
    if method == "neighbours":
        residuals = target - target[_neighbour_order(features)[:, :10]].mean(axis=1)
    else:
        scale = (features - features.mean(axis=0)) / features.std(axis=0)
        design = np.column_stack([np.ones(len(target)), scale])
        penalty = np.eye(design.shape[1]) * (1.0 if method == "ridge" else 0.0)
        penalty[0, 0] = 0.0
        hat = design @ np.linalg.solve(design.T @ design + penalty, design.T)
        residuals = (target - hat @ target) / (1 - np.diag(hat))
    return float(1 - (residuals @ residuals) / np.sum((target - target.mean()) ** 2))


def _effect(goal: tasks.CompareGroups) -> float:
    """Cohen's d from Student's t: d = t · √(1/n₁ + 1/n₂)."""
    values, target = table(goal.data)
    first, second = (values[target == label, goal.feature] for label in goal.classes)
    statistic = float(stats.ttest_ind(first, second).statistic)
    return float(statistic * np.sqrt(1 / len(first) + 1 / len(second)))


def _leverage_outliers(goal: tasks.FindOutliers) -> tuple[int, ...]:
    """Rows by leverage, which grows with the Mahalanobis distance."""
    values, _ = table(goal.data)
    basis, _ = np.linalg.qr(np.column_stack([np.ones(len(values)), values - values.mean(axis=0)]))
    leverages = (basis**2).sum(axis=1)
    ranked = sorted(goal.rows, key=lambda row: -leverages[row])
    return tuple(sorted(ranked[: goal.count]))


def _cluster_agreement(features: Floats, target: Floats, count: int) -> float:
    """Lloyd's algorithm from many starts, and the Rand index by counting pairs of rows."""
    scale = features.std(axis=0)
    values = (features - features.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    chance = np.random.default_rng(20_000)
    best_cost, best = np.inf, np.zeros(len(values), dtype=int)
    for _ in range(30):
        centres = values[chance.choice(len(values), count, replace=False)]
        for _ in range(60):
            distances = ((values[:, None, :] - centres[None]) ** 2).sum(axis=2)
            nearest = distances.argmin(axis=1)
            centres = np.array(
                [
                    values[nearest == one].mean(axis=0) if (nearest == one).any() else centres[one]
                    for one in range(count)
                ]
            )
        cost = distances.min(axis=1).sum()
        if cost < best_cost:
            best_cost, best = cost, nearest
    return _adjusted_rand(best.tolist(), target.tolist())


def _adjusted_rand(first: Sequence[float], second: Sequence[float]) -> float:
    """(together in both − expected) / (mean of the two − expected), over all pairs of rows."""
    in_first = in_second = in_both = pairs = 0
    for one, other in combinations(range(len(first)), 2):
        same_first, same_second = first[one] == first[other], second[one] == second[other]
        pairs += 1
        in_first += same_first
        in_second += same_second
        in_both += same_first and same_second
    expected = in_first * in_second / pairs
    return (in_both - expected) / ((in_first + in_second) / 2 - expected)
