"""What honest replicas executed, and when: one table for whoever judges or measures it.

Replicas that agree execute the same batch under one sequence number, each at its own time, so a
batch is kept once with the times of all. Only where they disagree, or where one leaves out a
request that it had executed before, are there two batches under a number.

The oracle of integrity fills it, because it needs it too: what was right of one replica is right of
the next.
"""

from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from agents.consensus.facts import Executed
from prsm_sim.actor import Fact, PeerId, Seconds
from prsm_sim.checker import Checker, Observe
from prsm_sim.history import History, Invoked

Honest = Callable[[PeerId], bool]

RequestId = tuple[PeerId, int]
"""A client, and the number of its request."""
Slots = dict[RequestId, int]
"""The sequence number under which honest replicas executed a request."""


class Batch(msgspec.Struct, gc=False):
    """Requests that were executed together, and when, once for each replica."""

    requests: tuple[RequestId, ...]
    times_s: list[Seconds]


class Executions:
    """The batches of a run.

    Attributes:
        batches: in the order of first execution; a batch that is executed again after another one
            under its number begins anew.
        latest: of each sequence number the batch last executed under it.
    """

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.latest: dict[int, Batch] = {}

    def add(self, time_s: Seconds, fact: Executed) -> None:
        """Take in that a replica executed a batch."""
        batch = self.latest.get(fact.sequence)
        if batch is None or batch.requests != fact.requests:
            batch = self.latest[fact.sequence] = Batch(fact.requests, [])
            self.batches.append(batch)
        batch.times_s.append(time_s)


def request_text(request: RequestId) -> str:
    """A request as findings call it."""
    return f"request {request[1]} of {request[0]}"


class ExecutedOnce(Checker):
    """Honest replicas execute what was asked for, each request under one sequence number, once.

    A replica that forgot its state executes again what it had executed, under the same numbers.

    Args:
        honest: whether a replica counts.
        slots: is filled with what was executed where.
        history: what clients have asked for, taken down by another checker; None: it does so
            itself.
        executions: is filled with what was executed and is right.
    """

    name = "integrity"
    facts = (Executed, Invoked)

    def __init__(
        self,
        honest: Honest,
        slots: Slots,
        history: History | None = None,
        executions: Executions | None = None,
    ) -> None:
        super().__init__()
        self._honest = honest
        self._slots = slots
        self._listens = history is None
        self._history = History() if history is None else history
        self._executions = Executions() if executions is None else executions
        self._sound = self._executions.latest
        """Of each sequence number the batch last executed under it."""

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Judge an execution, or note what a client has asked for."""
        if isinstance(fact, Executed):
            return self._on_executed(time_s, peer, fact)
        assert isinstance(fact, Invoked)
        self._on_invoked(time_s, peer, fact)
        return None

    def observers(self) -> Mapping[type[Fact], Observe]:
        """One for each type that it has to hear."""
        if self._listens:
            return {Executed: self._on_executed, Invoked: self._on_invoked}
        return {Executed: self._on_executed}

    def _on_invoked(self, time_s: Seconds, peer: PeerId, fact: Invoked) -> None:
        self._history.invoked(time_s, peer, fact)

    def _on_executed(self, time_s: Seconds, peer: PeerId, fact: Executed) -> str | None:
        if not self._honest(peer):
            return None
        requests = fact.requests
        self.evaluations += len(requests)
        sound = self._sound.get(fact.sequence)
        if sound is not None and sound.requests == requests:
            sound.times_s.append(time_s)
            return None  # what was right of one replica is right of the next
        wrong = self._judge(peer, fact.sequence, requests)
        if wrong is None:
            self._executions.add(time_s, fact)
        return wrong

    def _judge(self, peer: PeerId, sequence: int, requests: tuple[RequestId, ...]) -> str | None:
        slots, latest = self._slots, self._history.latest
        for request in requests:
            slot = slots.setdefault(request, sequence)
            if slot != sequence:
                return f"{request_text(request)} has slot {slot}; {peer} put it in {sequence} too"
            client, number = request
            call = latest.get(client)
            if number > (0 if call is None else call.number):  # numbers ascend
                return f"{peer} executed {request_text(request)}, which it had not made"
        if len(set(requests)) < len(requests):
            twice = Counter(requests).most_common(1)[0][0]
            return f"{peer} executed {request_text(twice)} again in slot {sequence}"
        return None
