"""`prsm bench`: print the figures that the project claims."""

from collections.abc import Callable
from typing import Any

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

    report("kernel", measured.run, as_json=as_json)


@bench.command("consensus")
@json_option
def consensus(as_json: bool) -> None:
    """Requests a second, the same replicas on SimPy, and seeds a second of a fuzzer."""
    from prsm_sim.registry import find_benchmark

    report("consensus", find_benchmark("consensus"), as_json=as_json)


@bench.command("economy")
@json_option
def economy(as_json: bool) -> None:
    """Agents a second against SimPy and Mesa, and the ledger's transfers, in memory and on disk."""
    from prsm_sim.registry import find_benchmark

    report("economy", find_benchmark("economy"), as_json=as_json)


def report(
    title: str, measure: Callable[[Callable[[str], None]], dict[str, Any]], *, as_json: bool
) -> None:
    """Measure, and print the figures."""
    from prsm_sim.cli.output import console, flat, note, print_json, show

    figures = measure(note)
    if as_json:
        print_json(figures)
        return
    from rich.table import Table

    table = Table(title=title, title_justify="left", header_style="dim")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in flat(figures).items():
        table.add_row(name, show(value))
    console().print(table)
