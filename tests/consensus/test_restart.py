"""A replica that starts again: what it is then, to the slot, and what it asks for."""

import pytest
from consensus_desk import Desk, sign

from agents.consensus import CheckpointStable, Settings
from agents.consensus.catch_up import TIMER
from agents.consensus.durable import write_certificate, write_pre_prepare, write_proof
from agents.consensus.messages import (
    Commit,
    Entries,
    Entry,
    Fetch,
    FetchState,
    Message,
    NewView,
    Prepare,
    PrePrepare,
    ReadRequest,
    Reply,
    Stable,
    StatePiece,
    ViewChange,
    read_content,
)
from agents.consensus.transfer import TIMER as TRANSFER

EVERY_2 = Settings(checkpoint_interval=2, window=8)


def restarted(desk: Desk, settings: Settings | None = None) -> Desk:
    me = desk.members.index(desk.name)
    return Desk(desk.committee.n, me, settings, store=desk.ctx.store)


def kinds(sent: list[tuple[str, Message]]) -> list[str]:
    return sorted(type(message).__name__ for _, message in sent)


def prepare(desk: Desk, order: PrePrepare) -> None:
    desk.hear(desk.members.index(desk.committee.primary(order.view)), order)
    for backup in (2, 3):
        desk.hear(backup, desk.prepare(backup, order))


def test_the_journal_is_executed_again_and_can_be_given_to_others() -> None:
    before = Desk()
    before.execute(1, 2, 3)
    desk = restarted(before)
    assert desk.machine.applied == before.machine.applied
    assert desk.state.log.digests == before.state.log.digests
    assert [desk.state.log.executed_digest(one) for one in (1, 2, 3)] == before.state.log.digests
    assert desk.sent(Fetch) == [
        (one, Fetch(0, True, 3, 0)) for one in ("replica-0", "replica-2", "replica-3")
    ]
    other = desk.pre_prepare(2, now_ms=9)
    assert desk.hear(0, other) == [], "nothing else is accepted where something was executed"


def test_it_asks_about_the_next_number_and_no_further_one() -> None:
    before = Desk()
    before.execute(1)
    desk = restarted(before)
    assert desk.replica.catch_up._noticed == 2
    assert desk.replica.catch_up._noticed_view == 0
    assert TIMER in desk.ctx.timers


def test_votes_are_the_same_again_and_complete() -> None:
    before = Desk()
    order = before.pre_prepare(2)
    prepare(before, order)
    before.hear(0, before.pre_prepare(3))
    desk = restarted(before)
    slots, old = desk.state.log.slots, before.state.log.slots
    assert sorted(slots) == [2, 3]
    assert slots[2].certificate == old[2].certificate
    assert slots[2].prepares == {
        one: old[2].prepares[one] for one, _ in slots[2].certificate.prepares
    }
    assert slots[2].commits == old[2].commits
    assert (slots[2].prepared, slots[3].prepared) == (True, False)
    assert slots[3].prepares == old[3].prepares
    answer = desk.hear(3, Fetch(0, True, 0, 0))
    assert answer == before.hear(3, Fetch(0, True, 0, 0))
    assert desk.replica.catch_up._accepted == 3
    for replica in (0, 2):
        desk.hear(replica, desk.commit(order, replica))
    assert slots[2].committed


def test_what_is_executed_is_not_waited_for() -> None:
    before = Desk()
    before.execute(1)
    desk = restarted(before)
    assert desk.replica.catch_up._accepted == 0
    assert desk.replica.normal.last_sequence == 1


def test_a_primary_does_not_order_twice_what_it_had_ordered() -> None:
    before = Desk(me=0)
    before.hear("client", before.request(1))
    desk = restarted(before)
    assert desk.hear("client", desk.request(1)) == []
    desk.hear("other", desk.request(1, "other"))
    assert [one.sequence for _, one in desk.sent(PrePrepare)] == [2, 2, 2]


def stable_at_2() -> Desk:
    desk = Desk(settings=EVERY_2)
    desk.execute(1, 2, 3)
    desk.stabilise(2)
    return desk


def test_what_a_stable_checkpoint_replaced_does_not_come_back() -> None:
    before = stable_at_2()
    extra = before.pre_prepare(2)
    write_pre_prepare(before.ctx, extra)
    write_certificate(before.ctx, before.certificate(extra, 2, 3))
    desk = restarted(before, EVERY_2)
    assert (desk.state.log.low, desk.state.log.executed) == (2, 3)
    assert sorted(desk.state.log.slots) == [3]
    assert desk.state.stable == before.state.stable


