"""A campaign: many seeds of one scenario under one strategy, on one process or several.

Seed by seed everything is decided by (scenario, overrides, strategy, seed), so the outcome does not
depend on how many workers there are: seeds are handed out in blocks, results are taken in the order
of the blocks, and the first failure is the one with the lowest seed. A worker finds the scenario by
its name, as another process on another day would.
"""

import gc
import itertools
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import msgspec

from prsm_sim.chance import Stream
from prsm_sim.fuzz.bugs import applied, load_bugs
from prsm_sim.fuzz.census import Census, take_census
from prsm_sim.fuzz.ground import Ground
from prsm_sim.fuzz.moments import Moment, Moments
from prsm_sim.fuzz.strategies import Strategy, find_strategy
from prsm_sim.fuzz.trial import EVENTS_LIMIT, Draw, Trial, run_trial
from prsm_sim.parameters import build_parameters
from prsm_sim.plan import Plan, broken_by
from prsm_sim.registry import known_scenario
from prsm_sim.sim import Sim
from prsm_sim.workers import crew_of

COLLECT_EVERY = 8
"""Worlds that may lie about before they are collected."""
BLOCK = 16
"""Seeds that a worker runs before it reports."""
SWEEP_EVERY = 16
"""So many blocks a process runs before it looks through all that it holds for garbage again."""
_blocks = itertools.count()


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign runs for each seed.

    Attributes:
        scenario: the name of an installed scenario, or a Python file.
        overrides: ``name=value`` texts; what they set is not varied.
        strategy: the name of a strategy.
        parameters: values by name that a file sets, weaker than `overrides`.
        bugs: a file of seeded bugs; empty: none.
        bug: the one that is in the code.
    """

    scenario: str
    strategy: str
    overrides: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = {}
    events_limit: int = EVENTS_LIMIT
    bugs: str = ""
    bug: str = ""


def draw_trial(job: Job, seed: int, *, digest: bool = True) -> Trial:
    """Draw the parameters and the plan of a seed, and run it.

    Args:
        job: what to run.
        seed: decides all that the job leaves open.
        digest: have the digest of every trial. Off, only one that found something has it: that run
            is made once more.

    Raises:
        UserError: the scenario or the strategy does not exist, or an override is wrong.
    """
    scenario = known_scenario(job.scenario)
    strategy = find_strategy(job.strategy)
    variants = {}
    if scenario.variants is not None:
        variants = dict(scenario.variants(Stream(seed, "fuzz", "variants")))
    parameters = build_parameters(
        scenario.parameters, job.parameters, job.overrides, defaults=variants
    )

    census = _census(job.scenario, msgspec.json.encode(job.parameters), job.overrides)

    moments = Moments()

    def draw(sim: Sim) -> Plan:
        if strategy.aim is not None:
            moments.watch(sim)
        return draw_plan(strategy, sim, seed, census)

    def run(plan: Plan | Draw, hashed: bool) -> Trial:
        limit = job.events_limit
        return run_trial(scenario, parameters, seed, plan, events_limit=limit, digest=hashed)

    def aim(sim: Sim) -> Plan:
        return aim_plan(strategy, sim, seed, census, trial.plan, moments.noted)

    trial = run(draw, digest)
    if strategy.aim is not None and trial.finding is None:
        trial = run(aim, digest)
    if trial.finding is not None and not digest:
        trial = run(trial.plan, True)
    return trial


@lru_cache(maxsize=64)
def _census(target: str, values: bytes, overrides: tuple[str, ...]) -> Census:
    """The census of a campaign, taken once a process."""
    scenario = known_scenario(target)
    parameters = build_parameters(scenario.parameters, msgspec.json.decode(values), overrides)
    return take_census(scenario, parameters)


def draw_plan(strategy: Strategy, sim: Sim, seed: int, census: Census) -> Plan:
    """The plan that a strategy draws for a seed, given a world that is built and not yet run."""
    return strategy.draw(_ground(strategy, sim, seed, census))


def _ground(strategy: Strategy, sim: Sim, seed: int, census: Census) -> Ground:
    return Ground.of(sim, Stream(seed, "fuzz", strategy.name), census)


def aim_plan(
    strategy: Strategy,
    sim: Sim,
    seed: int,
    census: Census,
    plan: Plan,
    moments: Sequence[Moment],
) -> Plan:
    """A plan of this seed and what the strategy adds to it, given what its run sent."""
    assert strategy.aim is not None, "only a strategy that aims has a second plan"
    ground = Ground.of(sim, Stream(seed, "fuzz", strategy.name, "aim"), census)
    # No more are broken than the plan has broken, or than it might have.
    drawn = _ground(strategy, sim, seed, census).broken
    ground.broken = tuple(dict.fromkeys((*broken_by(plan), *drawn)))[: len(drawn)]
    return strategy.aim(ground, plan, moments)


class Campaign:
    """Runs seeds and adds up what they found.

    Args:
        job: what to run.
        first: the first seed.
        count: how many seeds at most.
        workers: processes; 1 runs everything in this one.
        for_s: stop after so many seconds of wall time; None: not for that reason.
        keep_going: do not stop at the first failure.

    Attributes:
        seeds: seeds run so far.
        failures: the trials in which an oracle found something, ascending by seed.
        inconclusive: trials that were given up.
        lost: blocks of seeds whose process was killed twice, so that nothing is known of them.
        faults: of each kind how many struck, over all trials.
        effects: of each kind how often it made a difference.
        coverage: in how many trials each `sometimes` label held.
        events: events of all trials.
    """

    def __init__(
        self,
        job: Job,
        *,
        first: int = 0,
        count: int = 1000,
        workers: int = 1,
        for_s: float | None = None,
        keep_going: bool = False,
    ) -> None:
        self.job = job
        self.first = first
        self.count = count
        self.workers = workers
        self.for_s = for_s
        self.keep_going = keep_going
        self.seeds = 0
        self.events = 0
        self.failures: list[Trial] = []
        self.inconclusive = 0
        self.lost: list[range] = []
        self.faults: Counter[str] = Counter()
        self.effects: Counter[str] = Counter()
        self.coverage: Counter[str] = Counter()
        self.began_s = time.perf_counter()
        self.wall_s = 0.0

    @property
    def seeds_per_s(self) -> float:
        """Seeds a second of wall time."""
        return self.seeds / self.wall_s if self.wall_s else 0.0

    def run(self, progress: Callable[["Campaign"], None] | None = None) -> None:
        """Run the seeds; `progress` is called after each block.

        Raises:
            UserError: as `draw_trial`.
            KeyboardInterrupt: a person stopped it; what was found so far is kept.
        """
        self.began_s = time.perf_counter()
        results = self._alone() if self.workers == 1 else self._together()
        try:
            for block in results:
                over = self._take(block)
                self.wall_s = time.perf_counter() - self.began_s
                if progress is not None:
                    progress(self)
                if over or (self.for_s is not None and self.wall_s >= self.for_s):
                    break
        finally:
            results.close()
            self.wall_s = time.perf_counter() - self.began_s

    def _take(self, block: "Block") -> bool:
        """Add up a block; whether the campaign is over."""
        self.seeds += block.seeds
        self.events += block.events
        self.inconclusive += block.inconclusive
        self.faults.update(block.faults)
        self.effects.update(block.effects)
        self.coverage.update(block.coverage)
        self.failures.extend(block.failures)
        return bool(self.failures) and not self.keep_going

    def _blocks(self) -> Iterator[range]:
        for start in range(self.first, self.first + self.count, BLOCK):
            yield range(start, min(start + BLOCK, self.first + self.count))

    def _alone(self) -> Generator["Block", None, None]:
        for seeds in self._blocks():
            yield run_block(self.job, seeds, self.keep_going)

    def _together(self) -> Generator["Block", None, None]:
        blocks = self._blocks()
        work = partial(run_block, self.job, keep_going=self.keep_going)
        with crew_of(work, self.workers) as crew:
            for found in crew.results(self._blocks(), 2 * self.workers + 1):
                for block in found:
                    seeds = next(blocks)
                    if block is None:
                        self.lost.append(seeds)
                    yield Block(0, 0, 0, {}, {}, {}, []) if block is None else block


class Block(msgspec.Struct):
    """What a block of seeds found, added up so that little travels between processes."""

    seeds: int
    events: int
    inconclusive: int
    faults: dict[str, int]
    effects: dict[str, int]
    coverage: dict[str, int]
    failures: list[Trial]


def run_block(job: Job, seeds: range, keep_going: bool) -> Block:
    """Run seeds one after the other, up to the first failure unless `keep_going`."""
    block = Block(0, 0, 0, {}, {}, {}, [])
    faults, effects, coverage = Counter[str](), Counter[str](), Counter[str]()
    for trial in trials(job, seeds):
        block.seeds += 1
        block.events += trial.events
        block.inconclusive += not trial.conclusive
        faults.update(trial.faults)
        effects.update(trial.effects)
        coverage.update({label: int(count > 0) for label, count in trial.coverage.items()})
        if trial.finding is not None:
            block.failures.append(trial)
            if not keep_going:
                break
    block.faults, block.effects, block.coverage = dict(faults), dict(effects), dict(coverage)
    return block


def trials(job: Job, seeds: range) -> Iterator[Trial]:
    """The trials of some seeds one after the other, with the job's bug in the code.

    Of most of those that find nothing no digest is computed: nobody asks for it. Every `BLOCK`-th
    seed has one, since only that encodes every message, and so finds one that cannot be encoded.
    """
    bug = load_bugs(Path(job.bugs))[job.bug] if job.bug else None
    with applied(bug), _own_garbage():
        for number, seed in enumerate(seeds, 1):
            yield draw_trial(job, seed, digest=seed % BLOCK == 0)
            if number % COLLECT_EVERY == 0:
                gc.collect(0)


@contextmanager
def _own_garbage() -> Iterator[None]:
    """Within the block only `trials` collects garbage.

    A world is full of cycles, and a process that runs thousands of them must let each go. What was
    there before is frozen, and collecting the young generation then looks at the last few worlds
    only. To look through everything costs as much as a trial, and there is little to find between
    two blocks: now and then is enough.
    """
    if not gc.isenabled():
        yield
        return
    gc.collect(1 if next(_blocks) % SWEEP_EVERY else 2)
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.enable()
