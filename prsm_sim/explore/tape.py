"""Tapes: one path of choices, written so that a person can read it and a machine can replay it.

A message on a tape is named as a deviation names it (`prsm_sim.faults.messages`): by sender,
receiver and its number on that link, from 0 in the order of sending.

Replaying shares no code with the search but the peers: it runs one actor after the other, keeps
messages in a list, and lets the world's own observatory judge. What the search finds is replayed
before it is reported, so each finding has been seen by two implementations.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from prsm_sim.actor.codec import encode
from prsm_sim.actor.errors import InvariantViolation, UserError
from prsm_sim.actor.types import Message, PeerId, Topic
from prsm_sim.explore.peer import Effects, Event, Fates, HandlerRaised, Peer, due
from prsm_sim.explore.space import CRASH, DELIVER, DROP, DUPLICATE, RESTART, TIMER, Space
from prsm_sim.explore.watch import FOR_EVER
from prsm_sim.explore.world import StillWorld

Kind = Literal["deliver", "timer", "restart", "drop", "duplicate", "crash"]
Make: TypeAlias = Callable[[], StillWorld]
"""Builds the world anew."""
_KINDS: dict[int, Kind] = {
    DELIVER: "deliver", TIMER: "timer", RESTART: "restart", DROP: "drop", DUPLICATE: "duplicate",
    CRASH: "crash",
}  # fmt: skip
_TOLD_LIMIT = 100
"""Longest text of a message in a story."""


class Choice(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a tape.

    Attributes:
        kind: what happens; ``duplicate`` delivers a message that stays under way.
        peer: where it happens.
        sender: who sent the message concerned.
        number: its number on the link.
        name: the timer that fires.
        fates: of a crash: what becomes of each unsynced write, by key.
    """

    kind: Kind
    peer: PeerId
    sender: PeerId = ""
    number: int = 0
    name: str = ""
    fates: tuple[str, ...] = ()


class Replay(msgspec.Struct, frozen=True):
    """What came of a tape.

    Attributes:
        tape: the choices that were possible.
        story: a line for each.
        by: the checker that found something wrong, or the peer whose handler raised; empty: none.
        wrong: what is wrong; empty: nothing.
    """

    tape: tuple[Choice, ...]
    story: tuple[str, ...]
    by: str
    wrong: str


class Act(NamedTuple):
    """A choice by content: it still means the same when choices before it are left out."""

    kind: Kind
    peer: PeerId
    sender: PeerId = ""
    message: Message | None = None
    name: str = ""
    fates: Fates = ()


class Parcel(NamedTuple):
    """A message under way."""

    sender: PeerId
    to: PeerId
    number: int
    message: Message


