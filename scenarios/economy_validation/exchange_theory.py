"""How unequal exchange makes agents in equilibrium: closed forms, and chains solved exactly.

**Pooling** with saving λ, N agents of mean m. With v = E x², c = E x y of two agents, a meeting
gives E x'² = A v + B c, A = λ² + λ(1−λ) + ⅔(1−λ)², B = λ(1−λ) + ⅔(1−λ)² (the uniform part has
E ε = ½, E ε² = ⅓), and N v + N(N−1) c = N² m² always. So the variance u obeys u' = a u + b with
a = A − B/(N−1), b = m²(1−λ)²/3, whatever the clock, and ends at b/(1−a): (1−λ)/(1+2λ) m² for many
agents (Patriarca, Chakraborti and Kaski 2004). Redistribution of a share χ takes u to (1−χ)² u.
Without saving the uniform law on the simplex is invariant: exponential balances for many agents,
Gini (N−1)/(2N) → ½.

**Unit**, M coins. With Poisson clocks it is a zero-range process of constant rate: all divisions of
the coins are equally probable (Spitzer 1970). Hence P(0) = (N−1)/(M+N−1) → 1/(1+m), geometric.
If all act at once, one agent among many is x' = max(x−1, 0) + Poisson(r), r = P(x > 0): the queue
M/D/1, with P(0) = √(m²+1) − m. If each acts once a step at a uniform moment u, coins reach it at
the rate by which others then give, 1 − π₀ e^−R(u) = R'(u), where R(u) = ln(π₀ + (1−π₀) eᵘ) is how
many came since the step began and π₀ = P(0). From x' = x + P₁ − 1[x + P₁ > 0] + P₂ with Poisson
P₁, P₂ of means R(u), R(1) − R(u), the generating function is

    G(z) = π₀ (z−1) e^(R₁(z−1)) I(z) / (z − e^(R₁(z−1))),   I(z) = ∫₀¹ e^(−z R(u)) du,  R₁ = R(1),

and its derivative at 1 gives m = R₁ + π₀ I'(1)/(1−R₁) + R₁²/(2(1−R₁)), to be solved for π₀.

`few_agents` knows nothing of all that: it lists every state of a few agents, all that can happen
to it in a step, and solves the Markov chain.
"""

from collections import defaultdict
from fractions import Fraction
from itertools import permutations, product
from math import comb, log
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import integrate, optimize, stats

from economy.concentration import gini
from scenarios.economy_validation.queue_theory import stationary
from scenarios.kinetic_exchange.rules import Clock

Floats = npt.NDArray[np.float64]
State = tuple[int, ...]
QUADRATURE = 24
"""Nodes of the Gauss–Legendre rule over the moment at which an agent acts."""


class Equilibrium(NamedTuple):
    """The measures of `kinetic_exchange`, as they are expected in equilibrium."""

    gini: float
    variance_over_mean_sq: float
    p_zero: float


def pooling_variance(
    agents: int, saving: float, redistribution: float = 0.0, clock: Clock = "async"
) -> float:
    """Expected variance over the squared mean after a step.

    Exact for any number of agents, but for redistribution with the clock ``shuffled``, for which
    agents differ in how long ago they met and there is no closed form.
    """
    assert not redistribution or clock != "shuffled", "there is no closed form"
    both = saving * (1 - saving) + (1 - saving) ** 2 * 2 / 3
    after = saving**2 + both - both / (agents - 1)
    added = (1 - saving) ** 2 / 3
    if not redistribution:
        return added / (1 - after)
    if clock == "sync":  # one meeting a step; of an odd number of agents one is left out
        meets = 1 - agents % 2 / agents
        kept, gained = 1 - meets * (1 - after), meets * added
    else:  # two meetings a step on average, at the moments of a Poisson process
        kept = float(np.exp(-2 * (1 - after)))
        gained = (1 - kept) * added / (1 - after)
    left = (1 - redistribution) ** 2
    return left * gained / (1 - left * kept)


def pooling(agents: int) -> Equilibrium:
    """Pooling without saving: the uniform law on the simplex, whatever the clock."""
    return Equilibrium((agents - 1) / (2 * agents), (agents - 1) / (agents + 1), 0.0)


