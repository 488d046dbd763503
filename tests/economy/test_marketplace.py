from fractions import Fraction

import pytest
from marketplace_example import ALL, RENTED_AT, balances, new_market, rented, state, terms

from economy.ledger import DAY_MS, LedgerParameters
from economy.ledger_state import encode_ledger
from economy.listings import RentalKind
from economy.money import ftns
from economy.price_models import HOUR_MS, PPM, PriceModel
from economy.refusals import Refusal
from economy.rentals import (
    ENDED,
    LIFECYCLE,
    MarketplaceParameters,
    RentalState,
    Rented,
    Step,
)

FIGURES = MarketplaceParameters()


class TestLifecycle:
    def test_nothing_leads_out_of_an_ended_rental(self):
        assert not [state for state, _ in LIFECYCLE if state in ENDED]
        assert {state for state, _ in LIFECYCLE} == set(RentalState) - set(ENDED)
        assert {step for _, step in LIFECYCLE} == set(Step)

    def test_delivered_and_confirmed(self):
        market = rented()
        assert market.confirm(1, "buyer", RENTED_AT + 5) is None
        assert state(market) is RentalState.RETAINED
        assert balances(market) == {
            "buyer": Fraction("9894.9"),
            "other": 10000,
            "seller": Fraction("76.5"),
            "platform": 1 + Fraction("18.6"),
            "marketplace/retained": 10,
        }
        assert market.advance(RENTED_AT + 5 + DAY_MS - 1) == ()
        assert market.advance(RENTED_AT + 5 + DAY_MS) == (1,)
        assert state(market) is RentalState.SETTLED
        assert balances(market) == {
            "buyer": Fraction("9894.9"),
            "other": 10000,
            "seller": 85,
            "platform": 1 + 15 + Fraction("5.1"),
        }

    def test_a_seller_who_never_delivers_gets_nothing(self):
        market = rented(delivered=False)
        deadline = RENTED_AT + FIGURES.delivery_ms
        assert market.advance(deadline - 1) == ()
        assert market.deliver(1, "seller", deadline) is Refusal.TOO_LATE
        assert market.advance(deadline) == (1,)
        assert state(market) is RentalState.REFUNDED
        assert balances(market)["buyer"] == 10000
        assert market.listings[1].undelivered == 1
        assert market.listings[1].demand.in_use == 0

    def test_a_seller_may_decline_and_that_is_no_default(self):
        market = rented(delivered=False)
        assert market.decline(1, "seller", RENTED_AT + 1) is None
        assert balances(market)["buyer"] == 10000
        assert market.listings[1].undelivered == 0

    def test_silence_is_consent(self):
        market = rented()
        assert market.advance(RENTED_AT + FIGURES.review_ms) == (1,)
        assert state(market) is RentalState.RETAINED
        assert market.confirm(1, "buyer", RENTED_AT + FIGURES.review_ms) is Refusal.WRONG_STATE
        assert market.advance(RENTED_AT + FIGURES.review_ms + DAY_MS) == (1,)
        assert balances(market)["seller"] == 85

    @pytest.mark.parametrize(
        ("award_ppm", "seller", "platform", "end"),
        [
            (0, "0", "0", RentalState.REFUNDED),
            (250_000, "21.25", "5.10", RentalState.SETTLED),  # 25: 3.75 and a fee of 1.35
            (PPM, "85", "20.1", RentalState.SETTLED),
        ],
    )
    def test_a_dispute_about_everything(self, award_ppm, seller, platform, end):
        market = rented()
        assert market.dispute(1, "buyer", RENTED_AT + 5) is None
        assert market.decide(1, "seller", PPM, RENTED_AT + 6) is Refusal.NOT_AUTHORISED
        assert market.decide(1, "arbiter", award_ppm, RENTED_AT + 6) is None
        assert state(market) is end
        money = balances(market)
        assert money.get("seller", 0) == Fraction(seller)
        assert money["platform"] == 1 + Fraction(platform)
        assert money["buyer"] == 10000 - Fraction(seller) - Fraction(platform)

    def test_a_dispute_about_the_retained_tenth(self):
        market = rented()
        market.confirm(1, "buyer", RENTED_AT)
        assert market.dispute(1, "buyer", RENTED_AT + DAY_MS) is Refusal.TOO_LATE
        assert market.dispute(1, "buyer", RENTED_AT + DAY_MS - 1) is None
        assert market.decide(1, "arbiter", 400_000, RENTED_AT + DAY_MS) is None
        assert balances(market) == {
            "buyer": Fraction("9900.9"),  # 6 of the retained 10 came back
            "other": 10000,
            "seller": Fraction("79.9"),  # 85 % of 94
            "platform": 1 + Fraction("19.2"),  # 15 % of 94, and the fee
        }

    def test_when_the_arbiter_sleeps_the_parties_share(self):
        market = rented()
        market.dispute(1, "buyer", RENTED_AT)
        assert market.advance(RENTED_AT + FIGURES.decision_ms) == (1,)
        assert balances(market)["seller"] == Fraction("42.5")

    def test_an_escrow_that_ran_out_before_anyone_looked_is_the_buyers(self):
        market = rented()
        until = market.rentals[1].escrow_until_ms
        market.ledger.expire(until)
        assert market.audit() is None
        assert market.advance(until) == (1,)
        assert state(market) is RentalState.REFUNDED
        assert balances(market)["buyer"] == 10000

    def test_if_the_marketplace_looks_first_the_deadlines_count(self):
        market = rented()
        until = market.rentals[1].escrow_until_ms
        assert market.advance(until) == (1, 1)
        assert balances(market)["seller"] == 85
        assert market.ledger.expire(until) == []

    def test_a_seller_who_cannot_be_paid_does_not_stop_the_others(self):
        market = rented()
        assert market.rent(1, "other", 1, ALL, RENTED_AT) is not None
        market.ledger.transfer("seller", "other", market.ledger.balances.get("seller", 0))
        assert market.ledger.close("seller") is None
        before = market.encode()
        assert market.confirm(1, "buyer", RENTED_AT + 1) is Refusal.ACCOUNT_CLOSED
        assert market.encode() == before
        assert market.advance(RENTED_AT + DAY_MS) == (2,)
        until = market.rentals[1].escrow_until_ms
        market.ledger.expire(until)
        assert market.advance(until) == (1,)
        assert state(market) is RentalState.REFUNDED
        assert balances(market)["buyer"] == 10000

    def test_a_retained_share_is_paid_to_both_or_to_neither(self):
        market = rented()
        market.confirm(1, "buyer", RENTED_AT)
        market.dispute(1, "buyer", RENTED_AT)
        market.ledger.transfer("buyer", "other", market.ledger.balances["buyer"])
        assert market.ledger.close("buyer") is None
        before = encode_ledger(market.ledger)
        assert market.decide(1, "arbiter", 400_000, RENTED_AT) is Refusal.ACCOUNT_CLOSED
        assert encode_ledger(market.ledger) == before
        assert market.decide(1, "arbiter", PPM, RENTED_AT) is None
        assert balances(market)["seller"] == 85

    def test_it_runs_on_a_ledger_that_forgets(self):
        forgetful = LedgerParameters(hold_retention_ms=DAY_MS, history_ms=DAY_MS)
        market = new_market(forgetful)
        market.offer("seller", terms(), 0)
        assert market.rent(1, "buyer", 1, ALL, RENTED_AT) == Rented(1, ftns("100"), ftns("5.1"))
        until = market.rentals[1].escrow_until_ms
        market.ledger.expire(until + 2 * DAY_MS)
        assert not market.ledger.book.holds
        assert market.audit() is None
        assert market.advance(until + 2 * DAY_MS) == (1,)
        assert state(market) is RentalState.REFUNDED

    def test_a_retained_share_waits_for_a_seller_who_cannot_be_paid(self):
        market = rented()
        market.confirm(1, "buyer", RENTED_AT)
        market.ledger.transfer("seller", "other", market.ledger.balances["seller"])
        assert market.ledger.close("seller") is None
        for now_ms in (RENTED_AT + DAY_MS, RENTED_AT + 99 * DAY_MS):
            assert market.advance(now_ms) == ()
            assert state(market) is RentalState.RETAINED
            assert balances(market)["marketplace/retained"] == 10

    def test_what_the_ledger_would_not_return_stays_due(self):
        market = new_market(LedgerParameters(hold_retention_ms=DAY_MS))
        market.offer("seller", terms(), 0)
        market.rent(1, "buyer", 1, ALL, RENTED_AT)
        until = market.rentals[1].escrow_until_ms
        market.ledger.pass_time(until)
        assert market.advance(until) == ()
        assert market.listings[1].undelivered == 0
        market.ledger.expire(until)
        assert market.advance(until) == (1,)
        assert balances(market)["buyer"] == 10000

    def test_a_retained_share_outlives_what_the_ledger_remembers_of_the_escrow(self):
        market = new_market(
            LedgerParameters(hold_retention_ms=1), MarketplaceParameters(retention_ms=30 * DAY_MS)
        )
        market.offer("seller", terms(), 0)
        market.rent(1, "buyer", 1, ALL, RENTED_AT)
        market.deliver(1, "seller", RENTED_AT)
        market.confirm(1, "buyer", RENTED_AT)
        market.ledger.expire(RENTED_AT + 29 * DAY_MS)
        assert not market.ledger.book.holds
        assert market.advance(RENTED_AT + 30 * DAY_MS) == (1,)
        assert balances(market)["seller"] == 85

    @pytest.mark.parametrize(
        ("kind", "run_ms"),
        [
            (RentalKind.HOURLY, 4 * HOUR_MS),
            (RentalKind.USAGE, DAY_MS),
            (RentalKind.SUBSCRIPTION, 0),
            (RentalKind.ONE_TIME, 0),
        ],
    )
    def test_the_escrow_outlasts_every_deadline(self, kind, run_ms):
        market = rented(kind, 4)
        # A day each to deliver and to review, a week to decide, and a day of grace.
        assert market.rentals[1].escrow_until_ms == RENTED_AT + run_ms + 10 * DAY_MS
        market.advance(RENTED_AT + 30 * DAY_MS)
        renewal = market.rentals.get(2)
        assert renewal is None or renewal.escrow_until_ms == RENTED_AT + (30 + 9) * DAY_MS
        assert (renewal is not None) == (kind is RentalKind.SUBSCRIPTION)


