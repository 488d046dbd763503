"""Compute futures as operations: series, offers and their acceptance, margins, and the marks.

The oracle opens series and marks them; it is the operator of the clearing house and holds no
position by that. A mark moves the money of everyone in the series, liquidates and tears up, so it
is keyed: the same mark told twice is one mark.
"""

from typing import Annotated, TypeAlias

from msgspec import Meta

from economy.clearing import Marked
from economy.desks.desk import (
    Answer,
    Count,
    Desk,
    DeskOperation,
    JointBooks,
    KeyedOperation,
    Reading,
    answer,
    refused,
)
from economy.desks.futures_offers import FuturesOffer, FuturesOffers
from economy.facts import SeriesMarked, Traded
from economy.futures import Futures
from economy.money import UNITS_DIGITS, UnitsText, decode_units, encode_units
from economy.operations import Milliseconds, Name
from economy.orders import Side
from economy.refusals import Refusal
from economy.teller import bar_payees
from prsm_sim.actor import Message

MaybeName: TypeAlias = Annotated[str, Meta(max_length=128)]
"""A `Name`, or nothing."""


class OpenSeries(DeskOperation, frozen=True):
    """Open a series that delivers at a time; the oracle's right."""

    series: Name
    price_units: UnitsText
    delivers_at_ms: Milliseconds


class MarkSeries(KeyedOperation, frozen=True):
    """Mark a series to the market, and settle it from its delivery on; the oracle's right."""

    series: Name
    price_units: UnitsText


class OfferFutures(KeyedOperation, frozen=True):
    """Offer to trade so many contracts at a price; `counterparty` empty: with anyone."""

    series: Name
    side: Side
    units: UnitsText
    price_units: UnitsText
    counterparty: MaybeName
    expires_at_ms: Milliseconds


class AcceptFutures(DeskOperation, frozen=True):
    """Take the other side of an offer, whole; both sides put up their margin."""

    number: Count


class WithdrawOffer(DeskOperation, frozen=True):
    """Take back an offer of the client's."""

    number: Count


class DepositMargin(KeyedOperation, frozen=True):
    """Add to the margin of the client's position."""

    series: Name
    units: UnitsText


class WithdrawMargin(KeyedOperation, frozen=True):
    """Take out of the margin of the client's position, down to the initial margin."""

    series: Name
    units: UnitsText


class CollectFromFutures(DeskOperation, frozen=True):
    """Pay to `payee` what the clearing house keeps for the client."""

    payee: Name


class ReadSeries(Reading, frozen=True):
    """Ask how a series stands, and what `account` has in it."""

    series: Name
    account: Name


class OfferMade(Message, frozen=True):
    """The offer has this number."""

    number: int


class SeriesStatus(Message, frozen=True):
    """A series, and a position in it.

    Attributes:
        mark_units: the latest mark.
        delivers_at_ms: when it delivers.
        settled: whether it is over.
        is_long: whether the position is of contracts bought.
        quantity: how many contracts; 0: no position.
        margin_units: behind it.
    """

    series: str
    mark_units: UnitsText
    delivers_at_ms: int
    settled: bool
    is_long: bool
    quantity: UnitsText
    margin_units: UnitsText


