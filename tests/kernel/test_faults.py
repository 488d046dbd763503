"""Crashes, restarts and pauses of simulated peers, and what their disks keep."""

import pytest

from prsm_sim.actor import Actor, Context, PeerId, UserError, on, reentrant
from prsm_sim.chance import Stream
from prsm_sim.faults import Crash, Fault, FaultHealed, FaultStruck, Loss, Partition, Pause
from prsm_sim.sim import HandlerFailed, Sim
from prsm_sim.store import MemoryStore
from tests.kernel.kernel_parts import Listener, Log, Note, Saw, fixed, timed_actor


class Keeper(Actor):
    """Counts in memory and on disk; syncs even numbers only."""

    def __init__(self) -> None:
        self.count = 0

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        ctx.emit(Saw(f"start {recovered!r}", self.count))

    @on(Note)
    def note(self, ctx: Context, sender: PeerId, message: Note) -> None:
        self.count += 1
        ctx.store.put("state", b"%d" % message.number)
        if message.number % 2 == 0:
            ctx.store.sync()
        ctx.emit(Saw("note", self.count))


def test_a_crash_loses_memory_and_keeps_what_was_synced() -> None:
    sim = Sim(0)
    log = Log(sim)
    sim.spawn("a", Keeper)
    for at_s, number in ((1, 2), (2, 4), (3, 6), (6, 8)):
        sim.at(at_s, "note", lambda number=number: sim.post("a", Note(number)))  # type: ignore[misc]
    sim.schedule(Crash(at_s=2.5, peer="a", for_s=2))
    sim.run()
    assert [(row[0], row[2], row[3]) for row in log.rows] == [
        (0.0, "start None", 0),
        (1.0, "note", 1),
        (2.0, "note", 2),
        (4.5, "start b'4'", 0),  # the note of second 3 found nobody
        (6.0, "note", 1),
    ]
    assert sim.observatory.counters["dropped: receiver down"] == 1


def test_unsynced_writes_are_kept_lost_or_torn() -> None:
    fates = set()
    value = b"0123456789"
    torn_lengths = set()
    for seed in range(150):
        store = MemoryStore()
        store.put("synced", b"safe")
        store.sync()
        store.put("key", value)
        store.crash(Stream(seed, "a", "storage"))
        left = store.get("key")
        assert store.get("synced") == b"safe"
        fates.add("lost" if left is None else "kept" if left == value else "torn")
        if left is not None:
            assert value.startswith(left)
            torn_lengths.add(len(left))
        before = (store.keys(), left)
        store.crash(Stream(seed + 1, "a", "storage"))  # nothing is unsynced any more
        assert (store.keys(), store.get("key")) == before
    assert fates == {"kept", "lost", "torn"}
    assert torn_lengths >= {0, 5, 9, 10}


def test_each_unsynced_write_meets_its_own_fate() -> None:
    seen = set()
    for seed in range(100):
        store = MemoryStore()
        store.put("a", b"old")
        store.put("gone", b"x")
        store.sync()
        store.put("a", b"new")
        store.put("b", b"new")
        store.delete("gone")
        store.crash(Stream(seed, "a", "storage"))
        a, b, gone = store.get("a"), store.get("b"), store.get("gone")
        assert a in (b"old", b"new", b"ne", b"n", b"")
        assert b in (None, b"new", b"ne", b"n", b"")
        assert gone in (None, b"x")
        seen.add((a == b"old", b is None, gone is None))
    assert len(seen) == 8


def test_a_store_reads_its_own_writes() -> None:
    store = MemoryStore()
    value = bytearray(b"v1")
    store.put("k", value)  # type: ignore[arg-type]
    value[0] = 0
    assert store.get("k") == b"v1"
    store.sync()
    store.put("k", b"v2")
    store.put("j", b"1")
    assert (store.get("k"), store.keys()) == (b"v2", ["j", "k"])
    store.delete("k")
    assert (store.get("k"), store.keys()) == (None, ["j"])
    store.sync()
    assert store.keys() == ["j"]


def test_a_peer_recovers_from_unsynced_writes_in_all_three_ways() -> None:
    fates = set()
    for seed in range(40):
        sim = Sim(seed)
        log = Log(sim)
        sim.spawn("a", Keeper)
        sim.post("a", Note(2))
        sim.post("a", Note(12345))
        sim.schedule(Crash(at_s=1, peer="a", for_s=1))
        sim.run()
        fates.add(log.words[-1])
    assert {"start b'2'", "start b'12345'"} < fates
    assert any(word in fates for word in ("start b'1'", "start b'12'", "start b'123'"))


