"""Claims about base fees: `economy.base_fee` against EIP-1559's published vectors and its text.

The vectors are go-ethereum's (consensus/misc/eip1559, TestCalcBaseFee), two blocks of Ethereum's
main net, and those that clients share (ethereumjs, testdata/eip1559baseFee.json). Each is a period
of a market: its use is sold, paid for and burned in a ledger, then the period is closed.

`by_the_text` is the computation of the EIP's specification written as one rounding of fractions,
⌊⌊fee · |used − target| / target⌋ / 8⌋ = ⌊fee · |used − target| / (8 target)⌋.
"""

import math
from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from economy.base_fee import BaseFeeMarket, BaseFeeParameters
from economy.genesis import open_ledger
from economy.ledger import Ledger, LedgerParameters
from economy.refusals import Refusal
from prsm_sim.validation import equal
from scenarios.economy_validation.extent import Extent, Found

GWEI = 10**9
PAYER, PROVIDER = "payer", "provider"
FUNDS = 10**38

# Base fee, used, target, and the next base fee, with what is special about it.
NAMED = (
    ("9 of 10 million used", GWEI, 9_000_000, 10_000_000, 987_500_000),
    ("10 of 10 million used", GWEI, 10_000_000, 10_000_000, GWEI),
    ("11 of 10 million used", GWEI, 11_000_000, 10_000_000, 1_012_500_000),
    ("a full period", GWEI, 20_000_000, 10_000_000, 1_125_000_000),
    ("an empty period", GWEI, 0, 10_000_000, 875_000_000),
    ("an empty period at 7, which has no eighth", 7, 0, 15_000_000, 7),
    ("a full period at 7, by at least 1", 7, 30_000_000, 15_000_000, 8),
    ("one more than the target at 1 gwei, by 12", GWEI, 10_000_001, 10_000_000, 1_000_000_012),
    ("above the target at 0, by at least 1", 0, 10_000_000, 9_000_000, 1),
    ("block 12,965,001 after 12,965,000", GWEI, 30_025_257, 15_014_561, 1_124_967_822),
)
SHARED = (
    (1000000000, 10000000, 5000000, 1125000000), (1000000000, 10000000, 6000000, 1083333333),
    (1000000000, 10000000, 7000000, 1053571428), (1000000000, 10000000, 8000000, 1031250000),
    (1000000000, 10000000, 9000000, 1013888888), (1000000000, 7000000, 4000000, 1093750000),
    (1000000000, 7000000, 6000000, 1020833333), (1000000000, 7000000, 8000000, 984375000),
    (1100000000, 10000000, 6000000, 1191666666), (1100000000, 9000000, 7000000, 1139285714),
    (1086250000, 9000000, 6000000, 1154140625), (1072671875, 9000000, 5000000, 1179939062),
    (1072671875, 9000000, 8000000, 1089432373), (1059263476, 10001000, 6000000, 1147557500),
    (1059263476, 10001000, 9000000, 1073990180), (1059276716, 16000000, 9000000, 1162261952),
    (1049238967, 0, 1000000, 918084097), (1049238967, 10000000, 5000000, 1180393837),
)  # fmt: skip


def market(fee: int, target: int) -> BaseFeeMarket:
    """A market at this base fee, of whose supply half is the target."""
    figures = LedgerParameters(cap_units=FUNDS, genesis_units=FUNDS)
    ledger = open_ledger({PAYER: FUNDS}, figures)
    return BaseFeeMarket(ledger, BaseFeeParameters(initial_units=fee, supply=2 * target))


def period(place: BaseFeeMarket, used: int) -> int:
    """Sell so much, close the period, and return the next base fee."""
    if used:
        charged = place.charge(PAYER, PROVIDER, used, 2 * place.fee_units + 1, 1)
        assert not isinstance(charged, Refusal), f"{used} were for sale, yet {charged}"
    return place.close_period()


def by_the_text(fee: int, used: int, target: int) -> int:
    """The next base fee, by the EIP's specification."""
    change = math.floor(Fraction(fee * abs(used - target), 8 * target))
    return fee + max(change, 1) if used > target else fee - change


def base_fees(extent: Extent) -> Found:
    """Published vectors, a random walk by the EIP's text, what is burned, and where fees settle."""
    for what, fee, used, target, after in NAMED:
        yield equal(f"EIP-1559, {what}", after, period(market(fee, target), used))
    agree = sum(period(market(fee, target), used) == after for fee, used, target, after in SHARED)
    yield equal("EIP-1559, vectors that clients share: right", len(SHARED), agree)
    rng = np.random.default_rng(1559)
    target = 15_000_000
    place, fee, burned, tips, wrong = market(GWEI, target), GWEI, 0, 0, 0
    for used in rng.integers(0, 2 * target + 1, extent.swaps).tolist():
        burned, tips = burned + used * fee, tips + used
        fee = by_the_text(fee, used, target)
        wrong += period(place, used) != fee
    name = f"base fees of {extent.swaps:,} periods of random use"
    yield equal(f"{name}: other than by the EIP's text", 0, wrong)
    yield equal(f"{name}: burned", str(burned), str(place.ledger.burned_units))
    yield equal(f"{name}: burned, by the market's books", str(burned), str(place.burned_units))
    yield equal(f"{name}: tips received", str(tips), str(received(place.ledger)))
    yield from settled((10 * GWEI, GWEI // 50))


def settled(starts: Iterable[int]) -> Found:
    """A market whose buyers' limits are spread evenly ends where its target is used, and stays."""
    target, dearest = 1_000_000, 8 * GWEI
    for start in starts:
        place = market(start, target)
        used = 0
        for _ in range(300):
            # Of 4 targets' worth of buyers those whose limit is at least the fee.
            willing = max(0, 4 * target * (dearest - place.fee_units) // dearest)
            used = min(willing, 2 * target)
            period(place, used)
        what = f"even demand, base fee from {start:,}: used of a target of {target:,}"
        yield equal(what, target, used, f"fee {place.fee_units:,}; closed form {6 * GWEI:,}")


def received(ledger: Ledger) -> int:
    """Units that the provider has."""
    return ledger.balances.get(PROVIDER, 0)
