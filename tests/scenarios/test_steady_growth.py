"""Steady growth: who enters when, and what it does to a market whose sides grow unequally."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.steady_growth import steady_growth
from scenarios.token_economy.crowd import Crowd
from scenarios.token_economy.kinds import Asking, Hosting
from scenarios.token_economy.newcomers import MONTH_HOURS, entry_hours, head_count, let_enter
from scenarios.token_economy.view import View
from tests.scenarios.economy_effects import effects
from tests.scenarios.economy_trials import assert_paths_agree, metric, run

pytestmark = pytest.mark.slow

# Two weeks of very fast growth: as far as months of slower growth take it.
SMALL = {
    "researchers": 50, "hosts": 5, "stakers": 2, "traders": 10,
    "steps": 168, "demand_growth": 4.0, "supply_growth": 4.0,
}  # fmt: skip
LOPSIDED = {**SMALL, "demand_growth": 10.0, "supply_growth": 0.0}


def test_both_paths_agree_and_the_books_balance() -> None:
    assert_paths_agree(steady_growth, **SMALL)


@given(st.integers(1, 40), st.floats(0.01, 3.0), st.floats(0.0, 3000.0))
def test_so_many_have_entered_as_the_head_count_says(
    first: int, monthly: float, hours: float
) -> None:
    count = head_count(first, monthly, 3000.0)
    entered = int((entry_hours(count, first, monthly) <= hours).sum())
    assert abs(entered - head_count(first, monthly, hours)) <= (hours > 0)
    assert (entry_hours(count, first, monthly) == 0).sum() >= first


def test_without_growth_nobody_enters() -> None:
    assert head_count(7, 0.0, 9999.0) == 7
    assert entry_hours(7, 7, 0.0).tolist() == [0.0] * 7


def test_a_doubling_takes_a_month_at_a_hundred_percent() -> None:
    assert entry_hours(8, 4, 1.0)[7] == pytest.approx(MONTH_HOURS)


def seen_at(hour: float) -> View:
    return View(
        step=int(hour), hour=hour, fee_units=1, price_usd=1.0, opening_usd=1.0, day_return=0.0,
        week_return=0.0, staked_share=0.0, yield_reserve_ftns=0.0, queue_share=0.0, load=0.5,
        earnings_usd=0.0, demand=1.0,
    )  # fmt: skip


def test_nobody_is_there_before_his_time_and_everybody_is_from_then_on() -> None:
    researchers = Crowd("researcher", 4, Asking(2.0), np.random.default_rng(1))
    hosts = Crowd("host", 4, Hosting(2.0, 4.0), np.random.default_rng(2))
    rates = researchers.traits["rate"].copy()
    for crowd in (researchers, hosts):
        let_enter(crowd, 2, 1.0)
    # Who has waited for long, and seen others earn nothing, comes all the same.
    hosts.traits["expected_usd"][2:] = 0.0
    # The third comes after log2(3/2) of a month, the fourth after a month.
    third_h = hosts.traits["enters_at_h"][2]
    assert MONTH_HOURS * 0.58 < third_h < MONTH_HOURS * 0.59
    there = {0.0: 2, third_h - 3.0: 2, third_h - 1.0: 3, third_h + 9.0: 3, MONTH_HOURS - 1.0: 4}
    for hour, count in there.items():
        if hour:
            for crowd in (researchers, hosts):
                crowd.strategy.learn(seen_at(hour), crowd.traits)
        # Those who come before the next step begins, two hours later, are there when it does.
        assert hosts.traits["online"].tolist() == [1.0] * count + [0.0] * (4 - count)
        assert researchers.traits["rate"].tolist() == [*rates[:count], *[0.0] * (4 - count)]


def test_hosts_grow_as_they_are_told() -> None:
    result = run(steady_growth, 1, **SMALL)
    hours = 336
    # Online are those who have entered, less those it does not pay.
    assert 0.6 * head_count(5, 4.0, hours) <= metric(result, "hosts_online")
    assert metric(result, "hosts_online") <= head_count(5, 4.0, hours)
    still = run(steady_growth, 1, **{**SMALL, "demand_growth": 0.0, "supply_growth": 0.0})
    assert metric(still, "hosts_online") <= 5
    assert metric(still, "drift.hosts_growth") <= 0


def test_demand_that_grows_faster_than_supply_fills_the_hosts_and_leaves_people_out() -> None:
    found = effects(steady_growth, ("drift.load", "drift.answered_share"), SMALL, LOPSIDED)
    assert found["drift.load"][0] > 0.1
    assert found["drift.answered_share"][1] < 0


def test_with_a_base_fee_the_price_takes_it() -> None:
    names = ("drift.log_fee_usd",)
    found = effects(
        steady_growth,
        names,
        {**SMALL, "controller": "base_fee"},
        {**LOPSIDED, "controller": "base_fee"},
    )
    assert found["drift.log_fee_usd"][0] > 0


def test_where_both_grow_alike_the_load_drifts_by_the_rounding_of_hosts_at_most() -> None:
    drifts = [metric(run(steady_growth, seed, **SMALL), "drift.load") for seed in range(1, 7)]
    # One host more or less, of those who are there, at half a load.
    assert max(map(abs, drifts)) < 0.5 * 1 / 5
