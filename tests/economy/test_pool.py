"""The constant-product pool: published vectors, closed forms, and any sequence of calls."""

from fractions import Fraction
from math import floor, isqrt

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from economy.constant_product import PoolParameters, amount_in, amount_out
from economy.ledger import Ledger
from economy.money import UNITS_PER_FTNS
from economy.orders import Side
from economy.pool import Pool
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError

HOLDERS = ("alice", "bob", "carol")
E18 = UNITS_PER_FTNS

# In, reserve of what comes in, reserve of what goes out (all · 10^18), and what goes out:
# the swap test cases of Uniswap v2 core, UniswapV2Pair.spec.ts.
UNISWAP_SWAPS = [
    (1, 5, 10, 1662497915624478906),
    (1, 10, 5, 453305446940074565),
    (2, 5, 10, 2851015155847869602),
    (2, 10, 5, 831248957812239453),
    (1, 10, 10, 906610893880149131),
    (1, 100, 100, 987158034397061298),
    (1, 1000, 1000, 996006981039903216),
]


def new_pool(money=10**9, asset=10**9, **figures):
    pool = Pool(Ledger(), Ledger(), PoolParameters(**figures))
    for holder in HOLDERS:
        pool.money.mint(holder, money)
        pool.asset.mint(holder, asset)
    return pool


def state(pool):
    return pool.encode(), dict(pool.money.balances), dict(pool.asset.balances)


@pytest.fixture
def pool():
    pool = new_pool()
    pool.add("alice", 4_000_000, 1_000_000)
    return pool


def test_the_defaults_are_those_of_uniswap():
    assert PoolParameters() == PoolParameters(3_000, 1_000)


class TestSwaps:
    @pytest.mark.parametrize(
        ("in_ftns", "in_ftns_reserve", "out_ftns_reserve", "out"), UNISWAP_SWAPS
    )
    def test_the_vectors_of_uniswap(self, in_ftns, in_ftns_reserve, out_ftns_reserve, out):
        pool = new_pool(10**4 * E18, 10**4 * E18)
        pool.add("alice", in_ftns_reserve * E18, out_ftns_reserve * E18)
        answer = pool.swap("bob", Side.BUY, in_ftns * E18)
        assert (answer.paid_units, answer.received_units) == (in_ftns * E18, out)
        assert pool.asset.balances["bob"] == 10**4 * E18 + out

        mirrored = new_pool(10**4 * E18, 10**4 * E18)
        mirrored.add("alice", out_ftns_reserve * E18, in_ftns_reserve * E18)
        assert mirrored.swap("bob", Side.SELL, in_ftns * E18).received_units == out
        assert mirrored.money.balances["bob"] == 10**4 * E18 + out

    @given(
        st.integers(0, 10**6), st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 999_999)
    )
    def test_what_goes_out_is_the_closed_form_rounded_down(self, a, x, y, fee_ppm):
        kept = a * (1 - Fraction(fee_ppm, 10**6))
        assert amount_out(a, x, y, fee_ppm) == floor(y - Fraction(x * y) / (x + kept))

    @given(st.integers(1, 10**6), st.integers(2, 10**6), st.integers(0, 999_999), st.data())
    def test_what_comes_in_is_the_least_that_buys_it(self, x, y, fee_ppm, data):
        b = data.draw(st.integers(1, y - 1))
        a = amount_in(b, x, y, fee_ppm)
        assert amount_out(a, x, y, fee_ppm) >= b
        assert amount_out(a - 1, x, y, fee_ppm) < b

    def test_an_exact_purchase(self, pool):
        answer = pool.swap_for("bob", Side.BUY, 1_000, 10**6)
        assert answer.received_units == 1_000
        assert answer.paid_units == 4_017  # ⌈4·10⁶ · 1000 / (0.997 · 999,000)⌉ = ⌈4016.05⌉
        assert pool.asset.balances["bob"] == 10**9 + 1_000

    def test_trading_there_and_back_never_pays(self, pool):
        for units in (1, 2, 3, 10, 999, 10**5):
            bought = pool.swap("bob", Side.BUY, units)
            if not isinstance(bought, Refusal):
                pool.swap("bob", Side.SELL, bought.received_units)
        assert pool.money.balances["bob"] < 10**9
        assert pool.asset.balances["bob"] == 10**9

    def test_without_a_fee_too(self):
        pool = new_pool(fee_ppm=0)
        pool.add("alice", 3_001, 7_003)
        bought = pool.swap("bob", Side.BUY, 100).received_units
        assert bought == 225  # ⌊100 · 7003 / 3101⌋
        assert pool.swap("bob", Side.SELL, bought).received_units < 100


