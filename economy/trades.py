"""What the exchange answers: trades, the fate of an order, and the figures of the market."""

import msgspec

from economy.orders import Order


class Trade(msgspec.Struct, frozen=True):
    """One trade, at the resting order's price.

    Attributes:
        maker: number of the order that was resting.
        taker: number of the order that met it.
        buyer: who received `units` of the asset, and paid their price and `buyer_fee_units`.
        seller: who was paid the price less `seller_fee_units`.
        price_units: money units per unit of the asset.
        units: how much of the asset.
        buyer_fee_units: in money.
        seller_fee_units: in money.
    """

    maker: int
    taker: int
    buyer: str
    seller: str
    price_units: int
    units: int
    buyer_fee_units: int
    seller_fee_units: int


class Placed(msgspec.Struct, frozen=True):
    """What came of an order by the end of the call.

    Attributes:
        number: of the order.
        filled_units: what it has traded in all.
        value_units: the money value of that, without fees.
        fee_units: the fees it has paid in all.
        open_units: what rests or waits for its stop price; 0: the order has ended.
        trades: every trade of this call, in order, those of woken stop orders included.
    """

    number: int
    filled_units: int
    value_units: int
    fee_units: int
    open_units: int
    trades: tuple[Trade, ...]


class Statistics(msgspec.Struct, frozen=True):
    """What the market has done so far; prices are 0 before the first trade.

    Attributes:
        trades: how many.
        volume_units: asset units traded; `value_units / volume_units` is their average price.
        value_units: money value of all trades.
        fee_units: fees of both sides.
        last_price_units: of the latest trade.
        high_price_units: of the dearest trade.
        low_price_units: of the cheapest trade.
    """

    trades: int = 0
    volume_units: int = 0
    value_units: int = 0
    fee_units: int = 0
    last_price_units: int = 0
    high_price_units: int = 0
    low_price_units: int = 0

    def after(self, trade: Trade) -> "Statistics":
        """The same with one more trade."""
        price_units = trade.price_units
        return Statistics(
            trades=self.trades + 1,
            volume_units=self.volume_units + trade.units,
            value_units=self.value_units + price_units * trade.units,
            fee_units=self.fee_units + trade.buyer_fee_units + trade.seller_fee_units,
            last_price_units=price_units,
            high_price_units=max(self.high_price_units, price_units),
            low_price_units=min(self.low_price_units or price_units, price_units),
        )


def placed(order: Order, trades: tuple[Trade, ...]) -> Placed:
    """The fate of an order so far, and the trades of the call that asked."""
    return Placed(
        number=order.number,
        filled_units=order.filled_units,
        value_units=order.value_units,
        fee_units=order.fee_paid_units,
        open_units=order.left_units,
        trades=trades,
    )
