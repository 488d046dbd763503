"""The workloads of the kernel benchmark: the same handlers, for our kernel and for its rivals.

A handler does the same work everywhere: it counts, decides, makes a message (of the same class) and
sends it. Ours is an actor that is handed a `ctx`; a rival's peer is a plain object that is handed
the engine's `send`. Random choices are read from prepared lists, so that no engine pays for them.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from typing import Any, Protocol

from prsm_sim.actor import Actor, Context, Message, PeerId, on
from prsm_sim.chance import Stream

Send = Callable[[int, int, Message], None]
"""A rival's ``send(me, to, message)``."""


class Rival(Protocol):
    """A peer of a rival engine."""

    def handle(self, send: Send, sender: int, message: Any, /) -> None:
        """Handle one message of `sender`."""


class Workload(Protocol):
    """Peers and how it all begins."""

    name: str
    size: int

    def actors(self, names: tuple[PeerId, ...]) -> Sequence[Callable[[], Actor]]:
        """Factories of the peers for our kernel, fresh."""

    def rivals(self) -> Sequence[Rival]:
        """The peers for the rivals, fresh."""

    def begin(self) -> list[tuple[int, int, Message]]:
        """The first messages: sender, receiver, message."""


class Hop(Message, frozen=True):
    """A token that goes from peer to peer."""

    hops: int


class Passer(Actor):
    """Passes tokens on to random others."""

    def __init__(self, targets: Iterator[PeerId], last: int) -> None:
        self.seen = 0
        self.targets = targets
        self.last = last

    @on(Hop)
    def hop(self, ctx: Context, sender: PeerId, message: Hop) -> None:
        """Pass a token on, unless it has gone far enough."""
        self.seen += 1
        hops = message.hops
        if hops < self.last:
            ctx.send(next(self.targets), Hop(hops + 1))


class RivalPasser:
    """The same for the rivals."""

    def __init__(self, me: int, targets: Iterator[int], last: int) -> None:
        self.me = me
        self.seen = 0
        self.targets = targets
        self.last = last

    def handle(self, send: Send, sender: int, message: Hop) -> None:
        """Pass a token on, unless it has gone far enough."""
        self.seen += 1
        hops = message.hops
        if hops < self.last:
            send(self.me, next(self.targets), Hop(hops + 1))


class RandomMessages:
    """1,000 peers hand tokens to random others."""

    name = "random"
    size = 1000

    def __init__(self, events: int) -> None:
        self.last = events // self.size - 1
        rng = Stream(1, "targets")
        self._targets = [rng.randrange(self.size) for _ in range(1 << 14)]

    def actors(self, names: tuple[PeerId, ...]) -> Sequence[Callable[[], Actor]]:
        """One passer a peer; all take their targets from one list."""
        targets = cycle([names[i] for i in self._targets])
        return [lambda: Passer(targets, self.last)] * self.size

    def rivals(self) -> Sequence[Rival]:
        """The same for the rivals."""
        targets = cycle(self._targets)
        return [RivalPasser(i, targets, self.last) for i in range(self.size)]

    def begin(self) -> list[tuple[int, int, Message]]:
        """One token a peer."""
        return [(i, (i * 7 + 1) % self.size, Hop(0)) for i in range(self.size)]


class Phase(Message, frozen=True):
    """A message of one phase of a quorum protocol: 0 pre-prepare, 1 prepare, 2 commit."""

    kind: int
    sequence: int


class Voter(Actor):
    """A replica that votes in two all-to-all phases; number 0 starts the next round."""

    def __init__(self, is_primary: bool, names: tuple[PeerId, ...], rounds: int) -> None:
        self.names = names
        self.quorum = 2 * len(names) // 3 + 1
        self.last = rounds - 1 if is_primary else -1
        self.prepares = 0
        self.commits = 0

    @on(Phase)
    def phase(self, ctx: Context, sender: PeerId, message: Phase) -> None:
        """Count votes; broadcast the next phase when there are enough."""
        kind, sequence = message.kind, message.sequence
        if kind == 0:
            ctx.broadcast(Phase(1, sequence), self.names)
        elif kind == 1:
            self.prepares += 1
            if self.prepares == self.quorum:
                ctx.broadcast(Phase(2, sequence), self.names)
        else:
            self.commits += 1
            if self.commits == len(self.names) - 1:
                self.prepares = self.commits = 0
                if sequence < self.last:
                    ctx.broadcast(Phase(0, sequence + 1), self.names)


