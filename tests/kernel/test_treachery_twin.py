"""Twins: two correct instances under one name, apart in everything but the name and the key."""

import pytest

from prsm_sim.actor import Actor, Context, Done, Message, Outcome, PeerId, UserError, on
from prsm_sim.exposure import Exposure
from prsm_sim.faults import Byzantine, Crash, Fault
from prsm_sim.network import Latency, Network
from prsm_sim.sim import Sim

PEERS = ("a", "b", "c", "d", "e")


class Tick(Message, frozen=True):
    count: int
    mark: int


class Counter(Actor):
    """Counts what it hears and its own ticks, all of which it keeps in its store."""

    def __init__(self, log: list[tuple[float, PeerId, PeerId, Message]]) -> None:
        self.log = log
        self.count = 0
        self.mark = 0

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        self.count = int(recovered or b"0")
        self.mark = ctx.rng.getrandbits(40)
        ctx.set_timer("tick", 1.0)
        ctx.set_timer("never", 0.5)
        ctx.cancel_timer("never")
        ctx.start(ctx.sleep(0.25), "slept")

    def on_complete(self, ctx: Context, tag: str, outcome: Outcome) -> None:
        assert (tag, type(outcome)) == ("slept", Done)
        self.log.append((ctx.now, "slept", ctx.id, Tick(self.count, self.mark)))

    def on_timer(self, ctx: Context, name: str) -> None:
        assert name == "tick"
        self.count += 1
        ctx.store.put("state", b"%d" % self.count)
        ctx.store.put(f"count {self.count}", b"")
        ctx.store.put("gone", b"")
        ctx.store.delete("gone")
        ctx.store.sync()
        keys = ctx.store.keys()
        assert keys == [*(f"count {number}" for number in range(1, self.count + 1)), "state"]
        assert ctx.store.get("state") == b"%d" % self.count
        ctx.broadcast(Tick(self.count, self.mark))
        ctx.set_timer("tick", 1.0)

    @on(Tick)
    def tick(self, ctx: Context, sender: PeerId, message: Tick) -> None:
        self.log.append((ctx.now, sender, f"{ctx.id}/{self.mark}", message))


class World:
    def __init__(
        self, *faults: Fault, until: float = 6.5, peers: tuple[PeerId, ...] = PEERS
    ) -> None:
        self.log: list[tuple[float, PeerId, PeerId, Message]] = []
        self.sim = Sim(seed=1)
        self.sim.set_network(Network(latency=Latency(mean_s=0.125)))
        for name in peers:
            self.sim.spawn(name, lambda: Counter(self.log))
        self.sim.expose(Exposure(peers=peers, faulty=1))
        self.sim.schedule(*faults)
        self.sim.run(until=until)

    def marks_heard_by(
        self, receiver: PeerId, sender: PeerId = "a", since: float = 0.0
    ) -> set[int]:
        """Which instances of `sender` the peer `receiver` has heard."""
        return {
            message.mark  # type: ignore[attr-defined]
            for at, who, to, message in self.log
            if who == sender and to.startswith(f"{receiver}/") and at >= since
        }

    def instances_of(self, name: PeerId, heard_from: PeerId, since: float = 0.0) -> set[str]:
        """Which instances of `name` have heard `heard_from`."""
        return {
            to for at, who, to, _ in self.log
            if to.startswith(f"{name}/") and who == heard_from and at >= since
        }  # fmt: skip


def twin(**how: object) -> Byzantine:
    return Byzantine(peer="a", behaviour="twin", **how)  # type: ignore[arg-type]


def test_each_instance_talks_to_its_own_side() -> None:
    world = World(twin(receivers=("d", "e")))
    first, second = world.marks_heard_by("b"), world.marks_heard_by("d")
    assert len(first) == len(second) == 1
    assert first != second
    assert world.marks_heard_by("c") == first
    assert world.marks_heard_by("e") == second
    for name, (mark,) in {"b": first, "c": first, "d": second, "e": second}.items():
        assert world.instances_of("a", name) == {f"a/{mark}"}


