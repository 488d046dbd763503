"""The recorder: writes a run into its folder while it goes, so that a crash loses next to nothing.

Events are appended to a newline-delimited JSON file, a bucket at once: encoding a batch of structs
costs about 0.3 µs an event, far less than one row at a time into a database. When the run closes,
DuckDB turns the file into Parquet, which is some forty times smaller and is what readers want; only
then is the text removed. The manifest is written first, with status ``running``, and replaced
atomically at the end, so a folder always says how far it came. A folder is never written twice.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import msgspec

from prsm_sim.actor.errors import UserError
from prsm_sim.actor.operations import Done, Failed, Operation, TimedOut
from prsm_sim.actor.types import Fact, Message, PeerId, Seconds
from prsm_sim.checker import Verdict
from prsm_sim.manifest import Manifest
from prsm_sim.run_folder import (
    EVENT_COLUMNS,
    EVENTS,
    EVENTS_OPEN,
    LATEST,
    MANIFEST,
    METRIC_COLUMNS,
    METRICS,
    METRICS_OPEN,
    VERDICTS,
    Event,
    columns_sql,
    glob_sql,
    path_sql,
    show_path,
)

BUFFER_ROWS = 4096
DEFAULT_LINE_BYTES = 16 * 1024 * 1024


class Row(msgspec.Struct, gc=False):
    """One line of the events file."""

    n: int
    time_s: Seconds
    kind: str
    sender: PeerId
    receiver: PeerId
    type: str
    payload: object


class RawPayload(msgspec.Struct, gc=False):
    """The payload of a line, as the JSON text it is."""

    payload: msgspec.Raw


class Sample(msgspec.Struct, gc=False):
    """One line of the metrics file."""

    time_s: Seconds
    name: str
    value: float


class Recorder:
    """Records one run into a new folder.

    It is made before the world, which writes to it, and opened after the world is built, so that a
    scenario which refuses its parameters leaves no folder behind. Events wait until then.

    Args:
        events: whether to record events; a number records at most so many, the first ones.

    Attributes:
        count: events seen so far.
        recorded: events written so far.
    """

    def __init__(self, *, events: bool | int = True) -> None:
        self.count = 0
        self.recorded = 0
        self._path: Path | None = None
        self._manifest: Manifest | None = None
        self._room = (1 << 62) if events is True else int(events)
        self._keeps_events = self._room > 0
        self._labels: dict[type, tuple[str, str]] = {}
        self._rows: list[Row] = []
        self._encoder = msgspec.json.Encoder(enc_hook=_describe)
        self._longest = 0
        self._file: BinaryIO | None = None

    @property
    def path(self) -> Path:
        """The folder of this run."""
        assert self._path is not None, "the recorder is not open"
        return self._path

    @property
    def manifest(self) -> Manifest:
        """The manifest as last written."""
        assert self._manifest is not None, "the recorder is not open"
        return self._manifest

    def open(self, runs_dir: Path | str, manifest: Manifest) -> Manifest:
        """Make the folder of the run in `runs_dir` and write what is known at the start.

        Returns:
            The manifest with the command that replays the run.

        Raises:
            UserError: the folder cannot be made.
        """
        path = self._path = _new_folder(Path(runs_dir), manifest)
        # A live run's seed is not its whole story, so no command repeats it.
        replay = f"prsm replay {show_path(path)}" if manifest.world == "sim" else ""
        self._manifest = msgspec.structs.replace(manifest, replay=replay, status="running")
        if self._keeps_events:
            self._file = (path / EVENTS_OPEN).open("wb")
        _write(path / MANIFEST, _pretty(self._manifest))
        _point_latest(path)
        return self._manifest

    def bucket(self, events: Sequence[tuple[Seconds, PeerId, PeerId, object]]) -> None:
        """Append a batch of ``(time_s, sender, receiver, message)``, in the order given."""
        n = self.count
        self.count = n + len(events)
        if self._room <= 0:
            return
        labels = self._labels
        rows = self._rows
        for time_s, sender, receiver, message in events[: self._room]:
            message_type = type(message)
            label = labels.get(message_type)
            if label is None:
                label = labels[message_type] = _label(message_type)
            if receiver[:1] == "\0":  # the engine's own receivers are marked so; peers are not
                receiver = receiver[1:]
            rows.append(Row(n, time_s, label[0], sender, receiver, label[1], message))
            n += 1
        self._room -= len(events)
        if len(rows) >= BUFFER_ROWS:
            self.flush()

    def event(
        self,
        time_s: Seconds,
        kind: str,
        sender: PeerId,
        receiver: PeerId,
        payload: msgspec.Struct | str,
    ) -> None:
        """Append one event; its type is the payload's class name, or `kind` if that is text."""
        n = self.count
        self.count = n + 1
        if self._room <= 0:
            return
        self._room -= 1
        type_name = kind if isinstance(payload, str) else type(payload).__name__
        self._rows.append(Row(n, time_s, kind, sender, receiver, type_name, payload))
        if len(self._rows) >= BUFFER_ROWS:
            self.flush()

    def flush(self) -> None:
        """Hand what is buffered to the operating system."""
        if self._file is None:
            return
        if self._rows:
            lines = _encode_lines(self._encoder, self._rows)
            self._longest = max(self._longest, len(lines))
            self.recorded += len(self._rows)
            self._rows.clear()
            self._file.write(lines)
        self._file.flush()

    def close(
        self,
        manifest: Manifest,
        verdicts: Sequence[Verdict] = (),
        series: Sequence[tuple[Seconds, str, float]] = (),
    ) -> Manifest:
        """Finish the folder: events and series as Parquet, verdicts, and the final manifest.

        Args:
            manifest: how the run ended; what concerns the recording is filled in here.
            verdicts: what each checker concluded.
            series: sampled gauges, ``(time_s, name, value)``.

        Returns:
            The manifest as written.
        """
        path = self.path
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None
            _to_parquet(path / EVENTS_OPEN, path / EVENTS, EVENT_COLUMNS, self._longest)
        samples = [Sample(time_s, name, value) for time_s, name, value in series]
        lines = msgspec.json.Encoder().encode_lines(samples)
        (path / METRICS_OPEN).write_bytes(lines)
        _to_parquet(path / METRICS_OPEN, path / METRICS, METRIC_COLUMNS, len(lines))
        _write(path / VERDICTS, _pretty(list(verdicts)))
        # The manifest comes last: while it says "running", the other files may be incomplete.
        final = msgspec.structs.replace(
            manifest,
            recorded=self.recorded,
            truncated=self._keeps_events and self.count > self.recorded,
            replay=self.manifest.replay,
        )
        _write(path / MANIFEST, _pretty(final))
        self._manifest = final
        return final


