"""State transfer: only with proof, from anyone, while the replica goes on voting (section 4.6)."""

import pytest
from consensus_desk import Desk
from consensus_group import Applied, Group, TellingLog, members_of

from agents.consensus import Executed, Settings, StateTransferred
from agents.consensus.checkpoint import HeldState
from agents.consensus.messages import (
    Checkpoint,
    Entries,
    Entry,
    Fetch,
    FetchState,
    Prepare,
    Reply,
    Stable,
    StableProof,
    StatePiece,
    ViewChange,
)
from prsm_sim.actor import Message, PeerId
from prsm_sim.faults import Crash, Partition
from prsm_sim.network import Latency, Network

EVERY_2 = Settings(checkpoint_interval=2, window=4)
BRISK = Settings(view_timeout_s=1.0, retry_s=0.3, status_s=2.0, checkpoint_interval=8, window=16)
FETCH, TIMER = "consensus/retry", "consensus/transfer"


def donor(last: int = 6, settings: Settings = EVERY_2) -> tuple[Desk, StableProof, HeldState]:
    """A replica whose checkpoint `last` is stable, its proof and its state."""
    desk = Desk(me=2, settings=settings)
    interval = settings.checkpoint_interval
    for stable in range(interval, last + 1, interval):
        desk.execute(*range(stable - interval + 1, stable + 1))
        desk.stabilise(stable)
    proof, held = desk.state.stable, desk.replica.checkpoints.held
    assert proof is not None
    assert held is not None
    return desk, proof, held


def pieces_of(proof: StableProof, held: HeldState) -> list[StatePiece]:
    return [
        StatePiece(proof, held.digests, number, piece) for number, piece in enumerate(held.pieces)
    ]


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.consensus.messages.PIECE_BYTES", 40)


def test_pbft_4_6_a_replica_behind_a_stable_checkpoint_beyond_its_log_fetches_the_state() -> None:
    source, proof, _ = donor()
    desk = Desk(settings=EVERY_2)
    ((to, asked),) = desk.hear(0, Stable(proof))
    assert asked == FetchState(proof, 0)
    assert to in {signer for signer, _ in proof.signatures} - {desk.name}
    ((_, piece),) = source.hear(1, asked)
    sent = desk.hear(to, piece)
    assert {message for _, message in sent} == {Fetch(0, True, 6, 6)}, "what follows, at once"
    assert desk.emitted(StateTransferred) == [StateTransferred(6)]
    assert desk.machine.applied == source.machine.applied
    assert (desk.state.log.low, desk.state.log.executed, desk.state.log.high) == (6, 6, 10)
    assert desk.state.clock_ms == source.state.clock_ms
    assert TIMER not in desk.ctx.timers


def test_pbft_4_6_the_checkpoints_of_q_replicas_beyond_the_log_are_a_proof_as_well() -> None:
    _, proof, _ = donor()
    desk = Desk(settings=EVERY_2)
    for replica in (0, 2):
        assert desk.hear(replica, desk.checkpoint(replica, 6, proof.digest)) == []
    ((_, asked),) = desk.hear(3, desk.checkpoint(3, 6, proof.digest))
    assert isinstance(asked, FetchState)
    assert asked.proof.sequence == 6


def test_pbft_4_6_f_plus_1_checkpoints_show_that_one_is_behind_and_f_do_not() -> None:
    desk = Desk(n=7, settings=EVERY_2)
    for replica in (0, 2):
        desk.hear(replica, desk.checkpoint(replica, 6, b"d"))
    assert not desk.replica.checkpoints.is_unfinished
    desk.hear(3, desk.checkpoint(3, 6, b"d"))
    assert desk.replica.checkpoints.supported == 6
    for _ in range(12):
        sent = desk.fire(FETCH)
        assert {message for _, message in sent} == {Fetch(0, True, 0, 0)}, "it asks until it knows"


