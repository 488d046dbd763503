"""What replicas ever signed, overheard; and a wild world of correct replicas to overhear.

A transcript keeps every true signature that was shown to anyone, also those inside certificates,
proofs and new-views, over all crashes and restarts. Whatever evidence any two of them make is a
conviction; among correct replicas there must be none.
"""

from collections.abc import Iterator
from itertools import combinations

from consensus_desk import sign
from conversation_world import World

from agents.consensus import Evidence, Settings, verify_evidence
from agents.consensus.evidence import Signed, Verify, accuse, signed_content
from agents.consensus.messages import (
    Checkpoint,
    Commit,
    NewView,
    Prepare,
    PrePrepare,
    Stable,
    StatePiece,
    ViewChange,
)
from agents.consensus.rules import Committee
from prsm_sim.actor import Message, PeerId, encode


def verify(signer: PeerId, payload: bytes, signature: bytes) -> bool:
    """What anyone can check of the signatures on a desk."""
    return sign(signer, payload) == signature


def statements(
    committee: Committee, sender: PeerId, message: Message
) -> Iterator[tuple[PeerId, Signed]]:
    """All that anybody is said to have signed in a message, whoever sends it."""
    match message:
        case PrePrepare() | Prepare() | Commit() | Checkpoint():
            yield sender, message
        case NewView():
            signer = committee.primary(message.view)
            yield signer, message
            yield from ((signer, one) for one in message.pre_prepares)
            for one in message.view_changes:
                yield from statements(committee, one.replica, one)
        case ViewChange():
            yield message.replica, message
            for one in message.prepared:
                order = one.pre_prepare
                yield committee.primary(order.view), order
                for backup, signature in one.prepares:
                    yield backup, Prepare(order.view, order.sequence, order.digest, signature)
            if message.stable is not None:
                yield from statements(committee, sender, Stable(message.stable))
        case Stable() | StatePiece():
            for signer, signature in message.proof.signatures:
                yield signer, Checkpoint(message.proof.sequence, message.proof.digest, signature)


class Transcript:
    """Everything that each replica ever signed, as far as it was said to anyone."""

    def __init__(self, committee: Committee, verify: Verify) -> None:
        self.committee = committee
        self.verify = verify
        self.said: dict[PeerId, dict[bytes, Signed]] = {one: {} for one in committee.members}

    def hear(self, sender: PeerId, message: Message) -> None:
        """Take in what is truly signed in a message."""
        for signer, one in statements(self.committee, sender, message):
            key = encode(one)
            known = self.said.get(signer, {key: one})
            if key not in known and self.verify(signer, signed_content(one), one.signature):
                known[key] = one

    def convictions(self) -> list[Evidence]:
        """All valid evidence that any two messages of one replica make."""
        found: list[Evidence] = []
        for signer, messages in self.said.items():
            for first, second in combinations(messages.values(), 2):
                evidence = accuse(signer, first, second)
                if evidence is not None:
                    assert verify_evidence(self.verify, self.committee, evidence) is None
                    found.append(evidence)
        return found


class Wild:
    """A world in which anything may happen to messages, timers and processes, drawn by Hypothesis.

    All replicas are correct. What they sign is kept for ever, over all their restarts.
    """

    def __init__(self, chosen: Settings) -> None:
        self.world = World(4, chosen)
        self.transcript = Transcript(self.world.committee, verify)
        self.heard = 0
        self.asked = 0
        for name in ("ann", "bob"):
            self.world.client(name)

    def listen(self) -> None:
        """Keep what was signed in messages since the last time, whether they arrive or not."""
        new = {one.broadcast: one for one in self.world.queue if one.broadcast > self.heard}
        for number, envelope in new.items():
            self.heard = max(self.heard, number)
            self.transcript.hear(envelope.sender, envelope.message)

    def step(self, action: str, number: int) -> None:
        world = self.world
        names = list(world.hosts)
        name = names[number % len(names)]
        host = world.hosts[name]
        if action == "deliver" and world.queue:
            world.queue.insert(0, world.queue.pop(number % len(world.queue)))
            world.deliver_next()
        elif action == "rush":
            for _ in range(min(len(world.queue), number)):
                world.deliver_next()
                self.listen()
        elif action == "drop" and world.queue:
            del world.queue[number % len(world.queue)]
        elif action == "repeat" and world.queue:
            world.queue.append(world.queue[number % len(world.queue)])
        elif action == "timer" and world.timers(name):
            timers = sorted(world.timers(name))
            world.fire(name, timers[number % len(timers)])
        elif action == "crash" and host.is_up and name in world.members:
            host.crash()
        elif action == "restart" and not host.is_up:
            world.restart(name)
        elif action == "later":
            world.now_s += number / 10
        elif action == "ask" and self.asked < 12:
            self.asked += 1
            world.ask(("ann", "bob")[number % 2], b"add x 1", read_only=False)
        self.listen()


ACTIONS = ["deliver", "rush", "drop", "repeat", "timer", "crash", "restart", "later", "ask"]
"""What a step of a wild world may be."""
