"""`prsm answer`: what a scenario asks, and what its runs answer."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prsm_sim.actor.errors import UserError
from prsm_sim.cli.long_work import Line
from prsm_sim.cli.sweep import (
    default_name,
    failures_of,
    first_seed_option,
    leave,
    level_option,
    on_option,
    out_option,
    run_study,
    set_option,
    study_of,
    tell_failures,
    workers_option,
)
from prsm_sim.cli.target import json_option, progress_option

if TYPE_CHECKING:
    from prsm_sim.scenario import Question
    from prsm_sim.sweep.answer import Answer, Finding

EXPECTED = {"greater": "> 0", "less": "< 0", "different": "≠ 0"}
"""What a measure's difference is expected to be, as people read it."""


@click.command(short_help="Answer the question that a scenario asks.")
@click.argument("target", metavar="[SCENARIO]", required=False)
@click.option("--seeds", type=click.IntRange(2), help="Runs of each arm; default: the question's.")
@first_seed_option
@set_option
@workers_option
@on_option
@out_option
@level_option
@progress_option
@json_option
def answer(
    target: str | None,
    seeds: int | None,
    first_seed: int,
    overrides: tuple[str, ...],
    workers: int,
    place: str,
    folder: Path | None,
    level: float,
    progress: bool | None,
    as_json: bool,
) -> None:
    """Run SCENARIO's control and its treatment with the same seeds, and say what they answer.

    Without a SCENARIO: list those that ask something. The primary measure, the first one, decides
    on the null hypothesis. Outcomes are on disk as they come in, and the same command goes on where
    it stopped. Exits with 0 whatever the answer is, with 1 if a run failed.
    """
    from prsm_sim.cli.output import note, print_json
    from prsm_sim.sweep.answer import answer as answer_question

    if target is None:
        list_questions(as_json=as_json)
        return
    question = question_of(target, overrides)
    from prsm_sim.arms import overrides as as_overrides

    arms = (as_overrides(question.control), as_overrides(question.treatment))
    count = seeds or question.seeds
    study = study_of(target, overrides, arms, seeds=count, first_seed=first_seed)
    place_of = folder or Path("studies") / default_name(study)
    outcomes, stopped = run_study(study, place_of, place, workers, Line(progress))
    tell_failures(outcomes, target=target, overrides=overrides)
    failed = not all(one.is_good for one in outcomes)
    if len(outcomes) < study.tasks:
        note(f"{len(outcomes)} of {study.tasks} runs, in {place_of}; the same command goes on")
        leave(stopped=stopped, failed=failed)
    found = answer_question(question, outcomes[:count], outcomes[count:], level)
    if as_json:
        print_json({"scenario": study.scenario, "folder": str(place_of), "control": arms[0],
                    "treatment": arms[1], "answer": found,
                    "failures": failures_of(outcomes, target, overrides)})  # fmt: skip
    else:
        print_answer(found, arms)
        note(f"{len(outcomes)} runs, {sum(found.failed)} failed; in {place_of}")
    leave(stopped=stopped, failed=failed)


def question_of(target: str, overrides: Sequence[str]) -> "Question":
    """What a scenario asks.

    Raises:
        UserError: nothing, or one of the overrides is what an arm sets.
    """
    from prsm_sim.cli.target import resolve

    scenario = resolve(target, None, ()).scenario
    question = scenario.question
    if question is None:
        raise UserError(
            f"{scenario.name}: asks no question; `prsm answer` lists the scenarios that do"
        )
    refuse_set(overrides, (*question.control, *question.treatment), "an arm of the question sets")
    return question


def refuse_set(overrides: Sequence[str], names: Iterable[str], who: str) -> None:
    """See that a person fixes no parameter that is not theirs to fix.

    Raises:
        UserError: one of them is, or holds it, or is held by it.
    """
    from prsm_sim.parameters import parse_override

    theirs = [tuple(name.split(".")) for name in names]
    for text in overrides:
        path, _ = parse_override(text)
        for other in theirs:
            if path[: len(other)] == other or other[: len(path)] == path:
                raise UserError(f"--set {text}: {who} {'.'.join(other)}; leave it out")


def list_questions(*, as_json: bool) -> None:
    """The scenarios that ask something."""
    from rich.text import Text

    from prsm_sim.cli.output import console, print_json
    from prsm_sim.cli.scenarios import load_installed

    found, missing = load_installed()
    asking = [(one.name, one.question) for one in found if one.question is not None]
    if as_json:
        print_json(
            {
                "questions": [
                    {"scenario": name, "question": each.question,
                     "null_hypothesis": each.null_hypothesis, "seeds": each.seeds,
                     "measures": [one.metric for one in each.measures]}
                    for name, each in asking
                ]
            }
        )  # fmt: skip
        return
    out = console()
    for name, each in asking:
        out.print(Text.assemble((name, "bold"), f"  {each.question}"), soft_wrap=True)
    if not asking:
        out.print("no installed scenario asks a question")
    for name, reason in missing.items():
        out.print(Text.assemble((name, "bold"), f"  {reason}"), soft_wrap=True)


def print_answer(found: "Answer", arms: "Sequence[Sequence[str]]") -> None:
    """The question, a table of measures, and one sentence."""
    from rich.table import Table
    from rich.text import Text

    from prsm_sim.cli.output import console

    out = console()
    for name, text in (
        ("question", found.question),
        ("null hypothesis", found.null_hypothesis),
        ("control", " ".join(arms[0]) or "as it is"),
        ("treatment", " ".join(arms[1]) or "as it is"),
        ("pairs of runs", f"{found.pairs} of {found.seeds}"),
    ):
        out.print(Text.assemble((f"{name:>15}  ", "dim"), text), soft_wrap=True)
    table = Table(header_style="dim")
    table.add_column("measure", no_wrap=True)
    for name in ("control", "treatment", "treatment − control", "p (Holm)"):
        table.add_column(name, justify="right")
    for one in found.findings:
        table.add_row(*_cells(one))
    out.print(table)
    for one in found.findings:
        # A run in which there was nothing to measure is no pair of this measure.
        pairs = 0 if one.difference is None else one.difference.pairs
        fewer = "" if pairs == found.pairs else f"; {pairs} pairs"
        note = f"  {one.meaning} (expected {EXPECTED[one.expected]}{fewer})"
        out.print(Text.assemble((one.metric, "dim"), note), soft_wrap=True)
    out.print(Text(found.sentence, style="bold"), soft_wrap=True)
    if any(found.failed):
        first, second = found.failed
        lost = found.seeds - found.pairs
        out.print(
            f"{first} of the control and {second} of the treatment failed: {lost} pairs do not "
            "count, and those that do are a selection.", style="yellow", soft_wrap=True,
        )  # fmt: skip


def _cells(one: "Finding") -> list[str]:
    """A row of the table."""
    from prsm_sim.sweep.wording import mean_text

    found = one.difference
    difference, p = "–", "–"
    if found is not None:
        difference = f"{found.second - found.first:.4g}"
        if found.low is not None and found.p is not None:
            difference += f" [{found.low:.4g}, {found.high:.4g}]"
            p = f"{found.p:.3g}"
    means = mean_text(one.control), mean_text(one.treatment)
    return [one.metric, *means, difference, p]
