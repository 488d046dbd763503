"""Goals, answers, and the dependency graph that lies between a question and its answer.

A *goal* says what is wanted, as a typed value: nothing downstream reads the question's text. Some
goals are *elemental*: one sub-model answers one in one call. The others are composite and exist to
be refracted. A *task* is a goal at a place in a graph: it names the tasks whose answers it needs,
and what it takes from them. A *combination* is a task that no model runs: the compiler joins the
answers it needs.

The graph is acyclic by construction and checked (Kahn 1962); its topological order is the same on
every machine because ties go to the task that was added first.
"""

from typing import TypeAlias

import msgspec

from prsm_sim.actor import RemoteProtocolError


class Goal(msgspec.Struct, frozen=True, tag=True, gc=False):
    """What is wanted. `data` is a name in `datasets.CARDS`; classes and features are indexes."""


class RankFeatures(Goal, frozen=True):
    """The `count` best features by `criterion`, best first -> `Ranking`.

    Criteria: ``fisher`` (squared distance of two class means over the sum of variances),
    ``variance_ratio`` (one-way ANOVA F over all the classes), ``correlation`` (absolute Pearson
    correlation with a quantity).
    """

    data: str
    criterion: str
    count: int
    classes: tuple[int, ...] = ()


class MeasureClassifier(Goal, frozen=True):
    """Cross-validated accuracy of a classifier on these features -> `Number` in [0, 1].

    Methods: ``discriminant`` (linear), ``bayes`` (Gaussian, naive), ``logistic``, ``neighbours``
    (the five nearest).
    """

    data: str
    method: str
    classes: tuple[int, ...] = ()
    features: tuple[int, ...] = ()


class ClassifyRows(Goal, frozen=True):
    """The class of each of these reserved rows -> `Labels`."""

    data: str
    method: str
    rows: tuple[int, ...]


class MeasureRegression(Goal, frozen=True):
    """Cross-validated R² of a regression on these features -> `Number`.

    Methods: ``least_squares``, ``ridge``, ``neighbours`` (the mean of the ten nearest).
    """

    data: str
    method: str
    features: tuple[int, ...] = ()


class CompareGroups(Goal, frozen=True):
    """Difference of a feature's mean between two classes, in pooled standard deviations.

    -> `Number`: Cohen's d, positive if the first class has the larger mean.
    """

    data: str
    feature: int
    classes: tuple[int, int]


class FindOutliers(Goal, frozen=True):
    """The `count` most unusual of these reserved rows, by Mahalanobis distance -> `Rows`."""

    data: str
    rows: tuple[int, ...]
    count: int


class MeasureClusters(Goal, frozen=True):
    """How well `count` clusters, found without labels, agree with the classes.

    -> `Number`: adjusted Rand index of k-means on standardised features.
    """

    data: str
    count: int


class SeparateClasses(Goal, frozen=True):
    """Which `count` features separate two classes best, and how well a classifier does on them.

    -> `Selection`. Composite: a ranking, then a classifier on what it chose.
    """

    data: str
    classes: tuple[int, int]
    count: int
    criterion: str
    method: str


class RegressOnBest(Goal, frozen=True):
    """Which `count` features predict a quantity best, and how well. Composite -> `Selection`."""

    data: str
    count: int
    method: str


class Part(msgspec.Struct, frozen=True, gc=False):
    """A named sub-question of a composite goal."""

    label: str
    goal: "AnyGoal"


class FindExtreme(Goal, frozen=True):
    """Which part has the largest or smallest figure. Composite -> `Choice`.

    Attributes:
        want: ``largest`` or ``smallest``.
        parts: the parts to compare; each must have an answer with a figure.
    """

    want: str
    parts: tuple[Part, ...]


class Combine(Goal, frozen=True):
    """Join the answers of the tasks it needs (`labels` name them). Run by compilers only.

    Rules: ``largest`` and ``smallest`` -> `Choice`; ``select`` (a ranking and a number)
    -> `Selection`; ``concatenate`` -> `Labels`.
    """

    rule: str
    labels: tuple[str, ...] = ()


ElementalGoal: TypeAlias = (
    RankFeatures
    | MeasureClassifier
    | ClassifyRows
    | MeasureRegression
    | CompareGroups
    | FindOutliers
    | MeasureClusters
)
CompositeGoal: TypeAlias = SeparateClasses | RegressOnBest | FindExtreme
AnyGoal: TypeAlias = ElementalGoal | CompositeGoal
ELEMENTAL: tuple[type[Goal], ...] = (
    RankFeatures, MeasureClassifier, ClassifyRows, MeasureRegression, CompareGroups, FindOutliers,
    MeasureClusters,
)  # fmt: skip


