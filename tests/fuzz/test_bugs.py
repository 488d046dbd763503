"""Seeded bugs: they are in the code within the block, and nowhere else."""

from pathlib import Path

import pytest

from prsm_sim.actor.errors import UserError
from prsm_sim.fuzz.bugs import Bug, Patch, applied, load_bugs
from tests.fuzz import patched

WHERE = "tests.fuzz.patched:"
SEEDED = Path(__file__).parents[2] / "benchmarks" / "bugs" / "pbft.yaml"


def bug(*patches: tuple[str, str, str]) -> Bug:
    made = tuple(Patch(where=WHERE + where, old=old, new=new) for where, old, new in patches)
    return Bug(name="a bug", story="", patches=made)


def test_a_patch_is_there_within_the_block_only():
    keep = patched.double
    assert keep(3) == 6
    with applied(bug(("double", "2 * number", "3 * number"))):
        assert keep(3) == 9
        assert patched.Shop().price(2) == 16
    assert (keep(3), patched.Shop().price(2)) == (6, 14)


def test_methods_properties_and_decorated_functions_can_be_patched():
    two = bug(("Shop.price", "+ self.fee", "- self.fee"), ("Shop.fee", "10", "1"))
    with applied(two):
        assert patched.Shop().price(2) == 3
    assert patched.Shop().price(2) == 14


def test_two_patches_of_one_function():
    with applied(bug(("Shop.price", "double", "5 * double"), ("Shop.price", "+ self", "- self"))):
        assert patched.Shop().price(2) == 10


def test_what_raises_in_the_block_does_not_leave_the_bug_behind():
    with pytest.raises(ZeroDivisionError), applied(bug(("double", "2 *", "3 *"))):
        raise ZeroDivisionError
    assert patched.double(1) == 2


@pytest.mark.parametrize(
    ("patch", "says"),
    [
        (("double", "gone", "x"), "0 times"),
        (("double", "u", "x"), "times, not once"),
        (("missing", "a", "b"), "no such function"),
        (("Shop", "a", "b"), "not a plain function"),
    ],
)
def test_a_patch_that_does_not_fit_is_refused(patch, says):
    with pytest.raises(UserError, match=says), applied(bug(patch)):
        pass


def test_every_seeded_bug_fits_the_code():
    bugs = load_bugs(SEEDED)
    assert len(bugs) >= 30
    for one in bugs.values():
        with applied(one):
            pass


def test_a_missing_file_and_a_doubled_name_are_one_line(tmp_path):
    with pytest.raises(UserError, match="no seeded bugs here"):
        load_bugs(tmp_path / "none.yaml")
    entry = "- {name: a, story: s, patches: [{where: 'a:b', old: x, new: y}]}\n"
    (tmp_path / "two.yaml").write_text("bugs:\n" + 2 * entry)
    with pytest.raises(UserError, match="two bugs are called 'a'"):
        load_bugs(tmp_path / "two.yaml")
