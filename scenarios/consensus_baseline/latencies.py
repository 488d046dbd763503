"""How long requests take, read from facts.

A *client latency* runs from sending a request to the (f + 1)-st matching reply. A *commit latency*
runs from the same instant to the moment at which a replica has the request committed and, all
before it being executed, executes it; there is one for each honest replica and request.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agents.consensus.facts import Executed
from prsm_sim.actor import Fact, PeerId, Seconds
from prsm_sim.history import Call, History, Invoked, Returned
from prsm_sim.world import World
from scenarios.consensus_baseline.executions import Batch, Executions, RequestId


class Commits(NamedTuple):
    """The commit latencies of a run, in the order in which requests were first executed.

    Attributes:
        latencies_s: request by request, one a replica that executed it; shape (sum of `sizes`,).
        sizes: how many each request has, at least one; shape (requests,).
        requests: how many different requests some honest replica has executed.
    """

    latencies_s: npt.NDArray[np.float64]
    sizes: npt.NDArray[np.int64]
    requests: int


class Latencies:
    """The latencies of a run.

    Args:
        history: what clients asked for and were told.
        executions: what honest replicas executed.
    """

    def __init__(self, history: History, executions: Executions) -> None:
        self._history = history
        self._executions = executions

    @classmethod
    def of(cls, world: World, honest: Callable[[PeerId], bool]) -> "Latencies":
        """Watch a world that nobody else takes down.

        Args:
            world: what to watch.
            honest: whether a replica's facts count.
        """
        history, executions = History(), Executions()

        def told(time_s: Seconds, _: PeerId, fact: Fact) -> None:
            assert isinstance(fact, Invoked | Returned)
            history.add(time_s, fact)

        def executed(time_s: Seconds, peer: PeerId, fact: Fact) -> None:
            assert isinstance(fact, Executed)
            if honest(peer):
                executions.add(time_s, fact)

        world.observe(Invoked, told)
        world.observe(Executed, executed)
        world.observe(Returned, told)
        return cls(history, executions)

    @property
    def client_s(self) -> Sequence[Seconds]:
        """One a request that got its result, in the order of completion."""
        return self._history.waits_s

    @property
    def commit_s(self) -> list[list[Seconds]]:
        """Of each request that was committed, in the order of its first commit, one a replica."""
        latencies_s, sizes, _ = self.commits()
        ends = np.cumsum(sizes).tolist()
        values = latencies_s.tolist()
        return [values[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]

    def commits(self) -> Commits:
        """All commit latencies so far."""
        batches, asked = self._executions.batches, self._history.by_request
        requests = list(chain.from_iterable([batch.requests for batch in batches]))
        distinct = set(requests)
        if len(distinct) < len(requests) or not distinct <= asked.keys():
            return _one_by_one(batches, asked)
        asked_s = np.array([asked[request].asked_s for request in requests], np.float64)
        # Of each batch how many times it has, and where they begin in the list of all times.
        times_s = np.array(list(chain.from_iterable([batch.times_s for batch in batches])))
        counts = np.array([len(batch.times_s) for batch in batches], np.int64)
        begins = np.cumsum(counts) - counts
        # The same of each request, and from there of each request and replica.
        members = np.array([len(batch.requests) for batch in batches], np.int64)
        sizes, begins = np.repeat(counts, members), np.repeat(begins, members)
        begins -= np.cumsum(sizes) - sizes
        places = np.arange(sizes.sum()) + np.repeat(begins, sizes)
        return Commits(times_s[places] - np.repeat(asked_s, sizes), sizes, len(requests))


def _one_by_one(batches: Sequence[Batch], asked: Mapping[RequestId, Call]) -> Commits:
    """The same where a request is in two batches, or was never asked for."""
    executed_s: dict[RequestId, list[Seconds]] = {}
    for batch in batches:
        for request in batch.requests:
            if request in executed_s:
                executed_s[request] = sorted([*executed_s[request], *batch.times_s])
            else:
                executed_s[request] = batch.times_s
    groups = [
        [at_s - asked[request].asked_s for at_s in times_s]
        for request, times_s in executed_s.items()
        if request in asked
    ]
    latencies_s = np.array(list(chain.from_iterable(groups)), np.float64)
    return Commits(latencies_s, np.array(list(map(len, groups)), np.int64), len(executed_s))
