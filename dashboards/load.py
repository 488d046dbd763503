"""What the pages show, read from run folders and from nothing else.

The pages never touch a file: they ask here. Every broken folder comes back as one line of text
instead of an exception, so that one bad run cannot hide the good ones. Of a large trace only the
rows that are drawn are read: the sampled series, and the few facts about faults.
"""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dashboards.faults import FaultBand, read_fault_bands, recorded_until_s
from prsm_sim.actor.errors import UserError
from prsm_sim.run_folder import (
    EVENTS,
    EVENTS_OPEN,
    MANIFEST,
    METRICS,
    METRICS_OPEN,
    VERDICTS,
    RunFolder,
    open_run,
)

POINTS_LIMIT = 500
"""Most points drawn of one series: about one for each pixel of a chart."""

DATA = (EVENTS, EVENTS_OPEN, METRICS, METRICS_OPEN)
Series = list[tuple[float, float]]
Fingerprint = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class RunRow:
    """One line of the list of runs; `error` is set if the folder cannot be read."""

    name: str
    run: RunFolder | None
    error: str = ""


@dataclass(frozen=True)
class RunData:
    """What the overview draws of one run: series by name, fault bands, and what to say of both."""

    series: Mapping[str, Series] = field(default_factory=dict)
    bands: Sequence[FaultBand] = ()
    note: str = ""


def read_runs(runs_dir: Path) -> list[RunRow]:
    """Every run folder in `runs_dir`, newest first, broken ones last with their reason."""
    readable, broken = [], []
    for path in _folders(runs_dir):
        try:
            run = open_run(path)
        except UserError as error:
            broken.append(RunRow(path.name, None, one_line(error)))
        else:
            readable.append((run.manifest.started, RunRow(path.name, run)))
    readable.sort(key=lambda item: (item[0], item[1].name), reverse=True)
    return [row for _, row in readable] + broken


def _folders(runs_dir: Path) -> list[Path]:
    """Folders that hold any file of a run, even those whose manifest is missing."""
    if not runs_dir.is_dir():
        return []
    files = (MANIFEST, VERDICTS, *DATA)
    return sorted(
        child
        for child in runs_dir.iterdir()
        if not child.is_symlink() and any((child / name).is_file() for name in files)
    )


def fingerprint(folder: Path) -> Fingerprint:
    """Names, times and sizes of a run's files; it changes whenever there is more to read.

    The manifest alone would not do: while a run is going, only its data files grow.
    """
    found = []
    for name in (MANIFEST, *DATA):
        try:
            state = (folder / name).stat()
        except FileNotFoundError:
            continue
        found.append((name, state.st_mtime_ns, state.st_size))
    return tuple(found)


def read_run_data(folder: Path) -> RunData:
    """Everything the overview draws of one run.

    Raises:
        UserError: a file of the run is broken.
    """
    run = open_run(folder)
    series, bands = read_series(run), read_fault_bands(run)
    note = ""
    if run.has_events and run.manifest.truncated:
        until_s = recorded_until_s(run)
        note = f"Events were recorded up to {until_s:,.1f} s; later faults are not drawn."
    return RunData(series, bands, note)


def read_series(run: RunFolder) -> dict[str, Series]:
    """Every sampled series of a run by name, ``(time_s, value)`` in order of time.

    Raises:
        UserError: the metrics file is broken.
    """
    found: dict[str, Series] = defaultdict(list)
    for time_s, name, value in run.query(
        "SELECT time_s, name, value FROM metrics WHERE value IS NOT NULL AND isfinite(value) "
        "ORDER BY name, time_s"
    ):
        found[name].append((time_s, value))
    return dict(found)


def rate(series: Sequence[tuple[float, float]]) -> Series:
    """Differences of a cumulative series per second, each at the end of its interval."""
    return [
        (after_s, (after - before) / (after_s - before_s))
        for (before_s, before), (after_s, after) in itertools.pairwise(series)
        if after_s > before_s
    ]


def change(series: Sequence[tuple[float, float]]) -> Series:
    """How far a series is from its first value."""
    return [(time_s, value - series[0][1]) for time_s, value in series]


def told(series: Sequence[tuple[float, float]]) -> Series:
    """A series without its zeros, where zero means that nothing was told yet.

    No answer takes 0 s, and no ledger has a supply of 0: such a sample measured nothing.
    """
    return [(time_s, value) for time_s, value in series if value > 0]


def thin(series: Series, limit: int = POINTS_LIMIT) -> Series:
    """At most `limit` points that keep each stretch's lowest and highest value, and both ends."""
    if len(series) <= limit:
        return series
    width = -(-len(series) * 2 // (limit - 2))
    kept: Series = [series[0]]
    for start in range(1, len(series) - 1, width):
        part = series[start : min(start + width, len(series) - 1)]
        low, high = min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])
        kept += [low] if low == high else sorted((low, high))
    return [*kept, series[-1]]


def gini(amounts: Sequence[float]) -> float:
    """Gini's coefficient of amounts ≥ 0: 0 if all are equal, towards 1 if one holds everything.

    With amounts ascending, G = 2·Σ i·xᵢ / (n·Σ xᵢ) − (n + 1)/n; 0 if there is nothing to share.
    """
    ascending, count, total = sorted(amounts), len(amounts), sum(amounts)
    if not total:
        return 0.0
    weighted = sum(rank * amount for rank, amount in enumerate(ascending, 1))
    return 2 * weighted / (count * total) - (count + 1) / count


def one_line(error: UserError) -> str:
    """The text of an error on one line."""
    return " ".join(str(error).split())
