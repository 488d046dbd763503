"""Campaigns: decided by seeds alone, whatever the number of workers; and what strategies draw."""

import itertools
import os
import signal
from pathlib import Path

import msgspec
import pytest

from prsm_sim.actor.errors import UserError
from prsm_sim.chance import Stream
from prsm_sim.cli.exits import FAIL, INCONCLUSIVE
from prsm_sim.cli.fuzz import exit_code
from prsm_sim.faults import Byzantine, Crash, LyingDisk
from prsm_sim.fuzz import campaign as campaigns
from prsm_sim.fuzz import scoreboard
from prsm_sim.fuzz.campaign import BLOCK, SWEEP_EVERY, Campaign, Job, draw_trial, trials
from prsm_sim.fuzz.census import Census
from prsm_sim.fuzz.ground import Ground
from prsm_sim.fuzz.scoreboard import Hunt, run_hunts
from prsm_sim.fuzz.strategies import STRATEGIES, find_strategy
from prsm_sim.parameters import build_parameters
from prsm_sim.registry import find_scenario
from prsm_sim.sim import Sim

TALLY = str(Path(__file__).with_name("tally.py"))
CONSENSUS = "consensus_baseline"


def careless(strategy: str = "swarm") -> Job:
    return Job(scenario=TALLY, strategy=strategy, overrides=("careful=false",))


@pytest.mark.parametrize("strategy", ["swarm", "random", "pct", "mutation"])
def test_each_strategy_finds_the_toy_bug_and_none_alarms_without_it(strategy):
    campaign = Campaign(careless(strategy), count=200)
    campaign.run()
    assert [one.finding.oracle for one in campaign.failures] == ["integrity"]
    healthy = Campaign(Job(scenario=TALLY, strategy=strategy), count=100, keep_going=True)
    healthy.run()
    assert (healthy.seeds, healthy.failures) == (100, [])


def test_the_number_of_workers_changes_nothing():
    found = []
    for workers in (1, 2):
        campaign = Campaign(careless(), count=300, workers=workers)
        campaign.run()
        found.append((campaign.seeds, campaign.events, campaign.failures, campaign.faults))
    assert found[0] == found[1]
    assert found[0][2]


def test_seeds_that_kill_their_process_are_named_and_the_others_judged(monkeypatch):
    run_block = campaigns.run_block

    def deadly(job, seeds, keep_going):
        if 20 in seeds:
            os.kill(os.getpid(), signal.SIGKILL)
        return run_block(job, seeds, keep_going)

    monkeypatch.setattr(campaigns, "run_block", deadly)  # workers are forked, so they have it
    campaign = Campaign(Job(scenario=TALLY, strategy="swarm"), count=5 * BLOCK, workers=2)
    campaign.run()
    assert campaign.lost == [range(BLOCK, 2 * BLOCK)]
    assert (campaign.seeds, campaign.failures) == (4 * BLOCK, [])
    assert exit_code(campaign) == INCONCLUSIVE
    campaign = Campaign(careless(), count=300, workers=2)
    campaign.run()
    assert exit_code(campaign) == FAIL, "what was found counts more"


def test_a_hunt_that_kills_its_process_is_named(monkeypatch):
    def deadly(task):
        if task.job.strategy == "random":
            os.kill(os.getpid(), signal.SIGKILL)
        return hunt(task)

    hunt = scoreboard.hunt
    monkeypatch.setattr(scoreboard, "hunt", deadly)
    tasks = [
        Hunt(job=careless(strategy), first=0, seeds=20) for strategy in ("swarm", "random", "pct")
    ]
    with pytest.raises(UserError, match="by random was killed twice"):
        run_hunts(tasks, 2)
    monkeypatch.setattr(scoreboard, "hunt", hunt)
    assert run_hunts(tasks, 2) == run_hunts(tasks, 1)


