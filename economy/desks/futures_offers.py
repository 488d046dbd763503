"""Offers of futures: how two clients come to agree on a trade, one operation each.

A trade in futures binds both sides, and an operation has one client, so a trade takes two: one
offers, the other accepts. An offer names its price and its end, may name who shall accept it, and
moves no money; whether both sides can put up the margin is found out when it is accepted. It is
accepted as a whole or not at all, and can be withdrawn until then.
"""

from collections import Counter
from collections.abc import Iterable
from heapq import heapify, heappush
from typing import Final

import msgspec

from economy.deadlines import Deadline, next_after
from economy.money import UnitsText, decode_units, encode_units
from economy.orders import Side
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError, decode, encode

MOST_OFFERS: Final = 32
"""Most open offers of one account."""


class FuturesOffer(msgspec.Struct, frozen=True):
    """What one account would trade.

    Attributes:
        number: unique, in the order of offering.
        account: who offers.
        counterparty: who alone may accept; empty: anyone.
        series: of contracts.
        side: what the offering account does.
        units: contracts.
        price_units: of a contract.
        expires_at_ms: ledger time from which it is void.
    """

    number: int
    account: str
    counterparty: str
    series: str
    side: Side
    units: int
    price_units: int
    expires_at_ms: int


class EncodedOffer(msgspec.Struct, frozen=True, array_like=True):
    """A `FuturesOffer` as it is saved."""

    number: int
    account: str
    counterparty: str
    series: str
    side: Side
    units: UnitsText
    price_units: UnitsText
    expires_at_ms: int


class EncodedOffers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All open offers, by number."""

    next_number: int
    offers: tuple[EncodedOffer, ...]


class FuturesOffers:
    """The open offers of a market.

    Attributes:
        open: by number, in the order of offering.
        next_number: of the next one.
    """

    def __init__(self) -> None:
        self.open: dict[int, FuturesOffer] = {}
        self.next_number = 1
        self._due: list[Deadline] = []

    def make(self, offer: FuturesOffer) -> Refusal | None:
        """Enter an offer of the next number."""
        assert offer.number == self.next_number, "offers are numbered in turn"
        if self._count(offer.account) >= MOST_OFFERS:
            return Refusal.TOO_MANY
        self.next_number += 1
        self.open[offer.number] = offer
        heappush(self._due, (offer.expires_at_ms, offer.number))
        return None

    def find(self, number: int, client: str) -> FuturesOffer | Refusal:
        """The offer that `client` may accept."""
        offer = self.open.get(number)
        if offer is None:
            return Refusal.UNKNOWN_ORDER
        if offer.counterparty not in ("", client):
            return Refusal.NOT_AUTHORISED
        return offer

    def withdraw(self, number: int, account: str) -> Refusal | None:
        """Take back an offer of `account`'s."""
        offer = self.open.get(number)
        if offer is None:
            return Refusal.UNKNOWN_ORDER
        if offer.account != account:
            return Refusal.NOT_AUTHORISED
        del self.open[number]
        return None

    def next_due_ms(self, after_ms: int) -> int | None:
        """The earliest end of an open offer later than `after_ms`, or None."""
        return next_after(self._due, after_ms, lambda entry: entry[1] in self.open)

    def expire(self, now_ms: int) -> None:
        """Drop the offers that have ended by `now_ms`."""
        ended = [number for number, offer in self.open.items() if offer.expires_at_ms <= now_ms]
        for number in ended:
            del self.open[number]

    def audit(self) -> str | None:
        """What is wrong, or None."""
        for number, offer in self.open.items():
            if offer.number != number or not 0 < number < self.next_number:
                return f"offer {number} of {self.next_number - 1} is not possible"
            if min(offer.units, offer.price_units) <= 0:
                return f"offer {number} is of {offer.units} contracts at {offer.price_units}"
        for account, count in Counter(offer.account for offer in self.open.values()).items():
            if count > MOST_OFFERS:
                return f"{account!r} has {count} offers"
        return None

    def encode(self) -> bytes:
        """The whole state as canonical bytes."""
        return encode(EncodedOffers(self.next_number, tuple(map(_saved, self._in_order()))))

    def restore(self, encoded: bytes) -> None:
        """Replace the whole state.

        Raises:
            RemoteProtocolError: it is no sound state; nothing was replaced.
        """
        state: EncodedOffers = decode(encoded, EncodedOffers)
        fresh = FuturesOffers()
        fresh.next_number = state.next_number
        fresh.open = {saved.number: _restored(saved) for saved in state.offers}
        fault = fresh.audit()
        if fault is not None or fresh.encode() != encoded:
            raise RemoteProtocolError(f"restored offers: {fault or 'bytes not canonical'}")
        self.open, self.next_number = fresh.open, fresh.next_number
        self._due = [(offer.expires_at_ms, number) for number, offer in self.open.items()]
        heapify(self._due)

    def _count(self, account: str) -> int:
        return sum(offer.account == account for offer in self.open.values())

    def _in_order(self) -> Iterable[FuturesOffer]:
        return (self.open[number] for number in sorted(self.open))


def _saved(offer: FuturesOffer) -> EncodedOffer:
    return EncodedOffer(
        number=offer.number,
        account=offer.account,
        counterparty=offer.counterparty,
        series=offer.series,
        side=offer.side,
        units=encode_units(offer.units),
        price_units=encode_units(offer.price_units),
        expires_at_ms=offer.expires_at_ms,
    )


def _restored(saved: EncodedOffer) -> FuturesOffer:
    return FuturesOffer(
        number=saved.number,
        account=saved.account,
        counterparty=saved.counterparty,
        series=saved.series,
        side=saved.side,
        units=decode_units(saved.units),
        price_units=decode_units(saved.price_units),
        expires_at_ms=saved.expires_at_ms,
    )