def test_by_default_the_second_talks_to_every_second_peer() -> None:
    world = World(twin())
    assert world.marks_heard_by("b") == world.marks_heard_by("d")
    assert world.marks_heard_by("c") == world.marks_heard_by("e") != world.marks_heard_by("b")
    assert world.sim.observatory.counters["fault effect: byzantine twin"] == 6 * 2


def test_the_others_are_as_without_a_twin() -> None:
    twinned, plain = World(twin()), World()
    for name in ("b", "c", "d", "e"):
        for receiver in ("b", "c", "d", "e"):
            assert twinned.marks_heard_by(receiver, name) == plain.marks_heard_by(receiver, name)
    assert twinned.marks_heard_by("b") == plain.marks_heard_by("b")  # the first is the actor itself


def test_both_count_for_themselves_and_sleep_for_themselves() -> None:
    world = World(twin())
    counts: dict[int, list[int]] = {}
    for _, sender, to, message in world.log:
        if sender == "a" and to[0] in "bc":
            counts.setdefault(message.mark, []).append(message.count)  # type: ignore[attr-defined]
    assert list(counts.values()) == [[1, 2, 3, 4, 5, 6]] * 2
    slept = [(at, message.mark) for at, what, _, message in world.log if what == "slept"]  # type: ignore[attr-defined]
    assert len(set(slept)) == 6
    assert {at for at, _ in slept} == {0.25}


def test_after_a_crash_each_remembers_its_own() -> None:
    world = World(
        twin(at_s=2.0, receivers=("d", "e")), Crash(at_s=4.75, peer="a", for_s=1.0), until=7.5
    )
    last: dict[PeerId, int] = {}
    for _, sender, to, message in world.log:
        if sender == "a":
            last[to[0]] = message.count  # type: ignore[attr-defined]
    # The first ticks at 1, 2, 3, 4 and 6.75 s; the second is born at 2 s: 3, 4 and 6.75 s.
    assert last["b"] == 5
    assert last["d"] == 3
    plain = World(Crash(at_s=4.75, peer="a", for_s=1.0), until=7.5)
    assert world.marks_heard_by("b") == plain.marks_heard_by("b")  # its random numbers are its own


def test_when_it_is_over_there_is_one_instance_again() -> None:
    world = World(twin(for_s=3.5))
    assert len(world.marks_heard_by("c")) == 2
    assert world.marks_heard_by("c", since=3.7) == world.marks_heard_by("b")
    (mark,) = world.marks_heard_by("b")
    assert world.instances_of("a", "c", since=3.7) == {f"a/{mark}"}


def test_sides_follow_the_rounds() -> None:
    rounds = ((("b", "c"), ("d", "e")), (("b",), ("b", "c")), (("d",), ()))
    world = World(twin(rounds=rounds, round_s=2.0), until=7.5)

    def marks(receiver: PeerId, begin: float) -> set[int]:
        return {
            message.mark  # type: ignore[attr-defined]
            for at, sender, to, message in world.log
            if sender == "a" and to.startswith(receiver) and begin <= at - 0.125 < begin + 2.0
        }

    (first,), (second,) = marks("b", 0.0), marks("d", 0.0)
    assert first != second
    assert [marks(name, 0.0) for name in "bcde"] == [{first}, {first}, {second}, {second}]
    assert [marks(name, 2.0) for name in "bcde"] == [{first, second}, {second}, set(), set()]
    assert [marks(name, 4.0) for name in "bcde"] == [set(), set(), {first}, set()]
    assert [marks(name, 6.0) for name in "bcde"] == [{first}] * 4


def test_two_twins_tell_their_instances_apart() -> None:
    sides = {"a": ((("b", "c"), ("b'", "d", "e")),), "b": ((("a", "c"), ("a'", "d", "e")),)}
    faults = [
        Byzantine(
            peer=one, behaviour="twin", rounds=sides[one], round_s=100.0, accomplices=(other,)
        )
        for one, other in ("ab", "ba")
    ]
    world = World(*faults)
    pairs: dict[str, set[int]] = {}
    for _, sender, to, message in world.log:
        if sender in "ab" and to[0] in "ab":
            pairs.setdefault(to, set()).add(message.mark)  # type: ignore[attr-defined]
    assert len(pairs) == 4
    first_of_a, second_of_a = world.marks_heard_by("c"), world.marks_heard_by("d")
    first_of_b, second_of_b = world.marks_heard_by("c", "b"), world.marks_heard_by("d", "b")
    assert pairs == {
        f"a/{min(first_of_a)}": first_of_b, f"b/{min(first_of_b)}": first_of_a,
        f"a/{min(second_of_a)}": second_of_b, f"b/{min(second_of_b)}": second_of_a,
    }  # fmt: skip


