"""The token economy: books that balance, two paths that agree, chances that nobody else moves."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prsm_sim.parameters import build_parameters
from prsm_sim.runner import RunResult, simulate
from prsm_sim.scenario import Scenario
from prsm_sim.world import World
from scenarios.token_economy.crowd import Crowd, EconomicAgent, Floats, Strategy, Traits
from scenarios.token_economy.kinds import Hosting
from scenarios.token_economy.model import Generators, TokenEconomy, weighted_median
from scenarios.token_economy.parameters import EconomyParameters
from scenarios.token_economy.populations import ordinary_crowds
from scenarios.token_economy.purse import Purse
from scenarios.token_economy.run import run_economy
from scenarios.token_economy.scenario import token_economy
from scenarios.token_economy.view import View

SMALL = {
    "researchers": 40, "hosts": 8, "data_providers": 10, "model_providers": 6, "stakers": 12,
    "traders": 12, "whales": 2, "free_riders": 4, "steps": 60, "pool_ftns": 20_000.0,
    "wealth_ftns": 1000.0,
}  # fmt: skip


def run(seed: int = 1, scenario: Scenario[Any] = token_economy, **changes: object) -> RunResult:
    parameters = build_parameters(scenario.parameters, {**SMALL, **changes})
    return simulate(scenario, parameters, seed, runs_dir=None)


def generators(seed: int) -> Generators:
    def of(purpose: str) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64([seed, *purpose.encode()]))

    return of


def economy(seed: int = 1, **changes: object) -> TokenEconomy:
    parameters = build_parameters(EconomyParameters, {**SMALL, **changes})
    return TokenEconomy(parameters, generators(seed), ordinary_crowds(parameters, generators(seed)))


def test_the_books_balance_after_every_step() -> None:
    result = run()
    (verdict,) = [v for v in result.verdicts if v.name == "conservation of money"]
    assert result.status == "pass"
    assert verdict.evaluations == SMALL["steps"]
    assert result.metrics["queries"] > 50
    assert result.metrics["votes_adopted"] >= 1


def test_money_out_of_nothing_is_found_in_the_step_in_which_it_appears() -> None:
    def forge(model: TokenEconomy) -> None:
        def strike(view: View) -> None:
            if view.step == 7:
                model.books.money.balances["trader-00"] += 1

        model.before_turns.append(strike)

    def build(world: World, parameters: EconomyParameters) -> None:
        run_economy(world, parameters, prepare=forge)

    result = run(scenario=Scenario("forged", "", EconomyParameters, build))
    assert result.status == "fail"
    assert "after step 7:" in result.failure


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    demand=st.sampled_from((0.0, 1.0, 30.0)),
    step_hours=st.sampled_from((1, 6, 24)),
    controller=st.sampled_from(("supply_demand", "base_fee", "fixed")),
    price_usd=st.sampled_from((0.05, 0.25, 2.0)),
)
def test_both_paths_give_the_same_run(
    seed: int, demand: float, step_hours: int, controller: str, price_usd: float
) -> None:
    changes = {"demand": demand, "step_hours": step_hours, "controller": controller}
    changes |= {"price_usd": price_usd, "steps": 30}
    at_once = run(seed, path="vectorised", **changes)
    one_by_one = run(seed, path="agents", **changes)
    assert at_once.digest == one_by_one.digest
    assert at_once.metrics == one_by_one.metrics


def test_seeds_differ_and_repeat() -> None:
    digests = [run(seed, steps=12).digest for seed in (1, 2, 3, 1)]
    assert len(set(digests)) == 3
    assert digests[0] == digests[3]


class Idle(Strategy):
    """Is there, and does nothing."""

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        return {"rate": rng.random(count)}

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        return draws[0] < 0.0

    def act(self, economy: TokenEconomy, agent: EconomicAgent, draws: Sequence[float]) -> None:
        raise AssertionError("it wants nothing")


class Gifting(Idle):
    """Gives a trader a little, in every step, out of its own purse."""

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        return 100.0, 0.0

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        return draws[0] < 0.5

    def act(self, economy: TokenEconomy, agent: EconomicAgent, draws: Sequence[float]) -> None:
        economy.purses[0].watch(
            lambda: economy.books.money.transfer(agent.name, "trader-00", 10**18)
        )


def attacked(strategy: Strategy) -> Scenario[Any]:
    def prepare(model: TokenEconomy) -> None:
        crowd = model.crowds.get("attacker")
        if crowd is not None:
            model.purses.append(Purse(model, [agent.name for agent in crowd.agents]))

    def build(world: World, parameters: EconomyParameters) -> None:
        run_economy(
            world,
            parameters,
            attackers=lambda of: [Crowd("attacker", 2, strategy, of("attacker"), is_honest=False)],
            prepare=prepare,
        )

    return Scenario("attacked", "", EconomyParameters, build)


def test_an_attacker_who_does_nothing_does_no_harm_at_all() -> None:
    """Its presence moves nobody's chances: the economies with and without it are equal."""
    figures = run(scenario=attacked(Idle())).metrics["attack"]
    assert figures["harm_ftns"] == 0.0
    assert figures["cost_ftns"] == figures["gain_ftns"] == 0.0


