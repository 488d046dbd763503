"""The contract of faults: what a crash takes and leaves, partitions, loss."""

from prsm_sim.actor import Actor, Context, Message, PeerId, on
from prsm_sim.faults import Crash, Loss, Partition
from tests.conformance.conftest import Bench, Finished, Seen


class Beat(Message, frozen=True):
    n: int


class Pulse(Actor):
    """Sends numbered beats to a peer at an even pace, and says so."""

    def __init__(self, to: PeerId, every_s: float = 0.03) -> None:
        self.to, self.every_s = to, every_s

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        self.n = 0
        ctx.set_timer("beat", self.every_s)

    def on_timer(self, ctx: Context, name: str) -> None:
        self.n += 1
        ctx.send(self.to, Beat(self.n))
        ctx.set_timer("beat", self.every_s)


class Hearing(Actor):
    @on(Beat)
    def beat(self, ctx: Context, sender: PeerId, message: Beat) -> None:
        ctx.emit(Seen(f"{sender} {message.n}"))


def heard_between(bench: Bench, start_s: float, end_s: float) -> int:
    return sum(start_s < time_s < end_s for time_s, _, _ in bench.seen)


def test_a_crash_takes_memory_and_leaves_what_was_synced(bench: Bench) -> None:
    class Durable(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            self.memory = 0
            kept = [ctx.store.get(key) for key in ("kept", "deleted")]
            ctx.emit(Seen(f"start {recovered} {kept}"))
            if recovered is not None:
                unsynced = ctx.store.get("unsynced")
                # An unsynced write is kept, lost or torn to a prefix, and nothing else.
                ok = unsynced is None or b"unsynced value".startswith(unsynced)
                ctx.emit(Seen("fine" if ok else f"invented {unsynced!r}"))
                ctx.emit(Finished())
                return
            ctx.store.put("state", b"state 0")
            ctx.store.put("state", b"state 1")
            ctx.store.put("kept", b"\x00\xff")
            ctx.store.put("deleted", b"x")
            ctx.store.sync()
            ctx.store.delete("deleted")
            ctx.store.sync()
            ctx.emit(Seen(f"keys {ctx.store.keys()}"))
            ctx.store.put("unsynced", b"unsynced value")

    bench.spawn("durable", Durable)
    bench.world.schedule(Crash(at_s=0.1, peer="durable", for_s=0.1))
    bench.finish()
    assert bench.words() == [
        "start None [None, None]",
        "keys ['kept', 'state']",
        "start b'state 1' [b'\\x00\\xff', None]",
        "fine",
    ]
    assert bench.seen[2][0] >= 0.2
    assert bench.world.observatory.faults_struck == {"crash": 1}


def test_a_store_reads_its_own_writes_before_they_are_synced(bench: Bench) -> None:
    class Writer(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.store.put("a", b"1")
            ctx.store.put("b", b"2")
            ctx.store.delete("a")
            ctx.store.delete("never there")
            ctx.emit(Seen(f"{ctx.store.get('a')} {ctx.store.get('b')} {ctx.store.keys()}"))
            ctx.emit(Finished())

    bench.spawn("writer", Writer)
    bench.finish()
    assert bench.words() == ["None b'2' ['b']"]


def test_nothing_of_a_former_life_happens_after_a_crash(bench: Bench) -> None:
    class Busy(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.emit(Seen("start"))
            if ctx.now < 0.05:
                ctx.set_timer("old timer", 0.3)
                ctx.start(ctx.sleep(0.3), "old operation")
                ctx.send(ctx.id, Beat(0))

        @on(Beat)
        async def beat(self, ctx: Context, sender: PeerId, message: Beat) -> None:
            ctx.emit(Seen("suspended"))
            try:
                await ctx.sleep(0.3)
                ctx.emit(Seen("resumed"))
            finally:
                ctx.send("witness", Beat(1))  # an actor that unwinds in a crash says nothing

        def on_timer(self, ctx: Context, name: str) -> None:
            ctx.emit(Seen(name))

        def on_complete(self, ctx: Context, tag: str, outcome: object) -> None:
            ctx.emit(Seen(tag))

    bench.spawn("witness", Hearing)
    bench.spawn("busy", Busy)
    bench.world.schedule(Crash(at_s=0.1, peer="busy", for_s=0.05))
    bench.run(until=0.6)
    assert bench.words() == ["start", "suspended", "start"]


def test_a_peer_that_is_down_hears_nothing(bench: Bench) -> None:
    bench.spawn("hearing", Hearing)
    bench.spawn("pulse", lambda: Pulse("hearing"))
    bench.world.schedule(Crash(at_s=0.2, peer="hearing", for_s=0.2))
    bench.run(until=0.6)
    assert heard_between(bench, 0.0, 0.2) > 0
    assert heard_between(bench, 0.21, 0.4) == 0
    assert heard_between(bench, 0.4, 0.6) > 0
    assert bench.counters["dropped: receiver down"] > 0


def test_a_peer_that_crashes_for_good_stays_down(bench: Bench) -> None:
    bench.spawn("hearing", Hearing)
    bench.spawn("pulse", lambda: Pulse("hearing"))
    bench.world.schedule(Crash(at_s=0.2, peer="hearing"))
    bench.run(until=0.5)
    assert heard_between(bench, 0.0, 0.2) > 0
    assert heard_between(bench, 0.21, 9.0) == 0


def test_a_partition_separates_its_groups_until_it_heals(bench: Bench) -> None:
    for name, to in (("left", "ear"), ("right", "ear")):
        bench.spawn(name, lambda to=to: Pulse(to))  # type: ignore[misc]
    bench.spawn("ear", Hearing)
    groups = (("left", "ear"), ("right",))
    bench.world.schedule(Partition(at_s=0.2, for_s=0.2, groups=groups))
    bench.run(until=0.6)

    def heard(sender: str, start_s: float, end_s: float) -> int:
        return sum(start_s < t < end_s and w.startswith(sender) for t, _, w in bench.seen)

    assert heard("right", 0.0, 0.2) > 0
    assert heard("right", 0.25, 0.4) == 0
    assert heard("right", 0.4, 0.6) > 0
    assert heard("left", 0.25, 0.4) > 0
    assert bench.counters["dropped: partition"] > 0


def test_a_partition_also_separates_publishers_from_subscribers(bench: Bench) -> None:
    class Publisher(Pulse):
        def on_timer(self, ctx: Context, name: str) -> None:
            self.n += 1
            ctx.publish("beats", Beat(self.n))
            ctx.set_timer("beat", self.every_s)

    class Subscriber(Hearing):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.subscribe("beats")

    bench.spawn("publisher", lambda: Publisher(""))
    bench.spawn("near", Subscriber)
    bench.spawn("far", Subscriber)
    bench.world.schedule(Partition(at_s=0.2, for_s=5, groups=(("publisher", "near"), ("far",))))
    bench.run(until=0.5)
    late = {peer for time_s, peer, _ in bench.seen if time_s > 0.25}
    early = {peer for time_s, peer, _ in bench.seen if time_s < 0.2}
    assert early == {"near", "far"}
    assert late == {"near"}


def test_total_loss_loses_everything_while_it_lasts(bench: Bench) -> None:
    bench.spawn("hearing", Hearing)
    bench.spawn("pulse", lambda: Pulse("hearing"))
    bench.world.schedule(Loss(at_s=0.2, for_s=0.2, rate=1.0))
    bench.run(until=0.6)
    assert heard_between(bench, 0.0, 0.2) > 0
    assert heard_between(bench, 0.25, 0.4) == 0
    assert heard_between(bench, 0.4, 0.6) > 0
    assert bench.counters["dropped: loss"] > 0
    assert bench.counters["FaultStruck"] == bench.counters["FaultHealed"] == 1


def test_a_restarted_peer_hears_only_the_topics_it_subscribes_to_again(bench: Bench) -> None:
    class Publisher(Pulse):
        def on_timer(self, ctx: Context, name: str) -> None:
            ctx.publish("beats", Beat(0))
            ctx.set_timer("beat", self.every_s)

    class Forgetful(Hearing):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            if ctx.now < 0.1 or ctx.id == "faithful":
                ctx.subscribe("beats")

    bench.spawn("publisher", lambda: Publisher(""))
    for name in ("forgetful", "faithful"):
        bench.spawn(name, Forgetful)
        bench.world.schedule(Crash(at_s=0.2, peer=name, for_s=0.05))
    bench.run(until=0.5)
    assert {peer for time_s, peer, _ in bench.seen if time_s < 0.2} == {"forgetful", "faithful"}
    assert {peer for time_s, peer, _ in bench.seen if time_s > 0.25} == {"faithful"}