class Sleeper(Actor):
    """Works half a second on each note."""

    @on(Note)
    async def note(self, ctx: Context, sender: PeerId, message: Note) -> None:
        ctx.emit(Saw("begin", message.number))
        await ctx.sleep(0.5)
        ctx.emit(Saw("end", message.number))

    def on_timer(self, ctx: Context, name: str) -> None:
        ctx.emit(Saw(name))


def story(log: Log) -> list[tuple[float, str]]:
    return [(row[0], f"{row[2]} {row[3]}") for row in log.rows]


def test_a_crash_ends_a_suspended_handler_for_good() -> None:
    sim = Sim(0)
    log = Log(sim)
    sim.spawn("a", Sleeper)
    for at_s, number in ((1.0, 1), (1.1, 2), (2.0, 3)):
        sim.at(at_s, "note", lambda number=number: sim.post("a", Note(number)))  # type: ignore[misc]
    sim.schedule(Crash(at_s=1.2, peer="a", for_s=0.1))
    sim.run()
    assert story(log) == [(1.0, "begin 1"), (2.0, "begin 3"), (2.5, "end 3")]


def test_a_pause_holds_everything_back_and_goes_on_in_order() -> None:
    sim = Sim(0)
    sim.set_network(fixed(0.0))
    log = Log(sim)
    sim.spawn("a", Listener)
    for i in range(6):
        sim.at(1.0 + i, "note", lambda i=i: sim.post("a", Note(i)))  # type: ignore[misc]
    sim.schedule(Pause(at_s=1.5, peer="a", for_s=2.2))
    sim.run()
    assert [(row[0], row[3]) for row in log.rows] == [
        (1.0, 0), (3.7, 1), (3.7, 2), (4.0, 3), (5.0, 4), (6.0, 5),
    ]  # fmt: skip


def test_a_pause_suspends_an_async_handler_too() -> None:
    sim = Sim(0)
    log = Log(sim)
    sim.spawn("a", Sleeper)
    for at_s, number in ((1.0, 1), (1.1, 2), (1.3, 3)):
        sim.at(at_s, "note", lambda number=number: sim.post("a", Note(number)))  # type: ignore[misc]
    sim.schedule(Pause(at_s=1.2, peer="a", for_s=0.8))
    sim.run()
    assert story(log) == [
        (1.0, "begin 1"), (2.0, "end 1"), (2.0, "begin 2"), (2.5, "end 2"), (2.5, "begin 3"),
        (3.0, "end 3"),
    ]  # fmt: skip


def test_a_pause_that_is_over_before_the_handler_wakes_changes_nothing() -> None:
    sim = Sim(0)
    log = Log(sim)
    sim.spawn("a", Sleeper)
    sim.post("a", Note(1))
    sim.schedule(Pause(at_s=0.1, peer="a", for_s=0.2))
    sim.run()
    assert story(log) == [(0.0, "begin 1"), (0.5, "end 1")]


def test_timers_wait_for_the_end_of_a_pause() -> None:
    sim = Sim(0)
    log = Log(sim)
    steps = {at: (lambda ctx, at=at: ctx.emit(Saw("tick", round(at)))) for at in (1.0, 2.0, 3.0)}
    sim.spawn("a", timed_actor(steps))  # type: ignore[arg-type]
    sim.schedule(Pause(at_s=0.5, peer="a", for_s=2.0))
    sim.run()
    assert [(row[0], row[3]) for row in log.rows] == [(2.5, 1), (2.5, 2), (3.0, 3)]


def test_a_second_pause_loses_nothing_that_the_first_holds_back() -> None:
    sim = Sim(0)
    log = Log(sim)
    sim.spawn("a", Listener)
    for i in range(4):
        sim.at(1.0 + i, "note", lambda i=i: sim.post("a", Note(i)))  # type: ignore[misc]
    sim.schedule(Pause(at_s=0.5, peer="a", for_s=3), Pause(at_s=2.5, peer="a", for_s=4))
    sim.run()
    assert log.numbers == [0, 1, 2, 3]


def test_a_crash_during_a_pause_loses_what_was_held_back() -> None:
    sim = Sim(0)
    log = Log(sim)
    sim.spawn("a", Listener)
    for at_s in (1.0, 4.0):
        sim.at(at_s, "note", lambda at_s=at_s: sim.post("a", Note(round(at_s))))  # type: ignore[misc]
    sim.schedule(Pause(at_s=0.5, peer="a", for_s=5), Crash(at_s=2.0, peer="a", for_s=1.0))
    sim.run()
    assert [(row[0], row[3]) for row in log.rows] == [(4.0, 4)]


