"""The random numbers: exact against the standard library, uniform, and independent."""

import math
import random
from collections import Counter
from itertools import permutations
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from prsm_sim.chance import Stream, exp, exponentials, key_of, log, normal_quantile
from prsm_sim.network import Network
from prsm_sim.noise import Noise
from prsm_sim.sim import Sim
from tests.kernel.kernel_parts import Listener


@given(st.floats(min_value=5e-324, max_value=1.7e308))
def test_log_is_right_to_1e8(x: float) -> None:
    assert log(x) == pytest.approx(math.log(x), rel=1e-8, abs=1e-300)


@given(st.floats(0.5, 2.0))
def test_log_is_right_near_one(x: float) -> None:
    assert log(x) == pytest.approx(math.log(x), rel=1e-8, abs=0)


@given(st.floats(-699, 699))
def test_exp_is_right_to_1e12(x: float) -> None:
    assert exp(x) == pytest.approx(math.exp(x), rel=1e-12)


@given(
    st.one_of(
        st.floats(1e-16, 1 - 1e-16, exclude_max=True),
        st.floats(0.074, 0.076),
        st.floats(1e-300, 1e-9),
    )
)
def test_normal_quantile_is_right_to_six_digits(u: float) -> None:
    assert normal_quantile(u) == pytest.approx(NormalDist().inv_cdf(u), rel=2e-6, abs=2e-7)


def splitmix(key: int, number: int) -> int:
    """Draw `number` of SplitMix64 (Steele, Lea, Flood 2014, figure 9), in plain integers."""
    mask = 2**64 - 1
    z = (key + (number + 1) * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**40))
def test_exponentials_are_minus_log_of_splitmix(key: int, first: int) -> None:
    draws = exponentials(np.array([key, 7], dtype=np.uint64), first, 5)
    assert draws.shape == (2, 5)
    for row, row_key in zip(draws, (key, 7), strict=True):
        for i, draw in enumerate(row):
            uniform = ((splitmix(row_key, first + i) >> 11) + 0.5) / 2**53
            assert draw == pytest.approx(-math.log(uniform), rel=1e-9, abs=1e-10)
            assert draw >= 0.0


def test_exponentials_do_not_depend_on_how_they_are_cut() -> None:
    keys = np.array([1, 2, 3], dtype=np.uint64)
    whole = exponentials(keys, 0, 100)
    pieces = np.hstack([exponentials(keys, 0, 7), exponentials(keys, 7, 93)])
    assert (whole == pieces).all()
    assert (exponentials(keys[1:2], 40, 10)[0] == whole[1, 40:50]).all()


def test_exponentials_are_standard_exponential_and_independent() -> None:
    draws = exponentials(np.arange(200, dtype=np.uint64), 0, 500)
    assert stats.kstest(draws.ravel(), "expon").pvalue > 1e-3
    bound = 4 / math.sqrt(draws.size)
    assert abs(np.corrcoef(draws[:, :-1].ravel(), draws[:, 1:].ravel())[0, 1]) < bound
    assert abs(np.corrcoef(draws[:-1].ravel(), draws[1:].ravel())[0, 1]) < bound


