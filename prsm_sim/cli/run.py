"""`prsm run`: simulate a scenario."""

from contextlib import closing
from pathlib import Path

import click

from prsm_sim.cli.target import conclude, events_wanted, resolve, run_options


@click.command(short_help="Simulate a scenario, by name, YAML or Python file.")
@click.argument("target", metavar="SCENARIO")
@run_options
def run(
    target: str,
    seed: int | None,
    overrides: tuple[str, ...],
    runs_dir: Path,
    no_events: bool,
    events: int | None,
    progress: bool | None,
    as_json: bool,
) -> None:
    """Simulate SCENARIO: a name, a YAML file, or a Python file of your own.

    The run is kept as a folder; the same version, scenario and seed give the same digest.
    """
    from prsm_sim.cli.output import ProgressLine

    record = events_wanted(no_events, events)
    what = resolve(target, seed, overrides)
    from prsm_sim.runner import simulate

    with closing(ProgressLine(what.parameters.duration_s, progress)) as line:
        result = simulate(
            what.scenario,
            what.parameters,
            what.seed,
            runs_dir=runs_dir,
            record_events=record,
            progress=line,
            source=what.source,
            plan=what.plan(),
        )
    conclude(result, as_json=as_json)
