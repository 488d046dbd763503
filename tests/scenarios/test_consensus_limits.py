"""The oracles of memory and patience: what they let pass, and what they refuse."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.consensus.facts import Executed
from prsm_sim.faults import Byzantine, Crash, DropMessage, Loss
from prsm_sim.fuzz.bugs import applied, load_bugs
from prsm_sim.fuzz.trial import run_trial
from prsm_sim.history import Invoked, Returned
from prsm_sim.parameters import build_parameters
from scenarios.consensus_baseline.limits import BoundedLog, NoStarvation, whole_after
from scenarios.consensus_baseline.scenario import consensus_baseline

SEEDED = Path(__file__).parents[2] / "benchmarks" / "bugs" / "pbft.yaml"


def executed(peer: str, oracle: BoundedLog) -> str | None:
    return oracle.observe(1.0, peer, Executed(1, 0, "", (("c", 1),)))


def test_a_log_within_its_watermarks_passes_and_one_slot_more_does_not():
    sizes = {"a": (8, 8), "b": (9, 8), "liar": (99, 8)}
    oracle = BoundedLog(lambda peer: peer != "liar", sizes.__getitem__)
    assert executed("a", oracle) is None
    assert executed("liar", oracle) is None
    assert executed("b", oracle) == "b has 9 slots open, 8 are allowed"
    assert oracle.evaluations == 2


def overtakings(oracle: NoStarvation, first_s: float, count: int) -> list[str | None]:
    """One client asks at `first_s` and waits, while another is served `count` times."""
    oracle.observe(first_s, "slow", Invoked("slow", 1, b""))
    said = []
    for number in range(1, count + 1):
        oracle.observe(first_s + number, "quick", Invoked("quick", number, b""))
        said.append(oracle.observe(first_s + number, "quick", Returned("quick", number, b"")))
    return said


def test_a_request_may_be_overtaken_so_often_and_no_more():
    said = overtakings(NoStarvation(lambda: 0.0, 3), 1.0, 4)
    assert said[:3] == [None] * 3
    assert said[3] == "slow waits while 4 later requests are served"


STEPS = st.lists(st.tuples(st.sampled_from("abcde"), st.booleans()), max_size=60)


@given(STEPS, st.integers(0, 6))
def test_overtakings_are_counted_as_by_looking_at_all_every_time(steps, most):
    """However seldom it is looked, the first result that comes too early is refused."""
    oracle = NoStarvation(lambda: 0.0, most)
    made, waiting = 0, {}
    for client, asks in steps:
        if asks:
            waiting.pop(client, None)
            waiting[client] = made
            made += 1
            assert oracle.observe(1.0, client, Invoked(client, made, b"")) is None
            continue
        overtaken = {}
        if waiting.pop(client, None) is not None:
            for other, before in waiting.items():
                overtaken[other] = made - before - sum(at >= before for at in waiting.values())
        said = oracle.observe(1.0, client, Returned(client, made, b""))
        worst = max(overtaken.values(), default=0)
        assert (said is not None) == (worst > most)
        if said is not None:
            oldest = next(iter(waiting))
            assert said == f"{oldest} waits while {worst} later requests are served"
            return


def test_what_was_asked_before_does_not_overtake():
    oracle = NoStarvation(lambda: 0.0, 0)
    oracle.observe(1.0, "early", Invoked("early", 1, b""))
    oracle.observe(2.0, "late", Invoked("late", 1, b""))
    assert oracle.observe(3.0, "early", Returned("early", 1, b"")) is None


def test_nothing_is_counted_while_faults_go_on():
    oracle = NoStarvation(lambda: 100.0, 1)
    assert overtakings(oracle, 1.0, 50) == [None] * 50
    assert not oracle.judges


def test_the_network_is_whole_after_the_last_fault_that_is_no_lie():
    liar = Byzantine(peer="a", behaviour="mutate", at_s=50.0)
    assert whole_after([]) == 0.0
    assert whole_after([Loss(at_s=2.0, for_s=3.0, rate=0.5), liar]) == 5.0
    assert whole_after([Crash(at_s=7.0, peer="a", for_s=None)]) == 7.0
    assert whole_after([DropMessage(sender="a", receiver="b", number=0)]) == math.inf


@pytest.mark.parametrize("clients", [2, 5])
def test_a_primary_that_ignores_a_client_is_replaced_in_time(clients):
    values = {"clients": clients, "requests": 60, "timeout_links": 4.0, "link": "fixed:0.01"}
    parameters = build_parameters(consensus_baseline.parameters, values)
    deaf = Byzantine(peer="replica-0", behaviour="ignore", types=("Request",), share=0.3)
    trial = run_trial(consensus_baseline, parameters, 3, (deaf,))
    assert trial.effects["byzantine ignore"] > 0
    assert trial.coverage["consensus: view change started"] > 0
    assert trial.finding is None


def test_a_client_that_is_starved_for_ever_is_found():
    """Where any execution resets the timers of backups, a primary that is deaf to one client stays
    in office as long as others keep it busy."""
    values = {"clients": 5, "requests": 100, "timeout_links": 8.0, "link": "exponential:0.01"}
    parameters = build_parameters(consensus_baseline.parameters, values)
    deaf = Byzantine(
        peer="replica-0", behaviour="ignore", types=("Request",), receivers=("client-2",)
    )
    bug = load_bugs(SEEDED)["any-execution-resets-timer"]
    sound = [run_trial(consensus_baseline, parameters, seed, (deaf,)) for seed in range(4)]
    with applied(bug):
        ill = [run_trial(consensus_baseline, parameters, seed, (deaf,)) for seed in range(4)]
    assert all(trial.finding is None for trial in sound)
    assert [trial.finding.oracle for trial in ill if trial.finding] == ["no starvation"] * 4
    assert all("client-2 waits" in trial.finding.what for trial in ill if trial.finding)
