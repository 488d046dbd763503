"""Random numbers drawn by Hypothesis: each law's range, and that they shrink to the simplest."""

import random

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from prsm_sim.testing.drawn import DrawnRandom

FAST = settings(max_examples=100, deadline=None, database=None)


@st.composite
def drawn(draw):
    return DrawnRandom(draw)


def simplest(use, wanted=lambda value: True):
    """The value to which Hypothesis shrinks what `use` draws, among those that are wanted."""

    @st.composite
    def values(draw):
        return use(DrawnRandom(draw))

    return find(values(), wanted, settings=settings(FAST, max_examples=2000))


@given(st.data(), st.integers(-50, 50), st.integers(1, 60), st.integers(1, 7))
@FAST
def test_numbers_lie_in_their_ranges(data, start, length, step):
    rng = DrawnRandom(data.draw)
    assert 0.0 <= rng.random() < 1.0
    assert rng.randrange(start, start + length, step) in range(start, start + length, step)
    assert rng.randrange(length) in range(length)
    assert start <= rng.randint(start, start + length) <= start + length
    assert start <= rng.uniform(start, start + length) <= start + length
    assert 0 <= rng.getrandbits(step) < 2**step
    assert len(rng.randbytes(step)) == step
    assert rng.expovariate(2.0) >= 0.0


@given(st.data(), st.lists(st.integers(), min_size=1, max_size=9), st.integers(0, 9))
@FAST
def test_samples_are_parts_and_shuffles_are_orders(data, items, count):
    rng = DrawnRandom(data.draw)
    places = list(range(len(items)))
    sample = rng.sample(places, min(count, len(places)))
    assert len(sample) == len(set(sample)) == min(count, len(places))
    assert set(sample) <= set(places)
    shuffled = list(items)
    rng.shuffle(shuffled)
    assert sorted(shuffled) == sorted(items)
    assert rng.choice(items) in items


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        (lambda rng: rng.random(), 0.0),
        (lambda rng: rng.randint(3, 9), 3),
        (lambda rng: rng.choice("xyz"), "x"),
        (lambda rng: rng.sample("abcd", 2), ["a", "b"]),
        (lambda rng: rng.expovariate(5.0), 0.0),
        (lambda rng: rng.uniform(2.0, 4.0), 2.0),
    ],
)
def test_everything_shrinks_to_the_first_and_smallest(use, expected):
    assert simplest(use) == expected


def test_what_is_wanted_stays_and_the_rest_shrinks():
    found = simplest(lambda rng: (rng.random(), rng.randint(0, 99)), lambda pair: pair[1] >= 17)
    assert found == (0.0, 17)


def test_the_laws_are_those_of_the_standard_library():
    """Driven by a real generator, each mean is that of the law."""
    chance = random.Random(1)

    def draw(strategy):  # only integers(0, n) are asked for here
        inner = getattr(strategy, "wrapped_strategy", strategy)
        return chance.randint(inner.start, inner.end)

    rng = DrawnRandom(draw)
    count = 4000
    assert sum(rng.expovariate(2.0) for _ in range(count)) / count == pytest.approx(0.5, rel=0.1)
    normal = [rng.gauss(3.0, 2.0) for _ in range(count)]
    mean = sum(normal) / count
    assert mean == pytest.approx(3.0, abs=0.15)
    spread = (sum((one - mean) ** 2 for one in normal) / count) ** 0.5
    assert spread == pytest.approx(2.0, rel=0.1)
