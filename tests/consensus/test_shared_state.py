"""The parts of a replica on their own: what is kept, how much of it, and for how long."""

from collections import deque

import pytest
from consensus_desk import Desk

from agents.consensus import CheckpointStable, ConflictingMessages, Settings
from agents.consensus.evidence import decode_evidence, encode_evidence
from agents.consensus.messages import (
    Certificate,
    Checkpoint,
    Prepare,
    PrePrepare,
    StableProof,
    ViewChange,
)
from agents.consensus.rules import is_checkpoint, select_reproposals
from prsm_sim.actor import UserError

EVERY_2 = Settings(checkpoint_interval=2, window=4)


# Messages of views that have not started here.


def test_votes_of_later_views_stay_aside_and_older_ones_are_dropped() -> None:
    desk = Desk(settings=Settings(aside_limit=3))
    state = desk.state
    votes = {view: Prepare(view, 1, b"d") for view in (1, 2, 3)}
    for view in (1, 2, 2, 3):
        assert not state.is_usable("replica-2", votes[view])
    assert [vote.view for vote in state.aside["replica-2"]] == [2, 2, 3], "the oldest gave way"
    assert not state.is_usable("replica-0", votes[2])
    state.view = 2
    assert state.take_aside() == [
        ("replica-0", votes[2]), ("replica-2", votes[2]), ("replica-2", votes[2]),
    ]  # fmt: skip
    assert {who: list(kept) for who, kept in state.aside.items()} == {"replica-2": [votes[3]]}
    for number in range(5):
        assert not state.is_usable("replica-2", Prepare(4, number, b"d"))
    assert isinstance(state.aside["replica-2"], deque)
    assert len(state.aside["replica-2"]) == 3, "the bound holds for what stayed as well"
    state.view = 5
    assert state.take_aside() == []
    assert state.aside == {}


def test_a_strangers_vote_is_neither_used_nor_kept() -> None:
    state = Desk().state
    for view in (0, 1):
        assert not state.is_usable("stranger", Prepare(view, 1, b"d"))
    assert state.aside == {}
    assert state.is_usable("replica-2", Prepare(0, 1, b"d"))


def test_pbft_4_4_what_the_new_view_orders_is_found_under_its_sequence_number() -> None:
    desk = Desk()
    state = desk.state
    orders = tuple(desk.pre_prepare(sequence, 1) for sequence in (3, 4, 5))
    assert state.reproposed(3) is None
    state.new_view = desk.new_view(1, (), orders)
    assert state.reproposed(3) is None, "the view is another one"
    state.view = 1
    assert [state.reproposed(sequence) for sequence in range(1, 8)] == [
        None, None, *orders, None, None,
    ]  # fmt: skip
    state.new_view = desk.new_view(1, (), ())
    assert [state.reproposed(sequence) for sequence in range(4)] == 4 * [None]


def test_a_conflict_is_told_with_evidence_against_the_one_who_signed() -> None:
    desk = Desk()
    first, second = desk.checkpoint(2, 4, b"one"), desk.checkpoint(2, 4, b"two")
    desk.state.report_conflict(desk.ctx, "replica-2", first, second)
    (fact,) = desk.emitted(ConflictingMessages)
    assert (fact.accused, fact.view, fact.sequence) == ("replica-2", 0, 4)
    assert fact.evidence.accused == "replica-2"
    assert decode_evidence(encode_evidence(fact.evidence)) == fact.evidence


# Checkpoints.


def votes_of(desk: Desk, replica: int) -> list[int]:
    return sorted(desk.replica.checkpoints._votes.get(desk.members[replica], {}))


def test_pbft_4_3_beyond_the_high_watermark_only_a_replicas_latest_checkpoint_is_kept() -> None:
    desk = Desk(settings=EVERY_2)

    def hear(sequence: int) -> list[int]:
        desk.hear(2, desk.checkpoint(2, sequence, b"d"))
        return votes_of(desk, 2)

    assert hear(6) == [6]
    assert hear(10) == [10]
    assert hear(8) == [10], "an earlier one does not replace it"
    assert hear(4) == [4, 10], "the high watermark itself is within"
    assert hear(2) == [2, 4, 10]
    assert hear(12) == [2, 4, 12]


def test_pbft_4_3_a_checkpoint_that_was_not_kept_does_not_count() -> None:
    desk = Desk(n=7, settings=EVERY_2)
    for replica in (0, 2):
        desk.hear(replica, desk.checkpoint(replica, 6, b"d"))
    desk.hear(3, desk.checkpoint(3, 8, b"d"))
    desk.hear(3, desk.checkpoint(3, 6, b"d"))
    assert desk.replica.checkpoints.supported == 0


def test_pbft_4_3_votes_up_to_a_stable_checkpoint_are_forgotten() -> None:
    desk = Desk(settings=EVERY_2)
    desk.execute(1, 2, 3, 4)
    desk.stabilise(2)
    assert sorted(desk.replica.checkpoints.taken) == [4]
    assert [votes_of(desk, replica) for replica in range(4)] == [[], [4], [], []]


def test_a_proof_is_news_once() -> None:
    desk = Desk(settings=EVERY_2)
    checkpoints, ctx = desk.replica.checkpoints, desk.ctx
    desk.execute(1, 2)
    (digest,) = {message.digest for _, message in desk.sent(Checkpoint)}
    proof = desk.proof(2, digest)
    false = StableProof(4, b"d", tuple((one, b"nonsense") for one in desk.members[:3]))
    assert not checkpoints.learn(ctx, false)
    assert checkpoints.learn(ctx, proof)
    assert desk.state.log.low == 2
    assert not checkpoints.learn(ctx, proof)
    checkpoints.prove(ctx, proof)
    assert checkpoints.proven is None, "it is not kept a second time"
    assert desk.emitted(CheckpointStable) == [CheckpointStable(2, digest.hex())]


