"""The continuous double auction as operations: orders, their fate, and the fees.

An order trades, rests or waits as its kind says; every trade is told as a fact, those of orders
that a trade wakes included. The exchange's fees pile up in an account of its own, which the
governor spends.
"""

from economy.desks.desk import (
    Answer,
    Count,
    Desk,
    DeskOperation,
    KeyedOperation,
    Reading,
    answer,
    refused,
)
from economy.exchange import Exchange
from economy.facts import Traded
from economy.money import UnitsText, decode_units, encode_units
from economy.operations import Milliseconds, Name
from economy.orders import Order, OrderKind, OrderRequest, Side
from economy.refusals import Refusal
from economy.teller import bar_payees
from economy.trades import Placed
from prsm_sim.actor import Message

MOST_DEPTH = 50
"""Most prices a side that one reading tells."""


class PlaceOrder(KeyedOperation, frozen=True):
    """Enter an order of the client's; fields that its kind does not use must be zero."""

    side: Side
    kind: OrderKind
    units: UnitsText
    price_units: UnitsText
    stop_price_units: UnitsText
    budget_units: UnitsText
    display_units: UnitsText
    expires_at_ms: Milliseconds


class CancelOrder(DeskOperation, frozen=True):
    """End an open order of the client's."""

    number: Count


class AmendOrder(DeskOperation, frozen=True):
    """Give a resting order of the client's this size in all, traded units included, and price."""

    number: Count
    units: UnitsText
    price_units: UnitsText


class CollectFromExchange(DeskOperation, frozen=True):
    """Pay to `payee` what the exchange keeps for the client because it could not be paid."""

    payee: Name


class WithdrawExchangeFees(KeyedOperation, frozen=True):
    """Pay out of the fees; the governor's right."""

    payee: Name
    units: UnitsText


class ReadOrderBook(Reading, frozen=True):
    """Ask for the best prices of both sides, and what the market has done."""

    depth: Count


class ReadOrder(Reading, frozen=True):
    """Ask how an open order stands."""

    number: Count


class OrderPlaced(Message, frozen=True):
    """What came of an order so far; with `open_units` 0 it has ended."""

    number: int
    filled_units: UnitsText
    value_units: UnitsText
    fee_units: UnitsText
    open_units: UnitsText
    trades: int


class OrderStatus(Message, frozen=True):
    """An open order."""

    number: int
    account: str
    side: Side
    kind: OrderKind
    units: UnitsText
    filled_units: UnitsText
    price_units: UnitsText


class OrderBookStatus(Message, frozen=True):
    """Pairs of price and size, best first, and the figures of the market."""

    bids: tuple[tuple[UnitsText, UnitsText], ...]
    asks: tuple[tuple[UnitsText, UnitsText], ...]
    trades: int
    volume_units: UnitsText
    value_units: UnitsText
    last_price_units: UnitsText


class ExchangeDesk(Desk):
    """An exchange behind operations.

    Args:
        exchange: the mechanism.
        governor: the client that spends the fees; empty for none.
    """

    name = "exchange"
    operations = (
        *(PlaceOrder, CancelOrder, AmendOrder, CollectFromExchange),
        *(WithdrawExchangeFees, ReadOrderBook, ReadOrder),
    )
    results = (OrderPlaced, OrderStatus, OrderBookStatus)

    def __init__(self, exchange: Exchange, governor: str = "") -> None:
        super().__init__(exchange)
        self.exchange = exchange
        self._governor = governor

    def perform(self, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        """Do what `client` asks."""
        exchange = self.exchange
        match operation:
            case PlaceOrder():
                return self._placed(exchange.submit(_request(client, operation), now_ms))
            case CancelOrder(number):
                return answer(exchange.cancel(client, number, now_ms))
            case AmendOrder(number, units, price):
                size, limit = decode_units(units), decode_units(price)
                return self._placed(exchange.amend(client, number, size, limit, now_ms))
            case CollectFromExchange(payee):
                return answer(bar_payees(payee) or exchange.claim(client, payee, now_ms))
            case WithdrawExchangeFees(_, payee, units):
                if not self._governor or client != self._governor:
                    return refused(Refusal.NOT_AUTHORISED)
                fees, amount = exchange.fees_account, decode_units(units)
                return answer(bar_payees(payee) or exchange.money.transfer(fees, payee, amount))
            case ReadOrderBook(depth):
                return Answer(self._book(min(depth, MOST_DEPTH)))
            case ReadOrder(number):
                order = exchange.books.orders.get(number)
                return refused(Refusal.UNKNOWN_ORDER) if order is None else Answer(_status(order))
        raise AssertionError(f"{operation} is for another desk")

    def due_ms(self, after_ms: int) -> int | None:
        """When the next order expires."""
        return self.exchange.books.next_due_ms(after_ms)

    def advance(self, now_ms: int) -> tuple[()]:
        """Cancel the orders that are due."""
        self.exchange.expire(now_ms)
        return ()

    def _placed(self, outcome: Placed | Refusal) -> Answer:
        if isinstance(outcome, Refusal):
            return refused(outcome)
        told = tuple(
            Traded(
                self.name,
                trade.buyer,
                trade.seller,
                encode_units(trade.units),
                encode_units(trade.units * trade.price_units),
            )
            for trade in outcome.trades
        )
        placed = OrderPlaced(
            outcome.number,
            encode_units(outcome.filled_units),
            encode_units(outcome.value_units),
            encode_units(outcome.fee_units),
            encode_units(outcome.open_units),
            len(outcome.trades),
        )
        return Answer(placed, told)

    def _book(self, depth: int) -> OrderBookStatus:
        books = self.exchange.books
        sides = {
            side: tuple(
                (encode_units(level.price_units), encode_units(level.visible_units))
                for level in books.resting.depth(side, depth)
            )
            for side in Side
        }
        figures = books.statistics
        return OrderBookStatus(
            bids=sides[Side.BUY],
            asks=sides[Side.SELL],
            trades=figures.trades,
            volume_units=encode_units(figures.volume_units),
            value_units=encode_units(figures.value_units),
            last_price_units=encode_units(figures.last_price_units),
        )


def _request(client: str, wanted: PlaceOrder) -> OrderRequest:
    return OrderRequest(
        account=client,
        side=wanted.side,
        kind=wanted.kind,
        units=decode_units(wanted.units),
        price_units=decode_units(wanted.price_units),
        stop_price_units=decode_units(wanted.stop_price_units),
        budget_units=decode_units(wanted.budget_units),
        display_units=decode_units(wanted.display_units),
        expires_at_ms=wanted.expires_at_ms,
    )


def _status(order: Order) -> OrderStatus:
    return OrderStatus(
        number=order.number,
        account=order.account,
        side=order.side,
        kind=order.kind,
        units=encode_units(order.units),
        filled_units=encode_units(order.filled_units),
        price_units=encode_units(order.price_units),
    )
