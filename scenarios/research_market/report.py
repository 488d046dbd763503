"""What the research market measures: series while it runs, and figures at its end.

Everything is derived from facts, so the same figures come out of a simulation and of a live run. A
ledger fact is told by every replica; the first honest one that tells it counts.
"""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from agents.consensus.facts import ViewChanged
from agents.pipeline.facts import QueryAnswered, QueryAsked, QueryFailed, TaskExecuted
from agents.pipeline.questions import Question
from economy.facts import OperationApplied, QueryOpened, QueryRefunded, QuerySettled
from economy.money import UNITS_PER_FTNS, decode_units
from prsm_sim.actor import Fact, PeerId, Seconds
from prsm_sim.world import World
from scenarios.research_market.truth import accuracy

RECENT_S = 10.0
"""Latency series look back this far."""


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed (nearest rank); 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Report:
    """Watches a world and reports its figures.

    Args:
        world: the world to watch.
        questions: all questions, to judge answers by.
        honest: the replicas whose word counts.
        clients_units: what the clients own at genesis, FTNS units.
    """

    def __init__(
        self,
        world: World,
        questions: Sequence[Question],
        honest: tuple[PeerId, ...],
        clients_units: int,
    ) -> None:
        self._world = world
        self._questions: Mapping[str, Question] = {one.id: one for one in questions}
        self._honest = frozenset(honest)
        self.asked = 0
        self.failed: Counter[str] = Counter()
        self.answers: list[tuple[Seconds, QueryAnswered]] = []
        self._clients_units = clients_units
        self._executors_units = 0
        self._others_units = 0
        self._totals = (0, 0, 0)
        self._sequence = 0
        self._views: dict[PeerId, int] = {}
        self._tasks: Counter[str] = Counter()
        self._counted: set[tuple[str, str]] = set()
        watched: tuple[type[Fact], ...] = (
            QueryAsked, QueryAnswered, QueryFailed, TaskExecuted, QueryOpened, QuerySettled,
            QueryRefunded, OperationApplied, ViewChanged,
        )  # fmt: skip
        for fact_type in watched:
            world.observe(fact_type, self._take)
        self._add_gauges()
        world.at_end(self.close)

    @property
    def finished(self) -> int:
        """Queries that the clients consider over."""
        return len(self.answers) + sum(self.failed.values())

    def _take(self, time_s: Seconds, peer: PeerId, fact: Fact) -> None:
        match fact:
            case QueryAsked():
                self.asked += 1
            case QueryAnswered():
                self.answers.append((time_s, fact))
            case QueryFailed(reason=reason):
                self.failed[reason] += 1
            case TaskExecuted(outcome=outcome):
                self._tasks[outcome] += 1
            case ViewChanged(view=view) if peer in self._honest:
                self._views[peer] = view
            case OperationApplied() if peer in self._honest and fact.sequence > self._sequence:
                self._sequence = fact.sequence
                totals = (fact.supply_units, fact.balances_units, fact.holds_units)
                self._totals = tuple(map(decode_units, totals))  # type: ignore[assignment]
            case QueryOpened() | QuerySettled() | QueryRefunded() if peer in self._honest:
                self._move(fact)

    def _move(self, fact: QueryOpened | QuerySettled | QueryRefunded) -> None:
        """Follow money between the roles, each movement once."""
        movement = (fact.query, "opened" if isinstance(fact, QueryOpened) else "ended")
        if movement in self._counted:
            return
        self._counted.add(movement)
        if isinstance(fact, QueryOpened):
            self._clients_units -= decode_units(fact.amount_units)
            return
        self._clients_units += decode_units(fact.returned_units)
        if isinstance(fact, QuerySettled):
            for payee, units in fact.payments:
                if payee.startswith("executor"):
                    self._executors_units += decode_units(units)
                else:
                    self._others_units += decode_units(units)

    def _add_gauges(self) -> None:
        gauge = self._world.gauge
        gauge("queries_asked", lambda: self.asked)
        gauge("queries_answered", lambda: len(self.answers))
        gauge("latency_p50_s", lambda: quantile(self._recent(), 0.5))
        gauge("latency_p99_s", lambda: quantile(self._recent(), 0.99))
        gauge("committed_operations", lambda: self._sequence)
        gauge("balance_total_clients_ftns", lambda: self._clients_units / UNITS_PER_FTNS)
        gauge("balance_total_executors_ftns", lambda: self._executors_units / UNITS_PER_FTNS)
        gauge("balance_total_others_ftns", lambda: self._others_units / UNITS_PER_FTNS)
        gauge("supply_ftns", lambda: self._totals[0] / UNITS_PER_FTNS)
        gauge("escrow_ftns", lambda: self._totals[2] / UNITS_PER_FTNS)

    def _recent(self) -> list[float]:
        since = self._world.now - RECENT_S
        return [answer.latency_s for time_s, answer in self.answers if time_s >= since]

    def close(self) -> None:
        """Judge the answers by the truth and report the run's figures."""
        report = self._world.report
        answers = [answer for _, answer in self.answers]
        scores = [(one, accuracy(self._questions[one.question], one.answer)) for one in answers]
        by_kind: dict[str, list[float]] = {}
        for one, score in scores:
            by_kind.setdefault(one.kind, []).append(score)
        latencies = [one.latency_s for one in answers]
        costs = [decode_units(one.cost_units) / UNITS_PER_FTNS for one in answers]
        contributions = Counter(name for one in answers for name in one.contributors)
        report("queries", {"asked": self.asked, "answered": len(answers),
                           "failed": dict(sorted(self.failed.items()))})  # fmt: skip
        report("accuracy", {
            "mean": _mean([score for _, score in scores]),
            "by_kind": {kind: _mean(values) for kind, values in sorted(by_kind.items())},
        })  # fmt: skip
        report("latency_s", {
            "mean": _mean(latencies),
            "p50": round(quantile(latencies, 0.5), 6),
            "p99": round(quantile(latencies, 0.99), 6),
        })  # fmt: skip
        report("cost_ftns", {"mean": _mean(costs), "total": round(sum(costs), 6)})
        report("contributors", {
            "peers": len(contributions),
            "answers_used": dict(sorted(contributions.items(), key=lambda row: (-row[1], row[0]))),
        })  # fmt: skip
        report("tasks", dict(sorted(self._tasks.items())))
        report("committed_operations", self._sequence)
        report("views", dict(sorted(self._views.items())))
        report("supply_ftns", self._totals[0] / UNITS_PER_FTNS)


def _mean(values: Sequence[float]) -> float | None:
    """The mean, rounded for people; None of none."""
    return round(statistics.fmean(values), 6) if values else None
