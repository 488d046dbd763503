"""Protocols with a planted bug: it is found, told briefly, and gone once mended."""

from collections.abc import Callable

import pytest

from prsm_sim.actor import Actor, Context, Fact, Message, PeerId, UserError, on
from prsm_sim.checker import Agreement, Checker
from prsm_sim.explore import Budget, StillWorld, explore, replay_tape
from prsm_sim.scenario import ScenarioParameters, scenario


class Ask(Message, frozen=True):
    pass


class Grant(Message, frozen=True):
    pass


class Free(Message, frozen=True):
    pass


class Entered(Fact, frozen=True):
    pass


class Left(Fact, frozen=True):
    pass


class Exclusion(Checker):
    """At most one peer is inside at a time: here the order of facts of different peers matters."""

    name = "exclusion"
    facts = (Entered, Left)

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[PeerId] = []

    def observe(self, time_s: float, peer: PeerId, fact: Fact) -> str | None:
        self.evaluations += 1
        if isinstance(fact, Left):
            self.inside.remove(peer)
            return None
        self.inside.append(peer)
        return f"{' and '.join(self.inside)} are inside" if len(self.inside) > 1 else None

    def finish(self, time_s: float) -> str | None:
        return f"{self.inside[0]} never left" if self.inside else None


class Server(Actor):
    """Lends one lock. Broken: a lock given back is lent to *everyone* who waits."""

    def __init__(self, broken: bool) -> None:
        self.broken = broken
        self.taken = False
        self.waiting: list[PeerId] = []

    @on(Ask)
    def ask(self, ctx: Context, sender: PeerId, message: Ask) -> None:
        if self.taken:
            self.waiting.append(sender)
        else:
            self.taken = True
            ctx.send(sender, Grant())

    @on(Free)
    def free(self, ctx: Context, sender: PeerId, message: Free) -> None:
        count = len(self.waiting) if self.broken else 1
        lucky, self.waiting = self.waiting[:count], self.waiting[count:]
        self.taken = bool(lucky)
        for peer in lucky:
            ctx.send(peer, Grant())


class Worker(Actor):
    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        ctx.send("server", Ask())

    @on(Grant)
    def grant(self, ctx: Context, sender: PeerId, message: Grant) -> None:
        ctx.emit(Entered())
        ctx.set_timer("leave", 0.0)

    def on_timer(self, ctx: Context, name: str) -> None:
        ctx.emit(Left())
        ctx.send("server", Free())


class LockParameters(ScenarioParameters):
    workers: int = 3
    broken: bool = True


@scenario(LockParameters)
def lock(world: StillWorld, parameters: LockParameters) -> None:
    """A lock server and its workers."""
    world.spawn("server", lambda: Server(parameters.broken))
    for number in range(parameters.workers):
        world.spawn(f"worker-{number}", Worker)
    world.check(Exclusion())


def test_a_lock_that_is_lent_twice() -> None:
    found = explore(lock, LockParameters())
    assert found.by == "exclusion"
    assert not found.complete
    # Three ask, one enters and leaves, frees the lock, and the two others enter.
    assert len(found.story) == len(found.tape) == 8
    assert found.story[0].startswith("1. deliver Ask() from worker-")
    assert found.story[-1].startswith("8. deliver Grant() from server to worker-")
    assert explore(lock, LockParameters(workers=2)).violation is None


@pytest.mark.parametrize("workers", [2, 3])
def test_the_mended_lock_is_proved(workers: int) -> None:
    found = explore(lock, LockParameters(workers=workers, broken=False))
    assert found.complete
    assert found.violation is None


def test_the_shortest_tape_is_the_shortest_there_is() -> None:
    assert len(explore(lock, LockParameters(), shortest=True).tape) == 8


def test_a_tape_replays_and_names_what_it_cannot_replay() -> None:
    parameters = LockParameters()
    found = explore(lock, parameters)
    replayed = replay_tape(lock, parameters, found.tape)
    assert (replayed.wrong, replayed.by, replayed.story) == (found.violation, found.by, found.story)
    assert replay_tape(lock, parameters, found.tape[:-1]).wrong == ""
    with pytest.raises(UserError, match=r"step 1 of the tape .* is not possible"):
        replay_tape(lock, parameters, found.tape[-1:])


