"""Tentative execution (section 5.1; thesis, 5.1.2): answered once prepared, undone if lost."""

import pytest
from consensus_desk import Desk, DeskContext
from consensus_group import Applied, Group, TellingLog, fixed, members_of

from agents.consensus import CheckpointStable, ConsensusClient, Executed, Reply, Settings
from agents.consensus.messages import Entries, Entry, PrePrepare, Stable, StatePiece
from prsm_sim.faults import Crash
from prsm_sim.network import Latency, Network

EAGER = Settings(checkpoint_interval=2, window=4, tentative=True)
SIZES = [4, 5, 6, 7, 8, 10]


def prepare(desk: Desk, order: PrePrepare, view: int = 0) -> list[Reply]:
    """Let a batch prepare; return the replies sent because of it."""
    before = len(desk.sent(Reply))
    desk.hear(view % 4, order)
    for backup in (0, 2, 3):
        if backup != view % 4:
            desk.hear(backup, desk.prepare(backup, order))
    return [message for _, message in desk.sent(Reply)[before:]]


def commit(desk: Desk, order: PrePrepare) -> None:
    for replica in (0, 2, 3):
        desk.hear(replica, desk.commit(order, replica))


def test_pbft_5_1_a_prepared_batch_is_executed_and_answered_tentatively() -> None:
    desk = Desk(settings=EAGER)
    order = desk.pre_prepare(1)
    (reply,) = prepare(desk, order)
    assert reply == Reply(0, 1, "client", b"1:operation 1", tentative=True)
    assert desk.emitted(Executed) == [], "nothing is told before it commits"
    assert desk.state.log.executed == 0
    assert desk.ctx.store.get("entry/1") is None
    commit(desk, order)
    assert [fact.sequence for fact in desk.emitted(Executed)] == [1]
    assert len(desk.sent(Reply)) == 1, "no second reply"
    assert len(desk.machine.applied) == 1


def test_without_the_setting_nothing_is_executed_before_it_commits() -> None:
    desk = Desk(settings=Settings(checkpoint_interval=2, window=4))
    assert prepare(desk, desk.pre_prepare(1)) == []
    assert desk.machine.applied == []


def test_pbft_5_1_only_if_all_requests_with_lower_numbers_have_committed() -> None:
    desk = Desk(settings=EAGER)
    first, second = desk.pre_prepare(1), desk.pre_prepare(2)
    assert prepare(desk, second) == []
    assert len(prepare(desk, first)) == 1
    assert len(desk.machine.applied) == 1, "one batch at a time"
    before = len(desk.sent(Reply))
    commit(desk, first)
    assert [m.timestamp for _, m in desk.sent(Reply)[before:]] == [2]
    assert len(desk.machine.applied) == 2


def test_a_batch_that_prepares_behind_it_does_not_execute_it_again() -> None:
    desk = Desk(settings=EAGER)
    first, second = desk.pre_prepare(1), desk.pre_prepare(2)
    assert len(prepare(desk, first)) == 1
    assert prepare(desk, second) == []
    commit(desk, first)
    commit(desk, second)
    assert [fact.requests for fact in desk.emitted(Executed)] == [
        (("client", 1),),
        (("client", 2),),
    ]
    assert [m.timestamp for _, m in desk.sent(Reply)] == [1, 2]


def test_a_damaged_replica_that_repairs_itself_executes_it_again_on_the_right_state() -> None:
    desk = Desk(settings=EAGER)
    source = Desk(me=2, settings=EAGER)
    source.execute(1, 2)
    source.stabilise(2)
    proof, held = source.state.stable, source.replica.checkpoints.held
    desk.machine.applied.append((0, "nobody", b"never ordered", 0))
    desk.execute(1, 2)
    desk.hear(0, Stable(proof))
    desk.fire("consensus/retry")
    desk.fire("consensus/retry")
    order = desk.pre_prepare(3)
    prepare(desk, order)
    desk.hear(2, StatePiece(proof, held.digests, 0, held.pieces[0]))
    commit(desk, order)
    assert [row[2] for row in desk.machine.applied] == [
        b"operation 1", b"operation 2", b"operation 3",
    ]  # fmt: skip


