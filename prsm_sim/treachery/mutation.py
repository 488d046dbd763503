"""One small change of one field of a message, derived from the field's type.

A change that the type forbids would be refused by every decoder, and so test nothing but the
decoder. Each mutant is therefore encoded and decoded against its type, and drawn again if that
fails; what is left is a message that an honest peer might have sent, only that it did not.

Integers move by one (off-by-one views and sequence numbers are where protocols break); bytes and
strings take another value seen in a field of that name (another's digest, another's name), an older
one that this peer sent itself (a stale claim), or one flipped bit (garbage); tuples lose, repeat or
swap elements; structs are descended into. Signatures are left alone: who re-signs decides on them.
"""

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Final, TypeVar

import msgspec

from prsm_sim.actor.codec import decode, encode
from prsm_sim.actor.context import Random
from prsm_sim.actor.errors import RemoteProtocolError
from prsm_sim.actor.types import Message
from prsm_sim.treachery.values import Values, fields_of, is_signature

S = TypeVar("S", bound=msgspec.Struct)
_ATTEMPTS = 6
"""So often an ill-typed mutant is drawn again."""


class _Unchanged:
    """What comes of a value that cannot be changed in the way that is asked for."""


UNCHANGED: Final = _Unchanged()


def is_well_typed(message: msgspec.Struct) -> bool:
    """Whether `message` would pass a decoder of its own type."""
    try:
        decode(encode(message), type(message))
    except (RemoteProtocolError, OverflowError, msgspec.ValidationError):
        return False
    inside = (getattr(message, name) for name, _ in fields_of(type(message)))
    return all(is_well_typed(one) for one in inside if isinstance(one, Message))


def strings_in(value: object, field: str = "", name: str = "") -> Iterator[str]:
    """The strings in fields called `field` (empty: in any), also deep inside."""
    if isinstance(value, msgspec.Struct):
        for one in fields_of(type(value)):
            yield from strings_in(getattr(value, one.name), field, one.name)
    elif isinstance(value, tuple):
        for one in value:
            yield from strings_in(one, field, name)
    elif isinstance(value, str) and field in ("", name):
        yield value


