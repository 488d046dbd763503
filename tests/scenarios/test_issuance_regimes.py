"""Regimes of issuance: an exact schedule; markets differ by what is burned in them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scenarios.issuance_regimes import issuance_regimes
from scenarios.token_economy.model import TokenEconomy
from scenarios.token_economy.populations import ordinary_crowds
from scenarios.token_economy.regimes import YEAR_HOURS, circulating_units, follow_demand
from tests.scenarios.economy_trials import (
    assert_paths_agree,
    differences,
    metric,
    pairs,
    run,
    shown,
)

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {
    "steps": 60, "customers": 5, "queries": 5000.0, "stakers": 4, "traders": 8, "whales": 1,
    "contributors": 10, "providers": 3, "holders": 2, "era_days": 200,
}  # fmt: skip
BASE: dict[str, Any] = {"regime": "base"}
BEAR: dict[str, Any] = {"regime": "bear"}
BULL: dict[str, Any] = {"regime": "bull"}


def test_both_paths_are_the_same_economy() -> None:
    assert_paths_agree(issuance_regimes, **{**SMALL, "steps": 40})


def test_holders_are_diluted_more_in_a_bear_market() -> None:
    found = pairs(issuance_regimes, 8, {**SMALL, **BASE}, {**SMALL, **BEAR})
    assert shown(differences(found, "regime.holder_share")) == -1
    assert shown(differences(found, "regime.real_yield")) == -1
    assert shown(differences(found, "regime.price")) == -1
    assert shown(differences(found, "regime.burned_share")) == -1


def test_and_less_in_a_bull_market() -> None:
    found = pairs(issuance_regimes, 4, {**SMALL, **BASE}, {**SMALL, **BULL})
    assert shown(differences(found, "regime.holder_share")) == 1


def test_without_burning_every_market_dilutes_alike() -> None:
    found = pairs(issuance_regimes, 3, {**SMALL, **BASE, "burn": 0}, {**SMALL, **BEAR, "burn": 0})
    for name in ("regime.holder_share", "regime.inflation", "regime.burned_share"):
        assert differences(found, name) == [0.0, 0.0, 0.0]
    # The market itself is another one all the same.
    assert shown(differences(found, "regime.price")) <= 0
    assert all(gap != 0 for gap in differences(found, "regime.price"))


def test_demand_that_answers_to_the_price_narrows_the_difference() -> None:
    def gaps(elasticity: float) -> list[float]:
        chosen = {**SMALL, "elasticity": elasticity}
        found = pairs(issuance_regimes, 3, {**chosen, **BASE}, {**chosen, **BEAR})
        return differences(found, "regime.burned_share")

    stiff, elastic = gaps(0.0), gaps(1.0)
    assert shown([b - a for a, b in zip(stiff, elastic, strict=True)]) == 1


def test_the_supply_is_what_the_schedule_issues_less_what_is_burned() -> None:
    """With r a second and eras of H days: r·(H + H/2 + …) issued, whatever the market does."""
    result = run(issuance_regimes, **SMALL, **BEAR)
    days = SMALL["steps"] * 7
    eras = [min(max(days - 200 * era, 0), 200) / 2**era for era in range(3)]
    issued = 0.005 * 86_400 * sum(eras)
    assert metric(result, "regime.issued_ftns") == pytest.approx(issued, rel=1e-9)
    supply = metric(result, "regime.supply_ftns")
    burned = metric(result, "regime.burned_share") * issued
    years = days * 24 / YEAR_HOURS
    first = supply / (1 + metric(result, "regime.inflation")) ** years
    assert supply == pytest.approx(first + issued - burned, rel=1e-9)
    # Holders do nothing: their part of the supply is what its growth leaves them.
    assert metric(result, "regime.holder_share") == pytest.approx(first / supply, rel=1e-9)


def test_the_fair_price_follows_demand_and_supply() -> None:
    parameters = issuance_regimes.parameters.model_validate(SMALL)

    def generators(purpose: str) -> np.random.Generator:
        return np.random.default_rng([7, *purpose.encode()])

    economy = TokenEconomy(parameters, generators, ordinary_crowds(parameters, generators))
    fair_usd = economy.crowds["trader"].traits["fair_usd"].copy()
    follow_demand(economy, growth=1.6)
    first_units = circulating_units(economy)
    assert economy.books.money.burn("whale-0", first_units // 10) is None
    in_two_years = replace(economy.view, hour=2 * YEAR_HOURS)
    economy.before_turns[-1](in_two_years)
    found = economy.crowds["trader"].traits["fair_usd"]
    assert found == pytest.approx(fair_usd * 1.6**2 / 0.9, rel=1e-9)


def test_providers_sell_all_that_they_are_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[TokenEconomy] = []
    close = TokenEconomy.honest_welfare_ftns

    def note(self: TokenEconomy) -> float:
        seen.append(self)
        return close(self)

    monkeypatch.setattr(TokenEconomy, "honest_welfare_ftns", note)
    run(issuance_regimes, **{**SMALL, "steps": 10})
    books = seen[-1].books
    for provider in seen[-1].crowds["provider"].agents:
        assert books.money.balances.get(provider.name, 0) == 0
        assert books.outside_units[provider.name] > 0


def test_stakers_are_paid_the_yield_they_were_promised() -> None:
    """Five per cent a year at a lock of thirty days, for whoever has a stake."""
    assert metric(run(issuance_regimes, **SMALL), "regime.nominal_yield") == pytest.approx(
        0.05, rel=0.05
    )
