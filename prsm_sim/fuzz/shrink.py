"""Shrinking: from a failing trial to a short story that fails in the same way.

Delta debugging (Zeller and Hildebrandt, 2002) over the faults of the plan: try without halves,
quarters, ... single faults, pairs of faults, until none can go. Between rounds the parameters are
brought to what the scenario has by default, or smaller; two faults are merged into one (`merging`);
and the faults that remain are weakened: a window halved, a Byzantine behaviour reduced to one
message. If the story is still long, fewer faults are tried under other seeds: how long each message
takes decides which faults are needed. "The same way" is the same oracle; another failure met on the
way is a different bug and does not count.

Every candidate is run, so what comes out really fails, and the number of runs is bounded. Where a
plan stays within the scenario's fault model, candidates must too: two liars among seven peers are a
finding, the same two among four are none.
"""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import msgspec

from prsm_sim.actor.errors import UserError
from prsm_sim.faults import BaseFault, Byzantine, Fault, Partition
from prsm_sim.fuzz.merging import merged_plans
from prsm_sim.fuzz.trial import Trial, run_trial
from prsm_sim.parameters import build_parameters
from prsm_sim.plan import Plan, broken_by, dump_plan
from prsm_sim.recorder import to_json
from prsm_sim.scenario import Scenario
from prsm_sim.sim import Sim

RUNS_LIMIT = 600
"""Candidates that are run at most."""
SHORT = 3
"""A story of so many faults is short: no other seeds are tried to shorten it."""
SEEDS_TRIED = 8
"""Other seeds under which fewer faults are tried."""
_SHORTEST_S = 1e-3


