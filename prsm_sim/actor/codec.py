"""Messages as bytes: one encoding for signatures, digests, stores and wires.

MessagePack with deterministic key order, so equal messages have equal bytes on every machine and
under every hash seed. Decoding is always against a closed set of types: an unknown tag, a missing
field or a field of the wrong type is an error with a reason, never a half-built object.
"""

from collections.abc import Iterable
from typing import Any, Generic, TypeVar, Union

import msgspec

from prsm_sim.actor.errors import RemoteProtocolError
from prsm_sim.actor.types import Message

M = TypeVar("M")

_encoder = msgspec.msgpack.Encoder(order="deterministic")
encode = _encoder.encode
"""Encode any message, fact or plain value to canonical bytes."""


class Codec(Generic[M]):
    """Decodes the bytes of one of a closed set of message types.

    Raises:
        TypeError: two of the types share a tag (msgspec says which).
    """

    def __init__(self, types: Iterable[type[M]]) -> None:
        self.types = tuple(types)
        if self.types:
            self._decoder = msgspec.msgpack.Decoder(Union[self.types])  # noqa: UP007
        else:
            self._decoder = msgspec.msgpack.Decoder(Nothing)

    def decode(self, payload: bytes) -> M:
        """The message that `payload` encodes.

        Raises:
            RemoteProtocolError: it encodes none of the types; the text says why.
        """
        try:
            message: M = self._decoder.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RemoteProtocolError(str(error)) from error
        return message


class Nothing(Message, frozen=True):
    """The message of an actor that accepts none; it is never sent."""


def decode(payload: bytes, as_type: Any) -> Any:
    """Decode `payload` as `as_type`; raises `RemoteProtocolError` with the reason."""
    try:
        return msgspec.msgpack.decode(payload, type=as_type)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(str(error)) from error