class RivalVoter:
    """The same for the rivals."""

    def __init__(self, me: int, size: int, rounds: int) -> None:
        self.others = [i for i in range(size) if i != me]
        self.me = me
        self.quorum = 2 * size // 3 + 1
        self.last = rounds - 1 if me == 0 else -1
        self.prepares = 0
        self.commits = 0

    def broadcast(self, send: Send, message: Phase) -> None:
        """Send to all others."""
        me = self.me
        for other in self.others:
            send(me, other, message)

    def handle(self, send: Send, sender: int, message: Phase) -> None:
        """Count votes; broadcast the next phase when there are enough."""
        kind, sequence = message.kind, message.sequence
        if kind == 0:
            self.broadcast(send, Phase(1, sequence))
        elif kind == 1:
            self.prepares += 1
            if self.prepares == self.quorum:
                self.broadcast(send, Phase(2, sequence))
        else:
            self.commits += 1
            if self.commits == len(self.others):
                self.prepares = self.commits = 0
                if sequence < self.last:
                    self.broadcast(send, Phase(0, sequence + 1))


class QuorumBroadcast:
    """100 replicas agree in three all-to-all phases, as PBFT does."""

    name = "pbft_broadcast"
    size = 100

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds

    def actors(self, names: tuple[PeerId, ...]) -> Sequence[Callable[[], Actor]]:
        """One voter a peer."""
        primary = [lambda: Voter(True, names, self._rounds)]
        return primary + [lambda: Voter(False, names, self._rounds)] * (self.size - 1)

    def rivals(self) -> Sequence[Rival]:
        """The same for the rivals."""
        return [RivalVoter(i, self.size, self._rounds) for i in range(self.size)]

    def begin(self) -> list[tuple[int, int, Message]]:
        """The primary's first pre-prepare."""
        return [(0, i, Phase(0, 0)) for i in range(1, self.size)]


class Rumour(Message, frozen=True):
    """A rumour that each peer passes on once."""

    number: int


class Gossiper(Actor):
    """Passes each rumour on, once (infect and die)."""

    def __init__(self, friends: tuple[PeerId, ...]) -> None:
        self.friends = friends
        self.known = -1

    @on(Rumour)
    def rumour(self, ctx: Context, sender: PeerId, message: Rumour) -> None:
        """Pass on what is new."""
        if message.number > self.known:
            self.known = message.number
            ctx.broadcast(message, self.friends)


class RivalGossiper:
    """The same for the rivals."""

    def __init__(self, me: int, friends: tuple[int, ...]) -> None:
        self.me = me
        self.friends = friends
        self.known = -1

    def handle(self, send: Send, sender: int, message: Rumour) -> None:
        """Pass on what is new."""
        if message.number > self.known:
            self.known = message.number
            me = self.me
            for friend in self.friends:
                send(me, friend, message)


class Gossip:
    """10,000 peers pass a rumour on to eight others each."""

    name = "gossip"
    size = 10_000
    fan_out = 8

    def __init__(self) -> None:
        rng = Stream(1, "gossip")
        self._friends = [
            tuple((i + 1 + rng.randrange(self.size - 1)) % self.size for _ in range(self.fan_out))
            for i in range(self.size)
        ]

    def actors(self, names: tuple[PeerId, ...]) -> Sequence[Callable[[], Actor]]:
        """One gossiper a peer."""

        def factory(friends: tuple[int, ...]) -> Callable[[], Actor]:
            return lambda: Gossiper(tuple(names[i] for i in friends))

        return [factory(friends) for friends in self._friends]

    def rivals(self) -> Sequence[Rival]:
        """The same for the rivals."""
        return [RivalGossiper(i, friends) for i, friends in enumerate(self._friends)]

    def begin(self) -> list[tuple[int, int, Message]]:
        """The rumour starts at peer 0."""
        return [(0, 0, Rumour(0))]
