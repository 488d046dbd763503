"""Answers: against a paired test of scipy's, and that what failed has no say."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy import stats

from prsm_sim.actor.errors import UserError
from prsm_sim.cli.main import main
from prsm_sim.scenario import Direction, Measure, Question
from prsm_sim.sweep.analysis import Estimate
from prsm_sim.sweep.answer import Answer, answer
from prsm_sim.sweep.study import Outcome
from prsm_sim.sweep.wording import mean_text, plus_minus

GAMBLE = str(Path(__file__).with_name("gamble.py"))
Prsm = Callable[..., Result]


def asked(expected: Direction = "different", others: tuple[str, ...] = ()) -> Question:
    measures = (Measure("x", "x, 1", expected), *(Measure(name, name) for name in others))
    return Question("Is it?", "It is not.", {}, {"stake": 1}, measures)


def arm(values: Any, status: str = "pass", **others: Any) -> list[Outcome]:
    """Outcomes, one a value; NaN where a run has none."""
    return [
        Outcome(
            task=0, point=(), seed=seed, status=status,
            metrics={"unasked": float(seed)}
            | {name: float(column[seed]) for name, column in (("x", values), *others.items())
               if not np.isnan(column[seed])},
        )
        for seed in range(len(values))
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("shift", "expected", "verdict", "contradicts"),
    [
        (1.0, "different", "rejected", False),
        (1.0, "greater", "rejected", False),
        (1.0, "less", "not rejected", True),
        (-1.0, "less", "rejected", False),
        (-1.0, "greater", "not rejected", True),
        (0.0, "different", "not rejected", False),
        (0.0, "greater", "not rejected", False),
    ],
)
def test_the_primary_measure_decides(
    shift: float, expected: Direction, verdict: str, contradicts: bool
) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 40))
    found = answer(asked(expected, ("y",)), arm(x, y=y), arm(x[::-1] + shift, y=y + 9))
    assert (found.verdict, found.contradicts) == (verdict, contradicts)
    assert found.sentence.startswith(f"Null hypothesis {verdict} at the 95 % level: ")
    assert ("the opposite of what was expected" in found.sentence) == contradicts
    is_as_expected = verdict == "rejected" and expected != "different"
    assert found.sentence.endswith(", as expected.") == is_as_expected
    if shift:
        assert f"x is {'greater' if shift > 0 else 'less'} (by {shift:.0f}" in found.sentence


def test_it_is_the_paired_test_with_holms_adjustment_over_the_measures_alone() -> None:
    rng = np.random.default_rng(2)
    x, y, z = rng.normal(size=(3, 12))
    x_2, y_2, z_2 = x + rng.normal(0.5, 0.6, 12), y + rng.normal(0.4, 0.6, 12), z + 0.001 * x
    found = answer(asked(others=("y", "z")), arm(x, y=y, z=z), arm(x_2, y=y_2, z=z_2))
    plain = [stats.ttest_rel(a, b).pvalue for a, b in ((x_2, x), (y_2, y), (z_2, z))]
    order = np.argsort(plain)
    adjusted = np.maximum.accumulate([min(1.0, plain[n] * (3 - k)) for k, n in enumerate(order)])
    for p, place in zip(adjusted, order, strict=True):
        difference = found.findings[place].difference
        assert difference is not None
        assert difference.p == pytest.approx(p)
    first = found.findings[0]
    wide = stats.ttest_rel(x_2, x).confidence_interval(1 - 0.05 / 3)
    assert first.difference is not None
    assert (first.difference.low, first.difference.high) == pytest.approx(wide)
    narrow = stats.t.interval(0.95, 11, np.mean(x), stats.sem(x))
    assert (first.control.low, first.control.high) == pytest.approx(narrow)
    assert first.treatment.mean == pytest.approx(np.mean(x_2))


def test_a_true_null_hypothesis_is_rejected_no_more_often_than_the_level_says() -> None:
    rng = np.random.default_rng(3)
    rejected = 0
    for _ in range(400):
        x, y = rng.normal(size=(2, 8))
        rejected += answer(asked(), arm(x), arm(y)).verdict == "rejected"
    low, high = stats.binom.interval(0.9999, 400, 0.05)
    assert low <= rejected <= high


def test_a_run_that_failed_takes_its_pair_with_it_and_is_counted() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 10))
    first, second = arm(x), arm(y)
    first[2] = Outcome(task=2, point=(), seed=2, status="fail", metrics={"x": 1e9})
    second[5] = Outcome(task=5, point=(), seed=5, status="error", failure="no")
    found = answer(asked(), first, second)
    assert (found.seeds, found.pairs, found.failed) == (10, 8, (1, 1))
    kept = [n for n in range(10) if n not in (2, 5)]
    assert found.findings[0].control.mean == pytest.approx(np.mean(x[kept]))
    assert found.findings[0].control.count == 8
    difference = found.findings[0].difference
    assert difference is not None
    assert difference.p == pytest.approx(stats.ttest_rel(x[kept], y[kept]).pvalue)


def test_a_measure_that_some_runs_lack_is_taken_over_the_others() -> None:
    x = np.arange(6.0)
    y = np.array([1.0, 2.0, np.nan, 4.0, 5.0, 6.0])
    other_y = np.array([0.0, 1.0, 2.0, 3.0, np.nan, 5.0])
    found = answer(asked(others=("y", "z")), arm(x, y=y), arm(x + 1, y=other_y))
    y_found, z_found = found.findings[1:]
    assert y_found.difference is not None
    assert (y_found.difference.pairs, y_found.control.count, y_found.treatment.count) == (4, 4, 4)
    assert y_found.control.mean == pytest.approx(np.mean(y[[0, 1, 3, 5]]))
    assert y_found.treatment.mean == pytest.approx(np.mean(x[[0, 1, 3, 5]]))
    assert z_found.difference is None
    assert z_found.control.mean is None


def test_what_was_not_tested_is_not_decided() -> None:
    bad = arm(np.ones(3), status="fail")
    found: Answer = answer(asked(), bad, arm(np.zeros(3)))
    assert (found.verdict, found.pairs, found.failed) == ("not tested", 0, (3, 0))
    assert "fewer than 2 pairs" in found.sentence
    one = answer(asked(), [*arm(np.ones(1)), *bad[1:]], arm(np.zeros(3)))
    assert one.verdict == "not tested"
    with pytest.raises(UserError, match=r"nothing: no run reports .*\(there are unasked, x\)"):
        answer(Question("?", "!", {}, {"s": 1}, (Measure("nothing", "no"),)), bad, arm(np.ones(3)))


@pytest.fixture
def prsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prsm:
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(main, list(words))


def test_the_command_answers_as_theory_does(prsm: Prsm) -> None:
    result = prsm("answer", GAMBLE)
    assert result.exit_code == 0, result.output
    for text in ("Does staking half of it pay?", "brings no more than staking nothing",
                 "stake=0.5 odds.factor=3.0", "6 of 6", "what the stake brings in, FTNS",
                 "attack.gain_ftns", "> 0"):  # fmt: skip
        assert text in result.stdout, text
    *_, sentence = result.stdout.strip().splitlines()
    assert sentence.startswith("Null hypothesis rejected at the 95 % level: under the treatment")
    assert "is greater (by 0.75, [0.75, 0.75]" in sentence  # 3·½·½: the same luck in both arms
    assert "12 runs, 0 failed; in studies/gamble-" in result.stderr


def test_the_answer_is_the_same_whoever_works_and_however_often_it_was_stopped(
    prsm: Prsm, tmp_path: Path
) -> None:
    words = ("answer", GAMBLE, "--seeds", "4", "--first-seed", "3", "--json", "--out")
    first = prsm(*words, "a")
    table = (tmp_path / "a" / "results.csv").read_bytes()
    second = prsm(*words, "b", "--workers", "2")
    assert (tmp_path / "b" / "results.csv").read_bytes() == table
    lines = (tmp_path / "a" / "outcomes.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "a" / "outcomes.jsonl").write_bytes(b"".join(lines[:5]) + lines[5][:9])
    (tmp_path / "a" / "results.csv").unlink()
    again = prsm(*words, "a")
    assert again.stdout == first.stdout == second.stdout.replace('"b"', '"a"')
    assert (tmp_path / "a" / "results.csv").read_bytes() == table
    assert json.loads(first.stdout)["answer"]["seeds"] == 4
    assert b"\nstake" not in table
    assert [row.split(b",")[2] for row in table.splitlines()[1:]] == [b"3", b"4", b"5", b"6"] * 2


def test_runs_that_fail_are_counted_and_the_exit_code_is_1(prsm: Prsm) -> None:
    result = prsm("answer", GAMBLE, "--set", "breaks_above=0.4", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)["answer"]
    assert found["failed"] == [0, 6]
    assert found["verdict"] == "not tested"
    assert found["findings"][0]["treatment"]["mean"] is None
    assert "fail: stakes are allowed" in result.stderr
    some = prsm("answer", GAMBLE, "--set", "breaks_on_luck=true", "--seeds", "12")
    assert some.exit_code == 1
    assert "pairs do not count" in some.stdout
    assert "Null hypothesis rejected" in some.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((GAMBLE, "--set", "stake=0.1"), "--set stake=0.1: an arm of the question sets stake"),
        ((GAMBLE, "--set", 'odds={"price": 1}'), "an arm of the question sets odds.factor"),
        ((GAMBLE, "--set", "stak=0.1"), "did you mean 'stake'"),
        ((GAMBLE, "--set", "stake"), "write it as --set name=value"),
        ((GAMBLE, "--seeds", "1"), "--seeds"),
        (("kinetic_exchang",), "no such scenario"),
        (("compute_queue",), "compute_queue: asks no question"),
    ],
)
def test_what_is_wrong_is_one_line(prsm: Prsm, words: tuple[str, ...], says: str) -> None:
    result = prsm("answer", *words)
    assert result.exit_code == 2
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_without_a_scenario_the_questions_are_listed(
    prsm: Prsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prsm_sim.registry import find_scenario

    both = [find_scenario(GAMBLE).scenario, find_scenario("compute_queue").scenario]
    monkeypatch.setattr("prsm_sim.cli.scenarios.load_installed", lambda: (both, {}))
    shown = prsm("answer")
    assert shown.exit_code == 0
    assert shown.stdout == "gamble  Does staking half of it pay?\n"
    (only,) = json.loads(prsm("answer", "--json").stdout)["questions"]
    assert only["scenario"] == "gamble"
    assert only["measures"] == ["attack.gain_ftns", "noise"]
    monkeypatch.setattr("prsm_sim.cli.scenarios.load_installed", lambda: (both[1:], {}))
    assert "no installed scenario asks a question" in prsm("answer").stdout


@pytest.mark.parametrize(
    ("mean", "half", "text"),
    [
        (6088.31, 843.0, "6,090 ± 840"),
        (0.76067, 0.0019, "0.7607 ± 0.0019"),
        (-1006.7, 7.21, "-1,006.7 ± 7.2"),
        (0.0, 0.0999, "0.000 ± 0.100"),
        (2.5e7, 1.26e6, "25,000,000 ± 1,300,000"),
        (1e-12, 3e-13, "1e-12 ± 3e-13"),
        (0.5, 0.0, "0.5 ± 0"),
    ],
)
def test_a_mean_is_shown_to_the_digits_that_its_interval_leaves(
    mean: float, half: float, text: str
) -> None:
    assert plus_minus(mean, half) == text


def test_a_mean_without_an_interval_or_without_values() -> None:
    assert mean_text(Estimate(1, 2.0, None, None, 2.0)) == "2"
    assert mean_text(Estimate(0, None, None, None, None)) == "–"
    assert mean_text(Estimate(2, 2.0, 1.5, 2.5, 2.0)) == "2.00 ± 0.50"
