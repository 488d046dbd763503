"""What a Maelstrom world tells the outside besides the clients' history."""

from prsm_sim.actor.types import Fact, PeerId, Seconds


class NodeReady(Fact, frozen=True):
    """A node's process has started and answered ``init``."""

    node: PeerId


class NodeBroke(Fact, frozen=True):
    """A node broke the protocol, or its process ended unasked."""

    node: PeerId
    what: str


class Lapsed(Fact, frozen=True):
    """A client gave up waiting for an answer.

    Attributes:
        client: who waited.
        number: the operation, as in the history.
        node: who owed the answer.
        asked_s: when it was asked, s.
        calm: no fault was active from then until now.
    """

    client: PeerId
    number: int
    node: PeerId
    asked_s: Seconds
    calm: bool


class Answered(Fact, frozen=True):
    """A node answered a client's request, be it with an error.

    Attributes:
        node: who answered.
        latency_s: from the request to the answer, s.
        code: the error's code; None if it is no error.
    """

    node: PeerId
    latency_s: Seconds
    code: int | None


class ReadFinally(Fact, frozen=True):
    """What a node held at the end, when faults were over and time to settle had been given.

    Attributes:
        node: the node.
        result: the body of its last answer as JSON; empty if it gave none.
    """

    node: PeerId
    result: bytes
