"""The election of the tutorial: right as it stands, wrong with the planted bug, in both worlds."""

from dataclasses import replace

import pytest

from live.node import run_live
from prsm_sim.faults import Crash, Fault, Partition
from prsm_sim.registry import load_scenario_file
from prsm_sim.runner import RunResult, simulate
from prsm_sim.world import World
from tests.law.floors import ROOT

EXAMPLE = ROOT / "examples" / "raft_election.py"
PEERS = ("peer-0", "peer-1", "peer-2")
SCENARIO = load_scenario_file(EXAMPLE)
LEADER_IN_TERM_1 = 7
"""A seed whose first term has a leader."""


def run(seed: int, plan: tuple[Fault, ...] = (), **values: object) -> RunResult:
    parameters = SCENARIO.parameters(**{"duration_s": 6.0, **values})
    return simulate(SCENARIO, parameters, seed, runs_dir=None, plan=plan)


def leaders(seed: int, plan: tuple[Fault, ...] = (), **values: object) -> list[tuple[int, str]]:
    """Who was elected, with the term, in order."""
    found: list[tuple[int, str]] = []

    def build(world: World, parameters: object) -> None:
        SCENARIO.build(world, parameters)
        (elected,) = world.observatory.checkers[0].facts
        world.observe(elected, lambda _, __, it: found.append((it.term, it.leader)))

    scenario = replace(SCENARIO, build=build)
    parameters = SCENARIO.parameters(**{"duration_s": 6.0, **values})
    simulate(scenario, parameters, seed, runs_dir=None, plan=plan)
    return found


def parted(leader: str) -> tuple[Fault, ...]:
    """The leader hears nobody, and the others restart: in term 1 they may vote again."""
    others = tuple(peer for peer in PEERS if peer != leader)
    return (
        Partition(at_s=2.0, for_s=3.0, groups=(others, (leader,))),
        *(Crash(at_s=2.1, peer=peer, for_s=0.05) for peer in others),
    )


def test_the_file_is_short() -> None:
    assert EXAMPLE.read_text("utf-8").count("\n") < 150


@pytest.mark.parametrize("replicas", [3, 4, 5, 7])
def test_somebody_leads_and_goes_on_leading_while_nothing_goes_wrong(replicas: int) -> None:
    for seed in range(5):
        elected = leaders(seed, replicas=replicas)
        assert len(elected) == 1, elected


def test_raft_5_2_a_leader_that_crashes_is_replaced_in_a_later_term() -> None:
    ((term, leader),) = leaders(LEADER_IN_TERM_1)
    later = leaders(LEADER_IN_TERM_1, (Crash(at_s=2.0, peer=leader),))
    assert later[0] == (term, leader)
    assert len(later) == 2
    assert later[1][0] > term
    assert later[1][1] != leader


def test_raft_5_2_a_minority_elects_nobody() -> None:
    ((_, leader),) = leaders(LEADER_IN_TERM_1)
    alone = next(peer for peer in PEERS if peer != leader)
    plan = (
        Partition(at_s=2.0, for_s=4.0, groups=(tuple(p for p in PEERS if p != alone), (alone,))),
    )
    assert [peer for _, peer in leaders(LEADER_IN_TERM_1, plan)] == [leader]


def test_a_restarted_majority_elects_a_second_leader_of_the_term_only_with_the_bug() -> None:
    ((term, leader),) = leaders(LEADER_IN_TERM_1)
    assert term == 1
    broken = run(LEADER_IN_TERM_1, parted(leader), bug=True)
    assert broken.status == "fail"
    assert broken.failure.startswith("one leader a term: ")
    assert "in slot 1 " in broken.failure
    assert run(LEADER_IN_TERM_1, parted(leader)).status == "pass"
    terms = [term for term, _ in leaders(LEADER_IN_TERM_1, parted(leader))]
    assert len(terms) >= 2
    assert terms == sorted(set(terms))


def test_it_runs_live() -> None:
    parameters = SCENARIO.parameters(duration_s=1.0)
    world = run_live(SCENARIO, parameters, 1, transport="inprocess")
    assert world.observatory.counters["Elected"] >= 1
    assert [verdict.status for verdict in world.observatory.verdicts()] == ["pass"]
