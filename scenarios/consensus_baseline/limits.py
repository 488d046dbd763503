"""Oracles of what a committee may take: memory, and the patience of a client.

Both hold for a correct protocol under any fault that it survives, and are no consequence of safety:
a replica that keeps whatever it is sent agrees with everybody until it is out of memory, and a
primary that serves all clients but one breaks no agreement.
"""

import math
from collections.abc import Callable, Iterable, Mapping

from agents.consensus.facts import Executed
from prsm_sim.actor import Fact, PeerId, Seconds
from prsm_sim.checker import Checker, Observe
from prsm_sim.faults import Byzantine, Fault
from prsm_sim.history import Invoked, Returned

Honest = Callable[[PeerId], bool]


class BoundedLog(Checker):
    """A replica has no more slots open than its watermarks allow (section 4.2).

    Args:
        honest: whether a replica counts.
        slots: how many slots a replica has open now, and how many it may have.
    """

    name = "bounded log"
    facts = (Executed,)

    def __init__(self, honest: Honest, slots: Callable[[PeerId], tuple[int, int]]) -> None:
        super().__init__()
        self._honest = honest
        self._slots = slots

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Judge the log of a replica that has just executed something."""
        if not self._honest(peer):
            return None
        self.evaluations += 1
        slots, most = self._slots(peer)
        return f"{peer} has {slots} slots open, {most} are allowed" if slots > most else None


class NoStarvation(Checker):
    """Nobody's request is overtaken for ever (section 4.5.2: fairness by the view timer).

    While others are served time-outs do not grow, so a request that a faulty primary ignores is
    served after a client's retry, a time-out and a view change for each faulty primary in a row.
    What can be served to others meanwhile is bounded. It is counted from when the network is whole.

    Only the oldest request that waits need be looked at, because it was overtaken most often: of
    the requests made after it, by all that do not wait.

    Args:
        after: tells from when on the network is whole and every peer up that comes back, s; it is
            asked once, with the first request.
        most: so many requests of others may be made and served before an older one.
    """

    name = "no starvation"
    facts = (Invoked, Returned)
    judges = False

    def __init__(self, after: Callable[[], Seconds], most: int) -> None:
        super().__init__()
        self._after = after
        self._after_s: Seconds | None = None
        self._most = most
        self._made = 0
        self._fine_until = most
        """While no more requests than this were made, none can have been overtaken too often."""
        self._waiting: dict[PeerId, int] = {}
        """Of each client that waits, how many requests were made before its own; in this order."""

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Count whom a served request has overtaken."""
        if isinstance(fact, Invoked):
            return self._on_invoked(time_s, peer, fact)
        assert isinstance(fact, Returned)
        return self._on_returned(time_s, peer, fact)

    def observers(self) -> Mapping[type[Fact], Observe]:
        """One for each type."""
        return {Invoked: self._on_invoked, Returned: self._on_returned}

    def _on_invoked(self, time_s: Seconds, _: PeerId, fact: Invoked) -> str | None:
        if self._after_s is None:
            self._after_s = self._after()
        if time_s >= self._after_s:
            client, waiting = fact.client, self._waiting
            if client in waiting:
                del waiting[client]
            waiting[client] = self._made
            self._made += 1
        return None

    def _on_returned(self, time_s: Seconds, _: PeerId, fact: Returned) -> str | None:
        if self._after_s is None:
            self._after_s = self._after()
        if time_s < self._after_s:
            return None
        self.judges = True
        self.evaluations += 1
        waiting = self._waiting
        if fact.client not in waiting:
            return None
        del waiting[fact.client]
        return None if self._made <= self._fine_until else self._judge()

    def _judge(self) -> str | None:
        """Count by how many the oldest request that waits was overtaken.

        All but those that wait of the requests made after it, so never more than were made after
        it; and no older one comes to wait. That says until when this need not be counted again.
        """
        waiting = self._waiting
        if not waiting:
            self._fine_until = self._made + self._most
            return None
        oldest = next(iter(waiting))
        overtaken = self._made - waiting[oldest] - len(waiting)
        if overtaken > self._most:
            return f"{oldest} waits while {overtaken} later requests are served"
        self._fine_until = waiting[oldest] + self._most
        return None


def whole_after(faults: Iterable[Fault]) -> Seconds:
    """When the last fault is over that is no lie and not for good, s."""
    ends = [0.0]
    for fault in faults:
        if not isinstance(fault, Byzantine):
            at_s = getattr(fault, "at_s", None)
            for_s = getattr(fault, "for_s", None)
            ends.append(math.inf if at_s is None else at_s + (for_s or 0.0))
    return max(ends)
