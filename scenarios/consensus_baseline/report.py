"""The figures of a baseline run: messages, latencies, view changes, committed requests.

``view_changes`` is the number of views that an honest replica entered after the first one;
``committed`` the number of different requests that one executed. Means and quantiles are over all
latencies that `latencies` tells of.

Intervals are by batch means (Law and Kelton, "Simulation Modeling and Analysis", 9.5.3): requests
of one run influence each other, so in the order of their completion they are cut into at most 20
stretches, whose means are nearly independent, and Student's t is taken over those.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from agents.consensus.facts import ViewChanged
from prsm_sim.actor import Fact, PeerId, Seconds
from prsm_sim.traffic import Traffic
from prsm_sim.world import World
from scenarios.consensus_baseline.latencies import Latencies

BATCHES = 20
STUDENT_975 = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010,
    2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930,
)  # fmt: skip
"""Student's t, 97.5 %, for 1 to 19 degrees of freedom."""
BETWEEN_REPLICAS = (
    "PrePrepare", "Prepare", "Commit", "ViewChange", "NewView", "Checkpoint",
)  # fmt: skip
"""The messages of the paper between replicas; always reported, also where none was sent."""


class Report:
    """Watches a world and reports its figures when the run has ended.

    Args:
        world: what to watch.
        members: the committee.
        honest: whether a replica's facts count.
        traffic: the messages sent.
        latencies: how long requests take.
    """

    def __init__(
        self,
        world: World,
        members: Sequence[PeerId],
        honest: Callable[[PeerId], bool],
        traffic: Traffic,
        latencies: Latencies,
    ) -> None:
        self._world = world
        self._members = frozenset(members)
        self._honest = honest
        self._traffic = traffic
        self._latencies = latencies
        self._views: set[int] = set()
        world.observe(ViewChanged, self._on_view_changed)
        world.at_end(self._close)

    def _on_view_changed(self, _: Seconds, peer: PeerId, fact: Fact) -> None:
        assert isinstance(fact, ViewChanged)
        if self._honest(peer):
            self._views.add(fact.view)

    def _close(self) -> None:
        report, client_s = self._world.report, self._latencies.client_s
        commits = self._latencies.commits()
        report("messages", messages(self._traffic, self._members))
        report("client_latency_s", summary(np.array(client_s, np.float64)))
        report("commit_latency_s", summary(commits.latencies_s, commits.sizes))
        report("view_changes", len(self._views))
        report("committed", commits.requests)
        report("returned", len(client_s))


def messages(traffic: Traffic, members: frozenset[PeerId]) -> dict[str, int]:
    """Messages sent, by type.

    Returns:
        one count for each type that replicas sent each other (a request among them is one that a
        backup relayed), their sum as ``replica_to_replica``, and ``total`` with the clients'
        requests and the replies.
    """
    between: Counter[str] = Counter(dict.fromkeys(map(snake_case, BETWEEN_REPLICAS), 0))
    with_clients = 0
    for (sender, kind), count in sorted(traffic.items(), key=lambda one: one[0][1].__name__):
        if sender not in members or kind.__name__ == "Reply":
            with_clients += count
        else:
            between[snake_case(kind.__name__)] += count
    replica_to_replica = between.total()
    return {
        **between,
        "replica_to_replica": replica_to_replica,
        "total": replica_to_replica + with_clients,
    }


def snake_case(name: str) -> str:
    """A class's name as a figure is called."""
    return "".join("_" + c.lower() if c.isupper() else c for c in name).removeprefix("_")


def summary(
    values: npt.NDArray[np.float64], sizes: npt.NDArray[np.int64] | None = None
) -> dict[str, float | list[float] | None]:
    """Mean, median, 99 % quantile and the mean's 95 % interval; None where there is nothing.

    Args:
        values: request by request, in order of completion; shape (sum of `sizes`,).
        sizes: how many of them belong to each request, at least one; None: one each.
    """
    if not len(values):
        return {"mean": None, "p50": None, "p99": None, "ci95": None}
    mean = math.fsum(values.tolist()) / len(values)
    of_request = values
    if sizes is not None:
        of_request = np.add.reduceat(values, np.cumsum(sizes) - sizes) / sizes
    half = half_width(of_request)
    ascending = np.sort(values)
    p50, p99 = quantile(ascending, 0.5), quantile(ascending, 0.99)
    interval = None if half is None else [mean - half, mean + half]
    return {"mean": mean, "p50": p50, "p99": p99, "ci95": interval}


def quantile(ascending: npt.NDArray[np.float64], share: float) -> float:
    """Interpolated between neighbours as `numpy.quantile` does it, to the last bit.

    That function costs a run that asks for two quantiles more than all its other figures: the
    first call in a process imports masked arrays.

    Args:
        ascending: the values; shape (n,), n at least 1.
        share: of them below it, from 0 to 1.
    """
    place = (len(ascending) - 1) * share
    below = math.floor(place)
    part = place - below
    low, high = float(ascending[below]), float(ascending[min(below + 1, len(ascending) - 1)])
    # From the nearer neighbour, so that it is never beyond either.
    return low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)


def half_width(values: npt.NDArray[np.float64]) -> float | None:
    """Half the 95 % interval of the mean of a correlated series, by batch means.

    Args:
        values: shape (n,), in order.
    """
    count = min(BATCHES, len(values))
    if count < 2:
        return None
    means = np.array([part.mean() for part in np.array_split(values, count)])
    spread = float(np.std(means, ddof=1))
    return STUDENT_975[count - 2] * spread / math.sqrt(count)
