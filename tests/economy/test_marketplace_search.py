import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marketplace_example import ALL, RENTED_AT, listed, terms

from economy.ledger import DAY_MS
from economy.listings import Demand, RentalKind, Search, SearchOrder
from economy.money import ftns
from economy.price_models import HOUR_MS, PriceModel
from economy.rentals import (
    Quote,
    fee_units,
)


class TestPrices:
    @pytest.mark.parametrize(
        ("model", "prices"),
        [
            (PriceModel.FIXED, ["100"] * 4),
            (PriceModel.LINEAR, ["50", "87.5", "125", "162.5"]),
            (PriceModel.SURGE, ["100", "100", "100", "200"]),  # r: 0, 1/3, 1, 3
            (PriceModel.AUCTION, ["50", "66.666666666666666667", "100", "200"]),
        ],
    )
    def test_each_rental_moves_the_price_of_the_next(self, model, prices):
        market = listed(terms(capacity=4, model=model))
        for price in prices:
            quoted = market.quote(1, 1, RENTED_AT)
            assert quoted == Quote(
                ftns(price), ftns(price), fee_units(ftns(price), market.parameters)
            )
            answer = market.rent(1, "buyer", 1, quoted.price_units + quoted.fee_units, RENTED_AT)
            assert answer.price_units == ftns(price)

    def test_a_predicted_price_follows_the_trend(self):
        market = listed(terms(capacity=10, model=PriceModel.PREDICTED))
        for hour in range(4):
            market.rent(1, "buyer", 1, ALL, hour * HOUR_MS)
        rising = market.quote(1, 1, 3 * HOUR_MS)
        flat = market.quote(1, 1, 60 * HOUR_MS)
        assert rising.price_units == ftns("125")  # 1, 2, 3, 4, so 5 of 10: 0.5 + 1.5 · 0.5
        assert flat.price_units == ftns("110")  # 4 of 10 for days: 0.5 + 1.5 · 0.4

    def test_the_night_is_cheaper_for_those_who_look_at_the_clock(self):
        market = listed(terms(follows_clock=True), terms())
        assert market.quote(1, 1, 0).price_units == ftns("70")
        assert market.quote(2, 1, 0).price_units == ftns("100")

    @given(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=20),
        st.integers(1, 4),
    )
    def test_demand_remembers_the_end_of_each_window(self, changes, windows):
        demand, window, ends = Demand(0), 0, {}
        for passed, in_use in changes:
            ends |= dict.fromkeys(range(window, window + passed), demand.in_use)
            window += passed
            demand = msgspec.structs.replace(demand.at(window, windows), in_use=in_use, opened=1)
        assert demand.recent == tuple(ends.values())[-windows:]
        assert demand.at(window + 1, windows).opened == 0
        assert demand.at(window - 1, windows) == demand


class TestSearch:
    @pytest.fixture
    def market(self):
        market = listed(
            terms(price="5"),
            terms(RentalKind.HOURLY, "3"),
            terms(price="5", capacity=1),
            msgspec.structs.replace(terms(price="4"), title="Beer", tags=("vision",)),
        )
        for number, stars in ((1, 4), (1, 5), (2, 5), (3, 5), (3, 4)):
            rental = market.rent(number, "buyer", 1, ALL, 0).number
            market.deliver(rental, "seller", 0)
            market.finish(rental, "seller", 0)
            market.confirm(rental, "buyer", 0)
            assert market.rate(rental, "buyer", stars) is None
        return market

    @pytest.mark.parametrize(
        ("filters", "numbers"),
        [
            ({}, [2, 4, 1, 3]),
            ({"order": SearchOrder.CHEAPEST}, [2, 4, 1, 3]),
            ({"order": SearchOrder.NEWEST}, [4, 3, 2, 1]),
            ({"order": SearchOrder.BEST}, [2, 1, 3, 4]),  # 5.0, 4.5, 4.5, none
            ({"kind": RentalKind.HOURLY}, [2]),
            ({"seller": "other"}, []),
            ({"seller": "seller", "most_units": ftns("4")}, [2, 4]),
            ({"most_units": ftns("4") - 1}, [2]),
            ({"least_centistars": 450}, [2, 1, 3]),
            ({"least_centistars": 451}, [2]),
            ({"least_centistars": 1}, [2, 1, 3]),
            ({"words": ("wine",)}, [2, 1, 3]),
            ({"words": ("VISION", "bee")}, [4]),
            ({"words": ("win", "vision")}, [2, 1, 3]),
            ({"words": ("visio",)}, []),  # a tag counts as a whole
            ({"skip": 1, "limit": 2}, [4, 1]),
            ({"skip": 9}, []),
            ({"limit": 0}, []),
            ({"skip": -1, "limit": 2}, [2, 4]),
            ({"limit": -1}, []),
        ],
    )
    def test_filters_and_order(self, market, filters, numbers):
        assert [offer.number for offer in market.search(Search(**filters), 0)] == numbers

    def test_what_is_full_or_withdrawn_is_left_out(self, market):
        market.rent(3, "buyer", 1, ALL, 0)
        market.withdraw(1, "seller")
        assert [offer.number for offer in market.search(Search(), 0)] == [2, 4]
        full = market.search(Search(only_available=False), 0)
        assert [(offer.number, offer.available) for offer in full] == [(2, 3), (4, 3), (3, 0)]

    def test_the_better_of_equal_means_has_more_ratings(self):
        market = listed(terms(), terms())
        for number in (1, 2, 2):
            rental = market.rent(number, "buyer", 1, ALL, 0).number
            market.deliver(rental, "seller", 0)
            market.confirm(rental, "buyer", 0)
            market.rate(rental, "buyer", 4)
        best = market.search(Search(order=SearchOrder.BEST), 0)
        assert [offer.number for offer in best] == [2, 1]

    def test_a_search_changes_nothing(self, market):
        before = market.encode()
        market.search(Search(), 99 * DAY_MS)
        market.quote(1, 1, 99 * DAY_MS)
        assert market.encode() == before
