"""Arbitrage: circles against an exhaustive search, amounts against trying every one."""

from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from economy.arbitrage import (
    Quote,
    best_two_pool_trade,
    book_quotes,
    find_cycle,
    pool_quotes,
)
from economy.constant_product import PoolParameters, amount_in, amount_out
from economy.exchange import Exchange
from economy.ledger import Ledger
from economy.orders import ExchangeParameters, OrderKind, OrderRequest, Side
from economy.pool import Pool

RATES = st.sampled_from([Fraction(n, d) for n in range(1, 5) for d in range(1, 5)])
ASSETS = "abcd"


def new_pool(money_units, asset_units, fee_ppm=3_000, name="pool", ledgers=None):
    money, asset = ledgers or (Ledger(), Ledger())
    pool = Pool(money, asset, PoolParameters(fee_ppm, locked_shares=1), name)
    money.mint("maker", money_units)
    asset.mint("maker", asset_units)
    assert not pool.money_units
    pool.add("maker", money_units, asset_units)
    return pool


def best_product(quotes):
    """Over every simple circle, by trying all orders of all assets."""
    rates = {}
    for quote in quotes:
        key = (quote.source, quote.target)
        rates[key] = max(rates.get(key, 0), quote.rate)
    products = [Fraction(0)]
    for length in range(1, len(ASSETS) + 1):
        for round_trip in permutations(ASSETS, length):
            product = Fraction(1)
            for source, target in zip(round_trip, (*round_trip[1:], round_trip[0]), strict=True):
                product *= rates.get((source, target), 0)
            products.append(product)
    return max(products)


@settings(max_examples=120)
@given(
    st.lists(
        st.builds(Quote, st.just("v"), st.sampled_from(ASSETS), st.sampled_from(ASSETS), RATES),
        max_size=9,
    )
)
def test_a_circle_is_found_exactly_when_there_is_one(quotes):
    cycle = find_cycle(quotes)
    assert (cycle is not None) == (best_product(quotes) > 1)
    if cycle is not None:
        product = Fraction(1)
        for quote, following in zip(cycle.quotes, cycle.quotes[1:] + cycle.quotes[:1], strict=True):
            assert quote in quotes
            assert quote.target == following.source
            product *= quote.rate
        assert product == cycle.product > 1
        assert cycle.quotes[0].source == min(quote.source for quote in cycle.quotes)


def test_a_product_of_exactly_one_is_no_arbitrage_whatever_logarithms_say():
    """0.1 · 0.3 · (100/3) is 1; the sum of their logarithms in floating point is not 0."""
    rates = (Fraction(1, 10), Fraction(3, 10), Fraction(100, 3))
    around = [Quote("v", s, t, r) for s, t, r in zip("abc", "bca", rates, strict=True)]
    assert find_cycle(around) is None
    better = [*around[:2], Quote("v", "c", "a", Fraction(100, 3) + Fraction(1, 10**30))]
    assert find_cycle(better).product == 1 + Fraction(3, 10**32)


def test_no_quotes_no_circle():
    assert find_cycle([]) is None


def test_pools_and_books_quote_what_a_small_taker_gets():
    pool = new_pool(3_000_000, 1_000_000, fee_ppm=10_000)
    buying, selling = pool_quotes(pool, "FTNS", "hours")
    assert (buying.source, buying.target, buying.rate) == ("FTNS", "hours", Fraction(33, 100))
    assert (selling.source, selling.target, selling.rate) == ("hours", "FTNS", Fraction(297, 100))
    assert pool_quotes(Pool(Ledger(), Ledger()), "FTNS", "hours") == ()

    exchange = Exchange(Ledger(), Ledger(), ExchangeParameters(taker_fee_ppm=10_000))
    assert book_quotes(exchange, "FTNS", "hours") == ()
    exchange.money.mint("maker", 10**6)
    exchange.asset.mint("maker", 10**6)
    for side, price in ((Side.SELL, 400), (Side.SELL, 300), (Side.BUY, 100), (Side.BUY, 200)):
        exchange.submit(OrderRequest("maker", side, OrderKind.LIMIT, 1, price), 0)
    ask, bid = book_quotes(exchange, "FTNS", "hours")
    assert (ask.source, ask.target, ask.rate) == ("FTNS", "hours", Fraction(1, 303))
    assert (bid.source, bid.target, bid.rate) == ("hours", "FTNS", 198)


