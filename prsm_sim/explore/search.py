"""Depth-first search over choices, each set of equivalent paths once.

Two paths that differ only in the order of steps that commute lead to the same state and tell every
checker the same; one of them is enough. *Dynamic partial-order reduction* (Flanagan and Godefroid,
POPL 2005; source sets: Abdulla et al., POPL 2014) begins with one choice a state. Whenever it takes
a step that touches what an earlier step on the path touched, and nothing else orders the two, it
has found a *race*: it goes back to the state before the earlier step and adds a choice there that
begins the other order. Where there is no race, no second order is tried.

Besides races there is one more reason to add a choice: if a step takes away another choice (a
crash disarms a timer, a loss takes the last of the budget), that other is tried as well. And what
would be possible but for the budget counts as a step that races with the last to draw on it.

A state that was met before is not explored again. But the steps beyond it can race with the steps
of the *new* path that led there, so each finished state keeps a summary of what may follow it: of
every resource, the first steps that touch it, with what they need to become possible (the stateful
variant: Yang et al., SPIN 2008). A state met again while it is still being explored closes a cycle
and has no summary yet; then all states of the path are explored in full, which is always sound.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

from prsm_sim.explore.space import Space, State

Reduction = Literal["none", "dynamic"]
Progress: TypeAlias = Callable[[int, int], bool | None]
"""Called now and then with the number of states and transitions; False ends the search."""
PROGRESS_EVERY = 2_000
SUMMARY_LIMIT = 512
"""A longer summary is cut short to "anything may follow"."""


class Later(NamedTuple):
    """A step that may follow a state, and touches something first.

    Attributes:
        first: resources that no step before it touches.
        footprint: all that it touches.
        begin: a choice of that state which begins the way to it, with nothing before it.
        needs: choices of that state on the way to it.
        on_the_way: resources touched by the steps before it that it depends on.
    """

    first: int
    footprint: int
    begin: int
    needs: frozenset[int]
    on_the_way: int


def itself(choice: int, first: int, footprint: int) -> Later:
    """A step that a state offers itself: nothing has to come before it."""
    return Later(first, footprint, choice, frozenset((choice,)), 0)


ANYTHING: None = None
Summary: TypeAlias = "tuple[Later, ...] | None"


class Failing(NamedTuple):
    """A path that ends in a violation."""

    choices: tuple[int, ...]
    wrong: str
    by: str


class Frame:
    """A state on the path.

    Attributes:
        state: the state.
        offers: its choices.
        present: its choices, and those that only the budget withholds.
        todo: choices still to be taken.
        chosen: choices taken or to be taken.
        summary: of what may follow, as far as known.
        is_cut: something below was left out because of a bound.
    """

    __slots__ = ("chosen", "is_cut", "offers", "present", "state", "summary", "todo")

    def __init__(
        self, state: State, offers: list[int], withheld: list[int], everything: bool
    ) -> None:
        self.state = state
        self.offers = offers
        self.present = {*offers, *withheld}
        self.todo = list(offers) if everything else offers[:1]
        self.chosen = set(self.todo)
        self.summary: dict[Later, None] | None = {}
        self.is_cut = False

    @property
    def is_full(self) -> bool:
        """Every choice is taken or to be taken."""
        return len(self.chosen) == len(self.offers)

    def add(self, choice: int) -> None:
        """Have one more choice taken, if this state offers it."""
        if choice not in self.chosen:
            self.chosen.add(choice)
            self.todo.append(choice)

    def add_all(self) -> None:
        """Have every choice taken."""
        for choice in self.offers:
            self.add(choice)


class Path:
    """The steps of the path, and which of them happened before which.

    Step number `i` leads from frame `i` to frame `i + 1`. Sets of steps are bits of an integer.
    """

    def __init__(self) -> None:
        self.choices: list[int] = []
        self.footprints: list[int] = []
        self.created: list[set[int]] = []
        self._past: list[int] = []
        self._touched: dict[int, list[int]] = {}
        self._creators: dict[int, list[int]] = {}

    def push(self, choice: int, footprint: int, created: set[int]) -> None:
        """Append a step that made the choices `created` possible."""
        number = len(self.choices)
        past = self._past_of(self.creator(choice)) | 1 << number
        for resource in _bits(footprint):
            past |= self._past_of(self.last(resource))
        for resource in _bits(footprint):
            self._touched.setdefault(resource, []).append(number)
        for one in created:
            self._creators.setdefault(one, []).append(number)
        self.choices.append(choice)
        self.footprints.append(footprint)
        self.created.append(created)
        self._past.append(past)

    def pop(self) -> None:
        """Take the last step back."""
        self.choices.pop()
        self._past.pop()
        for resource in _bits(self.footprints.pop()):
            self._touched[resource].pop()
        for one in self.created.pop():
            self._creators[one].pop()

    def creator(self, choice: int) -> int:
        """The last step that made `choice` possible; -1: it was possible from the start."""
        steps = self._creators.get(choice)
        return steps[-1] if steps else -1

    def last(self, resource: int) -> int:
        """The last step that touched a resource; -1: there is none."""
        steps = self._touched.get(resource)
        return steps[-1] if steps else -1

    def _past_of(self, step: int) -> int:
        return self._past[step] if step >= 0 else 0

    def races(self, later: Later, frames: list[Frame]) -> Iterator[tuple[Frame, int]]:
        """Every frame before a step that races with a later one, with a choice for it.

        The choice begins the other order of the two: all other steps on which the later one depends
        come before it in the other order too, and the choice is the first of them. Frames that take
        every choice anyway are passed over.
        """
        steps = {self.last(resource) for resource in _bits(later.first)}
        steps.discard(-1)
        if all(frames[step].is_full for step in steps):
            return
        ordered = 0
        for need in later.needs:
            ordered |= self._past_of(self.creator(need))
        for resource in _bits(later.on_the_way):
            ordered |= self._past_of(self.last(resource))
        own = {self.last(resource) for resource in _bits(later.footprint)}
        for step in sorted(steps):
            before = ordered
            for other in own:
                if other != step:
                    before |= self._past_of(other)
            if before >> step & 1:
                continue
            between = before >> step << step
            # The lowest of a set that is closed towards the past has nothing before it.
            yield frames[step], (self.choices[_lowest(between)] if between else later.begin)


class Search:
    """One search of a space.

    Args:
        space: what to search.
        depth: longest path; a state that far from the start is not visited unless it is an end.
        states: most states to visit.
        reduction: ``none`` takes every choice of every state.
        progress: told how far it is.

    Attributes:
        visited: number of states.
        transitions: number of steps taken, also those that led to a state visited before.
        deepest: length of the longest path.
        ends: states that offer no choice.
        is_complete: nothing was left out.
    """

    def __init__(
        self,
        space: Space,
        *,
        depth: int,
        states: int,
        reduction: Reduction = "dynamic",
        progress: Progress | None = None,
    ) -> None:
        self._space = space
        self._depth = depth
        self._states = states
        self._everything = reduction == "none"
        self._progress = progress
        self._summaries: dict[State, Summary] = {}
        self._open: set[State] = set()
        self._cut_at: dict[State, int] = {}
        self._frames: list[Frame] = []
        self._path = Path()
        self.transitions = 0
        self.deepest = 0
        self.ends: dict[State, None] = {}
        self.is_complete = True

    @property
    def visited(self) -> int:
        """Number of states."""
        return len(self._summaries) + len(self._open)

    def run(self) -> Failing | None:
        """Search until something is wrong or there is nothing left to try."""
        first = self._space.start()
        if first.wrong:
            return Failing((), first.wrong, first.by)
        offers = self._space.choices(first.state)
        failing = self._enter(first.state, offers, self._space.withheld(first.state, offers))
        frames = self._frames
        while frames and failing is None:
            frame = frames[-1]
            if frame.todo:
                failing = self._step(frame, frame.todo.pop(0))
                if self._is_over():
                    self.is_complete = False
                    return failing
            else:
                self._leave()
        return failing

    def _is_over(self) -> bool:
        if self.visited >= self._states:
            return True
        if self._progress is None or self.transitions % PROGRESS_EVERY:
            return False
        return self._progress(self.visited, self.transitions) is False

    def _enter(self, state: State, offers: list[int], withheld: list[int]) -> Failing | None:
        frame = Frame(state, offers, withheld, self._everything)
        frame.summary = dict.fromkeys(map(self._withheld, withheld))
        self._open.add(state)
        self._frames.append(frame)
        if offers:
            return None
        self.ends[state] = None
        wrong = self._space.end(state)
        return None if wrong is None else Failing(tuple(self._path.choices), *wrong)

    def _step(self, frame: Frame, choice: int) -> Failing | None:
        self.transitions += 1
        self.deepest = max(self.deepest, len(self._path.choices) + 1)
        taken = self._space.take(frame.state, choice)
        path, state = self._path, taken.state
        if taken.wrong:
            return Failing((*path.choices, choice), taken.wrong, taken.by)
        offers = self._space.choices(state)
        if self._everything:
            path.choices.append(choice)
            return self._arrive(frame, state, offers, [])
        withheld = self._space.withheld(state, offers)
        after = {*offers, *withheld}
        for one in frame.offers:
            if one not in after or (withheld and one in withheld):
                frame.add(one)
        self._meet((itself(choice, taken.footprint, taken.footprint),))
        created = after - frame.present
        path.push(choice, taken.footprint, created)
        self._meet([self._withheld(one) for one in withheld if one in created])
        return self._arrive(frame, state, offers, withheld)

    def _withheld(self, choice: int) -> Later:
        """What the budget withholds, as a step that would race for it."""
        drawn = self._space.drawn(choice)
        return itself(choice, drawn, drawn | 1 << self._space.moves[choice].peer)

    def _arrive(
        self, frame: Frame, state: State, offers: list[int], withheld: list[int]
    ) -> Failing | None:
        """Explore a state, unless it has been, or is being, or is too deep."""
        if state in self._open:
            if not self._everything:
                for one in self._frames:
                    one.add_all()
            self._take_back(frame, ANYTHING)
        elif state in self._summaries and not self._is_worth_more(state):
            frame.is_cut |= state in self._cut_at
            summary = self._summaries[state]
            if not self._everything:
                self._meet(summary)
            self._take_back(frame, summary)
        elif len(self._path.choices) >= self._depth and offers:
            self.is_complete = False
            frame.is_cut = True
            summary = () if self._everything else self._next(state, offers, withheld)
            self._meet(summary)
            self._take_back(frame, summary)
        else:
            self._summaries.pop(state, None)
            return self._enter(state, offers, withheld)
        return None

    def _next(self, state: State, offers: list[int], withheld: list[int]) -> tuple[Later, ...]:
        """The next steps of a state that is too deep to explore: as far as one can see there."""
        steps = [(one, self._space.take(state, one).footprint) for one in offers]
        return (*(itself(one, f, f) for one, f in steps if f), *map(self._withheld, withheld))

    def _is_worth_more(self, state: State) -> bool:
        """Whether a state was cut short by the depth, and is met nearer to the start now."""
        return self._cut_at.get(state, -1) > len(self._path.choices)

    def _leave(self) -> None:
        """Everything beyond the last state of the path has been tried."""
        frame = self._frames.pop()
        state = frame.state
        self._open.discard(state)
        summary: Summary = ANYTHING if frame.summary is None else tuple(frame.summary)
        self._summaries[state] = summary
        if frame.is_cut:
            self._cut_at[state] = len(self._path.choices)
        else:
            self._cut_at.pop(state, None)
        if self._frames:
            self._frames[-1].is_cut |= frame.is_cut
            self._take_back(self._frames[-1], summary)

    def _take_back(self, frame: Frame, summary: Summary) -> None:
        """Undo the last step; what may follow it may follow the state before it too."""
        path = self._path
        if self._everything:
            path.choices.pop()
            return
        choice, footprint, created = path.choices[-1], path.footprints[-1], path.created[-1]
        path.pop()
        if frame.summary is None:
            return
        if summary is ANYTHING:
            frame.summary = None
            return
        if footprint:
            frame.summary[itself(choice, footprint, footprint)] = None
        for later in summary:
            first = later.first & ~footprint
            if not first:
                continue
            if footprint & (later.footprint | later.on_the_way) or not created.isdisjoint(
                later.needs
            ):
                needs = (later.needs - created) | {choice}
                way = later.on_the_way | footprint
                later = Later(first, later.footprint, choice, needs, way)
            frame.summary[later] = None
        if len(frame.summary) > SUMMARY_LIMIT:
            frame.summary = None

    def _meet(self, summary: "Iterable[Later] | None") -> None:
        """Find the races between the path and what may follow it."""
        frames = self._frames
        if summary is ANYTHING:
            for frame in frames:
                frame.add_all()
            return
        for later in summary:
            for frame, choice in self._path.races(later, frames):
                if choice in frame.offers:
                    frame.add(choice)
                else:
                    frame.add_all()


@lru_cache(maxsize=1 << 16)
def _bits(mask: int) -> tuple[int, ...]:
    """The numbers of the bits that are set, ascending."""
    return tuple(number for number in range(mask.bit_length()) if mask >> number & 1)


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1
