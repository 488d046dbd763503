"""The architect: refracts a goal, as a prism does light, into a graph of elemental tasks.

Refraction is recursive. A goal whose complexity lies below the leaf threshold is a leaf, provided
that one sub-model can answer it; anything else is split by its structure: a comparison into its
parts, a selection into a ranking and a measurement that depends on it, a long list of rows into
halves. The parts may be complex themselves and are refracted again, five times at most. Each split
adds one combination task that joins the parts' answers on the way back.
"""

from typing import Final

from agents.pipeline.intent import FULL_THOUSANDTHS, complexity_thousandths, objection
from agents.pipeline.messages import Refract, Refracted, Refusal
from agents.pipeline.tasks import (
    AnyGoal,
    ClassifyRows,
    Combine,
    FindExtreme,
    MeasureClassifier,
    MeasureRegression,
    RankFeatures,
    RegressOnBest,
    SeparateClasses,
    Task,
    TaskGraph,
)
from prsm_sim.actor import Actor, Context, PeerId, PrsmError, on

DEPTH_LIMIT: Final = 5
LEAF_BELOW_THOUSANDTHS: Final = 300


class RefractionError(PrsmError):
    """A goal is still complex at the depth limit."""


class Refraction:
    """One walk down a goal. `graph` returns what it found, leaves before what needs them."""

    def __init__(self, depth_limit: int, leaf_below_thousandths: int) -> None:
        self._depth_limit = depth_limit
        self._leaf_below_thousandths = leaf_below_thousandths
        self._tasks: list[Task] = []

    def graph(self, goal: AnyGoal) -> TaskGraph:
        """The dependency graph of `goal`; its last task answers it.

        Raises:
            RefractionError: some part is still complex at the depth limit.
        """
        self._refract(goal, "0", 0)
        return TaskGraph(tuple(self._tasks))

    def _refract(self, goal: AnyGoal, task_id: str, depth: int, features_from: str = "") -> None:
        complexity = complexity_thousandths(goal)
        leaf = complexity < self._leaf_below_thousandths
        match goal:
            case FindExtreme():
                self._go_down(depth, goal)
                for index, part in enumerate(goal.parts):
                    self._refract(part.goal, f"{task_id}.{index}", depth + 1)
                labels = tuple(part.label for part in goal.parts)
                combination = Combine(goal.want, labels)
            case SeparateClasses() | RegressOnBest():
                self._go_down(depth, goal)
                ranking, measurement = _select_then_measure(goal)
                self._refract(ranking, f"{task_id}.0", depth + 1)
                self._refract(measurement, f"{task_id}.1", depth + 1, f"{task_id}.0")
                combination = Combine("select")
            case ClassifyRows() if not leaf and len(goal.rows) > 1:
                self._go_down(depth, goal)
                middle = len(goal.rows) // 2
                for index, rows in enumerate((goal.rows[:middle], goal.rows[middle:])):
                    half = ClassifyRows(goal.data, goal.method, rows)
                    self._refract(half, f"{task_id}.{index}", depth + 1)
                combination = Combine("concatenate")
            case _:
                needs = (features_from,) if features_from else ()
                self._tasks.append(Task(task_id, goal, needs, features_from, depth, complexity))
                return
        parts = tuple(task.id for task in self._tasks if task.id.rpartition(".")[0] == task_id)
        self._tasks.append(Task(task_id, combination, parts, "", depth, complexity))

    def _go_down(self, depth: int, goal: AnyGoal) -> None:
        if depth >= self._depth_limit:
            raise RefractionError(
                f"a {type(goal).__name__} is still complex after {self._depth_limit} refractions"
            )


def _select_then_measure(
    goal: SeparateClasses | RegressOnBest,
) -> tuple[RankFeatures, MeasureClassifier | MeasureRegression]:
    if isinstance(goal, SeparateClasses):
        return (
            RankFeatures(goal.data, goal.criterion, goal.count, goal.classes),
            MeasureClassifier(goal.data, goal.method, goal.classes),
        )
    return (
        RankFeatures(goal.data, "correlation", goal.count),
        MeasureRegression(goal.data, goal.method),
    )


class Architect(Actor):
    """Answers `Refract`.

    Args:
        depth_limit: refractions on the way from the question to a leaf, at most.
        leaf_below_thousandths: a goal below this complexity is a leaf if a sub-model can answer it.
    """

    def __init__(
        self,
        depth_limit: int = DEPTH_LIMIT,
        leaf_below_thousandths: int = LEAF_BELOW_THOUSANDTHS,
    ) -> None:
        assert 0 < leaf_below_thousandths <= FULL_THOUSANDTHS
        self._depth_limit = depth_limit
        self._leaf_below_thousandths = leaf_below_thousandths

    @on(Refract)
    def refract(self, ctx: Context, sender: PeerId, message: Refract) -> Refracted:
        """Decompose a goal, or say why it cannot be."""
        wrong = objection(message.goal)
        if wrong is not None:
            return Refracted(Refusal(wrong))
        try:
            graph = Refraction(self._depth_limit, self._leaf_below_thousandths).graph(message.goal)
        except RefractionError as error:
            return Refracted(Refusal(str(error)))
        ctx.sometimes("a sub-task was itself complex and was refracted again", graph.depth >= 2)
        return Refracted(graph)
