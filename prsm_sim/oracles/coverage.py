"""`Sometimes`: what a set of runs must have seen, so that its passing means something.

A run need not meet every corner, so no single run fails for a label it has not seen. A thousand
runs that never had a leader replaced have not tested the replacing of leaders, and that is for the
report over all of them to say. An expected label is in the coverage of each run, with 0 if the run
did not see it; `never_seen` finds those that have 0 in all.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prsm_sim.actor.types import Fact, PeerId, Seconds
from prsm_sim.checker import Checker, F


class Sometimes(Checker):
    """Expect a label of `Context.sometimes`, or a fact, to be seen in some run.

    Args:
        label: as in ``ctx.sometimes(label)``.
        fact: count the label also for facts of this type of which `holds` is true.
        holds: which ones; by default all.
    """

    judges = False

    def __init__(
        self,
        label: str,
        fact: type[F] | None = None,
        holds: Callable[[PeerId, F], bool] = lambda _peer, _fact: True,
    ) -> None:
        super().__init__()
        self.name = label
        self.facts = () if fact is None else (fact,)
        self._holds: Callable[[PeerId, Any], bool] = holds
        self._coverage: Counter[str] = Counter()

    def begin(self, coverage: Counter[str]) -> None:
        """Put the label into the run's coverage."""
        self._coverage = coverage
        coverage.setdefault(self.name, 0)

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Count a fact."""
        if self._holds(peer, fact):
            self.evaluations += 1
            self._coverage[self.name] += 1
        return None


def never_seen(coverages: Iterable[Mapping[str, int]]) -> tuple[str, ...]:
    """The labels that were expected in some of these runs and seen in none, sorted."""
    seen: Counter[str] = Counter()
    for coverage in coverages:
        for label, times in coverage.items():
            seen[label] += times
    return tuple(sorted(label for label, times in seen.items() if times == 0))
