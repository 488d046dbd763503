"""`prsm explore`: try every order of events of a small world."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from prsm_sim.cli.target import SEEDS, json_option, progress_option

if TYPE_CHECKING:
    from prsm_sim.explore import Choice, Exploration

FEW = click.IntRange(0, 16)


@click.command(short_help="Try every order of events of a small world.")
@click.argument("target", metavar="SCENARIO")
@click.option("--seed", type=SEEDS, help="Seed of the actors' own chance.")
@click.option(
    "--set", "overrides", multiple=True, metavar="NAME=VALUE",
    help="Set a parameter, dotted for nested ones. May be repeated.",
)  # fmt: skip
@click.option("--depth", type=click.IntRange(1), default=1_000, show_default=True)
@click.option("--states", type=click.IntRange(1), default=100_000, show_default=True)
@click.option("--drops", type=FEW, default=0, help="Messages lost on a path.")
@click.option("--duplicates", type=FEW, default=0, help="Messages that arrive twice on a path.")
@click.option("--crashes", type=FEW, default=0, help="Crashes on a path.")
@click.option("--timeouts", type=FEW, default=0, help="Waiting timers that fire on a path.")
@click.option("--shortest", is_flag=True, help="Deepen step by step: slower, shortest story.")
@click.option("--tape", type=click.Path(dir_okay=False, path_type=Path), help="Write a finding to.")
@click.option(
    "--replay", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Play this tape instead.",
)  # fmt: skip
@progress_option
@json_option
def explore(
    target: str,
    seed: int | None,
    overrides: tuple[str, ...],
    depth: int,
    states: int,
    drops: int,
    duplicates: int,
    crashes: int,
    timeouts: int,
    shortest: bool,
    tape: Path | None,
    replay: Path | None,
    progress: bool | None,
    as_json: bool,
) -> None:
    """Explore SCENARIO without time: every order of deliveries, timers and budgeted faults.

    Exits with 0 if everything was tried and nothing is wrong, 1 if something is wrong, 3 if nothing
    was found within the bounds.
    """
    import msgspec

    from prsm_sim.cli.exits import FAIL, INCONCLUSIVE, PASS
    from prsm_sim.cli.long_work import Line
    from prsm_sim.cli.target import resolve
    from prsm_sim.explore import Budget, replay_tape
    from prsm_sim.explore import explore as search

    what = resolve(target, seed, overrides)
    context = click.get_current_context()
    if replay is not None:
        played = replay_tape(what.scenario, what.parameters, read_tape(replay), seed=what.seed)
        if as_json:
            click.echo(msgspec.json.encode(played))
        else:
            tell(played.story, played.by, played.wrong)
        context.exit(FAIL if played.wrong else PASS)
    line = Line(progress)
    found = search(
        what.scenario, what.parameters, seed=what.seed, depth=depth, states=states,
        faults=Budget(drops=drops, duplicates=duplicates, crashes=crashes, timeouts=timeouts),
        shortest=shortest,
        progress=lambda seen, steps: line.show(f"{seen:,} states  {steps:,} steps"),
    )  # fmt: skip
    line.close()
    if tape is not None and found.violation is not None:
        tape.write_bytes(msgspec.json.format(msgspec.json.encode(found.tape)))
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        tell(found.story, found.by, found.violation or "")
        click.echo(summary(found))
    if found.violation is not None:
        context.exit(FAIL)
    context.exit(PASS if found.complete else INCONCLUSIVE)


def read_tape(path: Path) -> "tuple[Choice, ...]":
    """The tape that a file holds.

    Raises:
        UserError: it holds none.
    """
    import msgspec

    from prsm_sim.actor.errors import UserError
    from prsm_sim.explore import Choice

    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[Choice, ...])
    except msgspec.DecodeError as error:
        raise UserError(f"{path}: no tape ({error}); give a file that --tape wrote") from error


def tell(story: tuple[str, ...], by: str, wrong: str) -> None:
    """Print a story and how it ends."""
    for one in story:
        click.echo(one)
    if wrong:
        click.echo(f"{by}: {wrong}")


def summary(found: "Exploration") -> str:
    """One line about an exploration."""
    if found.violation is not None:
        how = f"FAILED after {len(found.tape)} choices"
    else:
        how = "nothing is wrong in any order" if found.complete else "nothing found within bounds"
    return (
        f"{how}: {found.states:,} states, {found.transitions:,} steps, "
        f"{found.local_states:,} states of single peers, paths up to {found.deepest}"
    )
