"""Worker processes, and handing work to them so that results come in the order of the work."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

W = TypeVar("W")
P = TypeVar("P")
R = TypeVar("R")


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """Processes that leave Ctrl-C to this one.

    Forked, where that exists: such a worker starts at once, with everything imported.
    """
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if "fork" in methods else "spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_leave_interrupts)


def _leave_interrupts() -> None:
    """Ctrl-C goes to all processes of a terminal; the parent alone decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def in_order(
    work: Iterable[W], most: int, submit: Callable[[W], P], result: Callable[[P], R]
) -> Iterator[R]:
    """Submit pieces of work, and yield their results in the order of the pieces.

    Args:
        work: the pieces.
        most: so many are handed out before a result is waited for.
        submit: hands one out; returns a promise of its result.
        result: waits for what was promised.
    """
    waiting: deque[P] = deque()
    for piece in work:
        waiting.append(submit(piece))
        if len(waiting) >= most:
            yield result(waiting.popleft())
    while waiting:
        yield result(waiting.popleft())
