"""`prsm sensitivity`: which parameters a metric depends on."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

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
    shard_option,
    study_of,
    tell_failures,
    workers_option,
)
from prsm_sim.cli.target import json_option, progress_option

if TYPE_CHECKING:
    from prsm_sim.sweep.sensitivity import Sensitivity


@click.command(short_help="Find out which parameters a metric depends on.")
@click.argument("target", metavar="SCENARIO")
@click.option(
    "--vary", "ranges", multiple=True, required=True, metavar="NAME=LOW..HIGH",
    help="Vary a parameter in this range; whole numbers at both ends keep it whole.",
)  # fmt: skip
@click.option("--metric", required=True, help="The metric to explain.")
@click.option(
    "--method", type=click.Choice(["sobol", "morris"]), default="morris", show_default=True,
    help="morris ranks with few runs; sobol splits the variance.",
)  # fmt: skip
@click.option("--samples", type=click.IntRange(4), default=16, show_default=True,
              help="Blocks of samples: D + 1 points each, with sobol D + 2.")  # fmt: skip
@click.option("--seeds", type=click.IntRange(1), default=4, show_default=True,
              help="Replicas at each point; the metric there is their mean.")  # fmt: skip
@first_seed_option
@set_option
@workers_option
@on_option
@out_option
@shard_option
@level_option
@progress_option
@json_option
def sensitivity(
    target: str,
    ranges: tuple[str, ...],
    metric: str,
    method: Literal["sobol", "morris"],
    samples: int,
    seeds: int,
    first_seed: int,
    overrides: tuple[str, ...],
    workers: int,
    place: str,
    folder: Path | None,
    shard_text: str,
    level: float,
    progress: bool | None,
    as_json: bool,
) -> None:
    """Vary parameters of SCENARIO together, and say how much METRIC depends on each.

    A replica that fails spoils its block of samples, which is then left out and counted. Exits with
    1 if a replica failed, and with 3 if nothing can be said.
    """
    from prsm_sim.cli.exits import INCONCLUSIVE
    from prsm_sim.cli.output import note, print_json
    from prsm_sim.sweep.design import parse_shard
    from prsm_sim.sweep.sensitivity import Plan, parse_bounds, values_at

    shard = parse_shard(shard_text)
    plan = Plan([parse_bounds(text) for text in ranges], method, samples, first_seed)
    study = study_of(target, overrides, plan.points, seeds=seeds, first_seed=first_seed)
    place_of = folder or Path("studies") / default_name(study)
    outcomes, stopped = run_study(study, place_of, place, workers, Line(progress), shard)
    tell_failures(outcomes, target=target, overrides=overrides)
    failed = sum(not one.is_good for one in outcomes)
    if len(outcomes) < study.tasks:
        note(f"{len(outcomes)} of {study.tasks} replicas; the same command goes on, without "
             "--shard or with another one")  # fmt: skip
        leave(stopped=stopped, failed=failed > 0)
    found = plan.analyse(values_at(outcomes, seeds, metric), level)
    if as_json:
        print_json(
            {"scenario": study.scenario, "metric": metric, "method": method,
             "folder": str(place_of), "replicas": len(outcomes), "failed": failed,
             "failures": failures_of(outcomes, target, overrides), "result": found}
        )  # fmt: skip
    else:
        print_sensitivity(found, metric, method)
    if found.doubt:
        note(f"nothing can be said: {found.doubt}")
        click.get_current_context().exit(INCONCLUSIVE)
    leave(stopped=stopped, failed=failed > 0)


def print_sensitivity(found: "Sensitivity", metric: str, method: str) -> None:
    """One line a parameter, the strongest first."""
    from rich.table import Table

    from prsm_sim.cli.output import console

    names = ("S1", "ST") if method == "sobol" else ("μ*", "σ")
    table = Table(title=f"{metric} ({method})", title_justify="left", header_style="dim")
    for name in ("parameter", *names):
        table.add_column(name, justify="left" if name == "parameter" else "right")
    for one in found.indices:
        total = f"{one.total:.4g}"
        if one.total_half is not None:
            total += f" ± {one.total_half:.2g}"
        table.add_row(one.name, f"{one.first:.4g} ± {one.first_half:.2g}", total)
    console().print(table)
    console().print(f"{found.blocks} blocks of samples, {found.dropped} dropped")
