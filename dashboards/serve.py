"""Starts the dashboard: Streamlit in a process of its own, on 127.0.0.1 and nowhere else.

A taken port is replaced by a free one, since a dashboard that is already open is no reason to fail.
"""

import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path

from prsm_sim.actor.errors import UserError

HOST = "127.0.0.1"
DEFAULT_PORT = 8501
STOP_LIMIT_S = 5.0


def serve(
    runs_dir: Path, port: int | None = None, headless: bool = True, *, open_browser: bool = False
) -> int:
    """Serve the dashboard of `runs_dir` until Ctrl-C.

    Args:
        runs_dir: folder that holds the run folders; it need not exist yet.
        port: where to listen; None or a taken one picks a free port.
        headless: open no browser.
        open_browser: open one, whatever `headless` says.

    Returns:
        the exit code: 0 after Ctrl-C, else Streamlit's own.

    Raises:
        UserError: Streamlit is not installed.
    """
    if importlib.util.find_spec("streamlit") is None or importlib.util.find_spec("altair") is None:
        raise UserError("the dashboard needs an extra: pip install 'prsm-sim[dashboard]'")
    chosen = choose_port(port)
    environment = {**os.environ, "PRSM_RUNS_DIR": str(runs_dir.absolute())}
    url = f"http://{HOST}:{chosen}"
    sys.stderr.write(f"dashboard: {url}  (Ctrl-C ends it)\n")
    sys.stderr.flush()
    process = subprocess.Popen(  # noqa: S603  # our own interpreter and arguments, no shell
        command(chosen, headless and not open_browser), env=environment
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(process)


def command(port: int, headless: bool) -> list[str]:
    """The command line that runs the app; no option of it lets Streamlit call out."""
    options = {
        "server.address": HOST,
        "server.port": str(port),
        "server.headless": str(headless).lower(),
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "browser.serverAddress": HOST,
        "client.toolbarMode": "minimal",
        "theme.primaryColor": "#0a7fc4",
    }
    app = str(Path(__file__).parent / "app.py")
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "streamlit", "run", app, *flags]


def choose_port(wanted: int | None) -> int:
    """`wanted` (8501 if None) if it is free on 127.0.0.1, else any free port."""
    for port in (wanted or DEFAULT_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise UserError(f"no port of {HOST} is free; end another program and try again")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
