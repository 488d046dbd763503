"""Each peer as a finite automaton that is discovered while it is explored.

The state of a world of actors is a tuple of *local* states, and a peer's next local state depends
on its present one and on the event alone. The same local step is therefore taken in thousands of
global states (the observation behind collapse compression: Holzmann, "State compression in SPIN",
1997). So every local state and every message gets a number, every local step is executed once and
remembered, and a global step costs some dictionary lookups instead of a run of the handler.

A handler needs a live actor. Where none stands in the wanted state, one is made anew by the factory
and taken through the events that first led there: re-execution, which needs no copy of anything.
The state it reaches must be the one it reached before, bit for bit; so an actor that shares
something with others, or takes chance or time from elsewhere, is found out and refused.
"""

from typing import NamedTuple

from prsm_sim.actor.codec import encode
from prsm_sim.actor.errors import UserError
from prsm_sim.actor.types import Fact, Message, PeerId, Topic
from prsm_sim.explore.canonical import digest
from prsm_sim.explore.peer import Effects, Event, Fates, HandlerRaised, Peer, due
from prsm_sim.explore.world import StillWorld

NOBODY = -1
"""The index of a receiver that does not exist."""
LIVE_LIMIT = 2048
"""How many live actors are kept at most, over all peers."""


class LocalState(NamedTuple):
    """What all global states with this local state share.

    Attributes:
        digest: of all that the peer remembers.
        before: the local state it was first reached from; its own number if it is the first.
        event: by which event; None: it is the first.
        is_up: the peer runs.
        timers: names of the timers that may fire next, with whether they wait at all.
        fates: the ways in which it may crash; empty while it is down.
    """

    digest: bytes
    before: int
    event: Event | None
    is_up: bool
    timers: tuple[tuple[str, bool], ...]
    fates: tuple[Fates, ...]


class LocalStep(NamedTuple):
    """What one event does in one local state.

    Attributes:
        after: the local state then.
        sent: numbers of the messages sent.
        published: (topic, message).
        subscribed: (topic, whether it subscribed or unsubscribed).
        facts: what was told, each with its encoding.
        labels: what was reached of `Context.sometimes`.
        failure: what the handler raised; empty if it did not.
    """

    after: int
    sent: tuple[int, ...]
    published: tuple[tuple[Topic, Message], ...]
    subscribed: tuple[tuple[Topic, bool], ...]
    facts: tuple[tuple[Fact, bytes], ...]
    labels: tuple[str, ...]
    failure: str


class Letter(NamedTuple):
    """A message with its address; equal letters have one number."""

    sender: int
    to: int
    message: Message


class Automata:
    """The local states, steps and messages of all peers that have been met so far.

    Args:
        world: as the scenario built it.

    Attributes:
        names: of the peers, by index.
        states: of each peer, by the number of the local state.
        letters: by number.
        executed: how many local steps were really executed, re-executions not counted.
        again: how many were executed again to make a live actor.
    """

    def __init__(self, world: StillWorld) -> None:
        self._world = world
        fresh = world.peers()
        self.names: list[PeerId] = [peer.id for peer in fresh]
        self.indices = {name: index for index, name in enumerate(self.names)}
        self.states: list[list[LocalState]] = [[] for _ in fresh]
        self.letters: list[Letter] = []
        self.executed = 0
        self.again = 0
        self._letter_numbers: dict[tuple[int, int, type[Message], bytes], int] = {}
        self._numbers: list[dict[bytes, int]] = [{} for _ in fresh]
        self._steps: list[dict[tuple[int, object], LocalStep]] = [{} for _ in fresh]
        self._live: dict[tuple[int, int], Peer] = {}
        for index, peer in enumerate(fresh):
            self._enter(index, peer, digest(peer), 0, None)

    def step(self, peer: int, state: int, key: object, event: Event) -> LocalStep:
        """What `event`, which `key` stands for, does to a peer in a local state.

        Raises:
            UserError: the actor cannot be explored.
        """
        known = self._steps[peer].get((state, key))
        if known is None:
            known = self._steps[peer][state, key] = self._execute(peer, state, event)
        return known

    def letter(self, sender: int, to: int, message: Message) -> int:
        """The number of a message on its way."""
        key = (sender, to, type(message), encode(message))
        number = self._letter_numbers.get(key)
        if number is None:
            number = self._letter_numbers[key] = len(self.letters)
            self.letters.append(Letter(sender, to, message))
        return number

    def _execute(self, index: int, state: int, event: Event) -> LocalStep:
        self.executed += 1
        peer = self._live.pop((index, state), None) or self._make(index, state)
        failure, effects = "", Effects()
        try:
            effects = peer.handle(event)
        except HandlerRaised as raised:
            failure = str(raised)
        reached = digest(peer)
        after = self._numbers[index].get(reached)
        if after is None:
            after = self._enter(index, peer, reached, state, event)
        sent = (self.letter(index, self.indices.get(to, NOBODY), m) for to, m in effects.sent)
        return LocalStep(
            after, tuple(sent), tuple(effects.published), tuple(effects.subscribed),
            tuple((fact, encode(fact)) for fact in effects.facts), tuple(effects.labels), failure,
        )  # fmt: skip

    def _enter(
        self, index: int, peer: Peer, reached: bytes, before: int, event: Event | None
    ) -> int:
        """Give a new local state its number, and keep the actor that stands in it."""
        number = self._numbers[index][reached] = len(self.states[index])
        timers = tuple((name, delay_s > 0.0) for name, delay_s in due(list(peer.timers.items())))
        is_up = peer.actor is not None
        fates = peer.store.fates() if is_up else ()
        self.states[index].append(LocalState(reached, before, event, is_up, timers, fates))
        if len(self._live) >= LIVE_LIMIT:
            del self._live[next(iter(self._live))]
        self._live[index, number] = peer
        return number

    def _make(self, index: int, state: int) -> Peer:
        """Take a fresh actor through the events that first led to a local state."""
        events: list[Event] = []
        at = state
        while (event := self.states[index][at].event) is not None:
            events.append(event)
            at = self.states[index][at].before
        peer = self._world.peers()[index]
        for event in reversed(events):
            peer.handle(event)
        self.again += len(events)
        if digest(peer) != self.states[index][state].digest:
            raise UserError(
                f"{self.names[index]} does not become the same when it is taken through the same "
                "messages again: it shares something with other actors or takes chance from "
                "outside ctx; make all that it needs in its factory"
            )
        return peer
