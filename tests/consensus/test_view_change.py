"""View changes, message by message, with the paper's sentences as names."""

import pytest
from consensus_desk import Desk

from agents.consensus import Executed, Settings, ViewChanged
from agents.consensus.messages import (
    NULL_DIGEST,
    Certificate,
    Entries,
    Entry,
    Fetch,
    NewView,
    Prepare,
    PrePrepare,
    ViewChange,
)


def impatient(desk: Desk) -> list[ViewChange]:
    """Make the desk's replica give up on its primary; return its view-changes."""
    desk.hear("client", desk.request(99))
    return [message for _, message in desk.fire("consensus/view")]


def prepare_here(desk: Desk, order: PrePrepare) -> None:
    desk.hear(desk.committee.members.index(desk.committee.primary(order.view)), order)
    for backup in range(desk.committee.n):
        if desk.members[backup] not in (desk.name, desk.committee.primary(order.view)):
            desk.hear(backup, desk.prepare(backup, order))


def test_pbft_4_4_on_time_out_a_backup_multicasts_what_it_has_prepared() -> None:
    desk = Desk()
    prepare_here(desk, desk.pre_prepare(1))
    desk.hear(0, desk.pre_prepare(2))
    changes = impatient(desk)
    assert len(changes) == 3
    assert {(one.view, one.replica, one.low) for one in changes} == {(1, "replica-1", 0)}
    (certificate,) = changes[0].prepared
    assert certificate.pre_prepare == desk.pre_prepare(1)
    assert len({backup for backup, _ in certificate.prepares}) == desk.committee.q - 1
    assert changes[0] == desk.view_change(1, 1, certificate)


def test_pbft_4_4_it_stops_accepting_messages_of_the_old_view() -> None:
    desk = Desk()
    impatient(desk)
    order = desk.pre_prepare(1)
    assert desk.hear(0, order) == []
    assert desk.hear(2, desk.prepare(2, order)) == []
    assert not desk.state.log.slots


def test_pbft_4_5_2_f_plus_1_view_changes_draw_along_but_f_do_not() -> None:
    desk = Desk(n=7, me=3)
    for replica, view in ((0, 5), (1, 4)):
        assert desk.hear(replica, desk.view_change(replica, view)) == []
        assert desk.hear(replica, desk.view_change(replica, view)) == [], "counted once"
    sent = desk.hear(2, desk.view_change(2, 8))
    assert {message.view for _, message in sent} == {4}
    assert (desk.state.view, desk.state.active) == (4, False)


def lead(desk: Desk, *others: ViewChange) -> NewView:
    """Give the primary of view 1 (replica 1) its view-changes; return what it starts with."""
    impatient(desk)
    for message in others:
        desk.hear(desk.members.index(message.replica), message)
    return desk.sent(NewView)[0][1]


def test_pbft_4_4_the_new_primary_needs_q_view_changes_for_exactly_its_view() -> None:
    desk = Desk()
    impatient(desk)
    desk.hear(2, desk.view_change(2, 2))
    desk.hear(3, desk.view_change(3, 1))
    assert not desk.sent(NewView)
    desk.hear(0, desk.view_change(0, 1))
    message = desk.sent(NewView)[0][1]
    assert {one.replica for one in message.view_changes} == {"replica-0", "replica-1", "replica-3"}
    assert [to for to, _ in desk.sent(NewView)] == ["replica-0", "replica-2", "replica-3"]
    assert desk.emitted(ViewChanged) == [ViewChanged(1)]


def test_pbft_4_4_new_primary_reproposes_prepared_requests_and_fills_gaps_with_null() -> None:
    desk = Desk()
    order = desk.pre_prepare(3)
    certificate = desk.certificate(order, 2, 3)
    message = lead(desk, desk.view_change(2, 1, certificate), desk.view_change(3, 1))
    assert [(one.view, one.sequence) for one in message.pre_prepares] == [(1, 1), (1, 2), (1, 3)]
    assert [one.digest for one in message.pre_prepares] == [NULL_DIGEST, NULL_DIGEST, order.digest]
    assert message.pre_prepares[2].requests == order.requests
    next_order = desk.sent(PrePrepare)[-1][1]
    assert (next_order.view, next_order.sequence) == (1, 4), "what waits comes after"
    assert next_order.requests == (desk.request(99),)


