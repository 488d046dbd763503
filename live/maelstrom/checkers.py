"""Checkers of the workloads: they read the clients' history and judge it.

Values are compared as JSON: what a node sends back may be any JSON value, and 7.0 is 7.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from live.maelstrom.facts import Answered, Lapsed, NodeBroke, NodeReady, ReadFinally
from live.maelstrom.linear import LinearizableStore
from live.maelstrom.protocol import Body, type_of
from prsm_sim.actor.types import Fact, PeerId, Seconds
from prsm_sim.checker import Checker
from prsm_sim.history import Invoked, Returned

NAMED = 5
"""So many missing values are named."""
decode = msgspec.json.decode


def key(value: object) -> bytes:
    """A JSON value's identity: equal for 7 and 7.0, and for objects whatever their order."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return msgspec.json.encode(value, order="deterministic")


class Protocol(Checker):
    """Every node starts, keeps the protocol, and lives until it is told to end."""

    name = "protocol"
    facts = (NodeReady, NodeBroke)

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """A node is ready, or it broke."""
        self.evaluations += 1
        return fact.what if isinstance(fact, NodeBroke) else None


class Answers(Checker):
    """No node falls silent for long while no fault is active.

    Args:
        silent_s: so long, s; a few times what a client waits for an answer.
    """

    name = "answers"
    facts = (Answered, Lapsed)

    def __init__(self, silent_s: Seconds) -> None:
        super().__init__()
        self._silent_s = silent_s
        self._since_s: dict[PeerId, Seconds] = {}
        """When the first request was made of those that a node has let lapse, one after another."""

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """An answer, or a request that lapsed; the silence ends with an answer or a fault."""
        self.evaluations += 1
        if isinstance(fact, Answered):
            self._since_s.pop(fact.node, None)
            return None
        assert isinstance(fact, Lapsed)
        if not fact.calm:
            self._since_s.pop(fact.node, None)
            return None
        silence_s = time_s - self._since_s.setdefault(fact.node, fact.asked_s)
        if silence_s < self._silent_s:
            return None
        return f"{fact.node} has answered nobody for {silence_s:.1f} s, and no fault is active"


class History(Checker):
    """Base of checkers that judge an answer beside its operation."""

    facts: tuple[type[Fact], ...] = (Invoked, Returned)

    def __init__(self) -> None:
        super().__init__()
        self._open: dict[tuple[PeerId, int], Body] = {}

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Bring operation and answer together."""
        if isinstance(fact, Invoked):
            operation = self._open[fact.client, fact.number] = decode(fact.operation)
            self.asked(operation)
        elif isinstance(fact, Returned):
            answer = decode(fact.result)
            operation = self._open.pop((fact.client, fact.number))
            if type_of(answer) != "error":
                return self.answered(operation, answer)
        elif isinstance(fact, ReadFinally):
            return self.held(fact.node, decode(fact.result) if fact.result else None)
        return None

    def asked(self, operation: Body) -> None:
        """An operation was asked for."""

    def answered(self, operation: Body, answer: Body) -> str | None:
        """Judge the answer to an operation; what is wrong, or None."""
        raise NotImplementedError

    def held(self, node: PeerId, answer: Body | None) -> str | None:
        """Judge what a node held at the end; what is wrong, or None."""
        return None


class Echoes(History):
    """What comes back is what was sent."""

    name = "echo"

    def answered(self, operation: Body, answer: Body) -> str | None:
        """Compare."""
        self.evaluations += 1
        sent, back = operation["echo"], answer["echo"]
        return None if key(sent) == key(back) else f"{sent!r} came back as {back!r}"


class Settling(History):
    """A set that only grows: nothing is invented, nothing is listed twice, and in the end every
    node holds all that was acknowledged or that anybody has read.

    Args:
        name: how the verdict is called.
        add: type and field of the operation that adds a value.
        read: the field that a read's answer lists the values in.
    """

    facts = (Invoked, Returned, ReadFinally)

    def __init__(self, name: str, add: tuple[str, str], read: str) -> None:
        super().__init__()
        self.name = name
        self._add, self._field = add
        self._read = read
        self._asked: set[bytes] = set()
        self._known: dict[bytes, str] = {}

    def holds(self, answer: Body) -> bool:
        """Whether a read lists all that it must by now."""
        values = answer[self._read]
        return isinstance(values, list) and self._known.keys() <= set(map(key, values))

    def asked(self, operation: Body) -> None:
        """From now on the value may be read."""
        if type_of(operation) == self._add:
            self._asked.add(key(operation[self._field]))

    def answered(self, operation: Body, answer: Body) -> str | None:
        """An addition is acknowledged, or a read lists values."""
        if type_of(operation) == self._add:
            self._known.setdefault(key(operation[self._field]), "acknowledged")
            return None
        return self._listed(answer)

    def held(self, node: PeerId, answer: Body | None) -> str | None:
        """Every node holds in the end all that is known."""
        self.evaluations += 1
        if answer is None:
            return f"{node} did not answer the final read"
        wrong = self._listed(answer)
        if wrong is not None:
            return f"{node} at the end: {wrong}"
        missing = self._known.keys() - set(map(key, answer[self._read]))
        if not missing:
            return None
        first = min(missing, key=lambda one: (len(one), one))
        return (
            f"{node} ended without {_listing(missing)}; {first.decode()} was {self._known[first]}"
        )

    def _listed(self, answer: Body) -> str | None:
        """Judge the form and the values of a read."""
        self.evaluations += 1
        values: Any = answer[self._read]
        if not isinstance(values, list):
            return f"{self._read!r} is {values!r}, which is no list"
        seen: set[bytes] = set()
        for value in values:
            this = key(value)
            if this not in self._asked:
                return f"a read lists {value!r}, which nobody added"
            if this in seen:
                return f"a read lists {value!r} twice"
            seen.add(this)
            self._known.setdefault(this, "read by a client")
        return None


def _listing(keys: Iterable[bytes]) -> str:
    ordered = sorted(keys, key=lambda one: (len(one), one))
    shown = ", ".join(one.decode() for one in ordered[:NAMED])
    return f"{shown} and {len(ordered) - NAMED} more" if len(ordered) > NAMED else shown


CHECKERS: dict[str, Callable[[], Checker]] = {
    "echo": Echoes,
    "broadcast": lambda: Settling("broadcast", ("broadcast", "message"), "messages"),
    "lin-kv": LinearizableStore,
    "g-set": lambda: Settling("g-set", ("add", "element"), "value"),
}
"""The judge of each workload's history."""
