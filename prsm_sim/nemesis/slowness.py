"""Slowness: a peer that works on one thing at a time, and each takes it a while.

It is one more condition of a peer (`prsm_sim.dispatch`): whatever arrives goes into a queue, and
comes out when the peer gets to it. Only then does it meet the condition that the peer is really in,
running or busy.
"""

from collections import deque
from typing import TYPE_CHECKING, Any

from prsm_sim.actor.actor import Actor
from prsm_sim.actor.types import PeerId, Seconds
from prsm_sim.dispatch import Same
from prsm_sim.internal import Timer, TimerFired
from prsm_sim.nemesis.tally import Tally
from prsm_sim.process import SimContext

if TYPE_CHECKING:
    from prsm_sim.sim import Sim


class Slowness:
    """One slow peer, and what waits for it."""

    def __init__(self, sim: "Sim", peer: SimContext, by_s: Seconds, tally: Tally) -> None:
        self._sim = sim
        self._peer = peer
        self._by_s = by_s
        self._tally = tally
        self._waiting: deque[tuple[Seconds, PeerId, Any]] = deque()

    def take(self, sender: PeerId, message: object) -> None:
        """Something arrives."""
        begins_s = self._waiting[-1][0] if self._waiting else self._sim.now
        done_s = max(begins_s, self._sim.now) + self._by_s
        self._waiting.append((done_s, sender, message))
        self._tally.effect()
        self._sim.at(done_s, f"slow {self._peer.id}", self.work)

    def work(self) -> None:
        """Handle what is due, unless the peer is paused; it works again when it goes on."""
        peer = self._peer
        while self._waiting and peer.held is None and self._waiting[0][0] <= self._sim.now:
            _, sender, message = self._waiting.popleft()
            peer.enter(peer.wakeful())
            peer.take(sender, message)
            peer.enter(self._sim.slow)

    def forget(self) -> None:
        """The peer crashes."""
        self._waiting.clear()

    def end(self) -> None:
        """The fault heals: the peer catches up."""
        waiting, peer = list(self._waiting), self._peer
        self._waiting.clear()
        del self._sim.slowed[peer.id]
        if peer.held is not None:
            peer.held[:0] = [(sender, message) for _, sender, message in waiting]
            return
        if peer.actor is None:
            return
        peer.enter(peer.wakeful())
        for _, sender, message in waiting:
            peer.take(sender, message)


def _wait(actor: Actor, ctx: SimContext, sender: PeerId, message: Any) -> None:
    ctx.sim.slowed[ctx.id].take(sender, message)


def _wait_timer(actor: Actor, ctx: SimContext, sender: PeerId, timer: Timer) -> None:
    if ctx.sim.is_due(ctx.id, timer):
        _wait(actor, ctx, sender, TimerFired(timer, timer.deadline))


SLOW = Same(_wait, {Timer: _wait_timer})
