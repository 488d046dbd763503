"""Workloads: what clients ask of the nodes, and what an answer must look like.

Each is a small object: the next operation, drawn from a client's stream; what a node is told before
the load; the read that is put to every node at the end. The checkers that judge the history are in
`live.maelstrom.checkers`.

Source: K. Kingsbury, Maelstrom, doc/workloads.md (echo, broadcast, g-set, lin-kv).
"""

from collections.abc import Mapping, Sequence
from math import ceil, sqrt
from typing import ClassVar, Literal

from live.maelstrom.protocol import Body, type_of
from prsm_sim.actor.context import Random
from prsm_sim.actor.types import PeerId

Topology = Literal["grid", "line", "total"]
VALUES = 5
"""lin-kv writes the values 0 … 4: few, so that a compare-and-set now and then succeeds."""


class Workload:
    """What clients ask. Override what differs.

    Attributes:
        name: how it is called on the command line.
        final_read: what every node is asked at the end, until it has settled; None: nothing.
        answers: the field that the answer to each type of operation must have, if any.
    """

    name = ""
    final_read: ClassVar[Body | None] = None
    answers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, nodes: Sequence[PeerId]) -> None:
        self.nodes = tuple(nodes)
        self._counter = 0

    def welcome(self, node: PeerId) -> Body | None:
        """What `node` is told after ``init``."""
        return None

    def next(self, rng: Random) -> Body:
        """The next operation of any client."""
        raise NotImplementedError

    def complaint(self, operation: Body, answer: Body) -> str | None:
        """What is wrong with the form of an answer that is no error, or None."""
        wanted = f"{type_of(operation)}_ok"
        if type_of(answer) != wanted:
            return f"answered {operation!r} with {answer!r}, not with {wanted}"
        field = self.answers.get(type_of(operation))
        if field is not None and field not in answer:
            return f"answered {operation!r} with {answer!r}, which has no {field!r}"
        return None

    def _number(self) -> int:
        """0, 1, 2, …: a value that no client has used before."""
        self._counter += 1
        return self._counter - 1


class Echo(Workload):
    """Clients send something and want the same back."""

    name = "echo"
    answers: ClassVar[Mapping[str, str]] = {"echo": "echo"}

    def next(self, rng: Random) -> Body:
        """A text of its own each time."""
        return {"type": "echo", "echo": f"Please echo {self._number()}.{rng.randrange(1000)}"}


class Broadcast(Workload):
    """Clients hand a value to any node; in the end every node has every value."""

    name = "broadcast"
    final_read: ClassVar[Body | None] = {"type": "read"}
    answers: ClassVar[Mapping[str, str]] = {"read": "messages"}

    def __init__(self, nodes: Sequence[PeerId], topology: Topology = "grid") -> None:
        super().__init__(nodes)
        self.neighbours = neighbours_of(nodes, topology)

    def welcome(self, node: PeerId) -> Body | None:
        """The neighbours that each node is to gossip with."""
        return {"type": "topology", "topology": self.neighbours}

    def next(self, rng: Random) -> Body:
        """A new value, or a read, half and half."""
        if rng.random() < 0.5:
            return {"type": "read"}
        return {"type": "broadcast", "message": self._number()}


class GrowOnlySet(Workload):
    """Clients add elements to a set that every node holds in the end."""

    name = "g-set"
    final_read: ClassVar[Body | None] = {"type": "read"}
    answers: ClassVar[Mapping[str, str]] = {"read": "value"}

    def next(self, rng: Random) -> Body:
        """A new element, or a read, half and half."""
        if rng.random() < 0.5:
            return {"type": "read"}
        return {"type": "add", "element": self._number()}


class LinearizableStore(Workload):
    """Clients read, write and compare-and-set keys, which must seem to change one at a time.

    A key takes `per_key` operations and then makes way for a new one, because the price of judging
    a key's history grows steeply with its length.
    """

    name = "lin-kv"
    answers: ClassVar[Mapping[str, str]] = {"read": "value"}
    keys_at_once = 3
    per_key = 60

    def next(self, rng: Random) -> Body:
        """A read, a write or a compare-and-set on one of a few keys."""
        batch, place = divmod(self._number(), self.keys_at_once * self.per_key)
        key = batch * self.keys_at_once + place % self.keys_at_once
        kind = rng.choice(("read", "write", "cas"))
        if kind == "read":
            return {"type": "read", "key": key}
        if kind == "write":
            return {"type": "write", "key": key, "value": rng.randrange(VALUES)}
        return {
            "type": "cas",
            "key": key,
            "from": rng.randrange(VALUES),
            "to": rng.randrange(VALUES),
        }


WORKLOADS: Mapping[str, type[Workload]] = {
    kind.name: kind for kind in (Echo, Broadcast, GrowOnlySet, LinearizableStore)
}


def neighbours_of(nodes: Sequence[PeerId], topology: Topology) -> dict[PeerId, list[PeerId]]:
    """Each node's neighbours: all others, those beside it in a line, or in a square grid."""
    count = len(nodes)
    if topology == "total":
        return {node: [other for other in nodes if other != node] for node in nodes}
    width = 1 if topology == "line" else ceil(sqrt(count))
    beside: dict[PeerId, list[PeerId]] = {node: [] for node in nodes}
    for i in range(count):
        right, below = i + 1, i + width
        if width > 1 and right % width and right < count:
            _join(beside, nodes[i], nodes[right])
        if below < count:
            _join(beside, nodes[i], nodes[below])
    return beside


def _join(beside: dict[PeerId, list[PeerId]], one: PeerId, other: PeerId) -> None:
    beside[one].append(other)
    beside[other].append(one)
