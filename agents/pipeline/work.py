"""How work on a query gets done, and the record of who did what."""

import msgspec

from agents.pipeline.messages import TraceStep
from economy.money import decode_units
from economy.pricing import Stage, StagePrices
from prsm_sim.actor import PeerId, Seconds


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


class WorkRecord:
    """Who served which stage of a query, and what that earns.

    Args:
        prices: what each stage earns.

    Attributes:
        trace: who did what, in order.
        earned: who served a stage and what that earns, FTNS units.
        contributors: executors whose answers were used, in order.
    """

    def __init__(self, prices: StagePrices) -> None:
        self._prices = prices
        self.trace: list[TraceStep] = []
        self.earned: list[tuple[PeerId, int]] = []
        self.contributors: dict[PeerId, None] = {}

    def served(self, stage: Stage, task_id: str, peer: PeerId, at_s: Seconds, note: str) -> None:
        """Note who served a stage; it earns the stage's price."""
        self.trace.append(TraceStep(stage.value, task_id, peer, at_s, note))
        self.earned.append((peer, self._prices.price(stage)))

    def executed(self, task_id: str, peer: PeerId, at_s: Seconds, outcome: str) -> None:
        """Note how an executor did; by itself this earns nothing."""
        self.trace.append(TraceStep(Stage.EXECUTOR.value, task_id, peer, at_s, outcome))

    def contributed(self, peer: PeerId, announced_price: str) -> None:
        """An executor's answer is used: it earns what it announced, at most the stage's price."""
        self.contributors[peer] = None
        self.earned.append((peer, min(decode_units(announced_price), self._prices.executor)))