def test_pre_prepares_of_views_that_it_has_left_are_not_voted_for_again() -> None:
    before = Desk()
    before.hear(0, before.pre_prepare(1))
    before.hear("client", before.request(9))
    before.fire("consensus/view")
    desk = restarted(before)
    assert (desk.state.view, desk.state.active) == (1, False)
    assert all(slot.pre_prepare is None for slot in desk.state.log.slots.values())
    assert set(kinds(desk.ctx.sent)) == {"Fetch", "ViewChange"}
    assert desk.sent(ViewChange)[0][1] == before.sent(ViewChange)[0][1]
    assert desk.hear(3, Fetch(0, True, 0, 0)) != []


def test_pre_prepares_of_an_earlier_view_do_not_enter_the_present_one() -> None:
    before = Desk(me=2)
    before.hear(0, before.pre_prepare(1))
    changes = tuple(before.view_change(one, 1) for one in (0, 1, 3))
    before.hear(1, before.new_view(1, changes, ()))
    desk = restarted(before)
    assert (desk.state.view, desk.state.active) == (1, True)
    assert desk.state.log.slots == {} or desk.state.log.slots[1].pre_prepare is None
    assert desk.sent(Prepare) == []


def transferring() -> Desk:
    desk = Desk(settings=EVERY_2)
    desk.hear(0, Stable(desk.proof(10, b"digest")))
    assert desk.replica.transfer.target is not None
    return desk


def test_an_unfinished_transfer_goes_on() -> None:
    before = transferring()
    desk = restarted(before, EVERY_2)
    assert desk.replica.transfer.target == before.replica.transfer.target
    assert (desk.state.log.low, desk.state.log.executed) == (10, 0)
    assert [message for _, message in desk.sent(FetchState)] == [
        FetchState(before.replica.transfer.target, 0)
    ]
    assert TRANSFER in desk.ctx.timers


def test_a_transfer_within_the_watermarks_goes_on_as_well() -> None:
    before = Desk(settings=EVERY_2)
    proof = before.proof(4, b"digest")
    before.replica.checkpoints.prove(before.ctx, proof)
    before.replica.transfer.consider(before.ctx, must=True)
    desk = restarted(before, EVERY_2)
    assert desk.replica.transfer.target == proof, "what leads to it was discarded"


# Wiring: what one part learns, the others use at once.


def test_pbft_4_4_votes_that_overtook_the_new_view_count_once_it_is_there() -> None:
    desk = Desk()
    order = desk.pre_prepare(1, 2)
    desk.hear(2, order)
    desk.hear(3, desk.prepare(3, order))
    desk.hear(3, desk.commit(order, 3))
    desk.hear(0, desk.commit(order, 0))
    changes = tuple(desk.view_change(one, 2) for one in (0, 2, 3))
    sent = desk.hear(2, desk.new_view(2, changes, ()))
    assert kinds(sent) == ["Commit", "Commit", "Commit", "Prepare", "Prepare", "Prepare", "Reply"]
    assert desk.state.log.executed == 1
    assert desk.state.log.slots[1].commits.keys() >= {"replica-0", "replica-3"}


def test_what_was_set_aside_stays_if_the_new_view_was_refused_or_repeated() -> None:
    desk = Desk()
    order = desk.pre_prepare(1, 2)
    desk.hear(3, desk.prepare(3, order))
    changes = tuple(desk.view_change(one, 2) for one in (0, 2, 3))
    good = desk.new_view(2, changes, ())
    desk.hear(2, NewView(2, changes, (), b"nonsense"))
    assert list(desk.state.aside) == ["replica-3"]
    desk.hear(2, good)
    assert desk.state.aside == {}
    assert desk.hear(2, good) == [], "it has started already"


def leading_with_full_window() -> Desk:
    """A primary whose window is full, with a request in line."""
    desk = Desk(me=0, settings=Settings(checkpoint_interval=2, window=2))
    desk.execute(1, 2)
    desk.hear("late", desk.request(1, "late"))
    assert desk.replica.normal.queue
    return desk


