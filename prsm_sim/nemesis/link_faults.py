"""What each fault of the network does to a letter, one class a kind.

A letter is an entry of the queue that is about to be pushed: ``(at_s, sender, receiver, message)``,
its time of arrival already drawn by the healthy network. An alteration turns it into none, one or
two letters. It draws from a stream of its own for each link, so taking one fault out of a schedule
changes nothing of what the network or the other faults draw.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, assert_never

import msgspec

from prsm_sim.actor.codec import Codec, encode
from prsm_sim.actor.errors import RemoteProtocolError
from prsm_sim.actor.types import Message, PeerId, Seconds
from prsm_sim.chance import Stream
from prsm_sim.engine import Entry
from prsm_sim.faults import (
    Clog,
    Corruption,
    Delay,
    Duplication,
    Eclipse,
    LinkFault,
    Loss,
    OneWay,
    Partition,
    Reordering,
    Sybil,
    Throttle,
    sides_of,
)
from prsm_sim.faults.population import sybils_of
from prsm_sim.internal import Answer, Ask
from prsm_sim.nemesis.tally import Tally

if TYPE_CHECKING:
    from prsm_sim.sim import Sim

Drop = Callable[[str], None]
_codecs: dict[type, Codec[Message]] = {}
NetworkFault = (
    Partition | Eclipse | OneWay | Loss | Corruption | Throttle | Delay | Reordering | Duplication
    | Clog
)  # fmt: skip


class Alteration:
    """Base of alterations.

    Attributes:
        rank: alterations are applied in ascending order, whatever the order they struck in.
    """

    rank = 0

    def __init__(self, tally: Tally, draws: "Draws", drop: Drop) -> None:
        self.tally = tally
        self.draws = draws
        self.drop = drop

    def alter(self, letter: Entry) -> Iterable[Entry]:
        """What becomes of a letter."""
        raise NotImplementedError

    def release(self) -> Iterable[Entry]:
        """What was held back, once the fault has healed."""
        return ()


class Draws:
    """One stream a link, for one fault."""

    def __init__(self, seed: int, *names: str) -> None:
        self._seed = seed
        self._names = names
        self._streams: dict[tuple[PeerId, PeerId], Stream] = {}

    def of(self, sender: PeerId, receiver: PeerId) -> Stream:
        """The stream of a link."""
        stream = self._streams.get((sender, receiver))
        if stream is None:
            stream = Stream(self._seed, sender, receiver, *self._names)
            self._streams[sender, receiver] = stream
        return stream


class Parting(Alteration):
    """Messages between groups are dropped."""

    rank = 1

    def __init__(self, fault: Partition, tally: Tally, draws: Draws, drop: Drop) -> None:
        super().__init__(tally, draws, drop)
        self._sides = sides_of(fault)

    def alter(self, letter: Entry) -> Iterable[Entry]:
        """Drop what no group holds both ends of."""
        sides = self._sides
        if sides.get(letter[1], 1) & sides.get(letter[2], 1):
            return (letter,)
        self.tally.effect()
        self.drop("partition")
        return ()


class Eclipsing(Alteration):
    """The victim's messages to and from others than the attackers are dropped."""

    rank = 2

    def __init__(self, fault: Eclipse, tally: Tally, draws: Draws, drop: Drop) -> None:
        super().__init__(tally, draws, drop)
        self._victim = fault.victim
        self._attackers = frozenset(fault.attackers)

    def alter(self, letter: Entry) -> Iterable[Entry]:
        """Drop what would pass by the attackers."""
        sender, receiver = letter[1], letter[2]
        if sender == self._victim:
            passes = receiver in self._attackers
        else:
            passes = receiver != self._victim or sender in self._attackers
        if passes:
            return (letter,)
        self.tally.effect()
        self.drop("eclipse")
        return ()


