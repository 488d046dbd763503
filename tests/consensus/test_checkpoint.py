"""Checkpoints, with the sentences of section 4.3 as names."""

import pytest
from consensus_desk import Desk, sign
from consensus_group import Group, fixed
from hypothesis import given
from hypothesis import strategies as st

from agents.consensus import CheckpointStable, ConflictingMessages, Settings
from agents.consensus.checkpoint import HeldState, WholeState
from agents.consensus.messages import (
    PIECE_BYTES,
    Checkpoint,
    Fetch,
    NewView,
    PrePrepare,
    Reply,
    Stable,
    StableProof,
    ViewChange,
    checkpoint_content,
    pieces_digest,
    split_state,
    state_digest,
    view_change_content,
)
from prsm_sim.actor import UserError, decode
from prsm_sim.faults import Crash

EVERY_2 = Settings(checkpoint_interval=2, window=4)
SIZES = [4, 5, 6, 7, 8, 10]


def own_digest(desk: Desk, sequence: int) -> bytes:
    (digest,) = {m.digest for _, m in desk.sent(Checkpoint) if m.sequence == sequence}
    return digest


def test_pbft_4_3_a_checkpoint_is_taken_when_the_sequence_number_is_divisible_by_k() -> None:
    desk = Desk(settings=EVERY_2)
    desk.execute(1)
    assert desk.sent(Checkpoint) == []
    desk.execute(2, 3, 4)
    sent = desk.sent(Checkpoint)
    assert [message.sequence for _, message in sent] == [2, 2, 2, 4, 4, 4]
    assert [to for to, _ in sent[:3]] == ["replica-0", "replica-2", "replica-3"]
    assert sent[0][1] == desk.checkpoint(1, 2, sent[0][1].digest), "it is signed"


def test_without_an_interval_no_checkpoint_is_taken_or_believed() -> None:
    desk = Desk()
    desk.execute(*range(1, 9))
    for replica in (0, 2, 3):
        desk.hear(replica, desk.checkpoint(replica, 8, b"x"))
        desk.hear(replica, Stable(desk.proof(8, b"x")))
    assert desk.sent(Checkpoint) == []
    assert desk.state.log.low == 0


@pytest.mark.parametrize("n", SIZES)
def test_pbft_4_3_checkpoint_is_stable_with_a_quorum_of_matching_messages(n: int) -> None:
    desk = Desk(n, settings=EVERY_2)
    desk.execute(1, 2)
    digest = own_digest(desk, 2)
    others = [one for one in range(n) if one != 1]
    needed = others[: desk.committee.q - 1]
    for replica in needed[:-1]:
        desk.hear(replica, desk.checkpoint(replica, 2, digest))
        desk.hear(replica, desk.checkpoint(replica, 2, digest))
        desk.hear("stranger", desk.checkpoint(needed[-1], 2, digest))
    assert desk.emitted(CheckpointStable) == [], "each replica counts once, strangers never"
    desk.hear(needed[-1], Checkpoint(2, digest, b"nonsense"))
    assert desk.emitted(CheckpointStable) == [], "the signature is checked"
    desk.hear(needed[-1], desk.checkpoint(needed[-1], 2, digest))
    assert desk.emitted(CheckpointStable) == [CheckpointStable(2, digest.hex())]
    stable = desk.state.stable
    assert stable is not None
    assert {signer for signer, _ in stable.signatures} == {
        desk.members[one] for one in [1, *needed]
    }


def test_pbft_4_3_messages_with_another_digest_do_not_count() -> None:
    desk = Desk(settings=EVERY_2)
    desk.execute(1, 2)
    digest = own_digest(desk, 2)
    desk.hear(0, desk.checkpoint(0, 2, b"another"))
    desk.hear(2, desk.checkpoint(2, 2, digest))
    desk.hear(0, desk.checkpoint(0, 2, digest))
    assert desk.state.log.low == 0, "the first word counts"
    (conflict,) = desk.emitted(ConflictingMessages)
    assert (conflict.accused, conflict.view, conflict.sequence) == ("replica-0", 0, 2)
    desk.hear(3, desk.checkpoint(3, 2, digest))
    assert desk.state.log.low == 2


def test_pbft_4_3_a_forged_second_checkpoint_accuses_nobody() -> None:
    desk = Desk(settings=EVERY_2)
    desk.hear(0, desk.checkpoint(0, 2, b"one"))
    desk.hear(0, Checkpoint(2, b"two", b"nonsense"))
    assert desk.emitted(ConflictingMessages) == []


