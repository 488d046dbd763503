"""The observatory: what a run tells the outside, in either world.

Facts flow in, and out come verdicts (checkers), series (gauges sampled at a fixed interval of world
time), counters and coverage. Both worlds own one, so that a checker or a metric is written once.
"""

from collections.abc import Callable
from typing import Any

from prsm_sim.actor.errors import InvariantViolation
from prsm_sim.actor.types import Fact, PeerId, Seconds
from prsm_sim.checker import Checker, Verdict
from prsm_sim.counts import Counts

Observer = Callable[[Seconds, PeerId, Fact], None]


class Watch:
    """What is done with the facts of one type.

    Attributes:
        name: what they are counted by.
        observers: are called with each, in the order in which they were added.
        checkers: of each observer the checker whose judgement it tells, if it is one.
        told: how many of them there were since the counters were last read.
    """

    __slots__ = ("checkers", "name", "observers", "told")

    def __init__(self, fact_type: type[Fact]) -> None:
        self.name = fact_type.__name__
        self.observers: list[Callable[[Seconds, PeerId, Any], object]] = []
        self.checkers: list[Checker | None] = []
        self.told = 0

    def add(self, observer: Callable[..., object], checker: Checker | None) -> None:
        """Call `observer` as well."""
        self.observers.append(observer)
        self.checkers.append(checker)


class Observatory:
    """Collects facts, judges them and samples gauges. It never touches the world."""

    def __init__(self) -> None:
        self.checkers: list[Checker] = []
        self.coverage: Counts[str] = Counts()
        self.gauges: dict[str, Callable[[], float]] = {}
        self.metrics: dict[str, object] = {}
        self.series: list[tuple[Seconds, str, float]] = []
        self.faults_struck: Counts[str] = Counts()
        self.closing: list[Callable[[], None]] = []
        self.watches: dict[type[Fact], Watch] = {}
        """What is done with the facts of each type that is known; `watch` makes it known."""
        self._counters: Counts[str] = Counts()
        self._violations: dict[Checker, InvariantViolation] = {}

    def check(self, checker: Checker) -> None:
        """Have `checker` judge every fact of its types from now on."""
        self.checkers.append(checker)
        checker.begin(self.coverage)
        for fact_type, observer in checker.observers().items():
            self.watch(fact_type).add(observer, checker)

    def observe(self, fact_type: type[Fact], observer: Observer) -> None:
        """Call ``observer(time_s, peer, fact)`` for every fact of exactly this type."""
        self.watch(fact_type).add(observer, None)

    def watch(self, fact_type: type[Fact]) -> Watch:
        """What is done with the facts of a type."""
        try:
            return self.watches[fact_type]
        except KeyError:
            return self.watches.setdefault(fact_type, Watch(fact_type))

    @property
    def counters(self) -> Counts[str]:
        """How many facts of each type there were, and how often whatever else was counted."""
        counters = self._counters
        for watch in self.watches.values():
            if watch.told:
                counters[watch.name] += watch.told
                watch.told = 0
        return counters

    def fact(self, time_s: Seconds, peer: PeerId, fact: Fact) -> None:
        """Take in one fact; raises `InvariantViolation` if a checker finds it wrong.

        A simulated peer that emits one does the same without this call (`prsm_sim.links`).
        """
        watch = self.watch(fact.__class__)
        watch.told += 1
        for observe in watch.observers:
            wrong = observe(time_s, peer, fact)
            if wrong is not None:
                self.condemn(watch, observe, wrong, time_s)

    def condemn(
        self, watch: Watch, observe: Callable[..., object], wrong: object, time_s: Seconds
    ) -> None:
        """An observer found a fact wrong; raises `InvariantViolation` if it is a checker's."""
        checker = watch.checkers[watch.observers.index(observe)]
        if checker is not None:  # what a mere observer returns says nothing
            raise self._violation(checker, str(wrong), time_s)

    def sample(self, time_s: Seconds) -> None:
        """Read every gauge once, and let checkers look; raises `InvariantViolation`."""
        self._read(time_s)
        for checker in self.checkers:
            wrong = checker.sample(time_s)
            if wrong is not None:
                raise self._violation(checker, wrong, time_s)

    def _read(self, time_s: Seconds) -> None:
        for name, read in self.gauges.items():
            self.series.append((time_s, name, float(read())))

    def finish(self, time_s: Seconds) -> None:
        """Close the run: last sample, judgements of the run as a whole, closing callbacks.

        Raises:
            InvariantViolation: the first that a checker found, after all have had their say.
        """
        self._read(time_s)
        first = self.judge(time_s)
        self._close()
        if first is not None:
            raise first

    def judge(self, time_s: Seconds) -> InvariantViolation | None:
        """Judge the run as a whole; the first that a checker found, once all have had their say."""
        first: InvariantViolation | None = None
        for checker in self.checkers:
            if checker in self._violations:
                continue
            wrong = checker.sample(time_s) or checker.finish(time_s)
            if wrong is not None:
                violation = self._violation(checker, wrong, time_s)
                first = first or violation
        return first

    def close(self, time_s: Seconds) -> None:
        """Close a run that stopped early: last sample and closing callbacks, no judgement.

        What such a run left undone is no finding.
        """
        self._read(time_s)
        self._close()

    def _close(self) -> None:
        for close in self.closing:
            close()

    def verdicts(self) -> list[Verdict]:
        """One verdict a checker, in the order they were added."""
        return [self._verdict(checker) for checker in self.checkers if checker.judges]

    def _verdict(self, checker: Checker) -> Verdict:
        violation = self._violations.get(checker)
        if violation is not None:
            return Verdict(
                checker.name, "fail", checker.evaluations, violation.what, violation.time_s
            )
        if checker.doubt or checker.evaluations == 0:
            why = checker.doubt or "it had nothing to judge"
            return Verdict(checker.name, "inconclusive", checker.evaluations, why)
        return Verdict(checker.name, "pass", checker.evaluations, checker.note)

    def _violation(self, checker: Checker, wrong: str, time_s: Seconds) -> InvariantViolation:
        violation = InvariantViolation(checker.name, wrong, time_s)
        self._violations.setdefault(checker, violation)
        return violation
