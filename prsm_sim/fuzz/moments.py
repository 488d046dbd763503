"""Moments: what a run sent, to whom and when, so that a second run can be struck just there.

A run is determined by its seed and its plan, and a fault changes nothing before it strikes. So what
one run has shown up to a moment happens again when the run is repeated with one fault more at that
moment: the fault meets exactly the message it was aimed at. That is how a crash between two votes
of one peer is found without the luck of guessing its time.
"""

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from prsm_sim.actor.types import Message, PeerId, Seconds

if TYPE_CHECKING:
    from prsm_sim.sim import Sim

MOST = 20_000
"""So many messages of a run are noted."""


class Moment(msgspec.Struct, frozen=True):
    """A message that was sent.

    Attributes:
        time_s: when.
        sender: by whom.
        receiver: to whom.
        kind: name of its type.
        number: of the messages on this link, from 0.
    """

    time_s: Seconds
    sender: PeerId
    receiver: PeerId
    kind: str
    number: int


class Moments:
    """Notes what the peers of one world send; to oneself is not sent.

    Attributes:
        noted: the messages, in the order of sending.
    """

    def __init__(self) -> None:
        self.noted: list[Moment] = []
        self._numbers: Counter[tuple[PeerId, PeerId]] = Counter()

    def watch(self, sim: "Sim") -> None:
        """Note what is sent in a world that is built and not yet run."""
        sim.overhear(lambda ctx, to, message: self._note(sim.now, ctx.id, to, message))

    def _note(self, time_s: Seconds, sender: PeerId, to: PeerId, message: Message) -> None:
        if to == sender or len(self.noted) >= MOST:
            return
        number = self._numbers[sender, to]
        self._numbers[sender, to] = number + 1
        self.noted.append(Moment(time_s, sender, to, type(message).__name__, number))
