"""The live world: what is dropped is counted with its reason, what happens is recorded."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from live.envelope import Envelope, Kind, Seal
from live.inprocess import InProcess
from live.keys import Keys
from live.transport import Address
from live.world import Live
from prsm_sim.actor import (
    Actor,
    Context,
    Fact,
    InvariantViolation,
    Message,
    Outcome,
    PeerId,
    UserError,
    on,
)
from prsm_sim.actor.codec import encode
from prsm_sim.actor.context import Random
from prsm_sim.checker import Always
from prsm_sim.network import Network


class Note(Message, frozen=True):
    text: str


class Noted(Fact, frozen=True):
    text: str


class Other(Message, frozen=True):
    text: str


class Reader(Actor):
    @on(Note)
    def note(self, ctx: Context, sender: PeerId, message: Note) -> None:
        ctx.emit(Noted(f"{sender}: {message.text}"))


class Writer(Actor):
    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        ctx.set_timer("write", 0.02)

    def on_timer(self, ctx: Context, name: str) -> None:
        ctx.send("reader", Note("hello"))


class Tap(InProcess):
    """Passes every wire on to `alter`, which says what really arrives."""

    def __init__(self, alter: Callable[[bytes], list[bytes]]) -> None:
        super().__init__()
        self.alter = alter

    def send(self, sender: PeerId, address: Address, wire: bytes) -> None:
        for altered in self.alter(wire):
            super().send(sender, address, altered)


KEYS = Keys(seed=3)


def wires(**changes: Any) -> Callable[[bytes], list[bytes]]:
    """Replace every wire by one that a known peer seals properly, but of other content."""

    def alter(_: bytes) -> list[bytes]:
        values: dict[str, Any] = {
            "sender": "writer",
            "address": "peer/reader",
            "kind": Kind.SEND,
            "correlation": 0,
            "sequence": 1,
            "body": encode(Note("altered")),
        }
        return [Seal("run", KEYS).close(Envelope(**(values | changes)))]

    return alter


def run(alter: Callable[[bytes], list[bytes]]) -> Live:
    world = Live(seed=1, transport=Tap(alter), keys=KEYS, run_name="run")
    world.spawn("reader", Reader)
    world.spawn("writer", Writer)
    asyncio.run(world.run(0.1))
    return world


def flip_last_bit(wire: bytes) -> list[bytes]:
    return [wire[:-1] + bytes([wire[-1] ^ 1])]


@pytest.mark.parametrize(
    ("alter", "counted"),
    [
        (flip_last_bit, "bad signature"),
        (lambda wire: [b"noise"], "malformed"),
        (lambda wire: [wire[:4] + b"\x09" + wire[5:]], "wrong version"),
        (lambda wire: [b"\0" * (1 << 21)], "too large"),
        (wires(address="peer/writer"), "wrong receiver"),
        (wires(body=encode(Other("x"))), "wrong type"),
        (wires(body=b"\xc1"), "wrong type"),
        (wires(kind=Kind.REPLY, correlation=1), "unasked reply"),
        (wires(kind=Kind.REFUSAL, correlation=1, body=b"\xff"), "unasked reply"),
    ],
)
def test_a_bad_envelope_is_dropped_and_counted_with_its_reason(
    alter: Callable[[bytes], list[bytes]], counted: str
) -> None:
    counters = run(alter).observatory.counters
    assert counters[f"dropped: {counted}"] == 1
    assert counters["Noted"] == 0


@pytest.mark.parametrize("liar", ["reader", "mallory"])
def test_only_the_peer_that_was_asked_may_answer(liar: str) -> None:
    class Answering(Actor):
        @on(Note)
        def note(self, ctx: Context, sender: PeerId, message: Note) -> Other:
            return Other("the truth")

    class Asking(Actor):
        @on(Note)
        async def note(self, ctx: Context, sender: PeerId, message: Note) -> None:
            answer = await ctx.ask("reader", message, Other)
            ctx.emit(Noted(answer.text))

    forged = wires(
        sender=liar,
        address="peer/asking",
        kind=Kind.REPLY,
        correlation=1,
        body=encode(Other("a lie")),
    )

    class Ahead(InProcess):
        """Delivers a lie, well sealed by `liar`, ahead of the question."""

        def send(self, sender: PeerId, address: Address, wire: bytes) -> None:
            if sender == "asking":
                super().send(liar, "peer/asking", forged(b"")[0])
            super().send(sender, address, wire)

    world = Live(seed=1, transport=Ahead(), keys=KEYS, run_name="run")
    for name, actor in (("reader", Answering), ("asking", Asking), ("mallory", Actor)):
        world.spawn(name, actor)
    world.post("asking", Note(""))
    told: list[str] = []
    world.observe(Noted, lambda _, __, fact: told.append(fact.text))  # type: ignore[attr-defined]
    asyncio.run(world.run(0.1))
    assert told == ["the truth" if liar == "mallory" else "a lie"]


def test_a_copy_is_dropped_and_the_original_handled_once() -> None:
    counters = run(lambda wire: [wire, wire, wire]).observatory.counters
    assert counters["dropped: replayed"] == 2
    assert counters["Noted"] == 1


def test_an_answer_that_comes_after_its_time_is_counted() -> None:
    class Answering(Actor):
        @on(Note)
        async def note(self, ctx: Context, sender: PeerId, message: Note) -> Other:
            await ctx.sleep(0.1)
            return Other("late")

    class Asking(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.start(ctx.ask("reader", Note(""), Other, timeout=0.02), "ask")

        def on_complete(self, ctx: Context, tag: str, outcome: Outcome) -> None:
            ctx.emit(Noted(type(outcome).__name__))

    world = Live(seed=1)
    world.spawn("reader", Answering)
    world.spawn("asking", Asking)
    asyncio.run(world.run(0.3))
    assert world.observatory.counters == {"Noted": 1, "dropped: unasked reply": 1}


def test_an_actor_cannot_hide_a_violated_invariant() -> None:
    class Hiding(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            with contextlib.suppress(InvariantViolation):
                ctx.emit(Noted("wrong"))

    world = Live(seed=1)
    world.check(Always("never", Noted, lambda *_: "it happened"))
    world.spawn("hiding", Hiding)
    with pytest.raises(InvariantViolation, match="never: it happened"):
        asyncio.run(world.run(0.1))


def test_a_message_too_large_to_send_is_counted_at_its_sender() -> None:
    class Shouting(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.send("reader", Note("x" * (1 << 20)))

    world = Live(seed=1)
    world.spawn("shouting", Shouting)
    world.spawn("reader", Reader)
    asyncio.run(world.run(0.05))
    assert world.observatory.counters == {"not sent: too large": 1}


def test_the_networks_own_loss_is_applied() -> None:
    class Chatter(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("chat", 0.01)

        def on_timer(self, ctx: Context, name: str) -> None:
            for n in range(400):
                ctx.send("reader", Note(str(n)))

    world = Live(seed=1)
    world.set_network(Network(loss=0.25))
    world.spawn("chatter", Chatter)
    world.spawn("reader", Reader)
    asyncio.run(world.run(0.6))
    counters = world.observatory.counters
    assert counters["Noted"] + counters["dropped: loss"] == 400
    # Binomial(400, 1/4) has mean 100 and deviation 8.7; the seed is fixed.
    assert 60 < counters["dropped: loss"] < 140


class Lines:
    """A recording in memory."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str, object]] = []
        self.times: list[float] = []

    def event(
        self, time_s: float, kind: str, sender: str, receiver: str, payload: msgspec.Struct | str
    ) -> None:
        self.times.append(time_s)
        self.lines.append((kind, sender, receiver, payload))


