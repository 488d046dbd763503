"""The search for the worst attack: what a rational attacker would choose, and what it is worth.

A *trial* is one choice of the attacker, run with every seed of the search; all trials get the same
seeds. Its worth is the mean over them of the net gain (gain − cost), of the harm to others and of
the cost. The search maximises the first two and minimises the third, and keeps the Pareto front
(`prsm_sim.sweep.pareto`): who knows only the most profitable attack does not know how cheaply how
much can be destroyed. A trial counts only if each of its runs went well: a mean over some of them
would reward choices that break the scenario. What failed is counted, and is no zero.

The best of many trials owes part of its mean to luck on the seeds of the search. So the most
profitable one is run once more with seeds that the search has not seen, and these decide whether it
pays.

    search.json       what is searched; a folder belongs to one search
    trials.jsonl      one line a trial, by number, as they are done
    front.csv         the Pareto front
    fresh-…/          the study of the best attack with fresh seeds

A trial that failed because its process was killed has failed for good: the search has gone on from
that. How many trials there are is no part of what a search is, so a longer one begins like a
shorter one.
"""

import csv
import io
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import msgspec

from prsm_sim.actor.errors import UserError
from prsm_sim.sweep import pareto
from prsm_sim.sweep.analysis import Estimate, estimate
from prsm_sim.sweep.backends import Runner
from prsm_sim.sweep.design import Point
from prsm_sim.sweep.kept import Lines, claim, replace
from prsm_sim.sweep.proposals import BATCH, Option, Proposals, Sampler
from prsm_sim.sweep.study import Outcome, Study
from prsm_sim.sweep.wording import mean_text

