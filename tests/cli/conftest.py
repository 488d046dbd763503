"""Fixtures: the toy scenario, a folder to work in, and the command line called in process."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from prsm_sim.cli.main import main

Prsm = Callable[..., Result]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory that holds toy.py."""
    shutil.copy(Path(__file__).with_name("toy.py"), tmp_path / "toy.py")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def prsm(workplace: Path) -> Prsm:
    """Call `prsm` with arguments; the result has exit_code, stdout and stderr."""

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments))

    return call


@pytest.fixture
def run_json(prsm: Prsm) -> Callable[..., dict[str, Any]]:
    """Run the toy scenario and return its JSON."""

    def call(*arguments: str) -> dict[str, Any]:
        result = prsm("run", "toy.py", "--json", *arguments)
        found: dict[str, Any] = json.loads(result.stdout)
        return found | {"exit_code": result.exit_code, "stderr": result.stderr}

    return call