def test_pbft_4_3_a_stable_checkpoint_discards_all_messages_up_to_it() -> None:
    desk = Desk(settings=EVERY_2)
    desk.execute(1, 2, 3)
    desk.hear(0, desk.pre_prepare(4))
    assert set(desk.state.log.slots) == {1, 2, 3, 4}
    desk.stabilise(2)
    log = desk.state.log
    assert set(log.slots) == {3, 4}
    assert [entry.sequence for entry in log.journal] == [3]
    assert (log.low, log.executed, log.high) == (2, 3, 6)
    assert desk.replica.checkpoints.taken == {}
    keys = desk.ctx.store.keys()
    kept = {key for key in keys if key[-1] in "12" and "/" in key}
    assert kept == {"checkpoint/2", "view/0/1"}


def test_pbft_4_3_the_watermarks_advance_only_with_the_proof() -> None:
    desk = Desk(settings=EVERY_2)
    desk.execute(1, 2, 3, 4)
    assert (desk.state.log.low, desk.state.log.high) == (0, 4)
    assert desk.hear(0, desk.pre_prepare(5)) == [], "n is above H = h + k"
    desk.stabilise(4)
    assert (desk.state.log.low, desk.state.log.high) == (4, 8)
    assert len(desk.hear(0, desk.pre_prepare(5))) == 3
    assert desk.hear(0, desk.pre_prepare(4)) == [], "n is not above h"


def test_pbft_4_3_the_primary_waits_at_the_high_watermark_and_goes_on_when_it_moves() -> None:
    desk = Desk(me=0, settings=EVERY_2)
    desk.execute(1, 2, 3, 4)
    assert desk.hear("late", desk.request(1, "late")) == []
    desk.stabilise(4)
    orders = desk.sent(PrePrepare)
    assert [order.sequence for _, order in orders[-3:]] == [5, 5, 5]
    assert orders[-1][1].requests == (desk.request(1, "late"),)


def test_pbft_4_3_the_digest_covers_state_clock_and_the_reply_table() -> None:
    whole = WholeState(2, 7, (("a", 1, b"x"), ("b", 2, b"y")), b"state")
    others = [
        WholeState(3, 7, whole.replies, b"state"),
        WholeState(2, 8, whole.replies, b"state"),
        WholeState(2, 7, whole.replies, b"other"),
        WholeState(2, 7, (("a", 1, b"x"), ("b", 3, b"y")), b"state"),
        WholeState(2, 7, (("a", 1, b"z"), ("b", 2, b"y")), b"state"),
        WholeState(2, 7, (("a", 1, b"x"),), b"state"),
    ]
    desk = Desk(settings=EVERY_2)
    digests = set()
    for one in (whole, *others):
        desk.machine.snapshot = lambda one=one: one.machine
        desk.state.clock_ms = one.clock_ms
        desk.state.replies = {
            client: Reply(9, timestamp, client, result)
            for client, timestamp, result in reversed(one.replies)
        }
        vote = desk.replica.checkpoints.take(desk.ctx, one.sequence)
        held = desk.replica.checkpoints.taken[one.sequence][1]
        assert decode(held.encoded, WholeState) == one
        digests.add(vote.digest)
    assert len(digests) == 7


def test_the_digest_does_not_depend_on_the_view_in_which_a_reply_was_made() -> None:
    desks = [Desk(settings=EVERY_2), Desk(me=2, settings=EVERY_2)]
    for view, desk in enumerate(desks):
        desk.state.replies = {"a": Reply(view, 1, "a", b"x")}
    votes = [desk.replica.checkpoints.take(desk.ctx, 2) for desk in desks]
    assert votes[0].digest == votes[1].digest