SEARCH, TRIALS, FRONT = "search.json", "trials.jsonl", "front.csv"


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched.

    Attributes:
        study: what is run at each point; it has no points of its own.
        options: what the attacker chooses.
        gain: metric of what the attack brings in.
        cost: of what it costs.
        harm: of what others lose.
        sampler: what proposes the trials.
        optuna: the release of Optuna that proposes.
    """

    study: Study
    options: tuple[Option, ...]
    gain: str
    cost: str
    harm: str
    sampler: Sampler
    optuna: str


class Trial(msgspec.Struct, frozen=True):
    """One choice of the attacker.

    Attributes:
        number: counted from 0.
        point: the choice, as overrides.
        outcomes: of its runs, by seed.
    """

    number: int
    point: Point
    outcomes: tuple[Outcome, ...]


class Worth(msgspec.Struct, frozen=True):
    """What a trial is worth.

    Attributes:
        number: of the trial.
        point: its choice.
        net: gain − cost.
        gain: what it brings in.
        cost: what it costs.
        harm: what others lose.
        return_on_cost: gain / cost − 1 of the means; None if it costs nothing.
        failure: why it counts for nothing; empty: it counts.
        failed_seed: with which seed; None: it counts.
    """

    number: int
    point: Point
    net: Estimate
    gain: Estimate
    cost: Estimate
    harm: Estimate
    return_on_cost: float | None
    failure: str = ""
    failed_seed: int | None = None

    @property
    def objectives(self) -> tuple[float, float, float] | None:
        """Means of net gain, harm and cost; None if it counts for nothing."""
        means = (self.net.mean, self.harm.mean, self.cost.mean)
        if self.failure or means[0] is None or means[1] is None or means[2] is None:
            return None
        return means[0], means[1], means[2]

    @property
    def is_profitable(self) -> bool:
        """Whether the interval of its net gain is above 0."""
        return not self.failure and self.net.low is not None and self.net.low > 0


def worth(search: Search, number: int, point: Point, outcomes: Sequence[Outcome],
          level: float = 0.95) -> Worth:  # fmt: skip
    """What came of one choice, over its seeds.

    Args:
        search: says which metrics count.
        number: of the trial.
        point: its choice.
        outcomes: of its runs; those that failed have no say in the means.
        level: coverage of each interval.
    """
    names = (search.gain, search.cost, search.harm)
    failures: list[tuple[str, int]] = []
    values: list[tuple[float, float, float]] = []
    for one in outcomes:
        missing = [name for name in names if name not in one.metrics]
        if not one.is_good:
            failures.append((f"seed {one.seed}: {one.status}: {one.failure}", one.seed))
        elif missing:
            failures.append((f"seed {one.seed}: reports no {missing[0]}", one.seed))
        else:
            gain, cost, harm = (one.metrics[name] for name in names)
            values.append((gain, cost, harm))
    gains, costs, harms = ([each[place] for each in values] for place in range(3))
    net = estimate([gain - cost for gain, cost, _ in values], level)
    gain_of, cost_of = estimate(gains, level), estimate(costs, level)
    ratio = None
    if gain_of.mean is not None and cost_of.mean is not None and cost_of.mean > 0:
        ratio = gain_of.mean / cost_of.mean - 1
    failure, seed = failures[0] if failures else ("", None)
    harm_of = estimate(harms, level)
    return Worth(number, point, net, gain_of, cost_of, harm_of, ratio, failure, seed)


def front(found: Sequence[Worth]) -> list[Worth]:
    """The choices that none beats in net gain, harm and cost at once; most net gain first.

    A choice that was proposed again is there once.
    """
    once: dict[Point, Worth] = {}
    for one in found:
        if one.objectives is not None:
            once.setdefault(one.point, one)
    counted = list(once.values())
    vectors = [
        (net, harm, -cost) for net, harm, cost in (w.objectives for w in counted if w.objectives)
    ]
    kept = [counted[place] for place in pareto.front(vectors)]
    return sorted(kept, key=lambda one: (-(one.net.mean or 0.0), one.number))


class TrialFolder:
    """Trials of one search on disk. Use it as a context manager.

    Args:
        path: the folder; made if it is not there.
        search: what is searched.

    Attributes:
        done: the trials so far, by number.

    Raises:
        UserError: the folder holds another search or is damaged, or cannot be written.
    """

    def __init__(self, path: Path, search: Search) -> None:
        self.path = path
        self.search = search
        try:
            claim(path, SEARCH, search, TRIALS)
            self._lines = Lines(path / TRIALS, Trial, "trial")
        except OSError as error:
            raise UserError(f"{path}: cannot be written ({error.strerror})") from error
        self.done = {trial.number: trial for trial in self._lines.known}

    def __enter__(self) -> "TrialFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()

    def add(self, trial: Trial) -> None:
        """Keep a trial; it is on disk when this returns."""
        self._lines.add([trial])
        self.done[trial.number] = trial


def run_search(folder: TrialFolder, trials: int, run: Runner) -> Generator[Worth, None, None]:
    """Run what is missing of the first so many trials; yields the worth of each, by number.

    Args:
        folder: of the search.
        trials: how many.
        run: runs the tasks of a study (`prsm_sim.sweep.backends.opened`).

    Raises:
        UserError: the folder's trials are none that this search would have made, or no run of the
            first batch reports the metrics.
    """
    search = folder.search
    proposals = Proposals(search.options, search.sampler, search.study.first_seed)
    for start in range(0, trials, BATCH):
        numbers = range(start, min(start + BATCH, trials))
        points = {number: proposals.ask() for number in numbers}
        for number, point in points.items():
            if number in folder.done and folder.done[number].point != point:
                raise UserError(
                    f"{folder.path}: trial {number} is not what this search proposes; "
                    "take another folder"
                )
        found: list[Worth] = []
        for trial in _batch(folder, points, run):
            found.append(worth(search, trial.number, trial.point, trial.outcomes))
            yield found[-1]
        if start == 0:
            _see_metrics(folder, found)
        for one in found:
            proposals.tell(one.number, one.objectives)


def _batch(folder: TrialFolder, points: dict[int, Point], run: Runner) -> Iterator[Trial]:
    """The trials of a batch, by number; a choice that was run already is not run again."""
    seeds = folder.search.study.seeds
    known = {trial.point: trial.outcomes for trial in folder.done.values()}
    new = tuple(dict.fromkeys(point for point in points.values() if point not in known))
    waiting = list(points.items())
    outcomes: list[Outcome] = []
    study = msgspec.structs.replace(folder.search.study, points=new)

    def ready() -> Iterator[Trial]:
        while waiting and waiting[0][1] in known:
            number, point = waiting.pop(0)
            if number not in folder.done:
                folder.add(Trial(number, point, _numbered(known[point], number * seeds)))
            yield folder.done[number]

    yield from ready()
    for block in run(study, range(study.tasks)) if new else ():
        outcomes += block
        while len(outcomes) >= seeds:
            known[outcomes[0].point] = tuple(outcomes[:seeds])
            del outcomes[:seeds]
        yield from ready()


def _numbered(outcomes: Sequence[Outcome], first: int) -> tuple[Outcome, ...]:
    """Outcomes with the numbers that their tasks have in the whole search."""
    return tuple(
        msgspec.structs.replace(one, task=first + place) for place, one in enumerate(outcomes)
    )


def _see_metrics(folder: TrialFolder, found: Sequence[Worth]) -> None:
    """A scenario that never reports a metric is told after a few trials, not after all."""
    outcomes = [one for worth_ in found for one in folder.done[worth_.number].outcomes]
    known = {name for one in outcomes if one.is_good for name in one.metrics}
    for name in (folder.search.gain, folder.search.cost, folder.search.harm):
        if known and name not in known:
            raise UserError(
                f"{name}: no run reports this metric of the attack "
                f"(there are {', '.join(sorted(known))})"
            )


def fresh_study(search: Search, point: Point, seeds: int) -> Study:
    """The study of one choice with seeds that the search has not used."""
    first = search.study.first_seed + search.study.seeds
    return msgspec.structs.replace(search.study, points=(point,), first_seed=first, seeds=seeds)


def verdict(found: Sequence[Worth], fresh: Worth | None) -> str:
    """What the search says, in one sentence.

    Args:
        found: every trial.
        fresh: the most profitable of them, with fresh seeds; None: none counts.
    """
    failed = sum(bool(one.failure) for one in found)
    told = f"; {failed} of {len(found)} trials failed and count for nothing" if failed else ""
    if fresh is None:
        return f"Nothing can be said{told or ': there was no trial'}."
    if fresh.failure or fresh.net.low is None or fresh.net.high is None:
        return (
            f"Nothing can be said of the best attack found, trial {fresh.number}: it fails with "
            f"fresh seeds ({fresh.failure}){told}."
        )
    profitable = sum(one.is_profitable for one in found)
    many = f"{profitable or 'none'} of {len(found)} trials {'are' if profitable > 1 else 'is'}"
    begin = (
        f"The best attack found, trial {fresh.number}, nets {mean_text(fresh.net)} with fresh seeds"
    )
    if fresh.net.low > 0:
        end = "it pays"
    elif fresh.net.high < 0:
        end = "it does not pay"
    else:
        end = "that may be chance"
    return f"{begin}: {end}; {many} profitable on the seeds of the search{told}."


def write_front(path: Path, found: Sequence[Worth]) -> None:
    """The front as CSV: parameters, trial, and each mean with its interval; all digits."""
    names = [one.partition("=")[0] for one in found[0].point] if found else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    kinds = ("net", "gain", "cost", "harm")
    columns = [f"{kind}_{part}" for kind in kinds for part in ("mean", "low", "high")]
    writer.writerow([*names, "trial", *columns, "return"])
    for one in found:
        values = [each.partition("=")[2] for each in one.point]
        estimates: list[Estimate] = [getattr(one, kind) for kind in kinds]
        numbers = [number for each in estimates for number in (each.mean, each.low, each.high)]
        cells = [
            "" if number is None else repr(number) for number in (*numbers, one.return_on_cost)
        ]
        writer.writerow([*values, one.number, *cells])
    replace(path, text.getvalue().encode())
