"""`prsm bench`: print the figures that the project claims."""

import click

from prsm_sim.cli.target import json_option


@click.group(short_help="Measure the project against its rivals.")
def bench() -> None:
    """Measure the project against its rivals, in this process, on this machine."""


@bench.command("kernel")
@json_option
def kernel(as_json: bool) -> None:
    """Speed and memory of the simulator against SimPy and a bare heap."""
    from prsm_sim.bench import kernel as measured
    from prsm_sim.cli.output import console, flat, note, print_json, show

    figures = measured.run(note)
    if as_json:
        print_json(figures)
        return
    from rich.table import Table

    table = Table(title="kernel", title_justify="left", header_style="dim")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in flat(figures).items():
        table.add_row(name, show(value))
    console().print(table)
