"""The client component: f + 1 matching replies, one request at a time, retransmission to all."""

import pytest
from consensus_desk import DeskContext, sign
from consensus_group import members_of

from agents.consensus import ConsensusClient, Reply, ReplyAccepted
from agents.consensus.messages import Request, request_content

TIMER = "consensus-client"


@pytest.fixture
def ctx() -> DeskContext:
    return DeskContext("client")


def test_pbft_4_1_a_request_is_signed_and_sent_to_the_primary(ctx: DeskContext) -> None:
    client = ConsensusClient(members_of(4))
    assert client.awaited == 0
    ticket = client.submit(ctx, b"do")
    assert client.awaited == ticket
    ((to, request),) = ctx.sent
    assert to == "replica-0"
    assert isinstance(request, Request)
    assert (request.client, request.timestamp, request.operation) == ("client", ticket, b"do")
    assert request.signature == sign(
        "client", request_content(request.client, request.timestamp, request.operation)
    )


@pytest.mark.parametrize(("n", "needed"), [(4, 2), (6, 2), (7, 3), (10, 4)])
def test_pbft_4_1_a_result_needs_f_plus_1_matching_replies_of_distinct_replicas(
    ctx: DeskContext, n: int, needed: int
) -> None:
    client = ConsensusClient(members_of(n))
    ticket = client.submit(ctx, b"do")
    right, wrong = Reply(0, ticket, "client", b"right"), Reply(0, ticket, "client", b"wrong")
    ctx.now = 3.0
    for number in range(needed - 1):
        assert client.on_reply(ctx, f"replica-{number}", right) is None
        assert client.on_reply(ctx, f"replica-{number}", right) is None, "counted once"
    assert client.on_reply(ctx, "stranger", right) is None
    liar, last = f"replica-{n - 2}", f"replica-{n - 1}"
    assert client.on_reply(ctx, liar, wrong) is None
    assert client.on_reply(ctx, last, Reply(0, ticket - 1, "client", b"right")) is None
    assert client.on_reply(ctx, last, Reply(0, ticket, "other", b"right")) is None
    result = client.on_reply(ctx, last, right)
    assert result is not None
    assert (result.ticket, result.value, result.latency_s) == (ticket, b"right", 3.0)
    assert ctx.emitted == [ReplyAccepted("client", ticket, b"right", 3.0)]
    assert client.on_reply(ctx, liar, right) is None, "accepted once"
    assert TIMER not in ctx.timers
    assert client.awaited == 0


def test_pbft_4_1_without_a_result_in_time_the_request_goes_to_all_replicas(
    ctx: DeskContext,
) -> None:
    client = ConsensusClient(members_of(4), retry_s=2.0)
    client.submit(ctx, b"do")
    request = ctx.sent.pop()[1]
    for _ in range(3):
        assert ctx.timers[TIMER] == ctx.now + 2.0
        ctx.now += 2.0
        assert client.on_timer(ctx, TIMER)
        assert ctx.sent == [(one, request) for one in members_of(4)]
        ctx.sent.clear()
    assert not client.on_timer(ctx, "someone else's")


def test_one_request_is_outstanding_and_tickets_ascend(ctx: DeskContext) -> None:
    client = ConsensusClient(members_of(4))
    tickets = [client.submit(ctx, b"%d" % number) for number in range(3)]
    assert tickets == sorted(set(tickets))
    assert client.outstanding == 3
    for ticket in tickets:
        assert ctx.sent[-1][1].timestamp == ticket
        for member in ("replica-1", "replica-2"):
            client.on_reply(ctx, member, Reply(0, ticket, "client", b"ok"))
    assert len(ctx.sent) == 3
    assert client.outstanding == 0


def test_a_restarted_client_does_not_reuse_a_ticket(ctx: DeskContext) -> None:
    before = [ConsensusClient(members_of(4)).submit(ctx, b"a") for _ in range(3)]
    assert before == [1, 2, 3]


def test_the_client_learns_the_view_from_replies(ctx: DeskContext) -> None:
    client = ConsensusClient(members_of(7))
    ticket = client.submit(ctx, b"a")
    for member, view in (("replica-1", 2), ("replica-2", 9), ("replica-3", 2)):
        client.on_reply(ctx, member, Reply(view, ticket, "client", b"ok"))
    client.submit(ctx, b"b")
    assert ctx.sent[-1][0] == "replica-2"
