"""The constant product: what a pool gives for what it gets, without an order book.

The pool holds x units of money and y of an asset, and accepts any exchange after which x·y is no
smaller than before (Adams, Zinsmeister, Robinson, "Uniswap v2 Core", 2020). The fee f is taken from
what comes in. Whoever brings a gets the b that keeps x·y constant for the rest of it:

    b = ⌊(1 − f)·a·y / (x + (1 − f)·a)⌋,

and whoever wants b must bring a = ⌈x·b / ((1 − f)·(y − b))⌉. Every rounding favours the pool, so
x·y never falls in a swap, not even by the last unit: trading there and back never pays.
"""

import msgspec

from economy.orders import PPM


class PoolParameters(msgspec.Struct, frozen=True):
    """The figures of a pool.

    Attributes:
        fee_ppm: of what comes in; it stays in the pool. 3,000 parts per million are 0.3 %.
        locked_shares: of the first provider's shares, owned by no one.
    """

    fee_ppm: int = 3_000
    locked_shares: int = 1_000

    def __post_init__(self) -> None:
        """Our own configuration, so a mistake is a bug."""
        assert 0 <= self.fee_ppm < PPM, "a fee is a part of what comes in"
        assert self.locked_shares > 0, "something must stay locked"


class Swapped(msgspec.Struct, frozen=True):
    """What a swap moved.

    Attributes:
        paid_units: into the pool; money if it bought, the asset if it sold.
        received_units: out of the pool.
    """

    paid_units: int
    received_units: int


class Liquidity(msgspec.Struct, frozen=True):
    """What adding or removing liquidity moved.

    Attributes:
        shares: issued or redeemed.
        money_units: paid in, or out.
        asset_units: paid in, or out.
    """

    shares: int
    money_units: int
    asset_units: int


def amount_out(in_units: int, in_reserve: int, out_reserve: int, fee_ppm: int) -> int:
    """What the pool gives for `in_units` (≥ 0), in units, rounded down."""
    net_ppm = in_units * (PPM - fee_ppm)
    return net_ppm * out_reserve // (in_reserve * PPM + net_ppm)


def amount_in(out_units: int, in_reserve: int, out_reserve: int, fee_ppm: int) -> int:
    """The least that buys `out_units` (< `out_reserve`) from the pool, in units, rounded up."""
    assert 0 <= out_units < out_reserve, "a pool cannot be emptied"
    return -(-in_reserve * out_units * PPM // ((out_reserve - out_units) * (PPM - fee_ppm)))
