"""The contract of time: timers, sleep, pauses."""

import itertools

from prsm_sim.actor import Actor, Context, Message, PeerId, on
from prsm_sim.faults import Pause
from tests.conformance.conftest import Bench, Finished, Seen

LATE_S = 2.0
"""How late a live timer may come on a busy machine, s."""


class Go(Message, frozen=True):
    n: int = 0


class Clock(Actor):
    """Says when each of its timers fires."""

    def on_timer(self, ctx: Context, name: str) -> None:
        ctx.emit(Seen(name))
        if name == "end":
            ctx.emit(Finished())


def test_a_timer_fires_once_after_its_time(bench: Bench) -> None:
    class Once(Clock):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            assert recovered is None
            ctx.set_timer("late", 0.1)
            ctx.set_timer("early", 0.05)
            ctx.set_timer("end", 0.25)

    bench.spawn("clock", Once)
    bench.finish()
    assert bench.words() == ["early", "late", "end"]
    for name, due_s in (("early", 0.05), ("late", 0.1)):
        (fired_s,) = bench.times(name)
        assert due_s <= fired_s < due_s + LATE_S


def test_setting_a_timer_again_replaces_it(bench: Bench) -> None:
    class Replacing(Clock):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("later", 0.02)
            ctx.set_timer("later", 0.2)
            ctx.set_timer("sooner", 5.0)
            ctx.set_timer("sooner", 0.05)
            ctx.set_timer("end", 0.3)

    bench.spawn("clock", Replacing)
    bench.finish()
    assert bench.words() == ["sooner", "later", "end"]
    assert bench.times("later")[0] >= 0.2


def test_a_timer_may_be_set_again_when_it_fires(bench: Bench) -> None:
    class Ticking(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            self.ticks = 0
            ctx.set_timer("tick", 0.02)

        def on_timer(self, ctx: Context, name: str) -> None:
            self.ticks += 1
            ctx.emit(Seen(f"tick {self.ticks}"))
            if self.ticks < 4:
                ctx.set_timer("tick", 0.02)
            else:
                ctx.emit(Finished())

    bench.spawn("clock", Ticking)
    bench.finish()
    assert bench.words() == [f"tick {n}" for n in (1, 2, 3, 4)]
    times = [time_s for time_s, _, _ in bench.seen]
    assert all(b - a >= 0.0199 for a, b in itertools.pairwise(times))


def test_a_cancelled_timer_does_not_fire(bench: Bench) -> None:
    class Cancelling(Clock):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.cancel_timer("never set")
            ctx.set_timer("gone", 0.1)
            ctx.set_timer("again", 0.1)
            ctx.cancel_timer("again")
            ctx.set_timer("again", 0.15)
            ctx.set_timer("cancel", 0.02)
            ctx.set_timer("end", 0.25)

        def on_timer(self, ctx: Context, name: str) -> None:
            if name == "cancel":
                ctx.cancel_timer("gone")
            super().on_timer(ctx, name)

    bench.spawn("clock", Cancelling)
    bench.finish()
    assert bench.words() == ["cancel", "again", "end"]


def test_sleep_takes_its_time_and_time_goes_on(bench: Bench) -> None:
    class Sleeper(Actor):
        @on(Go)
        async def go(self, ctx: Context, sender: PeerId, message: Go) -> None:
            before_s, wall_s = ctx.now, ctx.wall
            slept = await ctx.sleep(0.1)
            assert slept is None
            await ctx.sleep(0.0)
            ctx.emit(Seen("slept" if ctx.now - before_s >= 0.0999 else "too short"))
            ctx.emit(Seen("wall" if ctx.wall - wall_s > 0.05 else "wall stood still"))
            ctx.emit(Finished())

    bench.spawn("sleeper", Sleeper)
    bench.post("sleeper", Go())
    bench.finish()
    assert bench.words() == ["slept", "wall"]
    assert bench.seen[0][0] < 0.1 + LATE_S


def test_a_paused_peer_keeps_its_memory_and_goes_on_in_order(bench: Bench) -> None:
    class Counter(Clock):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            self.heard = 0
            ctx.set_timer("timer", 0.15)

        @on(Go)
        def go(self, ctx: Context, sender: PeerId, message: Go) -> None:
            self.heard += 1
            ctx.emit(Seen(f"{message.n} is number {self.heard}"))
            if message.n == 5:
                ctx.emit(Finished())

    class Sender(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            self.n = 0
            ctx.set_timer("send", 0.05)

        def on_timer(self, ctx: Context, name: str) -> None:
            self.n += 1
            ctx.send("counter", Go(self.n))
            if self.n < 5:
                ctx.set_timer("send", 0.04)

    bench.spawn("counter", Counter)
    bench.spawn("sender", Sender)
    bench.world.schedule(Pause(at_s=0.07, peer="counter", for_s=0.3))
    bench.finish()
    assert [w for w in bench.words() if w != "timer"] == [f"{n} is number {n}" for n in range(1, 6)]
    assert all(not 0.08 < time_s < 0.37 for time_s, _, _ in bench.seen), bench.seen
    assert bench.times("timer")[0] >= 0.37
    assert bench.world.observatory.faults_struck == {"pause": 1}


def test_an_awaited_operation_is_answered_only_after_a_pause(bench: Bench) -> None:
    class Sleeper(Actor):
        @on(Go)
        async def go(self, ctx: Context, sender: PeerId, message: Go) -> None:
            await ctx.sleep(0.1)
            ctx.emit(Seen("slept"))
            ctx.emit(Finished())

    bench.spawn("sleeper", Sleeper)
    bench.post("sleeper", Go())
    bench.world.schedule(Pause(at_s=0.05, peer="sleeper", for_s=0.2))
    bench.finish()
    assert bench.times("slept")[0] >= 0.25
