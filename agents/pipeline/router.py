"""The router: who can do this task, best first.

A router knows executors by their announcements (skills, data sets, share of the data, price) and by
what orchestrators measured (answered or not, how fast). Each candidate gets four marks from 0 to
1000, and a strategy is nothing but the weights of their sum:

- *performance*: share of the tasks it was given that it answered, (answered + 1) / (given + 1), so
  that a newcomer starts with the benefit of the doubt;
- *compatibility*: how much of the data set it holds;
- *availability*: how recently it was heard, falling linearly to 0 at the silence limit;
- *cheapness* and *swiftness*: the best price or response among the candidates over its own.

All arithmetic is in integers, so every router ranks alike. Among equals, and near-equals, a hash of
the task's id decides: otherwise the same few executors would get all the work.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import msgspec

from agents.pipeline.messages import Announce, Candidate, ReportPerformance, Route, RouteTask
from economy.money import decode_units
from prsm_sim.actor import Actor, Context, PeerId, Seconds, on

FULL: Final = 1000
SCORE_STEP: Final = 50
"""Scores of the same step count as equal when candidates are ranked."""


class Weights(msgspec.Struct, frozen=True):
    """A strategy: the weight of each mark, in tenths that add up to 10."""

    performance: int = 0
    compatibility: int = 0
    availability: int = 0
    cheapness: int = 0
    swiftness: int = 0


STRATEGIES: Final[dict[str, Weights]] = {
    "performance": Weights(performance=5, compatibility=3, availability=2),
    "cost": Weights(cheapness=4, performance=3, compatibility=3),
    "latency": Weights(swiftness=4, performance=3, compatibility=3),
    "accuracy": Weights(performance=6, compatibility=4),
}


class Marks(msgspec.Struct, frozen=True):
    """A candidate's marks, each from 0 to 1000."""

    performance: int
    compatibility: int
    availability: int
    cheapness: int
    swiftness: int


def score_thousandths(marks: Marks, weights: Weights) -> int:
    """The weighted sum of the marks, from 0 to 1000."""
    return (
        weights.performance * marks.performance
        + weights.compatibility * marks.compatibility
        + weights.availability * marks.availability
        + weights.cheapness * marks.cheapness
        + weights.swiftness * marks.swiftness
    ) // 10


@dataclass
class Executor:
    """What a router knows of one executor."""

    announced: Announce
    heard_at_s: Seconds
    given: int = 0
    answered: int = 0
    mean_response_ms: int = 0

    @property
    def price_units(self) -> int:
        """What it asks for a task, FTNS units."""
        return decode_units(self.announced.price_units)

    def measured(self, response_ms: int, succeeded: bool) -> None:
        """Take in one measurement; the mean response forgets by a quarter each time."""
        self.given += 1
        self.answered += succeeded
        if self.given == 1:
            self.mean_response_ms = response_ms
        else:
            self.mean_response_ms += (response_ms - self.mean_response_ms) // 4


class Registry:
    """The executors that a router knows, and the marks they get."""

    def __init__(self, silence_limit_s: Seconds) -> None:
        self._silence_limit_s = silence_limit_s
        self.executors: dict[PeerId, Executor] = {}

    def announced(self, peer: PeerId, announcement: Announce, now_s: Seconds) -> None:
        """Register an executor, or refresh what is known of it."""
        known = self.executors.get(peer)
        if known is None:
            self.executors[peer] = Executor(announcement, now_s)
        else:
            known.announced = announcement
            known.heard_at_s = now_s

    def candidates(
        self, task: RouteTask, weights: Weights, now_s: Seconds
    ) -> tuple[Candidate, ...]:
        """Executors that have the skill and the data and are not silent, best first."""
        able = [
            (peer, executor)
            for peer, executor in sorted(self.executors.items())
            if task.skill in executor.announced.skills
            and task.data in executor.announced.datasets
            and now_s - executor.heard_at_s < self._silence_limit_s
        ]
        if not able:
            return ()
        cheapest_units = min(executor.price_units for _, executor in able)
        swiftest_ms = min(executor.mean_response_ms for _, executor in able)
        ranked = []
        for peer, executor in able:
            marks = self.marks(executor, cheapest_units, swiftest_ms, now_s)
            score = score_thousandths(marks, weights)
            lot = blake2b(f"{task.task_id}/{peer}".encode(), digest_size=8).digest()
            ranked.append((-(score // SCORE_STEP), lot, peer, executor, score))
        ranked.sort(key=lambda row: row[:2])
        return tuple(
            Candidate(peer, executor.announced.price_units, score)
            for _, _, peer, executor, score in ranked[: task.at_most]
        )

    def marks(
        self, executor: Executor, cheapest_units: int, swiftest_ms: int, now_s: Seconds
    ) -> Marks:
        """An executor's marks, given the best price and response among its rivals."""
        silence_s = now_s - executor.heard_at_s
        price_units = executor.price_units
        return Marks(
            performance=FULL * (executor.answered + 1) // (executor.given + 1),
            compatibility=executor.announced.share_thousandths,
            availability=FULL - int(FULL * silence_s / self._silence_limit_s),
            cheapness=FULL if price_units == 0 else FULL * cheapest_units // price_units,
            swiftness=FULL * (swiftest_ms + 1) // (executor.mean_response_ms + 1),
        )


class Router(Actor):
    """Answers `RouteTask` from what executors announced and orchestrators measured.

    Args:
        silence_limit_s: an executor not heard of for so long is no candidate.
    """

    def __init__(self, silence_limit_s: Seconds = 35.0) -> None:
        self.registry = Registry(silence_limit_s)

    @on(Announce)
    def announced(self, ctx: Context, sender: PeerId, message: Announce) -> None:
        """Register or refresh the sender."""
        self.registry.announced(sender, message, ctx.now)

    @on(ReportPerformance)
    def measured(self, ctx: Context, sender: PeerId, message: ReportPerformance) -> None:
        """Take in a measurement; one about an unknown executor says nothing useful."""
        executor = self.registry.executors.get(message.executor)
        if executor is not None:
            executor.measured(message.response_ms, message.succeeded)

    @on(RouteTask)
    def route(self, ctx: Context, sender: PeerId, message: RouteTask) -> Route:
        """Rank the candidates; an unknown strategy is ranked by performance."""
        weights = STRATEGIES.get(message.strategy, STRATEGIES["performance"])
        return Route(message.task_id, self.registry.candidates(message, weights, ctx.now))
