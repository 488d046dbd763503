"""What the README shows is what is there, and it runs in both worlds."""

import re

from live.node import run_live
from prsm_sim.registry import load_scenario_file
from prsm_sim.runner import simulate
from tests.law.floors import ROOT

EXAMPLE = ROOT / "examples" / "rumour.py"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_shows_the_example_whole_and_in_under_40_lines() -> None:
    shown = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert shown == [EXAMPLE.read_text(encoding="utf-8")]
    assert shown[0].count("\n") < 40


def test_the_example_runs_in_both_worlds() -> None:
    scenario = load_scenario_file(EXAMPLE)
    result = simulate(scenario, scenario.parameters(), 1, runs_dir=None)
    assert 0 < result.metrics["last_heard_s"] < 1
    assert result.manifest.counters["Heard"] == 50
    parameters = scenario.parameters(duration_s=1.5)
    world = run_live(scenario, parameters, 1, transport="inprocess")
    assert world.observatory.counters["Heard"] == 50


def test_every_file_that_the_readme_links_to_exists() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert len(links) > 3
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_commands_that_the_readme_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    text = README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^make ([a-z]+)", text, re.MULTILINE))
    assert {"demo", "test", "check", "bench", "fix", "setup"} <= named <= targets
