"""Checkers as automata: a checker's state belongs to the state of the world.

A checker remembers what it has seen, so it is explored as a peer is: each of its states has a
number, a fact leads from one to the next, and that step is taken once, on a copy. Checkers that
share an object (one fills a table, another reads it) are copied together, as one *watch*.

Whether two steps of different peers may be swapped depends on the checkers too. If a checker judges
facts of both, their order may decide, and the two steps do not commute. Some checkers are
*indifferent*: they give the same verdict however the facts of different peers interleave. Those of
the project that are such are known here; others say so with an attribute ``indifferent = True``.
"""

import copy
from collections.abc import Sequence
from typing import NamedTuple

from prsm_sim.actor.errors import UserError
from prsm_sim.actor.types import Fact, PeerId
from prsm_sim.checker import Agreement, Always, Checker, Order
from prsm_sim.explore.canonical import Canonical, canonical, digest

FOR_EVER = float("inf")
"""The time at which a world that has come to rest is judged."""


def is_indifferent(checker: Checker) -> bool:
    """Whether the verdict does not depend on how the facts of different peers interleave."""
    return type(checker) in (Agreement, Order, Always) or getattr(checker, "indifferent", False)


def judges_the_end(checker: Checker) -> bool:
    """Whether the checker has something to say of a world that has come to rest."""
    return type(checker).finish is not Checker.finish


def essence(checker: Checker, *, plainly: bool = False) -> object:
    """What of a checker's memory decides its verdicts; `plainly`: all of it, as it is."""
    if plainly:
        return vars(checker)
    if hasattr(checker, "canonical_state"):
        return checker
    memory = {name: value for name, value in vars(checker).items() if name != "evaluations"}
    if type(checker) is Agreement:
        # Who filled a slot first does not matter, nor in which order slots were filled.
        slots = memory.pop("_first").items()
        memory["_first"] = sorted(canonical((slot, value)) for slot, (_, value) in slots)
    elif type(checker) is Order:
        memory["_last"] = sorted(memory["_last"].items())
    return type(checker), memory


def watches_of(checkers: Sequence[Checker]) -> "list[Watch]":
    """The checkers in as many groups as share nothing with each other, in their order."""
    groups: list[tuple[list[int], set[int]]] = []
    for index, checker in enumerate(checkers):
        writer = Canonical()
        writer.write(essence(checker, plainly=True))
        indices, addresses = [index], writer.addresses()
        for group in [group for group in groups if group[1] & addresses]:
            groups.remove(group)
            indices += group[0]
            addresses |= group[1]
        groups.append((sorted(indices), addresses))
    groups.sort(key=lambda group: group[0])
    return [Watch(tuple(checkers[index] for index in indices)) for indices, _ in groups]


class Complaint(NamedTuple):
    """What is wrong, and which checker says so."""

    wrong: str
    by: str


class Watch:
    """The states of one checker, or of several that share something.

    Args:
        checkers: as the scenario made them; they are never changed.

    Attributes:
        facts: the types of facts they judge.
        indifferent: the order of facts of different peers does not matter to any of them.
        judges_the_end: one of them has something to say of a world that has come to rest.
    """

    def __init__(self, checkers: tuple[Checker, ...]) -> None:
        self.facts = {fact_type for checker in checkers for fact_type in checker.facts}
        self.indifferent = all(map(is_indifferent, checkers))
        self.judges_the_end = any(map(judges_the_end, checkers))
        self._states = [checkers]
        self._digests = [self._digest(checkers)]
        self._numbers = {self._digests[0]: 0}
        self._steps: dict[tuple[int, PeerId, bytes], tuple[int, Complaint | None]] = {}
        self._ends: dict[int, Complaint | None] = {}

    def step(
        self, state: int, peer: PeerId, fact: Fact, key: bytes
    ) -> tuple[int, Complaint | None]:
        """The state after a fact, and what is wrong; `key` stands for the fact."""
        known = self._steps.get((state, peer, key))
        if known is None:
            checkers = copy.deepcopy(self._states[state])
            complaint: Complaint | None = None
            for checker in checkers:
                if type(fact) in checker.facts and complaint is None:
                    wrong = checker.observe(0.0, peer, fact)
                    complaint = None if wrong is None else Complaint(wrong, checker.name)
            self._must_be_untouched(state)
            known = self._steps[state, peer, key] = (self._number(checkers), complaint)
        return known

    def end(self, state: int) -> Complaint | None:
        """What is wrong with a world that has come to rest in this state."""
        if state not in self._ends:
            self._ends[state] = None
            for checker in copy.deepcopy(self._states[state]):
                wrong = checker.finish(FOR_EVER)
                if wrong is not None and self._ends[state] is None:
                    self._ends[state] = Complaint(wrong, checker.name)
            self._must_be_untouched(state)
        return self._ends[state]

    def _number(self, checkers: tuple[Checker, ...]) -> int:
        reached = self._digest(checkers)
        number = self._numbers.setdefault(reached, len(self._states))
        if number == len(self._states):
            self._states.append(checkers)
            self._digests.append(reached)
        return number

    @staticmethod
    def _digest(checkers: tuple[Checker, ...]) -> bytes:
        return digest([essence(checker) for checker in checkers])

    def _must_be_untouched(self, state: int) -> None:
        if self._digest(self._states[state]) != self._digests[state]:
            names = ", ".join(checker.name for checker in self._states[state])
            raise UserError(
                f"the checker {names} keeps what it remembers outside itself, where it cannot "
                "be taken back; keep it in attributes of the checker"
            )