def test_pbft_4_6_the_reply_table_comes_with_the_state_so_that_nothing_executes_twice() -> None:
    source, proof, held = donor()
    desk = Desk(settings=Settings(checkpoint_interval=2, window=4, batch_limit=2))
    desk.hear("client", desk.request(6))
    desk.hear(0, Stable(proof))
    (piece,) = pieces_of(proof, held)
    desk.hear(2, piece)
    (again,) = desk.hear("client", desk.request(6))
    assert again == ("client", Reply(0, 6, "client", b"6:operation 6"))
    assert "consensus/view" not in desk.ctx.timers, "the request it waited for is executed"
    desk.hear(0, desk.pre_prepare(7, requests=(desk.request(6), desk.request(7))))
    order = desk.state.log.slots[7].pre_prepare
    for replica in (2, 3):
        desk.hear(replica, desk.prepare(replica, order))
    for replica in (0, 2, 3):
        desk.hear(replica, desk.commit(order, replica))
    assert [row[2] for row in desk.machine.applied[6:]] == [b"operation 7"]
    assert source.machine.applied == desk.machine.applied[:6]


def test_pbft_4_6_a_state_that_is_not_what_the_proof_says_is_refused(small_pieces: None) -> None:
    _, proof, held = donor()
    desk = Desk(settings=EVERY_2)
    right = pieces_of(proof, held)
    assert desk.hear(2, right[0]) == [], "nobody asked"
    desk.hear(0, Stable(proof))
    other = HeldState(held.encoded.replace(b"operation 1", b"operation 9"))
    lies: list[Message] = [
        *pieces_of(proof, other),
        StatePiece(proof, held.digests, 0, other.pieces[-1]),
        StatePiece(proof, (*held.digests, b"x"), 0, held.pieces[0]),
        StatePiece(desk.proof(8, other.digest, 0, 2), other.digests, 0, other.pieces[0]),
        StatePiece(desk.proof(4, other.digest), other.digests, 0, other.pieces[0]),
        StatePiece(desk.proof(6, other.digest), other.digests, 0, other.pieces[0]),
        StatePiece(proof, held.digests, len(held.digests), b""),
        StatePiece(proof, held.digests, -1, held.pieces[-1]),
        right[1],
    ]
    for lie in lies:
        assert desk.hear(3, lie) == [], lie
        assert desk.replica.transfer._pieces == []
    assert desk.hear("stranger", right[0]) == []
    for number, piece in enumerate(right):
        assert desk.emitted(StateTransferred) == []
        sent = desk.hear(2, piece)
        if number + 1 < len(right):
            assert [message for _, message in sent] == [FetchState(proof, number + 1)]
    assert desk.emitted(StateTransferred) == [StateTransferred(6)]
    assert len(desk.machine.applied) == 6


def test_pbft_4_6_another_source_is_asked_when_one_does_not_answer() -> None:
    _, proof, _ = donor()
    desk = Desk(settings=EVERY_2)
    sources = [desk.hear(0, Stable(proof))[0][0]]
    for _ in range(5):
        ((to, asked),) = desk.fire(TIMER)
        assert asked == FetchState(proof, 0)
        sources.append(to)
    signers = {signer for signer, _ in proof.signatures} - {desk.name}
    assert set(sources) == signers
    assert sources[: len(signers)] == sources[len(signers) : 2 * len(signers)]


def test_pbft_4_6_the_watermarks_advance_while_the_state_is_on_its_way() -> None:
    _, proof, held = donor()
    desk = Desk(settings=EVERY_2)
    desk.hear(0, Stable(proof))
    assert (desk.state.log.low, desk.state.log.executed) == (6, 0)
    order = desk.pre_prepare(7)
    sent = desk.hear(0, order)
    assert {message for _, message in sent} == {desk.prepare(1, order)}
    for replica in (2, 3):
        desk.hear(replica, desk.prepare(replica, order))
    for replica in (0, 2, 3):
        desk.hear(replica, desk.commit(order, replica))
    assert desk.emitted(Executed) == []
    desk.hear(2, pieces_of(proof, held)[0])
    assert [fact.sequence for fact in desk.emitted(Executed)] == [7]