def test_a_duplicate_frees_a_lock_that_is_taken() -> None:
    mended = LockParameters(workers=3, broken=False)
    found = explore(lock, mended, faults=Budget(duplicates=1))
    assert found.by == "exclusion"
    assert sum(choice.kind == "duplicate" for choice in found.tape) == 1
    assert any("duplicate" in line for line in found.story)


def test_a_loss_leaves_a_worker_without_the_lock_and_nobody_inside_for_ever() -> None:
    mended = LockParameters(workers=2, broken=False)
    assert explore(lock, mended, faults=Budget(drops=1)).complete


class Read(Message, frozen=True):
    pass


class Value(Message, frozen=True):
    value: int


class Write(Message, frozen=True):
    old: int
    value: int


class Total(Fact, frozen=True):
    value: int


class Cell(Actor):
    """A shared number. With `compares` a write is refused if the number has changed meanwhile."""

    def __init__(self, compares: bool, writers: int) -> None:
        self.compares = compares
        self.value = 0
        self.missing = writers

    @on(Read)
    def read(self, ctx: Context, sender: PeerId, message: Read) -> Value:
        return Value(self.value)

    @on(Write)
    def write(self, ctx: Context, sender: PeerId, message: Write) -> Value | None:
        if self.compares and message.old != self.value:
            return Value(self.value)
        self.value = message.value
        self.missing -= 1
        if self.missing == 0:
            ctx.emit(Total(self.value))
        return None


class Adder(Actor):
    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        ctx.send("cell", Read())

    @on(Value)
    def value(self, ctx: Context, sender: PeerId, message: Value) -> None:
        ctx.send("cell", Write(message.value, message.value + 1))


def adding(world: StillWorld, parameters: tuple[bool, int]) -> None:
    compares, writers = parameters
    world.spawn("cell", lambda: Cell(compares, writers))
    for number in range(writers):
        world.spawn(f"adder-{number}", Adder)
    world.check(Agreement(Total, lambda _: 0, lambda fact: fact.value))
    world.check(AtLeast(writers))


class AtLeast(Checker):
    name = "no update is lost"
    facts = (Total,)
    indifferent = True

    def __init__(self, total: int) -> None:
        super().__init__()
        self.total = total

    def observe(self, time_s: float, peer: PeerId, fact: Fact) -> str | None:
        assert isinstance(fact, Total)
        return None if fact.value == self.total else f"{self.total} were added, {fact.value} came"


def test_a_lost_update() -> None:
    found = explore(adding, (False, 2), shortest=True)
    assert found.violation == "2 were added, 1 came"
    assert [line.split(". ")[1].split("(")[0] for line in found.story] == [
        "deliver Read", "deliver Read", "deliver Value", "deliver Value",
        "deliver Write", "deliver Write",
    ]  # fmt: skip
    assert explore(adding, (False, 2)).by == "no update is lost"
    for writers in (2, 3):
        assert explore(adding, (True, writers)).complete


class Vote(Message, frozen=True):
    term: int


class Granted(Message, frozen=True):
    term: int


class Elected(Fact, frozen=True):
    term: int


class Voter(Actor):
    """Raft's election: one vote a term, a majority of votes leads.

    Careful voters remember their vote on disk before they give it. Forgetful ones write it and
    do not sync: a vote is given twice if a voter crashes between two requests, and the write was
    lost, and the other candidate asks then.
    """

    def __init__(self, members: tuple[PeerId, ...], careful: bool) -> None:
        self.members = members
        self.careful = careful
        self.voted = 0
        self.term = 0
        self.votes: set[PeerId] = set()

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        self.voted = recovered[0] if recovered else 0
        if ctx.id != self.members[-1] and recovered is None:
            ctx.set_timer("election", 1.0)

    def on_timer(self, ctx: Context, name: str) -> None:
        if self.voted < 1:
            self.vote(ctx)
            self.term = 1
            self.votes = {ctx.id}
            ctx.broadcast(Vote(1))

    def vote(self, ctx: Context) -> None:
        self.voted = 1
        ctx.store.put("state", bytes([1]))
        if self.careful:
            ctx.store.sync()

    @on(Vote)
    def asked(self, ctx: Context, sender: PeerId, message: Vote) -> None:
        if self.voted < message.term:
            self.vote(ctx)
            ctx.send(sender, Granted(message.term))

    @on(Granted)
    def granted(self, ctx: Context, sender: PeerId, message: Granted) -> None:
        before = len(self.votes)
        self.votes.add(sender)
        if before < 2 <= len(self.votes):
            ctx.emit(Elected(self.term))


