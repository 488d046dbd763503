from fractions import Fraction

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st
from marketplace_example import ALL, RENTED_AT, balances, listed, new_market, rented, terms

from economy.ledger import DAY_MS
from economy.marketplace import Marketplace
from economy.money import ftns
from economy.price_models import PPM
from economy.refusals import Refusal
from economy.rentals import (
    TOOL_MARKETPLACE,
    Listed,
    MarketplaceParameters,
    Rented,
    accept,
    award,
    fee_units,
    release,
)

FIGURES = MarketplaceParameters()


class TestShares:
    """The money, by its closed forms."""

    PRICES = st.integers(0, 10**24)
    SHARES = st.integers(0, PPM)
    PARAMETERS = st.builds(
        lambda seller, retained, fee: MarketplaceParameters(
            seller_ppm=seller, retained_ppm=retained, fee_ppm=fee
        ),
        SHARES,
        SHARES,
        SHARES,
    )

    @given(PRICES, PARAMETERS)
    @example(10, FIGURES)
    @example(1, FIGURES)
    def test_paying_in_two_steps_is_paying_in_one(self, price, figures):
        first = accept(price, figures)
        second = release(price, first.retained_units, PPM, figures)
        seller = first.seller_units + second.seller_units
        platform = first.platform_units + second.platform_units
        assert abs(seller - Fraction(price * figures.seller_ppm, PPM)) <= Fraction(1, 2)
        assert seller + platform == price + fee_units(price, figures)
        assert min(first) >= 0
        assert min(second) >= 0

    @given(PRICES, SHARES, PARAMETERS)
    def test_an_award_is_what_the_lower_price_would_have_cost(self, price, share, figures):
        paid = award(price, share, figures)
        due = paid.seller_units + paid.platform_units
        lower = round(Fraction(price * share, PPM))
        assert due in {n + fee_units(n, figures) for n in (lower, lower + 1)}
        assert due <= price + fee_units(price, figures)
        assert min(paid) >= 0

    @given(PRICES, SHARES, PARAMETERS)
    def test_a_dispute_about_the_retained_share_divides_no_more_than_that(
        self, price, share, figures
    ):
        kept = accept(price, figures).retained_units
        paid = release(price, kept, share, figures)
        due = paid.seller_units + paid.platform_units
        assert min(paid) >= 0
        assert abs(due - Fraction(kept * share, PPM)) <= Fraction(1, 2)

    @given(st.integers(1, 10**24), PARAMETERS)
    def test_the_fee_is_rounded_up_and_nothing_is_charged_for_nothing(self, price, figures):
        exact = Fraction(price * figures.fee_ppm, PPM) + ftns("0.1")
        assert 0 <= fee_units(price, figures) - exact < 1
        assert fee_units(0, figures) == 0

    def test_the_defaults(self):
        assert fee_units(ftns("100"), FIGURES) == ftns("5.1")
        assert accept(ftns("100"), FIGURES) == (ftns("76.5"), ftns("18.6"), ftns("10"))
        assert FIGURES.listing_fee_units == ftns("1")
        assert FIGURES.retention_ms == DAY_MS


def test_a_second_marketplace_shares_the_ledger_but_not_the_figures():
    models = new_market()
    tools = Marketplace(models.ledger, TOOL_MARKETPLACE)
    models.ledger.mint("seller", ftns("1"))
    for market in (models, tools):
        assert market.offer("seller", terms(), 0) == Listed(1)
        assert market.rent(1, "buyer", 1, ALL, 0) == Rented(1, ftns("100"), ftns("5.1"))
        assert market.deliver(1, "seller", 0) is None
        assert market.confirm(1, "buyer", 0) is None
        market.advance(DAY_MS)
        assert market.audit() is None
    assert balances(models)["seller"] == 85 + 70