def test_a_view_change_during_a_transfer_starts_from_the_proven_checkpoint() -> None:
    _, proof, _ = donor()
    desk = Desk(settings=EVERY_2)
    desk.execute(1)
    desk.hear(0, Stable(proof))
    desk.hear("client", desk.request(99))
    desk.fire("consensus/view")
    change = desk.sent(ViewChange)[0][1]
    assert (change.low, change.stable, change.prepared) == (6, proof, ())


def test_a_later_checkpoint_replaces_the_one_that_is_being_fetched(small_pieces: None) -> None:
    _, old, old_held = donor(6)
    source, new, new_held = donor(8)
    desk = Desk(settings=EVERY_2)
    desk.hear(0, Stable(old))
    desk.hear(2, pieces_of(old, old_held)[0])
    ((_, answer),) = source.hear(1, FetchState(old, 1))
    assert answer == pieces_of(new, new_held)[0], "the source has forgotten the old one"
    ((_, asked),) = desk.hear(2, answer)
    assert asked == FetchState(new, 1)
    for piece in pieces_of(new, new_held)[1:]:
        desk.hear(2, piece)
    assert desk.emitted(StateTransferred) == [StateTransferred(8)]


def test_a_later_proof_makes_it_aim_higher_and_an_earlier_one_does_not(small_pieces: None) -> None:
    _, old, old_held = donor(6)
    _, new, new_held = donor(8)
    desk = Desk(settings=EVERY_2)
    desk.hear(0, Stable(old))
    desk.hear(2, pieces_of(old, old_held)[0])
    assert [message for _, message in desk.hear(3, Stable(new))] == [FetchState(new, 0)]
    assert desk.hear(3, Stable(old)) == []
    for piece in pieces_of(new, new_held):
        desk.hear(2, piece)
    assert desk.emitted(StateTransferred) == [StateTransferred(8)]


def test_the_latest_of_several_proofs_counts() -> None:
    desk = Desk(settings=EVERY_2)
    _, early, _ = donor(2)
    _, late, _ = donor(4)
    for proof in (late, early):
        assert desk.hear(0, Stable(proof)) == []
    assert desk.replica.checkpoints.proven == late


def test_the_agreed_time_comes_with_the_state_and_nothing_is_told_again() -> None:
    source = Desk(me=2, settings=EVERY_2)
    for sequence in (1, 2):
        order = source.pre_prepare(sequence, now_ms=700)
        source.hear(0, order)
        for backup in (1, 3):
            source.hear(backup, source.prepare(backup, order))
        for replica in (0, 1, 3):
            source.hear(replica, source.commit(order, replica))
    source.stabilise(2)
    proof, held = source.state.stable, source.replica.checkpoints.held
    desk = Desk(settings=EVERY_2, machine=TellingLog())
    desk.hear(0, Stable(proof))
    desk.fire_if_armed(FETCH)
    desk.fire_if_armed(FETCH)
    desk.hear(2, pieces_of(proof, held)[0])
    assert desk.state.clock_ms == 700
    desk.execute(3)
    assert desk.machine.applied[-1] == (3, "client", b"operation 3", 700)
    assert desk.emitted(Applied) == [Applied(b"operation 3")]
    again = Desk(settings=EVERY_2, store=desk.ctx.store, machine=TellingLog())
    assert again.machine.applied == desk.machine.applied
    again.execute(4)
    assert again.emitted(Applied) == [Applied(b"operation 4")]


def test_a_source_answers_members_only_and_learns_from_the_proof_it_is_shown() -> None:
    _, proof, held = donor(2)
    source = Desk(me=3, settings=EVERY_2)
    source.execute(1, 2)
    assert source.state.log.low == 0
    assert source.hear("stranger", FetchState(proof, 0)) == []
    assert source.hear(1, FetchState(source.proof(2, b"other", 0, 1), 0)) == []
    assert source.hear(1, FetchState(proof, 0)) == [("replica-1", pieces_of(proof, held)[0])]
    assert source.state.log.low == 2
    for piece in (-1, len(held.pieces)):
        assert source.hear(1, FetchState(proof, piece)) == []


