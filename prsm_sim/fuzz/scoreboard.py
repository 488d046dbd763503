"""The scoreboard: which seeded bugs does each strategy find, and after how many seeds?

Each (bug, strategy) is a campaign over the scenario with the bug in the code. It stops at the first
kills or when its budget of seeds is spent. Seeds are independent, so the number of seeds up to a
kill is geometric: with k kills in s seeds the rate of kills is estimated as k / s, and its interval
is Clopper and Pearson's (1934), which is exact; its inverse is the interval of the mean number of
seeds to a kill. The same campaigns over the code without a bug must find nothing: each finding
there is a false alarm.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from scipy.stats import beta

from prsm_sim.actor.errors import UserError
from prsm_sim.fuzz.bugs import Bug
from prsm_sim.fuzz.campaign import Job, trials
from prsm_sim.fuzz.trial import Trial
from prsm_sim.workers import crew_of


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """How one strategy did against one bug.

    Attributes:
        bug: its name; empty: the code as it is.
        strategy: its name.
        seeds: seeds run.
        kills: seeds in which an oracle found something.
        seeds_to_kill: seeds up to and with the first kill; None: not killed.
        oracle: which oracle killed first; empty: none.
        first: the trial of the first kill.
    """

    bug: str
    strategy: str
    seeds: int
    kills: int
    seeds_to_kill: int | None
    oracle: str
    first: Trial | None

    def mean_seeds(self) -> float | None:
        """Estimated mean number of seeds to a kill; None without a kill."""
        return self.seeds / self.kills if self.kills else None

    def interval(self, confidence: float = 0.95) -> tuple[float, float | None]:
        """Interval of the mean number of seeds to a kill; None: no upper end."""
        tail = (1.0 - confidence) / 2.0
        kills, seeds = self.kills, self.seeds
        high = 1.0 if kills == seeds else float(beta.ppf(1.0 - tail, kills + 1, seeds - kills))
        low = 0.0 if kills == 0 else float(beta.ppf(tail, kills, seeds - kills + 1))
        return 1.0 / high, 1.0 / low if low else None


class Hunt(msgspec.Struct, frozen=True, kw_only=True):
    """One campaign of the scoreboard.

    Attributes:
        job: what is run, bug and strategy included.
        first: the first seed.
        seeds: the budget.
        kills: stop after so many.
        deadline_s: stop at this reading of the monotonic clock; None: not for that reason.
    """

    job: Job
    first: int
    seeds: int
    kills: int = 1
    deadline_s: float | None = None


def hunt(task: Hunt) -> Score:
    """Run one campaign to its kills or to the end of its budget."""
    seeds = kills = 0
    first: Trial | None = None
    seeds_to_kill = None
    for trial in trials(task.job, range(task.first, task.first + task.seeds)):
        seeds += 1
        if trial.finding is not None:
            kills += 1
            if first is None:
                first, seeds_to_kill = trial, seeds
            if kills >= task.kills:
                break
        if task.deadline_s is not None and time.monotonic() >= task.deadline_s:
            break
    return Score(
        bug=task.job.bug,
        strategy=task.job.strategy,
        seeds=seeds,
        kills=kills,
        seeds_to_kill=seeds_to_kill,
        oracle="" if first is None or first.finding is None else first.finding.oracle,
        first=first,
    )


def hunts(
    scenario: str,
    bugs: Sequence[Bug],
    bugs_path: str,
    strategies: Sequence[str],
    *,
    seeds: int,
    kills: int,
    first: int = 0,
    deadline_s: float | None = None,
) -> list[Hunt]:
    """One hunt for each bug and strategy."""
    return [
        Hunt(
            job=Job(
                scenario=scenario, strategy=strategy, overrides=bug.overrides, bugs=bugs_path,
                bug=bug.name,
            ),
            first=first,
            seeds=seeds,
            kills=kills,
            deadline_s=deadline_s,
        )
        for bug in bugs
        for strategy in strategies
    ]  # fmt: skip


def run_hunts(
    tasks: Sequence[Hunt], workers: int, progress: Callable[[Score], None] | None = None
) -> list[Score]:
    """Run hunts on several processes; the scores in the order of the tasks.

    Raises:
        UserError: as `draw_trial`, or the process of a hunt was killed twice.
    """
    scores = []
    for score in map(hunt, tasks) if workers == 1 else _together(tasks, workers):
        scores.append(score)
        if progress is not None:
            progress(score)
    return scores


def _together(tasks: Sequence[Hunt], workers: int) -> Iterator[Score]:
    number = 0
    with crew_of(hunt, workers) as crew:
        for found in crew.results(tasks, len(tasks)):
            for score in found:
                task = tasks[number]
                number += 1
                if score is None:
                    raise UserError(
                        f"the process that hunted {task.job.bug} by {task.job.strategy} was killed "
                        "twice, most often for lack of memory; try again with fewer --workers"
                    )
                yield score


def best_scores(scores: Sequence[Score]) -> dict[str, Score]:
    """Of each bug the score of the strategy that needs the fewest seeds."""
    best: dict[str, Score] = {}
    for score in scores:
        known = best.get(score.bug)
        if known is None or _rank(score) < _rank(known):
            best[score.bug] = score
    return best


def _rank(score: Score) -> tuple[bool, float]:
    mean = score.mean_seeds()
    return mean is None, score.seeds if mean is None else mean


def score_object(score: Score) -> dict[str, Any]:
    """A score as JSON holds it."""
    low, high = score.interval()
    return {
        "name": score.bug,
        "killed": score.kills > 0,
        "strategy": score.strategy,
        "seeds_to_kill": score.seeds_to_kill,
        "mean_seeds_to_kill": score.mean_seeds(),
        "ci95": [round(low, 2), None if high is None else round(high, 2)],
        "seeds": score.seeds,
        "kills": score.kills,
        "oracle": score.oracle,
    }
