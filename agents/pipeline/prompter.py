"""The prompter: turns a bound task into a typed model call.

A sub-model computes from the call's `goal` alone. The other sections state, in words that a person
or a language model can check, what is asked (clarity), what the data are (context) and which limits
apply (safety); they are filled from the data set's card and the goal, never invented.
"""

from typing import Final

import msgspec

from agents.pipeline.datasets import CARDS, DatasetCard
from agents.pipeline.messages import ModelCall, WritePrompt
from agents.pipeline.tasks import (
    ClassifyRows,
    CompareGroups,
    ElementalGoal,
    FindOutliers,
    MeasureClassifier,
    MeasureClusters,
    MeasureRegression,
    RankFeatures,
)
from prsm_sim.actor import Actor, Context, PeerId, on


class Template(msgspec.Struct, frozen=True):
    """How one skill is asked for."""

    prompt_type: str
    clarity: str


TEMPLATES: Final[dict[type[ElementalGoal], Template]] = {
    RankFeatures: Template(
        "analytical", "Rank the features by {criterion}; name the best {count}."
    ),
    MeasureClassifier: Template(
        "evaluation", "Cross-validate a {method} classifier; give its accuracy from 0 to 1."
    ),
    ClassifyRows: Template("analytical", "Give the class of each row, in order, by {method}."),
    MeasureRegression: Template(
        "evaluation", "Cross-validate a {method} regression; give its coefficient R²."
    ),
    CompareGroups: Template(
        "explanatory", "Give the standardised difference of the two classes' means, with its sign."
    ),
    FindOutliers: Template("analytical", "Name the {count} rows farthest from the rest."),
    MeasureClusters: Template(
        "evaluation", "Find {count} clusters without labels; give their adjusted Rand index."
    ),
}

SAFETY: Final[dict[str, str]] = {
    "medicine": "Statistics of a study, not a diagnosis. Release no row of your share.",
}
SAFETY_OTHERWISE: Final = "Release no row of your share."


def write_prompt(task_id: str, goal: ElementalGoal) -> ModelCall:
    """The model call for one bound task."""
    card = CARDS[goal.data]
    template = TEMPLATES[type(goal)]
    return ModelCall(
        task_id=task_id,
        skill=type(goal).__name__,
        goal=goal,
        domain=card.domain,
        prompt_type=template.prompt_type,
        clarity=template.clarity.format(**msgspec.structs.asdict(goal)),
        safety=SAFETY.get(card.domain, SAFETY_OTHERWISE),
        context=_context(card, goal),
    )


def _context(card: DatasetCard, goal: ElementalGoal) -> str:
    said = [f"{card.name}: {card.rows} rows, {len(card.features)} features, target {card.target}"]
    classes: tuple[int, ...] = getattr(goal, "classes", ())
    if classes:
        said.append("classes " + ", ".join(card.classes[label] for label in classes))
    features: tuple[int, ...] = getattr(goal, "features", ())
    if isinstance(goal, CompareGroups):
        features = (goal.feature,)
    if features:
        said.append("features " + ", ".join(card.features[index] for index in features))
    return "; ".join(said)


class Prompter(Actor):
    """Answers `WritePrompt` with a `ModelCall`."""

    @on(WritePrompt)
    def write(self, ctx: Context, sender: PeerId, message: WritePrompt) -> ModelCall:
        """Turn a task into a call."""
        return write_prompt(message.task_id, message.goal)
