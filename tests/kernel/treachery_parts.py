"""A small voting protocol, and a world that records who hears what, for the tests of treachery."""

from hashlib import sha256
from typing import NamedTuple

import msgspec

from prsm_sim.actor import Actor, Context, Message, PeerId, encode, on
from prsm_sim.exposure import Exposure, Mutate, Resign
from prsm_sim.faults import Byzantine, Fault
from prsm_sim.network import Latency, Network
from prsm_sim.sim import Sim

PEERS = ("a", "b", "c", "d", "e")
ROUNDS = 6
DELAY_S = 0.25


class Ballot(Message, frozen=True):
    round: int
    choice: bytes
    voter: str
    final: bool = False
    signature: bytes = b""


class Remark(Message, frozen=True):
    number: int
    words: tuple[str, ...] = ()


def choice_of(round_: int) -> bytes:
    return sha256(b"%d" % round_).digest()


def content_of(ballot: Ballot) -> bytes:
    return encode((ballot.round, ballot.choice, ballot.voter, ballot.final))


def resign(ctx: Context, message: Message) -> Message:
    if isinstance(message, Ballot):
        return msgspec.structs.replace(message, signature=ctx.sign(content_of(message)))
    return message


class Heard(NamedTuple):
    at_s: float
    sender: PeerId
    receiver: PeerId
    message: Message


class Voter(Actor):
    """Sends everyone a ballot and a remark at 1, 2, … s; records what it hears."""

    def __init__(self, heard: list[Heard], speaks: bool = True) -> None:
        self.heard = heard
        self.speaks = speaks

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        if self.speaks:
            for round_ in range(1, ROUNDS + 1):
                if round_ > ctx.now:
                    ctx.set_timer(str(round_), round_ - ctx.now)

    def on_timer(self, ctx: Context, name: str) -> None:
        unsigned = Ballot(int(name), choice_of(int(name)), ctx.id)
        ctx.broadcast(resign(ctx, unsigned))
        ctx.broadcast(Remark(int(name), ("so", "be", f"it {name}")))

    @on(Ballot, Remark)
    def hear(self, ctx: Context, sender: PeerId, message: Message) -> None:
        self.heard.append(Heard(ctx.now, sender, ctx.id, message))


class Assembly:
    """Five voters, of which `speakers` speak, on links that all take `DELAY_S`."""

    def __init__(
        self,
        *faults: Fault,
        speakers: tuple[PeerId, ...] = ("a",),
        seed: int = 1,
        resign: Resign | None = resign,
        mutate: Mutate | None = None,
        until: float = ROUNDS + 5.0,
    ) -> None:
        self.heard: list[Heard] = []
        sim = self.sim = Sim(seed=seed)
        sim.set_network(Network(latency=Latency(law="fixed", mean_s=DELAY_S)))
        for name in PEERS:
            sim.spawn(name, lambda name=name: Voter(self.heard, name in speakers))
        sim.expose(Exposure(peers=PEERS, faulty=2, resign=resign, mutate=mutate))
        sim.schedule(*faults)
        sim.run(until=until)

    def from_to(self, sender: PeerId, receiver: PeerId, kind: type = Ballot) -> list[Heard]:
        return [
            one
            for one in self.heard
            if (one.sender, one.receiver) == (sender, receiver) and type(one.message) is kind
        ]

    def ballots(self, sender: PeerId, receiver: PeerId) -> list[Ballot]:
        return [one.message for one in self.from_to(sender, receiver)]  # type: ignore[misc]

    def is_valid(self, ballot: Ballot, signer: PeerId) -> bool:
        return self.sim.notary.verify(signer, content_of(ballot), ballot.signature)

    @property
    def effects(self) -> dict[str, int]:
        counters = self.sim.observatory.counters
        return {name: count for name, count in counters.items() if "byzantine" in name}


def truth(sim: Sim, voter: PeerId) -> list[Ballot]:
    """What an honest voter says, round by round."""
    said = []
    for round_ in range(1, ROUNDS + 1):
        unsigned = Ballot(round_, choice_of(round_), voter)
        signature = sim.notary.sign(voter, content_of(unsigned))
        said.append(msgspec.structs.replace(unsigned, signature=signature))
    return said


def lie_of(peer: PeerId, behaviour: str, **how: object) -> Byzantine:
    return Byzantine(peer=peer, behaviour=behaviour, **how)  # type: ignore[arg-type]


def changed_fields(old: Message, new: Message) -> list[str]:
    return [name for name in old.__struct_fields__ if getattr(old, name) != getattr(new, name)]
