"""A desk: one mechanism of the economy behind typed operations.

Mechanisms are told who acts, by their callers; on a replicated machine that is the client whom
consensus vouched for and nobody else. A desk is where the two meet: it names the operations that
clients can send, puts the client in the place of the account that acts, and says in messages and
facts what came of it. So no operation has a field for whose money moves, or by whose right:
spending another's money is not refused, it cannot be written down.

What a desk promises its machine:

- what it does is a function of its state, the ledgers' state and its arguments;
- an operation that is refused has changed nothing, neither the books nor the ledgers;
- `encode` is canonical, and what it gives is the whole state of the desk but the ledgers';
- the books agree with the ledgers after every call, which is what `audit` says.

**Repeating.** A client that saw no answer repeats its operation. Operations that would act twice
are *keyed*: under one key of a client's an operation is done once, and a repetition is `Accepted`
and does nothing. The keys are those of the ledger, one name space for each client, forgotten when
the ledger forgets. Unlike the ledger's own operations, a keyed operation that is refused uses up no
key: nothing changed, so there is nothing to remember. Operations that name what they make (a
session, a content) need no key, for their name is one.

**Time.** A desk whose mechanism has deadlines says when the next one is; the machine lets all of
them pass in their order, each as of its own instant, before an operation of a later time is done.
"""

from hashlib import blake2b
from typing import Annotated, ClassVar, Final, NamedTuple, Protocol, TypeAlias

from msgspec import Meta

from economy.operations import Accepted, Name, Refused
from economy.refusals import Refusal
from prsm_sim.actor import Fact, Message, RemoteProtocolError, decode, encode

Count: TypeAlias = Annotated[int, Meta(ge=0, lt=2**62)]
"""A figure that is no amount of money: a number, a size, a share in ppm, a span in ms."""

Text: TypeAlias = Annotated[str, Meta(max_length=1024)]
"""Words that decide nothing."""


class DeskOperation(Message, frozen=True, forbid_unknown_fields=True):
    """Base of the operations that change something and may be repeated as they are."""


class KeyedOperation(DeskOperation, frozen=True):
    """Base of the operations that are done once under each `key` of a client's."""

    key: Name


class Reading(DeskOperation, frozen=True):
    """Base of the operations that change nothing. Anyone may ask."""


class Answer(NamedTuple):
    """What came of an operation: what its client is told, and what the outside is."""

    result: Message
    facts: tuple[Fact, ...] = ()


ACCEPTED: Final = Answer(Accepted())


class Books(Protocol):
    """The state of a mechanism, as every mechanism of the economy has it."""

    def audit(self) -> str | None:
        """What is wrong, or None."""

    def encode(self) -> bytes:
        """The whole state as canonical bytes."""

    def restore(self, encoded: bytes) -> None:
        """Replace the state; raises `RemoteProtocolError` if it is unsound."""


class Desk:
    """One mechanism behind operations; a subclass says which.

    Args:
        books: the mechanism.

    Attributes:
        name: unique among the desks of a machine.
        operations: the types it takes. Their names are unique on a machine.
        results: the types it answers with, besides `Accepted` and `Refused`.
        is_stale: whether the state may have changed since the digest was last taken.
    """

    name: ClassVar[str]
    operations: ClassVar[tuple[type[DeskOperation], ...]]
    results: ClassVar[tuple[type[Message], ...]] = ()

    def __init__(self, books: Books) -> None:
        self._books = books
        self._digest = b""
        self.is_stale = True

    def perform(self, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        """Do what `client` asks.

        Args:
            client: who asked; never an account of a mechanism.
            operation: one of `operations`, decoded against its type.
            now_ms: ledger time; whatever is due by then has been done.
        """
        raise NotImplementedError

    def due_ms(self, after_ms: int) -> int | None:
        """The earliest deadline later than `after_ms`, in ledger time, or None."""
        return None

    def advance(self, now_ms: int) -> tuple[Fact, ...]:
        """Do what is due by `now_ms`; returns what the outside is told."""
        return ()

    def audit(self) -> str | None:
        """Check the books from scratch; returns what is wrong, or None."""
        return self._books.audit()

    def encode(self) -> bytes:
        """The whole state but the ledgers', as canonical bytes."""
        return self._books.encode()

    def restore(self, encoded: bytes) -> None:
        """Replace the whole state; the ledger and the desks before this one are restored.

        Raises:
            RemoteProtocolError: it is no sound state over them.
        """
        self._books.restore(encoded)
        self.is_stale = True

    def digest(self) -> bytes:
        """32 bytes; equal states, and only they, have equal ones."""
        if self.is_stale:
            self._digest = blake2b(self.encode(), digest_size=32).digest()
            self.is_stale = False
        return self._digest


class JointBooks:
    """Several mechanisms as the books of one desk, in this order."""

    def __init__(self, *books: Books) -> None:
        self._books = books

    def audit(self) -> str | None:
        """The first thing that is wrong in any of them, or None."""
        faults = (books.audit() for books in self._books)
        return next((fault for fault in faults if fault is not None), None)

    def encode(self) -> bytes:
        """All of them as canonical bytes."""
        return encode([books.encode() for books in self._books])

    def restore(self, encoded: bytes) -> None:
        """Replace the state of each, one after the other."""
        parts: list[bytes] = decode(encoded, list[bytes])
        if len(parts) != len(self._books):
            raise RemoteProtocolError(f"{len(parts)} books where {len(self._books)} are kept")
        for books, part in zip(self._books, parts, strict=True):
            books.restore(part)


def take_over(held: object, restored: object) -> None:
    """Fill `held`, which others refer to, with the state of another object of its class."""
    for slot in type(held).__slots__:  # type: ignore[attr-defined]
        setattr(held, slot, getattr(restored, slot))


def answer(outcome: Refusal | None, *facts: Fact) -> Answer:
    """The answer to an operation that was done, or was not: the facts are told if it was."""
    return Answer(Accepted(), facts) if outcome is None else refused(outcome)


def refused(reason: Refusal) -> Answer:
    """The answer "no"."""
    return Answer(Refused(reason))