def test_what_an_attacker_gives_away_is_its_cost() -> None:
    figures = run(scenario=attacked(Gifting())).metrics["attack"]
    given = figures["cost_ftns"]
    assert 20 <= given == int(given)
    assert figures["gain_ftns"] == 0.0
    assert figures["net_ftns"] == -given
    assert figures["return"] == -1.0
    assert figures["break_even_step"] is None


def test_a_purse_separates_what_is_spent_from_what_comes_in() -> None:
    model = economy()
    money = model.books.money
    purse = Purse(model, ["trader-00"])
    first = purse.wealth_units()
    purse.watch(lambda: money.transfer("trader-00", "trader-01", 7))
    purse.close_step(1)
    money.transfer("trader-01", "trader-00", 5)
    purse.close_step(2)
    money.transfer("trader-01", "trader-00", 9)
    purse.close_step(3)
    purse.close_step(4)
    assert (purse.cost_units, purse.gain_units) == (7, 14)
    assert purse.gain_units - purse.cost_units == purse.wealth_units() - first
    assert purse.break_even_step() == 3


def test_a_stake_and_dollars_are_wealth() -> None:
    model = economy()
    books, trader = model.books, "trader-00"
    books.money.transfer("market-maker", trader, 10**18)
    books.bring(trader, 10**18)
    before = books.wealth_units(trader, model.opening_usd)
    books.staking.bond(trader, 10**17, 0, books.now_ms)
    assert books.wealth_units(trader, model.opening_usd) == before
    books.take_out(trader, 10**18)
    assert books.wealth_units(trader, model.opening_usd) == pytest.approx(before - 4 * 10**18)


def test_hosts_leave_when_nobody_asks_and_come_back_when_many_do() -> None:
    model = economy(steps=400, fee_ftns=0.1)
    online = model.hosts.traits["online"]
    model.demand = 0.0
    for _ in range(100):
        model.step()
    assert online.sum() <= 1, "but for one that hopes to have the market for itself"
    assert isinstance(model.hosts.strategy, Hosting)
    model.hosts.traits["expected_usd"] += 1.0
    model.step()
    assert online.sum() == model.hosts.count


def test_nobody_is_served_beyond_the_capacity_of_the_hosts() -> None:
    result = run(hosts=2, demand=200.0, steps=20)
    served = result.metrics["queries"] * result.metrics["served_share"]
    assert 0 < served <= 2 * 4 * 20
    assert result.metrics["served_share"] < 0.5


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9)), min_size=1, max_size=12).map(tuple)
)
def test_the_weighted_median_leaves_no_majority_on_either_side(
    ballots: tuple[tuple[int, int], ...],
) -> None:
    chosen = weighted_median(ballots)
    half = sum(weight for _, weight in ballots) / 2
    assert sum(weight for value, weight in ballots if value < chosen) < half
    assert sum(weight for value, weight in ballots if value > chosen) <= half


def test_mesa_knows_the_agents_by_kind_and_collects_the_series() -> None:
    model = economy()
    for _ in range(5):
        model.step()
    kinds = {kind.__name__: len(agents) for kind, agents in model.agents_by_type.items()}
    assert kinds["Researcher"] == SMALL["researchers"]
    assert kinds["DataProvider"] == SMALL["data_providers"]
    frame = model.datacollector.get_model_vars_dataframe()
    assert len(frame) == 5
    assert frame["price_usd"].iloc[-1] == model.books.price_usd
