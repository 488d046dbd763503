"""The population path: all urns of a run as one array, a row each.

It draws as the event path does, with the same arithmetic, in 64-bit integers of the largest amount
of which stakes and reward are multiples; so with the same draws both paths have the same stakes.
"""

import numpy as np
import numpy.typing as npt

from economy.money import encode_units
from prsm_sim.actor import Actor, Context
from scenarios.polya_staking.parameters import DRAW_BITS, PolyaStakingParameters
from scenarios.polya_staking.urn import AUDITS, UrnAudited

Ints = npt.NDArray[np.int64]
SEED_BITS = 128


def reward(stakes: Ints, draws: Ints, reward_grains: int) -> None:
    """Give each urn's reward to the staker on whom its draw falls.

    Args:
        stakes: shape (urns, stakers), grains; changed in place.
        draws: shape (urns,), of `DRAW_BITS` random bits each.
        reward_grains: what a staker gets.
    """
    upto = np.cumsum(stakes, axis=1)
    tickets = draws * upto[:, -1] >> DRAW_BITS
    winners = np.count_nonzero(upto <= tickets[:, np.newaxis], axis=1)
    stakes[np.arange(len(stakes)), winners] += reward_grains


class Population(Actor):
    """All urns at once.

    Args:
        parameters: of the run.
    """

    def __init__(self, parameters: PolyaStakingParameters) -> None:
        p = parameters
        self.steps = p.steps
        self.step = 0
        self.grain_units = p.grain_units
        self.reward_grains = p.reward_units // p.grain_units
        first = [units // p.grain_units for units in p.stakes_units]
        self.stakes: Ints = np.tile(np.array(first, dtype=np.int64), (p.replicas, 1))
        self.treasury_grains = p.steps * self.reward_grains
        self.supply_grains = p.grains_at_the_end
        self.generator: np.random.Generator | None = None

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """Seed the population from the actor's own stream."""
        self.generator = np.random.Generator(np.random.PCG64(ctx.rng.getrandbits(SEED_BITS)))
        ctx.set_timer("reward", 1.0)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Pay a reward in each urn."""
        if self.step + 1 < self.steps:
            ctx.set_timer("reward", 1.0)
        assert self.generator is not None, "a timer fires after the start"
        draws = self.generator.integers(0, 1 << DRAW_BITS, len(self.stakes), dtype=np.int64)
        reward(self.stakes, draws, self.reward_grains)
        self.treasury_grains -= self.reward_grains
        self.step += 1
        if self.step == self.steps or self.step % max(1, self.steps // AUDITS) == 0:
            for replica, stakes in enumerate(self.stakes.tolist()):
                ctx.emit(self.audited(replica, stakes))

    def audited(self, replica: int, stakes: list[int]) -> UrnAudited:
        """What is in an urn."""
        lost = self.supply_grains - self.treasury_grains - sum(stakes)
        return UrnAudited(
            replica=replica,
            step=self.step,
            stakes_units=tuple(encode_units(grains * self.grain_units) for grains in stakes),
            treasury_units=encode_units(self.treasury_grains * self.grain_units),
            supply_units=encode_units(self.supply_grains * self.grain_units),
            discrepancy=f"{lost} grains are lost" if lost else "",
        )
