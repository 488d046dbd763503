"""What a scenario names itself is checked when it is defined, and survives being text."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from prsm_sim.arms import is_whole, override, overrides
from prsm_sim.parameters import parse_override
from prsm_sim.scenario import (
    Attack,
    Choice,
    Knob,
    Measure,
    Question,
    Scenario,
    ScenarioParameters,
    scenario,
)
from tests.sweep.gamble import ATTACK, QUESTION, GambleParameters, gamble

MEASURES = (Measure("noise", "luck, FTNS"),)
SCALARS = st.none() | st.text(max_size=5) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def question(treatment: dict[str, Any], control: dict[str, Any] | None = None) -> Question:
    return Question("Is it?", "It is not.", control or {}, treatment, MEASURES)


def define(asked: Question | None = None, attack: Attack | None = None) -> Scenario[Any]:
    def nothing(world: object, parameters: GambleParameters) -> None:
        """Nothing."""

    return scenario(GambleParameters, question=asked, attack=attack)(nothing)


@given(VALUES)
def test_a_value_that_is_written_is_read_again(value: object) -> None:
    path, found = parse_override(override("outer.inner", value))
    assert path == ("outer", "inner")
    assert (float(found) if isinstance(value, float) else found) == value  # type: ignore[arg-type]


def test_values_are_written_as_people_write_them() -> None:
    assert overrides({"a": 1, "b": 0.25, "c": True, "d": "exponential:0.01", "e": (1, 2)}) == (
        "a=1", "b=0.25", "c=true", "d=exponential:0.01", "e=[1, 2]",
    )  # fmt: skip


def test_a_scenario_carries_its_question_and_its_attack() -> None:
    assert gamble.question is QUESTION
    assert gamble.attack is ATTACK
    assert define().question is None
    assert define(question({"odds.factor": 3.0, "tables": 2})).question is not None
    with pytest.raises(TypeError):
        QUESTION.control["stake"] = 1.0  # type: ignore[index]


@pytest.mark.parametrize(
    ("treatment", "says"),
    [
        ({"stakes": 0.5}, r"treatment: stakes=0.5: stakes: unknown name; did you mean 'stake'"),
        ({"stake": 1.5}, r"treatment: stake=1.5: stake: 1.5 is out of range.* from 0 to 1"),
        ({"odds.factors": 1.0}, r"treatment: odds.factors=1.0: .* did you mean 'factor'"),
        ({"tables": 1.5}, "must be a whole number"),
    ],
)
def test_an_arm_that_cannot_be_built_is_refused_at_once(
    treatment: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        define(question(treatment))
    with pytest.raises(ValueError, match=says.replace("treatment", "control")):
        define(question({"stake": 0.1}, treatment))


class Loose(ScenarioParameters):
    mark: int | str = Field(0)


def test_an_arm_that_text_would_change_is_refused() -> None:
    def build(world: object, parameters: Loose) -> None:
        """Nothing."""

    asked = question({"mark": 5})
    with pytest.raises(ValueError, match="mark=5 is read as another value"):
        scenario(Loose, question=asked)(build)
    assert scenario(Loose, question=question({"mark": "five"}))(build).name == "build"


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (Knob("stake", 0, 1.5), "out of range"),
        (Knob("stake", -0.5, 1), "out of range"),
        (Knob("tables", 1, 2.5), "whole number"),
        (Knob("steak", 0, 1), "did you mean 'stake'"),
        (Knob("odds.pric", 0, 1), "did you mean 'price'"),
        (Knob("breaks_on_luck", 0, 1), "takes no numbers"),
        (Choice("tables", (1, 4)), "tables: 4 is out of range"),
    ],
)
def test_a_choice_that_the_parameters_refuse_is_refused_at_once(
    option: Knob | Choice, says: str
) -> None:
    with pytest.raises(ValueError, match=f"nothing: attack: .*{says}|{says}"):
        define(attack=Attack((Knob("odds.factor", 1, 2), option)))


def test_what_cannot_be_asked_or_chosen_is_refused() -> None:
    for wrong in (
        lambda: question({}),
        lambda: Question("", "It is not.", {}, {"stake": 1}, MEASURES),
        lambda: Question("Is it?", " ", {}, {"stake": 1}, MEASURES),
        lambda: Question("Is it?", "It is not.", {}, {"stake": 1}, ()),
        lambda: Question("Is it?", "It is not.", {}, {"stake": 1}, MEASURES * 2),
        lambda: Question("Is it?", "It is not.", {}, {"stake": 1}, MEASURES, seeds=1),
        lambda: Measure("noise", ""),
        lambda: Measure("noise", "luck", "up"),  # type: ignore[arg-type]
        lambda: Knob("stake", 1, 1),
        lambda: Knob("stake", 0, math.inf),
        lambda: Knob("stake", 0, 1, logarithmic=True),
        lambda: Choice("house", ("honest",)),
        lambda: Choice("house", ("honest", "closed", "honest")),
        lambda: Attack(()),
        lambda: Attack((Knob("stake", 0, 1), Knob("stake", 0, 0.5))),
    ):
        with pytest.raises(ValueError):  # noqa: PT011  # each says something else
            wrong()


def test_whole_numbers_are_known_by_their_type() -> None:
    assert is_whole(GambleParameters, "tables")
    assert not is_whole(GambleParameters, "stake")
    assert not is_whole(GambleParameters, "odds.price")