class Selfish(Actor):
    """Sends itself a note, and tells everyone whether it came back to who sent it."""

    def __init__(self, log: list[bool]) -> None:
        self.log = log
        self.mark = 0

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        self.mark = ctx.rng.getrandbits(40)
        ctx.send(ctx.id, Tick(0, self.mark))
        ctx.set_timer("again", 1.0)

    def on_timer(self, ctx: Context, name: str) -> None:
        ctx.send(ctx.id, Tick(0, self.mark))

    @on(Tick)
    def tick(self, ctx: Context, sender: PeerId, message: Tick) -> None:
        self.log.append(message.mark == self.mark)


def test_what_an_instance_sends_to_itself_comes_back_to_it() -> None:
    log: list[bool] = []
    sim = Sim(seed=1)
    for name in ("a", "b"):
        sim.spawn(name, lambda: Selfish(log))
    sim.schedule(twin())
    sim.run()
    assert log == [True] * 6


class Answering(Actor):
    def __init__(self, log: list[object]) -> None:
        self.log = log
        self.mark = 0

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        self.mark = ctx.rng.getrandbits(40)
        if ctx.id in ("b", "c"):
            ctx.start(ctx.ask("a", Tick(1, 0), Tick), "asked")

    def on_complete(self, ctx: Context, tag: str, outcome: Outcome) -> None:
        assert isinstance(outcome, Done)
        self.log.append((ctx.id, outcome.value.mark))

    @on(Tick)
    async def tick(self, ctx: Context, sender: PeerId, message: Tick) -> Tick:
        await ctx.sleep(0.5)
        return Tick(2, self.mark)


def test_questions_are_answered_by_the_instance_that_hears_them() -> None:
    log: list[tuple[PeerId, int]] = []
    sim = Sim(seed=1)
    for name in ("a", "b", "c"):
        sim.spawn(name, lambda: Answering(log))  # type: ignore[arg-type]
    sim.schedule(twin(receivers=("c",)))
    sim.run(until=5.0)
    assert sorted(name for name, _ in log) == ["b", "c"]
    assert len({mark for _, mark in log}) == 2


@pytest.mark.parametrize("lie_first", [True, False])
def test_a_twin_composes_with_other_behaviours(lie_first: bool) -> None:
    lie = Byzantine(
        peer="a", behaviour="mutate", types=("Tick",), field="count", change="increment"
    )
    split = twin(receivers=("d", "e"))
    world = World(*((lie, split) if lie_first else (split, lie)))
    first, second = world.marks_heard_by("b"), world.marks_heard_by("d")
    assert len(first) == len(second) == 1
    assert first != second
    for receiver in ("b", "d"):
        counts = [
            message.count  # type: ignore[attr-defined]
            for _, sender, to, message in world.log
            if sender == "a" and to.startswith(receiver)
        ]
        assert counts == [2, 3, 4, 5, 6, 7]


def test_a_twin_of_a_twin_is_four_instances_with_four_stores() -> None:
    world = World(
        twin(receivers=("c", "e")),
        twin(receivers=("d", "e")),
        Crash(at_s=3.5, peer="a", for_s=1.0),
        until=7.0,
    )
    instances = {name: world.marks_heard_by(name) for name in "bcde"}
    assert len({frozenset(marks) for marks in instances.values()}) == 4
    for receiver in "bcde":
        counts = [
            message.count  # type: ignore[attr-defined]
            for _, sender, to, message in world.log
            if sender == "a" and to.startswith(receiver)
        ]
        assert counts == [1, 2, 3, 4, 5]


def test_the_sides_of_a_round_must_exist() -> None:
    with pytest.raises(UserError, match="'x'"):
        World(twin(rounds=((("b",), ("x'",)),)))
