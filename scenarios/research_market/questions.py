"""The question file: what people write, checked, and turned into what the pipeline understands.

People name classes and measurements; the machinery counts them. A name that does not exist is
reported with the nearest one that does, at its line and column.
"""

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from agents.pipeline import tasks
from agents.pipeline.datasets import CARDS, reserved_rows
from agents.pipeline.intent import objection
from agents.pipeline.questions import Question
from prsm_sim.yaml_files import load_yaml

DEFAULT_FILE = Path(__file__).with_name("questions.yaml")

DatasetName = Literal["iris", "wine", "breast_cancer", "digits", "diabetes"]
Classifier = Literal["bayes", "discriminant", "logistic", "neighbours"]
Regression = Literal["least_squares", "neighbours", "ridge"]
ClassCriterion = Literal["fisher", "variance_ratio"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _About(_Model):
    """What every goal about one data set has: `classes` and `features` are given by name."""

    data: DatasetName

    @field_validator("classes", "features", "feature", mode="before", check_fields=False)
    @classmethod
    def _names_exist(cls, value: object, info: ValidationInfo) -> object:
        card = CARDS.get(info.data.get("data", ""))
        if card is None:
            return value
        names = card.classes if info.field_name == "classes" else card.features
        for name in value if isinstance(value, list) else [value]:
            if str(name) not in names:
                nearest = get_close_matches(str(name), names, 1)
                hint = f"did you mean {nearest[0]!r}?" if nearest else f"it has {', '.join(names)}"
                raise ValueError(f"{card.name} has no {name!r}; {hint}")
        return [str(name) for name in value] if isinstance(value, list) else str(value)

    def class_indexes(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """Label numbers of class names."""
        return tuple(CARDS[self.data].classes.index(name) for name in names)

    def feature_indexes(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """Column numbers of feature names."""
        return tuple(CARDS[self.data].features.index(name) for name in names)


class RankFeatures(_About):
    """See `agents.pipeline.tasks.RankFeatures`."""

    find: Literal["rank_features"]
    criterion: Literal["fisher", "variance_ratio", "correlation"]
    count: int = Field(ge=1)
    classes: tuple[str, ...] = ()

    def goal(self) -> tasks.AnyGoal:
        """The same for the pipeline."""
        classes = self.class_indexes(self.classes)
        return tasks.RankFeatures(self.data, self.criterion, self.count, classes)


class MeasureClassifier(_About):
    """See `agents.pipeline.tasks.MeasureClassifier`."""

    find: Literal["classifier_accuracy"]
    method: Classifier
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()

    def goal(self) -> tasks.AnyGoal:
        """The same for the pipeline."""
        return tasks.MeasureClassifier(
            self.data,
            self.method,
            self.class_indexes(self.classes),
            self.feature_indexes(self.features),
        )


class _AboutSamples(_About):
    samples: tuple[int, int] = Field(
        description="first and one past the last, counting the data set's reserved rows from 0"
    )

    def rows(self) -> tuple[int, ...]:
        """Row numbers of the samples."""
        return reserved_rows(self.data)[slice(*self.samples)]


class ClassifyRows(_AboutSamples):
    """See `agents.pipeline.tasks.ClassifyRows`."""

    find: Literal["classes_of_samples"]
    method: Classifier

    def goal(self) -> tasks.AnyGoal:
        """The same for the pipeline."""
        return tasks.ClassifyRows(self.data, self.method, self.rows())


class FindOutliers(_AboutSamples):
    """See `agents.pipeline.tasks.FindOutliers`."""

    find: Literal["outliers"]
    count: int = Field(ge=1)

    def goal(self) -> tasks.AnyGoal:
        """The same for the pipeline."""
        return tasks.FindOutliers(self.data, self.rows(), self.count)


class MeasureRegression(_About):
    """See `agents.pipeline.tasks.MeasureRegression`."""

    find: Literal["regression_quality"]
    method: Regression
    features: tuple[str, ...] = ()

    def goal(self) -> tasks.AnyGoal:
        """The same for the pipeline."""
        features = self.feature_indexes(self.features)
        return tasks.MeasureRegression(self.data, self.method, features)


class CompareGroups(_About):
    """See `agents.pipeline.tasks.CompareGroups`."""

    find: Literal["difference_of_groups"]
    feature: str
    classes: tuple[str, str]

    def goal(self) -> tasks.AnyGoal:
        """The same for the pipeline."""
        first, second = self.class_indexes(self.classes)
        (feature,) = self.feature_indexes((self.feature,))
        return tasks.CompareGroups(self.data, feature, (first, second))


class MeasureClusters(_About):
    """See `agents.pipeline.tasks.MeasureClusters`."""

    find: Literal["cluster_agreement"]
    count: int = Field(ge=2, le=12)

    def goal(self) -> tasks.AnyGoal:
        """The same for the pipeline."""
        return tasks.MeasureClusters(self.data, self.count)


class SeparateClasses(_About):
    """See `agents.pipeline.tasks.SeparateClasses`."""

    find: Literal["best_separation"]
    classes: tuple[str, str]
    count: int = Field(ge=1)
    criterion: ClassCriterion
    method: Classifier

    def goal(self) -> tasks.AnyGoal:
        """The same for the pipeline."""
        first, second = self.class_indexes(self.classes)
        return tasks.SeparateClasses(
            self.data, (first, second), self.count, self.criterion, self.method
        )


class RegressOnBest(_About):
    """See `agents.pipeline.tasks.RegressOnBest`."""

    find: Literal["best_predictors"]
    count: int = Field(ge=1)
    method: Regression

    def goal(self) -> tasks.AnyGoal:
        """The same for the pipeline."""
        return tasks.RegressOnBest(self.data, self.count, self.method)


class FindExtreme(_Model):
    """See `agents.pipeline.tasks.FindExtreme`; `among` maps labels to goals."""

    find: Literal["largest", "smallest"]
    among: dict[str, "AnyGoalModel"] = Field(min_length=2)

    def goal(self) -> tasks.AnyGoal:
        """The same for the pipeline."""
        parts = tuple(tasks.Part(label, one.goal()) for label, one in self.among.items())
        return tasks.FindExtreme(self.find, parts)


AnyGoalModel = Annotated[
    RankFeatures
    | MeasureClassifier
    | ClassifyRows
    | MeasureRegression
    | CompareGroups
    | FindOutliers
    | MeasureClusters
    | SeparateClasses
    | RegressOnBest
    | FindExtreme,
    Field(discriminator="find"),
]


class QuestionModel(_Model):
    """One question of the file."""

    id: str = Field(min_length=1, max_length=64)
    text: str = Field(min_length=1)
    kind: str = Field(min_length=1, description="family of questions; metrics are grouped by it")
    want: AnyGoalModel

    @field_validator("want")
    @classmethod
    def _makes_sense(cls, want: AnyGoalModel) -> AnyGoalModel:
        wrong = objection(want.goal())
        if wrong is not None:
            raise ValueError(wrong)
        return want

    def question(self) -> Question:
        """The same for the pipeline."""
        return Question(self.id, self.text, self.kind, self.want.goal())


class QuestionFile(_Model):
    """The whole file."""

    questions: tuple[QuestionModel, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ids_differ(self) -> "QuestionFile":
        seen: dict[str, None] = {}
        for question in self.questions:
            if question.id in seen:
                raise ValueError(f"two questions are called {question.id!r}; rename one")
            seen[question.id] = None
        return self


FindExtreme.model_rebuild()
QuestionModel.model_rebuild()


def load_questions(path: Path | str = DEFAULT_FILE) -> tuple[Question, ...]:
    """The questions of a file, in its order.

    Raises:
        UserError: ``file:line:column: what is wrong and how to mend it``.
    """
    file = load_yaml(Path(path), QuestionFile)
    return tuple(model.question() for model in file.questions)
