"""Keys bind names; stores keep what was synced through a crash and through kill -9."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.keys import Keys
from live.store import Backend, BufferedStore, MemoryBackend, SqliteBackend
from prsm_sim.actor.errors import UserError


def test_derived_keys_are_the_same_in_every_process_and_differ_by_peer_and_seed() -> None:
    def public(seed: int, peer: str) -> bytes:
        keys = Keys(seed)
        keys.enrol(peer)
        return keys.public_key(peer)

    assert public(1, "alice") == public(1, "alice")
    assert len({public(1, "alice"), public(1, "bob"), public(2, "alice")}) == 3


def test_generated_keys_differ_and_a_second_enrolment_keeps_the_first() -> None:
    one, other = Keys(), Keys()
    one.enrol("alice")
    other.enrol("alice")
    assert one.public_key("alice") != other.public_key("alice")
    before = one.public_key("alice")
    one.enrol("alice")
    assert one.public_key("alice") == before


def test_a_trusted_key_verifies_but_cannot_sign() -> None:
    home, abroad = Keys(), Keys()
    home.enrol("alice")
    abroad.trust("alice", home.public_key("alice"))
    signature = home.sign("alice", b"pay 5")
    assert abroad.knows("alice")
    assert abroad.verify("alice", b"pay 5", signature)
    assert not abroad.verify("alice", b"pay 6", signature)
    assert not abroad.verify("bob", b"pay 5", signature)
    with pytest.raises(KeyError):
        abroad.sign("alice", b"pay 5")
    with pytest.raises(ValueError, match="32"):
        abroad.trust("carol", b"short")


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("abc"), st.binary(max_size=9)),
        st.tuples(st.just("delete"), st.sampled_from("abc"), st.just(b"")),
        st.tuples(st.sampled_from(["sync", "crash"]), st.just(""), st.just(b"")),
    ),
    max_size=30,
)


def follow(backend: Backend, script: list[tuple[str, str, bytes]]) -> None:
    """Do what the script says, beside a model: what is visible, and what is durable."""
    visible: dict[str, bytes] = {}
    durable: dict[str, bytes] = {}
    store = BufferedStore("peer", backend)
    bystander = BufferedStore("other", backend)
    bystander.put("a", b"mine")
    bystander.sync()
    for verb, key, value in script:
        match verb:
            case "put":
                store.put(key, value)
                visible[key] = value
            case "delete":
                store.delete(key)
                visible.pop(key, None)
            case "sync":
                store.sync()
                durable = dict(visible)
            case _:
                store = BufferedStore("peer", backend)
                visible = dict(durable)
        assert store.keys() == sorted(visible)
        assert {key: store.get(key) for key in "abc"} == {key: visible.get(key) for key in "abc"}
    assert backend.load("peer") == durable
    assert backend.load("other") == {"a": b"mine"}


@given(steps)
def test_a_memory_store_behaves_like_its_model(script: list[tuple[str, str, bytes]]) -> None:
    follow(MemoryBackend(), script)


@given(steps)
@settings(max_examples=25, deadline=None)
def test_a_sqlite_store_behaves_like_its_model(script: list[tuple[str, str, bytes]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        backend = SqliteBackend(Path(folder))
        follow(backend, script)
        backend.close()


def test_a_sqlite_store_survives_its_process(tmp_path: Path) -> None:
    first = SqliteBackend(tmp_path)
    first.commit("peer", {"state": b"one", "gone": b"x"})
    first.commit("peer", {"gone": None})
    first.close()
    assert SqliteBackend(tmp_path).load("peer") == {"state": b"one"}


WRITER = """
    import sys
    from pathlib import Path
    from live.store import BufferedStore, SqliteBackend
    store = BufferedStore("peer", SqliteBackend(Path(sys.argv[1])))
    for n in range(10**9):
        store.put("n", str(n).encode())
        store.put("twice", str(2 * n).encode())
        store.sync()
        store.put("unsynced", b"x")
        store.delete("unsynced")
        print(n, flush=True)
"""


@pytest.mark.parametrize("after", [1, 40, 150])
def test_what_was_synced_survives_kill_9(tmp_path: Path, after: int) -> None:
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        said = [int(writer.stdout.readline()) for _ in range(after)]
        writer.send_signal(signal.SIGKILL)
        said += [int(line) for line in writer.stdout if line.endswith("\n")]
    kept = SqliteBackend(tmp_path).load("peer")
    assert int(kept["n"]) >= said[-1], "a sync that returned was lost"
    assert int(kept["n"]) <= said[-1] + 1
    assert int(kept["twice"]) == 2 * int(kept["n"]), "a transaction was torn"


def test_a_folder_that_cannot_hold_a_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "store.sqlite").write_text("not a database, and long enough to be told from one")
    for folder in (tmp_path / "file", tmp_path):
        with pytest.raises(UserError, match=str(folder)) as error:
            SqliteBackend(folder)
        assert "\n" not in str(error.value)
