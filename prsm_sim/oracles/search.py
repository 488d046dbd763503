"""The search for an order: is there a sequential history that explains a concurrent one?

Wing and Gong (1993) try every operation that may come first and go on with the rest. Lowe (2017)
remembers where the search has been: a *configuration* is the set of operations already put in order
and the state they lead to, and whoever comes back to one can learn nothing new. An operation may
come next if it was invoked before every operation that is still to be put in order returned.

An operation without a return may take effect at any time after its invocation, or never: it may be
put in order, with any result, and need not be.

A configuration is small however long the history is: operations are numbered by invocation, and all
below ``low`` are done; ``ahead`` is a bit set of those done from ``low`` on, so it has about as
many bits as there are clients; ``used`` is a bit set of those without a return that took effect.

Most histories are explained by taking, of what may come next and answers rightly, always what
returned first, and now and then the next best; so that is tried before anything is remembered.
Where it fails, the search is depth first, by a stack of its own, and again takes first what
returned first. Deciding the question is NP-complete (Gibbons and Korach 1997), so it gives up at a
bound and says so.

When it fails it has been everywhere, and the return that no configuration got past is as early as
an explanation can end (`prsm_sim.oracles.explain`).
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Generic

from prsm_sim.history import Call
from prsm_sim.oracles.models import Model, ReadAware, S

Configuration = tuple[int, int, int, S]
"""``(low, ahead, used, state)``."""


class Part(Generic[S]):
    """Calls to be put in order.

    Args:
        model: what they were served by.
        returned: the calls with a return that counts, in the order of their invocation.
        pending: the calls without one, in any order.
    """

    def __init__(self, model: Model[S], returned: Sequence[Call], pending: Sequence[Call]) -> None:
        self.model = model
        self.returned = tuple(returned)
        self.pending = tuple(pending)
        ends = [end for call in self.returned if (end := call.returned) is not None]
        assert len(ends) == len(self.returned)
        self.ends = tuple(ends)

    @cached_property
    def is_read(self) -> tuple[bool, ...]:
        """Of each call with a return, whether it only reads."""
        reads = reader(self.model)
        return tuple(reads(call.operation) for call in self.returned)

    @cached_property
    def writes_pending(self) -> tuple[bool, ...]:
        """Of each call without one, whether it may change something."""
        reads = reader(self.model)
        return tuple(not reads(call.operation) for call in self.pending)

    @property
    def start(self) -> Configuration[S]:
        """Nothing has been put in order."""
        return (0, 0, 0, self.model.initial)


class Found(Generic[S]):
    """What a search has found.

    Attributes:
        explained: True: there is an order; False: there is none; None: the bound was reached.
        configurations: how many were reached.
        failed: position of the return that nothing got past (of the furthest so far).
        crossed: the configurations first reached at or beyond `until`.
    """

    def __init__(self) -> None:
        self.explained: bool | None = None
        self.configurations = 0
        self.failed = -1
        self.crossed: list[Configuration[S]] = []


def search(
    part: Part[S],
    bound: int,
    starts: Sequence[Configuration[S]] | None = None,
    until: int | None = None,
) -> Found[S]:
    """Look for an order of a part's calls.

    Args:
        part: the calls.
        bound: give up after this many configurations beyond one for each call.
        starts: configurations to begin from; by default that where nothing is in order.
        until: do not go on from where all operations below this number are in order, but collect
            these configurations.
    """
    found = Found[S]()
    if starts is None and until is None and is_explained_by_returns(part, bound):
        found.explained = True
        found.configurations = len(part.returned) + 1
        return found
    most = bound + len(part.returned)
    total = len(part.returned)
    stack = [part.start] if starts is None else list(starts)
    seen = set(stack)
    found.configurations = len(stack)
    while stack:
        here = stack.pop()
        if here[0] == total:
            found.explained = True
            break
        for following in _following(part, here, found):
            if following not in seen:
                seen.add(following)
                found.configurations += 1
                if until is not None and following[0] >= until:
                    found.crossed.append(following)
                else:
                    stack.append(following)
        if found.configurations > most and stack:
            break
    else:
        found.explained = False
    return found


def is_explained_by_returns(part: Part[S], patience: int) -> bool:
    """Whether an order is found by taking, of what may come next, what returned first.

    What returned first of all that remains may always come next. Where it answers wrongly, the next
    best is taken; where that gets stuck it goes back to the last choice that it had. What answers
    rightly and changes nothing is no choice: it can as well be taken at once. False says nothing:
    the calls may be explained otherwise.

    Args:
        part: the calls.
        patience: go back so often at most, and no more often than there are calls.
    """
    returned, step = part.returned, part.model.step
    total = len(returned)
    patience = min(patience, total)
    by_return = sorted(range(total), key=part.ends.__getitem__)
    is_done = bytearray(total)
    place, state = 0, part.model.initial
    # What was put in order: its number; the place in `by_return` of the first that remained then,
    # the state before it, and what else could have been taken (None: not yet looked up).
    taken: list[tuple[int, int, S, list[int] | None]] = []
    while True:
        while place < total and is_done[by_return[place]]:
            place += 1
        if place == total:
            return True
        number, others = by_return[place], None
        while True:
            call = returned[number]
            after, result = step(state, call.operation)
            if result == call.result:
                break
            if others is None:
                others = _others(part, by_return[place], is_done)
            if not others:
                patience -= 1
                if patience < 0:
                    return False
                while not others:
                    if not taken:
                        return False
                    after = state
                    number, place, state, others = taken.pop()
                    is_done[number] = 0
                    if after == state:
                        others = []
                    elif others is None:
                        others = _others(part, number, is_done)
            number = others.pop()
        taken.append((number, place, state, others))
        is_done[number] = 1
        state = after


def _others(part: Part[S], first: int, is_done: bytearray) -> list[int]:
    """What may come next instead of `first`, which returned first of what remains.

    In the order of return, backwards, so that the best is popped first.
    """
    limit, returned = part.ends[first], part.returned
    number = is_done.find(0)
    others: list[int] = []
    while number < len(returned) and returned[number].invoked < limit:
        if not is_done[number] and number != first:
            others.append(number)
        number += 1
    others.sort(key=part.ends.__getitem__, reverse=True)
    return others


def _following(
    part: Part[S], here: Configuration[S], found: Found[S]
) -> Sequence[Configuration[S]]:
    """The configurations one operation further, the most promising last."""
    low, ahead, used, state = here
    first, limit = _candidates(part, low, ahead)
    found.failed = max(found.failed, limit)
    step = part.model.step
    following: list[Configuration[S]] = []
    for _, number in first:
        call = part.returned[number]
        after, result = step(state, call.operation)
        if result != call.result:
            continue
        one = _ordered(low, ahead, number, used, after)
        if part.is_read[number]:
            return (one,)
        following.append(one)
    following.reverse()
    if not part.pending:
        return following
    extra: list[Configuration[S]] = []
    tried: set[bytes] = set()
    for bit, call in enumerate(part.pending):
        operation = call.operation
        # Of equal operations any one that is still there does as well as any other.
        if (used >> bit) & 1 or call.invoked > limit or operation in tried:
            continue
        if part.writes_pending[bit]:
            tried.add(operation)
            after, _ = step(state, operation)
            if after != state:
                extra.append((low, ahead, used | 1 << bit, after))
    return extra + following


def _candidates(part: Part[S], low: int, ahead: int) -> tuple[list[tuple[int, int]], int]:
    """What may come next, as (position of return, number) by return; and the first return."""
    returned, ends = part.returned, part.ends
    limit = ends[low]
    candidates = [(limit, low)]
    number, bits = low + 1, ahead >> 1
    total = len(ends)
    while number < total and returned[number].invoked < limit:
        if not bits & 1:
            end = ends[number]
            candidates.append((end, number))
            limit = min(limit, end)
        number += 1
        bits >>= 1
    candidates.sort()
    return candidates, limit


def _ordered(low: int, ahead: int, number: int, used: int, state: S) -> Configuration[S]:
    """The configuration in which operation `number` is done too."""
    ahead |= 1 << (number - low)
    while ahead & 1:
        ahead >>= 1
        low += 1
    return (low, ahead, used, state)


def end_of(call: Call) -> int:
    """Position of the return of a call that has one."""
    assert call.returned is not None
    return call.returned


def reader(model: object) -> Callable[[bytes], bool]:
    """Which operations only read; a model that does not say makes it none."""
    return model.reads if isinstance(model, ReadAware) else lambda _: False
