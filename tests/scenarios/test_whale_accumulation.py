"""The raid by purchase: caps by account bind a whale with one name, and not one with five."""

from fractions import Fraction
from typing import Any

import pytest

from economy.antimonopoly import AntimonopolyParameters, alert
from economy.concentration import measure
from scenarios.token_economy.raiders import counted, majority_stake, raider_power, raider_share
from scenarios.whale_accumulation import whale_accumulation
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
    "steps": 20, "buy_days": 5, "stakers": 25, "traders": 10, "researchers": 5, "hosts": 2,
    "data_providers": 2, "model_providers": 0, "whales": 0, "treasury_ftns": 100_000.0,
}  # fmt: skip
FREE, CAPPED = {"caps": False}, {"caps": True}
EQUALS = [10**24] * 100


def test_both_paths_are_the_same_economy() -> None:
    assert_paths_agree(whale_accumulation, **SMALL)


def test_caps_stop_a_whale_with_one_account() -> None:
    one = {**SMALL, "accounts": 1}
    found = pairs(whale_accumulation, 8, {**one, **FREE}, {**one, **CAPPED})
    assert shown(differences(found, "votes.raider_share")) == -1
    assert shown(differences(found, "votes.raider_power")) == -1
    assert shown(differences(found, "attack.net_ftns")) == -1
    assert all(metric(capped, "votes.raider_share") <= 0.15 for _, capped in found)
    # A profitable raid, and one that only costs: the treasury is all that it is after.
    assert all(metric(free, "attack.net_ftns") > 0 for free, _ in found)
    assert all(metric(capped, "attack.net_ftns") < 0 for _, capped in found)
    # Without the treasury the others gain what the raider loses, but for the pool's part.
    assert shown([metric(capped, "attack.harm_ftns") for _, capped in found]) == -1
    assert all(free.metrics["attack"]["break_even_step"] == 7 for free, _ in found)


def test_a_raid_takes_more_votes_than_turn_out_against_it() -> None:
    some = {**SMALL, **FREE, "budget_usd": 30_000.0}
    all_vote = run(whale_accumulation, **some, turnout=1.0)
    assert 0.2 < metric(all_vote, "votes.raider_share") < 0.5
    assert metric(all_vote, "votes.raided") == 0
    assert metric(run(whale_accumulation, **some, turnout=0.2), "votes.raided") == 1


def test_who_has_lost_patience_sells_out() -> None:
    """It has bought dear, and gains by selling above the opening price; all get their yield."""
    lost = {**SMALL, **CAPPED, "accounts": 1, "raider_lock_days": 7, "turnout": 1.0}
    stuck = run(whale_accumulation, **{**lost, "raider_lock_days": 60, "steps": 30})
    free = run(whale_accumulation, **{**lost, "steps": 30})
    assert metric(free, "attack.gain_ftns") > 3 * metric(stuck, "attack.gain_ftns")


def test_caps_change_nothing_for_a_whale_with_many_accounts() -> None:
    many = {**SMALL, "accounts": 12}
    for free, capped in pairs(whale_accumulation, 3, {**many, **FREE}, {**many, **CAPPED}):
        assert metric(capped, "votes.raided") == metric(free, "votes.raided") == 1
        assert metric(capped, "attack.net_ftns") == metric(free, "attack.net_ftns")


def test_identities_that_cost_more_than_the_treasury_make_splitting_a_loss() -> None:
    many = {**SMALL, **CAPPED, "accounts": 10}
    assert metric(run(whale_accumulation, **many), "attack.net_ftns") > 0
    dear = run(whale_accumulation, **many, identity_ftns=12_000.0)
    assert metric(dear, "attack.net_ftns") < 0


def test_gain_less_cost_is_what_the_raider_is_worth_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_purse_adds_up(monkeypatch, whale_accumulation, **SMALL)


@pytest.mark.parametrize(("accounts", "can_win"), [(1, False), (4, False), (5, True), (20, True)])
def test_a_majority_takes_five_names_under_the_caps(accounts: int, can_win: bool) -> None:
    """Three may have 35 %, so four alike have less than half and five have more."""
    needed = majority_stake(EQUALS, accounts, Fraction(1), True, 10**30)
    assert (needed is not None) is can_win
    if needed is not None:
        assert needed == pytest.approx(sum(EQUALS), rel=1e-6)
    free = majority_stake(EQUALS, accounts, Fraction(4), False, 10**30)
    assert free == pytest.approx(sum(EQUALS) / 4, rel=1e-6)


def test_counted_weights_obey_every_cap() -> None:
    weights = {"raider-0": 10**6, "raider-1": 10**6, **{f"staker-{n}": n for n in range(1, 60)}}
    cut = counted(weights, is_capped=True)
    assert alert(measure(cut.values()), AntimonopolyParameters()).exceeded == ()
    assert raider_share(cut) < raider_share(weights)
    assert raider_share(counted({"raider-0": 5, "staker-0": 5}, is_capped=True)) == 0
    assert counted(weights, is_capped=False) == weights


def test_power_is_of_all_the_raiders_accounts_together() -> None:
    """Weights 2, 1, 1 and a majority of 3: the first is pivotal 3 times, the others once."""
    weights = {"raider-0": 100, "raider-1": 100, "staker-0": 100, "staker-1": 100}
    assert raider_power(weights) == pytest.approx(3 / 5)
