"""Loss, crashes with restarts, partitions: every request completes, and replicas end equal."""

import pytest
from consensus_desk import Desk
from consensus_group import Group

from agents.consensus import Executed, Settings
from agents.consensus.messages import Entries, Entry, Fetch, NewView, Prepare, ViewChange
from prsm_sim.faults import Crash, Partition
from prsm_sim.network import Latency, Network

BRISK = Settings(view_timeout_s=1.0, retry_s=0.3, status_s=2.0)


def lossy(loss: float) -> Network:
    return Network(latency=Latency(law="exponential", mean_s=0.01), loss=loss, duplication=0.02)


@pytest.mark.parametrize("loss", [0.02, 0.05, 0.10])
@pytest.mark.parametrize("n", [4, 6, 7])
def test_with_loss_every_request_completes_exactly_once(n: int, loss: float) -> None:
    group = Group(n, 3, 10, network=lossy(loss), settings=BRISK, retry_s=0.5)
    group.run_until_settled(1.0)
    group.assert_exactly_once()
    assert group.coverage["consensus: asked for what is missing"] > 0


@pytest.mark.parametrize("peer", ["replica-0", "replica-2"])
def test_a_crashed_replica_restarts_from_its_store_and_rejoins(peer: str) -> None:
    group = Group(4, 2, 40, network=lossy(0.0), settings=BRISK, retry_s=0.5, think_s=0.1)
    group.sim.schedule(Crash(at_s=1.0, peer=peer, for_s=1.5))
    group.run_until_settled(6.0)
    group.assert_exactly_once()
    assert group.coverage["consensus: replica restarted from its store"] == 1
    assert group.coverage["consensus: caught up on an executed batch"] > 0


def test_all_replicas_crash_at_once_and_lose_nothing() -> None:
    group = Group(4, 2, 20, network=lossy(0.0), settings=BRISK, retry_s=0.5, think_s=0.1)
    group.sim.schedule(*(Crash(at_s=1.0, peer=one, for_s=0.5) for one in group.members))
    group.sim.run(until=0.999)
    assert 0 < len(group.accepted) < group.wanted
    group.run_until_settled(4.0)
    group.assert_exactly_once()


@pytest.mark.parametrize("cut_off", [("replica-3",), ("replica-0",), ("replica-0", "replica-1")])
def test_a_partition_heals(cut_off: tuple[str, ...]) -> None:
    group = Group(4, 2, 30, network=lossy(0.0), settings=BRISK, retry_s=0.5, think_s=0.1)
    rest = tuple(one for one in group.members + group.clients if one not in cut_off)
    group.sim.schedule(Partition(at_s=0.5, for_s=5.0, groups=(rest, cut_off)))
    group.run_until_settled(8.0)
    group.assert_exactly_once()
    if "replica-0" in cut_off:
        assert min(group.views.values()) >= 1


def test_without_status_reports_a_lagging_replica_catches_up_with_the_next_request() -> None:
    settings = Settings(view_timeout_s=1.0, retry_s=0.3)
    group = Group(4, 1, 30, network=lossy(0.0), settings=settings, retry_s=0.5, think_s=0.2)
    rest = tuple(one for one in group.members + group.clients if one != "replica-3")
    group.sim.schedule(Partition(at_s=0.5, for_s=3.0, groups=(rest, ("replica-3",))))
    group.run_until_settled(9.0)
    group.assert_exactly_once()


class Merciless:
    """The fate of every write that was not synced: lost."""

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        return 0


def restart(desk: Desk) -> Desk:
    desk.ctx.store.crash(Merciless())
    return Desk(desk.committee.n, desk.members.index(desk.name), store=desk.ctx.store)


def test_a_restarted_backup_does_not_vote_for_another_pre_prepare() -> None:
    desk = Desk()
    first, second = desk.pre_prepare(now_ms=0), desk.pre_prepare(now_ms=1)
    desk.hear(0, first)
    again = restart(desk)
    assert again.hear(0, second) == []
    sent = again.hear(2, Fetch(0, True, 0))
    assert ("replica-2", desk.prepare(1, first)) in sent, "it repeats its old vote"


def test_a_restarted_primary_does_not_reuse_a_sequence_number() -> None:
    desk = Desk(me=0)
    desk.hear("a", desk.request(1, "a"))
    again = restart(desk)
    assert again.hear("a", desk.request(1, "a")) == []
    sent = again.hear("b", desk.request(1, "b"))
    assert [message.sequence for _, message in sent] == [2, 2, 2]


def test_a_restarted_replica_remembers_what_it_prepared_executed_and_answered() -> None:
    desk = Desk()
    orders = [desk.pre_prepare(sequence) for sequence in (1, 2)]
    for order in orders:
        desk.hear(0, order)
    desk.hear(2, desk.prepare(2, orders[0]))
    for replica in (0, 2):
        desk.hear(replica, desk.commit(orders[0], replica))
    desk.hear(2, desk.prepare(2, orders[1]))
    assert len(desk.emitted(Executed)) == 1
    again = restart(desk)
    assert again.machine.applied == desk.machine.applied
    assert again.emitted(Executed) == [], "what was told is not told again"
    assert len(again.hear("client", desk.request(1))) == 1, "the cached reply"
    sent = again.hear(2, Fetch(0, True, 0))
    assert ("replica-2", desk.commit(orders[1])) in sent
    again.hear("client", desk.request(9))
    again.fire("consensus/view")
    changes = again.sent(ViewChange)
    assert [one.pre_prepare for one in changes[0][1].prepared] == orders


