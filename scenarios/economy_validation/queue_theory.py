"""How long one waits in a queue: M/M/c and M/D/c in closed form, and by a recursion of its own.

Jobs arrive by a Poisson process of rate λ at c servers and take s on average; ρ = λ s / c < 1.

- M/M/c (Erlang 1917): with a = λ s, C = (aᶜ/c!)/(1 − ρ) / (Σ_{k<c} aᵏ/k! + (aᶜ/c!)/(1 − ρ)) is
  the probability of waiting, and C s / (c (1 − ρ)) the mean wait.
- M/D/1 (Pollaczek 1930, Khinchine 1932): ρ is the probability of waiting, ρ s / (2 (1 − ρ)) the
  mean wait.
- M/D/c (Crommelin 1932): who is in service now is gone a service time later, and nobody else. So
  the number in the system, a service time later, is max(N − c, 0) + Poisson(λ s), a Markov chain;
  its stationary law gives the probability of waiting (Poisson arrivals see time averages) and, by
  Little's law, the mean wait.

`waits` is Kiefer and Wolfowitz' recursion: a job begins when it has arrived and the server that is
free first is free. It shares no code with the scenario.
"""

import heapq
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]


class Waiting(NamedTuple):
    """What a job must expect.

    Attributes:
        probability: that it waits at all.
        mean_s: how long it waits on average, s, zeros among them.
    """

    probability: float
    mean_s: float


def erlang_c(arrival_rate: float, service_s: float, servers: int) -> Waiting:
    """M/M/c. The sum is formed by B(k) = a B(k−1) / (k + a B(k−1)), which cannot overflow."""
    offered = arrival_rate * service_s
    load = offered / servers
    assert 0 < load < 1, f"the load is {load}"
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = offered * blocked / (k + offered * blocked)
    probability = blocked / (1 - load * (1 - blocked))
    return Waiting(probability, probability * service_s / (servers * (1 - load)))


def pollaczek_khinchine(arrival_rate: float, service_s: float) -> Waiting:
    """M/D/1."""
    load = arrival_rate * service_s
    assert 0 < load < 1, f"the load is {load}"
    return Waiting(load, load * service_s / (2 * (1 - load)))


def crommelin(arrival_rate: float, service_s: float, servers: int) -> Waiting:
    """M/D/c, to 1e-10: the chain is cut off where its tail is below e⁻⁴⁰."""
    offered = arrival_rate * service_s
    load = offered / servers
    assert 0 < load < 1, f"the load is {load}"
    # The tail falls by e^−θ a job, θ/(e^θ − 1) = ρ; the left side is ≥ 1 − θ/2, so θ ≥ 2 (1 − ρ).
    states = servers + math.ceil(offered + 10 * math.sqrt(offered) + 40 / (2 * (1 - load)) + 40)
    arrivals = stats.poisson.pmf(np.arange(states), offered)
    moves = np.zeros((states, states))
    for number in range(states):
        left = max(number - servers, 0)
        moves[number, left:] = arrivals[: states - left]
    moves[:, -1] += 1.0 - moves.sum(axis=1)
    law = stationary(moves)
    mean_number = float(law @ np.arange(states))
    return Waiting(float(law[servers:].sum()), (mean_number - offered) / arrival_rate)


def stationary(moves: Floats) -> Floats:
    """The stationary law of a Markov chain with one recurrent class.

    Args:
        moves: shape (n, n), probability of going from row to column.
    """
    equations = moves.T - np.eye(len(moves))
    equations[-1] = 1.0
    right = np.zeros(len(moves))
    right[-1] = 1.0
    return np.asarray(np.linalg.solve(equations, right), dtype=np.float64)


def waits(arrivals_s: Floats, work_s: Floats, servers: int) -> Floats:
    """How long each job waits, first come, first served.

    Args:
        arrivals_s: shape (n,), ascending.
        work_s: shape (n,).
        servers: how many.
    """
    if servers == 1:
        # Lindley: the wait is the walk of (work − gap) above its minimum so far.
        steps = np.zeros(len(arrivals_s))
        np.cumsum(work_s[:-1] - np.diff(arrivals_s), out=steps[1:])
        lowest: Floats = np.minimum.accumulate(steps)
        above: Floats = steps - lowest
        return above
    free_s = [0.0] * servers
    found = np.empty(len(arrivals_s))
    for number, (at_s, takes_s) in enumerate(
        zip(arrivals_s.tolist(), work_s.tolist(), strict=True)
    ):
        begins_s = max(at_s, free_s[0])
        heapq.heapreplace(free_s, begins_s + takes_s)
        found[number] = begins_s - at_s
    return found
