"""Values of parameters that a scenario names itself, as the texts that ``--set`` takes.

A question's arms and an attacker's choices are run as overrides, so that each can be repeated with
`prsm run`. A value therefore has to survive being written as text and read again; that it does, and
that the parameters allow it, is seen when the scenario is defined and not after an hour of runs.
"""

import json
from collections.abc import Mapping
from typing import Annotated, get_args, get_origin

from pydantic_core import to_jsonable_python

from prsm_sim.actor.errors import UserError
from prsm_sim.parameters import build_parameters, find_field, parse_override
from prsm_sim.scenario import Attack, Choice, Knob, Question, ScenarioParameters


def override(name: str, value: object) -> str:
    """``name=value``, such that `parse_override` gives the value back.

    Args:
        name: of a parameter, with dots where it is nested.
        value: anything that JSON can hold; numbers and plain texts are written as people do.
    """
    plain = to_jsonable_python(value)
    if isinstance(plain, str) and parse_or_none(f"{name}={plain}") == plain:
        return f"{name}={plain}"
    return f"{name}={json.dumps(plain, ensure_ascii=False)}"


def parse_or_none(text: str) -> object:
    """The value of an override; None if it is malformed."""
    try:
        return parse_override(text)[1]
    except UserError:
        return None


def overrides(values: Mapping[str, object]) -> tuple[str, ...]:
    """Several values as texts, in their order."""
    return tuple(override(name, value) for name, value in values.items())


def is_whole(parameters: type[ScenarioParameters], name: str) -> bool:
    """Whether a parameter takes whole numbers only.

    Raises:
        ValueError: it takes no numbers.
    """
    found = find_field(parameters, tuple(name.split(".")))
    annotation = None if found is None else found.annotation
    members = [
        get_args(member)[0] if get_origin(member) is Annotated else member
        for member in get_args(annotation) or (annotation,)
    ]
    if float in members:
        return False
    if int not in members:
        raise ValueError(f"{name} takes no numbers; let the attacker choose among values")
    return True


def check_question(scenario: str, parameters: type[ScenarioParameters], question: Question) -> None:
    """See that both arms can be built.

    Raises:
        ValueError: a parameter does not exist, or its value is refused.
    """
    for arm, values in (("control", question.control), ("treatment", question.treatment)):
        _check(f"{scenario}: {arm}", parameters, values)


def check_attack(scenario: str, parameters: type[ScenarioParameters], attack: Attack) -> None:
    """See that each choice of the attacker can be built by itself.

    Raises:
        ValueError: a parameter does not exist, or an end of its range or a value is refused.
    """
    where = f"{scenario}: attack"
    for one in attack.space:
        values = one.values if isinstance(one, Choice) else (_plain(one.low), _plain(one.high))
        for value in values:
            _check(where, parameters, {one.parameter: value})
        if isinstance(one, Knob):
            is_whole(parameters, one.parameter)


def _plain(value: float) -> float:
    """A whole number without its point, as parameters of whole numbers want it."""
    return int(value) if value == int(value) else value


def _check(where: str, parameters: type[ScenarioParameters], values: Mapping[str, object]) -> None:
    """Build parameters from values, and from their texts; both give the same."""
    texts = overrides(values)
    try:
        built = build_parameters(parameters, {}, texts)
    except UserError as error:
        raise ValueError(f"{where}: {str(error).removeprefix('--set ')}") from error
    if any("." in name for name in values):
        return  # what such a name leaves as it was is known to `build_parameters` alone
    if parameters.model_validate(dict(values)) != built:
        raise ValueError(f"{where}: {', '.join(texts)} is read as another value than was given")
