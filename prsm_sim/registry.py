"""The registry: how the engine finds what it must not name.

The engine sits below the protocol and imports none of it. Scenarios, the live world and the
dashboard announce themselves as entry points of the installed distribution, and the command line
looks them up by name. A scenario may also be a Python file of the user's own, with no installation
at all.
"""

import importlib.util
import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, NamedTuple

from prsm_sim.actor.errors import UserError
from prsm_sim.guard import Guard
from prsm_sim.parameters import did_you_mean
from prsm_sim.scenario import Scenario
from prsm_sim.validation import Validation

SCENARIOS = "prsm_sim.scenarios"
WORLDS = "prsm_sim.worlds"
DASHBOARDS = "prsm_sim.dashboards"
VALIDATIONS = "prsm_sim.validations"
BENCHMARKS = "prsm_sim.benchmarks"
DISTRIBUTION = "prsm-sim"
CLASHING_PACKAGES = ("agents",)
"""Import names of ours that an unrelated public distribution uses too."""


class Found(NamedTuple):
    """A scenario, and the file it came from if it is not installed."""

    scenario: Scenario[Any]
    source: Path | None


def scenario_names() -> list[str]:
    """Names of the installed scenarios, sorted."""
    return sorted({entry.name for entry in entry_points(group=SCENARIOS)})


def find_scenario(target: str) -> Found:
    """The scenario that `target` names: an installed one, or a Python file (``file.py``, or
    ``file.py:name`` where the file holds several).

    Raises:
        UserError: there is none; the text says which is nearest.
    """
    file, _, name = target.partition(".py:")
    if target.endswith(".py") or name:
        path = Path(target if target.endswith(".py") else file + ".py")
        return Found(load_scenario_file(path, name or None), path)
    entry = _entry(SCENARIOS, target)
    if entry is None:
        raise UserError(
            f"{target}: no such scenario{did_you_mean(target, scenario_names())} "
            "(`prsm scenarios` lists them; a file must end in .py or .yaml)"
        )
    found = _load(entry)
    if not isinstance(found, Scenario):
        raise UserError(f"{target}: {entry.value} is not a Scenario; build it with @scenario(...)")
    return Found(found, None)


def known_scenario(target: str, *, fresh: bool = False) -> Scenario[Any]:
    """The scenario that `target` names, looked up once a process: a file is not imported each time.

    Args:
        target: as of `find_scenario`.
        fresh: import a file anew if it has changed since. Else what was found first counts, so that
            a file saved in the middle of a long hunt does not change it.

    Raises:
        UserError: as `find_scenario`.
    """
    if not fresh:
        return _known(target, None, 0)
    file = Path(target.partition(".py:")[0].removesuffix(".py") + ".py").absolute()
    try:
        changed_ns = file.stat().st_mtime_ns
    except OSError:  # the name of an installed one, or no such file
        changed_ns = 0
    return _known(target, file, changed_ns)


@lru_cache(maxsize=64)
def _known(target: str, file: Path | None, changed_ns: int) -> Scenario[Any]:
    return find_scenario(target).scenario


def load_scenario_file(path: Path, name: str | None = None) -> Scenario[Any]:
    """The scenario that a Python file holds.

    The file is imported as a module of its stem, with its folder first on the import path, so that
    it may import modules beside it.

    Raises:
        UserError: the file is missing, does not run, or holds no scenario, or several.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; check the path")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module_name = f"prsm_scenario_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    with Guard(lambda error: UserError(f"{path}:{_line_in(path, error)}: {_in_words(error)}")):
        spec.loader.exec_module(module)
    found = {value.name: value for value in vars(module).values() if isinstance(value, Scenario)}
    if name is not None and name not in found:
        raise UserError(f"{path}: holds no scenario {name!r}{did_you_mean(name, sorted(found))}")
    if not found:
        raise UserError(f"{path}: holds no scenario; mark a build function with @scenario(...)")
    if name is None and len(found) > 1:
        raise UserError(f"{path}: holds {', '.join(sorted(found))}; choose one: {path}:NAME")
    return found[name] if name is not None else next(iter(found.values()))


def find_world(name: str) -> Any:
    """The function that runs the world `name` (``live``).

    Raises:
        UserError: it is not installed.
    """
    return _required(WORLDS, name, "the live world")


def find_dashboard(name: str) -> Any:
    """The function that serves the dashboard `name` (``app``).

    Raises:
        UserError: it is not installed.
    """
    return _required(DASHBOARDS, name, "the dashboard")


def validation_names() -> list[str]:
    """Names of the installed validations, sorted."""
    return sorted({entry.name for entry in entry_points(group=VALIDATIONS)})


def find_validation(name: str) -> Validation:
    """The installed validation `name`.

    Raises:
        UserError: there is none; the text says which is nearest.
    """
    entry = _entry(VALIDATIONS, name)
    if entry is None:
        raise UserError(f"{name}: no such validation{did_you_mean(name, validation_names())}")
    found: Validation = _load(entry)
    return found


def find_benchmark(name: str) -> Any:
    """The function that measures the benchmark `name` (``consensus``).

    Raises:
        UserError: it is not installed.
    """
    return _required(BENCHMARKS, name, f"the benchmark {name}")


def _required(group: str, name: str, what: str) -> Any:
    entry = _entry(group, name)
    if entry is None:
        raise UserError(f"{what} is not installed; install {DISTRIBUTION}[all]")
    return _load(entry)


def _entry(group: str, name: str) -> EntryPoint | None:
    """The entry point, ours first if several distributions announce the name."""
    found = list(entry_points(group=group, name=name))
    ours = [e for e in found if e.dist is not None and e.dist.name == DISTRIBUTION]
    return next(iter(ours + found), None)


def _load(entry: EntryPoint) -> Any:
    """Import what an entry point names, with a clear message where an import fails."""
    if entry.dist is not None and entry.dist.name == DISTRIBUTION:
        _refuse_clashes()
    try:
        return entry.load()
    except ModuleNotFoundError as error:
        extra = {WORLDS: "live", DASHBOARDS: "dashboard", SCENARIOS: "sweep"}.get(
            entry.group, "all"
        )
        raise UserError(
            f"{entry.name}: the module {error.name!r} is missing; "
            f"install it: pip install '{DISTRIBUTION}[{extra}]'"
        ) from error
    except AttributeError as error:
        raise UserError(f"{entry.name}: {entry.value} does not exist ({error})") from error


def _refuse_clashes() -> None:
    """Stop if another distribution's package stands where ours should be."""
    for name in CLASHING_PACKAGES:
        spec = importlib.util.find_spec(name)
        where = None if spec is None else spec.origin
        module = sys.modules.get(name)
        if module is None and spec is not None:
            module = importlib.import_module(name)
        if module is None or getattr(module, "__distribution__", None) != DISTRIBUTION:
            raise UserError(
                f"the package {name!r} found at {where} is not {DISTRIBUTION}'s but an unrelated "
                f"one of the same name; install {DISTRIBUTION} in an environment of its own"
            )


def _line_in(path: Path, error: BaseException) -> int:
    """The last line of `path` that `error` passed through."""
    if isinstance(error, SyntaxError):
        return error.lineno or 1
    line = 1
    trace = error.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).resolve() == path.resolve():
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _in_words(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error).strip()
    first = text.splitlines()[0] if text else ""
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
