"""Where two runs part: the first event that differs, found in the recorded events.

Two runs of the same version, scenario and seed have the same digest. If they do not, everything
after the first divergent event is consequence, so that one event is what to look at: the two
Parquet files are joined on the event number and the first row that differs is the answer.
"""

from typing import Any

import duckdb
import msgspec

from prsm_sim.actor.errors import UserError
from prsm_sim.run_folder import EVENTS, Event, RunFolder, glob_sql

CONTEXT_EVENTS = 3
COMPARED = ("scenario", "seed", "version", "world", "status", "events", "virtual_s", "digest")


class Divergence(msgspec.Struct, frozen=True):
    """The first event that differs.

    Attributes:
        n: its number.
        left: the event of the first run, or None if that run has no such event.
        right: the event of the second run, or None.
        before: the last events that both have in common.
    """

    n: int
    left: Event | None
    right: Event | None
    before: list[Event]


class Difference(msgspec.Struct, frozen=True):
    """How two runs differ.

    Attributes:
        identical: the digests are the same (for runs without a digest: the recorded events are).
        manifest: fields of the manifests that differ, each with both values.
        parameters: parameters that differ, by dotted name, each with both values.
        metrics: final figures that differ, each with both values.
        series: for each sampled series that differs, the first time and both values.
        events: the first event that differs, if both runs recorded events and one does.
        note: why there is no divergent event to show, if there is none although the runs differ.
    """

    identical: bool
    manifest: dict[str, tuple[Any, Any]]
    parameters: dict[str, tuple[Any, Any]]
    metrics: dict[str, tuple[Any, Any]]
    series: dict[str, tuple[float, float | None, float | None]]
    events: Divergence | None
    note: str = ""


def compare(left: RunFolder, right: RunFolder) -> Difference:
    """Compare two recorded runs.

    Raises:
        UserError: a run is still going, or one of its files is broken.
    """
    for run in (left, right):
        if run.manifest.status == "running":
            raise UserError(f"{run.path}: still running or killed; compare runs that have ended")
    one, other = msgspec.structs.asdict(left.manifest), msgspec.structs.asdict(right.manifest)
    manifest = {name: (one[name], other[name]) for name in COMPARED if one[name] != other[name]}
    divergence, note = None, ""
    digests_equal = left.manifest.digest == right.manifest.digest
    identical = digests_equal and left.manifest.digest != ""
    if not identical:
        if left.has_events and right.has_events:
            divergence = first_divergence(left, right)
            bounded = left.manifest.truncated or right.manifest.truncated
            if divergence is None and not bounded and digests_equal:
                identical = True
            elif divergence is None:
                note = "all events that both recorded are the same; record more: leave out --events"
        else:
            without = left if not left.has_events else right
            note = f"{without.path} has no events; record it anew: leave out --no-events"
    return Difference(
        identical=identical,
        manifest=manifest,
        parameters=_differing(_flat(left.manifest.parameters), _flat(right.manifest.parameters)),
        metrics=_differing(_flat(left.manifest.metrics), _flat(right.manifest.metrics)),
        series=_first_samples(left, right),
        events=divergence,
        note=note,
    )


def first_divergence(left: RunFolder, right: RunFolder) -> Divergence | None:
    """The first event number at which two runs differ, or None if one just has more *recorded*.

    A run that ended early has no event where the other has one; that is a divergence unless the
    shorter one's recording was bounded.
    """
    for run in (left, right):
        run.query("SELECT count(*) FROM events")  # names a broken file before the join
    columns = "time_s, kind, sender, receiver, type, payload"
    with duckdb.connect() as connection:
        try:
            row = connection.execute(
                f"SELECT min(coalesce(a.n, b.n)) FROM {_table(left)} a "  # noqa: S608  # quoted
                f"FULL JOIN {_table(right)} b ON a.n = b.n "
                f"WHERE a.n IS NULL OR b.n IS NULL "
                f"OR {_distinct(columns)}"
            ).fetchone()
        except duckdb.Error as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(
                f"{left.path}, {right.path}: events cannot be read ({reason})"
            ) from error
    if row is None or row[0] is None:
        return None
    n: int = row[0]
    found_left, found_right = left.events(n, n + 1), right.events(n, n + 1)
    for run, found in ((left, found_left), (right, found_right)):
        if not found and run.manifest.truncated:
            return None
    return Divergence(
        n,
        found_left[0] if found_left else None,
        found_right[0] if found_right else None,
        left.events(max(0, n - CONTEXT_EVENTS), n),
    )


def _table(run: RunFolder) -> str:
    return f"read_parquet({glob_sql(run.path / EVENTS)})"


def _distinct(columns: str) -> str:
    names = columns.split(", ")
    return " OR ".join(f"a.{name} IS DISTINCT FROM b.{name}" for name in names)


def _first_samples(
    left: RunFolder, right: RunFolder
) -> dict[str, tuple[float, float | None, float | None]]:
    """For each series that differs, the first sample that does: time and both values."""
    found: dict[str, tuple[float, float | None, float | None]] = {}
    one = {(name, time_s): value for time_s, name, value in left.metrics()}
    other = {(name, time_s): value for time_s, name, value in right.metrics()}
    for name, time_s in sorted(one.keys() | other.keys(), key=lambda key: (key[1], key[0])):
        a, b = one.get((name, time_s)), other.get((name, time_s))
        if a != b and name not in found:
            found[name] = (time_s, a, b)
    return found


def _flat(values: object, prefix: str = "") -> dict[str, object]:
    """Nested objects as one, with dotted names."""
    if not isinstance(values, dict):
        return {prefix: values}
    flat: dict[str, object] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}.{name}" if prefix else str(name))
    return flat


def _differing(one: dict[str, object], other: dict[str, object]) -> dict[str, tuple[Any, Any]]:
    names = sorted(one.keys() | other.keys())
    return {n: (one.get(n), other.get(n)) for n in names if one.get(n) != other.get(n)}
