"""The Pareto front: against its definition, on every small case."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from prsm_sim.sweep.pareto import dominates, front

NUMBERS = st.integers(-2, 2) | st.floats(-1, 1) | st.just(float("inf"))
VECTORS = st.integers(1, 4).flatmap(lambda n: st.lists(st.tuples(*[NUMBERS] * n), max_size=30))


def brute_force(vectors: list[tuple[float, ...]]) -> list[int]:
    def beaten(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
        return one != other and not any(a > b for a, b in zip(one, other, strict=True))

    return [place for place, one in enumerate(vectors) if not any(beaten(one, x) for x in vectors)]


@given(VECTORS)
def test_the_front_is_what_nothing_dominates(vectors: list[tuple[float, ...]]) -> None:
    assert front(vectors) == brute_force(vectors)


def test_every_three_vectors_of_three_small_numbers() -> None:
    all_vectors = list(itertools.product((0.0, 1.0), repeat=3))
    for vectors in itertools.product(all_vectors, repeat=3):
        assert front(vectors) == brute_force(list(vectors))


def test_domination_takes_one_better_and_none_worse() -> None:
    assert dominates((1, 2), (1, 1))
    assert not dominates((1, 1), (1, 1))
    assert not dominates((2, 0), (1, 1))
    assert front([]) == []
