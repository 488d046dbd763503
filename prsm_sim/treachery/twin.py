"""A twin: two correct instances of one actor under one name (Bano et al., "Twins", OPODIS 2021).

Both instances run the honest code, sign with the same key and know nothing of each other; each has
its own memory, store, timers and random numbers, and its own part of the network. What they say
together is what only a Byzantine peer can say: two orders for one sequence number, two votes for
one view, a past forgotten. A twin may lead like any other peer.

The world knows one peer only; the two instances are told apart here. Timers, tags and keys of the
second instance carry a prefix, and the first does not see them. Between twins that conspire a
message travels in a `Whisper` that says which instance sent it and which shall hear it; all others
get the bare message and cannot tell the instances apart.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any, Literal

from prsm_sim.actor.actor import Actor, Handler, find_handler
from prsm_sim.actor.context import Context, Random, Store
from prsm_sim.actor.operations import Operation, Outcome
from prsm_sim.actor.types import Message, PeerId, Seconds
from prsm_sim.treachery.plot import Plot
from prsm_sim.treachery.traitor import Outgoing, Traitor, TraitorLens, handler_of

SECOND = "'"
"""Behind a peer's name it means that peer's second instance."""
Instance = Literal[0, 1]


class Whisper(Message, frozen=True):
    """A message between two twins.

    Attributes:
        hearer: which instance of the receiver it is for.
        body: the message.
    """

    hearer: int
    body: Any


class TwinStore:
    """The part of a peer's store that belongs to one instance.

    Args:
        store: the peer's; syncing one part syncs both.
        prefix: what the keys of the second instance begin with.
        second: whether the part is the second instance's.
    """

    def __init__(self, store: Store, prefix: str, *, second: bool) -> None:
        self._store = store
        self._second = second
        self._mark = prefix
        self._prefix = prefix if second else ""

    def get(self, key: str) -> bytes | None:
        """The value last put under `key`, or None."""
        return self._store.get(self._prefix + key)

    def put(self, key: str, value: bytes) -> None:
        """Write `value` under `key`; durable after the next `sync`."""
        self._store.put(self._prefix + key, value)

    def delete(self, key: str) -> None:
        """Forget `key`; durable after the next `sync`."""
        self._store.delete(self._prefix + key)

    def keys(self) -> list[str]:
        """All keys of this instance, sorted."""
        keys, skipped = self._store.keys(), len(self._prefix)
        return [key[skipped:] for key in keys if key.startswith(self._mark) == self._second]

    def sync(self) -> None:
        """Make every write so far durable."""
        self._store.sync()


class FirstLens(TraitorLens):
    """The context of the first instance: the peer's own, without what is the second's."""

    __slots__ = ("_twin",)

    def __init__(self, twin: "Twin", ctx: Context) -> None:
        super().__init__(twin, ctx)
        self._twin = twin

    @property
    def store(self) -> Store:
        """This instance's part of the store."""
        return TwinStore(self._ctx.store, self._twin.prefix, second=False)


class SecondLens(TraitorLens):
    """The context of the second instance: the same name and key, all else its own."""

    __slots__ = ("_twin",)

    def __init__(self, twin: "Twin", ctx: Context) -> None:
        super().__init__(twin, ctx)
        self._twin = twin

    @property
    def store(self) -> Store:
        """This instance's part of the store."""
        return TwinStore(self._ctx.store, self._twin.prefix, second=True)

    @property
    def rng(self) -> Random:
        """This instance's own random stream."""
        return self._twin.plot.twin_rng

    def send(self, to: PeerId, message: Message) -> None:
        """Send to those whom the second instance reaches."""
        for receiver, sent in self._twin.leaving(self._ctx, 1, to, message):
            self._ctx.send(receiver, sent)

    def ask(
        self, to: PeerId, message: Message, reply: type[Any], timeout: Seconds | None = None
    ) -> Operation[Any]:
        """Ask a peer, whichever instance reaches it: its answer finds its way back by number."""
        return self._ctx.ask(to, message, reply, timeout)

    def set_timer(self, name: str, after_s: Seconds) -> None:
        """Set a timer of the second instance."""
        self._ctx.set_timer(self._twin.prefix + name, after_s)

    def cancel_timer(self, name: str) -> None:
        """Disarm a timer of the second instance."""
        self._ctx.cancel_timer(self._twin.prefix + name)

    def start(self, operation: Operation[Any], tag: str) -> None:
        """Begin an operation of the second instance."""
        self._ctx.start(operation, self._twin.prefix + tag)


