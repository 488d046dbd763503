"""`prsm scoreboard`: which seeded bugs does each strategy find, and after how many seeds?"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prsm_sim.cli.target import json_option, progress_option

if TYPE_CHECKING:
    from prsm_sim.cli.long_work import Line
    from prsm_sim.fuzz.bugs import Bug
    from prsm_sim.fuzz.scoreboard import Hunt, Score

STRATEGIES = ("swarm", "aimed", "random", "mutation", "twins", "pct")
QUICK_SEEDS, QUICK_CLEAN, QUICK_S = 300, 100, 34.0
"""With ``--quick``: seeds for each bug, seeds of the code as it is, and the time for all hunts."""
SCENARIO = "consensus_baseline"
BUGS = Path("benchmarks/bugs/pbft.yaml")


@click.command(short_help="Hunt seeded bugs with every strategy.")
@click.option("--bugs", "place", type=click.Path(path_type=Path), default=BUGS, show_default=True,
              help="File of seeded bugs.")  # fmt: skip
@click.option("--bug", "names", multiple=True, help="Only this bug. May be repeated.")
@click.option(
    "--strategy", "strategies", multiple=True, help="Only this strategy; may be repeated."
)
@click.option("--scenario", default=SCENARIO, show_default=True)
@click.option("--seeds", type=click.IntRange(1), default=2000, show_default=True,
              help="Budget for each bug and strategy.")  # fmt: skip
@click.option("--kills", type=click.IntRange(1), default=3, show_default=True,
              help="Stop after so many kills; more make the intervals narrower.")  # fmt: skip
@click.option("--clean", type=click.IntRange(0), default=2000, show_default=True,
              help="Seeds of the code as it is, for each strategy.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True)
@click.option("--quick", is_flag=True, help="Swarm only, one kill each, few seeds.")
@click.option("--publish", "folder", type=click.Path(file_okay=False, path_type=Path),
              help="Write table, heat map, figures and witnesses.")  # fmt: skip
@progress_option
@json_option
def scoreboard(
    place: Path,
    names: tuple[str, ...],
    strategies: tuple[str, ...],
    scenario: str,
    seeds: int,
    kills: int,
    clean: int,
    workers: int,
    quick: bool,
    folder: Path | None,
    progress: bool | None,
    as_json: bool,
) -> None:
    """Put each seeded bug into the code, hunt it, and count the seeds until an oracle finds it.

    Exits with 1 if a bug survives every strategy, or if the code as it is raises an alarm.
    """
    from prsm_sim.cli.exits import FAIL, PASS
    from prsm_sim.cli.long_work import Line
    from prsm_sim.cli.output import print_json
    from prsm_sim.fuzz.bugs import choose_bugs, load_bugs
    from prsm_sim.fuzz.scoreboard import best_scores, hunts
    from prsm_sim.fuzz.strategies import find_strategy

    bugs = choose_bugs(load_bugs(place), names)
    chosen = strategies or (("swarm",) if quick else STRATEGIES)
    for name in chosen:
        find_strategy(name)
    if quick:
        seeds, kills, clean = min(seeds, QUICK_SEEDS), 1, min(clean, QUICK_CLEAN)
    deadline_s = time.monotonic() + QUICK_S if quick else None
    tasks = hunts(
        scenario, bugs, str(place), chosen, seeds=seeds, kills=kills, deadline_s=deadline_s
    )
    scores, alarms = run_board(tasks, scenario, chosen, clean, workers, Line(progress))
    best = best_scores(scores)
    board = board_object(scores, best, alarms, clean * len(chosen))
    if folder is not None:
        publish(folder, place, scenario, bugs, scores, chosen, board)
    if as_json:
        print_json(board)
    else:
        print_board(scores, chosen, alarms, clean * len(chosen))
    alive = [score for score in best.values() if not score.kills]
    click.get_current_context().exit(FAIL if alive or alarms else PASS)


def run_board(
    tasks: "list[Hunt]",
    scenario: str,
    strategies: tuple[str, ...],
    clean: int,
    workers: int,
    line: "Line",
) -> "tuple[list[Score], int]":
    """The scores of all hunts, and the false alarms in `clean` seeds for each strategy."""
    from prsm_sim.fuzz.campaign import Campaign, Job
    from prsm_sim.fuzz.scoreboard import run_hunts

    done = 0

    def show(score: "Score") -> None:
        nonlocal done
        done += 1
        outcome = f"after {score.seeds_to_kill}" if score.kills else f"alive after {score.seeds}"
        line.show(f"{done} of {len(tasks)} hunts  {score.bug} by {score.strategy}: {outcome}")

    try:
        scores = run_hunts(tasks, workers, show)
        alarms = 0
        for name in strategies if clean else ():
            job = Job(scenario=scenario, strategy=name)
            campaign = Campaign(job, count=clean, workers=workers, keep_going=True)
            campaign.run()
            alarms += len(campaign.failures)
    finally:
        line.close()
    return scores, alarms


def board_object(
    scores: "list[Score]", best: "dict[str, Score]", alarms: int, clean: int
) -> dict[str, Any]:
    """The scoreboard as the JSON object that ``--json`` prints."""
    from prsm_sim.fuzz.scoreboard import score_object

    return {
        "bugs": [score_object(score) for score in best.values()],
        "scores": [score_object(score) for score in scores],
        "killed": sum(score.kills > 0 for score in best.values()),
        "false_alarms": alarms,
        "clean_seeds": clean,
    }


def print_board(
    scores: "list[Score]", strategies: tuple[str, ...], alarms: int, clean: int
) -> None:
    """The scoreboard for people: one line a bug, one column a strategy."""
    from rich.table import Table

    from prsm_sim.cli.output import console
    from prsm_sim.fuzz.heat_map import by_bug, cell_text

    table = Table(title="mean seeds to a kill [95 % interval]", title_justify="left")
    table.add_column("bug")
    for name in strategies:
        table.add_column(name, justify="right")
    table.add_column("oracle")
    for bug, row in by_bug(scores).items():
        oracles = sorted({score.oracle for score in row.values() if score.oracle})
        table.add_row(bug, *(cell_text(row[name]) for name in strategies), ", ".join(oracles))
    out = console()
    out.print(table)
    out.print(f"{alarms} false alarms in {clean:,} seeds of the code as it is")


def publish(
    folder: Path,
    place: Path,
    scenario: str,
    bugs: "list[Bug]",
    scores: "list[Score]",
    strategies: tuple[str, ...],
    board: dict[str, Any],
) -> None:
    """Write the scoreboard's files, and a witness for each bug beside the bugs."""
    from prsm_sim.cli.output import note
    from prsm_sim.fuzz.heat_map import heat_map_svg, scores_markdown
    from prsm_sim.fuzz.scoreboard import best_scores
    from prsm_sim.fuzz.witness import find_witness, write_witnesses
    from prsm_sim.recorder import to_json
    from prsm_sim.registry import find_scenario

    folder.mkdir(parents=True, exist_ok=True)
    found = find_scenario(scenario).scenario
    best = best_scores(scores)
    witnesses, sizes = [], []
    for bug in bugs:
        note(f"shrinking {bug.name}")
        pair = find_witness(found, bug, best[bug.name])
        if pair is not None:
            witnesses.append(pair[0])
            sizes.append(len(pair[0].faults))
    write_witnesses(place.with_name("witnesses.yaml"), scenario, witnesses)
    board["shrunk_faults"] = {one.bug: len(one.faults) for one in witnesses}
    board["shrunk_to_5_or_fewer"] = sum(size <= 5 for size in sizes) / max(1, len(sizes))
    (folder / "scoreboard.json").write_bytes(to_json(board))
    (folder / "scoreboard.md").write_text(scores_markdown(scores, strategies), "utf-8")
    (folder / "scoreboard.svg").write_text(heat_map_svg(scores, strategies), "utf-8")
