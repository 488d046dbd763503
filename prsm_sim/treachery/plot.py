"""A plot: which messages one Byzantine fault strikes, and what comes of it in the counters.

The plot outlives its peer's restarts; an adversary does not forget. Messages are numbered as they
are about to leave, so `first` and `count` of a fault name the same messages whenever the run up to
them is the same: that is what lets a shrinker reduce a behaviour to the one message that matters.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from prsm_sim.actor.actor import Actor
from prsm_sim.actor.context import Context
from prsm_sim.actor.types import Message, PeerId
from prsm_sim.chance import Stream
from prsm_sim.faults.base import FaultStruck
from prsm_sim.faults.byzantine import Byzantine
from prsm_sim.treachery.conspiracy import Conspiracy

if TYPE_CHECKING:
    from prsm_sim.sim import Sim


class Plot:
    """One fault's part in a run.

    Args:
        sim: the world.
        fault: what is to be done.
        number: of this fault among those of its peer.
        conspiracy: the liars it belongs to.
        honest: makes the actor that is corrupted.
    """

    def __init__(
        self,
        sim: "Sim",
        fault: Byzantine,
        number: int,
        conspiracy: Conspiracy,
        honest: Callable[[], Actor],
    ) -> None:
        self.sim = sim
        self.fault = fault
        self.number = number
        self.conspiracy = conspiracy
        self.honest = honest
        self.rng = Stream(sim.seed, fault.peer, "treachery", str(number))
        self.twin_rng = Stream(sim.seed, fault.peer, "twin", str(number))
        self.timer = f"treachery {number}"
        self._ends_s = fault.at_s + fault.for_s if fault.for_s is not None else float("inf")
        self._end = fault.first + fault.count if fault.count is not None else float("inf")
        self._types = frozenset(fault.types)
        self._named = frozenset(fault.receivers)
        self._half: frozenset[PeerId] | None = None
        self._concerned = 0
        self._told = False

    def is_over(self, ctx: Context) -> bool:
        """Whether its time has passed."""
        return ctx.now >= self._ends_s

    def is_done(self, ctx: Context) -> bool:
        """Whether it will strike no more."""
        return self.is_over(ctx) or self._concerned >= self._end

    def is_on(self, ctx: Context) -> bool:
        """Whether this is the time for it."""
        return self.fault.at_s <= ctx.now < self._ends_s

    def concerns(self, ctx: Context, to: PeerId, message: Message) -> bool:
        """Whether this message is one of those that may be struck."""
        if not self.is_on(ctx) or to == ctx.id:
            return False
        if self._types and type(message).__name__ not in self._types:
            return False
        if self._named:
            return to in self._named
        return to not in self.conspiracy.members

    def counts(self) -> bool:
        """Number one more message that is concerned; whether it is struck."""
        number, fault = self._concerned, self.fault
        self._concerned += 1
        if not fault.first <= number < self._end:
            return False
        return fault.share >= 1.0 or self.rng.random() < fault.share

    def half(self, ctx: Context) -> frozenset[PeerId]:
        """Those who hear the second story: the named receivers, or every second honest peer."""
        if self._named:
            return self._named
        if self._half is None:
            exposure, members = self.sim.exposure, self.conspiracy.members
            honest = [one for one in exposure.peers or ctx.peers if one not in members | {ctx.id}]
            self._half = frozenset((*honest[1::2], *exposure.bystanders[1::2]))
        return self._half

    def struck(self) -> None:
        """Tell the world that a message has really been altered."""
        observatory, behaviour = self.sim.observatory, self.fault.behaviour
        observatory.faults_struck["byzantine"] += 1
        observatory.counters[f"fault effect: byzantine {behaviour}"] += 1
        if not self._told:
            self._told = True
            self.sim.tell("", FaultStruck("byzantine", f"{self.fault.peer}: {behaviour}"))
