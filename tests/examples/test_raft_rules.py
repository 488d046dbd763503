"""Raft's rules of election, one peer at a time: messages in, effects out, each with its section."""

from typing import Any

import pytest

from prsm_sim.actor import Actor, Message, PeerId, decode, encode
from prsm_sim.chance import Stream
from prsm_sim.registry import load_scenario_file
from tests.law.floors import ROOT

load_scenario_file(ROOT / "examples" / "raft_election.py")
import prsm_scenario_raft_election as raft  # type: ignore[import-not-found]  # noqa: E402


class Desk:
    """A context that takes down what the peer ``peer-0`` does, in order."""

    id = "peer-0"

    def __init__(self, replicas: int = 3, recovered: bytes | None = None) -> None:
        self.did: list[tuple[Any, ...]] = []
        self.rng = Stream(1)
        self.store = self
        self.peer: Actor = raft.Candidate(replicas, False)
        self.peer.on_start(self, recovered)  # type: ignore[arg-type]
        self.did.clear()

    def tell(self, sender: PeerId, message: Message) -> list[tuple[Any, ...]]:
        """What the peer does about a message."""
        self.did.clear()
        self.peer.handlers[type(message)].function(self.peer, self, sender, message)
        return [*self.did]

    def wake(self, timer: str = "patience") -> list[tuple[Any, ...]]:
        """What the peer does when a timer fires."""
        self.did.clear()
        self.peer.on_timer(self, timer)  # type: ignore[arg-type]
        return [*self.did]

    def put(self, key: str, value: bytes) -> None:
        self.did.append(("put", decode(value, tuple[int, PeerId | None])))

    def sync(self) -> None:
        self.did.append(("sync",))

    def send(self, to: PeerId, message: Message) -> None:
        self.did.append(("send", to, message))

    def broadcast(self, message: Message) -> None:
        self.did.append(("broadcast", message))

    def emit(self, fact: object) -> None:
        self.did.append(("emit", fact))

    def set_timer(self, name: str, after_s: float) -> None:
        self.did.append(("timer", name))

    def cancel_timer(self, name: str) -> None:
        self.did.append(("cancel", name))

    def sometimes(self, label: str, condition: bool = True) -> None:
        pass


PATIENT = ("timer", "patience")


def granted(desk: Desk, sender: PeerId, term: int) -> bool:
    return ("send", sender, raft.Vote(term)) in desk.tell(sender, raft.RequestVote(term))


def test_raft_5_2_a_candidate_votes_for_itself_in_a_new_term_and_asks_all() -> None:
    desk = Desk()
    did = desk.wake()
    assert did[:2] == [("put", (1, "peer-0")), ("sync",)]
    assert ("broadcast", raft.RequestVote(1)) in did
    assert {PATIENT, ("timer", "again")} <= set(did)
    assert ("broadcast", raft.RequestVote(1)) in desk.wake("again")


def test_raft_5_2_each_peer_has_one_vote_a_term() -> None:
    desk = Desk()
    assert granted(desk, "peer-1", 1)
    assert not granted(desk, "peer-2", 1)
    assert granted(desk, "peer-1", 1)  # its request was sent again: the same promise
    assert granted(desk, "peer-2", 2)
    assert not granted(desk, "peer-1", 1)


def test_raft_5_2_a_vote_is_on_disk_before_it_is_on_the_network() -> None:
    """Figure 2: currentTerm and votedFor are "updated on stable storage before responding"."""
    did = Desk().tell("peer-1", raft.RequestVote(4))
    sent = did.index(("send", "peer-1", raft.Vote(4)))
    written = did.index(("put", (4, "peer-1")))
    assert ("sync",) in did[written:sent]


def test_raft_5_2_a_restarted_peer_keeps_its_promise() -> None:
    desk = Desk(recovered=encode((4, "peer-1")))
    assert not granted(desk, "peer-2", 4)
    assert not granted(desk, "peer-2", 3)
    assert granted(desk, "peer-2", 5)


@pytest.mark.parametrize(("replicas", "needed"), [(3, 2), (4, 3), (5, 3), (6, 4), (7, 4)])
def test_raft_5_2_a_majority_of_all_is_needed_and_each_peer_counts_once(
    replicas: int, needed: int
) -> None:
    desk = Desk(replicas)
    desk.wake()
    elected = ("emit", raft.Elected(1, "peer-0"))
    votes = [
        elected in desk.tell(f"peer-{i}", raft.Vote(1))
        for i in range(1, replicas)
        for _ in range(2)  # the network may duplicate
    ]
    assert votes.index(True) == 2 * (needed - 2)
    assert votes.count(True) == 1
    assert ("broadcast", raft.Heartbeat(1)) in desk.wake("again")


def test_raft_5_2_votes_of_another_term_do_not_count() -> None:
    desk = Desk()
    desk.wake()
    desk.wake()
    assert desk.tell("peer-1", raft.Vote(1)) == []
    assert ("emit", raft.Elected(2, "peer-0")) in desk.tell("peer-1", raft.Vote(2))


def test_raft_5_2_a_candidate_that_hears_a_leader_of_its_term_gives_up() -> None:
    desk = Desk()
    desk.wake()
    assert desk.tell("peer-1", raft.Heartbeat(1)) == [PATIENT]
    assert desk.wake("again") == []
    assert desk.tell("peer-2", raft.Vote(1)) == []


def test_raft_5_1_what_comes_from_an_old_term_is_ignored() -> None:
    desk = Desk()
    desk.wake()
    desk.wake()
    assert desk.tell("peer-1", raft.Heartbeat(1)) == []
    assert desk.tell("peer-1", raft.RequestVote(1)) == []
    assert ("broadcast", raft.RequestVote(2)) in desk.wake("again")


def test_raft_5_1_a_leader_that_hears_of_a_later_term_leads_no_more() -> None:
    desk = Desk()
    desk.wake()
    desk.tell("peer-1", raft.Vote(1))
    assert PATIENT in desk.tell("peer-2", raft.Heartbeat(2))
    assert desk.wake("again") == []
