"""`prsm` works from a built wheel, away from the sources."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.law.floors import PACKAGES, ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True, text=True)
    (built,) = folder.glob("prsm_sim-*.whl")
    return built


def test_the_wheel_holds_all_packages_and_their_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == set(PACKAGES)
    for data in ("scenarios/research_market/questions.yaml", "dashboards/favicon.svg"):
        assert data in names
    assert all(f"{package}/py.typed" in names for package in PACKAGES)


def test_the_command_runs_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
    subprocess.run([*install, "--target", str(site), str(wheel)], check=True, capture_output=True)
    script = f"import sys; sys.path.insert(0, {str(site)!r}); import prsm_sim; " + (
        "assert prsm_sim.__file__.startswith(sys.path[0]), prsm_sim.__file__; "
        "from prsm_sim.cli.main import main; main()"
    )
    sets = ["clients=2", "questions_per_client=1", "executors=9", "arrivals_s=1", "crash_s=0"]
    arguments = ["run", "research_market", "--json", *[f"--set={one}" for one in sets]]
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, *arguments],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode in (0, 3), done.stderr
    result = json.loads(done.stdout)
    assert result["metrics"]["queries"]["answered"] == 2
    assert (tmp_path / result["run_dir"] / "events.parquet").is_file()
