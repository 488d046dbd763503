"""Attacks: the search finds what theory says, and the same whoever works and when it stops."""

import csv
import json
import shlex
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from prsm_sim.actor.errors import UserError
from prsm_sim.cli.attack import search_of, spread
from prsm_sim.cli.main import main
from prsm_sim.registry import find_scenario
from prsm_sim.sweep import backends
from prsm_sim.sweep.attack import (
    Search,
    Trial,
    TrialFolder,
    Worth,
    front,
    run_search,
    verdict,
    worth,
)
from prsm_sim.sweep.backends import opened
from prsm_sim.sweep.design import Point
from prsm_sim.sweep.proposals import Option, Proposals, options_of
from prsm_sim.sweep.study import Outcome, Study
from tests.sweep.gamble import ATTACK, GambleParameters

pytestmark = pytest.mark.slow

GAMBLE = str(Path(__file__).with_name("gamble.py"))
Prsm = Callable[..., Result]
FACTOR, PRICE = 2.0, 0.5
BEST_STAKE = (FACTOR - PRICE) / (2 * FACTOR)
BEST_NET = (FACTOR - PRICE) ** 2 / (4 * FACTOR)


def search(*overrides: str, sampler: Any = "nsga2", seeds: int = 2, seed: int = 0) -> Search:
    return search_of(GAMBLE, overrides, seeds=seeds, fresh=2, sampler=sampler, seed=seed)


def run(what: Search, folder: Path, trials: int, workers: int = 1) -> list[Worth]:
    with TrialFolder(folder, what) as kept, opened("processes", workers) as runner:
        return list(run_search(kept, trials, runner))


def stake(one: Worth) -> float:
    return float(one.point[0].partition("=")[2])


@pytest.fixture
def prsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prsm:
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(main, list(words))


@pytest.mark.parametrize("sampler", ["nsga2", "tpe", "random"])
def test_each_sampler_finds_the_stake_that_is_best_in_theory(tmp_path: Path, sampler: str) -> None:
    found = run(search(sampler=sampler), tmp_path, 40)
    assert [one.number for one in found] == list(range(40))
    assert not any(one.failure for one in found)
    open_house = [one for one in found if one.point[2] == "house=honest"]
    best = max(found, key=lambda one: one.net.mean or 0.0)
    assert best in open_house
    nearest = min(open_house, key=lambda one: abs(stake(one) - BEST_STAKE))
    assert best.net.mean == pytest.approx(nearest.net.mean)  # the luck is the same in all trials
    assert abs(stake(best) - BEST_STAKE) < 0.05
    assert {one.point[1] for one in found} == {"tables=1", "tables=2", "tables=3"}


def test_a_trial_is_worth_what_the_closed_form_says(tmp_path: Path) -> None:
    for one in run(search(seeds=4), tmp_path, 20):
        x, is_open = stake(one), one.point[2] == "house=honest"
        brings = FACTOR * x * (1 - x) if is_open else 0.0
        assert one.cost.mean == pytest.approx(PRICE * x)
        assert one.harm.mean == pytest.approx(x * x)
        assert one.net.mean == pytest.approx(brings - PRICE * x, abs=0.025)
        assert one.gain.mean is not None
        assert one.return_on_cost == pytest.approx(one.gain.mean / (PRICE * x) - 1)
        assert one.net.count == 4
        assert one.net.low is not None
        assert one.net.low < one.net.mean
        assert one.is_profitable == (one.net.low > 0)


