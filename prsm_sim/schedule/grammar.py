"""The grammar of schedules: for each kind of fault its clauses, and the field that each one fills.

The same table parses and formats, so what is formatted parses back to the same fault.
"""

import re
from typing import Literal, NamedTuple

from prsm_sim.faults import (
    BaseFault,
    byzantine,
    clock,
    messages,
    network,
    population,
    process,
    storage,
)

Form = Literal[
    "seconds", "number", "bytes/s", "name", "names", "groups", "flag", "word", "words", "rounds"
]


class Clause(NamedTuple):
    """One part of a line.

    Attributes:
        word: what it begins with; empty: it follows the kind at once.
        field: what it fills.
        form: how it is written.
    """

    word: str
    field: str
    form: Form


_LINKS = (Clause("from", "senders", "names"), Clause("to", "receivers", "names"))
_PEER = Clause("", "peer", "name")
_RATE = Clause("", "rate", "number")
_FOR = Clause("for", "for_s", "seconds")
_WITHIN = Clause("within", "within_s", "seconds")

KINDS: dict[str, tuple[type[BaseFault], tuple[Clause, ...]]] = {
    "partition": (network.Partition, (Clause("", "groups", "groups"), _FOR)),
    "one_way": (network.OneWay, (*_LINKS, _FOR)),
    "loss": (network.Loss, (_RATE, *_LINKS, _FOR)),
    "delay": (network.Delay, (Clause("", "by_s", "seconds"), *_LINKS, _FOR)),
    "duplication": (network.Duplication, (_RATE, _WITHIN, *_LINKS, _FOR)),
    "reordering": (network.Reordering, (_RATE, _WITHIN, *_LINKS, _FOR)),
    "corruption": (network.Corruption, (_RATE, *_LINKS, _FOR)),
    "clog": (network.Clog, (*_LINKS, _FOR)),
    "throttle": (network.Throttle, (Clause("", "bytes_s", "bytes/s"), *_LINKS, _FOR)),
    "crash": (process.Crash, (_PEER, Clause("with-amnesia", "amnesia", "flag"), _FOR)),
    "pause": (process.Pause, (_PEER, _FOR)),
    "slow": (process.Slow, (_PEER, Clause("by", "by_s", "seconds"), _FOR)),
    "clock_skew": (clock.ClockSkew, (_PEER, Clause("by", "by_s", "seconds"), _FOR)),
    "clock_drift": (clock.ClockDrift, (_PEER, Clause("rate", "rate", "number"), _FOR)),
    "lying_disk": (storage.LyingDisk, (_PEER, _FOR)),
    "torn_writes": (storage.TornWrites, (_PEER, _FOR)),
    "bit_rot": (storage.BitRot, (_PEER, Clause("share", "share", "number"))),
    "churn": (
        population.Churn,
        (
            Clause("", "peers", "names"),
            Clause("up", "up_s", "seconds"),
            Clause("down", "down_s", "seconds"),
            _FOR,
        ),
    ),
    "eclipse": (
        population.Eclipse,
        (Clause("", "victim", "name"), Clause("attackers", "attackers", "names"), _FOR),
    ),
    "sybil": (
        population.Sybil,
        (Clause("like", "like", "name"), Clause("count", "count", "number"), _FOR),
    ),
    "byzantine": (
        byzantine.Byzantine,
        (
            _PEER,
            Clause("", "behaviour", "word"),
            Clause("of", "types", "words"),
            Clause("to", "receivers", "names"),
            Clause("first", "first", "number"),
            Clause("count", "count", "number"),
            Clause("share", "share", "number"),
            Clause("field", "field", "word"),
            Clause("change", "change", "word"),
            Clause("by", "by_s", "seconds"),
            Clause("accomplices", "accomplices", "names"),
            Clause("rounds", "rounds", "rounds"),
            Clause("each", "round_s", "seconds"),
            _FOR,
        ),
    ),
}
"""For each kind the type of its faults and the clauses of its line, after ``at … s kind``."""

DEVIATIONS: dict[str, tuple[type[BaseFault], tuple[Clause, ...]]] = {
    "dropped": (messages.DropMessage, ()),
    "delayed": (messages.DelayMessage, (Clause("", "by_s", "seconds"),)),
    "duplicated": (messages.DuplicateMessage, (Clause("after", "after_s", "seconds"),)),
}
"""What can become of a message: ``message … from … to … dropped``."""

OF = Clause("of", "of", "names")
"""The clause of a named shape that says whom it parts."""
UNITS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
"""Units of time, s."""
EXAMPLES: dict[Form, str] = {
    "seconds": "5 s", "number": "0.5", "bytes/s": "1000 bytes/s", "name": "a peer",
    "names": "some peers", "groups": "groups such as a b | c d", "word": "a word", "words": "words",
}  # fmt: skip
"""What to say to somebody who has left a clause out."""
BARE = re.compile(r'[^\s"|#]+')
"""A name that needs no quotes, unless it is a reserved word."""
RESERVED = frozenset(
    {"at", "message", "from", "to", "/", OF.word, *DEVIATIONS}
    | {clause.word for _, clauses in (*KINDS.values(), *DEVIATIONS.values()) for clause in clauses}
)
MODELS: dict[str, type[BaseFault]] = {
    model.model_fields["kind"].default: model
    for model, _ in (*KINDS.values(), *DEVIATIONS.values())
}
"""Every type of fault, by kind."""