def test_pbft_4_4_o_takes_the_certificate_of_the_highest_view() -> None:
    desk = Desk(n=4, me=3)
    old, new = desk.pre_prepare(1, 0, now_ms=1), desk.pre_prepare(1, 1, now_ms=2)
    desk.state.view, desk.state.active = 2, True
    desk.hear("client", desk.request(9))
    desk.fire("consensus/view")
    desk.hear(0, desk.view_change(0, 3, desk.certificate(old, 2, 3)))
    desk.hear(1, desk.view_change(1, 3, desk.certificate(new, 2, 3)))
    (chosen,) = desk.sent(NewView)[0][1].pre_prepares
    assert chosen.digest == new.digest
    assert chosen.view == 3


@pytest.fixture
def prepared() -> tuple[Desk, PrePrepare, Certificate]:
    desk = Desk(me=2)
    order = desk.pre_prepare(1)
    return desk, order, desk.certificate(order, 1, 3)


def reordered(desk: Desk, order: PrePrepare, view: int) -> PrePrepare:
    return desk.pre_prepare(order.sequence, view, order.requests, order.now_ms)


def test_pbft_4_4_a_backup_accepts_a_right_new_view_and_prepares_o(prepared) -> None:
    desk, order, certificate = prepared
    v = (desk.view_change(0, 1), desk.view_change(1, 1, certificate), desk.view_change(3, 1))
    again = reordered(desk, order, 1)
    sent = desk.hear(1, desk.new_view(1, v, (again,)))
    assert (desk.state.view, desk.state.active) == (1, True)
    assert {message for _, message in sent if isinstance(message, Prepare)} == {
        desk.prepare(2, again)
    }


def test_pbft_4_4_a_backup_rejects_a_new_view_that_v_does_not_demand(prepared) -> None:
    desk, order, certificate = prepared
    a, b, c = desk.view_change(0, 1), desk.view_change(1, 1, certificate), desk.view_change(3, 1)
    again = reordered(desk, order, 1)
    null = desk.pre_prepare(1, 1, requests=())
    other = desk.pre_prepare(1, 1, now_ms=7)
    hollow = PrePrepare(1, 1, 0, (desk.request(77),), again.digest, again.signature)
    one_prepare = desk.certificate(order, 1)
    same_twice = Certificate(order, 2 * (certificate.prepares[0],))
    by_primary = desk.certificate(order, 0, 1)
    forged = Certificate(order, (certificate.prepares[0], ("replica-3", b"nonsense")))
    false_content = Certificate(
        PrePrepare(0, 1, 5, order.requests, order.digest, order.signature), certificate.prepares
    )
    unsigned = Certificate(
        PrePrepare(0, 1, 0, order.requests, order.digest, b"nonsense"), certificate.prepares
    )
    wrong = {
        "O omits a prepared request": desk.new_view(1, (a, b, c), ()),
        "O replaces it by null": desk.new_view(1, (a, b, c), (null,)),
        "O has another digest": desk.new_view(1, (a, b, c), (other,)),
        "O keeps the old view": desk.new_view(1, (a, b, c), (order,)),
        "O adds a request": desk.new_view(1, (a, b, c), (again, desk.pre_prepare(2, 1))),
        "V is short": desk.new_view(1, (a, b), (again,)),
        "V names a replica twice": desk.new_view(1, (a, b, b), (again,)),
        "V is padded with a repetition": desk.new_view(1, (a, b, c, c), (again,)),
        "O has false content": desk.new_view(1, (a, b, c), (hollow,)),
        "V has another view": desk.new_view(1, (a, b, desk.view_change(3, 2)), (again,)),
        "V is forged": desk.new_view(
            1, (a, b, ViewChange(1, "replica-3", 0, (), b"nonsense")), (again,)
        ),
        "unsigned": NewView(1, (a, b, c), (again,), b"nonsense"),
    }
    for claim in (one_prepare, same_twice, by_primary, forged, false_content, unsigned):
        lie = desk.view_change(3, 1, claim)
        wrong[f"false certificate {claim}"] = desk.new_view(1, (a, b, lie), (again,))
    for why, message in wrong.items():
        assert desk.hear(1, message) == [], why
        assert (desk.state.view, desk.state.active) == (0, True), why
    desk.hear(3, desk.new_view(1, (a, b, c), (again,)))
    assert desk.state.view == 1, "the right one is accepted, relayed by anyone"


