"""SimPy processes on our environment: alone exactly as on SimPy's, and beside actors."""

from collections.abc import Generator
from typing import Any

import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from prsm_sim.actor import Actor, Context, PeerId, on
from prsm_sim.engine import Environment
from prsm_sim.sim import HandlerFailed, Sim
from tests.kernel.kernel_parts import Log, Note, Saw, fixed

Trace = list[tuple[float, int, str, object]]
Process = Generator[simpy.Event, Any, Any]

actions = st.one_of(
    st.tuples(
        st.just("timeout"), st.sampled_from([0, 0, 1, 1, 2, 0.5, 1e-9, 1e6]), st.integers(0, 9)
    ),
    st.tuples(st.just("use"), st.sampled_from([0, 1, 2]), st.integers(0, 2)),
    st.tuples(st.just("put"), st.just(0), st.integers(0, 9)),
    st.tuples(st.just("get"), st.just(3), st.just(0)),
    st.tuples(st.just("fill"), st.just(0), st.integers(1, 3)),
    st.tuples(st.just("interrupt"), st.just(0), st.integers(0, 5)),
    st.tuples(st.just("join"), st.just(0), st.integers(0, 5)),
    st.tuples(st.just("any"), st.sampled_from([1, 2]), st.integers(0, 3)),
    st.tuples(st.just("all"), st.sampled_from([1, 2]), st.integers(0, 3)),
    st.tuples(st.just("spawn"), st.just(1), st.integers(0, 3)),
)
models = st.lists(st.lists(actions, min_size=1, max_size=8), min_size=1, max_size=6)


class Model:
    """A SimPy model out of a list of scripts, one a process; it knows only `simpy`."""

    def __init__(self, env: simpy.Environment, scripts: list[list[tuple[str, float, int]]]) -> None:
        self.env = env
        self.trace: Trace = []
        self.desk = simpy.PriorityResource(env, capacity=1)
        self.forced = simpy.PreemptiveResource(env, capacity=2)
        self.shelf = simpy.Store(env, capacity=3)
        self.tank = simpy.Container(env, capacity=5, init=1)
        self.processes = [
            env.process(self.guarded(number, script)) for number, script in enumerate(scripts)
        ]

    def log(self, number: int, what: str, value: object = None) -> None:
        self.trace.append((self.env.now, number, what, value))

    def guarded(self, number: int, script: list[tuple[str, float, int]]) -> Process:
        for what, span, value in script:
            try:
                yield from self.act(number, what, span, value)
            except simpy.Interrupt as interrupt:
                self.log(number, "interrupted", type(interrupt.cause).__name__)
            self.log(number, what)
        return number

    def act(self, number: int, what: str, span: float, value: int) -> Process:
        env = self.env
        if what == "timeout":
            self.log(number, "value", (yield env.timeout(span, value)))
        elif what == "use":
            desk = self.forced if value == 2 else self.desk
            with desk.request(priority=number % 3) as request:
                yield request
                yield env.timeout(span)
        elif what == "put":
            yield self.shelf.put((number, value)) | env.timeout(2)
        elif what == "get":
            got = yield self.shelf.get() | env.timeout(span)
            self.log(number, "got", list(got.values()))
        elif what == "fill":
            yield self.tank.put(value) | env.timeout(1)
        elif what == "interrupt":
            other = self.processes[value % len(self.processes)]
            if other.is_alive and other is not env.active_process:
                other.interrupt("cause")
        elif what == "join":
            other = self.processes[value % len(self.processes)]
            if other is not env.active_process:
                self.log(number, "joined", (yield other))
        elif what in ("any", "all"):
            events = [env.timeout(span * i, i) for i in range(1, value + 1)]
            result = yield (env.any_of if what == "any" else env.all_of)(events)
            self.log(number, what, sorted(result.values()))
        else:
            child = env.process(self.guarded(100 + number, [("timeout", span, value)]))
            self.log(number, "child", (yield child))


def trace_of(
    env: simpy.Environment, scripts: list[list[tuple[str, float, int]]]
) -> tuple[Trace, float]:
    model = Model(env, scripts)
    env.run()
    return model.trace, env.now


@settings(max_examples=150, deadline=None)
@given(models, st.sampled_from([0, 5, -3, 0.25]))
def test_unmodified_models_give_the_trace_that_simpy_gives(
    scripts: list[list[tuple[str, float, int]]], start: float
) -> None:
    expected = trace_of(simpy.Environment(start), scripts)
    assert trace_of(Environment(start), scripts) == expected
    assert trace_of(Environment(start, width=1e7), scripts) == expected
    assert trace_of(Environment(start, width=1e-9), scripts) == expected


