"""Fault bands are what really struck; a plan is drawn only where nothing was recorded."""

import json
from pathlib import Path

import pytest
from synthetic_runs import DURATION_S, FAULTS, write_synthetic_run

from dashboards.faults import FaultBand, read_fault_bands
from dashboards.load import read_run_data
from prsm_sim.actor.errors import UserError
from prsm_sim.run_folder import open_run

pytestmark = pytest.mark.slow

PLANNED = {
    "crash_at_s": 30.0,
    "crash_s": 5.0,
    "loss_at_s": 10.0,
    "loss_s": 0.0,
    "faults": [{"kind": "pause", "at_s": 60, "for_s": 2, "peer": "a"}],
}


def record(folder: Path, *facts: tuple[float, str, dict[str, str]]) -> None:
    """Replace a run's events by these facts, as a run that was killed leaves them."""
    (folder / "events.parquet").unlink()
    lines = [
        json.dumps(
            {"n": n, "time_s": t, "kind": "fact", "sender": "", "receiver": "", "type": type_}
            | {"payload": payload}
        )
        for n, (t, type_, payload) in enumerate(facts)
    ]
    (folder / "events.ndjson").write_text("\n".join(lines) + "\n")


def test_bands_are_what_struck_and_healed(tmp_path: Path) -> None:
    folder = write_synthetic_run(tmp_path, parameters=PLANNED)
    assert read_fault_bands(open_run(folder)) == [FaultBand(*fault) for fault in FAULTS]


def test_a_recorded_run_that_nothing_struck_has_no_band_whatever_was_planned(
    tmp_path: Path,
) -> None:
    folder = write_synthetic_run(tmp_path, parameters=PLANNED, faults={"crash": 1, "pause": 1})
    record(folder, (1.0, "QueryAsked", {}))
    assert read_fault_bands(open_run(folder)) == []


def test_without_events_what_was_planned_and_counted_is_marked_as_scheduled(
    tmp_path: Path,
) -> None:
    folder = write_synthetic_run(tmp_path, parameters=PLANNED, faults={"crash": 1})
    (folder / "events.parquet").unlink()
    bands = read_fault_bands(open_run(folder))
    assert bands == [FaultBand("crash", "", 30.0, 35.0, scheduled=True)]
    assert bands[0].label == "crash, scheduled"


def test_a_going_run_without_events_shows_its_plan(tmp_path: Path) -> None:
    folder = write_synthetic_run(tmp_path, parameters=PLANNED, status="running", virtual_s=0.0)
    (folder / "events.parquet").unlink()
    assert [(band.kind, band.start_s) for band in read_fault_bands(open_run(folder))] == [
        ("crash", 30.0),
        ("pause", 60.0),
    ]


def test_an_unhealed_fault_lasts_to_the_end(tmp_path: Path) -> None:
    folder = write_synthetic_run(tmp_path)
    record(folder, (5.0, "FaultStruck", {"kind": "crash", "target": "a"}))
    expected = [FaultBand("crash", "a", 5.0, float(DURATION_S))]
    assert read_fault_bands(open_run(folder)) == expected


def test_in_a_bounded_recording_it_lasts_only_as_long_as_was_recorded(tmp_path: Path) -> None:
    folder = write_synthetic_run(tmp_path, truncated=True)
    record(
        folder,
        (5.0, "FaultStruck", {"kind": "crash", "target": "a"}),
        (9.0, "QueryAsked", {}),
    )
    data = read_run_data(folder)
    assert data.bands == [FaultBand("crash", "a", 5.0, 9.0)]
    assert "up to 9.0 s" in data.note


def test_faults_of_one_kind_that_overlap_are_told_apart_by_target(tmp_path: Path) -> None:
    folder = write_synthetic_run(tmp_path)
    a, b = {"kind": "crash", "target": "a"}, {"kind": "crash", "target": "b"}
    record(
        folder,
        (1.0, "FaultStruck", a),
        (2.0, "FaultStruck", b),
        (3.0, "FaultHealed", a),
        (7.0, "FaultHealed", b),
    )
    assert read_fault_bands(open_run(folder)) == [
        FaultBand("crash", "a", 1.0, 3.0),
        FaultBand("crash", "b", 2.0, 7.0),
    ]


def test_a_large_group_is_shown_by_its_size(tmp_path: Path) -> None:
    folder = write_synthetic_run(tmp_path)
    target = " ".join(f"peer-{i}" for i in range(152)) + " | a b"
    record(folder, (1.0, "FaultStruck", {"kind": "partition", "target": target}))
    assert read_fault_bands(open_run(folder))[0].target == "152 peers | a b"


def test_an_unreadable_fact_is_one_line(tmp_path: Path) -> None:
    folder = write_synthetic_run(tmp_path)
    record(folder, (1.0, "FaultStruck", {"kind": "crash"}))
    with pytest.raises(UserError, match="a recorded fault cannot be read"):
        read_fault_bands(open_run(folder))
