"""Random schedules of faults: agreement and order throughout, and all is well once it is over."""

from functools import partial

import pytest
from consensus_group import Group, members_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.consensus import Equivocator, Replica, Settings
from prsm_sim.actor import Actor, PeerId
from prsm_sim.faults import Crash, Fault, Loss, Partition, Pause
from prsm_sim.network import Latency, Network

pytestmark = pytest.mark.slow

AT = st.floats(0.0, 4.0)
SPAN = st.floats(0.05, 3.0)


def faults_of(peers: tuple[PeerId, ...], replicas: tuple[PeerId, ...]) -> st.SearchStrategy[Fault]:
    halves = st.sets(st.sampled_from(peers), min_size=1, max_size=len(peers) - 1).map(
        lambda cut: (tuple(p for p in peers if p not in cut), tuple(p for p in peers if p in cut))
    )
    return st.one_of(
        st.builds(Partition, at_s=AT, for_s=SPAN, groups=halves),
        st.builds(Crash, at_s=AT, for_s=SPAN, peer=st.sampled_from(replicas)),
        st.builds(Pause, at_s=AT, for_s=SPAN, peer=st.sampled_from(peers)),
        st.builds(Loss, at_s=AT, for_s=SPAN, rate=st.floats(0.1, 0.9)),
    )


def corrupt(liars: tuple[PeerId, ...], n: int, name: PeerId, replica: Replica) -> Actor:
    return Equivocator(replica, members_of(n), liars) if name in liars else replica


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_agreement_order_and_completion_under_random_faults(data: st.DataObject) -> None:
    n = data.draw(st.sampled_from([4, 5, 6, 7]), "n")
    members = members_of(n)
    liars = tuple(
        data.draw(st.lists(st.sampled_from(members), max_size=(n - 1) // 3, unique=True), "liars")
    )
    clients = data.draw(st.integers(1, 3), "clients")
    peers = (*members, *(f"client-{number}" for number in range(clients)))
    group = Group(
        n,
        clients,
        data.draw(st.integers(1, 8), "requests"),
        seed=data.draw(st.integers(0, 2**32), "seed"),
        network=Network(
            latency=Latency(
                law=data.draw(st.sampled_from(["fixed", "exponential", "lognormal"]), "law"),
                mean_s=data.draw(st.sampled_from([0.005, 0.05]), "mean_s"),
            ),
            loss=data.draw(st.sampled_from([0.0, 0.02, 0.1]), "loss"),
            duplication=data.draw(st.sampled_from([0.0, 0.05]), "duplication"),
        ),
        settings=Settings(
            view_timeout_s=1.0,
            retry_s=0.3,
            status_s=2.0,
            window=data.draw(st.sampled_from([4, 256]), "window"),
            checkpoint_interval=data.draw(st.sampled_from([0, 2, 4]), "checkpoint_interval"),
            tentative=data.draw(st.booleans(), "tentative"),
            read_only=data.draw(st.booleans(), "read_only"),
            batch_limit=data.draw(st.sampled_from([1, 4]), "batch_limit"),
            in_flight_limit=data.draw(st.sampled_from([1, 256]), "in_flight_limit"),
        ),
        retry_s=0.6,
        think_s=data.draw(st.sampled_from([0.0, 0.3]), "think_s"),
        wrap=partial(corrupt, liars, n),
        byzantine=liars,
        reads_every=data.draw(st.sampled_from([0, 3]), "reads_every"),
    )
    group.sim.schedule(*data.draw(st.lists(faults_of(peers, members), max_size=4), "faults"))
    group.run_until_settled(7.5)
    group.assert_exactly_once()
    group.assert_linearizable()
    assert group.accused <= set(liars), "an honest replica was accused"


def test_the_same_seed_is_the_same_run() -> None:
    def run() -> str:
        network = Network(latency=Latency(law="exponential", mean_s=0.02), loss=0.1)
        group = Group(4, 2, 10, seed=5, network=network, retry_s=0.5)
        group.sim.schedule(Crash(at_s=0.5, peer="replica-0", for_s=1.0))
        group.sim.run(until=30.0)
        return group.sim.digest

    assert run() == run()
