"""What to run: an installed scenario, a person's own Python file, or a YAML file."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

if TYPE_CHECKING:
    from prsm_sim.faults import Fault
    from prsm_sim.plan import Plan, PlanEntry
    from prsm_sim.runner import RunResult
    from prsm_sim.scenario import Scenario, ScenarioParameters
    from prsm_sim.yaml_files import Document

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_SEED = 7
SEEDS = click.IntRange(0, (1 << 64) - 1)
RUNS_DIR = click.Path(file_okay=False, path_type=Path)


class Target(NamedTuple):
    """A scenario with all that decides its run."""

    scenario: "Scenario[Any]"
    parameters: "ScenarioParameters"
    seed: int
    source: Path | None
    faults: Sequence["PlanEntry"] = ()
    document: "Document | None" = None

    def plan(self) -> "Plan":
        """The faults that the file schedules.

        A line of a schedule may name a shape and no peers, so the world is built once to see who
        there is.

        Raises:
            UserError: a fault is not as it should be; with file, line and column.
        """
        if self.document is None or not self.faults:
            return ()
        from prsm_sim.schedule import parse_entry
        from prsm_sim.sim import Sim

        sim = Sim(self.seed)
        self.scenario.build(sim, self.parameters)
        everybody = sim.others("")
        peers = sim.exposure.peers or everybody
        bystanders = tuple(name for name in everybody if name not in peers)

        def parse(entry: "PlanEntry") -> "Fault":
            return parse_entry(entry, peers, bystanders)

        return tuple(
            self.document.blame(("faults", place), parse, entry)
            for place, entry in enumerate(self.faults)
        )


def resolve(
    target: str, seed: int | None, overrides: Sequence[str], *, live: bool = False
) -> Target:
    """Find the scenario that `target` names, and build its parameters.

    Raises:
        UserError: there is none, or a parameter is wrong; with file, line and column for a file.
    """
    from prsm_sim.parameters import build_parameters
    from prsm_sim.registry import find_scenario

    values: dict[str, Any] = {}
    faults: Sequence[PlanEntry] = ()
    document: Document | None = None
    if target.endswith((".yaml", ".yml")):
        from prsm_sim.yaml_files import ScenarioFile, check_parameters, read_yaml

        document = read_yaml(target)
        file = document.validate(ScenarioFile)
        named = file.scenario
        if ".py" in named and not Path(named).is_absolute():
            named = str(Path(target).parent / named)
        found = document.blame(("scenario",), find_scenario, named)
        check_parameters(document, found.scenario.parameters)
        values, faults = file.parameters, file.faults
        seed = file.seed if seed is None else seed
    else:
        found = find_scenario(target)
    defaults = found.scenario.live_defaults if live else {}
    parameters = build_parameters(found.scenario.parameters, values, overrides, defaults=defaults)
    chosen = DEFAULT_SEED if seed is None else seed
    return Target(found.scenario, parameters, chosen, found.source, faults, document)


def run_options(command: F) -> F:
    """The options that `run` and `live` share."""
    options = (
        click.option("--seed", type=SEEDS, help=f"Seed; default: the file's, else {DEFAULT_SEED}."),
        click.option(
            "--set", "overrides", multiple=True, metavar="NAME=VALUE",
            help="Set a parameter, dotted for nested ones. May be repeated.",
        ),
        runs_dir_option,
        click.option("--no-events", is_flag=True, help="Record no events (fastest)."),
        click.option(
            "--events", type=click.IntRange(1), metavar="N", help="Record at most the first N."
        ),
        progress_option,
        json_option,
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def events_wanted(no_events: bool, events: int | None) -> bool | int:
    """What to record, from the two options about it."""
    if no_events and events is not None:
        raise click.UsageError("--no-events and --events N exclude each other")
    return (not no_events) if events is None else events


def conclude(result: "RunResult", *, as_json: bool) -> None:
    """Print the result of a run, and leave with the exit code of its status."""
    from prsm_sim.cli.exits import EXIT_OF_STATUS
    from prsm_sim.cli.output import print_result

    print_result(result, as_json=as_json)
    click.get_current_context().exit(EXIT_OF_STATUS[result.status])


runs_dir_option = click.option(
    "--runs-dir", type=RUNS_DIR, default=Path("runs"), envvar="PRSM_RUNS", show_default=True,
    help="Where run folders are kept.",
)  # fmt: skip
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout, all else on stderr."
)
progress_option = click.option(
    "--progress/--no-progress", default=None,
    help="Show progress on stderr; by default only on a terminal.",
)  # fmt: skip
