"""Arbitrage: the same thing at two prices, found exactly and taken in the best amount.

*Whether.* A quote says that one unit of an asset buys `rate` units of another, fees included. Going
round a circle of quotes pays if the product of the rates is above 1. With weights −log(rate) that
is a negative cycle, which Bellman and Ford find by relaxing every edge n times (Cormen et al.,
"Introduction to Algorithms", 24.1); logarithms would make a product of exactly 1 a matter of
rounding, so the rates are multiplied as fractions instead. Best products start at 1 everywhere. If
the n-th round still improves one, then the chain of predecessors from there runs into a circle, and
the product of that circle is above 1.

*How much.* Between two pools of the same pair: buy o units of the asset in the first, sell them in
the second, pay and receive money. With reserves (x₁, y₁) and (x₂, y₂) of money and asset and the
shares g₁, g₂ that the fees leave, the profit

    P(o) = g₂·o·x₂ / (y₂ + g₂·o) − x₁·o / (g₁·(y₁ − o))

is concave, and P′(o) = 0 is solved by

    o* = (y₁·√(g₁g₂x₂y₂) − y₂·√(x₁y₁)) / (√(g₁g₂x₂y₂) + g₂·√(x₁y₁))

(the two-pool case of Angeris & Chitra, "Improved Price Oracles: Constant Function Market Makers",
2020). Multiplied by √(g₁g₂x₂y₂) only one root is left, that of a product, and it is taken of
integers. Whole units of o on either side of o* are then tried with the pools' own rounding. That
costs at most one unit of money on each side, hence no other amount earns two units more.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import isqrt
from typing import Final, NamedTuple

from economy.constant_product import amount_in, amount_out
from economy.exchange import Exchange
from economy.orders import PPM, Side
from economy.pool import Pool

ROOT_SCALE: Final = 10**12
"""By how much a product is enlarged before its integer root is taken, for 12 digits behind it."""


class Quote(NamedTuple):
    """An offer to exchange.

    Attributes:
        venue: where, such as the name of a pool.
        source: the asset that it takes.
        target: the asset that it gives.
        rate: units of `target` for a unit of `source`, for a small amount, after fees; > 0.
    """

    venue: str
    source: str
    target: str
    rate: Fraction


class Cycle(NamedTuple):
    """Quotes that lead from an asset back to itself.

    Attributes:
        quotes: in the order in which to take them.
        product: what one unit becomes by going round once, > 1.
    """

    quotes: tuple[Quote, ...]
    product: Fraction


class TwoPoolTrade(NamedTuple):
    """The best amount to take between two pools.

    Attributes:
        pay_units: money into the first.
        asset_units: out of the first and into the second.
        receive_units: money out of the second.
    """

    pay_units: int
    asset_units: int
    receive_units: int

    @property
    def profit_units(self) -> int:
        """What it earns, in money."""
        return self.receive_units - self.pay_units


def pool_quotes(pool: Pool, money: str, asset: str) -> tuple[Quote, ...]:
    """What a pool quotes in both directions for a vanishing amount; nothing if it is empty.

    Args:
        pool: whose quotes.
        money: what to call its money.
        asset: what to call its asset.
    """
    if not pool.total_shares:
        return ()
    price = Fraction(pool.asset_units, pool.money_units)
    kept = Fraction(PPM - pool.parameters.fee_ppm, PPM)
    return (
        Quote(pool.name, money, asset, price * kept),
        Quote(pool.name, asset, money, kept / price),
    )


def book_quotes(exchange: Exchange, money: str, asset: str) -> tuple[Quote, ...]:
    """What the best ask and the best bid of an exchange quote to a taker.

    Args:
        exchange: whose quotes.
        money: what to call its money.
        asset: what to call its asset.
    """
    ask_units = exchange.books.resting.best_price(Side.SELL)
    bid_units = exchange.books.resting.best_price(Side.BUY)
    fee_ppm = exchange.parameters.taker_fee_ppm
    quotes = []
    if ask_units is not None:
        quotes.append(
            Quote(exchange.name, money, asset, Fraction(PPM, ask_units * (PPM + fee_ppm)))
        )
    if bid_units is not None and fee_ppm < PPM:
        quotes.append(
            Quote(exchange.name, asset, money, Fraction(bid_units * (PPM - fee_ppm), PPM))
        )
    return tuple(quotes)


def find_cycle(quotes: Sequence[Quote]) -> Cycle | None:
    """A circle of quotes that gives back more than it takes, or None if there is none.

    The answer depends on the order of the quotes if there are several. Costs
    O(assets · quotes) multiplications of fractions that grow by one rate a round.
    """
    assets = dict.fromkeys(asset for quote in quotes for asset in (quote.source, quote.target))
    best = dict.fromkeys(assets, Fraction(1))
    reached_by: dict[str, Quote] = {}
    improved: str | None = None
    for _ in range(len(assets)):
        improved = None
        for quote in quotes:
            product = best[quote.source] * quote.rate
            if product > best[quote.target]:
                best[quote.target] = product
                reached_by[quote.target] = quote
                improved = quote.target
        if improved is None:
            return None
    return None if improved is None else _circle(improved, reached_by)


def _circle(asset: str, reached_by: dict[str, Quote]) -> Cycle:
    """The circle that the predecessors of `asset` run into, from its smallest asset on."""
    for _ in range(len(reached_by)):
        asset = reached_by[asset].source
    backwards = [reached_by[asset]]
    while backwards[-1].source != asset:
        backwards.append(reached_by[backwards[-1].source])
    quotes = backwards[::-1]
    first = min(range(len(quotes)), key=lambda index: quotes[index].source)
    product = Fraction(1)
    for quote in quotes:
        product *= quote.rate
    assert product > 1, "a circle of predecessors gains"
    return Cycle((*quotes[first:], *quotes[:first]), product)


def best_two_pool_trade(cheap: Pool, dear: Pool) -> TwoPoolTrade | None:
    """The amount that earns most by buying in one pool and selling in the other.

    Args:
        cheap: where to buy the asset.
        dear: where to sell it.

    Returns:
        None if no amount earns anything.
    """
    if not (cheap.total_shares and dear.total_shares):
        return None
    near_units = _stationary_units(cheap, dear)
    best: TwoPoolTrade | None = None
    for asset_units in range(max(1, near_units - 1), near_units + 3):
        if asset_units >= cheap.asset_units:
            break
        pay_units = amount_in(
            asset_units, cheap.money_units, cheap.asset_units, cheap.parameters.fee_ppm
        )
        receive_units = amount_out(
            asset_units, dear.asset_units, dear.money_units, dear.parameters.fee_ppm
        )
        trade = TwoPoolTrade(pay_units, asset_units, receive_units)
        if trade.profit_units > (best.profit_units if best else 0):
            best = trade
    return best


def _stationary_units(cheap: Pool, dear: Pool) -> int:
    """⌊o*⌋ of the theory above, or 0 where it is negative: the first pool is not the cheap one."""
    first_ppm, second_ppm = PPM - cheap.parameters.fee_ppm, PPM - dear.parameters.fee_ppm
    # a² = g₁g₂x₂y₂ and b² = x₁y₁, with the shares g in parts per million; a·b is the one root.
    a_squared = first_ppm * second_ppm * dear.money_units * dear.asset_units
    b_squared = cheap.money_units * cheap.asset_units
    root = isqrt(a_squared * b_squared * ROOT_SCALE**2)
    over = cheap.asset_units * a_squared * ROOT_SCALE - PPM * dear.asset_units * root
    under = a_squared * ROOT_SCALE + second_ppm * root
    return max(0, over // under)
