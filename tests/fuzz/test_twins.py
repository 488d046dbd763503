"""Twins: scenarios counted against brute force, plans that are what the scenario says, the format.

The brute force knows nothing of representatives or of Burnside: it makes every scenario there is,
renames each in every way and counts how many different ones remain.
"""

import json
from functools import partial
from itertools import permutations, product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prsm_sim.actor import UserError
from prsm_sim.chance import Stream
from prsm_sim.exposure import Exposure
from prsm_sim.faults import Byzantine, Partition
from prsm_sim.fuzz.census import Census
from prsm_sim.fuzz.ground import Ground
from prsm_sim.fuzz.strategies import find_strategy
from prsm_sim.fuzz.twins import (
    Round,
    TwinsScenario,
    plan_of,
    read_twins,
    twins_plan,
    twins_scenarios,
)
from prsm_sim.fuzz.twins_scenarios import Space, ordered, partitions_of

EXAMPLE = Path(__file__).parent / "twins_example.json"
GROUND = Exposure(peers=("a", "b", "c", "d"), bystanders=("x", "y"), faulty=1, heal_s=8.0)
SMALL = [
    (2, 0, 2, 2, False), (3, 0, 2, 3, True), (3, 1, 2, 2, False), (3, 1, 1, 3, True),
    (4, 1, 2, 2, False), (4, 1, 1, 2, True), (4, 2, 1, 2, True), (3, 3, 1, 2, True),
    (4, 0, 3, 2, False),
]  # fmt: skip


def stirling(n: int, k: int) -> int:
    """Stirling numbers of the second kind: ways to split n things into k sets."""
    if n == 0 or k == 0:
        return int(n == k)
    return k * stirling(n - 1, k) + stirling(n - 1, k - 1)


def labels(nodes: int, twins: int) -> list[tuple[int, int]]:
    """Instances as (node, which); the order is that of their numbers."""
    return [(node, 0) for node in range(nodes)] + [(node, 1) for node in range(twins)]


def orbits_by_brute_force(
    nodes: int, twins: int, rounds: int, most_sets: int, with_leaders: bool
) -> set[frozenset[object]]:
    """Each orbit as the set of all its scenarios, made of labels instead of numbers."""
    instances = labels(nodes, twins)
    splits = {
        frozenset(
            frozenset(one for one, where in zip(instances, places, strict=True) if where == place)
            for place in set(places)
        )
        for places in product(range(most_sets), repeat=len(instances))
    }
    leaders = range(nodes) if with_leaders else [None]
    renamings = [
        ({**dict(zip(range(twins), doubled, strict=True)),
          **dict(zip(range(twins, nodes), plain, strict=True))}, swapped)
        for doubled in permutations(range(twins))
        for plain in permutations(range(twins, nodes))
        for swapped in product((0, 1), repeat=twins)
    ]  # fmt: skip

    def rename(scenario, renaming):  # type: ignore[no-untyped-def]
        to, swapped = renaming

        def instance(one: tuple[int, int]) -> tuple[int, int]:
            node, which = one
            return (to[node], which ^ swapped[node] if node < twins else which)

        return tuple(
            (frozenset(frozenset(map(instance, each)) for each in split), to.get(leader))
            for split, leader in scenario
        )

    return {
        frozenset(rename(scenario, renaming) for renaming in renamings)
        for scenario in product(list(product(splits, leaders)), repeat=rounds)
    }


def labelled(scenario: TwinsScenario) -> object:
    instances = labels(scenario.nodes, scenario.twins)
    return tuple(
        (frozenset(frozenset(instances[i] for i in each) for each in one.sets), one.leader)
        for one in scenario.rounds
    )


@pytest.mark.parametrize(("n", "most"), [(1, 1), (4, 2), (5, 2), (5, 3), (6, 6)])
def test_partitions_are_counted_by_stirling_numbers(n: int, most: int) -> None:
    found = list(partitions_of(n, most))
    assert len(found) == len(set(found)) == sum(stirling(n, k) for k in range(1, most + 1))
    for sets in found:
        assert sorted(one for each in sets for one in each) == list(range(n))
        assert sets == ordered(sets)


