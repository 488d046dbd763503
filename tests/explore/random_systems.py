"""Small actor systems drawn at random: each actor is a table from (state, event) to effects."""

from typing import TypeAlias

from hypothesis import strategies as st

from prsm_sim.actor import Actor, Context, Fact, Message, PeerId, on
from prsm_sim.checker import Checker
from prsm_sim.explore import StillWorld

NAMES = ("a", "b", "c")
EVENTS = ("start", "x", "y", "tick", "tock")
Effect: TypeAlias = tuple[str, ...]
Table: TypeAlias = dict[tuple[int, str], tuple[int, tuple[Effect, ...]]]
System: TypeAlias = tuple[Table, ...]


class X(Message, frozen=True):
    lives: int


class Y(Message, frozen=True):
    lives: int


class Told(Fact, frozen=True):
    what: str


KINDS = {"x": X, "y": Y}


class Machine(Actor):
    """Does what its table says; messages die out, for each has a life less than what caused it."""

    def __init__(self, table: Table, lives: int) -> None:
        self.table = table
        self.state = 0
        self.lives = lives

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        if recovered is not None:
            self.state = recovered[0] if recovered else 1
            self.lives = 0
        self.do(ctx, "start", self.lives)

    def on_timer(self, ctx: Context, name: str) -> None:
        self.lives -= 1
        self.do(ctx, name, self.lives)

    @on(X, Y)
    def take(self, ctx: Context, sender: PeerId, message: X | Y) -> None:
        self.do(ctx, "x" if isinstance(message, X) else "y", message.lives)

    def do(self, ctx: Context, event: str, lives: int) -> None:
        self.state, effects = self.table.get((self.state, event), (self.state, ()))
        for effect in effects:
            self.have(ctx, effect, lives)

    def have(self, ctx: Context, effect: Effect, lives: int) -> None:
        match effect:
            case "send", to, kind if lives > 0:
                ctx.send(to, KINDS[kind](lives - 1))
            case "publish", kind if lives > 0:
                ctx.publish("news", KINDS[kind](lives - 1))
            case ("subscribe",):
                ctx.subscribe("news")
            case ("unsubscribe",):
                ctx.unsubscribe("news")
            case "set", name, delay if self.lives > 0:
                ctx.set_timer(name, float(delay))
            case "cancel", name:
                ctx.cancel_timer(name)
            case "tell", what:
                ctx.emit(Told(what))
            case ("put",):
                ctx.store.put("state", bytes([self.state]))
            case ("sync",):
                ctx.store.sync()


class Recorder(Checker):
    """Remembers all facts in order; complains of a word, or of how it all ended."""

    name = "recorder"
    facts = (Told,)

    def __init__(self, forbidden: str = "") -> None:
        super().__init__()
        self.forbidden = forbidden
        self.seen = ""

    def observe(self, time_s: float, peer: PeerId, fact: Fact) -> str | None:
        assert isinstance(fact, Told)
        self.evaluations += 1
        self.seen += peer + fact.what
        return self.seen if self.forbidden and self.forbidden in self.seen else None

    def finish(self, time_s: float) -> str | None:
        return None


class EachByItself(Recorder):
    """Indifferent to how the facts of different peers interleave."""

    name = "each by itself"
    indifferent = True

    def canonical_state(self) -> object:
        words = [self.seen[at : at + 2] for at in range(0, len(self.seen), 2)]
        return [[word for word in words if word[0] == name] for name in NAMES]


def effects(crashes: bool, topics: bool) -> st.SearchStrategy[Effect]:
    kinds = st.sampled_from(("x", "y"))
    timers = st.sampled_from(("tick", "tock"))
    send = st.tuples(st.just("send"), st.sampled_from((*NAMES, "nobody")), kinds)
    options: list[st.SearchStrategy[Effect]] = [
        send,
        send,
        st.tuples(st.just("tell"), st.sampled_from("pq")),
        st.tuples(st.just("set"), timers, st.sampled_from("012")),
        st.tuples(st.just("cancel"), timers),
    ]
    if crashes:
        options += [st.just(("put",)), st.just(("sync",))]
    if topics:
        options += [
            st.just(("subscribe",)),
            st.just(("unsubscribe",)),
            st.tuples(st.just("publish"), kinds),
        ]
    return st.one_of(options)


def systems(*, crashes: bool = False, topics: bool = False) -> st.SearchStrategy[System]:
    reaction = st.tuples(
        st.integers(0, 2), st.lists(effects(crashes, topics), max_size=3).map(tuple)
    )
    keys = st.tuples(st.integers(0, 2), st.sampled_from(EVENTS))
    table = st.dictionaries(keys, reaction, min_size=2, max_size=9)
    start = st.lists(effects(crashes, topics), min_size=1, max_size=3).map(tuple)

    def begin(table: Table, first: tuple[Effect, ...]) -> Table:
        return {**table, (0, "start"): (0, first)}

    return st.tuples(*(st.builds(begin, table, start) for _ in NAMES))


def build_system(world: StillWorld, parameters: "tuple[System, int, Checker | None]") -> None:
    system, lives, checker = parameters
    for name, table in zip(NAMES, system, strict=True):
        world.spawn(name, lambda table=table: Machine(table, lives))
    if checker is not None:
        world.check(checker)