@settings(max_examples=50, deadline=None)
@given(models)
def test_stepping_and_peeking_are_simpys(scripts: list[list[tuple[str, float, int]]]) -> None:
    seen: list[list[float]] = []
    for env in (simpy.Environment(), Environment()):
        Model(env, scripts)
        times: list[float] = []
        while (at := env.peek()) != float("inf"):
            env.step()
            assert env.now == at
            times.append(at)
        with pytest.raises(simpy.core.EmptySchedule):
            env.step()
        seen.append(times)
    assert seen[0] == seen[1]


@settings(max_examples=50, deadline=None)
@given(models, st.lists(st.sampled_from([0.3, 1, 1, 2.5]), min_size=1, max_size=5))
def test_running_in_pieces_is_simpys(
    scripts: list[list[tuple[str, float, int]]], spans: list[float]
) -> None:
    seen = []
    for env in (simpy.Environment(), Environment()):
        model = Model(env, scripts)
        marks: list[object] = []
        for span in spans:
            env.run(until=env.now + span)
            marks.append((env.now, len(model.trace)))
        try:
            marks.append(env.run(until=model.processes[0]))
        except RuntimeError as error:  # it waits for something that never comes
            marks.append(str(error).split(":")[0])
        marks.append((env.now, len(model.trace)))
        env.run()
        seen.append((marks, model.trace, env.now))
    assert seen[0] == seen[1]


class Client(Actor):
    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        ctx.set_timer("ask", 1.0)

    def on_timer(self, ctx: Context, name: str) -> None:
        for number in range(3):
            ctx.send("server", Note(number))

    @on(Note)
    def done(self, ctx: Context, sender: PeerId, message: Note) -> None:
        ctx.emit(Saw("done", message.number))


def test_a_simpy_resource_serves_actors_on_the_same_clock() -> None:
    sim = Sim(0)
    sim.set_network(fixed(0.25))
    log = Log(sim)
    cores = simpy.Resource(sim.env, capacity=1)

    def serve(ctx: Context, sender: PeerId, number: int) -> Process:
        with cores.request() as request:
            yield request
            yield sim.env.timeout(2.0)
        ctx.send(sender, Note(number))

    class Server(Actor):
        @on(Note)
        def serve(self, ctx: Context, sender: PeerId, message: Note) -> None:
            sim.env.process(serve(ctx, sender, message.number))

    sim.spawn("server", Server)
    sim.spawn("client", Client)
    sim.run()
    # 1 s, a hop, two seconds of the only core each, a hop.
    assert [(row[0], row[3]) for row in log.rows] == [(3.5, 0), (5.5, 1), (7.5, 2)]
    assert sim.now == 7.5
    assert sim.env.now == 7.5


def test_at_one_instant_actors_and_processes_go_in_the_order_of_their_scheduling() -> None:
    sim = Sim(0)
    order: list[str] = []
    sim.observe(Saw, lambda _t, peer, _f: order.append(peer))

    def process(name: str) -> Process:
        yield sim.env.timeout(1.0)
        order.append(name)

    class Once(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("once", 1.0)

        def on_timer(self, ctx: Context, name: str) -> None:
            ctx.emit(Saw("once"))

    sim.spawn("a", Once)
    sim.run(until=0.0 + 1e-12)
    order.clear()
    sim.env.process(process("p"))
    sim.run()
    assert order[0] == "a"
    assert set(order) == {"a", "p"}


def test_simpy_events_are_part_of_the_digest() -> None:
    def digest(span_s: float) -> str:
        sim = Sim(0)

        def process() -> Process:
            yield sim.env.timeout(span_s)

        sim.env.process(process())
        sim.run()
        return sim.digest

    assert digest(1.0) == digest(1.0)
    assert digest(1.0) != digest(1.5)


def test_a_failing_process_stops_the_run_and_names_its_exception() -> None:
    sim = Sim(0)

    def process() -> Process:
        yield sim.env.timeout(1.0)
        raise ZeroDivisionError("broken on purpose")

    sim.env.process(process())
    with pytest.raises(HandlerFailed, match="ZeroDivisionError: broken on purpose"):
        sim.run()
    assert sim.now == 1.0
