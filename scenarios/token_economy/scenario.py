"""A token economy in ordinary times: nobody attacks, nothing happens.

The question: does the economy stand on its own feet? The null hypothesis is that its books balance
after every step, which is checked, whatever its agents do.
"""

from prsm_sim.scenario import scenario
from prsm_sim.world import World
from scenarios.token_economy.parameters import EconomyParameters
from scenarios.token_economy.run import PACED, run_economy

LIVE = {**PACED, "steps": 100}


@scenario(EconomyParameters, live_defaults=LIVE)
def token_economy(world: World, parameters: EconomyParameters) -> None:
    """A whole token economy, hour by hour: prices, rewards, stakes, a market, votes."""
    run_economy(world, parameters)
