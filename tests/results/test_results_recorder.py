"""The recorder and the reader are each other's inverse, and never lose or overwrite a run."""

import json
from pathlib import Path

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prsm_sim.actor import Done, Fact, Failed, Message, TimedOut, UserError
from prsm_sim.checker import Verdict
from prsm_sim.manifest import Manifest, new_manifest
from prsm_sim.recorder import Recorder, describe_event
from prsm_sim.run_folder import list_runs, open_run

pytestmark = pytest.mark.slow


class Said(Message, frozen=True):
    text: str
    units: int
    raw: bytes = b""
    nested: tuple[float, ...] = ()


class Heard(Fact, frozen=True):
    text: str


class Completed(msgspec.Struct, frozen=True):
    outcome: object


class Opaque:
    pass


def manifest(seed: int = 1, name: str = "toy") -> Manifest:
    return new_manifest(scenario=name, parameters={"a": 1}, seed=seed, world="sim")


finite = st.floats(allow_nan=False, allow_infinity=False)
names = st.text(max_size=8).filter(lambda text: text[:1] != "\0")
contents = st.one_of(
    st.builds(Said, names, st.integers(), st.binary(max_size=9), st.tuples(finite, finite)),
    st.builds(Heard, names),
)
events = st.lists(
    st.tuples(st.floats(0, 1e9), names, names, contents), max_size=20
)  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(st.lists(events, max_size=4), st.integers(0, 3))
def test_what_is_recorded_is_read_back(tmp_path_factory, batches, opened_after):
    runs_dir = tmp_path_factory.mktemp("runs")
    recorder = Recorder()
    for index, batch in enumerate(batches):
        if index == opened_after:
            recorder.open(runs_dir, manifest())
        recorder.bucket(batch)
    if len(batches) <= opened_after:
        recorder.open(runs_dir, manifest())
    recorder.close(manifest())
    read = open_run(recorder.path).events()
    expected = [event for batch in batches for event in batch]
    assert [event.n for event in read] == list(range(len(expected)))
    for found, (time_s, sender, receiver, message) in zip(read, expected, strict=True):
        assert (found.time_s, found.sender, found.receiver) == (time_s, sender, receiver)
        assert found.type == type(message).__name__
        assert found.kind == ("message" if isinstance(message, Message) else "fact")
        assert msgspec.json.decode(found.payload, type=type(message)) == message
        described = describe_event(found.n, (time_s, sender, receiver, message))
        assert described[:-1] == found[:-1]
        assert json.loads(described.payload) == json.loads(found.payload)


def test_values_that_are_no_messages_are_described(tmp_path):
    recorder = Recorder()
    recorder.open(tmp_path, manifest())
    values = [
        (Completed(Done(3)), {"outcome": {"done": 3}}),
        (Completed(Failed("no")), {"outcome": {"failed": "no"}}),
        (Completed(TimedOut()), {"outcome": {"timed_out": True}}),
        (Completed(Opaque()), {"outcome": "<Opaque>"}),
        (Opaque(), "<Opaque>"),
    ]
    recorder.bucket([(0.0, "a", "\0world", value) for value, _ in values])
    recorder.event(1.0, "rejected", "a", "b", "bad signature")
    recorder.event(2.0, "deliver", "a", "b", Said("x", 1))
    recorder.close(manifest())
    read = open_run(recorder.path).events()
    assert [json.loads(event.payload) for event in read[:5]] == [text for _, text in values]
    assert {event.receiver for event in read[:5]} == {"world"}
    assert [event.kind for event in read] == ["completed"] * 4 + ["opaque", "rejected", "deliver"]
    assert (read[5].type, read[5].payload) == ("rejected", '"bad signature"')
    assert read[6].type == "Said"


def test_a_payload_that_json_cannot_hold_does_not_lose_its_neighbours(tmp_path):
    recorder = Recorder()
    recorder.open(tmp_path, manifest())
    odd = Completed({(1, 2): "a tuple is no JSON key"})
    recorder.bucket(
        [(0.0, "a", "b", Heard("x")), (1.0, "a", "b", odd), (2.0, "a", "b", Heard("y"))]
    )
    recorder.close(manifest())
    payloads = [event.payload for event in open_run(recorder.path).events()]
    assert "a tuple is no JSON key" in payloads[1]
    assert [json.loads(p)["text"] for p in (payloads[0], payloads[2])] == ["x", "y"]


@given(st.integers(0, 30), st.lists(st.integers(0, 12), max_size=5))
@settings(max_examples=10, deadline=None)
def test_a_bound_keeps_the_first_events(tmp_path_factory, bound, sizes):
    recorder = Recorder(events=bound)
    recorder.open(tmp_path_factory.mktemp("runs"), manifest())
    for size in sizes:
        recorder.bucket([(0.0, "a", "b", Heard("x"))] * size)
    final = recorder.close(manifest())
    kept = min(bound, sum(sizes))
    run = open_run(recorder.path)
    assert [event.n for event in run.events()] == list(range(kept))
    assert (final.recorded, recorder.count) == (kept, sum(sizes))
    assert final.truncated == (0 < bound < sum(sizes))
    assert run.has_events == (bound > 0)


