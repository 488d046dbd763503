"""The final answer in words, filled from the goal and the data sets' vocabulary."""

from agents.pipeline.datasets import CARDS
from agents.pipeline.tasks import (
    AnyAnswer,
    AnyGoal,
    Choice,
    ClassifyRows,
    CompareGroups,
    FindExtreme,
    FindOutliers,
    Labels,
    MeasureClusters,
    Number,
    RankFeatures,
    Ranking,
    RegressOnBest,
    Rows,
    Selection,
    SeparateClasses,
)
from prsm_sim.actor import RemoteProtocolError


def narrate(goal: AnyGoal, answer: AnyAnswer) -> str:
    """One sentence that states the answer.

    Raises:
        RemoteProtocolError: the answer does not fit the goal.
    """
    match goal, answer:
        case FindExtreme(_, parts), Choice(label, value, figures) if len(parts) == len(figures):
            rest = ", ".join(
                f"{part.label} {one:.3f}" for part, one in zip(parts, figures, strict=True)
            )
            return f"{label}, with {value:.3f} ({rest})."
        case SeparateClasses() | RegressOnBest(), Selection(features, value):
            return f"{_features(goal.data, features)}; with these alone {value:.3f} is reached."
        case RankFeatures(), Ranking(features):
            return f"Best first: {_features(goal.data, features)}."
        case ClassifyRows(data, _, rows), Labels(labels) if len(rows) == len(labels):
            return f"{_labels(data, rows, labels)}."
        case FindOutliers(), Rows(rows):
            return f"Rows {', '.join(str(row) for row in rows)}."
        case _, Number(value):
            return _number(goal, value)
    raise RemoteProtocolError(f"a {type(answer).__name__} is no answer to {type(goal).__name__}")


def _features(data: str, features: tuple[int, ...]) -> str:
    names = CARDS[data].features
    return ", ".join(names[feature] for feature in features)


def _labels(data: str, rows: tuple[int, ...], labels: tuple[int, ...]) -> str:
    names = CARDS[data].classes
    return ", ".join(f"row {row}: {names[label]}" for row, label in zip(rows, labels, strict=True))


def _number(goal: AnyGoal, value: float) -> str:
    if isinstance(goal, CompareGroups):
        card = CARDS[goal.data]
        first, second = (card.classes[label] for label in goal.classes)
        more = "larger" if value > 0 else "smaller"
        return (
            f"{card.features[goal.feature]} is {more} in {first} than in {second}, "
            f"by {abs(value):.2f} standard deviations."
        )
    if isinstance(goal, MeasureClusters):
        return f"{goal.count} clusters agree with the classes with an index of {value:.3f}."
    return f"{value:.3f}."