def test_a_short_lag_is_made_up_without_a_transfer_and_standing_still_is_not() -> None:
    _, proof, _ = donor(2)
    desk = Desk(settings=EVERY_2)
    desk.execute(1)
    assert desk.hear(0, Stable(proof)) == []
    assert desk.replica.transfer.target is None
    desk.fire(FETCH)
    assert desk.replica.transfer.target is None
    sent = desk.fire(FETCH)
    assert [type(message) for _, message in sent] == [Fetch, Fetch, Fetch, FetchState]


def test_execution_that_reaches_the_checkpoint_by_itself_ends_the_transfer() -> None:
    _, proof, _ = donor(2)
    desk = Desk(settings=EVERY_2)
    desk.execute(1)
    desk.hear(0, Stable(proof))
    desk.fire(FETCH)
    desk.fire(FETCH)
    entry = Entry(2, 0, (desk.request(2),))
    for replica in (2, 3):
        desk.hear(replica, Entries((entry,)))
    assert (desk.state.log.low, desk.state.log.executed) == (2, 2)
    assert desk.fire(TIMER) == []
    assert TIMER not in desk.ctx.timers
    assert desk.emitted(StateTransferred) == []


def test_a_replica_whose_own_state_was_damaged_repairs_it() -> None:
    _, proof, held = donor(2)
    desk = Desk(settings=EVERY_2)
    desk.machine.applied.append((0, "nobody", b"never ordered", 0))
    desk.execute(1, 2, 3)
    desk.hear(0, Stable(proof))
    assert desk.replica.transfer.target is None
    desk.fire(FETCH)
    desk.fire(FETCH)
    desk.hear(2, pieces_of(proof, held)[0])
    assert [row[2] for row in desk.machine.applied] == [
        b"operation 1", b"operation 2", b"operation 3",
    ]  # fmt: skip
    assert [fact.sequence for fact in desk.emitted(Executed)] == [1, 2, 3], "nothing is told twice"
    assert (desk.state.log.low, desk.state.log.executed) == (2, 3)


def test_pbft_4_4_a_new_view_that_starts_after_a_checkpoint_makes_a_lagging_backup_fetch_it() -> (
    None
):
    _, proof, _ = donor(2)
    desk = Desk(settings=EVERY_2)
    v = (
        desk.view_change(0, 2, stable=proof),
        desk.view_change(2, 2),
        desk.view_change(3, 2, desk.certificate(desk.pre_prepare(3), 1, 2), stable=proof),
    )
    again = desk.pre_prepare(3, 2, desk.pre_prepare(3).requests)
    sent = desk.hear(2, desk.new_view(2, v, (again,)))
    assert FetchState(proof, 0) in [message for _, message in sent]
    assert desk.prepare(1, again) in [m for _, m in sent if isinstance(m, Prepare)]
    assert desk.state.log.low == 2


# In a world.


def lossless() -> Network:
    return Network(latency=Latency(law="exponential", mean_s=0.01))


@pytest.mark.parametrize("n", [4, 5, 6, 7, 8, 10])
def test_a_replica_cut_off_for_long_obtains_the_state_and_ends_equal(n: int) -> None:
    members = members_of(n)
    group = Group(n, 2, 40, network=lossless(), settings=BRISK, retry_s=0.5, think_s=0.02)
    rest = (*members[:-1], *group.clients)
    group.sim.schedule(Partition(at_s=0.1, for_s=3.0, groups=(rest, members[-1:])))
    group.run_until_settled(3.5)
    group.assert_exactly_once()
    assert group.transferred[members[-1]] != []
    assert all(group.transferred[one] == [] for one in members[:-1])


