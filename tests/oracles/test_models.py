"""The ready models: what one client after the other is told, and that their hints are true."""

from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prsm_sim.oracles import Counter, KeyValue, Log, Queue, Register, Set
from prsm_sim.oracles.models import Divisible, ReadAware
from tests.oracles.test_linearizability import WORKLOADS

CONVERSATIONS = [
    (Register(), "read → , write 1 → ok, read → 1, cas 2 3 → no, read → 1, cas 1 2 → ok, read → 2"),
    (Register(b"7"), "read → 7, cas 7 8 → ok, read → 8"),
    (
        KeyValue(),
        "get x → , put x 1 → ok, get x → 1, get y → , append x 2 → ok, get x → 12, "
        "append y 3 → ok, get y → 3, cas x 1 5 → no, cas x 12 5 → ok, get x → 5, "
        "delete x → ok, get x → , cas x  1 → ok, get x → 1, get y → 3",
    ),
    (Counter(), "read → 0, add 5 → ok, read → 5, next → 6, add -7 → ok, read → -1"),
    (
        Set(),
        "has x → no, add x → ok, has x → yes, has y → no, add y → ok, add x → ok, members → x y, "
        "remove x → ok, has x → no, remove x → ok, members → y",
    ),
    (
        Queue(),
        "dequeue → , enqueue 1 → ok, enqueue 2 → ok, dequeue → 1, enqueue 3 → ok, dequeue → 2, "
        "dequeue → 3, dequeue → ",
    ),
    (Log(), "read → , append a → 1, append b → 2, append a → 3, read → a b a"),
]


@pytest.mark.parametrize(("model", "conversation"), CONVERSATIONS)
def test_one_client_after_the_other(model: Any, conversation: str) -> None:
    state = model.initial
    for line in conversation.split(", "):
        operation, _, result = line.partition(" → ")
        state, told = model.step(state, operation.encode())
        assert told == result.encode(), line
        hash(state)


@pytest.mark.parametrize("name", WORKLOADS)
@given(data=st.data())
def test_the_hints_are_true(name: str, data: st.DataObject) -> None:
    model, operations, _ = WORKLOADS[name]
    drawn = data.draw(st.lists(st.sampled_from(operations), max_size=8))
    last = data.draw(st.sampled_from(operations))

    def serve(state: Any, operation: bytes) -> Any:
        return model.step(state, operation)[0]

    state = reduce(serve, drawn, model.initial)
    after, result = model.step(state, last)
    if isinstance(model, ReadAware) and model.reads(last):
        assert after == state
    if isinstance(model, Divisible) and model.key(last) is not None:
        # What touches other parts makes no difference.
        mine = [one for one in drawn if model.key(one) in (None, model.key(last))]
        assert model.step(reduce(serve, mine, model.initial), last)[1] == result


@pytest.mark.parametrize(
    ("model", "reads", "key"),
    [
        (Register(), [b"read"], {}),
        (KeyValue(), [b"get x", b"get y"], {b"get x": b"x", b"cas x 1 2": b"x", b"put y 1": b"y"}),
        (Counter(), [b"read"], {}),
        (
            Set(),
            [b"has x", b"has y", b"members"],
            {b"has x": b"x", b"add y": b"y", b"members": None},
        ),
        (Log(), [b"read"], {}),
    ],
)
def test_what_only_reads_is_known_to(model: Any, reads: list[bytes], key: dict[bytes, Any]) -> None:
    of_model = [one for m, ones, _ in WORKLOADS.values() if type(m) is type(model) for one in ones]
    assert sorted({one for one in of_model if model.reads(one)}) == sorted(reads)
    for operation, part in key.items():
        assert model.key(operation) == part
