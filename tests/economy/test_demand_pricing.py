"""The supply-and-demand price against its closed form, and controllers side by side."""

from decimal import Decimal, localcontext
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from economy.base_fee import BaseFeeController
from economy.demand_pricing import (
    WINDOW,
    DemandPricing,
    DemandPricingParameters,
    PriceTrack,
    variation_ppm,
)
from economy.money import ftns
from prsm_sim.actor import RemoteProtocolError, encode

CAPACITY = 1_000
FIGURES = DemandPricingParameters(capacity=CAPACITY)
BASE = ftns("0.1")
QUANTITIES = st.integers(0, 20 * CAPACITY)
PRICES = st.lists(st.integers(0, 10**20), max_size=WINDOW)


def closed_form(demand, supply, variation):
    """The catalogue's line, in fractions of one."""
    d, s = Fraction(demand, CAPACITY), Fraction(supply, CAPACITY)
    factor = (
        (1 + Fraction("0.3") * (d - Fraction("0.5")))
        * max(0, 1 - Fraction("0.2") * (s - Fraction("0.5")))
        * (1 + Fraction("0.1") * min(Fraction("0.5"), variation))
    )
    return BASE * min(max(factor, Fraction("0.1")), 5)


@given(QUANTITIES, QUANTITIES, PRICES, st.integers(0, 10**20))
def test_the_price_is_the_closed_form_rounded_up_once(demand, supply, recent, price):
    variation = Fraction(variation_ppm(recent), 10**6)
    expected = ceil(closed_form(demand, supply, variation))
    assert DemandPricing(FIGURES).next_price(price, demand, supply, recent) == expected


@pytest.mark.parametrize(
    ("demand", "supply", "recent", "price"),
    [
        (500, 500, [], "0.1"),
        (1_000, 500, [BASE], "0.115"),  # 1 + 0.3 · 0.5
        (500, 1_000, [BASE], "0.09"),  # 1 − 0.2 · 0.5
        (500, 500, [1, 3], "0.105"),  # mean 2, deviation 1: CV 0.5
        (500, 500, [0, 0, 0, 1], "0.105"),  # CV √3 counts as 0.5
        (500, 500, [4, 6], "0.102"),  # mean 5, deviation 1: CV 0.2
        (0, 0, [], "0.0935"),  # 0.85 · 1.1
        (500, 5_500, [], "0.01"),  # the supply factor is 0
        (0, 50_000, [], "0.01"),  # and never negative
        (10**6, 500, [], "0.5"),
        (13_833, 500, [], "0.49999"),  # 1 + 0.3 · 13.333 = 4.9999
        (500, 5_001, [], "0.01"),  # 0.0998 is below the least
        (500, 4_999, [], "0.01002"),
    ],
)
def test_prices_worked_by_hand(demand, supply, recent, price):
    assert DemandPricing(FIGURES).next_price(7, demand, supply, recent) == ftns(price)


def test_two_negative_factors_make_no_price():
    steep = DemandPricing(DemandPricingParameters(capacity=CAPACITY, demand_ppm=4_000_000))
    assert steep.next_price(BASE, 0, 10_500) == ftns("0.01")  # −1 · −1


def test_only_the_last_ten_prices_count():
    restless = [10**30, *[BASE] * 10]
    assert DemandPricing(FIGURES).next_price(BASE, 500, 500, restless) == BASE
    assert DemandPricing(FIGURES).next_price(BASE, 500, 500, restless[:10]) == ftns("0.105")


def test_a_price_that_is_no_whole_unit_is_rounded_up():
    tiny = DemandPricing(DemandPricingParameters(base_units=10, capacity=CAPACITY))
    assert tiny.next_price(10, 501, 500) == 11  # 10.003
    assert tiny.next_price(10, 499, 500) == 10  # 9.997


def test_every_default_is_the_rules():
    assert DemandPricingParameters() == DemandPricingParameters(
        base_units=10**17,
        capacity=100_000,
        demand_ppm=300_000,
        supply_ppm=200_000,
        volatility_ppm=100_000,
        volatility_most_ppm=500_000,
        least_ppm=100_000,
        most_ppm=5_000_000,
        pace_ppm=1_000_000,
    )


@given(PRICES)
def test_the_variation_is_the_deviation_over_the_mean_rounded_down(prices):
    assume(sum(prices))
    with localcontext(prec=200):
        mean = Decimal(sum(prices)) / len(prices)
        variance = sum((price - mean) ** 2 for price in prices) / len(prices)
        exact = variance.sqrt() / mean * 10**6
        near = abs(exact - round(exact)) < Decimal("1e-100")
        assert variation_ppm(prices) == (round(exact) if near else int(exact))


@pytest.mark.parametrize("prices", [[], [0], [0, 0], [5], [5, 5, 5]])
def test_what_is_still_does_not_vary(prices):
    assert variation_ppm(prices) == 0


@given(st.integers(1, 10**19), QUANTITIES, QUANTITIES, st.integers(0, 1_000_000))
def test_damping_goes_part_of_the_way(price, demand, supply, pace_ppm):
    price = min(max(price, BASE // 10), 5 * BASE)
    damped = DemandPricing(DemandPricingParameters(capacity=CAPACITY, pace_ppm=pace_ppm))
    aim = closed_form(demand, supply, 0)
    way = (aim - price) * Fraction(pace_ppm, 10**6)
    assert damped.next_price(price, demand, supply) == ceil(price + way)


def test_damping_reaches_where_it_goes():
    track = PriceTrack(DemandPricing(DemandPricingParameters(pace_ppm=250_000)), BASE)
    prices = [track.close_period(100_000, 50_000) for _ in range(120)]
    aim = ftns("0.115")
    assert prices[0] < aim < prices[20], "restless prices carry a premium while they last"
    assert 0 <= prices[-1] - aim <= 10**9, "and it goes when they settle"


def test_a_track_remembers_ten_prices():
    class Next:
        def next_price(self, price_units, demand, supply, recent_units=()):
            assert recent_units[-1] == price_units
            assert list(recent_units) == list(range(max(0, price_units - 9), price_units + 1))
            return price_units + 1

    track = PriceTrack(Next(), 0)
    assert [track.close_period(1, 1) for _ in range(15)] == list(range(1, 16))
    assert track.price_units == 15
    assert track.recent_units == list(range(6, 16))


@pytest.mark.parametrize("controller", [DemandPricing(FIGURES), BaseFeeController()])
def test_controllers_are_comparable(controller):
    def run(demand):
        track = PriceTrack(controller, BASE)
        return [track.close_period(demand, 500) for _ in range(8)]

    assert run(0)[-1] < BASE < run(1_000)[-1]
    assert all(isinstance(price, int) for price in run(700))


def test_a_restored_track_goes_on_like_the_original():
    track = PriceTrack(DemandPricing(FIGURES), BASE)
    for demand in (100, 900, 400):
        track.close_period(demand, 500)
    twin = PriceTrack(DemandPricing(FIGURES), 1)
    twin.restore(track.encode())
    assert twin.encode() == track.encode()
    assert twin.close_period(300, 600) == track.close_period(300, 600)


@pytest.mark.parametrize("payload", [encode([]), encode(["1"] * 11), encode(["-1"]), encode([1])])
def test_no_other_bytes_are_a_track(payload):
    track = PriceTrack(DemandPricing(FIGURES), BASE)
    with pytest.raises(RemoteProtocolError):
        track.restore(payload)
    assert track.recent_units == [BASE]
