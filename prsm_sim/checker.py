"""Checkers: what must hold, checked while the world runs.

A checker reads facts only (`Context.emit`), so the same checker judges a simulation and a live run.
The first violation stops the run, with its time and the command that replays it. A checker that
never had anything to judge, or that gave up, reports *inconclusive*, not *pass*: a green light over
nothing is how testbeds lie.

`prsm_sim.oracles` has more of them, made of the same base.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Literal, TypeVar

import msgspec

from prsm_sim.actor.types import Fact, PeerId, Seconds

Status = Literal["pass", "fail", "inconclusive"]
F = TypeVar("F", bound=Fact)
T = TypeVar("T", bound=Fact)
Observe = Callable[[Seconds, PeerId, Any], str | None]
"""Judges one fact that a peer tells at a time; returns what is wrong, or None."""


def everyone(_: PeerId) -> bool:
    """Every peer's word counts."""
    return True


class Verdict(msgspec.Struct, frozen=True):
    """What a checker concluded.

    Attributes:
        name: the checker.
        status: ``pass``, ``fail`` or ``inconclusive`` (it had nothing to judge, or gave up).
        evaluations: how many times its condition was really evaluated.
        detail: one sentence; for a failure what is wrong, for an inconclusive one why.
        time_s: world time of the first violation, else None.
        event: number of the first violating event in the trace, else None.
    """

    name: str
    status: Status
    evaluations: int
    detail: str = ""
    time_s: Seconds | None = None
    event: int | None = None


class Checker:
    """Base of checkers. Set `name` and `facts`, override `observe` (and `finish` for liveness).

    Attributes:
        name: how the verdict is called; unique in a run.
        facts: the types of facts that `observe` is given (exactly these, no subtypes).
        judges: whether it gives a verdict; one that does not only watches.
        evaluations: how often its condition was really evaluated.
        doubt: why it cannot say that all is well, such as a bound it has reached; unless it has
            found something wrong, its verdict is *inconclusive*.
        note: what it has to say when all is well.
    """

    name: str = "checker"
    facts: tuple[type[Fact], ...] = ()
    judges: bool = True
    doubt: str = ""
    note: str = ""

    def __init__(self) -> None:
        self.evaluations = 0

    def begin(self, coverage: Counter[str]) -> None:
        """The run that it is to watch begins; `coverage` counts the labels of that run."""

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Judge one fact; return what is wrong, or None. Add to `evaluations` when judging."""
        raise NotImplementedError

    def observers(self) -> Mapping[type[Fact], Observe]:
        """What judges the facts of each type, in the manner of `observe`, which does it by default.

        A checker that hears of every request may give each type a method of its own: `observe` then
        need not find out the type of a fact first.
        """
        return dict.fromkeys(self.facts, self.observe)

    def sample(self, time_s: Seconds) -> str | None:
        """Called whenever gauges are sampled; return what is wrong, or None."""
        return None

    def finish(self, time_s: Seconds) -> str | None:
        """Judge the run as a whole once it has ended; return what is wrong, or None."""
        return None


class Agreement(Checker):
    """No two peers put different values in the same slot, and no peer puts two.

    Args:
        fact: the type of fact that fills a slot.
        slot: the slot a fact fills, such as its sequence number.
        value: what it fills it with, such as an operation's digest.
        trusted: whether a peer counts (Byzantine peers do not).
        name: how the verdict is called.
    """

    def __init__(
        self,
        fact: type[F],
        slot: Callable[[F], Hashable],
        value: Callable[[F], Hashable],
        trusted: Callable[[PeerId], bool] = everyone,
        *,
        name: str = "agreement",
    ) -> None:
        super().__init__()
        self.name = name
        self.facts = (fact,)
        self._slot: Callable[[Any], Hashable] = slot
        self._value: Callable[[Any], Hashable] = value
        self._trusted = trusted
        self._first: dict[Hashable, tuple[PeerId, Hashable]] = {}

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Compare the fact with the first one in its slot."""
        if not self._trusted(peer):
            return None
        slot, value = self._slot(fact), self._value(fact)
        self.evaluations += 1
        first = self._first.get(slot)
        if first is None:
            self._first[slot] = (peer, value)
            return None
        first_peer, first_value = first
        if first_value != value:
            return f"{peer} has {value!r} in slot {slot!r} where {first_peer} has {first_value!r}"
        return None


