"""What Byzantine peers do, one class a behaviour (see `prsm_sim.faults.Byzantine`)."""

from collections import Counter, deque

import msgspec

from prsm_sim.actor.actor import Actor
from prsm_sim.actor.context import Context
from prsm_sim.actor.types import Message, PeerId, Seconds
from prsm_sim.treachery.conspiracy import key_of_message
from prsm_sim.treachery.mutation import Mutation, is_well_typed, strings_in
from prsm_sim.treachery.plot import Plot
from prsm_sim.treachery.traitor import Outgoing, Traitor
from prsm_sim.treachery.values import Values, fields_of, is_signature

OLD_MESSAGES = 64
"""So many messages of each type are kept for being sent again."""
FORGETFUL_AFTER = 256
"""After so many messages, what a stalker has counted is halved: it follows who leads now."""


class Withholder(Traitor):
    """Keeps messages back."""

    def betray(self, ctx: Context, to: PeerId, message: Message) -> Outgoing:
        """Nothing leaves."""
        self.plot.struck()
        return ()


class Delayer(Traitor):
    """Sends messages later. What waits when the peer crashes is lost with its memory."""

    def __init__(self, inner: Actor, plot: Plot) -> None:
        super().__init__(inner, plot)
        self._waiting: deque[tuple[Seconds, PeerId, Message]] = deque()

    def betray(self, ctx: Context, to: PeerId, message: Message) -> Outgoing:
        """It leaves when its time has come; all wait equally long, so they leave in order."""
        self.plot.struck()
        if not self._waiting:
            ctx.set_timer(self.plot.timer, self.plot.fault.by_s)
        self._waiting.append((ctx.now + self.plot.fault.by_s, to, message))
        return ()

    def on_timer(self, ctx: Context, name: str) -> None:
        """Send what is due; the actor's own timers pass."""
        if name != self.plot.timer:
            super().on_timer(ctx, name)
            return
        while self._waiting and self._waiting[0][0] <= ctx.now:
            _, to, message = self._waiting.popleft()
            ctx.send(to, message)
        if self._waiting:
            ctx.set_timer(name, self._waiting[0][0] - ctx.now)


class Replayer(Traitor):
    """Sends an old message of the same type as well."""

    def __init__(self, inner: Actor, plot: Plot) -> None:
        super().__init__(inner, plot)
        self._sent: dict[type[Message], dict[bytes, Message]] = {}
        self._last: Message | None = None

    def says(self, ctx: Context, to: PeerId, message: Message) -> None:
        """Keep it; a message that was sent to many is kept once."""
        if message is self._last:
            return
        self._last = message
        kept = self._sent.setdefault(type(message), {})
        kept.setdefault(key_of_message(message), message)
        if len(kept) > OLD_MESSAGES:
            del kept[next(iter(kept))]

    def betray(self, ctx: Context, to: PeerId, message: Message) -> Outgoing:
        """The message, and behind it one that differs from it and was sent before."""
        old = [one for one in self._sent[type(message)].values() if one != message]
        if not old:
            return ((to, message),)
        self.plot.struck()
        return ((to, message), (to, self.plot.rng.choice(old)))


class Liar(Traitor):
    """Changes typed fields: the base of those that tell something untrue."""

    def __init__(self, inner: Actor, plot: Plot) -> None:
        super().__init__(inner, plot)
        self._sent = Values()
        self._learns = plot.fault.change not in ("increment", "decrement")
        self._last: Message | None = None

    def hears(self, ctx: Context, sender: PeerId, message: Message) -> bool:
        """Learn what values there are."""
        if self._learns and not self.plot.is_done(ctx):
            self.plot.conspiracy.seen.learn(message)
        return True

    def says(self, ctx: Context, to: PeerId, message: Message) -> None:
        """Learn what this peer has said itself; of a broadcast once is enough."""
        if self._learns and message is not self._last and not self.plot.is_done(ctx):
            self._last = message
            self.plot.conspiracy.seen.learn(message)
            self._sent.learn(message)

    def betray(self, ctx: Context, to: PeerId, message: Message) -> Outgoing:
        """The lie alone."""
        lie = self.told(ctx, message)
        return ((to, message if lie is None else lie),)

    def told(self, ctx: Context, message: Message) -> Message | None:
        """The lie, as valid as this peer can make it; None: it knows none."""
        lie = self._lie(message)
        if lie is not None:
            lie = self._resigned(ctx, lie)
        if lie is None or lie == message:
            return None
        self.plot.conspiracy.enter(message, lie)
        self.plot.struck()
        return lie

    def _resigned(self, ctx: Context, lie: Message) -> Message:
        resign = self.plot.sim.exposure.resign
        if resign is None or is_signature(self.plot.fault.field):
            return lie  # asked for a false signature: it shall stay false
        signed: Message = resign(ctx, lie)
        return signed

    def _lie(self, message: Message) -> Message | None:
        """What all accomplices tell for this message."""
        conspiracy, fault = self.plot.conspiracy, self.plot.fault
        key = key_of_message(message, fault.behaviour, fault.field, fault.change)
        lie = conspiracy.lie(key)
        if lie is None:
            told = conspiracy.consistent(message)
            lie = told if isinstance(told, Message) and told is not message else None
        if lie is None:
            lie = self.invent(message, key)
        if lie is not None:
            conspiracy.settle(key, lie)
        return lie

    def invent(self, message: Message, key: bytes) -> Message | None:
        """A lie about `message`: the protocol's own if it has one, else one small change."""
        fault, conspiracy = self.plot.fault, self.plot.conspiracy
        rng, own = conspiracy.stream(key), self.plot.sim.exposure.mutate
        if own is not None and not fault.field and fault.change == "any":
            lie = own(message, rng)
            if lie is not None:
                return lie
        return Mutation(rng, fault.change, conspiracy.seen, self._sent).of(message, fault.field)