class TestKinds:
    @pytest.mark.parametrize(
        ("used_ms", "hours"),
        [(0, 1), (1, 1), (HOUR_MS, 1), (HOUR_MS + 1, 2), (3 * HOUR_MS - 1, 3)],
    )
    def test_hours_begun_are_paid(self, used_ms, hours):
        market = rented(RentalKind.HOURLY, 4)
        assert market.finish(1, "buyer", RENTED_AT + used_ms) is None
        assert market.confirm(1, "buyer", RENTED_AT + used_ms) is None
        assert balances(market)["buyer"] == 10000 - 105 * hours - Fraction("0.1")

    def test_the_clock_starts_with_the_access_and_stops_with_the_last_hour(self):
        market = rented(RentalKind.HOURLY, 4, delivered=False)
        market.deliver(1, "seller", RENTED_AT + HOUR_MS)
        assert market.advance(RENTED_AT + 5 * HOUR_MS - 1) == ()
        assert market.advance(RENTED_AT + 5 * HOUR_MS) == (1,)
        assert market.rentals[1].metered == 4
        assert state(market) is RentalState.REVIEW

    def test_usage_is_metered_up_to_what_was_reserved(self):
        market = rented(RentalKind.USAGE, 10)
        assert market.meter(1, "seller", 4, RENTED_AT) is None
        assert market.meter(1, "seller", 7, RENTED_AT) is Refusal.METER_EXCEEDED
        assert market.meter(1, "buyer", 1, RENTED_AT) is Refusal.NOT_AUTHORISED
        assert market.meter(1, "seller", 0, RENTED_AT) is Refusal.OUT_OF_RANGE
        assert market.meter(1, "seller", 3, RENTED_AT) is None
        assert market.finish(1, "seller", RENTED_AT + 1) is None
        market.confirm(1, "buyer", RENTED_AT + 1)
        assert balances(market)["buyer"] == 10000 - 735 - Fraction("0.1")

    def test_what_was_not_used_costs_nothing(self):
        market = rented(RentalKind.USAGE, 10)
        assert market.advance(RENTED_AT + FIGURES.usage_ms) == (1,)
        assert market.confirm(1, "buyer", RENTED_AT + FIGURES.usage_ms) is None
        assert state(market) is RentalState.SETTLED
        assert balances(market)["buyer"] == 10000

    def test_only_usage_is_metered(self):
        market = rented(RentalKind.HOURLY, 4)
        assert market.meter(1, "seller", 1, RENTED_AT) is Refusal.WRONG_STATE

    def test_several_copies_cost_several_prices(self):
        market = rented(RentalKind.ONE_TIME, 3, delivered=False)
        assert market.rentals[1].held_units == ftns("315.1")

    def test_a_subscription_is_charged_period_by_period(self):
        market = rented(RentalKind.SUBSCRIPTION, 3, period_ms=30 * DAY_MS)
        assert market.rentals[1].held_units == ftns("105.1")
        for number in (1, 2, 3):
            assert balances(market)["buyer"] == 10000 - number * Fraction("105.1")
            assert market.listings[1].demand.in_use == 1
            market.advance(RENTED_AT + number * 30 * DAY_MS)
        assert balances(market)["buyer"] == 10000 - 3 * Fraction("105.1")
        assert market.listings[1].demand.in_use == 0
        assert len(market.rentals) == 3
        assert balances(market)["seller"] == 3 * 85

    def test_a_period_can_be_disputed_like_the_first(self):
        market = rented(RentalKind.SUBSCRIPTION, 2)
        begun = RENTED_AT + 30 * DAY_MS
        market.advance(begun)
        assert market.dispute(2, "buyer", begun) is None
        assert market.decide(2, "arbiter", 0, begun) is None
        assert balances(market)["buyer"] == 10000 - Fraction("105.1")

    @pytest.mark.parametrize("why", ["cancelled", "withdrawn", "poor", "disputed", "refunded"])
    def test_a_subscription_ends_when(self, why):
        market = rented(RentalKind.SUBSCRIPTION, 3, period_ms=DAY_MS)
        if why == "cancelled":
            assert market.cancel_renewal(1, "other") is Refusal.NOT_AUTHORISED
            assert market.cancel_renewal(1, "buyer") is None
            assert market.cancel_renewal(1, "buyer") is Refusal.WRONG_STATE
        elif why == "withdrawn":
            assert market.withdraw(1, "seller") is None
        elif why == "poor":
            market.ledger.transfer("buyer", "other", ftns("9800"))
        else:
            market.dispute(1, "buyer", RENTED_AT)
            if why == "refunded":
                market.decide(1, "arbiter", 0, RENTED_AT)
        market.advance(RENTED_AT + 9 * DAY_MS)
        assert len(market.rentals) == 1
        assert market.listings[1].demand.in_use == 0

    def test_the_price_of_a_subscription_stays(self):
        market = rented(RentalKind.SUBSCRIPTION, 2, capacity=2, model=PriceModel.LINEAR)
        market.rent(1, "other", 1, ALL, RENTED_AT)
        market.deliver(2, "seller", RENTED_AT)
        market.advance(RENTED_AT + 30 * DAY_MS)
        assert [rental.unit_price_units for rental in market.rentals.values()] == [
            ftns("50"),  # nobody else was there: 0.5
            ftns("125"),  # half of the capacity was in use: 1.25
            ftns("50"),
        ]
