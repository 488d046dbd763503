"""A served dashboard, and a headless Chromium to look at it with."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dashboards_find import find_program
from selenium import webdriver
from synthetic_runs import write_synthetic_run

from dashboards.serve import HOST, choose_port, command

START_LIMIT_S = 30.0
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1440,1300",
]


@pytest.fixture(scope="session")
def dashboard_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    runs_dir = tmp_path_factory.mktemp("served") / "runs"
    write_synthetic_run(runs_dir, "synthetic-1")
    write_synthetic_run(runs_dir, "synthetic-2", seed=8, failing=True)
    port = choose_port(None)
    log = (runs_dir.parent / "log").open("wb")
    process = subprocess.Popen(
        command(port, headless=True),
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


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = find_program("chromium")
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    service = webdriver.ChromeService(find_program("chromedriver"))
    driver = webdriver.Chrome(options, service)
    yield driver
    driver.quit()
