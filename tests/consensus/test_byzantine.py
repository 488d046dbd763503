"""Equivocation: f replicas that lie are survived, f + 1 that collude break agreement."""

from functools import partial

import pytest
from consensus_group import Group, fixed, members_of

from agents.consensus import Equivocator, Executed, Replica, Settings
from agents.consensus.messages import PrePrepare
from prsm_sim.actor import Actor, InvariantViolation, PeerId
from prsm_sim.checker import Agreement
from prsm_sim.network import Latency, Network

BRISK = Settings(view_timeout_s=1.0, retry_s=0.3, status_s=2.0)


def corrupt(n: int, liars: tuple[PeerId, ...], name: PeerId, replica: Replica) -> Actor:
    return Equivocator(replica, members_of(n), liars) if name in liars else replica


def group_with(n: int, liars: tuple[PeerId, ...], seed: int = 1, requests: int = 5) -> Group:
    return Group(
        n, 2, requests, seed=seed, settings=BRISK, retry_s=0.5, byzantine=liars,
        network=Network(latency=Latency(law="exponential", mean_s=0.01)),
        wrap=partial(corrupt, n, liars),
    )  # fmt: skip


@pytest.mark.parametrize("n", [4, 5, 6, 7, 10])
def test_agreement_and_progress_under_an_equivocating_primary(n: int) -> None:
    group = group_with(n, ("replica-0",))
    group.run_until_settled(1.0)
    group.assert_exactly_once()
    assert group.accused <= {"replica-0"}


@pytest.mark.parametrize("n", [4, 5, 6, 7, 10])
def test_agreement_and_progress_under_an_equivocating_backup(n: int) -> None:
    group = group_with(n, (f"replica-{n - 1}",))
    group.run_until_settled(1.0)
    group.assert_exactly_once()


@pytest.mark.parametrize(("n", "f"), [(4, 1), (5, 1), (6, 1), (7, 2), (10, 3)])
@pytest.mark.parametrize("seed", range(4))
def test_f_colluding_equivocators_the_primary_among_them_are_survived(
    n: int, f: int, seed: int
) -> None:
    group = group_with(n, tuple(f"replica-{number}" for number in range(f)), seed)
    group.run_until_settled(1.0)
    group.assert_exactly_once()


def test_the_primary_really_tells_two_stories() -> None:
    heard: dict[PeerId, set[bytes]] = {}

    class Listener(Replica):
        def pre_prepare(self, ctx, sender, message: PrePrepare) -> None:
            heard.setdefault(ctx.id, set()).add(message.digest)
            super().pre_prepare(ctx, sender, message)

    liars = ("replica-0",)

    def wrap(name: PeerId, replica: Replica) -> Actor:
        if name in liars:
            return Equivocator(replica, members_of(4))
        return Listener(members_of(4), replica.machine)

    group = Group(4, network=fixed(1.0), wrap=wrap, byzantine=liars)
    group.sim.run(until=3.0)
    assert heard["replica-1"] == heard["replica-2"] != heard["replica-3"]


@pytest.mark.parametrize(("n", "liars"), [(4, (0, 1)), (7, (0, 2, 4)), (10, (0, 3, 5, 7))])
def test_f_plus_1_colluding_equivocators_break_agreement(n: int, liars: tuple[int, ...]) -> None:
    group = group_with(n, tuple(f"replica-{number}" for number in liars))
    with pytest.raises(InvariantViolation, match="agreement"):
        group.sim.run(until=10.0)


def test_with_6_replicas_quorums_of_2f_plus_1_would_break_agreement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Why q is not 2f + 1 for every n: with it even f equivocators are too many."""
    group_with(6, ("replica-0",)).run_until_settled(1.0)
    monkeypatch.setattr("agents.consensus.rules.quorum", lambda n: 2 * ((n - 1) // 3) + 1)
    group = group_with(6, ("replica-0",))
    with pytest.raises(InvariantViolation, match="agreement"):
        group.sim.run(until=30.0)


def test_a_liar_is_judged_by_nobody_and_an_honest_one_by_all() -> None:
    checker = Agreement(Executed, lambda f: f.sequence, lambda f: f.digest)
    group = Group(4, 1, 3, checkers=(checker,))
    group.sim.run(until=5.0)
    assert checker.evaluations == 12