def unit_async(agents: int, coins: int) -> Equilibrium:
    """Unit exchange with Poisson clocks: all divisions of the coins are equally probable."""
    assert agents >= 3, "for two agents use `few_agents`"
    ways = comb(coins + agents - 1, agents - 1)
    mean = Fraction(coins, agents)
    # Of two agents that have s coins together, each division is equally probable.
    distance = Fraction(
        sum((s + 1) ** 2 // 2 * comb(coins - s + agents - 3, agents - 3) for s in range(coins + 1)),
        ways,
    )
    variance = Fraction(coins * (agents - 1) * (coins + agents), agents**2 * (agents + 1))
    return Equilibrium(
        float(Fraction(agents - 1, agents) * distance / (2 * mean)),
        float(variance / mean**2),
        (agents - 1) / (coins + agents - 1),
    )


def unit_async_limit(mean: float) -> Equilibrium:
    """The same for many agents: geometric balances."""
    return Equilibrium((1 + mean) / (1 + 2 * mean), (1 + mean) / mean, 1 / (1 + mean))


def unit_sync_limit(mean: float) -> Equilibrium:
    """Unit exchange of many agents all at once: the law of the queue M/D/1.

    Across the cut below k as many coins pass up as down: π(k) P(0 come) = π(0) P(≥ k come) +
    Σ π(j) P(≥ k−j+1 come), 0 < j < k; all terms are positive, so nothing cancels.
    """
    p_zero = (mean**2 + 1) ** 0.5 - mean
    rate = 1 - p_zero
    size = _states(mean)
    at_least = stats.poisson.sf(np.arange(size + 1) - 1, rate)  # at_least[k] = P(≥ k come)
    law = np.zeros(size)
    law[0] = p_zero
    for k in range(1, size):
        up = law[0] * at_least[k] + law[1:k] @ at_least[k:1:-1]
        law[k] = up / np.exp(-rate)
    return of_law(law)


def shuffled_p_zero(mean: float) -> float:
    """P(0) of many agents that each act once a step, from the mean of the generating function."""

    def mean_of(p_zero: float) -> float:
        total = log(p_zero + (1 - p_zero) * np.e)

        def integrand(moment: float) -> float:
            inside = p_zero + (1 - p_zero) * np.exp(moment)
            return float(log(inside) / inside)

        derivative = -integrate.quad(integrand, 0.0, 1.0)[0]
        idle = 1 - total
        return float(total + p_zero * derivative / idle + total**2 / (2 * idle))

    return float(optimize.brentq(lambda p: mean_of(p) - mean, 1e-9, 1 - 1e-12, xtol=1e-14))


def unit_shuffled_limit(mean: float) -> Equilibrium:
    """Unit exchange of many agents that each act once a step: the chain, cut off far out."""
    p_zero = shuffled_p_zero(mean)
    size = _states(mean)
    counts = np.arange(size)
    total = log(p_zero + (1 - p_zero) * np.e)
    nodes, weights = np.polynomial.legendre.leggauss(QUADRATURE)
    moves = np.zeros((size, size))
    for moment, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        before = log(p_zero + (1 - p_zero) * np.exp(moment))
        early, late = (stats.poisson.pmf(counts, rate) for rate in (before, total - before))
        # Of who has something before it acts: all that came and will come, less one.
        both = np.convolve(early, late)[:size]
        for has in range(1, size):
            moves[has, has - 1 :] += weight * both[: size - has + 1]
        # Of who has nothing: if none came, what comes late; else all less one.
        moves[0] += weight * early[0] * late
        some = np.convolve(np.concatenate(([0.0], early[1:])), late)[: size + 1]
        moves[0, :size] += weight * some[1 : size + 1]
    moves[:, -1] += 1.0 - moves.sum(axis=1)
    return of_law(stationary(moves))


def _states(mean: float) -> int:
    """So many states that the law's tail, which falls by at least m/(1+m) a coin, is below e⁻⁴⁰."""
    return int(40 * (mean + 1)) + 40


def of_law(law: Floats) -> Equilibrium:
    """The measures of many agents with independent balances of this law, shape (n,) on 0, 1, …"""
    counts = np.arange(len(law))
    mean = float(law @ counts)
    below = np.cumsum(law)[:-1]
    # E |x − y| = 2 Σ F(k) (1 − F(k)).
    distance = 2 * float(below @ (1 - below))
    variance = float(law @ (counts - mean) ** 2)
    return Equilibrium(distance / (2 * mean), variance / mean**2, float(law[0]))


def few_agents(agents: int, coins: int, clock: Clock) -> Equilibrium:
    """Unit exchange of few agents, exactly: every state, and all that can happen to it.

    The work grows as the number of states times (N−1)^N, with ``shuffled`` times N! more.
    """
    states = sorted(_divisions(agents, coins))
    number = {state: index for index, state in enumerate(states)}
    moves = np.zeros((len(states), len(states)))
    for state, row in number.items():
        ways: dict[State, int] = defaultdict(int)
        for after, count in _outcomes(state, clock):
            ways[after] += count
        for after, count in ways.items():
            moves[row, number[after]] = count / sum(ways.values())
    law = stationary(moves)
    mean = coins / agents
    measures = np.array(
        [(float(gini(s)), np.var(s) / mean**2, s.count(0) / agents) for s in states]
    )
    return Equilibrium(*(law @ measures).tolist())


def _divisions(agents: int, coins: int) -> list[State]:
    if agents == 1:
        return [(coins,)]
    return [
        (first, *rest)
        for first in range(coins + 1)
        for rest in _divisions(agents - 1, coins - first)
    ]


def _outcomes(state: State, clock: Clock) -> list[tuple[State, int]]:
    """All equally probable things that may happen in a step; ``async``: when a clock rings."""
    everyone = range(len(state))
    if clock == "async":
        pairs = [(giver, taker) for giver in everyone for taker in everyone if giver != taker]
        return [(_give(state, [pair]), 1) for pair in pairs]
    found = []
    others = [[taker for taker in everyone if taker != giver] for giver in everyone]
    for takers in product(*others):
        gifts = list(zip(everyone, takers, strict=True))
        if clock == "sync":
            owners = [gift for gift in gifts if state[gift[0]]]
            found.append((_give(state, owners), 1))
        else:
            found += [(_give(state, list(order)), 1) for order in permutations(gifts)]
    return found


def _give(state: State, gifts: list[tuple[int, int]]) -> State:
    after = list(state)
    for giver, taker in gifts:
        if after[giver]:
            after[giver] -= 1
            after[taker] += 1
    return tuple(after)
