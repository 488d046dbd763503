"""The normal case, message by message, with the paper's sentences as names."""

from consensus_desk import Desk

from agents.consensus import ConflictingMessages, Executed, Settings
from agents.consensus.messages import Commit, Prepare, PrePrepare, Reply, Request


def prepared_desk(n: int = 4) -> tuple[Desk, PrePrepare]:
    """Replica 1 of `n` with a pre-prepare and just enough prepares."""
    desk = Desk(n)
    order = desk.pre_prepare()
    desk.hear(0, order)
    for backup in range(2, desk.committee.q):
        desk.hear(backup, desk.prepare(backup, order))
    return desk, order


def test_pbft_4_2_the_primary_multicasts_a_pre_prepare_with_the_next_sequence_number() -> None:
    desk = Desk(me=0)
    desk.ctx.now = 2.5
    for timestamp, client in ((1, "a"), (1, "b"), (7, "c")):
        desk.hear(client, desk.request(timestamp, client))
    orders = desk.sent(PrePrepare)
    assert [to for to, _ in orders] == 3 * ["replica-1", "replica-2", "replica-3"]
    assert [order.sequence for _, order in orders[::3]] == [1, 2, 3]
    assert {order.now_ms for _, order in orders} == {2500}
    assert orders[0][1].requests == (desk.request(1, "a"),)
    assert not desk.sent(Prepare), "the primary sends no prepare"


def test_pbft_4_2_a_backup_accepts_a_pre_prepare_and_multicasts_a_prepare() -> None:
    desk = Desk()
    order = desk.pre_prepare()
    sent = desk.hear(0, order)
    assert [to for to, _ in sent] == ["replica-0", "replica-2", "replica-3"]
    assert {message for _, message in sent} == {desk.prepare(1, order)}


def test_pbft_4_2_a_backup_rejects_a_pre_prepare_whose_signatures_or_digest_are_wrong() -> None:
    good = Desk().pre_prepare()
    desk = Desk()
    false_request = Request("client", 1, b"never signed", b"nonsense")
    for order in (
        PrePrepare(0, 1, 0, good.requests, good.digest, b"nonsense"),
        PrePrepare(0, 1, 5, good.requests, good.digest, good.signature),
        PrePrepare(0, 1, 0, (desk.request(2),), good.digest, good.signature),
        desk.pre_prepare(requests=(false_request,)),
        desk.pre_prepare(requests=()),
    ):
        assert desk.hear(0, order) == []
    assert desk.hear(2, good) == [], "only the primary orders"
    assert len(desk.hear(0, good)) == 3


def test_a_batch_beyond_the_limit_is_refused() -> None:
    desk = Desk(settings=Settings(batch_limit=2))
    three = tuple(desk.request(1, client) for client in "abc")
    assert desk.hear(0, desk.pre_prepare(requests=three)) == []
    assert len(desk.hear(0, desk.pre_prepare(requests=three[:2]))) == 3


def test_pbft_4_2_a_backup_rejects_an_implausible_time() -> None:
    desk = Desk(settings=Settings(skew_tolerance_s=10.0))
    desk.ctx.now = 100.0
    assert desk.hear(0, desk.pre_prepare(1, now_ms=110_001)) == []
    assert desk.hear(0, desk.pre_prepare(1, now_ms=89_999)) == []
    assert len(desk.hear(0, desk.pre_prepare(1, now_ms=110_000))) == 3


def test_pbft_4_2_a_second_pre_prepare_with_another_digest_is_not_accepted() -> None:
    desk = Desk()
    first, second = desk.pre_prepare(now_ms=0), desk.pre_prepare(now_ms=1)
    desk.hear(0, first)
    assert desk.hear(0, second) == []
    assert desk.state.log.slots[1].digest == first.digest
    (conflict,) = desk.emitted(ConflictingMessages)
    assert (conflict.accused, conflict.view, conflict.sequence) == ("replica-0", 0, 1)
    assert desk.hear(0, first) == [], "a repeated one is no conflict"
    assert len(desk.emitted(ConflictingMessages)) == 1


