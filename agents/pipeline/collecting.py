"""Collecting answers to elemental tasks from executors, some of which are silent, slow or lying.

Each task goes to as many candidates at once as it still lacks answers. Who refuses, stays silent or
sends something that does not fit the goal is replaced by the next candidate. When the list is over
and there are still too few answers, the routers are asked again after a pause that doubles: after a
partition or a crash there may be somebody to ask again.
"""

from collections.abc import Sequence

import msgspec

from agents.pipeline.facts import TaskExecuted
from agents.pipeline.forms import fits
from agents.pipeline.layers import Layers, Patience, UnanswerableError, Wish, ask_layers
from agents.pipeline.messages import (
    Candidate,
    Contribution,
    ExecuteTask,
    ModelCall,
    Refusal,
    ReportPerformance,
    Route,
    RouteTask,
    TaskResult,
)
from agents.pipeline.tasks import ElementalGoal, Task
from agents.pipeline.work import WorkRecord, WorkRules
from prsm_sim.actor import Context, Done, Seconds

FULL_CONFIDENCE_THOUSANDTHS = 1000


class Attempt(msgspec.Struct):
    """How far one task has got: its call, who may run it, and what came back."""

    task: Task
    call: ModelCall
    candidates: tuple[Candidate, ...]
    asked: int = 0
    asked_in_all: int = 0
    contributions: list[Contribution] = []

    @property
    def answered(self) -> int:
        """How many answers have come."""
        return len(self.contributions)


def distinct_candidates(route: Route) -> tuple[Candidate, ...]:
    """The candidates, each executor once: one identity, one vote, whatever a router says."""
    by_name: dict[str, Candidate] = {}
    for candidate in route.candidates:
        by_name.setdefault(candidate.executor, candidate)
    return tuple(by_name.values())


class Collector:
    """Collects the answers of one query.

    Args:
        query: its name.
        layers: the peers that may help.
        rules: how work gets done.
        patience: how to ask routers.
        record: where to note who did what.
    """

    def __init__(
        self,
        query: str,
        layers: Layers,
        rules: WorkRules,
        patience: Patience,
        record: WorkRecord,
    ) -> None:
        self._query = query
        self._layers = layers
        self._rules = rules
        self._patience = patience
        self._record = record

    def wish(self, task_id: str, goal: ElementalGoal) -> Wish:
        """What to ask a router about a task."""
        route = RouteTask(
            f"{self._query}/{task_id}",
            type(goal).__name__,
            goal.data,
            self._rules.strategy,
            self._rules.candidates,
        )
        return Wish(self._layers.routers, route, Route)

    async def execute(self, ctx: Context, attempts: Sequence[Attempt]) -> None:
        """Collect answers to all tasks of a wave; where some fail, turn to the next candidates."""
        for pause_number in range(self._rules.reroutes + 1):
            await self._collect(ctx, attempts)
            short = [one for one in attempts if one.answered < self._rules.answers_needed]
            if not short:
                return
            if pause_number < self._rules.reroutes:
                await ctx.sleep(self._rules.reroute_after_s * 2**pause_number)
                await self._reroute(ctx, short)
        worst = short[0]
        raise UnanswerableError(
            f"task {worst.task.id}: {worst.answered} answers to {worst.asked_in_all} requests, "
            f"{self._rules.answers_needed} needed"
        )

    async def _reroute(self, ctx: Context, attempts: Sequence[Attempt]) -> None:
        """Ask the routers once more: who was cut off or down may be back."""
        ctx.sometimes("a task was routed again")
        wishes = [self.wish(attempt.task.id, attempt.call.goal) for attempt in attempts]
        replies = await ask_layers(ctx, wishes, self._patience)
        for attempt, (_, found) in zip(attempts, replies, strict=True):
            assert isinstance(found, Route), "`ask` lets no other type through"
            have = [one.contributor for one in attempt.contributions]
            distinct = distinct_candidates(found)
            attempt.candidates = tuple(one for one in distinct if one.executor not in have)
            attempt.asked = 0

    async def _collect(self, ctx: Context, attempts: Sequence[Attempt]) -> None:
        """Go down the lists of candidates until each task has its answers or its list is over."""
        while asked := self._next_candidates(attempts):
            started_s = ctx.now
            outcomes = await ctx.gather(
                ctx.ask(
                    candidate.executor,
                    ExecuteTask(self._query, attempt.call),
                    TaskResult,
                    timeout=self._rules.execute_timeout_s,
                )
                for attempt, candidate in asked
            )
            for (attempt, candidate), outcome in zip(asked, outcomes, strict=True):
                result = outcome.value if isinstance(outcome, Done) else None
                self._take(ctx, attempt, candidate, result, started_s)

    def _next_candidates(self, attempts: Sequence[Attempt]) -> list[tuple[Attempt, Candidate]]:
        """As many candidates as each task is still short of answers; none are left: empty."""
        asked: list[tuple[Attempt, Candidate]] = []
        for attempt in attempts:
            short = self._rules.answers_wanted - attempt.answered
            chosen = attempt.candidates[attempt.asked : attempt.asked + short]
            attempt.asked += len(chosen)
            attempt.asked_in_all += len(chosen)
            asked.extend((attempt, candidate) for candidate in chosen)
        return asked

    def _take(
        self,
        ctx: Context,
        attempt: Attempt,
        candidate: Candidate,
        result: TaskResult | None,
        started_s: Seconds,
    ) -> None:
        """Take in what an executor said, and tell the routers how it did."""
        task, peer = attempt.task, candidate.executor
        outcome = "timed out"
        response_ms = int(1000 * (ctx.now - started_s))
        if result is not None:
            outcome, response_ms = "refused", result.compute_ms
            answer = result.answer
            if not isinstance(answer, Refusal) and fits(attempt.call.goal, answer):
                outcome = "answered"
                claimed = result.confidence_thousandths
                confidence = min(FULL_CONFIDENCE_THOUSANDTHS, max(0, claimed))
                attempt.contributions.append(Contribution(peer, answer, confidence))
                self._record.contributed(peer, candidate.price_units)
        response_s = ctx.now - started_s
        skill = attempt.call.skill
        ctx.emit(TaskExecuted(self._query, task.id, skill, peer, outcome, task.depth, response_s))
        self._record.executed(task.id, peer, ctx.now, outcome)
        report = ReportPerformance(peer, response_ms, outcome == "answered")
        ctx.broadcast(report, self._layers.routers)
