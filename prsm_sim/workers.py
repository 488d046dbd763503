"""Worker processes, and handing work to them so that results come in the order of the work.

A crew's workers each hold a pipe of their own to this process. So one that dies (the kernel's
killer of processes that eat too much memory, a crash in a library) takes no other with it, and it
is known which piece it was at: the first of its pieces that it has not answered. A pool of
`concurrent.futures` breaks as a whole and cannot say whose fault it was.
"""

import multiprocessing
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Generic, TypeVar

from prsm_sim.actor.errors import UserError
from prsm_sim.guard import Guard

W = TypeVar("W")
P = TypeVar("P")
R = TypeVar("R")

AT_HAND = 2
"""Pieces that a worker has: it begins the second while this process still takes the first."""
TRIES = 2
"""So often a piece is begun whose worker dies: memory may be short for a moment only."""
PATIENCE_S = 5.0
"""How long a worker that is told to end may take."""


class WorkerFailed(Exception):
    """A worker's function raised; the text is the traceback there."""


def start_method() -> str:
    """Forked, where that exists: such a worker starts at once, with everything imported."""
    return "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"


def _leave_interrupts() -> None:
    """Ctrl-C goes to all processes of a terminal; the parent alone decides what it means.

    It is blocked and not only ignored: a run puts a handler of its own in place while it lasts.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


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


class _Worker(Generic[W, R]):
    """One process, and the places of the pieces that it has not answered."""

    def __init__(self, context: BaseContext, do: Callable[[W], R]) -> None:
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(  # type: ignore[attr-defined]
            target=_serve, args=(theirs, self.pipe, do), daemon=True
        )
        self.process.start()
        theirs.close()  # else its end would not be seen
        self.places: deque[int] = deque()

    def give(self, place: int, piece: W) -> None:
        self.places.append(place)
        with suppress(OSError):  # it is dead then; `answer` says so
            self.pipe.send(piece)

    def answer(self) -> R | None:
        """What it says of the first of its pieces; None: it died of that."""
        try:
            said: R | WorkerFailed | UserError = self.pipe.recv()
        except (EOFError, OSError):
            return None
        if isinstance(said, WorkerFailed | UserError):
            raise said
        return said

    def end(self) -> None:
        self.process.terminate()
        self.process.join(PATIENCE_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.pipe.close()


class Crew(Generic[W, R]):
    """Processes that do pieces of work, one at a time each.

    Args:
        do: done to each piece; it and what it returns can be pickled, and it returns no None.
        workers: how many processes.
    """

    def __init__(self, do: Callable[[W], R], workers: int) -> None:
        self._context = multiprocessing.get_context(start_method())
        self._do = do
        self._workers: list[_Worker[W, R]] = [self._hire() for _ in range(workers)]

    def _hire(self) -> _Worker[W, R]:
        return _Worker(self._context, self._do)

    def results(self, work: Iterable[W], ahead: int) -> Iterator[list[R | None]]:
        """Results in the order of the pieces, as many at a time as there are.

        Args:
            work: the pieces.
            ahead: no piece is begun that is this far from the first that is not done.

        Yields:
            results; None for a piece that killed its worker `TRIES` times.

        Raises:
            WorkerFailed: `do` raised.
            UserError: `do` raised that: what a person has to mend comes as it is.
        """
        plan: _Plan[W, R] = _Plan(work, ahead)
        while True:
            self._hand_out(plan)
            busy = {worker.pipe: worker for worker in self._workers if worker.places}
            if not busy:
                return
            for pipe in wait(list(busy)):
                assert isinstance(pipe, Connection)
                worker = busy[pipe]
                answer = worker.answer()
                place = worker.places.popleft()
                if answer is None:
                    self._replace(worker, plan)
                plan.take(place, answer)
            ready = plan.ready()
            if ready:
                yield ready

    def _hand_out(self, plan: "_Plan[W, R]") -> None:
        """Give every worker something to do, those first that have least."""
        for load in range(AT_HAND):
            for worker in self._workers:
                if len(worker.places) == load:
                    place = plan.following()
                    if place is None:
                        return
                    worker.give(place, plan.pieces[place])

    def _replace(self, dead: _Worker[W, R], plan: "_Plan[W, R]") -> None:
        """Another worker takes the place of one that died; what it had not begun is begun anew."""
        plan.again.extendleft(reversed(dead.places))
        dead.end()
        self._workers[self._workers.index(dead)] = self._hire()

    def end(self) -> None:
        """End all processes, whatever they are at."""
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.end()


class _Plan(Generic[W, R]):
    """Which pieces are begun, which once more, and which are done.

    Args:
        work: the pieces.
        ahead: as of `Crew.results`.

    Attributes:
        pieces: those that are begun and not done, by their places.
        again: places of those to be begun once more.
    """

    def __init__(self, work: Iterable[W], ahead: int) -> None:
        self._source = enumerate(work)
        self._ahead = ahead
        self._begun = 0
        self._first = 0
        self._deaths: dict[int, int] = {}
        self._done: dict[int, R | None] = {}
        self.pieces: dict[int, W] = {}
        self.again: deque[int] = deque()

    def following(self) -> int | None:
        """The place of the piece to begin next; None: there is none for the time being."""
        if self.again:
            return self.again.popleft()
        if self._begun >= self._first + self._ahead:
            return None
        for place, piece in self._source:
            self._begun = place + 1
            self.pieces[place] = piece
            return place
        return None

    def take(self, place: int, answer: R | None) -> None:
        """A piece is done, or its worker has died of it."""
        if answer is None:
            self._deaths[place] = self._deaths.get(place, 0) + 1
            if self._deaths[place] < TRIES:
                self.again.appendleft(place)
                return
        self._done[place] = answer
        del self.pieces[place]

    def ready(self) -> list[R | None]:
        """The results that come next, as many as there are."""
        found: list[R | None] = []
        while self._first in self._done:
            found.append(self._done.pop(self._first))
            self._first += 1
        return found


@contextmanager
def crew_of(do: Callable[[W], R], workers: int) -> Iterator[Crew[W, R]]:
    """A crew for the length of a block."""
    crew = Crew(do, workers)
    try:
        yield crew
    finally:
        crew.end()


def _failure(error: Exception) -> WorkerFailed:
    return WorkerFailed("".join(traceback.format_exception(error)))


def _serve(pipe: Connection, other_end: Connection, do: Callable[[W], R]) -> None:
    """What a worker does until nobody is there to give it work."""
    _leave_interrupts()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # what the parent has made of it is no good here
    other_end.close()  # it came along when this process was forked; held here, it never ends
    try:
        while True:
            piece: W = pipe.recv()
            try:
                with Guard(_failure, (UserError,)):
                    answer: R | WorkerFailed | UserError = do(piece)
            except (WorkerFailed, UserError) as failed:
                answer = failed
            pipe.send(answer)
    except (EOFError, OSError):  # the parent is gone
        return
