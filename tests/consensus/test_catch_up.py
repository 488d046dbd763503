"""Asking for what is missing, and answering: no message for nothing, and none too few."""

from consensus_desk import Desk

from agents.consensus import Settings
from agents.consensus.catch_up import BATCHES_A_FETCH, STATUS_TIMER, TIMER, UNPROVED_TRIES
from agents.consensus.messages import (
    Checkpoint,
    Entries,
    Entry,
    Fetch,
    Prepare,
    PrePrepare,
    ViewChange,
)

K = 4


def fetches(sent: list) -> list[Fetch]:
    return [message for _, message in sent if isinstance(message, Fetch)]


def tries(desk: Desk) -> int:
    """How often the replica asks before it lets the matter rest."""
    asked = 0
    while TIMER in desk.ctx.timers and asked < 50:
        asked += bool(fetches(desk.fire(TIMER)))
    return asked


def entry(desk: Desk, sequence: int) -> Entry:
    return Entry(sequence, 0, (desk.request(sequence),))


def test_a_vote_that_nothing_supports_is_asked_about_a_few_times_only() -> None:
    desk = Desk()
    vote = desk.prepare(2, desk.pre_prepare(5))
    desk.hear(2, vote)
    assert tries(desk) == UNPROVED_TRIES
    desk.hear(2, desk.prepare(2, desk.pre_prepare(6)))
    assert tries(desk) == UNPROVED_TRIES, "news starts the count again"
    desk.hear(3, desk.prepare(3, desk.pre_prepare(6)))
    assert tries(desk) == 0, "but the same matter does not"
    desk.hear(2, desk.prepare(2, desk.pre_prepare(1, view=3)))
    assert tries(desk) == UNPROVED_TRIES
    desk.hear(3, desk.prepare(3, desk.pre_prepare(1, view=3)))
    assert tries(desk) == 0


def test_progress_starts_the_count_again_and_a_replica_that_needs_nothing_does_not_ask() -> None:
    desk = Desk()
    desk.hear(2, desk.prepare(2, desk.pre_prepare(9)))
    for _ in range(UNPROVED_TRIES - 1):
        assert fetches(desk.fire(TIMER))
    desk.execute(1)
    assert not fetches(desk.fire(TIMER)), "it has moved, so it waits and looks"
    assert tries(desk) == UNPROVED_TRIES
    idle = Desk()
    idle.execute(1)
    assert not fetches(idle.fire_if_armed(TIMER))
    assert TIMER not in idle.ctx.timers, "nothing is left to wait for"


def test_an_unfinished_order_is_asked_about_until_it_is_finished() -> None:
    desk = Desk()
    desk.hear(0, desk.pre_prepare(1))
    asked = [bool(fetches(desk.fire(TIMER))) for _ in range(3 * UNPROVED_TRIES)]
    assert all(asked)


def test_the_look_comes_after_retry_s_and_not_later_for_more_news() -> None:
    desk = Desk(settings=Settings(retry_s=3.0))
    desk.hear(0, desk.pre_prepare(1))
    desk.ctx.now = 1.0
    desk.hear(0, desk.pre_prepare(2))
    desk.hear(2, desk.prepare(2, desk.pre_prepare(3)))
    assert desk.ctx.timers[TIMER] == 3.0


def test_a_status_is_sent_at_regular_intervals_if_the_settings_say_so() -> None:
    assert STATUS_TIMER not in Desk().ctx.timers
    desk = Desk(settings=Settings(status_s=7.0))
    assert desk.ctx.timers[STATUS_TIMER] == 7.0
    desk.ctx.now = 7.0
    assert fetches(desk.fire(STATUS_TIMER)) == 3 * [Fetch(0, True, 0, 0)]
    assert desk.ctx.timers[STATUS_TIMER] == 14.0


def in_view_1(desk: Desk) -> Desk:
    changes = tuple(desk.view_change(one, 1) for one in (0, 2, 3))
    desk.hear(1, desk.new_view(1, changes, ()))
    assert (desk.state.view, desk.state.active) == (1, True)
    return desk


def test_who_lacks_the_view_is_sent_the_new_view_and_nobody_else_is() -> None:
    desk = in_view_1(Desk(me=2))
    new_view = desk.state.new_view
    for view, active, answer in (
        (0, True, [("replica-3", new_view)]),
        (0, False, [("replica-3", new_view)]),
        (1, False, [("replica-3", new_view)]),
        (1, True, []),
        (2, True, []),
        (2, False, []),
    ):
        assert desk.hear(3, Fetch(view, active, 0, 0)) == answer
    assert desk.hear("stranger", Fetch(0, True, 0, 0)) == []


def test_a_replica_between_views_repeats_its_view_change_to_those_behind_or_beside_it() -> None:
    desk = Desk()
    desk.hear("client", desk.request(9))
    desk.fire("consensus/view")
    own = desk.state.view_changes["replica-1"]
    for view, active, answer in (
        (0, True, [("replica-3", own)]),
        (1, False, [("replica-3", own)]),
        (2, False, []),
    ):
        assert desk.hear(3, Fetch(view, active, 0, 0)) == answer
    assert isinstance(own, ViewChange)


