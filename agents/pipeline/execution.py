"""One query's way through the layers: decompose, then wave by wave prompt, route, execute, compile.

Everything that does not depend on each other runs at once: all tasks of a wave are prompted and
routed together, and each is executed by several peers in parallel. A peer that is silent or refuses
costs one time-out; then the next candidate is asked. What cannot be had from anybody ends the query
with `UnanswerableError`, and the client gets its money back.

No layer is trusted: a graph must be a graph, a call must carry the goal it was asked for, an answer
must have the form of its goal. Whoever served a stage is noted in the trace, and earns its price.
"""

from collections.abc import Sequence

from agents.pipeline.collecting import Attempt, Collector, distinct_candidates
from agents.pipeline.facts import ConflictResolved, StageReached
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
    CombineAnswers,
    CompileAnswers,
    Compiled,
    ModelCall,
    Refract,
    Refracted,
    Refusal,
    Route,
    WritePrompt,
)
from agents.pipeline.tasks import AnyAnswer, AnyGoal, Combine, ElementalGoal, Task, TaskGraph, bind
from agents.pipeline.work import WorkRecord, WorkRules
from economy.pricing import Stage, StagePrices
from prsm_sim.actor import Context, Message, PeerId, RemoteProtocolError

__all__ = ["Execution", "WorkRules"]


class Execution:
    """The work on one query.

    Args:
        query: its name.
        layers: the peers that may help.
        rules: how work gets done.
        prices: what each stage earns.
        turn: where in each layer to begin; spreads the queries over the peers.

    Attributes:
        record: who did what, and what that earns.
        depth: how deep the question was refracted.
    """

    def __init__(
        self, query: str, layers: Layers, rules: WorkRules, prices: StagePrices, turn: int
    ) -> None:
        self._query = query
        self._layers = layers
        self._rules = rules
        self._patience = Patience(turn, rules.attempts, rules.layer_timeout_s)
        self.record = WorkRecord(prices)
        self._collector = Collector(query, layers, rules, self._patience, self.record)
        self._answers: dict[str, AnyAnswer] = {}
        self._asked: AnyGoal | None = None
        self._last = ""
        self._narrative = ""
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
                self._reach(ctx, Stage.EXECUTOR)
                await self._collector.execute(ctx, attempts)
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
            wishes.append(self._collector.wish(task.id, goal))
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
            attempts.append(Attempt(task, call, distinct_candidates(found)))
        return attempts

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
        self.record.served(stage, task_id, peer, ctx.now, note)
