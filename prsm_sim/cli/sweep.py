"""`prsm sweep` and `prsm compare`: many replicas, and what they say with how much certainty."""

import shlex
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prsm_sim.actor.errors import UserError
from prsm_sim.cli.long_work import Line, finishing
from prsm_sim.cli.target import SEEDS, json_option, progress_option

if TYPE_CHECKING:
    from prsm_sim.sweep.analysis import PointSummary
    from prsm_sim.sweep.compare import Difference
    from prsm_sim.sweep.design import Point, Shard
    from prsm_sim.sweep.study import Outcome, Study

SHOWN = 6
"""So many metrics are shown to people unless they name theirs."""

workers_option = click.option(
    "--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes."
)
on_option = click.option(
    "--on", "place", default="processes", show_default=True, metavar="WHERE",
    help="Where replicas run: processes, ray (here), or ray://HOST:PORT (a cluster, all of it).",
)  # fmt: skip
seeds_option = click.option(
    "--seeds", type=click.IntRange(2), default=10, show_default=True,
    help="Replicas at each point; every point gets the same seeds.",
)  # fmt: skip
first_seed_option = click.option("--first-seed", type=SEEDS, default=0, show_default=True)
out_option = click.option(
    "--out", "folder", type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the study; a study that was stopped is taken up again there.",
)  # fmt: skip
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="NAME=VALUE", help="Fix a parameter everywhere."
)
shard_option = click.option(
    "--shard", "shard_text", metavar="I/N", default="1/1",
    help="Run only the I-th of N parts, in the same folder; who is last writes the table.",
)  # fmt: skip
metric_option = click.option(
    "--metric", "metrics", multiple=True, help="Show this metric; may be repeated."
)
level_option = click.option(
    "--level", type=click.FloatRange(0.5, 0.9999), default=0.95, show_default=True,
    help="Coverage of the intervals.",
)  # fmt: skip


@click.command(short_help="Run a scenario at many points, with many seeds.")
@click.argument("target", metavar="SCENARIO")
@click.option(
    "--vary", "axes", multiple=True, metavar="NAME=VALUES",
    help="Vary a parameter: a,b,c or low..high:count (…:count* for equal multiples).",
)  # fmt: skip
@seeds_option
@first_seed_option
@set_option
@workers_option
@on_option
@out_option
@shard_option
@metric_option
@level_option
@progress_option
@json_option
def sweep(
    target: str,
    axes: tuple[str, ...],
    seeds: int,
    first_seed: int,
    overrides: tuple[str, ...],
    workers: int,
    place: str,
    folder: Path | None,
    shard_text: str,
    metrics: tuple[str, ...],
    level: float,
    progress: bool | None,
    as_json: bool,
) -> None:
    """Run SCENARIO at every combination of the varied parameters, and give means with intervals.

    Outcomes are on disk as they come in. Ctrl-C keeps them and exits with 130; the same command
    goes on where it stopped. Exits with 1 if a replica failed.
    """
    from prsm_sim.cli.output import note, print_json
    from prsm_sim.sweep.analysis import summarise
    from prsm_sim.sweep.design import grid, parse_axis, parse_shard

    shard = parse_shard(shard_text)
    points = grid([parse_axis(text) for text in axes])
    study = study_of(target, overrides, points, seeds=seeds, first_seed=first_seed)
    place_of = folder or Path("studies") / default_name(study)
    outcomes, stopped = run_study(study, place_of, place, workers, Line(progress), shard)
    summaries = summarise(outcomes, level)
    failed = sum(one.failed for one in summaries)
    is_complete = len(outcomes) == study.tasks
    if as_json:
        print_json(
            {
                "scenario": study.scenario,
                "folder": str(place_of),
                "replicas": len(outcomes),
                "complete": is_complete,
                "failed": failed,
                "failures": failures_of(outcomes, target, overrides),
                "points": summaries,
            }
        )
    else:
        print_summaries(summaries, metrics)
        note(f"{len(outcomes)} of {study.tasks} replicas, {failed} failed; in {place_of}")
    tell_failures(outcomes, target=target, overrides=overrides)
    if not is_complete and not stopped:
        note("the other shards are not done; the last one, or this command without --shard, "
             "writes the table")  # fmt: skip
    leave(stopped=stopped, failed=failed > 0)