class Shrunk(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of shrinking.

    Attributes:
        trial: the smallest trial found that fails in the same way.
        runs: candidates that were run.
        complete: nothing more could be taken away; False: the bound on runs came first.
    """

    trial: Trial
    runs: int
    complete: bool


class _OutOfRuns(Exception):
    """The bound on runs has been reached."""


class _OutsideModel(UserError):
    """A candidate breaks more peers than the world survives; whatever it finds says nothing."""


class Shrinker:
    """Shrinks one failing trial.

    Args:
        scenario: what was run.
        trial: fails.
        keep: names of parameters that are not to be changed.
        runs_limit: how many candidates to run at most.
        progress: called after each candidate with the runs so far and the faults left.
    """

    def __init__(
        self,
        scenario: Scenario[Any],
        trial: Trial,
        *,
        keep: tuple[str, ...] = (),
        runs_limit: int = RUNS_LIMIT,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        assert trial.finding is not None, "only what fails can be shrunk"
        self.scenario = scenario
        self.best = trial
        self.keep = keep
        self.runs = 0
        self._limit = runs_limit
        self._progress = progress
        self._oracle = trial.finding.oracle
        self._tried: set[bytes] = set()
        world = Sim(trial.seed)
        scenario.build(world, build_parameters(scenario.parameters, trial.parameters))
        self._is_within = len(broken_by(trial.plan)) <= world.exposure.faulty

    def shrink(self) -> Shrunk:
        """Make the trial as small as it gets."""
        complete = True
        try:
            while self._round() or self._change_seed():
                pass
        except _OutOfRuns:
            complete = False
        return Shrunk(trial=self.best, runs=self.runs, complete=complete)

    def _round(self) -> bool:
        """Try everything that leaves the seed as it is; whether anything became simpler."""
        fewer = self._simplify_parameters() | self._remove_faults() | self._merge_faults()
        return fewer or self._remove_pairs() or self._weaken_faults()

    def so_far(self) -> Shrunk:
        """The smallest trial found so far, for when a person stops the search."""
        return Shrunk(trial=self.best, runs=self.runs, complete=False)

    def _fails(self, plan: Plan, parameters: dict[str, Any], seed: int | None = None) -> bool:
        """Run a candidate; if it fails in the same way it is the best so far."""
        seed = self.best.seed if seed is None else seed
        candidate = to_json((dump_plan(plan), parameters, seed))
        if candidate in self._tried:
            return False
        if self.runs >= self._limit:
            raise _OutOfRuns
        self._tried.add(candidate)
        self.runs += 1

        def within(sim: Sim) -> Plan:
            if self._is_within and len(broken_by(plan)) > sim.exposure.faulty:
                raise _OutsideModel("this plan breaks too many peers")
            return plan

        try:
            built = build_parameters(self.scenario.parameters, parameters)
            trial = run_trial(
                self.scenario, built, seed, within, events_limit=4 * self.best.events + 1000
            )
        except UserError:  # such as a fault on a peer that the smaller world does not have
            return False
        same = trial.finding is not None and trial.finding.oracle == self._oracle
        if same:
            self.best = trial
        if self._progress is not None:
            self._progress(self.runs, len(self.best.plan))
        return same

    def _remove_faults(self) -> bool:
        """Delta debugging over the plan; whether anything could go."""
        before = len(self.best.plan)
        size = max(1, before // 2)
        while self.best.plan:
            removed = False
            start = 0
            while start < len(self.best.plan):
                plan = self.best.plan
                rest = plan[:start] + plan[start + size :]
                if self._fails(rest, self.best.parameters):
                    removed = True
                else:
                    start += size
            if size == 1 and not removed:
                break
            size = max(1, size // 2)
        return len(self.best.plan) < before

    def _merge_faults(self) -> bool:
        """Make one fault of two as long as that still fails."""
        before = len(self.best.plan)
        while any(self._fails(plan, self.best.parameters) for plan in merged_plans(self.best.plan)):
            pass
        return len(self.best.plan) < before

    def _remove_pairs(self) -> bool:
        """Take two faults away at once: one may have been needed only because of the other."""
        before = len(self.best.plan)
        while any(self._fails(p, self.best.parameters) for p in without(self.best.plan, 2)):
            pass
        return len(self.best.plan) < before

    def _change_seed(self) -> bool:
        """Fewer faults under another seed, if the story is still long."""
        if len(self.best.plan) <= SHORT:
            return False
        return any(
            self._fails(plan, self.best.parameters, seed)
            for seed in range(SEEDS_TRIED)
            for plan in without(self.best.plan, 1)
        )

    def _weaken_faults(self) -> bool:
        """Replace each fault by a weaker one as long as that still fails."""
        weakened = False
        for index in range(len(self.best.plan)):
            going = True
            while going:
                going = False
                for weaker in weaker_faults(self.best.plan[index]):
                    plan = (*self.best.plan[:index], weaker, *self.best.plan[index + 1 :])
                    if self._fails(plan, self.best.parameters):
                        going = weakened = True
                        break
        return weakened

    def _simplify_parameters(self) -> bool:
        """Leave each parameter at its default, and make whole numbers smaller."""
        simplified = False
        for name in [one for one in self.best.parameters if one not in self.keep]:
            if name in self.scenario.shrinks and self._value(name) <= self._default(name):
                continue  # it is smaller already than it would be
            rest = {one: value for one, value in self.best.parameters.items() if one != name}
            simplified |= self._fails(self.best.plan, rest)
        for name in (one for one in self.scenario.shrinks if one not in self.keep):
            simplified |= self._lower(name)
        return simplified

    def _lower(self, name: str) -> bool:
        """Make a whole number smaller: halve it, then take away one at a time."""
        lowered, value = False, self._value(name)
        for halve in (True, False):
            while True:
                fewer = value // 2 if halve else value - 1
                if fewer < 1:
                    break
                if not self._fails(self.best.plan, self.best.parameters | {name: fewer}):
                    break
                value, lowered = fewer, True
        return lowered

    def _value(self, name: str) -> int:
        return int(self.best.parameters.get(name, self._default(name)))

    def _default(self, name: str) -> int:
        return int(self.scenario.parameters.model_fields[name].default)


def without(plan: Plan, count: int) -> Iterator[Plan]:
    """The plans that lack `count` of the faults."""
    for gone in combinations(range(len(plan)), count):
        yield tuple(fault for place, fault in enumerate(plan) if place not in gone)


def weaker_faults(fault: Fault) -> Iterator[Fault]:
    """Faults that do less than `fault`, or do it earlier, the simplest first."""
    number = getattr(fault, "number", None)
    if isinstance(number, int) and number:
        yield _with(fault, number=0)
        yield _with(fault, number=number // 2)
    at_s = getattr(fault, "at_s", None)
    if isinstance(at_s, float) and at_s > 0.0:
        yield _with(fault, at_s=0.0)
    if isinstance(at_s, float) and at_s > _SHORTEST_S:
        yield _with(fault, at_s=float(f"{at_s / 2:.3g}"))
    if isinstance(fault, Byzantine):
        yield from _weaker_byzantine(fault)
    if isinstance(fault, Partition) and len(fault.groups) > 2:
        for index in range(1, len(fault.groups)):
            merged = (*fault.groups[0], *fault.groups[index])
            rest = (*fault.groups[1:index], *fault.groups[index + 1 :])
            yield _with(fault, groups=(merged, *rest))
    for_s = getattr(fault, "for_s", None)
    if isinstance(for_s, float) and for_s > _SHORTEST_S:
        yield _with(fault, for_s=float(f"{for_s / 2:.3g}"))


def _weaker_byzantine(fault: Byzantine) -> Iterator[Fault]:
    if fault.count is None or fault.count > 1:
        yield _with(fault, count=1)
        if fault.count is not None:
            yield _with(fault, count=fault.count // 2)
        else:
            yield _with(fault, count=4)
    if len(fault.types) > 1:
        for kind in fault.types:
            yield _with(fault, types=(kind,))
    if len(fault.receivers) > 1:
        for receiver in fault.receivers:
            yield _with(fault, receivers=tuple(r for r in fault.receivers if r != receiver))


def _with(fault: BaseFault, **changes: object) -> Fault:
    changed: Fault = fault.model_copy(update=changes)  # type: ignore[assignment]
    return changed
