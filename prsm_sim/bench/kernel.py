"""`prsm bench kernel`: how fast the kernel is, as ratios against rivals measured in the same run.

Rounds of all engines are interleaved, so that a disturbance of the machine hits all of them alike;
what is reported are medians over the rounds of the ratio of CPU times. A ratio of 15
says that the rival takes 15 times as long.
"""

import gc
import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import simpy

from prsm_sim.bench import engines, timers
from prsm_sim.bench.engines import Bench
from prsm_sim.bench.memory import bytes_per_peer
from prsm_sim.bench.models import MODELS
from prsm_sim.bench.workloads import Gossip, QuorumBroadcast, RandomMessages, Workload
from prsm_sim.engine import Environment

Builder = Callable[[], Bench]
Say = Callable[[str], None]


def cpu_s(build: Builder) -> tuple[float, int]:
    """CPU seconds of a run, without what building it takes, and its events."""
    gc.collect()  # what the engine before has left shall not lie between the objects of this one
    bench = build()
    gc.collect()
    started = time.process_time()
    bench.run()
    return time.process_time() - started, bench.events()


class Rounds:
    """CPU seconds an event of several engines, over interleaved rounds.

    Args:
        builders: the engines by name.
        rounds: how many.
    """

    def __init__(self, builders: dict[str, Builder], rounds: int) -> None:
        self.events: dict[str, int] = {}
        self._times: dict[str, list[float]] = {name: [] for name in builders}
        for _ in range(rounds):
            for name, build in builders.items():
                seconds, self.events[name] = cpu_s(build)
                self._times[name].append(seconds / self.events[name])

    def median(self, name: str) -> float:
        """Median CPU seconds an event of one engine."""
        return statistics.median(self._times[name])

    def ratio(self, name: str, other: str) -> float:
        """Median over the rounds of how many times as long `name` took as `other`."""
        pairs = zip(self._times[name], self._times[other], strict=True)
        return statistics.median(mine / its for mine, its in pairs)


def compare(name: str, builders: dict[str, Builder], rounds: int, say: Say) -> dict[str, Any]:
    """One workload on all engines.

    Args:
        name: of the workload.
        builders: the keys ``ours``, ``simpy`` and ``heapq``, and maybe ``undigested``: ours without
            the digest. SimPy has none, so it is compared with that; the heap has to stand against
            everything that ours does.
        rounds: how many.
        say: called with what is being measured.
    """
    say(f"{name} …")
    measured = Rounds(builders, rounds)
    result: dict[str, Any] = {"events": measured.events["ours"]}
    bare = "undigested" if "undigested" in builders else "ours"
    result["vs_simpy_process"] = round(measured.ratio("simpy", bare), 2)
    result["vs_simpy_process_with_digest"] = round(measured.ratio("simpy", "ours"), 2)
    result["vs_heapq"] = round(measured.ratio("heapq", "ours"), 2)
    result["us_per_event"] = round(measured.median("ours") * 1e6, 3)
    if "undigested" in builders:
        result["digest_share"] = round(max(0.0, 1.0 - measured.ratio("undigested", "ours")), 3)
    return result


def simpy_models(rounds: int, say: Say) -> dict[str, float]:
    """Speed of unmodified SimPy models on our environment against SimPy's own."""

    def on(environment: Callable[[], simpy.Environment], name: str) -> Builder:
        def build() -> Bench:
            env = environment()
            MODELS[name](env)
            return Bench(env.run, lambda: 1)

        return build

    ratios = {}
    for name in MODELS:
        say(f"SimPy model {name} …")
        both = {"ours": on(Environment, name), "simpy": on(simpy.Environment, name)}
        ratios[name] = round(Rounds(both, rounds).ratio("simpy", "ours"), 3)
    return ratios


def _engines_for(workload: Workload) -> dict[str, Builder]:
    return {
        "ours": lambda: engines.ours(workload),
        "undigested": lambda: engines.ours(workload, digest=False),
        "heapq": lambda: engines.on_heapq(workload),
        "simpy": lambda: engines.on_simpy(workload),
    }


def run(say: Say = lambda _: None) -> dict[str, Any]:
    """All figures of the kernel benchmark, under 50 s of wall time.

    Args:
        say: called with what is being measured.
    """
    result: dict[str, Any] = {}
    sized = ((RandomMessages(200_000), 3), (QuorumBroadcast(2), 7), (Gossip(), 3))
    for workload, rounds in sized:
        result[workload.name] = compare(workload.name, _engines_for(workload), rounds, say)
    result["timers"] = compare(
        "timers",
        {
            "ours": lambda: timers.ours(100),
            "heapq": lambda: timers.on_heapq(100),
            "simpy": lambda: timers.on_simpy(100),
        },
        3,
        say,
    )
    shares = [result[name]["digest_share"] for name in ("random", "pbft_broadcast", "gossip")]
    models = simpy_models(9, say)
    result["digest_share"] = round(statistics.fmean(shares), 3)
    result["simpy_models"] = models
    result["simpy_models_ratio"] = round(
        math.exp(statistics.fmean(map(math.log, models.values()))), 3
    )
    say("memory …")
    result["bytes_per_peer"] = round(bytes_per_peer())
    return result
