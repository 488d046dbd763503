"""Mutants: small, well typed, and of the kind asked for."""

from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prsm_sim.actor import Message, decode, encode
from prsm_sim.chance import Stream
from prsm_sim.treachery.mutation import Mutation, is_well_typed
from prsm_sim.treachery.values import Values


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Part(msgspec.Struct, frozen=True):
    weight: int
    label: str
    signature: bytes = b"sig"


class Whole(Message, frozen=True):
    number: int
    ratio: float
    ready: bool
    digest: bytes
    name: str
    colour: Colour
    mode: Literal["fast", "slow"]
    few: Annotated[int, msgspec.Meta(ge=0, le=3)]
    main: Part
    parts: tuple[Part, ...]
    pair: tuple[int, bytes]
    perhaps: int | None
    signature: bytes = b"sig"


parts = st.builds(Part, st.integers(-9, 9), st.text(max_size=3))
wholes = st.builds(
    Whole,
    st.integers(-(2**40), 2**40), st.floats(-1e6, 1e6), st.booleans(), st.binary(max_size=6),
    st.text(max_size=4), st.sampled_from(Colour), st.sampled_from(["fast", "slow"]),
    st.integers(0, 3), parts, st.lists(parts, max_size=3).map(tuple),
    st.tuples(st.integers(0, 5), st.binary(max_size=3)), st.none() | st.integers(0, 5),
)  # fmt: skip
seeds = st.integers(0, 2**32)
CHANGES = ("increment", "decrement", "other", "old", "any")


def mutation(seed: int, change: str = "any", *known: Message) -> Mutation:
    seen, sent = Values(), Values()
    for one in known:
        seen.learn(one)
        sent.learn(one)
    return Mutation(Stream(seed, "test"), change, seen, sent)


def differences(old: object, new: object, path: str = "") -> Iterator[str]:
    """Paths at which two values differ, as deep as their shapes are the same."""
    if type(old) is type(new) and isinstance(old, msgspec.Struct):
        for name in old.__struct_fields__:
            yield from differences(getattr(old, name), getattr(new, name), f"{path}.{name}")
    elif isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    elif old != new:
        yield path


@given(wholes, wholes, seeds, st.sampled_from(CHANGES))
def test_a_mutant_differs_in_one_top_field_is_well_typed_and_keeps_signatures(
    message: Whole, other: Whole, seed: int, change: str
) -> None:
    mutant = mutation(seed, change, other).of(message)
    if mutant is None:
        assert change != "any"
        return
    assert decode(encode(mutant), Whole) == mutant != message
    tops = {path.split(".")[1].split("[")[0] for path in differences(message, mutant)}
    assert len(tops) == 1
    assert not any("signature" in path for path in differences(message, mutant))


@given(wholes, wholes, seeds)
def test_the_same_draw_makes_the_same_mutant(message: Whole, other: Whole, seed: int) -> None:
    assert mutation(seed, "any", other).of(message) == mutation(seed, "any", other).of(message)


@given(wholes, seeds, st.sampled_from([("increment", 1), ("decrement", -1)]))
def test_steps_move_one_number_by_one(message: Whole, seed: int, kind: tuple[str, int]) -> None:
    change, step = kind
    mutant = mutation(seed, change).of(message)
    assert isinstance(mutant, Whole)
    moved = list(differences(message, mutant))
    assert len(moved) == 1
    assert value_at(mutant, moved[0]) == pytest.approx(value_at(message, moved[0]) + step)


def value_at(value: object, path: str) -> float:
    for step in path.replace("[", ".[").split(".")[1:]:
        value = value[int(step[1:-1])] if step[0] == "[" else getattr(value, step)  # type: ignore[index]
    return value  # type: ignore[return-value]


@given(wholes, wholes, seeds, st.sampled_from(["other", "old"]))
def test_other_and_old_values_have_been_in_such_a_field(
    message: Whole, known: Whole, seed: int, change: str
) -> None:
    mutant = mutation(seed, change, known).of(message, "digest")
    if known.digest == message.digest:
        assert mutant is None
    else:
        assert mutant == msgspec.structs.replace(message, digest=known.digest)


def test_the_two_sources_are_not_mixed_up() -> None:
    seen, sent = Values(), Values()
    seen.learn(Part(1, "seen"))
    sent.learn(Part(1, "sent"))

    class Holder(Message, frozen=True):
        label: str

    for change, label in (("other", "seen"), ("old", "sent")):
        mutant = Mutation(Stream(1, "test"), change, seen, sent).of(Holder("here"), "label")
        assert mutant == Holder(label)