def test_what_a_person_has_to_mend_comes_whole_out_of_another_process():
    job = Job(scenario=TALLY, strategy="swarm", overrides=("vots=3",))
    with pytest.raises(UserError, match="vots"):
        Campaign(job, count=64, workers=2).run()


def test_a_seed_is_the_whole_story():
    job = Job(scenario=CONSENSUS, strategy="swarm")
    first, again, other = draw_trial(job, 5), draw_trial(job, 5), draw_trial(job, 6)
    assert first == again
    assert first.digest != other.digest


def test_a_digest_is_computed_of_what_was_found_and_of_every_sixteenth_seed():
    job = Job(scenario=TALLY, strategy="swarm", overrides=("careful=false",))
    ran = list(trials(job, range(2 * BLOCK)))
    whole = [draw_trial(job, trial.seed) for trial in ran]
    found = [trial.seed for trial in ran if trial.finding is not None]
    assert 0 < len(found) < 2 * BLOCK - 2
    assert [trial.seed for trial in ran if trial.digest] == sorted({*found, 0, BLOCK})
    assert [msgspec.structs.replace(trial, digest="") for trial in ran] == [
        msgspec.structs.replace(trial, digest="") for trial in whole
    ]
    assert all(trial.digest in ("", one.digest) for trial, one in zip(ran, whole, strict=True))


def test_an_override_is_not_varied():
    sizes = {draw_trial(Job(scenario=CONSENSUS, strategy="pct"), seed).parameters["replicas"]
             for seed in range(6)}  # fmt: skip
    assert len(sizes) > 1
    fixed = Job(scenario=CONSENSUS, strategy="pct", overrides=("replicas=5",))
    assert {draw_trial(fixed, seed).parameters["replicas"] for seed in range(6)} == {5}


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_plans_stay_inside_what_the_scenario_exposes(strategy):
    scenario = find_scenario(CONSENSUS).scenario
    for seed in range(40):
        sim = Sim(seed)
        scenario.build(sim, build_parameters(scenario.parameters, {"replicas": 7}))
        plan = find_strategy(strategy).draw(Ground.of(sim, Stream(seed, "plan"), Census()))
        exposure = sim.exposure
        for_good = {fault.peer for fault in plan if isinstance(fault, Byzantine | LyingDisk)}
        for_good |= {
            fault.peer
            for fault in plan
            if isinstance(fault, Crash) and (fault.amnesia or fault.for_s is None)
        }
        assert len(for_good) <= exposure.faulty
        assert for_good <= set(exposure.peers)
        for fault in plan:
            ends_s = getattr(fault, "at_s", 0.0) + (getattr(fault, "for_s", None) or 0.0)
            if not isinstance(fault, Byzantine):
                assert ends_s <= exposure.heal_s * 1.01


def test_an_unknown_strategy_is_one_line_with_the_nearest_name():
    with pytest.raises(UserError, match=r"did you mean 'swarm'"):
        find_strategy("swam")


def test_a_trial_without_end_is_given_up():
    job = Job(scenario=CONSENSUS, strategy="pct", events_limit=100, overrides=("requests=400",))
    trial = draw_trial(job, 0)
    assert not trial.conclusive
    assert trial.finding is None


def test_what_was_struck_and_reached_is_reported():
    campaign = Campaign(Job(scenario=CONSENSUS, strategy="swarm"), count=48, keep_going=True)
    campaign.run()
    assert campaign.seeds == 48
    assert len(campaign.faults) > 10
    assert sum(campaign.effects.values()) > 100
    assert campaign.coverage["consensus: view change started"] > 5


def test_a_process_looks_through_all_that_it_holds_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[int] = []
    monkeypatch.setattr("prsm_sim.fuzz.campaign.gc.collect", looked.append)
    monkeypatch.setattr("prsm_sim.fuzz.campaign._blocks", itertools.count())
    for _ in range(2 * SWEEP_EVERY):
        assert list(trials(Job(scenario=TALLY, strategy="swarm"), range(0))) == []
    assert looked == 2 * [2, *[1] * (SWEEP_EVERY - 1)]
