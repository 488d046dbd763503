"""One query's way through the layers: decompose, then wave by wave prompt, route, execute, compile.

Everything that does not depend on each other runs at once: all tasks of a wave are prompted and
routed together, and each is executed by several peers in parallel. A peer that is silent or refuses
costs one time-out; then the next candidate is asked. What cannot be had from anybody ends the query
with `UnanswerableError`, and the client gets its money back.

No layer is trusted: a graph must be a graph, a call must carry the goal it was asked for, an answer
must have the form of its goal. Whoever served a stage is noted in the trace, and earns its price.
"""

from collections.abc import Sequence

import msgspec

from agents.pipeline.facts import ConflictResolved, StageReached, TaskExecuted
from agents.pipeline.forms import fits
from agents.pipeline.intent import objection
from agents.pipeline.layers import (
    Layers,
    M,
    Patience,
    UnanswerableError,
    Wish,
    ask_layer,
    ask_layers,
)
from agents.pipeline.messages import (
    Candidate,
    CombineAnswers,
    CompileAnswers,
    Compiled,
    Contribution,
    ExecuteTask,
    ModelCall,
    Refract,
    Refracted,
    Refusal,
    ReportPerformance,
    Route,
    RouteTask,
    TaskResult,
    TraceStep,
    WritePrompt,
)
from agents.pipeline.tasks import AnyAnswer, AnyGoal, Combine, ElementalGoal, Task, TaskGraph, bind
from economy.money import decode_units
from economy.pricing import Stage, StagePrices
from prsm_sim.actor import Context, Done, Message, PeerId, RemoteProtocolError, Seconds

FULL_CONFIDENCE_THOUSANDTHS = 1000


class WorkRules(msgspec.Struct, frozen=True):
    """How an orchestrator gets work done.

    Attributes:
        strategy: how routers rank executors.
        conflict_rule: how compilers merge different answers to one task.
        answers_wanted: executors asked for each task.
        answers_needed: with fewer than so many a task counts as unanswered.
        candidates: how many executors a router should name; the rest are fall-backs.
        layer_timeout_s: how long an architect, prompter, router or compiler may take.
        execute_timeout_s: how long an executor may take.
        attempts: peers of a layer that are tried in turn, with doubling time-outs.
        reroutes: how often a task that got too few answers is routed again.
        reroute_after_s: pause before the first of these; each further one is twice as long.
    """

    strategy: str = "performance"
    conflict_rule: str = "majority"
    answers_wanted: int = 3
    answers_needed: int = 2
    candidates: int = 9
    layer_timeout_s: Seconds = 0.6
    execute_timeout_s: Seconds = 1.5
    attempts: int = 5
    reroutes: int = 3
    reroute_after_s: Seconds = 2.0


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


