"""How the simulator answers operations: from its own queue, at a later virtual time.

An operation on a port is answered when its modelled duration is over, with the value that the
port's adapter computes *then*. An `Ask` travels as a message, and its answer comes back as one; if
that does not happen in time the outcome is `TimedOut`, and nobody knows what the receiver did.
"""

from typing import TYPE_CHECKING, Any

from prsm_sim.actor.errors import OperationFailed, UserError
from prsm_sim.actor.operations import Done, Failed, Operation, Outcome, TimedOut
from prsm_sim.actor.types import Seconds
from prsm_sim.chance import Stream
from prsm_sim.internal import Ask, Wake
from prsm_sim.process import Finish, SimContext
from prsm_sim.world import ASK_TIMEOUT_S

if TYPE_CHECKING:
    from prsm_sim.sim import Sim


class Operations:
    """Begins the operations of all peers of one simulation."""

    def __init__(self, sim: "Sim") -> None:
        self._sim = sim
        self._streams: dict[tuple[str, str], Stream] = {}

    def begin(self, ctx: SimContext, operation: Operation[Any], finish: Finish) -> None:
        """Begin `operation`; call `finish` once with its outcome, never before returning."""
        match operation.port, operation.verb:
            case "clock", "sleep":
                for_s = self._sim.clocks.span_s(ctx.id, operation.arguments[0])
                self._after(ctx, for_s, finish)
            case "clock", "gather":
                self._gather(ctx, operation.arguments, finish)
            case "peers", "ask":
                self._ask(ctx, operation, finish)
            case _:
                self._port(ctx, operation, finish)

    def _after(self, ctx: SimContext, delay_s: Seconds, finish: Finish) -> int:
        if not delay_s >= 0.0:
            raise ValueError(f"{ctx.id} cannot wait for {delay_s} s")
        number = ctx.wait(finish)
        self._sim.env.queue.push((self._sim.now + delay_s, ctx.id, ctx.id, Wake(number)))
        return number

    def _ask(self, ctx: SimContext, operation: Operation[Any], finish: Finish) -> None:
        to, message, reply_type = operation.arguments

        def check(outcome: Outcome) -> None:
            if ctx.waiting is not None:
                ctx.waiting.pop(late, None)  # the time-out shall not move the clock any more
            if type(outcome) is Done and not isinstance(outcome.value, reply_type):
                got = type(outcome.value).__name__
                outcome = Failed(f"{to} answered with {got}, not {reply_type.__name__}")
            finish(outcome)

        number = ctx.wait(check)
        ctx.send(to, Ask(number, message))
        timeout_s = ASK_TIMEOUT_S if operation.timeout_s is None else operation.timeout_s

        def give_up(_: Outcome) -> None:
            ctx.settle(number, TimedOut())

        late = self._after(ctx, self._sim.clocks.span_s(ctx.id, timeout_s), give_up)

    def _gather(
        self, ctx: SimContext, operations: tuple[Operation[Any], ...], finish: Finish
    ) -> None:
        outcomes: list[Outcome] = [TimedOut()] * len(operations)
        open_places = set(range(len(operations)))
        if not operations:
            self._after(ctx, 0.0, lambda _: finish(Done([])))

        def place(index: int) -> Finish:
            def put(outcome: Outcome) -> None:
                outcomes[index] = outcome
                open_places.discard(index)
                if not open_places:
                    finish(Done(outcomes))

            return put

        for index, operation in enumerate(operations):
            self.begin(ctx, operation, place(index))

    def _port(self, ctx: SimContext, operation: Operation[Any], finish: Finish) -> None:
        adapter = self._sim.adapters.get(operation.port)
        if adapter is None:
            raise UserError(
                f"{ctx.id} uses the port {operation.port!r}, and the world provides no adapter for "
                f"it: call world.provide({operation.port!r}, …) in the scenario"
            )
        verb, arguments = operation.verb, operation.arguments
        rng = self._streams.setdefault(
            (ctx.id, operation.port), Stream(self._sim.seed, ctx.id, operation.port)
        )
        duration_s = adapter.duration_s(ctx.id, verb, arguments, rng)
        timeout_s = operation.timeout_s
        if timeout_s is not None and timeout_s < duration_s:
            self._after(ctx, timeout_s, lambda _: finish(TimedOut()))
            return

        def answer(_: Outcome) -> None:
            try:
                outcome: Outcome = Done(adapter.call(ctx.id, verb, arguments))
            except OperationFailed as refusal:
                outcome = Failed(str(refusal))
            finish(outcome)

        self._after(ctx, duration_s, answer)
