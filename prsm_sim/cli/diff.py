"""`prsm diff`: where two runs part."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from prsm_sim.cli.target import json_option, runs_dir_option

if TYPE_CHECKING:
    from prsm_sim.diff import Difference
    from prsm_sim.run_folder import Event, RunFolder


@click.command()
@click.argument("left", metavar="A")
@click.argument("right", metavar="B")
@runs_dir_option
@json_option
def diff(left: str, right: str, runs_dir: Path, as_json: bool) -> None:
    """Compare the runs A and B: folders, or names such as latest.

    Exits with 0 if they are identical and with 1 if they differ, after showing the first event that
    does.
    """
    from prsm_sim.cli.exits import FAIL, PASS
    from prsm_sim.cli.output import print_json
    from prsm_sim.diff import compare
    from prsm_sim.run_folder import open_run

    one, other = open_run(left, runs_dir), open_run(right, runs_dir)
    found = compare(one, other)
    if as_json:
        print_json(found)
    elif found.identical:
        digest = one.manifest.digest or "none, but the same events"
        click.echo(f"identical: digest {digest}, {one.manifest.events:,} events")
    else:
        _print_difference(one, other, found)
    click.get_current_context().exit(PASS if found.identical else FAIL)


def _print_difference(one: "RunFolder", other: "RunFolder", found: "Difference") -> None:
    """Both runs side by side: what they were, where they part, what came of it."""
    from rich.table import Table
    from rich.text import Text

    from prsm_sim.cli.output import console, show
    from prsm_sim.cli.replay import event_line

    out = console()
    table = Table(title="different", title_justify="left", header_style="dim", show_lines=True)
    table.add_column("")
    table.add_column(one.path.name, overflow="fold")
    table.add_column(other.path.name, overflow="fold")
    for name, (a, b) in found.manifest.items():
        table.add_row(name, Text(show(a)), Text(show(b)))
    for name, (a, b) in found.parameters.items():
        table.add_row(f"parameter {name}", Text(show(a)), Text(show(b)))
    out.print(table)
    if found.events is not None:
        parting = found.events
        out.print(f"\nfirst divergent event: {parting.n}", style="bold red")
        for event in parting.before:
            out.print(Text("  both  " + event_line(event), style="dim"), soft_wrap=True)
        beside = Table(header_style="dim", show_lines=True)
        for column in (f"event {parting.n}", one.path.name, other.path.name):
            beside.add_column(column, overflow="fold")
        for field, a, b in _fields(parting.left, parting.right):
            beside.add_row(field, Text(a), Text(b), style="red" if a != b else "dim")
        out.print(beside)
    elif found.note:
        out.print(Text(found.note, style="yellow"))
    if found.metrics or found.series:
        figures = Table(title="metrics", title_justify="left", header_style="dim")
        for column in ("figure", one.path.name, other.path.name):
            figures.add_column(column, overflow="fold")
        for name, (a, b) in found.metrics.items():
            figures.add_row(Text(name), show(a), show(b))
        for name, (time_s, a, b) in found.series.items():
            figures.add_row(Text(f"{name}, from {time_s:g} s"), show(a), show(b))
        out.print(figures)


def _fields(left: "Event | None", right: "Event | None") -> list[tuple[str, str, str]]:
    """Field by field, both events as text; a run that has no such event shows a dash."""
    from prsm_sim.run_folder import Event

    rows = []
    for field in Event._fields[1:]:
        a = "– ended before" if left is None else str(getattr(left, field))
        b = "– ended before" if right is None else str(getattr(right, field))
        rows.append((field, a, b))
    return rows
