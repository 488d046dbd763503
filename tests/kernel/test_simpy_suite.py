"""SimPy's own tests, as its source distribution has them, against our `Environment`.

The distribution comes from the package index once and is kept in the project's cache; its hash is
pinned, so nothing but the published tests can run. A plugin puts our class in the place of
`simpy.Environment` before anything is collected.
"""

import hashlib
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import simpy

SHA256 = {"4.1.2": "76ef36b71e0436ba94e55febc001c78879e493a323f045bbcfbb0b216e9b1fbc"}
TRACEBACK_TEXT = {"tests/test_exceptions.py::test_exception_chaining"}
"""Compares a traceback line by line, with the file names of SimPy's own `run` and `step` in it."""
ROOT = Path(__file__).parents[2]

PLUGIN = """
import simpy, simpy.core, simpy.rt
from prsm_sim.engine import Environment
theirs = simpy.Environment
simpy.Environment = simpy.core.Environment = Environment
made = 0
class Counting(Environment):
    def __init__(self, *arguments, **options):
        global made
        made += 1
        super().__init__(*arguments, **options)
if {active}:
    simpy.Environment = simpy.core.Environment = Counting
else:
    simpy.Environment = simpy.core.Environment = theirs
assert simpy.rt.RealtimeEnvironment.__mro__[1] is theirs
def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"environments of ours: {{made}}")
"""


def unavailable(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def fetch(version: str, folder: Path) -> Path:
    archive = folder / f"simpy-{version}.tar.gz"
    if not archive.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:",
            f"--dest={folder}", f"simpy=={version}",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not archive.exists():
            unavailable(f"the package index does not answer: {done.stderr.strip()[-200:]}")
    return archive


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    version = simpy.__version__
    if version not in SHA256:
        unavailable(f"no hash is pinned for the tests of SimPy {version}")
    archive = fetch(version, ROOT / ".cache" / f"simpy-{version}")
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert found == SHA256[version], f"{archive} is not what SimPy {version} published"
    folder = tmp_path_factory.mktemp("simpy")
    with tarfile.open(archive) as tar:
        prefix = f"simpy-{version}/tests/"
        members = [member for member in tar.getmembers() if member.name.startswith(prefix)]
        tar.extractall(folder, members, filter="data")
    return folder / f"simpy-{version}"


def run_suite(folder: Path, active: bool, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "our_environment.py").write_text(PLUGIN.format(active=active))
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = benchmark\n")
    command = [
        sys.executable, "-m", "pytest", "-q", "-rA", "-p", "our_environment", "-p",
        "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:xdist",
        "-m", "not benchmark", *arguments,
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def outcomes(output: str, word: str) -> set[str]:
    return set(re.findall(rf"^{word} (tests/\S+::\S+)", output, re.MULTILINE))


def test_simpys_own_tests_pass_on_our_environment(suite: Path) -> None:
    done = run_suite(suite, True, "tests")
    failed = outcomes(done.stdout, "FAILED") | outcomes(done.stdout, "ERROR")
    assert failed == TRACEBACK_TEXT, done.stdout[-4000:]
    assert len(outcomes(done.stdout, "PASSED")) >= 140
    made = re.search(r"environments of ours: (\d+)", done.stdout)
    assert made is not None
    assert int(made[1]) >= 120
    # The case that differs fails on the traceback's text, and on nothing else.
    assert "AssertionError: Traceback mismatch" in done.stdout


def test_without_the_plugin_simpys_tests_run_on_simpys_environment(suite: Path) -> None:
    done = run_suite(suite, False, "tests/test_exceptions.py")
    assert outcomes(done.stdout, "FAILED") == set(), done.stdout[-4000:]
    assert "environments of ours: 0" in done.stdout
