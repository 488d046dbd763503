"""The history of clients: what each asked for and what it was told, as facts.

A history is the evidence that linearizability and validity are judged by (Herlihy and Wing 1990). A
client that got no answer has an operation that may have taken effect or not, at any later time;
that is why an invocation without a return stays in the history.
"""

from collections.abc import Iterable

import msgspec

from prsm_sim.actor.types import Fact, PeerId, Seconds


class Invoked(Fact, frozen=True):
    """A client asks for an operation.

    Attributes:
        client: who; it has at most one operation outstanding.
        number: ascends with each of this client's operations.
        operation: what it asks for; the model of the checker knows how to read it.
    """

    client: PeerId
    number: int
    operation: bytes


class Returned(Fact, frozen=True):
    """A client was told the result of an operation."""

    client: PeerId
    number: int
    result: bytes


class Call(msgspec.Struct, gc=False):
    """One operation of a client, from invocation to return.

    Attributes:
        client: who asked.
        number: of this client's operations.
        operation: what for.
        invoked: position of the invocation in the history.
        invoked_s: when.
        returned: position of the return; None as long as there is none.
        returned_s: when; meaningless without a return.
        result: what the client was told; meaningless without a return.
    """

    client: PeerId
    number: int
    operation: bytes
    invoked: int
    invoked_s: Seconds
    returned: int | None = None
    returned_s: Seconds = 0.0
    result: bytes = b""


class History:
    """The calls of all clients, and the order in which they began and ended.

    The order is that of the facts, not of their times: two facts at one instant have an order too.
    """

    def __init__(self) -> None:
        self._calls: dict[tuple[PeerId, int], Call] = {}
        self._events = 0

    @classmethod
    def of(cls, facts: Iterable[Invoked | Returned]) -> "History":
        """The history that these facts tell, in this order; times are positions in it, from 1.

        Raises:
            ValueError: a return without an invocation, or something told twice and differently.
        """
        history = cls()
        for position, fact in enumerate(facts, start=1):
            wrong = history.add(float(position), fact)
            if wrong is not None:
                raise ValueError(wrong)
        return history

    @property
    def calls(self) -> list[Call]:
        """All calls in the order of their invocation."""
        return list(self._calls.values())

    def add(
        self, time_s: Seconds, fact: Invoked | Returned, *, forget_result: bool = False
    ) -> str | None:
        """Take in the next fact. Telling one again changes nothing.

        Args:
            time_s: when.
            fact: what.
            forget_result: the client's word about results does not count.

        Returns:
            What is wrong with this history by itself, or None.
        """
        if type(fact) is Invoked:
            return self.invoked(time_s, fact.client, fact)
        assert isinstance(fact, Returned)
        if forget_result:
            self._events += 1
            return None
        return self.returned(time_s, fact.client, fact)

    def invoked(self, time_s: Seconds, _: PeerId, fact: Invoked) -> str | None:
        """Take in that a client asks, like `add`; whoever tells it. It may observe a run itself."""
        client, number = key = fact.client, fact.number
        self._events = position = self._events + 1
        call = self._calls.get(key)
        if call is None:
            self._calls[key] = Call(client, number, fact.operation, position, time_s)
        elif call.operation != fact.operation:
            return f"{client} asked for two operations under number {number}"
        return None

    def returned(self, time_s: Seconds, _: PeerId, fact: Returned) -> str | None:
        """Take in that a client was told a result, in the same way."""
        self._events += 1
        call = self._calls.get((fact.client, fact.number))
        if call is None:
            return f"{fact.client} was told the result of operation {fact.number}, never asked for"
        if call.returned is None:
            call.returned, call.returned_s, call.result = self._events, time_s, fact.result
        elif call.result != fact.result:
            return f"{fact.client} was told two results of operation {fact.number}"
        return None