def test_a_quorum_leaves_out_what_decides_nothing() -> None:
    kept = {one.sets for one in Space(4, 1, 1, 3, quorum=3).choices}
    # Instances 0 and 4 are one node, so {0, 1, 4} has no quorum.
    assert kept == {
        sets
        for sets in partitions_of(5, 3)
        if any(len(set(each) - {4}) + (4 in each and 0 not in each) >= 3 for each in sets)
    }
    assert ((0, 1, 2), (3, 4)) in kept
    assert ((0, 1, 4), (2, 3)) not in kept


@pytest.mark.parametrize("size", SMALL)
def test_one_scenario_of_each_orbit_and_burnside_says_how_many(
    size: tuple[int, int, int, int, bool],
) -> None:
    nodes, twins, rounds, most_sets, with_leaders = size
    orbits = orbits_by_brute_force(*size)
    space = Space(nodes, twins, rounds, most_sets, with_leaders=with_leaders)
    found = list(space.all())
    assert space.count == len(found) == len(orbits)
    assert space.raw_count == sum(map(len, orbits))
    hit = [next(orbit for orbit in orbits if labelled(one) in orbit) for one in found]
    assert len(set(hit)) == len(orbits)


def test_the_representative_of_a_scenario_is_of_its_own_orbit() -> None:
    orbits = orbits_by_brute_force(3, 1, 2, 2, False)
    space = Space(3, 1, 2)
    representatives = set()
    for rounds in product(space.choices, repeat=2):
        scenario = TwinsScenario(3, 1, rounds)
        least = space.canonical(scenario)
        representatives.add(least)
        orbit = next(orbit for orbit in orbits if labelled(scenario) in orbit)
        assert labelled(least) in orbit
    assert representatives == set(space.all())


def test_the_documented_counts() -> None:
    """n = 4 with one twin, two sets: of 16^R scenarios so many are left.

    By hand: a renaming of five instances with c cycles, not all even, leaves 2^(c-1) splits alone.
    Of the 12 renamings one has 5 cycles, four have 4, five have 3, two have 2.
    """
    for rounds in range(1, 8):
        by_hand = 16**rounds + 4 * 8**rounds + 5 * 4**rounds + 2 * 2**rounds
        assert Space(4, 1, rounds).count == by_hand // 12
    assert [Space(4, 1, rounds).count for rounds in (1, 2, 3)] == [6, 50, 540]
    assert Space(7, 2, 2).raw_count == 65_536
    assert Space(7, 2, 2).count == 770


def test_without_interchangeable_nodes_nothing_but_twins_are_swapped() -> None:
    fixed = Space(4, 1, 1, interchangeable=())
    # Of the 16 splits, the 8 with both instances in one set are left alone by the swap.
    assert fixed.count == (16 + 8) // 2
    assert Space(4, 0, 2, interchangeable=()).count == 8**2
    # Splits of 01|23 up to swapping 0 with 1 and 2 with 3: (8 + 4 + 4 + 4) / 4.
    assert Space(4, 0, 1, interchangeable=((0, 1), (2, 3))).count == 5


def test_order_and_sample() -> None:
    everything = twins_scenarios(4, 1, 2)
    assert everything == twins_scenarios(4, 1, 2, seed=9)
    space = Space(4, 1, 3)
    order = {scenario: index for index, scenario in enumerate(space.all())}
    sample = space.sample(100, seed=1)
    assert len(set(sample)) == 100
    assert set(sample) <= set(order)
    assert [order[one] for one in sample] == sorted(order[one] for one in sample)
    assert sample == space.sample(100, seed=1) != space.sample(100, seed=2)
    assert space.sample(540, seed=1) == list(order)


@given(st.integers(0, 2**32))
@settings(max_examples=50)
def test_renaming_does_not_change_the_representative(seed: int) -> None:
    space, rng = SPACE, Stream(seed, "test")
    rounds = tuple(rng.choice(space.choices) for _ in range(2))
    plain = [1, 2, 3]
    rng.shuffle(plain)
    nodes = [0, *plain]
    to = {**dict(enumerate(nodes)), 4: 4}
    if rng.randrange(2):
        to |= {0: 4, 4: 0}
    renamed = tuple(
        Round(ordered([[to[i] for i in each] for each in one.sets]), nodes[one.leader or 0])
        for one in rounds
    )
    least = space.canonical(TwinsScenario(4, 1, rounds))
    assert space.canonical(TwinsScenario(4, 1, renamed)) == least
    assert space.canonical(least) == least


