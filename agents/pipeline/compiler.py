"""The compiler: many answers become one, from elemental to mid to final.

Several executors answer each elemental task from different shares of the data, and some may be
wrong or lying. A *conflict rule* merges them:

- ``majority``: the answer that more than half gave; where none has that (or for figures, which
  never agree to the last digit), the confidence-weighted rule decides.
- ``confidence``: each answer counts by its sub-model's confidence. Figures: the weighted median,
  which one liar among three cannot move beyond the honest answers. Labels: a vote row by row.
  Rankings: a Borda count. Sets of rows: the rows with the most votes.
- ``best``: the most confident answer alone.

Combinations join the answers of *different* tasks on the way up. Ties go to the answer that came
first in the order of the contributors' names, so the result does not depend on arrival order.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from agents.pipeline.messages import (
    CombineAnswers,
    CompileAnswers,
    Compiled,
    Contribution,
    Refusal,
)
from agents.pipeline.narrative import narrate
from agents.pipeline.tasks import (
    AnyAnswer,
    Choice,
    Combine,
    Labels,
    Number,
    Ranking,
    Rows,
    Selection,
    figure,
)
from prsm_sim.actor import Actor, Context, PeerId, RemoteProtocolError, on

CONFLICT_RULES: Final = ("majority", "confidence", "best")
NUMBER_AGREEMENT: Final = 0.05
"""Figures that differ by no more than this agree with each other."""

T = TypeVar("T")


def merge(contributions: Sequence[Contribution], rule: str) -> tuple[AnyAnswer, str]:
    """One answer from several to the same task, and the rule that really decided.

    Raises:
        RemoteProtocolError: there is none, they are of different kinds, or the rule is unknown.
    """
    if rule not in CONFLICT_RULES:
        raise RemoteProtocolError(f"no conflict rule is called {rule!r}")
    ordered = sorted(contributions, key=lambda one: one.contributor)
    if not ordered:
        raise RemoteProtocolError("there is nothing to merge")
    first = ordered[0].answer
    if all(one.answer == first for one in ordered):
        return first, "unanimous"
    ordered = _of_commonest_kind(ordered)
    first = ordered[0].answer
    if rule == "best":
        return max(ordered, key=lambda one: one.confidence_thousandths).answer, "best"
    if rule == "majority" and not isinstance(first, Number):
        favourite, votes = _plurality((one.answer, 1) for one in ordered)
        if 2 * votes > len(ordered):
            return favourite, "majority"
    return _by_confidence(ordered), "confidence"


def agreeing(contributions: Iterable[Contribution], merged: AnyAnswer) -> tuple[PeerId, ...]:
    """Contributors whose answer is `merged`, or for a figure close to it; sorted."""
    return tuple(sorted(one.contributor for one in contributions if _agrees(one.answer, merged)))


def combine(goal: Combine, answers: Sequence[AnyAnswer]) -> AnyAnswer:
    """Join the answers of different tasks.

    Raises:
        RemoteProtocolError: the answers do not fit the rule.
    """
    match goal.rule:
        case "largest" | "smallest":
            if len(answers) != len(goal.labels) or not answers:
                raise RemoteProtocolError("a comparison needs one answer a label")
            figures = tuple(figure(answer) for answer in answers)
            pick = max if goal.rule == "largest" else min
            winner = pick(range(len(figures)), key=figures.__getitem__)
            return Choice(goal.labels[winner], figures[winner], figures)
        case "select":
            match tuple(answers):
                case (Ranking(features), Number(value)):
                    return Selection(features, value)
            raise RemoteProtocolError("a selection needs a ranking and a number")
        case "concatenate":
            labels: tuple[int, ...] = ()
            for answer in answers:
                if not isinstance(answer, Labels):
                    raise RemoteProtocolError("only labels can be concatenated")
                labels += answer.labels
            return Labels(labels)
        case unknown:
            raise RemoteProtocolError(f"no combination is called {unknown!r}")


def _of_commonest_kind(ordered: list[Contribution]) -> list[Contribution]:
    """Drop answers of another kind than most: whoever sent them did not answer the question."""
    kind, _ = _plurality((type(one.answer), 1) for one in ordered)
    return [one for one in ordered if type(one.answer) is kind]


def _plurality(votes: Iterable[tuple[T, int]]) -> tuple[T, int]:
    """The option with the most votes and its count; the first one named wins a tie."""
    tally: dict[T, int] = {}
    for option, weight in votes:
        tally[option] = tally.get(option, 0) + weight
    favourite = max(tally, key=tally.__getitem__)
    return favourite, tally[favourite]


def _by_confidence(ordered: list[Contribution]) -> AnyAnswer:
    """Merge answers of one kind, each weighing 1 + its confidence (so that none weighs nothing)."""
    weighted = [(one.answer, 1 + one.confidence_thousandths) for one in ordered]
    match ordered[0].answer:
        case Number():
            return Number(_weighted_median([(figure(a), weight) for a, weight in weighted]))
        case Ranking():
            return Ranking(_borda([(a.features, w) for a, w in weighted if isinstance(a, Ranking)]))
        case Labels():
            return Labels(_row_votes([(a.labels, w) for a, w in weighted if isinstance(a, Labels)]))
        case Rows():
            return Rows(_most_named([(a.rows, w) for a, w in weighted if isinstance(a, Rows)]))
        case _:
            return _plurality(weighted)[0]


def _weighted_median(weighted: list[tuple[float, int]]) -> float:
    """The smallest value at which half of the weight is reached."""
    half = sum(weight for _, weight in weighted)
    reached = 0
    for value, weight in sorted(weighted):
        reached += 2 * weight
        if reached >= half:
            return value
    raise AssertionError("weights are positive, so half of them is reached")


def _borda(weighted: list[tuple[tuple[int, ...], int]]) -> tuple[int, ...]:
    """As many features as the first ranking names, by weighted Borda points."""
    places = len(weighted[0][0])
    points: dict[int, int] = {}
    for features, weight in weighted:
        for place, feature in enumerate(features):
            points[feature] = points.get(feature, 0) + weight * (places - place)
    best = sorted(points, key=lambda feature: (-points[feature], feature))
    return tuple(best[:places])


def _row_votes(weighted: list[tuple[tuple[int, ...], int]]) -> tuple[int, ...]:
    """Row by row the label with the most weight."""
    return tuple(
        _plurality((labels[row], weight) for labels, weight in weighted if row < len(labels))[0]
        for row in range(len(weighted[0][0]))
    )


def _most_named(weighted: list[tuple[tuple[int, ...], int]]) -> tuple[int, ...]:
    """As many rows as the first answer has, those with the most weight; ascending."""
    points: dict[int, int] = {}
    for rows, weight in weighted:
        for row in rows:
            points[row] = points.get(row, 0) + weight
    best = sorted(points, key=lambda row: (-points[row], row))
    return tuple(sorted(best[: len(weighted[0][0])]))


def _agrees(answer: AnyAnswer, merged: AnyAnswer) -> bool:
    if isinstance(answer, Number) and isinstance(merged, Number):
        return abs(answer.value - merged.value) <= NUMBER_AGREEMENT
    return answer == merged


class Compiler(Actor):
    """Answers `CompileAnswers` and `CombineAnswers`."""

    @on(CompileAnswers)
    def compile(self, ctx: Context, sender: PeerId, message: CompileAnswers) -> Compiled:
        """Merge several answers to one task."""
        try:
            answer, rule = merge(message.contributions, message.conflict_rule)
            narrative = narrate(message.asked, answer) if message.asked else ""
        except RemoteProtocolError as error:
            return Compiled(message.task_id, Refusal(str(error)))
        ctx.sometimes("executors disagreed", rule != "unanimous")
        agreed = agreeing(message.contributions, answer)
        return Compiled(message.task_id, answer, agreed, rule, narrative)

    @on(CombineAnswers)
    def combine(self, ctx: Context, sender: PeerId, message: CombineAnswers) -> Compiled:
        """Join the answers of different tasks."""
        try:
            answer = combine(message.goal, message.answers)
            narrative = narrate(message.asked, answer) if message.asked else ""
        except RemoteProtocolError as error:
            return Compiled(message.task_id, Refusal(str(error)))
        return Compiled(message.task_id, answer, rule=message.goal.rule, narrative=narrative)
