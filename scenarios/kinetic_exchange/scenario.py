"""Kinetic exchange: agents who only exchange money, in an economy whose equilibria are known.

The question: does the machinery (clocks, ledger, sampling) give the distribution of wealth that
theory gives? The null hypothesis is that it does; `prsm validate economy` tests it. Nothing is
produced or consumed, so inequality comes of chance and rules alone: pooling gives an exponential
distribution, unit exchange a geometric one if the clocks are independent and others if they are
not, and a fair yard sale ends with one agent owning everything unless wealth is redistributed.
"""

from collections import defaultdict
from functools import partial

import numpy as np

from economy.genesis import open_ledger
from economy.ledger import LedgerParameters
from prsm_sim.actor import Actor, Fact, PeerId, Seconds
from prsm_sim.checker import Always
from prsm_sim.network import Latency, Network
from prsm_sim.scenario import scenario
from prsm_sim.world import World
from scenarios.economy_validation.steady_state import estimate, warmup_length
from scenarios.kinetic_exchange.agent import Agent
from scenarios.kinetic_exchange.bank import BANK, LINK_S, Bank, StepClosed, conserved
from scenarios.kinetic_exchange.crowd import Crowd
from scenarios.kinetic_exchange.parameters import KineticExchangeParameters

MEASURES = ("gini", "variance_over_mean_sq", "p_zero")
CROWD = "crowd"


class Report:
    """Collects what each step measured and says what it is in equilibrium.

    One warm-up is dropped from all series, the longest that any of them calls for.

    Args:
        world: what to watch.
        steps: length of the run.
        warmup: how many of them count for nothing; -1: find out.
    """

    def __init__(self, world: World, steps: int, warmup: int) -> None:
        self._steps = steps
        self._warmup = warmup
        self._world = world
        self._series: dict[str, list[float]] = defaultdict(list)
        world.observe(StepClosed, self._on_step)
        for name in MEASURES:
            world.gauge(name, lambda name=name: self._latest(name))  # type: ignore[misc]
        world.at_end(self._close)

    def _on_step(self, _time_s: Seconds, _peer: PeerId, fact: Fact) -> None:
        assert isinstance(fact, StepClosed)
        for name in MEASURES:
            self._series[name].append(getattr(fact, name))
        if fact.step == self._steps:
            self._world.stop("every step is done")

    def _latest(self, name: str) -> float:
        series = self._series[name]
        return series[-1] if series else 0.0

    def _close(self) -> None:
        report = self._world.report
        series = {name: np.array(self._series[name]) for name in MEASURES}
        steps = len(series["gini"])
        report("steps", steps)
        if steps <= max(self._warmup, 0):
            return
        found_out = max(map(warmup_length, series.values()))
        warmup = found_out if self._warmup < 0 else self._warmup
        report("warmup_steps", warmup)
        for name, values in series.items():
            found = estimate(values, warmup=warmup)
            report(name, found.mean)
            report(f"{name}_ci95", None if found.interval is None else list(found.interval))
            report(f"{name}_final", float(values[-1]))


def add_agents(world: World, parameters: KineticExchangeParameters) -> None:
    """One actor an agent, and the bank."""
    p = parameters
    width = len(str(p.agents - 1))
    names = tuple(f"agent-{number:0{width}}" for number in range(p.agents))
    draws = p.rule != "unit"

    def bank() -> Actor:
        owned = dict(zip(names, p.endowment, strict=True))
        total = sum(p.endowment)
        ledger = open_ledger(owned, LedgerParameters(cap_units=total, genesis_units=total))
        return Bank(ledger, names, p.rule, p.clock, p.saving_ppm, p.redistribution_ppm, p.ahead)

    world.spawn(BANK, bank)
    for number, name in enumerate(names):
        world.spawn(
            name, partial(Agent, number, names, BANK, p.clock, draws, p.ahead), peers=(BANK,)
        )


@scenario(KineticExchangeParameters, live_defaults={"agents": 20, "duration_s": 20.0})
def kinetic_exchange(world: World, parameters: KineticExchangeParameters) -> None:
    """Agents who only exchange money; the inequality that comes of it, in equilibrium."""
    world.set_network(Network(latency=Latency(law="fixed", mean_s=LINK_S)))
    total = sum(parameters.endowment)
    if parameters.path == "event":
        add_agents(world, parameters)
    else:
        world.spawn(CROWD, lambda: Crowd(parameters))
    world.check(Always("conservation of money", StepClosed, lambda _, fact: conserved(fact, total)))
    Report(world, parameters.steps, parameters.warmup_steps)
