"""Chance: every random number of a run comes from here, and from the seed alone.

Generators are *counter-based*: draw number i of a stream is a pure function of (seed, names, i). A
stream is therefore a key and a counter, not a state that is handed around; adding a peer, or a draw
elsewhere, never shifts another stream. There is one stream for each actor and concern.

Machines agree to the last bit. Integer mixing and ``+ − × ÷`` are exact by IEEE 754, but ``log``
and ``exp`` of a C library or of a vectorised numpy are not the same everywhere, so logarithm and
exponential are computed here, from exact operations only (relative error below 1e-8, far under what
a statistic could see).

Sources: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011) for the counters;
Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014) for the mixer.
"""

import hashlib
import math
import struct
from collections.abc import MutableSequence, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")
Floats = npt.NDArray[np.float64]

_LN2 = 0.6931471805599453
_SQRT_HALF = 0.7071067811865476
_TO_UNIT = 2.0**-53
_WORDS = struct.Struct("<8Q")
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11 = (np.uint64(bits) for bits in (30, 27, 31, 11))


def key_of(seed: int, *names: str) -> bytes:
    """The 16-byte key of the stream that `names` call, under `seed`."""
    text = "\x1f".join((str(seed), *names))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _log_reduced(mantissa: Any, exponent: Any) -> Any:
    """log(mantissa · 2^exponent) for a mantissa in [√½, √2), floats or arrays alike.

    log m = 2·artanh s with s = (m − 1)/(m + 1), |s| ≤ 0.172; five terms of the series.
    """
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    tail = 2 / 3 + z * (2 / 5 + z * (2 / 7 + z * (2 / 9)))
    return exponent * _LN2 + s * (2.0 + z * tail)


def log(x: float) -> float:
    """Natural logarithm of x > 0, the same bits on every machine."""
    mantissa, exponent = math.frexp(x)
    if mantissa < _SQRT_HALF:
        mantissa, exponent = mantissa * 2.0, exponent - 1
    return float(_log_reduced(mantissa, float(exponent)))


def exp(x: float) -> float:
    """Exponential of x, |x| < 700, the same bits on every machine."""
    halvings = math.floor(x / _LN2 + 0.5)
    rest = x - halvings * _LN2
    total = term = 1.0
    for k in range(1, 16):
        term = term * rest / k
        total += term
    return math.ldexp(total, halvings)


def normal_quantile(u: float) -> float:
    """The standard normal's inverse distribution function at 0 < u < 1 (7 digits).

    Wichura, algorithm AS 241 (PPND7), Applied Statistics 37(3), 1988.
    """
    q = u - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        above = 3.3871327179 + r * (50.434271938 + r * (159.29113202 + r * 59.109374720))
        below = 1.0 + r * (17.895169469 + r * (78.757757664 + r * 67.187563600))
        return q * above / below
    r = math.sqrt(-log(min(u, 1.0 - u)))
    if r <= 5.0:
        r -= 1.6
        above = 1.4234372777 + r * (2.7568153900 + r * (1.3067284816 + r * 0.17023821103))
        below = 1.0 + r * (0.73700164250 + r * 0.12021132975)
    else:
        r -= 5.0
        above = 6.6579051150 + r * (3.0812263860 + r * (0.42868294337 + r * 0.017337203997))
        below = 1.0 + r * (0.24197894225 + r * 0.012258202635)
    return math.copysign(above / below, q)


def exponentials(keys: npt.NDArray[np.uint64], first: int, count: int) -> Floats:
    """Standard exponential draws ``first … first + count − 1`` of each key's stream.

    Args:
        keys: shape (n,), one a stream.
        first: number of the first draw.
        count: how many draws a stream.

    Returns:
        shape (n, count), mean 1.
    """
    counters = np.arange(first + 1, first + count + 1, dtype=np.uint64) * _GOLDEN
    bits = keys[:, None] + counters[None, :]
    shifted = bits >> _30  # from here on in place: a third faster than with temporaries
    for shift, factor in ((_27, _MIX_1), (_31, _MIX_2)):
        bits ^= shifted
        bits *= factor
        np.right_shift(bits, shift, out=shifted)
    bits ^= shifted
    bits >>= _11
    uniform = bits.astype(np.float64)
    uniform += 0.5
    mantissa, exponent = np.frexp(uniform)  # uniform = mantissa · 2^exponent, mantissa in [½, 1)
    # −log m = 2·artanh s − log √½ with s = (√½ − m)/(√½ + m), |s| ≤ 0.172: six terms.
    s = _SQRT_HALF - mantissa
    mantissa += _SQRT_HALF
    s /= mantissa
    z = np.multiply(s, s, out=mantissa)
    draws: Floats = z * (2 / 11)
    for coefficient in (2 / 9, 2 / 7, 2 / 5, 2 / 3):
        draws += coefficient
        draws *= z
    draws += 2.0
    draws *= s
    draws -= (exponent - 53.5) * _LN2
    return np.abs(draws, out=draws)  # the series may end 1e-11 short of a draw that is nearly 0


