"""Witnesses: for each seeded bug a short case that fails with it and passes without it.

A mutant that nobody can tell from the original proves nothing about a testbed. A witness proves
that a bug is one: it is the shrunk counter-example of the hunt, checked again on the code as it is.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict

from prsm_sim.fuzz.bugs import Bug, applied
from prsm_sim.fuzz.scoreboard import Score
from prsm_sim.fuzz.shrink import Shrinker, Shrunk
from prsm_sim.fuzz.trial import Trial, run_trial
from prsm_sim.parameters import build_parameters
from prsm_sim.plan import dump_plan, load_plan
from prsm_sim.scenario import Scenario
from prsm_sim.yaml_files import dump_yaml, load_yaml

RUNS_LIMIT = 1500


class Witness(BaseModel):
    """A case that fails with a bug and passes without.

    Attributes:
        bug: the bug's name.
        oracle: which oracle breaks.
        seed: the seed.
        parameters: those of the scenario that are set.
        faults: the plan.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bug: str
    oracle: str
    seed: int
    parameters: dict[str, Any]
    faults: list[dict[str, Any]]


class WitnessFile(BaseModel):
    """A file of witnesses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenario: str
    witnesses: tuple[Witness, ...]


class Testimony(msgspec.Struct, frozen=True):
    """What a witness says.

    Attributes:
        guilty: the oracle broke with the bug in the code.
        innocent: nothing was found without it.
    """

    guilty: bool
    innocent: bool


def find_witness(scenario: Scenario[Any], bug: Bug, score: Score) -> tuple[Witness, Shrunk] | None:
    """Shrink a bug's first kill; None: it was never killed, or the code as it is fails as well."""
    if score.first is None:
        return None
    with applied(bug):
        shrunk = Shrinker(scenario, score.first, runs_limit=RUNS_LIMIT).shrink()
    trial = shrunk.trial
    assert trial.finding is not None
    witness = Witness(
        bug=bug.name,
        oracle=trial.finding.oracle,
        seed=trial.seed,
        parameters=trial.parameters,
        faults=dump_plan(trial.plan),
    )
    return (witness, shrunk) if hear(scenario, bug, witness).innocent else None


def hear(scenario: Scenario[Any], bug: Bug, witness: Witness) -> Testimony:
    """Run a witness's case with the bug and without."""
    without = _run(scenario, witness)
    with applied(bug):
        with_bug = _run(scenario, witness)
    guilty = with_bug.finding is not None and with_bug.finding.oracle == witness.oracle
    return Testimony(guilty, without.finding is None)


def _run(scenario: Scenario[Any], witness: Witness) -> Trial:
    parameters = build_parameters(scenario.parameters, witness.parameters)
    return run_trial(scenario, parameters, witness.seed, load_plan(witness.faults, witness.bug))


def write_witnesses(path: Path, scenario: str, witnesses: Sequence[Witness]) -> None:
    """Write a file of witnesses."""
    head = "# For each seeded bug a case that fails with it and passes without it; written by\n"
    head += "# `prsm scoreboard --publish`.\n"
    values = {"scenario": scenario, "witnesses": [one.model_dump() for one in witnesses]}
    path.write_text(head + dump_yaml(values), "utf-8")


def read_witnesses(path: Path) -> WitnessFile:
    """Read a file of witnesses.

    Raises:
        UserError: it is missing, or something in it is wrong.
    """
    return load_yaml(path, WitnessFile)
