"""The contract of findings: an exception or a violated invariant stops the run and says where."""

import asyncio
import traceback
from typing import Any

import pytest

from prsm_sim.actor import (
    Actor,
    Context,
    ForeignAwait,
    InvariantViolation,
    Message,
    Outcome,
    PeerId,
    UserError,
    on,
)
from prsm_sim.actor.context import Random
from prsm_sim.checker import Always
from prsm_sim.faults import Crash, Partition
from prsm_sim.sim import HandlerFailed
from tests.conformance.conftest import Bench, Seen


class Poke(Message, frozen=True):
    how: str


class Fragile(Actor):
    """Breaks in the way it is told."""

    def break_here(self) -> None:
        raise ZeroDivisionError("broken on purpose")

    @on(Poke)
    async def poke(self, ctx: Context, sender: PeerId, message: Poke) -> None:
        match message.how:
            case "async":
                await ctx.sleep(0.01)
                self.break_here()
            case "timer":
                ctx.set_timer("break", 0.01)
            case "complete":
                ctx.start(ctx.sleep(0.01), "break")
            case "adapter":
                await ctx.models.infer("model", 1)

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        ctx.set_timer("alive", 0.5)

    def on_timer(self, ctx: Context, name: str) -> None:
        if name == "break":
            self.break_here()
        ctx.emit(Seen(name))

    def on_complete(self, ctx: Context, tag: str, outcome: Outcome) -> None:
        self.break_here()


class FragileSync(Fragile):
    @on(Poke)
    def poke(self, ctx: Context, sender: PeerId, message: Poke) -> None:  # type: ignore[override]
        self.break_here()


class FragileStart(Fragile):
    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        self.break_here()


class BrokenAdapter:
    mode = "real compute"

    def call(self, peer: PeerId, verb: str, arguments: tuple[Any, ...]) -> Any:
        Fragile().break_here()

    def duration_s(self, peer: PeerId, verb: str, arguments: tuple[Any, ...], rng: Random) -> float:
        return 0.01


@pytest.mark.parametrize("how", ["sync", "async", "timer", "complete", "start", "adapter"])
def test_an_exception_stops_the_run_and_says_where(bench: Bench, how: str) -> None:
    actor = {"sync": FragileSync, "start": FragileStart}.get(how, Fragile)
    bench.world.provide("models", BrokenAdapter())
    bench.spawn("fragile", actor)
    bench.post("fragile", Poke(how))
    with pytest.raises(HandlerFailed, match=r"fragile.*ZeroDivisionError: broken on") as e:
        bench.run(until=1.0)
    assert e.value.peer == "fragile"
    assert isinstance(e.value.__cause__, ZeroDivisionError)
    frames = "".join(traceback.format_exception(e.value))
    assert "in break_here" in frames
    assert bench.words() == []  # the run did not go on to the timer at 0.5 s
    assert bench.world.now < 0.5


async def foreign_sleep() -> None:
    await asyncio.sleep(0.01)


@pytest.mark.parametrize("what", ["sleep", "yield", "catching"])
def test_awaiting_anything_but_an_operation_is_an_error_that_says_so(
    bench: Bench, what: str
) -> None:
    class Foreign(Actor):
        @on(Poke)
        async def poke(self, ctx: Context, sender: PeerId, message: Poke) -> None:
            if what == "sleep":
                await foreign_sleep()
            elif what == "yield":
                await asyncio.sleep(0)
            else:
                try:
                    await asyncio.sleep(0)
                except ForeignAwait:
                    ctx.emit(Seen("hidden"))

    bench.spawn("foreign", Foreign)
    bench.post("foreign", Poke(""))
    with pytest.raises(HandlerFailed, match="foreign") as error:
        bench.run(until=1.0)
    assert isinstance(error.value.__cause__, ForeignAwait)
    assert "may await only operations of its ctx" in str(error.value)


def test_a_violated_invariant_stops_the_run(bench: Bench) -> None:
    class Counting(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            self.n = 0
            ctx.set_timer("count", 0.01)

        def on_timer(self, ctx: Context, name: str) -> None:
            self.n += 1
            ctx.emit(Seen(str(self.n)))
            ctx.set_timer("count", 0.01)

    checker = Always("below 4", Seen, lambda _, f: "it is 4" if f.what == "4" else None)  # type: ignore[attr-defined]
    bench.world.check(checker)
    bench.spawn("counting", Counting)
    with pytest.raises(InvariantViolation, match="below 4: it is 4"):
        bench.run(until=2.0)
    assert bench.words() == ["1", "2", "3", "4"]
    (verdict,) = bench.world.observatory.verdicts()
    assert (verdict.status, verdict.evaluations) == ("fail", 4)


def test_stop_ends_the_run_after_the_current_event(bench: Bench) -> None:
    class Stopper(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("a", 0.05)
            ctx.set_timer("b", 0.06)

        def on_timer(self, ctx: Context, name: str) -> None:
            bench.world.stop(f"because of {name}")
            ctx.emit(Seen(name))

    bench.spawn("stopper", Stopper)
    bench.run(until=3.0)
    assert bench.words() == ["a"]
    assert bench.world.stopped == "because of a"
    assert bench.world.now < 2.0


def test_a_run_ends_when_its_time_is_up(bench: Bench) -> None:
    bench.spawn("actor", Actor)
    bench.run(until=0.1)
    assert bench.world.stopped is None
    assert 0.1 <= bench.world.now < 2.0


def test_two_peers_of_one_name_are_a_mistake(bench: Bench) -> None:
    bench.spawn("twin", Actor)
    with pytest.raises(UserError, match="twin"):
        bench.spawn("twin", Actor)


def test_a_fault_on_an_unknown_peer_is_a_mistake(bench: Bench) -> None:
    bench.spawn("known", Actor)
    bench.world.schedule(Crash(at_s=0.1, peer="unknown", for_s=1))
    with pytest.raises(UserError, match="unknown"):
        bench.run(until=0.3)


def test_a_partition_of_unknown_peers_is_a_mistake(bench: Bench) -> None:
    bench.spawn("known", Actor)
    bench.world.schedule(Partition(at_s=0.1, for_s=1, groups=(("known",), ("unknown",))))
    with pytest.raises(UserError, match="unknown"):
        bench.run(until=0.3)


def test_coverage_counts_what_sometimes_held(bench: Bench) -> None:
    class Covering(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.sometimes("always")
            ctx.sometimes("true", True)
            ctx.sometimes("false", False)

    bench.spawn("covering", Covering)
    bench.run(until=0.1)
    coverage = bench.world.observatory.coverage
    assert (coverage["always"], coverage["true"], coverage["false"]) == (1, 1, 0)