class TestLiquidity:
    def test_the_first_provider_gets_the_root_less_what_is_locked(self):
        """Uniswap v2 core, "mint": 1 and 4 tokens give 2 · 10^18 shares, 1,000 of them locked."""
        pool = new_pool(10 * E18, 10 * E18)
        answer = pool.add("alice", E18, 4 * E18)
        assert answer.shares == 2 * E18 - 1_000
        assert pool.shares == {"pool/reserve": 1_000, "alice": 2 * E18 - 1_000}

    def test_removing_returns_the_part_that_is_not_locked(self):
        """Uniswap v2 core, "burn": 3 and 3 tokens return all but 1,000 units of each."""
        pool = new_pool(10 * E18, 10 * E18)
        shares = pool.add("alice", 3 * E18, 3 * E18).shares
        answer = pool.remove("alice", shares)
        assert (answer.money_units, answer.asset_units) == (3 * E18 - 1_000, 3 * E18 - 1_000)
        assert (pool.money_units, pool.asset_units, pool.total_shares) == (1_000, 1_000, 1_000)

    def test_later_providers_bring_the_proportion_that_is_there(self, pool):
        answer = pool.add("bob", 400_000, 900_000)
        assert (answer.shares, answer.money_units, answer.asset_units) == (
            200_000,
            400_000,
            100_000,
        )
        answer = pool.add("bob", 999_999, 100_000)
        assert (answer.shares, answer.money_units, answer.asset_units) == (
            200_000,
            400_000,
            100_000,
        )

    def test_shares_are_rounded_down_and_what_they_cost_up(self):
        pool = new_pool(locked_shares=1)
        pool.add("alice", 10, 1_000)  # 100 shares
        answer = pool.add("bob", 1, 109)
        assert (answer.shares, answer.money_units, answer.asset_units) == (10, 1, 100)
        pool.swap("carol", Side.BUY, 3)
        assert (pool.money_units, pool.asset_units) == (14, 865)  # 2.991 · 1100 / 13.991 = 235.2
        answer = pool.add("bob", 1, 865)  # 110/14 = 7.9 shares cost ⌈0.9⌉ and ⌈55.05⌉
        assert (answer.shares, answer.money_units, answer.asset_units) == (7, 1, 56)
        answer = pool.remove("bob", 17)  # 17/117 of 15 and 921
        assert (answer.money_units, answer.asset_units) == (2, 133)

    def test_providers_earn_the_fees(self, pool):
        before = pool.money_units * pool.asset_units
        for _ in range(20):
            pool.swap("bob", Side.BUY, 100_000)
            pool.swap("bob", Side.SELL, 20_000)
        shares = pool.shares["alice"]
        answer = pool.remove("alice", shares)
        assert answer.money_units * answer.asset_units > before


@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        (lambda p: p.swap("bob", Side.BUY, 0), Refusal.INVALID_AMOUNT),
        (lambda p: p.swap("bob", Side.SELL, -5), Refusal.INVALID_AMOUNT),
        (lambda p: p.swap("bob", Side.BUY, 3), Refusal.SLIPPAGE),
        (lambda p: p.swap("bob", Side.BUY, 4_017, 1_001), Refusal.SLIPPAGE),
        (lambda p: p.swap("bob", Side.BUY, 10**10), Refusal.INSUFFICIENT_FUNDS),
        (lambda p: p.swap("pool/reserve", Side.BUY, 50), Refusal.RESERVED_ACCOUNT),
        (lambda p: p.swap_for("bob", Side.BUY, 10**6, 10**30), Refusal.NO_LIQUIDITY),
        (lambda p: p.swap_for("bob", Side.BUY, 1_000, 4_016), Refusal.SLIPPAGE),
        (lambda p: p.swap_for("bob", Side.SELL, 0, 5), Refusal.INVALID_AMOUNT),
        (lambda p: p.add("bob", 0, 5), Refusal.INVALID_AMOUNT),
        (lambda p: p.add("bob", 5, 0), Refusal.INVALID_AMOUNT),
        (lambda p: p.add("bob", 5, -1), Refusal.INVALID_AMOUNT),
        (lambda p: p.add("bob", 1, 10**6), Refusal.NO_LIQUIDITY),
        (lambda p: p.add("bob", 4_000, 1_000, 2_001), Refusal.SLIPPAGE),
        (lambda p: p.add("bob", 10**10, 10**10), Refusal.INSUFFICIENT_FUNDS),
        (lambda p: p.add("dave", 4_000, 1_000), Refusal.INSUFFICIENT_FUNDS),
        (lambda p: p.add("pool/x", 4_000, 1_000), Refusal.RESERVED_ACCOUNT),
        (lambda p: p.remove("alice", 0), Refusal.INVALID_AMOUNT),
        (lambda p: p.remove("alice", 1_999_001), Refusal.INSUFFICIENT_FUNDS),
        (lambda p: p.remove("bob", 1), Refusal.INSUFFICIENT_FUNDS),
        (lambda p: p.remove("alice", 1_000, 2_001), Refusal.SLIPPAGE),
        (lambda p: p.remove("alice", 1_000, 0, 501), Refusal.SLIPPAGE),
        (lambda p: p.remove("pool/reserve", 1_000), Refusal.RESERVED_ACCOUNT),
        (lambda p: p.claim("alice", "alice"), Refusal.NOTHING_TO_CLAIM),
    ],
)
def test_refusals_change_nothing(pool, call, refusal):
    pool.money.mint("dave", 10**6)  # and nothing of the asset
    before = state(pool)
    assert call(pool) is refusal
    assert state(pool) == before


