"""The history of clients: what each asked for and what it was told, as facts.

A history is the evidence that linearizability and validity are judged by (Herlihy and Wing 1990). A
client that got no answer has an operation that may have taken effect or not, at any later time;
that is why an invocation without a return stays in the history.
"""

from collections.abc import Iterable, Mapping
from itertools import count

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
        asked_s: when the client said last that it asks; as a rule it says so once.
    """

    client: PeerId
    number: int
    operation: bytes
    invoked: int
    invoked_s: Seconds
    returned: int | None = None
    returned_s: Seconds = 0.0
    result: bytes = b""
    asked_s: Seconds = 0.0


class History:
    """The calls of all clients, and the order in which they began and ended.

    The order is that of the facts, not of their times: two facts at one instant have an order too.

    One history may serve many: whoever needs to know what clients asked for and were told reads it,
    instead of keeping a table of its own.

    Attributes:
        latest: of each client the call that it told of last.
        waits_s: how long each return took since its client had said last that it asks, in the order
            of the returns; one that is told again is among them again.
    """

    def __init__(self) -> None:
        self._calls: dict[tuple[PeerId, int], Call] = {}
        self._next_position = count(1).__next__
        self.latest: dict[PeerId, Call] = {}
        self.waits_s: list[Seconds] = []

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

    @property
    def by_request(self) -> Mapping[tuple[PeerId, int], Call]:
        """The same by client and number."""
        return self._calls

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
            self._next_position()
            return None
        return self.returned(time_s, fact.client, fact)

    def invoked(self, time_s: Seconds, _: PeerId, fact: Invoked) -> str | None:
        """Take in that a client asks, like `add`; whoever tells it. It may observe a run itself."""
        client, number, operation = fact.client, fact.number, fact.operation
        position = self._next_position()
        call = self._calls.get(key := (client, number))
        if call is None:
            call = Call(client, number, operation, position, time_s, asked_s=time_s)
            self._calls[key] = call
        elif call.operation != operation:
            return f"{client} asked for two operations under number {number}"
        else:
            call.asked_s = time_s
        self.latest[client] = call
        return None

    def returned(self, time_s: Seconds, _: PeerId, fact: Returned) -> str | None:
        """Take in that a client was told a result, in the same way."""
        position = self._next_position()
        call = self.latest.get(fact.client)
        if call is None or call.number != fact.number:  # not the one that it waits for
            call = self._calls.get((fact.client, fact.number))
            if call is None:
                return (
                    f"{fact.client} was told the result of operation {fact.number}, never asked for"
                )
        if call.returned is None:
            call.returned, call.returned_s, call.result = position, time_s, fact.result
        elif call.result != fact.result:
            return f"{fact.client} was told two results of operation {fact.number}"
        self.waits_s.append(time_s - call.asked_s)
        return None
