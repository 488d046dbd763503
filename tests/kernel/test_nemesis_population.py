"""Faults of the population: churn, eclipse, Sybil peers; and the shapes of partitions."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prsm_sim.actor import PeerId, UserError
from prsm_sim.faults import (
    SHAPES,
    Churn,
    Crash,
    Eclipse,
    OneWay,
    Pause,
    Sybil,
    shaped_partition,
    sides_of,
)
from prsm_sim.faults.shapes import FEWEST
from tests.kernel.nemesis_parts import ALL_LINKS, NAMES, World


def starts_of(world: World, peer: PeerId) -> list[float]:
    return [t for t, who, got in world.rows if who == peer and got.what.startswith("start b")]


# Churn.


def test_churn_takes_each_peer_away_for_exponential_times() -> None:
    fault = Churn(at_s=1.0, for_s=3000.0, peers=("a", "b"), up_s=3.0, down_s=1.0)
    world = World(fault, names=("a", "b")).run(3010.0)
    for peer in "ab":
        starts = starts_of(world, peer)
        # A cycle lasts 4 s in the mean, so there are 750 ± 3·√750·(√10/4) of them.
        assert len(starts) == pytest.approx(750, abs=3 * math.sqrt(750))
        ticks = world.links(1.0, 3001.0, "ping")
        assert ticks  # the other hears it while both are up
    alive = len(world.got()) / (2 * 30_000)
    assert alive == pytest.approx(0.75 * 0.75, abs=0.05)
    assert world.effects("churn") == sum(len(starts_of(world, peer)) for peer in "ab")


def test_after_churn_everybody_is_there() -> None:
    fault = Churn(at_s=1.0, for_s=20.0, peers=NAMES, up_s=1.0, down_s=5.0)
    for seed in range(5):
        world = World(fault, seed=seed).run(25.0)
        assert set(world.links(21.5, 25.0)) == ALL_LINKS
        assert any(set(world.links(t, t + 0.5)) < ALL_LINKS for t in range(2, 20))
        assert world.struck("churn") == 1
        assert world.effects("churn") > 5


def test_churn_and_crashes_bring_back_only_what_they_took() -> None:
    churn = Churn(at_s=0.5, for_s=30.0, peers=("a",), up_s=1.0, down_s=1.0)
    for seed in range(5):
        world = World(
            churn, Crash(at_s=5.0, peer="a"), Pause(at_s=7.0, peer="a", for_s=3), seed=seed
        )
        world.run(35.0)
        crashed = world.struck("crash")
        assert bool(starts_of(world, "a")[-1] > 5.0) is not bool(crashed)


def test_churn_of_one_peer_does_not_shift_anothers() -> None:
    def away(*peers: str) -> list[float]:
        fault = Churn(at_s=0.5, for_s=30.0, peers=peers, up_s=2.0, down_s=1.0)
        return starts_of(World(fault).run(31.0), "a")

    assert away("a") == away("b", "a", "c")


# Eclipse.


def test_an_eclipsed_victim_talks_with_the_attackers_only() -> None:
    fault = Eclipse(at_s=1.05, for_s=2.0, victim="a", attackers=("d", "e"))
    world = World(fault).run(5.0)
    cut = {"ab", "ac", "ba", "ca"}
    assert set(world.links(1.2, 3.05)) == ALL_LINKS - cut
    assert set(world.links(3.2, 5.0)) == ALL_LINKS
    assert world.effects("eclipse") == world.sim.observatory.counters["dropped: eclipse"] == 80


def test_sybils_can_eclipse() -> None:
    world = World(
        Sybil(at_s=1.05, like="b", count=2),
        Eclipse(at_s=2.05, for_s=2.0, victim="a", attackers=("b~1", "b~2")),
    ).run(4.0)
    links = world.links(2.2, 4.0)
    assert {sender for sender in (*NAMES, "b~1", "b~2") if links[sender + "a"]} == {"b~1", "b~2"}


# Sybil.


def test_sybils_appear_run_the_same_code_and_go() -> None:
    world = World(Sybil(at_s=1.05, like="b", count=3, for_s=2.0)).run(5.0)
    names = (*NAMES, "b~1", "b~2", "b~3")
    everyone = {a + b for a in names for b in names if a != b}
    assert set(world.links(0.0, 1.05)) == ALL_LINKS
    assert set(world.links(1.3, 3.05)) == everyone
    assert set(world.links(3.2, 5.0)) == ALL_LINKS
    # 19 ticks each to 7 others, and as many answers to them.
    assert world.effects("sybil") >= 3 * 19 * 7
    assert world.struck("sybil") == 1


def test_two_attacks_with_the_same_model_share_their_sybils() -> None:
    world = World(
        Sybil(at_s=1.05, like="b", count=2, for_s=5.0),
        Sybil(at_s=2.05, like="b", count=3, for_s=1.0),
    ).run(5.0)
    assert {name for name in world.sim.env.hosts if "~" in name} == {"b~1", "b~2", "b~3"}
    late = {link[:3] for link in world.links(3.2, 5.0) if link.startswith("b~")}
    assert late == {"b~1", "b~2"}


def test_faults_may_name_sybils_before_they_are_there() -> None:
    world = World(
        Crash(at_s=0.5, peer="b~1", for_s=0.1),
        Crash(at_s=2.0, peer="b~1", for_s=1.0),
        OneWay(at_s=1.05, for_s=1.0, senders=("b~1",)),
        Sybil(at_s=1.05, like="b", count=1),
    ).run(4.0)
    assert world.struck("crash") == 1
    assert len(starts_of(world, "b~1")) == 1
    with pytest.raises(UserError, match="'b~2'"):
        World(Crash(at_s=0.5, peer="b~2"), Sybil(at_s=1.05, like="b", count=1)).run(4.0)


# Shapes of partitions.


def reachable(groups: tuple[tuple[str, ...], ...], peers: tuple[str, ...]) -> dict[str, set[str]]:
    """Whom each peer reaches, itself included, by the definition of groups."""
    return {
        one: {other for other in peers if any({one, other} <= {*group} for group in groups)}
        for one in peers
    }


PEERS = st.integers(2, 12).map(lambda count: tuple(f"p{number}" for number in range(count)))


@given(PEERS)
def test_every_shape_is_what_its_name_says(peers: tuple[str, ...]) -> None:
    count = len(peers)
    for shape in SHAPES:
        if count < FEWEST.get(shape, 2):
            with pytest.raises(UserError, match=f"needs at least {FEWEST[shape]} peers"):
                shaped_partition(shape, peers, at_s=0, for_s=1)
            continue
        partition = shaped_partition(shape, peers, at_s=1.0, for_s=2.0)
        assert (partition.at_s, partition.for_s) == (1.0, 2.0)
        seen = reachable(partition.groups, peers)
        sides = sides_of(partition)
        assert all(
            (other in seen[one]) == bool(sides[one] & sides[other])
            for one in peers
            for other in peers
        )
        sizes = sorted(map(len, seen.values()))
        match shape:
            case "halves":
                assert set(sizes) == {count // 2, count - count // 2}
            case "isolate-one":
                assert seen[peers[-1]] == {peers[-1]}
                assert sizes == [1] + [count - 1] * (count - 1)
            case "primary-alone":
                assert seen[peers[0]] == {peers[0]}
            case "bridge":
                assert sizes.count(count) == (1 if count > 2 else 2)
                assert sizes[0] <= count // 2 + 1
            case "star":
                assert seen[peers[0]] == {*peers}
                assert sizes == [2] * (count - 1) + [count]
            case "majorities-ring":
                assert all(size >= count // 2 + 1 for size in sizes)
                assert len({frozenset(one) for one in seen.values()}) == count
                assert max(sizes) < count
            case _:
                raise AssertionError(f"{shape} has no test")


def test_a_shape_may_say_who_stands_out_and_who_stands_by() -> None:
    partition = shaped_partition(
        "isolate-one", ("a", "b", "c"), at_s=0, for_s=1, peer="b", bystanders=("x",)
    )
    seen = reachable(partition.groups, ("a", "b", "c", "x"))
    assert seen == {"a": {"a", "c", "x"}, "b": {"b", "x"}, "c": {"a", "c", "x"}, "x": {*"abcx"}}
    bridge = shaped_partition("bridge", tuple("abcde"), at_s=0, for_s=1, peer="a")
    assert reachable(bridge.groups, tuple("abcde"))["a"] == set("abcde")


@pytest.mark.parametrize(
    ("shape", "peers", "peer", "what"),
    [
        ("halfs", ("a", "b"), None, "no partition has the shape 'halfs'; there are halves, "),
        ("halves", ("a",), None, "needs at least 2 peers, and there are 1"),
        ("isolate-one", ("a", "b"), "x", "cannot leave 'x' alone"),
    ],
)
def test_a_shape_that_cannot_be_is_a_mistake(
    shape: str, peers: tuple[str, ...], peer: str | None, what: str
) -> None:
    with pytest.raises(UserError, match=what):
        shaped_partition(shape, peers, at_s=0, for_s=1, peer=peer)


def test_in_a_majorities_ring_messages_go_where_the_ring_leads() -> None:
    world = World(shaped_partition("majorities-ring", NAMES, at_s=1.05, for_s=2.0)).run(5.0)
    ring = {NAMES[i] + NAMES[(i + step) % 5] for i in range(5) for step in (1, 4)}
    assert set(world.links(1.2, 3.05)) == ring
    assert set(world.links(3.2, 5.0)) == ALL_LINKS
