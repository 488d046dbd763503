"""What runs answer to a scenario's question.

Both arms run with the same seeds, and each measure is compared over the pairs of runs in which both
went well (`prsm_sim.sweep.compare`): the mean of treatment − control, an interval that holds for
all measures at once, and a p-value that is adjusted for their number by Holm's method.

The primary measure decides, alone. The test has two sides even where a direction is expected: a
difference the other way is then seen too, and it does not speak for the alternative. So the null
hypothesis is rejected if p is below 1 − level *and* the difference points where it was expected to.
That it is not rejected does not show that it holds.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from prsm_sim.actor.errors import UserError
from prsm_sim.scenario import Direction, Measure, Question
from prsm_sim.sweep.analysis import Estimate, estimate
from prsm_sim.sweep.compare import Difference, compare
from prsm_sim.sweep.study import Outcome

Verdict = Literal["rejected", "not rejected", "not tested"]
FEWEST_PAIRS = 2


class Finding(msgspec.Struct, frozen=True):
    """One measure.

    Attributes:
        metric: its name.
        meaning: what it is.
        expected: which way treatment − control was expected to point.
        control: its mean in the control, over the pairs that have it.
        treatment: its mean in the treatment, over the same.
        difference: how they differ; None: no pair has it.
    """

    metric: str
    meaning: str
    expected: Direction
    control: Estimate
    treatment: Estimate
    difference: Difference | None


class Answer(msgspec.Struct, frozen=True):
    """What came of a question.

    Attributes:
        question: as it was asked.
        null_hypothesis: what held unless the runs spoke against it.
        level: how sure all claims together are.
        seeds: runs of each arm.
        pairs: seeds with which both arms went well; the others do not count.
        failed: runs that failed, in the control and in the treatment.
        findings: one a measure, the primary first.
        verdict: on the null hypothesis.
        contradicts: the primary measure differs, and the other way than expected.
        sentence: all this in words.
    """

    question: str
    null_hypothesis: str
    level: float
    seeds: int
    pairs: int
    failed: tuple[int, int]
    findings: tuple[Finding, ...]
    verdict: Verdict
    contradicts: bool
    sentence: str


def answer(
    question: Question,
    control: Sequence[Outcome],
    treatment: Sequence[Outcome],
    level: float = 0.95,
) -> Answer:
    """Answer a question.

    Args:
        question: what is asked.
        control: outcomes of this arm, one a seed.
        treatment: of the other, with the same seeds.
        level: how sure all claims together shall be.

    Raises:
        UserError: runs went well and do not have the primary measure.
    """
    good = {one.seed for one in control if one.is_good}
    good &= {one.seed for one in treatment if one.is_good}
    first, second = (_paired(arm, good, question.measures) for arm in (control, treatment))
    _see_primary(question.measures[0], (*control, *treatment))
    rows = {row.metric: row for row in compare(first, second, level)}
    findings = tuple(
        _finding(measure, first, second, rows.get(measure.metric), level)
        for measure in question.measures
    )
    verdict, contradicts = _verdict(findings[0])
    return Answer(
        question=question.question,
        null_hypothesis=question.null_hypothesis,
        level=level,
        seeds=len(control),
        pairs=len(good),
        failed=_failed(control, treatment),
        findings=findings,
        verdict=verdict,
        contradicts=contradicts,
        sentence=_sentence(findings[0], verdict, level, contradicts=contradicts),
    )


def _failed(control: Sequence[Outcome], treatment: Sequence[Outcome]) -> tuple[int, int]:
    first, second = (sum(not one.is_good for one in arm) for arm in (control, treatment))
    return first, second


def _paired(
    outcomes: Sequence[Outcome], seeds: set[int], measures: Sequence[Measure]
) -> list[Outcome]:
    """The outcomes with these seeds, with the measures only: p is adjusted for no others."""
    names = [measure.metric for measure in measures]
    return [
        msgspec.structs.replace(
            one, metrics={name: one.metrics[name] for name in names if name in one.metrics}
        )
        for one in outcomes
        if one.seed in seeds
    ]


def _see_primary(primary: Measure, outcomes: Sequence[Outcome]) -> None:
    known = {name for one in outcomes if one.is_good for name in one.metrics}
    if known and primary.metric not in known:
        raise UserError(
            f"{primary.metric}: no run reports the primary measure "
            f"(there are {', '.join(sorted(known))})"
        )


def _finding(
    measure: Measure,
    control: Sequence[Outcome],
    treatment: Sequence[Outcome],
    difference: Difference | None,
    level: float,
) -> Finding:
    name = measure.metric
    have = {one.seed for one in control if name in one.metrics}
    have &= {one.seed for one in treatment if name in one.metrics}
    means = [
        estimate([one.metrics[name] for one in arm if one.seed in have], level)
        for arm in (control, treatment)
    ]
    return Finding(name, measure.meaning, measure.expected, means[0], means[1], difference)


def _verdict(primary: Finding) -> tuple[Verdict, bool]:
    """What the primary measure says, and whether it points the other way than expected."""
    found = primary.difference
    if found is None or found.p is None:
        return "not tested", False
    if not found.differs:
        return "not rejected", False
    if primary.expected in ("different", direction(found)):
        return "rejected", False
    return "not rejected", True


def direction(found: Difference) -> Literal["greater", "less"]:
    """Which way treatment − control points."""
    return "greater" if found.second > found.first else "less"


def _sentence(primary: Finding, verdict: Verdict, level: float, *, contradicts: bool) -> str:
    found = primary.difference
    if verdict == "not tested" or found is None:
        return (
            f"Null hypothesis not tested: fewer than {FEWEST_PAIRS} pairs of runs have "
            f"{primary.metric}."
        )
    between = f"by {found.second - found.first:.4g}, [{found.low:.4g}, {found.high:.4g}]"
    p = f"p = {found.p:.3g}"
    begin = f"Null hypothesis {verdict} at the {100 * level:.6g} % level"
    if contradicts:
        return (
            f"{begin}: under the treatment {primary.metric} is {direction(found)} ({between}, "
            f"{p}), the opposite of what was expected ({primary.expected})."
        )
    if verdict == "rejected":
        expected = "" if primary.expected == "different" else ", as expected"
        return (
            f"{begin}: under the treatment {primary.metric} is {direction(found)} "
            f"({between}, {p}){expected}."
        )
    return (
        f"{begin}: that {primary.metric} differs ({between}, {p}) may be chance; this does not "
        "show that it holds."
    )
