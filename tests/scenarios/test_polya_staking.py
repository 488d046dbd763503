"""Staking as an urn: two paths with the same draws, and the law worked out step by step."""

from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from economy.genesis import TREASURY
from prsm_sim.runner import RunResult, simulate
from scenarios.economy_validation.urn_claims import law_of_wins, rewards_won, share_variance
from scenarios.polya_staking import population as vectorised
from scenarios.polya_staking.parameters import DRAW_BITS, PolyaStakingParameters
from scenarios.polya_staking.population import Population
from scenarios.polya_staking.scenario import polya_staking
from scenarios.polya_staking.urn import Urn, winner_of

draws = st.integers(0, 2**DRAW_BITS - 1) | st.sampled_from([0, 2**DRAW_BITS - 1])
amounts = st.integers(1, 5000).map(lambda thousandths: thousandths / 1000)


def parameters(**chosen: Any) -> PolyaStakingParameters:
    return PolyaStakingParameters.model_validate(chosen)


def run(seed: int = 1, **chosen: Any) -> RunResult:
    return simulate(polya_staking, parameters(**chosen), seed, runs_dir=None)


@given(st.lists(st.integers(1, 10**20), min_size=1, max_size=6), draws, st.integers(1, 10**6))
def test_a_draw_falls_on_the_staker_whose_part_of_the_line_it_hits(
    stakes: list[int], draw: int, unit: int
) -> None:
    place = Fraction(draw, 2**DRAW_BITS) * sum(stakes)
    winner = winner_of(stakes, draw)
    assert sum(stakes[:winner]) <= int(place) < sum(stakes[: winner + 1])
    assert winner_of([unit * stake for stake in stakes], draw) == winner


@given(st.lists(amounts, min_size=2, max_size=5), amounts, st.lists(draws, min_size=1, max_size=25))
@settings(max_examples=60)
def test_both_paths_pay_the_same_stakers_for_the_same_draws(
    stakes: list[float], reward: float, drawn: list[int]
) -> None:
    p = parameters(stakes=stakes, reward=reward, steps=len(drawn), path="population", replicas=3)
    urn, population = Urn(0, p), Population(p)
    for step, draw in enumerate(drawn, start=1):
        urn.reward(draw, 1000 * step)
        # The others are there to show that a row is of no account to another.
        three = np.array([draw, 2**DRAW_BITS - 1 - draw, 0], dtype=np.int64)
        vectorised.reward(population.stakes, three, population.reward_grains)
    assert [units // p.grain_units for units in urn.stakes()] == population.stakes[0].tolist()
    assert urn.audited().discrepancy == ""
    assert TREASURY not in urn.ledger.balances, "every reward was paid"
    left = population.stakes[2].tolist()
    assert left[0] == p.stakes_units[0] // p.grain_units + len(drawn) * population.reward_grains


def law_step_by_step(stake: int, others: int, reward: int, rewards: int) -> list[Fraction]:
    """The law of the number of rewards won, by following every urn."""
    law = [Fraction(1)]
    for step in range(rewards):
        total = stake + others + step * reward
        after = [Fraction(0)] * (step + 2)
        for wins, probability in enumerate(law):
            wins_one = Fraction(stake + wins * reward, total)
            after[wins + 1] += probability * wins_one
            after[wins] += probability * (1 - wins_one)
        law = after
    return law


@pytest.mark.parametrize(
    ("stake", "others", "reward"), [(1, 1, 1), (2, 1, 1), (1, 3, 4), (5, 2, 1)]
)
def test_the_closed_forms_are_those_of_the_urn(stake: int, others: int, reward: int) -> None:
    rewards = 12
    law = law_step_by_step(stake, others, reward, rewards)
    assert law_of_wins(stake, others, reward, rewards) == pytest.approx([float(p) for p in law])
    total = stake + others + rewards * reward
    shares = [Fraction(stake + wins * reward, total) for wins in range(rewards + 1)]
    mean = sum(p * share for p, share in zip(law, shares, strict=True))
    assert mean == Fraction(stake, stake + others)
    variance = sum(p * (share - mean) ** 2 for p, share in zip(law, shares, strict=True))
    assert share_variance(stake, others, reward, rewards) == pytest.approx(float(variance))
    limit = share_variance(stake, others, reward, float("inf"))
    assert limit == pytest.approx(share_variance(stake, others, reward, 1e9))


@pytest.mark.parametrize("path", ["event", "population"])
def test_equal_stakers_and_equal_rewards_make_all_results_equally_likely(path: str) -> None:
    p = parameters(stakes=[1, 1], reward=1, steps=4, replicas=1500, path=path)
    counts = Counter(rewards_won(p, seed=5)[0].tolist())
    assert sorted(counts) == [0, 1, 2, 3, 4]
    assert all(abs(count - 300) < 5 * (300 * 0.8) ** 0.5 for count in counts.values())


@pytest.mark.parametrize("path", ["event", "population"])
def test_a_run_is_a_function_of_its_seed_and_says_what_it_measured(path: str) -> None:
    chosen: dict[str, Any] = {"stakes": [1, 2, 3], "steps": 20, "replicas": 30, "path": path}
    first, again, other = (run(seed, **chosen) for seed in (3, 3, 4))
    assert first.status == "pass"
    assert first.digest == again.digest != other.digest
    assert first.metrics == again.metrics != other.metrics
    metrics = first.metrics
    assert metrics["replicas"] == 30
    assert sum(metrics["mean_shares"]) == pytest.approx(1.0)
    low, high = metrics["ci95"]
    assert metrics["mean_share"] == pytest.approx(metrics["mean_shares"][0])
    assert low < metrics["mean_share"] < high
    wins = rewards_won(parameters(**chosen), seed=3)
    assert metrics["mean_share"] == pytest.approx(float(np.mean((1 + wins[0]) / 26)))
    assert wins.sum(axis=0).tolist() == [20] * 30


@pytest.mark.parametrize("path", ["event", "population"])
def test_a_stake_out_of_nothing_ends_the_run(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fair, fair_for_all = Urn.reward, vectorised.reward

    def forge(self: Urn, draw: int, now_ms: int) -> None:
        fair(self, draw, now_ms)
        if self.step == 3:
            self.staking.books.stakes["staker-0"].bonded_units += 1

    def forge_for_all(stakes: vectorised.Ints, drawn: vectorised.Ints, grains: int) -> None:
        fair_for_all(stakes, drawn, grains)
        stakes[0, 0] += 1

    monkeypatch.setattr(Urn, "reward", forge)
    monkeypatch.setattr(vectorised, "reward", forge_for_all)
    result = run(steps=8, replicas=2, path=path)
    assert result.status == "fail"
    assert "money and stakes add up: urn 0 after" in result.failure


@pytest.mark.parametrize(
    "wrong",
    [
        {"stakes": [1]}, {"stakes": [1, 0]}, {"stakes": [1, -1]}, {"stakes": [1, 1e-7]},
        {"reward": 0}, {"reward": 1.2345678}, {"replicas": 1}, {"steps": 0},
        {"path": "population", "stakes": [1, 1e-6], "steps": 3000}, {"stakes": [2e9, 1]},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parameters(**wrong)


def test_amounts_are_exact() -> None:
    p = parameters(stakes=[0.3, 0.7], reward=0.1, steps=10)
    assert p.stakes_units == (3 * 10**17, 7 * 10**17)
    assert (p.grain_units, p.grains_at_the_end) == (10**17, 20)
    assert p.duration_s == 11.0
