"""Reads that are not ordered (thesis, section 5.1.3), and the liveness they cost."""

from collections.abc import Iterable

import pytest
from consensus_desk import Desk, DeskContext, sign
from consensus_group import AppendLog, Group, fixed, members_of

from agents.consensus import ConsensusClient, Replica, Reply, Settings
from agents.consensus.messages import (
    PrePrepare,
    ReadRequest,
    Request,
    Stable,
    StatePiece,
    read_content,
)
from prsm_sim.actor import Actor, Context, Message, PeerId, UserError, Wrapper

READING = Settings(read_only=True)
SIZES = [4, 5, 6, 7, 8, 10]


def read(operation: bytes = b"count", timestamp: int = 9, client: PeerId = "client") -> ReadRequest:
    bare = ReadRequest(client, timestamp, operation)
    return ReadRequest(client, timestamp, operation, sign(client, read_content(bare)))


def answer(value: bytes, timestamp: int = 9) -> tuple[PeerId, Reply]:
    return "client", Reply(0, timestamp, "client", value, read_only=True)


def test_pbft_5_1_3_a_replica_answers_a_read_at_once_from_its_state() -> None:
    desk = Desk(settings=READING)
    desk.execute(1, 2)
    assert desk.hear("client", read()) == [answer(b"2")]
    assert desk.state.replies["client"].timestamp == 2, "a read leaves no trace"
    assert len(desk.machine.applied) == 2


def test_pbft_5_1_3_the_replica_checks_that_it_is_the_clients_and_only_reads() -> None:
    desk = Desk(settings=READING)
    assert desk.hear("client", ReadRequest("client", 9, b"count", b"nonsense")) == []
    assert desk.hear("stranger", read()) == []
    assert desk.hear("client", read(b"append this")) == []
    assert desk.machine.applied == []
    assert Desk().hear("client", read()) == [], "switched off"


def test_the_signature_of_a_read_is_none_of_a_request() -> None:
    asked = read(b"append this")
    desk = Desk(me=0, settings=READING)
    stolen = Request(asked.client, asked.timestamp, asked.operation, asked.signature)
    assert desk.hear("client", stolen) == []


def test_a_machine_that_cannot_be_read_is_refused_with_a_reason() -> None:
    class Mute:
        apply = AppendLog.apply
        digest = AppendLog.digest
        snapshot = AppendLog.snapshot
        restore = AppendLog.restore
        facts = AppendLog.facts

    Replica(members_of(4), Mute(), Settings())
    with pytest.raises(UserError, match="query"):
        Replica(members_of(4), Mute(), READING)


def test_pbft_5_1_3_a_read_waits_until_a_tentative_execution_has_committed() -> None:
    desk = Desk(settings=Settings(read_only=True, tentative=True))
    order = desk.pre_prepare(1)
    desk.hear(0, order)
    for backup in (2, 3):
        desk.hear(backup, desk.prepare(backup, order))
    assert desk.hear("client", read()) == []
    for replica in (0, 2):
        desk.hear(replica, desk.commit(order, replica))
    assert desk.ctx.sent[-1] == answer(b"1")


def test_without_tentative_execution_a_read_waits_for_nothing() -> None:
    desk = Desk(settings=READING)
    order = desk.pre_prepare(1)
    desk.hear(0, order)
    for backup in (2, 3):
        desk.hear(backup, desk.prepare(backup, order))
    assert desk.hear("client", read()) == [answer(b"0")]


def test_a_replica_that_lacks_the_state_answers_no_read_until_it_has_come() -> None:
    settings = Settings(read_only=True, checkpoint_interval=2, window=4)
    source = Desk(me=2, settings=settings)
    for stable in (2, 4, 6):
        source.execute(stable - 1, stable)
        source.stabilise(stable)
    proof, held = source.state.stable, source.replica.checkpoints.held
    desk = Desk(settings=settings)
    desk.hear(0, Stable(proof))
    assert desk.hear("client", read()) == []
    sent = desk.hear(2, StatePiece(proof, held.digests, 0, held.pieces[0]))
    assert answer(b"6") in sent


def test_a_read_waits_across_a_view_change_for_what_a_client_may_have_accepted() -> None:
    """Undone here, but prepared at q replicas: the read must not miss it."""
    desk = Desk(settings=Settings(read_only=True, tentative=True))
    order = desk.pre_prepare(1)
    desk.hear(0, order)
    for backup in (2, 3):
        desk.hear(backup, desk.prepare(backup, order))
    certificate = desk.state.log.slots[1].certificate
    v = (desk.view_change(0, 2), desk.view_change(2, 2), desk.view_change(3, 2, certificate))
    again = desk.pre_prepare(1, 2, order.requests)
    desk.hear(2, desk.new_view(2, v, (again,)))
    assert desk.machine.applied == []
    assert desk.hear("client", read()) == []
    restarted = Desk(settings=desk.state.settings, store=desk.ctx.store)
    assert restarted.hear("client", read()) == []
    for backup in (0, 3):
        desk.hear(backup, desk.prepare(backup, again))
    for replica in (0, 2, 3):
        desk.hear(replica, desk.commit(again, replica))
    assert [m.result for _, m in desk.sent(Reply) if m.read_only] == [b"1"]


