"""`prsm attack`: the worst that a rational attacker can do to a scenario."""

import math
import shlex
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
import msgspec

from prsm_sim.actor.errors import UserError
from prsm_sim.cli.answer import refuse_set
from prsm_sim.cli.long_work import Line, finishing
from prsm_sim.cli.sweep import (
    leave,
    on_option,
    out_option,
    run_study,
    set_option,
    study_of,
    workers_option,
)
from prsm_sim.cli.target import SEEDS, json_option, progress_option

if TYPE_CHECKING:
    from prsm_sim.sweep.attack import Search, TrialFolder, Worth
    from prsm_sim.sweep.proposals import Sampler

SHOWN = 20
"""So many choices of the front are shown to people."""


@click.command(short_help="Search for the worst attack on a scenario.")
@click.argument("target", metavar="SCENARIO")
@click.option("--trials", type=click.IntRange(1, 100_000), default=100, show_default=True,
              help="Choices of the attacker that are tried.")  # fmt: skip
@click.option("--seeds", type=click.IntRange(2), default=5, show_default=True,
              help="Runs of each trial; all trials get the same seeds.")  # fmt: skip
@click.option("--fresh", type=click.IntRange(2), default=20, show_default=True,
              help="Runs of the best attack found, with other seeds; they decide.")  # fmt: skip
@click.option(
    "--sampler", type=click.Choice(["nsga2", "tpe", "random"]), default="nsga2", show_default=True,
    help="What proposes the trials.",
)  # fmt: skip
@click.option("--seed", type=SEEDS, default=0, show_default=True,
              help="Of the search, and first one of the runs.")  # fmt: skip
@set_option
@workers_option
@on_option
@out_option
@progress_option
@json_option
def attack(
    target: str,
    trials: int,
    seeds: int,
    fresh: int,
    sampler: "Sampler",
    seed: int,
    overrides: tuple[str, ...],
    workers: int,
    place: str,
    folder: Path | None,
    progress: bool | None,
    as_json: bool,
) -> None:
    """Search what SCENARIO lets an attacker choose for the worst, and keep the Pareto front.

    Net gain and harm are maximised and cost is minimised, each a mean over seeds. The most
    profitable attack is run again with seeds that the search has not used. Trials are on disk as
    they are done: Ctrl-C keeps them, exits with 130, and the same command goes on, as does one with
    more --trials. Exits with 1 if a run failed; with 0 else, whatever is found.
    """
    search = search_of(target, overrides, seeds=seeds, fresh=fresh, sampler=sampler, seed=seed)
    path = folder or Path("studies") / search_name(search)
    came = find_worst(search, path, trials, fresh, place, workers, Line(progress))
    commands = [run_command(target, seed, overrides, one) for one in came.front]
    if as_json:
        print_found(search, path, came, commands)
    else:
        show_found(search, came, commands)
    tell(target, overrides, came, trials, path)
    broken = came.failed or (came.fresh is not None and came.fresh.failure)
    leave(stopped=came.stopped, failed=bool(broken))


def search_of(
    target: str, overrides: Sequence[str], *, seeds: int, fresh: int, sampler: "Sampler", seed: int
) -> "Search":
    """What to search.

    Raises:
        UserError: the scenario offers no attack, an override is the attacker's, or Optuna is not
            there.
    """
    from prsm_sim.cli.target import resolve
    from prsm_sim.sweep.attack import Search
    from prsm_sim.sweep.proposals import options_of, optuna_version

    scenario = resolve(target, None, ()).scenario
    offered = scenario.attack
    if offered is None:
        raise UserError(f"{scenario.name}: offers no attack; its @scenario(...) names none")
    refuse_set(overrides, [one.parameter for one in offered.space], "the attacker chooses")
    study = study_of(target, overrides, (), seeds=seeds + fresh, first_seed=seed)
    return Search(
        study=msgspec.structs.replace(study, seeds=seeds),
        options=options_of(offered, scenario.parameters),
        gain=offered.gain,
        cost=offered.cost,
        harm=offered.harm,
        sampler=sampler,
        optuna=optuna_version(),
    )


def search_name(search: "Search") -> str:
    """A folder's name that says what is searched, the same for the same search."""
    from hashlib import sha256

    from prsm_sim.recorder import to_json

    name = search.study.scenario.rpartition(":")[2] or search.study.scenario
    return f"{name}-attack-{sha256(to_json(search)).hexdigest()[:10]}"


class Came(NamedTuple):
    """What came of a search, so far.

    Attributes:
        trials: the worth of each trial.
        front: those that none beats.
        fresh: the most profitable with fresh seeds; None: none counts, or a person stopped.
        stopped: a person stopped it.
    """

    trials: "list[Worth]"
    front: "list[Worth]"
    fresh: "Worth | None"
    stopped: bool

    @property
    def failed(self) -> "list[Worth]":
        """Trials that count for nothing."""
        return [one for one in self.trials if one.failure]