class Stream:
    """One random stream, an `prsm_sim.actor.context.Random`. About 200 bytes, made in 1 µs.

    Args:
        seed: the run's seed.
        names: what the stream is for, such as ``("replica-3", "user")``.
    """

    __slots__ = ("_counter", "_key", "_words")

    def __init__(self, seed: int, *names: str) -> None:
        self._key = key_of(seed, *names)
        self._counter = 0
        self._words: list[int] = []

    def _word(self) -> int:
        """The next 64 random bits."""
        words = self._words
        if not words:
            words.extend(_WORDS.unpack(self._block()))
        return words.pop()

    def _block(self) -> bytes:
        """The next 64 random bytes, eight words of which the last is the first to be drawn."""
        block = self._key + self._counter.to_bytes(8, "little")
        self._counter += 1
        return hashlib.blake2b(block).digest()

    def random(self) -> float:
        """A float in [0, 1)."""
        return (self._word() >> 11) * _TO_UNIT

    def getrandbits(self, k: int, /) -> int:
        """An integer of `k` random bits."""
        if 0 < k <= 64:
            words = self._words
            return (words.pop() if words else self._word()) >> (64 - k)
        value = 0
        for _ in range(0, k, 64):
            value = value << 64 | self._word()
        return value >> (-k % 64)

    def randbytes(self, n: int) -> bytes:
        """`n` random bytes."""
        if n > 0 and n % 64 == 0 and not self._words:
            # What follows gives the same bytes, word by word: five times as slow.
            return b"".join([self._block() for _ in range(n // 64)][::-1])
        return self.getrandbits(8 * n).to_bytes(n, "little")

    def _below(self, limit: int) -> int:
        """An integer in [0, limit), exactly uniform (by rejection)."""
        bits = limit.bit_length()
        value = self.getrandbits(bits)
        while value >= limit:
            value = self.getrandbits(bits)
        return value

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        """An integer of ``range(start, stop, step)``; raises ValueError if that is empty."""
        choices = range(start) if stop is None else range(start, stop, step)
        if not choices:
            raise ValueError(f"empty range: {choices}")
        count = -((choices.start - choices.stop) // choices.step)  # `len` ends at 2^63
        return choices.start + choices.step * self._below(count)

    def randint(self, a: int, b: int) -> int:
        """An integer in [a, b]."""
        return self.randrange(a, b + 1)

    def uniform(self, a: float, b: float) -> float:
        """A float in [a, b]."""
        return a + (b - a) * self.random()

    def expovariate(self, lambd: float) -> float:
        """An exponential variate of rate `lambd`."""
        return -log(1.0 - self.random()) / lambd

    def gauss(self, mu: float, sigma: float) -> float:
        """A normal variate."""
        return mu + sigma * normal_quantile(((self._word() >> 11) + 0.5) * _TO_UNIT)

    def choice(self, seq: Sequence[T]) -> T:
        """One element of a non-empty sequence; raises IndexError if it is empty."""
        if not seq:
            raise IndexError("cannot choose from an empty sequence")
        return seq[self._below(len(seq))]

    def shuffle(self, x: MutableSequence[Any]) -> None:
        """Shuffle in place (Fisher–Yates)."""
        for i in range(len(x) - 1, 0, -1):
            j = self._below(i + 1)
            x[i], x[j] = x[j], x[i]

    def sample(self, population: Sequence[T], k: int) -> list[T]:
        """`k` distinct elements in random order; raises ValueError if there are fewer."""
        if not 0 <= k <= len(population):
            raise ValueError(f"cannot sample {k} of {len(population)}")
        moved: dict[int, int] = {}  # the sparse part of a Fisher–Yates shuffle: O(k), not O(n)
        picked: list[T] = []
        for i in range(k):
            j = i + self._below(len(population) - i)
            picked.append(population[moved.get(j, j)])
            moved[j] = moved.get(i, i)
        return picked