SPACE = Space(4, 1, 2, with_leaders=True)


@pytest.mark.parametrize(
    "make",
    [
        partial(Space, 3, 4, 1), partial(Space, 3, 1, 0), partial(Space, 3, 1, 1, 0),
        partial(Space, 3, 1, 1, quorum=5), partial(Space, 12, 0, 1),
        partial(Space, 4, 1, 1, interchangeable=((0, 1),)),
    ],
)  # fmt: skip
def test_sizes_that_make_no_sense_are_refused(make: partial[Space]) -> None:
    with pytest.raises(UserError, match="twins: "):
        make()


# Plans.

SCENARIO = TwinsScenario(
    4, 1, (Round(((0, 1), (2, 3, 4))), Round(((0, 1), (2, 3, 4))), Round(((0, 1, 2, 3, 4),)),
           Round(((0,), (1, 2, 4), (3,)))),
)  # fmt: skip


def test_a_plan_is_what_the_scenario_says() -> None:
    twin, first, second = plan_of(SCENARIO, GROUND, 0.5)
    assert twin == Byzantine(
        peer="a", behaviour="twin", for_s=2.0, round_s=0.5,
        rounds=(
            (("b", "x", "y"), ("c", "d", "x", "y")),
            (("b", "x", "y"), ("c", "d", "x", "y")),
            (("b", "c", "d", "x", "y"), ("b", "c", "d", "x", "y")),
            (("x", "y"), ("b", "c", "x", "y")),
        ),
    )  # fmt: skip
    assert first == Partition(
        at_s=0.0, for_s=1.0, groups=(("a", "b", "x", "y"), ("a", "c", "d", "x", "y"))
    )
    assert second == Partition(
        at_s=1.5, for_s=0.5, groups=(("a", "x", "y"), ("a", "b", "c", "x", "y"), ("d", "x", "y"))
    )


def test_bystanders_may_be_kept_apart() -> None:
    twin, first, _ = plan_of(SCENARIO, GROUND, 0.5, apart=True)
    assert isinstance(twin, Byzantine)
    assert twin.rounds[0] == (("b", "x"), ("c", "d", "y"))
    assert twin.rounds[2] == (("b", "c", "d", "x", "y"), ("b", "c", "d", "x", "y"))
    assert isinstance(first, Partition)
    assert first.groups == (("a", "b", "x"), ("a", "c", "d", "y"))


def test_two_twins_name_each_others_instances() -> None:
    scenario = TwinsScenario(3, 2, (Round(((0, 4), (1, 2, 3))),))
    a, b, _ = plan_of(scenario, Exposure(peers=("a", "b", "c")), 1.0)
    assert isinstance(a, Byzantine)
    assert isinstance(b, Byzantine)
    assert (a.accomplices, a.rounds) == (("b",), ((("b'",), ("b", "c")),))
    assert (b.accomplices, b.rounds) == (("a",), ((("a'", "c"), ("a",)),))


def test_the_first_names_go_to_those_that_lead_first() -> None:
    together = ((0, 1, 2, 3, 4),)
    rounds = tuple(Round(together, leader) for leader in (2, 0, 2, 3))
    (twin,) = plan_of(TwinsScenario(4, 1, rounds), GROUND, 1.0)
    assert isinstance(twin, Byzantine)
    assert twin.peer == "b"  # node 2 is a, node 0 (the twin) b, node 3 c, node 1 d


def test_a_scenario_of_another_size_is_refused() -> None:
    with pytest.raises(UserError, match="4 nodes cannot be run by 3 peers"):
        plan_of(SCENARIO, Exposure(peers=("a", "b", "c")), 1.0)


@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(4, 40))
@settings(max_examples=100)
def test_drawn_plans_stay_within_what_is_exposed(seed: int, faulty: int, nodes: int) -> None:
    peers = tuple(f"p{number}" for number in range(nodes))
    ground = Exposure(peers=peers, bystanders=("x", "y"), faulty=faulty, heal_s=5.0)
    plan = twins_plan(ground, Stream(seed, "test"))
    assert plan == twins_plan(ground, Stream(seed, "test"))
    twins = [one for one in plan if isinstance(one, Byzantine)]
    assert 1 <= len({one.peer for one in twins}) == len(twins) <= faulty
    for one in plan:
        assert isinstance(one, Byzantine | Partition)
        assert one.at_s + (one.for_s or 0.0) <= 5.0 + 1e-6
    everyone = {*peers, "x", "y"}
    for one in plan:
        if isinstance(one, Partition):
            assert {name for group in one.groups for name in group} == everyone


