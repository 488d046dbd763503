"""The compute queue: jobs wait for servers, and pay for them.

The question: does waiting come out as queueing theory says? The null hypothesis is that it does:
Erlang's C for exponential service, Pollaczek and Khinchine's formula for deterministic service by
one server, Crommelin's distribution by several (`prsm validate economy` tests it).
"""

import numpy as np

from economy.genesis import open_ledger
from economy.ledger import LedgerParameters
from prsm_sim.actor import Actor, Fact, PeerId, Seconds
from prsm_sim.checker import Always
from prsm_sim.network import Latency, Network
from prsm_sim.scenario import scenario
from prsm_sim.world import World
from scenarios.compute_queue.parameters import ComputeQueueParameters
from scenarios.compute_queue.pool import (
    POOL,
    PRICE_UNITS,
    REQUESTERS,
    BooksClosed,
    JobDone,
    JobStarted,
    Pool,
    Source,
    conserved,
)
from scenarios.economy_validation.steady_state import estimate, warmup_length


class Report:
    """Collects waiting times, reports what they are in the steady state, and ends the run."""

    def __init__(self, world: World, jobs: int, warmup: int) -> None:
        self._world = world
        self._jobs = jobs
        self._warmup = warmup
        self._waits_s: list[Seconds] = []
        self._done = 0
        world.observe(JobStarted, self._on_started)
        world.observe(JobDone, self._on_done)
        world.gauge("jobs_done", lambda: self._done)
        world.gauge("last_wait_s", lambda: self._waits_s[-1] if self._waits_s else 0.0)
        world.at_end(self._close)

    def _on_started(self, _time_s: Seconds, _peer: PeerId, fact: Fact) -> None:
        assert isinstance(fact, JobStarted)
        self._waits_s.append(fact.waited_s)

    def _on_done(self, _time_s: Seconds, _peer: PeerId, _fact: Fact) -> None:
        self._done += 1
        if self._done == self._jobs:
            self._world.stop("every job is done")

    def _close(self) -> None:
        report, waits_s = self._world.report, np.array(self._waits_s)
        report("jobs", len(waits_s))
        if len(waits_s) <= max(self._warmup, 0):
            return
        warmup = warmup_length(waits_s) if self._warmup < 0 else self._warmup
        report("warmup_jobs", warmup)
        wait = estimate(waits_s, warmup=warmup)
        waiting = estimate((waits_s > 0.0).astype(np.float64), warmup=warmup)
        report("p_wait", waiting.mean)
        report("p_wait_ci95", None if waiting.interval is None else list(waiting.interval))
        report("mean_wait_s", wait.mean)
        interval = None if wait.interval is None else list(wait.interval)
        report("mean_wait_s_ci95", interval)
        report("ci95", interval)  # a queue's figure is its mean wait


@scenario(ComputeQueueParameters, live_defaults={"arrival_rate": 8, "service_s": 0.1, "jobs": 200})
def compute_queue(world: World, parameters: ComputeQueueParameters) -> None:
    """Jobs that wait for compute servers, first come, first served; how long, and how often."""
    p = parameters
    world.set_network(Network(latency=Latency(law="fixed", mean_s=0.0)))
    width = len(str(p.servers - 1))
    hosts = tuple(f"host-{number:0{width}}" for number in range(p.servers))
    total = PRICE_UNITS * p.jobs

    def pool() -> Actor:
        figures = LedgerParameters(cap_units=total, genesis_units=total)
        return Pool(open_ledger({REQUESTERS: total}, figures), hosts)

    world.spawn(POOL, pool)
    world.spawn("source", lambda: Source(p.arrival_rate, p.service, p.service_s, p.jobs))
    world.check(
        Always("money and jobs add up", BooksClosed, lambda _, fact: conserved(fact, total))
    )
    Report(world, p.jobs, p.warmup_jobs)