class Replayer:
    """A world in which one tape is played.

    Args:
        world: freshly built.
    """

    def __init__(self, world: StillWorld) -> None:
        self._world = world
        self._peers = {peer.id: peer for peer in world.peers()}
        self._under_way: list[Parcel] = []
        self._sent: Counter[tuple[PeerId, PeerId]] = Counter()
        self._topics: dict[Topic, set[PeerId]] = {}
        self._tape: list[Choice] = []
        self._story: list[str] = []

    def play(self, steps: Sequence[Act | Choice], *, strictly: bool) -> Replay:
        """Play the steps, then judge the end if the world rests.

        Raises:
            UserError: `strictly`, and a step is not possible; otherwise such a step is left out.
        """
        try:
            for peer in self._peers.values():
                self._happen(peer, ("start",))
            for index, step in enumerate(steps):
                if not self._play(step) and strictly:
                    raise UserError(
                        f"step {index + 1} of the tape ({step.kind} at {step.peer}) is not "
                        "possible there; replay it with the code, parameters and seed it is from"
                    )
            if self._rests():
                self._world.observatory.finish(FOR_EVER)
        except InvariantViolation as violation:
            return self._result(violation.checker, violation.what)
        except HandlerRaised as raised:
            return self._result(self._tape[-1].peer if self._tape else "", str(raised))
        return self._result("", "")

    def _result(self, by: str, wrong: str) -> Replay:
        return Replay(tuple(self._tape), tuple(self._story), by, wrong)

    def _rests(self) -> bool:
        idle = all(peer.actor and not peer.timers for peer in self._peers.values())
        return idle and not self._under_way

    def _play(self, step: Act | Choice) -> bool:
        peer = self._peers.get(step.peer)
        if step.kind in ("deliver", "drop", "duplicate"):
            parcel = self._find(step)
            if parcel is None or (peer is None and step.kind != "deliver"):
                return False
            self._carry(step.kind, peer, parcel)
            return True
        if peer is None:
            return False
        if step.kind == "timer":
            ready = dict(due(list(peer.timers.items())))
            if step.name not in ready:
                return False
            self._note(
                Choice("timer", peer.id, name=step.name),
                f"timer {step.name} of {peer.id} ({ready[step.name]:g} s)",
            )
            self._happen(peer, ("timer", step.name))
        elif step.kind == "crash":
            if peer.actor is None or step.fates not in peer.store.fates():
                return False
            fates = f", unsynced writes: {', '.join(step.fates)}" if step.fates else ""
            self._note(Choice("crash", peer.id, fates=step.fates), f"crash {peer.id}{fates}")
            self._happen(peer, ("crash", step.fates))
            for subscribers in self._topics.values():
                subscribers.discard(peer.id)
        else:
            if peer.actor is not None:
                return False
            self._note(Choice("restart", peer.id), f"restart {peer.id}")
            self._happen(peer, ("restart",))
        return True

    def _carry(self, kind: Kind, peer: Peer | None, parcel: Parcel) -> None:
        choice = Choice(kind, parcel.to, parcel.sender, parcel.number)
        lost = ", which is down" if peer is not None and peer.actor is None else ""
        self._note(
            choice, f"{kind} {_told(parcel.message)} from {parcel.sender} to {parcel.to}{lost}"
        )
        if kind != "duplicate":
            self._under_way.remove(parcel)
        if kind != "drop" and peer is not None:
            self._happen(peer, ("deliver", parcel.sender, parcel.message))

    def _find(self, step: Act | Choice) -> Parcel | None:
        for parcel in self._under_way:
            if parcel.to == step.peer and parcel.sender == step.sender:
                if isinstance(step, Choice):
                    if parcel.number == step.number:
                        return parcel
                elif _same(parcel.message, step.message):
                    return parcel
        return None

    def _note(self, choice: Choice, line: str) -> None:
        self._tape.append(choice)
        self._story.append(f"{len(self._tape)}. {line}")

    def _happen(self, peer: Peer, event: Event) -> None:
        effects: Effects = peer.handle(event)
        for topic, enters in effects.subscribed:
            subscribers = self._topics.setdefault(topic, set())
            (subscribers.add if enters else subscribers.discard)(peer.id)
        for to, message in effects.sent:
            self._send(peer.id, to, message)
        for topic, message in effects.published:
            for to in sorted(self._topics.get(topic, ())):
                if to != peer.id:
                    self._send(peer.id, to, message)
        for fact in effects.facts:
            self._world.observatory.fact(0.0, peer.id, fact)

    def _send(self, sender: PeerId, to: PeerId, message: Message) -> None:
        number = self._sent[sender, to]
        self._sent[sender, to] += 1
        self._under_way.append(Parcel(sender, to, number, message))


def acts_of(space: Space, choices: tuple[int, ...]) -> list[Act]:
    """A path of the search, by content; that there are to be no more faults is no act."""
    names, letters = space.automata.names, space.automata.letters
    acts: list[Act] = []
    for move in (space.moves[choice] for choice in choices):
        kind = _KINDS.get(move.kind)
        if kind is None:
            continue
        peer = names[move.peer] if move.peer >= 0 else ""
        if isinstance(move.key, int):
            letter = letters[move.key]
            acts.append(Act(kind, peer, names[letter.sender], letter.message))
        elif isinstance(move.key, str):
            acts.append(Act(kind, peer, name=move.key))
        else:
            fates: Any = move.key or ()
            acts.append(Act(kind, peer, fates=fates))
    return acts


def shorten(make: Make, acts: list[Act], by: str) -> list[Act]:
    """Leave out all acts without which `by` still complains (delta debugging).

    Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002: first halves,
    then quarters, at last single acts, until none can be spared.
    """
    size = max(len(acts) // 2, 1)
    while True:
        start, spared = len(acts), False
        while start > 0:
            start = max(start - size, 0)
            fewer = acts[:start] + acts[start + size :]
            if Replayer(make()).play(fewer, strictly=False).by == by:
                acts, spared = fewer, True
        if size == 1 and not spared:
            return acts
        size = max(size // 2, 1)


def _same(one: Message, other: Message | None) -> bool:
    return type(one) is type(other) and encode(one) == encode(other)


def _told(message: Message) -> str:
    text = repr(message)
    return text if len(text) <= _TOLD_LIMIT else text[: _TOLD_LIMIT - 1] + "…"