def test_a_circle_through_a_pool_and_a_book_pays_what_it_says():
    ledgers = (Ledger(), Ledger())
    pool = new_pool(500_000_000, 1_000_000, name="pool", ledgers=ledgers)
    exchange = Exchange(*ledgers)
    exchange.asset.mint("seller", 100)
    exchange.submit(OrderRequest("seller", Side.SELL, OrderKind.LIMIT, 100, 450), 0)
    quotes = [*pool_quotes(pool, "FTNS", "hours"), *book_quotes(exchange, "FTNS", "hours")]
    cycle = find_cycle(quotes)
    assert [quote.venue for quote in cycle.quotes] == ["exchange", "pool"]
    assert cycle.product == Fraction(500 * 997, 1000) / (450 * Fraction(1005, 1000))

    exchange.money.mint("trader", 100_000)
    order = OrderRequest("trader", Side.BUY, OrderKind.LIMIT, 100, 450)
    spent = exchange.submit(order, 0)
    got = pool.swap("trader", Side.SELL, 100)
    gain = Fraction(got.received_units, spent.value_units + spent.fee_units)
    assert 1 < gain <= cycle.product


def every_profit(cheap, dear):
    for units in range(1, cheap.asset_units):
        paid = amount_in(units, cheap.money_units, cheap.asset_units, cheap.parameters.fee_ppm)
        got = amount_out(units, dear.asset_units, dear.money_units, dear.parameters.fee_ppm)
        yield got - paid


RESERVES = st.tuples(
    st.integers(2, 3_000), st.integers(2, 150), st.sampled_from([0, 3_000, 90_000])
)


@settings(max_examples=150, deadline=None)
@given(RESERVES, RESERVES)
def test_no_amount_earns_two_units_more_than_the_best_one(first, second):
    cheap, dear = new_pool(*first), new_pool(*second)
    best = best_two_pool_trade(cheap, dear)
    most = max(every_profit(cheap, dear), default=0)
    found = best.profit_units if best else 0
    assert found > most - 2
    assert found >= 0
    if best:
        assert found > 0


def test_the_amount_is_the_closed_form_where_units_are_fine():
    """Two pools without fees: o* = (y₁√(x₂y₂) − y₂√(x₁y₁)) / (√(x₂y₂) + √(x₁y₁))."""
    cheap, dear = new_pool(10**20, 10**20, 0), new_pool(4 * 10**20, 10**20, 0)
    trade = best_two_pool_trade(cheap, dear)
    # √(x₁y₁) = 10²⁰ and √(x₂y₂) = 2 · 10²⁰, hence o* = 10²⁰ / 3.
    assert abs(trade.asset_units - Fraction(10**20, 3)) <= 2
    assert trade.pay_units == pytest.approx(10**20 / 2, rel=1e-15)
    assert 0 <= 10**20 - trade.receive_units <= 2
    assert best_two_pool_trade(dear, cheap) is None


def test_taking_it_earns_what_it_says_and_leaves_nothing_to_take():
    ledgers = (Ledger(), Ledger())
    cheap = new_pool(10**12, 10**12, name="cheap", ledgers=ledgers)
    dear = new_pool(2 * 10**12, 10**12, name="dear", ledgers=ledgers)
    trade = best_two_pool_trade(cheap, dear)
    ledgers[0].mint("trader", trade.pay_units)
    assert cheap.swap_for("trader", Side.BUY, trade.asset_units, trade.pay_units).paid_units > 0
    dear.swap("trader", Side.SELL, trade.asset_units, trade.receive_units)
    assert ledgers[0].balances["trader"] == trade.receive_units
    assert trade.profit_units > 8 * 10**10
    assert best_two_pool_trade(cheap, dear) is None
    assert best_two_pool_trade(dear, cheap) is None
    quotes = [*pool_quotes(cheap, "FTNS", "hours"), *pool_quotes(dear, "FTNS", "hours")]
    assert find_cycle(quotes) is None or find_cycle(quotes).product < 1 + Fraction(1, 10**10)


def test_empty_pools_offer_nothing():
    empty = Pool(Ledger(), Ledger())
    assert best_two_pool_trade(empty, new_pool(10, 10)) is None
    assert best_two_pool_trade(new_pool(10, 10), empty) is None
