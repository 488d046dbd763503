"""The parts alone: letters, codes, topologies, trouble, and checkers against plain reference."""

import itertools
from math import isclose

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.maelstrom.checkers import Answers, Settling, key
from live.maelstrom.facts import Answered, Lapsed, ReadFinally
from live.maelstrom.linear import LinearizableStore
from live.maelstrom.load import encode
from live.maelstrom.protocol import (
    ErrorCode,
    Letter,
    error_code,
    is_definite,
    read_letter,
    spoken,
    write_letter,
)
from live.maelstrom.trouble import draw_trouble
from live.maelstrom.workloads import WORKLOADS, neighbours_of
from prsm_sim.actor.errors import RemoteProtocolError
from prsm_sim.actor.types import Fact
from prsm_sim.chance import Stream
from prsm_sim.faults import Partition
from prsm_sim.history import Invoked, Returned

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=50)
@given(
    st.text(max_size=5), st.text(max_size=5), st.dictionaries(st.text(max_size=4), JSON, max_size=3)
)
def test_a_letter_survives_its_line(src: str, dest: str, body: dict[str, object]) -> None:
    line = write_letter(Letter(src, dest, body))
    assert line.count(b"\n") == 1
    assert read_letter(line) == Letter(src, dest, body)


@pytest.mark.parametrize(
    "line", [b"{}", b"[]", b"x", b'{"src": "n1", "dest": 2, "body": {}}', b"\xff\xfe",
             b'{"src": "n1", "dest": "n2", "body": "hi"}', b"[" * 5000],
)  # fmt: skip
def test_what_is_no_letter_is_refused_with_the_line(line: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        read_letter(line)
    assert len(str(caught.value)) < 400


def test_a_time_out_and_a_crash_alone_are_indefinite() -> None:
    """Maelstrom's table of errors; codes of the nodes' own say nothing."""
    assert [code for code in ErrorCode if not is_definite(code)] == [0, 13]
    assert not is_definite(1000)
    assert error_code({"type": "read_ok", "code": 3}) is None
    assert error_code({"type": "error", "code": 22}) == 22
    for odd in ({}, {"code": "11"}, {"code": True}, {"code": 1.5}):
        with pytest.raises(RemoteProtocolError):
            error_code({"type": "error"} | odd)


def test_a_recorded_letter_bears_its_type_s_name() -> None:
    assert type(spoken({"type": "gossip"})).__name__ == "gossip"
    assert type(spoken({"type": ["odd"]})).__name__ == "untyped"
    assert type(spoken({"type": "gossip"})) is type(spoken({"type": "gossip", "more": 1}))


@pytest.mark.parametrize("topology", ["grid", "line", "total"])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9, 10, 25])
def test_everybody_is_reached_over_neighbours_that_know_each_other(
    topology: str, count: int
) -> None:
    nodes = [f"n{i}" for i in range(count)]
    beside = neighbours_of(nodes, topology)  # type: ignore[arg-type]
    graph = networkx.Graph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from((one, other) for one in nodes for other in beside[one])
    assert list(beside) == nodes
    assert networkx.is_connected(graph)
    assert all(one in beside[other] for one in nodes for other in beside[one])
    assert all(len(set(friends)) == len(friends) for friends in beside.values())
    degree = max(len(friends) for friends in beside.values())
    assert degree <= {"grid": 4, "line": 2, "total": count - 1}[topology]
    if topology == "grid" and count == 9:
        assert networkx.is_isomorphic(graph, networkx.grid_2d_graph(3, 3))


def test_operations_are_drawn_from_the_stream_and_values_are_new() -> None:
    for kind in WORKLOADS.values():
        one, again = (
            [kind(("n1", "n2")).next(rng) for _ in range(1)] for rng in (Stream(1), Stream(1))
        )
        assert one == again
    asked = kind_of("g-set", 200)
    added = [body["element"] for body in asked if body["type"] == "add"]
    assert len(added) == len(set(added)) > 50
    keys = {body["key"] for body in kind_of("lin-kv", 1000)}
    per_key = [sum(body["key"] == one for body in kind_of("lin-kv", 1000)) for one in sorted(keys)]
    assert max(per_key) <= WORKLOADS["lin-kv"].per_key  # type: ignore[attr-defined]


def kind_of(name: str, count: int) -> list[dict[str, object]]:
    workload, rng = WORKLOADS[name](("n1", "n2")), Stream(5)
    return [workload.next(rng) for _ in range(count)]


@given(st.integers(0, 1000), st.integers(2, 7))
def test_trouble_comes_by_turns_and_parts_all_nodes(seed: int, count: int) -> None:
    nodes = [f"n{i}" for i in range(count)]
    faults = draw_trouble(
        ("partition", "loss", "kill", "pause"), nodes, Stream(seed), duration_s=10.0, interval_s=1.0
    )
    assert [fault.at_s for fault in faults] == [1.0, 3.0, 5.0, 7.0, 9.0]
    assert all(isclose(fault.for_s or 0, 1.0) for fault in faults)
    for fault in faults:
        if isinstance(fault, Partition):
            assert sorted(itertools.chain(*fault.groups)) == nodes
            assert all(fault.groups)
    assert faults == draw_trouble(
        ("partition", "loss", "kill", "pause"), nodes, Stream(seed), duration_s=10.0, interval_s=1.0
    )
    assert draw_trouble((), nodes, Stream(seed), duration_s=10.0, interval_s=1.0) == ()


