"""`prsm validate`: compare the project with closed forms and second implementations."""

import time
from typing import TYPE_CHECKING

import click

from prsm_sim.cli.target import json_option

if TYPE_CHECKING:
    from prsm_sim.validation import Claim


@click.command(short_help="Check the project's claims against independent answers.")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--quick", is_flag=True, help="Fewer cases, wider intervals.")
@json_option
def validate(names: tuple[str, ...], quick: bool, as_json: bool) -> None:
    """Compare what the project computes with closed forms and second implementations.

    NAME says which validations to run; by default all that are installed. Exits with 0 if every
    claim holds and with 1 if one does not.
    """
    from prsm_sim.cli.exits import FAIL, PASS
    from prsm_sim.cli.output import note, print_json
    from prsm_sim.registry import find_validation, validation_names

    wanted = names or tuple(validation_names())
    if not wanted:
        raise click.UsageError("no validation is installed")
    found = {name: find_validation(name) for name in dict.fromkeys(wanted)}
    results = []
    for name, run in found.items():
        began_s = time.perf_counter()
        claims = run(quick, note)
        wall_s = time.perf_counter() - began_s
        failed = sum(claim.verdict == "fail" for claim in claims)
        results.append(
            {
                "validation": name,
                "status": "fail" if failed else "pass",
                "quick": quick,
                "wall_s": round(wall_s, 3),
                "failed": failed,
                "claims": claims,
            }
        )
        if not as_json:
            print_claims(name, claims, wall_s)
    all_hold = all(result["status"] == "pass" for result in results)
    if as_json and len(results) == 1:
        print_json(results[0])
    elif as_json:
        print_json({"status": "pass" if all_hold else "fail", "validations": results})
    click.get_current_context().exit(PASS if all_hold else FAIL)


def print_claims(name: str, claims: "list[Claim]", wall_s: float) -> None:
    """A table of claims for people, and how many of them hold."""
    from rich.table import Table
    from rich.text import Text

    from prsm_sim.cli.output import COLOURS, console

    table = Table(title=f"validation: {name}", title_justify="left", header_style="dim")
    for column in ("claim", "expected", "measured", "interval", "verdict"):
        justify = "left" if column in ("claim", "verdict") else "right"
        table.add_column(column, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for claim in claims:
        what = Text(claim.what)
        if claim.detail:
            what.append(f"  {claim.detail}", style="dim")
        table.add_row(
            what,
            _figure(claim.expected),
            _figure(claim.measured),
            Text(_interval(claim)),
            Text(claim.verdict, style=COLOURS[claim.verdict]),
        )
    out = console()
    out.print(table)
    held = sum(claim.verdict == "pass" for claim in claims)
    out.print(f"{held} of {len(claims)} claims hold ({wall_s:.1f} s)")


def _interval(claim: "Claim") -> str:
    if claim.interval is None:
        return "equal"
    low, high = claim.interval
    return f"{claim.of} in [{low:.4g}, {high:.4g}]"


def _figure(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
