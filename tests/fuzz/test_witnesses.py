"""Seeded bugs are bugs: a short case fails with each in the code, and passes without."""

from pathlib import Path

import pytest

from prsm_sim.fuzz.bugs import load_bugs
from prsm_sim.fuzz.witness import hear, read_witnesses
from prsm_sim.registry import find_scenario

FOLDER = Path(__file__).parents[2] / "benchmarks" / "bugs"
BUGS = load_bugs(FOLDER / "pbft.yaml")
FILE = read_witnesses(FOLDER / "witnesses.yaml")
SCENARIO = find_scenario(FILE.scenario).scenario


def test_thirty_bugs_and_more_have_a_witness():
    """Those that are hard to hit may have none yet; nobody knows then that they are bugs."""
    witnessed = [one.bug for one in FILE.witnesses]
    assert len(set(witnessed)) == len(witnessed) >= 30
    assert set(witnessed) <= set(BUGS)


@pytest.mark.parametrize("witness", FILE.witnesses, ids=lambda one: one.bug)
def test_the_case_fails_with_the_bug_and_passes_without(witness):
    testimony = hear(SCENARIO, BUGS[witness.bug], witness)
    assert testimony.guilty
    assert testimony.innocent


def test_most_stories_are_short():
    short = [one for one in FILE.witnesses if len(one.faults) <= 5]
    assert len(short) >= 0.8 * len(FILE.witnesses)
