"""Operations: the only thing an actor may await.

An actor that needs a model, a blob or a chain does not call it. It makes an `Operation`, a plain
description, and awaits that; ``__await__`` yields the description itself to whoever drives the
coroutine. The simulator answers it from its own queue at a later virtual time; the live world
awaits a real adapter and sends the value in. The actor is the same object in both, and the world
outside is one more peer whose answer may never come.

The four ports (`Models`, `Blobs`, `Chain`, `Tools`) are stateless factories of operations.
"""

from collections.abc import Generator
from typing import Any, Final, Generic, TypeAlias, TypeVar

from prsm_sim.actor.types import Seconds

T = TypeVar("T")


class Done(Generic[T]):
    """An outcome: the operation was answered with `value`."""

    __slots__ = ("value",)
    __match_args__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Done({self.value!r})"


class Failed:
    """An outcome: the operation was refused, for `reason`."""

    __slots__ = ("reason",)
    __match_args__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __repr__(self) -> str:
        return f"Failed({self.reason!r})"


class TimedOut:
    """An outcome: no answer came; whether the operation took effect is unknown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "TimedOut()"


Outcome: TypeAlias = Done[Any] | Failed | TimedOut


class Operation(Generic[T]):
    """A request to the world: `port.verb(*arguments)`, answered within `timeout_s` or not at all.

    Made by `Context` and the ports, never by hand. Awaiting it returns the value, or raises
    `OperationFailed` or `OperationTimedOut`.
    """

    __slots__ = ("arguments", "port", "timeout_s", "verb")

    def __init__(
        self, port: str, verb: str, arguments: tuple[Any, ...], timeout_s: Seconds | None = None
    ) -> None:
        self.port = port
        self.verb = verb
        self.arguments = arguments
        self.timeout_s = timeout_s

    def __await__(self) -> Generator["Operation[T]", T, T]:
        return (yield self)

    def __repr__(self) -> str:
        return f"<operation {self.port}.{self.verb}>"


class Models:
    """Port to the sub-models that a peer hosts."""

    __slots__ = ()

    def infer(self, model: str, payload: Any, timeout: Seconds | None = None) -> Operation[Any]:
        """Run `model` on `payload` (a value msgspec can encode) and return its answer."""
        return Operation("models", "infer", (model, payload), timeout)


class Blobs:
    """Port to content-addressed storage."""

    __slots__ = ()

    def get(self, cid: str, timeout: Seconds | None = None) -> Operation[bytes]:
        """Fetch the bytes whose content identifier is `cid`."""
        return Operation("blobs", "get", (cid,), timeout)

    def put(self, content: bytes, timeout: Seconds | None = None) -> Operation[str]:
        """Store `content` and return its content identifier."""
        return Operation("blobs", "put", (content,), timeout)


class Chain:
    """Port to an EVM chain."""

    __slots__ = ()

    def call(
        self, method: str, *arguments: Any, confirmations: int = 1, timeout: Seconds | None = None
    ) -> Operation[Any]:
        """Send a transaction to `method` and return its receipt after `confirmations` blocks."""
        return Operation("chain", "call", (method, arguments, confirmations), timeout)


class Tools:
    """Port to tools such as a search, an interpreter or a database."""

    __slots__ = ()

    def call(self, tool: str, *arguments: Any, timeout: Seconds | None = None) -> Operation[Any]:
        """Run `tool` and return what it printed or computed."""
        return Operation("tools", "call", (tool, arguments), timeout)


MODELS: Final = Models()
BLOBS: Final = Blobs()
CHAIN: Final = Chain()
TOOLS: Final = Tools()
