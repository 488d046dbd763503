"""Aiming: the second run goes as the first one up to the moment that is struck."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prsm_sim.actor import Actor, Context, Fact, Message, PeerId, on
from prsm_sim.chance import Stream
from prsm_sim.faults import Crash, DropMessage, Fault
from prsm_sim.fuzz.aim import aim
from prsm_sim.fuzz.campaign import Job, draw_trial
from prsm_sim.fuzz.census import Census
from prsm_sim.fuzz.ground import Ground
from prsm_sim.fuzz.moments import Moment, Moments
from prsm_sim.network import Latency, Network
from prsm_sim.plan import Plan, broken_by
from prsm_sim.sim import Sim

pytestmark = pytest.mark.slow

PEERS = ("a", "b", "c", "d")


class Note(Message, frozen=True):
    """A message."""

    text: int


class Heard(Fact, frozen=True):
    """A peer has heard it."""

    sender: PeerId
    text: int


class Chatter(Actor):
    """Tells everybody something now and then, and answers what is even."""

    def __init__(self) -> None:
        self.said = 0

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        ctx.set_timer("talk", 0.1)

    def on_timer(self, ctx: Context, name: str) -> None:
        self.said += 1
        ctx.broadcast(Note(self.said))
        ctx.send(ctx.id, Note(0))
        ctx.set_timer(name, 0.1 + 0.2 * ctx.rng.random())

    @on(Note)
    def note(self, ctx: Context, sender: PeerId, note: Note) -> None:
        ctx.emit(Heard(sender, note.text))
        if note.text % 2 == 0 and sender != ctx.id:
            ctx.send(sender, Note(note.text + 1))


def run(seed: int, plan: Plan = ()) -> tuple[list[Moment], list[tuple[float, str, Any]], str]:
    """A run of chatterers: what was sent, what was heard, and the digest."""
    sim, moments, heard = Sim(seed), Moments(), []
    sim.set_network(Network(latency=Latency(law="exponential", mean_s=0.05)))
    for name in PEERS:
        sim.spawn(name, Chatter)
    sim.observe(Heard, lambda at, peer, fact: heard.append((at, peer, fact)))
    sim.schedule(*plan)
    moments.watch(sim)
    sim.run(until=2.0)
    return moments.noted, heard, sim.digest


def test_what_is_overheard_is_what_is_sent_and_nothing_changes_by_it() -> None:
    moments, heard, digest = run(3)
    bare = Sim(3)
    bare.set_network(Network(latency=Latency(law="exponential", mean_s=0.05)))
    for name in PEERS:
        bare.spawn(name, Chatter)
    bare.run(until=2.0)
    assert digest == bare.digest
    links = Counter((one.sender, one.receiver) for one in moments)
    assert all(sender != receiver for sender, receiver in links)
    for link, count in links.items():
        numbers = [one.number for one in moments if (one.sender, one.receiver) == link]
        assert numbers == list(range(count))
    from_others = Counter((fact.sender, peer) for _, peer, fact in heard if fact.sender != peer)
    assert all(links[link] >= count for link, count in from_others.items())
    assert sum(links.values()) - sum(from_others.values()) < 12, "the last are still on their way"


@settings(max_examples=25)
@given(st.integers(0, 50), st.data())
def test_a_message_that_was_overheard_can_be_taken_out_of_the_next_run(
    seed: int, data: st.DataObject
) -> None:
    moments, heard, _ = run(seed)
    moment = data.draw(st.sampled_from(moments))
    number = moment.number
    drop = DropMessage(sender=moment.sender, receiver=moment.receiver, number=number)
    again, heard_again, _ = run(seed, (drop,))
    before = moments.index(moment)
    assert again[: before + 1] == moments[: before + 1], "up to there nothing is different"
    assert [one for one in heard_again if one[0] < moment.time_s] == [
        one for one in heard if one[0] < moment.time_s
    ]


def test_a_crash_aimed_at_a_message_comes_after_all_that_its_sender_said_then() -> None:
    moments, _, _ = run(5)
    moment = moments[10]
    at_s = round(moment.time_s + 1e-6, 6)
    again, _, _ = run(5, (Crash(at_s=at_s, for_s=1.0, peer=moment.sender),))
    said = [one for one in moments if one.time_s <= at_s]
    assert again[: len(said)] == said
    later = [one for one in again if at_s < one.time_s < at_s + 1.0]
    assert later
    assert moment.sender not in {one.sender for one in later}


def grounds(seed: int) -> tuple[Ground, list[Moment]]:
    """A baseline committee's ground, and what an undisturbed run of it sends."""
    from scenarios.consensus_baseline.parameters import ConsensusBaselineParameters
    from scenarios.consensus_baseline.scenario import consensus_baseline

    sim, moments = Sim(seed), Moments()
    parameters = ConsensusBaselineParameters(requests=5, link="fixed:0.01")
    consensus_baseline.build(sim, parameters)
    ground = Ground.of(sim, Stream(seed, "aim"), Census())
    moments.watch(sim)
    sim.run(until=parameters.duration_s)
    return ground, moments.noted


@pytest.mark.parametrize("seed", range(40))
def test_strikes_stay_within_what_is_exposed(seed: int) -> None:
    ground, moments = grounds(seed)
    first: tuple[Fault, ...] = (Crash(at_s=0.1, for_s=0.1, peer="replica-1"),)
    plan = aim(ground, first, moments)
    assert plan[:1] == first
    assert len(plan) > 1
    assert {fault.distrusted for fault in plan} <= {None, *ground.broken}
    times = {moment.time_s for moment in moments}
    for fault in plan[1:]:
        at_s, for_s = getattr(fault, "at_s", None), getattr(fault, "for_s", None)
        if at_s is None:
            link = (fault.sender, fault.receiver, fault.number)
            assert link in {(one.sender, one.receiver, one.number) for one in moments}
            continue
        assert min(abs(at_s - time_s) for time_s in times) < 3e-6
        assert at_s + (for_s or 0.0) <= ground.exposure.heal_s


def test_where_nothing_was_sent_the_plan_stays_as_it_is() -> None:
    ground, _ = grounds(1)
    late = [Moment(ground.exposure.heal_s, "replica-0", "replica-1", "Prepare", 0)]
    assert aim(ground, (), []) == ()
    assert aim(ground, (), late) == ()


def test_an_aimed_trial_begins_with_the_plan_of_swarm_and_replays_by_its_plan() -> None:
    job = Job(scenario="consensus_baseline", strategy="aimed")
    longer = 0
    for seed in range(8):
        trial = draw_trial(job, seed)
        assert draw_trial(job, seed) == trial
        longer += bool(trial.plan)
    assert longer > 4


@pytest.mark.parametrize("strategy", ["swarm", "aimed", "random", "mutation", "twins", "pct"])
def test_no_strategy_breaks_more_peers_than_the_committee_survives(strategy: str) -> None:
    job = Job(scenario="consensus_baseline", strategy=strategy, overrides=("requests=6",))
    most = 0
    for seed in range(25 if strategy == "aimed" else 10):
        trial = draw_trial(job, seed)
        broken = broken_by(trial.plan)
        assert len(broken) <= (trial.parameters.get("replicas", 4) - 1) // 3
        most = max(most, len(broken))
    assert most > 0
