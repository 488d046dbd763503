"""What must hold in a baseline run, whatever is struck within the fault model.

Safety: replicas agree on what each sequence number holds, execute in order, execute what clients
asked for and nothing twice; what a client is told was executed; the clients' history is
linearizable; checkpoints of one sequence number are one state. Liveness: every request has its
result within a bound after the faults are over, and all are served before the run ends.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from agents.consensus.facts import CheckpointTaken, ConflictingMessages, Executed, StateTransferred
from prsm_sim.actor import Fact, PeerId, Seconds
from prsm_sim.checker import Agreement, Checker, Observe, Order
from prsm_sim.history import History, Invoked, Returned
from prsm_sim.oracles import Linearizable, Recovers
from scenarios.consensus_baseline.executions import (
    ExecutedOnce,
    Executions,
    Slots,
    request_text,
)
from scenarios.consensus_baseline.key_value import StateReached, StoreModel, is_read
from scenarios.consensus_baseline.limits import BoundedLog, NoStarvation
from scenarios.consensus_baseline.parameters import ConsensusBaselineParameters

Honest = Callable[[PeerId], bool]
SEQUENCE: Callable[[Any], int] = attrgetter("sequence")
DIGEST: Callable[[Any], str] = attrgetter("digest")


def oracles(
    honest: Honest,
    parameters: ConsensusBaselineParameters,
    slots_open: Callable[[PeerId], tuple[int, int]],
    whole_after: Callable[[], Seconds],
    history: History,
    executions: Executions,
) -> tuple[Checker, ...]:
    """The checkers of a run.

    Args:
        honest: whether a peer counts; clients always do.
        parameters: of the run.
        slots_open: how many slots a replica's log has now, and how many it may have.
        whole_after: when the last scheduled fault is over that is no lie, s.
        history: is filled with what clients tell.
        executions: is filled with what honest replicas execute.
    """
    p = parameters
    slots: Slots = {}
    return (
        execution_agreement(honest),
        ordered_execution(honest),
        checkpoint_agreement(honest),
        state_agreement(honest),
        NobodyFramed(honest),
        BoundedLog(honest, slots_open),
        NoStarvation(whole_after, p.most_overtaking),
        ExecutedOnce(honest, slots, history, executions),
        ExecutedBeforeTold(slots, tentative=p.tentative, unordered_reads=p.read_only),
        Linearizable(StoreModel(), history=history),
        Recovers((p.due_s - p.heal_s) / 2, after=p.heal_s, history=history),
        Answered(p.requests, p.due_s),
    )


def execution_agreement(honest: Honest) -> Checker:
    """No two replicas execute different batches under one sequence number."""
    return Agreement(Executed, SEQUENCE, DIGEST, honest)


def ordered_execution(honest: Honest) -> Checker:
    """Replicas execute 1, 2, 3, … without a gap, but for what a transferred state contains."""
    taken_over = StateTransferred, SEQUENCE
    return Order(Executed, SEQUENCE, honest, taken_over=taken_over)


class ExecutedBeforeTold(Checker):
    """A client is told the result of a request only after an honest replica executed it.

    Whether it is the right result is judged by the history's linearizability.

    Args:
        slots: what was executed where; filled by `ExecutedOnce`.
        tentative: results may be told before they are final; then they must be so at the end.
        unordered_reads: reads are answered without being executed in order.
    """

    name = "validity"

    def __init__(
        self, slots: Slots, *, tentative: bool = False, unordered_reads: bool = False
    ) -> None:
        super().__init__()
        self._slots = slots
        self._tentative = tentative
        self._unordered_reads = unordered_reads
        self.facts = (Invoked, Returned) if unordered_reads else (Returned,)
        self._reading: dict[PeerId, int] = {}
        self._owed: list[tuple[PeerId, int]] = []

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Judge a result, or note that a request need not be ordered."""
        if isinstance(fact, Returned):
            return self._on_returned(time_s, peer, fact)
        assert isinstance(fact, Invoked)
        if self._unordered_reads and is_read(fact.operation):
            self._reading[fact.client] = fact.number
        return None

    def observers(self) -> Mapping[type[Fact], Observe]:
        """Results are judged directly."""
        return {**super().observers(), Returned: self._on_returned}

    def _on_returned(self, _time_s: Seconds, _peer: PeerId, fact: Returned) -> str | None:
        client, number = fact.client, fact.number
        self.evaluations += 1
        if (client, number) in self._slots or self._reading.get(client) == number:
            return None
        if self._tentative:
            self._owed.append((client, number))
            return None
        return f"{client} was told the result of request {number}, which none had executed"

    def finish(self, time_s: Seconds) -> str | None:
        """Judge what was told tentatively.

        It is lost if a later request of its client was executed and it was not. Where none was, it
        may still be executed one day, since a quorum has prepared it.
        """
        newest: dict[PeerId, int] = {}
        for client, number in self._slots:
            newest[client] = max(newest.get(client, 0), number)
        for request in self._owed:
            client, number = request
            if request in self._slots:
                continue
            if newest.get(client, 0) > number:
                return f"{client} was told the result of request {number}, which none ever executed"
            self.doubt = f"{request_text(request)} was told tentatively, and is not final"
        return None


class RareAgreement(Agreement):
    """Agreement on something that a short run may never come to; then it judges nothing."""

    judges = False

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Compare a value; from the first one on there is a verdict."""
        self.judges = True
        return super().observe(time_s, peer, fact)


def checkpoint_agreement(honest: Honest) -> Checker:
    """Checkpoints of one sequence number are one state, whether they become stable or not."""
    return RareAgreement(
        CheckpointTaken, SEQUENCE, DIGEST, honest,
        name="checkpoint agreement",
    )  # fmt: skip


def state_agreement(honest: Honest) -> Checker:
    """Replicas that applied the same number of operations applied the same ones."""
    return RareAgreement(
        StateReached, attrgetter("applied"), attrgetter("chain"), honest,
        name="state agreement",
    )  # fmt: skip


class NobodyFramed(Checker):
    """No replica contradicts itself that is neither a liar nor forgetful.

    An honest replica that is caught at it has forgotten a vote, or was never told to remember it.
    """

    name = "nobody framed"
    facts = (ConflictingMessages,)
    judges = False

    def __init__(self, honest: Honest) -> None:
        super().__init__()
        self._honest = honest

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Judge an accusation by an honest replica."""
        assert isinstance(fact, ConflictingMessages)
        if not self._honest(peer):
            return None
        self.judges = True
        self.evaluations += 1
        if self._honest(fact.accused):
            return f"{fact.accused} signed two messages for slot {fact.sequence}, says {peer}"
        return None


class Answered(Checker):
    """Liveness: in the end every request has its result.

    Args:
        requests: how many there are.
        due_s: a run that ends before this time is too short to tell.
    """

    name = "liveness"
    facts = (Returned,)

    def __init__(self, requests: int, due_s: Seconds) -> None:
        super().__init__()
        self._requests = requests
        self._due_s = due_s

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Count a result."""
        self.evaluations += 1
        return None

    def finish(self, time_s: Seconds) -> str | None:
        """Compare with what was to be asked."""
        returned = self.evaluations
        self.evaluations += 1
        if returned == self._requests:
            return None
        found = f"only {returned} of {self._requests} requests had a result by {time_s:g} s"
        if time_s < self._due_s:
            self.doubt = f"{found}, and they are not due before {self._due_s:g} s"
            return None
        return found