def test_of_two_proofs_of_one_checkpoint_the_first_stays_and_of_several_the_latest() -> None:
    desk = Desk(settings=EVERY_2)
    checkpoints = desk.replica.checkpoints
    first, second = desk.proof(2, b"d", 0, 2, 3), desk.proof(2, b"d", 0, 1, 2)
    later = desk.proof(4, b"e")
    for proof, kept in ((first, first), (second, first), (later, later), (first, later)):
        checkpoints.prove(desk.ctx, proof)
        assert checkpoints.proven == kept


# Replaying on a state that was replaced.


def test_pbft_4_6_what_was_executed_beyond_a_replaced_state_is_executed_again_on_it() -> None:
    source = Desk(me=2, settings=EVERY_2)
    source.execute(1, 2)
    source.stabilise(2)
    proof, held = source.state.stable, source.replica.checkpoints.held
    assert proof is not None
    assert held is not None
    for executed in (2, 3):
        desk = Desk(settings=EVERY_2)
        desk.execute(*range(1, executed + 1))
        desk.machine.applied[0] = (1, "client", b"decayed", 0)
        digests = list(desk.state.log.digests)
        desk.replica.execution.install(desk.ctx, proof, held)
        assert [row[2] for row in desk.machine.applied] == [
            b"operation %d" % number for number in range(1, executed + 1)
        ]
        assert desk.state.log.executed == executed
        assert desk.state.log.digests == digests[2:]
        assert (desk.state.stable, desk.replica.checkpoints.held_proof) == (proof, proof)
        assert desk.replica.checkpoints.held is held
        assert not desk.replica.checkpoints.taken


def test_pbft_4_6_a_checkpoint_that_is_passed_again_is_voted_for_again() -> None:
    source = Desk(me=2, settings=EVERY_2)
    source.execute(1, 2)
    source.stabilise(2)
    proof, held = source.state.stable, source.replica.checkpoints.held
    assert proof is not None
    assert held is not None
    desk = Desk(settings=EVERY_2)
    desk.execute(1, 2, 3, 4)
    (vote,) = {m for _, m in desk.sent(Checkpoint) if m.sequence == 4}
    desk.replica.execution.install(desk.ctx, proof, held)
    assert desk.replica.checkpoints.taken[4][0] == vote
    assert desk.state.log.executed_digest(4) == desk.pre_prepare(4).digest


def test_pbft_5_1_undoing_goes_back_to_the_checkpoint_and_applies_what_came_after_it_only() -> None:
    desk = Desk(settings=Settings(checkpoint_interval=2, window=8, tentative=True))
    desk.execute(1, 2, 3)
    order = desk.pre_prepare(4)
    desk.hear(0, order)
    for backup in (2, 3):
        desk.hear(backup, desk.prepare(backup, order))
    assert len(desk.machine.applied) == 4
    desk.replica.execution.undo(desk.ctx)
    assert [row[0] for row in desk.machine.applied] == [1, 2, 3]


# Rules and numbers.


def test_pbft_4_3_no_checkpoint_is_taken_before_anything_is_executed() -> None:
    assert not is_checkpoint(0, 4)
    assert not is_checkpoint(-4, 4)
    assert not is_checkpoint(4, 0)
    assert is_checkpoint(4, 4)


def test_pbft_4_4_of_two_certificates_for_one_number_the_one_of_the_later_view_is_chosen() -> None:
    desk = Desk()
    old, new = desk.pre_prepare(1, 0, now_ms=1), desk.pre_prepare(1, 2, now_ms=2)

    def change(replica: str, *orders: PrePrepare) -> ViewChange:
        return ViewChange(3, replica, 0, tuple(Certificate(one, ()) for one in orders))

    both = (change("replica-0", old), change("replica-1", new), change("replica-2"))
    for order in (both, both[::-1]):
        assert select_reproposals(order) == (0, (new,))


@pytest.mark.parametrize("name", ["view_timeout_s", "retry_s", "skew_tolerance_s", "status_s"])
def test_a_duration_is_positive_and_finite(name: str) -> None:
    for value in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(UserError) as error:
            Settings(**{name: value})
        assert str(error.value) == (
            f"consensus setting {name} is {value}; give a positive, finite number"
        )
    assert getattr(Settings(**{name: 0.5}), name) == 0.5


@pytest.mark.parametrize("name", ["window", "batch_limit", "in_flight_limit", "aside_limit"])
def test_a_limit_is_positive(name: str) -> None:
    for value in (0, -1):
        with pytest.raises(UserError):
            Settings(**{name: value})
    assert getattr(Settings(**{name: 1}), name) == 1


def test_the_window_holds_a_checkpoint() -> None:
    assert Settings(window=4, checkpoint_interval=4).window == 4
    with pytest.raises(UserError) as error:
        Settings(window=3, checkpoint_interval=4)
    assert str(error.value) == (
        "consensus setting window is 3, less than checkpoint_interval (4), so no checkpoint would "
        "ever be reached; give at least twice the interval"
    )
    with pytest.raises(UserError) as error:
        Settings(checkpoint_interval=-1)
    assert str(error.value) == (
        "consensus setting checkpoint_interval is -1; give a positive number, 0 for none"
    )
