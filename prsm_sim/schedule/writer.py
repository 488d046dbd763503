"""Faults as lines."""

import json
from collections.abc import Iterable
from typing import Any

from prsm_sim.faults import BaseFault, Fault
from prsm_sim.schedule.grammar import BARE, DEVIATIONS, KINDS, RESERVED, Clause, Form


def format_fault(fault: Fault) -> str:
    """A fault as one line, which parses back to the same fault."""
    for outcome, (model, clauses) in DEVIATIONS.items():
        if isinstance(fault, model):
            named = fault.model_dump()
            link = f"from {_name(named['sender'])} to {_name(named['receiver'])}"
            return " ".join([f"message {named['number']} {link} {outcome}", *_say(fault, clauses)])
    _, clauses = KINDS[fault.kind]
    at_s = fault.model_dump()["at_s"]
    kind = fault.kind.replace("_", "-")
    return " ".join([f"at {_number(at_s)} s {kind}", *_say(fault, clauses)])


def format_schedule(faults: Iterable[Fault]) -> str:
    """Faults as lines, in the order given."""
    return "".join(format_fault(fault) + "\n" for fault in faults)


def _say(fault: BaseFault, clauses: Iterable[Clause]) -> list[str]:
    """The clauses of whatever is not at its default."""
    parts = []
    for clause in clauses:
        value = getattr(fault, clause.field)
        field = type(fault).model_fields[clause.field]
        if field.is_required() or value != field.default:
            parts += [clause.word] * bool(clause.word) + [_written(value, clause.form)]
    return [part for part in parts if part]


def _written(value: Any, form: Form) -> str:
    match form:
        case "seconds":
            return f"{_number(value)} s"
        case "number":
            return _number(value)
        case "bytes/s":
            return f"{_number(value)} bytes/s"
        case "name" | "word":
            return _name(value)
        case "names" | "words":
            return " ".join(map(_name, value))
        case "groups":
            groups = [" ".join(map(_name, group)) for group in value]
            return " ".join(filter(None, (part for group in groups for part in ("|", group))))[2:]
        case "rounds":
            return " / ".join(_written(sides, "groups") for sides in value)
        case "flag":
            return ""


def _number(value: float) -> str:
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _name(name: str) -> str:
    is_bare = BARE.fullmatch(name) and name not in RESERVED
    return name if is_bare else json.dumps(name)