def test_the_bounds_of_the_caller_are_reached_and_not_passed(pool):
    assert pool.swap("bob", Side.BUY, 4_017, 1_000).received_units == 1_000
    assert pool.remove("alice", 1_000, 2_002, 499).shares == 1_000
    assert pool.swap_for("bob", Side.BUY, 1_000, 4_025).paid_units == 4_025


def test_an_empty_pool_trades_nothing():
    pool = new_pool()
    assert pool.swap("bob", Side.BUY, 10) is Refusal.NO_LIQUIDITY
    assert pool.swap_for("bob", Side.BUY, 10, 10) is Refusal.NO_LIQUIDITY
    assert pool.add("alice", 1_000, 1_000) is Refusal.NO_LIQUIDITY
    assert pool.add("alice", 1_001, 1_001).shares == 1


def test_a_payout_that_the_ledger_refuses_waits_to_be_claimed(pool):
    pool.asset.burn("bob", 10**9)
    assert pool.asset.close("bob") is None
    assert pool.swap_for("bob", Side.BUY, 1_000, 10**6).received_units == 1_000
    assert pool.claims[Side.SELL].units == {"bob": 1_000}
    assert pool.claim("bob", "bob") is Refusal.NOTHING_TO_CLAIM
    pool.restore(pool.encode())
    assert pool.audit() is None
    assert pool.claim("bob", "bobby") is None
    assert pool.asset.balances["bobby"] == 1_000
    assert pool.audit() is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda p: p.money.transfer("bob", "pool/reserve", 1),
        lambda p: p.asset.transfer("bob", "pool/reserve", 1),
        lambda p: p.shares.update(bob=1),
        lambda p: p.shares.update(bob=0),
        lambda p: setattr(p, "total_shares", 5),
        lambda p: p.shares.update({"pool/reserve": 999, "bob": 1}),
        lambda p: p.claims[Side.BUY].units.update(bob=0),
        lambda p: setattr(p, "money_units", 0),
    ],
)
def test_an_audit_finds_what_is_wrong(pool, damage):
    assert pool.audit() is None
    damage(pool)
    assert pool.audit() is not None


def test_states_that_are_not_of_these_ledgers_are_rejected(pool):
    encoded = pool.encode()
    for wrong in (b"", encoded[:-1], new_pool().encode()):
        with pytest.raises(RemoteProtocolError):
            pool.restore(wrong)
        assert pool.encode() == encoded


