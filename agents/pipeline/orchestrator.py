"""NWTN, the orchestrator: from a question and an escrow to an answer and a settlement.

It clarifies intent, quotes a price from the question's structure, sees that the escrow stands,
gets the work done (`execution`) and settles. A query moves through a table of states::

    CHECKING ── escrow stands ──> WORKING ── answer ──> SETTLING ── ledger agreed ──> CLOSED
        └── no such escrow: refused     └── unanswerable ──> REFUNDING ────────────────┘

The handlers that move a session are short and synchronous; only the work is a coroutine, one a
query, and many run side by side. The client is answered as soon as the work is done: from then on
nobody but this orchestrator can end the escrow, so the contributors' pay is safe.

The answer and who is to be paid are stored durably before either is told, and a restart takes up
every settlement that the store does not show as ended. A client that repeats its question after a
crash gets the stored answer; if the crash came before there was one, the work is done again. The
ledger ends an escrow only once, so repeating a settlement does no harm.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias
from zlib import crc32

from agents.pipeline.budget import demand, payments, price_units
from agents.pipeline.committee import Committee
from agents.pipeline.execution import Execution
from agents.pipeline.facts import StageReached
from agents.pipeline.intent import objection
from agents.pipeline.layers import Layers, UnanswerableError
from agents.pipeline.messages import (
    AskQuestion,
    BeginWork,
    QuestionAnswered,
    Quote,
    Refusal,
    RequestQuote,
)
from agents.pipeline.questions import Question
from agents.pipeline.work import WorkRules
from economy.holds import HoldState
from economy.money import UnitsText, decode_units, encode_units
from economy.operations import (
    QueryStatus,
    ReadQuery,
    RefundQuery,
    Refused,
    Result,
    SettleQuery,
    decode_result,
    encode_operation,
)
from economy.payments import Payments
from economy.pricing import Pricing
from prsm_sim.actor import Actor, Context, Message, PeerId, decode, encode, on, reentrant

ANSWER_KEY = "answer/"
ENDED_KEY = "ended/"
StoredAnswer: TypeAlias = tuple[QuestionAnswered, tuple[tuple[str, UnitsText], ...]]
"""What is stored of an answered query: the answer, and who is paid how much."""


class State(Enum):
    """Where a query is."""

    CHECKING = "checking"
    WORKING = "working"
    SETTLING = "settling"
    REFUNDING = "refunding"


@dataclass
class Session:
    """One query in flight."""

    client: PeerId
    question: Question
    price_units: int
    state: State = State.CHECKING
    escrow_units: int = 0


class Orchestrator(Actor):
    """Answers `RequestQuote` and `AskQuestion`.

    Args:
        layers: the peers that help.
        committee: the way to the ledger.
        rules: how work gets done.
        pricing: the tariff.
        sessions_limit: queries in flight; more are asked to come back later (by silence).
    """

    def __init__(
        self,
        layers: Layers,
        committee: Committee,
        rules: WorkRules | None = None,
        pricing: Pricing | None = None,
        sessions_limit: int = 256,
    ) -> None:
        self._layers = layers
        self._committee = committee
        self._rules = WorkRules() if rules is None else rules
        self._pricing = Pricing() if pricing is None else pricing
        self._sessions_limit = sessions_limit
        self._sessions: dict[str, Session] = {}

    def accepts(self) -> tuple[type[Message], ...]:
        """Its own messages and the committee's."""
        own = tuple(one for one in self.handlers if one is not Message)
        return own + tuple(self._committee.message_types)

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """After a crash, have every escrow ended whose answer was stored but not settled."""
        stored_keys = ctx.store.keys()
        for key in stored_keys:
            query = key.removeprefix(ANSWER_KEY)
            if key != query and ctx.store.get(ENDED_KEY + query) is None:
                ctx.sometimes("an orchestrator took up a settlement after a crash")
                self._end_escrow(ctx, decode(ctx.store.get(key) or b"", StoredAnswer))

    # --- from clients -------------------------------------------------------------------------

    @on(RequestQuote)
    @reentrant
    def quote(self, ctx: Context, sender: PeerId, message: RequestQuote) -> Quote:
        """Clarify intent and name the price, before any work is done."""
        question = message.question
        wrong = objection(question.goal)
        if wrong is not None:
            return Quote(question.id, "0", wrong)
        units = price_units(self._pricing, question.goal, self._rules.answers_wanted)
        return Quote(question.id, encode_units(units))

    @on(AskQuestion)
    @reentrant
    def ask(self, ctx: Context, sender: PeerId, message: AskQuestion) -> None:
        """Take on a query, or repeat its answer."""
        query = message.query
        stored = ctx.store.get(ANSWER_KEY + query)
        if stored is not None:
            answered, _ = decode(stored, StoredAnswer)
            ctx.send(sender, answered)
            return
        if query in self._sessions or len(self._sessions) >= self._sessions_limit:
            return
        wrong = objection(message.question.goal)
        if wrong is not None:
            ctx.send(sender, QuestionAnswered(query, Refusal(wrong)))
            return
        goal = message.question.goal
        units = price_units(self._pricing, goal, self._rules.answers_wanted)
        self._sessions[query] = Session(sender, message.question, units)
        ctx.emit(StageReached(query, "intent"))
        self._committee.submit(ctx, encode_operation(ReadQuery(query)), f"read/{query}")

    # --- from the committee -------------------------------------------------------------------

    @on(Message)
    @reentrant
    def from_committee(self, ctx: Context, sender: PeerId, message: Message) -> None:
        """Hand a committee's message to the embedded client; act on the result it may complete."""
        if isinstance(message, self._committee.message_types):
            completed = self._committee.on_message(ctx, sender, message)
            if completed is not None:
                tag, result = completed
                action, _, query = tag.partition("/")
                self._on_result(ctx, action, query, decode_result(result))

    def on_timer(self, ctx: Context, name: str) -> None:
        """All timers are the committee's."""
        self._committee.on_timer(ctx, name)

    def _on_result(self, ctx: Context, action: str, query: str, result: Result) -> None:
        session = self._sessions.get(query)
        match action:
            case "read" if session is not None:
                self._on_escrow(ctx, query, session, result)
            case "settle" | "refund":
                self._sessions.pop(query, None)
                ctx.store.put(ENDED_KEY + query, b"")
                ctx.store.sync()
                ended = "settled" if action == "settle" else "refunded"
                if isinstance(result, Refused):
                    # It had expired, or was ended before a crash: either way it has ended once.
                    ctx.sometimes(f"a query could not be {ended}: {result.reason.value}")
                else:
                    ctx.emit(StageReached(query, ended))

    def _on_escrow(self, ctx: Context, query: str, session: Session, result: Result) -> None:
        """Start work if the escrow stands on the right terms."""
        wrong = self._escrow_objection(ctx, session, result)
        if wrong is not None:
            del self._sessions[query]
            ctx.send(session.client, QuestionAnswered(query, Refusal(wrong)))
            return
        assert isinstance(result, QueryStatus), "an escrow without objection has a status"
        session.escrow_units = decode_units(result.amount_units)
        session.state = State.WORKING
        ctx.send(ctx.id, BeginWork(query))

    def _escrow_objection(self, ctx: Context, session: Session, result: Result) -> str | None:
        if not isinstance(result, QueryStatus):
            return "there is no escrow for this query"
        if result.state is not HoldState.PENDING:
            return f"the escrow has ended: {result.state.value}"
        if result.payer != session.client or result.orchestrator != ctx.id:
            return "the escrow is for another client or orchestrator"
        if decode_units(result.amount_units) < session.price_units:
            return "the escrow holds less than the price"
        return None

    # --- the work -----------------------------------------------------------------------------

    @on(BeginWork)
    @reentrant
    async def work(self, ctx: Context, sender: PeerId, message: BeginWork) -> None:
        """Get the work done, answer the client and settle; or refund."""
        query = message.query
        session = self._sessions.get(query)
        if sender != ctx.id or session is None or session.state is not State.WORKING:
            return
        goal = session.question.goal
        stages = self._pricing.stages
        turn = crc32(query.encode())
        execution = Execution(query, self._layers, self._rules, stages, turn)
        try:
            answer, narrative = await execution.run(ctx, goal)
        except UnanswerableError as reason:
            session.state = State.REFUNDING
            trace = tuple(execution.record.trace)
            answered = QuestionAnswered(query, Refusal(str(reason)), trace=trace)
            self._answer(ctx, session, answered, ())
            return
        used = demand(goal, execution.depth, self._rules.answers_wanted)
        context_units = stages.base + self._pricing.context.charge(used)
        pay = payments(ctx.id, context_units, execution.record.earned, session.escrow_units)
        session.state = State.SETTLING
        answered = QuestionAnswered(
            query,
            answer,
            narrative,
            encode_units(sum(units for _, units in pay)),
            tuple(execution.record.contributors),
            tuple(execution.record.trace),
        )
        self._answer(ctx, session, answered, pay)

    def _answer(
        self, ctx: Context, session: Session, answered: QuestionAnswered, pay: Payments
    ) -> None:
        """Store the answer, have the escrow ended, and tell the client."""
        stored = (answered, tuple((payee, encode_units(units)) for payee, units in pay))
        ctx.store.put(ANSWER_KEY + answered.query, encode(stored))
        ctx.store.sync()
        self._end_escrow(ctx, stored)
        ctx.send(session.client, answered)

    def _end_escrow(self, ctx: Context, stored: StoredAnswer) -> None:
        """Have the ledger settle or refund; it does so once, however often it is asked."""
        answered, contributions = stored
        query = answered.query
        if isinstance(answered.answer, Refusal):
            self._committee.submit(ctx, encode_operation(RefundQuery(query)), f"refund/{query}")
        else:
            operation = encode_operation(SettleQuery(query, contributions))
            self._committee.submit(ctx, operation, f"settle/{query}")