class Linked(Alteration):
    """Base of alterations of the links from some peers to some others; counts what they strike."""

    def __init__(self, fault: LinkFault, tally: Tally, draws: Draws, drop: Drop) -> None:
        super().__init__(tally, draws, drop)
        self._senders = frozenset(fault.senders)
        self._receivers = frozenset(fault.receivers)

    def alter(self, letter: Entry) -> Iterable[Entry]:
        """Strike the letter, if it is on one of the links."""
        if self._senders and letter[1] not in self._senders:
            return (letter,)
        if self._receivers and letter[2] not in self._receivers:
            return (letter,)
        return self.strike(letter, self.draws.of(letter[1], letter[2]))

    def strike(self, letter: Entry, rng: Stream) -> Iterable[Entry]:
        """What becomes of a letter on these links."""
        raise NotImplementedError


class Blocking(Linked):
    """All is dropped."""

    rank = 3

    def strike(self, letter: Entry, rng: Stream) -> Iterable[Entry]:
        """Drop it."""
        self.tally.effect()
        self.drop("one-way")
        return ()


class Sparing(Linked):
    """Base of alterations that harm a share of the letters and spare the others."""

    def __init__(self, fault: Loss | Corruption, tally: Tally, draws: Draws, drop: Drop) -> None:
        super().__init__(fault, tally, draws, drop)
        self._rate = fault.rate

    def strike(self, letter: Entry, rng: Stream) -> Iterable[Entry]:
        """Harm it, or not."""
        return (letter,) if rng.random() >= self._rate else self.harm(letter, rng)

    def harm(self, letter: Entry, rng: Stream) -> Iterable[Entry]:
        """What becomes of a letter that is not spared."""
        raise NotImplementedError


class Losing(Sparing):
    """A share is dropped."""

    rank = 4

    def harm(self, letter: Entry, rng: Stream) -> Iterable[Entry]:
        """Drop it."""
        self.tally.effect()
        self.drop("loss")
        return ()


class Corrupting(Sparing):
    """One bit of a share is flipped."""

    rank = 5

    def harm(self, letter: Entry, rng: Stream) -> Iterable[Entry]:
        """Flip a bit; an altered message that does not decode is dropped."""
        at, sender, receiver, message = letter
        try:
            altered = with_a_bit_flipped(message, rng)
        except RemoteProtocolError:
            self.tally.effect()
            self.drop("corruption")
            return ()
        if altered != message:
            self.tally.effect()
        return ((at, sender, receiver, altered),)


class _Other(Message, frozen=True, tag="\x00other"):
    """Never sent. Decoding against more than one type insists on the tag, as receivers do."""


