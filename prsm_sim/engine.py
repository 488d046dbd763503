"""The engine: SimPy's clock on a stable bucket queue.

SimPy keeps its events in a binary heap, and a heap pays log n tuple comparisons in a cold cache for
every push and pop. A discrete-event simulation needs less: events leave in time order, and those
that arrive are nearly all for later. So time is cut into *buckets* of equal width. A push appends
to the list of its bucket (O(1), no comparison); when a bucket is due, its list is sorted once, by
time alone. The sort is stable, so ties leave in order of insertion without a sequence number, and
payloads are never compared (a calendar queue: Brown, CACM 31(10), 1988).

Arrivals for the bucket that is already open are inserted in place; right-bisection by time lands
behind everything already executed, because no event may lie in the past. The width tunes itself to
buckets of 32 to 512 events; to change it moves everything that is queued, so it does so seldom.

An entry is ``(time, sender, receiver, message)``. It is dispatched by one dictionary lookup for the
receiver and one for the message's type. SimPy's own events travel as entries to the receiver
`SIMPY` with their priority in the sender's place, so processes, resources and actors share one
clock and one order.
"""

from bisect import bisect_right, insort_right
from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush
from itertools import chain
from math import floor
from operator import itemgetter, length_hint
from typing import Any

import numpy as np
import simpy
from simpy.core import EmptySchedule, Infinity, StopSimulation
from simpy.events import NORMAL, URGENT, Event, EventPriority

from prsm_sim.garbage import Collector

Entry = tuple[float, Any, str, Any]
Dispatch = Callable[[Any, Any, Any, Any], object]

SIMPY = "\x00simpy"
"""The receiver of SimPy's own events: no peer has this name."""

NEVER_OPEN = -Infinity
_MOST_PER_S = 2.0**60
"""Most buckets a second; the clock itself limits them before, but for the very first instants."""
_LAST_TIME = 1e200
"""Times beyond this count as infinite."""

_time_of = itemgetter(0)
_TUNE_EVERY = 64
"""Buckets between two looks at the width …"""
_TUNE_AFTER = 4096
"""… or events, if four buckets hold so many."""
_FEWEST, _MOST = 32, 512
"""Events a bucket that the width may have."""
_AIM = 96
"""Events a bucket that a change of width aims at."""
_SLICE = 4096
"""Entries of a bucket that are open at a time; what has been executed of it is let go."""
_TOO_MANY = 1024
"""Events in one bucket that make the queue cut time finer at once."""


def _order_of(entry: Entry) -> tuple[float, int]:
    """SimPy's order: time, then priority. Entries of actors have the normal priority."""
    priority = entry[1]
    return entry[0], priority if type(priority) is int else NORMAL


