"""`prsm maelstrom`: put a workload to processes in any language."""

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from prsm_sim.cli.target import (
    DEFAULT_SEED,
    SEEDS,
    conclude,
    events_wanted,
    json_option,
    progress_option,
    runs_dir_option,
)


@click.command(short_help="Test nodes in any language, over Maelstrom's JSON protocol.")
@click.argument("workload", type=click.Choice(["echo", "broadcast", "g-set", "lin-kv"]))
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--nodes", type=click.IntRange(1, 100), help="Processes; default 3.")
@click.option("--clients", type=click.IntRange(1, 1000), help="Clients; default: one a node.")
@click.option("--rate", type=float, help="Operations a second of all clients; default 20.")
@click.option("--duration", "duration_s", type=float, help="How long clients go on, s; default 5.")
@click.option("--latency", "latency_s", type=float, help="Mean delay between nodes, s.")
@click.option("--loss", type=float, help="Share of messages between nodes that is lost.")
@click.option(
    "--nemesis",
    metavar="KINDS",
    help="Faults in turns, drawn from the seed: partition,loss,kill,pause.",
)
@click.option("--seed", type=SEEDS, default=DEFAULT_SEED, show_default=True, help="Seed.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set any parameter, such as timeout_s=2 or network.latency.law=exponential.",
)
@runs_dir_option
@click.option("--no-events", is_flag=True, help="Record no events.")
@click.option("--events", type=click.IntRange(1), metavar="N", help="Record at most the first N.")
@progress_option
@json_option
def maelstrom(
    workload: str,
    command: tuple[str, ...],
    nodes: int | None,
    clients: int | None,
    rate: float | None,
    duration_s: float | None,
    latency_s: float | None,
    loss: float | None,
    nemesis: str | None,
    seed: int,
    overrides: tuple[str, ...],
    runs_dir: Path,
    no_events: bool,
    events: int | None,
    progress: bool | None,
    as_json: bool,
) -> None:
    """Put WORKLOAD to processes that speak Maelstrom's JSON protocol on stdin and stdout.

    \b
    prsm maelstrom broadcast --nodes 5 --loss 0.1 -- node examples/maelstrom/broadcast.js

    The processes run in real time, so a run is not repeatable; its folder says so.
    """
    from prsm_sim.cli.output import ProgressLine
    from prsm_sim.registry import find_world

    record = events_wanted(no_events, events)
    values: dict[str, Any] = {
        "trouble": None if nemesis is None else [kind.strip() for kind in nemesis.split(",")],
        "nodes": nodes, "clients": clients, "rate": rate, "duration_s": duration_s,
    }  # fmt: skip
    network: dict[str, Any] = {} if loss is None else {"loss": loss}
    if latency_s is not None:
        network["latency"] = {"mean_s": latency_s}
    values = {name: value for name, value in values.items() if value is not None}
    with closing(ProgressLine(duration_s or 5.0, progress)) as line:
        result = find_world("maelstrom")(
            workload,
            command,
            seed,
            values=values | ({"network": network} if network else {}),
            overrides=overrides,
            runs_dir=runs_dir,
            record_events=record,
            progress=line,
        )
    conclude(result, as_json=as_json)
