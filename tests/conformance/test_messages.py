"""The contract of messages: order, topics, neighbours, replies, wrappers."""

from collections.abc import Iterable

import networkx

from prsm_sim.actor import Actor, Context, Message, PeerId, Wrapper, on
from prsm_sim.chance import Stream
from tests.conformance.conftest import Bench, Finished, Seen


class Number(Message, frozen=True):
    n: int


class Word(Message, frozen=True):
    text: str


class Burst(Actor):
    """Sends numbers 0, 1, … to a peer as soon as it starts, every third by broadcast."""

    def __init__(self, to: PeerId, count: int) -> None:
        self.to, self.count = to, count

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        ctx.set_timer("burst", 0.01)

    def on_timer(self, ctx: Context, name: str) -> None:
        for n in range(self.count):
            if n % 3 == 0:
                ctx.broadcast(Number(n), (self.to,))
            else:
                ctx.send(self.to, Number(n))


class Listener(Actor):
    """Says from whom it heard what; finishes after `expected` messages."""

    def __init__(self, expected: int, topics: tuple[str, ...] = ()) -> None:
        self.expected, self.topics = expected, topics

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        for topic in self.topics:
            ctx.subscribe(topic)

    @on(Number, Word)
    def hear(self, ctx: Context, sender: PeerId, message: Number | Word) -> None:
        text = str(message.n) if isinstance(message, Number) else message.text
        ctx.emit(Seen(f"{sender}:{text}"))
        self.expected -= 1
        if self.expected == 0:
            ctx.emit(Finished())


def test_messages_of_one_sender_arrive_in_the_order_they_were_sent(bench: Bench) -> None:
    for name in ("a", "b"):
        bench.spawn(name, lambda: Burst("listener", 60))
    bench.spawn("listener", lambda: Listener(120))
    bench.finish()
    for name in ("a", "b"):
        heard = [word for word in bench.words() if word.startswith(name)]
        assert heard == [f"{name}:{n}" for n in range(60)]


