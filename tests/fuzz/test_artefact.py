"""The folder of a failure: all of it fails in the same way, and people can read it."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from prsm_sim.actor import Actor, Message, PeerId, on
from prsm_sim.cli.main import main
from prsm_sim.faults import Byzantine, Crash, DropMessage, DuplicateMessage, Partition
from prsm_sim.fuzz.artefact import brief, story_of, test_of, write_artefact
from prsm_sim.fuzz.campaign import Job, draw_trial
from prsm_sim.fuzz.diagram import MESSAGES, space_time_svg
from prsm_sim.fuzz.shrink import Shrinker
from prsm_sim.fuzz.timeline import Flight, Mark, Timeline, timeline_of
from prsm_sim.fuzz.trial import run_trial
from prsm_sim.network import Latency, Network
from prsm_sim.parameters import build_parameters
from prsm_sim.plan import load_plan
from prsm_sim.registry import find_scenario
from prsm_sim.run_folder import open_run
from prsm_sim.scenario import ScenarioParameters, scenario

pytestmark = pytest.mark.slow

TALLY = Path(__file__).with_name("tally.py")
LOST = DropMessage(sender="server", receiver="client", number=0)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A shrunk failure of a careless tally and its folder, and the file that was run."""
    place = tmp_path_factory.mktemp("a place with spaces")
    file = place / "tally.py"
    file.write_text(TALLY.read_text("utf-8"), "utf-8")
    found = find_scenario(str(file))
    parameters = build_parameters(found.scenario.parameters, {"careful": False, "votes": 6})
    noise = Partition(at_s=5.0, for_s=0.5, groups=(("client",), ("server",)))
    drawn = run_trial(found.scenario, parameters, 8, (noise, LOST))
    trial = Shrinker(found.scenario, drawn, keep=("careful",)).shrink().trial
    result = write_artefact(found, trial, drawn, strategy="swarm", runs_dir=place / "runs")
    return found, trial, drawn, result.run_dir


def prsm(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def pytest_on(folder):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         str(folder / "test_counter_example.py"), "--rootdir", str(folder)],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_the_folder_holds_everything(kept):
    found, trial, drawn, folder = kept
    manifest = open_run(folder).manifest
    assert manifest.status == "fail"
    assert manifest.digest == trial.digest
    assert load_plan(manifest.plan, "") == trial.plan
    tape = json.loads((folder / "tape.json").read_text("utf-8"))
    assert load_plan(tape["drawn"]["plan"], "") == drawn.plan
    assert load_plan(tape["shrunk"]["plan"], "") == trial.plan
    assert tape["seed"] == drawn.seed
    story = (folder / "story.txt").read_text("utf-8")
    assert story == story_of(found, trial)
    assert trial.finding.what in story


def test_replay_shrink_show_and_diff_know_the_folder(kept, tmp_path):
    folder = kept[3]
    assert prsm("replay", folder).exit_code == 1
    assert "same digest" in prsm("replay", folder).stdout
    until = prsm("replay", folder, "--until", "5")
    assert until.exit_code == 0
    assert until.stdout.splitlines()[-1].split()[0] == "5"
    assert prsm("runs", "show", folder).exit_code == 0
    shrunk = prsm("shrink", folder, "--json", "--runs-dir", tmp_path)
    assert shrunk.exit_code == 1
    assert load_plan(json.loads(shrunk.stdout)["shrunk"]["plan"], "") == kept[1].plan
    again = json.loads(shrunk.stdout)["run_dir"]
    assert prsm("diff", folder, again).exit_code == 0


def test_the_case_file_fails_in_the_same_way(kept, tmp_path):
    folder, trial = kept[3], kept[1]
    result = prsm("run", folder / "case.yaml", "--json", "--runs-dir", tmp_path)
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["digest"] == trial.digest
    assert trial.finding.what in found["failure"]
    assert prsm("validate-file", folder / "case.yaml").exit_code == 0


def test_the_generated_test_fails_with_the_bug_and_passes_when_it_is_mended(kept):
    found, trial, _, folder = kept
    code, output = pytest_on(folder)
    assert code == 1
    assert trial.finding.what in output
    careless = found.source.read_text("utf-8")
    mended = careless.replace("if not (self.careful and", "if not (True and")
    assert mended != careless
    try:
        found.source.write_text(mended, "utf-8")
        assert pytest_on(folder)[0] == 0
    finally:
        found.source.write_text(careless, "utf-8")