class BucketQueue:
    """A stable priority queue of entries, by time.

    `push` is inlined wherever it is hot: code that knows the queue appends to ``buckets[id]`` with
    ``id = floor(time · per_s)`` if that exceeds `open_id`, and calls `push` otherwise.

    Args:
        width_s: width of a bucket to begin with, s.
    """

    __slots__ = (
        "_opened", "_popped", "_rebuilt", "_rest", "_since", "buckets", "due", "ids", "open",
        "open_id", "open_until", "ordered", "per_s", "times", "unsorted",
    )  # fmt: skip

    def __init__(self, width_s: float = 0.01) -> None:
        self.per_s = 1.0 / width_s
        self.buckets: dict[int, list[Entry]] = {}
        self.ids: list[int] = []
        self.open: list[Entry] = []
        self.due: Iterator[Entry] = iter(self.open)
        self.open_id = -(1 << 60)
        self.unsorted: set[int] = set()
        self.ordered = False
        self.open_until = NEVER_OPEN
        """Before this time an entry belongs to the open bucket, and only its time counts."""
        self.times: list[float] | None = None
        """The times of the open bucket, once something has been inserted there."""
        self._rest: list[Entry] = []
        self._opened = 0
        self._popped = 0
        self._since = 0
        self._rebuilt = 0

    def push(self, entry: Entry) -> None:
        """Add one entry, no earlier than those already taken.

        Raises:
            ValueError: its time is not finite.
        """
        at = entry[0]
        if -_LAST_TIME <= at < self.open_until:  # most that are not for later, without more ado
            times = self.times or self.index()
            index = bisect_right(times, at)
            if index <= _SLICE:
                times.insert(index, at)
                self.open.insert(index, entry)
                return
        elif not -_LAST_TIME <= at <= _LAST_TIME:
            raise ValueError(f"an event needs a finite time, and this one has {at}: {entry!r}")
        bucket_id = floor(at * self.per_s)
        if bucket_id > self.open_id:
            try:
                self.buckets[bucket_id].append(entry)
            except KeyError:
                self.buckets[bucket_id] = [entry]
                heappush(self.ids, bucket_id)
        elif self.ordered:
            self._insert_in_order(entry)
        elif self._rest and at >= self._rest[0][0]:
            insort_right(self._rest, entry, key=_time_of)
        else:
            times = self.times or self.index()
            index = bisect_right(times, at)
            if index > _SLICE:
                self._trim()
                self.push(entry)
            else:
                times.insert(index, at)
                self.open.insert(index, entry)

    def _trim(self) -> None:
        """So much was inserted into the open bucket that it never ends: end it, cut time finer.

        What is due of it goes back among the buckets; what was taken is let go by `advance`.
        """
        taken = self.taken()
        pending, now = self.open[taken:] + self._rest, self.open[max(taken - 1, 0)][0]
        self._rest = []
        del self.open[taken:]
        span = now - next(entry[0] for entry in self.open if entry[3] is not None)
        per_s = max(self.per_s, taken / (_AIM * span)) if span > 0.0 else self.per_s
        if pending:
            self.buckets[self.open_id] = pending
            if any(type(entry[1]) is int for entry in pending):
                self.unsorted.add(self.open_id)
        self.times = None
        self.open_until = NEVER_OPEN
        self._rebuild(per_s, now)

    def index(self) -> list[float]:
        """Make `times`, among which places are found faster than among the entries."""
        self.times = list(map(_time_of, self.open))
        return self.times

    def push_with_priority(self, entry: Entry) -> None:
        """Add one entry whose priority is not the normal one."""
        if entry[1] > NORMAL:
            self.ordered = True  # from now on a normal entry may have to overtake a later one
            self.open_until = NEVER_OPEN
        at = entry[0]
        if not abs(at) <= _LAST_TIME or floor(at * self.per_s) > self.open_id:
            self.push(entry)
            self.unsorted.add(floor(at * self.per_s))
        else:
            self._insert_in_order(entry)

    def push_urgent(self, entry: Entry) -> None:
        """Add an urgent entry to the open bucket; mostly all else there is for later."""
        due = self.open
        index = len(due) - length_hint(self.due)
        if index < len(due) and due[index][0] <= entry[0]:
            self._insert_in_order(entry)
            return
        due.insert(index, entry)
        if self.times is not None:
            self.times.insert(index, entry[0])

    def _insert_in_order(self, entry: Entry) -> None:
        """Insert into the bucket that is open, by time and priority."""
        order = _order_of(entry)
        if self._rest and _order_of(self._rest[0]) <= order:
            insort_right(self._rest, entry, key=_order_of)
            return
        index = self.taken()
        if index < len(self.open) and _order_of(self.open[index]) <= order:
            index = bisect_right(self.open, order, index, key=_order_of)
        self.open.insert(index, entry)
        if self.times is not None:
            self.times.insert(index, entry[0])

    def taken(self) -> int:
        """How many entries of the open bucket have been taken."""
        return len(self.open) - length_hint(self.due)

    def advance(self) -> bool:
        """Open the next bucket once `due` is exhausted; False if there is none."""
        self._popped += min(len(self.open), _TOO_MANY)  # a burst is no trend
        if self._rest:
            self._slice()
            return True
        self._opened += 1
        if self._opened >= _TUNE_EVERY or (self._opened >= 4 and self._popped >= _TUNE_AFTER):
            self._tune()
        if not self.ids:
            # The empty bucket stays open under its id, so that later arrivals are still sorted in.
            self._slice()
            return False
        self._open_next()
        if len(self.open) > _TOO_MANY and self._popped + len(self.open) > self._rebuilt:
            self._split()
        self._rest = self.open
        self._slice()
        return True

    def _slice(self) -> None:
        """Open the next entries of the bucket; those executed before are let go."""
        if len(self._rest) <= _SLICE:
            self.open, self._rest = self._rest, []
        else:
            self.open, self._rest = self._rest[:_SLICE], self._rest[_SLICE:]
        self.times = None
        self.due = iter(self.open)
        simple = not (self.ordered or self._rest)
        # A little early, so that rounding never lets an entry of the next bucket in.
        end = (self.open_id + 1) / self.per_s
        self.open_until = end - abs(end) * 2.0**-50 if simple else NEVER_OPEN

    def _open_next(self) -> None:
        """Take the earliest bucket and sort it."""
        self.open_id = bucket_id = heappop(self.ids)
        self.open = self.buckets.pop(bucket_id)
        if self.ordered or bucket_id in self.unsorted:
            self.open.sort(key=_order_of)
            self.unsorted.discard(bucket_id)
        else:
            self.open.sort(key=_time_of)

    def peek(self) -> float:
        """Time of the next entry, infinity if there is none."""
        taken = self.taken()
        if taken < len(self.open):
            return self.open[taken][0]
        if self._rest:
            return self._rest[0][0]
        return min(map(_time_of, self.buckets[self.ids[0]])) if self.ids else Infinity

    def remaining(self) -> Iterator[Entry]:
        """Every entry that has not been taken yet, in no particular order."""
        yield from self.open[self.taken() :]
        yield from self._rest
        for entries in self.buckets.values():
            yield from entries

    def __len__(self) -> int:
        waiting = sum(map(len, self.buckets.values()))
        return waiting + len(self._rest) + len(self.open) - self.taken()

    def _tune(self) -> None:
        """Choose the width anew if buckets have been too full or too empty.

        A change moves everything queued, so it must be earned: at least as many entries must have
        been taken since the last one.
        """
        mean = self._popped / self._opened
        self._since += self._popped
        self._opened = self._popped = 0
        if not (mean > _MOST or 0 < mean < _FEWEST):
            return
        if sum(map(len, self.buckets.values())) <= self._since:
            # One step of at most 16 × at a time: a burst is no trend.
            now = self.open[-1][0] if self.open else 0.0
            self._rebuild(self.per_s * min(16.0, max(1 / 16, mean / _AIM)), now)

    def _split(self) -> None:
        """The bucket just opened is far too full: cut time finer at once."""
        span = self.open[-1][0] - self.open[0][0]
        if span == 0.0:
            return  # all is due at one instant: this cannot be cut
        # 2^-16 of its width is the end.
        span = max(span, 2.0**-16 / self.per_s)
        per_s = min(len(self.open) / (_AIM * span), 64 * self.per_s)
        if per_s > 4 * self.per_s:
            first, entries = self.open[0][0], self.open
            if self.ordered or any(type(entry[1]) is int for entry in entries):
                self.unsorted.add(self.open_id)
            self.buckets[self.open_id] = entries
            self._rebuild(per_s, first)
            self._open_next()

    def _rebuild(self, per_s: float, now: float) -> None:
        """Put everything queued into buckets of another width; nothing is earlier than `now`."""
        entries = list(chain.from_iterable(self.buckets[i] for i in sorted(self.buckets)))
        had_priorities = bool(self.unsorted)
        per_s = min(per_s, _MOST_PER_S)
        if now > 0.0:
            per_s = min(per_s, 2.0**53 / now)  # finer than the clock's own ticks is no use
        self.per_s = per_s
        self.buckets.clear()
        self.unsorted.clear()
        self.open_id = floor(now * per_s) - 1
        scaled = np.fromiter(map(_time_of, entries), np.float64, len(entries)) * per_s
        if len(entries) and np.abs(scaled).max() < 2.0**62:
            bucket_ids = np.floor(scaled).astype(np.int64).tolist()
        else:
            bucket_ids = [floor(entry[0] * per_s) for entry in entries]
        for bucket_id, entry in zip(bucket_ids, entries, strict=True):
            try:
                self.buckets[bucket_id].append(entry)
            except KeyError:
                self.buckets[bucket_id] = [entry]
        self.ids[:] = self.buckets
        heapify(self.ids)
        if had_priorities:
            marked = zip(bucket_ids, entries, strict=True)
            self.unsorted.update(one for one, entry in marked if type(entry[1]) is int)
        self._opened = self._popped = self._since = 0
        self._rebuilt = len(entries)