def test_pbft_5_1_a_retransmission_gets_a_tentative_reply_until_it_commits() -> None:
    desk = Desk(settings=EAGER)
    order = desk.pre_prepare(1)
    prepare(desk, order)
    sent = desk.hear("client", desk.request(1))
    assert ("client", Reply(0, 1, "client", b"1:operation 1", tentative=True)) in sent
    assert "consensus/view" in desk.ctx.timers, "it still watches that the request commits"
    commit(desk, order)
    assert "consensus/view" not in desk.ctx.timers
    assert desk.hear("client", desk.request(1)) == [
        ("client", Reply(0, 1, "client", b"1:operation 1"))
    ]


def give_up(desk: Desk) -> None:
    desk.hear("other", desk.request(50, "other"))
    desk.fire("consensus/view")


@pytest.mark.parametrize("interval", [0, 2])
def test_pbft_5_1_a_view_change_takes_it_back_to_the_last_checkpoint_and_forward(
    interval: int,
) -> None:
    desk = Desk(settings=Settings(checkpoint_interval=interval, window=8, tentative=True))
    desk.execute(1, 2, 3)
    applied = list(desk.machine.applied)
    last = desk.state.replies["client"]
    prepare(desk, desk.pre_prepare(4, now_ms=9_000))
    assert len(desk.machine.applied) == 4
    assert desk.state.clock_ms == 9_000
    give_up(desk)
    assert desk.machine.applied == applied
    undone = desk.state.replies["client"]
    assert (undone.timestamp, undone.result) == (last.timestamp, last.result)
    assert desk.state.clock_ms == 0
    assert "consensus: tentative execution undone" in desk.ctx.labels


def test_what_the_machine_tells_is_told_once_and_only_if_it_commits() -> None:
    desk = Desk(settings=EAGER, machine=TellingLog())
    desk.execute(1)
    prepare(desk, desk.pre_prepare(2))
    assert desk.emitted(Applied) == [Applied(b"operation 1")]
    v = tuple(desk.view_change(one, 2) for one in (0, 2, 3))
    desk.hear(2, desk.new_view(2, v, ()))
    other = desk.pre_prepare(2, 2, (desk.request(7),))
    prepare(desk, other, view=2)
    assert len(desk.emitted(Applied)) == 1
    commit(desk, other)
    assert desk.emitted(Applied) == [Applied(b"operation 1"), Applied(b"operation 7")]


def test_pbft_5_1_what_the_new_view_puts_in_its_place_is_executed_instead() -> None:
    desk = Desk(settings=EAGER)
    prepare(desk, desk.pre_prepare(1))
    v = tuple(desk.view_change(one, 2) for one in (0, 2, 3))
    desk.hear(2, desk.new_view(2, v, ()))
    assert desk.machine.applied == [], "entering a view undoes it as well"
    other = desk.pre_prepare(1, 2, (desk.request(7),))
    prepare(desk, other, view=2)
    commit(desk, other)
    assert [row[2] for row in desk.machine.applied] == [b"operation 7"]


def test_pbft_5_1_what_f_plus_1_others_executed_overrides_it() -> None:
    desk = Desk(settings=EAGER)
    prepare(desk, desk.pre_prepare(1))
    for replica in (2, 3):
        desk.hear(replica, Entries((Entry(1, 0, (desk.request(8),)),)))
    assert [row[2] for row in desk.machine.applied] == [b"operation 8"]
    assert [fact.requests for fact in desk.emitted(Executed)] == [(("client", 8),)]


def test_a_checkpoint_contains_no_tentative_execution() -> None:
    plain = Desk(settings=Settings(checkpoint_interval=2, window=4))
    plain.execute(1, 2)
    desk = Desk(settings=EAGER)
    orders = [desk.pre_prepare(sequence) for sequence in (1, 2, 3)]
    for order in orders:
        prepare(desk, order)
    for order in orders[:2]:
        commit(desk, order)
    assert len(desk.machine.applied) == 3
    digest = plain.stabilise(2)
    for replica in (0, 2, 3):
        desk.hear(replica, desk.checkpoint(replica, 2, digest))
    assert desk.emitted(CheckpointStable) == [CheckpointStable(2, digest.hex())]


