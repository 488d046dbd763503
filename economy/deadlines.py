"""Asking a heap of deadlines when the next one is.

A mechanism keeps its deadlines in a heap of pairs, the instant and whose it is. Two kinds of entry
make the first of them a bad answer. One that could not be met (the ledger would not pay) stays in
the heap with its old instant, to be tried again. And one that was overtaken (what it was about has
ended, or has a later deadline) stays until it comes up, because a heap cannot be searched. The
latter must never be seen from outside: a mechanism that was restored from its state does not have
them, and it has to do the same things at the same instants as one that has.
"""

from collections.abc import Callable
from heapq import heappop
from typing import TypeAlias

Deadline: TypeAlias = tuple[int, int]
"""An instant of ledger time in ms, and the number of what is due then."""


def next_after(
    deadlines: list[Deadline], after_ms: int, is_live: Callable[[Deadline], bool]
) -> int | None:
    """The earliest live deadline that is later than `after_ms`, or None.

    It takes O(log n), amortised, unless live ones up to `after_ms` are still there: then O(n).

    Args:
        deadlines: a heap; entries that are not live may be dropped from it.
        after_ms: an instant.
        is_live: whether an entry still means something.
    """
    while deadlines and not is_live(deadlines[0]):
        heappop(deadlines)
    if not deadlines:
        return None
    if deadlines[0][0] > after_ms:
        return deadlines[0][0]
    later = (entry[0] for entry in deadlines if entry[0] > after_ms and is_live(entry))
    return min(later, default=None)
