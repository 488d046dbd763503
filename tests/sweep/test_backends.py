"""Processes and shards: the same bytes whoever made them, whatever died in between."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prsm_sim.actor.errors import UserError
from prsm_sim.sweep.backends import run_on
from prsm_sim.sweep.design import Shard, grid, parse_axis, parse_shard
from prsm_sim.sweep.results import OUTCOMES, RESULTS, StudyFolder, outcomes_file
from prsm_sim.sweep.study import DIED, Outcome, Study, run_task
from prsm_sim.workers import WorkerFailed, crew_of

pytestmark = pytest.mark.slow

PRSM = str(Path(sys.executable).with_name("prsm"))
LIMIT_S = 120.0
SMALL = ["kinetic_exchange", "--set", "agents=6", "--set", "steps=30"]
KINETIC = Study(
    scenario="kinetic_exchange",
    fixed=("agents=6", "steps=30"),
    points=grid([parse_axis("saving=0,0.2,0.4")]),
    seeds=7,
)


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return [run_task(KINETIC, number) for number in range(KINETIC.tasks)]


@pytest.fixture(scope="module")
def table(outcomes: list[Outcome], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    with StudyFolder(tmp_path_factory.mktemp("whole"), KINETIC) as folder:
        folder.add(outcomes)
        path = folder.finish()
    assert path is not None
    return path.read_bytes()


def run_part(path: Path, shard: Shard, workers: int) -> Path | None:
    with StudyFolder(path, KINETIC, shard) as folder:
        for block in run_on("processes", KINETIC, folder.missing, workers):
            folder.add(block)
        return folder.finish()


# Crews.


def act(piece: tuple[int, str, Path]) -> int:
    number, how, folder = piece
    if how == "once" and not (folder / str(number)).exists():
        (folder / str(number)).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "always":
        (folder / f"{number}-{os.getpid()}").touch()
        os._exit(0)
    return number * number


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.sampled_from(["well"] * 6 + ["once", "always"]), max_size=14),
    st.integers(1, 3),
    st.integers(1, 6),
)
def test_whoever_dies_takes_nobody_with_it(
    tmp_path_factory: pytest.TempPathFactory, fates: list[str], workers: int, ahead: int
) -> None:
    folder = tmp_path_factory.mktemp("fates")
    pieces = [(number, how, folder) for number, how in enumerate(fates)]
    with crew_of(act, workers) as crew:
        found = [one for some in crew.results(pieces, ahead) for one in some]
    assert found == [None if how == "always" else n * n for n, how, _ in pieces]
    for number, how, _ in pieces:
        assert len(list(folder.glob(f"{number}-*"))) == (2 if how == "always" else 0), "tried twice"


def test_no_piece_is_begun_far_ahead_of_one_that_takes_long(tmp_path: Path) -> None:
    begun: list[int] = []

    def pieces() -> Iterator[int]:
        for number in range(40):
            begun.append(number)
            yield number

    with crew_of(partial(slow_first, tmp_path), 2) as crew:
        results = crew.results(pieces(), 6)
        first = next(results)
        assert first[0] == 0
        assert max(begun) == 5
        assert [one for some in (first, *results) for one in some] == list(range(40))


def slow_first(folder: Path, number: int) -> int:
    if number == 0:
        time.sleep(0.4)
    return number


def test_a_mistake_in_a_worker_comes_back_with_its_traceback() -> None:
    with crew_of(partial(divide, 0), 2) as crew, pytest.raises(WorkerFailed, match="in divide"):
        list(crew.results([1], 4))


def divide(by: int, number: int) -> float:
    return number / by


def test_a_crew_is_gone_when_its_block_ends_though_it_is_at_work(tmp_path: Path) -> None:
    began_s = time.monotonic()
    with crew_of(partial(note_and_sleep, tmp_path), 2) as crew:
        results = crew.results([0.0, 60.0, 60.0], 4)
        assert next(results) == [0.0]
        wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
    assert time.monotonic() - began_s < 30
    assert not any(runs(int(file.name)) for file in tmp_path.iterdir())


def note_and_sleep(folder: Path, for_s: float) -> float:
    if for_s:
        (folder / str(os.getpid())).touch()
    time.sleep(for_s)
    return for_s


# The same bytes.


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_table_is_the_same_whatever_the_number_of_workers(
    tmp_path: Path, table: bytes, workers: int
) -> None:
    path = run_part(tmp_path, Shard(), workers)
    assert path is not None
    assert path.read_bytes() == table


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 25), st.randoms(use_true_random=False))
def test_shards_deal_out_every_replica_once_and_the_last_one_writes_the_table(
    tmp_path_factory: pytest.TempPathFactory,
    outcomes: list[Outcome],
    table: bytes,
    count: int,
    random: Random,
) -> None:
    path = tmp_path_factory.mktemp("shards")
    shards = [Shard(number, count) for number in range(1, count + 1)]
    random.shuffle(shards)
    for shard in shards:
        assert not (path / RESULTS).exists()
        with StudyFolder(path, KINETIC, shard) as folder:
            assert folder.missing == [n for n in range(21) if n % count == shard.number - 1]
            folder.add(outcomes[number] for number in folder.missing)
            folder.finish()
    assert (path / RESULTS).read_bytes() == table
    lines = [line for file in path.glob("*.jsonl") for line in file.read_bytes().splitlines()]
    assert sorted(json.loads(line)["task"] for line in lines) == list(range(21))


def test_shards_at_the_same_time_and_what_one_leaves_is_done_without_a_shard(
    tmp_path: Path, table: bytes
) -> None:
    command = [PRSM, "sweep", *SMALL, "--vary", "saving=0,0.2,0.4", "--seeds", "7", "--out", "s"]
    jobs = [
        subprocess.Popen([*command, "--shard", f"{n}/4"], cwd=tmp_path, stderr=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True) for n in (2, 3, 4)
    ]  # fmt: skip
    said = [job.communicate(timeout=LIMIT_S)[1] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0, 0], said
    assert not (tmp_path / "s" / RESULTS).exists()
    assert all("the other shards are not done" in one for one in said)
    last = subprocess.run([*command, "--json"], cwd=tmp_path, capture_output=True, check=True)
    assert json.loads(last.stdout)["complete"] is True
    assert (tmp_path / "s" / RESULTS).read_bytes() == table
    assert len((tmp_path / "s" / OUTCOMES).read_bytes().splitlines()) == 6, "only what was missing"


def test_who_ends_last_sees_what_others_did_since_it_began(
    tmp_path: Path, outcomes: list[Outcome], table: bytes
) -> None:
    shards = (
        StudyFolder(tmp_path, KINETIC, Shard(1, 2)),
        StudyFolder(tmp_path, KINETIC, Shard(2, 2)),
    )
    for number, folder in enumerate(shards):
        folder.add(outcomes[number::2])
        assert (folder.finish() is None) == (number == 0)
    assert (tmp_path / RESULTS).read_bytes() == table


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/0", "a/b", "-1/2", "1/2/3", "1.0/2"])
def test_what_is_no_shard_is_told(text: str) -> None:
    with pytest.raises(UserError, match="write it as --shard 1/4"):
        parse_shard(text)


# Whatever died in between.


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_a_file_cut_anywhere_loses_the_torn_line_and_no_other(
    tmp_path_factory: pytest.TempPathFactory,
    outcomes: list[Outcome],
    table: bytes,
    data: st.DataObject,
) -> None:
    path = tmp_path_factory.mktemp("cut")
    shard = Shard(2, 2)
    with StudyFolder(path, KINETIC, Shard(1, 2)) as folder:
        folder.add(outcomes[::2])
    with StudyFolder(path, KINETIC, shard) as folder:
        folder.add(outcomes[1::2])
    file = path / outcomes_file(shard)
    content = file.read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    file.write_bytes(content[:cut])
    whole = content[:cut].count(b"\n")
    with StudyFolder(path, KINETIC) as folder:
        assert folder.missing == list(range(21))[1::2][whole:], "and a reader leaves it as it is"
    assert file.read_bytes() == content[:cut]
    assert run_part(path, shard, 1) is not None
    assert (path / RESULTS).read_bytes() == table
    with StudyFolder(path, KINETIC) as folder:
        assert folder.missing == [], "nothing torn is left"


def test_a_study_that_is_killed_leaves_no_process_and_goes_on(tmp_path: Path) -> None:
    words = [PRSM, "sweep", SMALL[0], "--set", "agents=20", "--set", "steps=100", "--seeds", "16",
             "--workers", "2", "--out"]  # fmt: skip
    process = begin([*words, "s"], tmp_path)
    workers = children(process.pid)
    assert len(workers) == 2
    process.kill()
    process.communicate(timeout=LIMIT_S)
    wait_for(lambda: not any(map(runs, workers)))
    kept = (tmp_path / "s" / OUTCOMES).read_bytes()
    assert 0 < kept.count(b"\n") < 16
    for folder in ("s", "t"):
        again = subprocess.run(
            [*words, folder], cwd=tmp_path, check=False, capture_output=True, text=True
        )
        assert again.returncode == 0, again.stderr
    assert (tmp_path / "s" / OUTCOMES).read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
    assert (tmp_path / "s" / RESULTS).read_bytes() == (tmp_path / "t" / RESULTS).read_bytes()


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_keeps_whole_replicas_only_and_leaves_no_process(
    tmp_path: Path, workers: int
) -> None:
    words = [PRSM, "sweep", SMALL[0], "--set", "agents=20", "--set", "steps=100", "--seeds", "500",
             "--workers", str(workers), "--out", "s"]  # fmt: skip
    process = begin(words, tmp_path)
    below = children(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130, err
    assert "of 500 replicas, 0 failed; in s" in err
    assert "Traceback" not in err
    assert "Process" not in err
    assert not any(map(runs, below))
    lines = (tmp_path / "s" / OUTCOMES).read_bytes().splitlines()
    assert {json.loads(line)["status"] for line in lines} == {"pass"}


def test_two_processes_cannot_run_the_same_part(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe()
    holder = fork.Process(target=hold, args=(tmp_path, theirs))
    holder.start()
    assert ours.recv() == "held"
    with pytest.raises(UserError, match="another process is at this work"):
        StudyFolder(tmp_path, KINETIC, Shard(1, 2))
    with StudyFolder(tmp_path, KINETIC, Shard(2, 2)) as other:
        assert len(other.missing) == 10
    holder.kill()
    holder.join()
    with StudyFolder(tmp_path, KINETIC, Shard(1, 2)) as folder:
        assert len(folder.missing) == 11


def hold(path: Path, pipe: Connection) -> None:
    with StudyFolder(path, KINETIC, Shard(1, 2)):
        pipe.send("held")
        pipe.recv()


# What fails is counted and named.

FATES = {
    "nan": "error: no finite number: deep.seed is nan",
    "infinite": "error: no finite number: deep.seed is inf",
    "raised": "fail: the scenario's report at the end raised KeyError: 'lost'",
    "unbuilt": "error: the scenario raised ZeroDivisionError: no divisor",
    "left": "error: the scenario left with SystemExit(0)",
    "killed": f"{DIED}: its process was killed: by the kernel for want of memory, by a crash, or",
    "gone": f"{DIED}: its process was killed",
}


@pytest.mark.parametrize("how", FATES)
def test_in_a_sweep_what_fails_is_counted_and_named_and_is_no_zero(prsm, tmp_path, how):
    words = ["sweep", "trouble.py", "--set", f"how={how}", "--vary", "unlucky=2,9", "--seeds", "5",
             "--json", "--out"]  # fmt: skip
    result = prsm(*words, "two", "--workers", "2")
    assert result.exit_code == 1, result.output
    found = json.loads(result.stdout)
    assert [found["complete"], found["replicas"], found["failed"]] == [True, 10, 1]
    unlucky, lucky = found["points"]
    assert [unlucky["failed"], lucky["failed"]] == [1, 0]
    assert unlucky["metrics"]["deep.seed"]["count"] == 4
    assert unlucky["metrics"]["deep.seed"]["mean"] == (0 + 1 + 3 + 4) / 4
    replay = f"prsm run trouble.py --seed 2 --set how={how} --set unlucky=2"
    assert f"seed 2 unlucky=2: {FATES[how]}" in result.stderr
    assert f"see it again: {replay}\n" in result.stderr
    assert [one["replay"] for one in found["failures"]] == [replay]
    row = (tmp_path / "two" / RESULTS).read_text().splitlines()[3]
    assert row.startswith("2,2,")
    assert ",0.0," not in row
    if how not in ("killed", "gone"):  # else this process would die
        prsm(*words, "one")
        assert (tmp_path / "one" / RESULTS).read_bytes() == (
            tmp_path / "two" / RESULTS
        ).read_bytes()


def test_a_replica_that_was_killed_has_another_chance_when_the_study_is_taken_up(
    tmp_path: Path, outcomes: list[Outcome], table: bytes
) -> None:
    killed = Outcome(task=4, point=outcomes[4].point, seed=4, status=DIED, failure="killed")
    with StudyFolder(tmp_path, KINETIC) as folder:
        folder.add([*outcomes[:4], killed, *outcomes[5:]])
        assert folder.missing == [], "not twice in one go"
        path = folder.finish()
        assert path is not None
        assert b",died," in path.read_bytes()
    with StudyFolder(tmp_path, KINETIC) as folder:
        assert folder.missing == [4]
        assert folder.finish() is not None, "it has an outcome, such as it is"
    assert run_part(tmp_path, Shard(), 2) is not None
    assert (tmp_path / RESULTS).read_bytes() == table
    with StudyFolder(tmp_path, KINETIC, Shard(1, 2)) as folder:
        folder.add([killed])
    with StudyFolder(tmp_path, KINETIC) as folder:
        assert folder.missing == [], "it went well once"


@pytest.mark.parametrize("how", ["nan", "unbuilt", "killed"])
def test_in_a_comparison_and_in_a_sensitivity_study_as_well(prsm, how):
    bad = ["--set", f"how={how}", "--workers", "2", "--json"]
    result = prsm("compare", "trouble.py", "trouble.py", "--set-a", "unlucky=9", "--seeds", "5",
                  "--set-b", "share=0.7", *bad)  # fmt: skip
    assert result.exit_code == 1, result.output
    found = json.loads(result.stdout)
    assert found["failed"] == [0, 1]
    assert {row["metric"]: row["pairs"] for row in found["metrics"]} == {"deep.seed": 4, "share": 4}
    replay = f"prsm run trouble.py --seed 2 --set how={how} --set share=0.7"
    assert [one["replay"] for one in found["failures"]] == [replay]
    assert f"seed 2: {FATES[how]}" in result.stderr
    result = prsm("sensitivity", "trouble.py", "--vary", "share=0..1", "--vary", "unlucky=0..8",
                  "--seeds", "1", "--first-seed", "8", "--samples", "8", "--metric", "share",
                  *bad)  # fmt: skip
    found = json.loads(result.stdout)
    assert found["failed"] > 0
    assert found["result"]["dropped"] > 0
    assert f": {FATES[how]}" in result.stderr
    assert "see it again: prsm run trouble.py --seed 8" in result.stderr


# Processes.


def begin(words: list[str], folder: Path) -> "subprocess.Popen[str]":
    """Start a sweep as a terminal does, and wait until something of it is kept."""
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, start_new_session=True)  # fmt: skip
    kept = folder / words[-1] / OUTCOMES
    wait_for(lambda: kept.exists() and kept.stat().st_size > 0)
    return process


def wait_for(condition) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
