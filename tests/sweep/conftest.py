"""A scenario that goes wrong, the command line called in process, and a Ray cluster."""

import contextlib
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from prsm_sim.cli.main import main
from prsm_sim.sweep.ray_cluster import LOOPBACK_ONLY, OBJECT_STORE_BYTES, QUIET
from tests.servers import HOST, free_port

TROUBLE = Path(__file__).with_name("trouble.py")
START_LIMIT_S = 120.0
STOP_LIMIT_S = 30.0


@pytest.fixture
def prsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`prsm` with arguments, in a folder that holds trouble.py."""
    shutil.copy(TROUBLE, tmp_path)
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def ray_needed() -> None:
    """Skip the test where Ray is not installed, or fail it in CI."""
    if importlib.util.find_spec("ray") is None:
        reason = "Ray is not installed; pip install 'prsm-sim[ray]'"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def cluster_address() -> Iterator[str]:
    """A cluster with two processors, on the loopback interface, that asks for a token."""
    folder = tempfile.mkdtemp(prefix="prsm-ray-", dir="/tmp")
    port = free_port()
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    command = [
        Path(sys.executable).with_name("ray"), "start", "--head", "--block", "--num-cpus=2",
        f"--node-ip-address={HOST}", f"--port={free_port()}", f"--ray-client-server-port={port}",
        "--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={folder}",
        f"--object-store-memory={OBJECT_STORE_BYTES}",
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (LOOPBACK_ONLY | QUIET | token).items():
            patch.setenv(name, value)
        with open(Path(folder) / "log", "wb") as log:
            head = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + START_LIMIT_S
            while time.monotonic() < deadline and head.poll() is None:
                with contextlib.suppress(OSError), socket.create_connection((HOST, port), 0.2):
                    break
                time.sleep(0.05)
            else:
                raise RuntimeError((Path(folder) / "log").read_text())
            yield f"ray://{HOST}:{port}"
        finally:
            head.terminate()
            try:
                head.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                head.kill()  # what it has started goes with it
                head.wait()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def cluster(ray_needed: None, request: pytest.FixtureRequest) -> str:
    """The address of a cluster that runs throughout the session."""
    address: str = request.getfixturevalue("cluster_address")
    return address
