"""The kernel's own messages: what travels through the queue besides what actors send.

They are structs like any other, so they are hashed into the digest and written to the trace.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from prsm_sim.actor.types import Message

NEVER = float("inf")


class Start(msgspec.Struct, frozen=True, tag=True):
    """The peer starts, for the first time or again."""

    restart: bool


@dataclass(init=False, eq=False)
class Timer:
    """A named timer, one object for all its settings.

    Setting it again writes `deadline`; the entry already in the queue finds that out when it is
    due and moves on. Twice as fast as cancelling and pushing anew.

    A dataclass of one field, because only the name is encoded: the rest changes after the entry has
    been executed, and the digest must not depend on when it looks.

    Attributes:
        name: what it is called.
        deadline: when it fires, s; negative: disarmed.
        queued: when its earliest entry in the queue is due, s; infinite: there is none.
    """

    __slots__ = ("deadline", "name", "queued")

    name: str

    def __init__(self, name: str, deadline: float, queued: float) -> None:
        self.name = name
        self.deadline = deadline
        self.queued = queued


class Wake(msgspec.Struct, frozen=True, tag=True):
    """An operation is due."""

    number: int


class Ask(msgspec.Struct, frozen=True, tag=True):
    """A message that wants an answer."""

    number: int
    body: Message


class Answer(msgspec.Struct, frozen=True, tag=True):
    """The answer to an `Ask`: a body, or the reason why there is none."""

    number: int
    body: Message | None
    refusal: str = ""


class Completed(msgspec.Struct, frozen=True, tag=True):
    """An operation begun by `start` has an outcome (never queued: it stays inside the peer)."""

    tag: str
    outcome: Any


class TimerFired(msgspec.Struct, frozen=True, tag=True):
    """A timer that was due while the peer was busy (never queued: it stays in the mailbox)."""

    timer: Timer
    deadline: float