def with_a_bit_flipped(message: Any, rng: Stream) -> Any:
    """`message` with one bit of its encoding flipped.

    Raises:
        RemoteProtocolError: no message of this type is encoded like that.
    """
    if isinstance(message, Ask | Answer):
        # Only what actors wrote travels as bytes; its envelope is the simulator's own.
        if message.body is None:
            return message
        return msgspec.structs.replace(message, body=with_a_bit_flipped(message.body, rng))
    payload = bytearray(encode(message))
    place = rng.randrange(8 * len(payload))
    payload[place // 8] ^= 1 << place % 8
    codec = _codecs.get(type(message))
    if codec is None:
        codec = _codecs[type(message)] = Codec((type(message), _Other))
    return codec.decode(bytes(payload))


class Throttling(Linked):
    """Each link is a queue that is served at a rate in bytes."""

    rank = 6

    def __init__(
        self, fault: Throttle, tally: Tally, draws: Draws, drop: Drop, now: Callable[[], Seconds]
    ) -> None:
        super().__init__(fault, tally, draws, drop)
        self._bytes_s = fault.bytes_s
        self._now = now
        self._free_s: dict[tuple[PeerId, PeerId], Seconds] = {}

    def strike(self, letter: Entry, rng: Stream) -> Iterable[Entry]:
        """Add the time until the last byte has left."""
        at, sender, receiver, message = letter
        now = self._now()
        begins_s = max(now, self._free_s.get((sender, receiver), 0.0))
        self._free_s[sender, receiver] = ends_s = begins_s + len(encode(message)) / self._bytes_s
        self.tally.effect()
        return ((at + (ends_s - now), sender, receiver, message),)


class Delaying(Linked):
    """All take longer."""

    rank = 7

    def __init__(self, fault: Delay, tally: Tally, draws: Draws, drop: Drop) -> None:
        super().__init__(fault, tally, draws, drop)
        self._by_s = fault.by_s

    def strike(self, letter: Entry, rng: Stream) -> Iterable[Entry]:
        """Let it arrive later."""
        at, sender, receiver, message = letter
        self.tally.effect()
        return ((at + self._by_s, sender, receiver, message),)


class HoldingBack(Linked):
    """A share takes longer."""

    rank = 8

    def __init__(self, fault: Reordering, tally: Tally, draws: Draws, drop: Drop) -> None:
        super().__init__(fault, tally, draws, drop)
        self._rate, self._within_s = fault.rate, fault.within_s

    def strike(self, letter: Entry, rng: Stream) -> Iterable[Entry]:
        """Let it arrive later, or not."""
        is_struck, later_s = rng.random() < self._rate, self._within_s * rng.random()
        if not is_struck:
            return (letter,)
        at, sender, receiver, message = letter
        self.tally.effect()
        return ((at + later_s, sender, receiver, message),)


class Doubling(Linked):
    """A share arrives twice."""

    rank = 9

    def __init__(self, fault: Duplication, tally: Tally, draws: Draws, drop: Drop) -> None:
        super().__init__(fault, tally, draws, drop)
        self._rate, self._within_s = fault.rate, fault.within_s

    def strike(self, letter: Entry, rng: Stream) -> Iterable[Entry]:
        """Let it arrive again, or not."""
        is_struck, later_s = rng.random() < self._rate, self._within_s * rng.random()
        if not is_struck:
            return (letter,)
        at, sender, receiver, message = letter
        self.tally.effect()
        return letter, (at + later_s, sender, receiver, message)


class Clogging(Linked):
    """All is kept until the fault heals."""

    rank = 10

    def __init__(self, fault: Clog, tally: Tally, draws: Draws, drop: Drop) -> None:
        super().__init__(fault, tally, draws, drop)
        self._held: list[Entry] = []

    def strike(self, letter: Entry, rng: Stream) -> Iterable[Entry]:
        """Keep it."""
        self.tally.effect()
        self._held.append(letter)
        return ()

    def release(self) -> Iterable[Entry]:
        """All that was kept, in the order of sending."""
        held, self._held = self._held, []
        return held


class Crowding(Alteration):
    """Nothing is altered: what Sybil peers send is counted."""

    rank = 11

    def __init__(self, fault: Sybil, tally: Tally, draws: Draws, drop: Drop) -> None:
        super().__init__(tally, draws, drop)
        self._sybils = frozenset(sybils_of(fault))

    def alter(self, letter: Entry) -> Iterable[Entry]:
        """Count it."""
        if letter[1] in self._sybils:
            self.tally.effect()
        return (letter,)


def alteration_of(
    fault: NetworkFault | Sybil, tally: Tally, draws: Draws, sim: "Sim"
) -> Alteration:
    """What a fault does to letters, in one world."""
    drop = sim.drop
    match fault:
        case Partition():
            return Parting(fault, tally, draws, drop)
        case Eclipse():
            return Eclipsing(fault, tally, draws, drop)
        case OneWay():
            return Blocking(fault, tally, draws, drop)
        case Loss():
            return Losing(fault, tally, draws, drop)
        case Corruption():
            return Corrupting(fault, tally, draws, drop)
        case Throttle():
            return Throttling(fault, tally, draws, drop, lambda: sim.now)
        case Delay():
            return Delaying(fault, tally, draws, drop)
        case Reordering():
            return HoldingBack(fault, tally, draws, drop)
        case Duplication():
            return Doubling(fault, tally, draws, drop)
        case Clog():
            return Clogging(fault, tally, draws, drop)
        case Sybil():
            return Crowding(fault, tally, draws, drop)
    assert_never(fault)
