"""Counts: a `Counter` that is counted up at the price of a dictionary.

`Counter` brings a `__delitem__` of its own. Assignment and deletion share one slot of a type, so
CPython then looks both up by name, at every assignment: ``counter[key] += 1`` takes twice as long.
What a run counts, it counts several times an event. With the dictionary's own two methods the slot
is the dictionary's own again; only the deletion of what is not there is an error once more.
"""

from collections import Counter
from typing import TypeVar

K = TypeVar("K")


class Counts(Counter[K]):
    """How often each thing was counted; of what was not, 0."""

    __setitem__ = dict.__setitem__
    __delitem__ = dict.__delitem__  # type: ignore[assignment]  # of keys only
