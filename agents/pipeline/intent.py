"""Clarifying intent: can this goal be answered at all, and what would it take?

Both checks read the goal's structure only. `objection` says in one sentence why a goal makes no
sense (a class that the data set lacks, a row that is not reserved); `complexity_thousandths` weighs
the number of elemental operations, the longest chain of dependencies between them, and the size of
the data, in integers so that every peer reaches the same price.
"""

from typing import Final

from agents.pipeline.datasets import CARDS, DatasetCard, is_reserved
from agents.pipeline.tasks import (
    AnyGoal,
    ClassifyRows,
    CompareGroups,
    FindExtreme,
    FindOutliers,
    MeasureClassifier,
    MeasureClusters,
    MeasureRegression,
    RankFeatures,
    RegressOnBest,
    SeparateClasses,
)

CLASS_CRITERIA: Final = ("fisher", "variance_ratio")
QUANTITY_CRITERIA: Final = ("correlation",)
CLASSIFIERS: Final = ("bayes", "discriminant", "logistic", "neighbours")
REGRESSIONS: Final = ("least_squares", "neighbours", "ridge")
EXTREMES: Final = ("largest", "smallest")

ROWS_PER_OPERATION: Final = 10
OPERATION_THOUSANDTHS: Final = 120
LINK_THOUSANDTHS: Final = 60
DATA_BIT_THOUSANDTHS: Final = 10
FULL_THOUSANDTHS: Final = 1000
OPERATIONS_LIMIT: Final = 256


