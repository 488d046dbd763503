"""The demonstration behind `make demo`: one market in two worlds, and a table that compares them.

It knows no scenario: it runs the one it is told to by name, first in the simulator and then live on
the embedded broker, as `prsm run` and `prsm live` would, and prints what both measured.
"""

from pathlib import Path

import click

from prsm_sim.cli.output import ProgressLine
from prsm_sim.cli.target import resolve
from prsm_sim.registry import find_world
from prsm_sim.runner import RunResult, run_elsewhere, simulate

FIGURES = (
    ("queries.asked", "questions asked"),
    ("queries.answered", "questions answered"),
    ("accuracy.mean", "accuracy against the truth, mean"),
    ("latency_s.p50", "answer after, median s"),
    ("latency_s.p99", "answer after, p99 s"),
    ("cost_ftns.mean", "cost of an answer, FTNS"),
    ("contributors.peers", "peers that contributed"),
    ("committed_operations", "ledger operations committed by PBFT"),
    ("supply_ftns", "FTNS in existence"),
)
"""Figures of the table, as the scenario reports them, and how they read."""


def figure(result: RunResult, path: str) -> str:
    """A metric by its dotted path, for people; a dash if the run did not report it."""
    value: object = result.metrics
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.3f}" if value < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def print_comparison(simulated: RunResult, live: RunResult) -> None:
    """The table that ends the demonstration."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="the same actors in two worlds", title_justify="left")
    table.add_column("")
    table.add_column("simulated", justify="right")
    table.add_column("live over MQTT", justify="right")
    for path, label in FIGURES:
        table.add_row(label, figure(simulated, path), figure(live, path))
    both = (simulated, live)
    faults = [", ".join(f"{k} ×{n}" for k, n in one.manifest.faults.items()) or "–" for one in both]
    table.add_row("faults that struck", *faults)
    table.add_row("messages, timers and facts", *(f"{one.events:,}" for one in both))
    table.add_row("world time, s", *(f"{one.virtual_s:.1f}" for one in both))
    table.add_row("wall time, s", *(f"{one.wall_s:.1f}" for one in both))
    table.add_section()
    for verdict, other in zip(simulated.verdicts, live.verdicts, strict=False):
        table.add_row(verdict.name, verdict.status, other.status)
    console = Console()
    console.print(table)
    console.print(f"digest  [bold]{simulated.digest}[/]  (version, scenario and seed decide it)")


@click.command()
@click.argument("scenario", default="research_market")
@click.option("--runs", "runs_dir", type=click.Path(path_type=Path), default="runs")
@click.option("--seed", default=7, show_default=True)
def demo(scenario: str, runs_dir: Path, seed: int) -> None:
    """Run SCENARIO simulated, then live, and compare."""
    what = resolve(scenario, seed, ())
    click.echo(f"1/2  simulating {scenario}, seed {seed} …")
    line = ProgressLine(what.parameters.duration_s, True)
    simulated = simulate(
        what.scenario, what.parameters, what.seed, runs_dir=runs_dir, progress=line
    )
    line.close()
    click.echo("2/2  the same actors live, over MQTT on a broker of their own …")
    what = resolve(scenario, seed, (), live=True)
    live = run_elsewhere(
        find_world("live"), what.scenario, what.parameters, what.seed, runs_dir=runs_dir
    )
    click.echo("")
    print_comparison(simulated, live)
    click.echo(
        f"\nnext\n  prsm run {scenario} --seed 8\n  prsm diff {simulated.run_dir} runs/latest\n"
        f"  prsm dashboard        (pip install 'prsm-sim[dashboard]')"
    )
    failed = "fail" in (simulated.status, live.status)
    click.get_current_context().exit(1 if failed else 0)


if __name__ == "__main__":
    demo()
