"""Merging: one fault for two is at least as strong, strikes nobody else, and is over in time."""

from hypothesis import given, settings
from hypothesis import strategies as st

from prsm_sim.actor import Actor, Fact
from prsm_sim.chance import Stream
from prsm_sim.checker import Always
from prsm_sim.faults import Byzantine, Crash, DropMessage, OneWay, Partition, peers_of
from prsm_sim.fuzz.census import Census
from prsm_sim.fuzz.ground import Ground
from prsm_sim.fuzz.merging import merged, merged_plans
from prsm_sim.fuzz.shrink import Shrinker, without
from prsm_sim.fuzz.strategies import find_strategy
from prsm_sim.fuzz.trial import run_trial
from prsm_sim.parameters import build_parameters
from prsm_sim.registry import find_scenario
from prsm_sim.scenario import ScenarioParameters, scenario
from prsm_sim.sim import Sim

NAMES = ("a", "b", "c", "d", "e")


def partitions():
    sides = st.lists(st.integers(0, 2), min_size=5, max_size=5).filter(lambda s: len(set(s)) > 1)
    groups = sides.map(
        lambda s: tuple(
            tuple(n for n, side in zip(NAMES, s, strict=True) if side == wanted)
            for wanted in sorted(set(s))
        )
    )
    return st.builds(Partition, at_s=st.floats(0, 9), for_s=st.floats(0.01, 9), groups=groups)


def together(partition, one, other):
    return any(one in group and other in group for group in partition.groups)


@given(partitions(), partitions())
@settings(max_examples=200, deadline=None)
def test_merged_partitions_part_whom_either_parted(first, second):
    strongest = next(iter(merged(first, second)))
    for one in NAMES:
        for other in NAMES:
            expected = together(first, one, other) and together(second, one, other)
            assert together(strongest, one, other) == expected
    for candidate in merged(first, second):
        ends = [fault.at_s + fault.for_s for fault in (first, second)]
        assert candidate.at_s == min(first.at_s, second.at_s)
        assert abs(candidate.at_s + candidate.for_s - max(ends)) <= 1e-3 * max(ends)


def test_cut_links_are_joined_and_nobody_means_everybody():
    first = OneWay(at_s=1.0, for_s=2.0, senders=("a",), receivers=("b",))
    second = OneWay(at_s=2.0, for_s=4.0, senders=("c",), receivers=())
    joined = next(iter(merged(first, second)))
    assert joined == OneWay(at_s=1.0, for_s=5.0, senders=("a", "c"), receivers=())


def test_what_never_ends_or_concerns_one_message_is_not_merged():
    cut = OneWay(at_s=1.0, for_s=2.0)
    assert list(merged(cut, Crash(at_s=1.0, peer="a"))) == []
    assert list(merged(cut, DropMessage(sender="a", receiver="b", number=0))) == []


def test_two_lies_of_one_peer_become_one_that_is_always_told():
    first = Byzantine(peer="a", behaviour="mutate", count=1, types=("Vote",))
    second = Byzantine(peer="a", behaviour="replay", at_s=2.0, for_s=1.0, share=0.3)
    told = list(merged(first, second))
    assert [one.behaviour for one in told] == ["mutate", "replay"]
    assert all(
        (one.count, one.types, one.share, one.for_s) == (None, (), 1.0, None) for one in told
    )
    assert list(merged(first, Byzantine(peer="b", behaviour="mutate"))) == []


@given(st.integers(0, 2000))
@settings(max_examples=40, deadline=None)
def test_merged_plans_are_shorter_and_strike_nobody_else(seed):
    scenario = find_scenario("consensus_baseline").scenario
    sim = Sim(seed)
    scenario.build(sim, build_parameters(scenario.parameters, {}))
    plan = find_strategy("swarm").draw(Ground.of(sim, Stream(seed, "plan"), Census()))[:8]
    struck = {name for fault in plan for name in peers_of(fault)}
    liars = {fault.distrusted for fault in plan}
    for candidate in merged_plans(plan):
        assert len(candidate) == len(plan) - 1
        assert {name for fault in candidate for name in peers_of(fault)} <= struck
        assert {fault.distrusted for fault in candidate} <= liars
        for fault in candidate:
            type(fault).model_validate(fault.model_dump())
            assert (
                getattr(fault, "at_s", 0.0) + (getattr(fault, "for_s", None) or 0.0)
                <= max(
                    sim.exposure.heal_s * 1.01,
                    *(getattr(f, "at_s", 0.0) + (getattr(f, "for_s", None) or 0.0) for f in plan),
                )
                * 1.001
            )


def test_without_leaves_out_every_choice_once():
    plan = tuple(Crash(at_s=float(i), peer="a") for i in range(4))
    pairs = list(without(plan, 2))
    assert len(pairs) == len(set(pairs)) == 6
    assert all(len(pair) == 2 for pair in pairs)


class Began(Fact, frozen=True):
    pass


class Sleeper(Actor):
    def on_start(self, ctx, recovered):
        if ctx.id == "a":
            ctx.set_timer("wake", 0.5)

    def on_timer(self, ctx, name):
        ctx.emit(Began())


def shrunk(broken, plan, seed=1, **options):
    """Shrink a plan where an oracle says when it is broken, by seed and faults."""

    @scenario(ScenarioParameters)
    def judged(world, parameters):
        """A world that does nothing, and an oracle that knows the plan."""
        for name in NAMES:
            world.spawn(name, Sleeper)
        world.check(
            Always("rule", Began, lambda *_: "broken" if broken(world.seed, world.faults) else None)
        )

    parameters = ScenarioParameters(duration_s=1.0)
    trial = run_trial(judged, parameters, seed, tuple(plan))
    return Shrinker(judged, trial, **options).shrink()


def cut(number):
    """A cut of its own of the link between two peers, late enough to strike nothing."""
    return OneWay(at_s=2.0 + number, for_s=1.0, senders=("a",), receivers=(NAMES[number],))


def test_faults_that_only_matter_together_become_one():
    def broken(seed, faults):
        return {name for one in faults for name in one.receivers} >= {"b", "c", "d"}

    found = shrunk(broken, [cut(1), cut(2), cut(3), cut(4)])
    assert found.complete
    (fault,) = found.trial.plan
    assert set(fault.receivers) == {"b", "c", "d"}


def test_two_faults_that_undo_each_other_go_together():
    def broken(seed, faults):
        crashes = sum(isinstance(one, Crash) for one in faults)
        return crashes % 2 == 1

    crashes = [Crash(at_s=2.0, peer=name) for name in NAMES[:3]]
    assert len(shrunk(broken, crashes).trial.plan) == 1


def test_another_seed_makes_a_long_story_shorter_and_a_short_one_is_left_alone():
    def broken(seed, faults):
        return len(faults) >= (2 if seed == 5 else 5)

    drops = [DropMessage(sender="a", receiver="b", number=n) for n in range(8)]
    found = shrunk(broken, drops)
    assert (found.trial.seed, len(found.trial.plan)) == (5, 2)

    def short(seed, faults):
        return len(faults) >= (1 if seed == 5 else 3)

    found = shrunk(short, drops)
    assert (found.trial.seed, len(found.trial.plan)) == (1, 3)


def test_no_candidate_is_run_twice():
    seen = []

    def broken(seed, faults):
        seen.append((seed, tuple(faults)))
        return len(faults) >= 4

    found = shrunk(broken, [cut(n % 4 + 1) for n in range(6)], keep=("duration_s",))
    assert len(found.trial.plan) == 4
    assert len(seen) == len(set(seen)) == found.runs + 1
