"""Which form an answer must have. Peers may send anything; what does not fit is no answer.

A compiler that merges answers, and a person who reads them, may then rely on their form: as many
labels as rows, features that exist, figures that are finite.
"""

from math import isfinite

from agents.pipeline.datasets import CARDS
from agents.pipeline.tasks import (
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


def fits(goal: ElementalGoal, answer: object) -> bool:
    """Whether an answer has the form that the goal demands."""
    card = CARDS[goal.data]
    match goal, answer:
        case RankFeatures(), Ranking(features):
            known = all(0 <= feature < len(card.features) for feature in features)
            return known and len(set(features)) == len(features) == goal.count
        case ClassifyRows(), Labels(labels):
            known = all(0 <= label < len(card.classes) for label in labels)
            return known and len(labels) == len(goal.rows)
        case FindOutliers(), Rows(rows):
            return len(set(rows)) == len(rows) == goal.count and set(rows) <= set(goal.rows)
        case MeasureClassifier(), Number(value):
            return 0 <= value <= 1
        case MeasureRegression() | MeasureClusters(), Number(value):
            return isfinite(value) and value <= 1
        case CompareGroups(), Number(value):
            return isfinite(value)
        case _:
            return False
