"""`prsm scenarios`, `prsm validate-file`, `prsm schema`: what can be run, and with what."""

from typing import TYPE_CHECKING, Any

import click

from prsm_sim.actor.errors import UserError
from prsm_sim.cli.target import json_option

if TYPE_CHECKING:
    from prsm_sim.scenario import Scenario


@click.command()
@click.argument("target", metavar="[SCENARIO]", required=False)
@json_option
def scenarios(target: str | None, as_json: bool) -> None:
    """List the installed scenarios, or all that can be set in SCENARIO.

    `prsm answer` answers those that ask a question; `prsm attack` searches those that say what an
    attacker may choose.
    """
    from prsm_sim.cli.output import console, print_json
    from prsm_sim.registry import find_scenario

    if target is not None:
        scenario = find_scenario(target).scenario
        if as_json:
            print_json(_described(scenario))
        else:
            _print_whole(scenario)
        return
    found, missing = load_installed()
    if as_json:
        print_json({"scenarios": [_described(each) for each in found], "missing": missing})
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="dim", box=None)
    for column in ("scenario", "asks", "attack", "what it is"):
        table.add_column(column, overflow="fold")
    for each in found:
        asks = "" if each.question is None else "yes"
        table.add_row(each.name, asks, "" if each.attack is None else "yes", each.summary)
    for name, reason in missing.items():
        table.add_row(name, "", "", Text(reason))
    out = console()
    out.print(table)
    out.print("`prsm scenarios NAME` shows what can be set", style="dim")


def _described(scenario: "Scenario[Any]") -> dict[str, Any]:
    return {
        "name": scenario.name,
        "summary": scenario.summary,
        "parameters": sorted(_defaults(scenario)),
        "asks": scenario.question is not None,
        "attack": scenario.attack is not None,
    }


def _print_whole(scenario: "Scenario[Any]") -> None:
    """A scenario's question, what an attacker may choose, and its parameters."""
    from rich.table import Table
    from rich.text import Text

    from prsm_sim.cli.output import console
    from prsm_sim.parameters import allowed_range

    out = console()
    out.print(Text.assemble((scenario.name, "bold"), f"  {scenario.summary}"))
    if scenario.question is not None:
        out.print(Text.assemble(("asks  ", "dim"), scenario.question.question), soft_wrap=True)
    if scenario.attack is not None:
        chosen = ", ".join(each.parameter for each in scenario.attack.space)
        out.print(Text.assemble(("an attacker chooses  ", "dim"), chosen), soft_wrap=True)
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


def load_installed() -> "tuple[list[Scenario[Any]], dict[str, str]]":
    """Every installed scenario, sorted by name, and why others could not be loaded.

    A scenario may need a package of an extra that is not installed; that is no reason to list none.
    """
    from prsm_sim.registry import find_scenario, scenario_names

    found: list[Scenario[Any]] = []
    missing: dict[str, str] = {}
    for name in scenario_names():
        try:
            found.append(find_scenario(name).scenario)
        except UserError as error:
            missing[name] = str(error).removeprefix(f"{name}: ")
    return found, missing


def _defaults(scenario: "Scenario[Any]") -> dict[str, Any]:
    """Default of each parameter, by name."""
    return {
        name: field.get_default(call_default_factory=True)
        for name, field in scenario.parameters.model_fields.items()
    }


def _brief(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"
