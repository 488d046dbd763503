"""The timeline of a run: which message left when, and whether and when it arrived.

The recorded events know only arrivals. For a diagram a trial is run once more with its contexts
watched: each `send` and `broadcast` is noted, then handed on unchanged, so the run goes the same
way. A message travels by reference; each is sent as a copy of its own, so that an arrival's
departure can be told apart from all others, even from those of the same message sent again.
"""

from collections import defaultdict, deque
from typing import Any

import msgspec

from prsm_sim.actor.types import Fact, Message, PeerId, Seconds
from prsm_sim.faults import FaultHealed, FaultStruck
from prsm_sim.fuzz.trial import EVENTS_LIMIT, Trial, conclude
from prsm_sim.internal import Start, Timer
from prsm_sim.parameters import build_parameters
from prsm_sim.scenario import Scenario
from prsm_sim.sim import Sim


class Flight(msgspec.Struct):
    """A message on its way.

    Attributes:
        sent_s: when it left.
        arrived_s: when it arrived; None: it never did.
        under_way: it had not arrived yet when the run ended.
        again: it is a second arrival of one that has arrived before.
    """

    sender: PeerId
    receiver: PeerId
    kind: str
    sent_s: Seconds
    arrived_s: Seconds | None = None
    under_way: bool = False
    again: bool = False


class Mark(msgspec.Struct, frozen=True):
    """Something that happened at one peer: a timer, a start, a fact; or a fault that struck.

    Attributes:
        peer: where; empty: in the world as a whole.
        time_s: when.
        text: what, in a few words.
        fault: the kind of fault; empty: it is none.
    """

    peer: PeerId
    time_s: Seconds
    text: str
    fault: str = ""


class Timeline(msgspec.Struct):
    """All flights in order of departure, and all marks in order of time.

    Attributes:
        peers: everybody, sorted.
        end_s: when the run ended.
        digest: of the run, the same as that of the trial.
    """

    peers: tuple[PeerId, ...]
    flights: list[Flight]
    marks: list[Mark]
    end_s: Seconds
    digest: str


class _Watcher:
    """Notes departures, arrivals and facts."""

    def __init__(self) -> None:
        self.flights: list[Flight] = []
        self.marks: list[Mark] = []
        self._open: defaultdict[tuple[PeerId, PeerId, int], deque[Flight]] = defaultdict(deque)
        self._arrived: dict[tuple[PeerId, PeerId, int], Flight] = {}
        self._alive: list[Message] = []

    def departs(self, now_s: Seconds, sender: PeerId, receiver: PeerId, message: Message) -> None:
        """A message leaves; it is kept alive, so that its identity stays its own."""
        flight = Flight(sender, receiver, type(message).__name__, now_s)
        self.flights.append(flight)
        self._alive.append(message)
        self._open[sender, receiver, id(message)].append(flight)

    def ends(self, sender: PeerId, receiver: PeerId, message: object) -> None:
        """The run has ended, and this message has still been in the queue."""
        waiting = self._open.get((sender, receiver, id(message)))
        if waiting:
            waiting.popleft().under_way = True

    def bucket(self, events: list[tuple[float, str, str, Any]]) -> None:
        """Match arrivals with departures, and keep the rest as marks."""
        for time_s, sender, receiver, message in events:
            if isinstance(message, FaultStruck):
                text = f"{message.kind.replace('_', ' ')}: {message.target}"
                self.marks.append(Mark("", time_s, text, message.kind))
            elif isinstance(message, FaultHealed):
                continue
            elif isinstance(message, Fact):
                self.marks.append(Mark(sender, time_s, type(message).__name__))
            elif isinstance(message, Timer):
                self.marks.append(Mark(receiver, time_s, f"timer {message.name}"))
            elif isinstance(message, Start):
                self.marks.append(Mark(receiver, time_s, "start"))
            elif isinstance(message, Message):
                self._arrives(time_s, sender, receiver, message)

    def _arrives(self, time_s: Seconds, sender: PeerId, receiver: PeerId, message: Message) -> None:
        key = (sender, receiver, id(message))
        waiting = self._open.get(key)
        if waiting:
            self._arrived[key] = flight = waiting.popleft()
            flight.arrived_s = time_s
        elif key in self._arrived:
            first = self._arrived[key]
            self.flights.append(
                Flight(sender, receiver, first.kind, first.sent_s, time_s, again=True)
            )


def timeline_of(scenario: Scenario[Any], trial: Trial) -> Timeline:
    """Run a trial again and return what travelled."""
    parameters = build_parameters(scenario.parameters, trial.parameters)
    watcher = _Watcher()
    sim = Sim(trial.seed, recorder=watcher)
    scenario.build(sim, parameters)
    sim.schedule(*trial.plan)
    sim.overhear(lambda ctx, to, message: watcher.departs(sim.now, ctx.id, to, message))
    conclude(sim, parameters, EVENTS_LIMIT)
    for _, sender, receiver, message in sim.env.queue.remaining():
        watcher.ends(sender, receiver, message)
    names = tuple(sorted(name for name in sim.env.hosts if name[:1] != "\x00"))
    return Timeline(names, watcher.flights, watcher.marks, sim.now, sim.digest)
