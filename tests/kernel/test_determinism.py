"""A seed is the whole story: what the digest depends on, and what it does not."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prsm_sim.actor import Actor, Context, Message, PeerId, on
from prsm_sim.faults import Crash, Loss, Partition, Pause
from prsm_sim.network import Latency, Network
from prsm_sim.sim import Sim
from tests.kernel.kernel_parts import Chatter, Log, Note, Saw, chatting_world, fixed, timed_actor

ROOT = Path(__file__).parents[2]
HARSH = Network(
    latency=Latency(law="lognormal", mean_s=0.02), loss=0.05, duplication=0.05, reordering=0.1,
    bandwidth_bytes_s=1e4,
)  # fmt: skip


class Thinker(Chatter):
    """A chatter that also asks, sleeps, subscribes and stores."""

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        super().on_start(ctx, recovered)
        ctx.subscribe("talk")
        ctx.store.put("state", b"x")

    def on_timer(self, ctx: Context, name: str) -> None:
        super().on_timer(ctx, name)
        ctx.publish("talk", Saying({"b": 2, "a": 1}, frozenset({"x", "y", "zz", "peer"})))

    @on(Note)
    async def note(self, ctx: Context, sender: PeerId, message: Note) -> None:  # type: ignore[override]
        await ctx.sleep(0.01)
        ctx.emit(Saw(sender, message.number))


class Saying(Message, frozen=True):
    words: dict[str, int]
    names: frozenset[str]


FAULTS = (
    Crash(at_s=2, peer="p1", for_s=1),
    Pause(at_s=2.5, peer="p2", for_s=1),
    Partition(at_s=1, for_s=1.5, groups=(("p0", "p1"), ("p3",))),
    Loss(at_s=3, for_s=0.5, rate=0.5),
)


def thinking_world(seed: int) -> Sim:
    sim = Sim(seed)
    sim.set_network(HARSH)
    for i in range(5):
        sim.spawn(f"p{i}", Thinker)
    sim.schedule(*FAULTS)
    return sim


def story(seed: int, *cuts: float) -> tuple[str, int]:
    sim = thinking_world(seed)
    for until in cuts:
        sim.run(until=until)
    return sim.digest, sim.events


def test_the_same_seed_gives_the_same_digest_and_another_seed_another() -> None:
    digests = [story(seed, 6.0) for seed in (1, 2, 3, 1, 2, 3)]
    assert digests[:3] == digests[3:]
    assert len(set(digests)) == 3
    assert all(events > 200 for _, events in digests)


@pytest.fixture(scope="module")
def whole_run() -> tuple[str, int]:
    return story(11, 6.0)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.one_of(st.floats(0.0001, 5.9), st.integers(1, 5)), max_size=6))
def test_cutting_a_run_into_pieces_changes_nothing(
    whole_run: tuple[str, int], cuts: list[float]
) -> None:
    assert story(11, *sorted(cuts), 6) == whole_run


def test_the_digest_does_not_depend_on_the_type_of_a_time() -> None:
    digests = set()
    for until in (1, 1.0):
        sim = chatting_world(4)
        sim.run(until=until)
        sim.post("p0", Note(3))
        sim.run(until=2)
        digests.add(sim.digest)
    assert len(digests) == 1


@pytest.mark.parametrize("per_s", [1e-6, 1.0, 100.0, 1e7, 1e12])
def test_the_digest_does_not_depend_on_the_width_of_buckets(
    whole_run: tuple[str, int], per_s: float
) -> None:
    sim = thinking_world(11)
    sim.env.queue._rebuild(per_s, 0.0)
    sim.run(until=6.0)
    assert (sim.digest, sim.events) == whole_run


SCRIPT = """
from tests.kernel.test_determinism import story
print(story(5, 4.0))
"""


def test_the_digest_is_the_same_in_other_processes_under_other_hash_seeds() -> None:
    outputs = set()
    for hash_seed in ("0", "1", "random"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True,
            check=True, cwd=ROOT,
        )  # fmt: skip
        outputs.add(done.stdout.strip())
    assert outputs == {str(story(5, 4.0))}


def digest_of(*steps: tuple[float, Note], seed: int = 0, delay_s: float = 0.01) -> str:
    """A run in which "a" sends "b" these notes at these times; "b" says nothing of them."""

    def send(note: Note) -> object:
        return lambda ctx: ctx.send("b", note)

    sim = Sim(seed)
    sim.set_network(fixed(delay_s))
    sim.spawn("a", timed_actor({at_s: send(note) for at_s, note in steps}))  # type: ignore[misc]
    sim.spawn("b", Actor)
    sim.run()
    return sim.digest


def test_the_digest_covers_contents_times_and_order() -> None:
    one, two = Note(1, b"same"), Note(2, b"same")
    digests = [
        digest_of((1.0, one), (2.0, two)),
        digest_of((1.0, one), (2.0, Note(2, b"samf"))),  # one bit
        digest_of((1.0, one), (2.0, Note(3, b"same"))),
        digest_of((1.0, two), (2.0, one)),
        digest_of((1.0, one), (2.0 + 1e-15 * 4, two)),
        digest_of((1.0, one), (2.0, two), delay_s=0.011),
        digest_of((1.0, one)),
    ]
    assert len(set(digests)) == len(digests)
    assert digest_of((1.0, one), (2.0, two), seed=9) == digests[0]  # nothing is left to chance here


def facts_digest(*facts: tuple[float, Saw], peer: str = "a") -> str:
    sim = Sim(0)
    steps = {at_s: (lambda ctx, fact=fact: ctx.emit(fact)) for at_s, fact in facts}
    sim.spawn(peer, timed_actor(steps))  # type: ignore[arg-type]
    sim.run()
    return sim.digest


def test_the_digest_covers_facts_and_their_order() -> None:
    digests = {
        facts_digest((1.0, Saw("x", 1)), (2.0, Saw("y", 2))),
        facts_digest((1.0, Saw("y", 2)), (2.0, Saw("x", 1))),
        facts_digest((1.0, Saw("x", 1)), (2.0, Saw("y", 3))),
    }
    assert len(digests) == 3


def test_messages_at_one_instant_arrive_in_the_order_in_which_they_were_sent() -> None:
    def send_all(ctx: Context) -> None:
        for number in range(100):
            ctx.send("b", Note(number))

    sim = Sim(0)
    sim.set_network(fixed())
    log = Log(sim)
    sim.spawn("a", timed_actor({1.0: send_all}))
    sim.spawn("b", timed_actor({}))
    sim.run()
    assert log.numbers == list(range(100))


@pytest.mark.parametrize("law", ["exponential", "uniform", "lognormal"])
@pytest.mark.parametrize("where", ["before", "after"])
def test_another_peer_shifts_neither_draws_nor_delays(law: str, where: str) -> None:
    network = Network(latency=Latency(law=law, mean_s=0.01))  # type: ignore[arg-type]

    def rows(strangers: int) -> list[tuple[float, str, str, int]]:
        sim = Sim(3)
        sim.set_network(network)
        log = Log(sim)
        names = ["p0", "p1", "p2"]
        extra = [f"stranger{i}" for i in range(strangers)]
        for name in extra + names if where == "before" else names + extra:
            circle = extra if name in extra else names
            sim.spawn(name, Chatter, peers=[other for other in circle if other != name])
        sim.run(until=30.0)
        return [row for row in log.rows if row[1] in names]

    alone = rows(0)
    assert len(alone) > 200
    assert rows(2) == alone
    assert rows(300) == alone  # more than share one block of draws


def test_an_observer_or_a_gauge_changes_no_actor() -> None:
    def rows(watched: bool) -> list[tuple[float, str, str, int]]:
        sim = chatting_world(8)
        log = Log(sim)
        if watched:
            sim.gauge("clock", lambda: sim.now)
            sim.observe(Saw, lambda *_: None)
            sim.run(until=10.0, sample_s=0.1)
            assert len(sim.observatory.series) > 90
        else:
            sim.run(until=10.0)
        return log.rows

    assert rows(True) == rows(False)


def test_time_never_runs_backwards() -> None:
    sim = thinking_world(2)
    log = Log(sim)
    sim.run(until=6.0)
    assert all(earlier <= later for earlier, later in pairwise(log.times))
    assert sim.now == 6.0


def test_switching_the_digest_off_changes_nothing_else() -> None:
    hashed, bare = chatting_world(1), chatting_world(1, digest=False)
    logs = [Log(hashed), Log(bare)]
    hashed.run(until=5.0)
    bare.run(until=5.0)
    assert logs[0].rows == logs[1].rows
    assert hashed.events == bare.events
    assert hashed.digest != bare.digest
