"""Faults of one peer: its process, its clocks, its disk."""

import pytest

from prsm_sim.actor import Actor, Context, PeerId, on
from prsm_sim.chance import Stream
from prsm_sim.faults import (
    BitRot,
    ClockDrift,
    ClockSkew,
    Crash,
    Fault,
    LyingDisk,
    Pause,
    Slow,
    TornWrites,
)
from prsm_sim.process import WALL_EPOCH_S
from prsm_sim.sim import Sim
from prsm_sim.store import Ailments, MemoryStore
from tests.kernel.kernel_parts import Listener, Log, Note, Saw
from tests.kernel.nemesis_parts import World

# Amnesia.


def test_amnesia_loses_the_store_and_a_plain_crash_does_not() -> None:
    for amnesia in (False, True):
        world = World(Crash(at_s=1.05, peer="a", for_s=1.0, amnesia=amnesia)).run(3.0)
        starts = [got.what for _, peer, got in world.rows if got.what.startswith("start")]
        assert starts[5:] == ["start None" if amnesia else "start b'000010'"]
        assert world.effects("crash") == 1


def test_a_wiped_store_is_empty_and_works() -> None:
    store = MemoryStore()
    store.put("synced", b"1")
    store.sync()
    store.put("unsynced", b"2")
    assert store.wipe() == 2
    assert store.keys() == []
    store.put("k", b"3")
    store.sync()
    assert (store.get("synced"), store.get("k")) == (None, b"3")


# A crash or pause that finds nothing to strike.


def test_a_crash_of_a_peer_that_is_down_is_no_strike() -> None:
    first, second = Crash(at_s=1.05, peer="a", for_s=2.0), Crash(at_s=1.5, peer="a", for_s=0.1)
    world = World(first, second).run(5.0)
    assert world.struck("crash") == world.effects("crash") == 1
    starts = [time_s for time_s, peer, got in world.rows if got.what.startswith("start b")]
    assert starts == [3.05]  # whoever took it down brings it back
    assert [tally.struck for tally in world.sim.nemesis.tallies] == [1, 0]


def test_a_pause_that_held_nothing_back_is_known_for_it() -> None:
    idle, busy = Pause(at_s=1.02, peer="a", for_s=0.05), Pause(at_s=2.05, peer="a", for_s=0.5)
    world = World(idle, busy).run(5.0)
    assert world.struck("pause") == 2
    assert world.sim.nemesis.without_effect() == [idle]
    # One tick of its own, five ticks of four others; nobody else's pongs, for it asked nothing.
    assert world.effects("pause") == 1 + 5 * 4


# Slowness.


def slow_story(
    *faults: Fault, times: tuple[float, ...] = (1.0, 1.1, 1.2, 2.6, 5.0)
) -> list[tuple[float, int]]:
    sim = Sim(0)
    log = Log(sim)
    sim.spawn("a", Listener)
    for number, at_s in enumerate(times):
        sim.at(at_s, "note", lambda number=number: sim.post("a", Note(number)))  # type: ignore[misc]
    sim.schedule(*faults)
    sim.run()
    return [(round(row[0], 6), row[3]) for row in log.rows]


def test_a_slow_peer_works_on_one_thing_at_a_time() -> None:
    story = slow_story(Slow(at_s=0.5, peer="a", by_s=0.5, for_s=4.0))
    assert story == [(1.5, 0), (2.0, 1), (2.5, 2), (3.1, 3), (5.0, 4)]


def test_a_slow_peer_catches_up_when_it_heals() -> None:
    story = slow_story(Slow(at_s=0.5, peer="a", by_s=1.0, for_s=2.2))
    assert story == [(2.0, 0), (2.7, 1), (2.7, 2), (2.7, 3), (5.0, 4)]


def test_a_slow_peer_that_crashes_forgets_what_waited_and_stays_slow() -> None:
    faults = Slow(at_s=0.5, peer="a", by_s=0.5, for_s=9), Crash(at_s=1.6, peer="a", for_s=0.5)
    assert slow_story(*faults) == [(1.5, 0), (3.1, 3), (5.5, 4)]


def test_a_slow_peer_that_is_paused_goes_on_where_it_was() -> None:
    faults = Slow(at_s=0.5, peer="a", by_s=0.5, for_s=9), Pause(at_s=1.15, peer="a", for_s=0.6)
    # Its work on 0 is done by the end of the pause; 2 came during it and waits behind 1.
    assert slow_story(*faults) == [(1.75, 0), (2.0, 1), (2.5, 2), (3.1, 3), (5.5, 4)]


def test_what_a_pause_held_back_is_worked_on_slowly() -> None:
    faults = Slow(at_s=0.5, peer="a", by_s=0.5, for_s=9), Pause(at_s=0.9, peer="a", for_s=0.35)
    assert slow_story(*faults) == [(1.75, 0), (2.25, 1), (2.75, 2), (3.25, 3), (5.5, 4)]