@click.command(short_help="Compare two variants of a scenario, seed by seed.")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@seeds_option
@first_seed_option
@set_option
@click.option("--set-a", "only_first", multiple=True, metavar="NAME=VALUE", help="Only in A.")
@click.option("--set-b", "only_second", multiple=True, metavar="NAME=VALUE", help="Only in B.")
@workers_option
@on_option
@metric_option
@level_option
@progress_option
@json_option
def compare(
    first: str,
    second: str,
    seeds: int,
    first_seed: int,
    overrides: tuple[str, ...],
    only_first: tuple[str, ...],
    only_second: tuple[str, ...],
    workers: int,
    place: str,
    metrics: tuple[str, ...],
    level: float,
    progress: bool | None,
    as_json: bool,
) -> None:
    """Run A and B (names, Python or YAML files) with the same seeds, and say what differs.

    For each metric the mean difference B − A over pairs of runs with one seed. p-values are
    adjusted for the number of metrics, and the intervals hold all at once.
    """
    from prsm_sim.cli.output import print_json
    from prsm_sim.sweep.backends import opened
    from prsm_sim.sweep.compare import compare as compare_outcomes

    studies = [
        study_of(name, (*overrides, *own), ((),), seeds=seeds, first_seed=first_seed)
        for name, own in ((first, only_first), (second, only_second))
    ]
    found: list[list[Outcome]] = []
    line = Line(progress)
    line.show(f"starting: --on {place}")
    try:
        with finishing(), opened(place, workers) as run:
            for name, study in zip((first, second), studies, strict=True):
                done: list[Outcome] = []
                for block in run(study, range(study.tasks)):
                    done += block
                    line.show(f"{name}: {len(done)} of {study.tasks} replicas")
                found.append(done)
    finally:
        line.close()
    rows = compare_outcomes(found[0], found[1], level)
    rows = [row for row in rows if not metrics or row.metric in metrics]
    failed = [sum(not one.is_good for one in each) for each in found]
    variants = [(first, (*overrides, *only_first)), (second, (*overrides, *only_second))]
    told = [(each, *variant) for each, variant in zip(found, variants, strict=True)]
    if as_json:
        failures = [one for each in told for one in failures_of(*each)]
        print_json({"a": first, "b": second, "seeds": seeds, "failed": failed,
                    "failures": failures, "metrics": rows})  # fmt: skip
    else:
        print_differences(rows)
    for each, name, own in told:
        tell_failures(each, target=name, overrides=own)
    leave(stopped=False, failed=any(failed))


def study_of(
    target: str, overrides: Sequence[str], points: "Sequence[Point]", *, seeds: int, first_seed: int
) -> "Study":
    """What to run, checked at every point before anything runs.

    Raises:
        UserError: there is no such scenario, or a point is not allowed.
    """
    from prsm_sim import __version__
    from prsm_sim.cli.target import resolve
    from prsm_sim.fuzz.artefact import target_of
    from prsm_sim.parameters import build_parameters
    from prsm_sim.plan import dump_plan
    from prsm_sim.registry import Found
    from prsm_sim.sweep.study import Study

    if first_seed + seeds > 1 << 64:
        raise UserError(f"--first-seed {first_seed} with --seeds {seeds}: seeds end at 2^64 - 1")
    what = resolve(target, first_seed, overrides)
    values: dict[str, Any] = {}
    if what.document is not None:
        values = dict(what.document.values.get("parameters") or {})
    for point in points:
        build_parameters(what.scenario.parameters, values, (*overrides, *point))
    return Study(
        scenario=target_of(Found(what.scenario, what.source)),
        values=values,
        fixed=tuple(overrides),
        faults=dump_plan(what.plan()),
        points=tuple(points),
        first_seed=first_seed,
        seeds=seeds,
        version=__version__,
    )


def default_name(study: "Study") -> str:
    """A folder's name that says what the study is, the same for the same study."""
    from hashlib import sha256

    from prsm_sim.recorder import to_json

    name = study.scenario.rpartition(":")[2] or study.scenario
    return f"{name}-{sha256(to_json(study)).hexdigest()[:10]}"


def run_study(
    study: "Study",
    folder: Path,
    place: str,
    workers: int,
    line: Line,
    shard: "Shard | None" = None,
) -> "tuple[list[Outcome], bool]":
    """Run what is missing of a study, or of a shard of it.

    Returns:
        all outcomes that there are, by task, and whether a person stopped it.
    """
    from prsm_sim.sweep.backends import run_on
    from prsm_sim.sweep.design import WHOLE
    from prsm_sim.sweep.results import StudyFolder

    with StudyFolder(folder, study, shard or WHOLE) as kept, finishing() as stop:
        missing = kept.missing
        try:
            if missing:
                line.show(f"{len(kept.done)} of {study.tasks} replicas; starting: --on {place}")
                with closing(run_on(place, study, missing, workers)) as blocks:
                    for block in blocks:
                        kept.add(block)
                        line.show(f"{len(kept.done)} of {study.tasks} replicas")
        except KeyboardInterrupt:
            stop.asked = True
        finally:
            line.close()
        kept.finish()
        return [kept.done[number] for number in sorted(kept.done)], stop.asked


