"""A short run of the long fuzz; the long one is `economy_fuzz.py`, run as a program."""

from economy_fuzz import PARAMETERS, Fuzz

from economy.refusals import Refusal


def test_refused_operations_change_nothing_and_none_acts_twice():
    fuzz = Fuzz(seed=7)
    answers = fuzz.run(10_000)
    told = {answer.rpartition("refused: ")[2] for answer in answers}
    ledger_has = set(list(Refusal)[: list(Refusal).index(Refusal.MALFORMED) + 1])
    keeping = ("account-", "name-", "below-")
    assert {refusal.value for refusal in ledger_has} <= told, "every refusal occurs"
    assert len([answer for answer in told if answer.startswith(keeping)]) == 8
    assert answers["operation accepted"] > 500
    assert answers["call accepted"] > 1_000
    assert len(fuzz.acted) > 400
    assert fuzz.kept_most["keys"] <= 2 * PARAMETERS.key_window_ms


def test_it_is_the_same_story_for_a_seed():
    stories = [Fuzz(seed=3) for _ in range(2)]
    assert stories[0].run(500) == stories[1].run(500)
    assert stories[0].machine.snapshot() == stories[1].machine.snapshot()
