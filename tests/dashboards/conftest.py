"""A served dashboard, and a headless Chromium to look at it with."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from synthetic_runs import write_synthetic_run

from dashboards.serve import HOST, choose_port, command
from tests.servers import find_server

START_LIMIT_S = 30.0
FIRST_PORT = 18_500
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]


@pytest.fixture(scope="session")
def dashboard_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard over a good run, a failed one that is newer, and a broken one."""
    runs_dir = tmp_path_factory.mktemp("served") / "runs"
    write_synthetic_run(runs_dir, "older", started="2026-01-01T00:00:00+00:00")
    write_synthetic_run(
        runs_dir, "newer", seed=8, failing=True, started="2026-01-02T00:00:00+00:00"
    )
    (write_synthetic_run(runs_dir, "broken") / "manifest.json").write_text("{")
    port = choose_port(FIRST_PORT)
    log = (runs_dir.parent / "log").open("wb")
    process = subprocess.Popen(
        command(port),
        env={**os.environ, "PRSM_RUNS_DIR": str(runs_dir)},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((HOST, port), 0.2):
                break
            time.sleep(0.1)
        else:
            pytest.fail((runs_dir.parent / "log").read_text())
        yield f"http://{HOST}:{port}"
    finally:
        process.terminate()
        process.wait(5)
        log.close()


@pytest.fixture(scope="session")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One browser for the session, with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = find_server("chromium")
    profile: Path = tmp_path_factory.mktemp("profile")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(find_server("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chrome: webdriver.Chrome) -> webdriver.Chrome:
    """The browser on an empty page: light, 1440 px wide, nothing in its log."""
    chrome.get("about:blank")
    look(chrome, "light", 1440)
    chrome.get_log("performance")
    return chrome


def look(chrome: webdriver.Chrome, scheme: str, width_px: int) -> None:
    """Set what the browser prefers, light or dark, and how wide its window is."""
    chrome.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    chrome.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width_px, "height": 1500, "deviceScaleFactor": 1, "mobile": False},
    )
