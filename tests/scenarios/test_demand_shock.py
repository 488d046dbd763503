"""A demand shock: three controllers under it, and none of it without."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.demand_shock import demand_shock
from scenarios.token_economy.crowd import Crowd
from scenarios.token_economy.demand_paths import (
    PATHS,
    clearing_fee_usd,
    demand_path,
    pulse,
    settling_steps,
)
from scenarios.token_economy.kinds import Asking
from tests.scenarios.economy_effects import effects
from tests.scenarios.economy_trials import assert_paths_agree, metric, run

pytestmark = pytest.mark.slow

SMALL = {
    "researchers": 60, "hosts": 6, "stakers": 4, "traders": 8,
    "steps": 104, "shock_from_day": 2, "shock_days": 1,
}  # fmt: skip


def test_both_paths_agree_and_the_books_balance() -> None:
    assert_paths_agree(demand_shock, **{**SMALL, "controller": "base_fee"})


def test_what_came_up_was_answered_turned_away_or_priced_out() -> None:
    metrics = run(demand_shock, 1, **SMALL).metrics
    shock = metrics["shock"]
    assert 0 < shock["answered_share"] < metrics["before"]["answered_share"] <= 1
    # Those who value an answer most are the last to be priced out.
    assert shock["value_answered_share"] > shock["answered_share"]


def test_in_a_shock_a_base_fee_turns_fewer_away_and_prices_more_out() -> None:
    found = effects(
        demand_shock,
        ("shock.turned_away_share", "shock.answered_share", "overshoot"),
        {**SMALL, "controller": "supply_demand"},
        {**SMALL, "controller": "base_fee"},
    )
    assert found["shock.turned_away_share"][1] < 0
    assert found["shock.answered_share"][1] < 0
    assert found["overshoot"][0] > 0


def test_without_a_shock_nobody_is_turned_away_under_any_controller() -> None:
    for controller in ("supply_demand", "base_fee", "fixed"):
        result = run(demand_shock, 2, **{**SMALL, "controller": controller, "shock_factor": 1.0})
        assert metric(result, "shock.turned_away_share") == 0
        assert metric(result, "clearing_fee_ftns") == 0


def test_a_shock_at_the_very_end_leaves_a_step_to_settle() -> None:
    late = {**SMALL, "researchers": 20, "hosts": 2, "steps": 3, "shock_from_day": 9}
    assert metric(run(demand_shock, 1, **late), "settling_h") in (0, 1)


def test_a_fixed_price_neither_overshoots_nor_has_to_settle() -> None:
    result = run(demand_shock, 1, **{**SMALL, "controller": "fixed", "shock_factor": 8.0})
    assert metric(result, "peak_fee_ftns") == pytest.approx(0.1)
    assert metric(result, "settling_h") == 0
    # It is below what would clear the market: that is what the queue is.
    assert metric(result, "overshoot") < -0.2 < 0.2 < metric(result, "shock.turned_away_share")


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 8)), min_size=1, max_size=12),
    st.integers(0, 40),
)
def test_at_the_clearing_fee_all_have_room_and_a_little_below_it_they_have_not(
    people: Sequence[tuple[int, int]], supply_eighths: int
) -> None:
    crowd = Crowd("researcher", len(people), Asking(1.0), np.random.default_rng(0))
    crowd.traits["value_usd"] = np.array([float(value) for value, _ in people])
    crowd.traits["rate"] = np.array([eighths / 8 for _, eighths in people])
    fee = clearing_fee_usd(crowd, 1.0, 1.0, supply_eighths / 8)

    def wanted(at_fee: float, *, including_it: bool) -> Fraction:
        return sum(
            (
                Fraction(min(8, eighths), 8)
                for value, eighths in people
                if value > at_fee or (including_it and value == at_fee)
            ),
            Fraction(0),
        )

    supply = Fraction(supply_eighths, 8)
    assert wanted(fee, including_it=False) <= supply
    assert fee == 0 or wanted(fee, including_it=True) > supply


def test_paths_start_and_end_where_they_say() -> None:
    rng = np.random.default_rng
    step, ramp, wave, _ = (demand_path(kind, 96, 1, 3.0, rng(1)) for kind in PATHS)
    assert set(step[:48]) == {1.0}
    assert set(step[48:]) == {3.0}
    assert (ramp[0], ramp[-1]) == (1.0, 3.0)
    assert np.ptp(np.diff(ramp)) < 1e-12
    assert wave.min() == 1.0
    assert wave.max() == pytest.approx(3.0)
    assert np.allclose(wave[:24], wave[24:48])
    assert pulse(6, 2, 3, 5.0).tolist() == [1, 1, 5, 5, 5, 1]


def test_noise_has_the_variance_and_the_memory_that_it_says() -> None:
    logs = 2 * np.log(demand_path("noise", 200_000, 1, np.e, np.random.default_rng(5)))
    assert logs.mean() == pytest.approx(0, abs=0.06)
    assert logs.var() == pytest.approx(1, abs=0.06)
    assert np.corrcoef(logs[:-24], logs[24:])[0, 1] == pytest.approx(0.5, abs=0.03)


def test_settling_ends_with_the_last_stray_value() -> None:
    assert settling_steps(np.array([2.0, 1.0, 2.0, 1.05, 0.95]), 1.0, 0.1) == 3
    assert settling_steps(np.array([1.0, 1.0]), 1.0, 0.1) == 0
    assert settling_steps(np.array([1.0, 2.0]), 1.0, 0.1) == 2
