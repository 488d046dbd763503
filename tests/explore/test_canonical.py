"""Canonical bytes: equal for equal states in every process, different for different ones."""

import copy
import enum
import functools
import itertools
import os
import subprocess
import sys
import threading
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prsm_sim.actor import Message, UserError
from prsm_sim.explore import canonical, digest

pytestmark = pytest.mark.slow

SCALARS: st.SearchStrategy[object] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.binary(max_size=3)
)
HASHABLE: st.SearchStrategy[Any] = st.one_of(
    SCALARS, st.tuples(SCALARS, SCALARS), st.frozensets(SCALARS, max_size=3)
)
VALUES: st.SearchStrategy[object] = st.recursive(
    HASHABLE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(HASHABLE, inner, max_size=3),
        st.lists(inner, max_size=3).map(deque),
        st.sets(HASHABLE, max_size=3),
        st.builds(lambda value: Box(value), inner),
        st.builds(lambda value: Slotted(value), inner),
    ),
    max_leaves=5,
)


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Note(Message, frozen=True):
    text: str


class Other(Message, frozen=True):
    text: str


class Loose(msgspec.Struct):
    value: object


@dataclass
class Box:
    value: object
    more: list[int] = field(default_factory=list)


class Slotted:
    __slots__ = ("__private", "empty")

    def __init__(self, value: object) -> None:
        self.__private = value


class Hooked:
    def __init__(self, counts: int, noise: object) -> None:
        self.counts = counts
        self.noise = noise

    def canonical_state(self) -> object:
        return self.counts


def shape(value: object) -> object:
    """A second reading of a value: tuples that are equal just when the values behave alike."""
    kind = type(value).__name__
    if isinstance(value, float):
        return kind, value.hex() if value == value else np.float64(value).tobytes()
    if isinstance(value, Box):
        return kind, shape(value.value), shape(value.more)
    if isinstance(value, Slotted):
        return kind, shape(value._Slotted__private)  # type: ignore[attr-defined]
    if isinstance(value, dict):
        return kind, tuple((shape(k), shape(v)) for k, v in value.items())
    if isinstance(value, set | frozenset):
        return kind, frozenset(map(shape, value))
    if isinstance(value, list | tuple | deque):
        return kind, tuple(map(shape, value))
    return kind, value


@settings(max_examples=150, deadline=None)
@given(VALUES, VALUES)
def test_bytes_are_equal_exactly_if_the_values_are(one: object, other: object) -> None:
    assert (canonical(one) == canonical(other)) == (shape(one) == shape(other))


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_a_deep_copy_has_the_same_bytes(value: object) -> None:
    assert canonical(copy.deepcopy(value)) == canonical(value)


def closure(value: object) -> Callable[[], object]:
    return lambda: value


def partly(value: object) -> object:
    return functools.partial(closure, value)


def test_look_alikes_differ() -> None:
    alikes: list[object] = [
        1, True, 1.0, "1", b"1", None, 0, False, 0.0, -0.0, "", b"", (), [], {}, set(), frozenset(),
        (1, 2), [1, 2], deque([1, 2]), deque([1, 2], maxlen=3), {1: 2}, OrderedDict({1: 2}),
        Counter({1: 2}), defaultdict(int, {1: 2}), defaultdict(list, {1: 2}), [[1], 2], [1, [2]],
        [[1, 2]], Note("1"), Other("1"), Note("2"), Loose(1), Loose("1"), Colour.RED, Colour.BLUE,
        Box(1), Box("1"), Slotted(1), Slotted("1"), Decimal(1), Fraction(1), range(1), range(2),
        Note, Other, len, repr, closure, closure(1), closure(2), closure([1]), partly(1), partly(2),
        itertools.count(1), itertools.count(2), np.zeros(2), np.zeros(2, dtype=int),
        np.zeros((2, 1)), np.int64(1), np.float64(1), bytearray(b"1"), [].append, "x".join,
        Box(1).__eq__, Path("1"), Hooked(1, 1), Hooked(2, 1), {1: 2, 3: 4}, {3: 4, 1: 2},
    ]  # fmt: skip
    written = [canonical(one) for one in alikes]
    for (i, one), (j, other) in itertools.combinations(enumerate(written), 2):
        assert one != other, f"{alikes[i]!r} and {alikes[j]!r}"
    assert [canonical(one) for one in alikes] == written


def test_what_is_shared_with_what_counts_and_cycles_end() -> None:
    inner: list[object] = []
    assert canonical([inner, inner]) != canonical([[], []])
    assert canonical([inner, inner]) == canonical([inner, inner])
    cycle: list[object] = [1]
    cycle.append(cycle)
    twin: list[object] = [1]
    twin.append(twin)
    assert canonical(cycle) == canonical(twin)


def test_an_object_may_say_what_its_state_is() -> None:
    assert canonical(Hooked(1, "a")) == canonical(Hooked(1, "b"))
    assert canonical([Hooked(1, "a")]) != canonical([Hooked(2, "a")])


def generator() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize("value", [generator(), threading.Lock(), iter([1])])
def test_what_has_no_readable_state_is_refused(value: object) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        canonical({"x": [value]})


def test_hash_seeds_decide_nothing() -> None:
    """Two processes with different hash seeds write the same, and explore the same."""
    script = (
        "from prsm_sim.explore import digest, explore, Budget\n"
        "from test_planted_bugs import election\n"
        "words = {f'word-{i}' for i in range(50)}\n"
        "print(digest([words, frozenset(words), {'a': words}]).hex())\n"
        "print(explore(election, False, faults=Budget(crashes=1, timeouts=2)))\n"
    )
    here = Path(__file__).parent
    printed = {
        subprocess.run(
            [sys.executable, "-c", script], cwd=here, capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(printed) == 1
    words = {f"word-{number}" for number in range(50)}
    assert printed.pop().splitlines()[0] == digest([words, frozenset(words), {"a": words}]).hex()
