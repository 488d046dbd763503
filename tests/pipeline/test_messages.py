"""Everything that travels must survive a wire, at every actor that accepts it."""

import inspect

import pytest
from hypothesis import given
from pipeline_goals import goals
from pipeline_market import BankClient

from agents.pipeline import facts, messages
from agents.pipeline.architect import Architect, Refraction
from agents.pipeline.client import Client, ClientRules
from agents.pipeline.compiler import Compiler
from agents.pipeline.executor import Executor
from agents.pipeline.layers import Layers
from agents.pipeline.messages import (
    Announce,
    AskQuestion,
    QuestionAnswered,
    Refracted,
    Refusal,
    TaskResult,
    TraceStep,
    WritePrompt,
)
from agents.pipeline.orchestrator import Orchestrator
from agents.pipeline.prompter import Prompter, write_prompt
from agents.pipeline.questions import Question
from agents.pipeline.router import Router
from agents.pipeline.tasks import Choice, Combine, Labels, MeasureClusters, Selection
from agents.pipeline.work import WorkRules
from prsm_sim.actor import Codec, Fact, Message, RemoteProtocolError, encode

NOBODY = Layers((), (), (), ())
ACTORS = [
    Architect(),
    Prompter(),
    Router(),
    Compiler(),
    Executor((), Announce((), (), 0, "0")),
    Orchestrator(NOBODY, BankClient(), WorkRules()),
    Client((), (), BankClient(), ClientRules("0")),
]


def classes(module, base):
    found = [one for _, one in inspect.getmembers(module, inspect.isclass)]
    return [one for one in found if issubclass(one, base) and one is not base]


@pytest.mark.parametrize("actor", ACTORS, ids=lambda actor: type(actor).__name__)
def test_every_actor_can_decode_what_it_accepts(actor):
    codec = Codec(actor.accepts())
    assert Message not in codec.types
    with pytest.raises(RemoteProtocolError):
        codec.decode(encode(["no", "such", "message"]))


ALL = Codec(classes(messages, Message))


def test_every_message_is_accepted_or_is_a_reply():
    accepted = {one for actor in ACTORS for one in actor.accepts()}
    replies = {"Compiled", "ModelCall", "Quote", "Refracted", "Route", "TaskResult"}
    assert {one.__name__ for one in set(ALL.types) - accepted} == replies
    assert Codec(classes(facts, Fact)).types


@given(goals)
def test_goals_and_graphs_survive_the_wire(goal):
    graph = Refraction(5, 300).graph(goal)
    calls = [
        write_prompt(task.id, task.goal)
        for task in graph.tasks
        if not isinstance(task.goal, Combine)
    ]
    for message in (AskQuestion("q", Question("i", "t", "k", goal)), Refracted(graph), *calls):
        assert ALL.decode(encode(message)) == message


@pytest.mark.parametrize(
    "answer", [Choice("a", 0.5, (0.5, 0.25)), Labels((1, 2)), Selection((3,), 0.9), Refusal("no")]
)
def test_answers_survive_the_wire(answer):
    trace = (TraceStep("executor", "0", "peer", 1.5, "answered"),)
    message = QuestionAnswered("q", answer, "words", "12", ("peer",), trace)
    assert ALL.decode(encode(message)) == message
    if not isinstance(answer, Refusal):
        assert ALL.decode(encode(TaskResult("0", answer, 5))) == TaskResult("0", answer, 5)


def test_a_goal_of_an_unknown_kind_is_refused_at_the_door():
    honest = encode(WritePrompt("0", MeasureClusters("iris", 3)))
    with pytest.raises(RemoteProtocolError):
        ALL.decode(honest.replace(b"MeasureClusters", b"MeasureClustres"))