class FuturesDesk(Desk):
    """A clearing house behind operations.

    Args:
        futures: the mechanism; its operator is the oracle.
    """

    name = "futures"
    operations = (
        *(OpenSeries, MarkSeries, OfferFutures, AcceptFutures, WithdrawOffer),
        *(DepositMargin, WithdrawMargin, CollectFromFutures, ReadSeries),
    )
    results = (OfferMade, SeriesStatus)

    def __init__(self, futures: Futures) -> None:
        self.futures = futures
        self.offers = FuturesOffers()
        super().__init__(JointBooks(futures, self.offers))

    def perform(self, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        """Do what `client` asks."""
        futures = self.futures
        match operation:
            case OpenSeries(series, price, delivers_at_ms):
                price_units = decode_units(price)
                return answer(
                    futures.open_series(client, series, price_units, delivers_at_ms, now_ms)
                )
            case MarkSeries(_, series, price):
                price_units = decode_units(price)
                marked = self._bar_mark(series, price_units) or futures.mark(
                    client, series, price_units, now_ms
                )
                return self._marked(series, price, marked)
            case OfferFutures():
                return self._offer(client, operation, now_ms)
            case AcceptFutures(number):
                return self._accept(client, number, now_ms)
            case WithdrawOffer(number):
                return answer(self.offers.withdraw(number, client))
            case DepositMargin(_, series, units):
                return answer(futures.deposit(series, client, decode_units(units), now_ms))
            case WithdrawMargin(_, series, units):
                return answer(futures.withdraw(series, client, decode_units(units), now_ms))
            case CollectFromFutures(payee):
                return answer(bar_payees(payee) or futures.claim(client, payee))
            case ReadSeries(series, account):
                return self._status(series, account)
        raise AssertionError(f"{operation} is for another desk")

    def due_ms(self, after_ms: int) -> int | None:
        """When the next offer ends."""
        return self.offers.next_due_ms(after_ms)

    def advance(self, now_ms: int) -> tuple[()]:
        """Drop the offers that have ended."""
        self.offers.expire(now_ms)
        return ()

    def _bar_mark(self, name: str, price_units: int) -> Refusal | None:
        """Why gains at this mark could not be written down, or None."""
        series = self.futures.series.get(name)
        positions = () if series is None else series.positions.values()
        contracts = sum(position.quantity for position in positions if position.quantity > 0)
        return Refusal.OUT_OF_RANGE if contracts * price_units >= 10**UNITS_DIGITS else None

    def _marked(self, series: str, price: UnitsText, outcome: Marked | Refusal) -> Answer:
        if isinstance(outcome, Refusal):
            return refused(outcome)
        told = SeriesMarked(
            series=series,
            price_units=price,
            collected_units=encode_units(outcome.variation.collected_units),
            insured_units=encode_units(outcome.variation.insured_units),
            haircut_units=encode_units(outcome.variation.haircut_units),
            liquidated=tuple(each.account for each in outcome.liquidated),
            settled=self.futures.series[series].settled,
        )
        return answer(None, told)

    def _offer(self, client: str, wanted: OfferFutures, now_ms: int) -> Answer:
        units, price_units = decode_units(wanted.units), decode_units(wanted.price_units)
        series = self.futures.series.get(wanted.series)
        most_units = self.futures.ledger.parameters.cap_units
        refusal: Refusal | None = None
        if series is None:
            refusal = Refusal.UNKNOWN_SERIES
        elif series.settled or now_ms >= series.delivers_at_ms:
            refusal = Refusal.SERIES_SETTLED
        elif not 0 < units <= most_units:
            refusal = Refusal.INVALID_AMOUNT
        elif not 0 < price_units <= most_units:
            refusal = Refusal.INVALID_PRICE
        elif wanted.expires_at_ms <= now_ms:
            refusal = Refusal.EXPIRY_PAST
        elif wanted.counterparty == client:
            refusal = Refusal.SAME_ACCOUNT
        if refusal is not None:
            return refused(refusal)
        offer = FuturesOffer(
            number=self.offers.next_number,
            account=client,
            counterparty=wanted.counterparty,
            series=wanted.series,
            side=wanted.side,
            units=units,
            price_units=price_units,
            expires_at_ms=wanted.expires_at_ms,
        )
        refusal = self.offers.make(offer)
        return Answer(OfferMade(offer.number)) if refusal is None else refused(refusal)

    def _accept(self, client: str, number: int, now_ms: int) -> Answer:
        offer = self.offers.find(number, client)
        if isinstance(offer, Refusal):
            return refused(offer)
        sides = (offer.account, client) if offer.side is Side.BUY else (client, offer.account)
        refusal = self.futures.trade(offer.series, *sides, offer.units, offer.price_units, now_ms)
        if refusal is not None:
            return refused(refusal)
        del self.offers.open[number]
        value = encode_units(offer.units * offer.price_units)
        return answer(None, Traded(self.name, *sides, encode_units(offer.units), value))

    def _status(self, name: str, account: str) -> Answer:
        series = self.futures.series.get(name)
        if series is None:
            return refused(Refusal.UNKNOWN_SERIES)
        position = series.positions.get(account)
        quantity = 0 if position is None else position.quantity
        return Answer(
            SeriesStatus(
                series=name,
                mark_units=encode_units(series.mark_units),
                delivers_at_ms=series.delivers_at_ms,
                settled=series.settled,
                is_long=quantity > 0,
                quantity=encode_units(abs(quantity)),
                margin_units=encode_units(0 if position is None else position.margin_units),
            )
        )
