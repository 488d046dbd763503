from itertools import pairwise

import pytest

from agents.pipeline.datasets import CARDS
from agents.pipeline.executor import Executor
from agents.pipeline.messages import Announce, ExecuteTask, Refusal, TaskResult
from agents.pipeline.prompter import write_prompt
from agents.pipeline.shares import Share
from agents.pipeline.submodels import SKILLS, SubmodelAdapter
from agents.pipeline.tasks import (
    ClassifyRows,
    CompareGroups,
    MeasureClusters,
    RankFeatures,
    SeparateClasses,
)
from prsm_sim.actor import Actor, Message, OperationFailed, on, reentrant
from prsm_sim.sim import Sim


class Run(Message, frozen=True):
    message: ExecuteTask


class Probe(Actor):
    """Hears announcements and asks an executor."""

    def __init__(self):
        self.heard = []
        self.results = []

    @on(Announce)
    def announced(self, ctx, sender, message) -> None:
        self.heard.append((ctx.now, message))

    @on(Run)
    @reentrant
    async def ask(self, ctx, sender, message) -> None:
        started_s = ctx.now
        result = await ctx.ask("executor", message.message, TaskResult, timeout=60.0)
        self.results.append((ctx.now - started_s, result))


ANNOUNCEMENT = Announce(("MeasureClusters",), ("iris", "wine"), 800, "8")


def run(goals, *, adapter=None, until=30.0, **settings):
    sim = Sim(5)
    sim.provide("models", adapter or SubmodelAdapter({"executor": Share(0, 800, ("iris",))}))
    probe = Probe()
    sim.spawn("probe", lambda: probe)
    sim.spawn("executor", lambda: Executor(("probe",), ANNOUNCEMENT, **settings))
    for goal in goals:
        sim.post("probe", Run(ExecuteTask("q", write_prompt("0", goal))))
    sim.run(until=until)
    return probe


def test_it_answers_what_it_has_a_sub_model_for():
    ((took_s, result),) = run([MeasureClusters("iris", 3)]).results
    assert (
        result.answer
        == SubmodelAdapter({"executor": Share(0, 800, ("iris",))})
        .call("executor", "infer", ("MeasureClusters", MeasureClusters("iris", 3)))
        .answer
    )
    assert 0 < result.compute_ms < 1000 * took_s


@pytest.mark.parametrize(
    ("goal", "reason"),
    [
        (RankFeatures("iris", "variance_ratio", 1), "no sub-model for RankFeatures"),
        (MeasureClusters("digits", 3), "no share of digits"),
        (MeasureClusters("wine", 3), "executor holds no share of wine"),
    ],
)
def test_what_it_cannot_do_it_refuses_at_once_with_the_reason(goal, reason):
    ((took_s, result),) = run([goal]).results
    assert result.answer == Refusal(reason)
    assert took_s < 0.1


class Slow:
    mode = "modelled"

    def call(self, peer, verb, arguments):
        raise OperationFailed("never mind")

    def duration_s(self, peer, verb, arguments, rng):
        return 7.0


def test_a_sub_model_that_takes_too_long_is_a_refusal():
    ((took_s, result),) = run([MeasureClusters("iris", 3)], adapter=Slow()).results
    assert result.answer == Refusal("no answer came in time")
    assert took_s == pytest.approx(5.0, abs=0.1)


def test_it_runs_one_call_at_a_time():
    results = run([MeasureClusters("iris", 3)] * 3, adapter=Slow(), until=60.0).results
    assert [round(took_s) for took_s, _ in results] == [5, 10, 15]


def test_it_announces_itself_at_a_steady_beat():
    heard = run([], announce_every_s=4.0, until=60.0).heard
    assert {message for _, message in heard} == {ANNOUNCEMENT}
    times = [time_s for time_s, _ in heard]
    gaps = [after - before for before, after in pairwise(times[1:])]
    assert times[0] < 0.1
    assert times[1] <= 4.1
    assert gaps == pytest.approx([4.0] * len(gaps), abs=0.1)


def test_a_prompt_carries_the_goal_unchanged_and_names_what_it_is_about():
    goal = CompareGroups("breast_cancer", 1, (0, 1))
    call = write_prompt("0.1", goal)
    assert (call.task_id, call.skill, call.goal) == ("0.1", "CompareGroups", goal)
    assert (call.domain, call.prompt_type) == ("medicine", "explanatory")
    assert "mean texture" in call.context
    assert "malignant, benign" in call.context
    assert "not a diagnosis" in call.safety
    ranking = write_prompt("0", RankFeatures("wine", "fisher", 3, (0, 2)))
    assert ranking.clarity == "Rank the features by fisher; name the best 3."
    assert "diagnosis" not in ranking.safety


def test_every_skill_has_a_prompt_and_no_composite_goal_has():
    domains = {
        write_prompt("0", MeasureClusters(name, 3)).domain for name in CARDS if CARDS[name].classes
    }
    assert domains == {"botany", "chemistry", "medicine", "computer vision"}
    assert len(SKILLS) == 7
    assert write_prompt("0", ClassifyRows("wine", "bayes", (7,))).prompt_type == "analytical"
    with pytest.raises(KeyError):
        write_prompt("0", SeparateClasses("wine", (0, 1), 1, "fisher", "bayes"))
