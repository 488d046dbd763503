"""The first divergent event is found wherever it is, and only where there is one."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prsm_sim.actor import Message, UserError
from prsm_sim.diff import compare
from prsm_sim.manifest import new_manifest
from prsm_sim.recorder import Recorder
from prsm_sim.run_folder import RunFolder, open_run

pytestmark = pytest.mark.slow


class Said(Message, frozen=True):
    number: int


Row = tuple[float, str, str, Said]


def record(
    runs_dir: Path, rows: list[Row], *, digest: str, events: bool | int = True, **changes: Any
) -> RunFolder:
    series = changes.pop("series", ())
    about = new_manifest(
        scenario="toy", parameters=changes.pop("parameters", {}), seed=1, world="sim"
    )
    recorder = Recorder(events=events)
    recorder.open(runs_dir, about)
    recorder.bucket(rows)
    final = msgspec.structs.replace(
        about, status="pass", digest=digest, events=len(rows), **changes
    )
    recorder.close(final, series=series)
    return open_run(recorder.path)


def rows(count: int) -> list[Row]:
    return [(n / 10, f"p{n % 3}", f"p{n % 2}", Said(n)) for n in range(count)]


CHANGES = {
    "time": lambda row: (row[0] + 1e-9, *row[1:]),
    "sender": lambda row: (row[0], row[1] + "x", *row[2:]),
    "receiver": lambda row: (*row[:2], "", row[3]),
    "payload": lambda row: (*row[:3], Said(-1)),
}


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_a_changed_event_is_found(tmp_path_factory, data):
    count = data.draw(st.integers(1, 30))
    where = sorted(data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=3)))
    changed = rows(count)
    for n in where:
        changed[n] = CHANGES[data.draw(st.sampled_from(sorted(CHANGES)))](changed[n])
    runs_dir = tmp_path_factory.mktemp("runs")
    left = record(runs_dir, rows(count), digest="a")
    right = record(runs_dir, changed, digest="b")
    found = compare(left, right)
    assert not found.identical
    assert found.events is not None
    assert found.events.n == where[0]
    assert found.events.left == left.events()[where[0]]
    assert found.events.right == right.events()[where[0]]
    assert found.events.left != found.events.right
    assert found.events.before == left.events()[max(0, where[0] - 3) : where[0]]


def test_the_first_of_many_is_found_in_a_long_run(tmp_path):
    changed = rows(20_000)
    for n in range(19_999, 6_543, -1):
        changed[n] = CHANGES["payload"](changed[n])
    left = record(tmp_path, rows(20_000), digest="a")
    found = compare(left, record(tmp_path, changed, digest="b"))
    assert found.events is not None
    assert found.events.n == 6_544


@pytest.mark.parametrize("turned", [False, True])
def test_a_run_that_ends_early_parts_where_it_ends(tmp_path, turned):
    long, short = record(tmp_path, rows(9), digest="a"), record(tmp_path, rows(5), digest="b")
    found = compare(short, long) if turned else compare(long, short)
    assert found.events is not None
    assert found.events.n == 5
    assert (found.events.left is None) == turned
    assert (found.events.right is None) == (not turned)


def test_the_same_digest_is_identical_whatever_was_recorded(tmp_path):
    left = record(tmp_path, rows(9), digest="a")
    right = record(tmp_path, rows(9), digest="a", events=False)
    assert compare(left, right).identical


def test_without_digests_the_events_decide(tmp_path):
    left, right = record(tmp_path, rows(9), digest=""), record(tmp_path, rows(9), digest="")
    assert compare(left, right).identical
    assert not compare(left, record(tmp_path, rows(8), digest="")).identical


def test_what_was_not_recorded_is_not_called_a_divergence(tmp_path):
    full = record(tmp_path, rows(9), digest="a")
    some = record(tmp_path, rows(9), digest="b", events=4)
    none = record(tmp_path, rows(9), digest="c", events=False)
    bounded, without = compare(full, some), compare(full, none)
    assert (bounded.identical, bounded.events) == (False, None)
    assert "leave out --events" in bounded.note
    assert (without.identical, without.events) == (False, None)
    assert "leave out --no-events" in without.note
    assert str(none.path) in without.note


def test_manifests_parameters_and_metrics_are_compared(tmp_path):
    left = record(
        tmp_path, rows(3), digest="a", parameters={"n": 1, "in": {"x": 1, "y": 2}},
        metrics={"k": 1, "by": {"a": 2}}, series=[(0.0, "g", 1.0), (1.0, "g", 2.0)],
    )  # fmt: skip
    right = record(
        tmp_path, rows(3), digest="b", parameters={"n": 1, "in": {"x": 5, "y": 2}}, wall_s=9.0,
        metrics={"k": 1, "by": {"a": 3}}, series=[(0.0, "g", 1.0), (1.0, "g", 7.0)],
    )  # fmt: skip
    found = compare(left, right)
    assert found.parameters == {"in.x": (1, 5)}
    assert found.metrics == {"by.a": (2, 3)}
    assert found.series == {"g": (1.0, 2.0, 7.0)}
    assert set(found.manifest) == {"digest"}
    assert "the same" in found.note


def test_a_run_that_has_not_ended_is_refused(tmp_path):
    ended = record(tmp_path, rows(3), digest="a")
    recorder = Recorder()
    recorder.open(tmp_path, new_manifest(scenario="toy", parameters={}, seed=1, world="sim"))
    with pytest.raises(UserError, match="still running or killed"):
        compare(ended, open_run(recorder.path))
