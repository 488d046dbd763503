"""The contract of concurrency inside a peer: serial by default, re-entrant by choice, bounded."""

from prsm_sim.actor import Actor, Context, Message, OperationFailed, PeerId, on, reentrant
from tests.conformance.conftest import Bench, Finished, Seen


class Work(Message, frozen=True):
    n: int


class Look(Message, frozen=True):
    pass


class View(Message, frozen=True):
    pass


class Begin(Message, frozen=True):
    pass


class Feeder(Actor):
    """Sends so much work at once."""

    def __init__(self, count: int, look: bool = False) -> None:
        self.count, self.look = count, look

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        ctx.set_timer("feed", 0.05)

    def on_timer(self, ctx: Context, name: str) -> None:
        for n in range(self.count):
            ctx.send("worker", Work(n))
        if self.look:
            ctx.send("worker", Look())


class Worker(Actor):
    def __init__(self, expected: int) -> None:
        self.expected = expected

    @on(Work)
    async def work(self, ctx: Context, sender: PeerId, message: Work) -> None:
        ctx.emit(Seen(f"begin {message.n}"))
        await ctx.sleep(0.05)
        ctx.emit(Seen(f"end {message.n}"))
        self.expected -= 1
        if self.expected == 0:
            ctx.emit(Finished())

    @on(Look)
    def look(self, ctx: Context, sender: PeerId, message: Look) -> None:
        ctx.emit(Seen("look"))


def test_handlers_run_one_at_a_time_and_in_order(bench: Bench) -> None:
    bench.spawn("worker", lambda: Worker(3))
    bench.spawn("feeder", lambda: Feeder(3, look=True))
    bench.run(until=1.0 if bench.world.kind == "sim" else 0.6)
    expected = [f"{what} {n}" for n in range(3) for what in ("begin", "end")]
    assert bench.words()[:6] == expected
    assert bench.words()[6:] in ([], ["look"])  # the story may end before the last message


def test_a_sync_handler_waits_behind_a_suspended_one(bench: Bench) -> None:
    bench.spawn("worker", lambda: Worker(99))
    bench.spawn("feeder", lambda: Feeder(1, look=True))
    bench.run(until=0.4)
    assert bench.words() == ["begin 0", "end 0", "look"]


def test_timers_and_outcomes_wait_behind_a_suspended_handler(bench: Bench) -> None:
    class Ticking(Worker):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("tick", 0.07)
            ctx.start(ctx.sleep(0.06), "slept")

        def on_timer(self, ctx: Context, name: str) -> None:
            ctx.emit(Seen(name))

        def on_complete(self, ctx: Context, tag: str, outcome: object) -> None:
            ctx.emit(Seen(tag))

        @on(Look)
        async def look(self, ctx: Context, sender: PeerId, message: Look) -> None:
            ctx.emit(Seen("begin"))
            await ctx.sleep(0.2)
            ctx.emit(Seen("end"))

    bench.spawn("worker", lambda: Ticking(99))
    bench.post("worker", Look())
    bench.run(until=0.4)
    assert bench.words() == ["begin", "end", "slept", "tick"]


def test_a_reentrant_handler_runs_while_others_are_suspended(bench: Bench) -> None:
    class Reentrant(Worker):
        @on(Work)
        @reentrant
        async def work(self, ctx: Context, sender: PeerId, message: Work) -> None:
            ctx.emit(Seen(f"begin {message.n}"))
            await ctx.sleep(0.1)
            ctx.emit(Seen(f"end {message.n}"))

    bench.spawn("worker", lambda: Reentrant(99))
    bench.spawn("feeder", lambda: Feeder(3))
    bench.run(until=0.4)
    assert bench.words()[:3] == ["begin 0", "begin 1", "begin 2"]
    assert sorted(bench.words()[3:]) == ["end 0", "end 1", "end 2"]