def test_a_view_change_with_a_certificate_of_its_own_or_a_later_view_is_refused() -> None:
    desk = Desk(n=4, me=2)
    late = desk.certificate(desk.pre_prepare(1, 1), 2, 3)
    desk.hear(3, desk.view_change(3, 1, late))
    assert desk.state.view_changes == {}
    twice = desk.certificate(desk.pre_prepare(1), 1, 3)
    desk.hear(3, desk.view_change(3, 1, twice, twice))
    assert desk.state.view_changes == {}
    desk.hear(0, desk.view_change(3, 1))
    assert desk.state.view_changes == {}, "nobody speaks for another"
    desk.hear(3, desk.view_change(3, 1, twice))
    assert set(desk.state.view_changes) == {"replica-3"}


def test_pbft_4_4_a_request_executed_before_is_not_executed_again_in_the_new_view() -> None:
    desk = Desk(me=2)
    order = desk.pre_prepare(1)
    prepare_here(desk, order)
    for replica in (0, 1, 3):
        desk.hear(replica, desk.commit(order, replica))
    assert len(desk.emitted(Executed)) == 1
    certificate = desk.certificate(order, 1, 3)
    v = tuple(desk.view_change(one, 1, certificate) for one in (0, 1, 3))
    again = reordered(desk, order, 1)
    desk.hear(1, desk.new_view(1, v, (again,)))
    assert desk.sent(Prepare)[-1][1] == desk.prepare(2, again), "it votes for it nevertheless"
    for backup in (0, 3):
        desk.hear(backup, desk.prepare(backup, again))
    for replica in (0, 1, 3):
        desk.hear(replica, desk.commit(again, replica))
    assert len(desk.emitted(Executed)) == 1
    assert len(desk.machine.applied) == 1


def test_pbft_4_5_2_the_wait_for_a_new_view_starts_at_q_and_doubles() -> None:
    desk = Desk(n=7, me=6, settings=Settings(view_timeout_s=4.0))
    impatient(desk)
    waits = []
    for view in (1, 2, 3):
        for replica in (0, 1, 2):
            desk.hear(replica, desk.view_change(replica, view))
        assert "consensus/view" not in desk.ctx.timers
        desk.hear(3, desk.view_change(3, view))
        waits.append(desk.ctx.timers["consensus/view"])
        desk.fire("consensus/view")
    assert waits == [4.0, 8.0, 16.0]


def test_votes_set_aside_count_once_the_new_view_has_come() -> None:
    desk = Desk(me=2)
    order = desk.pre_prepare(1, 1)
    desk.hear(1, order)
    desk.hear(3, desk.prepare(3, order))
    assert desk.sent(Prepare) == []
    v = tuple(desk.view_change(one, 1) for one in (0, 1, 3))
    desk.hear(1, desk.new_view(1, v, ()))
    assert desk.state.log.slots[1].prepared


def test_waiting_requests_reach_the_new_primary_and_the_timer_runs_again() -> None:
    desk = Desk(me=2)
    impatient(desk)
    v = tuple(desk.view_change(one, 1) for one in (0, 1, 3))
    sent = desk.hear(1, desk.new_view(1, v, ()))
    assert ("replica-1", desk.request(99)) in sent
    assert "consensus/view" in desk.ctx.timers


def test_pbft_4_4_what_prepared_in_an_earlier_view_stays_in_p() -> None:
    desk = Desk(me=2)
    order = desk.pre_prepare(1)
    prepare_here(desk, order)
    v = tuple(desk.view_change(one, 1) for one in (0, 1, 3))
    desk.hear(1, desk.new_view(1, v, ()))
    assert desk.state.view == 1
    change = impatient(desk)[0]
    assert change.view == 2
    assert [one.pre_prepare for one in change.prepared] == [order]