def test_a_restart_forgets_it_and_a_transfer_replaces_it() -> None:
    desk = Desk(settings=EAGER)
    desk.execute(1)
    prepare(desk, desk.pre_prepare(2))
    again = Desk(settings=EAGER, store=desk.ctx.store)
    assert len(again.machine.applied) == 1
    source = Desk(me=2, settings=EAGER)
    for stable in (2, 4, 6):
        source.execute(stable - 1, stable)
        source.stabilise(stable)
    proof, held = source.state.stable, source.replica.checkpoints.held
    desk.hear(0, Stable(proof))
    assert len(desk.machine.applied) == 1, "undone before the journal is forgotten"
    desk.hear(2, StatePiece(proof, held.digests, 0, held.pieces[0]))
    assert desk.machine.applied == source.machine.applied


@pytest.mark.parametrize("n", SIZES)
def test_pbft_5_1_a_client_accepts_q_tentative_replies_or_f_plus_1_final_ones(n: int) -> None:
    ctx = DeskContext("client")
    client = ConsensusClient(members_of(n), settings=EAGER)
    q, join = client.committee.q, client.committee.join
    ticket = client.submit(ctx, b"do")
    early = Reply(0, ticket, "client", b"r", tentative=True)
    for number in range(q - 1):
        assert client.on_reply(ctx, f"replica-{number}", early) is None
    assert client.on_reply(ctx, f"replica-{q - 1}", early) is not None
    ticket = client.submit(ctx, b"do")
    final = Reply(0, ticket, "client", b"r")
    assert client.on_reply(ctx, "replica-3", Reply(0, ticket, "client", b"r", True)) is None
    for number in range(join - 1):
        assert client.on_reply(ctx, f"replica-{number}", final) is None
    assert client.on_reply(ctx, f"replica-{join - 1}", final) is not None


def test_pbft_5_1_tentative_replies_of_different_views_do_not_add_up() -> None:
    """What one replica executed in a view that ended may have been undone."""
    ctx = DeskContext("client")
    client = ConsensusClient(members_of(4), settings=EAGER)
    ticket = client.submit(ctx, b"do")
    for member, view in (("replica-0", 0), ("replica-1", 1), ("replica-2", 1)):
        reply = Reply(view, ticket, "client", b"r", tentative=True)
        assert client.on_reply(ctx, member, reply) is None
    again = Reply(1, ticket, "client", b"r", tentative=True)
    assert client.on_reply(ctx, "replica-0", again) is not None


@pytest.mark.parametrize("n", SIZES)
def test_pbft_5_1_tentative_replies_come_one_link_earlier(n: int) -> None:
    settings = Settings(view_timeout_s=100.0, retry_s=50.0, skew_tolerance_s=1000.0, tentative=True)
    group = Group(n, 1, 3, network=fixed(1.0), settings=settings, retry_s=200.0, tapped=True)
    group.sim.run(until=60.0)
    assert [one.latency_s for one in group.accepted] == [4.0, 4.0, 4.0]
    assert group.sent.total() == 3 * (2 * n * n - n + 1)


@pytest.mark.parametrize("seed", range(6))
def test_what_a_client_accepted_tentatively_survives_crashes_and_view_changes(seed: int) -> None:
    settings = Settings(
        view_timeout_s=0.5, retry_s=0.3, status_s=2.0, checkpoint_interval=4, window=8,
        tentative=True,
    )  # fmt: skip
    network = Network(latency=Latency(law="exponential", mean_s=0.02), loss=0.05)
    group = Group(4, 2, 15, seed=seed, network=network, settings=settings, retry_s=0.5)
    for at_s, peer in ((0.4, "replica-0"), (1.5, "replica-1"), (2.6, "replica-2")):
        group.sim.schedule(Crash(at_s=at_s, peer=peer, for_s=0.7))
    group.run_until_settled(4.0)
    group.assert_exactly_once()
    results = {fact.result for fact in group.accepted}
    applied = group.machine("replica-0").applied
    assert results == {b"%d:%s" % (number, row[2]) for number, row in enumerate(applied, 1)}
