"""The client: asks its questions one after the other, and pays for each through an escrow.

For each question it gets a quote, refuses it if it exceeds its budget, opens the escrow on the
ledger, and only then asks. Messages may be lost, so it asks again at intervals; the orchestrator
answers a repeated question once. A client that runs out of patience gives the query up: the escrow
then ends by the orchestrator's refund, or by its expiry, which no one can prevent.

What a crash must not lose (the query, on which terms its escrow was opened) is stored before the
escrow is opened; opening it again on the same terms does nothing.
"""

import msgspec

from agents.pipeline.committee import Committee
from agents.pipeline.facts import QueryAnswered, QueryAsked, QueryFailed
from agents.pipeline.layers import Patience, UnanswerableError, ask_layer
from agents.pipeline.messages import (
    AskNext,
    AskQuestion,
    QuestionAnswered,
    Quote,
    Refusal,
    RequestQuote,
)
from agents.pipeline.questions import Question
from economy.money import UnitsText, decode_units, encode_units
from economy.operations import OpenQuery, Refused, decode_result, encode_operation
from prsm_sim.actor import Actor, Context, Message, PeerId, Seconds, decode, encode, on, reentrant


class ClientRules(msgspec.Struct, frozen=True):
    """How a client behaves.

    Attributes:
        budget_units: the most it pays for a question, FTNS units.
        first_after_s: when it asks its first question.
        pause_s: mean of the exponential pause between an answer and the next question.
        quote_timeout_s: how long an orchestrator may take to name its price.
        retry_s: interval at which an unanswered question is repeated.
        patience_s: a query without an answer for so long is given up.
        escrow_s: the escrow expires so long after the quote.
        attempts: orchestrators that are asked for a quote in turn.
    """

    budget_units: UnitsText
    first_after_s: Seconds = 0.0
    pause_s: Seconds = 1.0
    quote_timeout_s: Seconds = 1.0
    retry_s: Seconds = 1.5
    patience_s: Seconds = 60.0
    escrow_s: Seconds = 120.0
    attempts: int = 5


class Pending(msgspec.Struct):
    """The query in flight; stored, so that a restarted client goes on with it."""

    index: int
    query: str
    asked_at_s: Seconds
    orchestrator: PeerId = ""
    escrow: bytes = b""
    is_open: bool = False