@given(st.binary(max_size=50), st.integers(1, 7))
def test_the_pieces_of_a_state_add_up_to_it(state: bytes, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agents.consensus.messages.PIECE_BYTES", size)
        held = HeldState(state)
        assert held.encoded == state
        assert all(len(piece) <= size for piece in held.pieces)
        assert held.digest == pieces_digest(held.digests) == state_digest(state)
    assert split_state(bytes(PIECE_BYTES + 1))[1] == b"\x00"


def test_pbft_4_3_what_one_replica_makes_another_keep_is_bounded() -> None:
    desk = Desk(settings=EVERY_2)
    for sequence in range(1, 3_000):
        desk.hear(2, desk.checkpoint(2, sequence, b"x"))
    votes = desk.replica.checkpoints._votes["replica-2"]
    assert set(votes) == {2, 4, 2_998}, "those within the window, and the latest"
    desk.hear(2, desk.checkpoint(2, 6, b"x"))
    assert set(votes) == {2, 4, 2_998}
    desk.execute(1, 2)
    desk.stabilise(2)
    desk.hear(3, desk.checkpoint(3, 2, b"late"))
    kept = {sequence for one in desk.replica.checkpoints._votes.values() for sequence in one}
    assert kept == {4, 2_998}, "none up to the low watermark"


def test_pbft_4_3_f_matching_messages_prove_nothing_and_q_others_prove_us_wrong() -> None:
    desk = Desk(n=7, settings=EVERY_2)
    desk.execute(1, 2)
    for replica in (0, 2, 3, 4):
        desk.hear(replica, desk.checkpoint(replica, 2, b"another"))
    assert desk.replica.checkpoints.proven is None
    desk.hear(5, desk.checkpoint(5, 2, b"another"))
    assert desk.replica.checkpoints.proven is not None
    assert desk.emitted(CheckpointStable) == [], "our state is not what they signed"
    assert "consensus: own state differs from a proved checkpoint" in desk.ctx.labels


def test_a_proof_that_comes_before_the_last_batch_waits_for_it() -> None:
    desk = Desk(settings=EVERY_2)
    twin = Desk(settings=EVERY_2)
    twin.execute(1, 2)
    digest = own_digest(twin, 2)
    desk.execute(1)
    for replica in (0, 2, 3):
        assert desk.hear(replica, desk.checkpoint(replica, 2, digest)) == []
    assert desk.state.log.low == 0
    desk.execute(2)
    assert desk.emitted(CheckpointStable) == [CheckpointStable(2, digest.hex())]


def test_pbft_4_3_a_lost_checkpoint_message_is_repeated_and_a_stable_one_shown() -> None:
    desk = Desk(settings=EVERY_2)
    desk.execute(1, 2)
    assert "consensus/retry" in desk.ctx.timers
    desk.fire("consensus/retry")
    asked = desk.fire("consensus/retry")
    assert {message for _, message in asked} == {Fetch(0, True, 2, 0)}
    vote = desk.sent(Checkpoint)[0][1]
    assert ("replica-3", vote) in desk.hear(3, Fetch(0, True, 2, 0))
    desk.stabilise(2)
    answer = desk.hear(3, Fetch(0, True, 2, 0))
    assert answer == [("replica-3", Stable(desk.state.stable))]
    assert desk.hear(3, Fetch(0, True, 2, 2)) == []
    desk.fire("consensus/retry")
    assert "consensus/retry" not in desk.ctx.timers, "nothing is owed any more"


def test_pbft_4_3_a_false_proof_is_refused() -> None:
    desk = Desk(settings=EVERY_2)
    desk.execute(1, 2)
    digest = own_digest(desk, 2)
    right = desk.proof(2, digest)
    strangers = sign("stranger", checkpoint_content(2, digest))
    wrong = [
        desk.proof(2, digest, 0, 2),
        desk.proof(2, digest, 0, 2, 2),
        StableProof(2, digest, (*right.signatures[:2], ("stranger", b""))),
        StableProof(2, digest, (*right.signatures[:2], ("replica-3", b"nonsense"))),
        StableProof(2, digest, (*right.signatures[:2], ("stranger", strangers))),
        StableProof(2, digest, (*right.signatures, right.signatures[0])),
        StableProof(2, b"other", right.signatures),
        StableProof(4, digest, right.signatures),
        desk.proof(3, digest),
        desk.proof(0, digest),
    ]
    for proof in wrong:
        desk.hear(3, Stable(proof))
        assert (desk.state.log.low, desk.replica.checkpoints.proven) == (0, None), proof
    desk.hear("stranger", Stable(right))
    assert desk.state.log.low == 0
    desk.hear(3, Stable(right))
    assert desk.state.log.low == 2


def test_a_window_that_ends_before_the_next_checkpoint_is_refused() -> None:
    with pytest.raises(UserError, match="checkpoint"):
        Settings(checkpoint_interval=8, window=7)
    with pytest.raises(UserError, match="checkpoint_interval"):
        Settings(checkpoint_interval=-1)
    Settings(checkpoint_interval=8, window=8)


@pytest.mark.parametrize("n", SIZES)
def test_pbft_4_3_checkpoints_cost_n_times_n_minus_1_messages_and_no_delay(n: int) -> None:
    settings = Settings(
        view_timeout_s=100.0, retry_s=50.0, skew_tolerance_s=1000.0,
        checkpoint_interval=4, window=8,
    )  # fmt: skip
    group = Group(n, 1, 8, network=fixed(1.0), settings=settings, retry_s=200.0, tapped=True)
    group.sim.run(until=100.0)
    assert group.sent["Checkpoint"] == 2 * n * (n - 1)
    assert group.sent.total() == 8 * (2 * n * n - n + 1) + 2 * n * (n - 1)
    assert [one.latency_s for one in group.accepted] == 8 * [5.0]
    assert group.stable == {name: [4, 8] for name in group.members}


def test_pbft_4_3_memory_stays_bounded_however_long_the_run() -> None:
    settings = Settings(checkpoint_interval=8, window=16)
    group = Group(4, 3, 150, settings=settings)
    group.sim.schedule(Crash(at_s=1.0, peer="replica-2", for_s=1.0))
    sizes: list[tuple[int, int, int, int]] = []
    for second in range(1, 40):
        group.sim.run(until=float(second))
        for name in group.members:
            if name == "replica-2" and 1 <= second <= 2:
                continue
            replica = group.inner(name)
            state, checkpoints = replica.state, replica.checkpoints
            votes = sum(len(one) for one in checkpoints._votes.values())
            keys = len(group.sim.env.hosts[name].store.keys())
            sizes.append((len(state.log.slots), len(state.log.journal), votes, keys))
    group.run_until_settled(40.0)
    group.assert_exactly_once()
    assert max(group.stable["replica-0"]) == 448
    slots, journals, votes, keys = (max(column) for column in zip(*sizes, strict=True))
    assert slots <= 16
    assert journals <= 16
    assert votes <= 4 * 3
    assert keys <= 3 * 16 + 4


def test_pbft_4_4_a_view_change_carries_n_c_and_the_p_above_it() -> None:
    desk = Desk(settings=EVERY_2)
    desk.execute(1, 2, 3)
    desk.stabilise(2)
    desk.hear("client", desk.request(99))
    desk.fire("consensus/view")
    change = desk.sent(ViewChange)[0][1]
    assert (change.low, change.stable) == (2, desk.state.stable)
    assert [one.pre_prepare.sequence for one in change.prepared] == [3]
    assert change == desk.view_change(1, 1, *change.prepared, stable=change.stable)


def test_pbft_4_4_a_view_change_whose_checkpoint_is_not_proven_is_refused() -> None:
    desk = Desk(me=2, settings=EVERY_2)
    digest = b"d"
    above = desk.certificate(desk.pre_prepare(3), 1, 3)
    below = desk.certificate(desk.pre_prepare(2), 1, 3)
    beyond = desk.certificate(desk.pre_prepare(7), 1, 3)
    right = desk.proof(2, digest)
    unproven = ViewChange(1, "replica-3", 2, (above,), b"", None)
    elsewhere = ViewChange(1, "replica-3", 4, (), b"", right)
    for lie in (unproven, elsewhere):
        content = view_change_content(lie)
        signed = ViewChange(
            lie.view, lie.replica, lie.low, lie.prepared, sign("replica-3", content), lie.stable
        )
        desk.hear(3, signed)
        assert desk.state.view_changes == {}
    for lie in (
        desk.view_change(3, 1, above, stable=desk.proof(2, digest, 0, 1)),
        desk.view_change(3, 1, below, stable=right),
        desk.view_change(3, 1, beyond, stable=right),
    ):
        desk.hear(3, lie)
        assert desk.state.view_changes == {}
    desk.hear(3, desk.view_change(3, 1, above, stable=right))
    assert set(desk.state.view_changes) == {"replica-3"}


def test_pbft_4_4_o_starts_after_the_latest_stable_checkpoint_in_v() -> None:
    desk = Desk(settings=EVERY_2)
    desk.execute(1, 2)
    digest = own_digest(desk, 2)
    old = desk.certificate(desk.pre_prepare(1), 2, 3)
    new = desk.certificate(desk.pre_prepare(4), 2, 3)
    desk.hear("client", desk.request(99))
    desk.fire("consensus/view")
    desk.hear(2, desk.view_change(2, 1, old))
    desk.hear(3, desk.view_change(3, 1, new, stable=desk.proof(2, digest, 0, 2, 3)))
    message = desk.sent(NewView)[0][1]
    assert [one.sequence for one in message.pre_prepares] == [3, 4]
    assert desk.state.log.low == 2, "the primary adopts the proof"
    assert desk.emitted(CheckpointStable) == [CheckpointStable(2, digest.hex())]