def test_most_drawn_splits_have_room_for_a_quorum_but_not_all() -> None:
    ground = Exposure(peers=tuple("abcdefghijkl"), faulty=1)
    largest = [
        max(map(len, one.groups))
        for seed in range(100)
        for one in twins_plan(ground, Stream(seed, "test"))
        if isinstance(one, Partition)
    ]
    enough = sum(size >= 8 for size in largest) / len(largest)  # f = 3, so a quorum is 8 of 12
    assert 0.8 < enough < 0.97


def test_nobody_may_be_broken_then_nobody_is() -> None:
    assert twins_plan(Exposure(peers=("a", "b")), Stream(1, "test")) == ()


def test_drawn_plans_differ() -> None:
    plans = [twins_plan(GROUND, Stream(seed, "test")) for seed in range(50)]
    assert len({repr(plan) for plan in plans}) == 50
    assert {plan[0].peer for plan in plans if isinstance(plan[0], Byzantine)} == set("abcd")


# The published format.


def test_read_the_published_format() -> None:
    file = read_twins(EXAMPLE)
    assert (file.nodes, file.twins) == (4, 1)
    first, second = file.scenarios
    # Instances 1 and 2 there are the two of the first node: here 0 and 4; then 3 → 1, 4 → 2, 5 → 3.
    assert first.rounds == (
        Round(((0, 1, 2), (3, 4)), leader=0), Round(((0, 2), (1, 3, 4)), leader=0),
    )  # fmt: skip
    assert second.rounds == (
        Round(((0, 1, 2, 3, 4),), leader=1), Round(((0, 2), (1, 4), (3,)), leader=None),
    )  # fmt: skip
    assert len(plan_of(first, GROUND, 1.0)) == 3


def broken(change: dict[str, object]) -> str:
    return json.dumps(json.loads(EXAMPLE.read_text()) | change)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "not a file of Twins scenarios"),
        ("[]", "not a file of Twins scenarios"),
        (broken({"num_nodes": "4"}), r"\$\.num_nodes"),
        (broken({"num_twins": 5}), "correct num_twins"),
        (broken({"scenarios": [[{"leader": 1}]]}), r"\$\.scenarios\[0\]\[0\]|partitions"),
        (broken({"scenarios": [[{"leader": 9, "partitions": []}]]}), "leader 9"),
        (broken({"scenarios": [[], [{"leader": 1, "partitions": [[6]]}]]}), r"\[1\]\[0\]: 6 is"),
        (broken({"scenarios": [[{"leader": 1, "partitions": [[1], [1]]}]]}), "two partitions"),
    ],
)
def test_a_bad_file_is_refused_with_the_place(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(UserError, match=what) as refused:
        read_twins(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_twins(tmp_path / "nothing.json")


def test_a_file_of_scenarios_is_a_strategy_and_its_scenarios_come_by_turns() -> None:
    strategy = find_strategy(f"twins:{EXAMPLE}")
    scenarios = read_twins(EXAMPLE).scenarios
    exposure = Exposure(peers=tuple("abcd"), faulty=1, heal_s=10.0)
    for seed in range(6):
        ground = Ground(exposure, {}, Census(), Stream(seed, "test"), seed=seed)
        plan = strategy.draw(ground)
        scenario = scenarios[seed % len(scenarios)]
        (liar,) = [fault for fault in plan if isinstance(fault, Byzantine)]
        assert plan == plan_of(scenario, exposure, liar.round_s)
        assert liar.round_s * len(scenario.rounds) <= 10.0 * (1 + 1e-3)


def test_a_file_for_another_number_of_peers_is_refused_with_the_way_out() -> None:
    strategy = find_strategy(f"twins:{EXAMPLE}")
    for count in (3, 5):
        exposure = Exposure(peers=tuple("abcde")[:count], faulty=1, heal_s=10.0)
        ground = Ground(exposure, {}, Census(), Stream(1, "test"))
        with pytest.raises(UserError, match="--set replicas=4"):
            strategy.draw(ground)


def test_a_file_that_is_not_there_is_told_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        find_strategy(f"twins:{tmp_path / 'nothing.json'}")
