"""Worlds whose numbers of states and paths are known in closed form."""

from math import factorial

import pytest

from prsm_sim.actor import Actor, Context, Fact, Message, PeerId, UserError, on
from prsm_sim.checker import Checker
from prsm_sim.explore import Budget, Exploration, StillWorld, explore
from prsm_sim.explore.peer import KEPT, LOST, TORN, ExploredStore


class Add(Message, frozen=True):
    what: int


class Added(Fact, frozen=True):
    what: int


class Independent(Actor):
    @on(Add)
    def add(self, ctx: Context, sender: PeerId, message: Add) -> None:
        ctx.emit(Added(message.what))


class Listing(Actor):
    """Keeps what it hears in order, so that every order makes another state."""

    def __init__(self) -> None:
        self.heard: list[int] = []

    @on(Add)
    def add(self, ctx: Context, sender: PeerId, message: Add) -> None:
        self.heard.append(message.what)


class Gathering(Listing):
    """Keeps what it hears in a set, so that only what it has heard makes a state."""

    @on(Add)
    def add(self, ctx: Context, sender: PeerId, message: Add) -> None:
        self.all_of_it = {*getattr(self, "all_of_it", ()), message.what}
        ctx.sometimes(f"heard {sorted(self.all_of_it)}")


class Source(Actor):
    """Sends one message to each of several peers."""

    def __init__(self, to: tuple[PeerId, ...]) -> None:
        self.to = to

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        for number, peer in enumerate(self.to):
            ctx.send(peer, Add(number))


class Ordered(Checker):
    """Would see any difference in the order of facts."""

    name = "ordered"
    facts = (Added,)

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def observe(self, time_s: float, peer: PeerId, fact: Fact) -> str | None:
        assert isinstance(fact, Added)
        self.seen.append(fact.what)
        return None


def counters(world: StillWorld, n: int) -> None:
    names = tuple(f"counter-{number}" for number in range(n))
    for name in names:
        world.spawn(name, Independent)
    world.spawn("source", lambda: Source(names))


def watched_counters(world: StillWorld, n: int) -> None:
    counters(world, n)
    world.check(Ordered())


def one_list(world: StillWorld, n: int) -> None:
    world.spawn("list", Listing)
    world.spawn("source", lambda: Source(("list",) * n))


def one_set(world: StillWorld, n: int) -> None:
    world.spawn("set", Gathering)
    world.spawn("source", lambda: Source(("set",) * n))


class AtTheEnd(Checker):
    """Judges the end, so that all ends are looked for."""

    name = "at the end"

    def finish(self, time_s: float) -> str | None:
        return None


def one_set_judged(world: StillWorld, n: int) -> None:
    one_set(world, n)
    world.check(AtTheEnd())


@pytest.mark.parametrize("n", range(1, 9))
def test_n_independent_counters_need_one_path_of_the_n_factorial(n: int) -> None:
    reduced = explore(counters, n)
    assert (reduced.transitions, reduced.states, reduced.ends) == (n, n + 1, 1)
    full = explore(counters, n, reduction="none")
    assert (full.transitions, full.states, full.ends) == (n * 2 ** (n - 1), 2**n, 1)
    assert reduced.complete
    assert full.complete


