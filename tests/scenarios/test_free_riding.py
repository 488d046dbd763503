"""Free-riding: what honest contributors lose, against the fluid's closed form."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.free_riding import free_riding
from scenarios.token_economy.riders import bearable_riders, lost_share
from tests.scenarios.economy_effects import attack_of, effects
from tests.scenarios.economy_trials import assert_paths_agree, metric, run

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {"researchers": 2, "hosts": 1, "traders": 2, "steps": 96}
flows = st.floats(0.01, 1000.0)


def test_both_paths_agree_and_the_books_balance() -> None:
    assert_paths_agree(free_riding, **SMALL, review=0.5)


def test_the_closed_form_by_hand() -> None:
    assert lost_share(20.0, 10.0, 10.0) == 0
    assert lost_share(20.0, 10.0, 30.0) == 0.5
    # The pool is short without riders already: they take their part of what is left.
    assert lost_share(5.0, 10.0, 10.0) == 0.5
    assert bearable_riders(20.0, 10.0, 2.0, 0.0) == 5
    assert bearable_riders(20.0, 10.0, 2.0, 0.5) == 15
    assert bearable_riders(20.0, 10.0, 0.0, 0.0) == float("inf")


@given(flows, st.floats(0.01, 1.0), flows, st.floats(0.0, 0.9))
def test_so_many_riders_cost_the_share_that_they_are_said_to_cost(
    inflow: float, load: float, each: float, lost: float
) -> None:
    honest = inflow * load
    riders = bearable_riders(inflow, honest, each, lost)
    assert lost_share(inflow, honest, riders * each) == pytest.approx(lost, abs=1e-9)


@pytest.mark.parametrize("rider_share", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("review", [0.0, 0.6])
def test_honest_contributors_lose_what_the_closed_form_says(
    rider_share: float, review: float
) -> None:
    results = [
        run(free_riding, seed, **SMALL, rider_share=rider_share, review=review)
        for seed in range(1, 4)
    ]
    lost = np.mean([metric(result, "lost_share") for result in results])
    expected = np.mean([metric(result, "theory_lost_share") for result in results])
    assert lost == pytest.approx(expected, abs=0.06)


def test_reviewing_restores_what_riders_take() -> None:
    names = ("lost_share", "attack.net_ftns", "attack.harm_ftns")
    control, treatment = ({**SMALL, "review": review} for review in (0.0, 0.9))
    found = effects(free_riding, names, control, treatment)
    assert found["lost_share"][1] < -0.3
    assert found["attack.net_ftns"][1] < 0
    assert found["attack.harm_ftns"][1] < 0


@pytest.mark.parametrize("off", [{"rider_share": 0.0}, {"review": 1.0}])
def test_where_nobody_rides_or_all_is_seen_through_nothing_is_lost(off: dict[str, Any]) -> None:
    result = run(free_riding, 1, **{**SMALL, **off})
    assert metric(result, "lost_share") == 0
    assert attack_of(result)["gain_ftns"] == 0
    assert attack_of(result)["harm_ftns"] == 0


def test_within_what_the_pool_bears_nobody_loses_anything_to_speak_of() -> None:
    result = run(free_riding, 1, **{**SMALL, "issuance_ftns_per_s": 1.0})
    assert metric(result, "bearable_share") > 0.4 > metric(result, "theory_lost_share") == 0
    assert metric(result, "lost_share") == pytest.approx(0, abs=1e-9)
    assert attack_of(result)["gain_ftns"] > 0


def test_what_riders_gain_and_more_is_what_honest_contributors_lose() -> None:
    """All of the pool is paid out either way, but for what was left in it without riders."""
    attack = attack_of(run(free_riding, 1, **SMALL))
    assert 0 < attack["harm_ftns"] < attack["gain_ftns"]
    assert attack["cost_ftns"] == 0
