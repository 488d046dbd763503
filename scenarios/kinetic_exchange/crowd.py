"""The population path as an actor: it advances all agents a step at a time.

It measures what the event path measures, from the same integers, so a run of either kind has the
same facts, checks and figures. Here the Gini coefficient is computed in floats (relative error
below 1e-12): exact rationals of a million balances would take longer than the exchange.
"""

import numpy as np

from economy.money import encode_units
from prsm_sim.actor import Actor, Context
from scenarios.kinetic_exchange.bank import StepClosed
from scenarios.kinetic_exchange.parameters import KineticExchangeParameters
from scenarios.kinetic_exchange.population import Ints, Population
from scenarios.kinetic_exchange.rules import GRAINS_PER_COIN

SEED_BITS = 128


class Crowd(Actor):
    """All agents at once.

    Args:
        parameters: of the run.
    """

    def __init__(self, parameters: KineticExchangeParameters) -> None:
        self.parameters = parameters
        self.population: Population | None = None
        self.steps = 0

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """Seed the population from the actor's own stream."""
        generator = np.random.Generator(np.random.PCG64(ctx.rng.getrandbits(SEED_BITS)))
        self.population = Population(self.parameters, generator)
        ctx.set_timer("step", 1.0)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Advance a step, and measure."""
        ctx.set_timer("step", 1.0)
        population = self.population
        assert population is not None, "a timer fires after the start"
        population.step()
        self.steps += 1
        ctx.emit(measured(population, self.steps))


def measured(population: Population, step: int) -> StepClosed:
    """How wealth is distributed, and whether all of it is there."""
    balances = population.balances
    poorest = int(balances.min())
    found = gini_and_variance(balances)
    coin = GRAINS_PER_COIN if population.parameters.rule == "unit" else 1
    return StepClosed(
        step=step,
        supply_units=encode_units(population.total),
        balances_units=encode_units(int(balances.sum())),
        discrepancy=f"an agent has {poorest} units" if poorest < 0 else "",
        gini=found[0],
        variance_over_mean_sq=found[1],
        p_zero=float(np.count_nonzero(balances < coin)) / len(balances),
    )


def gini_and_variance(balances: Ints) -> tuple[float, float]:
    """The Gini coefficient, and the variance over the squared mean."""
    count = len(balances)
    deviations = np.sort(balances).astype(np.float64)
    deviations /= float(balances.sum())
    deviations -= 1.0 / count
    ranks = np.arange(1 - count, count, 2, dtype=np.float64)  # their sum is 0: a shift is no matter
    ranks *= deviations
    np.square(deviations, out=deviations)
    # Sums, and no matrix product, which would start threads for that.
    return float(ranks.sum()) / count, count * float(deviations.sum())