def election(world: StillWorld, careful: bool) -> None:
    members = ("a", "b", "c")
    for name in members:
        world.spawn(name, lambda: Voter(members, careful))
    world.check(Agreement(Elected, lambda fact: fact.term, lambda _: "leader"))
    world.check(OneLeader())


class OneLeader(Checker):
    name = "one leader a term"
    facts = (Elected,)
    indifferent = True

    def __init__(self) -> None:
        super().__init__()
        self.leaders: dict[int, PeerId] = {}

    def observe(self, time_s: float, peer: PeerId, fact: Fact) -> str | None:
        assert isinstance(fact, Elected)
        first = self.leaders.setdefault(fact.term, peer)
        return None if first == peer else f"{first} and {peer} lead term {fact.term}"


def test_two_leaders_need_one_crash_at_one_moment_with_one_fate() -> None:
    found = explore(election, False, faults=Budget(crashes=1, timeouts=2))
    assert found.by == "one leader a term"
    kinds = [choice.kind for choice in found.tape]
    assert sorted(kinds) == sorted(
        ["timer"] * 2 + ["deliver"] * 4 + ["crash", "restart"]
    ), found.story  # fmt: skip
    crash = next(choice for choice in found.tape if choice.kind == "crash")
    assert crash.fates in (("lost",), ("torn",)), "the vote must not survive"


@pytest.mark.parametrize(
    ("careful", "budget"),
    [
        (True, Budget(crashes=1, timeouts=2)),
        (True, Budget(drops=1, duplicates=1, timeouts=2)),
        (False, Budget(drops=1, duplicates=1, timeouts=2)),
        (False, Budget(crashes=1, timeouts=1)),
    ],
)
def test_no_two_leaders_without_all_of_that(careful: bool, budget: Budget) -> None:
    found = explore(election, careful, faults=budget)
    assert found.complete
    assert found.violation is None


class Fragile(Actor):
    def __init__(self) -> None:
        self.heard: list[PeerId] = []

    @on(Ask)
    def ask(self, ctx: Context, sender: PeerId, message: Ask) -> None:
        self.heard.append(sender)
        if self.heard == ["worker-2", "worker-0", "worker-1"]:
            raise ZeroDivisionError("only in this order")


def fragile(world: StillWorld, _: None) -> None:
    world.spawn("server", Fragile)
    for number in range(3):
        world.spawn(f"worker-{number}", Worker)


def test_a_handler_that_raises_in_one_order_of_six() -> None:
    found = explore(fragile)
    assert (found.by, found.violation) == ("server", "ZeroDivisionError: only in this order")
    assert [choice.sender for choice in found.tape] == ["worker-2", "worker-0", "worker-1"]


def test_a_scenario_with_faults_at_set_times_is_refused() -> None:
    from prsm_sim.faults import Crash

    def timed(world: StillWorld, _: None) -> None:
        fragile(world, None)
        world.schedule(Crash(at_s=1.0, peer="server"))

    with pytest.raises(UserError, match="crash"):
        explore(timed)


def test_a_checker_that_remembers_outside_itself_is_refused() -> None:
    outside: list[PeerId] = []

    def judge(peer: PeerId, fact: Fact) -> str | None:
        outside.append(peer)
        return None

    def build(world: StillWorld, _: None) -> None:
        lock.build(world, LockParameters())
        world.check(make_always(judge))

    with pytest.raises(UserError, match="outside itself"):
        explore(build)


def make_always(judge: Callable[[PeerId, Fact], str | None]) -> Checker:
    from prsm_sim.checker import Always

    return Always("always", Entered, judge)
