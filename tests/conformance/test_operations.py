"""The contract of operations: ask and reply, time-outs, refusals, gather, start, ports."""

import time
from typing import Any

import pytest

from prsm_sim.actor import (
    Actor,
    Context,
    Done,
    Failed,
    Message,
    OperationFailed,
    OperationTimedOut,
    Outcome,
    PeerId,
    TimedOut,
    UserError,
    on,
)
from prsm_sim.actor.context import Random
from tests.conformance.conftest import Bench, Finished, Seen


class Begin(Message, frozen=True):
    pass


class Question(Message, frozen=True):
    n: int


class Answer(Message, frozen=True):
    n: int


class Unrelated(Message, frozen=True):
    n: int


class Silent(Message, frozen=True):
    pass


class Server(Actor):
    """Answers questions in several ways, according to their number."""

    @on(Question)
    async def question(self, ctx: Context, sender: PeerId, message: Question) -> Message | None:
        if message.n == 99:
            return Unrelated(99)
        if message.n == 13:
            return None
        if message.n >= 50:
            await ctx.sleep(message.n / 100)
        return Answer(message.n * 10)

    @on(Silent)
    def silent(self, ctx: Context, sender: PeerId, message: Silent) -> None:
        ctx.emit(Seen("silent"))


class Client(Actor):
    """Base of the askers: runs `story` once, and finishes."""

    @on(Begin)
    async def begin(self, ctx: Context, sender: PeerId, message: Begin) -> None:
        await self.story(ctx)
        ctx.emit(Finished())

    async def story(self, ctx: Context) -> None:
        raise NotImplementedError


def tell(bench: Bench, client: type[Client], server: type[Actor] = Server) -> list[str]:
    bench.spawn("server", server)
    bench.spawn("client", client)
    bench.post("client", Begin())
    bench.finish()
    return bench.words("client")


def test_an_ask_returns_the_reply_to_it(bench: Bench) -> None:
    class Asking(Client):
        async def story(self, ctx: Context) -> None:
            for n in (1, 2, 3):
                answer = await ctx.ask("server", Question(n), Answer)
                ctx.emit(Seen(str(answer.n)))

    assert tell(bench, Asking) == ["10", "20", "30"]


def test_an_ask_that_no_answer_reaches_in_time_has_an_unknown_outcome(bench: Bench) -> None:
    class Impatient(Client):
        async def story(self, ctx: Context) -> None:
            before_s = ctx.now
            try:
                await ctx.ask("server", Question(50), Answer, timeout=0.1)
            except OperationTimedOut:
                ctx.emit(Seen("timed out" if ctx.now - before_s >= 0.0999 else "too early"))
            # The late answer to the first question must not answer the second.
            answer = await ctx.ask("server", Question(4), Answer)
            ctx.emit(Seen(str(answer.n)))

    assert tell(bench, Impatient) == ["timed out", "40"]


def test_an_ask_to_a_peer_that_does_not_exist_times_out(bench: Bench) -> None:
    class Lost(Client):
        async def story(self, ctx: Context) -> None:
            try:
                await ctx.ask("nobody", Question(1), Answer, timeout=0.1)
            except OperationTimedOut:
                ctx.emit(Seen("timed out"))

    assert tell(bench, Lost) == ["timed out"]


@pytest.mark.parametrize(
    ("message", "because"),
    [(Question(99), "Answer"), (Question(13), "no answer"), (Silent(), "no answer"), (Begin(), "")],
    ids=["another-type", "no-reply", "never-replies", "unhandled"],
)
def test_an_ask_that_is_refused_fails_with_a_reason(
    bench: Bench, message: Message, because: str
) -> None:
    class Refused(Client):
        async def story(self, ctx: Context) -> None:
            try:
                await ctx.ask("server", message, Answer, timeout=3.0)
            except OperationFailed as refusal:
                ctx.emit(Seen(str(refusal)))

    (reason,) = tell(bench, Refused)
    assert because in reason
    assert "server" in reason


