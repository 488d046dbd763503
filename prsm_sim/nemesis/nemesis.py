"""When faults strike and heal.

A fault is scheduled by two actions of the world, and what they do depends on its kind. A fault that
finds nothing to strike (a crash of a peer that is down already) does not count as struck, and does
not heal: whoever took a peer down brings it back.

Draws belong to a fault by its kind, its peers and the time at which it strikes, so one fault more
or less shifts none of the others'.
"""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from prsm_sim.actor.errors import UserError
from prsm_sim.actor.types import PeerId
from prsm_sim.chance import Stream
from prsm_sim.faults import (
    BitRot,
    Byzantine,
    Churn,
    ClockDrift,
    ClockSkew,
    Crash,
    DelayMessage,
    DropMessage,
    DuplicateMessage,
    Fault,
    FaultHealed,
    FaultStruck,
    LyingDisk,
    Pause,
    Slow,
    Sybil,
    TornWrites,
    peers_of,
    target_of,
)
from prsm_sim.faults.population import sybils_of
from prsm_sim.nemesis.link_faults import Draws, NetworkFault, alteration_of
from prsm_sim.nemesis.population import Churning, Crowd
from prsm_sim.nemesis.process_faults import begin_crash, begin_pause, begin_slow, host_of
from prsm_sim.nemesis.tally import Tally
from prsm_sim.nemesis.wire import Deviation, Wire
from prsm_sim.store import Ailments
from prsm_sim.treachery import corrupt

if TYPE_CHECKING:
    from prsm_sim.sim import Sim

Action = Callable[[], None]
Lasting = NetworkFault | Churn | ClockSkew | ClockDrift | LyingDisk | TornWrites


