"""Watching, slicing and late changes: what must not alter a story, and what is refused."""

import networkx
import pytest
import simpy

from prsm_sim import engine
from prsm_sim.actor import UserError
from prsm_sim.engine import Environment
from prsm_sim.faults import Churn, Crash, Pause
from prsm_sim.network import Network
from prsm_sim.sim import Sim
from tests.kernel.kernel_parts import Chatter, Listener


def chat(sample_s: float | None, until: float | None = 20.0) -> Sim:
    sim = Sim(3)
    for i in range(4):
        sim.spawn(f"p{i}", Chatter)
    sim.gauge("events", lambda: sim.events)
    # Churn plans as it goes: what the world does on its own account must keep its numbers.
    sim.schedule(Churn(at_s=1.0, for_s=9.0, peers=("p0",), up_s=1.0, down_s=0.5))
    sim.run(until, sample_s=sample_s)
    return sim


def test_sampling_changes_neither_the_digest_nor_the_number_of_events() -> None:
    plain, watched, closely = chat(None), chat(1.0), chat(0.13)
    assert plain.digest == watched.digest == closely.digest
    assert plain.events == watched.events == closely.events > 100
    assert len(watched.observatory.series) == 20
    assert len(closely.observatory.series) > 150


def test_samples_do_not_move_the_final_clock() -> None:
    sim = Sim(1)
    sim.spawn("a", Listener)
    sim.run(sample_s=0.5)
    assert sim.now == 0.0


def test_changing_the_world_after_a_peer_has_moved_in_is_refused() -> None:
    sim = Sim(1)
    sim.spawn("a", Listener)
    with pytest.raises(UserError, match="set_network comes too late"):
        sim.set_network(Network(loss=0.5))
    with pytest.raises(UserError, match="connect comes too late"):
        sim.connect(networkx.path_graph(3))


@pytest.mark.parametrize("until", [float("inf"), float("nan")])
def test_an_end_that_never_comes_is_refused(until: float) -> None:
    with pytest.raises(UserError, match="give a finite time"):
        Sim(1).run(until)


def test_a_crash_of_a_peer_that_is_down_is_no_crash() -> None:
    sim = Sim(1)
    sim.spawn("a", Listener)
    sim.schedule(
        Crash(at_s=1, peer="a", for_s=10), Crash(at_s=2, peer="a", for_s=1),
        Pause(at_s=3, peer="a", for_s=2),
    )  # fmt: skip
    sim.run(until=5)
    assert sim.observatory.faults_struck == {"crash": 1}
    with pytest.raises(KeyError):
        sim.actor("a")  # the second crash has not brought it back
    sim.run(until=12)
    assert sim.actor("a") is not None


def test_an_open_bucket_in_which_all_happens_is_let_go_of() -> None:
    env = Environment()
    longest = 0

    def busy(pace: float) -> simpy.events.ProcessGenerator:
        nonlocal longest
        for _ in range(1000):
            yield env.timeout(pace)
            longest = max(longest, len(env.queue.open))

    for i in range(100):
        env.process(busy(1e-9 * (1 + i / 100)))
    env.run()
    assert longest < 3 * engine._SLICE
    assert env.now == pytest.approx(1.99e-6)