def test_the_search_is_the_same_to_the_byte_for_any_workers_and_interruptions(
    tmp_path: Path,
) -> None:
    run(search(), tmp_path / "a", 25)
    expected = (tmp_path / "a" / "trials.jsonl").read_bytes()
    run(search(), tmp_path / "b", 25, workers=2)
    assert (tmp_path / "b" / "trials.jsonl").read_bytes() == expected
    lines = expected.splitlines(keepends=True)
    assert len(lines) == 25
    for done, torn in ((0, 20), (10, 33), (24, 5)):
        folder = tmp_path / f"c{done}"
        TrialFolder(folder, search()).__exit__()
        (folder / "trials.jsonl").write_bytes(b"".join(lines[:done]) + lines[done][:torn])
        run(search(), folder, 25)
        assert (folder / "trials.jsonl").read_bytes() == expected
    run(search(), tmp_path / "shorter", 13)
    assert (tmp_path / "shorter" / "trials.jsonl").read_bytes() == b"".join(lines[:13])
    run(search(), tmp_path / "shorter", 25)
    assert (tmp_path / "shorter" / "trials.jsonl").read_bytes() == expected
    other = run(search(seed=1), tmp_path / "d", 5)
    assert [list(one.point) for one in other] != [json.loads(line)["point"] for line in lines[:5]]


def test_what_is_known_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only = search()
    few = msgspec.structs.replace(only, options=only.options[1:])  # 3 tables × 2 houses
    asked: list[int] = []
    run_task = backends.run_task

    def counted(study: Study, number: int) -> Outcome:
        asked.append(number)
        return run_task(study, number)

    monkeypatch.setattr(backends, "run_task", counted)
    found = run(few, tmp_path, 40)
    assert len(found) == 40
    assert len({one.point for one in found}) == 6
    assert len(asked) == 6 * 2
    trials = [msgspec.json.decode(line, type=Trial)
              for line in (tmp_path / "trials.jsonl").read_bytes().splitlines()]  # fmt: skip
    assert [o.task for trial in trials for o in trial.outcomes] == list(range(80))
    assert len({one.point for one in front(found)}) == len(front(found))
    asked.clear()
    assert run(few, tmp_path, 40) == found
    assert asked == []


def test_trials_that_fail_are_told_so_and_are_no_zeros(tmp_path: Path) -> None:
    found = run(search("breaks_above=0.6", "refuses_above=0.9"), tmp_path, 40)
    for one in found:
        assert bool(one.failure) == (stake(one) > 0.6)
        if one.failure:
            assert ("refused" in one.failure) == (stake(one) > 0.9)
            assert one.net.mean is None
            assert one.objectives is None
            assert not one.is_profitable
    assert sum(bool(one.failure) for one in found) >= 5
    assert not any(one.failure for one in front(found))


def test_a_sampler_learns_from_what_counts_and_not_from_what_failed() -> None:
    """What fails is left out: told as zeros, it would look better than any loss."""
    option = Option("x", 0.0, 1.0)

    def usual(objectives: Callable[[float], list[float] | None]) -> float:
        proposals = Proposals([option], "nsga2", 5)
        values = []
        for start in range(0, 200, 10):
            points = [proposals.ask() for _ in range(10)]
            for number, point in enumerate(points, start):
                values.append(float(point[0].partition("=")[2]))
                proposals.tell(number, objectives(values[-1]))
        return statistics.median(values[-60:])

    def loss(x: float) -> list[float]:
        return [-1.0 - (x - 0.2) ** 2, 0.0, 0.0]

    assert abs(usual(loss) - 0.2) < 0.05
    assert abs(usual(lambda x: None if x > 0.5 else loss(x)) - 0.2) < 0.05
    assert usual(lambda x: [0.0, 0.0, 0.0] if x > 0.5 else loss(x)) > 0.5


def test_whole_numbers_choices_and_ranges_become_overrides_inside_of_them() -> None:
    stake_option, tables, house = options_of(ATTACK, GambleParameters)
    assert (tables.whole, house.texts) == (True, ("house=honest", "house=closed"))
    assert stake_option.text(0.123456789) == "stake=0.123457"
    assert tables.text(2) == "tables=2"
    narrow = Option("x", 0.12345678, 0.12345679)
    assert narrow.text(0.123456785) == "x=0.123456785"
    proposals = Proposals([Option("x", 1.0, 1e6, logarithmic=True)], "random", 1)
    values = [float(proposals.ask()[0].partition("=")[2]) for _ in range(400)]
    assert 0.4 < sum(value < 1e3 for value in values) / 400 < 0.6
    assert min(values) >= 1
    assert max(values) <= 1e6


