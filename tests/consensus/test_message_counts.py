"""Message counts and latencies against their closed forms."""

import pytest
from consensus_group import Group, fixed

from agents.consensus import Settings
from prsm_sim.faults import Crash

SIZES = [4, 5, 6, 7, 10]
DELAY_S = 1.0
PATIENT = Settings(view_timeout_s=100.0, retry_s=50.0, skew_tolerance_s=1000.0)
ORDERING = ("PrePrepare", "Prepare", "Commit")


def quiet_group(n: int, requests: int = 1, **more: object) -> Group:
    return Group(
        n, 1, requests, network=fixed(DELAY_S), settings=PATIENT, retry_s=200.0, tapped=True, **more
    )


@pytest.mark.parametrize("n", SIZES)
def test_one_request_costs_2n_n_minus_1_messages_and_2nn_minus_n_plus_1_with_the_client(
    n: int,
) -> None:
    group = quiet_group(n)
    group.sim.run(until=20.0)
    sent = group.sent
    assert sent["PrePrepare"] == n - 1
    assert sent["Prepare"] == (n - 1) ** 2
    assert sent["Commit"] == n * (n - 1)
    assert sum(sent[kind] for kind in ORDERING) == 2 * n * (n - 1)
    assert sent.total() == 2 * n * n - n + 1
    assert len(group.accepted) == 1


@pytest.mark.parametrize("n", SIZES)
def test_commit_comes_after_four_link_delays_and_the_reply_after_five(n: int) -> None:
    group = quiet_group(n, requests=3)
    group.sim.run(until=40.0)
    for name in group.members:
        assert [at for at, _ in group.executed[name]] == [4.0, 9.0, 14.0]
    assert [one.latency_s for one in group.accepted] == [5.0, 5.0, 5.0]


@pytest.mark.parametrize("n", SIZES)
def test_with_a_crashed_backup_the_others_need_their_own_messages_only(n: int) -> None:
    group = quiet_group(n)
    group.sim.schedule(Crash(at_s=0.5, peer=group.members[-1]))
    group.sim.run(until=20.0)
    ordering = sum(group.sent[kind] for kind in ORDERING)
    assert ordering == (n - 1) + (n - 2) * (n - 1) + (n - 1) ** 2
    assert len(group.accepted) == 1
    assert group.accepted[0].latency_s == 5.0


@pytest.mark.parametrize("n", SIZES)
def test_a_crashed_primary_costs_one_round_of_view_changes_and_one_new_view(n: int) -> None:
    group = Group(n, 1, 1, network=fixed(DELAY_S), settings=PATIENT, retry_s=10.0, tapped=True)
    group.sim.schedule(Crash(at_s=0.5, peer=group.members[0]))
    group.sim.run(until=140.0)
    assert group.sent["ViewChange"] == (n - 1) ** 2
    assert group.sent["NewView"] == n - 1
    assert group.views == dict.fromkeys(group.members[1:], 1)
    assert len(group.accepted) == 1
    # Retransmission at 10 s, a link, the time-out, a view-change, a new-view, then as the second
    # primary orders what waits: pre-prepare with the new-view, prepare, commit, reply.
    assert group.accepted[0].latency_s == 10.0 + 1.0 + 100.0 + 1.0 + 4.0


@pytest.mark.parametrize("n", SIZES)
def test_undisturbed_operation_sends_nothing_but_the_papers_messages(n: int) -> None:
    group = quiet_group(n, requests=8)
    group.sim.run(until=300.0)
    assert set(group.sent) == {"Request", "Reply", *ORDERING}
    assert group.sent.total() == 8 * (2 * n * n - n + 1)


def test_batches_share_the_cost_of_ordering() -> None:
    settings = Settings(
        view_timeout_s=100.0, retry_s=50.0, batch_limit=8, in_flight_limit=1, skew_tolerance_s=100.0
    )
    group = Group(4, 9, 1, network=fixed(DELAY_S), settings=settings, retry_s=200.0, tapped=True)
    group.sim.run(until=40.0)
    assert len(group.accepted) == 9
    assert sum(group.sent[kind] for kind in ORDERING) == 2 * 24
    assert {fact.sequence for _, fact in group.executed["replica-0"]} == {1, 2}
    assert len(group.machine("replica-1").applied) == 9
