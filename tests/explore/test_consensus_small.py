"""PBFT with four replicas and one request, explored: the real replicas, and two mutants."""

import pytest

from agents.consensus import (
    Committee,
    ConsensusClient,
    Equivocator,
    Executed,
    Replica,
    Reply,
    Settings,
)
from prsm_sim.actor import Actor, Context, Fact, PeerId, encode, on
from prsm_sim.checker import Agreement, Order
from prsm_sim.explore import Budget, StillWorld, explore, replay_tape

MEMBERS = ("replica-0", "replica-1", "replica-2", "replica-3")


class Tally:
    """A state machine that remembers the operations in order."""

    def __init__(self) -> None:
        self.applied: list[tuple[int, PeerId, bytes, int]] = []

    def apply(self, sequence: int, client: PeerId, operation: bytes, now_ms: int) -> bytes:
        self.applied.append((sequence, client, operation, now_ms))
        return operation

    def digest(self) -> str:
        return encode(self.applied).hex()

    def snapshot(self) -> bytes:
        return encode(self.applied)

    def restore(self, state: bytes) -> None:
        raise NotImplementedError("no test restores this machine")

    def facts(self) -> tuple[Fact, ...]:
        return ()


class Caller(Actor):
    def __init__(self) -> None:
        self.client = ConsensusClient(MEMBERS, retry_s=2.0)

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        self.client.submit(ctx, ctx.id.encode())

    def on_timer(self, ctx: Context, name: str) -> None:
        self.client.on_timer(ctx, name)

    @on(Reply)
    def reply(self, ctx: Context, sender: PeerId, message: Reply) -> None:
        self.client.on_reply(ctx, sender, message)


def committee(world: StillWorld, liars: tuple[PeerId, ...]) -> None:
    """Four replicas, of which some equivocate, and a client with one request."""

    def member(name: PeerId) -> Actor:
        replica = Replica(MEMBERS, Tally(), Settings())
        return Equivocator(replica, MEMBERS, liars) if name in liars else replica

    for name in MEMBERS:
        world.spawn(name, lambda name=name: member(name))
    world.spawn("client", Caller)

    def is_honest(peer: PeerId) -> bool:
        return peer not in liars

    world.check(
        Agreement(Executed, lambda fact: fact.sequence, lambda fact: fact.digest, is_honest),
        Order(Executed, lambda fact: fact.sequence, is_honest),
    )


def test_agreement_in_the_normal_case() -> None:
    found = explore(committee, (), states=12_000)
    assert found.violation is None
    assert found.ends > 0, "paths on which the request has gone all its way"
    # request, 3 pre-prepares, 9 prepares, 12 commits, 4 replies, and nothing else
    assert found.deepest == 1 + 3 + 9 + 12 + 4


@pytest.mark.parametrize("faults", [Budget(timeouts=1), Budget(crashes=1), Budget(duplicates=1)])
def test_agreement_with_a_fault(faults: Budget) -> None:
    assert explore(committee, (), states=3_000, faults=faults).violation is None


def test_agreement_with_an_equivocating_primary() -> None:
    assert explore(committee, ("replica-0",), states=6_000).violation is None


def test_quorums_one_too_small_let_an_equivocating_primary_break_agreement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Committee, "is_prepared", lambda self, count: count >= self.q - 2)
    monkeypatch.setattr(Committee, "is_committed", lambda self, count: count >= self.q - 1)
    found = explore(committee, ("replica-0",), states=20_000)
    assert found.by == "agreement"
    assert len(found.tape) <= 10, found.story
    assert replay_tape(committee, ("replica-0",), found.tape).by == "agreement"
    # Honest replicas among themselves agree even so.
    assert explore(committee, (), states=2_000).violation is None


def test_a_quorum_of_commits_alone_is_one_of_two_defences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Committee, "is_committed", lambda self, count: count >= 1)
    assert explore(committee, ("replica-0",), states=3_000).violation is None
