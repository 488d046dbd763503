"""Parameters: from what a person typed to a validated, frozen value, or to one line of help.

Pydantic knows what is wrong; a person wants to know what to type instead. So each complaint names
the parameter with its dots, says what is allowed (the whole range, not only the bound that was
crossed), what was given, and for an unknown name the nearest one that exists.
"""

import difflib
import json
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from prsm_sim.actor.errors import UserError
from prsm_sim.scenario import ScenarioParameters

P = TypeVar("P", bound=ScenarioParameters)
Location = tuple[int | str, ...]

BOUNDS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number")
WORDS = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping of names to values",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "model_type": "must be a mapping of names to values",
    "string_type": "must be text",
}
"""How to say in plain words what pydantic says with type names."""


def build_parameters(
    parameters: type[P],
    values: Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    defaults: Mapping[str, Any] | None = None,
) -> P:
    """Validated parameters: `defaults`, then `values`, then `overrides`, each over the last.

    Args:
        parameters: the type to build.
        values: parameters by name, nested where the type is nested.
        overrides: texts ``name=value`` or ``outer.inner=value``, as given to ``--set``.
        defaults: what holds unless `values` says otherwise.

    Raises:
        UserError: an override is malformed, or a name is unknown or a value not allowed; where an
            override is to blame the text quotes it.
    """
    merged = _merge(dict(defaults or {}), values)
    typed: dict[Location, str] = {}
    for override in overrides:
        path, value = parse_override(override)
        typed[path] = override
        _put(merged, path, value, override, parameters)
    try:
        return parameters.model_validate(merged)
    except ValidationError as error:
        raise UserError(_complain(parameters, error, typed)) from error


def parse_override(override: str) -> tuple[tuple[str, ...], object]:
    """Split ``outer.inner=value``; lists, objects, strings in quotes and null are read as JSON.

    Raises:
        UserError: there is no ``=`` or no name before it, or the JSON is broken.
    """
    name, equals, text = override.partition("=")
    path = tuple(name.strip().split("."))
    if not equals or not all(path):
        raise UserError(f"--set {override}: write it as --set name=value (outer.inner=value)")
    text = text.strip()
    if text == "null" or text[:1] in ("[", "{", '"'):
        try:
            return path, json.loads(text)
        except json.JSONDecodeError as error:
            raise UserError(f"--set {override}: broken JSON, {error.msg} at {error.pos}") from error
    return path, text


def explain(model: type[BaseModel], details: ErrorDetails) -> str:
    """What is wrong with one field, what is allowed, and for an unknown name the nearest one."""
    location, given = details["loc"], details["input"]
    name = dotted(location)
    kind = details["type"]
    if kind == "extra_forbidden":
        names = sorted(known_names(model, location[:-1]))
        return f"{name}: unknown name{did_you_mean(str(location[-1]), names)}"
    if kind == "missing":
        return f"{name}: missing, it must be given"
    field = find_field(model, location)
    allowed = None if field is None else allowed_range(field)
    if kind in BOUNDS and allowed is not None:
        return f"{name}: {given} is out of range, it must be {allowed}"
    text = WORDS.get(kind) or details["msg"].removeprefix("Value error, ")
    text = text.replace("Input should be ", "must be ", 1)
    if kind in WORDS and allowed is not None:
        text += f", {allowed}"
    return f"{name}: {text} (got {_brief(given)})" if name else f"{text} (got {_brief(given)})"


