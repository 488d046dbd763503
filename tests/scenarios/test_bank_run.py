"""The bank run: fear spreads through the price, and a delay helps only where someone buys."""

from typing import Any

import pytest

from prsm_sim.actor import UserError
from scenarios.bank_run import bank_run
from scenarios.token_economy.depositors import Sale, losses
from tests.scenarios.economy_trials import (
    assert_paths_agree,
    differences,
    metric,
    pairs,
    run,
    shown,
)

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {"steps": 100, "depositors": 50, "traders": 30, "researchers": 5}
NOBODY_BUYS = {"traders": 0, "whales": 0, "researchers": 0}
AT_ONCE, A_WEEK = {"unbonding_days": 0}, {"unbonding_days": 7}


def test_both_paths_are_the_same_economy() -> None:
    assert_paths_agree(bank_run, **{**SMALL, "steps": 50})


def test_a_delay_dampens_the_run_where_traders_buy() -> None:
    found = pairs(bank_run, 8, {**SMALL, **AT_ONCE}, {**SMALL, **A_WEEK})
    assert shown(differences(found, "run.lowest_price")) == 1
    assert shown(differences(found, "run.unstaked_share")) == -1
    assert shown(differences(found, "run.late_loss")) == -1
    # Who has calmed down in that week stakes again: only what was sold is gone.
    for _, delayed in found:
        assert metric(delayed, "run.unstaked_share") <= metric(delayed, "run.sold_share") + 1e-6


def test_where_nobody_buys_a_delay_only_puts_it_off() -> None:
    still = {**SMALL, **NOBODY_BUYS, "steps": 240}
    for seed in (1, 2, 3):
        delayed = run(bank_run, seed, **still, **A_WEEK)
        at_once = run(bank_run, seed, **still, **AT_ONCE)
        for name in ("run.lowest_price", "run.unstaked_share"):
            assert metric(delayed, name) == pytest.approx(metric(at_once, name), rel=1e-3)
        assert metric(delayed, "run.lowest_day") >= metric(at_once, "run.lowest_day") + 7


@pytest.mark.parametrize("cause", [{"calm": 1.0}, {"shock_share": 0.0}])
def test_without_fear_or_shock_a_delay_changes_nothing(cause: dict[str, Any]) -> None:
    for seed in (1, 2):
        first = run(bank_run, seed, **SMALL, **AT_ONCE, **cause)
        second = run(bank_run, seed, **SMALL, **A_WEEK, **cause)
        assert first.metrics["run"] == second.metrics["run"]
        assert metric(first, "run.sold_share") == 0.0


def test_a_lock_keeps_stakers_in_while_it_lasts() -> None:
    short = {**SMALL, **AT_ONCE, "steps": 50}
    free, locked = {**short, "lock_days": 0}, {**short, "lock_days": 365}
    assert shown(differences(pairs(bank_run, 6, free, locked), "run.unstaked_share")) == -1


def test_the_shock_alone_has_its_closed_form() -> None:
    """A sale of s times the pool's FTNS moves the price by 1/((1 + s)(1 + 0.997 s))."""
    alone: dict[str, Any] = {
        "traders": 0,
        "whales": 0,
        "researchers": 0,
        "hosts": 1,
        "calm": 1.0,
        "steps": 30,
    }
    share = 0.3
    result = run(bank_run, depositors=1, shock_share=share, **alone)
    expected = 1 / ((1 + share) * (1 + 0.997 * share))
    assert metric(result, "run.lowest_price") == pytest.approx(expected, rel=1e-9)
    assert metric(result, "run.lowest_day") == 0


def test_losses_are_counted_by_halves_of_what_was_sold() -> None:
    sales = [Sale(1, 10.0, 8.0), Sale(2, 20.0, 10.0), Sale(3, 10.0, 2.0)]
    # The first 20 FTNS brought 8 + 5 dollars, the last 20 brought 5 + 2; at 1 $ all were worth 20.
    assert losses(sales, 1.0) == pytest.approx((1 - 13 / 20, 1 - 7 / 20))
    assert losses([], 1.0) == (0.0, 0.0)


def test_what_cannot_be_is_refused_in_one_line() -> None:
    impossible: dict[str, Any] = {"steps": 10, "shock_step": 11}
    with pytest.raises(UserError, match="shock_step"):
        run(bank_run, **{**SMALL, **impossible})