def test_messages_keep_their_content(bench: Bench) -> None:
    strange = "naïve \x00 \u2603 " + "x" * 5000

    class Speaker(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.send("listener", Word(strange))

    bench.spawn("listener", lambda: Listener(1))
    bench.spawn("speaker", Speaker)
    bench.finish()
    assert bench.words() == [f"speaker:{strange}"]


def test_names_may_hold_wildcards_and_slashes(bench: Bench) -> None:
    names = ["a/b", "+", "#", "50%", "é ☃"]

    class Speaker(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("speak", 0.05)

        def on_timer(self, ctx: Context, name: str) -> None:
            ctx.send("listener/+", Word("hello"))

    bench.spawn("listener/+", lambda: Listener(len(names)))
    for name in names:
        bench.spawn(name, Speaker)
    bench.finish()
    assert sorted(bench.words()) == sorted(f"{name}:hello" for name in names)


def test_a_message_to_oneself_comes_after_the_current_handler(bench: Bench) -> None:
    class Own(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.send(ctx.id, Word("later"))
            ctx.emit(Seen("first"))

        @on(Word)
        def hear(self, ctx: Context, sender: PeerId, message: Word) -> None:
            ctx.emit(Seen(f"{sender}:{message.text}"))
            ctx.emit(Finished())

    bench.spawn("own", Own)
    bench.finish()
    assert bench.words() == ["first", "own:later"]


def test_a_broadcast_reaches_all_peers_but_oneself(bench: Bench) -> None:
    class Caller(Listener):
        def on_timer(self, ctx: Context, name: str) -> None:
            ctx.emit(Seen(" ".join(ctx.peers)))
            ctx.broadcast(Word("hello"))

        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("call", 0.05)

    bench.spawn("caller", lambda: Caller(99))
    for name in ("c", "a", "b"):
        bench.spawn(name, lambda: Listener(99))
    bench.run(until=0.4)
    assert bench.words("caller") == ["a b c"]
    assert [bench.words(name) for name in "abc"] == [["caller:hello"]] * 3


def test_a_broadcast_reaches_only_neighbours_where_there_is_a_topology(bench: Bench) -> None:
    class Caller(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("call", 0.05)

        def on_timer(self, ctx: Context, name: str) -> None:
            ctx.broadcast(Word("hello"))

    bench.world.connect(networkx.Graph([("caller", "c"), ("caller", "a"), ("a", "b")]))
    bench.spawn("caller", Caller)
    bench.spawn("second", Caller, peers=("b",))
    for name in "abc":
        bench.spawn(name, lambda: Listener(99))
    bench.run(until=0.4)
    assert [bench.words(name) for name in "abc"] == [
        ["caller:hello"],
        ["second:hello"],
        ["caller:hello"],
    ]


def test_publish_reaches_subscribers_but_oneself(bench: Bench) -> None:
    class Publisher(Listener):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            super().on_start(ctx, recovered)
            ctx.set_timer("publish", 0.1)

        def on_timer(self, ctx: Context, name: str) -> None:
            ctx.publish("news/sport", Word("goal"))
            ctx.publish("news", Word("rain"))

    class Fickle(Listener):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            super().on_start(ctx, recovered)
            ctx.unsubscribe("news")

    bench.spawn("publisher", lambda: Publisher(99, ("news", "news/sport")))
    bench.spawn("fan", lambda: Listener(99, ("news/sport",)))
    bench.spawn("reader", lambda: Listener(99, ("news/sport", "news")))
    bench.spawn("fickle", lambda: Fickle(99, ("news",)))
    bench.spawn("deaf", lambda: Listener(99))
    bench.run(until=0.5)
    assert bench.words("fan") == ["publisher:goal"]
    assert bench.words("reader") == ["publisher:goal", "publisher:rain"]
    assert len(bench.seen) == 3


def test_a_message_from_outside_has_no_sender(bench: Bench) -> None:
    bench.spawn("listener", lambda: Listener(1))
    bench.post("listener", Word("hello"))
    bench.finish()
    assert bench.words() == [":hello"]


def test_what_a_handler_returns_goes_back_to_the_sender(bench: Bench) -> None:
    class Doubler(Actor):
        @on(Number)
        def double(self, ctx: Context, sender: PeerId, message: Number) -> Word:
            return Word(str(2 * message.n))

    class Asker(Listener):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.send("doubler", Number(21))

    bench.spawn("doubler", Doubler)
    bench.spawn("asker", lambda: Asker(1))
    bench.finish()
    assert bench.words() == ["doubler:42"]


def test_a_catch_all_handler_takes_what_no_other_takes(bench: Bench) -> None:
    class CatchAll(Actor):
        def accepts(self) -> tuple[type[Message], ...]:
            return (Number, Word)

        @on(Number)
        def number(self, ctx: Context, sender: PeerId, message: Number) -> None:
            ctx.emit(Seen("number"))

        @on(Message)
        def rest(self, ctx: Context, sender: PeerId, message: Message) -> None:
            ctx.emit(Seen(f"rest {type(message).__name__}"))
            ctx.emit(Finished())

    class Speaker(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.send("catch", Number(1))
            ctx.send("catch", Word("x"))

    bench.spawn("catch", CatchAll)
    bench.spawn("speaker", Speaker)
    bench.finish()
    assert bench.words() == ["number", "rest Word"]


def test_a_wrapper_alters_what_its_actor_says_and_hears_for_it(bench: Bench) -> None:
    class Liar(Wrapper):
        def outgoing(
            self, ctx: Context, to: PeerId, message: Message
        ) -> Iterable[tuple[PeerId, Message]]:
            assert isinstance(message, Word)
            return () if to == "b" else ((to, Word(message.text.upper())),)

    class Honest(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("ready", 0.05)

        def on_timer(self, ctx: Context, name: str) -> None:
            ctx.broadcast(Word(name), ("a", "b"))

        @on(Number)
        def hear(self, ctx: Context, sender: PeerId, message: Number) -> None:
            ctx.send("a", Word(f"heard {message.n}"))

    class Prompter(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("prompt", 0.2)

        def on_timer(self, ctx: Context, name: str) -> None:
            ctx.send("liar", Number(5))

    bench.spawn("liar", lambda: Liar(Honest()))
    bench.spawn("a", lambda: Listener(2))
    bench.spawn("b", lambda: Listener(99))
    bench.spawn("prompter", Prompter)
    bench.finish()
    assert bench.words("a") == ["liar:READY", "liar:HEARD 5"]
    assert bench.words("b") == []


def test_what_an_actor_does_not_handle_is_dropped_and_counted(bench: Bench) -> None:
    class Speaker(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.send("picky", Word("x"))
            ctx.send("nobody", Word("x"))

    class Picky(Actor):
        @on(Number)
        def number(self, ctx: Context, sender: PeerId, message: Number) -> None:
            ctx.emit(Seen("number"))

    bench.spawn("picky", Picky)
    bench.spawn("speaker", Speaker)
    bench.run(until=0.3)
    dropped = sum(n for name, n in bench.counters.items() if name.startswith("dropped: "))
    assert bench.words() == []
    assert dropped >= 1


def test_an_actor_draws_the_same_numbers_in_every_world(bench: Bench) -> None:
    class Gambler(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.emit(Seen(f"{[ctx.rng.randrange(1000) for _ in range(5)]} {ctx.rng.random()}"))
            ctx.emit(Finished())

    bench.spawn("gambler", Gambler)
    bench.finish()
    stream = Stream(7, "gambler", "user")
    expected = f"{[stream.randrange(1000) for _ in range(5)]} {stream.random()}"
    assert bench.words() == [expected]


def test_signatures_bind_signer_and_payload(bench: Bench) -> None:
    class Signed(Message, frozen=True):
        payload: bytes
        signature: bytes

    class Signer(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.send("checker", Signed(b"pay 5", ctx.sign(b"pay 5")))

    class SignatureChecker(Actor):
        @on(Signed)
        def check(self, ctx: Context, sender: PeerId, message: Signed) -> None:
            bent = bytes([message.signature[0] ^ 1]) + message.signature[1:]
            for signer, payload, signature in (
                ("signer", message.payload, message.signature),
                ("signer", b"pay 6", message.signature),
                ("signer", message.payload, bent),
                ("signer", message.payload, b""),
                ("other", message.payload, message.signature),
                ("nobody", message.payload, message.signature),
            ):
                ctx.emit(Seen(str(ctx.verify(signer, payload, signature))))
            ctx.emit(Finished())

    bench.spawn("checker", SignatureChecker)
    bench.spawn("other", Actor)
    bench.spawn("signer", Signer)
    bench.finish()
    assert bench.words() == ["True", "False", "False", "False", "False", "False"]
