"""Canonical bytes of plain Python objects: equal states have equal bytes, in every process.

State hashing (Holzmann, "The Model Checker SPIN", 1997) is sound only if two states with the same
bytes behave alike for ever after. So all that can decide anything is written: types, values, the
order of lists *and of dicts* (code may take the first entry of a dict), which object is shared with
which other, and what a closure has captured. What must not decide anything is not: addresses,
hashes, and the order of sets, whose elements are sorted by their bytes.

Every value is written with a tag and a length, so no two different values run together. An object
that is met a second time is written as the number of its first meeting, which also ends cycles.

An object may say itself what its state is, by a method ``canonical_state()`` that returns plain
values: leave out there what never influences anything (statistics, caches), or sort what is in no
particular order, and more states become equal.
"""

import enum
import struct
import types
from collections import deque
from collections.abc import Callable, Collection
from hashlib import blake2b
from itertools import chain
from typing import Any

import msgspec

from prsm_sim.actor.codec import encode
from prsm_sim.actor.errors import UserError
from prsm_sim.actor.types import Fact, Message

DIGEST_BYTES = 16
_REDUCIBLE = (
    "itertools", "functools", "datetime", "decimal", "fractions", "uuid", "pathlib", "random", "re",
)  # fmt: skip
"""Modules whose objects tell their whole state by the pickle protocol, in a fixed order."""
_REDUCIBLE_TYPES = (range, complex, bytearray, slice)
_BY_NAME = (
    type, types.BuiltinFunctionType, types.ModuleType, types.MethodDescriptorType,
    types.WrapperDescriptorType,
)  # fmt: skip

Write = Callable[["Canonical", Any], None]
_NAMES: dict[type, bytes] = {}


def canonical(value: object) -> bytes:
    """The canonical bytes of `value`.

    Raises:
        UserError: it holds something without a readable state (a generator, a coroutine, a lock).
    """
    writer = Canonical()
    writer.write(value)
    return b"".join(writer.parts)


def digest(value: object) -> bytes:
    """A digest of the canonical bytes of `value`, 16 bytes."""
    return blake2b(canonical(value), digest_size=DIGEST_BYTES).digest()


class Canonical:
    """Writes one value, with all that it refers to, into `parts`."""

    __slots__ = ("_held", "_met", "parts")

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self._met: dict[int, int] = {}
        self._held: list[object] = []
        """Keeps what was met alive, so that no address is used twice."""

    def write(self, value: Any) -> None:
        """Append `value`."""
        kind = type(value)
        writer = _WRITERS.get(kind)
        if writer is None:
            writer = _WRITERS[kind] = _find_writer(kind)
        writer(self, value)

    def met(self, value: object) -> bool:
        """Whether `value` has been written before; if so its number has been appended."""
        number = self._met.get(id(value))
        if number is None:
            self._met[id(value)] = len(self._met)
            self._held.append(value)
            return False
        self.parts.append(b"@%d;" % number)
        return True

    def addresses(self) -> set[int]:
        """Where the objects stand that were written and may change."""
        return {id(one) for one in self._held if not isinstance(one, types.FunctionType)}

    def sized(self, tag: bytes, content: bytes) -> None:
        """Append bytes with their tag and length."""
        self.parts.append(b"%b%d:%b" % (tag, len(content), content))

    def items(self, tag: bytes, values: Collection[object]) -> None:
        """Append a sequence."""
        self.parts.append(b"%b%d:" % (tag, len(values)))
        for value in values:
            self.write(value)


def _name(kind: type) -> bytes:
    name = _NAMES.get(kind)
    if name is None:
        name = _NAMES[kind] = f"{kind.__module__}.{kind.__qualname__}".encode()
    return name


def _none(writer: Canonical, _value: Any) -> None:
    writer.parts.append(b"n")


def _bool(writer: Canonical, value: Any) -> None:
    writer.parts.append(b"y" if value else b"f")


def _int(writer: Canonical, value: Any) -> None:
    writer.parts.append(b"i%d;" % value)


def _float(writer: Canonical, value: Any) -> None:
    writer.parts.append(b"d" + struct.pack("<d", value))


def _str(writer: Canonical, value: Any) -> None:
    writer.sized(b"s", value.encode("utf-8", "surrogatepass"))


def _bytes(writer: Canonical, value: Any) -> None:
    writer.sized(b"b", bytes(value))


def _tuple(writer: Canonical, value: Any) -> None:
    writer.items(b"(", value)


def _list(writer: Canonical, value: Any) -> None:
    if not writer.met(value):
        writer.items(b"[", value)


def _deque(writer: Canonical, value: Any) -> None:
    if not writer.met(value):
        writer.write(value.maxlen)
        writer.items(b"q", value)


def _dict(writer: Canonical, value: Any) -> None:
    if not writer.met(value):
        writer.items(b"{", list(chain.from_iterable(value.items())))


def _set(writer: Canonical, value: Any) -> None:
    if isinstance(value, set) and writer.met(value):
        return
    elements = sorted(canonical(element) for element in value)
    writer.parts.append(b"%b%d:" % (b"<" if isinstance(value, set) else b">", len(elements)))
    writer.parts.extend(elements)


def _message(writer: Canonical, value: Any) -> None:
    """A message is a value that its encoding tells in full."""
    writer.sized(b"m", _name(type(value)) + b"\x00" + encode(value))


