"""Deliveries as state: what one is, and the canonical bytes of all that are open."""

from enum import Enum
from typing import Final

import msgspec

from economy.claims import Claims, decode_claims
from economy.money import UnitsText, decode_units, encode_units
from prsm_sim.actor import RemoteProtocolError, decode, encode

FORMAT_VERSION: Final = 1


class DeliveryState(Enum):
    """Whose turn it is: the seller's, the buyer's, the arbiter's."""

    AWAITED = "awaited"
    DELIVERED = "delivered"
    DISPUTED = "disputed"


class Delivery(msgspec.Struct):
    """A trade that is not over.

    Attributes:
        number: given by `Deliveries`, never used again.
        buyer: whose money is in escrow.
        seller: who has to deliver.
        arbiter: whose word ends a dispute.
        price_units: in escrow.
        bond_units: in escrow too while it is disputed, else 0.
        state: whose turn it is.
        deadline_ms: ledger time from which the default of the state applies.
    """

    number: int
    buyer: str
    seller: str
    arbiter: str
    price_units: int
    bond_units: int
    state: DeliveryState
    deadline_ms: int


class EncodedDelivery(msgspec.Struct, frozen=True, array_like=True):
    """A `Delivery` as it is saved."""

    number: int
    buyer: str
    seller: str
    arbiter: str
    price_units: UnitsText
    bond_units: UnitsText
    state: DeliveryState
    deadline_ms: int


class EncodedDeliveries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`Deliveries` as they are saved."""

    version: int
    next_number: int
    open: tuple[EncodedDelivery, ...]
    claims: tuple[tuple[str, UnitsText], ...]


def encode_deliveries(deliveries: dict[int, Delivery], claims: Claims, next_number: int) -> bytes:
    """Open deliveries, claims and the next number as canonical bytes."""
    return encode(
        EncodedDeliveries(
            version=FORMAT_VERSION,
            next_number=next_number,
            open=tuple(_encode_delivery(deliveries[number]) for number in sorted(deliveries)),
            claims=claims.encode(),
        )
    )


def decode_deliveries(encoded: bytes) -> tuple[dict[int, Delivery], Claims, int]:
    """The inverse of `encode_deliveries`.

    Raises:
        RemoteProtocolError: the bytes are not those of any state.
    """
    state: EncodedDeliveries = decode(encoded, EncodedDeliveries)
    if state.version != FORMAT_VERSION:
        raise RemoteProtocolError(f"deliveries of format {state.version}, not {FORMAT_VERSION}")
    deliveries = {saved.number: _decode_delivery(saved) for saved in state.open}
    return deliveries, decode_claims(state.claims), state.next_number


def _encode_delivery(delivery: Delivery) -> EncodedDelivery:
    return EncodedDelivery(
        number=delivery.number,
        buyer=delivery.buyer,
        seller=delivery.seller,
        arbiter=delivery.arbiter,
        price_units=encode_units(delivery.price_units),
        bond_units=encode_units(delivery.bond_units),
        state=delivery.state,
        deadline_ms=delivery.deadline_ms,
    )


def _decode_delivery(saved: EncodedDelivery) -> Delivery:
    return Delivery(
        number=saved.number,
        buyer=saved.buyer,
        seller=saved.seller,
        arbiter=saved.arbiter,
        price_units=decode_units(saved.price_units),
        bond_units=decode_units(saved.bond_units),
        state=saved.state,
        deadline_ms=saved.deadline_ms,
    )
