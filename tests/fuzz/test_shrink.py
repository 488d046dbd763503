"""Shrinking: what comes out fails in the same way, and nothing more can be taken away."""

from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from prsm_sim.faults import Byzantine, Crash, DelayMessage, Loss, Partition
from prsm_sim.fuzz.campaign import Job, draw_trial
from prsm_sim.fuzz.shrink import Shrinker, weaker_faults
from prsm_sim.fuzz.trial import Finding, run_trial
from prsm_sim.parameters import build_parameters
from prsm_sim.registry import find_scenario

TALLY = str(Path(__file__).with_name("tally.py"))
SCENARIO = find_scenario(TALLY).scenario


def failing(strategy: str = "random"):
    job = Job(scenario=TALLY, strategy=strategy, overrides=("careful=false",))
    trials = (draw_trial(job, seed) for seed in range(1000))
    return next(one for one in trials if one.finding is not None and len(one.plan) > 3)


def again(parameters, seed, plan):
    return run_trial(SCENARIO, build_parameters(SCENARIO.parameters, parameters), seed, plan)


def test_a_counter_example_becomes_one_fault_and_few_votes():
    trial = failing()
    shrunk = Shrinker(SCENARIO, trial, keep=("careful",)).shrink()
    assert shrunk.complete
    assert len(shrunk.trial.plan) == 1
    assert shrunk.trial.parameters["votes"] <= 2
    assert shrunk.trial.finding.oracle == trial.finding.oracle


def test_every_result_really_fails_and_no_fault_of_it_can_go():
    for strategy in ("random", "pct", "swarm"):
        shrunk = Shrinker(SCENARIO, failing(strategy), keep=("careful",)).shrink().trial
        assert again(shrunk.parameters, shrunk.seed, shrunk.plan).digest == shrunk.digest
        for index in range(len(shrunk.plan)):
            rest = shrunk.plan[:index] + shrunk.plan[index + 1 :]
            found = again(shrunk.parameters, shrunk.seed, rest).finding
            assert found is None or found.oracle != shrunk.finding.oracle


def test_a_parameter_that_matters_stays():
    shrunk = Shrinker(SCENARIO, failing()).shrink().trial
    assert shrunk.parameters["careful"] is False


def test_the_bound_on_runs_holds_and_is_told():
    shrunk = Shrinker(SCENARIO, failing(), runs_limit=3).shrink()
    assert shrunk.runs == 3
    assert not shrunk.complete
    assert shrunk.trial.finding is not None


FAULTS = st.one_of(
    st.builds(Loss, at_s=st.just(1.0), for_s=st.floats(0.01, 50.0), rate=st.just(0.5)),
    st.builds(Crash, at_s=st.just(1.0), for_s=st.none() | st.floats(0.01, 50.0), peer=st.just("a")),
    st.builds(
        Partition,
        at_s=st.just(0.0),
        for_s=st.floats(0.01, 9.0),
        groups=st.lists(st.tuples(st.sampled_from("abcd")), min_size=2, max_size=4).map(tuple),
    ),
    st.builds(
        Byzantine,
        peer=st.just("a"),
        behaviour=st.just("mutate"),
        count=st.none() | st.integers(1, 99),
        types=st.lists(st.sampled_from(["A", "B"]), unique=True).map(tuple),
        receivers=st.lists(st.sampled_from("bcd"), unique=True).map(tuple),
    ),
    st.builds(
        DelayMessage, sender=st.just("a"), receiver=st.just("b"), number=st.just(0),
        by_s=st.floats(0.1, 1.0),
    ),
)  # fmt: skip


@given(FAULTS)
@settings(max_examples=200, deadline=None)
def test_weakening_comes_to_an_end(fault):
    steps = 0
    while (weaker := next(weaker_faults(fault), None)) is not None:
        assert weaker != fault
        assert type(weaker) is type(fault)
        type(fault).model_validate(weaker.model_dump())
        fault, steps = weaker, steps + 1
        assert steps < 200


def test_what_is_within_the_fault_model_stays_within_it():
    """Two liars of seven may not become two of four, where anything can be broken."""
    scenario = find_scenario("consensus_baseline").scenario
    plan = tuple(
        Byzantine(peer=f"replica-{number}", behaviour="equivocate", accomplices=("replica-0",))
        for number in (0, 1)
    )
    values = {"replicas": 7, "requests": 4, "link": "fixed:0.01"}
    parameters = build_parameters(scenario.parameters, values)
    sound = run_trial(scenario, parameters, 1, plan)
    assert sound.finding is None
    made_up = msgspec.structs.replace(sound, finding=Finding("agreement", "made up", 1.0))
    shrinker = Shrinker(scenario, made_up)
    four = {name: value for name, value in values.items() if name != "replicas"}
    assert not shrinker._fails(plan, four)
    beyond = run_trial(scenario, build_parameters(scenario.parameters, four), 1, plan)
    assert not Shrinker(
        scenario, msgspec.structs.replace(beyond, finding=Finding("agreement", "made up", 1.0))
    )._is_within, "what began outside may go on there"
