"""Controllers of the price on the same demand: one follows, one bends, one stands still."""

import numpy as np
import pytest

from scenarios.price_controllers import price_controllers
from scenarios.token_economy.demand_paths import outcome
from tests.scenarios.economy_effects import effects
from tests.scenarios.economy_trials import assert_paths_agree, metric, run

pytestmark = pytest.mark.slow

SMALL = {"researchers": 60, "hosts": 6, "stakers": 4, "traders": 8, "steps": 144}


def test_both_paths_agree_and_the_books_balance() -> None:
    assert_paths_agree(price_controllers, **{**SMALL, "controller": "base_fee"})


def test_a_base_fee_follows_better_and_moves_more_than_supply_and_demand() -> None:
    found = effects(
        price_controllers,
        ("ramp.tracking_error", "fee_volatility", "answered_share"),
        {**SMALL, "controller": "supply_demand"},
        {**SMALL, "controller": "base_fee"},
    )
    assert found["ramp.tracking_error"][1] < 0
    assert found["fee_volatility"][0] > 0
    assert found["answered_share"][1] < 0


def test_what_a_curve_does_not_follow_is_demand_that_moves() -> None:
    """The cause is switched off by demand that stands still: nothing is left but chance."""
    found = effects(price_controllers, ("ramp.tracking_error",), {**SMALL, "size": 1.0}, SMALL, 4)
    assert found["ramp.tracking_error"][0] > 0
    still = {**SMALL, "size": 1.0}
    found = effects(
        price_controllers,
        ("turned_away_share",),
        {**still, "controller": "supply_demand"},
        {**still, "controller": "base_fee"},
        4,
    )
    assert found["turned_away_share"] == (0, 0)


def test_a_fixed_price_does_not_move_and_all_are_paid_for_it() -> None:
    result = run(price_controllers, 1, **{**SMALL, "controller": "fixed"})
    assert metric(result, "fee_volatility") == 0
    answered = result.metrics["queries"] * result.metrics["served_share"]
    assert metric(result, "revenue_ftns") == pytest.approx(0.1 * answered)


def test_the_outcome_of_a_series_by_hand() -> None:
    series = {
        name: np.array(values, dtype=float)
        for name, values in {
            "came_up": [10, 10], "asked": [8, 6], "turned_away": [2, 0], "answered": [6, 6],
            "fee_ftns": [1, 2], "price_usd": [1, 1], "supply": [6, 12],
            "value_usd": [20, 20], "value_answered_usd": [12, 18],
        }.items()
    }  # fmt: skip
    found = outcome(series, 0, 2)
    assert found["answered_share"] == pytest.approx(12 / 20)
    assert found["value_answered_share"] == pytest.approx(30 / 40)
    assert found["turned_away_share"] == pytest.approx(2 / 14)
    # Use is 1 (what is asked beyond the supply is not used) and ½, the target.
    assert found["tracking_error"] == pytest.approx((0.5**2 / 2) ** 0.5)
    assert found["revenue_ftns"] == pytest.approx(6 * 1 + 6 * 2)
