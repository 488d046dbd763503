"""A run is a folder: what it holds, and how to read it without being fooled.

::

    runs/2026-01-31T120000Z-research_market-7/
        manifest.json     what was run, with what, and how it ended (`Manifest`)
        events.parquet    n, time_s, kind, sender, receiver, type, payload (JSON text)
        metrics.parquet   time_s, name, value
        verdicts.json     what each checker concluded
    runs/latest           link to the newest

The manifest carries the number of the format. A reader of another format refuses the folder instead
of guessing, and a truncated file is named together with the command that makes it anew. Nothing
here writes. A run that is still going, or was killed, has its events in ``events.ndjson``; they are
read from there, but for a last line that was cut off.
"""

import difflib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from prsm_sim.actor.errors import UserError
from prsm_sim.checker import Verdict
from prsm_sim.manifest import FORMAT, Manifest

if TYPE_CHECKING:
    import duckdb

MANIFEST = "manifest.json"
VERDICTS = "verdicts.json"
EVENTS = "events.parquet"
EVENTS_OPEN = "events.ndjson"
METRICS = "metrics.parquet"
METRICS_OPEN = "metrics.ndjson"
LATEST = "latest"

EVENT_COLUMNS = {
    "n": "BIGINT",
    "time_s": "DOUBLE",
    "kind": "VARCHAR",
    "sender": "VARCHAR",
    "receiver": "VARCHAR",
    "type": "VARCHAR",
    "payload": "JSON",
}
METRIC_COLUMNS = {"time_s": "DOUBLE", "name": "VARCHAR", "value": "DOUBLE"}


class Event(NamedTuple):
    """One recorded event; `payload` is JSON text."""

    n: int
    time_s: float
    kind: str
    sender: str
    receiver: str
    type: str
    payload: str


class RunFolder:
    """A recorded run, read only. Made by `open_run`.

    Attributes:
        path: the folder.
        manifest: what was run and how it ended.
        verdicts: what each checker concluded; empty while the run is going.
    """

    def __init__(self, path: Path, manifest: Manifest, verdicts: list[Verdict]) -> None:
        self.path = path
        self.manifest = manifest
        self.verdicts = verdicts
        self._connection: duckdb.DuckDBPyConnection | None = None

    @property
    def has_events(self) -> bool:
        """Whether the folder holds any recorded events."""
        return any((self.path / name).exists() for name in (EVENTS, EVENTS_OPEN))

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of a DuckDB query over the views ``events`` and ``metrics``.

        Raises:
            UserError: a Parquet file is truncated, corrupt or lacks columns.
        """
        import duckdb

        if self._connection is None:
            self._connection = self._connect()
        try:
            return self._connection.execute(sql, list(parameters)).fetchall()
        except duckdb.Error as error:
            raise self._unreadable(f"{EVENTS} or {METRICS}", error) from error

    def events(self, start: int = 0, stop: int | None = None) -> list[Event]:
        """The events with ``start <= n < stop``, in order of `n`."""
        rows = self.query(
            "SELECT n, time_s, kind, sender, receiver, type, payload FROM events "
            "WHERE n >= ? AND (?::BIGINT IS NULL OR n < ?::BIGINT) ORDER BY n",
            (start, stop, stop),
        )
        return [Event(*row) for row in rows]

    def metrics(self) -> list[tuple[float, str, float | None]]:
        """The sampled series, ``(time_s, name, value)``, in the order they were sampled."""
        return [(row[0], row[1], row[2]) for row in self.query("FROM metrics")]

    def _connect(self) -> "duckdb.DuckDBPyConnection":
        import duckdb

        connection = duckdb.connect()
        connection.execute("SET threads = 2")
        for view, names, columns in (
            ("events", (EVENTS, EVENTS_OPEN), EVENT_COLUMNS),
            ("metrics", (METRICS, METRICS_OPEN), METRIC_COLUMNS),
        ):
            file = next((self.path / n for n in names if (self.path / n).exists()), None)
            try:
                connection.execute(f"CREATE VIEW {view} AS {_source(file, columns)}")
            except duckdb.Error as error:
                raise self._unreadable(names[0] if file is None else file.name, error) from error
        return connection

    def _unreadable(self, what: str, error: Exception) -> UserError:
        reason = str(error).strip().splitlines()[0]
        mend = f"; record it anew: {self.manifest.replay} --record" if self.manifest.replay else ""
        return UserError(f"{self.path / what}: truncated or corrupt Parquet ({reason}){mend}")


def open_run(run: Path | str, runs_dir: Path | str = "runs") -> RunFolder:
    """Open a run by its path, or by its name in `runs_dir` (``latest`` is the newest).

    Raises:
        UserError: there is no such run, it is of another format version, or a file is broken.
    """
    path = _find(run, Path(runs_dir))
    text = _read(path / MANIFEST)
    try:
        header = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path / MANIFEST}: broken JSON ({error}); run it again") from error
    if header.get("format") != FORMAT:
        raise UserError(
            f"{path / MANIFEST}: run folder of format {header.get('format')}, this prsm reads "
            f"format {FORMAT}; use prsm-sim {header.get('version', 'of that time')} or "
            f"run it again"
        )
    manifest: Manifest = _decode(path / MANIFEST, text, Manifest)
    verdicts: list[Verdict] = []
    if (path / VERDICTS).exists():
        verdicts = _decode(path / VERDICTS, _read(path / VERDICTS), list[Verdict])
    return RunFolder(path, manifest, verdicts)


def list_runs(runs_dir: Path | str = "runs") -> list[Path]:
    """The run folders in `runs_dir`, oldest first; none if there is no such folder."""
    root = Path(runs_dir)
    if not root.is_dir():
        return []
    return sorted(
        child for child in root.iterdir() if not child.is_symlink() and (child / MANIFEST).is_file()
    )


def show_path(path: Path) -> str:
    """`path` as a person types it in a shell here: relative if it is below, quoted if need be."""
    try:
        shown = path.absolute().relative_to(Path.cwd())
    except ValueError:
        shown = path
    return shlex.quote(str(shown))


def columns_sql(columns: Mapping[str, str]) -> str:
    """`columns` as DuckDB's ``read_json`` wants them."""
    return "{" + ", ".join(f"{name}: '{kind}'" for name, kind in columns.items()) + "}"


