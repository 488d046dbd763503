"""Named timers against a naive model: a dictionary of deadlines, scanned for the least."""

from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prsm_sim.actor import Actor, Context, PeerId, on
from prsm_sim.faults import Crash, Pause
from prsm_sim.sim import HandlerFailed, Sim
from tests.kernel.kernel_parts import Log, Note, Saw

Step = tuple[str, str, int]
STEP_S = 1.0
"""Steps happen at 0.5, 1.5, 2.5, …"""


def delay_s(delay: int) -> float:
    """A quarter less than a whole number, so that no timer is due when the next step is done."""
    return delay - 0.25 if delay else 0.0


class Obedient(Actor):
    """Does one step of a script whenever it is told."""

    script: ClassVar[list[Step]] = []

    def on_timer(self, ctx: Context, name: str) -> None:
        ctx.emit(Saw(name))

    @on(Note)
    def obey(self, ctx: Context, sender: PeerId, message: Note) -> None:
        what, name, delay = self.script[message.number]
        if what == "set":
            ctx.set_timer(name, delay_s(delay))
        elif what == "cancel":
            ctx.cancel_timer(name)


def reference(script: list[Step]) -> list[tuple[float, str]]:
    """When which timer fires, by the definition."""
    deadlines: dict[str, tuple[float, int]] = {}
    fired: list[tuple[float, str]] = []

    def fire_until(now: float) -> None:
        while deadlines and min(deadlines.values())[0] <= now:
            (at, _), name = min((value, name) for name, value in deadlines.items())
            del deadlines[name]
            fired.append((at, name))

    for number, (what, name, delay) in enumerate(script):
        now = (number + 0.5) * STEP_S
        fire_until(now)
        if what == "set":
            deadlines[name] = (now + delay_s(delay), number)
        elif what == "cancel":
            deadlines.pop(name, None)
        elif what == "crash":
            deadlines.clear()
    fire_until(float("inf"))
    return fired


names = st.sampled_from(["x", "y", "z"])
scripts = st.lists(
    st.one_of(
        st.tuples(st.just("set"), names, st.integers(0, 12)),
        st.tuples(st.just("set"), names, st.integers(0, 12)),
        st.tuples(st.just("cancel"), names, st.just(0)),
        st.tuples(st.just("crash"), names, st.just(0)),
    ),
    max_size=25,
)


def run_script(script: list[Step]) -> tuple[Sim, list[tuple[float, str]]]:
    actor = type("Scripted", (Obedient,), {"script": script})
    sim = Sim(0)
    log = Log(sim)
    sim.spawn("a", actor)
    for number, (what, _, _) in enumerate(script):
        at_s = (number + 0.5) * STEP_S
        if what == "crash":
            sim.schedule(Crash(at_s=at_s, peer="a", for_s=0.25))
        else:
            sim.at(at_s, "step", lambda number=number: sim.post("a", Note(number)))  # type: ignore[misc]
    sim.run()
    return sim, [(row[0], row[2]) for row in log.rows]


@settings(max_examples=200, deadline=None)
@given(scripts)
def test_timers_fire_as_the_model_says(script: list[Step]) -> None:
    sim, fired = run_script(script)
    expected = reference(script)
    # Timers due at one instant may fire in any order; each exactly at its time, and no other.
    assert sorted(fired) == sorted(expected)
    assert [at for at, _ in fired] == [at for at, _ in expected]
    last_step = max(
        [(n + 0.5) * STEP_S + 0.25 * (what == "crash") for n, (what, _, _) in enumerate(script)],
        default=0.0,
    )
    assert sim.now == max([last_step, *(at for at, _ in expected)])


def lone(*steps: Step) -> tuple[Sim, list[tuple[float, str]]]:
    return run_script(list(steps))


def test_a_disarmed_timer_neither_moves_the_clock_nor_counts_as_an_event() -> None:
    sim, fired = lone(("set", "x", 1000), ("cancel", "x", 0))
    assert fired == []
    assert sim.now == 1.5
    calm, _ = lone(("cancel", "x", 0), ("cancel", "x", 0))
    assert sim.events == calm.events


def test_a_timer_set_later_fires_once_at_the_later_time() -> None:
    _, fired = lone(("set", "x", 2), ("set", "x", 9), ("set", "x", 9))
    assert fired == [(11.25, "x")]


def test_a_timer_set_earlier_fires_once_at_the_earlier_time() -> None:
    sim, fired = lone(("set", "x", 9), ("set", "x", 2))
    assert fired == [(3.25, "x")]
    assert sim.now == 3.25


def test_a_timer_moved_back_and_forth_fires_once() -> None:
    _, fired = lone(("set", "x", 9), ("set", "x", 2), ("set", "x", 7), ("set", "x", 3))
    assert fired == [(6.25, "x")]


def test_a_timer_set_to_the_time_of_its_stale_entry_fires_once() -> None:
    # Stale entry at 9.25; set to 2.25, fires there; set to exactly 9.25 again.
    _, fired = lone(
        ("set", "x", 9), ("set", "x", 1), ("cancel", "y", 0), ("set", "x", 6), ("cancel", "y", 0)
    )
    assert fired == [(2.25, "x"), (9.25, "x")]


def test_a_crash_forgets_timers_and_the_next_incarnation_has_its_own() -> None:
    _, fired = lone(("set", "x", 5), ("crash", "x", 0), ("set", "x", 7))
    assert fired == [(9.25, "x")]


def test_a_timer_that_is_set_again_while_it_fires_goes_on() -> None:
    class Ticking(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("tick", 0.5)

        def on_timer(self, ctx: Context, name: str) -> None:
            ctx.emit(Saw(name))
            ctx.set_timer("tick", 0.5)

    sim = Sim(0)
    log = Log(sim)
    sim.spawn("a", Ticking)
    sim.schedule(Pause(at_s=1.2, peer="a", for_s=1.0))
    sim.run(until=4.0)
    assert log.times == pytest.approx([0.5, 1.0, 2.2, 2.7, 3.2, 3.7])


def test_a_timer_cancelled_by_a_message_that_the_pause_held_back_does_not_fire() -> None:
    script = [("set", "x", 3), ("cancel", "x", 0)]
    sim = Sim(0)
    log = Log(sim)
    sim.spawn("a", type("Scripted", (Obedient,), {"script": script}))
    sim.post("a", Note(0))
    sim.schedule(Pause(at_s=1.0, peer="a", for_s=5.0))
    sim.at(2.0, "step", lambda: sim.post("a", Note(1)))
    sim.run()
    assert log.rows == []
    assert sim.now == 6.0


@pytest.mark.parametrize("after_s", [-1.0, float("nan"), float("inf")])
def test_a_timer_needs_a_finite_time_in_the_future(after_s: float) -> None:
    class Wrong(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("wrong", after_s)

    sim = Sim(0)
    sim.spawn("a", Wrong)
    with pytest.raises(HandlerFailed, match=r"a failed .*ValueError: .*(from now|finite time)"):
        sim.run()
