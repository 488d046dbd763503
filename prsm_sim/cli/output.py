"""What commands print: progress and notes on stderr, one result on stdout."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prsm_sim.cli.long_work import Line

if TYPE_CHECKING:
    from rich.console import Console

    from prsm_sim.manifest import Manifest
    from prsm_sim.runner import RunResult

COLOURS = {
    "pass": "green",
    "fail": "bold red",
    "inconclusive": "yellow",
    "interrupted": "yellow",
    "error": "bold red",
    "running": "cyan",
}


class ProgressLine:
    """One line on stderr with virtual time, events and their rate, rewritten as the run goes.

    Args:
        duration_s: virtual time at which the run ends, s.
        shown: print it; None: only if stderr is a terminal.
    """

    def __init__(self, duration_s: float, shown: bool | None = None) -> None:
        self._line = Line(shown)
        self._duration_s = duration_s
        self._began_s = time.monotonic()

    def __call__(self, time_s: float, events: int) -> None:
        """Show where the run is, unless that was done a moment ago."""
        if not self._line.is_due:
            return
        rate = events / max(time.monotonic() - self._began_s, 1e-9)
        share = min(1.0, time_s / self._duration_s)
        self._line.show(
            f"{share:4.0%}  virtual {time_s:,.1f} of {self._duration_s:,.1f} s  "
            f"{events:,} events  {rate:,.0f}/s"
        )

    def close(self) -> None:
        """Wipe the line."""
        self._line.close()


def note(text: str) -> None:
    """A line on stderr."""
    click.echo(f"prsm: {text}", err=True)


def print_json(value: object) -> None:
    """One JSON object on stdout."""
    from prsm_sim.recorder import to_json

    click.echo(to_json(value).decode())


def result_object(result: "RunResult") -> dict[str, Any]:
    """A result as the JSON object that ``--json`` prints."""
    manifest = result.manifest
    return {
        "status": result.status,
        "scenario": manifest.scenario,
        "seed": manifest.seed,
        "world": manifest.world,
        "digest": result.digest,
        "events": result.events,
        "wall_s": result.wall_s,
        "virtual_s": result.virtual_s,
        "verdicts": list(result.verdicts),
        "metrics": result.metrics,
        "faults": manifest.faults,
        "counters": manifest.counters,
        "coverage": manifest.coverage,
        "run_dir": None if result.run_dir is None else str(result.run_dir),
        "failure": result.failure,
        "replay": replay_command(result),
    }


def replay_command(result: "RunResult") -> str:
    """The command that replays a run, up to the event at which it failed."""
    events = [v.event for v in result.verdicts if v.status == "fail" and v.event is not None]
    if not result.replay or result.manifest.world != "sim":
        return ""
    return f"{result.replay} --until {events[0]}" if events else result.replay


def print_result(result: "RunResult", *, as_json: bool) -> None:
    """The result of a run: a summary for people, or one JSON object."""
    if result.failure:
        at = next((v for v in result.verdicts if v.status == "fail"), None)
        event = "" if at is None or at.event is None else f", event {at.event}"
        note(f"FAILED {result.failure}{event}")
        if replay_command(result):
            note(f"replay it: {replay_command(result)}")
    if as_json:
        print_json(result_object(result))
        return
    out = console()
    print_summary(out, result.manifest, list(result.verdicts))
    if result.run_dir is not None:
        from prsm_sim.run_folder import show_path

        shown = show_path(result.run_dir)
        out.print("\nnext", style="bold")
        for command in (f"prsm runs show {shown}", replay_command(result), "prsm dashboard"):
            if command:
                out.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)


def print_summary(out: "Console", manifest: "Manifest", verdicts: list[Any]) -> None:
    """A run for people: what it was, its figures, its verdicts, its digest."""
    from rich.table import Table
    from rich.text import Text

    rate = manifest.events / manifest.wall_s if manifest.wall_s else 0.0
    table = Table(title=None, show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    rows: dict[str, str] = {
        "scenario": f"{manifest.scenario}, seed {manifest.seed}, world {manifest.world}",
        "time": f"{manifest.virtual_s:,.3f} s of world time in {manifest.wall_s:,.3f} s",
        "events": f"{manifest.events:,} ({rate:,.0f}/s)",
    }
    if manifest.adapters:
        rows["adapters"] = ", ".join(f"{port}: {mode}" for port, mode in manifest.adapters.items())
    if manifest.faults:
        rows["faults"] = ", ".join(f"{kind} ×{n}" for kind, n in sorted(manifest.faults.items()))
    for name, value in rows.items():
        table.add_row(name, Text(value))
    table.add_row("status", Text(manifest.status, style=COLOURS[manifest.status]))
    out.print(table)
    if manifest.metrics:
        figures = Table(title="metrics", title_justify="left", header_style="dim")
        figures.add_column("figure", overflow="fold")
        figures.add_column("value", justify="right", overflow="fold")
        for name, value in flat(manifest.metrics).items():
            figures.add_row(Text(name), Text(show(value)))
        out.print(figures)
    judged = Table(title="verdicts", title_justify="left", header_style="dim")
    for column in ("checker", "verdict", "judged", "detail"):
        judged.add_column(column, overflow="fold")
    for verdict in verdicts:
        status = Text(verdict.status, style=COLOURS[verdict.status])
        detail = verdict.detail + (
            "" if verdict.time_s is None else f" (t = {verdict.time_s:.6f} s)"
        )
        judged.add_row(Text(verdict.name), status, f"{verdict.evaluations:,}", Text(detail))
    if verdicts:
        out.print(judged)
    else:
        out.print("no checkers: nothing was judged", style="yellow")
    if manifest.digest:
        out.print(Text(f"digest  {manifest.digest}"), soft_wrap=True)


def flat(values: Mapping[str, Any], prefix: str = "", limit: int = 40) -> dict[str, Any]:
    """Nested figures with dotted names; a large object is left as its size."""
    rows: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and len(value) <= limit:
            rows |= flat(value, f"{prefix}{name}.", limit)
        elif isinstance(value, Mapping | list) and len(value) > 8:
            rows[prefix + str(name)] = f"({len(value)} entries)"
        else:
            rows[prefix + str(name)] = value
    return rows


def show(value: object) -> str:
    """A figure for people."""
    if isinstance(value, bool) or value is None:
        return str(value).lower() if value is not None else "–"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return str(value)


def console(*, err: bool = False) -> "Console":
    """A rich console on stdout; wide where there is no terminal to fit into."""
    from rich.console import Console

    found = Console(stderr=err, highlight=False)
    if not found.is_terminal and "COLUMNS" not in os.environ:
        found.width = 140
    return found


def shown_path(path: Path) -> str:
    """A path as a person would type it here."""
    from prsm_sim.run_folder import show_path

    return show_path(path)
