"""`prsm runs`: list and show recorded runs."""

from pathlib import Path

import click

from prsm_sim.cli.target import json_option, runs_dir_option


@click.group()
def runs() -> None:
    """List and show recorded runs."""


@runs.command("ls")
@runs_dir_option
@json_option
def ls(runs_dir: Path, as_json: bool) -> None:
    """List the recorded runs, oldest first."""
    from prsm_sim.actor.errors import UserError
    from prsm_sim.cli.output import COLOURS, console, note, print_json
    from prsm_sim.run_folder import list_runs, open_run

    found = []
    for path in list_runs(runs_dir):
        try:
            found.append(open_run(path))
        except UserError as error:
            note(str(error))  # one broken folder must not hide the others
    if as_json:
        print_json({"runs": [{"run_dir": str(r.path), "manifest": r.manifest} for r in found]})
        return
    if not found:
        click.echo(f"no runs in {runs_dir}; `prsm run SCENARIO` makes one")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="dim", box=None, pad_edge=False)
    table.add_column("run", no_wrap=True)
    for column in ("world", "status", "events", "virtual s", "wall s", "digest"):
        right = column in ("events", "virtual s", "wall s")
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    for run in found:
        about = run.manifest
        table.add_row(
            Text(run.path.name),
            about.world,
            Text(about.status, style=COLOURS[about.status]),
            f"{about.events:,}",
            f"{about.virtual_s:,.1f}",
            f"{about.wall_s:,.2f}",
            about.digest[:12],
        )
    console().print(table)


@runs.command("show")
@click.argument("run", default="latest", metavar="[RUN]")
@click.option(
    "--events", "events", metavar="FROM:TO", help="Also print these events, such as 100:120."
)
@runs_dir_option
@json_option
def show(run: str, events: str | None, runs_dir: Path, as_json: bool) -> None:
    """Show one run: RUN is a folder or a name, by default the newest."""
    from prsm_sim.cli.output import console, print_json, print_summary
    from prsm_sim.cli.replay import print_events
    from prsm_sim.run_folder import open_run

    folder = open_run(run, runs_dir)
    start, stop = _range(events)
    picked = folder.events(start, stop) if events is not None else []
    if as_json:
        print_json(
            {
                "run_dir": str(folder.path),
                "manifest": folder.manifest,
                "verdicts": folder.verdicts,
                "events": [event._asdict() for event in picked],
            }
        )
        return
    out = console()
    out.print(folder.path.name, style="bold", markup=False)
    print_summary(out, folder.manifest, folder.verdicts)
    if picked:
        print_events(picked)


def _range(text: str | None) -> tuple[int, int | None]:
    """``FROM:TO`` as two numbers; either may be left out."""
    if text is None:
        return 0, None
    start, colon, stop = text.partition(":")
    try:
        return int(start or 0), (int(stop) if stop else None) if colon else int(start) + 1
    except ValueError:
        raise click.BadParameter(f"{text!r} is not FROM:TO", param_hint="--events") from None
