"""The space of global states: which choices a state offers, and where each of them leads.

A global state is a tuple of small numbers: the local state of every peer, the messages under way
(a bag), the state of every checker, the subscriptions, and what is left of the budget of faults.
Equal tuples are equal states, so nothing depends on the luck of a hash.

Each step has a *footprint*, the resources it touches, one bit each: the peer it happens at, every
checker for which order matters and which it tells something, every topic it uses, and the budget it
draws on. Two steps that touch nothing in common commute: after both, in either order, the world is
the same. That is the independence which partial-order reduction lives on (Godefroid, LNCS 1032,
1996).
"""

from typing import Annotated, Final, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from prsm_sim.actor.types import Message, Topic
from prsm_sim.explore.automaton import NOBODY, Automata, LocalStep
from prsm_sim.explore.peer import Event
from prsm_sim.explore.watch import watches_of
from prsm_sim.explore.world import StillWorld

Count = Annotated[int, Field(ge=0, le=16)]

DELIVER, TIMER, RESTART, DROP, DUPLICATE, CRASH, CEASE = range(7)
"""Kinds of choices. To cease is to have no more faults; it tells apart how a run may end."""
DROPS, DUPLICATES, CRASHES, TIMEOUTS = range(4)
"""Places in the budget."""
FREE: Final = -1
"""The budget that a choice without a fault draws on."""