class _Anything(dict[type, Dispatch]):
    """A dispatch table with one answer for every type of message."""

    def __init__(self, answer: Dispatch) -> None:
        super().__init__()
        self._answer = answer

    def __missing__(self, message_type: type) -> Dispatch:
        self[message_type] = self._answer
        return self._answer


class Host:
    """What an entry's receiver resolves to: an actor, its context and its dispatch table."""

    __slots__ = ("actor", "table")

    def __init__(self, actor: object, table: dict[type, Dispatch]) -> None:
        self.actor = actor
        self.table = table


class Environment(simpy.Environment):
    """A `simpy.Environment` on a bucket queue; unmodified SimPy models run on it.

    Args:
        initial_time: where the clock starts.
        width: width of a bucket to begin with, in units of time; it tunes itself.
    """

    def __init__(self, initial_time: float = 0, width: float = 0.01) -> None:
        super().__init__(initial_time)
        self.queue = BucketQueue(width)
        self._collector = Collector()
        self.hosts: dict[str, Any] = {SIMPY: Host(self, _Anything(self._fire))}

    def schedule(
        self,
        event: Event,
        priority: EventPriority = NORMAL,
        delay: float = 0,
    ) -> None:
        """Schedule a SimPy event `delay` from now.

        Raises:
            ValueError: the delay is not finite.
        """
        at = self._now + delay
        queue = self.queue
        if at < queue.open_until:
            if priority == NORMAL:
                times = queue.times or queue.index()
                index = bisect_right(times, at)
                if index <= _SLICE:
                    times.insert(index, at)
                    queue.open.insert(index, (at, priority, SIMPY, event))
                    return
            elif priority == URGENT:
                queue.push_urgent((at, priority, SIMPY, event))
                return
        elif priority == NORMAL and at <= _LAST_TIME:
            bucket = queue.buckets.get(floor(at * queue.per_s))
            if bucket is not None:
                bucket.append((at, priority, SIMPY, event))
                return
        if priority == NORMAL:
            queue.push((at, priority, SIMPY, event))
        else:
            queue.push_with_priority((at, priority, SIMPY, event))

    def peek(self) -> float:
        """Time of the next event, infinity if there is none."""
        return self.queue.peek()

    def step(self) -> None:
        """Process the next event; raises `simpy.core.EmptySchedule` if there is none."""
        queue = self.queue
        entry = next(queue.due, None)
        while entry is None:
            if not self._next_bucket():
                raise EmptySchedule
            entry = next(queue.due, None)
        self._now, sender, to, message = entry
        host = self.hosts[to]
        host.table[message.__class__](host.actor, host, sender, message)

    def run(self, until: float | Event | None = None) -> Any:
        """Run until there is nothing to do, until a time, or until an event has been processed.

        Returns:
            the event's value if `until` is an event.
        """
        if until is not None:
            if not isinstance(until, Event):
                at = until if isinstance(until, int) else float(until)
                if at <= self.now:
                    raise ValueError(
                        f"until ({at}) must be greater than the current simulation time"
                    )
                until = Event(self)
                until._ok = True
                until._value = None
                self.schedule(until, URGENT, at - self.now)
            elif until.callbacks is None:
                return until.value
            until.callbacks.append(StopSimulation.callback)
        try:
            with self._collector.owning():
                self._drain()
        except StopSimulation as stop:
            return stop.args[0]
        except EmptySchedule:
            if until is not None:
                assert not until.triggered
                raise RuntimeError(
                    f'No scheduled events left but "until" event was not triggered: {until}'
                ) from None
        return None

    def _drain(self) -> None:
        """Process events until one raises or there are none, for SimPy's own events alone."""
        queue = self.queue
        while True:
            for self._now, _, _, event in queue.due:
                # What `_fire` does, inlined: a model without actors shall not pay for dispatch.
                callbacks, event.callbacks = event.callbacks, None
                try:
                    for callback in callbacks:
                        callback(event)
                except StopSimulation:
                    self._stopped(event, callbacks, callback)
                    raise
                if not event._ok and not hasattr(event, "_defused"):
                    raise _copy_of(event._value)
            if not self._next_bucket():
                raise EmptySchedule

    def _next_bucket(self) -> bool:
        """The open bucket has been processed: go on to the next one, if there is one."""
        self._collector.executed(len(self.queue.open))
        return self.queue.advance()

    def _fire(self, _actor: object, _host: object, _priority: int, event: Event) -> None:
        """Process one SimPy event: what `simpy.Environment.step` does after its pop."""
        callbacks: list[Callable[[Event], None]]
        callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]
        try:
            for callback in callbacks:
                callback(event)
        except StopSimulation:
            self._stopped(event, callbacks, callback)
            raise
        if not event._ok and not hasattr(event, "_defused"):
            raise _copy_of(event._value)

    def _stopped(
        self,
        event: Event,
        callbacks: list[Callable[[Event], None]],
        stop: Callable[[Event], None],
    ) -> None:
        """A callback has stopped the run: those after it are owed, first thing on resumption."""
        event.callbacks = callbacks[callbacks.index(stop) + 1 :]
        self.schedule(event, EventPriority(-1))


def _copy_of(error: BaseException) -> BaseException:
    """A failure with a traceback of its own, as SimPy raises it."""
    copy = type(error)(*error.args)
    copy.__cause__ = error
    return copy
