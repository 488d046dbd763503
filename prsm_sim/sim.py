"""`Sim`: a world in virtual time, and the same run every time for the same seed."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from simpy.core import EmptySchedule, StopSimulation
from simpy.events import URGENT

from prsm_sim.actor.actor import Actor
from prsm_sim.actor.errors import InvariantViolation, PrsmError, UserError
from prsm_sim.actor.types import Fact, Message, PeerId, Seconds, Topic
from prsm_sim.dispatch import DOWN, PAUSED, Busy, Running
from prsm_sim.engine import Entry, Environment, Host
from prsm_sim.guard import Guard
from prsm_sim.internal import NEVER, Start, Timer
from prsm_sim.links import base_delays, region_index, specialise
from prsm_sim.nemesis import Nemesis
from prsm_sim.nemesis.clocks import Clocks
from prsm_sim.nemesis.slowness import SLOW, Slowness
from prsm_sim.noise import Noise
from prsm_sim.notary import Notary
from prsm_sim.operations import Operations
from prsm_sim.process import SimContext
from prsm_sim.trace import Sink, Trace, Unencodable
from prsm_sim.traffic import Ear
from prsm_sim.world import World

ACTION = "\x00action"
"""The receiver of the world's own actions (faults, samples): no peer has this name."""
END = "\x00end"
"""The receiver of the entries that end a run."""
Progress = Callable[[Seconds, int], None]
_PROGRESS_EVERY = 5_000
"""Events between two reports of progress."""
_START = Start(restart=False)
_SAMPLE = "sample"
_SAMPLE_NUMBER = 0
_DISREGARDED: Entry = (0.0, "", "", None)


_EFFECTS = ("send", "broadcast", "publish", "subscribe", "set_timer", "start", "emit")
"""What an actor can do to the world without awaiting it."""


def _do_nothing(*_: object) -> None:
    """What comes of an effect of an actor that has crashed."""


class HandlerFailed(PrsmError):
    """A handler raised: the peer, what it was handling, when, and the exception as the cause."""

    def __init__(self, peer: PeerId, message: object, time_s: Seconds, error: Exception) -> None:
        super().__init__(
            f"{peer} failed while handling {message!r} at {time_s:.6f} s: "
            f"{type(error).__name__}: {error}"
        )
        self.peer = peer
        self.time_s = time_s


class Action(msgspec.Struct, frozen=True, tag=True):
    """Something the world itself does at a set time."""

    number: int
    label: str


class Nowhere:
    """The receiver of messages to peers that do not exist."""

    actor = None
    region = 0
    id = ""

    def __init__(self, sim: "Sim") -> None:
        self.sim = sim
        self.condition = DOWN
        self.table = DOWN.known


class Subscribers:
    """The subscribers of one topic, kept sorted so that no set order decides anything."""

    def __init__(self) -> None:
        self._names: dict[PeerId, None] = {}
        self._sorted: tuple[PeerId, ...] = ()

    def add(self, name: PeerId) -> None:
        """Add a peer; adding it twice is adding it once."""
        self._names[name] = None
        self._sorted = tuple(sorted(self._names))

    def discard(self, name: PeerId) -> None:
        """Remove a peer, if it is there."""
        self._names.pop(name, None)
        self._sorted = tuple(sorted(self._names))

    def sorted(self) -> tuple[PeerId, ...]:
        """All subscribers, sorted by name."""
        return self._sorted


