"""Where replicas run: in this process, in several on this machine, or on a Ray cluster.

Tasks are handed out in blocks and outcomes come back in the order of the blocks, so that a study
that is stopped has done its first tasks and not some here and there. Which backend it was cannot be
seen in the results.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from importlib import import_module
from typing import Any

from prsm_sim.actor.errors import UserError
from prsm_sim.sweep.study import Outcome, Study, run_task
from prsm_sim.workers import in_order, worker_pool

BLOCK = 8
"""Tasks that a worker takes at a time, at most."""
AHEAD = 4
"""Blocks for each worker that are handed out before their results are taken."""
Blocks = Iterator[list[Outcome]]


def run_block(study: Study, numbers: Sequence[int]) -> list[Outcome]:
    """Run some tasks one after the other."""
    return [run_task(study, number) for number in numbers]


def blocks_of(numbers: Sequence[int], workers: int) -> list[Sequence[int]]:
    """Tasks in blocks, small enough that all workers have something to do until the end."""
    size = max(1, min(BLOCK, len(numbers) // (4 * workers)))
    return [numbers[start : start + size] for start in range(0, len(numbers), size)]


def run_on(place: str, study: Study, numbers: Sequence[int], workers: int) -> Blocks:
    """Run tasks; yields outcomes block by block.

    Args:
        place: ``processes``, ``ray`` (on this machine) or ``ray://host:port``.
        study: what is run.
        numbers: the tasks.
        workers: processes; 1 runs everything here.

    Raises:
        UserError: there is no such place, or it cannot be reached.
    """
    if place == "processes":
        return _here(study, numbers) if workers == 1 else _processes(study, numbers, workers)
    if place == "ray" or place.startswith("ray://"):
        return _ray(place, study, numbers, workers)
    raise UserError(f"--on {place}: there is no such place; take processes, ray or ray://host:port")


def _here(study: Study, numbers: Sequence[int]) -> Blocks:
    for block in blocks_of(numbers, 1):
        yield run_block(study, block)


def _processes(study: Study, numbers: Sequence[int], workers: int) -> Blocks:
    pool: ProcessPoolExecutor = worker_pool(workers)
    try:
        yield from in_order(
            blocks_of(numbers, workers),
            AHEAD * workers,
            lambda block: pool.submit(run_block, study, block),
            Future.result,
        )
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _ray(place: str, study: Study, numbers: Sequence[int], workers: int) -> Blocks:
    try:
        ray: Any = import_module("ray")
    except ImportError as error:
        raise UserError("--on ray: Ray is not installed; pip install 'prsm-sim[ray]'") from error
    if place == "ray":
        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False,
                 _node_ip_address="127.0.0.1")  # fmt: skip
    else:
        try:
            ray.init(place, log_to_driver=False)
        except ConnectionError as error:
            raise UserError(f"--on {place}: no cluster answers there; check the address") from error
    try:
        remote = ray.remote(run_block)
        yield from in_order(
            blocks_of(numbers, workers),
            AHEAD * workers,
            lambda block: remote.remote(study, list(block)),
            ray.get,
        )
    finally:
        ray.shutdown()
