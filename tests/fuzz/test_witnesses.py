"""Seeded bugs are bugs: a short case fails with each in the code, and passes without."""

from pathlib import Path

import pytest

from prsm_sim.fuzz.bugs import load_bugs
from prsm_sim.fuzz.campaign import Job, draw_trial
from prsm_sim.fuzz.witness import hear, read_witnesses
from prsm_sim.plan import broken_by, load_plan
from prsm_sim.registry import find_scenario

FOLDER = Path(__file__).parents[2] / "benchmarks" / "bugs"
BUGS = load_bugs(FOLDER / "pbft.yaml")
FILE = read_witnesses(FOLDER / "witnesses.yaml")
SCENARIO = find_scenario(FILE.scenario).scenario


def test_every_bug_has_a_witness():
    """Nobody knows otherwise that it is one."""
    assert sorted(one.bug for one in FILE.witnesses) == sorted(BUGS)
    assert len(BUGS) >= 30


@pytest.mark.parametrize("witness", FILE.witnesses, ids=lambda one: one.bug)
def test_the_case_fails_with_the_bug_and_passes_without(witness):
    testimony = hear(SCENARIO, BUGS[witness.bug], witness)
    assert testimony.guilty
    assert testimony.innocent


@pytest.mark.parametrize("witness", FILE.witnesses, ids=lambda one: one.bug)
def test_the_case_breaks_no_more_peers_than_the_committee_survives(witness):
    replicas = witness.parameters.get("replicas", 4)
    assert len(broken_by(load_plan(witness.faults, witness.bug))) <= (replicas - 1) // 3


def test_most_stories_are_short():
    short = [one for one in FILE.witnesses if len(one.faults) <= 5]
    assert len(short) >= 0.8 * len(FILE.witnesses)


def test_a_state_that_comes_too_late_takes_nothing_back():
    """A campaign over the code as it is found this at one seed of 72,080."""
    trial = draw_trial(Job(scenario=FILE.scenario, strategy="swarm"), 66385)
    assert trial.finding is None
    assert trial.coverage["consensus: state transfer begun"] > 0


def test_a_primary_that_lacks_votes_of_replicas_in_a_later_view_gives_up_its_own():
    """A campaign over the code as it is found this at two seeds: the client waited for ever."""
    for seed in (27664, 28458):
        trial = draw_trial(Job(scenario=FILE.scenario, strategy="swarm"), seed)
        assert trial.finding is None