class _TracedEnvironment(Environment):
    """The environment of a simulation: hands each executed bucket to the trace."""

    def __init__(self, trace: Trace, meet: Callable[[PeerId, str, Any], None]) -> None:
        super().__init__(0.0)
        self._trace = trace
        self.meet = meet
        """Dispatches a message whose receiver or type is not known to the loop."""
        self._flushed = 0
        self.disregarded = False
        """Whether an entry of the open bucket has been disregarded."""
        self.settled = 0.0
        """Time of the last entry that was not disregarded."""
        self.progress: Progress | None = None
        self._reported = 0

    def _drain(self) -> None:
        """Process events until one raises or there are none. This loop is the simulator."""
        queue = self.queue
        hosts = self.hosts
        while True:
            try:
                for self._now, sender, to, message in queue.due:
                    host = hosts[to]
                    host.table[message.__class__](host.actor, host, sender, message)
            except KeyError as missing:
                trace = missing.__traceback__
                if trace is None or trace.tb_next is not None:
                    raise  # a handler's own
                self.meet(sender, to, message)
                continue
            if not self._next_bucket():
                raise EmptySchedule

    def _next_bucket(self) -> bool:
        self.flush()
        self._flushed = 0
        self._collector.executed(len(self.queue.open))
        if self.progress is not None and self._trace.events - self._reported >= _PROGRESS_EVERY:
            self._reported = self._trace.events
            self.progress(self.settled, self._reported)
        return self.queue.advance()

    def flush(self) -> None:
        """Hand what has been executed of the open bucket to the trace."""
        queue = self.queue
        taken = queue.taken()
        whole = self._flushed == 0 and taken == len(queue.open)
        entries = queue.open if whole else queue.open[self._flushed : taken]
        self._flushed = taken
        if self.disregarded:
            self.disregarded = False
            entries = [entry for entry in entries if entry is not _DISREGARDED]
        if entries:
            self.settled = entries[-1][0]
        self._trace.flush(entries)


