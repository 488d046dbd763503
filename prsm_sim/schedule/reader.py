"""Lines as faults, or as one line of help: what is wrong, and the nearest right word."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from pydantic import ValidationError

from prsm_sim.actor.errors import UserError
from prsm_sim.faults import SHAPES, BaseFault, Fault, peers_of, shaped_partition
from prsm_sim.parameters import did_you_mean, explain, problems
from prsm_sim.schedule.grammar import (
    DEVIATIONS,
    EXAMPLES,
    KINDS,
    MODELS,
    OF,
    RESERVED,
    UNITS,
    Clause,
)

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\||#.*|[^\s"|#]+|"')
_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)([a-z/]*)")


class _Cast(NamedTuple):
    """Who can be named: those that a named shape parts, and the others."""

    peers: Sequence[str]
    bystanders: Sequence[str]

    def everybody(self) -> tuple[str, ...]:
        return (*self.peers, *self.bystanders)


def parse_schedule(
    text: str, peers: Sequence[str], bystanders: Sequence[str] = ()
) -> tuple[Fault, ...]:
    """The faults that `text` describes, one a line.

    Args:
        text: lines as above; empty ones and comments after ``#`` are skipped.
        peers: the peers that named shapes of partitions part, in the order that these go by.
        bystanders: other peers that a line may name; named shapes leave them in touch with all.

    Raises:
        UserError: ``line 3: what is wrong; did you mean …?``.
    """
    faults = []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            faults += _read(line, _Cast(peers, bystanders))
        except UserError as error:
            raise UserError(f"line {number}: {error}") from error
    return tuple(faults)


def parse_entry(
    entry: str | Mapping[str, Any], peers: Sequence[str], bystanders: Sequence[str] = ()
) -> Fault:
    """One entry of a list of faults in YAML: a mapping with its `kind`, or a line.

    Raises:
        UserError: what is wrong, without saying where.
    """
    cast_of = _Cast(peers, bystanders)
    if not isinstance(entry, str):
        return _known(_of_mapping(entry), cast_of)
    faults = _read(entry, cast_of)
    if not faults:
        raise UserError("an empty line is no fault; take it out")
    return faults[0]


class _Words:
    """The words of one line, and how far it has been read."""

    def __init__(self, line: str) -> None:
        self._tokens = [token for token in _TOKEN.findall(line) if not token.startswith("#")]
        if '"' in self._tokens:
            raise UserError(f"a double quote is not closed in {line.strip()!r}")
        self._at = 0

    def next(self) -> str:
        """The next word as it is written; empty at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def take(self) -> str:
        """Take the next word, out of its quotes."""
        token = self.next()
        self._at += 1
        if not token.startswith('"'):
            return token
        try:
            return str(json.loads(token))
        except json.JSONDecodeError as error:
            raise UserError(f"broken text in quotes, {token}: {error.msg}") from error

    def is_value(self) -> bool:
        """Whether the next word is none that begins a clause or ends a list."""
        return self.next() not in ("", "|") and self.next() not in RESERVED

    def expect(self, word: str, example: str) -> None:
        """Take `word`."""
        if self.next() != word:
            raise UserError(f"expected {word!r}, as in {example!r}, and found {self.next()!r}")
        self.take()

    def number(self, what: str, units: dict[str, float]) -> float:
        """Take a number and its unit, if it has one."""
        token = self.take()
        match = _NUMBER.fullmatch(token)
        if match is None:
            raise UserError(f"{what} is a number, and {token!r} is none")
        value, unit = float(match[1]), match[2]
        if not unit and self.next() in units:
            unit = self.take()
        if unit and unit not in units:
            raise UserError(f"{what}: no unit is called {unit!r}{did_you_mean(unit, list(units))}")
        return value * units[unit] if unit else value

    def names(self) -> tuple[str, ...]:
        """Take all names up to the next clause."""
        names = []
        while self.is_value():
            names.append(self.take())
        return tuple(names)

    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Take groups of names with bars between them."""
        groups = [self.names()]
        while self.next() == "|":
            self.take()
            groups.append(self.names())
        return tuple(groups)


def _read(line: str, cast_of: _Cast) -> list[Fault]:
    """The fault of one line, if there is one."""
    words = _Words(line)
    if not words.next():
        return []
    first = words.take()
    if first == "message":
        return [_known(_of_message(words), cast_of)]
    if first == "at":
        return [_known(_of_time(words, cast_of), cast_of)]
    near = did_you_mean(first, ["at", "message"])
    raise UserError(f"a line begins with 'at' or 'message', and not with {first!r}{near}")


def _of_time(words: _Words, cast_of: _Cast) -> Fault:
    at_s = words.number("the time after 'at'", UNITS)
    kind = words.take().replace("-", "_")
    if kind not in KINDS:
        shown = [name.replace("_", "-") for name in KINDS]
        near = did_you_mean(kind.replace("_", "-"), shown)
        raise UserError(f"no fault is called {kind.replace('_', '-')!r}{near}")
    model, clauses = KINDS[kind]
    is_shape = kind == "partition"
    values = _clauses(words, kind, (*clauses, OF) if is_shape else clauses)
    groups = values.get("groups")
    if is_shape and groups is not None and len(groups) == 1:
        _require(kind, model, clauses, values)
        return _shape(groups[0], values, at_s, cast_of)
    if "of" in values:
        raise UserError("'of' goes with a shape, such as 'partition halves of a b c d'")
    _require(kind, model, clauses, values)
    return _build(model, values | {"at_s": at_s})


def _shape(said: tuple[str, ...], values: dict[str, Any], at_s: float, cast_of: _Cast) -> Fault:
    shape, *one = said or ("",)
    if shape not in SHAPES or len(one) > 1:
        near = did_you_mean(shape, list(SHAPES))
        raise UserError(
            f"no partition has the shape {' '.join(said)!r}{near} Or name groups: a b | c d"
        )
    parted = values.get("of", tuple(cast_of.peers))
    others = [peer for peer in cast_of.everybody() if peer not in parted]
    for_s = values["for_s"]
    if not for_s > 0:
        raise UserError(f"for_s: {for_s} is out of range, it must be above 0")
    return shaped_partition(
        shape, parted, at_s=at_s, for_s=for_s, peer=one[0] if one else None, bystanders=others
    )


def _of_message(words: _Words) -> Fault:
    example = "message 3 from a to b dropped"
    number = words.number("the number after 'message'", {})
    words.expect("from", example)
    sender = words.take()
    words.expect("to", example)
    receiver = words.take()
    outcome = words.take()
    if outcome not in DEVIATIONS:
        near = did_you_mean(outcome, list(DEVIATIONS))
        raise UserError(f"a message cannot be {outcome!r}{near}")
    model, clauses = DEVIATIONS[outcome]
    values = _clauses(words, outcome, clauses)
    _require(outcome, model, clauses, values)
    return _build(model, values | {"sender": sender, "receiver": receiver, "number": number})


def _clauses(words: _Words, kind: str, clauses: tuple[Clause, ...]) -> dict[str, Any]:
    """The values of all clauses up to the end of the line."""
    values: dict[str, Any] = {}
    for clause in clauses:
        if not clause.word and (words.is_value() or words.next() == "|"):
            values[clause.field] = _value(words, clause, kind)
    by_word = {clause.word: clause for clause in clauses if clause.word}
    while words.next():
        word = words.take()
        found = by_word.get(word)
        if found is None:
            near = did_you_mean(word, list(by_word))
            raise UserError(f"{word!r} is no part of {kind.replace('_', '-')!r}{near}")
        if found.field in values:
            raise UserError(f"{word!r} is said twice")
        values[found.field] = _value(words, found, kind)
    return values


def _value(words: _Words, clause: Clause, kind: str) -> Any:
    what = f"what follows {(clause.word or kind.replace('_', '-'))!r}"
    match clause.form:
        case "seconds":
            return words.number(what, UNITS)
        case "number":
            return words.number(what, {})
        case "bytes/s":
            return words.number(what, {"bytes/s": 1.0})
        case "flag":
            return True
        case "groups":
            return words.groups()
        case "rounds":
            rounds = [words.groups()]
            while words.next() == "/":
                words.take()
                rounds.append(words.groups())
            return tuple(rounds)
        case "names" | "words":
            return words.names()
        case "name" | "word":
            if not words.is_value():
                raise UserError(f"{what} is missing: say {EXAMPLES[clause.form]}")
            return words.take()


def _require(
    kind: str, model: type[BaseFault], clauses: Iterable[Clause], values: dict[str, Any]
) -> None:
    for clause in clauses:
        if clause.field not in values and model.model_fields[clause.field].is_required():
            example = f"{clause.word} {EXAMPLES[clause.form]}".strip()
            raise UserError(f"{kind.replace('_', '-')!r} needs more: say {example!r}")


def _of_mapping(values: Mapping[str, Any]) -> Fault:
    kind = str(values.get("kind", ""))
    if kind not in MODELS:
        raise UserError(f"no kind of fault is called {kind!r}{did_you_mean(kind, list(MODELS))}")
    return _build(MODELS[kind], values)


def _build(model: type[BaseFault], values: Mapping[str, Any]) -> Fault:
    try:
        return cast(Fault, model.model_validate(values))
    except ValidationError as error:
        raise UserError(explain(model, problems(error)[0])) from error


def _known(fault: Fault, cast_of: _Cast) -> Fault:
    """The fault, if every peer it names exists, or comes with a Sybil attack."""
    peers = cast_of.everybody()
    if not peers:  # nobody is known here; the world itself checks the names
        return fault
    for name in peers_of(fault):
        original, _, number = name.rpartition("~")
        if name not in peers and not (original in peers and number.isdigit()):
            raise UserError(f"no peer is called {name!r}{did_you_mean(name, peers)}")
    return fault
