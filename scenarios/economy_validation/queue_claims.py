"""Claims about waiting: the scenario `compute_queue` against `queue_theory`."""

import numpy as np

from scenarios.compute_queue.parameters import ComputeQueueParameters
from scenarios.compute_queue.scenario import compute_queue
from scenarios.economy_validation.comparison import Comparison
from scenarios.economy_validation.extent import Extent, Found
from scenarios.economy_validation.queue_theory import (
    Waiting,
    crommelin,
    erlang_c,
    pollaczek_khinchine,
)
from scenarios.economy_validation.runs import figures_of


def queues(extent: Extent) -> Found:
    """Waiting against Erlang, Pollaczek and Khinchine, and Crommelin."""
    cases: tuple[tuple[str, float, float, int, Waiting], ...] = (
        ("exponential", 0.8, 1.0, 1, erlang_c(0.8, 1.0, 1)),
        ("exponential", 2.1, 1.0, 3, erlang_c(2.1, 1.0, 3)),
        ("exponential", 12.0, 0.5, 10, erlang_c(12.0, 0.5, 10)),
        ("deterministic", 0.8, 1.0, 1, pollaczek_khinchine(0.8, 1.0)),
        ("deterministic", 0.3, 2.0, 1, pollaczek_khinchine(0.3, 2.0)),
        ("deterministic", 2.1, 1.0, 3, crommelin(2.1, 1.0, 3)),
    )
    for service, rate, service_s, servers, expected in cases:
        chosen = ComputeQueueParameters.model_validate(
            {
                "service": service, "arrival_rate": rate, "service_s": service_s,
                "servers": servers, "jobs": extent.jobs, "warmup_jobs": extent.jobs // 10,
            }
        )  # fmt: skip
        runs = [figures_of(compute_queue, chosen, seed) for seed in range(extent.runs)]
        law = {"exponential": "M", "deterministic": "D"}[service]
        name = f"M/{law}/{servers}, λ = {rate:g}, service {service_s:g} s"
        how = f"{extent.runs} runs of {extent.jobs:,} jobs"
        for metric, value in (("p_wait", expected.probability), ("mean_wait_s", expected.mean_s)):
            found = np.array([metrics[metric] for metrics in runs])
            yield Comparison(f"{name}: {metric}", value, found, how)