@pytest.mark.parametrize("peer", ["replica-0", "replica-3"])
def test_a_replica_that_slept_long_continues_from_its_store_and_a_transferred_state(
    peer: PeerId,
) -> None:
    group = Group(4, 2, 60, network=lossless(), settings=BRISK, retry_s=0.5, think_s=0.02)
    group.sim.schedule(Crash(at_s=0.5, peer=peer, for_s=4.0))
    group.run_until_settled(6.0)
    group.assert_exactly_once()
    assert group.stable[peer] != []
    assert group.coverage["consensus: state transferred"] >= 1


def test_all_replicas_crash_again_and_again_and_nothing_is_lost_or_done_twice() -> None:
    group = Group(4, 2, 60, network=lossless(), settings=BRISK, retry_s=0.5, think_s=0.02)
    for at_s in (0.7, 1.9, 3.1):
        group.sim.schedule(*(Crash(at_s=at_s, peer=one, for_s=0.4) for one in group.members))
    group.run_until_settled(5.0)
    group.assert_exactly_once()
    assert group.coverage["consensus: replica restarted from its store"] == 12


def test_a_client_that_was_answered_before_the_transfer_is_not_served_again() -> None:
    """The transferred reply table answers a retransmission from long ago."""
    group = Group(4, 1, 30, network=lossless(), settings=BRISK, retry_s=0.5)
    members = group.members
    group.sim.schedule(Crash(at_s=0.05, peer=members[3], for_s=2.0))
    group.run_until_settled(3.0)
    replica = group.inner(members[3])
    assert group.transferred[members[3]] != []
    assert replica.state.replies["client-0"].timestamp == 30


def test_state_transferred_tells_how_far(monkeypatch: pytest.MonkeyPatch) -> None:
    """With pieces of 64 bytes a state takes many round trips; a new checkpoint may overtake it."""
    monkeypatch.setattr("agents.consensus.messages.PIECE_BYTES", 64)
    group = Group(4, 2, 40, network=lossless(), settings=BRISK, retry_s=0.5, think_s=0.02)
    rest = (*group.members[:3], *group.clients)
    group.sim.schedule(Partition(at_s=0.1, for_s=2.0, groups=(rest, group.members[3:])))
    group.run_until_settled(2.5)
    group.assert_exactly_once()
    transferred = group.transferred["replica-3"]
    assert transferred
    assert set(transferred) <= {8 * number for number in range(1, 11)}


def test_checkpoint_messages_of_a_stranger_are_ignored() -> None:
    desk = Desk(settings=EVERY_2)
    desk.hear("stranger", Checkpoint(2, b"d", b""))
    assert desk.replica.checkpoints._votes == {}


def test_a_state_that_comes_after_the_replica_has_caught_up_by_itself_takes_nothing_back() -> None:
    """Found at one seed of 72,080: the old state was installed and its journal had a gap."""
    _, old, old_held = donor(6)
    _, new, _ = donor(8)
    desk = Desk(settings=EVERY_2)
    desk.hear(0, Stable(old))
    assert desk.replica.transfer.target == old
    for replica in (0, 3):  # with its own vote that will be a quorum
        desk.hear(replica, desk.checkpoint(replica, 8, new.digest))
    orders = [desk.pre_prepare(number) for number in range(1, 13)]
    entries = tuple(Entry(one.sequence, one.now_ms, one.requests) for one in orders)
    for replica in (0, 3):
        for start in range(0, 12, 4):
            desk.hear(replica, Entries(entries[start : start + 4]))
    log = desk.state.log
    executed = log.executed
    assert executed > 8
    assert log.low == 8
    desk.hear(2, pieces_of(old, old_held)[0])
    assert (log.low, log.executed) == (8, executed)
    assert [entry.sequence for entry in log.journal] == list(range(9, executed + 1))
    assert desk.emitted(StateTransferred) == []
    assert desk.replica.transfer.target is None