class Order(Checker):
    """Each peer fills its slots in order, without a gap: 1, 2, 3, … also across restarts.

    A peer that recovers may resume at any slot up to the one after its last, and may repeat. One
    that takes over another's state goes on after what that state contains.

    Args:
        fact: the type of fact that fills a slot.
        slot: the number of the slot a fact fills.
        trusted: whether a peer counts.
        taken_over: the type of fact by which a peer takes over a state, and the last slot that this
            contains; None: peers never do.
        name: how the verdict is called.
    """

    def __init__(
        self,
        fact: type[F],
        slot: Callable[[F], int],
        trusted: Callable[[PeerId], bool] = everyone,
        *,
        taken_over: tuple[type[T], Callable[[T], int]] | None = None,
        name: str = "order",
    ) -> None:
        super().__init__()
        self.name = name
        self.facts = (fact,)
        self._taken_over: type[Fact] | None = None
        if taken_over is not None:
            self._taken_over = taken_over[0]
            self._contained: Callable[[Any], int] = taken_over[1]
            self.facts = (fact, taken_over[0])
        self._slot: Callable[[Any], int] = slot
        self._trusted = trusted
        self._last: dict[PeerId, int] = {}

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Compare the slot with the peer's last."""
        if not self._trusted(peer):
            return None
        if type(fact) is self._taken_over:
            self._last[peer] = max(self._last.get(peer, 0), self._contained(fact))
            return None
        self.evaluations += 1
        slot, last = self._slot(fact), self._last.get(peer, 0)
        if slot > last:
            if slot > last + 1:
                return f"{peer} filled slot {slot} right after slot {last}"
            self._last[peer] = slot
        return None


class Always(Checker):
    """`holds(fact)` is true of every fact of a type.

    Args:
        name: how the verdict is called.
        fact: the type of fact to judge.
        holds: returns what is wrong, or None.
    """

    def __init__(self, name: str, fact: type[F], holds: Callable[[PeerId, F], str | None]) -> None:
        super().__init__()
        self.name = name
        self.facts = (fact,)
        self._holds: Callable[[PeerId, Any], str | None] = holds

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Judge one fact."""
        self.evaluations += 1
        return self._holds(peer, fact)


class Settled(Checker):
    """Everything that was opened is closed by the end of the run, and closed once.

    Args:
        name: how the verdict is called.
        opened: the type of fact that opens a case, and the case's key.
        closed: types of facts that close one, and the key of each.
        grace_s: a case opened less than this before the end may stay open.
    """

    def __init__(
        self,
        name: str,
        opened: tuple[type[Fact], Callable[[Fact], Hashable]],
        closed: tuple[tuple[type[Fact], Callable[[Fact], Hashable]], ...],
        grace_s: Seconds = 0.0,
    ) -> None:
        super().__init__()
        self.name = name
        self._opened_type, self._opened_key = opened
        self._closed_keys = dict(closed)
        self.facts = (self._opened_type, *self._closed_keys)
        self._grace_s = grace_s
        self._open: dict[Hashable, Seconds] = {}
        self._closed: dict[Hashable, str] = {}

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Open or close a case."""
        if isinstance(fact, self._opened_type):
            self._open.setdefault(self._opened_key(fact), time_s)
            return None
        key = self._closed_keys[type(fact)](fact)
        self.evaluations += 1
        if key in self._closed:
            return f"{key!r} was closed twice, by {self._closed[key]} and {type(fact).__name__}"
        if self._open.pop(key, None) is None:
            return f"{key!r} was closed by {type(fact).__name__} but never opened"
        self._closed[key] = type(fact).__name__
        return None

    def finish(self, time_s: Seconds) -> str | None:
        """Name what is still open."""
        late = [key for key, since in self._open.items() if since <= time_s - self._grace_s]
        self.evaluations += len(late)
        if late:
            return f"{len(late)} never closed, the first is {late[0]!r}"
        return None