def test_votes_are_repeated_for_the_slots_beyond_what_the_asker_has_executed() -> None:
    desk = Desk()
    last = BATCHES_A_FETCH + 5
    for sequence in range(1, last + 1):
        desk.hear(0, desk.pre_prepare(sequence))
    for executed in (0, 2, 5):
        answer = desk.hear(3, Fetch(0, True, executed, 0))
        assert [message.sequence for _, message in answer if isinstance(message, Prepare)] == list(
            range(executed + 1, executed + 1 + BATCHES_A_FETCH)
        )
    assert desk.hear(3, Fetch(0, False, 0, 0)) == [], "its votes would be void there"
    assert desk.hear(3, Fetch(1, True, 0, 0)) == []


def test_a_gap_in_the_slots_hides_nothing_behind_it() -> None:
    desk = Desk()
    desk.hear(0, desk.pre_prepare(3))
    desk.hear(2, desk.prepare(2, desk.pre_prepare(2)))
    answer = desk.hear(3, Fetch(0, True, 0, 0))
    assert [message.sequence for _, message in answer] == [3]


def test_the_primary_repeats_its_pre_prepare_and_its_commit() -> None:
    desk = Desk(me=0)
    desk.hear("client", desk.request(1))
    order = desk.sent(PrePrepare)[0][1]
    assert desk.hear(3, Fetch(0, True, 0, 0)) == [("replica-3", order)]
    for backup in (1, 2):
        desk.hear(backup, desk.prepare(backup, order))
    assert desk.hear(3, Fetch(0, True, 0, 0)) == [
        ("replica-3", order), ("replica-3", desk.commit(order)),
    ]  # fmt: skip


def test_pbft_4_3_checkpoints_beyond_the_askers_low_watermark_are_repeated() -> None:
    desk = Desk(settings=Settings(checkpoint_interval=K))
    desk.execute(*range(1, K + 1))
    (vote,) = {message for _, message in desk.sent(Checkpoint)}
    for low, votes in ((0, [vote]), (K - 1, [vote]), (K, [])):
        answer = desk.hear(3, Fetch(0, True, K, low))
        assert [message for _, message in answer] == votes


def test_f_plus_1_replicas_prove_an_executed_batch_and_f_do_not() -> None:
    desk = Desk()
    batches = (entry(desk, 1), entry(desk, 2))
    desk.hear(2, Entries(batches))
    desk.hear(2, Entries(batches))
    assert desk.state.log.executed == 0
    desk.hear(3, Entries((Entry(1, 5, batches[0].requests),)))
    desk.hear("stranger", Entries(batches))
    assert desk.state.log.executed == 0, "other claims do not add up"
    desk.hear(3, Entries(batches))
    assert desk.state.log.executed == 2


def test_an_entry_of_no_use_does_not_hide_those_behind_it() -> None:
    desk = Desk()
    desk.execute(1)
    for replica in (2, 3):
        far = entry(desk, 2 + BATCHES_A_FETCH)
        desk.hear(replica, Entries((entry(desk, 1), far, entry(desk, 2))))
    assert desk.state.log.executed == 2


def test_entries_count_up_to_the_limit_and_the_high_watermark() -> None:
    desk = Desk(settings=Settings(checkpoint_interval=K, window=2 * K))
    batches = tuple(entry(desk, sequence) for sequence in range(1, 2 * K + 2))
    beyond_first = (batches[-1], *batches[:-1])
    for replica in (2, 3):
        desk.hear(replica, Entries(beyond_first))
    assert desk.state.log.executed == 2 * K, "up to the high watermark, not beyond"


def test_entries_that_bring_nothing_let_nothing_be_assigned_and_ask_for_nothing() -> None:
    desk = Desk()
    assert not desk.replica.catch_up.on_entries(desk.ctx, "stranger", Entries((entry(desk, 1),)))
    assert not desk.replica.catch_up.on_entries(desk.ctx, "replica-2", Entries((entry(desk, 1),)))
    assert desk.replica.catch_up.on_entries(desk.ctx, "replica-3", Entries((entry(desk, 1),)))


def test_a_full_answer_makes_the_replica_ask_for_more() -> None:
    for count, asks in ((BATCHES_A_FETCH, 3), (BATCHES_A_FETCH - 1, 0)):
        desk = Desk()
        batches = tuple(entry(desk, sequence) for sequence in range(1, count + 1))
        desk.hear(2, Entries(batches))
        sent = desk.hear(3, Entries(batches))
        assert desk.state.log.executed == count
        assert len(fetches(sent)) == asks


def test_claims_about_executed_batches_are_forgotten() -> None:
    desk = Desk()
    for replica in (2, 3, 0):
        desk.hear(replica, Entries((entry(desk, 1),)))
    assert desk.replica.catch_up._claims == {}, "nor are more of them kept"


def test_a_checkpoint_taken_while_catching_up_is_followed() -> None:
    desk = Desk(settings=Settings(checkpoint_interval=K))
    batches = tuple(entry(desk, sequence) for sequence in range(1, K + 1))
    for replica in (2, 3):
        desk.hear(replica, Entries(batches))
    assert TIMER in desk.ctx.timers, "it looks whether the checkpoint has become stable"


def test_a_new_primary_that_caught_up_orders_what_waits() -> None:
    desk = Desk(me=0, settings=Settings(window=1))
    for name in ("a", "b"):
        desk.hear(name, desk.request(1, name))
    assert len(desk.sent(PrePrepare)) == 3, "the window is full"
    order = desk.sent(PrePrepare)[0][1]
    done = Entry(1, order.now_ms, order.requests)
    desk.hear(1, Entries((done,)))
    sent = desk.hear(2, Entries((done,)))
    assert [message.sequence for _, message in sent if isinstance(message, PrePrepare)] == [2, 2, 2]