class Twin(Traitor):
    """Two instances behind one name.

    Args:
        inner: the first instance.
        plot: the fault's part in the run; it makes the second instance.
    """

    def __init__(self, inner: Actor, plot: Plot) -> None:
        super().__init__(inner, plot)
        self.second = plot.honest()
        self.prefix = f"twin {plot.number}\x00"
        self._lives = False
        self._to_self: deque[Instance] = deque()
        plot.conspiracy.twins.add(plot.fault.peer)

    @classmethod
    def table(cls, inner_type: type[Actor]) -> dict[type[Message], Handler]:
        """The inner actor's handlers, and one for what other twins whisper."""
        return {**super().table(inner_type), Whisper: Handler(cls.overhear, False, False, True)}

    def look(self, ctx: Context) -> Context:
        """The context of the first instance."""
        return FirstLens(self, ctx)

    def is_harmless(self, ctx: Context) -> bool:
        """Never: even a lone instance is told apart from the other, and whispers to twins."""
        return False

    # Life.

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """Start the first instance now, the second when the fault strikes."""
        super().on_start(ctx, recovered)
        if self.plot.is_on(ctx):
            self._start_second(ctx)
        elif ctx.now < self.plot.fault.at_s:
            ctx.set_timer(self.plot.timer, self.plot.fault.at_s - ctx.now)

    def _start_second(self, ctx: Context) -> None:
        self._lives = True
        lens = SecondLens(self, ctx)
        self.second.on_start(lens, lens.store.get("state"))

    def on_timer(self, ctx: Context, name: str) -> None:
        """A timer of one of the two, or the one that brings the second to life."""
        if name == self.plot.timer:
            self._start_second(ctx)
        elif not name.startswith(self.prefix):
            super().on_timer(ctx, name)
        elif self._is_alive(ctx):
            self.second.on_timer(SecondLens(self, ctx), name[len(self.prefix) :])

    def on_complete(self, ctx: Context, tag: str, outcome: Outcome) -> None:
        """An outcome for one of the two."""
        if not tag.startswith(self.prefix):
            super().on_complete(ctx, tag, outcome)
        elif self._is_alive(ctx):
            self.second.on_complete(SecondLens(self, ctx), tag[len(self.prefix) :], outcome)

    def _is_alive(self, ctx: Context) -> bool:
        """Whether the second instance lives now."""
        return self._lives and not self.plot.is_over(ctx)

    # Who reaches whom.

    def reaches(self, ctx: Context, instance: Instance, other: str) -> bool:
        """Whether an instance is connected now to a peer, or to an instance of another twin."""
        if not self._is_alive(ctx):
            return instance == 0
        fault = self.plot.fault
        if not fault.rounds:
            if other.removesuffix(SECOND) in self.plot.conspiracy.members:
                return other.endswith(SECOND) == (instance == 1)
            return (other in self.plot.half(ctx)) == (instance == 1)
        number = int((ctx.now - fault.at_s) / fault.round_s)
        if number >= len(fault.rounds):
            return instance == 0
        return other in fault.rounds[number][instance]

    def outgoing(self, ctx: Context, to: PeerId, message: Message) -> Outgoing:
        """What leaves when the first instance sends."""
        return self.leaving(ctx, 0, to, message)

    def leaving(
        self, ctx: Context, instance: Instance, to: PeerId, message: Message
    ) -> Iterator[tuple[PeerId, Message]]:
        """What leaves when an instance sends `message` to `to`."""
        if to == ctx.id:
            self._to_self.append(instance)
            yield to, message
            return
        if instance == 1 and not self._is_alive(ctx):
            return
        is_twin = to in self.plot.conspiracy.twins
        for hearer, name in enumerate((to, to + SECOND) if is_twin else (to,)):
            if self.reaches(ctx, instance, name):
                if instance == 1:
                    self.plot.struck()
                yield to, Whisper(hearer, message) if is_twin else message

    # Who hears what.

    def _hearers(self, ctx: Context, sender: PeerId) -> tuple[Instance, ...]:
        """The instances that hear a message from `sender`."""
        if sender == ctx.id:
            return (self._to_self.popleft(),) if self._to_self else (0,)
        instances: tuple[Instance, ...] = (0, 1)
        return tuple(one for one in instances if not sender or self.reaches(ctx, one, sender))

    def _instance(self, ctx: Context, which: int) -> tuple[Actor, Context] | None:
        """An instance and its context; None: it does not live."""
        if which == 0:
            return self.inner, self.lens(ctx)
        return (self.second, SecondLens(self, ctx)) if self._is_alive(ctx) else None

    def receive(self, ctx: Context, sender: PeerId, message: Message) -> Message | None:
        """Hand `message` to those that hear it."""
        replies = [self._tell(ctx, one, sender, message) for one in self._hearers(ctx, sender)]
        return self._one_of(ctx, sender, replies)

    def _tell(self, ctx: Context, which: int, sender: PeerId, message: Message) -> Message | None:
        instance = self._instance(ctx, which)
        if instance is None:
            return None
        actor, lens = instance
        reply: Message | None = handler_of(actor, message).function(actor, lens, sender, message)
        return reply

    @staticmethod
    def _one_of(ctx: Context, to: PeerId, replies: list[Message | None]) -> Message | None:
        """The first reply, which the world sends; a second one leaves here."""
        there = [one for one in replies if one is not None]
        for reply in there[1:]:
            ctx.send(to, reply)
        return there[0] if there else None

    async def receive_async(self, ctx: Context, sender: PeerId, message: Message) -> Message | None:
        """Hand `message` to those that hear it, one after the other."""
        replies: list[Message | None] = []
        for which in self._hearers(ctx, sender):
            instance = self._instance(ctx, which)
            if instance is not None:
                actor, lens = instance
                function = handler_of(actor, message).function
                replies.append(await function(actor, lens, sender, message))
        return self._one_of(ctx, sender, replies)

    def overhear(self, ctx: Context, sender: PeerId, whisper: Whisper) -> Message | None:
        """A message of another twin for one of the two."""
        instance = self._instance(ctx, whisper.hearer)
        if instance is None or find_handler(instance[0].handlers, type(whisper.body)) is None:
            return None
        return self._tell(ctx, whisper.hearer, sender, whisper.body)
