"""What tells a replica that it is behind, and what must not."""

import pytest
from consensus_desk import Desk, sign

from agents.consensus import Settings
from agents.consensus.catch_up import TIMER
from agents.consensus.messages import (
    Commit,
    Entries,
    Entry,
    Fetch,
    Message,
    Prepare,
    PrePrepare,
    Request,
    request_content,
)

K = 4


def vote(desk: Desk, kind: str, sequence: int, view: int) -> tuple[int, Message]:
    """A message of this kind, and who sends it."""
    order = desk.pre_prepare(sequence, view)
    if kind == "pre-prepare":
        return view % 4, order
    return (3, desk.prepare(3, order)) if kind == "prepare" else (3, desk.commit(order, 3))


@pytest.mark.parametrize("kind", ["pre-prepare", "prepare", "commit"])
@pytest.mark.parametrize(
    ("sequence", "view"), [(1, 2), (9, 0), (9, 3)], ids=["view", "watermark", "both"]
)
def test_a_members_vote_that_is_out_of_reach_is_noticed(
    kind: str, sequence: int, view: int
) -> None:
    desk = Desk(settings=Settings(window=8))
    sender, message = vote(desk, kind, sequence, view)
    desk.hear("stranger", message)
    assert TIMER not in desk.ctx.timers
    desk.hear(sender, message)
    assert TIMER in desk.ctx.timers
    sent = desk.fire(TIMER)
    assert [message for _, message in sent] == 3 * [Fetch(0, True, 0, 0)]


@pytest.mark.parametrize("kind", ["prepare", "commit"])
def test_a_vote_without_its_pre_prepare_is_noticed_and_one_with_it_is_not(kind: str) -> None:
    desk = Desk()
    sender, message = vote(desk, kind, 1, 0)
    desk.hear(sender, message)
    assert desk.fire(TIMER), "it asks for the pre-prepare"
    other = Desk()
    other.hear(0, other.pre_prepare(1))
    noticed = other.replica.catch_up._noticed
    other.hear(sender, message)
    assert other.replica.catch_up._noticed == noticed


@pytest.mark.parametrize("kind", ["pre-prepare", "prepare", "commit"])
def test_what_is_over_or_of_an_earlier_view_is_not_noticed(kind: str) -> None:
    desk = Desk(settings=Settings(window=8, checkpoint_interval=K))
    desk.execute(*range(1, K + 1))
    desk.stabilise(K)
    desk.fire_if_armed(TIMER)
    desk.ctx.timers.pop(TIMER, None)
    desk.replica.catch_up._armed = False
    for sequence in range(1, K + 1):
        desk.hear(*vote(desk, kind, sequence, 0))
    assert TIMER not in desk.ctx.timers
    assert set(desk.state.log.slots) == set()
    desk.state.view = 5
    desk.hear(*vote(desk, kind, K + 1, 4))
    assert TIMER not in desk.ctx.timers
    assert set(desk.state.log.slots) == set()


@pytest.mark.parametrize("kind", ["prepare", "commit"])
def test_pbft_4_2_a_replica_between_views_counts_no_vote(kind: str) -> None:
    desk = Desk()
    order = desk.pre_prepare(1)
    desk.hear(0, order)
    desk.state.active = False
    sender, message = vote(desk, kind, 1, 0)
    desk.hear(sender, message)
    slot = desk.state.log.slots[1]
    assert "replica-3" not in slot.prepares
    assert "replica-3" not in slot.commits
    assert [one for _, one in desk.state.take_aside()] == [message], "kept until the view starts"


@pytest.mark.parametrize("kind", ["prepare", "commit"])
def test_pbft_4_2_a_vote_opens_a_slot_within_the_watermarks_only(kind: str) -> None:
    desk = Desk(settings=Settings(window=8))
    for sequence in (0, 1, 8, 9):
        desk.hear(*vote(desk, kind, sequence, 0))
    assert sorted(desk.state.log.slots) == [1, 8]


def test_pbft_4_2_a_replicas_own_name_on_a_vote_of_another_does_not_count() -> None:
    desk = Desk()
    order = desk.pre_prepare(1)
    desk.hear(0, order)
    desk.hear(1, Commit(0, 1, order.digest, b"nonsense"))
    desk.hear(1, desk.commit(order, 1))
    assert desk.state.log.slots[1].commits == {}
    before = dict(desk.state.log.slots[1].prepares)
    desk.hear(1, Prepare(0, 1, b"other", b"nonsense"))
    assert desk.state.log.slots[1].prepares == before