def test_deliveries_timers_and_facts_are_recorded_in_order() -> None:
    lines = Lines()
    world = Live(seed=1, recording=lines)
    world.spawn("reader", Reader)
    world.spawn("writer", Writer)
    asyncio.run(world.run(0.1))
    assert lines.lines == [
        ("start", "", "reader", ""),
        ("start", "", "writer", ""),
        ("timer", "writer", "writer", "write"),
        ("message", "writer", "reader", Note("hello")),
        ("fact", "reader", "", Noted("writer: hello")),
    ]
    assert lines.times == sorted(lines.times)
    assert world.events == 4


def test_a_slow_adapter_works_in_a_thread_and_delays_nobody() -> None:
    class Slow:
        mode = "real compute"

        def __init__(self) -> None:
            self.threads: set[int] = set()

        def call(self, peer: PeerId, verb: str, arguments: tuple[Any, ...]) -> Any:
            self.threads.add(threading.get_ident())
            time.sleep(0.3)
            return 1

        def duration_s(
            self, peer: PeerId, verb: str, arguments: tuple[Any, ...], rng: Random
        ) -> float:
            return 0.3

    class Thinking(Actor):
        @on(Note)
        async def note(self, ctx: Context, sender: PeerId, message: Note) -> None:
            await ctx.models.infer("model", 1)
            ctx.emit(Noted("thought"))

    ticks: list[float] = []

    class Ticking(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("tick", 0.02)

        def on_timer(self, ctx: Context, name: str) -> None:
            ticks.append(ctx.now)
            ctx.set_timer("tick", 0.02)

    slow = Slow()
    world = Live(seed=1)
    world.provide("models", slow)
    world.spawn("thinking", Thinking)
    world.spawn("ticking", Ticking)
    world.post("thinking", Note(""))
    world.observe(Noted, lambda *_: world.stop())
    asyncio.run(world.run(3.0))
    assert world.observatory.counters["Noted"] == 1
    assert len([t for t in ticks if t < 0.3]) >= 5
    assert threading.get_ident() not in slow.threads


def test_a_peer_spawned_while_the_world_runs_takes_part() -> None:
    world = Live(seed=1)

    class Parent(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("bear", 0.01)

        def on_timer(self, ctx: Context, name: str) -> None:
            world.spawn("reader", Reader)

    world.spawn("parent", Parent)
    world.spawn("writer", Writer)
    world.observe(Noted, lambda *_: world.stop("heard"))
    asyncio.run(world.run(1.0))
    assert world.stopped == "heard"


def test_spawning_a_taken_name_is_a_mistake_that_ends_the_run() -> None:
    world = Live(seed=1)

    class Parent(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            world.spawn("parent", Reader)

    world.spawn("parent", Parent)
    with pytest.raises(UserError, match="parent"):
        asyncio.run(world.run(1.0))


def test_a_world_stopped_before_it_runs_does_not_begin() -> None:
    world = Live(seed=1)
    world.spawn("writer", Writer)
    world.stop("never mind")
    asyncio.run(world.run(5.0))
    assert (world.events, world.now, world.stopped) == (0, 0.0, "never mind")
