"""Hypothesis strategies for goals that make sense."""

from hypothesis import strategies as st

from agents.pipeline.datasets import CARDS, reserved_rows
from agents.pipeline.intent import CLASSIFIERS, REGRESSIONS
from agents.pipeline.tasks import (
    ClassifyRows,
    CompareGroups,
    FindExtreme,
    FindOutliers,
    MeasureClassifier,
    MeasureClusters,
    MeasureRegression,
    Part,
    RankFeatures,
    RegressOnBest,
    SeparateClasses,
)

WITH_CLASSES = tuple(name for name, card in CARDS.items() if card.classes)


@st.composite
def pairs(draw, name):
    return tuple(
        draw(st.permutations(range(len(CARDS[name].classes))).map(lambda order: order[:2]))
    )


@st.composite
def figure_goals(draw):
    """Elemental and composite goals that have a figure, without parts of their own."""
    name = draw(st.sampled_from(WITH_CLASSES))
    method = draw(st.sampled_from(CLASSIFIERS))
    width = len(CARDS[name].features)
    match draw(st.integers(0, 5)):
        case 0:
            return MeasureClassifier(name, method, draw(pairs(name)))
        case 1:
            return CompareGroups(name, draw(st.integers(0, width - 1)), draw(pairs(name)))
        case 2:
            return MeasureClusters(name, draw(st.integers(2, 12)))
        case 3:
            count = draw(st.integers(1, width))
            return SeparateClasses(name, draw(pairs(name)), count, "fisher", method)
        case 4:
            return RegressOnBest(
                "diabetes", draw(st.integers(1, 10)), draw(st.sampled_from(REGRESSIONS))
            )
        case _:
            return MeasureRegression("diabetes", draw(st.sampled_from(REGRESSIONS)))


def nested(parts):
    return st.builds(
        lambda want, goals: FindExtreme(
            want, tuple(Part(f"part {i}", goal) for i, goal in enumerate(goals))
        ),
        st.sampled_from(("largest", "smallest")),
        st.lists(parts, min_size=2, max_size=3),
    )


@st.composite
def list_goals(draw):
    """Goals whose answer is a list."""
    name = draw(st.sampled_from(WITH_CLASSES))
    rows = draw(
        st.lists(st.sampled_from(reserved_rows(name)), min_size=2, max_size=80, unique=True)
    )
    match draw(st.integers(0, 2)):
        case 0:
            return ClassifyRows(name, draw(st.sampled_from(CLASSIFIERS)), tuple(rows))
        case 1:
            return FindOutliers(name, tuple(rows), draw(st.integers(1, len(rows) - 1)))
        case _:
            count = draw(st.integers(1, len(CARDS[name].features)))
            return RankFeatures(name, "variance_ratio", count)


goals = st.one_of(
    figure_goals(),
    list_goals(),
    nested(figure_goals()),
    nested(st.one_of(figure_goals(), nested(figure_goals()))),
)