def test_a_forged_second_pre_prepare_accuses_nobody() -> None:
    desk = Desk()
    desk.hear(0, desk.pre_prepare(now_ms=0))
    other = desk.pre_prepare(now_ms=1)
    desk.hear(0, PrePrepare(0, 1, 1, other.requests, other.digest, b"nonsense"))
    assert desk.emitted(ConflictingMessages) == []


def test_pbft_4_2_prepared_needs_q_minus_1_prepares_of_distinct_backups() -> None:
    for n in (4, 5, 6, 7):
        desk = Desk(n)
        order = desk.pre_prepare()
        desk.hear(0, order)
        needed = list(range(2, desk.committee.q))
        for backup in needed[:-1]:
            assert desk.hear(backup, desk.prepare(backup, order)) == []
            assert desk.hear(backup, desk.prepare(backup, order)) == [], "counted once"
        assert desk.hear(0, desk.prepare(0, order)) == [], "the primary's does not count"
        assert desk.hear("stranger", desk.prepare(needed[-1], order)) == []
        sent = desk.hear(needed[-1], desk.prepare(needed[-1], order))
        assert {message for _, message in sent} == {desk.commit(order)}


def test_pbft_4_2_a_prepare_with_a_false_signature_or_another_digest_does_not_count() -> None:
    desk = Desk()
    order, other = desk.pre_prepare(now_ms=0), desk.pre_prepare(now_ms=1)
    desk.hear(0, order)
    assert desk.hear(2, Prepare(0, 1, order.digest, b"nonsense")) == []
    assert desk.hear(3, desk.prepare(3, other)) == []
    assert desk.hear(3, desk.prepare(3, order)) == [], "the first vote stands"
    assert [fact.accused for fact in desk.emitted(ConflictingMessages)] == ["replica-3"]
    assert len(desk.hear(2, desk.prepare(2, order))) == 3


def test_pbft_4_2_a_commit_with_a_false_signature_does_not_count_and_spoils_nothing() -> None:
    desk, order = prepared_desk()
    for replica in (0, 2):
        desk.hear(replica, Commit(0, 1, order.digest, b"nonsense"))
        desk.hear(replica, desk.commit(order, 3))
    assert desk.emitted(Executed) == []
    for replica in (0, 2):
        desk.hear(replica, desk.commit(order, replica))
    assert len(desk.emitted(Executed)) == 1


def test_a_forged_second_vote_accuses_nobody_and_a_signed_one_does() -> None:
    desk = Desk()
    order, other = desk.pre_prepare(now_ms=0), desk.pre_prepare(now_ms=1)
    desk.hear(0, order)
    desk.hear(2, desk.prepare(2, order))
    desk.hear(3, desk.commit(order, 3))
    desk.hear(2, Prepare(0, 1, other.digest, b"nonsense"))
    desk.hear(3, Commit(0, 1, other.digest, b"nonsense"))
    assert desk.emitted(ConflictingMessages) == []
    desk.hear(2, desk.prepare(2, other))
    desk.hear(3, desk.commit(other, 3))
    assert [fact.accused for fact in desk.emitted(ConflictingMessages)] == [
        "replica-2", "replica-3",
    ]  # fmt: skip


def test_votes_that_overtake_the_pre_prepare_count_when_it_comes() -> None:
    desk = Desk()
    order, other = desk.pre_prepare(now_ms=0), desk.pre_prepare(now_ms=1)
    desk.hear(2, desk.prepare(2, order))
    desk.hear(3, desk.prepare(3, other))
    desk.hear(0, desk.commit(order, 0))
    desk.hear(2, desk.commit(order, 2))
    assert desk.emitted(Executed) == []
    desk.hear(0, order)
    assert [fact.sequence for fact in desk.emitted(Executed)] == [1]


def test_votes_for_nothing_before_the_pre_prepare_spoil_no_signature_after_it() -> None:
    desk = Desk()
    order, nothing = desk.pre_prepare(), PrePrepare(0, 1, 0, (), b"")
    desk.hear(3, desk.prepare(3, nothing))
    desk.hear(3, desk.commit(nothing, 3))
    sent = desk.hear(0, order)
    assert {message for _, message in sent} == {desk.prepare(1, order)}
    sent = desk.hear(2, desk.prepare(2, order))
    assert {message for _, message in sent} == {desk.commit(order)}
    for replica in (0, 2):
        desk.hear(replica, desk.commit(order, replica))
    assert len(desk.emitted(Executed)) == 1