def operations(goal: AnyGoal) -> int:
    """Elemental calls and combinations that the goal stands for."""
    match goal:
        case ClassifyRows():
            return max(1, -(-len(goal.rows) // ROWS_PER_OPERATION))
        case SeparateClasses() | RegressOnBest():
            return 2
        case FindExtreme():
            return 1 + sum(operations(part.goal) for part in goal.parts)
        case _:
            return 1


def links(goal: AnyGoal) -> int:
    """Dependencies on the longest chain of operations."""
    match goal:
        case SeparateClasses() | RegressOnBest():
            return 1
        case FindExtreme():
            return 1 + max((links(part.goal) for part in goal.parts), default=0)
        case _:
            return 0


def cells(goal: AnyGoal) -> int:
    """Numbers in the largest table that one operation reads."""
    match goal:
        case FindExtreme():
            return max((cells(part.goal) for part in goal.parts), default=0)
        case RankFeatures() | SeparateClasses():
            return CARDS[goal.data].cells(goal.classes)
        case MeasureClassifier():
            return CARDS[goal.data].cells(goal.classes, goal.features)
        case MeasureRegression():
            return CARDS[goal.data].cells((), goal.features)
        case CompareGroups():
            return CARDS[goal.data].cells(goal.classes, (goal.feature,))
        case _:
            return CARDS[goal.data].cells()


def complexity_thousandths(goal: AnyGoal) -> int:
    """How complex a goal is, in thousandths of the most complex, from its structure alone."""
    estimate = (
        OPERATION_THOUSANDTHS * operations(goal)
        + LINK_THOUSANDTHS * links(goal)
        + DATA_BIT_THOUSANDTHS * cells(goal).bit_length()
    )
    return min(FULL_THOUSANDTHS, estimate)


def refractions(goal: AnyGoal) -> int:
    """How many levels of sub-questions the goal holds; 0 for a goal without parts."""
    match goal:
        case FindExtreme():
            return 1 + max((refractions(part.goal) for part in goal.parts), default=0)
        case SeparateClasses() | RegressOnBest():
            return 1
        case ClassifyRows():
            return (operations(goal) - 1).bit_length()
        case _:
            return 0


def objection(goal: AnyGoal) -> str | None:
    """Why the goal cannot be answered, in one sentence, or None."""
    if isinstance(goal, FindExtreme):
        return _parts_objection(goal)
    card = CARDS.get(goal.data)
    if card is None:
        return f"no data set is called {goal.data!r}; there are {', '.join(CARDS)}"
    match goal:
        case RankFeatures():
            criteria = CLASS_CRITERIA if card.classes else QUANTITY_CRITERIA
            pair = 2 if goal.criterion == "fisher" else 0
            return (
                _unknown("criterion", goal.criterion, criteria)
                or _bad_count(card, goal.count)
                or _bad_classes(card, goal.classes, pair)
            )
        case SeparateClasses():
            return (
                _unknown("criterion", goal.criterion, CLASS_CRITERIA)
                or _unknown("method", goal.method, CLASSIFIERS)
                or _bad_count(card, goal.count)
                or _bad_classes(card, goal.classes, 2)
            )
        case MeasureClassifier():
            return (
                _unknown("method", goal.method, CLASSIFIERS)
                or _needs_classes(card)
                or _bad_classes(card, goal.classes)
                or _bad_features(card, goal.features)
            )
        case ClassifyRows():
            return (
                _unknown("method", goal.method, CLASSIFIERS)
                or _needs_classes(card)
                or _bad_rows(card, goal.rows)
            )
        case MeasureRegression():
            return _bad_regression(card, goal.method) or _bad_features(card, goal.features)
        case RegressOnBest():
            return _bad_regression(card, goal.method) or _bad_count(card, goal.count)
        case CompareGroups():
            return _bad_features(card, (goal.feature,)) or _bad_classes(card, goal.classes, 2)
        case FindOutliers():
            if not 0 < goal.count < len(goal.rows):
                return f"{goal.count} outliers of {len(goal.rows)} rows make no question"
            return _bad_rows(card, goal.rows)
        case MeasureClusters():
            if not 2 <= goal.count <= 12:
                return f"the number of clusters must be 2 to 12, not {goal.count}"
            return _needs_classes(card)


def _parts_objection(goal: FindExtreme) -> str | None:
    labels = [part.label for part in goal.parts]
    if len(labels) < 2 or len(set(labels)) != len(labels):
        return "a comparison needs at least two parts with labels of their own"
    if operations(goal) > OPERATIONS_LIMIT:
        return f"it needs {operations(goal)} operations; the limit is {OPERATIONS_LIMIT}"
    for part in goal.parts:
        if isinstance(part.goal, RankFeatures | ClassifyRows | FindOutliers):
            return f"part {part.label!r} has no figure to compare"
        wrong = objection(part.goal)
        if wrong is not None:
            return f"part {part.label!r}: {wrong}"
    return _unknown("want", goal.want, EXTREMES)


def _unknown(what: str, value: str, known: tuple[str, ...]) -> str | None:
    return None if value in known else f"{what} {value!r} is none of {', '.join(known)}"


def _needs_classes(card: DatasetCard) -> str | None:
    return None if card.classes else f"{card.name} has a quantity as its target, not classes"


def _bad_regression(card: DatasetCard, method: str) -> str | None:
    if card.classes:
        return f"{card.name} has classes as its target, not a quantity"
    return _unknown("method", method, REGRESSIONS)


def _bad_count(card: DatasetCard, count: int) -> str | None:
    most = len(card.features)
    return None if 0 < count <= most else f"count must be 1 to {most}, not {count}"


def _bad_classes(card: DatasetCard, classes: tuple[int, ...], exactly: int = 0) -> str | None:
    if exactly and len(classes) != exactly:
        return f"it needs exactly {exactly} classes, not {len(classes)}"
    if len(set(classes)) != len(classes) or len(classes) == 1:
        return "classes must differ, and be at least two"
    wrong = [label for label in classes if not 0 <= label < len(card.classes)]
    return f"{card.name} has no class {wrong[0]}" if wrong else None


def _bad_features(card: DatasetCard, features: tuple[int, ...]) -> str | None:
    if len(set(features)) != len(features):
        return "features must differ"
    wrong = [feature for feature in features if not 0 <= feature < len(card.features)]
    return f"{card.name} has no feature {wrong[0]}" if wrong else None


def _bad_rows(card: DatasetCard, rows: tuple[int, ...]) -> str | None:
    if not rows or len(set(rows)) != len(rows):
        return "rows must be given, and differ"
    wrong = [row for row in rows if not (0 <= row < card.rows and is_reserved(row))]
    return f"row {wrong[0]} of {card.name} is not reserved for questions" if wrong else None
