"""`prsm live`: run a scenario with real time and real messages."""

from contextlib import closing
from pathlib import Path

import click

from prsm_sim.cli.target import conclude, events_wanted, resolve, run_options


@click.command()
@click.argument("target", metavar="SCENARIO")
@click.option(
    "--broker",
    metavar="URL",
    help="MQTT broker, mqtt://host:port; by default one is started on this machine.",
)
@click.option(
    "--transport",
    type=click.Choice(["mqtt", "inprocess"]),
    default="mqtt",
    show_default=True,
    help="How messages travel.",
)
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep the peers' durable stores on disk, here.",
)
@run_options
def live(
    target: str,
    broker: str | None,
    transport: str,
    store: Path | None,
    seed: int | None,
    overrides: tuple[str, ...],
    runs_dir: Path,
    no_events: bool,
    events: int | None,
    progress: bool | None,
    as_json: bool,
) -> None:
    """Run SCENARIO live: the same actors over MQTT, in real time."""
    from prsm_sim.cli.output import ProgressLine
    from prsm_sim.registry import find_world

    record = events_wanted(no_events, events)
    what = resolve(target, seed, overrides, live=True)
    run_live = find_world("live")
    from prsm_sim.runner import run_elsewhere

    with closing(ProgressLine(what.parameters.duration_s, progress)) as line:
        result = run_elsewhere(
            run_live,
            what.scenario,
            what.parameters,
            what.seed,
            runs_dir=runs_dir,
            record_events=record,
            progress=line,
            source=what.source,
            plan=what.plan(),
            broker=broker,
            transport=transport,
            store=store,
        )
    conclude(result, as_json=as_json)
