"""Real servers for tests: Debian's mosquitto, and chromium with its driver.

`scripts/install-servers.sh` installs them. Where one is missing, its tests are skipped with the
reason on a person's machine, and fail where the environment says `CI`: there, a test that silently
does not run is a hole.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

HOST = "127.0.0.1"
START_LIMIT_S = 10.0


def find_server(program: str) -> str:
    """The path of `program`; skips the test where it is missing, or fails it in CI."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if path is not None:
        return path
    reason = f"{program} is not installed; run scripts/install-servers.sh"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Mosquitto:
    """A mosquitto of our own on a free port of 127.0.0.1, without anything on disk.

    Args:
        password: of the user `prsm`; None lets anyone in.
        rules: lines of its access control list; None grants everything.
        port: where to listen; None picks a free port.
    """

    def __init__(
        self, password: str | None = None, rules: str | None = None, port: int | None = None
    ) -> None:
        self.program = find_server("mosquitto")
        self.port = port or free_port()
        self.password = password
        self.rules = rules

    @property
    def url(self) -> str:
        user = "" if self.password is None else f"prsm:{self.password}@"
        return f"mqtt://{user}{HOST}:{self.port}"

    def __enter__(self) -> "Mosquitto":
        self._folder = Path(tempfile.mkdtemp(prefix="mosquitto"))
        configuration = self._folder / "mosquitto.conf"
        configuration.write_text(self._configure())
        for file in self._folder.iterdir():
            file.chmod(0o600)
        self._log = (self._folder / "log").open("wb")
        self._process = subprocess.Popen(
            [self.program, "-c", str(configuration)], stdout=self._log, stderr=subprocess.STDOUT
        )
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=5)
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _configure(self) -> str:
        lines = [
            f"listener {self.port} {HOST}",
            "persistence false",
            "set_tcp_nodelay true",
            "max_queued_messages 0",
            f"allow_anonymous {'true' if self.password is None else 'false'}",
        ]
        if os.geteuid() == 0:
            lines.append("user root")  # else it drops to a user that may not read the folder
        if self.password is not None:
            passwords = self._folder / "passwords"
            subprocess.run(
                [find_server("mosquitto_passwd"), "-c", "-b", passwords, "prsm", self.password],
                check=True,
                capture_output=True,
            )
            lines.append(f"password_file {passwords}")
        if self.rules is not None:
            rules = self._folder / "rules"
            rules.write_text(self.rules)
            lines.append(f"acl_file {rules}")
        return "\n".join(lines) + "\n"

    def _wait(self) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 0.2):
                return
            time.sleep(0.01)
        raise RuntimeError((self._folder / "log").read_text())


@pytest.fixture(scope="session")
def mosquitto() -> Iterator[Mosquitto]:
    """A running mosquitto that lets anyone in."""
    with Mosquitto() as server:
        yield server


@pytest.fixture(scope="session")
def chromium() -> tuple[str, str]:
    """Paths of chromium and of its driver."""
    return find_server("chromium"), find_server("chromedriver")