@pytest.mark.parametrize("peers", [1, 5, 300])
@pytest.mark.parametrize("crowd", [False, True])
def test_a_peers_draws_do_not_depend_on_how_they_are_buffered(
    peers: int, crowd: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Draw i of a peer is a function of (seed, name, i), in whatever order the peers draw."""
    if crowd:
        monkeypatch.setattr("prsm_sim.noise._CROWD", 1)
    sim = Sim(5)
    sim.set_network(Network())
    for i in range(peers):
        sim.spawn(f"p{i}", Listener)
    contexts = [sim.peer(f"p{i}") for i in range(peers)]
    found: list[list[float]] = [[] for _ in contexts]
    order = random.Random(1)
    for _ in range(peers * 50 + 3000):
        rank = min(int(order.expovariate(8 / peers)), peers - 1)
        ctx = contexts[rank]
        found[rank].append(ctx.noise.pop() if ctx.noise else sim.noise.draw(ctx))
    for rank, draws in enumerate(found):
        key = np.array([Noise(5)._key(f"p{rank}", "network")], dtype=np.uint64)
        assert draws == exponentials(key, 0, len(draws))[0].tolist()
    assert max(map(len, found)) > 400


def chi_square(counts: Counter[object], kinds: int) -> float:
    """p-value of the hypothesis that all kinds are equally likely."""
    observed = [*counts.values(), *[0] * (kinds - len(counts))]
    return float(stats.chisquare(observed).pvalue)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 64, 100])
def test_randrange_is_uniform(limit: int) -> None:
    stream = Stream(3, "test", str(limit))
    counts: Counter[object] = Counter(stream.randrange(limit) for _ in range(200 * limit))
    assert set(counts) == set(range(limit))
    assert limit == 1 or chi_square(counts, limit) > 1e-3


def test_a_range_just_above_a_power_of_two_has_no_bias() -> None:
    """The remainder of 64 bits by 3·2^62 would favour the lower third by a factor of two."""
    stream = Stream(1, "bias")
    limit = 3 * 2**62
    thirds: Counter[object] = Counter(stream.randrange(limit) >> 62 for _ in range(6000))
    assert chi_square(thirds, 3) > 1e-3


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-7, 7).filter(bool), st.integers())
def test_randrange_draws_from_the_range(start: int, stop: int, step: int, seed: int) -> None:
    stream = Stream(seed, "range")
    if not range(start, stop, step):
        with pytest.raises(ValueError, match="empty range"):
            stream.randrange(start, stop, step)
    else:
        assert stream.randrange(start, stop, step) in range(start, stop, step)


def test_randint_reaches_both_ends() -> None:
    stream = Stream(0, "ends")
    assert {stream.randint(-2, 2) for _ in range(200)} == {-2, -1, 0, 1, 2}


@given(st.integers(0, 300), st.integers(0, 2**32))
def test_getrandbits_and_randbytes_have_their_size(bits: int, seed: int) -> None:
    assert 0 <= Stream(seed, "bits").getrandbits(bits) < 2**bits
    assert len(Stream(seed, "bytes").randbytes(bits)) == bits


def test_every_bit_is_fair() -> None:
    stream = Stream(8, "bits")
    for bits in (1, 13, 64, 100):
        values = [stream.getrandbits(bits) for _ in range(4000)]
        for bit in range(bits):
            ones = sum(value >> bit & 1 for value in values)
            assert abs(ones - 2000) < 4.5 * math.sqrt(1000)


@pytest.mark.parametrize("law", ["random", "uniform", "expovariate", "gauss"])
def test_variates_have_their_law(law: str) -> None:
    stream = Stream(2, law)
    draw, cdf = {
        "random": (stream.random, stats.uniform.cdf),
        "uniform": (lambda: stream.uniform(-2.0, 3.0), stats.uniform(-2, 5).cdf),
        "expovariate": (lambda: stream.expovariate(4.0), stats.expon(scale=0.25).cdf),
        "gauss": (lambda: stream.gauss(1.0, 2.0), stats.norm(1, 2).cdf),
    }[law]
    assert stats.kstest([draw() for _ in range(5000)], cdf).pvalue > 1e-3


def test_shuffle_makes_every_order_equally_likely() -> None:
    stream = Stream(4, "shuffle")
    counts: Counter[object] = Counter()
    for _ in range(24 * 100):
        cards = list(range(4))
        stream.shuffle(cards)
        counts[tuple(cards)] += 1
    assert set(counts) == set(permutations(range(4)))
    assert chi_square(counts, 24) > 1e-3


def test_sample_makes_every_ordered_sample_equally_likely() -> None:
    stream = Stream(4, "sample")
    counts: Counter[object] = Counter(tuple(stream.sample(range(5), 3)) for _ in range(60 * 100))
    assert set(counts) == set(permutations(range(5), 3))
    assert chi_square(counts, 60) > 1e-3


@given(st.lists(st.integers(), unique=True), st.data())
def test_a_sample_is_of_distinct_members(population: list[int], data: st.DataObject) -> None:
    k = data.draw(st.integers(0, len(population)))
    picked = Stream(1, "sample").sample(population, k)
    assert len(picked) == len(set(picked)) == k
    assert set(picked) <= set(population)
    with pytest.raises(ValueError, match="cannot sample"):
        Stream(1, "sample").sample(population, len(population) + 1)


def test_choice_is_uniform_and_needs_something_to_choose_from() -> None:
    stream = Stream(6, "choice")
    counts: Counter[object] = Counter(stream.choice("abcde") for _ in range(2000))
    assert chi_square(counts, 5) > 1e-3
    with pytest.raises(IndexError):
        stream.choice(())


def test_streams_are_independent_and_repeatable() -> None:
    def draws(seed: int, *names: str) -> list[float]:
        stream = Stream(seed, *names)
        return [stream.random() for _ in range(2000)]

    rows = [draws(1, "a", "user"), draws(1, "a", "models"), draws(1, "b", "user"), draws(2, "a")]
    assert rows[0] == draws(1, "a", "user")
    correlations = np.corrcoef(rows)
    np.fill_diagonal(correlations, 0.0)
    assert np.abs(correlations).max() < 4.5 / math.sqrt(2000)


def test_keys_tell_seeds_and_names_apart() -> None:
    keys = {
        key_of(1, "ab"), key_of(1, "a", "b"), key_of(1, "b", "a"), key_of(2, "ab"),
        key_of(1), key_of(1, ""), key_of(-1), key_of(11, "b"), key_of(1, "1", "b"),
    }  # fmt: skip
    assert len(keys) == 9
    assert {len(key) for key in keys} == {16}
