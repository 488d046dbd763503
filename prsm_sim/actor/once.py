"""Worked out once: what all actors of one process make of the very same object.

In a simulation a message travels by reference, so four replicas that encode one message encode one
object four times. Messages never change, and what is worked out of one here depends on nothing
else, so the second actor may have the first one's result. Protocol code may not ask for an object's
identity, since it differs from run to run. Here it decides nothing: it only finds a result that
would be the same if it were worked out again. The object is kept as long as its result, so no other
object has its identity meanwhile. An actor that is alone in its process keeps a few results for
nothing.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")
KEPT = 128
"""So many results of each kind are kept, until all are forgotten at once. What replicas have in
hand together is fewer; what lies about for longer only fills the processor's cache."""


class Results(Generic[T, R]):
    """Results by the very object that they were worked out of."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[int, tuple[T, R]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, thing: T) -> R | None:
        """The result kept for this object, if there is one."""
        known = self._known.get(id(thing))
        return None if known is None else known[1]

    def keep(self, thing: T, result: R) -> R:
        """Keep a result, and return it."""
        if len(self._known) >= KEPT:
            self._known.clear()
        self._known[id(thing)] = thing, result
        return result


def once(work: Callable[[T], R]) -> Callable[[T], R]:
    """`work`, done once for each object; only for pure functions of objects that never change."""
    results: Results[T, R] = Results()
    known_of, keep = results._known.get, results.keep

    def remembered(thing: T) -> R:
        known = known_of(id(thing))  # `of`, without a call more
        return keep(thing, work(thing)) if known is None else known[1]

    return remembered
