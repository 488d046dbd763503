"""The journal keeps what it has said is durable, refuses damage, and applies each record once."""

import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prsm_sim.actor import UserError
from prsm_sim.journal import Journal, Journalled, Snapshot

records = st.binary(max_size=20)
steps = st.lists(
    st.tuples(st.just("append"), records)
    | st.tuples(st.sampled_from(["commit", "checkpoint", "reopen"]), st.just(b"")),
    max_size=25,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journals")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.journal"


def fresh(folder: Path) -> Path:
    number = len(list(folder.iterdir()))
    made = folder / str(number)
    made.mkdir()
    return made / "a.journal"


def after_a_crash(path: Path) -> Path:
    """What a crash at this instant would leave, as another file."""
    copy = fresh(path.parent.parent)
    shutil.copy(path, copy)
    log = path.with_name(path.name + "-wal")
    if log.exists():
        shutil.copy(log, copy.with_name(copy.name + "-wal"))
    return copy


def contents(path: Path) -> tuple[Snapshot, list[tuple[int, bytes]]]:
    with Journal(path) as journal:
        return journal.snapshot(), list(journal.replay())


@given(steps)
@settings(max_examples=40, deadline=None)
def test_a_crash_takes_what_was_not_committed_and_nothing_else(
    folder: Path, chosen: list[tuple[str, bytes]]
) -> None:
    path = fresh(folder)
    journal = Journal(path)
    snapshot, number = Snapshot(0, b""), 0
    kept: list[tuple[int, bytes]] = []
    waiting: list[tuple[int, bytes]] = []
    for what, record in chosen:
        if what == "append":
            number += 1
            assert journal.append(record) == number == journal.last
            waiting.append((number, record))
            continue
        if what == "checkpoint":
            snapshot = Snapshot(number, b"state %d" % number)
            journal.checkpoint(snapshot.body)
            kept, waiting = [], []
        elif what == "commit":
            assert journal.commit() == number
        else:
            journal.close()
            journal = Journal(path)
        kept, waiting = kept + waiting, []
        assert journal.durable == journal.last == number
        assert journal.snapshot() == snapshot
        assert list(journal.replay()) == kept
    assert contents(after_a_crash(path)) == (snapshot, kept)
    journal.close()
    assert contents(path) == (snapshot, kept + waiting)


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_of_a_torn_log_whole_commits_remain(folder: Path, seed: int) -> None:
    rng = random.Random(seed)
    path = fresh(folder)
    journal = Journal(path)
    commits = [0]
    for _ in range(rng.randrange(1, 6)):
        for _ in range(rng.randrange(1, 40)):
            journal.append(rng.randbytes(rng.randrange(300)))
        commits.append(journal.commit())
    whole = list(journal.replay())
    copy = after_a_crash(path)
    journal.close()
    log = copy.with_name(copy.name + "-wal")
    log.write_bytes(log.read_bytes()[: rng.randrange(log.stat().st_size + 1)])
    _, found = contents(copy)
    assert len(found) in commits
    assert found == whole[: len(found)]


@given(st.integers(0, 2**32))
@example(484)  # a bit of the schema: SQLite's complaint is no text either
@settings(max_examples=80, deadline=None)
def test_a_flipped_bit_is_refused_or_does_not_matter(folder: Path, seed: int) -> None:
    rng = random.Random(seed)
    path = fresh(folder)
    with Journal(path) as journal:
        for _ in range(10):
            journal.append(rng.randbytes(30))
        journal.checkpoint(b"ten")
        expected = [(11 + i, rng.randbytes(rng.randrange(1, 400))) for i in range(30)]
        for _, record in expected:
            journal.append(record)
    content = bytearray(path.read_bytes())
    place = rng.randrange(8 * len(content))
    content[place // 8] ^= 1 << place % 8
    path.write_bytes(content)
    found: object
    try:
        found = contents(path)
    except UserError as error:
        found = str(error)
    if isinstance(found, str):
        assert found.startswith(f"{path}: ")
        assert "\n" not in found
    else:
        assert found == (Snapshot(10, b"ten"), expected)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ("UPDATE record SET body = x'00' WHERE sequence = 2", "record 2 is damaged"),
        ("UPDATE record SET body = 'b' WHERE sequence = 2", "record 2 is damaged"),
        ("UPDATE record SET crc = crc + 1 WHERE sequence = 3", "record 3 is damaged"),
        ("DELETE FROM record WHERE sequence = 2", "record 2 is missing"),
        ("DELETE FROM record WHERE sequence = 1", "record 1 is missing"),
        ("DELETE FROM record WHERE sequence = 3", "it ends with record 2"),
        ("UPDATE record SET sequence = 9 WHERE sequence = 3", "it ends with record 9"),
        ("DELETE FROM head", "it ends with record 3"),
        ("DROP TABLE record", "no such table"),
        ("PRAGMA user_version=2", "a journal of another version"),
        ("PRAGMA application_id=7", "not a journal"),
    ],
)
def test_damage_is_named_in_one_line(path: Path, damage: str, complaint: str) -> None:
    with Journal(path) as journal:
        for record in (b"a", b"b", b"c"):
            journal.append(record)
    database = sqlite3.connect(path)
    database.execute(damage)
    database.commit()
    database.close()
    with pytest.raises(UserError, match=complaint) as error:
        contents(path)
    assert str(error.value).startswith(f"{path}: ")