class Answer(msgspec.Struct, frozen=True, tag=True, gc=False):
    """What a goal yields. Figures are rounded to `DECIMALS`, so equal work gives equal bytes."""


class Ranking(Answer, frozen=True):
    """Features, best first."""

    features: tuple[int, ...]


class Number(Answer, frozen=True):
    """One figure."""

    value: float


class Labels(Answer, frozen=True):
    """The class of each row asked for, in the order asked."""

    labels: tuple[int, ...]


class Rows(Answer, frozen=True):
    """Row numbers, ascending."""

    rows: tuple[int, ...]


class Selection(Answer, frozen=True):
    """Chosen features, best first, and the figure reached with them."""

    features: tuple[int, ...]
    value: float


class Choice(Answer, frozen=True):
    """The chosen part, its figure, and every part's figure in the order of the question."""

    label: str
    value: float
    figures: tuple[float, ...]


AnyAnswer: TypeAlias = Ranking | Number | Labels | Rows | Selection | Choice
DECIMALS = 4


def figure(answer: AnyAnswer) -> float:
    """The number by which an answer is compared; raises `RemoteProtocolError` if it has none."""
    match answer:
        case Number(value) | Selection(_, value) | Choice(_, value, _):
            return value
        case _:
            raise RemoteProtocolError(f"a {type(answer).__name__} has no figure to compare")


class Task(msgspec.Struct, frozen=True, gc=False):
    """A goal at its place in the graph.

    Attributes:
        id: dotted path of refractions, such as ``"0.1"`` for the second part of the root.
        goal: an elemental goal or a `Combine`.
        needs: ids of the tasks whose answers it uses.
        features_from: the needed task whose ranking becomes this goal's `features`, or "".
        depth: number of refractions above it.
        complexity_thousandths: the architect's estimate.
    """

    id: str
    goal: ElementalGoal | Combine
    needs: tuple[str, ...] = ()
    features_from: str = ""
    depth: int = 0
    complexity_thousandths: int = 0


class TaskGraph(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Tasks and what they need. The last task in topological order answers the question."""

    tasks: tuple[Task, ...]

    @property
    def depth(self) -> int:
        """The deepest refraction."""
        return max((task.depth for task in self.tasks), default=0)

    def waves(self) -> tuple[tuple[Task, ...], ...]:
        """Tasks grouped so that a wave needs only earlier waves: all of one wave runs at once.

        Raises:
            RemoteProtocolError: two tasks share an id, a need is unknown, a task takes features
                from one that it does not need, or there is a cycle.
        """
        known = {task.id for task in self.tasks}
        if len(known) != len(self.tasks):
            raise RemoteProtocolError("two tasks share an id")
        for task in self.tasks:
            if task.features_from and task.features_from not in task.needs:
                raise RemoteProtocolError(f"task {task.id} takes from what it does not need")
            for need in task.needs:
                if need not in known:
                    raise RemoteProtocolError(f"task {task.id} needs {need}, which does not exist")
        waves: list[tuple[Task, ...]] = []
        done: set[str] = set()
        waiting = list(self.tasks)
        while waiting:
            ready = tuple(task for task in waiting if done.issuperset(task.needs))
            if not ready:
                cycle = ", ".join(task.id for task in waiting)
                raise RemoteProtocolError(f"the tasks {cycle} wait for each other")
            waves.append(ready)
            done.update(task.id for task in ready)
            waiting = [task for task in waiting if task.id not in done]
        return tuple(waves)

    def order(self) -> tuple[Task, ...]:
        """All tasks, each after what it needs."""
        return tuple(task for wave in self.waves() for task in wave)


def bind(task: Task, answers: dict[str, AnyAnswer]) -> ElementalGoal | Combine:
    """The task's goal with what it takes from the answers it needs filled in.

    Raises:
        RemoteProtocolError: the needed answer is of another kind.
    """
    if not task.features_from:
        return task.goal
    chosen = answers[task.features_from]
    if not isinstance(chosen, Ranking) or not isinstance(
        task.goal, MeasureClassifier | MeasureRegression
    ):
        raise RemoteProtocolError(f"task {task.id} cannot take features from {task.features_from}")
    return msgspec.structs.replace(task.goal, features=chosen.features)
