"""Escrow griefing: hogging for nothing, the floor that ends it, and disputes."""

from typing import Any

import numpy as np
import pytest

from scenarios.escrow_griefing import escrow_griefing
from scenarios.token_economy.griefers import damage_share, griefing_factor
from tests.scenarios.economy_effects import attack_of, effects
from tests.scenarios.economy_trials import assert_paths_agree, metric, run

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {
    "researchers": 2, "hosts": 1, "stakers": 2, "traders": 2, "steps": 96,
    "sellers": 5, "buyers": 50, "hogged": 8,
}  # fmt: skip


@pytest.mark.parametrize("tactic", ["hog", "dispute"])
def test_both_paths_agree_and_the_books_balance(tactic: str) -> None:
    assert_paths_agree(escrow_griefing, **SMALL, tactic=tactic, floor_share=0.3)


def test_the_closed_form_by_hand() -> None:
    assert griefing_factor(0.0, 0.5, 0.85, 2.0) is None
    # Where the place would have earned twice the floor, harm is as large as cost.
    assert griefing_factor(0.5, 0.5, 1.0, 2.0) == 1.0
    assert griefing_factor(1.0, 0.5, 1.0, 2.0) == 0.0
    assert damage_share(3.0, 1.0) == 0.75
    assert damage_share(1.0, 1.0) == 0.5
    assert damage_share(-1.0, 1.0) == 0.0
    assert damage_share(0.0, 0.0) is None


def test_without_a_floor_hogging_is_free_and_harms() -> None:
    result = run(escrow_griefing, 1, **SMALL)
    attack = attack_of(result)
    assert attack["cost_ftns"] == attack["gain_ftns"] == 0
    assert attack["harm_ftns"] > metric(result, "sellers_lost_ftns") > 0
    assert metric(result, "lost_sales") > metric(result, "lost_sales_in_peace")
    assert metric(result, "damage_share") == 1


@pytest.mark.parametrize("floor_share", [0.1, 0.3, 0.8])
def test_a_floor_makes_the_factor_what_the_closed_form_says(floor_share: float) -> None:
    results = [run(escrow_griefing, seed, **SMALL, floor_share=floor_share) for seed in (1, 2, 3)]
    measured = np.mean([metric(result, "griefing_factor") for result in results])
    expected = np.mean([metric(result, "theory_griefing_factor") for result in results])
    # What is under way at either end of the run makes the difference: four of 96 hours, twice.
    assert measured == pytest.approx(expected, abs=0.08 * (1 + expected))
    for result in results:
        assert attack_of(result)["gain_ftns"] == 0
        hours = 96 - 1
        expected_cost = 8 * hours * floor_share * 2.5
        assert attack_of(result)["cost_ftns"] == pytest.approx(expected_cost, rel=0.1)


def test_a_floor_brings_the_damage_below_one_half() -> None:
    names = ("damage_share", "sellers_lost_ftns", "attack.cost_ftns")
    found = effects(escrow_griefing, names, SMALL, {**SMALL, "floor_share": 0.4})
    assert found["damage_share"][1] < -0.5
    assert found["sellers_lost_ftns"][1] < 0
    assert found["attack.cost_ftns"][0] > 0


def test_a_floor_costs_ordinary_buyers_nothing() -> None:
    nobody = {**SMALL, "hogged": 0}
    one, other = (run(escrow_griefing, 1, **nobody, floor_share=share) for share in (0.0, 1.0))
    assert metric(one, "sellers_ftns") == metric(other, "sellers_ftns") > 0
    # They top up a little earlier, at another price.
    assert metric(one, "welfare_ftns") == pytest.approx(metric(other, "welfare_ftns"), rel=1e-5)


def test_a_time_out_helps_only_against_who_is_slow() -> None:
    lost = {
        (hours, quick): metric(
            run(escrow_griefing, 1, **SMALL, idle_hours=hours, is_quick=quick), "sellers_lost_ftns"
        )
        for hours in (2, 24)
        for quick in (True, False)
    }
    assert lost[2, True] == lost[24, True]
    assert lost[2, False] < 0.7 * lost[24, False]


def test_who_takes_no_place_does_no_harm() -> None:
    attack = attack_of(run(escrow_griefing, 1, **{**SMALL, "hogged": 0}, floor_share=0.3))
    assert attack["cost_ftns"] == attack["harm_ftns"] == 0


def test_disputes_cost_half_the_price_where_the_arbiter_sleeps() -> None:
    """The whole price and its fee where he looks; where not half, its fee, and a week."""
    arm = {**SMALL, "tactic": "dispute", "hogged": 2}
    looks, sleeps = (run(escrow_griefing, 1, **arm, arbiter_looks=chance) for chance in (1.0, 0.0))
    disputes = metric(looks, "disputes")
    assert disputes == metric(sleeps, "disputes") > 0
    assert attack_of(looks)["cost_ftns"] == pytest.approx((10.0 + 0.6) * disputes)
    assert attack_of(sleeps)["cost_ftns"] == pytest.approx((5.0 + 0.35) * disputes)
    # What the griefer does not pay the sellers do not get.
    lost = metric(sleeps, "sellers_lost_ftns") - metric(looks, "sellers_lost_ftns")
    assert lost == pytest.approx(0.85 * 5.0 * disputes)
