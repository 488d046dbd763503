"""`prsm replay`: run a recorded simulation again."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from prsm_sim.cli.target import json_option, progress_option, runs_dir_option

if TYPE_CHECKING:
    from prsm_sim.cli.output import ProgressLine
    from prsm_sim.run_folder import Event, RunFolder


@click.command(short_help="Run a recorded simulation again.")
@click.argument("folder", metavar="RUN")
@click.option("--until", type=click.IntRange(0), metavar="EVENT", help="Stop after this event.")
@click.option(
    "--last", type=click.IntRange(1, 100_000), default=20, show_default=True,
    help="With --until: how many events to print.",
)  # fmt: skip
@click.option("--record", is_flag=True, help="Keep the replay as a run folder of its own.")
@runs_dir_option
@progress_option
@json_option
def replay(
    folder: str,
    until: int | None,
    last: int,
    record: bool,
    runs_dir: Path,
    progress: bool | None,
    as_json: bool,
) -> None:
    """Run RUN (a folder, or its name) again with its parameters and seed.

    Exits with 1 if the digest differs or the run fails again. With --until it stops at an event and
    prints the last ones.
    """
    from prsm_sim.cli.output import ProgressLine
    from prsm_sim.run_folder import open_run

    if until is not None and record:
        raise click.UsageError("--until and --record exclude each other")
    run = open_run(folder, runs_dir)
    line = ProgressLine(float(run.manifest.parameters.get("duration_s", 1.0)), progress)
    if until is None:
        code = _whole(run, line, runs_dir if record else None, as_json)
    else:
        code = _until(run, line, until, last, as_json)
    click.get_current_context().exit(code)


def _whole(run: "RunFolder", line: "ProgressLine", runs_dir: Path | None, as_json: bool) -> int:
    """Replay all of it; the exit code."""
    from prsm_sim.cli.exits import EXIT_OF_STATUS, FAIL, PASS
    from prsm_sim.cli.output import note, print_json, print_result, result_object, shown_path
    from prsm_sim.replay import replay as run_again

    try:
        found = run_again(run, runs_dir=runs_dir, progress=line)
    finally:
        line.close()
    for warning in found.warnings:
        note(warning)
    recorded, result = run.manifest.digest, found.result
    if as_json:
        replayed = result_object(result) | {"same": found.same, "recorded_digest": recorded}
        print_json(replayed)
    elif result.failure:
        print_result(result, as_json=False)
    if result.status == "interrupted" and result.events < run.manifest.events:
        return EXIT_OF_STATUS["interrupted"]
    if not found.same:
        note(f"the digest differs: {recorded} recorded, {result.digest} replayed")
        again = f"prsm replay {shown_path(run.path)} --record"
        note(f"see where: {again} && prsm diff {shown_path(run.path)} latest")
        return FAIL
    if not as_json:
        click.echo(f"same digest, {result.digest}, after {result.events:,} events")
    if run.manifest.status == "interrupted":
        note("the recorded run was interrupted there")
        return PASS
    return EXIT_OF_STATUS[result.status]


def _until(run: "RunFolder", line: "ProgressLine", until: int, last: int, as_json: bool) -> int:
    """Replay up to an event and print the last ones; the exit code."""
    from prsm_sim.actor.errors import UserError
    from prsm_sim.cli.exits import FAIL, PASS
    from prsm_sim.cli.output import note, print_json
    from prsm_sim.replay import replay_until

    try:
        passage = replay_until(run, until, keep=last, progress=line)
    finally:
        line.close()
    for warning in passage.warnings:
        note(warning)
    if as_json:
        events = [event._asdict() for event in passage.events]
        print_json({"events": events, "reached": passage.reached, "failure": passage.failure})
    else:
        print_events(passage.events)
    if passage.failure:
        note(f"FAILED before event {until}: {passage.failure}")
        return FAIL
    if not passage.reached:
        count = passage.events[-1].n + 1 if passage.events else 0
        raise UserError(
            f"--until {until}: the run ends after event {count - 1}; choose a lower one"
        )
    return PASS


def print_events(events: "list[Event]") -> None:
    """Events for people, one a line."""
    for event in events:
        click.echo(event_line(event))


def event_line(event: "Event") -> str:
    """One event as text: number, time, who to whom, type, payload."""
    way = f"{event.sender or '·'} → {event.receiver or '·'}"
    return (
        f"{event.n:>8}  {event.time_s:>12.6f} s  {way}  {event.kind} {event.type}  {event.payload}"
    )
