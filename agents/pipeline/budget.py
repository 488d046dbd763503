"""The context budget: what a question may cost at most, and what it did cost.

The gate is priced before any work is done, from the goal's structure: the context it will take
(size, depth, how many agents share it) and every stage it can pass through at most. The client puts
that much in escrow. Afterwards the work that was really done is charged, by the same tariff; the
rest returns to the client in the same settlement.
"""

from collections.abc import Iterable

from agents.pipeline.intent import complexity_thousandths, operations, refractions
from agents.pipeline.tasks import AnyGoal, ClassifyRows, FindExtreme, RegressOnBest, SeparateClasses
from economy.payments import Payments, fit, quote
from economy.pricing import ContextDemand, Pricing, QueryKind, Stage

COMPLEX_FROM_OPERATIONS = 4
RESEARCH_FROM_OPERATIONS = 9


def query_kind(goal: AnyGoal) -> QueryKind:
    """How a goal is reasoned about: by how often it is refracted and how many operations it has."""
    if refractions(goal) >= 2:
        return QueryKind.RECURSIVE
    count = operations(goal)
    if count >= RESEARCH_FROM_OPERATIONS:
        return QueryKind.RESEARCH
    if count >= COMPLEX_FROM_OPERATIONS:
        return QueryKind.COMPLEX
    return QueryKind.MEDIUM if count > 1 else QueryKind.SIMPLE


def task_counts(goal: AnyGoal) -> tuple[int, int]:
    """At most so many elemental tasks and combinations come of a goal."""
    match goal:
        case FindExtreme():
            parts = [task_counts(part.goal) for part in goal.parts]
            return sum(one for one, _ in parts), 1 + sum(other for _, other in parts)
        case SeparateClasses() | RegressOnBest():
            return 2, 1
        case ClassifyRows():
            # Halving until all pieces are small enough doubles their number at each level.
            leaves = 1 << refractions(goal)
            return leaves, leaves - 1
        case _:
            return 1, 0


def demand(goal: AnyGoal, depth: int, agents: int) -> ContextDemand:
    """The context that a goal takes when it is refracted to `depth` and `agents` share it."""
    return ContextDemand(complexity_thousandths(goal), depth + 1, query_kind(goal), agents)


def price_units(pricing: Pricing, goal: AnyGoal, agents: int) -> int:
    """What to put in escrow for a goal, in FTNS units.

    Args:
        pricing: the tariff.
        goal: what is wanted.
        agents: executors asked for each elemental task.
    """
    elemental, combinations = task_counts(goal)
    stages = [Stage.BASE, Stage.ARCHITECT]
    stages += (Stage.PROMPTER, Stage.ROUTER, Stage.COMPILER) * elemental
    stages += (Stage.EXECUTOR,) * (agents * elemental) + (Stage.COMPILER,) * combinations
    return quote(pricing, demand(goal, refractions(goal), agents), stages).total_units


def payments(
    orchestrator: str, context_units: int, earned: Iterable[tuple[str, int]], escrow_units: int
) -> Payments:
    """Who gets how much: the orchestrator for the context, the others for the stages they served.

    Together never more than the escrow holds.
    """
    return fit([(orchestrator, context_units), *earned], escrow_units)
