"""A Sybil flood: what it brings, against its closed form, and what a bond makes of it."""

from typing import Any

import numpy as np
import pytest

from prsm_sim.intervals import student
from scenarios.sybil_flood import sybil_flood
from scenarios.token_economy.sybils import break_even_bond, gain_per_submission, reward_ftns
from tests.scenarios.economy_effects import attack_of, effects
from tests.scenarios.economy_trials import assert_paths_agree, metric, run

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {
    "researchers": 5, "hosts": 2, "data_providers": 20, "model_providers": 4, "stakers": 2,
    "traders": 4, "steps": 72, "identities": 5, "issuance_ftns_per_s": 0.0025,
}  # fmt: skip
BOND = {**SMALL, "bond_ftns": 10.0}
# A flood small enough for the pool, so that nothing but the draws decides.
RICH = {**SMALL, "issuance_ftns_per_s": 1.0, "stop_loss_ftns": 1e7}


def test_both_paths_agree_and_the_books_balance() -> None:
    assert_paths_agree(sybil_flood, **BOND)


def test_the_closed_form_by_hand() -> None:
    assert reward_ftns(100.0) == 5.0
    assert break_even_bond(0.5, 5.0, 1.0) == 5.0
    assert break_even_bond(0.2, 5.0, 0.3) == pytest.approx(4.0 / 0.06)
    assert break_even_bond(0.0, 5.0, 1.0) is None
    assert gain_per_submission(0.25, 8.0, 4.0) == 5.0


@pytest.mark.parametrize(
    ("bond_ftns", "accomplice"), [(0.0, False), (3.0, True), (30.0, False), (30.0, True)]
)
def test_a_flood_brings_what_the_closed_form_says(bond_ftns: float, accomplice: bool) -> None:
    """Its net less n·((1 − q)R − q·s·B) is a sum of n centred draws; the attacker never stops."""
    arm = {**RICH, "bond_ftns": bond_ftns, "accomplice": accomplice}
    left_over = []
    for seed in range(1, 4):
        result = run(sybil_flood, seed, **arm)
        assert result.metrics["refused_by_the_pool"] == 0
        left_over.append(attack_of(result)["net_ftns"] - metric(result, "theory_net_ftns"))
    lost = bond_ftns * (0.3 if accomplice else 1.0)
    # A submission's gain is R or −lost, with probability ½ each.
    deviation = (5.0 + lost) / 2 * (metric(result, "submitted") / len(left_over)) ** 0.5
    assert abs(np.mean(left_over)) < 4 * deviation


def test_cost_and_gain_are_those_of_the_books() -> None:
    metrics = run(sybil_flood, 2, **BOND).metrics
    attack = metrics["attack"]
    assert attack["cost_ftns"] == pytest.approx(10.0 * metrics["caught"])
    passed = metrics["submitted"] - metrics["caught"] - metrics["refused_by_the_pool"]
    assert attack["gain_ftns"] == pytest.approx(5.0 * passed)
    # 70 % of what was lost; the reserve has the rest.
    assert metrics["bounties_ftns"] == pytest.approx(7.0 * metrics["caught"])


def test_a_bond_of_twice_the_break_even_ends_the_flood() -> None:
    names = ("attack.net_ftns", "submitted", "attack.harm_ftns", "provider_rewards_ftns")
    stops = {"stop_loss_ftns": 100.0}
    found = effects(sybil_flood, names, {**SMALL, **stops}, {**BOND, **stops})
    assert found["attack.net_ftns"][1] < 0
    assert found["submitted"][1] < 0
    assert found["attack.harm_ftns"][1] < 0
    assert found["provider_rewards_ftns"][0] > 0


def test_without_a_bond_it_pays_at_once_and_harms_others() -> None:
    attack = attack_of(run(sybil_flood, 1, **SMALL))
    assert attack["cost_ftns"] == 0
    assert attack["break_even_step"] == 1
    assert attack["harm_ftns"] > 0


def test_a_pool_that_is_large_enough_for_all_is_no_loss_to_anyone() -> None:
    """The cause of the harm is a pool that runs dry; without it there is none."""
    attack = attack_of(run(sybil_flood, 1, **RICH))
    assert attack["gain_ftns"] > 0
    assert attack["harm_ftns"] == pytest.approx(0, abs=1e-9)


def test_reporting_oneself_pays_where_being_reported_does_not() -> None:
    """Between B* and B*/0.3 a flood loses, unless the bounty comes back."""
    nets = [
        [
            attack_of(run(sybil_flood, seed, **{**RICH, "bond_ftns": 8.0, "accomplice": chosen}))[
                "net_ftns"
            ]
            for seed in range(1, 9)
        ]
        for chosen in (False, True)
    ]
    assert student(nets[0], 0.99)[1] < 0 < student(nets[1], 0.99)[0]


def test_it_gives_up_when_it_has_lost_enough() -> None:
    attack = attack_of(run(sybil_flood, 1, **{**BOND, "review": 1.0, "stop_loss_ftns": 45.0}))
    assert attack["cost_ftns"] == 50.0
    assert attack["gain_ftns"] == 0
