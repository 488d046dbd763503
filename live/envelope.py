"""Envelopes: what travels on a wire, and every reason for which one is turned away at the door.

::

    magic 4 | version 1 | content length 4 | Ed25519 signature 64 | content (MessagePack array)

The signature covers the run's name, the header and the content, so a recording of one run is worth
nothing in another, and neither sender, receiver nor order can be altered on the way. Checks go from
cheap to dear: size, version, shape, receiver, sender, signature, replay. The sequence number is one
counter a sender; a receiver remembers the last `REPLAY_WINDOW` of them as a bit mask (the
anti-replay window of RFC 4303, section 3.4.3), so a copy is recognised and a late one is not
mistaken for it. Only what passed every check moves the window: a forger cannot exhaust it.

Whether the body decodes as a type that the receiver accepts is judged where the receiver is known.
"""

import enum
import struct
from typing import Final

import msgspec

from live.keys import SIGNATURE_BYTES, Keys
from prsm_sim.actor.codec import decode, encode
from prsm_sim.actor.errors import RemoteProtocolError
from prsm_sim.actor.types import PeerId

MAGIC: Final = b"PRSM"
VERSION: Final = 1
MAX_ENVELOPE_BYTES: Final = 1 << 20
REPLAY_WINDOW: Final = 1024
_HEADER: Final = struct.Struct(">4sBI")
_CONTENT_AT: Final = _HEADER.size + SIGNATURE_BYTES


class Kind(enum.IntEnum):
    """What an envelope is for."""

    SEND = 0
    ASK = 1
    REPLY = 2
    REFUSAL = 3


class Rejection(enum.Enum):
    """Why an envelope was dropped."""

    TOO_LARGE = "too large"
    MALFORMED = "malformed"
    WRONG_VERSION = "wrong version"
    WRONG_RECEIVER = "wrong receiver"
    UNKNOWN_SENDER = "unknown sender"
    BAD_SIGNATURE = "bad signature"
    REPLAYED = "replayed"
    WRONG_TYPE = "wrong type"
    UNASKED_REPLY = "unasked reply"


class EnvelopeRejected(RemoteProtocolError):  # as the other errors are named
    """An envelope was turned away, for `reason`."""

    def __init__(self, reason: Rejection, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason


class Envelope(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One message under way.

    Attributes:
        sender: the peer that signed it.
        address: where it goes, ``peer/<id>`` or ``topic/<name>``.
        kind: what it is for.
        correlation: ties a reply or refusal to its ask; 0 for a plain send.
        sequence: the sender's counter, one more for each envelope.
        body: the encoded message, or the reason of a refusal in UTF-8.
    """

    sender: PeerId
    address: str
    kind: Kind
    correlation: int
    sequence: int
    body: bytes


class Seal:
    """Signs outgoing envelopes and checks incoming ones, for one run.

    Args:
        run: the run's name; envelopes of another run fail the signature check.
        keys: the directory of keys.
        max_bytes: a larger envelope is neither sent nor taken in.
    """

    def __init__(self, run: str, keys: Keys, max_bytes: int = MAX_ENVELOPE_BYTES) -> None:
        self._domain = b"prsm-envelope\0" + run.encode() + b"\0"
        self._keys = keys
        self._max_bytes = max_bytes
        self._windows: dict[PeerId, ReplayWindow] = {}

    def close(self, envelope: Envelope) -> bytes:
        """The signed bytes of `envelope`.

        Raises:
            EnvelopeRejected: it is larger than the limit.
        """
        content = encode(envelope)
        header = _HEADER.pack(MAGIC, VERSION, len(content))
        signature = self._keys.sign(envelope.sender, self._domain + header + content)
        self._limit(_CONTENT_AT + len(content))
        return header + signature + content

    def open(self, wire: bytes, address: str) -> Envelope:
        """The envelope that `wire` holds, taken in at `address`.

        Raises:
            EnvelopeRejected: with the first reason found.
        """
        self._limit(len(wire))
        header, content = wire[: _HEADER.size], wire[_CONTENT_AT:]
        if len(wire) < _CONTENT_AT:
            raise EnvelopeRejected(Rejection.MALFORMED, f"only {len(wire)} bytes")
        magic, version, length = _HEADER.unpack(header)
        if magic != MAGIC:
            raise EnvelopeRejected(Rejection.MALFORMED, f"begins with {magic!r}")
        if version != VERSION:
            raise EnvelopeRejected(Rejection.WRONG_VERSION, f"{version}, not {VERSION}")
        if length != len(content):
            raise EnvelopeRejected(
                Rejection.MALFORMED, f"says {length} bytes, holds {len(content)}"
            )
        envelope = self._parse(content)
        if envelope.address != address:
            raise EnvelopeRejected(Rejection.WRONG_RECEIVER, f"{envelope.address}, not {address}")
        if not self._keys.knows(envelope.sender):
            raise EnvelopeRejected(Rejection.UNKNOWN_SENDER, repr(envelope.sender))
        signature = wire[_HEADER.size : _CONTENT_AT]
        if not self._keys.verify(envelope.sender, self._domain + header + content, signature):
            raise EnvelopeRejected(Rejection.BAD_SIGNATURE, f"not signed by {envelope.sender}")
        window = self._windows.setdefault(envelope.sender, ReplayWindow())
        if not window.admit(envelope.sequence):
            raise EnvelopeRejected(
                Rejection.REPLAYED, f"number {envelope.sequence} of {envelope.sender}"
            )
        return envelope

    def _limit(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise EnvelopeRejected(
                Rejection.TOO_LARGE, f"{size_bytes} bytes, the limit is {self._max_bytes}"
            )

    def _parse(self, content: bytes) -> Envelope:
        try:
            envelope: Envelope = decode(content, Envelope)
        except RemoteProtocolError as error:
            raise EnvelopeRejected(Rejection.MALFORMED, str(error)) from error
        return envelope


class ReplayWindow:
    """Which sequence numbers of one sender were taken in: the highest, and a mask below it."""

    __slots__ = ("_highest", "_mask")

    def __init__(self) -> None:
        self._highest = -1
        self._mask = 0

    def admit(self, sequence: int) -> bool:
        """Take `sequence` in; False if it was taken in before, or is too old to tell."""
        if sequence < 0:
            return False
        ahead = sequence - self._highest
        if ahead > 0:
            kept = self._mask << ahead if ahead < REPLAY_WINDOW else 0
            self._mask = (kept | 1) & ((1 << REPLAY_WINDOW) - 1)
            self._highest = sequence
            return True
        behind = -ahead
        if behind >= REPLAY_WINDOW or self._mask >> behind & 1:
            return False
        self._mask |= 1 << behind
        return True
