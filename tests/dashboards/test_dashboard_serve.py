"""The server's process: where it listens, what it says, and that nothing of it stays behind."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import dashboards.serve
from prsm_sim.actor.errors import UserError

pytestmark = pytest.mark.slow

PRSM = [sys.executable, "-c", "from prsm_sim.cli.main import main; main()"]
LIMIT_S = 30.0


class Served:
    """`prsm dashboard` in a process group of its own, as a shell starts it."""

    def __init__(self, runs_dir: Path, port: int) -> None:
        self.said = runs_dir / "said"
        environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "CI")}
        self.process = subprocess.Popen(
            [*PRSM, "dashboard", "--port", str(port), "--runs-dir", str(runs_dir)],
            stdout=self.said.open("w"),
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )

    def line(self) -> str:
        """The line that tells its address."""
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            lines = self.said.read_text().splitlines(keepends=True)
            told = [line for line in lines if "dashboard: http" in line and line.endswith("\n")]
            if told:
                return told[0]
            time.sleep(0.02)
        pytest.fail("it told no address: " + self.said.read_text())

    def children(self) -> list[int]:
        """Processes that it started."""
        pid = self.process.pid
        listed = Path(f"/proc/{pid}/task/{pid}/children")
        return [int(child) for child in listed.read_text().split()] if listed.exists() else []


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    started = Served(tmp_path, dashboards.serve.choose_port(18_700))
    yield started
    started.process.kill()
    started.process.wait()


def address(line: str) -> tuple[str, int]:
    found = re.search(r"dashboard: http://([\d.]+):(\d+) ", line)
    assert found, line
    return found[1], int(found[2])


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("number", "to_all"),
    [
        pytest.param(signal.SIGINT, True, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, False, id="kill"),
        pytest.param(signal.SIGHUP, False, id="closed terminal"),
    ],
)
def test_it_tells_an_address_that_answers_and_ends_without_an_orphan(
    served: Served, number: signal.Signals, to_all: bool
) -> None:
    host, port = address(served.line())
    assert host == "127.0.0.1"
    with socket.create_connection((host, port), 5):
        pass
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), 5):  # noqa: PT011
        pass  # whoever binds all interfaces answers here too
    children = served.children()
    assert all(os.getsid(child) == child for child in children), "Ctrl-C reaches us alone"
    (os.killpg if to_all else os.kill)(served.process.pid, number)
    assert served.process.wait(timeout=LIMIT_S) == 0
    orphans = [child for child in children if is_alive(child)]
    for orphan in orphans:
        os.kill(orphan, signal.SIGKILL)
    assert not orphans
    with pytest.raises(ConnectionRefusedError), socket.create_connection((host, port), 5):
        pass
    assert served.said.read_text().splitlines() == [
        f"dashboard: http://127.0.0.1:{port}  (Ctrl-C ends it)"
    ]


def test_ctrl_c_while_it_starts_is_as_quiet(tmp_path: Path) -> None:
    port = dashboards.serve.choose_port(18_750)
    served = Served(tmp_path, port)
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            break
    os.killpg(served.process.pid, signal.SIGINT)
    assert served.process.wait(timeout=LIMIT_S) == 0
    assert "Traceback" not in served.said.read_text()


def test_a_taken_port_gives_the_next_one_and_one_line_says_so(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", dashboards.serve.choose_port(18_800)))
        taken.listen()
        port = taken.getsockname()[1]
        served = Served(tmp_path, port)
        try:
            line = served.line()
            assert line.startswith(f"port {port} is taken, so dashboard: ")
            assert port < address(line)[1] <= port + dashboards.serve.NEIGHBOURS
        finally:
            served.process.terminate()
            served.process.wait(timeout=LIMIT_S)


def test_a_server_that_does_not_start_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = [sys.executable, "-c", "raise SystemExit(3)"]
    monkeypatch.setattr(dashboards.serve, "command", lambda port: failing)
    with pytest.raises(UserError, match=r"did not start on http://127\.0\.0\.1:"):
        dashboards.serve.serve(tmp_path, 18_900)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, "handlers are put back"


def test_no_option_lets_it_call_out_or_be_reached() -> None:
    flags = dashboards.serve.command(8501)
    for flag in (
        "--server.address=127.0.0.1",
        "--browser.gatherUsageStats=false",
        "--server.headless=true",
        "--server.showEmailPrompt=false",
        "--server.allowedHosts=127.0.0.1",
    ):
        assert flag in flags
    assert not [flag for flag in flags if flag.startswith("--theme.base=")]


def test_no_browser_opens_where_there_is_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not dashboards.serve._has_screen()
    monkeypatch.setenv("DISPLAY", ":0")
    assert dashboards.serve._has_screen()


def test_missing_streamlit_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"prsm-sim\[dashboard\]"):
        dashboards.serve.serve(Path("runs"))
