"""The bank's book: dated orders in columns, which are sorted and cut as a whole.

Orders come in by the thousand and each is looked at once. One object an order would cost more than
what is done with it; columns are filled, put in order and cut by a few calls each.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prsm_sim.actor import Message, PeerId

Dates = npt.NDArray[np.float64]


class Orders(Message, frozen=True):
    """Let the sender meet `others`, each at its date.

    Attributes:
        dates: in steps; its whole part is the step's number.
        others: as many names.
        draws: as many draws for the rule, or none where it needs none.
    """

    dates: tuple[float, ...]
    others: tuple[PeerId, ...]
    draws: tuple[int, ...] = ()


class Due(NamedTuple):
    """Orders to be carried out, by date; the columns are equally long.

    Attributes:
        acting: who acts.
        others: whom each meets.
        draws: for the rule, 0 where it needs none.
    """

    acting: list[PeerId]
    others: list[PeerId]
    draws: list[int]


class Book:
    """Orders that have not been carried out."""

    def __init__(self) -> None:
        self._dates: Dates = np.empty(0)
        self._acting: list[PeerId] = []
        self._others: list[PeerId] = []
        self._draws: list[int] = []
        self._new: list[float] = []
        """Dates of orders that are in no order yet."""

    def enter(self, acting: PeerId, orders: Orders) -> None:
        """Add the orders of one agent; a letter whose columns differ in length is not read."""
        count = len(orders.dates)
        draws = orders.draws or (0,) * count
        if not len(orders.others) == len(draws) == count:
            return
        self._new += orders.dates
        self._acting += (acting,) * count
        self._others += orders.others
        self._draws += draws

    def take(self, end: int) -> Due:
        """Remove what is dated before `end`, and return it by date."""
        if self._new:
            self._sort()
        count = int(np.searchsorted(self._dates, end))
        due = Due(self._acting[:count], self._others[:count], self._draws[:count])
        self._dates = self._dates[count:]
        del self._acting[:count], self._others[:count], self._draws[:count]
        return due

    def _sort(self) -> None:
        """By date, and of equal dates the one that came first."""
        dates = np.concatenate([self._dates, np.array(self._new, dtype=np.float64)])
        order = np.argsort(dates, kind="stable")
        self._dates, self._new = dates[order], []
        places = order.tolist()
        self._acting = list(map(self._acting.__getitem__, places))
        self._others = list(map(self._others.__getitem__, places))
        self._draws = list(map(self._draws.__getitem__, places))
