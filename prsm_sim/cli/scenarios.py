"""`prsm scenarios`, `prsm validate-file`, `prsm schema`: what can be run, and with what."""

from typing import TYPE_CHECKING, Any

import click

from prsm_sim.cli.target import json_option

if TYPE_CHECKING:
    from prsm_sim.scenario import Scenario


@click.command()
@json_option
def scenarios(as_json: bool) -> None:
    """List the installed scenarios and their parameters."""
    from prsm_sim.cli.output import console, print_json

    found = installed()
    if as_json:
        print_json(
            {
                "scenarios": [
                    {"name": s.name, "summary": s.summary, "parameters": sorted(_defaults(s))}
                    for s in found
                ]
            }
        )
        return
    from rich.table import Table
    from rich.text import Text

    from prsm_sim.parameters import allowed_range

    out = console()
    for scenario in found:
        out.print(Text.assemble((scenario.name, "bold"), f"  {scenario.summary}"))
        table = Table(header_style="dim", box=None)
        for column in ("parameter", "default", "allowed", "meaning"):
            table.add_column(column, overflow="fold")
        for name, field in scenario.parameters.model_fields.items():
            default = "(required)" if field.is_required() else _brief(_defaults(scenario)[name])
            table.add_row(
                name, Text(default), allowed_range(field) or "", Text(field.description or "")
            )
        out.print(table)


@click.command("validate-file")
@click.argument("file", metavar="FILE.yaml")
@json_option
def validate_file(file: str, as_json: bool) -> None:
    """Check a scenario file; an error names its line and column."""
    from prsm_sim.cli.output import print_json
    from prsm_sim.cli.target import resolve

    if not file.endswith((".yaml", ".yml")):
        raise click.UsageError(f"{file}: a scenario file ends in .yaml")
    found = resolve(file, None, ())
    found.plan()  # its faults are checked too
    given = found.parameters.model_dump(mode="json", exclude_unset=True)
    if as_json:
        print_json(
            {"file": file, "scenario": found.scenario.name, "seed": found.seed, "parameters": given}
        )
    else:
        click.echo(
            f"{file}: ok, scenario {found.scenario.name}, seed {found.seed}, "
            f"{len(given)} parameter(s) set"
        )


@click.command()
@click.argument("target", metavar="SCENARIO")
@click.option("--file", "for_file", is_flag=True, help="Of a whole YAML file, for an editor.")
def schema(target: str, for_file: bool) -> None:
    """Print the JSON Schema of a scenario's parameters."""
    from prsm_sim.cli.output import print_json
    from prsm_sim.registry import find_scenario

    scenario = find_scenario(target).scenario
    parameters = scenario.parameters.model_json_schema()
    if not for_file:
        print_json(parameters)
        return
    from prsm_sim.yaml_files import ScenarioFile

    whole = ScenarioFile.model_json_schema()
    definitions = parameters.pop("$defs", {})
    whole["properties"]["parameters"] = parameters
    whole["properties"]["scenario"]["examples"] = [scenario.name]
    print_json(whole | ({"$defs": definitions} if definitions else {}))


def installed() -> "list[Scenario[Any]]":
    """Every installed scenario, sorted by name."""
    from prsm_sim.registry import find_scenario, scenario_names

    return [find_scenario(name).scenario for name in scenario_names()]


def _defaults(scenario: "Scenario[Any]") -> dict[str, Any]:
    """Default of each parameter, by name."""
    return {
        name: field.get_default(call_default_factory=True)
        for name, field in scenario.parameters.model_fields.items()
    }


def _brief(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"
