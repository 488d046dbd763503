"""YAML files that people write, and errors that point at the line and column.

``bad.yaml:8:12: consensus.timeout: unknown name; did you mean 'timeout_ms'?``

The YAML 1.2 reader of ruamel is used, because the older reader takes ``no`` for false and lets a
key occur twice in silence. It remembers where every key and value stood; pydantic says which one is
wrong; together they give the position.
"""

from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from prsm_sim.actor.errors import UserError
from prsm_sim.parameters import Location, explain, problems
from prsm_sim.scenario import ScenarioParameters

A = TypeVar("A")
M = TypeVar("M", bound=BaseModel)
R = TypeVar("R")


class ScenarioFile(BaseModel):
    """A scenario with its seed and parameters, as one file.

    Attributes:
        scenario: name of a scenario, or path of a Python file (relative to this file).
        seed: seed of the run.
        parameters: overrides of the scenario's parameters; the rest keep their defaults.
        faults: what goes wrong besides what the scenario says: mappings with a ``kind``, or lines
            such as ``at 10 s partition halves for 20 s``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenario: str = Field(min_length=1)
    seed: int | None = Field(None, ge=0, lt=1 << 64)
    parameters: dict[str, Any] = {}
    faults: list[dict[str, Any] | str] = []


class Document:
    """A YAML file that was read: its plain values, and where each of them stood.

    Attributes:
        path: the file.
        values: its content as plain dicts, lists, strings and numbers.
    """

    def __init__(self, path: Path, tree: object) -> None:
        self.path = path
        self.values = _plain(tree)
        self._tree = tree

    def validate(self, model: type[M], under: tuple[str, ...] = ()) -> M:
        """The part of the document at `under` (all of it by default) as `model`.

        Raises:
            UserError: ``file:line:column: what is wrong``.
        """
        values = self.values
        for key in under:
            values = values.get(key, {}) if isinstance(values, dict) else {}
        try:
            return model.model_validate(values)
        except ValidationError as error:
            found = problems(error)
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            first = found[0]
            is_key = first["type"] in ("extra_forbidden", "invalid_key")
            line, column = self.position(under + first["loc"], of_key=is_key)
            prefix = "".join(f"{key}." for key in under) if first["loc"] else ""
            raise UserError(
                f"{self.path}:{line}:{column}: {prefix}{explain(model, first)}{more}"
            ) from error

    def blame(self, location: Location, function: Callable[[A], R], argument: A) -> R:
        """``function(argument)``; a mistake in it is blamed on the value at `location`."""
        try:
            return function(argument)
        except UserError as error:
            line, column = self.position(location)
            raise UserError(f"{self.path}:{line}:{column}: {error}") from error

    def position(self, location: Location, *, of_key: bool = False) -> tuple[int, int]:
        """Line and column, from 1, of the value (or its key) at `location`.

        A part that the file does not hold (a missing name, the tag of a union) is skipped, so the
        position is that of the nearest thing around it.
        """
        here = self._tree
        line, column = 0, 0
        for depth, part in enumerate(location, 1):
            if isinstance(here, CommentedMap) and part in here:
                at_key = of_key and depth == len(location)
                line, column = here.lc.key(part) if at_key else here.lc.value(part)
            elif isinstance(here, CommentedSeq) and isinstance(part, int) and part < len(here):
                line, column = here.lc.item(part)
            else:
                continue
            here = here[part]
        return line + 1, column + 1


def read_yaml(path: Path | str) -> Document:
    """Read a YAML file.

    Raises:
        UserError: it cannot be read, is not YAML, or has a key twice; with line and column.
    """
    path = Path(path)
    reader = YAML(typ="rt", pure=True)
    try:
        text = path.read_text("utf-8")
        return Document(path, reader.load(text))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except DuplicateKeyError as error:
        text = (error.problem or "a key occurs twice").splitlines()[0].partition(" with value")[0]
        raise UserError(f"{path}:{_mark(error)}: {text}; keep one of them") from error
    except MarkedYAMLError as error:
        what = " ".join(filter(None, (error.context, error.problem)))
        raise UserError(f"{path}:{_mark(error)}: broken YAML, {what}") from error
    except YAMLError as error:
        what = str(error).strip().splitlines()[0]
        raise UserError(f"{path}: broken YAML, {what}") from error


def load_yaml(path: Path | str, model: type[M]) -> M:
    """Read a YAML file as `model`.

    Raises:
        UserError: one line, ``file:line:column: what is wrong and how to mend it``.
    """
    return read_yaml(path).validate(model)


def dump_yaml(values: object) -> str:
    """Plain values as YAML text, short lists on one line."""
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = None
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.width = 100
    stream = StringIO()
    writer.dump(values, stream)
    return stream.getvalue()


def check_parameters(document: Document, parameters: type[ScenarioParameters]) -> None:
    """Check the ``parameters`` of a scenario file against the scenario's own type.

    Raises:
        UserError: with the line and column in the file.
    """
    document.validate(parameters, under=("parameters",))


def _mark(error: MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return "1:1" if mark is None else f"{mark.line + 1}:{mark.column + 1}"


def _plain(tree: object) -> Any:
    """The tree without the reader's own types (they carry comments and positions)."""
    if isinstance(tree, Mapping):
        return {_plain(key): _plain(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_plain(value) for value in tree]
    for plain in (bool, int, float, str):
        if isinstance(tree, plain):
            return plain(tree)
    return tree