class Sim(World):
    """A simulated world.

    Args:
        seed: decides everything that is left to chance.
        recorder: gets every event, if given.
        digest: compute the digest of the run (off only to measure what it costs).
    """

    kind = "sim"
    down = DOWN
    paused = PAUSED
    slow = SLOW

    def __init__(self, seed: int = 0, recorder: Sink | None = None, *, digest: bool = True) -> None:
        super().__init__(seed)
        self.trace = Trace(recorder, digest)
        self.env = _TracedEnvironment(self.trace, self._meet)
        self.noise = Noise(seed)
        self.notary = Notary(seed)
        self.operations = Operations(self)
        self.nemesis = Nemesis(self)
        self.clocks = Clocks(self)
        self.slowed: dict[PeerId, Slowness] = {}
        self.base_s = base_delays(regional=False)
        self.uplink_free_s: dict[PeerId, Seconds] = {}
        self.nowhere = Nowhere(self)
        hosts = self.env.hosts
        hosts[ACTION] = Host(None, {Action: self._act})
        hosts[END] = Host(None, {type(None): self._end})
        self.context_type: type[SimContext] = type(
            "SimContext",
            (SimContext,),
            {"__slots__": (), "sim": self, "verify": self.notary.verify},  # asked often: no detour
        )
        silent = dict.fromkeys(_EFFECTS, _do_nothing)
        self.muted_type: type[SimContext] = type(
            "MutedContext", (self.context_type,), {"__slots__": (), **silent}
        )
        self._conditions: dict[type[Actor], tuple[Running, Busy]] = {}
        self._actions: dict[int, Callable[[], None]] = {}
        self._action_count = 0
        self._topics: dict[Topic, Subscribers] = {}
        self._others: dict[PeerId, tuple[PeerId, ...]] = {}
        self._scheduled = 0
        self.handling: tuple[PeerId, object] | None = None
        """What a peer handles that did not come from the queue just now."""
        self.ear: Ear | None = None
        self._sampling = False
        self._specialised = False

    # What a scenario sees, beyond `World`.

    @property
    def now(self) -> Seconds:
        """Virtual time, s."""
        return float(self.env._now)

    @property
    def digest(self) -> str:
        """Digest of everything that has happened so far."""
        return self.trace.digest

    @property
    def events(self) -> int:
        """How many events have been executed so far."""
        return self.trace.events

    def spawn(
        self,
        name: PeerId,
        factory: Callable[[], Actor],
        *,
        region: str = "",
        peers: Sequence[PeerId] | None = None,
    ) -> None:
        """Add a peer; see `World.spawn`."""
        if name in self.env.hosts or not name or name.startswith("\x00"):
            raise UserError(f"a peer cannot be called {name!r}: the name is taken or not allowed")
        self.inhabited = True
        if not self._specialised:
            self._specialise()
        neighbours = self.neighbours.get(name) if peers is None else tuple(sorted(peers))
        index = region_index(region, self.network.regional)
        rank = self.noise.enrol(name)
        ctx = self.context_type(name, factory, index, neighbours, rank)
        self.env.hosts[name] = ctx
        self._others.clear()
        self.env.queue.push((self.env._now, "", name, _START))

    def peer(self, name: PeerId) -> SimContext:
        """A peer's context, for faults; raises `UserError` if there is no such peer."""
        peer = self.env.hosts.get(name)
        if not isinstance(peer, SimContext):
            raise UserError(f"a fault names {name!r}, and there is no such peer")
        return peer

    def post(self, to: PeerId, message: Message) -> None:
        """Inject a message from outside, delivered now."""
        self.env.queue.push((self.env._now, "", to, message))

    def actor(self, name: PeerId) -> Actor:
        """The actor object of a running peer, for tests.

        Raises:
            KeyError: there is no such peer, or it is down.
        """
        actor: Actor | None = self.env.hosts[name].actor
        if actor is None:
            raise KeyError(f"{name} is down")
        return actor

    def run(
        self,
        until: Seconds | None = None,
        *,
        sample_s: Seconds | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Run until `stop`, until the time `until`, or until there is nothing left to do.

        Args:
            until: virtual time at which to end, s.
            sample_s: sample the gauges at this interval of virtual time.
            progress: called now and then with the virtual time and the number of events.

        Raises:
            InvariantViolation: a checker found the world wrong.
            HandlerFailed: a handler raised.
            UserError: `until` is not finite, or a fault names an unknown peer.
        """
        if until is not None and not abs(until) < NEVER:
            raise UserError(f"a run cannot end at {until} s; give a finite time, or none at all")
        if not self._specialised:
            self._specialise()
        while self._scheduled < len(self.faults):
            self.nemesis.schedule(self.faults[self._scheduled])
            self._scheduled += 1
        if sample_s is not None and not self._sampling:
            self._sampling = True
            self._sample(sample_s)
        self.env.progress = progress
        self._drive(until)

    # Called by contexts and tables.

    def conditions(self, actor_type: type[Actor]) -> tuple[Running, Busy]:
        """The running and the busy condition of an actor class."""
        conditions = self._conditions.get(actor_type)
        if conditions is None:
            running = Running(actor_type)
            conditions = self._conditions[actor_type] = (running, Busy(running))
        return conditions

    def others(self, name: PeerId) -> tuple[PeerId, ...]:
        """All peers but `name`, sorted."""
        others = self._others.get(name)
        if others is None:
            others = self._others[name] = tuple(
                sorted(p for p in self.env.hosts if p != name and p[0] != "\x00")
            )
        return others

    def region_of(self, name: PeerId) -> int:
        """Index of a peer's region."""
        region: int = self.env.hosts.get(name, self.nowhere).region
        return region

    def subscribers(self, topic: Topic) -> Subscribers:
        """Who receives what is published on `topic`."""
        return self._topics.setdefault(topic, Subscribers())

    def unsubscribe_all(self, name: PeerId) -> None:
        """A peer has crashed: it receives nothing of any topic."""
        for subscribers in self._topics.values():
            subscribers.discard(name)

    def tell(self, peer: PeerId, fact: Fact) -> None:
        """Take in a fact: trace it, then let observers and checkers see it."""
        now = self.env._now
        self.trace.fact(now, peer, fact)
        self.observatory.fact(now, peer, fact)

    def drop(self, reason: str) -> None:
        """Count a message that is not delivered."""
        self.observatory.counters["dropped: " + reason] += 1

    def is_due(self, peer: PeerId, timer: Timer) -> bool:
        """Whether a timer fires at its entry that has just been taken from the queue."""
        now = self.env._now
        if timer.queued == now:
            timer.queued = NEVER
            if timer.deadline == now:
                return True
            if timer.deadline > now:
                timer.queued = timer.deadline
                self.env.queue.push((timer.deadline, peer, peer, timer))
        self.disregard(timer)
        return False

    def disregard(self, message: object) -> None:
        """`message` has just been taken and did nothing: it is no event, nor moves the clock."""
        queue = self.env.queue
        index = queue.taken() - 1
        if queue.open[index][3] is message:  # it may also come from a mailbox
            queue.open[index] = _DISREGARDED
            self.env.disregarded = True

    # The run.

    def _meet(self, sender: PeerId, to: PeerId, message: Any) -> None:
        """Dispatch a message of a type that its receiver has not met, or to nobody."""
        host = self.env.hosts.get(to, self.nowhere)
        host.condition.find(type(message))(host.actor, host, sender, message)

    def overhear(self, ear: Ear) -> None:
        """Tell `ear` from now on what peers send, before it is sent."""
        self.ear = ear
        self._specialised = False

    def _specialise(self) -> None:
        self.base_s = base_delays(self.network.regional)
        specialise(self)
        self._specialised = True

    def network_changed(self) -> None:
        """A fault has changed the network: specialise the links anew."""
        specialise(self)

    def _drive(self, until: Seconds | None) -> None:
        env = self.env
        try:
            with Guard(self._failure, (InvariantViolation, UserError, Unencodable)):
                if self.stopped is None and (until is None or until > env._now):
                    if until is not None:
                        env.queue.push_with_priority((float(until), URGENT, END, None))
                    env.run()
        finally:
            env.flush()
        if until is None and self.stopped is None:
            env._now = env.settled

    def _failure(self, error: Exception) -> HandlerFailed | None:
        """What a handler's exception says to the outside: where it happened, and when."""
        queue = self.env.queue
        if not queue.taken():
            return None
        _, _, receiver, message = queue.open[queue.taken() - 1]
        receiver, message = self.handling or (receiver, message)
        return HandlerFailed(receiver, message, self.now, error)

    def stop(self, reason: str = "done") -> None:
        """End the run after the current event."""
        if self.stopped is None:
            self.stopped = reason
            self.env.queue.push_with_priority((self.env._now, URGENT, END, None))

    def _end(self, _actor: object, _host: object, _priority: int, nothing: None) -> None:
        # No part of the story: the digest shall not depend on how the run was cut into calls.
        self.disregard(nothing)
        raise StopSimulation(None)

    # The world's own actions.

    def at(self, time_s: Seconds, label: str, action: Callable[[], None]) -> None:
        """Do `action` at a time; `label` says in the trace what it was."""
        self._action_count += 1
        number = self._action_count
        self._actions[number] = action
        self.env.queue.push((max(time_s, self.env._now), "", ACTION, Action(number, label)))

    def _act(self, _actor: object, _host: object, _sender: str, action: Action) -> None:
        if action.label == _SAMPLE:
            self.disregard(action)  # whoever watches shall not change the story
        self._actions.pop(action.number)()

    def _sample(self, interval_s: Seconds) -> None:
        self.observatory.sample(self.now)
        if len(self.env.queue) > 0:  # the world is still alive
            # A number of its own: those of other actions are part of the story.
            self._actions[_SAMPLE_NUMBER] = lambda: self._sample(interval_s)
            sample = Action(_SAMPLE_NUMBER, _SAMPLE)
            self.env.queue.push((self.now + interval_s, "", ACTION, sample))
