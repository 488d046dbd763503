"""The specialist sub-models: scikit-learn models and statistics, one function an elemental goal.

Each is fitted on the share of one peer and returns its answer with a confidence that it derives
from the same data: the margin at the cut for rankings, twice the standard error for figures, the
mean posterior for labels. Random states are fixed and one thread is used, so the same share and
goal give the same bytes. Models are cheap on purpose (Hastie, Tibshirani & Friedman 2009, chapters
3, 4 and 13): hundreds of them are fitted in one run.
"""

import warnings

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.covariance import EmpiricalCovariance
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import f_classif, r_regression
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from agents.pipeline.shares import Floats, Table, load, part
from agents.pipeline.submodel_types import Inference
from agents.pipeline.tasks import (
    DECIMALS,
    ClassifyRows,
    CompareGroups,
    ElementalGoal,
    FindOutliers,
    Labels,
    MeasureClassifier,
    MeasureClusters,
    MeasureRegression,
    Number,
    RankFeatures,
    Ranking,
    Rows,
)

FOLDS = 5
NEIGHBOURS = 5
REGRESSION_NEIGHBOURS = 10
RIDGE_PENALTY = 1.0
FULL = 1000


def infer(goal: ElementalGoal, share: Table) -> Inference:
    """Answer an elemental goal from the rows of a share.

    Raises:
        ValueError: the share is too small for the goal.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # constant pixels, which carry no information
        match goal:
            case RankFeatures():
                return _rank(goal, share)
            case MeasureClassifier():
                return _classifier_accuracy(goal, share)
            case ClassifyRows():
                return _classify(goal, share)
            case MeasureRegression():
                return _regression_quality(goal, share)
            case CompareGroups():
                return _compare(goal, share)
            case FindOutliers():
                return _outliers(goal, share)
            case MeasureClusters():
                return _clusters(goal, share)


def _classifier(method: str) -> BaseEstimator:
    match method:
        case "bayes":
            return GaussianNB()
        case "discriminant":
            return LinearDiscriminantAnalysis()
        case "logistic":
            return make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, tol=1e-3))
        case "neighbours":
            return make_pipeline(StandardScaler(), KNeighborsClassifier(NEIGHBOURS))
        case _:
            raise ValueError(f"no classifier is called {method!r}")


def _regression(method: str) -> BaseEstimator:
    match method:
        case "least_squares":
            return LinearRegression()
        case "ridge":
            return make_pipeline(StandardScaler(), Ridge(RIDGE_PENALTY))
        case "neighbours":
            return make_pipeline(StandardScaler(), KNeighborsRegressor(REGRESSION_NEIGHBOURS))
        case _:
            raise ValueError(f"no regression is called {method!r}")


def _rank(goal: RankFeatures, share: Table) -> Inference:
    table = part(share, goal.classes, ())
    match goal.criterion:
        case "fisher":
            first, second = (table.features[table.target == label] for label in goal.classes)
            spread = first.var(axis=0, ddof=1) + second.var(axis=0, ddof=1)
            distance = (first.mean(axis=0) - second.mean(axis=0)) ** 2
            scores = np.divide(distance, spread, out=np.zeros_like(spread), where=spread > 0)
        case "variance_ratio":
            scores = np.nan_to_num(f_classif(table.features, table.target)[0])
        case "correlation":
            scores = np.abs(np.nan_to_num(r_regression(table.features, table.target)))
        case _:
            raise ValueError(f"no criterion is called {goal.criterion!r}")
    order = np.argsort(-scores, kind="stable")
    chosen = tuple(int(feature) for feature in order[: goal.count])
    return Inference(Ranking(chosen), _margin(scores[order], goal.count))


def _margin(descending: Floats, count: int) -> int:
    """How far the last one in is ahead of the first one out."""
    if count >= len(descending) or descending[count - 1] <= 0:
        return FULL if count >= len(descending) else 0
    return _thousandths(1 - float(descending[count]) / float(descending[count - 1]))


def _classifier_accuracy(goal: MeasureClassifier, share: Table) -> Inference:
    table = part(share, goal.classes, goal.features)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    predicted = cross_val_predict(
        _classifier(goal.method), table.features, table.target, cv=folds, n_jobs=1
    )
    accuracy = float(np.mean(predicted == table.target))
    error = np.sqrt(accuracy * (1 - accuracy) / len(table.target))
    return Inference(Number(round(accuracy, DECIMALS)), _thousandths(1 - 2 * error))


def _regression_quality(goal: MeasureRegression, share: Table) -> Inference:
    table = part(share, (), goal.features)
    folds = KFold(FOLDS, shuffle=True, random_state=0)
    predicted = cross_val_predict(
        _regression(goal.method), table.features, table.target, cv=folds, n_jobs=1
    )
    residual = float(np.sum((table.target - predicted) ** 2))
    total = float(np.sum((table.target - table.target.mean()) ** 2))
    quality = 1 - residual / total
    # Standard error of R² (Olkin & Finn 1995), large-sample form.
    error = np.sqrt(4 * max(quality, 0.0) * (1 - quality) ** 2 / len(predicted))
    return Inference(Number(round(quality, DECIMALS)), _thousandths(1 - 2 * error))


def _classify(goal: ClassifyRows, share: Table) -> Inference:
    model = _classifier(goal.method)
    model.fit(share.features, share.target)
    posterior = model.predict_proba(load(goal.data).features[list(goal.rows)])
    labels = model.classes_[np.argmax(posterior, axis=1)]
    sure = float(np.mean(posterior.max(axis=1)))
    return Inference(Labels(tuple(int(label) for label in labels)), _thousandths(sure))


def _compare(goal: CompareGroups, share: Table) -> Inference:
    first, second = (share.features[share.target == label, goal.feature] for label in goal.classes)
    degrees = len(first) + len(second) - 2
    pooled = (
        (len(first) - 1) * first.var(ddof=1) + (len(second) - 1) * second.var(ddof=1)
    ) / degrees
    if pooled <= 0:
        raise ValueError("the feature is constant in this share")
    effect = float((first.mean() - second.mean()) / np.sqrt(pooled))
    # Standard error of Cohen's d (Hedges & Olkin 1985).
    sizes = len(first) + len(second)
    error = np.sqrt(sizes / (len(first) * len(second)) + effect**2 / (2 * sizes))
    return Inference(Number(round(effect, DECIMALS)), _thousandths(1 - 2 * error))


def _outliers(goal: FindOutliers, share: Table) -> Inference:
    model = EmpiricalCovariance().fit(share.features)
    distances = model.mahalanobis(load(goal.data).features[list(goal.rows)])
    order = np.argsort(-distances, kind="stable")
    named = tuple(sorted(goal.rows[index] for index in order[: goal.count]))
    return Inference(Rows(named), _margin(distances[order], goal.count))


def _clusters(goal: MeasureClusters, share: Table) -> Inference:
    scaled = StandardScaler().fit_transform(share.features)
    model = KMeans(goal.count, n_init=5, random_state=0).fit(scaled)
    agreement = float(adjusted_rand_score(share.target, model.labels_))
    explained = 1 - model.inertia_ / float(np.sum(scaled**2))
    return Inference(Number(round(agreement, DECIMALS)), _thousandths(explained))


def _thousandths(share: float) -> int:
    return round(FULL * min(1.0, max(0.0, share)))
