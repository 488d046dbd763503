"""The oracle of certificates: it passes what is proved, and finds each thing that is not."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from agents.consensus.client import ConsensusClient
from agents.consensus.facts import CheckpointStable, Executed, ReplyAccepted, ViewChanged
from agents.consensus.messages import NULL_DIGEST, Reply
from agents.consensus.replica import Replica
from prsm_sim.actor import Fact, PeerId
from prsm_sim.faults import Crash
from prsm_sim.parameters import build_parameters
from prsm_sim.sim import Sim
from scenarios.consensus_baseline.certificates import Certified
from scenarios.consensus_baseline.parameters import ConsensusBaselineParameters
from scenarios.consensus_baseline.scenario import Baseline, consensus_baseline

MEMBERS = tuple(f"replica-{number}" for number in range(4))


class Watched:
    """A committee whose primary crashes, stopped at the first fact of a type from a peer."""

    def __init__(self, kind: type[Fact], peer: PeerId) -> None:
        parameters = build_parameters(
            ConsensusBaselineParameters,
            {"requests": 12, "link": "fixed:0.01", "checkpoint_interval": 4, "window": 16},
        )
        self.sim = Sim(1)
        self.facts: list[Fact] = []
        consensus_baseline.build(self.sim, parameters)
        self.sim.schedule(Crash(at_s=0.16, peer="replica-0", for_s=None))

        def stop(_: float, teller: PeerId, fact: Fact) -> None:
            if teller == peer and not self.facts:
                self.facts.append(fact)
                self.sim.stop("this is what was waited for")

        self.sim.observe(kind, stop)
        self.sim.run(until=parameters.duration_s)

    @property
    def fact(self) -> Any:
        """What was told."""
        return self.facts[0]

    def replica(self, name: PeerId) -> Replica:
        """A replica, as it was when it told."""
        actor = self.sim.actor(name)
        assert isinstance(actor, Replica)
        return actor


def judged(
    fact: Fact,
    replica: Replica | None = None,
    client: ConsensusClient | None = None,
    peer: PeerId = "replica-1",
    **options: bool,
) -> str | None:
    """What the oracle says of one fact."""
    replicas = {} if replica is None else {peer: replica}
    clients = {} if client is None else {peer: client}
    oracle = Certified(MEMBERS, lambda _: True, replicas, clients, **options)
    return oracle.observe(1.0, peer, fact)


def test_a_run_with_a_view_change_and_checkpoints_is_proved_throughout() -> None:
    parameters = build_parameters(
        ConsensusBaselineParameters,
        {"requests": 12, "link": "exponential:0.01", "checkpoint_interval": 4, "window": 16},
    )
    sim = Sim(1)
    consensus_baseline.build(sim, parameters)
    sim.schedule(Crash(at_s=0.16, peer="replica-0", for_s=None))
    sim.run(until=parameters.duration_s)
    sim.observatory.finish(sim.now)
    (verdict,) = [one for one in sim.observatory.verdicts() if one.name == "certificates"]
    told = sim.observatory.counters
    kinds = ("Executed", "ViewChanged", "CheckpointStable", "ReplyAccepted")
    assert all(told[kind] for kind in kinds)
    assert (verdict.status, verdict.evaluations) == ("pass", sum(told[kind] for kind in kinds))


def drop_a_commit(replica: Replica, sequence: int) -> None:
    slot = replica.state.log.slots[sequence]
    del slot.commits[next(name for name in slot.commits if name != replica.state.me)]


def commit_of_another_view(replica: Replica, sequence: int) -> None:
    slot = replica.state.log.slots[sequence]
    name, vote = next(iter(slot.commits.items()))
    slot.commits[name] = replace(vote, view=vote.view + 1)


def commit_of_another_batch(replica: Replica, sequence: int) -> None:
    slot = replica.state.log.slots[sequence]
    name, vote = next(iter(slot.commits.items()))
    slot.commits[name] = replace(vote, digest=NULL_DIGEST)


def commit_of_a_stranger(replica: Replica, sequence: int) -> None:
    slot = replica.state.log.slots[sequence]
    slot.commits["stranger"] = next(iter(slot.commits.values()))


@pytest.mark.parametrize(
    "spoil",
    [drop_a_commit, commit_of_another_view, commit_of_another_batch, commit_of_a_stranger],
)
def test_a_batch_needs_a_quorum_of_commits(spoil: Callable[[Replica, int], None]) -> None:
    run = Watched(Executed, "replica-1")
    replica = run.replica("replica-1")
    assert judged(run.fact, replica) is None
    assert "executed" in str(judged(replace(run.fact, digest="00"), replica))
    assert len(replica.state.log.slots[1].commits) == 3
    spoil(replica, run.fact.sequence)
    assert "slot 1 committed in view 0 by" in str(judged(run.fact, replica))
    replica.state.log.slots[1].committed = False
    assert judged(run.fact, replica) is None, "learned from others"


def test_a_view_begins_with_what_a_quorum_of_view_changes_demands() -> None:
    run = Watched(ViewChanged, "replica-2")
    replica = run.replica("replica-2")
    state, begin = replica.state, replica.state.new_view
    assert begin is not None
    assert begin.pre_prepares, "something had prepared"
    assert any(one.prepared for one in begin.view_changes)

    def with_(**changes: Any) -> str | None:
        state.new_view = replace(begin, **changes)
        return judged(run.fact, replica, peer="replica-2")

    assert with_() is None
    voters, orders = begin.view_changes, begin.pre_prepares
    assert "begins with view-changes of" in str(with_(view_changes=voters[:2]))
    assert "begins with" in str(with_(view_changes=(*voters[:2], voters[0])))
    assert "with view 2" in str(with_(view_changes=(replace(voters[0], view=2), *voters[1:])))
    assert "must order" in str(with_(pre_prepares=orders[:-1]))
    null = replace(orders[-1], digest=NULL_DIGEST)
    assert "must order" in str(with_(pre_prepares=(*orders[:-1], null)))
    assert "must order" in str(with_(pre_prepares=(*orders, orders[-1])))
    place = next(n for n, one in enumerate(voters) if one.prepared)

    def with_voter(**changes: Any) -> str | None:
        altered = replace(voters[place], **changes)
        return with_(view_changes=(*voters[:place], altered, *voters[place + 1 :]))

    proof = voters[place].prepared[0]
    for false in (
        replace(proof, prepares=proof.prepares[:1]),
        replace(proof, prepares=(proof.prepares[0],) * 2),
        replace(proof, pre_prepare=replace(proof.pre_prepare, now_ms=1)),
        replace(proof, pre_prepare=replace(proof.pre_prepare, view=1)),
        replace(proof, prepares=(*proof.prepares, ("replica-0", b""))),
    ):
        assert "proves nothing" in str(with_voter(prepared=(false,)))
    assert "does not prove" in str(with_voter(low=voters[place].low + 4))
    state.new_view = None
    assert "without a new-view" in str(judged(run.fact, replica, peer="replica-2"))


def test_of_two_certificates_the_one_of_the_higher_view_is_demanded() -> None:
    run = Watched(ViewChanged, "replica-2")
    begin = run.replica("replica-2").state.new_view
    assert begin is not None
    place = next(n for n, one in enumerate(begin.view_changes) if one.prepared)
    voter = begin.view_changes[place]
    old = voter.prepared[0]
    number = old.pre_prepare.sequence
    later = replace(old, pre_prepare=replace(old.pre_prepare, view=5, digest=b"later"))
    for prepared in ((old, later), (later, old)):
        demanded = Certified._demanded([replace(voter, prepared=prepared)], number - 1)
        assert demanded == {number: b"later"}
    assert Certified._demanded([replace(voter, prepared=(later,))], number - 3) == {
        number - 2: NULL_DIGEST, number - 1: NULL_DIGEST, number: b"later",
    }  # fmt: skip
    assert Certified._demanded([replace(voter, prepared=(later,))], number) == {}


def test_a_stable_checkpoint_has_a_quorum_of_signers() -> None:
    run = Watched(CheckpointStable, "replica-3")
    replica = run.replica("replica-3")
    proof = replica.state.stable
    assert proof is not None
    assert judged(run.fact, replica) is None
    for false in (
        None,
        replace(proof, sequence=8),
        replace(proof, digest=b"other"),
        replace(proof, signatures=proof.signatures[:-1]),
        replace(proof, signatures=(*proof.signatures[:-1], proof.signatures[0])),
    ):
        replica.state.stable = false
        assert "is called stable" in str(judged(run.fact, replica))


def reply(view: int = 0, *, tentative: bool = False, result: bytes = b"yes") -> Reply:
    return Reply(view, 1, "client-0", result, tentative=tentative)


@pytest.mark.parametrize(
    ("replies", "reads_unordered", "is_enough"),
    [
        ([reply(), reply()], False, True),
        ([reply()], False, False),
        ([reply(), reply(result=b"no")], False, False),
        ([reply(), reply()], True, False),
        ([reply(), reply(1), reply(2)], True, True),
        ([reply(tentative=True)] * 2, False, False),
        ([reply(tentative=True)] * 3, False, True),
        ([reply(), reply(tentative=True), reply(tentative=True)], False, True),
        ([reply(1, tentative=True), reply(tentative=True), reply(tentative=True)], False, False),
        ([*[reply(tentative=True)] * 2, reply(tentative=True, result=b"no")], False, False),
    ],
)
def test_a_result_needs_replies(
    replies: list[Reply], reads_unordered: bool, is_enough: bool
) -> None:
    client = ConsensusClient(MEMBERS)
    client.replies = dict(zip(MEMBERS, replies, strict=False))
    fact = ReplyAccepted("client-0", 1, b"yes", 0.1)
    wrong = judged(fact, client=client, peer="client-0", reads_unordered=reads_unordered)
    assert (wrong is None) == is_enough


def test_liars_and_peers_elsewhere_are_not_judged() -> None:
    run = Watched(Executed, "replica-1")
    drop_a_commit(run.replica("replica-1"), 1)
    replicas = {"replica-1": run.replica("replica-1")}
    oracle = Certified(MEMBERS, lambda peer: peer != "replica-1", replicas, {})
    assert oracle.observe(1.0, "replica-1", run.fact) is None
    assert oracle.evaluations == 0
    assert judged(run.fact) is None, "it runs in another process"


def test_the_baseline_knows_who_runs_here() -> None:
    sim = Sim(1)
    baseline = Baseline(sim, ConsensusBaselineParameters(requests=4, clients=2))
    baseline.add_peers()
    assert sorted(baseline.replicas) == list(MEMBERS)
    assert sorted(baseline.callers) == ["client-0", "client-1"]
