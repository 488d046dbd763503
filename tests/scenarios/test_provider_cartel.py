"""The cartel: it takes most hosts for withholding to pay, and others who enter take it away."""

from typing import Any

import pytest

from prsm_sim.actor import UserError
from scenarios.provider_cartel import provider_cartel
from scenarios.token_economy.model import TokenEconomy
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
    "steps": 120, "researchers": 80, "hosts": 20, "entrants": 10, "traders": 3,
    "entrant_cost_usd": 0.04,
}  # fmt: skip
CLOSED, OPEN = {"entry": False}, {"entry": True}


def test_both_paths_are_the_same_economy() -> None:
    assert_paths_agree(provider_cartel, **{**SMALL, "steps": 60})


def test_a_cartel_of_all_hosts_pays_where_nobody_can_enter_and_not_where_others_can() -> None:
    found = pairs(provider_cartel, 8, {**SMALL, **CLOSED}, {**SMALL, **OPEN})
    nets = [metric(closed, "attack.net_ftns") for closed, _ in found]
    assert shown(nets) == 1
    assert shown([metric(closed, "cartel.fee_rise") for closed, _ in found]) == 1
    for name in ("attack.net_ftns", "attack.harm_ftns", "cartel.income_rise"):
        assert shown(differences(found, name)) == -1
    assert all(metric(closed, "cartel.entered") == 0 for closed, _ in found)
    assert shown(differences(found, "cartel.entered")) == 1


def test_a_minority_gives_more_to_others_than_to_itself() -> None:
    few = {**SMALL, **CLOSED, "cartel_share": 0.3, "withheld": 0.34}
    nets = [metric(run(provider_cartel, seed, **few), "attack.net_ftns") for seed in range(1, 7)]
    assert shown(nets) == -1


def test_at_a_fixed_price_nothing_is_left_but_saved_costs() -> None:
    fixed = {**SMALL, **CLOSED, "controller": "fixed", "withheld": 0.2}
    for seed in (1, 2, 3):
        result = run(provider_cartel, seed, **fixed)
        assert metric(result, "cartel.fee_rise") == 0.0
        assert metric(result, "cartel.income_rise") < 0.005
        assert metric(result, "attack.net_ftns") <= metric(result, "cartel.saved_ftns") * 1.05


def test_who_withholds_nothing_changes_nothing() -> None:
    result = run(provider_cartel, **{**SMALL, "withheld": 0.0})
    attack = result.metrics["attack"]
    assert (attack["cost_ftns"], attack["gain_ftns"], attack["harm_ftns"]) == (0, 0, 0)
    assert metric(result, "cartel.income_rise") == 0.0
    assert metric(result, "cartel.saved_ftns") == 0.0


def test_gain_less_cost_is_what_members_are_worth_more(monkeypatch: pytest.MonkeyPatch) -> None:
    welfare: list[float] = []
    count = TokenEconomy.honest_welfare_ftns

    def note(self: TokenEconomy) -> float:
        welfare.append(count(self))
        return welfare[-1]

    monkeypatch.setattr(TokenEconomy, "honest_welfare_ftns", note)
    result = assert_purse_adds_up(monkeypatch, provider_cartel, **{**SMALL, **CLOSED})
    # The members are hosts like others: what all lose, and what these gain, is others' loss.
    net_ftns = metric(result, "attack.net_ftns")
    lost_ftns = max(welfare) - min(welfare)
    assert metric(result, "attack.harm_ftns") == pytest.approx(lost_ftns + net_ftns)
    # It is income and saved costs, and nothing else.
    saved_ftns = metric(result, "cartel.saved_ftns")
    income_ftns = [metric(result, f"cartel.income{which}_ftns") for which in ("", "_without")]
    assert net_ftns == pytest.approx(income_ftns[0] - income_ftns[1] + saved_ftns)
    share = metric(result, "cartel.withheld") / metric(result, "cartel.members")
    assert share == pytest.approx(0.4)
    assert saved_ftns == pytest.approx(share * 0.015 * 10 * 119 / 0.25, rel=0.25)


def test_what_cannot_be_is_refused_in_one_line() -> None:
    impossible: dict[str, Any] = {"hosts": 3, "entrants": 4}
    with pytest.raises(UserError, match="entrants"):
        run(provider_cartel, **{**SMALL, **impossible})
