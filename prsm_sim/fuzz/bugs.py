"""Seeded bugs: small patches of real code, applied at run time, to measure what a testbed finds.

A testbed that finds no bugs proves nothing unless it is known to find bugs that are there. So the
functions under test are changed by a few characters, one bug at a time, and the strategies hunt
them. A patch replaces a piece of a function's source and swaps the function's code object, so every
reference to it, also in tables made long before, runs the changed code; leaving the block restores
it. A patch whose piece of source is no longer there, or is there twice, is an error: a list of bugs
that quietly does nothing would be worse than none.
"""

import importlib
import inspect
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from prsm_sim.actor.errors import UserError
from prsm_sim.guard import Guard
from prsm_sim.parameters import did_you_mean
from prsm_sim.yaml_files import load_yaml


class Patch(BaseModel):
    """One replacement in the source of one function.

    Attributes:
        where: ``package.module:Class.method`` or ``package.module:function``.
        old: a piece of its source, found there exactly once.
        new: what stands there instead.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    where: str = Field(pattern=r"^[\w.]+:[\w.]+$")
    old: str = Field(min_length=1)
    new: str


class Bug(BaseModel):
    """A seeded bug.

    Attributes:
        name: short and telling.
        story: what is wrong, and why it matters.
        patches: the change.
        overrides: parameters without which the code in question does not run, ``name=value``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    story: str
    patches: tuple[Patch, ...] = Field(min_length=1)
    overrides: tuple[str, ...] = ()


class BugsFile(BaseModel):
    """A file of seeded bugs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bugs: tuple[Bug, ...]


def load_bugs(path: Path) -> dict[str, Bug]:
    """All bugs in a YAML file, by name.

    Raises:
        UserError: there is no such file, something in it is wrong, or a name occurs twice.
    """
    if not path.is_file():
        raise UserError(
            f"{path}: no seeded bugs here; a checkout keeps them under benchmarks/bugs, "
            "name the file with --bugs"
        )
    found: dict[str, Bug] = {}
    for bug in load_yaml(path, BugsFile).bugs:
        if bug.name in found:
            raise UserError(f"{path}: two bugs are called {bug.name!r}; rename one")
        found[bug.name] = bug
    return found


def choose_bugs(bugs: dict[str, Bug], names: Sequence[str]) -> list[Bug]:
    """The bugs called `names`; all if none is named.

    Raises:
        UserError: there is no bug of that name.
    """
    for name in names:
        if name not in bugs:
            raise UserError(f"{name}: no such bug{did_you_mean(name, sorted(bugs))}")
    return [bugs[name] for name in names] if names else list(bugs.values())


@contextmanager
def applied(bug: Bug | None) -> Iterator[None]:
    """Within the block the code has the bug; None: it has none.

    Raises:
        UserError: a patch does not fit the code.
    """
    by_place: dict[str, list[Patch]] = {}
    for patch in () if bug is None else bug.patches:
        by_place.setdefault(patch.where, []).append(patch)
    with ExitStack() as stack:
        for where, patches in by_place.items():
            stack.enter_context(_patched(where, patches))
        yield


@contextmanager
def _patched(where: str, patches: Sequence[Patch]) -> Iterator[None]:
    """Within the block one function has these changes."""
    function = _function(where)
    changed = _changed_code(function, patches)
    original = function.__code__
    function.__code__ = changed
    try:
        yield
    finally:
        function.__code__ = original


def _function(where: str) -> FunctionType:
    module_name, _, path = where.partition(":")
    with Guard(lambda error: UserError(f"{where}: no such function to patch ({error})")):
        found: Any = importlib.import_module(module_name)
        for name in path.split("."):
            found = inspect.getattr_static(found, name)
    if isinstance(found, property):
        found = found.fget
    if isinstance(found, staticmethod | classmethod):
        found = found.__func__
    if not isinstance(found, FunctionType):
        raise UserError(f"{where}: not a plain function, so it cannot be patched")
    return found


def _changed_code(function: FunctionType, patches: Sequence[Patch]) -> CodeType:
    """The code of `function` compiled anew with the replacements."""
    source = textwrap.dedent(inspect.getsource(function))
    where = patches[0].where
    for patch in patches:
        count = source.count(patch.old)
        if count != 1:
            raise UserError(
                f"{where}: {patch.old!r} stands there {count} times, not once; "
                "the code has changed, mend the patch"
            )
        source = source.replace(patch.old, patch.new)
    compiled = compile(source, f"<bug in {where}>", "exec", dont_inherit=True)
    codes = [one for one in compiled.co_consts if isinstance(one, CodeType)]
    code = next(one for one in codes if one.co_name == function.__name__)
    if code.co_freevars != function.__code__.co_freevars:
        raise UserError(f"{where}: the patch changes what the function closes over")
    return code
