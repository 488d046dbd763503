"""The wire: where the faults of the network stand, between the links and the queue.

A link that is struck draws the same numbers as a healthy one, in the same order, and hands each
letter to `carry` where it would have pushed it. So faults come on top of the network, and one that
is taken away leaves every other message's delay as it was. Links are made anew when the first fault
strikes and when the last one heals (`prsm_sim.links`), so a whole network pays for none of this.

Single messages are named by their number on their link, and only the links that a deviation names
are counted.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from prsm_sim.actor.types import PeerId
from prsm_sim.engine import Entry
from prsm_sim.faults import DelayMessage, DropMessage, DuplicateMessage
from prsm_sim.nemesis.link_faults import Alteration
from prsm_sim.nemesis.tally import Tally

if TYPE_CHECKING:
    from prsm_sim.sim import Sim

Deviation = DropMessage | DelayMessage | DuplicateMessage
Link = tuple[PeerId, PeerId]


class Wire:
    """The faults that are on all links of one world at present.

    Args:
        sim: the world.
        happened: called with a deviation's tally once its message is sent.
    """

    def __init__(self, sim: "Sim", happened: Callable[[Tally], None]) -> None:
        self._sim = sim
        self._happened = happened
        self._alterations: list[Alteration] = []
        self._waiting: dict[Link, dict[int, list[tuple[Deviation, Tally]]]] = {}
        self._sent: dict[Link, int] = {}
        self._due: list[tuple[Deviation, Tally]] = []

    @property
    def is_struck(self) -> bool:
        """Whether links must hand their letters over."""
        return bool(self._alterations or self._waiting)

    def add(self, alteration: Alteration) -> None:
        """Put an alteration on the wire."""
        was_struck = self.is_struck
        self._alterations.append(alteration)
        self._alterations.sort(key=lambda one: one.rank)
        self._refresh(was_struck)

    def remove(self, alteration: Alteration) -> None:
        """Take an alteration off the wire; what it held back arrives."""
        self._alterations.remove(alteration)
        now, push = self._sim.now, self._sim.env.queue.push
        for at, sender, receiver, message in alteration.release():
            push((max(at, now), sender, receiver, message))
        self._refresh(was_struck=True)

    def expect(self, deviation: Deviation, tally: Tally) -> None:
        """Let a deviation strike its message once that is sent."""
        was_struck = self.is_struck
        link = (deviation.sender, deviation.receiver)
        self._sent.setdefault(link, 0)
        numbers = self._waiting.setdefault(link, {})
        numbers.setdefault(deviation.number, []).append((deviation, tally))
        self._refresh(was_struck)

    def announce(self, sender: PeerId, receiver: PeerId) -> None:
        """A message is sent on a link; `carry` follows for each of its letters, if it has any."""
        self._due = []
        numbers = self._waiting.get((sender, receiver))
        if numbers is None:
            return
        number = self._sent[sender, receiver]
        self._sent[sender, receiver] = number + 1
        self._due = numbers.pop(number, [])
        if not numbers:
            del self._waiting[sender, receiver]

    def carry(self, letter: Entry) -> None:
        """Take a letter over from its link, and push what becomes of it."""
        letters = tuple(self._deviate(letter)) if self._due else (letter,)
        for alteration in self._alterations:
            if len(letters) == 1:  # nearly always, and then it is a third of the price
                letters = tuple(alteration.alter(letters[0]))
            else:
                letters = tuple(result for one in letters for result in alteration.alter(one))
        push = self._sim.env.queue.push
        for one in letters:
            push(one)
        if not (self._alterations or self._waiting):
            self._sim.network_changed()  # that was the last deviation, and no other fault is left

    def _deviate(self, letter: Entry) -> list[Entry]:
        """What the deviations that name this message make of it."""
        at, sender, receiver, message = letter
        is_dropped, copies = False, []
        for deviation, tally in self._due:
            if tally.struck == 0:
                self._happened(tally)
            tally.effect()
            match deviation:
                case DropMessage():
                    is_dropped = True
                    self._sim.drop("deviation")
                case DelayMessage():
                    at += deviation.by_s
                case DuplicateMessage():
                    copies.append(deviation.after_s)
        arrivals = [] if is_dropped else [at, *(at + after_s for after_s in copies)]
        return [(arrives, sender, receiver, message) for arrives in arrivals]

    def _refresh(self, was_struck: bool) -> None:
        if was_struck != self.is_struck:
            self._sim.network_changed()