def test_only_the_reentrant_handler_passes_a_suspended_one(bench: Bench) -> None:
    class Mixed(Worker):
        @on(View)
        @reentrant
        def view(self, ctx: Context, sender: PeerId, message: View) -> None:
            ctx.emit(Seen("view"))

    class Both(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("both", 0.05)

        def on_timer(self, ctx: Context, name: str) -> None:
            for message in (Work(0), Look(), View()):
                ctx.send("worker", message)

    bench.spawn("worker", lambda: Mixed(99))
    bench.spawn("both", Both)
    bench.run(until=0.4)
    assert bench.words() == ["begin 0", "view", "end 0", "look"]


def test_a_full_mailbox_refuses_and_counts(bench: Bench) -> None:
    class Small(Worker):
        mailbox_limit = 4

        @on(Work)
        async def work(self, ctx: Context, sender: PeerId, message: Work) -> None:
            ctx.emit(Seen(str(message.n)))
            await ctx.sleep(0.3 if message.n == 0 else 0.0)

    bench.spawn("worker", lambda: Small(99))
    bench.spawn("feeder", lambda: Feeder(20))
    bench.run(until=0.7)
    assert bench.words() == ["0", "1", "2", "3", "4"]
    assert bench.counters["dropped: mailbox full"] == 15


def test_an_ask_to_a_full_mailbox_is_refused(bench: Bench) -> None:
    class Tiny(Worker):
        mailbox_limit = 1

        @on(Work)
        async def work(self, ctx: Context, sender: PeerId, message: Work) -> Look:
            await ctx.sleep(0.15)
            return Look()

    class Asker(Actor):
        @on(Begin)
        async def begin(self, ctx: Context, sender: PeerId, message: Begin) -> None:
            ctx.send("worker", Work(0))
            ctx.send("worker", Work(1))
            try:
                await ctx.ask("worker", Work(2), Look)
            except OperationFailed as refusal:
                ctx.emit(Seen(str(refusal)))
            await ctx.sleep(0.35)
            await ctx.ask("worker", Work(3), Look)
            ctx.emit(Seen("answered"))
            ctx.emit(Finished())

    bench.spawn("worker", lambda: Tiny(99))
    bench.spawn("asker", Asker)
    bench.post("asker", Begin())
    bench.finish()
    assert bench.words() == ["the mailbox of worker is full", "answered"]


def test_a_timer_cancelled_while_it_waits_its_turn_does_not_fire(bench: Bench) -> None:
    class Cancelling(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("gone", 0.05)
            ctx.set_timer("moved", 0.05)
            ctx.set_timer("kept", 0.05)

        def on_timer(self, ctx: Context, name: str) -> None:
            ctx.emit(Seen(name))

        @on(Begin)
        async def begin(self, ctx: Context, sender: PeerId, message: Begin) -> None:
            await ctx.sleep(0.15)
            ctx.cancel_timer("gone")
            ctx.set_timer("moved", 0.1)
            ctx.emit(Seen("end"))

    bench.spawn("cancelling", Cancelling)
    bench.post("cancelling", Begin())
    bench.run(until=0.4)
    assert bench.words() == ["end", "kept", "moved"]


def test_a_mailbox_that_was_emptied_takes_in_as_much_again(bench: Bench) -> None:
    class Small(Worker):
        mailbox_limit = 4

        @on(Work)
        async def work(self, ctx: Context, sender: PeerId, message: Work) -> None:
            ctx.emit(Seen(str(message.n)))
            await ctx.sleep(0.02)

    class Waves(Feeder):
        def on_timer(self, ctx: Context, name: str) -> None:
            super().on_timer(ctx, name)
            if name == "feed":
                ctx.set_timer("again", 0.4)

    bench.spawn("worker", lambda: Small(99))
    bench.spawn("feeder", lambda: Waves(5))
    bench.run(until=0.9)
    assert bench.words() == ["0", "1", "2", "3", "4"] * 2