def test_whole_numbers_are_searched_by_ratios_if_they_are_to_be() -> None:
    for logarithmic, low, high in ((True, 0.4, 0.6), (False, 0.0, 0.05)):
        option = Option("n", 1, 10_000, whole=True, logarithmic=logarithmic)
        proposals = Proposals([option], "random", 1)
        values = [int(proposals.ask()[0].partition("=")[2]) for _ in range(400)]
        assert low < sum(value < 100 for value in values) / 400 < high


@pytest.mark.parametrize("sampler", ["nsga2", "tpe", "random"])
def test_the_seed_decides_what_is_proposed(sampler: Any) -> None:
    def asked(seed: int) -> list[Point]:
        proposals = Proposals([Option("x", 0.0, 1.0)], sampler, seed)
        return [proposals.ask() for _ in range(5)]

    assert asked(3) == asked(3)
    assert asked(3) != asked(4)


def test_the_sampler_is_told_what_came_of_each_trial(tmp_path: Path) -> None:
    what = search("breaks_above=0.8")
    found = run(what, tmp_path, 50)

    def asked(told: Callable[[Worth], Any]) -> list[Point]:
        proposals = Proposals(what.options, "nsga2", 0)
        points: list[Point] = []
        for start in range(0, 50, 10):
            points += [proposals.ask() for _ in range(10)]
            for one in found[start : start + 10]:
                proposals.tell(one.number, told(one))
        return points

    points = [one.point for one in found]
    assert asked(lambda one: one.objectives) == points
    assert asked(lambda one: None) != points
    assert asked(lambda one: one.objectives or (0.0, 0.0, 0.0)) != points


def outcome(seed: int, status: str = "pass", **metrics: float) -> Outcome:
    named = {f"attack.{name}_ftns": value for name, value in metrics.items()}
    return Outcome(task=seed, point=(), seed=seed, status=status, failure="it broke", metrics=named)


def test_what_a_free_or_a_broken_attack_is_worth() -> None:
    what = search()
    free = worth(what, 0, (), [outcome(n, gain=2.0, cost=0.0, harm=1.0) for n in range(3)])
    assert free.return_on_cost is None
    assert free.is_profitable
    assert free.objectives == (2.0, 1.0, 0.0)
    good = outcome(0, gain=2.0, cost=1.0, harm=0.0)
    partly = worth(what, 0, (), [good, outcome(1, "fail", gain=9.0, cost=0.0, harm=9.0), good])
    assert (partly.failure, partly.objectives) == ("seed 1: fail: it broke", None)
    assert partly.net.mean == partly.net.low == 1.0
    assert not partly.is_profitable
    silent = worth(what, 0, (), [good, outcome(1, gain=2.0, harm=0.0)])
    assert silent.failure == "seed 1: reports no attack.cost_ftns"
    assert silent.objectives is None