def path_sql(path: Path) -> str:
    """`path` as a DuckDB string, to write to."""
    return "'" + str(path).replace("'", "''") + "'"


def glob_sql(path: Path) -> str:
    """`path` as a DuckDB pattern that matches only it, to read from."""
    text = "".join(f"[{c}]" if c in "*?[" else c for c in str(path))
    return path_sql(Path(text))


def _source(file: Path | None, columns: Mapping[str, str]) -> str:
    """The query behind a view: `file` with exactly `columns`, or no rows if there is no file."""
    wanted = ", ".join(_column(name, kind) for name, kind in columns.items())
    if file is None:
        empty = ", ".join(f"NULL::{_stored(kind)} AS {name}" for name, kind in columns.items())
        return f"SELECT {empty} WHERE false"
    if file.suffix == ".parquet":
        return f"SELECT {wanted} FROM read_parquet({glob_sql(file)})"  # noqa: S608  # quoted
    return (
        f"SELECT {wanted} FROM read_json({glob_sql(file)}, format = 'newline_delimited', "  # noqa: S608  # quoted
        f"columns = {columns_sql(columns)}, ignore_errors = true)"
    )


def _column(name: str, kind: str) -> str:
    return f"{name}::{_stored(kind)} AS {name}"


def _stored(kind: str) -> str:
    """The Parquet type of a column; JSON is kept as its text."""
    return "VARCHAR" if kind == "JSON" else kind


def _find(run: Path | str, runs_dir: Path) -> Path:
    """The folder that `run` names."""
    for candidate in (Path(run), runs_dir / run):
        if (candidate / MANIFEST).is_file():
            return candidate.resolve() if candidate.is_symlink() else candidate
        if candidate.name == LATEST and candidate.is_file():
            # Where links are not allowed, `latest` is a file that holds the newest run's name.
            return _find(candidate.parent / candidate.read_text("utf-8").strip(), runs_dir)
        if candidate.is_dir() and candidate != Path() and candidate != runs_dir:
            raise UserError(
                f"{candidate}: not a run folder, it has no {MANIFEST}; `prsm runs ls` lists runs"
            )
    raise UserError(f"{run}: no such run{_hint(str(run), runs_dir)}")


def _hint(run: str, runs_dir: Path) -> str:
    names = [path.name for path in list_runs(runs_dir)]
    if not names:
        return f"; {runs_dir} holds none yet, `prsm run SCENARIO` makes one"
    near = _nearest(Path(run).name, names)
    return f"; did you mean {near!r}? `prsm runs ls` lists all {len(names)}"


def _nearest(name: str, names: Iterable[str]) -> str:
    """The most similar of `names`, which must not be empty."""
    return max(names, key=lambda other: difflib.SequenceMatcher(None, name, other).ratio())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); run it again") from error


def _decode(path: Path, text: bytes, as_type: Any) -> Any:
    try:
        return msgspec.json.decode(text, type=as_type)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: broken JSON ({error}); run it again") from error