def _struct(writer: Canonical, value: Any) -> None:
    if value.__struct_config__.frozen or not writer.met(value):
        writer.sized(b"t", _name(type(value)))
        writer.items(b"(", tuple(getattr(value, name) for name in value.__struct_fields__))


def _enum(writer: Canonical, value: Any) -> None:
    writer.sized(b"e", _name(type(value)) + b"." + value.name.encode())


def _by_name(writer: Canonical, value: Any) -> None:
    module = getattr(value, "__module__", None) or ""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", "")
    writer.sized(b"g", f"{module}.{name}".encode())


def _function(writer: Canonical, value: Any) -> None:
    """A function is its name and place, with what it has captured."""
    if writer.met(value):
        return
    place = f"{value.__module__}.{value.__qualname__}:{value.__code__.co_firstlineno}"
    writer.sized(b"F", place.encode())
    filled = (cell for cell in value.__closure__ or () if cell != types.CellType())
    writer.items(b"(", tuple(cell.cell_contents for cell in filled))
    writer.write(value.__defaults__)
    writer.write(value.__kwdefaults__)


def _method(writer: Canonical, value: Any) -> None:
    writer.parts.append(b"M")
    writer.write(value.__func__)
    writer.write(value.__self__)


def _array(writer: Canonical, value: Any) -> None:
    if not writer.met(value):
        writer.sized(b"a", str((value.dtype, value.shape)).encode())
        writer.sized(b"b", value.tobytes())


def _hooked(writer: Canonical, value: Any) -> None:
    if not writer.met(value):
        writer.sized(b"h", _name(type(value)))
        writer.write(value.canonical_state())


def _reduced(writer: Canonical, value: Any) -> None:
    if not writer.met(value):
        writer.sized(b"r", _name(type(value)))
        writer.write(value.__reduce_ex__(4))


def _object(writer: Canonical, value: Any) -> None:
    """Any other object is its type and its attributes, and its elements if it is a container."""
    if writer.met(value):
        return
    kind = type(value)
    writer.sized(b"o", _name(kind))
    attributes: dict[str, object] = dict(getattr(value, "__dict__", {}))
    for name in _slots(kind):
        if hasattr(value, name):
            attributes[name] = getattr(value, name)
    writer.parts.append(b"%d:" % len(attributes))
    for name in sorted(attributes):
        writer.parts.append(name.encode() + b"=")
        writer.write(attributes[name])
    for base, write in _CONTENTS:
        if isinstance(value, base):
            writer.write(getattr(value, "default_factory", None))
            write(writer, value)


def _dict_content(writer: Canonical, value: Any) -> None:
    writer.items(b"{", list(chain.from_iterable(value.items())))


def _sequence_content(writer: Canonical, value: Any) -> None:
    writer.items(b"[", list(value))


def _set_content(writer: Canonical, value: Any) -> None:
    writer.parts.extend(sorted(canonical(element) for element in value))


def _scalar_content(writer: Canonical, value: Any) -> None:
    plain: tuple[tuple[type, Write, Callable[[Any], object]], ...] = (
        (int, _int, int.__int__), (float, _float, float.__float__),
        (str, _str, str.__str__), (bytes, _bytes, bytes.__bytes__),
    )  # fmt: skip
    for base, write, plainly in plain:
        if isinstance(value, base):
            write(writer, plainly(value))


def _slots(kind: type) -> list[str]:
    """Names under which a type keeps attributes in slots, those of private ones as mangled."""
    found = []
    for base in kind.__mro__:
        slots = vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            private = name.startswith("__") and not name.endswith("__")
            found.append(f"_{base.__name__.lstrip('_')}{name}" if private else name)
    return [name for name in found if name not in ("__dict__", "__weakref__")]


def _unreadable(writer: Canonical, value: Any) -> None:
    raise UserError(
        f"the state of a {type(value).__qualname__} cannot be read, so states that hold one cannot "
        "be compared; keep it out of the actor, or give the actor a canonical_state() without it"
    )


def _find_writer(kind: type) -> Write:
    if hasattr(kind, "canonical_state"):
        return _hooked
    if issubclass(kind, Message | Fact):
        return _message
    for base, writer in ((msgspec.Struct, _struct), (enum.Enum, _enum), *_KINDS):
        if issubclass(kind, base):
            return writer
    if kind.__module__.split(".")[0] == "numpy":
        return _array
    if kind.__module__ in _REDUCIBLE or kind in _REDUCIBLE_TYPES:
        return _reduced
    plain = any("__dict__" in vars(base) or "__slots__" in vars(base) for base in kind.__mro__)
    containers = (dict, list, tuple, deque, set, frozenset)
    return _object if plain or kind is object or issubclass(kind, containers) else _unreadable


_WRITERS: dict[type, Write] = {
    type(None): _none, bool: _bool, int: _int, float: _float, str: _str, bytes: _bytes,
    tuple: _tuple, list: _list, deque: _deque, dict: _dict, set: _set, frozenset: _set,
    types.FunctionType: _function, types.MethodType: _method,
}  # fmt: skip
_KINDS: tuple[tuple[type, Write], ...] = tuple((kind, _by_name) for kind in _BY_NAME)
_CONTENTS: tuple[tuple[type | tuple[type, ...], Write], ...] = (
    (dict, _dict_content),
    ((list, tuple, deque), _sequence_content),
    ((set, frozenset), _set_content),
    ((int, float, str, bytes), _scalar_content),
)
