"""What the pipeline tells the outside. Metrics, verdicts and dashboards are made of these alone."""

from agents.pipeline.tasks import AnyAnswer
from economy.money import UnitsText
from prsm_sim.actor import Fact


class QueryAsked(Fact, frozen=True):
    """A client opened a query.

    Attributes:
        query: unique in the run.
        question: id of the question.
        kind: family of the question.
        budget_units: the most that the client would pay for it, FTNS units.
    """

    query: str
    question: str
    kind: str
    budget_units: UnitsText


class QueryAnswered(Fact, frozen=True):
    """A client received the answer to its query.

    Attributes:
        query: the query.
        question: id of the question.
        kind: family of the question.
        answer: the answer, for whoever judges it.
        narrative: the answer in words.
        latency_s: from the first request for a quote to the answer.
        cost_units: what was paid, FTNS units.
        contributors: executors whose answers were used, sorted.
        steps: length of the transparency trace.
    """

    query: str
    question: str
    kind: str
    answer: AnyAnswer
    narrative: str
    latency_s: float
    cost_units: UnitsText
    contributors: tuple[str, ...]
    steps: int


class QueryFailed(Fact, frozen=True):
    """A client's query ended without an answer; its money is back, or comes back by expiry."""

    query: str
    question: str
    kind: str
    reason: str
    latency_s: float


class StageReached(Fact, frozen=True):
    """An orchestrator's query reached a stage.

    Stages: intent, architect, prompter, router, executor, compiler, settled, refunded.
    """

    query: str
    stage: str


class TaskExecuted(Fact, frozen=True):
    """An executor was asked to run a task, and this came of it.

    Attributes:
        query: the query it belongs to.
        task_id: its place in the query's graph.
        skill: the sub-model that ran.
        executor: the peer that ran it.
        outcome: ``answered``, ``refused`` or ``timed out``.
        depth: refractions above it.
        response_s: from the request to the end of the round of requests it was part of.
    """

    query: str
    task_id: str
    skill: str
    executor: str
    outcome: str
    depth: int
    response_s: float


class ConflictResolved(Fact, frozen=True):
    """Several executors disagreed about a task, and a rule decided."""

    query: str
    task_id: str
    rule: str
    agreed: int
    asked: int
