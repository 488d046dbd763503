"""Where replicas run: in this process, in several on this machine, or on a Ray cluster.

Outcomes come in the order of the tasks, so that a study that is stopped has done its first tasks
and not some here and there. Which backend it was cannot be seen in the results. A replica that
kills its process is tried twice, and then is an outcome like others; the rest goes on.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from prsm_sim.actor.errors import UserError
from prsm_sim.sweep.study import Outcome, Study, Task, died, replica, run_task
from prsm_sim.workers import crew_of

AHEAD = 32
"""Tasks for each worker that are begun, at most, before the first of them is done."""
Blocks = Generator[list[Outcome], None, None]
Runner = Callable[[Study, Sequence[int]], Blocks]
"""Runs tasks of a study, by number; yields their outcomes in order, as many at a time as there are.
"""


def run_on(place: str, study: Study, numbers: Sequence[int], workers: int) -> Blocks:
    """Run tasks of one study; as `opened`, which see."""
    with opened(place, workers) as run:
        yield from run(study, numbers)


@contextmanager
def opened(place: str, workers: int) -> Iterator[Runner]:
    """A place where studies can be run, for the length of a block.

    Args:
        place: ``processes``, ``ray`` (on this machine) or ``ray://host:port``.
        workers: processes; 1 runs everything here. A cluster that is there already is used whole.

    Raises:
        UserError: there is no such place, or it cannot be reached, or is lost.
    """
    if place == "processes":
        yield _here if workers == 1 else partial(_processes, workers)
    elif place == "ray" or place.startswith("ray://"):
        from prsm_sim.sweep.ray_cluster import connected

        with connected(place, workers) as cluster:
            yield cluster.run
    else:
        raise UserError(
            f"--on {place}: there is no such place; take processes, ray or ray://host:port"
        )


def _here(study: Study, numbers: Sequence[int]) -> Blocks:
    for number in numbers:
        yield [run_task(study, number)]


def _processes(workers: int, study: Study, numbers: Sequence[int]) -> Blocks:
    do: Callable[[Task], Outcome] = partial(replica, study.frame())
    with crew_of(do, min(workers, max(1, len(numbers)))) as crew:
        done = 0
        for found in crew.results(map(study.task, numbers), AHEAD * workers):
            tasks = [study.task(number) for number in numbers[done : done + len(found)]]
            done += len(found)
            yield [one or died(task) for one, task in zip(found, tasks, strict=True)]