def test_pbft_4_2_a_prepared_certificate_holds_q_minus_1_prepares_even_if_more_have_come() -> None:
    desk = Desk(n=5)
    order = desk.pre_prepare(1)
    for backup in (2, 3, 4):
        desk.hear(backup, desk.prepare(backup, order))
    desk.hear(0, order)
    certificate = desk.state.log.slots[1].certificate
    assert certificate is not None
    assert len(certificate.prepares) == desk.committee.q - 1


def test_a_primary_that_lost_its_store_orders_after_what_the_others_executed() -> None:
    desk = Desk(me=0)
    done = tuple(Entry(number, 0, (desk.request(number),)) for number in (1, 2))
    for replica in (1, 2):
        desk.hear(replica, Entries(done))
    desk.hear("client", desk.request(3))
    assert [order.sequence for _, order in desk.sent(PrePrepare)] == [3, 3, 3]


def test_a_primary_that_lost_its_store_orders_after_the_checkpoint_of_the_others() -> None:
    desk = Desk(me=0, settings=Settings(checkpoint_interval=K, window=2 * K))
    for replica in (1, 2, 3):
        desk.hear(replica, desk.checkpoint(replica, 3 * K, b"digest"))
    assert (desk.state.log.low, desk.state.log.executed) == (3 * K, 0)
    desk.hear("client", desk.request(1))
    assert [order.sequence for _, order in desk.sent(PrePrepare)] == 3 * [3 * K + 1]


def test_the_primary_orders_of_each_client_the_latest_request_that_waits() -> None:
    desk = Desk(me=0, settings=Settings(window=1))
    desk.hear("a", desk.request(1, "a"))
    for timestamp in (2, 4, 3):
        desk.hear("b", desk.request(timestamp, "b"))
    another = b"another under the same number"
    desk.hear("b", Request("b", 4, another, sign("b", request_content("b", 4, another))))
    assert desk.replica.normal.queue == {"b": desk.request(4, "b")}
    order = desk.sent(PrePrepare)[0][1]
    for backup in (1, 2):
        desk.hear(backup, desk.prepare(backup, order))
        desk.hear(backup, desk.commit(order, backup))
    assert desk.sent(PrePrepare)[-1][1].requests == (desk.request(4, "b"),)


def test_the_primary_orders_nothing_that_was_executed_meanwhile_and_goes_on_with_the_rest() -> None:
    desk = Desk(me=0, settings=Settings(window=1, batch_limit=1))
    for name in ("a", "b", "c"):
        desk.hear(name, desk.request(1, name))
    order = desk.sent(PrePrepare)[0][1]
    done = (
        Entry(1, order.now_ms, order.requests),
        Entry(2, 0, (desk.request(1, "b"),)),
    )
    for replica in (1, 2):
        desk.hear(replica, Entries(done))
    assert desk.state.log.executed == 2
    orders = desk.sent(PrePrepare)[3:]
    assert [(one.sequence, one.requests) for _, one in orders] == 3 * [(3, (desk.request(1, "c"),))]


def test_pbft_4_4_a_new_primary_does_not_order_again_what_the_view_began_with() -> None:
    desk = Desk(me=1)
    order = desk.pre_prepare(1, requests=(desk.request(1),))
    desk.hear("client", desk.request(1))
    desk.fire("consensus/view")
    desk.hear(2, desk.view_change(2, 1, desk.certificate(order, 2, 3)))
    desk.hear(3, desk.view_change(3, 1))
    assert desk.replica.normal.assigned == {"client": 1}
    assert desk.sent(PrePrepare) == []
    assert desk.hear("client", desk.request(1)) == []
    assert [one.sequence for _, one in desk.sent(PrePrepare)] == []
    desk.hear("other", desk.request(1, "other"))
    assert [one.sequence for _, one in desk.sent(PrePrepare)] == [2, 2, 2]


def test_what_was_ordered_last_of_a_client_is_remembered_whatever_is_reproposed_after_it() -> None:
    desk = Desk(me=0)
    for sequence, timestamp in ((1, 5), (2, 3)):
        order = desk.pre_prepare(sequence, requests=(desk.request(timestamp),))
        desk.replica.normal.remember_assigned(order)
    assert desk.replica.normal.assigned == {"client": 5}
