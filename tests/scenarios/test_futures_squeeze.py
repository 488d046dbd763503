"""The squeeze: a last price is cheap to move, an average is not, and margins bound the gain."""

from typing import Any

import pytest

from prsm_sim.actor import UserError
from scenarios.futures_squeeze import futures_squeeze
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

SMALL: dict[str, Any] = {
    "steps": 72, "delivery_hour": 48, "merchants": 15, "pool_hours": 2000.0, "hedgers": 10,
    "contracts": 500, "researchers": 0, "hosts": 1,
}  # fmt: skip
LAST, DAY = {"window_hours": 1}, {"window_hours": 24}
NOBODY_SELLS = {"merchants": 0}
POOL_FEE = 0.003


def test_both_paths_are_the_same_economy() -> None:
    assert_paths_agree(futures_squeeze, **SMALL)


def test_the_average_of_a_day_makes_a_small_squeeze_a_loss() -> None:
    found = pairs(futures_squeeze, 8, {**SMALL, **LAST}, {**SMALL, **DAY})
    assert shown(differences(found, "attack.net_ftns")) == -1
    assert all(metric(last, "attack.net_ftns") > 0 for last, _ in found)
    assert all(metric(day, "attack.net_ftns") < 0 for _, day in found)
    assert shown(differences(found, "squeeze.cornered")) == 1


def test_a_large_squeeze_pays_in_spite_of_the_average() -> None:
    large = {**SMALL, **DAY, "contracts": 10_000, "hedger_ftns": 2000.0}
    assert metric(run(futures_squeeze, **large), "attack.net_ftns") > 0


def test_where_nobody_sells_the_window_does_not_matter() -> None:
    """Holding a price costs what others sell into it: without them both are the same deal."""
    alone = {**SMALL, **NOBODY_SELLS}
    last, day = run(futures_squeeze, **alone, **LAST), run(futures_squeeze, **alone, **DAY)
    for name in ("attack.net_ftns", "squeeze.settlement_ftns"):
        assert metric(day, name) == pytest.approx(metric(last, name), rel=0.01)
    # Held for one of 24 hours, a price weighs a 24th.
    briefly = run(futures_squeeze, **alone, **DAY, hold_hours=1)
    settlement = metric(briefly, "squeeze.settlement_ftns")
    assert settlement - 1 == pytest.approx((metric(last, "squeeze.settlement_ftns") - 1) / 24)


def test_what_it_nets_alone_has_its_closed_form() -> None:
    """q·(push − 1 − premium), less the fee on what is bought and on what is sold again.

    Moving the price by `push` takes √push − 1 of the pool's money m after the fee, and it is sold
    down to the price at which hours count, so the last of them bring nothing above it.
    """
    push, premium, contracts, money = 1.08, 0.02, 400, 2000.0
    result = run(futures_squeeze, **{**SMALL, **NOBODY_SELLS, "push": push, "contracts": contracts})
    spent = money * (push**0.5 - 1)
    settlement = metric(result, "squeeze.settlement_ftns")
    assert settlement == pytest.approx(push, rel=2e-3)
    expected = contracts * (settlement - 1 - premium)
    net_ftns = metric(result, "attack.net_ftns")
    assert 0 < expected - net_ftns < 2.5 * POOL_FEE * spent
    # It costs the premium, and hours that count less than was paid; margin is no cost.
    hours = money * (1 - push**-0.5)
    assert metric(result, "attack.cost_ftns") == pytest.approx(
        contracts * premium + spent - hours, abs=2.5 * POOL_FEE * spent
    )


def test_low_margins_bound_the_gain_and_high_ones_do_not() -> None:
    wide: dict[str, Any] = {**SMALL, **LAST, "push": 1.4, "hedger_ftns": 200.0}
    found = pairs(futures_squeeze, 5, {**wide, "margin": 0.1}, {**wide, "margin": 0.5})
    assert shown(differences(found, "attack.net_ftns")) == 1
    assert shown(differences(found, "squeeze.shortfall_ftns")) == -1
    for low, high in found:
        for either in (low, high):
            # What margins, insurance and haircuts give is all that it gets, and theirs is the loss.
            attack = either.metrics["attack"]
            assert attack["harm_ftns"] == pytest.approx(attack["net_ftns"], abs=0.01)
        assert metric(low, "squeeze.haircut_ftns") > 0 == metric(high, "squeeze.haircut_ftns")


def test_without_contracts_there_is_nothing_to_gain() -> None:
    assert metric(run(futures_squeeze, **{**SMALL, "contracts": 0}), "attack.net_ftns") <= 0


def test_gain_less_cost_is_what_the_squeezer_is_worth_more(monkeypatch: pytest.MonkeyPatch) -> None:
    result = assert_purse_adds_up(monkeypatch, futures_squeeze, **SMALL)
    # Hours and FTNS are neither made nor lost: what it nets is what all others lose.
    attack = result.metrics["attack"]
    assert attack["harm_ftns"] == pytest.approx(attack["net_ftns"], abs=0.01)


def test_what_cannot_be_is_refused_in_one_line() -> None:
    impossible: dict[str, Any] = {"steps": 10, "delivery_hour": 11}
    with pytest.raises(UserError, match="delivery_hour"):
        run(futures_squeeze, **{**SMALL, **impossible})
