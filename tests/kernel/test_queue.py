"""The bucket queue against its definition: a stable sort by time, then priority, then insertion."""

import math
from bisect import bisect_right

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prsm_sim import engine
from prsm_sim.engine import BucketQueue, Environment


class Reference:
    """The same, by the definition: a list that is always sorted."""

    def __init__(self) -> None:
        self.entries: list[tuple[float, int, int]] = []

    def push(self, at: float, priority: int, number: int) -> None:
        row = (at, priority, number)
        self.entries.insert(bisect_right(self.entries, row), row)

    def take(self) -> int:
        return self.entries.pop(0)[2]


class Subject:
    """A bucket queue, used as `Environment` uses it."""

    def __init__(self, width_s: float) -> None:
        self.queue = BucketQueue(width_s)

    def push(self, at: float, priority: int, number: int) -> None:
        if priority == 1:
            self.queue.push((at, "sender", "receiver", number))
        else:
            self.queue.push_with_priority((at, priority, "receiver", number))

    def push_inline(self, at: float, number: int) -> None:
        """As the links do it: by hand if the bucket is not open."""
        queue, entry = self.queue, (at, "sender", "receiver", number)
        bucket_id = math.floor(at * queue.per_s)
        if bucket_id > queue.open_id and bucket_id in queue.buckets:
            queue.buckets[bucket_id].append(entry)
        else:
            queue.push(entry)

    def take(self) -> tuple[float, int]:
        entry = next(self.queue.due, None)
        while entry is None:
            assert self.queue.advance(), "empty"
            entry = next(self.queue.due, None)
        return entry[0], entry[3]


delays = st.one_of(
    st.sampled_from([0.0, 0.01, 0.01, 1.0, 1e-12, 5e-324, 1e9]),
    st.floats(0, 0.1),
    st.floats(0, 1e12),
)
priorities = st.sampled_from([1] * 8 + [0, 0, -1])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("push"), delays, priorities),
        st.tuples(st.just("inline"), delays, st.just(1)),
        st.tuples(st.just("burst"), delays, st.integers(2, 30)),
        st.tuples(st.just("tie"), delays, st.integers(2, 12)),
        st.tuples(st.just("take"), st.just(0.0), st.integers(1, 20)),
    ),
    max_size=60,
)
widths = st.sampled_from([1e-9, 0.01, 0.01, 3.0, 1e6])


NAMES = ("_TUNE_EVERY", "_FEWEST", "_MOST", "_AIM", "_TOO_MANY", "_SLICE")
PRODUCTION = {name: getattr(engine, name) for name in NAMES}
SMALL = dict(zip(NAMES, (2, 2, 4, 3, 6, 5), strict=True))
"""Thresholds that make the queue tune, split and slice all the time."""


@pytest.fixture(autouse=True)
def low_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SMALL.items():
        monkeypatch.setattr(engine, name, value)


@pytest.fixture
def thresholds_of_production(low_thresholds: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PRODUCTION.items():
        monkeypatch.setattr(engine, name, value)


def play(width_s: float, story: list[tuple[str, float, int]], extra: tuple[int, ...] = ()) -> None:
    subject, reference = Subject(width_s), Reference()
    now, number = 0.0, 0

    def push(at: float, priority: int, inline: bool = False) -> None:
        nonlocal number
        number += 1
        if inline:
            subject.push_inline(at, number)
        else:
            subject.push(at, priority, number)
        reference.push(at, priority, number)

    def take() -> None:
        nonlocal now
        expected = reference.entries[0][0]
        assert subject.queue.peek() == expected
        now, taken = subject.take()
        assert (now, taken) == (expected, reference.take())

    for what, delay, argument in story:
        if what == "burst":
            for i in range(argument):
                push(now + delay * (1 + i // 3), 1)
        elif what == "tie":
            for i in range(argument):
                push(now + delay, (1, 0, 1, -1)[i % 4])
        elif what == "take":
            for _ in range(min(argument, len(reference.entries))):
                take()
        else:
            priority = extra[number % len(extra)] if extra and what == "push" else argument
            push(now + delay, priority, inline=what == "inline")
        assert len(subject.queue) == len(reference.entries)
    while reference.entries:
        take()
    assert subject.queue.peek() == math.inf
    assert len(subject.queue) == 0
    assert not subject.queue.advance()


@settings(max_examples=250, deadline=None)
@given(widths, steps)
def test_entries_leave_by_time_priority_and_insertion(
    width_s: float, story: list[tuple[str, float, int]]
) -> None:
    play(width_s, story)


@settings(max_examples=120, deadline=None)
@given(widths, steps)
def test_priorities_lower_than_normal_are_overtaken(
    width_s: float, story: list[tuple[str, float, int]]
) -> None:
    play(width_s, story, extra=(1, 2, 1, 0, 5, -3))


@pytest.mark.parametrize("at", [math.inf, -math.inf, math.nan])
def test_a_time_that_is_not_finite_is_an_error_that_says_so(at: float) -> None:
    queue = BucketQueue()
    for push in (queue.push, queue.push_with_priority):
        with pytest.raises(ValueError, match=r"needs a finite time, and this one has"):
            push((at, 0, "receiver", "message"))
    assert len(queue) == 0
    with pytest.raises(ValueError, match="finite time"):
        Environment().timeout(math.inf)


CROWD = 1100


@pytest.mark.usefixtures("thresholds_of_production")
@pytest.mark.parametrize("instants", ["one", "ulp", "two"])
def test_a_crowd_at_one_instant_does_not_cut_time_ever_finer(instants: str) -> None:
    """Rounds of a synchronous protocol: over a thousand entries at the very same time."""
    subject = Subject(0.01)
    for number in range(CROWD):
        subject.push(1.0, 1, number)
    for now in range(1, 240):
        apart = {"one": 0.0, "ulp": math.ulp(now + 1.0), "two": 1e-5}[instants]
        for number in range(CROWD):
            assert subject.take()[1] == number
            subject.push(now + 1.0 + (apart if number >= CROWD // 2 else 0.0), 1, number)
    assert subject.queue.per_s < 1e17


@pytest.mark.usefixtures("thresholds_of_production")
@pytest.mark.parametrize("spacing_s", [1e-4, 1e-2, 100.0])
def test_the_width_tunes_itself_to_full_but_small_buckets(spacing_s: float) -> None:
    subject = Subject(0.01)
    for number in range(500):
        subject.push(number * spacing_s, 1, number)
    for _ in range(30_000):
        now, number = subject.take()
        subject.push(now + 500 * spacing_s, 1, number)
    assert 16 <= 1 / (subject.queue.per_s * spacing_s) <= 256
