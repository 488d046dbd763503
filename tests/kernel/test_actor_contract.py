"""The simulator's own part of the contract: findings, checkers and serial handlers."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest

from prsm_sim.actor import (
    Actor,
    Context,
    Fact,
    ForeignAwait,
    InvariantViolation,
    Message,
    Operation,
    PeerId,
    UserError,
    on,
)
from prsm_sim.checker import Agreement, Always, Checker, Order, Settled
from prsm_sim.faults import Crash
from prsm_sim.network import Network
from prsm_sim.sim import HandlerFailed, Sim
from prsm_sim.trace import Unencodable
from tests.kernel.kernel_parts import Listener, Log, Note, Saw, fixed, timed_actor


class Boom(Message, frozen=True):
    number: int


def raises(_: Context) -> None:
    raise ZeroDivisionError("broken on purpose")


def test_an_exception_names_peer_message_and_time() -> None:
    class Fragile(Actor):
        @on(Note)
        def note(self, ctx: Context, sender: PeerId, message: Note) -> None:
            raises(ctx)

    sim = Sim(0)
    sim.set_network(fixed(0.25))
    sim.spawn("a", timed_actor({1.0: lambda ctx: ctx.send("fragile", Note(7))}))
    sim.spawn("fragile", Fragile)
    sim.spawn("later", timed_actor({2.0: lambda ctx: ctx.emit(Saw("later"))}))
    log = Log(sim)
    with pytest.raises(HandlerFailed) as error:
        sim.run()
    assert (error.value.peer, error.value.time_s) == ("fragile", 1.25)
    assert isinstance(error.value.__cause__, ZeroDivisionError)
    text = str(error.value)
    assert text.startswith("fragile failed while handling Note(number=7, payload=b'') at 1.250000")
    assert text.endswith("ZeroDivisionError: broken on purpose")
    assert log.rows == []
    assert sim.events == 5  # three starts, the timer, the note: what was executed is in the trace


def test_an_exception_out_of_the_mailbox_names_the_message_from_there() -> None:
    class Slow(Actor):
        @on(Note)
        async def note(self, ctx: Context, sender: PeerId, message: Note) -> None:
            await ctx.sleep(1.0)

        @on(Boom)
        def boom(self, ctx: Context, sender: PeerId, message: Boom) -> None:
            raises(ctx)

    sim = Sim(0)
    sim.spawn("a", Slow)
    sim.post("a", Note())
    sim.post("a", Boom(3))
    with pytest.raises(HandlerFailed, match=r"^a failed while handling Boom\(number=3\) at 1.0"):
        sim.run()


def test_an_exception_in_a_restart_names_the_peer() -> None:
    class Once(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            if ctx.now > 0:
                raises(ctx)

    sim = Sim(0)
    sim.spawn("a", Once)
    sim.schedule(Crash(at_s=1.0, peer="a", for_s=1.0))
    with pytest.raises(HandlerFailed, match=r"^a failed while handling Start\(restart=True\)"):
        sim.run()


class Yielding:
    def __await__(self) -> Generator[Any, Any, Any]:
        yield "something else"


def a_future() -> Awaitable[Any]:
    loop = asyncio.new_event_loop()
    try:
        return loop.create_future()
    finally:
        loop.close()


def forever() -> Awaitable[Any]:
    return asyncio.sleep(1.0)


@pytest.mark.parametrize("make", [forever, lambda: asyncio.sleep(0), a_future, Yielding])
@pytest.mark.parametrize("first", [True, False])
def test_awaiting_anything_else_is_an_error_that_says_so(
    make: Callable[[], Awaitable[Any]], first: bool
) -> None:
    class Foreign(Actor):
        @on(Note)
        async def note(self, ctx: Context, sender: PeerId, message: Note) -> None:
            if not first:
                await ctx.sleep(1.0)
            await make()

    sim = Sim(0)
    sim.spawn("foreign", Foreign)
    sim.post("foreign", Note())
    with pytest.raises(HandlerFailed, match="may await only operations of its ctx") as error:
        sim.run()
    assert isinstance(error.value.__cause__, ForeignAwait)
    assert error.value.time_s == (0.0 if first else 1.0)


class Unsendable(Message, frozen=True):
    value: object


@pytest.mark.parametrize("until", [None, 1.011, 100.0])
@pytest.mark.parametrize("value", [object(), {1: object()}, 2**70, Sim])
def test_a_message_without_canonical_bytes_is_an_error_that_names_it(
    value: object, until: float | None
) -> None:
    sim = Sim(0)
    sim.spawn("a", timed_actor({1.0: lambda ctx: ctx.send("b", Unsendable(value))}))
    sim.spawn("b", Listener)
    with pytest.raises(Unencodable, match=r"^Unsendable from 'a' to 'b' at 1.01"):
        sim.run(until)


def test_a_port_without_an_adapter_is_a_mistake_that_says_how_to_mend_it() -> None:
    sim = Sim(0)
    sim.spawn("a", timed_actor({1.0: lambda ctx: ctx.start(ctx.models.infer("m", 1), "t")}))
    with pytest.raises(UserError, match=r"call world.provide\('models'"):
        sim.run()


def test_messages_that_cannot_be_delivered_are_counted_with_the_reason() -> None:
    def send(ctx: Context) -> None:
        ctx.send("nobody", Note())
        ctx.send("b", Boom(1))

    sim = Sim(0)
    sim.spawn("a", timed_actor({1.0: send}))
    sim.spawn("b", Listener)
    sim.run()
    counters = sim.observatory.counters
    assert counters["dropped: receiver down"] == 1
    assert counters["dropped: no handler for Boom"] == 1


def test_a_thousand_messages_behind_a_suspended_handler_are_handled_in_order() -> None:
    """Handlers that end at once must not pile up on Python's stack."""

    class Slow(Actor):
        @on(Note)
        async def note(self, ctx: Context, sender: PeerId, message: Note) -> None:
            if message.number % 500 == 0:
                await ctx.sleep(1.0)
            ctx.emit(Saw("note", message.number))

    sim = Sim(0)
    log = Log(sim)
    sim.spawn("a", Slow)
    for number in range(1001):
        sim.post("a", Note(number))
    sim.run()
    assert log.numbers == list(range(1001))
    assert sim.now == 3.0