def test_pbft_4_2_committed_needs_q_commits_of_distinct_replicas_with_its_digest() -> None:
    for n in (4, 5, 6, 7):
        desk, order = prepared_desk(n)
        other = desk.pre_prepare(now_ms=1)
        desk.hear(n - 1, desk.commit(other, n - 1))
        assert desk.hear(n - 1, desk.commit(order, n - 1)) == []
        replicas = [0, *range(2, desk.committee.q)][: desk.committee.q - 1]
        for replica in replicas[:-1]:
            desk.hear(replica, desk.commit(order, replica))
            desk.hear(replica, desk.commit(order, replica))
        desk.hear("stranger", desk.commit(order, replicas[-1]))
        assert desk.emitted(Executed) == []
        desk.hear(replicas[-1], desk.commit(order, replicas[-1]))
        assert len(desk.emitted(Executed)) == 1


def test_a_quorum_of_commits_alone_does_not_execute_what_is_not_prepared_here() -> None:
    desk = Desk()
    order = desk.pre_prepare()
    desk.hear(0, order)
    for replica in (0, 2, 3):
        desk.hear(replica, desk.commit(order, replica))
    assert desk.emitted(Executed) == []
    desk.hear(2, desk.prepare(2, order))
    assert len(desk.emitted(Executed)) == 1


def commit_all(desk: Desk, order: PrePrepare) -> None:
    desk.hear(0, order)
    for backup in (2, 3):
        desk.hear(backup, desk.prepare(backup, order))
    for replica in (0, 2, 3):
        desk.hear(replica, desk.commit(order, replica))


def test_pbft_4_2_requests_execute_in_the_order_of_their_sequence_numbers() -> None:
    desk = Desk()
    for sequence in (3, 2, 1):
        commit_all(desk, desk.pre_prepare(sequence, now_ms=sequence))
    assert [fact.sequence for fact in desk.emitted(Executed)] == [1, 2, 3]
    assert [row[0] for row in desk.machine.applied] == [1, 2, 3]


def test_the_agreed_time_never_decreases() -> None:
    desk = Desk()
    for sequence, now_ms in ((1, 500), (2, 300), (3, 900)):
        commit_all(desk, desk.pre_prepare(sequence, now_ms=now_ms))
    assert [row[3] for row in desk.machine.applied] == [500, 500, 900]


def test_pbft_4_1_a_request_that_is_ordered_twice_is_executed_once() -> None:
    desk = Desk(settings=Settings(batch_limit=2))
    request = desk.request(5)
    commit_all(desk, desk.pre_prepare(1, requests=(request,)))
    commit_all(desk, desk.pre_prepare(2, requests=(request, desk.request(3))))
    assert len(desk.machine.applied) == 1
    facts = desk.emitted(Executed)
    assert [(fact.sequence, fact.requests) for fact in facts] == [(1, (("client", 5),)), (2, ())]
    assert len(desk.sent(Reply)) == 1


def test_pbft_4_1_a_retransmitted_request_gets_the_cached_reply() -> None:
    desk = Desk()
    commit_all(desk, desk.pre_prepare(1, requests=(desk.request(5),)))
    (first,) = desk.sent(Reply)
    assert desk.hear("client", desk.request(5)) == [first]
    assert desk.hear("client", desk.request(4)) == [], "an older one gets none"
    assert len(desk.machine.applied) == 1


def test_pbft_4_4_a_backup_relays_a_request_and_starts_its_timer() -> None:
    desk = Desk()
    request = desk.request()
    assert desk.hear("client", request) == [("replica-0", request)]
    assert "consensus/view" in desk.ctx.timers
    assert desk.hear("client", Request("client", 2, b"x", b"nonsense")) == []


def test_a_relayed_request_is_not_relayed_again() -> None:
    desk = Desk()
    assert desk.hear(2, desk.request()) == []
    assert "consensus/view" in desk.ctx.timers


