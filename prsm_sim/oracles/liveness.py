"""Oracles of what must happen: bounded liveness after healing, and `Eventually`.

No finite run refutes "eventually"; a bound does. Partial synchrony (Dwork, Lynch and Stockmeyer
1988) promises progress only once the network behaves, so the bound counts from the moment at which
a run's faults are over. What such an oracle finds is judged at the end of the run, so that a
violation of safety that comes later is not hidden by it.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from prsm_sim.actor.types import Fact, PeerId, Seconds
from prsm_sim.checker import Checker, F, Observe, everyone
from prsm_sim.history import Call, History, Invoked, Returned

A = TypeVar("A", bound=Fact)
R = TypeVar("R", bound=Fact)
P = TypeVar("P", bound=Fact)
UNJUDGED = "the run ended before anything was due"


_call: Callable[[Invoked | Returned], Hashable] = attrgetter("client", "number")


class Recovers(Checker):
    """Everything asked for is answered within a bound that counts from the healing.

    What is asked for later has as much time from then on. What is not due when the run ends is not
    judged; nor is what an untrusted client says.

    Args:
        within_s: the bound.
        after: the world is healed, s.
        asked: the type of fact that asks, and its key; by default `Invoked`.
        answered: the type of fact that answers, and its key; by default `Returned`.
        progress: a type of fact and what it decides: of these, so many new ones must be decided by
            trusted peers between the healing and the bound. Use it where work is left by then.
        trusted: whether the word of a peer or client counts.
        history: what clients ask and are told, taken down by another checker, such as
            `Linearizable`, in which everyone is trusted. It is read at the end and no fact is
            heard, so it goes with none of the four arguments above.
        name: how the verdict is called.

    Raises:
        ValueError: a history, and something to hear besides.
    """

    def __init__(
        self,
        within_s: Seconds,
        after: Seconds = 0.0,
        *,
        asked: tuple[type[A], Callable[[A], Hashable]] | None = None,
        answered: tuple[type[R], Callable[[R], Hashable]] | None = None,
        progress: tuple[type[P], Callable[[P], Hashable | None], int] | None = None,
        trusted: Callable[[PeerId], bool] = everyone,
        history: History | None = None,
        name: str = "recovery",
    ) -> None:
        super().__init__()
        heard = (asked, answered, progress)
        if history is not None and (heard != (None, None, None) or trusted is not everyone):
            raise ValueError("Recovers reads a history, or hears facts of its own: leave one out")
        self.name = name
        self._history = history
        self._within_s, self._after_s, self._trusted = within_s, after, trusted
        self._asked_type: type[Fact] = Invoked
        self._answered_type: type[Fact] = Returned
        self._asked_key: Callable[[Any], Hashable] = _call
        self._answered_key: Callable[[Any], Hashable] = _call
        if asked is not None:
            self._asked_type, self._asked_key = asked
        if answered is not None:
            self._answered_type, self._answered_key = answered
        self.facts = (self._asked_type, self._answered_type)
        self._progress_type: type[Fact] | None = None
        if progress is not None:
            self._progress_type = progress[0]
            self._decided: Callable[[Any], Hashable | None] = progress[1]
            self._least = progress[2]
            self.facts = tuple(dict.fromkeys((*self.facts, progress[0])))
        self._open: dict[Hashable, tuple[PeerId, Seconds]] = {}
        self._late: dict[Hashable, tuple[PeerId, Seconds, Seconds]] = {}
        self._closed: set[Hashable] = set()
        self._read = 0
        """How many answered calls were read in a history."""
        self._after_heal = 0
        self._slowest_s: Seconds = 0.0
        self._before_heal: set[Hashable] = set()
        self._fresh: set[Hashable] = set()
        self.doubt = UNJUDGED

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Note a question, an answer or a decision."""
        if self._trusted is not everyone and not self._trusted(peer):
            return None
        fact_type = type(fact)
        if fact_type is self._asked_type:
            self._on_asked(time_s, peer, fact)
        elif fact_type is self._answered_type:
            self._on_answered(time_s, peer, fact)
        if fact_type is self._progress_type:
            self._decide(self._decided(fact), time_s)
        return None

    def observers(self) -> Mapping[type[Fact], Observe]:
        """Where every client's word counts, questions and answers are noted without detours."""
        if self._history is not None:
            return {}
        if self._trusted is not everyone or self._progress_type is not None:
            return super().observers()
        return {self._answered_type: self._on_answered, self._asked_type: self._on_asked}

    def _on_asked(self, time_s: Seconds, peer: PeerId, fact: Any) -> None:
        key = self._asked_key(fact)
        if key not in self._closed:
            self._open.setdefault(key, (peer, time_s))

    def _on_answered(self, time_s: Seconds, _: PeerId, fact: Any) -> None:
        key = self._answered_key(fact)
        opened = self._open.pop(key, None)
        if opened is None:
            return
        self._closed.add(key)
        peer, since_s = opened
        counted_from_s = max(since_s, self._after_s)
        if time_s >= self._after_s:
            self._after_heal += 1
            self._slowest_s = max(self._slowest_s, time_s - counted_from_s)
        if time_s > counted_from_s + self._within_s:
            self._late[key] = (peer, since_s, time_s)

    def _decide(self, key: Hashable | None, time_s: Seconds) -> None:
        if key is None or key in self._before_heal:
            return
        if time_s < self._after_s:
            self._before_heal.add(key)
        elif time_s <= self._due_s(0.0):
            self._fresh.add(key)

    def _due_s(self, since_s: Seconds) -> Seconds:
        return max(since_s, self._after_s) + self._within_s

    def finish(self, time_s: Seconds) -> str | None:
        """Name the first operation without an answer in time."""
        if self._history is not None:
            self._read_calls(self._history.calls)
        stuck = {
            key: (peer, since_s, None)
            for key, (peer, since_s) in self._open.items()
            if self._due_s(since_s) <= time_s
        }
        answered = len(self._closed) + self._read
        self.evaluations = answered + len(stuck)
        overdue = {**self._late, **stuck}
        if overdue:
            return self._overdue(overdue)
        if self._progress_type is not None and self._due_s(0.0) <= time_s:
            self.evaluations += 1
            if len(self._fresh) < self._least:
                return (
                    f"{len(self._fresh)} new decisions, not {self._least}, in the "
                    f"{self._within_s:g} s after the heal at {self._after_s:g} s"
                )
        if self.evaluations:
            self.doubt = ""
            self.note = f"{answered} answered, {self._after_heal} of them after the heal"
            if self._after_heal:
                self.note += f", in {self._slowest_s:.3f} s of {self._within_s:g} s at most"
        return None

    def _read_calls(self, calls: Sequence[Call]) -> None:
        """Take in a whole history, with the same outcome as call by call while it happened."""
        after_s, within_s = self._after_s, self._within_s
        late: list[Call] = []
        answered = after_heal = 0
        slowest_s = 0.0
        for call in calls:
            if call.returned is None:
                self._open[call.client, call.number] = (call.client, call.invoked_s)
                continue
            answered += 1
            since_s, answered_s = call.invoked_s, call.returned_s
            counted_from_s = since_s if since_s > after_s else after_s
            if answered_s >= after_s:
                after_heal += 1
                took_s = answered_s - counted_from_s
                if took_s > slowest_s:
                    slowest_s = took_s
            if answered_s > counted_from_s + within_s:
                late.append(call)
        self._read, self._after_heal, self._slowest_s = answered, after_heal, slowest_s
        # Of those asked for at one instant the first to be answered is named.
        for call in sorted(late, key=attrgetter("returned")):
            since_s, answered_s = call.invoked_s, call.returned_s
            self._late[call.client, call.number] = (call.client, since_s, answered_s)

    def _overdue(self, overdue: dict[Hashable, tuple[PeerId, Seconds, Seconds | None]]) -> str:
        key = min(overdue, key=lambda one: overdue[one][1])
        peer, since_s, answered_s = overdue[key]
        due_s = self._due_s(since_s)
        said = f"{peer} asked for {key!r} at {since_s:.3f} s and had no answer by {due_s:.3f} s"
        if self._after_s > since_s:
            said += f", {self._within_s:g} s after the heal"
        if answered_s is not None:
            said += f" (it came at {answered_s:.3f} s)"
        return said if len(overdue) == 1 else f"{said}; nor had {len(overdue) - 1} more in time"