@pytest.mark.parametrize("how", ["checkpoint", "stable", "fetch"])
def test_pbft_4_3_as_soon_as_a_checkpoint_is_stable_the_primary_orders_what_waits(how: str) -> None:
    desk = leading_with_full_window()
    digest = desk.replica.checkpoints.taken[2][0].digest
    if how == "checkpoint":
        desk.stabilise(2)
    elif how == "stable":
        desk.hear(2, Stable(desk.proof(2, digest)))
    else:
        desk.hear(2, FetchState(desk.proof(2, digest), 0))
    assert desk.state.log.low == 2
    assert desk.sent(PrePrepare)[-1][1].requests == (desk.request(1, "late"),)
    assert desk.sent(PrePrepare)[-1][1].sequence == 3


def test_pbft_4_6_as_soon_as_the_state_has_come_the_primary_orders_what_waits() -> None:
    source = Desk(me=2, settings=Settings(checkpoint_interval=2, window=2))
    for last in (2, 4):
        source.execute(last - 1, last)
        source.stabilise(last)
    proof, held = source.state.stable, source.replica.checkpoints.held
    assert proof is not None
    assert held is not None
    settings = Settings(checkpoint_interval=2, window=2, in_flight_limit=2)
    desk = Desk(me=0, settings=settings)
    desk.hear(2, Stable(proof))
    desk.hear("late", desk.request(1, "late"))
    assert desk.sent(PrePrepare) == [], "too far ahead of what is executed here"
    sent = desk.hear(2, StatePiece(proof, held.digests, 0, held.pieces[0]))
    assert [one.sequence for _, one in sent if isinstance(one, PrePrepare)] == [5, 5, 5]
    assert [message for _, message in sent if isinstance(message, Fetch)] == 3 * [
        Fetch(0, True, 4, 4)
    ]


def test_a_proof_is_taken_from_members_only() -> None:
    desk = Desk(settings=EVERY_2)
    proof = desk.proof(10, b"digest")
    assert desk.hear("stranger", Stable(proof)) == []
    assert desk.hear(1, Stable(proof)) == [], "not from oneself either"
    assert desk.hear(2, Stable(proof)) != []


# Serving and changing the source.


def test_a_replica_without_a_checkpoint_of_its_own_serves_none() -> None:
    desk = Desk(settings=EVERY_2)
    assert [type(one) for _, one in desk.hear(2, FetchState(desk.proof(2, b"d"), 0))] == []
    served = stable_at_2()
    assert served.state.stable is not None
    ((to, piece),) = served.hear(2, FetchState(served.state.stable, 0))
    assert (to, type(piece)) == ("replica-2", StatePiece)
    assert served.hear("stranger", FetchState(served.state.stable, 0)) == []
    assert served.hear(2, FetchState(served.state.stable, 1)) == []
    assert served.hear(2, FetchState(served.state.stable, -1)) == []


def test_pbft_4_6_sources_are_asked_in_turn_from_the_one_after_itself() -> None:
    for me in (0, 3):
        desk = Desk(me=me, settings=EVERY_2)
        proof = desk.proof(10, b"digest", 0, 1, 2, 3)
        asked = [desk.hear((me + 1) % 4, Stable(proof))[0][0]]
        asked += [desk.fire(TRANSFER)[0][0] for _ in range(3)]
        others = [one for one in desk.members if one != desk.name]
        start = others.index(asked[0])
        assert asked == [others[(start + turn) % 3] for turn in range(4)], "each in its turn"


def test_pbft_4_4_what_a_member_says_in_anothers_name_is_no_view_change() -> None:
    desk = Desk(me=3)
    assert desk.hear(1, desk.view_change(2, 1)) == []
    assert desk.hear(3, desk.view_change(3, 1)) == []
    assert desk.state.view_changes == {}
    desk.hear(2, desk.view_change(2, 2))
    kept = desk.view_change(2, 2, desk.certificate(desk.pre_prepare(1), 1, 2))
    desk.hear(2, kept)
    assert desk.state.view_changes["replica-2"] == desk.view_change(2, 2), "the first stands"
    desk.hear(2, desk.view_change(2, 1))
    assert desk.state.view_changes["replica-2"].view == 2
    desk.hear(2, desk.view_change(2, 3))
    assert desk.state.view_changes["replica-2"].view == 3


def test_pbft_4_4_view_changes_for_the_view_entered_are_forgotten_and_later_ones_kept() -> None:
    desk = Desk(n=7, me=3)
    desk.hear(0, desk.view_change(0, 1))
    desk.hear(2, desk.view_change(2, 5))
    changes = tuple(desk.view_change(one, 1) for one in (0, 1, 4, 5, 6))
    desk.hear(1, desk.new_view(1, changes, ()))
    assert (desk.state.view, desk.state.active) == (1, True)
    assert list(desk.state.view_changes) == ["replica-2"]