@pytest.mark.parametrize(
    ("nets", "says"),
    [
        (
            (0.4, 0.5, 0.6),
            "nets 0.50 ± 0.25 with fresh seeds: it pays; 1 of 2 trials is profitable",
        ),
        ((-0.4, -0.5, -0.6), "nets -0.50 ± 0.25 with fresh seeds: it does not pay; 1 of 2 trials"),
        ((-0.4, 0.5, 0.1), "with fresh seeds: that may be chance; 1 of 2 trials is profitable"),
    ],
)
def test_fresh_seeds_decide(nets: tuple[float, ...], says: str) -> None:
    what = search()
    good = [outcome(n, gain=net + 1.0, cost=1.0, harm=0.0) for n, net in enumerate(nets)]
    lucky = worth(what, 0, (), [outcome(n, gain=2.0, cost=1.0, harm=0.0) for n in range(2)])
    poor = worth(what, 1, (), [outcome(n, gain=0.0, cost=1.0, harm=0.0) for n in range(2)])
    assert says in verdict([lucky, poor], worth(what, 0, (), good))
    assert "none of 1 trials is profitable" in verdict([poor], worth(what, 1, (), good))
    broken = worth(what, 0, (), [*good, outcome(9, "fail")])
    assert "it fails with fresh seeds (seed 9: fail: it broke)" in verdict([lucky], broken)
    failed = msgspec.structs.replace(poor, failure="no")
    assert "1 of 2 trials failed and count for nothing" in verdict([lucky, failed], lucky)
    assert verdict([failed], None).startswith("Nothing can be said; 1 of 1 trials failed")


def test_a_folder_belongs_to_one_search(tmp_path: Path) -> None:
    run(search(), tmp_path, 5)
    with pytest.raises(UserError, match=r"holds another search .*study"):
        TrialFolder(tmp_path, search("odds.price=1"))
    with pytest.raises(UserError, match=r"holds another search .*sampler"):
        TrialFolder(tmp_path, search(sampler="random"))
    file = tmp_path / "trials.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + lines[1].replace(b'"stake=', b'"stake=1'))
    with pytest.raises(UserError, match="trial 1 is not what this search proposes"):
        run(search(), tmp_path, 5)
    file.write_bytes(lines[0] + b"{}\n" + lines[2])
    with pytest.raises(UserError, match=r"trials.jsonl:2: damaged .* its trial runs again"):
        TrialFolder(tmp_path, search())


