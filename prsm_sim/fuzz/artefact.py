"""One folder a failure: everything that somebody needs who has never seen the run.

It is a run folder (`prsm_sim.run_folder`), so all that reads runs reads it, with these files more::

    story.txt                what happened, for people
    case.yaml                scenario, seed, parameters and fault plan; `prsm run case.yaml` runs it
    tape.json                what the strategy chose, and what shrinking left of it
    test_counter_example.py  a pytest file that fails the same way until the bug is mended
    space_time.svg           the last rounds before the failure
"""

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prsm_sim.fuzz.diagram import space_time_svg
from prsm_sim.fuzz.timeline import timeline_of
from prsm_sim.fuzz.trial import Trial
from prsm_sim.parameters import build_parameters
from prsm_sim.plan import dump_plan
from prsm_sim.recorder import to_json
from prsm_sim.registry import Found
from prsm_sim.runner import RunResult, simulate
from prsm_sim.schedule import format_fault
from prsm_sim.yaml_files import dump_yaml

STORY, CASE, TAPE = "story.txt", "case.yaml", "tape.json"
TEST, DIAGRAM = "test_counter_example.py", "space_time.svg"
NOT_AGAIN = (
    "but run once more it went another way: something in this scenario is not decided by its seed\n"
    "(the clock, `random`, the order of a set); `prsm run` it twice, and `prsm diff` shows where\n"
)


def write_artefact(
    found: Found,
    trial: Trial,
    drawn: Trial,
    *,
    strategy: str,
    runs_dir: Path | str,
) -> RunResult:
    """Run a failing trial once more with a recorder, and write all there is to say about it.

    Args:
        found: the scenario and where it came from.
        trial: fails; usually a shrunk one.
        drawn: the trial that the strategy drew.
        strategy: which one.
        runs_dir: where to make the folder.

    Returns:
        the recorded run.
    """
    parameters = build_parameters(found.scenario.parameters, trial.parameters)
    result = simulate(
        found.scenario,
        parameters,
        trial.seed,
        runs_dir=runs_dir,
        source=found.source,
        plan=trial.plan,
    )
    assert result.run_dir is not None
    folder = result.run_dir
    story = story_of(found, trial)
    if result.digest != trial.digest:
        story += NOT_AGAIN
    (folder / STORY).write_text(story, "utf-8")
    (folder / CASE).write_text(case_yaml(found, trial), "utf-8")
    (folder / TAPE).write_bytes(to_json(_tape(trial, drawn, strategy)) + b"\n")
    (folder / TEST).write_text(test_of(found, trial), "utf-8")
    found_here = trial.finding
    title = "" if found_here is None else f"{found_here.oracle}: {brief(found_here.what, 90)}"
    diagram = space_time_svg(timeline_of(found.scenario, trial), title, trial.plan)
    (folder / DIAGRAM).write_text(diagram, "utf-8")
    return result


def story_of(found: Found, trial: Trial) -> str:
    """What happened, in lines for people."""
    lines = [f"scenario {found.scenario.name}, seed {trial.seed}"]
    if trial.parameters:
        given = (f"{name}={value}" for name, value in trial.parameters.items())
        lines.append("with " + ", ".join(given))
    lines += [f"  {format_fault(fault)}" for fault in trial.plan] or ["  no faults"]
    if trial.finding is not None:
        lines.append(f"then {trial.finding.oracle} broke at {trial.finding.time_s:.6f} s:")
        lines.append(f"  {brief(trial.finding.what)}")
    return "\n".join(lines) + "\n"


def brief(text: str, ends: int = 200) -> str:
    """A long text, such as an exception with a whole message in it, by its beginning and its end.

    The whole of it is in the verdicts and the traceback of the run.
    """
    text = " ".join(text.split())
    return text if len(text) <= 2 * ends + 3 else f"{text[:ends]} … {text[-ends:]}"


def case_yaml(found: Found, trial: Trial) -> str:
    """The case as a file a person can read, change and run again."""
    head = "".join(f"# {line}\n" for line in story_of(found, trial).splitlines())
    case = {
        "scenario": target_of(found),
        "seed": trial.seed,
        "parameters": trial.parameters,
        "faults": [format_fault(fault) for fault in trial.plan],
    }
    return head + dump_yaml(case)


def target_of(found: Found) -> str:
    """What names the scenario on a command line, from anywhere."""
    name = found.scenario.name
    return name if found.source is None else f"{found.source.resolve()}:{name}"


def _tape(trial: Trial, drawn: Trial, strategy: str) -> dict[str, Any]:
    return {
        "strategy": strategy,
        "seed": drawn.seed,
        "drawn": {"parameters": drawn.parameters, "plan": dump_plan(drawn.plan)},
        "shrunk": {"parameters": trial.parameters, "plan": dump_plan(trial.plan)},
        "finding": trial.finding,
    }


def test_of(found: Found, trial: Trial) -> str:
    """The text of a pytest file that fails in the same way as the trial.

    It is laid out as formatters of Python do, and needs nothing but the scenario and this package.
    """
    assert trial.finding is not None
    oracle, scenario = trial.finding.oracle, found.scenario.name
    name = re.sub(r"\W+", "_", f"{scenario} keeps {oracle}").strip("_").lower()
    said = _plain(brief(trial.finding.what))
    lines = [
        f'"""Found by fuzzing {_plain(scenario)}: {_plain(oracle)} broke.',
        "",
        *_wrapped(f"At {trial.finding.time_s:.6f} s: {said}"),
        "",
        "The plan is a schedule of faults; the test passes once the bug is mended.",
        '"""',
        "",
        "from prsm_sim.testing import assert_holds",
        "",
        f"SCENARIO = {_quoted(target_of(found))}",
        *_mapping("PARAMETERS", trial.parameters),
        'PLAN = """',
        *(f"    {_plain(format_fault(fault))}" for fault in trial.plan),
        '"""',
        "",
        "",
        f"def test_{name}() -> None:",
        f"    assert_holds(SCENARIO, PARAMETERS, seed={trial.seed}, plan=PLAN)",
    ]
    return "\n".join(lines) + "\n"


test_of.__test__ = False  # type: ignore[attr-defined]  # pytest: no test, it makes one


def _mapping(name: str, values: Mapping[str, Any]) -> list[str]:
    """A dict as Python, one entry a line."""
    if not values:
        return [f"{name}: dict[str, object] = {{}}"]
    entries = [f"    {_quoted(key)}: {_quoted(value)}," for key, value in values.items()]
    return [f"{name} = {{", *entries, "}"]


def _quoted(value: object) -> str:
    """A value as Python, texts in double quotes unless that needs escapes."""
    text = repr(value)
    if isinstance(value, str) and '"' not in text and "\\" not in text:
        return f'"{value}"'
    return text


def _plain(text: str) -> str:
    """Text that may stand inside a string of three quotes."""
    return text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 96, break_long_words=False, break_on_hyphens=False)
