"""What the layers say to each other. Commands are imperative, replies are nouns or past tense."""

import msgspec

from agents.pipeline.questions import Question
from agents.pipeline.tasks import AnyAnswer, AnyGoal, Combine, ElementalGoal, TaskGraph
from economy.money import UnitsText
from prsm_sim.actor import Message


class Refusal(msgspec.Struct, frozen=True, tag=True, gc=False):
    """An expected "no", as a value: one sentence that says why."""

    reason: str


class TraceStep(msgspec.Struct, frozen=True, gc=False):
    """One line of the transparency trace.

    Attributes:
        stage: intent, architect, prompter, router, executor or compiler.
        task_id: the task concerned, or "" for the question as a whole.
        peer: who did it.
        at_s: when it was done, world seconds.
        note: what came of it.
    """

    stage: str
    task_id: str
    peer: str
    at_s: float
    note: str


class RequestQuote(Message, frozen=True):
    """Client to orchestrator: what would this question cost? Asking twice is harmless."""

    question: Question


class Quote(Message, frozen=True):
    """What to put in escrow for a question, in FTNS units, or why it cannot be answered."""

    question_id: str
    price_units: UnitsText
    refusal: str = ""


class AskQuestion(Message, frozen=True):
    """Client to orchestrator: answer this; the escrow `query` pays for it. May be repeated."""

    query: str
    question: Question


class QuestionAnswered(Message, frozen=True):
    """Orchestrator to client: how the query ended.

    Attributes:
        query: the client's name for it.
        answer: the answer, or a refusal (then the escrow has been refunded).
        narrative: the answer in words.
        cost_units: what is paid out of the escrow.
        contributors: executors whose answers were used.
        trace: who did what.
    """

    query: str
    answer: AnyAnswer | Refusal
    narrative: str = ""
    cost_units: UnitsText = "0"
    contributors: tuple[str, ...] = ()
    trace: tuple[TraceStep, ...] = ()


class BeginWork(Message, frozen=True):
    """Orchestrator to itself: the escrow stands, start the work on `query`."""

    query: str


class AskNext(Message, frozen=True):
    """Client to itself: it is time for the next question."""


class Refract(Message, frozen=True):
    """Orchestrator to architect: decompose this goal."""

    goal: AnyGoal


class Refracted(Message, frozen=True):
    """The dependency graph of a goal, or why there is none."""

    graph: TaskGraph | Refusal


class WritePrompt(Message, frozen=True):
    """Orchestrator to prompter: turn this bound task into a model call."""

    task_id: str
    goal: ElementalGoal


class ModelCall(Message, frozen=True):
    """A typed call of a sub-model.

    Attributes:
        task_id: the task it serves.
        skill: which sub-model, such as ``RankFeatures``.
        goal: its parameters; the only part a sub-model computes from.
        domain: field of research.
        prompt_type: analytical, creative, explanatory, synthesis, evaluation or decomposition.
        clarity: what is asked and in which form the answer is due.
        safety: what the answer must not be used for, or what must not leave the peer.
        context: what is known about the data.
    """

    task_id: str
    skill: str
    goal: ElementalGoal
    domain: str
    prompt_type: str
    clarity: str
    safety: str
    context: str


class Announce(Message, frozen=True):
    """Executor to routers: what I can do, for which price. Repeated as a heartbeat.

    Attributes:
        skills: names of the elemental goals whose sub-models it hosts.
        datasets: the data sets of which it holds a share.
        share_thousandths: how much of each it holds.
        price_units: FTNS units a task.
    """

    skills: tuple[str, ...]
    datasets: tuple[str, ...]
    share_thousandths: int
    price_units: UnitsText


class ReportPerformance(Message, frozen=True):
    """Orchestrator to routers: what was measured about an executor's answer to one task."""

    executor: str
    response_ms: int
    succeeded: bool


class RouteTask(Message, frozen=True):
    """Orchestrator to router: who can do this, best first?"""

    task_id: str
    skill: str
    data: str
    strategy: str
    at_most: int


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """An executor that can do a task, what it asks for it, and its score in thousandths."""

    executor: str
    price_units: UnitsText
    score_thousandths: int


class Route(Message, frozen=True):
    """Ranked candidates for a task; empty if the router knows none."""

    task_id: str
    candidates: tuple[Candidate, ...]


class ExecuteTask(Message, frozen=True):
    """Orchestrator to executor: run this call."""

    query: str
    call: ModelCall


class TaskResult(Message, frozen=True):
    """What an executor made of a call.

    Attributes:
        task_id: the task.
        answer: its answer, or its refusal.
        confidence_thousandths: the sub-model's own estimate of how sure it is, from its data.
        compute_ms: how long the sub-model took.
    """

    task_id: str
    answer: AnyAnswer | Refusal
    confidence_thousandths: int = 0
    compute_ms: int = 0


class Contribution(msgspec.Struct, frozen=True, gc=False):
    """One executor's answer to one task, as handed to a compiler."""

    contributor: str
    answer: AnyAnswer
    confidence_thousandths: int


class CompileAnswers(Message, frozen=True):
    """Orchestrator to compiler: merge several answers to one task into one.

    Attributes:
        asked: the question's goal if this task answers the question; then say it in words too.
    """

    task_id: str
    goal: ElementalGoal
    contributions: tuple[Contribution, ...]
    conflict_rule: str
    asked: AnyGoal | None = None


class CombineAnswers(Message, frozen=True):
    """Orchestrator to compiler: join the answers of different tasks; `asked` as above."""

    task_id: str
    goal: Combine
    answers: tuple[AnyAnswer, ...]
    asked: AnyGoal | None = None


class Compiled(Message, frozen=True):
    """One answer to one task.

    Attributes:
        answer: the merged answer, or why there is none.
        agreed: contributors whose answer is the merged one (numbers: within the spread).
        rule: how a conflict was resolved; ``unanimous`` if there was none.
        narrative: the answer in words, if it was asked for.
    """

    task_id: str
    answer: AnyAnswer | Refusal
    agreed: tuple[str, ...] = ()
    rule: str = "unanimous"
    narrative: str = ""
