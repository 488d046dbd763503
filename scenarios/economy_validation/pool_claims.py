"""Claims about pools: `economy.pool` against Uniswap v2's own tests, and what x·y = k implies.

The vectors are those of Uniswap v2 (v2-core, test/UniswapV2Pair.spec.ts; v2-periphery,
test/UniswapV2Router01.spec.ts). Swaps move money in two ledgers, and k is the product of what these
hold for the pool, not of what the pool says. Exact without vectors: k never falls; who trades there
and back has no more than before; what a trade in pieces gives; and providers of a pool whose price
has changed to r times what it was have 2√r/(1 + r) of what they would have by keeping what they
brought.
"""

import math
from fractions import Fraction

import numpy as np

from economy.constant_product import PoolParameters, amount_in, amount_out
from economy.genesis import open_ledger
from economy.ledger import LedgerParameters
from economy.money import UNITS_PER_FTNS
from economy.orders import Side
from economy.pool import Pool
from economy.refusals import Refusal
from prsm_sim.validation import equal, equal_real
from scenarios.economy_validation.extent import Extent, Found

ONE = UNITS_PER_FTNS
FEE_PPM = 3000
FUNDS = 10**30
PROVIDER, TRADER = "provider", "trader"

# Paid in, reserve of what is paid, reserve of what is received, received.
SWAPS = (
    (1, 5, 10, 1662497915624478906),
    (1, 10, 5, 453305446940074565),
    (2, 5, 10, 2851015155847869602),
    (2, 10, 5, 831248957812239453),
    (1, 10, 10, 906610893880149131),
    (1, 100, 100, 987158034397061298),
    (1, 1000, 1000, 996006981039903216),
)


def pool_of(money_units: int, asset_units: int, fee_ppm: int = FEE_PPM) -> Pool:
    """A pool with these reserves, and a trader with plenty of both."""
    figures = LedgerParameters(cap_units=2 * FUNDS, genesis_units=2 * FUNDS)
    money, asset = (open_ledger({PROVIDER: FUNDS, TRADER: FUNDS}, figures) for _ in range(2))
    pool = Pool(money, asset, PoolParameters(fee_ppm=fee_ppm))
    added = pool.add(PROVIDER, money_units, asset_units)
    assert not isinstance(added, Refusal), f"the first liquidity sets the price, yet {added}"
    return pool


def held(pool: Pool) -> tuple[int, int]:
    """What the two ledgers hold for the pool: money, asset."""
    account = pool.reserve_account
    return pool.money.balances.get(account, 0), pool.asset.balances.get(account, 0)


def sold(pool: Pool, side: Side, in_units: int) -> int:
    """What a swap gave, as the trader's ledger tells; 0 if it was refused."""
    ledger = pool.asset if side is Side.BUY else pool.money
    before = ledger.balances.get(TRADER, 0)
    pool.swap(TRADER, side, in_units)
    return ledger.balances.get(TRADER, 0) - before


def pools(extent: Extent) -> Found:
    """Vectors of Uniswap v2, and what a constant product implies."""
    for paid, paid_reserve, reserve, received in SWAPS:
        for side in Side:
            reserves = (paid_reserve, reserve) if side is Side.BUY else (reserve, paid_reserve)
            pool = pool_of(reserves[0] * ONE, reserves[1] * ONE)
            what = f"Uniswap v2: {side.value} with {paid} into {paid_reserve}/{reserve}"
            yield equal(what, str(received), str(sold(pool, side, paid * ONE)))
    pool = pool_of(ONE, 4 * ONE)
    yield equal("Uniswap v2: shares for 1 and 4, all", str(2 * ONE), str(issued(pool)))
    pool = pool_of(5 * ONE, 10 * ONE)
    dearer = pool.swap(TRADER, Side.BUY, ONE, least_out_units=SWAPS[0][3] + 1)
    yield equal("a swap for one unit more than that", Refusal.SLIPPAGE.value, value_of(dearer))
    yield equal("Uniswap v2: getAmountOut(2, 100, 100)", 1, amount_out(2, 100, 100, FEE_PPM))
    yield equal("Uniswap v2: getAmountIn(1, 100, 100)", 2, amount_in(1, 100, 100, FEE_PPM))
    yield from trades(extent.swaps)
    yield from pieces()
    yield from loss()