def test_a_run_that_goes_another_way_is_said_to(kept, tmp_path):
    found, trial, drawn, _ = kept
    fields = {name: getattr(trial, name) for name in trial.__struct_fields__}
    other = type(trial)(**fields | {"digest": "0" * 32})
    result = write_artefact(found, other, drawn, strategy="swarm", runs_dir=tmp_path)
    assert "not decided by its seed" in (result.run_dir / "story.txt").read_text("utf-8")
    assert "not decided" not in (kept[3] / "story.txt").read_text("utf-8")


def long_trial():
    """A failure with all sorts of faults, and texts that are hard to quote."""
    scenario = find_scenario(str(TALLY)).scenario
    plan = (
        LOST,
        Partition(at_s=1.25, for_s=2.5, groups=(("server",), ("client",))),
        DuplicateMessage(sender="client", receiver="server", number=2, after_s=0.5),
    )
    parameters = build_parameters(scenario.parameters, {"careful": False, "workload": [(0, 3)] * 9})
    return run_trial(scenario, parameters, 3, plan)


@pytest.mark.parametrize("which", ["shrunk", "long"])
def test_the_generated_test_is_formatted_and_clean(kept, tmp_path, which):
    trial = kept[1] if which == "shrunk" else long_trial()
    file = tmp_path / "test_it.py"
    file.write_text(test_of(kept[0], trial), "utf-8")
    for command in (["format", "--check"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length", "100",
             str(file)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def test_texts_that_are_hard_to_quote_survive(kept):
    trial = kept[1]
    odd = 'he said """stop""" \\n at once\nand again'
    finding = type(trial.finding)(trial.finding.oracle, odd, 1.0)
    fields = {name: getattr(trial, name) for name in trial.__struct_fields__}
    text = test_of(kept[0], type(trial)(**fields | {"finding": finding}))
    space = {}
    exec(compile(text, "made", "exec"), space)
    assert 'he said """stop""" \\n at once and again' in " ".join(space["__doc__"].split())


@pytest.mark.parametrize("seed", range(4))
def test_watching_a_run_does_not_change_it_and_misses_nothing(seed):
    trial = draw_trial(Job(scenario="consensus_baseline", strategy="random"), seed)
    scenario = find_scenario("consensus_baseline").scenario
    timeline = timeline_of(scenario, trial)
    assert timeline.digest == trial.digest
    assert len(timeline.flights) > 50
    for flight in timeline.flights:
        assert flight.arrived_s is None or flight.arrived_s >= flight.sent_s


def test_in_peace_nothing_is_lost():
    scenario = find_scenario("consensus_baseline").scenario
    parameters = build_parameters(scenario.parameters, {"requests": 8})
    timeline = timeline_of(scenario, run_trial(scenario, parameters, 1, ()))
    assert all(one.under_way or one.arrived_s is not None for one in timeline.flights)
    assert not any(one.again for one in timeline.flights)


def test_a_lost_and_a_doubled_message_are_seen():
    scenario = find_scenario(str(TALLY)).scenario
    parameters = build_parameters(scenario.parameters, {"votes": 2})
    twice = DuplicateMessage(sender="client", receiver="server", number=1, after_s=0.25)
    timeline = timeline_of(scenario, run_trial(scenario, parameters, 1, (LOST, twice)))
    lost = [one for one in timeline.flights if one.arrived_s is None and not one.under_way]
    assert [(one.sender, one.kind) for one in lost] == [("server", "Counted")]
    again = [one for one in timeline.flights if one.again]
    assert [(one.sender, one.kind, round(one.arrived_s - one.sent_s, 9)) for one in again] == [
        ("client", "Vote", 0.35)
    ]


class Tick(Message, frozen=True):
    number: int


class Repeater(Actor):
    """Sends one and the same object again and again."""

    tick = Tick(1)

    def on_start(self, ctx, recovered):
        if ctx.id == "a":
            self.on_timer(ctx, "")

    def on_timer(self, ctx, name):
        ctx.send("b", self.tick)
        ctx.set_timer("again", 1.0)

    @on(Tick)
    def heard(self, ctx, sender: PeerId, message: Tick):
        pass


@scenario(ScenarioParameters)
def repeating(world, parameters):
    """One peer repeats itself."""
    world.set_network(Network(latency=Latency(law="fixed", mean_s=0.1)))
    for name in "ab":
        world.spawn(name, Repeater)


def test_the_same_message_sent_again_is_told_from_the_first():
    lost = DropMessage(sender="a", receiver="b", number=1)
    trial = run_trial(repeating, ScenarioParameters(duration_s=3.5), 1, (lost,))
    flights = timeline_of(repeating, trial).flights
    arrived = [None if one.arrived_s is None else round(one.arrived_s, 6) for one in flights]
    assert arrived == [0.1, None, 2.1, 3.1]


def texts(svg):
    """The document as XML (so it is well-formed), and the texts that are drawn in it."""
    root = ElementTree.fromstring(svg)  # our own
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == space + "svg"
    return root, [(float(t.get("x")), float(t.get("y")), t.text) for t in root.iter(space + "text")]


def test_the_diagram_of_the_folder_shows_lanes_the_fault_and_the_failure(kept):
    _, shown = texts((kept[3] / "space_time.svg").read_text("utf-8"))
    words = [text for _, _, text in shown]
    assert {"client", "server", "Vote", "Counted", "lost", "broke"} <= set(words)
    assert any(word.startswith("drop message") for word in words)
    assert words[0].startswith("integrity: server applied")


def test_many_peers_long_names_and_many_messages_fit():
    names = [f"a-peer-with-quite-a-long-name-{i}" for i in range(40)]
    flights = [
        Flight(names[i % 40], names[(i * 7 + 1) % 40], f"Kind{i % 23}", i * 1e-4, i * 1e-4 + 5e-5)
        for i in range(300)
    ]
    marks = [Mark(names[i % 3], 0.025 + i * 1e-5, "ALongFactName") for i in range(60)]
    plan = (
        Crash(at_s=0.0, peer=names[0], for_s=1.0),
        Byzantine(peer=names[1], behaviour="mutate"),
        *(Partition(at_s=0.0, for_s=1.0, groups=((n,), (names[0],))) for n in names[1:20]),
    )
    timeline = Timeline(tuple(names), flights, marks, 0.03, "")
    root, shown = texts(space_time_svg(timeline, "what <broke> & why " * 20, plan))
    width, height = float(root.get("width")), float(root.get("height"))
    assert all(0 <= x < width and 0 < y < height for x, y, _ in shown)
    lines = list(root.iter("{http://www.w3.org/2000/svg}circle"))
    assert len(lines) == MESSAGES
    lanes = sorted(y for x, y, text in shown if x == 12 and text.startswith("a-peer"))
    assert len(lanes) == 40
    assert min(b - a for a, b in pairwise(lanes)) >= 12
    assert any("faults more" in text for _, _, text in shown)


def test_what_struck_before_the_picture_begins_is_told():
    flights = [Flight("a", "b", "Vote", 9.0 + i * 0.01, 9.005 + i * 0.01) for i in range(9)]
    early = Partition(at_s=1.0, for_s=2.0, groups=(("a",), ("b",)))
    now = Partition(at_s=1.0, for_s=20.0, groups=(("a",), ("b",)))
    timeline = Timeline(("a", "b"), flights, [], 9.1, "")
    words = [text for _, _, text in texts(space_time_svg(timeline, "t", (early, LOST, now)))[1]]
    assert "not shown: at 1 s partition a | b for 2 s" in words
    assert "not shown: message 0 from server to client dropped" in words
    assert "at 1 s partition a | b for 20 s" in words


def test_what_xml_cannot_hold_is_left_out():
    mark = Mark("a\x01b", 0.5, "timer 0\x00retry <&>")
    _, shown = texts(space_time_svg(Timeline((), [], [mark], 1.0, ""), "odd \x1f title"))
    assert "timer 0 retry <&>" in [text for _, _, text in shown]


def test_a_long_exception_is_told_by_its_beginning_and_its_end(kept):
    long = "handling Vote(" + "x" * 5000 + ") ZeroDivisionError: modulo by zero"
    assert len(brief(long)) < 500
    assert brief(long).startswith("handling Vote(")
    assert brief(long).endswith("ZeroDivisionError: modulo by zero")
    assert brief("a  short\none") == "a short one"


def test_an_empty_timeline_is_a_picture_too():
    texts(space_time_svg(Timeline((), [], [], 0.0, ""), "nothing happened"))