def test_the_command_tells_the_front_the_verdict_and_how_to_see_it(
    prsm: Prsm, tmp_path: Path
) -> None:
    words = ("attack", GAMBLE, "--trials", "40", "--seed", "4", "--set", "odds.factor=3")
    result = prsm(*words, "--json", "--out", "s")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    trials = [msgspec.json.decode(line, type=Trial)
              for line in (tmp_path / "s" / "trials.jsonl").read_bytes().splitlines()]  # fmt: skip
    means: dict[int, tuple[float, ...]] = {}
    for trial in {trial.point: trial for trial in reversed(trials)}.values():
        sums = [sum(one.metrics[f"attack.{name}_ftns"] for one in trial.outcomes) / 5
                for name in ("gain", "cost", "harm")]  # fmt: skip
        means[trial.number] = (sums[0] - sums[1], sums[2], -sums[1])
    expected = {
        number for number, one in means.items()
        if not any(all(a >= b for a, b in zip(x, one, strict=True)) and x != one
                   for x in means.values())
    }  # fmt: skip
    numbers = [one["worth"]["number"] for one in found["front"]]
    assert set(numbers) == expected
    assert numbers == sorted(numbers, key=lambda number: -means[number][0])
    first = found["front"][0]
    run_words = shlex.split(first["command"])
    assert run_words[:5] == ["prsm", "run", GAMBLE, "--seed", "4"]
    again = json.loads(prsm(*run_words[1:], "--json").stdout)
    shown_metrics = trials[numbers[0]].outcomes[0].metrics
    assert again["metrics"]["attack"]["gain_ftns"] == shown_metrics["attack.gain_ftns"]
    assert again["digest"] == trials[numbers[0]].outcomes[0].digest
    assert found["fresh"]["net"]["count"] == 20
    fresh = json.loads((tmp_path / "s" / f"fresh-{numbers[0]}-20" / "study.json").read_text())
    assert (fresh["first_seed"], fresh["seeds"]) == (9, 20)  # the search had 4 to 8
    assert found["fresh"]["net"]["mean"] == pytest.approx((3 - 0.5) ** 2 / 12, abs=0.03)
    with (tmp_path / "s" / "front.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["trial"]) for row in rows] == numbers
    for row, one in zip(rows, found["front"], strict=True):
        assert float(row["net_mean"]) == one["worth"]["net"]["mean"]
        assert float(row["return"]) == one["worth"]["return_on_cost"]
        assert f"stake={row['stake']}" in one["worth"]["point"]
    shown = prsm(*words, "--out", "s")
    assert first["command"] in shown.stdout
    assert f"{found['profitable']} of 40 trials are profitable" in shown.stdout
    assert shown.stdout.strip().splitlines()[-1] == found["verdict"]
    assert "40 of 40 trials, 0 failed; in s" in shown.stderr


def test_failures_are_counted_and_the_exit_code_is_1(prsm: Prsm) -> None:
    words = ("attack", GAMBLE, "--trials", "12", "--seeds", "2", "--fresh", "2")
    result = prsm(*words, "--set", "breaks_above=0.5")
    assert result.exit_code == 1
    assert "fail: stakes are allowed" in result.stderr
    assert "of 12 trials failed and count for nothing" in result.stdout
    everything = prsm(*words, "--set", "breaks_above=-1")
    assert everything.exit_code == 1
    assert everything.stdout.strip().startswith("Nothing can be said; 12 of 12 trials failed")


def test_a_person_who_stops_keeps_what_there_is(
    prsm: Prsm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("attack", GAMBLE, "--trials", "25", "--seeds", "2", "--fresh", "2", "--out")
    whole = prsm(*words, "a")
    add = TrialFolder.add
    left = iter(range(14))

    def stopping(self: TrialFolder, trial: Trial) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        add(self, trial)

    monkeypatch.setattr(TrialFolder, "add", stopping)
    result = prsm(*words, "b", "--workers", "2")
    assert result.exit_code == 130
    assert "14 of 25 trials, 0 failed; in b; the same command goes on" in result.stderr
    assert "nets" not in result.stdout
    assert not (tmp_path / "b" / "front.csv").exists()
    ask = Proposals.ask

    def interrupted(_self: Proposals) -> Point:
        raise KeyboardInterrupt

    monkeypatch.setattr(Proposals, "ask", interrupted)
    assert "14 of 25 trials, 0 failed; in b;" in prsm(*words, "b").stderr
    monkeypatch.setattr(Proposals, "ask", ask)
    monkeypatch.setattr(TrialFolder, "add", add)
    assert prsm(*words, "b").stdout == whole.stdout
    for name in ("trials.jsonl", "front.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((GAMBLE, "--set", "stake=0.1"), "--set stake=0.1: the attacker chooses stake"),
        ((GAMBLE, "--set", "odds.prise=1"), "did you mean 'price'"),
        ((GAMBLE, "--set", "is_silent=true"), "attack.cost_ftns: no run reports this metric"),
        (("compute_queue",), "compute_queue: offers no attack"),
        ((GAMBLE, "--seed", str(2**64 - 10)), "seeds end at 2^64 - 1"),
        ((GAMBLE, "--trials", "0"), "--trials"),
    ],
)
def test_what_is_wrong_is_one_line(prsm: Prsm, words: tuple[str, ...], says: str) -> None:
    result = prsm("attack", *words)
    assert result.exit_code == 2
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_without_optuna_the_extra_is_named(prsm: Prsm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    result = prsm("attack", GAMBLE)
    assert result.exit_code == 2
    assert "Optuna is not installed; pip install 'prsm-sim[sweep]'" in result.stderr
    assert find_scenario(GAMBLE).scenario.attack is not None


def test_a_long_front_is_shown_from_end_to_end() -> None:
    assert spread(3, 5) == [0, 1, 2]
    assert spread(9, 5) == [0, 2, 4, 6, 8]
    assert spread(1000, 20)[0] == 0
    assert spread(1000, 20)[-1] == 999
    assert len(set(spread(1000, 20))) == 20
