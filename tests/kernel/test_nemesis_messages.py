"""Deviations: faults of single messages, named by their number on their link."""

import pytest

from prsm_sim.actor import PeerId, UserError
from prsm_sim.faults import DelayMessage, DropMessage, DuplicateMessage, Fault, Loss, OneWay
from prsm_sim.network import Latency, Network
from tests.kernel.nemesis_parts import EXPONENTIAL, Talker, World

Arrival = tuple[str, PeerId, str, int, float]


def arrivals(world: World) -> list[Arrival]:
    """Everything that arrived, apart from when it did, sorted."""
    return sorted(
        (got.sender, peer, got.what, got.number, round(got.sent_s, 6))
        for what in ("ping", "pong")
        for _, peer, got in world.got(what=what)
    )


# What a sends b: ping n at 0.1·n is message 2n − 2, the pong to b's ping n is message 2n − 1.


def test_a_dropped_message_is_the_only_one_missing() -> None:
    whole = World().run(2.05)
    struck = World(DropMessage(sender="a", receiver="b", number=4)).run(2.05)
    missing = set(arrivals(whole)) - set(arrivals(struck))
    assert missing == {("a", "b", "ping", 3, 0.3), ("b", "a", "pong", 3, 0.0)}
    assert len(arrivals(struck)) == len(arrivals(whole)) - 2
    assert struck.struck("drop_message") == struck.effects("drop_message") == 1


def test_an_answer_is_a_message_like_any_other() -> None:
    whole = World().run(2.05)
    struck = World(DropMessage(sender="a", receiver="b", number=5)).run(2.05)
    assert set(arrivals(whole)) - set(arrivals(struck)) == {("a", "b", "pong", 3, 0.0)}


def test_a_delayed_message_arrives_later_by_what_is_said() -> None:
    world = World(DelayMessage(sender="a", receiver="b", number=4, by_s=0.7)).run(2.05)
    late = [
        (got.number, round(time_s, 6))
        for time_s, peer, got in world.got()
        if time_s - got.sent_s > 0.011 and (got.sender, peer) == ("a", "b")
    ]
    assert late == [(3, 1.01)]
    whole = World().run(2.05)
    assert arrivals(world) == arrivals(whole)
    assert world.effects("delay_message") == 1


def test_a_duplicated_message_arrives_a_second_time() -> None:
    world = World(DuplicateMessage(sender="a", receiver="b", number=4, after_s=0.25)).run(2.05)
    times = [t for t, peer, got in world.got() if (got.sender, peer, got.number) == ("a", "b", 3)]
    assert times == pytest.approx([0.31, 0.56])
    assert len(world.got()) == len(World().run(2.05).got()) + 1


def test_deviations_of_one_message_compose() -> None:
    delay = DelayMessage(sender="a", receiver="b", number=4, by_s=0.5)
    copy = DuplicateMessage(sender="a", receiver="b", number=4, after_s=0.25)
    drop = DropMessage(sender="a", receiver="b", number=4)

    def times(*faults: Fault) -> list[float]:
        world = World(*faults).run(2.05)
        return [
            t for t, peer, got in world.got() if (got.sender, peer, got.number) == ("a", "b", 3)
        ]

    assert times(delay, copy) == times(copy, delay) == pytest.approx([0.81, 1.06])
    assert times(delay, drop) == times(drop, copy) == []


def test_a_number_counts_what_the_network_or_another_fault_loses() -> None:
    early = OneWay(at_s=0.05, for_s=0.2, senders=("a",), receivers=("b",))  # pings 1 and 2
    world = World(early, DropMessage(sender="a", receiver="b", number=1)).run(1.05)
    # With pings 1 and 2 gone, message 1 of a to b is the pong to ping 1 of b, or gone as well.
    pings = [got.number for _, peer, got in world.got() if (got.sender, peer) == ("a", "b")]
    assert pings == [3, 4, 5, 6, 7, 8, 9, 10]


def test_a_number_names_the_same_message_whatever_the_network_loses() -> None:
    def pings(*faults: Fault) -> set[int]:
        lossy = Network(latency=Latency(law="fixed", mean_s=0.01), loss=0.5)
        world = World(*faults, network=lossy, actor=Talker, seed=5).run(1.05)
        return {got.number for _, peer, got in world.got() if (got.sender, peer) == ("a", "b")}

    whole = pings()
    assert 0 < len(whole) < 10
    for number in range(10):
        drop = DropMessage(sender="a", receiver="b", number=number)
        assert pings(drop) == whole - {number + 1}


def test_other_messages_keep_their_delays() -> None:
    def times(*faults: Fault) -> dict[Arrival, float]:
        world = World(*faults, network=EXPONENTIAL, seed=3).run(0.195)
        return {
            (got.sender, peer, got.what, got.number, round(got.sent_s, 6)): time_s
            for time_s, peer, got in world.got()
        }

    whole = times()
    struck = times(DropMessage(sender="a", receiver="b", number=0))
    assert set(whole) - set(struck) == {("a", "b", "ping", 1, 0.1)}
    assert {key: struck[key] for key in struck} == {key: whole[key] for key in struck}


def test_a_broadcast_to_many_is_many_messages() -> None:
    names = tuple(f"p{number:02d}" for number in range(40))

    def pings(*faults: Fault) -> set[tuple[str, PeerId, int]]:
        world = World(*faults, names=names, actor=Talker, network=EXPONENTIAL).run(0.5)
        return {(got.sender, peer, got.number) for _, peer, got in world.got()}

    drop = DropMessage(sender="p00", receiver="p39", number=2)
    assert pings() - pings(drop) == {("p00", "p39", 3)}


def test_nothing_is_counted_once_the_last_deviation_is_through() -> None:
    world = World(
        DropMessage(sender="a", receiver="b", number=4),
        DelayMessage(sender="c", receiver="d", number=0, by_s=1.0),
        network=EXPONENTIAL,
    )
    world.run(0.25)
    assert world.sim.nemesis.wire.is_struck
    world.run(0.5)
    assert not world.sim.nemesis.wire.is_struck
    assert world.sim.context_type.send.__qualname__ == "_plain_send.<locals>.send"


def test_a_message_that_is_never_sent_is_never_struck() -> None:
    world = World(DropMessage(sender="a", receiver="b", number=10_000)).run(2.0)
    assert world.struck("drop_message") == world.effects("drop_message") == 0
    assert world.sim.nemesis.without_effect() == []


def test_a_deviation_that_comes_too_late_is_a_mistake() -> None:
    world = World().run(1.0)
    world.sim.schedule(DropMessage(sender="a", receiver="b", number=4))
    with pytest.raises(UserError, match="message 4 from a to b: the run has begun"):
        world.run(2.0)


@pytest.mark.parametrize(("sender", "receiver"), [("x", "a"), ("a", "x")])
def test_a_deviation_names_peers_that_exist(sender: str, receiver: str) -> None:
    with pytest.raises(UserError, match="'x', and there is no such peer"):
        World(DropMessage(sender=sender, receiver=receiver, number=0)).run(1.0)


def test_deviations_lie_beneath_the_faults_of_the_network() -> None:
    copy = DuplicateMessage(sender="a", receiver="b", number=4, after_s=0.25)
    world = World(copy, Loss(at_s=0.05, for_s=1.0, rate=1.0)).run(0.9)
    assert world.got() == []
    assert world.effects("loss") > world.struck("duplicate_message") == 1