class Equivocator(Liar):
    """Tells the lie to one half only, and the truth to the other."""

    def is_target(self, ctx: Context, to: PeerId, message: Message) -> bool:
        """Only those in the second half are lied to."""
        return to in self.plot.half(ctx) and super().is_target(ctx, to, message)


class Contradictor(Liar):
    """Tells the truth and the lie to the same receiver."""

    def betray(self, ctx: Context, to: PeerId, message: Message) -> Outgoing:
        """Both, in drawn order."""
        lie = self.told(ctx, message)
        if lie is None:
            return ((to, message),)
        both = (to, message), (to, lie)
        return both if self.plot.rng.randrange(2) else both[::-1]


class Forger(Liar):
    """Claims inside the message that somebody else says it."""

    def __init__(self, inner: Actor, plot: Plot) -> None:
        super().__init__(inner, plot)
        self._learns = False

    def invent(self, message: Message, key: bytes) -> Message | None:
        """Where the message names this peer, or else anyone, it names another of the same kind."""
        sim, fault = self.plot.sim, self.plot.fault
        exposure, rng = sim.exposure, self.plot.conspiracy.stream(key)
        peers = exposure.peers or (fault.peer, *sim.others(fault.peer))
        named = set(strings_in(message, fault.field))
        if fault.peer in named:
            victims = [fault.peer]
        else:
            victims = [one for one in (*peers, *exposure.bystanders) if one in named]
        if not victims:
            return None
        victim = rng.choice(victims)
        kind = exposure.bystanders if victim in exposure.bystanders else peers
        others = [one for one in kind if one != victim]
        if not others:
            return None
        forged = _renamed(message, victim, rng.choice(others), fault.field)
        return forged if isinstance(forged, Message) and is_well_typed(forged) else None


class Stalker(Traitor):
    """Cuts itself off from the peer that it hears most of: in most protocols, who leads."""

    def __init__(self, inner: Actor, plot: Plot) -> None:
        super().__init__(inner, plot)
        self._heard: Counter[PeerId] = Counter()
        self._since = 0

    @property
    def prey(self) -> PeerId:
        """Who sends the most; of equals, the first by name. Empty: nobody has been heard."""
        return min(self._heard, key=lambda one: (-self._heard[one], one), default="")

    def hears(self, ctx: Context, sender: PeerId, message: Message) -> bool:
        """Count the sender, and be deaf to the prey."""
        plot = self.plot
        if sender == ctx.id or not sender or sender in plot.conspiracy.members:
            return True
        self._heard[sender] += 1
        self._since += 1
        if self._since >= FORGETFUL_AFTER:
            self._since = 0
            self._heard = Counter({one: count // 2 for one, count in self._heard.items()})
        if sender == self.prey and plot.concerns(ctx, sender, message) and plot.counts():
            plot.struck()
            return False
        return True

    def is_target(self, ctx: Context, to: PeerId, message: Message) -> bool:
        """Only what goes to the prey."""
        return to == self.prey and super().is_target(ctx, to, message)

    def betray(self, ctx: Context, to: PeerId, message: Message) -> Outgoing:
        """Nothing leaves."""
        self.plot.struck()
        return ()


def _renamed(value: object, own: PeerId, other: PeerId, field: str, name: str = "") -> object:
    """`value` with every string field that holds `own` holding `other`."""
    if isinstance(value, msgspec.Struct):
        changes = {
            one.name: _renamed(getattr(value, one.name), own, other, field, one.name)
            for one in fields_of(type(value))
        }
        return msgspec.structs.replace(value, **changes)
    if isinstance(value, tuple):
        return tuple(_renamed(one, own, other, field, name) for one in value)
    return other if value == own and field in ("", name) else value
