"""Studies: the same results wherever they were made, and nothing lost when they are stopped."""

import csv
import io
import json
from pathlib import Path

import msgspec
import pytest

from prsm_sim.actor.errors import UserError
from prsm_sim.sweep.backends import run_on
from prsm_sim.sweep.design import grid, parse_axis
from prsm_sim.sweep.ray_cluster import blocks_of
from prsm_sim.sweep.results import OUTCOMES, STUDY, StudyFolder, table
from prsm_sim.sweep.study import Outcome, Study, run_task

STUDY_OF_8 = Study(
    scenario="consensus_baseline",
    fixed=("link=exponential:0.01", "requests=4"),
    points=grid([parse_axis("replicas=4,7")]),
    first_seed=5,
    seeds=4,
    version="test",
)


@pytest.fixture(scope="module")
def expected() -> list[Outcome]:
    return [run_task(STUDY_OF_8, number) for number in range(STUDY_OF_8.tasks)]


def test_each_seed_is_a_run_of_its_own_and_every_point_gets_the_same_ones(
    expected: list[Outcome],
) -> None:
    assert len({one.digest for one in expected}) == len(expected) == 8
    assert [one.seed for one in expected] == [5, 6, 7, 8] * 2
    assert [one.point for one in expected] == [("replicas=4",)] * 4 + [("replicas=7",)] * 4
    assert all(one.status == "pass" and one.metrics["returned"] == 4 for one in expected)
    assert [one.metrics["messages.replica_to_replica"] for one in expected] == [96] * 4 + [336] * 4


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_do_not_depend_on_who_made_them(expected: list[Outcome], workers: int) -> None:
    blocks = run_on("processes", STUDY_OF_8, range(STUDY_OF_8.tasks), workers)
    assert [one for block in blocks for one in block] == expected


def test_there_is_no_such_place() -> None:
    with pytest.raises(UserError, match="there is no such place"):
        next(run_on("moon", STUDY_OF_8, [0], 1))


@pytest.mark.parametrize(("count", "workers"), [(0, 1), (1, 4), (7, 2), (100, 3), (1000, 2)])
def test_blocks_hold_every_task_once_in_order(count: int, workers: int) -> None:
    blocks = blocks_of(range(count), workers)
    assert [number for block in blocks for number in block] == list(range(count))
    assert all(blocks)


def test_a_study_that_was_stopped_goes_on_where_it_was(
    tmp_path: Path, expected: list[Outcome]
) -> None:
    with StudyFolder(tmp_path / "s", STUDY_OF_8) as folder:
        folder.add(expected[:2])
        folder.add(expected[5:6])
    file = tmp_path / "s" / OUTCOMES
    file.write_bytes(file.read_bytes() + msgspec.json.encode(expected[3])[:40])  # torn by a crash
    with StudyFolder(tmp_path / "s", STUDY_OF_8) as folder:
        assert folder.missing == [2, 3, 4, 6, 7]
        assert list(folder.done.values()) == [expected[0], expected[1], expected[5]]
        folder.add(expected[number] for number in folder.missing)
        assert folder.missing == []
        first = folder.finish().read_bytes()
    with StudyFolder(tmp_path / "t", STUDY_OF_8) as folder:
        folder.add(reversed(expected))
        assert folder.finish().read_bytes() == first


def test_a_folder_belongs_to_one_study(tmp_path: Path) -> None:
    StudyFolder(tmp_path, STUDY_OF_8).__exit__(None, None, None)
    other = msgspec.structs.replace(STUDY_OF_8, seeds=5)
    with pytest.raises(UserError, match=r"holds another study .*seeds"):
        StudyFolder(tmp_path, other)
    (tmp_path / STUDY).write_text("{")
    with pytest.raises(UserError, match="damaged"):
        StudyFolder(tmp_path, STUDY_OF_8)
    (tmp_path / STUDY).unlink()
    with pytest.raises(UserError, match="has outcomes and no study"):
        StudyFolder(tmp_path, STUDY_OF_8)


def test_a_damaged_line_is_named(tmp_path: Path, expected: list[Outcome]) -> None:
    with StudyFolder(tmp_path, STUDY_OF_8) as folder:
        folder.add(expected[:3])
    file = tmp_path / OUTCOMES
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + b'{"task": "one"}\n' + lines[2])
    with pytest.raises(UserError, match=f"{OUTCOMES}:2: damaged"):
        StudyFolder(tmp_path, STUDY_OF_8)


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        StudyFolder(tmp_path / "file" / "study", STUDY_OF_8)


def test_a_replica_that_fails_is_an_outcome_and_no_zero(expected: list[Outcome]) -> None:
    study = Study(
        scenario="consensus_baseline", fixed=("requests=4",), seeds=2,
        points=(("byzantine=0",), ("byzantine=2:collude",), ("clients=99",)),
    )  # fmt: skip
    outcomes = [run_task(study, number) for number in range(study.tasks)]
    assert [one.status for one in outcomes[:2]] == ["pass", "pass"]
    assert {one.status for one in outcomes[2:4]} <= {"pass", "fail"}
    assert [one.status for one in outcomes[4:]] == ["error", "error"]
    assert "clients" in outcomes[4].failure
    assert outcomes[4].metrics == {}
    rows = list(csv.DictReader(io.StringIO(table(outcomes))))
    assert rows[4]["committed"] == "", "nothing is not zero"
    assert rows[0]["committed"] == "4.0"
    assert [row["status"] for row in rows] == [one.status for one in outcomes]


def test_the_file_says_what_is_run(tmp_path: Path) -> None:
    with StudyFolder(tmp_path, STUDY_OF_8):
        pass
    written = json.loads((tmp_path / STUDY).read_text())
    assert written["points"] == [["replicas=4"], ["replicas=7"]]
    assert written["seeds"] == 4
