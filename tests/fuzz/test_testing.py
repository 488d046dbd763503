"""What a protocol's own tests use: short stories, examples that are kept, workloads, machines."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, find, given, settings
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase
from hypothesis.stateful import run_state_machine_as_test

from prsm_sim.actor.errors import UserError
from prsm_sim.faults import DropMessage, Loss, Partition
from prsm_sim.fuzz.makers import partition, slow
from prsm_sim.plan import dump_plan
from prsm_sim.registry import known_scenario
from prsm_sim.schedule import parse_schedule
from prsm_sim.testing import (
    Case,
    WorldMachine,
    assert_holds,
    cases,
    deviations,
    fault_plans,
    patient,
    workloads,
)
from prsm_sim.testing.case import plan_text, scenario_of
from prsm_sim.testing.machine import from_now_on
from prsm_sim.testing.plans import one_fault
from tests.fuzz.tally import tally

pytestmark = pytest.mark.slow

TALLY = str(Path(__file__).with_name("tally.py"))
CARELESS = {"careful": False}
LOST = DropMessage(sender="server", receiver="client", number=0)
alone = settings(patient, database=None, derandomize=True)


def falsified(strategy, own=alone):
    """The shrunk case that a property test of ten lines ends with, and what it says."""
    seen = []

    @own
    @given(strategy)
    def test_protocol(case):
        seen.append(case)
        case.check()

    with pytest.raises(AssertionError) as caught:
        test_protocol()
    return seen[-1], "\n".join([str(caught.value), *caught.value.__notes__]), seen


@pytest.mark.parametrize("target", [TALLY, tally])
def test_a_careless_tally_shrinks_to_one_fault(target):
    case, text, _ = falsified(cases(target, CARELESS))
    assert len(case.plan) == 1
    assert case.parameters == {"votes": 4, "careful": False}
    assert case.seed == 0
    assert "integrity broke at" in text
    assert case.run().finding.oracle == "integrity"


def test_the_printed_example_is_code_that_makes_the_case_again():
    case, text, _ = falsified(cases(TALLY, CARELESS))
    printed = text[text.index("case=") + len("case=") : text.index(",\n)")]
    again = eval(printed, {"Case": Case})  # it is what a person would paste
    assert again == case
    assert eval(repr(case), {"Case": Case}) == case


def test_a_careful_tally_holds():
    @settings(alone, max_examples=50)
    @given(cases(TALLY))
    def test_protocol(case):
        case.check()

    test_protocol()


def test_a_bug_of_the_workload_shrinks_to_one_operation():
    asked = workloads(st.integers(1, 9))
    case, _, _ = falsified(cases(tally, {"doubled_from": 5, "workload": asked, "votes": 4}))
    assert case.parameters["workload"] == [(0, 5)]
    assert case.plan == ()


def test_what_is_given_overrules_what_the_scenario_varies():
    drawn = find(cases(tally, {"votes": st.integers(2, 3)}), lambda case: True, settings=alone)
    assert drawn.parameters == {"votes": 2}


def test_a_failing_example_is_kept_and_tried_first():
    own = settings(patient, database=InMemoryExampleDatabase())
    first, _, seen = falsified(cases(TALLY, CARELESS), own)
    again, _, replayed = falsified(cases(TALLY, CARELESS), own)
    assert again == first
    assert replayed[0] == first
    assert len(replayed) < len(seen) / 2


def test_a_pasted_example_is_tried_before_all_others():
    seen = []

    @alone
    @example(Case(TALLY, CARELESS, seed=3, plan="message 0 from server to client dropped"))
    @given(cases(TALLY, CARELESS))
    def test_protocol(case):
        seen.append(case)
        case.check()

    with pytest.raises(AssertionError):
        test_protocol()
    assert seen[0] == Case(TALLY, CARELESS, 3, (LOST,))


@settings(alone, max_examples=60)
@given(cases("consensus_baseline", {"requests": 8}))
def test_every_drawn_plan_is_text_and_runs_without_alarm(case):
    assert parse_schedule(eval(plan_text(case.plan)), ()) == case.plan
    case.check()


def test_a_file_is_imported_once_until_it_changes(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(Path(TALLY).read_text())
    assert scenario_of(str(file)) is scenario_of(str(file))
    before = scenario_of(str(file))
    file.write_text(Path(TALLY).read_text().replace("votes: int = 8", "votes: int = 11"))
    os.utime(file, ns=(1, 1))
    assert scenario_of(str(file)) is not before
    assert scenario_of(str(file)).parameters().votes == 11


def test_a_hunt_keeps_the_file_that_it_began_with(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(Path(TALLY).read_text())
    before = known_scenario(str(file))
    file.write_text("saved in the middle of a word, so no Python")
    os.utime(file, ns=(1, 1))
    assert known_scenario(str(file)) is before
    with pytest.raises(UserError, match="SyntaxError"):
        known_scenario(str(file), fresh=True)


def test_a_plan_that_is_given_without_a_world_must_name_who_is_parted():
    (fault,) = Case(TALLY, plan=["at 1 s partition halves of a b for 2 s"]).plan
    assert fault == Partition(at_s=1.0, for_s=2.0, groups=(("a",), ("b",)))
    with pytest.raises(UserError, match="plan: fault 2: "):
        Case(TALLY, plan=["at 1 s crash a", "at 1 s partition halves for 2 s"])


def test_plans_are_lines_mappings_or_faults():
    line = "message 0 from server to client dropped"
    for plan in (line, [line], dump_plan((LOST,)), [LOST], (LOST,)):
        assert Case(TALLY, plan=plan).plan == (LOST,)
    mixed = [line, Loss(at_s=1.0, for_s=2.0, rate=0.5)]
    assert Case(TALLY, plan=mixed).plan == (LOST, mixed[1])
    with pytest.raises(AssertionError, match=r"integrity broke at 0\.6"):
        assert_holds(TALLY, CARELESS, plan=line)
    assert assert_holds(TALLY, plan=line).finding is None


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Case(TALLY, plan="at 3 s fly"), "fly"),
        (lambda: Case(TALLY, plan=[{"kind": "fly"}]), "plan"),
        (lambda: Case("tali.py").run(), "no such file"),
        (lambda: Case(TALLY, {"vots": 3}).run(), "did you mean 'votes'"),
        (lambda: Case(TALLY, plan="message 0 from server to klient dropped").run(), "klient"),
    ],
)
def test_mistakes_are_one_line(make, says):
    with pytest.raises(UserError, match=says) as caught:
        make()
    assert "\n" not in str(caught.value)


@settings(alone, max_examples=60)
@given(deviations(("a", "b", "c"), most=4))
def test_deviations_are_few_and_between_the_named(plan):
    assert len(plan) <= 4
    assert all({one.sender, one.receiver} <= {"a", "b", "c"} for one in plan)
    assert all(one.sender != one.receiver for one in plan)


def test_one_peer_has_no_links_to_deviate_on():
    assert find(deviations(("a",)), lambda plan: True) == ()


def test_a_scenario_that_exposes_nothing_is_left_in_peace():
    toy = str(Path(TALLY).parents[1] / "cli" / "toy.py") + ":toy"
    assert find(cases(toy), lambda case: True, settings=alone).plan == ()


def test_fault_plans_stay_inside_the_exposure():
    exposure = scenario_exposure()

    @settings(alone, max_examples=80, suppress_health_check=list(HealthCheck))
    @given(fault_plans(exposure, most=3))
    def drawn(plan):
        assert len(plan) <= 3
        for fault in plan:
            if getattr(fault, "for_s", None):
                assert fault.at_s + fault.for_s <= exposure.heal_s * 1.01

    drawn()


def scenario_exposure():
    from prsm_sim.testing.plans import arena_of

    return arena_of(scenario_of("consensus_baseline"), {}, 0).exposure


SMALL = {"requests": 8, "replicas": st.sampled_from([4, 5])}


class Careless(WorldMachine):
    target = TALLY
    parameters = CARELESS


class Committee(WorldMachine):
    target = "consensus_baseline"
    parameters = SMALL


def test_the_machine_finds_the_bug_and_prints_a_short_story():
    with pytest.raises(AssertionError) as caught:
        run_state_machine_as_test(
            Careless, settings=settings(Careless.TestCase.settings, database=None, derandomize=True)
        )
    story = "\n".join(caught.value.__notes__)
    assert "integrity broke" in str(caught.value)
    assert story.count("state.") <= 8
    assert story.count("strike(") + story.count("message ") == 1
    assert "Draw" not in story


def test_what_the_machine_breaks_is_whole_again_in_time():
    machine = Committee()
    machine.build(Case("consensus_baseline", {"requests": 8}, seed=1))
    machine.run_until(1.0)
    left_s = machine.exposure.heal_s - machine.sim.now
    assert left_s > 0.0
    struck = []

    @settings(alone, max_examples=60)
    @given(st.data())
    def strike(data):
        struck.append(data.draw(one_fault(machine.arena.ground(data.draw), [partition, slow])))

    strike()
    for fault in struck:
        now = from_now_on(fault, machine.sim.now, left_s / 200)
        assert (now.at_s, now.kind) == (machine.sim.now, fault.kind)
        assert now.for_s == min(fault.for_s, left_s / 200)
    assert any(fault.for_s > left_s / 200 for fault in struck)


def test_the_machine_raises_no_alarm_about_what_is_right():
    own = settings(Committee.TestCase.settings, database=None, derandomize=True, max_examples=12)
    run_state_machine_as_test(Committee, settings=own)


def test_generated_tests_need_no_hypothesis():
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "from prsm_sim.testing import assert_holds, Case\n"
        f"assert_holds({TALLY!r}, seed=1)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(TALLY).parents[2])


def test_a_run_of_too_many_events_is_given_up():
    assert not Case("consensus_baseline", {"requests": 400}).run(events_limit=100).conclusive


def test_unknown_names_of_the_package_are_told():
    import prsm_sim.testing as testing

    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        testing.nothing  # noqa: B018