def test_messages_in_flight_reach_whoever_is_there_when_they_arrive() -> None:
    sim = Sim(0)
    sim.set_network(fixed(1.0))
    log = Log(sim)

    def send(ctx: Context) -> None:
        ctx.send("b", Note(round(ctx.now)))

    sim.spawn("a", timed_actor({1.0: send, 2.0: send, 4.0: send}))
    sim.spawn("b", Listener)
    # The first is on its way when b crashes, and arrives at nobody; a's crash unsends nothing.
    sim.schedule(Crash(at_s=1.5, peer="b", for_s=1.0), Crash(at_s=4.5, peer="a", for_s=None))
    sim.run()
    assert [(row[0], row[3]) for row in log.rows] == [(3.0, 2), (5.0, 4)]
    with pytest.raises(KeyError, match="a is down"):
        sim.actor("a")


def test_every_strike_and_every_healing_is_a_fact() -> None:
    sim = Sim(0)
    told: list[tuple[float, str, str, str]] = []
    for fact_type in (FaultStruck, FaultHealed):
        sim.observe(
            fact_type,
            lambda t, peer, f: told.append((t, type(f).__name__, f.kind, f.target)),  # type: ignore[attr-defined]
        )
    for name in "ab":
        sim.spawn(name, Listener)
    sim.schedule(
        Partition(at_s=1, for_s=1, groups=(("a",), ("b",))),
        Crash(at_s=3, peer="a", for_s=1),
        Pause(at_s=5, peer="b", for_s=1),
        Loss(at_s=7, for_s=1, rate=0.5),
        Crash(at_s=9, peer="b"),
    )
    sim.run()
    assert told == [
        (1.0, "FaultStruck", "partition", "a | b"),
        (2.0, "FaultHealed", "partition", "a | b"),
        (3.0, "FaultStruck", "crash", "a"),
        (4.0, "FaultHealed", "crash", "a"),
        (5.0, "FaultStruck", "pause", "b"),
        (6.0, "FaultHealed", "pause", "b"),
        (7.0, "FaultStruck", "loss", "0.5 of all messages"),
        (8.0, "FaultHealed", "loss", "0.5 of all messages"),
        (9.0, "FaultStruck", "crash", "b"),
    ]
    assert sim.observatory.faults_struck == {"partition": 1, "crash": 2, "pause": 1, "loss": 1}


@pytest.mark.parametrize(
    "fault",
    [
        Crash(at_s=1, peer="nobody"),
        Pause(at_s=1, peer="nobody", for_s=1),
        Partition(at_s=1, for_s=1, groups=(("a",), ("nobody",))),
    ],
)
def test_a_fault_on_an_unknown_peer_is_a_mistake_before_anything_runs(fault: Fault) -> None:
    sim = Sim(0)
    sim.spawn("a", Listener)
    sim.schedule(fault)
    with pytest.raises(UserError, match="a fault names 'nobody', and there is no such peer"):
        sim.run()
    assert sim.events == 0


def test_a_handler_that_fails_on_what_a_pause_held_back_is_named() -> None:
    class Fragile(Actor):
        @on(Note)
        def note(self, ctx: Context, sender: PeerId, message: Note) -> None:
            raise ZeroDivisionError("broken on purpose")

    sim = Sim(0)
    sim.spawn("fragile", Fragile)
    sim.at(1.0, "note", lambda: sim.post("fragile", Note(7)))
    sim.schedule(Pause(at_s=0.5, peer="fragile", for_s=2.0))
    with pytest.raises(HandlerFailed, match=r"^fragile failed while handling Note\(number=7") as e:
        sim.run()
    assert (e.value.peer, e.value.time_s) == ("fragile", 2.5)


def test_what_unwinds_in_a_crash_says_nothing_reentrant_or_not() -> None:
    class Unwinding(Listener):
        @on(Note)
        @reentrant
        async def note(self, ctx: Context, sender: PeerId, message: Note) -> None:
            try:
                await ctx.sleep(10.0)
            finally:
                ctx.emit(Saw("unwound"))
                ctx.send("b", Note(1))

    sim = Sim(1)
    sim.spawn("a", Unwinding)
    sim.spawn("b", Listener)
    log = Log(sim)
    sim.schedule(Crash(at_s=5, peer="a"))
    sim.post("a", Note())
    sim.run(until=20)
    assert log.rows == []
