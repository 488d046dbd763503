from collections import Counter

import pytest

from agents.pipeline.architect import Refraction
from agents.pipeline.intent import objection
from agents.pipeline.tasks import FindExtreme, SeparateClasses
from prsm_sim.actor import UserError
from scenarios.research_market.questions import load_questions

WINE = (
    "{find: best_separation, data: wine, classes: [cultivar 1, cultivar 3], count: 3, "
    "criterion: fisher, method: bayes}"
)


def test_the_shipped_file_has_enough_questions_of_enough_kinds_that_need_recursion():
    questions = load_questions()
    assert len(questions) >= 24
    assert len(Counter(question.kind for question in questions)) >= 6
    depths = [Refraction(5, 300).graph(question.goal).depth for question in questions]
    assert sum(depth >= 2 for depth in depths) >= 4
    assert max(depths) == 3
    assert all(objection(question.goal) is None for question in questions)
    assert len({question.id for question in questions}) == len(questions)


def write(tmp_path, want, extra=""):
    path = tmp_path / "questions.yaml"
    path.write_text(f"questions:\n  - id: a\n    text: t\n    kind: k\n    want: {want}\n{extra}")
    return path


def test_names_become_indexes(tmp_path):
    (question,) = load_questions(write(tmp_path, WINE))
    assert question.goal == SeparateClasses("wine", (0, 2), 3, "fisher", "bayes")
    want = f"{{find: largest, among: {{first: {WINE}, second: {WINE}}}}}"
    (question,) = load_questions(write(tmp_path, want))
    assert isinstance(question.goal, FindExtreme)
    assert [part.label for part in question.goal.parts] == ["first", "second"]


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ("cultivar 3", "cultivar 33", "5:", "did you mean 'cultivar 3'"),
        ("data: wine", "data: wines", "5:", "wine"),
        ("count: 3", "count: 0", "5:", "count"),
        ("count: 3", "count: 14", "5:", "count must be 1 to 13"),
        ("criterion: fisher", "criterium: fisher", "5:", "criterium"),
        ("find: best_separation", "find: best_separations", "5:", "find"),
        ("cultivar 1, cultivar 3", "cultivar 1, cultivar 1", "5:", "classes must differ"),
        ("cultivar 1, cultivar 3", "cultivar 1", "5:", "classes"),
    ],
)
def test_a_mistake_is_reported_in_one_line_with_its_place(tmp_path, old, new, place, said):
    with pytest.raises(UserError) as caught:
        load_questions(write(tmp_path, WINE.replace(old, new)))
    line = str(caught.value)
    assert "\n" not in line
    assert f"questions.yaml:{place}" in line
    assert said in line


def test_two_questions_of_one_name_are_reported(tmp_path):
    extra = f"  - id: a\n    text: t\n    kind: k\n    want: {WINE}\n"
    with pytest.raises(UserError, match="two questions are called 'a'"):
        load_questions(write(tmp_path, WINE, extra))


def test_a_file_that_is_not_there_is_reported(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        load_questions(tmp_path / "none.yaml")