def test_gather_tells_every_outcome_in_the_order_asked(bench: Bench) -> None:
    class Gathering(Client):
        async def story(self, ctx: Context) -> None:
            outcomes = await ctx.gather(
                [
                    ctx.sleep(0.15),
                    ctx.ask("server2", Question(2), Answer),
                    ctx.ask("server", Question(99), Answer),
                    ctx.ask("nobody", Question(3), Answer, timeout=0.05),
                    ctx.gather([ctx.sleep(0.0)]),
                ]
            )
            for outcome in outcomes:
                match outcome:
                    case Done(Answer(n)):
                        ctx.emit(Seen(f"answer {n}"))
                    case Done(list(inner)):
                        ctx.emit(Seen(f"list of {len(inner)}"))
                    case Done(value):
                        ctx.emit(Seen(f"value {value}"))
                    case Failed():
                        ctx.emit(Seen("failed"))
                    case TimedOut():
                        ctx.emit(Seen("timed out"))
            ctx.emit(Seen(f"nothing: {await ctx.gather([])}"))

    bench.spawn("server2", Server)
    words = tell(bench, Gathering)
    assert words == ["value None", "answer 20", "failed", "timed out", "list of 1", "nothing: []"]


def test_started_operations_complete_by_tag_and_hold_nothing_up(bench: Bench) -> None:
    class Starting(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            self.left = 3
            ctx.set_timer("start", 0.05)

        def on_timer(self, ctx: Context, name: str) -> None:
            ctx.start(ctx.ask("server", Question(50), Answer, timeout=0.2), "slow")
            ctx.start(ctx.sleep(0.02), "sleep")
            ctx.start(ctx.ask("server", Begin(), Answer), "refused")
            ctx.emit(Seen("started"))

        def on_complete(self, ctx: Context, tag: str, outcome: Outcome) -> None:
            ctx.emit(Seen(f"{tag} {type(outcome).__name__}"))
            self.left -= 1
            if self.left == 0:
                ctx.emit(Finished())

    bench.spawn("server", Server)
    bench.spawn("starting", Starting)
    bench.finish()
    words = bench.words("starting")
    assert words[0] == "started"
    assert sorted(words[1:]) == ["refused Failed", "sleep Done", "slow TimedOut"]


class Doubling:
    """An adapter that computes, refuses, takes long or breaks, as it is told."""

    mode = "real compute"

    def call(self, peer: PeerId, verb: str, arguments: tuple[Any, ...]) -> Any:
        model, payload = arguments
        match model:
            case "double":
                return f"{peer} {verb} {2 * payload}"
            case "refuse":
                raise OperationFailed("no such model")
            case "slow":
                time.sleep(payload)
                return payload
            case _:
                raise ZeroDivisionError("the adapter broke")

    def duration_s(self, peer: PeerId, verb: str, arguments: tuple[Any, ...], rng: Random) -> float:
        return 0.4 if arguments[0] == "slow" else 0.01


def test_a_port_answers_refuses_or_times_out(bench: Bench) -> None:
    class Using(Client):
        async def story(self, ctx: Context) -> None:
            ctx.emit(Seen(await ctx.models.infer("double", 21)))
            try:
                await ctx.models.infer("refuse", 1)
            except OperationFailed as refusal:
                ctx.emit(Seen(str(refusal)))
            try:
                await ctx.models.infer("slow", 0.4, timeout=0.1)
            except OperationTimedOut:
                ctx.emit(Seen("timed out"))

    bench.world.provide("models", Doubling())
    assert tell(bench, Using) == ["client infer 42", "no such model", "timed out"]


def test_a_port_without_an_adapter_is_a_mistake_that_says_so(bench: Bench) -> None:
    class Using(Client):
        async def story(self, ctx: Context) -> None:
            await ctx.blobs.get("cid")

    bench.spawn("client", Using)
    bench.post("client", Begin())
    with pytest.raises(UserError, match=r"world\.provide\('blobs'"):
        bench.finish()
