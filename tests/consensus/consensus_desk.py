"""A replica on a desk: a scripted context that records what one actor does, message by message."""

import hashlib

from consensus_group import AppendLog, members_of

from agents.consensus import Committee, Replica, Settings
from agents.consensus.messages import (
    Certificate,
    Checkpoint,
    Commit,
    NewView,
    Prepare,
    PrePrepare,
    Request,
    StableProof,
    ViewChange,
    batch_digest,
    checkpoint_content,
    new_view_content,
    request_content,
    view_change_content,
    vote_content,
)
from prsm_sim.actor import Fact, Message, PeerId, find_handler
from prsm_sim.store import MemoryStore


def sign(signer: PeerId, payload: bytes) -> bytes:
    return hashlib.sha256(signer.encode() + b"\x00" + payload).digest()


class DeskContext:
    """The parts of a context that consensus uses; time stands still unless a test moves it."""

    def __init__(self, name: PeerId, store: MemoryStore | None = None) -> None:
        self.id = name
        self.now = 0.0
        self.store = MemoryStore() if store is None else store
        self.sent: list[tuple[PeerId, Message]] = []
        self.timers: dict[str, float] = {}
        self.emitted: list[Fact] = []
        self.labels: set[str] = set()

    def send(self, to: PeerId, message: Message) -> None:
        self.sent.append((to, message))

    def broadcast(self, message: Message, to: tuple[PeerId, ...]) -> None:
        self.sent.extend((one, message) for one in to if one != self.id)

    def set_timer(self, name: str, after_s: float) -> None:
        self.timers[name] = self.now + after_s

    def cancel_timer(self, name: str) -> None:
        self.timers.pop(name, None)

    def sign(self, payload: bytes) -> bytes:
        return sign(self.id, payload)

    def verify(self, signer: PeerId, payload: bytes, signature: bytes) -> bool:
        return sign(signer, payload) == signature

    def emit(self, fact: Fact) -> None:
        self.emitted.append(fact)

    def sometimes(self, label: str, condition: bool = True) -> None:
        if condition:
            self.labels.add(label)