def test_pbft_4_1_the_primary_orders_a_request_once_however_often_it_comes() -> None:
    desk = Desk(me=0)
    desk.hear("client", desk.request())
    assert desk.hear("client", desk.request()) == []
    assert desk.hear(2, desk.request()) == []
    assert desk.hear("client", Request("client", 2, b"x", b"nonsense")) == []
    assert len(desk.sent(PrePrepare)) == 3


def test_pbft_4_4_the_timer_stops_when_the_request_is_executed() -> None:
    desk = Desk()
    desk.hear("client", desk.request(1))
    commit_all(desk, desk.pre_prepare(1, requests=(desk.request(1),)))
    assert "consensus/view" not in desk.ctx.timers


def test_pbft_4_4_the_timer_starts_anew_only_if_its_own_request_was_executed() -> None:
    desk = Desk(settings=Settings(view_timeout_s=4.0))
    for name in ("a", "b", "c"):
        desk.hear(name, desk.request(1, name))
    desk.ctx.now = 1.0
    commit_all(desk, desk.pre_prepare(1, requests=(desk.request(1, "b"),)))
    assert desk.ctx.timers["consensus/view"] == 4.0, "other activity does not touch it"
    commit_all(desk, desk.pre_prepare(2, requests=(desk.request(1, "a"),)))
    assert desk.ctx.timers["consensus/view"] == 5.0, "now it waits for c"


def test_pbft_4_2_messages_outside_the_watermarks_are_not_accepted() -> None:
    desk = Desk(settings=Settings(window=8))
    assert desk.hear(0, desk.pre_prepare(9)) == []
    assert desk.hear(0, desk.pre_prepare(0)) == []
    assert len(desk.hear(0, desk.pre_prepare(8))) == 3
    for sequence in range(9, 2_000):
        desk.hear(2, desk.prepare(2, desk.pre_prepare(sequence)))
        desk.hear(3, Commit(0, sequence, b"x"))
    assert set(desk.state.log.slots) == {8}


def test_the_primary_does_not_run_ahead_of_the_high_watermark() -> None:
    desk = Desk(me=0, settings=Settings(window=3))
    for number in range(5):
        desk.hear(f"client-{number}", desk.request(1, f"client-{number}"))
    assert [order.sequence for _, order in desk.sent(PrePrepare)[::3]] == [1, 2, 3]
    order = desk.sent(PrePrepare)[0][1]
    for backup in (1, 2):
        desk.hear(backup, desk.prepare(backup, order))
        desk.hear(backup, desk.commit(order, backup))
    assert [order.sequence for _, order in desk.sent(PrePrepare)[::3]] == [1, 2, 3, 4]


def test_messages_of_a_later_view_are_set_aside_within_a_bound_and_of_an_earlier_one_void() -> None:
    desk = Desk(settings=Settings(aside_limit=16))
    for sequence in range(1, 100):
        assert desk.hear(2, desk.prepare(2, desk.pre_prepare(sequence, view=1))) == []
    assert len(desk.state.aside["replica-2"]) == 16
    assert not desk.state.log.slots
    desk.state.view = 5
    order = desk.pre_prepare(1, view=4)
    assert desk.hear(0, order) == []
    assert desk.hear(2, desk.prepare(2, order)) == []
    assert desk.hear(2, desk.commit(order, 2)) == []
    assert not desk.state.log.slots


def test_pbft_4_2_a_batch_holds_no_more_requests_than_the_limit_and_leaves_none_behind() -> None:
    desk = Desk(me=0, settings=Settings(batch_limit=2, in_flight_limit=1))
    asked = [desk.request(1, client) for client in "abcdef"]
    for request in asked:
        desk.hear(request.client, request)
    sizes = []
    for sequence in range(1, 5):
        orders = {one for _, one in desk.sent(PrePrepare) if one.sequence == sequence}
        (order,) = orders
        sizes.append([request.client for request in order.requests])
        for backup in (1, 2):
            desk.hear(backup, desk.prepare(backup, order))
            desk.hear(backup, desk.commit(order, backup))
    assert sizes == [["a"], ["b", "c"], ["d", "e"], ["f"]]