class Sink(Protocol):
    """Takes the events of a simulation, bucket by bucket."""

    def bucket(self, events: Sequence[tuple[Seconds, PeerId, PeerId, object]]) -> None:
        """Take a batch of ``(time_s, sender, receiver, message)``, in order."""


def describe_event(n: int, event: tuple[Seconds, PeerId, PeerId, object]) -> Event:
    """One of the simulator's events as the reader of a folder would give it."""
    time_s, sender, receiver, message = event
    kind, type_name = _label(type(message))
    row = Row(n, time_s, kind, sender, receiver.lstrip("\0"), type_name, message)
    line = _encode_lines(msgspec.json.Encoder(enc_hook=_describe), [row])
    payload = bytes(msgspec.json.decode(line, type=RawPayload).payload).decode()
    return Event(n, time_s, kind, sender, row.receiver, type_name, payload)


def to_json(value: object) -> bytes:
    """`value` as JSON; arrays become lists, and what JSON cannot hold is named by its type."""
    return msgspec.json.Encoder(enc_hook=_describe).encode(value)


def _new_folder(runs_dir: Path, manifest: Manifest) -> Path:
    """Make a folder that did not exist: date and time, scenario, seed, and a number if need be."""
    stamp = datetime.fromisoformat(manifest.started).strftime("%Y-%m-%dT%H%M%SZ")
    base = f"{stamp}-{manifest.scenario}-{manifest.seed}"
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, 10_000):
            path = runs_dir / (base if attempt == 1 else f"{base}-{attempt}")
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise UserError(
            f"{runs_dir}: cannot hold run folders ({error.strerror}); choose another: --runs-dir"
        ) from error
    raise UserError(f"{runs_dir}: holds too many runs of {base}; choose another: --runs-dir")


def _label(message_type: type) -> tuple[str, str]:
    """Kind and type name of an event, by the type of what it carries."""
    if issubclass(message_type, Message):
        return "message", message_type.__name__
    if issubclass(message_type, Fact):
        return "fact", message_type.__name__
    return message_type.__name__.lower().strip("_"), message_type.__name__


def _describe(value: Any) -> object:
    """What to record of a value that is neither a struct nor plain data."""
    match value:
        case Done():
            return {"done": value.value}
        case Failed():
            return {"failed": value.reason}
        case TimedOut():
            return {"timed_out": True}
        case Operation():
            return {"port": value.port, "verb": value.verb, "arguments": value.arguments}
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return value.tolist()
    return f"<{type(value).__name__}>"


def _encode_lines(encoder: msgspec.json.Encoder, rows: list[Row]) -> bytes:
    """`rows` as JSON lines; a payload that JSON cannot hold is recorded as its description."""
    try:
        return encoder.encode_lines(rows)
    except (TypeError, ValueError, OverflowError):
        pass
    lines = []
    for row in rows:
        try:
            line = encoder.encode(row)
        except (TypeError, ValueError, OverflowError):
            row.payload = ascii(row.payload)
            line = encoder.encode(row)
        lines.append(line + b"\n")
    return b"".join(lines)


def _to_parquet(source: Path, target: Path, columns: Mapping[str, str], longest: int) -> None:
    """Convert JSON lines to a zstd Parquet file beside them, then remove the lines."""
    import duckdb

    partial = target.with_name(target.name + ".partial")
    wanted = ", ".join(
        f"{name}::VARCHAR AS {name}" if kind == "JSON" else name for name, kind in columns.items()
    )
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT {wanted} FROM read_json({glob_sql(source)}, "  # noqa: S608  # quoted
            f"format = 'newline_delimited', columns = {columns_sql(columns)}, "
            f"maximum_object_size = {max(longest, DEFAULT_LINE_BYTES)})) "
            f"TO {path_sql(partial)} (FORMAT parquet, COMPRESSION zstd)"
        )
    partial.replace(target)
    source.unlink()


def _pretty(value: object) -> bytes:
    return msgspec.json.format(to_json(value), indent=2) + b"\n"


def _write(path: Path, content: bytes) -> None:
    """Replace a file atomically: a reader sees the old content or the new, never half of it."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)


def _point_latest(path: Path) -> None:
    """Let ``runs/latest`` name `path`; a text file where the system allows no links."""
    latest = path.parent / LATEST
    partial = path.parent / f".{LATEST}-{os.getpid()}"
    try:
        partial.unlink(missing_ok=True)
        partial.symlink_to(path.name, target_is_directory=True)
    except (OSError, NotImplementedError):
        partial.write_text(path.name + "\n", "utf-8")
    try:
        partial.replace(latest)
    except OSError:
        partial.unlink()  # somebody keeps a folder of that name; it is theirs