class Mutation:
    """Draws changes of messages.

    Args:
        rng: decides everything.
        change: as in `prsm_sim.faults.Byzantine`.
        seen: values seen in any message.
        sent: values this peer has sent itself.
    """

    def __init__(self, rng: Random, change: str, seen: Values, sent: Values) -> None:
        self._rng = rng
        self._change = change
        self._sources = {"other": seen, "old": sent}

    def of(self, message: Message, field: str = "") -> Message | None:
        """A mutant of `message`, or None if there is none of the kind asked for.

        Args:
            field: name of the field to change, at the top or deeper; empty: any but signatures.
        """
        for _ in range(_ATTEMPTS):
            mutant = self._named(message, field) if field else self._struct(message)
            if isinstance(mutant, Message) and mutant != message and is_well_typed(mutant):
                return mutant
        return None

    def _named(self, value: object, field: str) -> object:
        """`value` with the first field of this name changed, the outermost first."""
        if isinstance(value, msgspec.Struct):
            fields = fields_of(type(value))
            for name, optional in fields:
                if name == field:
                    return self._with_changed(value, name, optional)
            for name, _ in fields:
                inner = self._named(getattr(value, name), field)
                if inner is not UNCHANGED:
                    return msgspec.structs.replace(value, **{name: inner})
        elif isinstance(value, tuple):
            for index, element in enumerate(value):
                inner = self._named(element, field)
                if inner is not UNCHANGED:
                    return (*value[:index], inner, *value[index + 1 :])
        return UNCHANGED

    def _struct(self, struct: msgspec.Struct) -> object:
        fields = [one for one in fields_of(type(struct)) if not is_signature(one.name)]
        self._rng.shuffle(fields)
        for name, optional in fields:
            changed = self._with_changed(struct, name, optional)
            if changed is not UNCHANGED:
                return changed
        return UNCHANGED

    def _with_changed(self, struct: msgspec.Struct, name: str, optional: bool) -> object:
        value = getattr(struct, name)
        if optional and value is not None and self._change == "any" and self._rng.randrange(4) == 0:
            changed: object = None
        else:
            changed = self._value(name, value)
        if changed is UNCHANGED:
            return UNCHANGED
        return msgspec.structs.replace(struct, **{name: changed})

    def _value(self, name: str, value: object) -> object:
        """Another value for a field of this name; the kinds of change are tried in drawn order."""
        kinds = [self._change] if self._change != "any" else list(_kinds_for(value))
        self._rng.shuffle(kinds)
        for kind in kinds:
            changed = self._change_in_kind(kind, name, value)
            if changed is not UNCHANGED:
                return changed
        return UNCHANGED

    def _change_in_kind(self, kind: str, name: str, value: object) -> object:
        if isinstance(value, msgspec.Struct) and kind not in self._sources:
            return self._struct(value)
        if kind in ("increment", "decrement"):
            if isinstance(value, tuple):
                return self._inside(name, value)
            if isinstance(value, bool | Enum) or not isinstance(value, int | float):
                return UNCHANGED
            return value + (1 if kind == "increment" else -1)
        if kind in self._sources:
            return self._exchanged(self._sources[kind], name, value)
        return self._own(kind, name, value)

    def _own(self, kind: str, name: str, value: object) -> object:
        """Changes that need no other value."""
        match value, kind:
            case bool(), "flip":
                return not value
            case Enum(), "flip":
                others = [one for one in type(value) if one is not value]
                return self._rng.choice(others) if others else UNCHANGED
            case ((bytes() | str()), "flip"):
                return self._with_flipped_bit(value) if value else UNCHANGED
            case tuple(), "inside":
                return self._inside(name, value)
            case tuple(), _:
                return self._rearranged(kind, value)
        return UNCHANGED

    def _exchanged(self, source: Values, name: str, value: object) -> object:
        """Another value that was in such a field; of a tuple also of one element."""
        others = source.others(name, value)
        if not others or (isinstance(value, tuple) and self._rng.randrange(2)):
            changed = self._deeper(name, value)
            if changed is not UNCHANGED or not others:
                return changed
        return self._rng.choice(others)

    def _deeper(self, name: str, value: object) -> object:
        """A change of the kind asked for somewhere inside a value that has parts."""
        if isinstance(value, msgspec.Struct):
            return self._struct(value)
        return self._inside(name, value) if isinstance(value, tuple) else UNCHANGED

    def _with_flipped_bit(self, value: bytes | str) -> bytes | str:
        place = self._rng.randrange(len(value))
        if isinstance(value, bytes):
            flipped = bytes([value[place] ^ 1 << self._rng.randrange(8)])
            return value[:place] + flipped + value[place + 1 :]
        return value[:place] + chr(ord(value[place]) ^ 1) + value[place + 1 :]

    def _inside(self, name: str, value: tuple[object, ...]) -> object:
        for place in self._rng.sample(range(len(value)), len(value)):
            changed = self._value(name, value[place])
            if changed is not UNCHANGED:
                return (*value[:place], changed, *value[place + 1 :])
        return UNCHANGED

    def _rearranged(self, kind: str, value: tuple[object, ...]) -> object:
        rearrange = _REARRANGEMENTS.get(kind)
        if rearrange is None or not value:
            return UNCHANGED
        return rearrange(value, self._rng.randrange(len(value)))


def _dropped(value: tuple[object, ...], place: int) -> tuple[object, ...]:
    return value[:place] + value[place + 1 :]


def _repeated(value: tuple[object, ...], place: int) -> tuple[object, ...]:
    return value[: place + 1] + value[place:]


def _swapped(value: tuple[object, ...], place: int) -> tuple[object, ...]:
    """The element at `place` changes places with the one after it, the last with the first."""
    elements, after = list(value), (place + 1) % len(value)
    elements[place], elements[after] = elements[after], elements[place]
    return tuple(elements)


_REARRANGEMENTS: dict[str, Callable[[tuple[object, ...], int], tuple[object, ...]]] = {
    "drop": _dropped,
    "repeat": _repeated,
    "swap": _swapped,
}


def _kinds_for(value: object) -> Sequence[str]:
    """The kinds of change that ``any`` draws from, for a value of this type."""
    match value:
        case bool() | Enum():
            return ("flip",)
        case int() | float():
            return ("increment", "decrement", "other")
        case bytes() | str():
            return ("other", "old", "flip")
        case tuple():
            return ("drop", "repeat", "swap", "inside", "other")
        case msgspec.Struct():
            return ("inside", "other")
    return ("other",)