class Execution:
    """The work on one query.

    Args:
        query: its name.
        layers: the peers that may help.
        rules: how work gets done.
        prices: what each stage earns.
        turn: where in each layer to begin; spreads the queries over the peers.

    Attributes:
        trace: who did what, in order.
        earned: who served a stage and what that earns, FTNS units.
        contributors: executors whose answers were used.
        depth: how deep the question was refracted.
    """

    def __init__(
        self, query: str, layers: Layers, rules: WorkRules, prices: StagePrices, turn: int
    ) -> None:
        self._query = query
        self._layers = layers
        self._rules = rules
        self._prices = prices
        self._patience = Patience(turn, rules.attempts, rules.layer_timeout_s)
        self._answers: dict[str, AnyAnswer] = {}
        self._asked: AnyGoal | None = None
        self._last = ""
        self._narrative = ""
        self.trace: list[TraceStep] = []
        self.earned: list[tuple[PeerId, int]] = []
        self.contributors: dict[PeerId, None] = {}
        self.depth = 0

    async def run(self, ctx: Context, goal: AnyGoal) -> tuple[AnyAnswer, str]:
        """The answer to `goal`, and the same in words.

        Raises:
            UnanswerableError: some part cannot be had from anybody.
        """
        self._asked = goal
        graph = await self._decompose(ctx, goal)
        self._last = graph.tasks[-1].id
        for wave in graph.waves():
            elemental = [task for task in wave if not isinstance(task.goal, Combine)]
            if elemental:
                attempts = await self._prepare(ctx, elemental)
                await self._execute(ctx, attempts)
                await self._merge(ctx, attempts)
            await self._combine(ctx, [task for task in wave if isinstance(task.goal, Combine)])
        return self._answers[graph.tasks[-1].id], self._narrative

    async def _decompose(self, ctx: Context, goal: AnyGoal) -> TaskGraph:
        """Have the goal refracted; what comes back must be a graph that ends in one answer."""
        self._reach(ctx, Stage.ARCHITECT)
        architects = self._layers.architects
        ((peer, reply),) = await self._ask(ctx, architects, [Refract(goal)], Refracted)
        graph = reply.graph
        if isinstance(graph, Refusal):
            raise UnanswerableError(graph.reason)
        try:
            waves = graph.waves()
        except RemoteProtocolError as error:
            raise UnanswerableError(f"the architect's graph is no graph: {error}") from error
        if not waves or waves[-1] != graph.tasks[-1:]:
            raise UnanswerableError("the architect's graph does not end in one answer")
        self.depth = graph.depth
        note = f"{len(graph.tasks)} tasks in {len(waves)} waves, depth {graph.depth}"
        self._served(ctx, Stage.ARCHITECT, "", peer, note)
        return graph

    async def _prepare(self, ctx: Context, tasks: Sequence[Task]) -> list[Attempt]:
        """Have every task of a wave prompted and routed, both at once."""
        goals = [self._bound(task) for task in tasks]
        wishes = []
        for task, goal in zip(tasks, goals, strict=True):
            prompt = WritePrompt(task.id, goal)
            wishes.append(Wish(self._layers.prompters, prompt, ModelCall))
        for task, goal in zip(tasks, goals, strict=True):
            wishes.append(self._route_wish(task.id, goal))
        self._reach(ctx, Stage.PROMPTER)
        self._reach(ctx, Stage.ROUTER)
        replies = await ask_layers(ctx, wishes, self._patience)
        calls, routes = replies[: len(tasks)], replies[len(tasks) :]
        attempts = []
        for task, goal, (prompter, call), (router, found) in zip(
            tasks, goals, calls, routes, strict=True
        ):
            assert isinstance(call, ModelCall), "`ask` lets no other type through"
            assert isinstance(found, Route), "`ask` lets no other type through"
            if call.goal != goal or call.task_id != task.id or call.skill != type(goal).__name__:
                raise UnanswerableError(f"the prompter changed task {task.id}")
            prompted = f"{call.prompt_type} call of {call.skill}"
            self._served(ctx, Stage.PROMPTER, task.id, prompter, prompted)
            named = f"{len(found.candidates)} candidates"
            self._served(ctx, Stage.ROUTER, task.id, router, named)
            attempts.append(Attempt(task, call, found.candidates))
        return attempts

    def _route_wish(self, task_id: str, goal: ElementalGoal) -> Wish:
        route = RouteTask(
            f"{self._query}/{task_id}",
            type(goal).__name__,
            goal.data,
            self._rules.strategy,
            self._rules.candidates,
        )
        return Wish(self._layers.routers, route, Route)

    def _bound(self, task: Task) -> ElementalGoal:
        """The task's goal, complete; it must make sense whoever drew the graph."""
        try:
            goal = bind(task, self._answers)
        except RemoteProtocolError as error:
            raise UnanswerableError(str(error)) from error
        assert not isinstance(goal, Combine), "combinations are not bound"
        wrong = objection(goal)
        if wrong is not None:
            raise UnanswerableError(f"task {task.id}: {wrong}")
        return goal

    async def _execute(self, ctx: Context, attempts: Sequence[Attempt]) -> None:
        """Collect answers to all tasks of a wave; where some fail, turn to the next candidates."""
        self._reach(ctx, Stage.EXECUTOR)
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
            f"task {worst.task.id}: {worst.answered} of {worst.asked_in_all} executors answered, "
            f"{self._rules.answers_needed} needed"
        )

    async def _reroute(self, ctx: Context, attempts: Sequence[Attempt]) -> None:
        """Ask the routers once more: who was cut off or down may be back."""
        ctx.sometimes("a task was routed again")
        wishes = [self._route_wish(attempt.task.id, attempt.call.goal) for attempt in attempts]
        replies = await ask_layers(ctx, wishes, self._patience)
        for attempt, (_, found) in zip(attempts, replies, strict=True):
            assert isinstance(found, Route), "`ask` lets no other type through"
            have = [one.contributor for one in attempt.contributions]
            fresh = tuple(one for one in found.candidates if one.executor not in have)
            attempt.candidates, attempt.asked = fresh, 0

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
                self.contributors[peer] = None
                announced_units = decode_units(candidate.price_units)
                self.earned.append((peer, min(announced_units, self._prices.executor)))
        response_s = ctx.now - started_s
        skill = attempt.call.skill
        ctx.emit(TaskExecuted(self._query, task.id, skill, peer, outcome, task.depth, response_s))
        self.trace.append(TraceStep(Stage.EXECUTOR.value, task.id, peer, ctx.now, outcome))
        report = ReportPerformance(peer, response_ms, outcome == "answered")
        ctx.broadcast(report, self._layers.routers)

    async def _merge(self, ctx: Context, attempts: Sequence[Attempt]) -> None:
        """Have the answers to each task merged into one."""
        requests = [
            CompileAnswers(
                attempt.task.id,
                attempt.call.goal,
                tuple(attempt.contributions),
                self._rules.conflict_rule,
                self._asked if attempt.task.id == self._last else None,
            )
            for attempt in attempts
        ]
        self._reach(ctx, Stage.COMPILER)
        compiled = await self._ask(ctx, self._layers.compilers, requests, Compiled)
        for attempt, (peer, merged) in zip(attempts, compiled, strict=True):
            task_id, answer = attempt.task.id, merged.answer
            if isinstance(answer, Refusal) or not fits(attempt.call.goal, answer):
                raise UnanswerableError(f"task {task_id}: its answers cannot be merged")
            self._accept(task_id, answer, merged)
            agreed, asked = len(merged.agreed), len(attempt.contributions)
            if merged.rule != "unanimous":
                ctx.emit(ConflictResolved(self._query, task_id, merged.rule, agreed, asked))
            note = f"{merged.rule}: {agreed} of {asked} agree"
            self._served(ctx, Stage.COMPILER, task_id, peer, note)

    async def _combine(self, ctx: Context, tasks: Sequence[Task]) -> None:
        """Join the answers that each combination needs."""
        if not tasks:
            return
        requests = []
        for task in tasks:
            assert isinstance(task.goal, Combine), "only combinations are combined"
            needed = tuple(self._answers[need] for need in task.needs)
            asked = self._asked if task.id == self._last else None
            requests.append(CombineAnswers(task.id, task.goal, needed, asked))
        compiled = await self._ask(ctx, self._layers.compilers, requests, Compiled)
        for task, (peer, joined) in zip(tasks, compiled, strict=True):
            if isinstance(joined.answer, Refusal):
                raise UnanswerableError(f"task {task.id}: {joined.answer.reason}")
            self._accept(task.id, joined.answer, joined)
            self._served(ctx, Stage.COMPILER, task.id, peer, f"combined by {joined.rule}")

    def _accept(self, task_id: str, answer: AnyAnswer, compiled: Compiled) -> None:
        self._answers[task_id] = answer
        if task_id == self._last:
            self._narrative = compiled.narrative

    async def _ask(
        self, ctx: Context, peers: tuple[PeerId, ...], requests: Sequence[Message], reply: type[M]
    ) -> list[tuple[PeerId, M]]:
        return await ask_layer(ctx, peers, requests, reply, self._patience)

    def _reach(self, ctx: Context, stage: Stage) -> None:
        ctx.emit(StageReached(self._query, stage.value))

    def _served(self, ctx: Context, stage: Stage, task_id: str, peer: PeerId, note: str) -> None:
        """Note who served a stage; it earns the stage's price."""
        self.trace.append(TraceStep(stage.value, task_id, peer, ctx.now, note))
        self.earned.append((peer, self._prices.price(stage)))