class Nemesis:
    """Strikes one simulated world.

    Attributes:
        tallies: one a scheduled fault, in the order of scheduling.
        wire: the faults of the network that are on at present.
    """

    def __init__(self, sim: "Sim") -> None:
        self._sim = sim
        self._equals: Counter[tuple[str, str, str]] = Counter()
        self.tallies: list[Tally] = []
        self.wire = Wire(sim, self._happened)

    def without_effect(self) -> list[Fault]:
        """The faults that struck and made no difference to anything."""
        return [tally.fault for tally in self.tallies if tally.struck and not tally.effects]

    def schedule(self, fault: Fault) -> None:
        """Let a fault strike at its time.

        Raises:
            UserError: it names an unknown peer, or a message when the run has begun.
        """
        for name in peers_of(fault):
            self._check(name)
        tally = Tally(fault, self._sim.observatory.counters)
        self.tallies.append(tally)
        match fault:
            case DropMessage() | DelayMessage() | DuplicateMessage():
                self._expect(fault, tally)
            case Byzantine():
                corrupt(self._sim, fault)
            case Crash():
                self._occupy(fault, lambda: begin_crash(self._sim, self, fault, tally))
            case Pause():
                self._occupy(fault, lambda: begin_pause(self._sim, self, fault, tally))
            case Slow():
                self._occupy(fault, lambda: begin_slow(self._sim, self, fault, tally))
            case BitRot():
                self._schedule_rot(fault, tally)
            case Sybil():
                self._schedule_crowd(fault, tally)
            case Churn():
                names = {peer: self._names(fault, peer) for peer in fault.peers}
                churning = Churning(self._sim, fault, tally, names)
                self._last(fault, tally, churning.begin, churning.end)
            case ClockSkew() | ClockDrift():
                self._schedule_clock(fault, tally)
            case LyingDisk() | TornWrites():
                self._schedule_disk(fault, tally)
            case _:
                self._schedule_network(fault, tally)

    def strike(self, tally: Tally) -> None:
        """Tell that a fault strikes, before it does, so that the trace reads in order."""
        tally.struck += 1
        self._sim.observatory.faults_struck[tally.fault.kind] += 1
        self._sim.tell("", FaultStruck(tally.fault.kind, target_of(tally.fault)))

    def heal(self, fault: Fault) -> None:
        """Tell that a fault has healed, or does so now."""
        self._sim.tell("", FaultHealed(fault.kind, target_of(fault)))

    def _happened(self, tally: Tally) -> None:
        """A fault of one message strikes, and with that it is over."""
        self.strike(tally)
        self.heal(tally.fault)

    def _check(self, name: PeerId) -> None:
        coming = (sybils_of(fault) for fault in self._sim.faults if isinstance(fault, Sybil))
        if not any(name in names for names in coming):
            self._sim.peer(name)

    def _names(self, fault: Fault, *peers: PeerId) -> tuple[str, ...]:
        """The names of a fault's streams; they stay the same if it is made weaker or shorter."""
        key = (fault.kind, repr(getattr(fault, "at_s", 0.0)), " ".join(peers or peers_of(fault)))
        before = self._equals[key]
        self._equals[key] += 1
        return ("fault", *key, str(before))

    def _last(self, fault: Lasting, tally: Tally, strike: Action, heal: Action) -> None:
        """Schedule a fault that always finds something to strike."""

        def begin() -> None:
            self.strike(tally)
            strike()

        def end() -> None:
            heal()
            self.heal(fault)

        self._sim.at(fault.at_s, fault.kind, begin)
        if fault.for_s is not None:
            self._sim.at(fault.at_s + fault.for_s, f"heal {fault.kind}", end)

    def _occupy(self, fault: Crash | Pause | Slow, attempt: Callable[[], Action | None]) -> None:
        """Schedule a fault of a process; `attempt` returns what heals it, if it struck."""
        healing: list[Action] = []

        def begin() -> None:
            heal = attempt()
            if heal is not None:
                healing.append(heal)

        def end() -> None:
            for heal in healing:
                heal()

        self._sim.at(fault.at_s, f"{fault.kind} {fault.peer}", begin)
        if fault.for_s is not None:
            self._sim.at(fault.at_s + fault.for_s, f"heal {fault.kind} {fault.peer}", end)

    def _expect(self, fault: Deviation, tally: Tally) -> None:
        if self._sim.events:
            raise UserError(
                f"{target_of(fault)}: the run has begun, and messages are counted from its start; "
                "schedule this fault before"
            )
        self.wire.expect(fault, tally)

    def _schedule_network(self, fault: NetworkFault, tally: Tally) -> None:
        draws = Draws(self._sim.seed, *self._names(fault))
        alteration = alteration_of(fault, tally, draws, self._sim)
        self._last(
            fault,
            tally,
            lambda: self.wire.add(alteration),
            lambda: self.wire.remove(alteration),
        )

    def _schedule_clock(self, fault: ClockSkew | ClockDrift, tally: Tally) -> None:
        clocks = self._sim.clocks
        if isinstance(fault, ClockSkew):
            skew = (fault.by_s, tally)
            skews = clocks.of(fault.peer).skews
            self._last(fault, tally, lambda: skews.append(skew), lambda: skews.remove(skew))
        else:
            drift = (fault.peer, fault.rate, tally)
            self._last(
                fault,
                tally,
                lambda: clocks.begin_drift(*drift),
                lambda: clocks.end_drift(*drift),
            )

    def _schedule_disk(self, fault: LyingDisk | TornWrites, tally: Tally) -> None:
        def ailing() -> list[Callable[[int], None]]:
            store = self._sim.peer(fault.peer).store
            if store.ailments is None:
                store.ailments = Ailments()
            is_lie = isinstance(fault, LyingDisk)
            return store.ailments.lies if is_lie else store.ailments.tears

        count = tally.effect
        self._last(
            fault,
            tally,
            lambda: ailing().append(count),
            lambda: ailing().remove(count),
        )

    def _schedule_rot(self, fault: BitRot, tally: Tally) -> None:
        names = self._names(fault)

        def stream_of(key: str) -> Stream:
            return Stream(self._sim.seed, fault.peer, *names, key)

        def rot() -> None:
            host = host_of(self._sim, fault.peer)
            rotten = 0 if host is None else host.store.rot(fault.share, stream_of)
            if rotten:
                self.strike(tally)
                tally.effect(rotten)

        self._sim.at(fault.at_s, f"bit rot {fault.peer}", rot)

    def _schedule_crowd(self, fault: Sybil, tally: Tally) -> None:
        draws = Draws(self._sim.seed)
        crowd = Crowd(self._sim, fault)
        watching = alteration_of(fault, tally, draws, self._sim)

        def begin() -> None:
            if crowd.arrive():
                self.strike(tally)
                self.wire.add(watching)

        def end() -> None:
            if crowd.depart():
                self.wire.remove(watching)
                self.heal(fault)

        self._sim.at(fault.at_s, f"sybil {fault.like}", begin)
        if fault.for_s is not None:
            self._sim.at(fault.at_s + fault.for_s, f"heal sybil {fault.like}", end)
