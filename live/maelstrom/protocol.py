"""Maelstrom's protocol: JSON objects, one a line, on a process's stdin and stdout.

A letter is ``{"src": …, "dest": …, "body": {"type": …, "msg_id": …, "in_reply_to": …, …}}``. What
two nodes say to each other is their own business. A client's request carries a `msg_id`, and its
reply the same number as `in_reply_to`; a reply of type ``error`` carries a code. Codes are
*definite* (the operation did not happen and never will) or not: after a time-out or a crash nobody
knows, and a checker that took "no answer" for "not done" would accuse correct nodes.

Source: K. Kingsbury, Maelstrom, doc/protocol.md.
"""

from enum import IntEnum
from functools import lru_cache
from typing import Any, cast

import msgspec

from prsm_sim.actor.errors import RemoteProtocolError
from prsm_sim.actor.types import Message, PeerId

Body = dict[str, Any]
"""The payload of a letter: whatever JSON object the nodes agreed on."""

SHOWN_CHARACTERS = 160
"""So much of a malformed line is quoted."""


class ErrorCode(IntEnum):
    """The codes that the protocol defines; from 1000 on they are the nodes' own."""

    TIMEOUT = 0
    NODE_NOT_FOUND = 1
    NOT_SUPPORTED = 10
    TEMPORARILY_UNAVAILABLE = 11
    MALFORMED_REQUEST = 12
    CRASH = 13
    ABORT = 14
    KEY_DOES_NOT_EXIST = 20
    KEY_ALREADY_EXISTS = 21
    PRECONDITION_FAILED = 22
    TXN_CONFLICT = 30


DEFINITE = frozenset(ErrorCode) - {ErrorCode.TIMEOUT, ErrorCode.CRASH}
"""Codes that say for certain that the operation did not happen and never will."""


class Letter(msgspec.Struct, frozen=True):
    """One message of the protocol, as it stands on a line.

    Attributes:
        src: the node or client it comes from.
        dest: the one it is for.
        body: the payload.
    """

    src: PeerId
    dest: PeerId
    body: Body


class Spoken(Message, frozen=True):
    """A letter's body in the recorded events; each body type gets a subclass of its name."""

    body: Body


_decoder = msgspec.json.Decoder(Letter)
_encoder = msgspec.json.Encoder()


def read_letter(line: bytes) -> Letter:
    """The letter on a line.

    Raises:
        RemoteProtocolError: it is none; the text quotes the line and says what is wrong.
    """
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(f"{quote(line)} ({error})") from error


def write_letter(letter: Letter) -> bytes:
    """A letter as a line."""
    return _encoder.encode(letter) + b"\n"


def quote(line: bytes) -> str:
    """The beginning of a line, as one readable word."""
    text = line.decode("utf-8", "replace").strip()
    return repr(text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…")


def type_of(body: Body) -> str:
    """The type of a body, or ``""`` where nodes do without (among themselves they may)."""
    kind = body.get("type", "")
    return kind if isinstance(kind, str) else ""


def error_code(body: Body) -> int | None:
    """The code of an error body; None if it is no error.

    Raises:
        RemoteProtocolError: it is an error without an integer code.
    """
    if type_of(body) != "error":
        return None
    code = body.get("code")
    if isinstance(code, bool) or not isinstance(code, int):
        raise RemoteProtocolError(f"an error whose code is {code!r}; it must be an integer")
    return code


def is_definite(code: int) -> bool:
    """Whether an error with this code says that the operation did not and will not happen.

    Codes that the protocol does not define are taken as indefinite, the safe way round.
    """
    return code in DEFINITE


def spoken(body: Body) -> Spoken:
    """A body for the recording, under its own type's name."""
    return _spoken_type(type_of(body) or "untyped")(body)


@lru_cache(maxsize=256)
def _spoken_type(name: str) -> type[Spoken]:
    printable = "".join(c for c in name if c.isprintable())[:64] or "untyped"
    return cast(type[Spoken], msgspec.defstruct(printable, [], bases=(Spoken,), frozen=True))