@pytest.mark.parametrize("n", range(1, 6))
def test_where_every_order_matters_every_order_is_tried(n: int) -> None:
    """Prefixes of permutations: sum of n! / k! states, n! of them ends."""
    found = explore(one_list, n)
    assert found.ends == factorial(n)
    assert found.states == sum(factorial(n) // factorial(k) for k in range(n + 1))
    assert found.transitions == found.states - 1


@pytest.mark.parametrize("n", range(1, 8))
def test_states_that_are_equal_are_visited_once(n: int) -> None:
    found = explore(one_set, n)
    assert (found.ends, found.states, found.transitions) == (1, 2**n, n * 2 ** (n - 1))


@pytest.mark.parametrize("n", range(1, 6))
def test_a_checker_for_which_order_matters_is_told_every_order(n: int) -> None:
    assert explore(watched_counters, n).ends == factorial(n)


@pytest.mark.parametrize("n", range(1, 6))
def test_each_subset_of_messages_may_be_lost_within_the_budget(n: int) -> None:
    for drops in range(n + 1):
        for reduction in ("none", "dynamic"):
            found = explore(one_set_judged, n, faults=Budget(drops=drops), reduction=reduction)
            heard = {end for end in found.coverage if end.startswith("heard")}
            assert len(heard) == 2**n - 1
            assert found.ends == sum(binomial(n, lost) for lost in range(drops + 1))


def binomial(n: int, k: int) -> int:
    return factorial(n) // factorial(k) // factorial(n - k)


class Pinger(Actor):
    def __init__(self, other: PeerId) -> None:
        self.other = other

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        if ctx.id == "a":
            ctx.send(self.other, Add(0))

    @on(Add)
    def back(self, ctx: Context, sender: PeerId, message: Add) -> None:
        ctx.send(sender, message)


def ping_pong(world: StillWorld, rest: int) -> None:
    world.spawn("a", lambda: Pinger("b"))
    world.spawn("b", lambda: Pinger("a"))
    if rest:
        counters(world, rest)


@pytest.mark.parametrize("rest", [0, 3])
def test_an_endless_exchange_is_a_cycle_and_ends_the_search(rest: int) -> None:
    found = explore(ping_pong, rest)
    assert found.complete
    assert found.ends == 0
    assert found.local_states == explore(ping_pong, rest, reduction="none").local_states
    assert found.states == 2 * 2**rest  # around a cycle nothing is left out


def test_bounds_are_kept_and_admitted() -> None:
    deep = explore(one_list, 4, depth=2)
    assert (deep.deepest, deep.complete) == (2, False)
    assert (deep.states, deep.transitions) == (1 + 4, 4 + 12)
    few = explore(one_list, 5, states=50)
    assert (few.states, few.complete) == (50, False)
    asked: list[tuple[int, int]] = []

    def enough(states: int, transitions: int) -> bool:
        asked.append((states, transitions))
        return False

    stopped = explore(one_list, 7, progress=enough)
    assert not stopped.complete
    assert asked == [(stopped.states, stopped.transitions)]


class Step(Message, frozen=True):
    name: str


class Detour(Actor):
    """First p and then q is the long way to a place from which two more steps arrive."""

    def __init__(self) -> None:
        self.at = ""

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        ctx.send(ctx.id, Step("p"))
        ctx.send(ctx.id, Step("q"))

    @on(Step)
    def step(self, ctx: Context, sender: PeerId, message: Step) -> None:
        self.at += message.name
        if self.at in ("qp", "pqr"):
            self.at = "place"
            ctx.send(ctx.id, Step("!"))
        elif self.at == "pq":
            ctx.send(ctx.id, Step("r"))
        elif self.at == "place!":
            ctx.send(ctx.id, Step("!"))
        elif self.at == "place!!":
            ctx.sometimes("arrived")


def test_a_state_cut_short_by_depth_is_explored_again_when_met_nearer_to_the_start() -> None:
    def detour(world: StillWorld, _: None) -> None:
        world.spawn("walker", Detour)

    assert explore(detour, depth=3, reduction="none").coverage == ()
    assert explore(detour, depth=4, reduction="none").coverage == ("arrived",)


class Rival(Actor):
    """Arms a timer that waits, after so many that do not."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        self.on_timer(ctx, "go")

    def on_timer(self, ctx: Context, name: str) -> None:
        if name == "go":
            ctx.set_timer("go" if self.steps else "late", 0.0 if self.steps else 1.0)
            self.steps -= 1
        else:
            ctx.sometimes(f"{ctx.id} was late")


@pytest.mark.parametrize("others", [(1,), (2,), (1, 1), (3, 2, 1)])
def test_whoever_comes_too_late_for_the_budget_may_have_come_earlier(
    others: tuple[int, ...],
) -> None:
    """The last fault of the budget hides what another could have done with it."""

    def rivals(world: StillWorld, _: None) -> None:
        for number, steps in enumerate((0, *others)):
            world.spawn(f"rival-{number}", lambda steps=steps: Rival(steps))
        world.check(AtTheEnd())

    found = explore(rivals, faults=Budget(timeouts=1))
    assert found.coverage == tuple(f"rival-{one} was late" for one in range(len(others) + 1))
    assert found.ends == explore(rivals, faults=Budget(timeouts=1), reduction="none").ends


def test_unsynced_writes_meet_every_fate() -> None:
    def crashed(fates: tuple[str, ...]) -> list[tuple[str, bytes | None]]:
        store = ExploredStore()
        store.put("a", b"old")
        store.sync()
        store.put("b", b"1234")
        store.put("a", b"new!")
        assert len(store.fates()) == 9
        store.crash_with(fates)
        assert store.fates() == ((),)
        keys = store.keys()
        return [(key, store.get(key)) for key in keys]

    assert crashed((LOST, LOST)) == [("a", b"old")]
    assert crashed((KEPT, LOST)) == [("a", b"new!")]
    assert crashed((TORN, KEPT)) == [("a", b"ne"), ("b", b"1234")]
    many = ExploredStore()
    for key in "abc":
        many.put(key, b"12")
    assert len(set(many.fates())) == 2 + 3 * 3


def test_what_cannot_be_explored_is_refused_in_one_line() -> None:
    class Awaiting(Actor):
        @on(Add)
        async def add(self, ctx: Context, sender: PeerId, message: Add) -> None:
            await ctx.sleep(1.0)

    class Starting(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.start(ctx.sleep(1.0), "later")

    shared: list[int] = []

    class Sharing(Actor):
        def __init__(self) -> None:
            self.shared = shared

        @on(Add)
        def add(self, ctx: Context, sender: PeerId, message: Add) -> None:
            self.shared.append(message.what)

    for actor, told in ((Awaiting, "async"), (Starting, "messages and timers only")):
        with pytest.raises(UserError, match=told):
            explore(lambda world, _, actor=actor: world.spawn("a", actor))

    def sharing(world: StillWorld, _: object) -> None:
        for name in ("a", "b"):
            world.spawn(name, Sharing)
        world.spawn("source", lambda: Source(("a", "b", "a", "b")))

    with pytest.raises(UserError, match="shares something"):
        explore(sharing, reduction="none")
    with pytest.raises(UserError, match="no peer"):
        explore(lambda world, _: None)


def test_a_timer_that_waits_longer_cannot_overtake_on_one_clock() -> None:
    class Clock(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("late", 2.0)
            ctx.set_timer("soon", 1.0)
            ctx.set_timer("later", 2.0)

        def on_timer(self, ctx: Context, name: str) -> None:
            self.fired = f"{getattr(self, 'fired', '')} {name}"
            ctx.sometimes(self.fired)

    def build(world: StillWorld, _: object) -> None:
        world.spawn("a", Clock)

    found = explore(build, faults=Budget(timeouts=3))
    assert found.coverage == tuple(sorted((
        " late", " late soon", " late soon later", " soon", " soon late", " soon late later",
    )))  # fmt: skip


def test_exploring_twice_finds_the_same() -> None:
    def once() -> Exploration:
        return explore(watched_counters, 4, faults=Budget(drops=1))

    assert once() == once()
