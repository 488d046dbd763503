"""Bounded memory: what a peer keeps does not grow with what it has done.

A protocol that collects no garbage is right until it is out of memory. The bound is in whatever the
size is counted in (log entries, cached replies), so that the verdict does not depend on a machine.
"""

from collections.abc import Callable, Mapping
from typing import Any

from prsm_sim.actor.types import Fact, PeerId, Seconds
from prsm_sim.checker import Checker, F, everyone


class Bounded(Checker):
    """A size of every trusted peer stays within a bound.

    Args:
        name: how the verdict is called.
        bound: the largest size that is right.
        fact: a type of fact that carries a size, and how to read it.
        probe: reads the sizes of peers from the world, whenever gauges are sampled and at the end;
            a peer that is down is left out.
        trusted: whether a peer counts.
    """

    def __init__(
        self,
        name: str,
        bound: int,
        *,
        fact: tuple[type[F], Callable[[F], int]] | None = None,
        probe: Callable[[], Mapping[PeerId, int]] | None = None,
        trusted: Callable[[PeerId], bool] = everyone,
    ) -> None:
        super().__init__()
        self.name = name
        self._bound = bound
        self._probe = probe
        self._trusted = trusted
        self._largest = 0
        if fact is not None:
            self.facts = (fact[0],)
            self._size: Callable[[Any], int] = fact[1]

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Judge a size that a peer tells."""
        return self._judge(peer, self._size(fact))

    def sample(self, time_s: Seconds) -> str | None:
        """Judge what the probe reads now."""
        sizes = {} if self._probe is None else self._probe()
        judged = (self._judge(peer, size) for peer, size in sizes.items())
        return next((wrong for wrong in judged if wrong is not None), None)

    def _judge(self, peer: PeerId, size: int) -> str | None:
        if not self._trusted(peer):
            return None
        self.evaluations += 1
        self._largest = max(self._largest, size)
        self.note = f"{self._largest} of {self._bound} at most"
        return f"{peer} keeps {size}, more than {self._bound}" if size > self._bound else None
