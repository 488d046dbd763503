"""Claims about staking as an urn: the scenario `polya_staking` against the law of Pólya's urn.

One of several stakers has a, the others b together; a reward is c. Of n rewards it wins a number
that is beta-binomial, with α = a/c and β = b/c (Eggenberger and Pólya 1923):

    P(k) = C(n, k) B(k + α, n − k + β) / B(α, β),

so its share (a + c k)/(a + b + c n) has the mean a/(a + b), whatever n is, and the variance

    αβ / ((α + β)² (α + β + 1)) · n/(α + β + n),

whose limit is that of Beta(α, β).
"""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import stats

from prsm_sim.actor import Fact, PeerId, Seconds
from prsm_sim.world import World
from scenarios.economy_validation.comparison import Comparison, Distribution, Floats
from scenarios.economy_validation.extent import Extent, Found
from scenarios.economy_validation.runs import figures_of
from scenarios.polya_staking.parameters import PolyaStakingParameters
from scenarios.polya_staking.scenario import polya_staking
from scenarios.polya_staking.urn import UrnAudited


def share_variance(stake: float, others: float, reward: float, rewards: float) -> float:
    """Variance of a staker's share after so many rewards; `math.inf` for the limit."""
    a, b = stake / reward, others / reward
    reached = 1.0 if math.isinf(rewards) else rewards / (a + b + rewards)
    return a * b / ((a + b) ** 2 * (a + b + 1)) * reached


def law_of_wins(stake: float, others: float, reward: float, rewards: int) -> Floats:
    """Probabilities of winning 0, …, `rewards` of the rewards, shape (rewards + 1,)."""
    law = stats.betabinom(rewards, stake / reward, others / reward)
    return np.asarray(law.pmf(np.arange(rewards + 1)), dtype=np.float64)


def urns(extent: Extent) -> Found:
    """Mean, variance and law of the stakers' shares, on both paths."""
    for path, stakes, reward in (
        ("event", (2.0, 1.0), 1.0),
        ("event", (1.0, 1.0), 4.0),
        ("event", (5.0, 3.0, 2.0), 1.5),
        ("population", (1.0, 1.0), 1.0),
        ("population", (3.0, 1.0), 0.5),
        ("population", (1.0, 4.0, 5.0), 2.0),
        ("population", (0.3, 0.7), 0.1),
    ):
        chosen = PolyaStakingParameters.model_validate(
            {
                "stakes": stakes, "reward": reward, "steps": extent.rewards, "path": path,
                "replicas": extent.urns if path == "event" else extent.many_urns,
            }
        )  # fmt: skip
        wins = rewards_won(chosen, seed=1)
        listed = ", ".join(f"{stake:g}" for stake in stakes)
        name = f"urn of {listed}, reward {reward:g}, {path} path"
        how = f"{chosen.replicas:,} urns, {chosen.steps} rewards each"
        # Of two stakers the second has what the first has not.
        for number in range(len(stakes) if len(stakes) > 2 else 1):
            yield from staker(f"{name}: staker {number + 1}", chosen, number, wins[number], how)


def rewards_won(chosen: PolyaStakingParameters, seed: int) -> npt.NDArray[np.int64]:
    """How many rewards each staker has won in each urn, shape (stakers, urns)."""
    wins = np.zeros((len(chosen.stakes), chosen.replicas), dtype=np.int64)

    def build(world: World, parameters: PolyaStakingParameters) -> None:
        polya_staking.build(world, parameters)
        world.observe(UrnAudited, note)

    def note(_time_s: Seconds, _peer: PeerId, fact: Fact) -> None:
        assert isinstance(fact, UrnAudited)
        if fact.step == chosen.steps:
            for number, (units, first) in enumerate(
                zip(map(int, fact.stakes_units), chosen.stakes_units, strict=True)
            ):
                wins[number, fact.replica] = (units - first) // chosen.reward_units

    figures_of(replace(polya_staking, build=build), chosen, seed)
    return wins


def staker(
    name: str, chosen: PolyaStakingParameters, number: int, wins: npt.NDArray[np.int64], how: str
) -> Found:
    """What must be true of one staker, who has won so many rewards in each urn."""
    stake, total, reward = chosen.stakes[number], sum(chosen.stakes), chosen.reward
    others = total - stake
    shares: Floats = (stake + reward * wins.astype(np.float64)) / (total + reward * chosen.steps)
    mean = stake / total
    variance = share_variance(stake, others, reward, chosen.steps)
    yield Comparison(f"{name}: mean share", mean, shares, how)
    yield Comparison(f"{name}: variance of its share", variance, (shares - mean) ** 2, how)
    law = law_of_wins(stake, others, reward, chosen.steps)
    counts = np.bincount(wins, minlength=chosen.steps + 1)
    yield Distribution(f"{name}: beta-binomial law of its rewards", law, counts, how)
