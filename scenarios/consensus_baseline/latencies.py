"""How long requests take, read from facts.

A *client latency* runs from sending a request to the (f + 1)-st matching reply. A *commit latency*
runs from the same instant to the moment at which a replica has the request committed and, all
before it being executed, executes it; there is one for each honest replica and request.
"""

from collections.abc import Callable

from agents.consensus.facts import Executed
from prsm_sim.actor import Fact, PeerId, Seconds
from prsm_sim.history import Invoked, Returned
from prsm_sim.world import World

Batch = tuple[tuple[tuple[PeerId, int], ...], list[Seconds]]
"""Requests that were executed together, and when, once for each replica."""


class Latencies:
    """Collects the latencies of a run while it goes on.

    Args:
        world: what to watch.
        honest: whether a replica's facts count.
    """

    def __init__(self, world: World, honest: Callable[[PeerId], bool]) -> None:
        self._honest = honest
        self._sent_s: dict[tuple[PeerId, int], Seconds] = {}
        self._batches: list[Batch] = []
        """What was executed and when by whoever did, in the order of first execution."""
        self._under: dict[int, list[Batch]] = {}
        """The same by sequence number: one batch each, unless replicas disagree."""
        self.client_s: list[Seconds] = []
        """One a request that got its result, in the order of completion."""
        world.observe(Invoked, self._on_invoked)
        world.observe(Executed, self._on_executed)
        world.observe(Returned, self._on_returned)

    @property
    def commit_s(self) -> list[list[Seconds]]:
        """Of each request that was committed, in the order of its first commit, one a replica."""
        sent_s = self._sent_s.get
        return [
            [at - since for at in times]
            for request, times in self._executed_s().items()
            if (since := sent_s(request)) is not None
        ]

    @property
    def committed(self) -> int:
        """How many different requests some honest replica has executed."""
        return len({request for requests, _ in self._batches for request in requests})

    def _executed_s(self) -> dict[tuple[PeerId, int], list[Seconds]]:
        """Of each request when it was executed, in the order of first execution."""
        executed_s: dict[tuple[PeerId, int], list[Seconds]] = {}
        for requests, times in self._batches:
            for request in requests:
                if request in executed_s:  # in two batches
                    executed_s[request] = sorted([*executed_s[request], *times])
                else:
                    executed_s[request] = times
        return executed_s

    def _on_invoked(self, time_s: Seconds, _: PeerId, fact: Fact) -> None:
        assert isinstance(fact, Invoked)
        self._sent_s[fact.client, fact.number] = time_s

    def _on_executed(self, time_s: Seconds, peer: PeerId, fact: Fact) -> None:
        assert isinstance(fact, Executed)
        if self._honest(peer):
            under = self._under.setdefault(fact.sequence, [])
            for requests, times in under:
                if requests == fact.requests:
                    times.append(time_s)
                    return
            batch = fact.requests, [time_s]
            under.append(batch)
            self._batches.append(batch)

    def _on_returned(self, time_s: Seconds, _: PeerId, fact: Fact) -> None:
        assert isinstance(fact, Returned)
        self.client_s.append(time_s - self._sent_s[fact.client, fact.number])