def trades(swaps: int) -> Found:
    """Random trades, and each of them undone at once."""
    rng = np.random.default_rng(1)
    pool = pool_of(10**20, 3 * 10**19)
    falls = gains = 0
    for _ in range(swaps):
        side = Side.BUY if rng.random() < 0.5 else Side.SELL
        in_units = int(10 ** rng.uniform(0, 19))
        k = product(pool)
        received = sold(pool, side, in_units)
        falls += product(pool) < k
        if rng.random() < 0.5:
            k = product(pool)
            back = sold(pool, side.opposite, received)
            gains += back > in_units
            falls += product(pool) < k
    name = f"{swaps:,} random swaps, half of them undone"
    yield equal(f"{name}: after which x·y had fallen", 0, falls, "from 1 unit to 10 FTNS")
    yield equal(f"{name}: of those undone, that gained a unit", 0, gains)
    yield equal(f"{name}: what the audit finds", "nothing", pool.audit() or "nothing")
    pool = pool_of(5 * ONE, 10 * ONE)
    back = sold(pool, Side.SELL, sold(pool, Side.BUY, ONE))
    # Both ways in fractions: each swap is one rounding down.
    there = amount_by_fractions(ONE, 5 * ONE, 10 * ONE)
    expected = amount_by_fractions(there, 10 * ONE - there, 6 * ONE)
    yield equal("1 into 5/10 and back", str(expected), str(back), "of 10¹⁸")


def pieces() -> Found:
    """A trade in 1,000 pieces, with a fee and without: each piece leaves x/(x + net) of the rest.

    With a fee that is less than the whole would give, for the fee of a piece stays in the pool and
    makes the next one dearer; without one the product telescopes.
    """
    number, paid_reserve, reserve = 1000, 7.0, 11.0
    for fee_ppm in (0, FEE_PPM):
        net = (1 - fee_ppm / 10**6) / number
        steps = (paid_reserve + k / number for k in range(number))
        left = math.prod(step / (step + net) for step in steps)
        pool = pool_of(7 * ONE, 11 * ONE, fee_ppm)
        given = sum(sold(pool, Side.BUY, ONE // number) for _ in range(number)) / ONE
        whole = sold(pool_of(7 * ONE, 11 * ONE, fee_ppm), Side.BUY, ONE) / ONE
        what = f"1 into 7/11 in {number:,} pieces, fee {fee_ppm / 10**4:g} %"
        yield equal_real(what, reserve * (1 - left), given, f"the whole gives {whole:.12g}")


def loss() -> Found:
    """What providers have after the price has changed fourfold and ninefold."""
    for root in (2, 3):
        pool = pool_of(600 * ONE, 600 * ONE, fee_ppm=0)
        # The price is money by asset; √k is 600, so r = root² where money is 600 · root.
        sold(pool, Side.BUY, 600 * (root - 1) * ONE)
        money, asset = held(pool)
        price = Fraction(money, asset)
        value, kept = money + price * asset, 600 * ONE * (1 + price)
        expected = Fraction(2 * root, 1 + root**2)
        what = f"providers after the price rose {root**2}-fold, against keeping: 2√r/(1 + r)"
        yield equal(what, float(expected), float(value / kept))


def amount_by_fractions(in_units: int, in_reserve: int, out_reserve: int) -> int:
    """What keeps the product constant for what comes in less the fee, rounded down."""
    net = in_units * (1 - Fraction(FEE_PPM, 10**6))
    return int(out_reserve - in_reserve * out_reserve / (in_reserve + net))


def product(pool: Pool) -> int:
    """x·y, by the ledgers."""
    money, asset = held(pool)
    return money * asset


def issued(pool: Pool) -> int:
    """All shares."""
    return sum(pool.shares.values())


def value_of(answer: object) -> str:
    """A refusal's reason, or what was answered instead."""
    return answer.value if isinstance(answer, Refusal) else str(answer)