class Budget(BaseModel):
    """How many faults a single path may have, at any moments whatever.

    Attributes:
        drops: messages that are lost.
        duplicates: messages that arrive once more.
        crashes: crashes; a crashed peer restarts at some later moment, with all fates of what it
            had not synced.
        timeouts: timers that fire although they wait (those set to 0 s fire freely). Without time a
            timer may fire at any moment, so each of these stands for a slow network.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    drops: Count = 0
    duplicates: Count = 0
    crashes: Count = 0
    timeouts: Count = 0


class State(NamedTuple):
    """A global state; all numbers.

    Attributes:
        peers: local state of each peer.
        bag: letters under way, sorted; a letter that is under way twice is in it twice.
        watches: state of each group of checkers.
        topics: number of the table of subscriptions.
        left: what is left of the budget.
    """

    peers: tuple[int, ...]
    bag: tuple[int, ...]
    watches: tuple[int, ...]
    topics: int
    left: tuple[int, ...]


class Move(NamedTuple):
    """What a choice is: its kind, the peer it happens at, and what it acts on there.

    Attributes:
        kind: one of the kinds above.
        peer: index of the peer; -1 for nobody.
        key: what the event is remembered under: a letter, a timer's name, or fates.
        draws: the budget it draws on.
    """

    kind: int
    peer: int
    key: object
    draws: int


class Taken(NamedTuple):
    """Where a choice leads.

    Attributes:
        state: the state then.
        footprint: resources touched, one bit each.
        wrong: what a checker or a handler complains of; empty if nothing is wrong.
        by: who complains.
    """

    state: State
    footprint: int
    wrong: str
    by: str


_START = -1
"""What a start is remembered under: no letter has this number."""
Subscriptions: TypeAlias = tuple[tuple[Topic, int], ...]


class Space:
    """The global states of one world.

    Args:
        world: as the scenario built it.
        budget: faults that a path may have.
    """

    def __init__(self, world: StillWorld, budget: Budget) -> None:
        self.automata = Automata(world)
        self.watches = watches_of(world.checkers)
        self.coverage: set[str] = set()
        self.moves: list[Move] = []
        self._choices: dict[Move, int] = {}
        self._letter_choices: dict[int, dict[int, int]] = {}
        self._peer_choices: dict[tuple[int, int], tuple[list[int], list[int], list[int]]] = {}
        self._resources: dict[object, int] = {}
        for name in self.automata.names:
            self._bit(name)
        self._watching: dict[type, list[int]] = {}
        for index, watch in enumerate(self.watches):
            for fact_type in watch.facts:
                self._watching.setdefault(fact_type, []).append(index)
        self._tables: list[Subscriptions] = [()]
        self._table_numbers: dict[Subscriptions, int] = {(): 0}
        self._full = (budget.drops, budget.duplicates, budget.crashes, budget.timeouts)
        self._ceases = any(watch.judges_the_end for watch in self.watches)

    # The states.

    def start(self) -> Taken:
        """The state in which every peer has started, in the order they were spawned.

        A start comes before all else at its peer and commutes with everything elsewhere, so no
        other order of starts needs to be tried.
        """
        count = len(self.automata.names)
        state = State((0,) * count, (), (0,) * len(self.watches), 0, self._full)
        taken = Taken(state, 0, "", "")
        for peer in range(count):
            if not taken.wrong:
                taken = self._happen(taken.state, peer, _START, ("start",), state.left)
        return taken

    def choices(self, state: State) -> list[int]:
        """All choices of a state: letters in the order of their numbers, timers, then faults."""
        return self._offers(state, state.left)

    def withheld(self, state: State, offers: list[int]) -> list[int]:
        """What the state would offer besides `offers`, had the budget not been drawn on."""
        if state.left == self._full:
            return []
        offered = set(offers)
        return [one for one in self._offers(state, self._full) if one not in offered]

    def drawn(self, choice: int) -> int:
        """The resource that a choice draws on, as a bit; 0: none."""
        draws = self.moves[choice].draws
        return 0 if draws == FREE else self._bit(draws)

    def _offers(self, state: State, left: tuple[int, ...]) -> list[int]:
        letters = dict.fromkeys(state.bag)
        found = [self._of_letter(letter)[DELIVER] for letter in letters]
        for peer, number in enumerate(state.peers):
            free, waiting, _ = self._of_peer(peer, number)
            found += free
            if left[TIMEOUTS]:
                found += waiting
        if any(left):
            found += self._faults(state, letters, left)
        return found

    def _faults(self, state: State, letters: dict[int, None], left: tuple[int, ...]) -> list[int]:
        found = []
        for letter in letters:
            sender, to, _ = self.automata.letters[letter]
            if sender != to and to != NOBODY:
                if left[DROPS]:
                    found.append(self._of_letter(letter)[DROP])
                if left[DUPLICATES]:
                    found.append(self._of_letter(letter)[DUPLICATE])
        if left[CRASHES]:
            for peer, number in enumerate(state.peers):
                found += self._of_peer(peer, number)[2]
        if self._ceases and any(state.left):
            found.append(self._choice(Move(CEASE, NOBODY, None, FREE)))
        return found

    def _of_letter(self, letter: int) -> dict[int, int]:
        """The choices that a letter under way gives, by kind."""
        known = self._letter_choices.get(letter)
        if known is None:
            to = self.automata.letters[letter].to
            draws = {DELIVER: FREE, DROP: DROPS, DUPLICATE: DUPLICATES}
            known = {kind: self._choice(Move(kind, to, letter, draws[kind])) for kind in draws}
            self._letter_choices[letter] = known
        return known

    def _of_peer(self, peer: int, number: int) -> tuple[list[int], list[int], list[int]]:
        """The choices that a local state gives: free ones, timers that wait, and crashes."""
        known = self._peer_choices.get((peer, number))
        if known is None:
            local = self.automata.states[peer][number]
            free = [Move(TIMER, peer, name, FREE) for name, waits in local.timers if not waits]
            if not local.is_up:
                free.append(Move(RESTART, peer, None, FREE))
            waiting = [Move(TIMER, peer, name, TIMEOUTS) for name, waits in local.timers if waits]
            crashes = [Move(CRASH, peer, fates, CRASHES) for fates in local.fates]
            choice = self._choice
            known = (
                [choice(move) for move in free],
                [choice(move) for move in waiting],
                [choice(move) for move in crashes],
            )
            self._peer_choices[peer, number] = known
        return known

    def take(self, state: State, choice: int) -> Taken:
        """Where a choice that `state` offers leads."""
        kind, peer, key, draws = self.moves[choice]
        if kind == CEASE:
            mask = 0
            for place in range(len(state.left)):
                mask |= self._bit(place)
            return Taken(state._replace(left=(0,) * len(state.left)), mask, "", "")
        left = state.left
        if draws != FREE:
            left = (*left[:draws], left[draws] - 1, *left[draws + 1 :])
        if kind in (DELIVER, DUPLICATE):
            assert isinstance(key, int)
            sender, to, message = self.automata.letters[key]
            if kind == DELIVER:
                state = state._replace(bag=_without(state.bag, key))
            if to == NOBODY:
                return Taken(state, 0, "", "")
            event: Event = ("deliver", self.automata.names[sender], message)
        elif kind == DROP:
            assert isinstance(key, int)
            mask = self._bit(self.automata.names[peer]) | self._bit(draws)
            return Taken(state._replace(bag=_without(state.bag, key), left=left), mask, "", "")
        elif kind == TIMER:
            event = ("timer", key)
        else:
            event = ("crash", key) if kind == CRASH else ("restart",)
        taken = self._happen(state, peer, key, event, left)
        if kind == CRASH:
            taken = self._unsubscribe_all(taken, peer)
        return taken if draws == FREE else taken._replace(
            footprint=taken.footprint | self._bit(draws)
        )  # fmt: skip

    def end(self, state: State) -> tuple[str, str] | None:
        """What is wrong if nothing more happens, and who says so; None: nothing.

        A world rests when no message is under way, no timer armed and no peer down.
        """
        for peer, number in enumerate(state.peers):
            local = self.automata.states[peer][number]
            if local.timers or not local.is_up:
                return None
        for watch, number in zip(self.watches, state.watches, strict=True):
            complaint = watch.end(number) if watch.judges_the_end else None
            if complaint is not None:
                return complaint
        return None

    # One event.

    def _happen(
        self, state: State, peer: int, key: object, event: Event, left: tuple[int, ...]
    ) -> Taken:
        automata = self.automata
        step = automata.step(peer, state.peers[peer], key, event)
        mask = 1 << peer
        peers = (*state.peers[:peer], step.after, *state.peers[peer + 1 :])
        bag, watches, topics = state.bag, state.watches, state.topics
        wrong = step.failure
        by = automata.names[peer] if wrong else ""
        if step.labels:
            self.coverage.update(step.labels)
        sent = list(step.sent)
        if step.published or step.subscribed:
            topics, more = self._use_topics(peer, topics, step, sent)
            mask |= more
        if sent:
            bag = tuple(sorted((*bag, *sent)))
        if step.facts:
            watches, more, wrong, by = self._tell(peer, watches, step, wrong, by)
            mask |= more
        return Taken(State(peers, bag, watches, topics, left), mask, wrong, by)

    def _tell(
        self, peer: int, watches: tuple[int, ...], step: LocalStep, wrong: str, by: str
    ) -> tuple[tuple[int, ...], int, str, str]:
        numbers = list(watches)
        mask = 0
        for fact, key in step.facts:
            for index in self._watching.get(type(fact), ()):
                watch = self.watches[index]
                name = self.automata.names[peer]
                numbers[index], complaint = watch.step(numbers[index], name, fact, key)
                if not watch.indifferent:
                    mask |= self._bit(("checker", index))
                if complaint is not None and not wrong:
                    wrong, by = complaint
        return tuple(numbers), mask, wrong, by

    def _use_topics(
        self, peer: int, topics: int, step: LocalStep, sent: list[int]
    ) -> tuple[int, int]:
        table = set(self._tables[topics])
        mask = 0
        for topic, enters in step.subscribed:
            mask |= self._bit(("topic", topic))
            (table.add if enters else table.discard)((topic, peer))
        for topic, message in step.published:
            mask |= self._bit(("topic", topic))
            sent += self._published(peer, topic, message, table)
        return self._table_number(table), mask

    def _published(
        self, peer: int, topic: Topic, message: Message, table: set[tuple[Topic, int]]
    ) -> list[int]:
        receivers = sorted(one for where, one in table if where == topic and one != peer)
        return [self.automata.letter(peer, one, message) for one in receivers]

    def _unsubscribe_all(self, taken: Taken, peer: int) -> Taken:
        old = self._tables[taken.state.topics]
        mask = taken.footprint
        for topic, one in old:
            if one == peer:
                mask |= self._bit(("topic", topic))
        number = self._table_number({entry for entry in old if entry[1] != peer})
        return taken._replace(state=taken.state._replace(topics=number), footprint=mask)

    def _table_number(self, table: set[tuple[Topic, int]]) -> int:
        entries = tuple(sorted(table))
        number = self._table_numbers.setdefault(entries, len(self._tables))
        if number == len(self._tables):
            self._tables.append(entries)
        return number

    def _choice(self, move: Move) -> int:
        number = self._choices.get(move)
        if number is None:
            number = self._choices[move] = len(self.moves)
            self.moves.append(move)
        return number

    def _bit(self, resource: object) -> int:
        """The bit of a resource; those of peers are the first, in the order of peers."""
        return 1 << self._resources.setdefault(resource, len(self._resources))


def _without(bag: tuple[int, ...], letter: int) -> tuple[int, ...]:
    index = bag.index(letter)
    return bag[:index] + bag[index + 1 :]