@given(JSON)
def test_values_are_compared_as_json(value: object) -> None:
    assert key(value) == key(value)
    assert key(7) == key(7.0) != key("7")
    assert key(True) != key(1)
    assert key({"a": 1, "b": 2}) == key({"b": 2, "a": 1})


@given(
    acknowledged=st.sets(st.integers(0, 6)),
    open_=st.sets(st.integers(0, 6)),
    held=st.lists(st.integers(0, 8), max_size=9),
)
def test_the_set_s_judge_agrees_with_the_definition(
    acknowledged: set[int], open_: set[int], held: list[int]
) -> None:
    judge = Settling("g-set", ("add", "element"), "value")
    for number, value in enumerate(sorted(acknowledged | open_)):
        judge.observe(0.0, "c1", Invoked("c1", number, encode({"type": "add", "element": value})))
        if value in acknowledged:
            judge.observe(0.0, "c1", Returned("c1", number, encode({"type": "add_ok"})))
    wrong = judge.observe(1.0, "n1", ReadFinally("n1", encode({"type": "read_ok", "value": held})))
    right = (
        len(held) == len(set(held))
        and set(held) <= acknowledged | open_
        and acknowledged <= set(held)
    )
    assert (wrong is None) == right
    assert judge.holds({"value": held}) or not right


def test_what_a_client_has_read_may_not_be_lost_even_if_nobody_acknowledged_it() -> None:
    judge = Settling("g-set", ("add", "element"), "value")
    read = encode({"type": "read_ok", "value": [1]})
    judge.observe(0.0, "c1", Invoked("c1", 1, encode({"type": "add", "element": 1})))
    judge.observe(0.1, "c2", Invoked("c2", 1, encode({"type": "read"})))
    assert judge.observe(0.2, "c2", Returned("c2", 1, read)) is None
    empty = ReadFinally("n1", encode({"type": "read_ok", "value": []}))
    assert judge.observe(1.0, "n1", empty) == "n1 ended without 1; 1 was read by a client"
    assert judge.observe(1.0, "n2", ReadFinally("n2", b"")) == "n2 did not answer the final read"


def test_silence_is_broken_by_an_answer_and_excused_by_a_fault() -> None:
    judge = Answers(silent_s=3.0)

    def lapse(at_s: float, *, calm: bool = True) -> str | None:
        return judge.observe(at_s, "c1", Lapsed("c1", int(at_s), "n1", at_s - 1.0, calm))

    assert [lapse(1.0), lapse(1.0), lapse(1.0), lapse(2.0)] == [None] * 4
    assert judge.observe(2.5, "n1", Answered("n1", 0.1, 11)) is None
    assert [lapse(4.0), lapse(5.0), lapse(5.5, calm=False), lapse(7.0), lapse(8.0)] == [None] * 5
    assert judge.observe(8.5, "n2", Answered("n2", 0.1, None)) is None
    assert lapse(9.0) == "n1 has answered nobody for 3.0 s, and no fault is active"


def asked(client: str, number: int, **body: object) -> Invoked:
    return Invoked(client, number, encode(body))


def told(client: str, number: int, **body: object) -> Returned:
    return Returned(client, number, encode(body))


WRITE = {"type": "write", "key": 0, "value": 3}
READ = {"type": "read", "key": 0}
CAS = {"type": "cas", "key": 0, "from": 3, "to": 4}


def error(client: str, number: int, code: int) -> Returned:
    return told(client, number, type="error", code=code, text="no")


@pytest.mark.parametrize(
    ("facts", "right"),
    [
        ([asked("c1", 1, **READ), error("c1", 1, 20)], True),
        ([asked("c1", 1, **READ), told("c1", 1, type="read_ok", value=None)], True),
        ([asked("c1", 1, **READ), told("c1", 1, type="read_ok", value=3)], False),
        ([asked("c1", 1, **WRITE), told("c1", 1, type="write_ok"),
          asked("c2", 1, **READ), error("c2", 1, 20)], False),
        ([asked("c1", 1, **WRITE), told("c1", 1, type="write_ok"),
          asked("c2", 1, **CAS), told("c2", 1, type="cas_ok"),
          asked("c1", 2, **READ), told("c1", 2, type="read_ok", value=4.0)], True),
        ([asked("c1", 1, **WRITE), told("c1", 1, type="write_ok"),
          asked("c2", 1, **CAS), error("c2", 1, 22)], False),
        ([asked("c1", 1, **WRITE), error("c1", 1, 11),
          asked("c2", 1, **READ), told("c2", 1, type="read_ok", value=3)], False),
        ([asked("c1", 1, **WRITE),
          asked("c2", 1, **READ), told("c2", 1, type="read_ok", value=3)], True),
        ([asked("c1", 1, **WRITE),
          asked("c2", 1, **READ), error("c2", 1, 20)], True),
        ([asked("c1", 1, **WRITE), told("c1", 1, type="write_ok"),
          asked("c2", 1, **READ | {"key": 1}), error("c2", 1, 20)], True),
    ],
)  # fmt: skip
def test_lin_kv_is_judged_by_what_clients_were_told(facts: list[Fact], right: bool) -> None:
    """An open write may have happened or not; a refused one never did; a refused cas has looked."""
    judge = LinearizableStore()
    for time_s, fact in enumerate(facts):
        assert judge.observe(float(time_s), "", fact) is None
    assert (judge.finish(99.0) is None) == right
    assert judge.evaluations > 0 or right