def test_a_view_change_is_repeated_only_until_the_view_has_started() -> None:
    desk = Desk(me=3)
    repeat = desk.replica.view_changes.repeat
    repeat(desk.ctx)
    assert desk.sent(ViewChange) == []
    desk.hear("client", desk.request(9))
    desk.fire("consensus/view")
    assert len(desk.sent(ViewChange)) == 3
    repeat(desk.ctx)
    assert len(desk.sent(ViewChange)) == 6
    desk.state.active = True
    repeat(desk.ctx)
    assert len(desk.sent(ViewChange)) == 6


def test_a_view_that_was_asked_for_is_written_as_not_started() -> None:
    desk = Desk()
    desk.hear("client", desk.request(9))
    desk.fire("consensus/view")
    assert "view/1/0" in set(desk.ctx.store.keys())
    assert "view/1/1" not in set(desk.ctx.store.keys())


def test_pbft_4_4_a_new_view_brings_what_still_waits_and_nothing_that_was_executed() -> None:
    desk = Desk(me=2)
    for client in ("a", "b"):
        desk.hear(client, desk.request(1, client))
    done = Entry(1, 0, (desk.request(1, "a"),))
    desk.replica.patience.waiting["a"] = desk.request(1, "a")
    for replica in (0, 3):
        desk.hear(replica, Entries((done,)))
    desk.replica.patience.waiting["a"] = desk.request(1, "a")
    changes = tuple(desk.view_change(one, 1) for one in (0, 1, 3))
    before = len(desk.ctx.sent)
    desk.hear(1, desk.new_view(1, changes, ()))
    relayed = [(to, one) for to, one in desk.ctx.sent[before:] if not isinstance(one, Commit)]
    assert ("replica-1", desk.request(1, "b")) in relayed
    assert ("replica-1", desk.request(1, "a")) not in relayed
    assert list(desk.replica.patience.waiting) == ["b"]


def test_a_checkpoint_that_was_proved_before_the_crash_becomes_stable_after_it() -> None:
    before = Desk(settings=EVERY_2)
    before.execute(1, 2, 3)
    digest = before.replica.checkpoints.taken[2][0].digest
    write_proof(before.ctx, before.proof(2, digest))
    desk = restarted(before, EVERY_2)
    assert desk.emitted(CheckpointStable) == [CheckpointStable(2, digest.hex())]
    assert (desk.state.log.low, desk.state.log.executed) == (2, 3)


def test_pbft_4_4_a_new_view_from_our_own_checkpoint_begins_no_transfer() -> None:
    desk = Desk(settings=EVERY_2)
    desk.execute(1, 2)
    desk.stabilise(2)
    low = desk.state.stable
    desk.hear(0, Stable(desk.proof(4, b"digest")))
    assert desk.replica.checkpoints.proven is not None
    changes = tuple(desk.view_change(one, 2, stable=low) for one in (0, 2, 3))
    desk.hear(2, desk.new_view(2, changes, ()))
    assert (desk.state.view, desk.state.active) == (2, True)
    assert desk.replica.transfer.target is None, "it is about to execute up to there itself"


def test_a_read_waits_until_all_that_is_prepared_is_decided() -> None:
    settings = Settings(checkpoint_interval=4, window=8, tentative=True, read_only=True)
    desk = Desk(settings=settings)
    orders = [desk.pre_prepare(sequence) for sequence in (1, 2)]
    for order in orders:
        prepare(desk, order)
    bare = ReadRequest("reader", 1, b"count")
    read = ReadRequest("reader", 1, b"count", sign("reader", read_content(bare)))
    assert desk.hear("reader", read) == []
    for order, answers in zip(
        orders, ([], [Reply(0, 1, "reader", b"2", read_only=True)]), strict=True
    ):
        before = len(desk.ctx.sent)
        for replica in (0, 2, 3):
            desk.hear(replica, desk.commit(order, replica))
        assert [one for to, one in desk.ctx.sent[before:] if to == "reader"] == answers


def test_pbft_4_6_a_state_earlier_than_the_one_asked_for_is_not_sent() -> None:
    served = stable_at_2()
    assert served.hear(2, FetchState(served.proof(4, b"digest"), 0)) == []
    sent = served.hear(2, FetchState(served.proof(20, b"digest"), 0))
    assert not [one for _, one in sent if isinstance(one, StatePiece)]
