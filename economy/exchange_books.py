"""The books of an exchange: every open order and where it is, as state that can be saved.

An open order is in exactly one place: it rests in the order book, or it waits for its stop price.
The books know nothing of ledgers; the exchange moves the money, they say what is owed to whom.

The encoding is canonical: orders by number, claims by account, amounts as text. Queues are not
saved. An order's priority is, and queues follow from it, so equal states have equal bytes whatever
happened before.
"""

from heapq import heapify, heappop, heappush
from typing import Final

import msgspec

from economy.claims import Claims, decode_claims
from economy.deadlines import next_after
from economy.money import UnitsText, decode_units, encode_units
from economy.order_book import OrderBook, StopBook
from economy.orders import DORMANT, Order, OrderKind, Side
from economy.trades import Statistics
from prsm_sim.actor import RemoteProtocolError, decode, encode

FORMAT_VERSION: Final = 1

AMOUNTS: Final = (
    "units",
    "price_units",
    "stop_price_units",
    "display_units",
    "filled_units",
    "visible_units",
    "escrow_units",
    "value_units",
    "fee_due_ppm",
    "fee_paid_units",
)
"""The fields of an `Order` that are saved as text, in the order of `EncodedOrder.amounts`."""


class EncodedOrder(msgspec.Struct, frozen=True, array_like=True):
    """An `Order` as it is saved."""

    number: int
    account: str
    side: Side
    kind: OrderKind
    expires_at_ms: int
    priority: int
    amounts: tuple[UnitsText, ...]


