"""`prsm fuzz` and `prsm shrink`: search for a plan of faults that breaks a scenario."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prsm_sim.actor.errors import UserError
from prsm_sim.cli.findings import describe, print_story, progress_text, report, shrunk_object
from prsm_sim.cli.long_work import Line, Stop, finishing, span_s
from prsm_sim.cli.target import SEEDS, json_option, progress_option, runs_dir_option

if TYPE_CHECKING:
    from prsm_sim.fuzz.campaign import Campaign, Job
    from prsm_sim.fuzz.shrink import Shrunk
    from prsm_sim.fuzz.trial import Trial
    from prsm_sim.registry import Found
    from prsm_sim.run_folder import RunFolder
    from prsm_sim.runner import RunResult


@click.command(short_help="Search for faults that break a scenario.")
@click.argument("target", metavar="SCENARIO")
@click.option("--strategy", default="swarm", show_default=True, help="How plans are drawn.")
@click.option("--seeds", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--first-seed", type=SEEDS, default=0, show_default=True)
@click.option(
    "--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes."
)
@click.option("--for", "for_s", type=span_s, metavar="SPAN", help="Stop after 90s, 10m, 2h.")
@click.option("--keep-going", is_flag=True, help="Go on after the first failure.")
@click.option("--no-shrink", is_flag=True, help="Keep the first failure as it was drawn.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="NAME=VALUE",
    help="Fix a parameter, which is then not varied. May be repeated.",
)
@runs_dir_option
@progress_option
@json_option
def fuzz(
    target: str,
    strategy: str,
    seeds: int,
    first_seed: int,
    workers: int,
    for_s: float | None,
    keep_going: bool,
    no_shrink: bool,
    overrides: tuple[str, ...],
    runs_dir: Path,
    progress: bool | None,
    as_json: bool,
) -> None:
    """Run SCENARIO under one drawn plan of faults a seed, until an oracle finds something.

    SCENARIO is a name, a Python file, or a YAML file, whose parameters are then not varied. The
    first failure is shrunk, and kept as a folder with its story, a diagram and a pytest file. Exits
    with 0 if nothing was found, 1 if something was, 3 if every trial was inconclusive or some seeds
    killed their process; Ctrl-C keeps what was found, and exits with 130. The strategy
    ``exhaustive`` is `prsm explore` with one lost message and one early timer.
    """
    if strategy == "exhaustive":
        explore_instead(target, overrides, progress, as_json=as_json)
        return
    from prsm_sim.cli.exits import INTERRUPTED
    from prsm_sim.cli.output import note
    from prsm_sim.fuzz.campaign import Campaign

    last = first_seed + seeds - 1
    if last >= 1 << 64:
        raise UserError(f"--first-seed {first_seed} with --seeds {seeds}: seeds end at 2^64 - 1")
    found, job = job_of(target, strategy, overrides, first_seed)
    campaign = Campaign(
        job, first=first_seed, count=seeds, workers=workers, for_s=for_s, keep_going=keep_going
    )
    line = Line(progress)
    kept: RunResult | None = None
    shrunk: Shrunk | None = None
    with finishing() as stop:
        try:
            campaign.run(lambda so_far: line.show(progress_text(so_far)))
        except KeyboardInterrupt:
            stop.asked = True
        finally:
            line.close()
        if campaign.failures:
            first = campaign.failures[0]
            note(f"FAILED seed {first.seed}: {describe(first)}")
            if not no_shrink and not stop.asked:
                fixed = (*fixed_names(overrides), *job.parameters)
                shrunk = shrink_trial(found, first, line, stop, keep=fixed)
            trial = first if shrunk is None else shrunk.trial
            kept = keep_artefact(found, trial, first, strategy, runs_dir)
    report(campaign, shrunk, kept, as_json=as_json)
    click.get_current_context().exit(INTERRUPTED if stop.asked else exit_code(campaign))


def explore_instead(
    target: str, overrides: tuple[str, ...], progress: bool | None, *, as_json: bool
) -> None:
    """Try every order of events of a small world; it draws nothing, so there are no seeds."""
    from prsm_sim.cli.explore import explore

    click.get_current_context().invoke(
        explore, target=target, overrides=overrides, drops=1, timeouts=1, progress=progress,
        as_json=as_json,
    )  # fmt: skip


@click.command(short_help="Shrink a failing run to a short story.")
@click.argument("folder", metavar="RUN")
@click.option(
    "--runs",
    "limit",
    type=click.IntRange(1),
    default=2000,
    show_default=True,
    help="Candidates to run at most.",
)
@runs_dir_option
@progress_option
@json_option
def shrink(folder: str, limit: int, runs_dir: Path, progress: bool | None, as_json: bool) -> None:
    """Shrink RUN, a failing simulated run, and keep what is left as a folder of its own.

    Exits with 1, as a run that fails does; Ctrl-C keeps the smallest found so far, and exits with
    130.
    """
    from prsm_sim.cli.exits import FAIL, INTERRUPTED
    from prsm_sim.cli.output import note, print_json
    from prsm_sim.run_folder import open_run

    found, trial, warnings = failing_trial(open_run(folder, runs_dir))
    for warning in warnings:
        note(warning)
    with finishing() as stop:
        shrunk = shrink_trial(found, trial, Line(progress), stop, limit=limit)
        kept = keep_artefact(found, shrunk.trial, trial, "shrink", runs_dir)
    if as_json:
        print_json(shrunk_object(shrunk, kept))
    else:
        print_story(shrunk, kept)
    click.get_current_context().exit(INTERRUPTED if stop.asked else FAIL)


def job_of(
    target: str, strategy: str, overrides: tuple[str, ...], seed: int
) -> "tuple[Found, Job]":
    """What to fuzz, checked before any worker starts.

    Raises:
        UserError: there is no such scenario, strategy or parameter, or the scenario exposes nothing
            to faults, or the file has a schedule of its own, or the strategy does not fit.
    """
    from prsm_sim.chance import Stream
    from prsm_sim.cli.target import resolve
    from prsm_sim.fuzz.artefact import target_of
    from prsm_sim.fuzz.campaign import Job
    from prsm_sim.fuzz.census import Census
    from prsm_sim.fuzz.ground import Ground
    from prsm_sim.fuzz.strategies import find_strategy
    from prsm_sim.registry import Found
    from prsm_sim.sim import Sim

    chosen = find_strategy(strategy)
    what = resolve(target, seed, overrides)
    if what.faults:
        raise UserError(
            f"{target}: has faults of its own, and a strategy draws them; take `faults` out of it"
        )
    found = Found(what.scenario, what.source)
    sim = Sim(seed)
    what.scenario.build(sim, what.parameters)
    if not sim.exposure.peers and not sim.exposure.bystanders:
        raise UserError(
            f"{target}: exposes nothing to faults; say in its build function what may be struck: "
            "world.expose(Exposure(peers=(…), heal_s=…)), from prsm_sim.exposure"
        )
    chosen.draw(Ground.of(sim, Stream(seed, "fuzz", strategy), Census()))
    fixed: dict[str, Any] = {} if what.document is None else what.document.values["parameters"]
    name = target if what.document is None else target_of(found)
    return found, Job(scenario=name, strategy=strategy, overrides=overrides, parameters=fixed)


def failing_trial(run: "RunFolder") -> "tuple[Found, Trial, tuple[str, ...]]":
    """The trial that a run folder holds, what was run, and what has changed since.

    Raises:
        UserError: it was a live run, its scenario is no longer there, or it does not fail.
    """
    from prsm_sim.fuzz.trial import run_trial
    from prsm_sim.parameters import build_parameters
    from prsm_sim.plan import load_plan
    from prsm_sim.registry import Found
    from prsm_sim.replay import again
    from prsm_sim.run_folder import show_path

    scenario, parameters, source, warnings = again(run)
    plan = load_plan(run.manifest.plan, str(run.path))
    usual = scenario.parameters().model_dump(mode="json")
    given = parameters.model_dump(mode="json")
    changed = {name: value for name, value in given.items() if usual[name] != value}
    parameters = build_parameters(scenario.parameters, changed)
    trial = run_trial(scenario, parameters, run.manifest.seed, plan)
    if trial.finding is None:
        raise UserError(f"{show_path(run.path)}: this run does not fail, so nothing can be shrunk")
    return Found(scenario, source), trial, warnings


def exit_code(campaign: "Campaign") -> int:
    """The exit code of a campaign that ran to its end."""
    from prsm_sim.cli.exits import FAIL, INCONCLUSIVE, PASS

    if campaign.failures:
        return FAIL
    unknown = campaign.lost or campaign.inconclusive == campaign.seeds
    return INCONCLUSIVE if unknown else PASS


def fixed_names(overrides: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the parameters that a person has set."""
    return tuple(override.partition("=")[0].strip() for override in overrides)


def shrink_trial(
    found: "Found",
    trial: "Trial",
    line: Line,
    stop: Stop,
    *,
    keep: tuple[str, ...] = (),
    limit: int | None = None,
) -> "Shrunk":
    """Shrink with progress; Ctrl-C keeps the smallest trial so far."""
    from prsm_sim.fuzz.shrink import RUNS_LIMIT, Shrinker

    def show(runs: int, faults: int) -> None:
        line.show(f"shrinking: {runs} runs, {faults} faults left")

    shrinker = Shrinker(
        found.scenario, trial, keep=keep, runs_limit=limit or RUNS_LIMIT, progress=show
    )
    try:
        return shrinker.shrink()
    except KeyboardInterrupt:
        stop.asked = True
        return shrinker.so_far()
    finally:
        line.close()


def keep_artefact(
    found: "Found", trial: "Trial", drawn: "Trial", strategy: str, runs_dir: Path
) -> "RunResult":
    """Write the folder of a failure."""
    from prsm_sim.fuzz.artefact import write_artefact

    return write_artefact(found, trial, drawn, strategy=strategy, runs_dir=runs_dir)
