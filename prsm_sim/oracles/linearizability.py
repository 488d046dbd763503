"""Linearizability: every operation seems to take effect at one instant while it is under way.

Herlihy and Wing (1990): a history of concurrent operations is linearizable if its operations can be
put in one sequence that a sequential object would answer in the same way, and in which an operation
that returned before another was invoked comes before it. It says what clients of a replicated state
machine may rely on, and it needs nothing but what clients saw.

The property is local: parts of an object that do not touch each other (keys of a store) are judged
alone. What the search costs depends on how many clients are active at once, not on the length of
the history; `prsm_sim.oracles.search` says how it works, and that it may give up.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from prsm_sim.actor.types import Fact, PeerId, Seconds
from prsm_sim.checker import Checker, Observe, Status, everyone
from prsm_sim.history import Call, History, Invoked, Returned
from prsm_sim.oracles.explain import explain, text
from prsm_sim.oracles.models import Divisible, Model, S
from prsm_sim.oracles.search import Found, Part, reader, search

BOUND = 50_000
"""Configurations beyond one an operation that a check may reach, unless told otherwise."""


class Judgement(msgspec.Struct, frozen=True):
    """What came of checking a history.

    Attributes:
        status: ``pass``, ``fail``, or ``inconclusive`` at the bound or with nothing to judge.
        detail: one sentence: what cannot be ordered, or why there is no answer.
        operations: how many operations with a return were put in order, or should have been.
        configurations: how many configurations the search reached.
        failed: how many facts the shortest prefix has that no order explains; None if it passes.
    """

    status: Status
    detail: str
    operations: int
    configurations: int
    failed: int | None = None


def check_history(
    model: Model[S], history: History | Iterable[Invoked | Returned], *, bound: int = BOUND
) -> Judgement:
    """Whether a history is linearizable.

    Args:
        model: what the operations are answered by.
        history: what clients asked for and were told, in the order in which it happened.
        bound: give up after so many configurations beyond one an operation.

    Raises:
        UserError: the model does not know an operation.
        ValueError: the facts make no history (a return without an invocation).
    """
    unit = " s" if isinstance(history, History) else ""
    history = history if isinstance(history, History) else History.of(history)
    parts = _parts(model, history.calls)
    operations = sum(len(part.returned) for _, part in parts)
    configurations, left, gave_up = 0, bound, ""
    failures: list[tuple[Hashable, Part[S], Found[S]]] = []
    for key, part in parts:
        found = search(part, left)
        configurations += found.configurations
        left -= max(0, found.configurations - len(part.returned) - 1)
        if found.explained is False:
            failures.append((key, part, found))
        elif found.explained is None and not gave_up:
            gave_up = f"{_among(key)}gave up at the bound of {bound:,} configurations"
    if failures:
        windows = [(explain(part, found.failed, bound), key) for key, part, found in failures]
        window, key = min(windows, key=lambda one: one[0].failed)
        sentence = _among(key) + window.sentence(unit)
        return Judgement("fail", sentence, operations, configurations, window.failed)
    if gave_up:
        return Judgement("inconclusive", gave_up, operations, configurations)
    if not operations:
        return Judgement("inconclusive", "no operation returned", 0, configurations)
    s = "" if len(parts) == 1 else "s"
    detail = f"{len(parts)} part{s}, {configurations:,} configurations"
    return Judgement("pass", detail, operations, configurations)


class Linearizable(Checker):
    """The history that clients tell by `Invoked` and `Returned` is linearizable.

    Judged at the end of the run; a fact costs an entry in a table until then.

    Args:
        model: what the operations are answered by; see `prsm_sim.oracles.models`.
        bound: give up after so many configurations beyond one an operation.
        trusted: whether a client's word counts. What another one was told does not count, but what
            it asked for may take effect.
        history: is filled with what clients tell, so that others can read it meanwhile; by default
            a new one.
        name: how the verdict is called.
    """

    facts = (Invoked, Returned)

    def __init__(
        self,
        model: Model[Any],
        *,
        bound: int = BOUND,
        trusted: Callable[[PeerId], bool] = everyone,
        history: History | None = None,
        name: str = "linearizability",
    ) -> None:
        super().__init__()
        self.name = name
        self.history = History() if history is None else history
        self._model = model
        self._bound = bound
        self._trusted = trusted

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Take down what a client says."""
        assert isinstance(fact, Invoked | Returned)
        forget_result = self._trusted is not everyone and not self._trusted(fact.client)
        return self.history.add(time_s, fact, forget_result=forget_result)

    def observers(self) -> Mapping[type[Fact], Observe]:
        """Where every client's word counts, nothing is asked before it is taken down."""
        if self._trusted is not everyone:
            return super().observers()
        return {Invoked: self.history.invoked, Returned: self.history.returned}

    def finish(self, time_s: Seconds) -> str | None:
        """Judge the history."""
        judgement = check_history(self._model, self.history, bound=self._bound)
        self.evaluations = judgement.operations
        if judgement.status == "fail":
            return judgement.detail
        if judgement.status == "inconclusive":
            self.doubt = judgement.detail
        else:
            self.note = judgement.detail
        return None


def _parts(model: Model[S], calls: Sequence[Call]) -> list[tuple[Hashable, Part[S]]]:
    """The calls of each part of the object, in the order in which parts were first touched."""
    reads = reader(model)
    # An unanswered read says nothing; nor shall it keep the parts together.
    calls = [call for call in calls if call.returned is not None or not reads(call.operation)]
    keys: list[Hashable] = [None] * len(calls)
    if isinstance(model, Divisible):
        keys = [model.key(call.operation) for call in calls]
        if None in keys:
            keys = [None] * len(calls)
    returned: dict[Hashable, list[Call]] = {}
    pending: dict[Hashable, list[Call]] = {}
    for key, call in zip(keys, calls, strict=True):
        of_state = returned if call.returned is not None else pending
        if key in of_state:
            of_state[key].append(call)
        else:
            of_state[key] = [call]
    return [(key, Part(model, part, pending.get(key, ()))) for key, part in returned.items()]


def _among(key: Hashable) -> str:
    """Which part a finding is about."""
    if key is None:
        return ""
    return f"at {text(key) if isinstance(key, bytes) else key}: "