def test_a_damaged_snapshot_is_refused(path: Path) -> None:
    with Journal(path) as journal:
        journal.append(b"a")
        journal.checkpoint(b"state")
    database = sqlite3.connect(path)
    database.execute("UPDATE snapshot SET sequence = 2")
    database.commit()
    database.close()
    with pytest.raises(UserError, match="its snapshot is damaged"):
        Journal(path)


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("remember the milk\n" * 100)
    with pytest.raises(UserError, match="not a whole journal"):
        Journal(text)
    other = tmp_path / "other.db"
    database = sqlite3.connect(other)
    database.execute("CREATE TABLE record (x)")
    database.close()
    with pytest.raises(UserError, match="this file is not a journal; name another file"):
        Journal(other)
    with pytest.raises(UserError, match="cannot be opened"):
        Journal(tmp_path)
    with pytest.raises(UserError, match="cannot be opened"):
        Journal(tmp_path / "nowhere" / "a.journal")
    assert text.read_text().startswith("remember")


def test_one_process_at_a_time_has_it_open(path: Path) -> None:
    script = "import sys; from prsm_sim.journal import Journal; Journal(sys.argv[1])"
    command = [sys.executable, "-c", script, str(path)]
    with Journal(path) as journal:
        journal.append(b"mine")
        with pytest.raises(UserError, match="another process has it open"):
            Journal(path)
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "another process has it open" in found.stderr
    subprocess.run(command, check=True)


def test_after_a_failed_commit_nothing_is_believed(path: Path) -> None:
    journal = Journal(path)
    journal.append(b"small")
    journal.commit()
    pages = journal._database.execute("PRAGMA page_count").fetchone()[0]
    journal._database.execute(f"PRAGMA max_page_count={pages + 1}")  # a disk that is nearly full
    journal.append(bytes(100_000))
    with pytest.raises(UserError, match="cannot be written: database or disk is full"):
        journal.commit()
    for call in (journal.commit, lambda: journal.append(b""), lambda: list(journal.replay())):
        with pytest.raises(UserError, match="a commit of this journal has failed before"):
            call()
    journal.close()
    assert contents(path) == (Snapshot(0, b""), [(1, b"small")])


def test_a_commit_is_forced_to_disk_and_a_checkpoint_makes_room(path: Path) -> None:
    with Journal(path) as journal:
        asked = [
            journal._database.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "locking_mode")
        ]
        assert asked == ["wal", 2, "exclusive"]  # 2: full, an fsync a commit
        for number in range(100):
            journal.append(b"%d" % number)
        journal.commit()
        journal.checkpoint(b"all of them")
        assert journal._database.execute("SELECT count(*) FROM record").fetchone() == (0,)
        journal.checkpoint(b"still")
        assert journal._database.execute("SELECT count(*) FROM snapshot").fetchone() == (1,)


def test_replay_begins_where_it_is_told(path: Path) -> None:
    with Journal(path) as journal:
        for number in range(1, 11):
            journal.append(b"%d" % number)
        assert list(journal.replay()) == []  # nothing is durable yet
        journal.commit()
        assert [number for number, _ in journal.replay(8)] == [8, 9, 10]
        assert list(journal.replay(11)) == []
        journal.checkpoint(b"ten")
        journal.append(b"11")
        journal.commit()
        assert list(journal.replay(11)) == [(11, b"11")]
        with pytest.raises(UserError, match="record 10 was given up for the snapshot at 10"):
            list(journal.replay(10))


def test_nothing_is_acknowledged_or_applied_before_it_is_durable(path: Path) -> None:
    journal = Journal(path)
    applied: list[bytes] = []
    told: list[tuple[int, int]] = []

    def apply(operation: bytes) -> int:
        applied.append(operation)
        assert journal.durable >= len(applied)
        return len(operation)

    def tell(sequence: int, result: int) -> None:
        assert journal.durable >= sequence
        assert len(applied) >= sequence
        told.append((sequence, result))
        if sequence == 3:
            for answer in (b"to", b"that", b"then"):
                machine.submit(answer)

    machine = Journalled(journal, apply, tell, group=3)
    assert [machine.submit(operation) for operation in (b"a", b"bb")] == [1, 2]
    assert (applied, told) == ([], [])
    assert machine.submit(b"ccc") == 3
    assert applied == [b"a", b"bb", b"ccc"]
    assert told == [(1, 1), (2, 2), (3, 3)]
    machine.close()
    assert told[3:] == [(4, 2), (5, 4), (6, 4)]
    recovered: list[bytes] = []
    machine_again = Journalled(Journal(path), recovered.append, tell)
    assert recovered == applied
    assert len(told) == 6  # what was recovered is told to nobody
    assert machine_again.applied == 6
    machine_again.close()


def test_a_state_is_its_snapshot_and_the_records_since(path: Path) -> None:
    def machine_of(state: list[bytes]) -> Journalled[None]:
        return Journalled(
            Journal(path), state.append, lambda *_: None, restore=lambda b: state.extend(b.split())
        )

    first: list[bytes] = []
    machine = machine_of(first)
    for word in (b"a", b"b"):
        machine.submit(word)
    machine.checkpoint(lambda: b" ".join(first))
    machine.close()
    second: list[bytes] = []
    machine = machine_of(second)
    assert (machine.applied, second) == (2, first)
    assert machine.submit(b"c") == 3
    machine.close()
    again: list[bytes] = []
    machine_of(again).close()
    assert again == second == [b"a", b"b", b"c"]
    with (
        Journal(path) as journal,
        pytest.raises(UserError, match="there is a snapshot, and nothing to restore it"),
    ):
        Journalled[None](journal, again.append, lambda *_: None)
