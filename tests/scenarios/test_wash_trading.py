"""Wash trading: it pays above the fee, not below, and at most what the fund's limit leaves."""

from typing import Any

import pytest

from scenarios.wash_trading import wash_trading
from tests.scenarios.economy_trials import (
    assert_paths_agree,
    assert_purse_adds_up,
    differences,
    metric,
    pairs,
    run,
    shown,
)

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {"steps": 72, "dealers": 30, "researchers": 0, "hosts": 1}
DAYS_PAID = 3
BELOW, ABOVE = {"rebate": 0.004}, {"rebate": 0.006}


def test_both_paths_are_the_same_economy() -> None:
    assert_paths_agree(wash_trading, **SMALL)


def test_it_pays_above_the_fee_and_not_below() -> None:
    found = pairs(wash_trading, 8, {**SMALL, **BELOW}, {**SMALL, **ABOVE})
    assert shown(differences(found, "attack.net_ftns")) == 1
    assert shown(differences(found, "attack.harm_ftns")) == 1
    assert all(metric(below, "attack.net_ftns") < 0 for below, _ in found)
    assert all(metric(above, "attack.net_ftns") > 0 for _, above in found)
    assert all(below.metrics["attack"]["break_even_step"] is None for below, _ in found)
    for either in found[0]:
        assert metric(either, "wash.break_even_rebate") == pytest.approx(0.005, rel=1e-9)


def test_where_the_fee_is_higher_so_is_the_break_even() -> None:
    dear = {**SMALL, "fee": 0.01}
    assert metric(run(wash_trading, **dear, rebate=0.009), "attack.net_ftns") < 0
    assert metric(run(wash_trading, **dear, rebate=0.012), "attack.net_ftns") > 0


@pytest.mark.parametrize("rounds", [2, 20, 100])
def test_the_fund_s_limit_bounds_what_there_is_to_be_had(rounds: int) -> None:
    """At most D·(1 − f/r) a day, and the more is washed beyond it the less is left."""
    day_ftns = 100.0
    limited: dict[str, Any] = {**SMALL, **ABOVE, "fund_day_ftns": day_ftns, "wash_ftns": 400.0}
    net_ftns = metric(run(wash_trading, **limited, wash_rounds=rounds), "attack.net_ftns")
    assert net_ftns <= DAYS_PAID * day_ftns * (1 - 0.005 / 0.006)
    assert (net_ftns > 0) is (rounds == 2)


def test_dealers_are_driven_out_of_the_reward() -> None:
    limited: dict[str, Any] = {**SMALL, **ABOVE, "fund_day_ftns": 50.0}
    few, many = {**limited, "wash_rounds": 0}, {**limited, "wash_rounds": 20}
    found = pairs(wash_trading, 5, few, many)
    assert shown(differences(found, "wash.dealer_rate")) == -1
    for alone, crowded in found:
        assert metric(alone, "wash.dealer_rate") == pytest.approx(0.006, rel=0.1)
        # What is paid follows volume, so a dealer's part is as small as its part of the volume.
        assert metric(crowded, "wash.rebate_share") == pytest.approx(
            metric(crowded, "wash.volume_share"), abs=0.01
        )


def test_an_account_that_meets_itself_washes_nothing() -> None:
    alone = run(wash_trading, **SMALL, wash_accounts=1)
    assert metric(alone, "wash.washed_ftns") == 0
    attack = alone.metrics["attack"]
    assert (attack["cost_ftns"], attack["gain_ftns"], attack["harm_ftns"]) == (0, 0, 0)


def test_gain_less_cost_is_what_the_washer_is_worth_more(monkeypatch: pytest.MonkeyPatch) -> None:
    result = assert_purse_adds_up(monkeypatch, wash_trading, **SMALL)
    # What the washer gains the fund has lost, and the fees of the last step are still on their way.
    attack = result.metrics["attack"]
    assert 0 < attack["net_ftns"] <= attack["harm_ftns"]
    assert attack["harm_ftns"] - attack["net_ftns"] < attack["cost_ftns"] / 20


def test_hours_and_open_orders_count_as_what_they_are() -> None:
    """Nobody earns by dealing: dealers and the fund have what they had, but for the last fees."""
    alone = run(wash_trading, **{**SMALL, "researchers": 0, "wash_rounds": 0})
    first_ftns = 30 * (200 + 200) + 20_000
    assert metric(alone, "welfare_ftns") == pytest.approx(first_ftns, abs=0.2)
    assert metric(alone, "wash.trades") > 50