def test_slowness_that_heals_during_a_pause_loses_nothing() -> None:
    faults = Slow(at_s=0.5, peer="a", by_s=0.5, for_s=0.8), Pause(at_s=1.15, peer="a", for_s=0.6)
    assert slow_story(*faults) == [(1.75, 0), (1.75, 1), (1.75, 2), (2.6, 3), (5.0, 4)]


def test_slowness_strikes_timers_and_suspended_handlers() -> None:
    class Sleeper(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("t", 3.0)

        @on(Note)
        async def note(self, ctx: Context, sender: PeerId, message: Note) -> None:
            ctx.emit(Saw("begin", message.number))
            await ctx.sleep(0.5)
            ctx.emit(Saw("end", message.number))

        def on_timer(self, ctx: Context, name: str) -> None:
            ctx.emit(Saw(name))

    sim = Sim(0)
    log = Log(sim)
    sim.spawn("a", Sleeper)
    for number, at_s in enumerate((1.0, 1.1, 9.0)):
        sim.at(at_s, "note", lambda number=number: sim.post("a", Note(number)))  # type: ignore[misc]
    sim.schedule(Slow(at_s=0.5, peer="a", by_s=0.25, for_s=5.0))
    sim.run()
    told = [(round(row[0], 6), row[2], row[3]) for row in log.rows]
    assert told == [
        (1.25, "begin", 0), (2.0, "end", 0), (2.0, "begin", 1), (2.75, "end", 1), (3.25, "t", 0),
        (9.0, "begin", 2), (9.5, "end", 2),
    ]  # fmt: skip
    assert sim.observatory.counters["fault effect: slow"] == 5


# Clocks.


class Clocked(Actor):
    """Tells its wall clock's error each time a timer of one second, or a sleep, is over."""

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        ctx.set_timer("tick", 1.0)

    def on_timer(self, ctx: Context, name: str) -> None:
        ctx.emit(Saw(name, round((ctx.wall - WALL_EPOCH_S - ctx.now) * 1000)))
        ctx.set_timer(name, 1.0)


def ticks(
    *faults: Fault, until: float, actor: type[Actor] = Clocked
) -> dict[PeerId, list[tuple[float, int]]]:
    sim = Sim(0)
    log = Log(sim)
    for name in "ab":
        sim.spawn(name, actor)
    sim.schedule(*faults)
    sim.run(until=until)
    told: dict[PeerId, list[tuple[float, int]]] = {"a": [], "b": []}
    for time_s, peer, _, number in log.rows:
        told[peer].append((round(time_s, 6), number))
    return told


def test_a_skewed_wall_clock_is_off_by_what_is_said_and_timers_are_not() -> None:
    told = ticks(ClockSkew(at_s=1.5, peer="a", by_s=-3.0, for_s=2.0), until=5.5)
    assert told["b"] == [(t, 0) for t in (1.0, 2.0, 3.0, 4.0, 5.0)]
    assert told["a"] == [(1.0, 0), (2.0, -3000), (3.0, -3000), (4.0, 0), (5.0, 0)]


def test_two_skews_add_up() -> None:
    skews = [ClockSkew(at_s=0.5, peer="a", by_s=by_s, for_s=2.0) for by_s in (1.0, 0.25)]
    assert ticks(*skews, until=3.5)["a"] == [(1.0, 1250), (2.0, 1250), (3.0, 0)]


def test_a_fast_clock_hurries_timers_and_gains_time() -> None:
    told = ticks(ClockDrift(at_s=1.5, peer="a", rate=2.0, for_s=2.25), until=6.0)
    assert told["b"] == [(t, 0) for t in (1.0, 2.0, 3.0, 4.0, 5.0)]
    # The half second left of the armed timer passes in a quarter; at 3.75 half a second is left.
    assert told["a"] == [
        (1.0, 0), (1.75, 250), (2.25, 750), (2.75, 1250), (3.25, 1750), (3.75, 0), (4.75, 0),
        (5.75, 0),
    ]  # fmt: skip


def test_a_slow_clock_is_late_with_what_was_armed_before_and_after() -> None:
    told = ticks(ClockDrift(at_s=1.5, peer="a", rate=0.5, for_s=2.5), until=6.0)
    # Half a second becomes one; then a second takes two, of which half is left when it heals.
    assert told["a"] == [(1.0, 0), (2.5, -500), (4.25, 0), (5.25, 0)]


def test_a_sleep_and_a_time_out_follow_the_peers_own_clock() -> None:
    class Dozing(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("doze", 1.0)

        def on_timer(self, ctx: Context, name: str) -> None:
            ctx.start(ctx.sleep(1.0), "slept")
            ctx.start(ctx.ask("nobody", Note(), Note, timeout=2.0), "asked")

        def on_complete(self, ctx: Context, tag: str, outcome: object) -> None:
            ctx.emit(Saw(tag))

    told = ticks(ClockDrift(at_s=0.0, peer="a", rate=4.0, for_s=9.0), until=8.0, actor=Dozing)
    assert [time_s for time_s, _ in told["a"]] == [0.5, 0.75]
    assert [time_s for time_s, _ in told["b"]] == [2.0, 3.0]


def test_clock_effects_are_counted() -> None:
    world = World(
        ClockDrift(at_s=1.05, peer="a", rate=1.5, for_s=1.0),
        ClockSkew(at_s=1.05, peer="b", by_s=5.0, for_s=1.0),
    ).run(5.0)
    assert world.effects("clock_drift") > 10
    # A pinger never looks at its wall clock, so this skew tested nothing, and says so.
    assert [fault.kind for fault in world.sim.nemesis.without_effect()] == ["clock_skew"]


# Disks.


def recovered(*faults: Fault, seed: int = 0) -> list[str]:
    """What peer a finds in its store when it restarts at 2.55 after a crash at 2.05."""
    world = World(*faults, Crash(at_s=2.05, peer="a", for_s=0.5), seed=seed).run(4.0)
    return [got.what[6:] for _, peer, got in world.rows if got.what.startswith("start b'")] or [
        "None"
    ]


def test_a_lying_disk_forgets_what_was_synced() -> None:
    assert {recovered(seed=seed)[0] for seed in range(5)} == {"b'000020'"}
    lied = {recovered(LyingDisk(at_s=1.05, peer="a", for_s=9), seed=seed)[0] for seed in range(40)}
    # What was put since 1.05 is one unsynced write: kept, torn, or lost to the value of 1.0.
    assert {"b'000020'", "b'000010'"} < lied
    assert lied < {f"b'{'000020'[:n]}'" for n in range(7)} | {"b'000010'"}


def test_a_disk_that_stops_lying_keeps_what_was_written_meanwhile() -> None:
    fault = LyingDisk(at_s=1.05, peer="a", for_s=0.9)
    world = World(fault, Crash(at_s=2.05, peer="a", for_s=0.5)).run(4.0)
    assert recovered(fault) == ["b'000020'"]
    assert world.effects("lying_disk") == 9


def test_torn_writes_tear_every_unsynced_value() -> None:
    for seed in range(30):
        store = MemoryStore()
        store.ailments = Ailments()
        torn: list[int] = []
        store.ailments.tears.append(torn.append)
        store.put("synced", b"whole")
        store.sync()
        for key in "abc":
            store.put(key, b"0123456789")
        store.delete("synced")
        store.put("empty", b"")
        store.crash(Stream(seed, "x"))
        values = [store.get(key) for key in "abc"]
        assert all(value is not None and len(value) < 10 for value in values)
        assert all(b"0123456789".startswith(value) for value in values if value is not None)
        assert sum(torn) == 3
        assert store.get("synced") in (None, b"whole")


def test_torn_writes_strike_at_crashes_while_they_last() -> None:
    fault = TornWrites(at_s=1.05, peer="a", for_s=2.0)
    world = World(
        fault, Crash(at_s=2.05, peer="a", for_s=0.2), Crash(at_s=4.05, peer="a", for_s=0.2)
    ).run(6.0)
    assert world.effects("torn_writes") == 1
    assert world.sim.peer("a").store.get("state") == b"000017"  # as from a whole disk


def test_bit_rot_flips_one_bit_of_durable_values_only() -> None:
    flipped = 0
    for seed in range(50):
        store = MemoryStore()
        for number in range(10):
            store.put(f"k{number}", b"0123456789")
        store.put("empty", b"")
        store.sync()
        store.put("unsynced", b"0123456789")
        rotten = store.rot(0.5, lambda key, seed=seed: Stream(seed, key))  # type: ignore[misc]
        flipped += rotten
        bits = [
            sum((x ^ y).bit_count() for x, y in zip(store.get(key) or b"", b"0123456789"))  # noqa: B905
            for key in ("empty", "unsynced", *(f"k{number}" for number in range(10)))
        ]
        assert sorted(bits) == [0] * (12 - rotten) + [1] * rotten
        assert store.get("unsynced") == b"0123456789"
    assert flipped == pytest.approx(250, rel=0.15)


def test_bit_rot_shows_when_the_peer_reads() -> None:
    # The tick of 2.0 has written both values; only what is durable rots.
    (read,) = recovered(BitRot(at_s=2.04, peer="a"))
    value = eval(read)  # the repr of bytes
    assert sum((x ^ y).bit_count() for x, y in zip(value, b"000020", strict=True)) == 1
    world = World(BitRot(at_s=2.04, peer="a")).run(3.0)
    assert world.struck("bit_rot") == 1
    assert world.effects("bit_rot") == 2


def test_bit_rot_of_an_empty_disk_is_no_strike() -> None:
    world = World(BitRot(at_s=0.01, peer="a")).run(1.0)
    assert world.struck("bit_rot") == 0
