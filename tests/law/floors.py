"""The law in code: who may import whom, and what protocol code may never touch.

The check reads source, it does not run it: imports (also those inside functions, and dynamic ones
with a literal name) and calls that reach a clock, chance or the world outside.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("prsm_sim", "economy", "agents", "scenarios", "live", "dashboards")

ALLOWED: dict[str, tuple[str, ...]] = {
    "prsm_sim.actor": ("prsm_sim.actor",),
    "prsm_sim": ("prsm_sim",),
    "economy": ("prsm_sim.actor", "economy"),
    "agents": ("prsm_sim.actor", "economy"),
    "scenarios": ("prsm_sim", "economy", "agents", "scenarios"),
    "live": ("prsm_sim", "economy", "agents", "live"),
    "dashboards": ("prsm_sim.run_folder", "prsm_sim.actor.errors", "dashboards"),
}
"""What of the project each floor may import; `agents.x` may also import itself."""

FLOOR_0_LIBRARIES = ("msgspec", *sys.stdlib_module_names)
"""What floor 0 may import besides itself."""

BANNED_MODULES = (
    "time", "random", "secrets", "uuid", "datetime", "os", "socket", "asyncio", "threading",
    "subprocess", "select", "signal", "multiprocessing", "concurrent", "pathlib", "io", "tempfile",
    "simpy", "requests", "httpx", "http", "urllib", "ssl", "aiomqtt", "amqtt", "web3",
    "ipfshttpclient", "importlib", "ctypes",
)  # fmt: skip
"""What protocol code (`agents`, `economy`, and the actor contract itself) may never import."""

BANNED_CALLS = ("open", "input", "print", "exec", "eval", "__import__", "breakpoint")
BANNED_NUMPY = "numpy.random"
NUMERIC = ("agents.pipeline.submodels", "agents.pipeline.specialists", "agents.pipeline.datasets",
           "agents.pipeline.shares", "agents.pipeline.submodel_types")  # fmt: skip
"""Modules of protocol packages that compute with numpy and scikit-learn: pure functions of data,
called through the models port, never by a handler."""
NUMERIC_LIBRARIES = ("numpy", "sklearn", "scipy", "threadpoolctl")
ALSO_NUMERIC = ("threading",)
"""Live, the models port calls these from worker threads; a lock guards what they share."""


class Breach(NamedTuple):
    """One violation of the law."""

    module: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.what}"


class Import(NamedTuple):
    """One imported module."""

    name: str
    line: int


def module_name(path: Path, root: Path) -> str:
    """Dotted name of a source file."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST, module: str, is_package: bool) -> Iterator[Import]:
    """Every module that a source file imports, relative and dynamic imports resolved."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            # `from agents import consensus` imports a module too.
            for alias in node.names:
                yield Import(f"{name}.{alias.name}", node.lineno)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func).split(".")[-1]
            if called in ("import_module", "__import__") and node.args:
                target = node.args[0]
                if isinstance(target, ast.Constant) and isinstance(target.value, str):
                    yield Import(target.value, node.lineno)


def within(name: str, packages: tuple[str, ...]) -> bool:
    """Whether a dotted name lies in one of the packages."""
    return any(name == package or name.startswith(package + ".") for package in packages)


def floor_of(module: str) -> str:
    """The floor that a module belongs to."""
    for floor in ALLOWED:
        if within(module, (floor,)):
            return floor
    raise ValueError(f"{module} stands on no floor")


def breaches_of(source: str, module: str, *, is_package: bool = False) -> Iterator[Breach]:
    """Every violation in one source file."""
    tree = ast.parse(source)
    floor = floor_of(module)
    own = ".".join(module.split(".")[:2]) if floor == "agents" else floor
    type_only = _type_checking_lines(tree)
    for name, line in imports(tree, module, is_package):
        top = name.split(".")[0]
        if top in PACKAGES:
            if not within(name, (*ALLOWED[floor], own)):
                yield Breach(module, line, f"floor {floor} may not import {name}")
        elif floor == "prsm_sim.actor" and top not in (
            *FLOOR_0_LIBRARIES,
            *sys.stdlib_module_names,
        ):
            yield Breach(module, line, f"floor 0 may not import {name}")
        if floor in ("prsm_sim.actor", "economy", "agents") and line not in type_only:
            yield from _banned_import(module, name, line)
    if floor in ("economy", "agents"):
        yield from _banned_calls(tree, module)


def _banned_import(module: str, name: str, line: int) -> Iterator[Breach]:
    if within(module, NUMERIC) and within(name, ALSO_NUMERIC):
        return
    if within(name, BANNED_MODULES) or within(name, (BANNED_NUMPY,)):
        yield Breach(module, line, f"protocol code may not import {name}")
    elif within(name, NUMERIC_LIBRARIES) and not within(module, NUMERIC):
        yield Breach(module, line, f"{name} belongs behind the models port, not here")


def _banned_calls(tree: ast.AST, module: str) -> Iterator[Breach]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in BANNED_CALLS:
                yield Breach(module, node.lineno, f"protocol code may not call {node.func.id}()")
            if node.func.id in ("hash", "id"):
                yield Breach(
                    module, node.lineno, f"{node.func.id}() differs from process to process"
                )
        elif isinstance(node, ast.For | ast.comprehension) and _is_set(node.iter):
            line = getattr(node, "lineno", node.iter.lineno)
            yield Breach(module, line, "the order of a set may not decide anything: sort it")
        elif isinstance(node, ast.Attribute) and ast.unparse(node).startswith(
            ("np.random", "numpy.random")
        ):
            yield Breach(module, node.lineno, "randomness comes from ctx.rng alone")


def _is_set(node: ast.expr) -> bool:
    """Whether an expression is visibly a set."""
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("set", "frozenset")
    )


def _type_checking_lines(tree: ast.AST) -> set[int]:
    """Lines under ``if TYPE_CHECKING:``, which do not run."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for child in node.body:
                lines.update(range(child.lineno, (child.end_lineno or child.lineno) + 1))
    return lines


def all_breaches(root: Path = ROOT) -> list[Breach]:
    """Every violation in the project."""
    found: list[Breach] = []
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            module = module_name(path, root)
            source = path.read_text(encoding="utf-8")
            found += breaches_of(source, module, is_package=path.name == "__init__.py")
    return found