def problems(error: ValidationError) -> list[ErrorDetails]:
    """All that is wrong, unknown names first: a typo makes the right name missing as well."""
    return sorted(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")


def dotted(location: Iterable[int | str]) -> str:
    """A location as a person writes it: ``faults[0].at_s``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def did_you_mean(name: str, names: Sequence[str]) -> str:
    """``; did you mean 'x'?`` with the nearest of `names`, or else the list of them."""
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    if not names:
        return "; nothing can be set here"
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"; the names are {shown}"


def allowed_range(field: FieldInfo) -> str | None:
    """The range of a number as text, such as ``from 1 to 5000`` or ``above 0``, or None."""
    bounds: dict[str, str] = {}
    for constraint in _constraints(field):
        for key in ("ge", "gt", "le", "lt"):
            value = getattr(constraint, key, None)
            if value is not None:
                bounds[key] = f"{value:g}" if isinstance(value, float) else str(value)
    if set(bounds) == {"ge", "le"}:
        return f"from {bounds['ge']} to {bounds['le']}"
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return " and ".join(f"{words[key]} {bounds[key]}" for key in words if key in bounds) or None


def known_names(model: type[BaseModel], location: Location) -> set[str]:
    """Names of the fields that may stand at `location` (that of the enclosing object)."""
    found = set()
    for inner in _models_at(model, location):
        found |= {field.alias or name for name, field in inner.model_fields.items()}
    return found


def find_field(model: type[BaseModel], location: Location) -> FieldInfo | None:
    """The field at `location`, or None where there is none (inside a list of numbers, say)."""
    for end in range(len(location), 0, -1):
        name = location[end - 1]
        if not isinstance(name, str):
            continue
        for inner in _models_at(model, location[: end - 1]):
            if name in inner.model_fields:
                return inner.model_fields[name]
    return None


def _models_at(model: type[BaseModel], location: Location) -> list[type[BaseModel]]:
    """The models that an object at `location` may be of (several below a union)."""
    here = [model]
    in_mapping = False
    for part in location:
        if not isinstance(part, str) or in_mapping:
            in_mapping = False
            continue  # an index, or a free key, leaves the candidates as they are
        fields = [m.model_fields[part] for m in here if part in m.model_fields]
        if fields:
            in_mapping = any(_has_mapping(field.annotation) for field in fields)
            here = [inner for field in fields for inner in _models_in(field.annotation)]
        else:
            here = [candidate for candidate in here if _is_tagged(candidate, part)]
    return here


def _is_tagged(model: type[BaseModel], tag: str) -> bool:
    """Whether `tag` is how pydantic names `model` in a union: its class, or its discriminator."""
    if model.__name__ == tag:
        return True
    return any(tag in get_args(field.annotation) for field in model.model_fields.values())


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every model that occurs in a type annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is not typing.Literal:
        for argument in get_args(annotation):
            yield from _models_in(argument)


def _has_mapping(annotation: Any) -> bool:
    """Whether a mapping with free keys occurs in a type annotation."""
    return get_origin(annotation) in (dict, Mapping) or any(
        _has_mapping(argument) for argument in get_args(annotation)
    )


def _constraints(field: FieldInfo) -> Iterator[Any]:
    """The annotated constraints of a field: its own, and those inside an optional."""
    yield from field.metadata
    if get_origin(field.annotation) in (Union, types.UnionType):
        for member in get_args(field.annotation):
            if get_origin(member) is Annotated:
                for constraint in member.__metadata__:
                    yield from getattr(constraint, "metadata", (constraint,))


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid over `base`, object by object; lists and values are replaced whole."""
    merged = dict(base)
    for name, value in over.items():
        below = merged.get(name)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[name] = _merge(dict(below), value)
        else:
            merged[name] = value
    return merged


def _put(
    values: dict[str, Any],
    path: tuple[str, ...],
    value: object,
    override: str,
    model: type[BaseModel],
) -> None:
    """Set the value at a dotted path; what is not said inside a nested object stays as it was."""
    here = values
    for depth, part in enumerate(path[:-1], 1):
        below = here.get(part)
        if below is None and depth == 1 and part in model.model_fields:
            default = model.model_fields[part].get_default(call_default_factory=True)
            below = default.model_dump() if isinstance(default, BaseModel) else default
        if below is None:
            below = {}
        if not isinstance(below, Mapping):
            raise UserError(f"--set {override}: {'.'.join(path[:depth])} has nothing inside it")
        here[part] = dict(below)
        here = here[part]
    here[path[-1]] = value


def _complain(model: type[BaseModel], error: ValidationError, typed: Mapping[Location, str]) -> str:
    """One line for all that is wrong: the first in full, and how many more there are."""
    found = problems(error)
    text = explain(model, found[0])
    location = found[0]["loc"]
    for path, override in typed.items():
        if location[: len(path)] == path or path[: len(location)] == location:
            text = f"--set {override}: {text}"
    more = len(found) - 1
    return text + (f" (and {more} more)" if more else "")


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
