"""Starts the dashboard: Streamlit in a process of its own, on 127.0.0.1 and nowhere else.

A taken port is replaced by the next free one, since a dashboard that is already open is no reason
to fail. The address is told once the server answers there, so it is never a dead link. Ctrl-C, a
polite kill and a closed terminal all end the server's process with ours: a signal that would end us
without a word is turned into an exception, and the way out of this function stops the server. The
server is in a session of its own, because it answers a Ctrl-C of the terminal with a traceback.
"""

import contextlib
import http
import http.client
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from dashboards.look import THEME
from prsm_sim.actor.errors import UserError

HOST = "127.0.0.1"
DEFAULT_PORT = 8501
NEIGHBOURS = 20
"""Ports after the wanted one that are tried before any free one is taken."""
START_LIMIT_S = 30.0
STOP_LIMIT_S = 5.0


class _Ended(Exception):
    """A signal asked this process to end."""


def serve(runs_dir: Path, port: int | None = None, *, open_browser: bool = False) -> int:
    """Serve the dashboard of `runs_dir` until Ctrl-C or a signal to end.

    Args:
        runs_dir: folder that holds the run folders; it need not exist yet.
        port: where to listen, 8501 if None; a taken one is replaced by the next free one.
        open_browser: open the page, where there is a screen to open it on.

    Returns:
        the exit code: 0 if it was asked to end, else Streamlit's own.

    Raises:
        UserError: Streamlit is not installed, or did not start.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise UserError("the dashboard needs an extra: pip install 'prsm-sim[dashboard]'")
    wanted = port or DEFAULT_PORT
    chosen = choose_port(wanted)
    url = f"http://{HOST}:{chosen}"
    with _signals():
        process: subprocess.Popen[bytes] | None = None
        try:
            process = subprocess.Popen(  # noqa: S603  # our own interpreter and arguments, no shell
                command(chosen),
                env={**os.environ, "PRSM_RUNS_DIR": str(runs_dir.absolute())},
                stdout=subprocess.DEVNULL,  # chatter; what goes wrong is on stderr
                start_new_session=True,
            )
            if not _answers(process, chosen):
                raise UserError(f"the dashboard did not start on {url}; what it said is above")
            taken = f"port {wanted} is taken, so " if chosen != wanted else ""
            sys.stderr.write(f"{taken}dashboard: {url}  (Ctrl-C ends it)\n")
            sys.stderr.flush()
            if open_browser and _has_screen():
                webbrowser.open(url)
            return process.wait()
        except (KeyboardInterrupt, _Ended):
            return 0
        finally:
            if process is not None:
                _stop(process)


def command(port: int) -> list[str]:
    """The command line that runs the app; no option of it lets Streamlit call out."""
    options = {
        "server.address": HOST,
        "server.port": str(port),
        "server.headless": "true",
        "server.showEmailPrompt": "false",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "browser.serverAddress": HOST,
        "client.toolbarMode": "minimal",
        "logger.hideWelcomeMessage": "true",
        "logger.level": "warning",
        **THEME,
    }
    app = str(Path(__file__).parent / "app.py")
    flags = [f"--{name}={value}" for name, value in options.items()]
    flags += [f"--server.allowedHosts={name}" for name in (HOST, "localhost")]
    return [sys.executable, "-m", "streamlit", "run", app, *flags]


def choose_port(wanted: int) -> int:
    """`wanted` if it is free on 127.0.0.1, else one of the next, else any free port."""
    for port in (*range(wanted, min(wanted + NEIGHBOURS, 65_535) + 1), 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise UserError(f"no port of {HOST} is free; end another program and try again")


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """Within, the signals that would end this process raise instead."""

    def end(number: int, frame: FrameType | None) -> None:
        raise _Ended

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), end) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server says that it is well; False if it ended or takes too long."""
    deadline = time.monotonic() + START_LIMIT_S
    while process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection(HOST, port, timeout=1.0)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/_stcore/health")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return True
        connection.close()
        time.sleep(0.05)
    return False


def _has_screen() -> bool:
    """Whether a browser window can open: Linux without a display would start a text browser."""
    displays = ("DISPLAY", "WAYLAND_DISPLAY")
    return not sys.platform.startswith("linux") or any(map(os.environ.get, displays))


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
