"""Orders: what a trader can ask of the exchange, and what each kind of order must put in escrow.

The eight kinds are those of every electronic exchange (Harris, "Trading and Exchanges", ch. 4):
`LIMIT` trades at its price or better and rests with what is left; `MARKET` trades at any price and
never rests; `IMMEDIATE_OR_CANCEL` is a limit order that never rests; `FILL_OR_KILL` trades in full
at once or not at all; `POST_ONLY` rests or is refused; `STOP` and `STOP_LIMIT` sleep until a trade
takes place at their stop price or beyond it, then become `MARKET` and `LIMIT`; `ICEBERG` shows
only a slice of itself. A field that its kind does not use must be zero, so that no order means two
things.

A trade can never fail, because an order brings what it may have to give. A sell order of u units
brings u units. A buy order with a limit p brings

    u·p + ⌈u·p·f⌉,   f the higher of the two fee rates,

and a buy order without a limit (`MARKET`, `STOP`) brings a budget and trades as far as it goes.

Fees are charged on an order's whole life and not trade by trade: after each trade an order has paid
⌈Σ value·rate⌉, rounded up once. So cutting an order into dust saves no fee, and however a limit
order is filled, at most ⌈u·p·f⌉ falls due: ⌈·⌉ is monotone and value ≤ units·limit. Sellers pay out
of what they receive; a rate of at most 100 % keeps that from going below zero.
"""

from enum import Enum
from typing import Final, NamedTuple

import msgspec

from economy.ledger_parameters import DAY_MS
from economy.refusals import Refusal

PPM: Final = 1_000_000
"""Parts per million in a whole."""


class Side(Enum):
    """Which of the two assets the order gives: money (buy) or the traded asset (sell)."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> "Side":
        """The side it trades with."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderKind(Enum):
    """How an order wants to be filled; see the theory above."""

    LIMIT = "limit"
    MARKET = "market"
    IMMEDIATE_OR_CANCEL = "immediate-or-cancel"
    FILL_OR_KILL = "fill-or-kill"
    POST_ONLY = "post-only"
    STOP = "stop"
    STOP_LIMIT = "stop-limit"
    ICEBERG = "iceberg"


UNPRICED: Final = (OrderKind.MARKET, OrderKind.STOP)
DORMANT: Final = (OrderKind.STOP, OrderKind.STOP_LIMIT)
IMMEDIATE: Final = (OrderKind.MARKET, OrderKind.IMMEDIATE_OR_CANCEL, OrderKind.FILL_OR_KILL)
AWAKENED: Final = {OrderKind.STOP: OrderKind.MARKET, OrderKind.STOP_LIMIT: OrderKind.LIMIT}
"""What a stop order is once its price was reached."""


class SelfTrade(Enum):
    """What happens when an order meets one of the same account."""

    CANCEL_OLDEST = "cancel-oldest"
    """The resting order is cancelled, the incoming one goes on."""
    CANCEL_NEWEST = "cancel-newest"
    """What is left of the incoming order is cancelled, the resting one stays."""


class ExchangeParameters(msgspec.Struct, frozen=True):
    """The figures of an exchange.

    Attributes:
        taker_fee_ppm: parts per million of a trade's value, paid by the order that came second.
        maker_fee_ppm: the same for the order that was resting.
        tick_units: every price is a multiple of this, in money units per unit of the asset.
        max_slices: most slices of an iceberg; bounds what one order can make others work.
        max_life_ms: longest time from the making of an order to its expiry, if it has one.
        self_trade: what happens when an account would trade with itself.
    """

    taker_fee_ppm: int = 5_000
    maker_fee_ppm: int = 0
    tick_units: int = 1
    max_slices: int = 100
    max_life_ms: int = 90 * DAY_MS
    self_trade: SelfTrade = SelfTrade.CANCEL_OLDEST

    def __post_init__(self) -> None:
        """Our own configuration, so a mistake is a bug."""
        assert 0 <= self.taker_fee_ppm <= PPM, "a fee is a part of the value"
        assert 0 <= self.maker_fee_ppm <= PPM, "a fee is a part of the value"
        assert self.tick_units > 0, "the tick is positive"
        assert self.max_slices > 0, "an iceberg has at least one slice"

    @property
    def top_fee_ppm(self) -> int:
        """What a trade can cost at most, whichever role the order plays."""
        return max(self.taker_fee_ppm, self.maker_fee_ppm)


