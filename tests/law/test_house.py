"""The house keeps its size, and speaks of itself only."""

import ast
import re
import subprocess

import pytest

from tests.law.floors import PACKAGES, ROOT

SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MOST_LINES = 500
MOST_LINES_A_FUNCTION = 60


def test_there_is_something_to_check() -> None:
    assert len(SOURCES) > 50


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms_are_small_and_open_with_their_theory(path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    most = 400 if "consensus" in path.parts else MOST_LINES
    assert text.count("\n") <= most
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MOST_LINES_A_FUNCTION, f"{node.name} has {length} lines"
        if isinstance(node, ast.ExceptHandler):
            caught = "everything" if node.type is None else ast.unparse(node.type)
            assert caught not in ("everything", "Exception", "BaseException")
    if text.strip():
        assert ast.get_docstring(tree), "a file opens with its theory"


def test_the_project_speaks_of_itself_only() -> None:
    """Nothing tracked names a package registry, a session or a path of someone's machine."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    words = re.compile(
        r"pypi" r"\.org|registry" r"\.npmjs|\.\./" r"shared|/work/" r"main", re.IGNORECASE
    )
    found = []
    for name in listed:
        path = ROOT / name
        if path.suffix in (".png", ".svg", ".parquet") or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{name}: {match}" for match in words.findall(text)]
    assert found == []