class TestRefusals:
    def test_offers(self):
        market = new_market()
        refused = {
            ("seller", terms(price="0")): Refusal.INVALID_AMOUNT,
            ("seller", terms(price="1000000001")): Refusal.OUT_OF_RANGE,
            ("seller", terms(capacity=0)): Refusal.OUT_OF_RANGE,
            ("seller", terms(capacity=10**9 + 1)): Refusal.OUT_OF_RANGE,
            ("seller", terms(period_ms=0)): Refusal.OUT_OF_RANGE,
            ("seller", msgspec.structs.replace(terms(), tags=("x",) * 33)): Refusal.OUT_OF_RANGE,
            ("marketplace/retained", terms()): Refusal.RESERVED_ACCOUNT,
            ("arbiter", terms()): Refusal.NOT_AUTHORISED,
            ("nobody", terms()): Refusal.INSUFFICIENT_FUNDS,
        }
        for (seller, offered), refusal in refused.items():
            assert market.offer(seller, offered, 0) is refusal
        assert not market.listings

    def test_the_platform_pays_itself_no_fee(self):
        assert new_market().offer("platform", terms(), 0) == Listed(1)

    def test_rents(self):
        market = listed(terms(capacity=1), terms())
        assert market.rent(3, "buyer", 1, ALL, 0) is Refusal.UNKNOWN_LISTING
        assert market.rent(1, "buyer", 0, ALL, 0) is Refusal.OUT_OF_RANGE
        assert market.rent(1, "seller", 1, ALL, 0) is Refusal.SAME_ACCOUNT
        assert market.rent(1, "arbiter", 1, ALL, 0) is Refusal.NOT_AUTHORISED
        assert market.rent(1, "marketplace/x", 1, ALL, 0) is Refusal.RESERVED_ACCOUNT
        assert market.rent(1, "buyer", 1, ftns("105.1") - 1, 0) is Refusal.SLIPPAGE
        assert market.rent(1, "buyer", 100, ALL, 0) is Refusal.INSUFFICIENT_FUNDS
        assert market.rent(1, "buyer", 1, ftns("105.1"), 0) == Rented(1, ftns("100"), ftns("5.1"))
        assert market.rent(1, "buyer", 1, ALL, 0) is Refusal.NO_CAPACITY
        assert market.withdraw(2, "buyer") is Refusal.NOT_AUTHORISED
        assert market.withdraw(3, "seller") is Refusal.UNKNOWN_LISTING
        assert market.withdraw(2, "seller") is None
        assert market.rent(2, "buyer", 1, ALL, 0) is Refusal.LISTING_CLOSED

    def test_a_rental_is_no_one_elses_business(self):
        market = rented(delivered=False)
        assert market.deliver(1, "other", RENTED_AT) is Refusal.NOT_AUTHORISED
        assert market.decline(1, "buyer", RENTED_AT) is Refusal.NOT_AUTHORISED
        assert market.deliver(2, "seller", RENTED_AT) is Refusal.UNKNOWN_RENTAL
        market.deliver(1, "seller", RENTED_AT)
        assert market.deliver(1, "seller", RENTED_AT) is Refusal.WRONG_STATE
        assert market.confirm(1, "seller", RENTED_AT) is Refusal.NOT_AUTHORISED
        assert market.dispute(1, "other", RENTED_AT) is Refusal.NOT_AUTHORISED

    def test_a_rental_is_rated_once_by_its_buyer(self):
        market = rented()
        assert market.rate(1, "buyer", 5) is Refusal.WRONG_STATE
        market.confirm(1, "buyer", RENTED_AT)
        assert market.rate(1, "other", 5) is Refusal.NOT_AUTHORISED
        assert market.rate(1, "buyer", 0) is Refusal.OUT_OF_RANGE
        assert market.rate(1, "buyer", 6) is Refusal.OUT_OF_RANGE
        assert market.rate(1, "buyer", 4) is None
        assert market.rate(1, "buyer", 5) is Refusal.ALREADY_RATED
        assert (market.listings[1].stars, market.listings[1].ratings) == (4, 1)
