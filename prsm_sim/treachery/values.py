"""What liars can tell: the fields of messages by their types, and the values seen in them."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin

import msgspec

REMEMBERED = 32
"""So many distinct values are remembered of each field name."""
_UNREAD = 4096
"""So many messages may wait to be taken apart."""
_DESCENDED = 8
"""Of a tuple, so many elements are remembered, under the name of the field that holds it."""
_FLAT = frozenset((int, str, bytes, bool, float, NoneType))
"""Types whose values have no parts, to be told from others at once."""


class FieldOf(NamedTuple):
    """A field of a struct: its name, and whether it may be None."""

    name: str
    optional: bool


def is_signature(name: str) -> bool:
    """Whether a field of this name holds a signature."""
    return "signature" in name.lower()


@lru_cache(maxsize=1024)
def fields_of(struct_type: type[msgspec.Struct]) -> tuple[FieldOf, ...]:
    """The fields of a struct type, in their order."""
    return tuple(
        FieldOf(one.name, NoneType in get_args(one.type))
        for one in msgspec.structs.fields(struct_type)
    )


@lru_cache(maxsize=8192)
def ways_to(struct_type: type[msgspec.Struct], name: str) -> tuple[str, ...]:
    """The fields of a struct type that are called `name`, or may hold one that is, in order."""
    return tuple(
        one.name
        for one in msgspec.structs.fields(struct_type)
        if one.name == name or _may_hold_structs(one.type)
    )


def _may_hold_structs(declared: Any) -> bool:
    """Whether a value of this declared type may be a struct, or have one inside."""
    if declared in _FLAT or get_origin(declared) is Literal:
        return False
    parts = [one for one in get_args(declared) if one is not ...]
    return not parts or any(map(_may_hold_structs, parts))


class Values:
    """Distinct values seen in fields, by the field's name: the newest `REMEMBERED` of each.

    Most liars hear much and need little of it, so what is learned is searched when it is needed,
    and only for fields of the name that is asked for.
    """

    def __init__(self) -> None:
        self._by_name: dict[str, dict[tuple[type, object], None]] = {}
        self._heard: list[msgspec.Struct] = []
        self._searched: dict[str, int] = {}
        """How many of `_heard` have been searched for fields of a name."""

    def learn(self, struct: msgspec.Struct) -> None:
        """Remember the values of all fields of `struct`, and of structs inside it."""
        self._heard.append(struct)
        if len(self._heard) >= _UNREAD:
            for name in dict.fromkeys(chain.from_iterable(map(_names_in, self._heard))):
                self._known(name)
            self._heard.clear()
            self._searched.clear()

    def _known(self, name: str) -> dict[tuple[type, object], None]:
        """The newest values under `name`, from all that was learned, oldest first."""
        known = self._by_name.setdefault(name, {})
        for struct in self._heard[self._searched.get(name, 0) :]:
            _search(struct, name, known)
        self._searched[name] = len(self._heard)
        return known

    def others(self, name: str, value: object) -> list[object]:
        """Values of the type of `value` seen under `name` that differ from it, oldest first."""
        return [
            one
            for kind, one in self._known(name)
            if one != value and (value is None or kind is type(value))
        ]


def _search(struct: msgspec.Struct, name: str, known: dict[tuple[type, object], None]) -> None:
    """Enter what fields called `name` hold, of `struct` and of structs inside it."""
    for field in ways_to(type(struct), name):
        _enter(getattr(struct, field), name, field == name, known)


def _enter(value: object, name: str, is_it: bool, known: dict[tuple[type, object], None]) -> None:
    """Enter `value` if it is what a field of that name holds, and what of its parts is."""
    kind = type(value)
    if is_it:
        try:
            known.setdefault((kind, value))
        except TypeError:
            return  # a value that cannot be hashed, such as a list
        if len(known) > REMEMBERED:
            del known[next(iter(known))]
    if kind in _FLAT:
        return
    if isinstance(value, msgspec.Struct):
        _search(value, name, known)
    elif isinstance(value, tuple):
        for element in value[:_DESCENDED]:
            _enter(element, name, is_it, known)


def _names_in(value: object) -> Iterator[str]:
    """The names of the fields of a struct, and of those inside; of a tuple, those of its parts."""
    if isinstance(value, msgspec.Struct):
        for name, _ in fields_of(type(value)):
            yield name
            yield from _names_in(getattr(value, name))
    elif isinstance(value, tuple):
        for element in value[:_DESCENDED]:
            yield from _names_in(element)
