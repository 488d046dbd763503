"""Every mistake a person can make is one clear line on stderr, exit code 2, nothing overwritten."""

import json
import sys
from pathlib import Path

import pytest

from prsm_sim.run_folder import list_runs

GOOD_YAML = "scenario: toy.py\nseed: 3\nparameters:\n  executors: 5\n  style:\n    colour: blue\n"


def refused(result) -> str:
    """The one line of a refused command."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("prsm: ")
    return lines[0].removeprefix("prsm: ")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["run", "reserch_market"], ["reserch_market: no such scenario", "'research_market'"]),
        (["run", "nowhere.py"], ["nowhere.py: no such file"]),
        (["run", "toy.py:tyo"], ["no scenario 'tyo'", "did you mean 'toy'?"]),
        (["run", "nowhere.yaml"], ["nowhere.yaml: cannot be read", "No such file"]),
        (["run", "toy.py", "--set", "executers=5"], ["--set executers=5", "'executors'?"]),
        (["run", "toy.py", "--set", "executors=500"], ["500", "from 2 to 50"]),
        (["run", "toy.py", "--set", "executors=1"], ["--set executors=1:", "from 2 to 50"]),
        (["run", "toy.py", "--set", "executors=many"], ["a whole number", "'many'"]),
        (["run", "toy.py", "--set", "executors"], ["--set executors:", "name=value"]),
        (["run", "toy.py", "--set", "style.color=blue"], ["style.color:", "'colour'?"]),
        (["run", "toy.py", "--set", "style.width_m=0"], ["style.width_m:", "above 0"]),
        (["run", "toy.py", "--set", "executors.x=1"], ["nothing inside"]),
        (["run", "toy.py", "--set", "style={"], ["broken JSON"]),
        (["run", "toy.py", "--seed", "-1"], ["--seed"]),
        (["run", "toy.py", "--sed", "1"], ["--sed", "--seed", "prsm run --help"]),
        (["run", "toy.py", "--no-events", "--events", "3"], ["exclude each other"]),
        (["run"], ["Missing argument", "SCENARIO"]),
        (["rnu"], ["rnu: no such command", "'run'?"]),
        (["replay", "latest"], ["latest: no such run", "holds none yet"]),
        (["runs", "show", "nothing"], ["nothing: no such run"]),
        (["validate-file", "toy.py"], [".yaml"]),
        (["live", "toy.py", "--broker", "mqtt://127.0.0.1:1"], ["127.0.0.1:1", "broker"]),
    ],
    ids=lambda value: " ".join(value) if value and isinstance(value, list) else None,
)
def test_one_line_that_says_what_and_how_to_mend(prsm, monkeypatch, arguments, parts):
    monkeypatch.setattr("prsm_sim.registry.CLASHING_PACKAGES", ())
    line = refused(prsm(*arguments))
    for part in parts:
        assert part in line
    assert list_runs("runs") == []


@pytest.mark.parametrize(
    ("text", "where", "parts"),
    [
        (GOOD_YAML.replace("executors", "executers"), "4:3", ["'executors'?"]),
        (GOOD_YAML.replace("5", "500"), "4:14", ["500 is out of range", "from 2 to 50"]),
        (GOOD_YAML.replace("colour", "color"), "6:5", ["parameters.style.color", "'colour'?"]),
        (GOOD_YAML.replace("seed", "sede"), "2:1", ["sede: unknown name", "'seed'?"]),
        (GOOD_YAML.replace("seed: 3", "seed: x"), "2:7", ["a whole number"]),
        (GOOD_YAML + "seed: 4\n", "7:1", ['duplicate key "seed"', "keep one"]),
        (GOOD_YAML.replace("toy.py", "[toy"), "2:5", ["broken YAML"]),
        (GOOD_YAML.replace("toy.py", "tyo.py"), "1:11", ["tyo.py: no such file"]),
        (GOOD_YAML.replace("toy.py", "reserch_market"), "1:11", ["'research_market'?"]),
        (GOOD_YAML.replace("scenario: toy.py\n", ""), "1:1", ["scenario: missing"]),
        (GOOD_YAML.replace("    colour: blue", "  - blue"), "6:3", ["mapping", "'blue'"]),
        ("", "1:1", ["mapping of names"]),
        ("- toy\n", "1:1", ["mapping of names"]),
    ],
)
@pytest.mark.parametrize("command", ["run", "validate-file"])
def test_a_yaml_mistake_names_line_and_column(prsm, workplace, command, text, where, parts):
    (workplace / "bad.yaml").write_text(text)
    line = refused(prsm(command, "bad.yaml"))
    if "broken YAML" not in parts:
        assert line.startswith(f"bad.yaml:{where}: "), line
    assert line.startswith("bad.yaml:")
    for part in parts:
        assert part in line
    assert list_runs("runs") == []


def test_a_good_yaml_file_is_valid(prsm, workplace):
    (workplace / "good.yaml").write_text(GOOD_YAML)
    result = prsm("validate-file", "good.yaml")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "scenario toy, seed 3, 2 parameter(s)" in result.stdout
    as_json = json.loads(prsm("validate-file", "good.yaml", "--json").stdout)
    assert as_json["parameters"] == {"executors": 5, "style": {"colour": "blue"}}


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("import nothing_of_that_name\n", [":1:", "ModuleNotFoundError", "nothing_of_that_name"]),
        ("x = 1\n1 / 0\n", [":2:", "ZeroDivisionError"]),
        ("def f(:\n", [":1:", "SyntaxError"]),
        ("x = 1\n", ["holds no scenario", "@scenario"]),
        ("from toy import toy\nimport dataclasses\nb = dataclasses.replace(toy, name='b')\n",
         ["holds b, toy", "mine.py:NAME"]),
    ],
)  # fmt: skip
def test_a_python_file_that_holds_no_scenario(prsm, workplace, code, parts):
    (workplace / "mine.py").write_text(code)
    line = refused(prsm("run", "mine.py"))
    for part in ("mine.py", *parts):
        assert part in line


def _recorded(prsm, *arguments: str) -> Path:
    return Path(json.loads(prsm("run", "toy.py", "--json", *arguments).stdout)["run_dir"])


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _set_format(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest |= {"format": 99, "version": "9.1"}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _truncate(name: str):
    def damage(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return damage


DAMAGES = {
    "another version": (_set_format, ["format 99", "format 1", "prsm-sim 9.1"]),
    "broken manifest": (_truncate("manifest.json"), ["manifest.json", "broken JSON"]),
    "broken verdicts": (_truncate("verdicts.json"), ["verdicts.json", "broken JSON"]),
    "truncated events": (_truncate("events.parquet"), ["events.parquet", "truncated", "--record"]),
    "truncated metrics": (_truncate("metrics.parquet"), ["metrics.parquet", "truncated"]),
    "no manifest": (lambda f: (f / "manifest.json").unlink(), ["manifest.json", "not a run"]),
    "empty events": (lambda f: (f / "events.parquet").write_bytes(b""), ["events.parquet"]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_folder_is_named_and_left_alone(prsm, damage):
    whole, broken = _recorded(prsm, "--seed", "1"), _recorded(prsm, "--seed", "2")
    do_damage, parts = DAMAGES[damage]
    do_damage(broken)
    before = _contents(broken)
    line = refused(prsm("diff", str(whole), str(broken)))
    for part in parts:
        assert part in line
    if "events" not in damage and "metrics" not in damage:
        refused(prsm("replay", str(broken)))
    assert _contents(broken) == before
    listed = prsm("runs", "ls")
    assert listed.exit_code == 0
    assert whole.name in listed.stdout


def test_a_wrong_name_of_a_run_gets_the_nearest(prsm):
    name = _recorded(prsm).name
    assert repr(name) in refused(prsm("runs", "show", name[:-2]))


def test_a_runs_folder_that_cannot_be_made(prsm, workplace):
    (workplace / "taken").write_text("a file")
    line = refused(prsm("run", "toy.py", "--runs-dir", "taken/runs"))
    assert "taken/runs" in line
    assert "--runs-dir" in line
    assert (workplace / "taken").read_text() == "a file"


def test_a_mistake_of_ours_is_one_line_and_a_file_with_the_traceback(prsm, monkeypatch):
    def broken(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("prsm_sim.runner.simulate", broken)
    result = prsm("run", "toy.py")
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr.count("\n") == 1
    assert "internal error, RuntimeError: two lines" in result.stderr
    path = Path(result.stderr.strip().rpartition(" ")[2])
    assert "raise RuntimeError" in path.read_text()
    path.unlink()


def test_another_package_called_agents_is_recognised(prsm, workplace, monkeypatch):
    (workplace / "agents").mkdir()
    (workplace / "agents" / "__init__.py").write_text("VERSION = 1\n")
    for name in [n for n in sys.modules if n == "agents" or n.startswith("agents.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(workplace))
    line = refused(prsm("run", "research_market"))
    assert str(workplace / "agents") in line
    assert "environment of its own" in line
    sys.modules.pop("agents", None)
