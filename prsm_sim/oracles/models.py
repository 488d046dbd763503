"""Models: what an object would do if it served one operation after the other.

Linearizability is relative to such a sequential specification (Herlihy and Wing 1990). A model is a
pure function from a state and an operation to a new state and the result that the client must be
told. Operations are words separated by single spaces, so values may hold anything but spaces.

Two optional methods make checking cheaper and change no verdict:

- ``key(operation)`` names the part of the object that the operation touches. A history is
  linearizable if and only if that of each part is (P-compositionality: Horn and Kroening 2015), so
  parts are checked alone. None touches all of it, and nothing is divided.
- ``reads(operation)`` says that the operation changes no state whatever. Where such an operation
  may come next and its result is right, nothing is lost by letting it come next.
"""

from collections.abc import Hashable
from typing import Protocol, TypeVar, runtime_checkable

from prsm_sim.actor.errors import UserError

S = TypeVar("S", bound=Hashable)

OK, NO, YES = b"ok", b"no", b"yes"
NOTHING = b""
"""What reading an absent value returns."""


class Model(Protocol[S]):
    """A sequential specification; its states are hashable values."""

    @property
    def initial(self) -> S:
        """The state at the beginning, of the whole and of each part."""

    def step(self, state: S, operation: bytes) -> tuple[S, bytes]:
        """The state after `operation`, and its result."""


@runtime_checkable
class Divisible(Protocol):
    """A model of parts that do not touch each other."""

    def key(self, operation: bytes) -> Hashable | None:
        """The part that an operation touches; None: all."""


@runtime_checkable
class ReadAware(Protocol):
    """A model that knows which operations only read."""

    def reads(self, operation: bytes) -> bool:
        """Whether the operation changes no state."""


class Register:
    """One value. ``read`` → the value, ``write V`` → ok, ``cas OLD NEW`` → ok or no.

    Args:
        initial: the value at the beginning.
    """

    def __init__(self, initial: bytes = NOTHING) -> None:
        self.initial = initial

    def step(self, state: bytes, operation: bytes) -> tuple[bytes, bytes]:
        """Serve one operation."""
        match operation.split(b" "):
            case [b"read"]:
                return state, state
            case [b"write", value]:
                return value, OK
            case [b"cas", old, new]:
                return (new, OK) if state == old else (state, NO)
        raise _unknown("register", operation, "read, write V, cas OLD NEW")

    def reads(self, operation: bytes) -> bool:
        """``read`` does."""
        return operation == b"read"


Pairs = tuple[tuple[bytes, bytes], ...]


class KeyValue:
    """Values under keys, each key a part of its own.

    ``get K`` → the value or empty, ``put K V`` → ok, ``append K V`` → ok, ``delete K`` → ok,
    ``cas K OLD NEW`` → ok or no (an absent value is the empty one).
    """

    initial: Pairs = ()

    def step(self, state: Pairs, operation: bytes) -> tuple[Pairs, bytes]:
        """Serve one operation."""
        match operation.split(b" "):
            case [b"get", key]:
                return state, dict(state).get(key, NOTHING)
            case [b"put", key, value]:
                return _with(state, key, value), OK
            case [b"append", key, value]:
                return _with(state, key, dict(state).get(key, NOTHING) + value), OK
            case [b"delete", key]:
                return _with(state, key, NOTHING), OK
            case [b"cas", key, old, new]:
                if dict(state).get(key, NOTHING) != old:
                    return state, NO
                return _with(state, key, new), OK
        operations = "get K, put K V, append K V, delete K, cas K OLD NEW"
        raise _unknown("key-value store", operation, operations)

    def key(self, operation: bytes) -> bytes:
        """The second word."""
        return operation.split(b" ", 2)[1] if b" " in operation else NOTHING

    def reads(self, operation: bytes) -> bool:
        """``get`` does."""
        return operation.startswith(b"get ")


class Counter:
    """A number. ``add N`` → ok, ``next`` → one more than before, ``read`` → the number."""

    initial: int = 0

    def step(self, state: int, operation: bytes) -> tuple[int, bytes]:
        """Serve one operation."""
        match operation.split(b" "):
            case [b"read"]:
                return state, b"%d" % state
            case [b"next"]:
                return state + 1, b"%d" % (state + 1)
            case [b"add", number] if number.removeprefix(b"-").isdigit():
                return state + int(number), OK
        raise _unknown("counter", operation, "add N, next, read")

    def reads(self, operation: bytes) -> bool:
        """``read`` does."""
        return operation == b"read"


class Set:
    """A set, each element a part of its own unless somebody asks for all.

    ``add X`` → ok, ``remove X`` → ok, ``has X`` → yes or no, ``members`` → all, sorted, separated
    by spaces.
    """

    initial: frozenset[bytes] = frozenset()

    def step(self, state: frozenset[bytes], operation: bytes) -> tuple[frozenset[bytes], bytes]:
        """Serve one operation."""
        match operation.split(b" "):
            case [b"add", element]:
                return state | {element}, OK
            case [b"remove", element]:
                return state - {element}, OK
            case [b"has", element]:
                return state, YES if element in state else NO
            case [b"members"]:
                return state, b" ".join(sorted(state))
        raise _unknown("set", operation, "add X, remove X, has X, members")

    def key(self, operation: bytes) -> bytes | None:
        """The element; None for ``members``."""
        return operation.split(b" ", 1)[1] if b" " in operation else None

    def reads(self, operation: bytes) -> bool:
        """``has`` and ``members`` do."""
        return operation == b"members" or operation.startswith(b"has ")


class Queue:
    """First in, first out. ``enqueue X`` → ok, ``dequeue`` → the oldest, or empty."""

    initial: tuple[bytes, ...] = ()

    def step(self, state: tuple[bytes, ...], operation: bytes) -> tuple[tuple[bytes, ...], bytes]:
        """Serve one operation."""
        match operation.split(b" "):
            case [b"enqueue", element]:
                return (*state, element), OK
            case [b"dequeue"]:
                return (state[1:], state[0]) if state else (state, NOTHING)
        raise _unknown("queue", operation, "enqueue X, dequeue")


class Log:
    """An append-only log. ``append X`` → its index from 1, ``read`` → all, separated by spaces."""

    initial: tuple[bytes, ...] = ()

    def step(self, state: tuple[bytes, ...], operation: bytes) -> tuple[tuple[bytes, ...], bytes]:
        """Serve one operation."""
        match operation.split(b" "):
            case [b"append", element]:
                return (*state, element), b"%d" % (len(state) + 1)
            case [b"read"]:
                return state, b" ".join(state)
        raise _unknown("log", operation, "append X, read")

    def reads(self, operation: bytes) -> bool:
        """``read`` does."""
        return operation == b"read"


def _with(state: Pairs, key: bytes, value: bytes) -> Pairs:
    """The pairs with one changed; the empty value is an absent one."""
    values = dict(state)
    values[key] = value
    return tuple(sorted((k, v) for k, v in values.items() if v != NOTHING))


def _unknown(model: str, operation: bytes, known: str) -> UserError:
    return UserError(
        f"the {model} model cannot read the operation {operation!r}: it knows {known}; "
        "give the oracle a model of your own state machine"
    )
