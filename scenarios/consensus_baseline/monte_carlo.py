"""The latency of PBFT as a max-plus recursion: a second implementation that shares no code.

In an undisturbed run every message is sent as soon as those it waits for have arrived. Times are
then built of additions (a link delay) and order statistics (the k-th arrival) alone, and a whole
run is a few lines of numpy over arrays of independent chains, with neither events nor replicas nor
messages. With n replicas, f = ⌊(n−1)/3⌋, q = ⌈(n+f+1)/2⌉, a request that leaves its client at t₀

- reaches the primary after a link, and is pre-prepared there; a backup has it one link later;
- is *prepared* at a replica with the (q−1)-st prepare of a backup, its own counting at once;
- is *committed* there with the q-th commit, its own counting at once, once prepared;
- is *executed* there when the one before it has been, and answered over one more link;
- has its *result* with the (f+1)-st reply, upon which the client sends the next one.

Link delays are independent for each message; a message to oneself takes no time.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Draw = Callable[[tuple[int, ...]], Floats]
"""Draws link delays of a shape, s."""


class Run(NamedTuple):
    """Latencies of independent chains of requests.

    Attributes:
        client_s: shape (chains, requests).
        commit_s: shape (chains, requests, replicas that are up).
    """

    client_s: Floats
    commit_s: Floats


def link_delays(law: str, mean_s: float, sigma: float, rng: np.random.Generator) -> Draw:
    """Delays of a link by the name of their law."""
    draws: dict[str, Draw] = {
        "fixed": lambda shape: np.full(shape, mean_s),
        "uniform": lambda shape: rng.uniform(0.0, 2.0 * mean_s, shape),
        "exponential": lambda shape: rng.exponential(mean_s, shape),
        "lognormal": lambda shape: rng.lognormal(math.log(mean_s) - sigma**2 / 2, sigma, shape),
    }
    return draws[law]


def run(n: int, crashed_backups: int, requests: int, chains: int, draw: Draw) -> Run:
    """Chains of requests, each of one closed-loop client.

    Args:
        n: size of the committee; replica 0 is the primary.
        crashed_backups: how many of the others are down from the start.
        requests: length of a chain.
        chains: how many independent ones.
        draw: the link delays.
    """
    f = (n - 1) // 3
    q = math.ceil((n + f + 1) / 2)
    up = n - crashed_backups
    sent = np.zeros(chains)
    executed = np.zeros((chains, up))
    client_s = np.empty((chains, requests))
    commit_s = np.empty((chains, requests, up))
    for request in range(requests):
        ordered = np.empty((chains, up))
        ordered[:, 0] = sent + draw((chains,))
        ordered[:, 1:] = ordered[:, :1] + draw((chains, up - 1))
        prepares = _arrivals(ordered, draw)[:, 1:, :]
        prepared = np.maximum(ordered, _kth(prepares, q - 1))
        committed = np.maximum(prepared, _kth(_arrivals(prepared, draw), q))
        executed = np.maximum(executed, committed)
        result = np.partition(executed + draw((chains, up)), f, axis=1)[:, f]
        client_s[:, request] = result - sent
        commit_s[:, request] = executed - sent[:, None]
        sent = result
    return Run(client_s, commit_s)


def _arrivals(sent: Floats, draw: Draw) -> Floats:
    """When what each replica sends to all arrives where: [chain, sender, receiver]."""
    chains, up = sent.shape
    delays = draw((chains, up, up))
    delays[:, np.arange(up), np.arange(up)] = 0.0
    arrivals: Floats = sent[:, :, None] + delays
    return arrivals


def _kth(arrivals: Floats, k: int) -> Floats:
    """The time of the k-th arrival, from 1, at each receiver."""
    kth: Floats = np.partition(arrivals, k - 1, axis=1)[:, k - 1, :]
    return kth
