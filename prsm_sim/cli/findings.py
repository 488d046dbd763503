"""What `prsm fuzz` and `prsm shrink` say: progress, figures, and the story of a failure."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prsm_sim.fuzz.campaign import Campaign
    from prsm_sim.fuzz.shrink import Shrunk
    from prsm_sim.fuzz.trial import Trial
    from prsm_sim.runner import RunResult


def progress_text(campaign: "Campaign") -> str:
    """Where a campaign is, in one line."""
    struck = sum(campaign.faults.values())
    limit = "" if campaign.for_s is None else f" for {campaign.wall_s:,.0f} of {campaign.for_s:g} s"
    return (
        f"{campaign.seeds:,} of {campaign.count:,} seeds{limit}  {campaign.seeds_per_s:,.0f}/s  "
        f"{struck:,} faults of {len(campaign.faults)} kinds  {len(campaign.coverage)} labels  "
        f"{len(campaign.failures)} failures"
    )


def describe(trial: "Trial") -> str:
    """What was found, in one line."""
    from prsm_sim.fuzz.artefact import brief

    assert trial.finding is not None
    found = trial.finding
    return f"{found.oracle} broke at {found.time_s:.6f} s: {brief(found.what)}"


def report(
    campaign: "Campaign",
    shrunk: "Shrunk | None",
    kept: "RunResult | None",
    *,
    as_json: bool,
) -> None:
    """What a campaign did and found."""
    from prsm_sim.cli.output import note, print_json

    for seeds in campaign.lost:
        note(
            f"seeds {seeds[0]} to {seeds[-1]}: their process was killed twice, most often for lack "
            f"of memory, so nothing is known of them; look with --first-seed {seeds[0]} --seeds "
            f"{len(seeds)} --workers 1"
        )
    if as_json:
        print_json(campaign_object(campaign) | shrunk_object(shrunk, kept))
        return
    print_campaign(campaign)
    if kept is not None:
        print_story(shrunk, kept)


def campaign_object(campaign: "Campaign") -> dict[str, Any]:
    """A campaign as the JSON object that ``--json`` prints."""
    return {
        "scenario": campaign.job.scenario,
        "strategy": campaign.job.strategy,
        "seeds": campaign.seeds,
        "seeds_per_s": round(campaign.seeds_per_s, 1),
        "events": campaign.events,
        "wall_s": round(campaign.wall_s, 3),
        "inconclusive": campaign.inconclusive,
        "lost": sum(map(len, campaign.lost)),
        "faults": dict(sorted(campaign.faults.items())),
        "effects": dict(sorted(campaign.effects.items())),
        "coverage": dict(sorted(campaign.coverage.items())),
        "failures": [
            {"seed": one.seed, "finding": one.finding, "faults": len(one.plan)}
            for one in campaign.failures
        ],
    }


def shrunk_object(shrunk: "Shrunk | None", kept: "RunResult | None") -> dict[str, Any]:
    """What was shrunk and kept, for ``--json``."""
    from prsm_sim.plan import dump_plan

    folder = None if kept is None or kept.run_dir is None else str(kept.run_dir)
    if shrunk is None:
        return {"run_dir": folder}
    return {
        "run_dir": folder,
        "shrunk": {
            "plan": dump_plan(shrunk.trial.plan),
            "parameters": shrunk.trial.parameters,
            "seed": shrunk.trial.seed,
            "finding": shrunk.trial.finding,
            "runs": shrunk.runs,
            "complete": shrunk.complete,
        },
    }


def print_campaign(campaign: "Campaign") -> None:
    """A campaign for people: figures, faults and their effects, labels."""
    from rich.table import Table
    from rich.text import Text

    from prsm_sim.cli.output import console

    out = console()
    failures = len(campaign.failures)
    out.print(
        f"{campaign.seeds:,} seeds of {campaign.job.scenario} under {campaign.job.strategy} in "
        f"{campaign.wall_s:,.1f} s ({campaign.seeds_per_s:,.0f}/s), {campaign.events:,} events, "
        f"{failures} failure{'' if failures == 1 else 's'}, {campaign.inconclusive} inconclusive",
        soft_wrap=True,
        markup=False,
    )
    faults = Table(title="faults", title_justify="left", header_style="dim")
    faults.add_column("kind")
    faults.add_column("struck", justify="right")
    faults.add_column("effects", justify="right")
    for kind in sorted(campaign.faults | campaign.effects):
        struck, effects = campaign.faults[kind], campaign.effects[kind]
        faults.add_row(
            Text(kind), f"{struck:,}" if struck else "", f"{effects:,}" if effects else ""
        )
    if faults.rows:
        out.print(faults)
    labels = Table(title="sometimes", title_justify="left", header_style="dim")
    labels.add_column("label", overflow="fold")
    labels.add_column("seeds", justify="right")
    for label, count in sorted(campaign.coverage.items()):
        labels.add_row(Text(label), f"{count:,}" if count else "[bold yellow]never[/]")
    if labels.rows:
        out.print(labels)


def print_story(shrunk: "Shrunk | None", kept: "RunResult") -> None:
    """The story of a failure, and what to do next."""
    from prsm_sim.cli.output import console, replay_command
    from prsm_sim.fuzz.artefact import CASE, DIAGRAM, STORY, TEST
    from prsm_sim.run_folder import show_path

    out = console()
    assert kept.run_dir is not None
    shown = show_path(kept.run_dir)
    out.print()
    story = (kept.run_dir / STORY).read_text("utf-8").rstrip()
    out.print(story, markup=False, highlight=False, soft_wrap=True)
    commands = [replay_command(kept), f"pytest {shown}/{TEST}", f"prsm run {shown}/{CASE}"]
    if shrunk is None:
        commands.append(f"prsm shrink {shown}")
    else:
        left = len(shrunk.trial.plan)
        end = "" if shrunk.complete else "; there may be less, it was stopped early"
        count = f"{left} fault{'' if left == 1 else 's'}"
        out.print(f"\nshrunk to {count} in {shrunk.runs} runs{end}", highlight=False)
    out.print("\nnext", style="bold")
    for command in commands:
        out.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)
    picture = f"  space-time diagram: {shown}/{DIAGRAM}"
    out.print(picture, markup=False, highlight=False, soft_wrap=True)