@pytest.mark.parametrize("n", SIZES)
def test_pbft_5_1_3_a_client_accepts_a_read_on_q_equal_replies(n: int) -> None:
    ctx = DeskContext("client")
    client = ConsensusClient(members_of(n), settings=READING)
    ticket = client.submit(ctx, b"count", read_only=True)
    assert [to for to, _ in ctx.sent] == list(members_of(n))
    assert all(isinstance(message, ReadRequest) for _, message in ctx.sent)
    right = Reply(0, ticket, "client", b"5", read_only=True)
    q = client.committee.q
    for number in range(q - 1):
        assert client.on_reply(ctx, f"replica-{number}", right) is None
    other = Reply(0, ticket, "client", b"4", read_only=True)
    assert client.on_reply(ctx, f"replica-{q - 1}", other) is None
    ordered = Reply(0, ticket, "client", b"5")
    assert client.on_reply(ctx, f"replica-{q - 1}", ordered) is None, "no answer to a read"
    assert client.on_reply(ctx, f"replica-{q - 1}", right) is not None


def test_pbft_5_1_3_a_read_without_a_quorum_in_time_is_ordered() -> None:
    ctx = DeskContext("client")
    client = ConsensusClient(members_of(4), settings=READING)
    ticket = client.submit(ctx, b"count", read_only=True)
    late = Reply(0, ticket, "client", b"5", read_only=True)
    client.on_reply(ctx, "replica-1", late)
    ctx.sent.clear()
    client.on_timer(ctx, "consensus-client")
    ((to, request),) = ctx.sent
    assert to == "replica-0"
    assert isinstance(request, Request)
    assert (request.timestamp, request.operation) == (ticket, b"count")
    ordered = Reply(0, ticket, "client", b"6")
    for number in (1, 2):
        assert client.on_reply(ctx, f"replica-{number}", ordered) is None
        assert client.on_reply(ctx, f"replica-{number}", late) is None
    assert client.on_reply(ctx, "replica-3", ordered) is not None


def test_where_reads_are_not_ordered_a_write_needs_q_replies_too() -> None:
    ctx = DeskContext("client")
    client = ConsensusClient(members_of(4), settings=READING)
    ticket = client.submit(ctx, b"write")
    for number in range(2):
        reply = Reply(0, ticket, "client", b"r")
        assert client.on_reply(ctx, f"replica-{number}", reply) is None
    assert client.on_reply(ctx, "replica-2", Reply(0, ticket, "client", b"r")) is not None


def test_without_the_setting_a_read_is_ordered_like_any_request() -> None:
    ctx = DeskContext("client")
    client = ConsensusClient(members_of(4))
    client.submit(ctx, b"count", read_only=True)
    ((to, request),) = ctx.sent
    assert (to, type(request)) == ("replica-0", Request)


@pytest.mark.parametrize("n", SIZES)
def test_pbft_5_1_3_a_read_takes_two_links_and_2n_messages(n: int) -> None:
    settings = Settings(view_timeout_s=100.0, retry_s=50.0, skew_tolerance_s=1000.0, read_only=True)
    group = Group(
        n, 1, 3, network=fixed(1.0), settings=settings, retry_s=200.0, tapped=True, reads_every=1
    )
    group.sim.run(until=60.0)
    assert [one.latency_s for one in group.accepted] == [2.0, 2.0, 2.0]
    assert group.sent.total() == 3 * 2 * n


# The known weakness: a primary that leaves f correct replicas out (Berger et al. 2021).


class Excluder(Wrapper):
    """A faulty primary: it orders without telling some backups, and answers no client."""

    def __init__(self, inner: Actor, excluded: tuple[PeerId, ...]) -> None:
        super().__init__(inner)
        self.excluded = excluded

    def outgoing(
        self, ctx: Context, to: PeerId, message: Message
    ) -> Iterable[tuple[PeerId, Message]]:
        if isinstance(message, Reply) or (isinstance(message, PrePrepare) and to in self.excluded):
            return ()
        return ((to, message),)


class WithoutRetransmission(Replica):
    """The protocol as the paper states it: nobody repeats what another has missed."""

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        self.catch_up.arm = lambda _: None
        super().on_start(ctx, recovered)


def attacked(read_only: bool, replica_type: type[Replica]) -> Group:
    """Four replicas, of which the primary excludes one that is correct; five writes."""
    settings = Settings(view_timeout_s=2.0, retry_s=0.5, read_only=read_only)

    def wrap(name: PeerId, replica: Replica) -> Actor:
        actual = replica_type(members_of(4), replica.machine, settings)
        return Excluder(actual, ("replica-3",)) if name == "replica-0" else actual

    return Group(
        4, 1, 5, network=fixed(0.01), settings=settings, retry_s=1.0,
        wrap=wrap, byzantine=("replica-0",),
    )  # fmt: skip


def test_known_weakness_with_read_only_a_malicious_primary_blocks_writes_for_ever() -> None:
    """Three of four replicas execute, two answer, three are needed; one complains, in vain."""
    group = attacked(read_only=True, replica_type=WithoutRetransmission)
    group.sim.run(until=1_000.0)
    assert group.accepted == []
    assert [row[2] for row in group.machine("replica-1").applied] == [b"client-0/0"]
    assert group.machine("replica-3").applied == []
    assert set(group.views.values()) == set(), "no view was changed"


def test_without_read_only_the_same_primary_blocks_nobody() -> None:
    group = attacked(read_only=False, replica_type=WithoutRetransmission)
    group.sim.run(until=1_000.0)
    assert len(group.accepted) == 5


def test_with_retransmission_the_attack_delays_each_write_but_blocks_none() -> None:
    group = attacked(read_only=True, replica_type=Replica)
    group.sim.run(until=1_000.0)
    assert len(group.accepted) == 5
    assert all(one.latency_s >= 0.5 for one in group.accepted), "retry_s each"
    assert set(group.views.values()) == set(), "and that primary stays"
