"""Staking as Pólya's urn: rewards in proportion to stake, which are staked again.

The question: do the rich get richer, if each reward goes to a staker with the probability of its
stake and adds to it? The null hypothesis is that they do not, on average: a staker's expected share
stays what it was. But shares do not stay where they are either. With stakes a and b and a reward c
the share has a limit of the law Beta(a/c, b/c), so its variance ab / ((a + b)² ((a + b)/c + 1)) is
decided by how large the first rewards are against the stakes, and no law of large numbers takes it
back (Eggenberger and Pólya 1923; Roşu and Saleh, "Evolution of shares in a proof-of-stake
cryptocurrency", Management Science 67(2), 2021). After n rewards the number that a staker has won
is beta-binomial; `prsm validate economy` tests mean, variance and law.
"""

from functools import partial

import numpy as np

from prsm_sim.actor import Fact, PeerId, Seconds
from prsm_sim.checker import Always
from prsm_sim.intervals import student
from prsm_sim.scenario import scenario
from prsm_sim.world import World
from scenarios.polya_staking.parameters import PolyaStakingParameters
from scenarios.polya_staking.population import Population
from scenarios.polya_staking.urn import Urn, UrnAudited

LEVEL = 0.95


def conserved(fact: UrnAudited, parameters: PolyaStakingParameters) -> str | None:
    """What is wrong with the money of an urn, or None."""
    p = parameters
    where = f"urn {fact.replica} after {fact.step} rewards"
    if fact.discrepancy:
        return f"{where}: {fact.discrepancy}"
    staked, first = sum(map(int, fact.stakes_units)), sum(p.stakes_units)
    if staked != first + fact.step * p.reward_units:
        return f"{where}: {staked} units are staked"
    supply, total = int(fact.supply_units), first + p.steps * p.reward_units
    if supply != total or staked + int(fact.treasury_units) != total:
        return f"{where}: {supply} units, staked or in the treasury, are not {total}"
    return None


class Report:
    """Collects what each urn came to, and says how the shares are distributed.

    Args:
        world: what to watch.
        parameters: of the run.
    """

    def __init__(self, world: World, parameters: PolyaStakingParameters) -> None:
        self._world = world
        self._parameters = parameters
        self._open = parameters.replicas
        self._stakes: dict[int, tuple[int, ...]] = {}
        world.observe(UrnAudited, self._on_audited)
        world.gauge("urns_done", lambda: parameters.replicas - self._open)
        world.at_end(self._close)

    def _on_audited(self, _time_s: Seconds, _peer: PeerId, fact: Fact) -> None:
        assert isinstance(fact, UrnAudited)
        if fact.step == self._parameters.steps:
            self._stakes[fact.replica] = tuple(map(int, fact.stakes_units))
            self._open -= 1
            if not self._open:
                self._world.stop("every reward is paid")

    def _close(self) -> None:
        report, p = self._world.report, self._parameters
        report("replicas", len(self._stakes))
        if len(self._stakes) < 2:
            return
        total = sum(p.stakes_units) + p.steps * p.reward_units
        ended = [self._stakes[replica] for replica in sorted(self._stakes)]
        shares = np.array([[units / total for units in stakes] for stakes in ended])
        intervals = [student(column, LEVEL) for column in shares.T]
        report("mean_share", float(shares[:, 0].mean()))
        report("mean_share_ci95", list(intervals[0]))
        report("ci95", list(intervals[0]))
        report("share_variance", float(shares[:, 0].var(ddof=1)))
        report("mean_shares", shares.mean(axis=0).tolist())
        report("share_variances", shares.var(axis=0, ddof=1).tolist())


@scenario(PolyaStakingParameters, live_defaults={"steps": 20, "replicas": 10})
def polya_staking(world: World, parameters: PolyaStakingParameters) -> None:
    """Rewards in proportion to stake, staked again; how unequal that makes two equal stakers."""
    if parameters.path == "event":
        width = len(str(parameters.replicas - 1))
        for replica in range(parameters.replicas):
            world.spawn(f"urn-{replica:0{width}}", partial(Urn, replica, parameters), peers=())
    else:
        world.spawn("urns", partial(Population, parameters))
    world.check(
        Always("money and stakes add up", UrnAudited, lambda _, fact: conserved(fact, parameters))
    )
    Report(world, parameters)
