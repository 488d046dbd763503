"""Documents whose commands run and whose output is what comes out.

A fenced block of the language ``console`` holds commands after ``$ `` and below each what it
prints. They are run in order, in an empty folder that holds the examples. What differs from run to
run (times of day, spans of real time, rates) is not compared; a line ``…`` stands for any number of
lines, and ``…`` inside a line for any text. With ``PRSM_REWRITE=1`` in the environment what no
longer matches is written anew; where there were gaps, the lines most like those that stood there.
"""

import os
import re
import shutil
import subprocess
import sys
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

from tests.law.floors import ROOT

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LIMIT_S = 60.0
ANY = "…"
VOLATILE = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z-"), "DATE-"),
    (re.compile(r"\bin [\d.,]+ ?s\b"), "in N s"),
    (re.compile(r"\([\d,.]+/s\)"), "(N/s)"),
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
)


class Command(NamedTuple):
    """One command of a document, what it is said to print, and where that stands."""

    line: str
    output: str
    start: int
    end: int


def commands_of(text: str) -> list[Command]:
    """The commands of a document, in order."""
    found = []
    for block in BLOCK.finditer(text):
        at = block.start(1)
        parts = re.split(r"^\$ ", block[1], flags=re.MULTILINE)
        assert not parts[0].strip(), f"a console block begins with output: {parts[0]!r}"
        at += len(parts[0])
        for part in parts[1:]:
            line, _, output = part.partition("\n")
            start = at + 2 + len(line) + 1
            found.append(Command(line, output, start, start + len(output)))
            at += 2 + len(part)
    return found


def workplace(folder: Path) -> Path:
    """A folder to run a document's commands in."""
    shutil.copytree(
        ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__")
    )
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    return folder


def run(line: str, folder: Path) -> str:
    """What a command prints, on both streams together."""
    binaries = str(Path(sys.executable).parent)
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    environment |= {"PATH": f"{binaries}:{os.environ['PATH']}", "COLUMNS": "100", "CI": ""}
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, text=True, timeout=LIMIT_S,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    return done.stdout


def settled(text: str) -> str:
    """A text without what differs from run to run."""
    for volatile, instead in VOLATILE:
        text = volatile.sub(instead, text)
    return text.strip()


def matches(said: str, printed: str) -> bool:
    """Whether a command printed what the document says."""
    parts = [
        re.escape(part.strip()).replace(ANY, r"[^\n]*")
        for part in re.split(rf"^{ANY}$", settled(said), flags=re.M)
    ]
    return re.fullmatch(r"\s*.*?\s*".join(parts), settled(printed), re.DOTALL) is not None


def elided(said: str, printed: str) -> str:
    """What was printed, with the gaps that the document had."""
    lines = [line.rstrip() for line in printed.strip().splitlines()]
    parts = re.split(rf"^{ANY}\n", said, flags=re.MULTILINE)
    kept, at = [], 0
    for part in parts:
        wanted = part.strip().splitlines()
        if len(parts) == 1:
            kept.append("".join(f"{line}\n" for line in lines))
        elif wanted and at < len(lines):
            first = _nearest(wanted[0], lines, at)
            last = _nearest(wanted[-1], lines, first) if len(wanted) > 1 else first
            kept.append("".join(f"{line}\n" for line in lines[first : last + 1]))
            at = last + 1
        else:
            kept.append("")
    end = "\n" if said.endswith("\n\n") else ""
    return f"{ANY}\n".join(kept) + end


def _nearest(wanted: str, lines: list[str], start: int) -> int:
    """Where, from `start` on, the line most like the wanted one stands."""
    likeness = [SequenceMatcher(None, wanted, line).ratio() for line in lines[start:]]
    return start + likeness.index(max(likeness))


def check(path: Path, folder: Path) -> list[str]:
    """Run every command of a document; what does not match, or what was written anew."""
    text = path.read_text("utf-8")
    wrong = []
    rewritten = text
    for command in reversed([*_outcomes(commands_of(text), workplace(folder))]):
        said, printed = command
        if not matches(said.output, printed):
            wrong.append(f"$ {said.line}\nsaid:\n{said.output}\nprinted:\n{printed}")
            anew = elided(said.output, printed)
            rewritten = rewritten[: said.start] + anew + rewritten[said.end :]
    if os.environ.get("PRSM_REWRITE") and rewritten != text:
        path.write_text(rewritten, "utf-8")
        return []
    return wrong[::-1]


def _outcomes(commands: list[Command], folder: Path) -> list[tuple[Command, str]]:
    return [(command, run(command.line, folder)) for command in commands]
