"""Linearizability of lin-kv: the clients' JSON history in the words of a sequential store.

Three things are translated. An absent key is told in two ways (a read of null, error 20). A
compare-and-set that was refused, for whichever of its two reasons, is an observation like any
other: the key did not hold what was expected. And an operation that was refused with any other
definite error never was, so it leaves the history.
"""

from typing import Any

import msgspec

from live.maelstrom.protocol import Body, ErrorCode, type_of
from prsm_sim.actor.types import Fact, PeerId, Seconds
from prsm_sim.checker import Checker
from prsm_sim.history import History, Invoked, Returned
from prsm_sim.oracles import check_history

OBSERVED = (ErrorCode.KEY_DOES_NOT_EXIST, ErrorCode.PRECONDITION_FAILED)
ABSENT, DONE, REFUSED = b"null", b"done", b"refused"
"""What reading an absent key shows; what a write or a compare-and-set is answered."""


class Store:
    """The sequential store, each key a part of its own: ``read K``, ``write K V``, ``cas K F T``.

    Keys and values are JSON without spaces; an absent key holds ``null``.
    """

    initial = ABSENT

    def step(self, state: bytes, operation: bytes) -> tuple[bytes, bytes]:
        """Serve one operation on one key."""
        match operation.split(b" "):
            case [b"read", _]:
                return state, state
            case [b"write", _, value]:
                return value, DONE
            case [b"cas", _, old, new]:
                return (new, DONE) if state == old else (state, REFUSED)
        raise AssertionError(f"no operation of a store: {operation!r}")

    def key(self, operation: bytes) -> str:
        """The second word."""
        return operation.split(b" ", 2)[1].decode()

    def reads(self, operation: bytes) -> bool:
        """``read`` does."""
        return operation.startswith(b"read ")


class LinearizableStore(Checker):
    """What clients were told can be put in one order that a single store would answer the same.

    Judged at the end, of whatever was told until then.
    """

    name = "lin-kv"
    facts = (Invoked, Returned)

    def __init__(self) -> None:
        super().__init__()
        self._told: list[tuple[Seconds, Invoked | Returned]] = []
        self._asked: dict[tuple[PeerId, int], bytes] = {}
        self._never: set[tuple[PeerId, int]] = set()

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Take down what a client asked for or was told."""
        if isinstance(fact, Invoked):
            said = operation_of(msgspec.json.decode(fact.operation))
            self._asked[fact.client, fact.number] = said
            self._told.append((time_s, Invoked(fact.client, fact.number, said)))
        elif isinstance(fact, Returned):
            operation = self._asked.pop((fact.client, fact.number))
            result = result_of(operation, msgspec.json.decode(fact.result))
            if result is None:
                self._never.add((fact.client, fact.number))
            else:
                self._told.append((time_s, Returned(fact.client, fact.number, result)))
        return None

    def finish(self, time_s: Seconds) -> str | None:
        """Look for an order."""
        history = History()
        for told_s, fact in self._told:
            if (fact.client, fact.number) not in self._never:
                history.add(told_s, fact)
        judgement = check_history(Store(), history)
        self.evaluations = judgement.operations
        if judgement.status == "fail":
            return judgement.detail
        if judgement.status == "inconclusive":
            self.doubt = judgement.detail
        return None


def operation_of(body: Body) -> bytes:
    """A client's request in the words of `Store`."""
    words = [body[field] for field in ("key", "value", "from", "to") if field in body]
    return b" ".join((type_of(body).encode(), *map(_word, words)))


def result_of(operation: bytes, body: Body) -> bytes | None:
    """The answer to an operation in the words of `Store`; None: the operation never was."""
    if type_of(body) == "error":
        if body["code"] not in OBSERVED:
            return None
        return ABSENT if operation.startswith(b"read ") else REFUSED
    return _word(body["value"]) if type_of(body) == "read_ok" else DONE


def _word(value: Any) -> bytes:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return msgspec.json.encode(value, order="deterministic").replace(b" ", b"\\u0020")