class Client(Actor):
    """Asks `questions` in order.

    Args:
        questions: what to ask.
        orchestrators: whom to ask; the client's name decides with whom it begins.
        committee: the way to the ledger.
        rules: how it behaves.
    """

    def __init__(
        self,
        questions: tuple[Question, ...],
        orchestrators: tuple[PeerId, ...],
        committee: Committee,
        rules: ClientRules,
    ) -> None:
        self._questions = questions
        self._orchestrators = orchestrators
        self._committee = committee
        self._rules = rules
        self._next = 0
        self._pending: Pending | None = None

    def accepts(self) -> tuple[type[Message], ...]:
        """Its own messages and the committee's."""
        own = tuple(one for one in self.handlers if one is not Message)
        return own + tuple(self._committee.message_types)

    @property
    def has_finished(self) -> bool:
        """Whether every question has been answered or given up."""
        return self._pending is None and self._next >= len(self._questions)

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """Begin, or go on with the query that was in flight before a crash."""
        self._next = int(ctx.store.get("next") or b"0")
        if recovered is None:
            ctx.set_timer("next", self._rules.first_after_s)
            return
        pending = self._pending = decode(recovered, Pending)
        self._next = pending.index + 1
        if pending.escrow:
            ctx.sometimes("a client went on with its query after a crash")
            ctx.set_timer("patience", self._rules.patience_s)
            self._open_escrow(ctx, pending)
        else:
            self._fail(ctx, "the client crashed before it opened an escrow")

    def on_timer(self, ctx: Context, name: str) -> None:
        """Next question, repeat the current one, give it up, or a timer of the committee's."""
        if self._committee.on_timer(ctx, name):
            return
        pending = self._pending
        match name:
            case "next" if pending is None and self._next < len(self._questions):
                ctx.send(ctx.id, AskNext())
            case "retry" if pending is not None and pending.is_open:
                ctx.sometimes("a client repeated its question")
                self._ask(ctx, pending)
            case "patience" if pending is not None:
                self._fail(ctx, "no answer in time")

    @on(AskNext)
    @reentrant
    async def ask_next(self, ctx: Context, sender: PeerId, message: AskNext) -> None:
        """Get a quote for the next question and open its escrow."""
        if sender != ctx.id or self._pending is not None or self._next >= len(self._questions):
            return
        question = self._questions[self._next]
        pending = Pending(self._next, f"{ctx.id}/{self._next}", ctx.now)
        self._pending = pending
        self._next += 1
        budget_units = self._rules.budget_units
        ctx.emit(QueryAsked(pending.query, question.id, question.kind, budget_units))
        self._save(ctx, pending)
        try:
            ((orchestrator, quote),) = await ask_layer(
                ctx,
                self._orchestrators,
                [RequestQuote(question)],
                Quote,
                Patience(
                    ctx.rng.randrange(len(self._orchestrators)),
                    self._rules.attempts,
                    self._rules.quote_timeout_s,
                ),
            )
        except UnanswerableError as reason:
            self._fail(ctx, str(reason))
            return
        if quote.refusal:
            self._fail(ctx, quote.refusal)
            return
        if decode_units(quote.price_units) > decode_units(budget_units):
            self._fail(ctx, "the price exceeds the budget")
            return
        expires_at_ms = int(1000 * (ctx.now + self._rules.escrow_s))
        pending.orchestrator = orchestrator
        pending.escrow = encode_operation(
            OpenQuery(pending.query, orchestrator, quote.price_units, expires_at_ms)
        )
        self._save(ctx, pending)
        ctx.set_timer("patience", self._rules.patience_s)
        self._open_escrow(ctx, pending)

    @on(QuestionAnswered)
    @reentrant
    def answered(self, ctx: Context, sender: PeerId, message: QuestionAnswered) -> None:
        """Take the answer from the orchestrator that was asked, once."""
        pending = self._pending
        if pending is None or message.query != pending.query or sender != pending.orchestrator:
            return
        if isinstance(message.answer, Refusal):
            self._fail(ctx, message.answer.reason)
            return
        question = self._questions[pending.index]
        ctx.emit(
            QueryAnswered(
                query=pending.query,
                question=question.id,
                kind=question.kind,
                answer=message.answer,
                narrative=message.narrative,
                latency_s=ctx.now - pending.asked_at_s,
                cost_units=encode_units(decode_units(message.cost_units)),
                contributors=tuple(sorted(message.contributors)),
                steps=len(message.trace),
            )
        )
        self._finish(ctx)

    @on(Message)
    @reentrant
    def from_committee(self, ctx: Context, sender: PeerId, message: Message) -> None:
        """Hand a committee's message to the embedded client; the escrow may be open now."""
        if not isinstance(message, self._committee.message_types):
            return
        completed = self._committee.on_message(ctx, sender, message)
        pending = self._pending
        if completed is None or pending is None or completed[0] != f"open/{pending.query}":
            return
        result = decode_result(completed[1])
        if isinstance(result, Refused):
            self._fail(ctx, f"the ledger refused the escrow: {result.reason.value}")
            return
        pending.is_open = True
        self._ask(ctx, pending)

    def _open_escrow(self, ctx: Context, pending: Pending) -> None:
        self._committee.submit(ctx, pending.escrow, f"open/{pending.query}")

    def _ask(self, ctx: Context, pending: Pending) -> None:
        question = self._questions[pending.index]
        ctx.send(pending.orchestrator, AskQuestion(pending.query, question))
        ctx.set_timer("retry", self._rules.retry_s)

    def _fail(self, ctx: Context, reason: str) -> None:
        pending = self._pending
        assert pending is not None, "only a query in flight can fail"
        question = self._questions[pending.index]
        latency_s = ctx.now - pending.asked_at_s
        ctx.emit(QueryFailed(pending.query, question.id, question.kind, reason, latency_s))
        self._finish(ctx)

    def _finish(self, ctx: Context) -> None:
        self._pending = None
        ctx.store.delete("state")
        ctx.store.put("next", str(self._next).encode())
        ctx.store.sync()
        ctx.cancel_timer("retry")
        ctx.cancel_timer("patience")
        if self._next < len(self._questions):
            ctx.set_timer("next", ctx.rng.expovariate(1.0 / self._rules.pause_s))

    def _save(self, ctx: Context, pending: Pending) -> None:
        ctx.store.put("state", encode(pending))
        ctx.store.sync()
