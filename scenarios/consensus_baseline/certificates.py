"""The oracle of certificates: whatever a correct peer acts upon, it can prove.

Agreement breaks late: two replicas must first act on two contradicting things. What each of them
acted upon is wrong much earlier, so that is looked at when it happens: the commits by which a batch
is executed, the view-changes by which a view begins and what they demand of it, the checkpoints by
which one is stable, the replies by which a client has its result. The rules are stated here once
more, independently of the protocol's code (Castro and Liskov, OSDI 1999, sections 4.1 to 4.4), and
what the peers hold is read out of their memory; nothing is asked of them. Signatures are not
checked again.

With f = floor((n - 1) / 3), a quorum is more than (n + f) / 2 replicas: any two then share more
than f of them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from agents.consensus.client import ConsensusClient
from agents.consensus.facts import CheckpointStable, Executed, ReplyAccepted, ViewChanged
from agents.consensus.messages import NULL_DIGEST, Certificate, ViewChange, batch_digest
from agents.consensus.replica import Replica
from prsm_sim.actor import Fact, PeerId, Seconds
from prsm_sim.checker import Checker, Observe

Honest = Callable[[PeerId], bool]


class Certified(Checker):
    """Correct peers act upon what is proved only.

    Args:
        members: the committee, in order.
        honest: whether a peer counts.
        replicas: the replicas that run in this process, by name.
        clients: the same of the clients.
        reads_unordered: reads are not ordered, so that all results need a quorum.
    """

    name = "certificates"
    facts = (Executed, ViewChanged, CheckpointStable, ReplyAccepted)

    def __init__(
        self,
        members: tuple[PeerId, ...],
        honest: Honest,
        replicas: Mapping[PeerId, Replica],
        clients: Mapping[PeerId, ConsensusClient],
        *,
        reads_unordered: bool = False,
    ) -> None:
        super().__init__()
        self._members = members
        self._member_set = frozenset(members)
        self._honest = honest
        self._replicas = replicas
        self._clients = clients
        self._reads_unordered = reads_unordered
        self._faulty = (len(members) - 1) // 3
        self._quorum = (len(members) + self._faulty) // 2 + 1

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Look at what a peer has in hand for what it has just done."""
        return self.observers()[type(fact)](time_s, peer, fact)

    def observers(self) -> Mapping[type[Fact], Observe]:
        """One for each type."""
        return {
            Executed: self._on_executed,
            ViewChanged: self._on_certified,
            CheckpointStable: self._on_certified,
            ReplyAccepted: self._on_accepted,
        }

    def _on_certified(self, _: Seconds, peer: PeerId, fact: Fact) -> str | None:
        if not self._honest(peer):
            return None
        self.evaluations += 1
        replica = self._replicas.get(peer)
        if replica is None:
            return None
        if isinstance(fact, ViewChanged):
            wrong = self._view(replica, fact.view)
        else:
            assert isinstance(fact, CheckpointStable)
            wrong = self._stable(replica, fact)
        return None if wrong is None else f"{peer}: {wrong}"

    # Section 4.2: a batch is executed by a quorum of commits of one view.

    def _on_executed(self, _: Seconds, peer: PeerId, fact: Executed) -> str | None:
        if not self._honest(peer):
            return None
        self.evaluations += 1
        replica = self._replicas.get(peer)
        if replica is None:
            return None
        sequence = fact.sequence
        slot = replica.state.log.slots.get(sequence)
        if slot is None or not slot.committed:
            return None  # learned from others that have executed it, without commits of its own
        digest, view, commits = slot.digest, slot.view, slot.commits
        matching = 0
        for vote in commits.values():
            if vote.digest == digest and vote.view == view and vote.sequence == sequence:
                matching += 1
        if matching < self._quorum or not self._member_set.issuperset(commits):
            return f"{peer}: slot {sequence} committed in view {view} by {matching} commits"
        if digest.hex() != fact.digest:
            said = f"committed {digest.hex()[:8]}, executed {fact.digest[:8]}"
            return f"{peer}: slot {sequence} {said}"
        return None

    # Section 4.4: a view begins with view-changes of a quorum, and with what these demand.

    def _view(self, replica: Replica, view: int) -> str | None:
        message = replica.state.new_view
        if message is None or message.view != view:
            return f"view {view} entered without a new-view message"
        voters = message.view_changes
        if not self._is_quorum(one.replica for one in voters):
            return f"view {view} begins with view-changes of {[one.replica for one in voters]}"
        for voter in voters:
            wrong = self._view_change(voter, view)
            if wrong is not None:
                return f"view {view} rests on a view-change of {voter.replica} with {wrong}"
        low = max(one.low for one in voters)
        demanded = self._demanded(voters, low)
        ordered = {one.sequence: one.digest for one in message.pre_prepares}
        if ordered != demanded or len(ordered) != len(message.pre_prepares):
            return f"view {view} orders {_text(ordered)} anew, and must order {_text(demanded)}"
        return None

    def _view_change(self, voter: ViewChange, view: int) -> str | None:
        if voter.view != view:
            return f"view {voter.view}"
        stable = voter.stable
        if stable is not None and not self._is_quorum(signer for signer, _ in stable.signatures):
            return f"a checkpoint {stable.sequence} that is not stable"
        if voter.low != (0 if stable is None else stable.sequence):
            return f"low watermark {voter.low}, which it does not prove"
        for certificate in voter.prepared:
            if not self._is_proof(certificate, view):
                return f"a certificate for {certificate.pre_prepare.sequence} that proves nothing"
        return None

    def _is_proof(self, certificate: Certificate, view: int) -> bool:
        """Whether its form allows a certificate to prove that a batch prepared before `view`."""
        order = certificate.pre_prepare
        backups = [backup for backup, _ in certificate.prepares]
        primary = self._members[order.view % len(self._members)]
        return (
            order.view < view
            and order.digest == batch_digest(order.now_ms, order.requests)
            and self._is_quorum((primary, *backups))
        )

    @staticmethod
    def _demanded(voters: Iterable[ViewChange], low: int) -> dict[int, bytes]:
        """Of each sequence number the batch that prepared in the highest view, or a null one."""
        latest: dict[int, tuple[int, bytes]] = {}
        for voter in voters:
            for certificate in voter.prepared:
                order = certificate.pre_prepare
                if order.sequence > low:
                    known = latest.get(order.sequence, (-1, b""))
                    latest[order.sequence] = max(known, (order.view, order.digest))
        numbers = range(low + 1, max(latest, default=low) + 1)
        return {n: latest[n][1] if n in latest else NULL_DIGEST for n in numbers}

    # Section 4.3: a checkpoint is stable by a quorum of checkpoints.

    def _stable(self, replica: Replica, fact: CheckpointStable) -> str | None:
        proof = replica.state.stable
        if proof is None or (proof.sequence, proof.digest.hex()) != (fact.sequence, fact.digest):
            return f"checkpoint {fact.sequence} is called stable, and there is no proof"
        signers = [signer for signer, _ in proof.signatures]
        if not self._is_quorum(signers):
            return f"checkpoint {fact.sequence} is called stable by {signers}"
        return None

    # Section 4.1: a result is what f + 1 replicas say; 5.1: or a quorum, if it is not final yet.

    def _on_accepted(self, _: Seconds, peer: PeerId, fact: ReplyAccepted) -> str | None:
        if not self._honest(peer):
            return None
        self.evaluations += 1
        client = self._clients.get(peer)
        if client is None:
            return None
        result, final = fact.result, 0
        for one in client.replies.values():
            if one.result == result and not one.tentative:
                final += 1
        if final > self._faulty and not self._reads_unordered:
            return None
        same = [one for one in client.replies.values() if one.result == result]
        views = Counter(one.view for one in same if one.tentative)
        if final + max(views.values(), default=0) >= self._quorum:
            return None
        return f"{peer}: the result of request {fact.timestamp} rests on {len(same)} replies"

    def _is_quorum(self, names: Iterable[PeerId]) -> bool:
        """Whether these are a quorum of distinct members, and none is named twice."""
        listed = list(names)
        distinct = set(listed)
        return len(listed) == len(distinct) >= self._quorum and distinct <= self._member_set


def _text(orders: Mapping[int, bytes]) -> str:
    return ", ".join(f"{number}: {digest.hex()[:8]}" for number, digest in orders.items()) or "none"
