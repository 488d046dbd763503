"""The manifest of a run: enough to know what was run, to run it again, and how it ended."""

import hashlib
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

import prsm_sim

FORMAT = 1
"""Number of the run folder's format; a reader refuses any other."""

RunStatus = Literal["running", "pass", "fail", "inconclusive", "interrupted", "error"]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What was run, with what, and how it ended.

    Attributes:
        format: number of this folder format.
        scenario: name of the scenario.
        source: absolute path of the Python file that holds the scenario, if it is not installed.
        source_sha256: digest of that file when it ran.
        parameters: every parameter of the run, defaults included, as JSON values.
        seed: the seed of the run.
        plan: the faults that were scheduled besides the scenario's own.
        version: version of this package.
        python: version of the interpreter.
        git: revision of the checkout that ran, ``-dirty`` if it had changes; None if installed.
        world: ``sim`` or ``live``.
        adapters: mode of each port's adapter (``modelled``, ``real compute``, …).
        started: when it began, ISO 8601, UTC.
        digest: rolling digest of every event; empty while running.
        events: events of the run.
        recorded: rows in the events file: events, and the facts that actors told.
        truncated: recording was bounded, and there was more to record.
        virtual_s: world time at the end, s.
        wall_s: how long it took, s.
        status: ``running``, ``pass``, ``fail``, ``inconclusive``, ``interrupted`` or ``error``.
        replay: the command that replays it.
        metrics: final figures that the scenario reported.
        counters: how many facts of each type.
        coverage: how often each `ctx.sometimes` label held.
        faults: how many faults of each kind really struck.
    """

    format: int = FORMAT
    scenario: str
    source: str | None = None
    source_sha256: str | None = None
    parameters: dict[str, Any]
    seed: int
    plan: list[dict[str, Any]] = []
    version: str
    python: str
    git: str | None = None
    world: Literal["sim", "live"]
    adapters: dict[str, str] = {}
    started: str
    digest: str = ""
    events: int = 0
    recorded: int = 0
    truncated: bool = False
    virtual_s: float = 0.0
    wall_s: float = 0.0
    status: RunStatus = "running"
    replay: str = ""
    metrics: dict[str, Any] = {}
    counters: dict[str, int] = {}
    coverage: dict[str, int] = {}
    faults: dict[str, int] = {}


def new_manifest(
    *,
    scenario: str,
    parameters: Mapping[str, Any],
    seed: int,
    world: str,
    source: Path | None = None,
    plan: list[dict[str, Any]] | None = None,
) -> Manifest:
    """The manifest of a run that begins now: what is run, and by what versions."""
    assert world in ("sim", "live")
    return Manifest(
        scenario=scenario,
        source=None if source is None else str(source.resolve()),
        source_sha256=None if source is None else file_sha256(source),
        parameters=dict(parameters),
        seed=seed,
        plan=list(plan or ()),
        version=prsm_sim.__version__,
        python=platform.python_version(),
        git=_git_revision(),
        world="sim" if world == "sim" else "live",
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, hex."""

    return hashlib.sha256(path.read_bytes()).hexdigest()


def _git_revision() -> str | None:
    """The revision of the checkout this package is imported from, or None if it is installed."""
    root = Path(prsm_sim.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(  # noqa: S603  # a fixed command, no shell
            command, capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