def test_a_replica_that_crashed_in_a_view_change_stays_in_it() -> None:
    desk = Desk()
    desk.hear("client", desk.request())
    desk.fire("consensus/view")
    again = restart(desk)
    assert (again.state.view, again.state.active) == (1, False)
    assert again.sent(ViewChange) == desk.sent(ViewChange)
    order = desk.pre_prepare()
    assert again.hear(0, order) == []


def test_a_restarted_replica_can_show_the_new_view_to_those_who_missed_it() -> None:
    desk = Desk(me=2)
    v = tuple(desk.view_change(one, 1) for one in (0, 1, 3))
    message = desk.new_view(1, v, ())
    desk.hear(1, message)
    again = restart(desk)
    assert (again.state.view, again.state.active) == (1, True)
    assert ("replica-3", message) in again.hear(3, Fetch(0, True, 0))
    assert again.sent(NewView)[0][1] == message


def test_executed_batches_are_taken_over_from_f_plus_1_replicas_but_not_from_f() -> None:
    desk = Desk(n=7)
    right = Entry(1, 0, (desk.request(1),))
    wrong = Entry(1, 0, (desk.request(2),))
    for sender, entry in ((0, wrong), (2, wrong), (3, right), (3, right), (4, right)):
        desk.hear(sender, Entries((entry,)))
        desk.hear("stranger", Entries((entry,)))
    assert desk.emitted(Executed) == []
    desk.hear(5, Entries((right,)))
    assert [row[2] for row in desk.machine.applied] == [b"operation 1"]
    desk.hear(6, Entries((wrong,)))
    assert len(desk.machine.applied) == 1


def test_what_is_claimed_about_far_batches_is_not_kept() -> None:
    desk = Desk()
    for start in range(1, 3_000, 50):
        entries = tuple(Entry(sequence, 0, ()) for sequence in range(start, start + 50))
        desk.hear(2, Entries(entries))
    assert len(desk.replica.catch_up._claims) <= 64


def test_a_replica_that_executed_a_batch_never_votes_for_another() -> None:
    desk = Desk()
    entry = Entry(1, 0, (desk.request(1),))
    for sender in (2, 3):
        desk.hear(sender, Entries((entry,)))
    assert len(desk.machine.applied) == 1
    desk.hear(0, desk.pre_prepare(1, now_ms=5))
    assert desk.sent(Prepare) == []
    desk.hear(0, desk.pre_prepare(2))
    assert len(desk.sent(Prepare)) == 3


def test_a_batch_committed_here_executes_once_the_gap_before_it_is_filled() -> None:
    desk = Desk()
    order = desk.pre_prepare(2)
    desk.hear(0, order)
    desk.hear(2, desk.prepare(2, order))
    for replica in (0, 2):
        desk.hear(replica, desk.commit(order, replica))
    assert desk.emitted(Executed) == []
    for sender in (2, 3):
        desk.hear(sender, Entries((Entry(1, 0, (desk.request(1),)),)))
    assert [fact.sequence for fact in desk.emitted(Executed)] == [1, 2]


def test_a_replica_far_behind_asks_for_more_at_once() -> None:
    desk = Desk()
    entries = tuple(Entry(number, 0, (desk.request(number),)) for number in range(1, 65))
    desk.hear(2, Entries(entries))
    sent = desk.hear(3, Entries(entries))
    assert {message for _, message in sent if isinstance(message, Fetch)} == {Fetch(0, True, 64)}


def test_a_restarted_replica_asks_repeatedly_but_not_for_ever() -> None:
    again = restart(Desk())
    asked = 0
    while "consensus/retry" in again.ctx.timers:
        asked += len(again.fire("consensus/retry")) // 3
        assert asked < 20
    assert asked >= 2


@pytest.mark.parametrize("interval", [0, 8])
@pytest.mark.parametrize("peer", ["replica-0", "replica-2"])
def test_one_replica_that_forgets_everything_is_survived_and_ends_equal(
    peer: str, interval: int
) -> None:
    """Total amnesia makes a replica one of the f faulty ones, until it has caught up."""
    settings = Settings(
        view_timeout_s=1.0, retry_s=0.3, status_s=2.0, checkpoint_interval=interval, window=16
    )
    group = Group(4, 2, 40, network=lossy(0.0), settings=settings, retry_s=0.5, think_s=0.05)
    group.sim.schedule(Crash(at_s=1.0, peer=peer, for_s=1.5, amnesia=True))
    group.run_until_settled(4.0)
    group.assert_exactly_once()
    assert (group.transferred[peer] != []) == (interval > 0)
