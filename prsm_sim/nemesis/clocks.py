"""Clocks: what a peer's own clocks show while a fault makes them wrong.

A wall clock shows Unix time plus what skews add, plus what drift has accumulated. A drifting
oscillator also drives the peer's timers: a span that it counts out as x takes x / rate of world
time. World time itself (`ctx.now`) stays right.
"""

from typing import TYPE_CHECKING

from prsm_sim.actor.types import PeerId, Seconds
from prsm_sim.internal import NEVER
from prsm_sim.nemesis.tally import Tally

if TYPE_CHECKING:
    from prsm_sim.sim import Sim


class Clock:
    """One peer's wrong clock.

    Attributes:
        skews: what each skew at present adds, s, with its tally.
        drifts: by how much each drift at present is too fast, with its tally.
    """

    def __init__(self) -> None:
        self.skews: list[tuple[Seconds, Tally]] = []
        self.drifts: list[tuple[float, Tally]] = []
        self._gained_s: Seconds = 0.0
        self._since_s: Seconds = 0.0

    @property
    def rate(self) -> float:
        """How many times as fast it runs."""
        rate = 1.0
        for factor, _ in self.drifts:
            rate *= factor
        return rate

    def settle(self, now: Seconds) -> None:
        """Add up what it has gained so far; call it before `drifts` changes."""
        self._gained_s += (now - self._since_s) * (self.rate - 1.0)
        self._since_s = now

    def set_right(self) -> None:
        """Forget what it has gained."""
        self._gained_s = 0.0

    def error_s(self, now: Seconds) -> Seconds:
        """By how much its wall clock is ahead, s."""
        for _, tally in self.skews:
            tally.effect()
        skew_s = sum(by_s for by_s, _ in self.skews)
        return skew_s + self._gained_s + (now - self._since_s) * (self.rate - 1.0)


class Clocks:
    """The wrong clocks of one world; a peer that is not among them has a right one."""

    def __init__(self, sim: "Sim") -> None:
        self._sim = sim
        self._clocks: dict[PeerId, Clock] = {}
        self.drifting = 0
        """How many drifts there are at present."""

    def of(self, peer: PeerId) -> Clock:
        """A peer's clock, from now on kept here."""
        return self._clocks.setdefault(peer, Clock())

    def error_s(self, peer: PeerId) -> Seconds:
        """By how much a peer's wall clock is ahead, s."""
        clock = self._clocks.get(peer)
        return 0.0 if clock is None else clock.error_s(self._sim.now)

    def span_s(self, peer: PeerId, span_s: Seconds) -> Seconds:
        """World time that passes while a peer's clock counts out `span_s`."""
        clock = self._clocks.get(peer)
        if clock is None or not clock.drifts:
            return span_s
        for _, tally in clock.drifts:
            tally.effect()
        return span_s / clock.rate

    def begin_drift(self, peer: PeerId, rate: float, tally: Tally) -> None:
        """Let a peer's clock run `rate` times as fast."""
        clock = self.of(peer)
        clock.settle(self._sim.now)
        self._stretch(peer, rate, tally)
        clock.drifts.append((rate, tally))
        self.drifting += 1
        self._sim.network_changed()  # timers are specialised as links are

    def end_drift(self, peer: PeerId, rate: float, tally: Tally) -> None:
        """End what `begin_drift` began."""
        clock = self.of(peer)
        clock.settle(self._sim.now)
        clock.drifts.remove((rate, tally))
        if not clock.drifts:
            clock.set_right()
        self._stretch(peer, 1.0 / rate, tally)
        self.drifting -= 1
        self._sim.network_changed()

    def _stretch(self, peer: PeerId, rate: float, tally: Tally) -> None:
        """Let what is left of every armed timer pass at another rate."""
        host = self._sim.env.hosts.get(peer)
        if host is None:
            return  # a Sybil attack has yet to bring it
        now, push = self._sim.now, self._sim.env.queue.push
        for timer in (host.timers or {}).values():
            if not now < timer.deadline < NEVER:
                continue
            tally.effect()
            timer.deadline = at = now + (timer.deadline - now) / rate
            if at < timer.queued:  # its entry would find out too late
                timer.queued = at
                push((at, peer, peer, timer))