class EncodedBooks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An `ExchangeBooks` as it is saved."""

    version: int
    next_number: int
    next_priority: int
    orders: tuple[EncodedOrder, ...]
    money_claims: tuple[tuple[str, UnitsText], ...]
    asset_claims: tuple[tuple[str, UnitsText], ...]
    statistics: tuple[UnitsText, ...]


class ExchangeBooks:
    """The open orders of one market, and what it owes.

    Attributes:
        orders: every open order by number.
        resting: those in the order book.
        stops: those that wait for their stop price.
        claims: what the ledgers refused to pay out; `BUY` is money.
        statistics: what the market has done.
        next_number: what the next order is called.
    """

    __slots__ = ("_due", "claims", "next_number", "orders", "resting", "statistics", "stops")

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.resting = OrderBook()
        self.stops = StopBook()
        self.claims = {side: Claims() for side in Side}
        self.statistics = Statistics()
        self.next_number = 1
        self._due: list[tuple[int, int]] = []

    def admit(self, order: Order) -> None:
        """Take an order in that was given `next_number`; it has no place yet."""
        assert order.number == self.next_number, "orders are numbered in turn"
        self.next_number += 1
        self.orders[order.number] = order
        if order.expires_at_ms:
            heappush(self._due, (order.expires_at_ms, order.number))

    def dismiss(self, order: Order) -> bool:
        """Forget an order and take it out of its place; False if that was done before."""
        if self.orders.pop(order.number, None) is None:
            return False
        if order.kind in DORMANT:
            self.stops.remove(order)
        elif order.visible_units:
            self.resting.remove(order)
        if len(self._due) > 2 * len(self.orders) + 64:
            # Orders that ended before their time leave entries behind; keep those few.
            self._due = [entry for entry in self._due if entry[1] in self.orders]
            heapify(self._due)
        return True

    def next_due_ms(self, after_ms: int) -> int | None:
        """The earliest expiry of an open order that is later than `after_ms`, or None."""
        return next_after(self._due, after_ms, lambda entry: entry[1] in self.orders)

    def next_due(self, now_ms: int) -> Order | None:
        """The open order that should be cancelled first, if it is due by `now_ms`."""
        while self._due and self._due[0][0] <= now_ms:
            order = self.orders.get(self._due[0][1])
            if order is not None:
                return order
            heappop(self._due)
        return None

    def owed_units(self, side: Side) -> int:
        """What the escrow of a side has to hold, added up anew."""
        held_units = sum(o.escrow_units for o in self.orders.values() if o.side is side)
        return held_units + self.claims[side].total_units()

    def audit(self, top_fee_ppm: int) -> str | None:
        """Check the structure from scratch; returns what is wrong, or None.

        Args:
            top_fee_ppm: the higher of the two fee rates.
        """
        waiting = self.stops.numbers()
        places = [order.number for order in self.resting.resting()] + waiting
        asleep = [number for number, order in self.orders.items() if order.kind in DORMANT]
        if sorted(places) != sorted(self.orders) or waiting != sorted(asleep):
            return "the open orders are not those that rest or wait"
        timed = {(o.expires_at_ms, o.number) for o in self.orders.values() if o.expires_at_ms}
        if not timed <= set(self._due):
            return "an order would never expire"
        for number, order in self.orders.items():
            if number != order.number or number >= self.next_number:
                return f"order {order.number} is filed under {number}"
            if not 0 <= order.filled_units < order.units:
                return f"order {number} has traded {order.filled_units} of {order.units} units"
            if order.escrow_units != order.needed_units(top_fee_ppm):
                return f"order {number} holds {order.escrow_units} units, not what it needs"
            if order.kind not in DORMANT and order.priority >= self.resting.next_priority:
                return f"order {number} has a priority from the future"
        for claims in self.claims.values():
            discrepancy = claims.audit()
            if discrepancy is not None:
                return discrepancy
        return self.resting.audit()

    def encode(self) -> bytes:
        """The whole state as canonical bytes."""
        return encode(
            EncodedBooks(
                version=FORMAT_VERSION,
                next_number=self.next_number,
                next_priority=self.resting.next_priority,
                orders=tuple(_encode_order(self.orders[number]) for number in sorted(self.orders)),
                money_claims=self.claims[Side.BUY].encode(),
                asset_claims=self.claims[Side.SELL].encode(),
                statistics=tuple(
                    encode_units(figure) for figure in msgspec.structs.astuple(self.statistics)
                ),
            )
        )


def restore_books(encoded: bytes, top_fee_ppm: int) -> ExchangeBooks:
    """The books that `encoded` was made of.

    Args:
        encoded: what `ExchangeBooks.encode` returned; it may come from a peer.
        top_fee_ppm: the higher of the two fee rates.

    Raises:
        RemoteProtocolError: it encodes no books, or books that do not pass their audit.
    """
    state: EncodedBooks = decode(encoded, EncodedBooks)
    if state.version != FORMAT_VERSION:
        raise RemoteProtocolError(f"books of format {state.version}, this is {FORMAT_VERSION}")
    if len(state.statistics) != len(Statistics.__struct_fields__):
        raise RemoteProtocolError("restored books: the statistics have another number of figures")
    books = ExchangeBooks()
    books.resting = OrderBook(state.next_priority)
    books.next_number = state.next_number
    books.statistics = Statistics(*(decode_units(figure) for figure in state.statistics))
    books.claims[Side.BUY] = decode_claims(state.money_claims)
    books.claims[Side.SELL] = decode_claims(state.asset_claims)
    orders = [_decode_order(order) for order in state.orders]
    books.orders = {order.number: order for order in orders}
    for order in sorted(orders, key=lambda order: (order.priority, order.number)):
        if order.kind in DORMANT:
            books.stops.add(order)
        else:
            books.resting.place(order)
    books._due = [(o.expires_at_ms, o.number) for o in orders if o.expires_at_ms]
    heapify(books._due)
    discrepancy = books.audit(top_fee_ppm)
    if discrepancy is not None:
        raise RemoteProtocolError(f"restored books: {discrepancy}")
    if books.encode() != encoded:
        raise RemoteProtocolError("restored books: their bytes are not canonical")
    return books


def _encode_order(order: Order) -> EncodedOrder:
    return EncodedOrder(
        number=order.number,
        account=order.account,
        side=order.side,
        kind=order.kind,
        expires_at_ms=order.expires_at_ms,
        priority=order.priority,
        amounts=tuple(encode_units(getattr(order, name)) for name in AMOUNTS),
    )


def _decode_order(saved: EncodedOrder) -> Order:
    if len(saved.amounts) != len(AMOUNTS):
        raise RemoteProtocolError(f"restored books: order {saved.number} lacks an amount")
    amounts = {name: decode_units(text) for name, text in zip(AMOUNTS, saved.amounts, strict=True)}
    return Order(
        number=saved.number,
        account=saved.account,
        side=saved.side,
        kind=saved.kind,
        expires_at_ms=saved.expires_at_ms,
        priority=saved.priority,
        **amounts,
    )