def find_worst(
    search: "Search", path: Path, trials: int, fresh: int, place: str, workers: int, line: Line
) -> Came:
    """Run what is missing of the search, and the best attack with fresh seeds."""
    from prsm_sim.sweep.attack import FRONT, TrialFolder, fresh_study, front, worth, write_front

    with TrialFolder(path, search) as kept:
        found, stopped = run_trials(kept, trials, place, workers, line)
        if stopped:  # perhaps before all that is there was looked at
            done = [kept.done[number] for number in sorted(kept.done) if number < trials]
            found = [worth(search, one.number, one.point, one.outcomes) for one in done]
    ones = front(found)
    if stopped or not ones:
        return Came(found, ones, None, stopped)
    write_front(path / FRONT, ones)
    best = ones[0]
    study = fresh_study(search, best.point, fresh)
    where = path / f"fresh-{best.number}-{fresh}"
    outcomes, stopped = run_study(study, where, place, workers, line)
    again = None if stopped else worth(search, best.number, best.point, outcomes)
    return Came(found, ones, again, stopped)


def run_trials(
    kept: "TrialFolder", trials: int, place: str, workers: int, line: Line
) -> "tuple[list[Worth], bool]":
    """The worth of each trial, and whether a person stopped it."""
    from prsm_sim.sweep.attack import run_search
    from prsm_sim.sweep.backends import opened

    found: list[Worth] = []
    best = -math.inf
    failed = 0
    with finishing() as stop:
        try:
            with opened(place, workers) as run, closing(run_search(kept, trials, run)) as worths:
                for one in worths:
                    found.append(one)
                    failed += bool(one.failure)
                    best = max(best, one.objectives[0] if one.objectives else best)
                    line.show(
                        f"{len(found)} of {trials} trials, {failed} failed, best net {best:.4g}"
                    )
        except KeyboardInterrupt:
            stop.asked = True
        finally:
            line.close()
    return found, stop.asked


def run_command(target: str, seed: int, overrides: Sequence[str], one: "Worth") -> str:
    """The command that shows one choice of the attacker."""
    sets = [word for each in (*overrides, *one.point) for word in ("--set", each)]
    return shlex.join(["prsm", "run", target, "--seed", str(seed), *sets])


def print_found(search: "Search", path: Path, came: Came, commands: Sequence[str]) -> None:
    """What came of it as one JSON object."""
    from prsm_sim.cli.output import print_json
    from prsm_sim.sweep.attack import verdict

    print_json(
        {
            "scenario": search.study.scenario,
            "folder": str(path),
            "complete": not came.stopped,
            "trials": len(came.trials),
            "failed": len(came.failed),
            "profitable": sum(one.is_profitable for one in came.trials),
            "front": [
                {"worth": one, "command": command}
                for one, command in zip(came.front, commands, strict=True)
            ],
            "fresh": came.fresh,
            "verdict": "" if came.stopped else verdict(came.trials, came.fresh),
        }
    )


def show_found(search: "Search", came: Came, commands: Sequence[str]) -> None:
    """The front as a table, a command for each of it, and the verdict."""
    from rich.table import Table
    from rich.text import Text

    from prsm_sim.cli.output import console
    from prsm_sim.sweep.attack import verdict
    from prsm_sim.sweep.wording import mean_text

    out = console()
    shown = spread(len(came.front), SHOWN)
    table = Table(header_style="dim")
    names = [one.partition("=")[0] for one in came.front[0].point] if came.front else []
    for name in ("trial", *names, "net gain", "harm", "cost", "return"):
        table.add_column(name, justify="right")
    for place in shown:
        one = came.front[place]
        values = [Text(each.partition("=")[2]) for each in one.point]
        ratio = "–" if one.return_on_cost is None else f"{one.return_on_cost:+.1%}"
        means = [mean_text(each) for each in (one.net, one.harm, one.cost)]
        table.add_row(str(one.number), *values, *means, ratio)
    if came.front:
        of = f"net gain = {search.gain} − {search.cost}, harm = {search.harm}"
        out.print(f"Pareto front: {of}; means over {search.study.seeds} seeds, 95 % intervals",
                  soft_wrap=True)  # fmt: skip
        out.print(table)
    if len(shown) < len(came.front):
        out.print(f"{len(shown)} of {len(came.front)} are shown, spread over the front; "
                  "the others are in front.csv and in --json")  # fmt: skip
    for place in shown:
        text = f"  {came.front[place].number:>5}  {commands[place]}"
        out.print(text, markup=False, highlight=False, soft_wrap=True)
    if not came.stopped:
        out.print(Text(verdict(came.trials, came.fresh), style="bold"), soft_wrap=True)


def spread(count: int, most: int) -> list[int]:
    """At most so many places of a list, evenly spread, both ends included."""
    if count <= most:
        return list(range(count))
    return [round(step * (count - 1) / (most - 1)) for step in range(most)]


def tell(
    target: str, overrides: Sequence[str], came: Came, trials: int, path: Path, most: int = 3
) -> None:
    """Say on stderr how far it came, what failed, and how to see it again."""
    from prsm_sim.cli.output import note

    failed = came.failed
    for one in failed[:most]:
        assert one.failed_seed is not None
        note(f"trial {one.number} failed, {one.failure}")
        note(f"see it again: {run_command(target, one.failed_seed, overrides, one)}")
    if len(failed) > most:
        note(f"and {len(failed) - most} more")
    onward = "; the same command goes on" if came.stopped else ""
    note(f"{len(came.trials)} of {trials} trials, {len(failed)} failed; in {path}{onward}")