def test_metrics_and_verdicts_are_read_back(tmp_path):
    recorder = Recorder()
    recorder.open(tmp_path, manifest())
    series = [(0.0, "a", 1.5), (0.0, "b", float("nan")), (1.0, "a", -2.0)]
    verdicts = [Verdict("x", "fail", 3, "why", 1.5, 7), Verdict("y", "inconclusive", 0)]
    recorder.close(manifest(), verdicts, series)
    run = open_run(recorder.path)
    assert run.metrics() == [(0.0, "a", 1.5), (0.0, "b", None), (1.0, "a", -2.0)]
    assert run.verdicts == verdicts
    assert run.query("SELECT sum(value) FROM metrics WHERE name = ?", ["a"]) == [(-0.5,)]


def test_folders_never_collide_and_latest_is_the_newest(tmp_path):
    paths = []
    same = manifest()
    for _ in range(4):
        recorder = Recorder()
        recorder.open(tmp_path, same)
        recorder.close(same)
        paths.append(recorder.path)
        assert open_run("latest", tmp_path).path == recorder.path
        assert (tmp_path / "latest").is_symlink()
    assert len({path.name for path in paths}) == 4
    assert set(list_runs(tmp_path)) == set(paths)
    assert paths[0].name.endswith("Z-toy-1")


def test_where_links_are_not_allowed_latest_is_a_text_file(tmp_path, monkeypatch):
    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError("links are not allowed")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    for seed in (1, 2):
        recorder = Recorder()
        recorder.open(tmp_path, manifest(seed))
        recorder.close(manifest(seed))
    assert not (tmp_path / "latest").is_symlink()
    assert open_run("latest", tmp_path).manifest.seed == 2
    assert open_run(tmp_path / "latest").manifest.seed == 2


def test_a_folder_called_latest_stays_its_owners(tmp_path):
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "mine.txt").write_text("keep me")
    recorder = Recorder()
    recorder.open(tmp_path, manifest())
    assert (tmp_path / "latest" / "mine.txt").read_text() == "keep me"
    assert sorted(p.name for p in tmp_path.iterdir()) == [recorder.path.name, "latest"]


def test_a_running_run_says_so_and_can_be_read(tmp_path):
    recorder = Recorder()
    opened = recorder.open(tmp_path, manifest())
    recorder.bucket([(0.5, "a", "b", Heard("x"))])
    recorder.flush()
    run = open_run("latest", tmp_path)
    assert run.manifest.status == opened.status == "running"
    assert [event.type for event in run.events()] == ["Heard"]
    assert run.metrics() == []


@pytest.mark.parametrize("name", ["plain", "it's", "with space", "[a-z]*?", "ünï"])
def test_any_folder_name_works(tmp_path, name):
    recorder = Recorder()
    recorder.open(tmp_path / name, manifest())
    recorder.bucket([(0.5, "a", "b", Heard("x"))])
    recorder.close(manifest(), series=[(0.0, "a", 1.0)])
    run = open_run("latest", tmp_path / name)
    assert len(run.events()) == len(run.metrics()) == 1


def test_parquet_of_another_kind_is_refused(tmp_path):
    recorder = Recorder()
    recorder.open(tmp_path, manifest())
    recorder.close(manifest(), series=[(0.0, "a", 1.0)])
    (recorder.path / "events.parquet").write_bytes((recorder.path / "metrics.parquet").read_bytes())
    with pytest.raises(UserError, match=r"events\.parquet.*record it anew: prsm replay"):
        open_run(recorder.path).events()


def test_events_come_in_order_however_the_file_is_sorted(tmp_path):
    recorder = Recorder()
    recorder.open(tmp_path, manifest())
    recorder.bucket([(n / 10, "a", "b", Heard("x")) for n in range(9)])
    recorder.close(manifest())
    file = recorder.path / "events.parquet"
    duckdb.execute(f"COPY (FROM '{file}' ORDER BY n DESC) TO '{file}.new' (FORMAT parquet)")
    file.with_name("events.parquet.new").replace(file)
    assert [event.n for event in open_run(recorder.path).events(2, 6)] == [2, 3, 4, 5]


def test_a_manifest_tells_what_ran(tmp_path):
    source = tmp_path / "mine.py"
    source.write_text("x = 1\n")
    found = new_manifest(scenario="s", parameters={"n": 2}, seed=5, world="live", source=source)
    assert (found.scenario, found.parameters, found.seed) == ("s", {"n": 2}, 5)
    assert (found.world, found.source, found.status) == ("live", str(source), "running")
    source.write_text("x = 2\n")
    later = new_manifest(scenario="s", parameters={}, seed=5, world="live", source=source)
    assert later.source_sha256 != found.source_sha256
