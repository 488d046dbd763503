"""What the tutorials show is what is there, and what they say is printed is printed."""

import re
from pathlib import Path

import pytest

from tests.examples.console import check, commands_of, elided, matches
from tests.law.floors import ROOT
from tests.servers import find_server

pytestmark = pytest.mark.slow

TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
EXAMPLE = ROOT / "examples" / "raft_election.py"


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_every_command_prints_what_the_tutorial_says(path: Path, tmp_path: Path) -> None:
    text = path.read_text("utf-8")
    if " node " in "".join(command.line for command in commands_of(text)):
        find_server("node")
    assert len(commands_of(text)) >= 4
    wrong = check(path, tmp_path)
    assert not wrong, "\n\n".join(wrong)


def test_the_code_in_the_tutorial_is_the_example_s() -> None:
    text = (ROOT / "docs" / "tutorials" / "bring-your-own-protocol.md").read_text("utf-8")
    source = EXAMPLE.read_text("utf-8")
    shown = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(shown) >= 5
    assert [block for block in shown if block not in source] == []


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_every_link_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_a_wrong_output_is_noticed() -> None:
    assert matches("a in 1.5 s\n…\nz\n", "a in 2.25 s\nb\nc\nz\n")
    assert not matches("a in 1.5 s\n…\nz\n", "a in 2.25 s\nb\nc\n")
    assert not matches("a at 1.5 s\n", "a at 2.5 s\n")
    assert not matches("1 faults\n", "2 faults\n")
    assert not matches("one\n", "one\ntwo\n")
    assert matches("one … three\n", "one two three\n")
    assert not matches("one … three\n", "one\ntwo three\n")
    assert matches("…\nlast\n", "first\nlast\n")
    assert matches("runs/2026-01-01T000000Z-x-1\n", "runs/2027-02-03T111213Z-x-1\n")


def test_an_output_is_written_anew_with_the_gaps_it_had() -> None:
    printed = "seed 9 failed\n1,000 events\n\n  crash peer-1\n  crash peer-2\nthen it broke\nnext\n"
    said = "seed 8 failed\n…\n  crash peer-1\nthen it broke\n…\n\n"
    anew = elided(said, printed)
    assert anew == "seed 9 failed\n…\n  crash peer-1\n  crash peer-2\nthen it broke\n…\n\n"
    assert matches(anew, printed)
    assert elided("old\n", printed) == printed