class Eventually(Checker):
    """`holds(peer, fact)` is true of some fact of a type before the end.

    Args:
        name: how the verdict is called.
        fact: the type of fact to judge.
        holds: whether this is what has to happen.
        by_s: until when; a run that ends before says nothing. None: until the end of the run.
        peers: it must happen at each of these; empty: once is enough.
        trusted: whether a peer counts.
    """

    def __init__(
        self,
        name: str,
        fact: type[F],
        holds: Callable[[PeerId, F], bool],
        *,
        by_s: Seconds | None = None,
        peers: Sequence[PeerId] = (),
        trusted: Callable[[PeerId], bool] = everyone,
    ) -> None:
        super().__init__()
        self.name = name
        self.facts = (fact,)
        self._holds: Callable[[PeerId, Any], bool] = holds
        self._by_s = by_s
        self._awaited = dict.fromkeys(peers)
        self._once = not peers
        self._held_s: Seconds | None = None
        self._trusted = trusted
        self.doubt = UNJUDGED

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """See whether it happens now."""
        is_over = self._held_s is not None or (self._by_s is not None and time_s > self._by_s)
        if is_over or not self._trusted(peer) or not (self._once or peer in self._awaited):
            return None
        self.evaluations += 1
        if self._holds(peer, fact):
            self._awaited.pop(peer, None)
            if not self._awaited:
                self._held_s = time_s
                self.doubt, self.note = "", f"since {time_s:.3f} s"
        return None

    def finish(self, time_s: Seconds) -> str | None:
        """Say so if it has not happened."""
        if self._held_s is not None or (self._by_s is not None and time_s < self._by_s):
            return None
        self.evaluations += 1
        until_s = time_s if self._by_s is None else self._by_s
        where = "" if self._once else f" at {', '.join(self._awaited)}"
        return f"it has not happened{where} by {until_s:.3f} s"
