"""A stream of random numbers whose every draw is Hypothesis's.

The makers of faults draw from a `Random`; given this one, the same makers become Hypothesis
strategies, and every choice they make can be shrunk: towards the first element, the smallest
number, the order given.
"""

from collections.abc import Callable, MutableSequence, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from prsm_sim.chance import log, normal_quantile

E = TypeVar("E")
_STEPS = 1 << 16
"""A float is one of so many: coarse enough to be shrunk, fine enough for a fault."""


class DrawnRandom:
    """`prsm_sim.actor.context.Random`, drawn by Hypothesis."""

    def __init__(self, draw: Callable[[SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def random(self) -> float:
        """A float in [0, 1)."""
        return self.randrange(_STEPS) / _STEPS

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        """An integer of ``range(start, stop, step)``."""
        numbers = range(start) if stop is None else range(start, stop, step)
        return numbers[int(self._draw(st.integers(0, len(numbers) - 1)))]

    def randint(self, a: int, b: int) -> int:
        """An integer in [a, b]."""
        return int(self._draw(st.integers(a, b)))

    def getrandbits(self, k: int, /) -> int:
        """An integer of `k` random bits."""
        return int(self._draw(st.integers(0, (1 << k) - 1)))

    def randbytes(self, n: int) -> bytes:
        """`n` random bytes."""
        return bytes(self._draw(st.binary(min_size=n, max_size=n)))

    def uniform(self, a: float, b: float) -> float:
        """A float in [a, b]."""
        return a + (b - a) * self.random()

    def expovariate(self, lambd: float) -> float:
        """An exponential variate of rate `lambd`."""
        return -log(1.0 - self.random()) / lambd

    def gauss(self, mu: float, sigma: float) -> float:
        """A normal variate."""
        return mu + sigma * normal_quantile((self.randrange(_STEPS) + 0.5) / _STEPS)

    def choice(self, seq: Sequence[E]) -> E:
        """One element of a non-empty sequence."""
        return seq[self.randrange(len(seq))]

    def sample(self, population: Sequence[E], k: int) -> list[E]:
        """`k` distinct elements, in random order."""
        left = list(population)
        return [left.pop(self.randrange(len(left))) for _ in range(k)]

    def shuffle(self, x: MutableSequence[Any]) -> None:
        """Shuffle in place."""
        x[:] = self.sample(list(x), len(x))
