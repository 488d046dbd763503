"""What strategies stand on: the census, the fields of messages, and faults that come in numbers."""

from prsm_sim.chance import Stream
from prsm_sim.exposure import Exposure
from prsm_sim.faults import Byzantine, Crash, OneWay
from prsm_sim.fuzz.census import Census, take_census
from prsm_sim.fuzz.ground import Ground, field_names
from prsm_sim.fuzz.lies import habit, lies, silence
from prsm_sim.fuzz.makers import blackout, makers_for, rounds, tangle
from prsm_sim.parameters import build_parameters
from prsm_sim.registry import find_scenario
from prsm_sim.sim import Sim

PEERS = ("a", "b", "c", "d")
CONSENSUS = find_scenario("consensus_baseline").scenario


def ground(seed: int = 1, **exposure: object) -> Ground:
    told = {"peers": PEERS, "bystanders": ("x",), "faulty": 1, "heal_s": 10.0} | exposure
    return Ground(Exposure(**told), {"Vote": ("view",)}, Census(), Stream(seed, "ground"))


def test_the_census_knows_what_is_common_and_what_comes_from_outside():
    census = take_census(CONSENSUS, build_parameters(CONSENSUS.parameters, {}))
    assert census.asked == ("Request",)
    assert set(census.common) == {"Request", "PrePrepare", "Prepare", "Commit", "Reply"}
    assert 5 < census.traffic < 200


def test_rare_messages_are_those_that_a_healthy_run_does_not_show():
    sim = Sim(1)
    parameters = build_parameters(CONSENSUS.parameters, {})
    CONSENSUS.build(sim, parameters)
    found = Ground.of(sim, Stream(1), take_census(CONSENSUS, parameters))
    assert {"ViewChange", "NewView"} <= set(found.rare)
    assert "Prepare" not in found.rare


def test_fields_of_structs_inside_a_message_are_found_and_signatures_are_not():
    sim = Sim(1)
    CONSENSUS.build(sim, build_parameters(CONSENSUS.parameters, {}))
    accepted = {kind.__name__: kind for kind in sim.actor("replica-0").accepts()}
    names = field_names(accepted["ViewChange"])
    assert {"view", "prepared", "pre_prepare", "requests", "operation"} <= set(names)
    assert not any("signature" in name for name in names)


def test_the_broken_are_as_many_as_may_be_and_often_the_first():
    drawn = [ground(seed).broken for seed in range(200)]
    assert {len(broken) for broken in drawn} == {1}
    assert set(drawn) == {(one,) for one in PEERS}
    first = drawn.count(("a",)) + drawn.count(("b",)) + drawn.count(("c",))
    assert first > 200 * 0.8


def test_a_blackout_strikes_several_at_one_instant_and_all_come_back():
    for seed in range(50):
        faults = blackout(ground(seed))
        assert faults
        assert len({fault.at_s for fault in faults}) == 1
        assert len({fault.peer for fault in faults}) == len(faults)
        for fault in faults:
            assert isinstance(fault, Crash)
            assert fault.for_s is not None
            assert fault.at_s + fault.for_s <= 10.01


def test_a_tangle_cuts_some_ways_and_leaves_others():
    cut = [
        (fault.senders[0], receiver)
        for seed in range(100)
        for fault in tangle(ground(seed), 1.0, 2.0)
        if isinstance(fault, OneWay)
        for receiver in fault.receivers
    ]
    assert set(cut) == {(one, other) for one in PEERS for other in PEERS if one != other}
    assert 100 * 12 * 0.2 < len(cut) < 100 * 12 * 0.6


def test_rounds_follow_each_other_and_end_before_all_is_healed():
    for seed in range(50):
        ends = [fault.at_s + fault.for_s for fault in rounds(ground(seed))]
        assert all(end <= 10.05 for end in ends)


def test_only_the_broken_lie():
    for seed in range(50):
        found = ground(seed)
        told = [*lies(found), habit(found, found.broken[0]), silence(found, found.broken[0])]
        assert all(isinstance(one, Byzantine) and one.peer in found.broken for one in told)
    assert lies(ground(faulty=0)) == []


def test_a_world_of_which_only_links_are_exposed_gets_no_faults_of_peers():
    links_only = makers_for(ground(peers=(), bystanders=("x", "y"), faulty=0))
    names = {maker.__name__ for maker in links_only}
    assert "partition" in names
    assert not names & {"crash", "pause", "slow", "churn", "corruption"}
