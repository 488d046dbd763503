"""What liars remember, and what they have agreed on: one conspiracy for a group of accomplices.

Liars that contradict each other are easily outvoted; f + 1 that tell the *same* two stories break
agreement. So a lie is a function of the message and of the group, not of who tells it: its
random stream is named by the group and by what the message says without its signatures. And what a
lie has replaced is entered into a book: once a digest has been told as another one, every later
message of the group that names it tells the other one too. No protocol has to explain to the liars
which of its fields belong together.
"""

from hashlib import blake2b
from typing import TypeGuard, TypeVar

import msgspec

from prsm_sim.actor.codec import encode
from prsm_sim.actor.types import Message, PeerId
from prsm_sim.chance import Stream
from prsm_sim.treachery.values import Values, fields_of, is_signature

MEMORY = 4096
"""So many lies are remembered."""
_IDENTIFYING_BYTES = 8
V = TypeVar("V")


class Conspiracy:
    """A group of liars, often of one.

    Args:
        seed: the run's.
        names: what the group's random streams are called by.
        members: who belongs to it, and is told the truth.

    Attributes:
        seen: values of fields in any message that reached or left a member.
        book: what has been told for what, bytes by bytes.
        twins: members that run twice.
    """

    def __init__(self, seed: int, names: tuple[str, ...], members: frozenset[PeerId]) -> None:
        self._seed = seed
        self._names = names
        self.members = members
        self.seen = Values()
        self.book: dict[bytes, bytes] = {}
        self.twins: set[PeerId] = set()
        self._lies: dict[bytes, Message] = {}

    def stream(self, key: bytes) -> Stream:
        """The random stream of the lie about the message with this key."""
        return Stream(self._seed, *self._names, "treachery", key.hex())

    def lie(self, key: bytes) -> Message | None:
        """What is told for the message with this key, before it is signed; None: not settled."""
        return self._lies.get(key)

    def settle(self, key: bytes, lie: Message) -> None:
        """From now on, the whole group tells `lie` for the message with this key."""
        _keep(self._lies, key, lie)

    def enter(self, truth: msgspec.Struct, told: msgspec.Struct) -> None:
        """Note which identifying values of `truth` have been told as others."""
        if type(truth) is not type(told):
            return
        for name, _ in fields_of(type(truth)):
            old, new = getattr(truth, name), getattr(told, name)
            if old == new or is_signature(name):
                continue
            if isinstance(old, msgspec.Struct) and isinstance(new, msgspec.Struct):
                self.enter(old, new)
            elif _identifies(old) and isinstance(new, bytes):
                _keep(self.book, old, new)

    def consistent(self, struct: msgspec.Struct) -> msgspec.Struct:
        """`struct` with everything replaced that the book knows another story of."""
        changes: dict[str, object] = {}
        for name, _ in fields_of(type(struct)):
            value = getattr(struct, name)
            if isinstance(value, msgspec.Struct):
                inner = self.consistent(value)
                if inner is not value:
                    changes[name] = inner
            elif _identifies(value) and value in self.book and not is_signature(name):
                changes[name] = self.book[value]
        return msgspec.structs.replace(struct, **changes) if changes else struct


def key_of_message(message: msgspec.Struct, *how: str) -> bytes:
    """16 bytes that name what `message` says, whoever signed it, and how it is to be changed."""
    said = [
        getattr(message, name) for name, _ in fields_of(type(message)) if not is_signature(name)
    ]
    return blake2b(encode((type(message).__name__, how, said)), digest_size=16).digest()


def _identifies(value: object) -> TypeGuard[bytes]:
    """Whether this value can stand for one thing only, as a digest or a nonce does."""
    return isinstance(value, bytes) and len(value) >= _IDENTIFYING_BYTES


def _keep(memory: dict[bytes, V], key: bytes, value: V) -> None:
    memory.setdefault(key, value)
    if len(memory) > MEMORY:
        del memory[next(iter(memory))]
