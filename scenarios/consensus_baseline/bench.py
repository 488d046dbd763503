"""`prsm bench consensus`: what the committee commits a second, and how fast a fuzzer goes.

Absolute figures are requests a second of wall time in one process, with the digest computed and all
oracles of the scenario judging. A machine twice as fast doubles them, so a yardstick is measured in
the same run: a loop of plain Python that does one dictionary update and one addition, in millions
of turns a second. The ratio against SimPy needs no yardstick: the same actors run on both.
"""

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

from agents.consensus.replica import Replica
from prsm_sim.fuzz.campaign import Campaign, Job
from prsm_sim.parameters import build_parameters
from prsm_sim.sim import Sim
from scenarios.consensus_baseline.key_value import KeyValueMachine
from scenarios.consensus_baseline.parameters import ConsensusBaselineParameters
from scenarios.consensus_baseline.rival import SimpyWorld
from scenarios.consensus_baseline.scenario import consensus_baseline, settings_of
from scenarios.consensus_baseline.workload import Caller

Say = Callable[[str], None]
MEAN_S = 0.01


def run(say: Say = lambda _: None) -> dict[str, Any]:
    """All figures of the consensus benchmark.

    Args:
        say: called with what is being measured.
    """
    say("yardstick …")
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.python_version()}",
        "yardstick_mops": round(yardstick_mops(), 2),
    }
    for batch, requests in ((1, 4_000), (64, 20_000)):
        say(f"requests, batch {batch} …")
        rates = [requests_per_s(batch, requests) for _ in range(3)]
        result[f"requests_per_s_batch_{batch}"] = round(statistics.median(rates))
    say("n = 100 against SimPy …")
    result["pbft_100_vs_simpy"] = round(ratio_to_simpy(100, 8, rounds=3), 2)
    say("fuzzing …")
    result["fuzz_seeds_per_s_per_core"] = round(fuzz_seeds_per_s(300), 1)
    return result


def yardstick_mops() -> float:
    """Millions of turns a second of a plain loop; the median of five."""
    rates = []
    for _ in range(5):
        table: dict[int, int] = {}
        total, turns = 0, 1_000_000
        started = time.perf_counter()
        for turn in range(turns):
            table[turn & 1023] = turn
            total += turn
        rates.append(turns / (time.perf_counter() - started) / 1e6)
    return statistics.median(rates)


def requests_per_s(batch: int, requests: int) -> float:
    """Requests committed a second of wall time by four replicas, digest and oracles on."""
    clients = max(8, 2 * batch)
    parameters = build_parameters(
        ConsensusBaselineParameters,
        {
            "requests": requests,
            "clients": clients,
            "batch": batch,
            "link": f"exponential:{MEAN_S}",
            "checkpoint_interval": 128,
        },
    )
    sim = Sim(1)
    consensus_baseline.build(sim, parameters)
    gc.collect()
    started = time.perf_counter()
    sim.run(until=parameters.duration_s)
    sim.observatory.finish(sim.now)
    wall_s = time.perf_counter() - started
    committed = sim.observatory.metrics["committed"]
    assert committed == requests, "a benchmark that loses requests measures nothing"
    return requests / wall_s


def ratio_to_simpy(replicas: int, requests: int, *, rounds: int) -> float:
    """How many times as long the same committee takes on SimPy processes with stores.

    The median over interleaved rounds of the ratio of CPU seconds an event.
    """
    parameters = build_parameters(
        ConsensusBaselineParameters,
        {"replicas": replicas, "requests": requests, "link": f"exponential:{MEAN_S}"},
    )
    ratios = []
    for _ in range(rounds):
        gc.collect()
        sim = Sim(1, digest=False)  # SimPy has none
        consensus_baseline.build(sim, parameters)
        mine_s = _cpu_s(lambda sim=sim: sim.run(until=parameters.duration_s)) / sim.events  # type: ignore[misc]
        gc.collect()
        rival = _rival(parameters)
        its_s = _cpu_s(rival.run) / rival.handled
        ratios.append(its_s / mine_s)
    return statistics.median(ratios)


def _rival(parameters: ConsensusBaselineParameters) -> SimpyWorld:
    world = SimpyWorld(parameters.latency.mean_s)
    members = tuple(f"replica-{number}" for number in range(parameters.replicas))
    settings = settings_of(parameters)
    for name in members:
        world.spawn(name, lambda: Replica(members, KeyValueMachine(), settings))
    p = parameters
    world.spawn("client-0", lambda: Caller(members, p.requests, p.timeout_s, p.quiet_s))
    return world


def _cpu_s(run: Callable[[], object]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


def fuzz_seeds_per_s(seeds: int) -> float:
    """Seeds a second on one core, four replicas and twenty requests under swarm's faults."""
    job = Job(
        scenario="consensus_baseline", strategy="swarm", overrides=("replicas=4", "requests=20")
    )
    campaign = Campaign(job, count=seeds, keep_going=True)
    campaign.run()
    return campaign.seeds_per_s
