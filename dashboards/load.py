"""What the pages show, read from run folders and from nothing else.

The pages never touch a file: they ask here, and every broken folder comes back as one line of text
instead of an exception, so that one bad run cannot hide the good ones. Fault bands are built from
the facts ``FaultStruck`` and ``FaultHealed`` of the trace, because these say when a fault really
took effect; a run recorded without events falls back to its scheduled faults.
"""

import itertools
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prsm_sim.actor.errors import UserError
from prsm_sim.run_folder import RunFolder, list_runs, open_run

POINTS_LIMIT = 600
"""Most points drawn of one series: about one for each pixel of a chart."""

Series = list[tuple[float, float]]


@dataclass(frozen=True)
class RunRow:
    """One line of the list of runs; `error` is set if the folder cannot be read."""

    name: str
    run: RunFolder | None
    error: str = ""


@dataclass(frozen=True)
class FaultBand:
    """An interval of world time, s, in which a fault of `kind` held."""

    kind: str
    target: str
    start_s: float
    end_s: float


def read_runs(runs_dir: Path) -> list[RunRow]:
    """Every run folder in `runs_dir`, newest first, broken ones with their reason."""
    rows = []
    for path in list_runs(runs_dir):
        try:
            rows.append(RunRow(path.name, open_run(path)))
        except UserError as error:
            rows.append(RunRow(path.name, None, str(error)))
    return sorted(rows, key=lambda row: (row.run.manifest.started if row.run else "", row.name))[
        ::-1
    ]


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


def thin(series: Series, limit: int = POINTS_LIMIT) -> Series:
    """At most about `limit` points that keep each stretch's lowest and highest value."""
    if len(series) <= limit:
        return series
    width = -(-len(series) * 2 // limit)
    kept: Series = []
    for start in range(0, len(series), width):
        part = series[start : start + width]
        low, high = min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])
        kept += [low] if low == high else sorted((low, high))
    return kept


def read_fault_bands(run: RunFolder) -> list[FaultBand]:
    """The intervals in which faults held, by start; an unhealed one lasts to the end of the run.

    Raises:
        UserError: the events file is broken.
    """
    facts = run.query(
        "SELECT time_s, type, payload FROM events "
        "WHERE type IN ('FaultStruck', 'FaultHealed') ORDER BY n"
    )
    if not facts:
        return _scheduled_bands(run)
    open_since: dict[tuple[str, str], list[float]] = defaultdict(list)
    bands = []
    end_s = max(run.manifest.virtual_s, facts[-1][0])
    for time_s, kind_of_fact, payload in facts:
        fact = json.loads(payload)
        key = (str(fact.get("kind", "fault")), str(fact.get("target", fact.get("peer", ""))))
        if kind_of_fact == "FaultStruck":
            open_since[key].append(time_s)
        elif open_since[key]:
            bands.append(FaultBand(*key, open_since[key].pop(0), time_s))
    bands += [FaultBand(*key, start, end_s) for key, all_ in open_since.items() for start in all_]
    return sorted(bands, key=lambda band: (band.start_s, band.kind))


def _scheduled_bands(run: RunFolder) -> list[FaultBand]:
    """The bands of ``parameters["faults"]``, those that began before the run ended."""
    scheduled = run.manifest.parameters.get("faults", [])
    end_s = run.manifest.virtual_s
    bands = []
    for fault in scheduled if isinstance(scheduled, list) else []:
        if not isinstance(fault, Mapping) or not isinstance(fault.get("at_s"), int | float):
            continue
        start_s, for_s = float(fault["at_s"]), fault.get("for_s")
        until_s = end_s if for_s is None else min(start_s + float(for_s), end_s)
        if start_s < end_s:
            target = str(fault.get("peer", ""))
            bands.append(FaultBand(str(fault.get("kind", "fault")), target, start_s, until_s))
    return sorted(bands, key=lambda band: (band.start_s, band.kind))