class PoolAgainstReference(RuleBasedStateMachine):
    """The reference: the invariant solved in fractions, then rounded against the trader."""

    @initialize(fee=st.sampled_from([0, 3_000, 250_000]), money=st.integers(2, 900))
    def begin(self, fee, money):
        self.pool = new_pool(1_000, 1_000, fee_ppm=fee, locked_shares=3)
        self.kept = 1 - Fraction(fee, 10**6)
        self.free = {holder: [1_000, 1_000] for holder in HOLDERS}
        self.reserve, self.shares, self.total = [0, 0], {}, 0
        self.add("alice", money, 100)

    def check(self, answer, refusal, figures):
        """Returns whether it was done."""
        if refusal is not None:
            assert answer is refusal
            return False
        assert msgspec.structs.astuple(answer) == figures
        return True

    @rule(holder=st.sampled_from(HOLDERS), side=st.sampled_from(Side), units=st.integers(1, 300))
    def swap(self, holder, side, units):
        i, o = (0, 1) if side is Side.BUY else (1, 0)
        x, y = self.reserve
        out = refusal = None
        if not self.total:
            refusal = Refusal.NO_LIQUIDITY
        else:
            out = floor(self.reserve[o] - Fraction(x * y) / (self.reserve[i] + units * self.kept))
            refusal = Refusal.SLIPPAGE if out < 1 else None
        if refusal is None and units > self.free[holder][i]:
            refusal = Refusal.INSUFFICIENT_FUNDS
        if self.check(self.pool.swap(holder, side, units), refusal, (units, out)):
            self.move(holder, i, units)
            self.move(holder, o, -out)
            assert self.reserve[0] * self.reserve[1] >= x * y

    @rule(holder=st.sampled_from(HOLDERS), side=st.sampled_from(Side), units=st.integers(1, 300))
    def swap_for(self, holder, side, units):
        i, o = (0, 1) if side is Side.BUY else (1, 0)
        x, y = self.reserve
        pay = refusal = None
        if not self.total or units >= self.reserve[o]:
            refusal = Refusal.NO_LIQUIDITY
        else:
            exact = (Fraction(x * y) / (self.reserve[o] - units) - self.reserve[i]) / self.kept
            pay = -floor(-exact)
            refusal = Refusal.SLIPPAGE if pay > 900 else None
        if refusal is None and pay > self.free[holder][i]:
            refusal = Refusal.INSUFFICIENT_FUNDS
        if self.check(self.pool.swap_for(holder, side, units, 900), refusal, (pay, units)):
            self.move(holder, i, pay)
            self.move(holder, o, -units)
            assert self.reserve[0] * self.reserve[1] >= x * y

    @rule(holder=st.sampled_from(HOLDERS), money=st.integers(1, 500), asset=st.integers(1, 500))
    def add(self, holder, money, asset):
        locked = 0
        if self.total:
            per = [Fraction(reserve, self.total) for reserve in self.reserve]
            shares = floor(min(money / per[0], asset / per[1]))
            paid = [-floor(-shares * each) for each in per]
            assert paid[0] <= money
            assert paid[1] <= asset
        else:
            locked, paid = 3, [money, asset]
            shares = isqrt(money * asset) - 3
        refusal = Refusal.NO_LIQUIDITY if shares < 1 else None
        if refusal is None and any(p > f for p, f in zip(paid, self.free[holder], strict=True)):
            refusal = Refusal.INSUFFICIENT_FUNDS
        if self.check(self.pool.add(holder, money, asset), refusal, (shares, *paid)):
            self.move(holder, 0, paid[0])
            self.move(holder, 1, paid[1])
            self.shares[holder] = self.shares.get(holder, 0) + shares
            self.total += shares + locked

    @rule(holder=st.sampled_from(HOLDERS), shares=st.integers(1, 400), everything=st.booleans())
    def remove(self, holder, shares, everything):
        has = self.shares.get(holder, 0)
        shares = has if everything and has else shares
        refusal = Refusal.INSUFFICIENT_FUNDS if shares > has else None
        out = [floor(Fraction(shares, self.total or 1) * reserve) for reserve in self.reserve]
        if self.check(self.pool.remove(holder, shares), refusal, (shares, *out)):
            self.move(holder, 0, -out[0])
            self.move(holder, 1, -out[1])
            self.shares[holder] -= shares
            self.total -= shares

    def move(self, holder, index, units):
        self.free[holder][index] -= units
        self.reserve[index] += units

    @rule()
    def move_to_a_restored_pool(self):
        old = self.pool
        self.pool = Pool(old.money, old.asset, old.parameters)
        self.pool.restore(old.encode())
        assert self.pool.encode() == old.encode()

    @invariant()
    def is_sound(self):
        pool = self.pool
        assert pool.audit() is None
        assert [pool.money_units, pool.asset_units] == self.reserve
        for index, ledger in enumerate((pool.money, pool.asset)):
            assert ledger.audit() is None
            for holder in HOLDERS:
                assert ledger.balances.get(holder, 0) == self.free[holder][index]
        owners = {holder: shares for holder, shares in self.shares.items() if shares}
        assert pool.shares == owners | ({"pool/reserve": 3} if self.total else {})
        if self.total:
            worth = Fraction(self.reserve[0] * self.reserve[1], self.total**2)
            assert worth >= getattr(self, "worth", 1)
            self.worth = worth


PoolAgainstReference.TestCase.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None
)
TestPoolAgainstReference = PoolAgainstReference.TestCase