class Most(NamedTuple):
    """Bounds that follow from the ledgers: no more of the asset, or of money, can exist."""

    units: int
    price_units: int


class OrderRequest(msgspec.Struct, frozen=True):
    """What a trader asks for.

    Attributes:
        account: whose order; pays, and is paid, in both ledgers.
        side: buy or sell.
        kind: how it wants to be filled.
        units: how much of the asset.
        price_units: the limit, in money units per unit of the asset; 0 for `MARKET` and `STOP`.
        stop_price_units: the price that wakes a `STOP` or `STOP_LIMIT`; else 0.
        budget_units: the most that a buying `MARKET` or `STOP` spends, fees included; else 0.
        display_units: the slice that an `ICEBERG` shows; else 0.
        expires_at_ms: ledger time from which it is cancelled; 0: it stays until it is.
    """

    account: str
    side: Side
    kind: OrderKind
    units: int
    price_units: int = 0
    stop_price_units: int = 0
    budget_units: int = 0
    display_units: int = 0
    expires_at_ms: int = 0


class Order(msgspec.Struct):
    """An order that the exchange has accepted and not yet ended. Only the exchange changes it.

    Attributes:
        number: given by the exchange, never used again.
        units: how much was asked for in all.
        filled_units: how much of that was traded.
        visible_units: how much of what is left the book shows; 0 while it does not rest.
        escrow_units: what the exchange holds for it: money if it buys, the asset if it sells.
        value_units: money value of its trades, without fees.
        fee_due_ppm: Σ value·rate over its trades, in units · parts per million.
        fee_paid_units: ⌈fee_due_ppm / 10⁶⌉.
        priority: among equal prices the smallest goes first.
    """

    number: int
    account: str
    side: Side
    kind: OrderKind
    units: int
    price_units: int
    stop_price_units: int
    display_units: int
    expires_at_ms: int
    filled_units: int = 0
    visible_units: int = 0
    escrow_units: int = 0
    value_units: int = 0
    fee_due_ppm: int = 0
    fee_paid_units: int = 0
    priority: int = 0

    @property
    def left_units(self) -> int:
        """What was asked for and not yet traded."""
        return self.units - self.filled_units

    def slice_units(self) -> int:
        """How much of what is left a fresh place in the book shows."""
        left_units = self.left_units
        return min(self.display_units, left_units) if self.display_units else left_units

    def accepts(self, price_units: int) -> bool:
        """Whether it would trade at this price."""
        if self.kind in UNPRICED:
            return True
        if self.side is Side.BUY:
            return price_units <= self.price_units
        return price_units >= self.price_units

    def awaken(self) -> None:
        """Turn a stop order whose price was reached into what it stands for."""
        self.kind = AWAKENED[self.kind]
        self.stop_price_units = 0

    def charge(self, value_units: int, rate_ppm: int) -> int:
        """Enter a trade of this value; returns the fee that falls due by it, in money units."""
        self.value_units += value_units
        self.fee_due_ppm += value_units * rate_ppm
        fee_units = -(-self.fee_due_ppm // PPM) - self.fee_paid_units
        self.fee_paid_units += fee_units
        return fee_units

    def affordable_units(self, price_units: int, rate_ppm: int) -> int:
        """How many units its escrow buys at this price, the fee included.

        u·p + ⌈(due + u·p·r)/10⁶⌉ − paid ≤ escrow holds if and only if
        u·p·(10⁶ + r) ≤ (escrow + paid)·10⁶ − due, because ⌈x⌉ ≤ n if and only if x ≤ n.
        """
        room_ppm = (self.escrow_units + self.fee_paid_units) * PPM - self.fee_due_ppm
        return room_ppm // (price_units * (PPM + rate_ppm))

    def needed_units(self, top_fee_ppm: int) -> int:
        """What it must hold in escrow now; a buy without a limit needs all that its budget left."""
        if self.side is Side.SELL:
            return self.left_units
        if self.kind in UNPRICED:
            return self.escrow_units
        value_units = self.left_units * self.price_units
        due_units = -(-(self.fee_due_ppm + value_units * top_fee_ppm) // PPM)
        return value_units + due_units - self.fee_paid_units


def order_of(request: OrderRequest, number: int, top_fee_ppm: int) -> Order:
    """The order that a well-formed request asks for; `escrow_units` says what it has to bring."""
    order = Order(
        number=number,
        account=request.account,
        side=request.side,
        kind=request.kind,
        units=request.units,
        price_units=request.price_units,
        stop_price_units=request.stop_price_units,
        display_units=request.display_units,
        expires_at_ms=request.expires_at_ms,
        escrow_units=request.budget_units,
    )
    order.escrow_units = order.needed_units(top_fee_ppm)
    return order


def why_malformed(
    request: OrderRequest,
    parameters: ExchangeParameters,
    most: Most,
    now_ms: int,
) -> Refusal | None:
    """What is wrong with a request whatever the book holds, or None.

    Args:
        request: what was asked for.
        parameters: of the exchange.
        most: bounds of size and price.
        now_ms: ledger time.
    """
    kind, buys = request.kind, request.side is Side.BUY
    if not 0 < request.units <= most.units:
        return Refusal.INVALID_AMOUNT
    uses = (
        (request.price_units, kind not in UNPRICED),
        (request.stop_price_units, kind in DORMANT),
        (request.budget_units, buys and kind in UNPRICED),
        (request.display_units, kind is OrderKind.ICEBERG),
    )
    if any((field != 0) is not used for field, used in uses):
        return Refusal.MALFORMED_ORDER
    for price_units in (request.price_units, request.stop_price_units):
        if not 0 <= price_units <= most.price_units or price_units % parameters.tick_units:
            return Refusal.INVALID_PRICE
    if request.budget_units < 0:
        return Refusal.INVALID_AMOUNT
    if not slices_well(request.units, request.display_units, parameters):
        return Refusal.MALFORMED_ORDER
    if request.expires_at_ms and kind in IMMEDIATE:
        return Refusal.MALFORMED_ORDER
    if request.expires_at_ms and request.expires_at_ms <= now_ms:
        return Refusal.EXPIRY_PAST
    if request.expires_at_ms - now_ms > parameters.max_life_ms:
        return Refusal.EXPIRY_TOO_FAR
    return None


def why_not_amended(
    order: Order, units: int, price_units: int, parameters: ExchangeParameters, most: Most
) -> Refusal | None:
    """Why an open order may not be changed to this size and price whatever the book holds."""
    if order.kind in DORMANT:
        return Refusal.NOT_AMENDABLE
    if not 0 < units <= most.units:
        return Refusal.INVALID_AMOUNT
    if not 0 < price_units <= most.price_units or price_units % parameters.tick_units:
        return Refusal.INVALID_PRICE
    if units > order.units and not slices_well(units, order.display_units, parameters):
        return Refusal.MALFORMED_ORDER
    return None


def slices_well(units: int, display_units: int, parameters: ExchangeParameters) -> bool:
    """Whether an order of `units` may show slices of `display_units` (0: it hides nothing)."""
    if not display_units:
        return True
    return 0 < display_units <= units <= display_units * parameters.max_slices