@given(wholes, seeds)
def test_a_named_field_is_the_one_that_changes_also_deep_inside(message: Whole, seed: int) -> None:
    mutant = mutation(seed, "increment").of(message, "weight")
    assert mutant is not None
    assert list(differences(message, mutant)) == [".main.weight"]
    signed = mutation(seed).of(message, "signature")
    assert signed is not None
    assert list(differences(message, signed)) == [".signature"]


def test_every_kind_of_change_turns_up() -> None:
    first, second = Part(1, "a"), Part(2, "b")
    message = Whole(
        5, 0.5, True, b"\x00\xff", "n", Colour.RED, "fast", 3, first, (first, second), (1, b"p"), 4
    )
    other = msgspec.structs.replace(
        message, number=77, digest=b"dd", name="other", parts=(second,), perhaps=8
    )
    mutants = [mutation(seed, "any", other).of(message) for seed in range(1500)]
    values = {
        name: {getattr(one, name) for one in mutants if isinstance(one, Whole)}
        for name in message.__struct_fields__
    }
    assert values["number"] == {4, 5, 6, 77}
    assert values["ratio"] == {-0.5, 0.5, 1.5}
    assert values["ready"] == {True, False}
    assert {b"\x00\xff", b"dd"} < values["digest"]
    flipped = values["digest"] - {b"\x00\xff", b"dd"}
    assert all((int.from_bytes(one) ^ 0xFF).bit_count() == 1 for one in flipped)
    assert {"n", "other", "o"} == values["name"]
    assert values["colour"] == set(Colour)
    assert values["mode"] == {"fast"}  # no other mode was seen, and no flipped bit is one
    assert values["few"] == {2, 3}  # 4 is forbidden by its type
    assert {None, 3, 4, 5, 8} == values["perhaps"]
    assert {(first,), (second,), (first, first, second), (second, first)} < values["parts"]
    assert {len(one) for one in values["parts"]} == {1, 2, 3}
    assert {(2, b"p"), (0, b"p"), (1, b"q")} <= values["pair"]
    assert all(len(one) == 2 for one in values["pair"])


def test_an_element_of_a_tuple_is_exchanged_for_one_that_was_in_another() -> None:
    class Batch(Message, frozen=True):
        parts: tuple[Part, ...]

    old, new = Part(1, "old"), Part(2, "new")
    mutants = [mutation(seed, "other", Batch((old,))).of(Batch((new, new))) for seed in range(60)]
    assert {Batch((old,)), Batch((old, new)), Batch((new, old))} == set(mutants)


def test_a_message_without_anything_to_change_has_no_mutant() -> None:
    class Empty(Message, frozen=True):
        pass

    class Signed(Message, frozen=True):
        signature: bytes = b"only this"

    assert mutation(1).of(Empty()) is None
    assert mutation(1).of(Signed()) is None
    assert mutation(1).of(Empty(), "number") is None


def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    values = Values()
    for number in range(100):
        values.learn(Part(number, "same"))
    assert values.others("weight", -1) == list(range(68, 100))
    assert values.others("label", "another") == ["same"]
    assert values.others("weight", True) == []


def test_what_is_ill_typed_inside_a_message_inside_is_noticed() -> None:
    class Envelope(Message, frozen=True):
        body: object

    good = Whole(1, 0.5, True, b"", "", Colour.RED, "fast", 3, Part(1, ""), (), (1, b""), None)
    assert is_well_typed(Envelope(good))
    assert not is_well_typed(Envelope(msgspec.structs.replace(good, few=4)))


def everything_in(value: object, name: str) -> Iterator[tuple[str, object]]:
    """All values in fields, the outer before the inner; elements go by the name of their tuple."""
    if name:
        yield name, value
    if isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from everything_in(getattr(value, field), field)
    elif isinstance(value, tuple):
        for element in value[:8]:
            yield from everything_in(element, name)


@given(st.lists(wholes | parts, max_size=12), st.integers(1, 6), st.data())
def test_whenever_it_is_asked_for_all_that_was_learned_is_known(
    learned: list[msgspec.Struct], unread: int, data: st.DataObject
) -> None:
    names = [*Whole.__struct_fields__, *Part.__struct_fields__]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("prsm_sim.treachery.values._UNREAD", unread)
        patch.setattr("prsm_sim.treachery.values.REMEMBERED", 4)
        values, known = Values(), {name: dict[tuple[type, object], None]() for name in names}
        for struct in learned:
            values.learn(struct)
            for name, value in everything_in(struct, ""):
                known[name].setdefault((type(value), value))
                if len(known[name]) > 4:
                    del known[name][next(iter(known[name]))]
            asked = data.draw(st.sampled_from(names))
            wanted = [one for _, one in known[asked] if one is not None]
            assert values.others(asked, None) == wanted