def test_an_answered_ask_leaves_nothing_that_moves_the_clock() -> None:
    class Server(Actor):
        @on(Note)
        def note(self, ctx: Context, sender: PeerId, message: Note) -> Note:
            return Note(message.number + 1)

    class Asker(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.start(ctx.ask("server", Note(1), Note, timeout=30.0), "asked")

        def on_complete(self, ctx: Context, tag: str, outcome: object) -> None:
            ctx.emit(Saw(repr(outcome)))

    sim = Sim(0)
    sim.set_network(fixed(0.5))
    log = Log(sim)
    sim.spawn("server", Server)
    sim.spawn("asker", Asker)
    sim.run()
    assert log.words == ["Done(Note(number=2, payload=b''))"]
    assert sim.now == 1.0


def test_nested_gathers_keep_the_order_given() -> None:
    class Gatherer(Actor):
        @on(Note)
        async def note(self, ctx: Context, sender: PeerId, message: Note) -> None:
            inner: Operation[Any] = ctx.gather([ctx.sleep(0.3), ctx.sleep(0.1), ctx.gather([])])
            outcomes = await ctx.gather([inner, ctx.sleep(0.2), ctx.ask("nobody", Note(), Note, 1)])
            ctx.emit(Saw(repr(outcomes)))

    sim = Sim(0)
    log = Log(sim)
    sim.spawn("a", Gatherer)
    sim.post("a", Note())
    sim.run()
    assert log.rows == [
        (1.0, "a", "[Done([Done(None), Done(None), Done([])]), Done(None), TimedOut()]", 0)
    ]


# Checkers.


class Filled(Fact, frozen=True):
    slot: int
    value: str = ""


class Opened(Fact, frozen=True):
    key: int


class Paid(Fact, frozen=True):
    key: int


class Refunded(Fact, frozen=True):
    key: int


def agreement() -> Checker:
    return Agreement(Filled, lambda f: f.slot, lambda f: f.value, lambda peer: peer != "liar")  # type: ignore[attr-defined]


def order() -> Checker:
    return Order(Filled, lambda f: f.slot)  # type: ignore[attr-defined]


def always() -> Checker:
    return Always("short", Filled, lambda peer, f: "too long" if len(f.value) > 2 else None)  # type: ignore[attr-defined]


def settled() -> Checker:
    key = lambda f: f.key  # noqa: E731
    return Settled("settled", (Opened, key), ((Paid, key), (Refunded, key)), grace_s=1.0)


Told = tuple[float, PeerId, Fact]


def judge(checker: Checker, told: list[Told]) -> tuple[Sim, InvariantViolation | None]:
    sim = Sim(0)
    sim.check(checker)
    for name in ("a", "b", "liar"):
        mine = [(at_s, fact) for at_s, peer, fact in told if peer == name]
        steps = {at_s: (lambda ctx, fact=fact: ctx.emit(fact)) for at_s, fact in mine}
        sim.spawn(name, timed_actor(steps))  # type: ignore[arg-type]
    try:
        sim.run(until=10.0)
        sim.observatory.finish(sim.now)
    except InvariantViolation as violation:
        return sim, violation
    return sim, None


PASS: list[tuple[Callable[[], Checker], list[Told], int]] = [
    (agreement, [(1, "a", Filled(1, "x")), (2, "b", Filled(1, "x")), (3, "b", Filled(2, "y"))], 3),
    (agreement, [(1, "a", Filled(1, "x")), (2, "liar", Filled(1, "y"))], 1),
    (order, [(1, "a", Filled(1)), (2, "a", Filled(2)), (3, "b", Filled(1))], 3),
    (order, [(1, "a", Filled(1)), (2, "a", Filled(2)), (3, "a", Filled(1)), (4, "a", Filled(3))],
     4),
    (always, [(1, "a", Filled(1, "xy"))], 1),
    (settled, [(1, "a", Opened(1)), (2, "b", Paid(1)), (9.5, "a", Opened(2))], 1),
    (settled, [(1, "a", Opened(1)), (2, "b", Refunded(1))], 1),
]  # fmt: skip

FAIL: list[tuple[Callable[[], Checker], list[Told], float, str]] = [
    (agreement, [(1, "a", Filled(1, "x")), (2, "b", Filled(1, "y"))], 2.0, "b has 'y' in slot 1"),
    (agreement, [(1, "a", Filled(1, "x")), (2, "a", Filled(1, "y"))], 2.0, "a has 'y' in slot 1"),
    (order, [(1, "a", Filled(2))], 1.0, "a filled slot 2 right after slot 0"),
    (order, [(1, "a", Filled(1)), (2, "a", Filled(3))], 2.0, "slot 3 right after slot 1"),
    (always, [(1, "a", Filled(1, "xyz")), (2, "a", Filled(1, "xyz"))], 1.0, "too long"),
    (settled, [(1, "a", Opened(1)), (2, "b", Paid(1)), (3, "b", Refunded(1))], 3.0,
     "1 was closed twice, by Paid and Refunded"),
    (settled, [(1, "a", Paid(5))], 1.0, "5 was closed by Paid but never opened"),
    (settled, [(1, "a", Opened(4)), (2, "a", Opened(5))], 10.0, "2 never closed, the first is 4"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "told", "evaluations"), PASS)
def test_a_checker_passes(make: Callable[[], Checker], told: list[Told], evaluations: int) -> None:
    sim, violation = judge(make(), told)
    assert violation is None
    (verdict,) = sim.observatory.verdicts()
    assert (verdict.status, verdict.evaluations, verdict.time_s) == ("pass", evaluations, None)


@pytest.mark.parametrize(("make", "told", "time_s", "what"), FAIL)
def test_a_checker_fails_at_the_first_violation_and_stops_the_run(
    make: Callable[[], Checker], told: list[Told], time_s: float, what: str
) -> None:
    checker = make()
    sim, violation = judge(checker, told)
    assert violation is not None
    assert (violation.checker, violation.time_s) == (checker.name, time_s)
    assert what in violation.what
    assert sim.now == time_s
    (verdict,) = sim.observatory.verdicts()
    assert (verdict.status, verdict.time_s, verdict.detail) == ("fail", time_s, violation.what)
    facts = [at_s for at_s, _, _ in told]
    told_before = sum(at_s <= time_s for at_s in facts)
    assert sum(sim.observatory.counters[t.__name__] for t in (Filled, Opened, Paid, Refunded)) == (
        told_before
    )


@pytest.mark.parametrize("make", [agreement, order, always, settled])
def test_a_checker_that_saw_nothing_is_inconclusive(make: Callable[[], Checker]) -> None:
    sim, violation = judge(make(), [(1, "a", Saw("unrelated"))])
    assert violation is None
    (verdict,) = sim.observatory.verdicts()
    assert (verdict.status, verdict.evaluations) == ("inconclusive", 0)


def test_what_the_untrusted_say_alone_is_inconclusive() -> None:
    sim, _ = judge(agreement(), [(1, "liar", Filled(1, "x")), (2, "liar", Filled(1, "y"))])
    assert sim.observatory.verdicts()[0].status == "inconclusive"


def test_stopping_keeps_later_events_from_happening_even_at_the_same_instant() -> None:
    sim = Sim(0)
    sim.set_network(Network())
    log = Log(sim)
    sim.observe(Saw, lambda _t, _p, f: sim.stop("enough") if f.number == 3 else None)  # type: ignore[attr-defined]
    sim.spawn("b", Listener)
    for number in range(10):
        sim.post("b", Note(number))
    sim.run()
    assert log.numbers == [0, 1, 2, 3]
    assert sim.stopped == "enough"
    sim.run()
    assert log.numbers == [0, 1, 2, 3]