def tell_failures(
    outcomes: "Sequence[Outcome]",
    most: int = 3,
    *,
    target: str = "",
    overrides: Sequence[str] = (),
) -> None:
    """Say on stderr what went wrong, and with `target` the command that shows it again."""
    from prsm_sim.cli.output import note

    broken = [one for one in outcomes if not one.is_good]
    for one in broken[:most]:
        where = "".join(f" {override}" for override in one.point)
        note(f"seed {one.seed}{where}: {one.status}: {one.failure}")
        if target:
            note(f"see it again: {replay_of(one, target, overrides)}")
    if len(broken) > most:
        note(f"and {len(broken) - most} more")


def replay_of(outcome: "Outcome", target: str, overrides: Sequence[str]) -> str:
    """The command that runs a replica again, by itself."""
    settings = [word for each in (*overrides, *outcome.point) for word in ("--set", each)]
    return shlex.join(["prsm", "run", target, "--seed", str(outcome.seed), *settings])


def failures_of(
    outcomes: "Sequence[Outcome]", target: str, overrides: Sequence[str], most: int = 20
) -> list[dict[str, Any]]:
    """The first that failed, as JSON holds them; the table has all."""
    broken = [one for one in outcomes if not one.is_good]
    return [
        {"seed": one.seed, "point": one.point, "status": one.status, "failure": one.failure,
         "replay": replay_of(one, target, overrides)}
        for one in broken[:most]
    ]  # fmt: skip


def leave(*, stopped: bool, failed: bool) -> None:
    """Exit with what came of it."""
    from prsm_sim.cli.exits import FAIL, INTERRUPTED, PASS

    click.get_current_context().exit(INTERRUPTED if stopped else FAIL if failed else PASS)


def print_summaries(summaries: "Sequence[PointSummary]", metrics: Sequence[str]) -> None:
    """One line a point: its parameters, and a few metrics with their intervals."""
    from rich.table import Table

    from prsm_sim.cli.output import console

    known = sorted({name for one in summaries for name in one.metrics})
    for name in metrics:
        if name not in known:
            raise UserError(f"--metric {name}: no replica has it (there are {', '.join(known)})")
    shown = list(metrics) or known[:SHOWN]
    table = Table(header_style="dim")
    for name in [each.partition("=")[0] for each in summaries[0].point] if summaries else []:
        table.add_column(name, justify="right")
    for name in ("n", *shown):
        table.add_column(name, justify="right")
    for one in summaries:
        values = [each.partition("=")[2] for each in one.point]
        count = f"{one.replicas}" if not one.failed else f"{one.replicas} ({one.failed} failed)"
        table.add_row(*values, count, *(_estimate_text(one, name) for name in shown))
    console().print(table)
    if len(known) > len(shown) and not metrics:
        console().print(f"{len(known) - len(shown)} metrics more: --metric NAME, or --json")


def _estimate_text(summary: "PointSummary", name: str) -> str:
    found = summary.metrics.get(name)
    if found is None or found.mean is None:
        return "–"
    if found.low is None or found.high is None:
        return f"{found.mean:.5g}"
    return f"{found.mean:.5g} ± {(found.high - found.low) / 2:.2g}"


def print_differences(rows: "Sequence[Difference]") -> None:
    """One line a metric, those that differ first."""
    from rich.table import Table

    from prsm_sim.cli.output import console

    table = Table(header_style="dim")
    for name in ("metric", "pairs", "A", "B", "B − A", "p (Holm)", ""):
        table.add_column(name, justify="left" if name == "metric" else "right")
    for row in sorted(rows, key=lambda row: (not row.differs, row.metric)):
        between = "–" if row.low is None else f"[{row.low:.4g}, {row.high:.4g}]"
        p = "–" if row.p is None else f"{row.p:.3g}"
        differs = "differs" if row.differs else ""
        table.add_row(row.metric, str(row.pairs), f"{row.first:.5g}", f"{row.second:.5g}",
                      between, p, differs)  # fmt: skip
    console().print(table)