class Desk:
    """One replica, and the means to say anything to it in anyone's name."""

    def __init__(
        self,
        n: int = 4,
        me: int = 1,
        settings: Settings | None = None,
        store: MemoryStore | None = None,
        sent: list[tuple[PeerId, Message]] | None = None,
        machine: AppendLog | None = None,
    ) -> None:
        self.members = members_of(n)
        self.committee = Committee(self.members)
        self.name = self.members[me]
        self.machine = machine or AppendLog()
        self.replica = Replica(self.members, self.machine, settings)
        recovered = None if store is None else store.get("state")
        self.ctx = DeskContext(self.name, store)
        if sent is not None:
            self.ctx.sent = sent
        self.replica.on_start(self.ctx, recovered)

    @property
    def state(self):
        return self.replica.state

    def hear(self, sender: int | PeerId, message: Message) -> list[tuple[PeerId, Message]]:
        """Deliver a message; return what was sent because of it."""
        name = self.members[sender] if isinstance(sender, int) else sender
        before = len(self.ctx.sent)
        handler = find_handler(self.replica.handlers, type(message))
        assert handler is not None
        handler.function(self.replica, self.ctx, name, message)
        return self.ctx.sent[before:]

    def fire(self, name: str) -> list[tuple[PeerId, Message]]:
        """Let a timer fire."""
        before = len(self.ctx.sent)
        del self.ctx.timers[name]
        self.replica.on_timer(self.ctx, name)
        return self.ctx.sent[before:]

    def fire_if_armed(self, name: str) -> list[tuple[PeerId, Message]]:
        return self.fire(name) if name in self.ctx.timers else []

    def sent(self, kind: type[Message]) -> list[tuple[PeerId, Message]]:
        return [(to, message) for to, message in self.ctx.sent if isinstance(message, kind)]

    def emitted(self, kind: type[Fact]) -> list[Fact]:
        return [fact for fact in self.ctx.emitted if isinstance(fact, kind)]

    # Messages in anyone's name, correctly signed.

    def request(self, timestamp: int = 1, client: PeerId = "client") -> Request:
        operation = b"operation %d" % timestamp
        signature = sign(client, request_content(client, timestamp, operation))
        return Request(client, timestamp, operation, signature)

    def pre_prepare(
        self,
        sequence: int = 1,
        view: int = 0,
        requests: tuple[Request, ...] | None = None,
        now_ms: int = 0,
    ) -> PrePrepare:
        requests = (self.request(sequence),) if requests is None else requests
        digest = batch_digest(now_ms, requests)
        content = vote_content("pre-prepare", view, sequence, digest)
        signature = sign(self.committee.primary(view), content)
        return PrePrepare(view, sequence, now_ms, requests, digest, signature)

    def prepare(self, backup: int, about: PrePrepare) -> Prepare:
        content = vote_content("prepare", about.view, about.sequence, about.digest)
        return Prepare(
            about.view, about.sequence, about.digest, sign(self.members[backup], content)
        )

    def commit(self, about: PrePrepare, replica: int | None = None) -> Commit:
        """The commit of a replica, by default of the desk's own."""
        content = vote_content("commit", about.view, about.sequence, about.digest)
        name = self.name if replica is None else self.members[replica]
        return Commit(about.view, about.sequence, about.digest, sign(name, content))

    def certificate(self, about: PrePrepare, *backups: int) -> Certificate:
        return Certificate(
            about,
            tuple((self.members[one], self.prepare(one, about).signature) for one in backups),
        )

    def checkpoint(self, replica: int, sequence: int, digest: bytes) -> Checkpoint:
        content = checkpoint_content(sequence, digest)
        return Checkpoint(sequence, digest, sign(self.members[replica], content))

    def proof(self, sequence: int, digest: bytes, *replicas: int) -> StableProof:
        """The checkpoints of these replicas, or of the first q."""
        signatures = tuple(
            (self.members[one], self.checkpoint(one, sequence, digest).signature)
            for one in replicas or range(self.committee.q)
        )
        return StableProof(sequence, digest, signatures)

    def view_change(
        self, replica: int, view: int, *prepared: Certificate, stable: StableProof | None = None
    ) -> ViewChange:
        name = self.members[replica]
        low = 0 if stable is None else stable.sequence
        bare = ViewChange(view, name, low, prepared, stable=stable)
        signature = sign(name, view_change_content(bare))
        return ViewChange(view, name, low, prepared, signature, stable)

    def execute(self, *sequences: int, view: int = 0) -> None:
        """Let the replica order and execute one request under each sequence number."""
        primary = self.members.index(self.committee.primary(view))
        others = [one for one in range(self.committee.n) if self.members[one] != self.name]
        for sequence in sequences:
            order = self.pre_prepare(sequence, view)
            if self.members[primary] != self.name:
                self.hear(primary, order)
            else:
                self.hear("client", self.request(sequence))
                order = self.state.log.slots[sequence].pre_prepare
            for backup in others:
                if backup != primary:
                    self.hear(backup, self.prepare(backup, order))
            for replica in others:
                self.hear(replica, self.commit(order, replica))

    def stabilise(self, sequence: int) -> bytes:
        """Let the others agree with this replica's checkpoint; return its digest."""
        (digest,) = {
            message.digest for _, message in self.sent(Checkpoint) if message.sequence == sequence
        }
        for replica in range(self.committee.n):
            if self.members[replica] != self.name:
                self.hear(replica, self.checkpoint(replica, sequence, digest))
        return digest

    def new_view(
        self, view: int, view_changes: tuple[ViewChange, ...], pre_prepares: tuple[PrePrepare, ...]
    ) -> NewView:
        bare = NewView(view, view_changes, pre_prepares)
        signature = sign(self.committee.primary(view), new_view_content(bare))
        return NewView(view, view_changes, pre_prepares, signature)