def test_pbft_4_4_a_reproposed_request_is_not_ordered_again_when_it_is_retransmitted() -> None:
    desk = Desk()
    request = desk.request(1, "other")
    certificate = desk.certificate(desk.pre_prepare(1, requests=(request,)), 2, 3)
    lead(desk, desk.view_change(2, 1, certificate), desk.view_change(3, 1))
    assert desk.hear("other", request) == []
    assert desk.hear("other", desk.request(2, "other")) != []


def test_what_a_new_view_dropped_is_not_waited_for() -> None:
    desk = Desk(me=2)
    desk.hear(0, desk.pre_prepare(1))
    v = tuple(desk.view_change(one, 1) for one in (0, 1, 3))
    desk.hear(1, desk.new_view(1, v, ()))
    assert [m for _ in range(2) for _, m in desk.fire_if_armed("consensus/retry")] == []
    assert "consensus/retry" not in desk.ctx.timers


def test_pbft_4_5_2_a_fresh_execution_makes_the_next_wait_short_again() -> None:
    desk = Desk(me=2, settings=Settings(view_timeout_s=4.0))
    for view in (1, 2, 3):
        desk.replica.view_changes.start(desk.ctx, view)
    v = tuple(desk.view_change(one, 5) for one in (0, 1, 3))
    desk.hear(1, desk.new_view(5, v, ()))
    order = desk.pre_prepare(1, 5)
    desk.hear("a", desk.request(1, "a"))
    assert desk.ctx.timers["consensus/view"] == 16.0
    prepare_here(desk, order)
    for replica in (0, 1, 3):
        desk.hear(replica, desk.commit(order, replica))
    desk.hear("b", desk.request(1, "b"))
    del desk.ctx.timers["consensus/view"]
    desk.replica.patience.fired()
    desk.hear("b", desk.request(2, "b"))
    assert desk.ctx.timers["consensus/view"] == 4.0


def test_a_view_change_is_sent_again_until_the_new_view_comes() -> None:
    desk = Desk(me=2)
    first = impatient(desk)
    for _ in range(3):
        sent = desk.fire("consensus/retry")
        assert [message for _, message in sent if isinstance(message, ViewChange)] == first
    assert ("replica-3", first[0]) in desk.hear(3, Fetch(1, False, 0))
    assert ("replica-3", first[0]) in desk.hear(3, Fetch(0, True, 0))
    assert desk.hear(3, Fetch(2, False, 0)) == []
    v = tuple(desk.view_change(one, 1) for one in (0, 1, 3))
    desk.hear(1, desk.new_view(1, v, ()))
    assert not [m for _, m in desk.fire("consensus/retry") if isinstance(m, ViewChange)]


def test_pbft_4_4_what_did_not_fit_the_window_at_the_new_view_is_accepted_when_it_comes_again() -> (
    None
):
    """A null request, or one whose time is long past, is refused only if no new view ordered it."""
    desk = Desk(me=2, settings=Settings(window=2))
    old = desk.pre_prepare(4)
    v = (
        desk.view_change(0, 1), desk.view_change(1, 1, desk.certificate(old, 1, 3)),
        desk.view_change(3, 1),
    )  # fmt: skip
    nulls = tuple(desk.pre_prepare(sequence, 1, ()) for sequence in (1, 2, 3))
    again = reordered(desk, old, 1)
    desk.hear(1, desk.new_view(1, v, (*nulls, again)))
    assert set(desk.state.log.slots) == {1, 2}
    desk.ctx.now = 1_000.0
    for replica in (0, 3):
        desk.hear(replica, Entries(tuple(Entry(sequence, 0, ()) for sequence in (1, 2))))
    for order in (nulls[2], again):
        sent = desk.hear(1, order)
        assert desk.prepare(2, order) in [message for _, message in sent]
    assert desk.hear(1, desk.pre_prepare(3, 1, ())) == []


def test_pbft_4_4_a_null_request_that_no_new_view_ordered_is_refused() -> None:
    desk = Desk(me=2)
    v = tuple(desk.view_change(one, 1) for one in (0, 1, 3))
    desk.hear(1, desk.new_view(1, v, ()))
    assert desk.hear(1, desk.pre_prepare(1, 1, ())) == []
