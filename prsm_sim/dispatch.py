"""Conditions: which function takes a message, in each condition that a peer can be in.

Each condition has a table of what is known so far, from the type of a message to
``function(actor, ctx, sender, message)``; `find` adds to it when a type turns up for the first
time. Plain sync handlers stand in the table themselves, so nothing is between the queue and the
actor.
"""

from collections.abc import Callable
from typing import Any

from prsm_sim.actor.actor import Actor, Handler, find_handler
from prsm_sim.actor.operations import Done, Failed
from prsm_sim.actor.types import Message, PeerId
from prsm_sim.internal import Answer, Ask, Completed, Start, Timer, TimerFired, Wake
from prsm_sim.process import Dispatch, SimContext, Task

_BEGIN = Done(None)


class Running:
    """The condition of a peer that runs: messages go to the handlers of its actor class."""

    def __init__(self, actor_type: type[Actor]) -> None:
        self.handlers = actor_type.handlers
        self.known: dict[type, Dispatch] = {
            Start: _start,
            Timer: _timer,
            Wake: _wake,
            Ask: _ask,
            Answer: _answer,
            Completed: _completed,
            TimerFired: _timer_fired,
        }

    def find(self, message_type: type) -> Dispatch:
        """What takes messages of a type; from then on it is known."""
        dispatch = self.known.get(message_type)
        if dispatch is None:
            handler = find_handler(self.handlers, message_type)
            dispatch = _unhandled if handler is None else _dispatch_of(handler)
            self.known[message_type] = dispatch
        return dispatch


class Busy:
    """The condition while a handler is suspended: answers and reentrant handlers pass."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self.known: dict[type, Dispatch] = {
            Wake: _wake,
            Answer: _answer,
            Timer: _timer_while_busy,
            Ask: _ask_while_busy,
            Completed: _queue_always,
            TimerFired: _queue_always,
        }

    def find(self, message_type: type) -> Dispatch:
        """What takes messages of a type; from then on it is known."""
        dispatch = self.known.get(message_type)
        if dispatch is None:
            handler = find_handler(self._running.handlers, message_type)
            passes = handler is not None and handler.is_reentrant
            dispatch = self._running.find(message_type) if passes else _queue
            self.known[message_type] = dispatch
        return dispatch


class Same:
    """A condition in which one function takes nearly everything."""

    def __init__(self, dispatch: Dispatch, but: dict[type, Dispatch] | None = None) -> None:
        self._dispatch = dispatch
        self.known = dict(but or {})

    def find(self, message_type: type) -> Dispatch:
        """What takes messages of a type; from then on it is known."""
        return self.known.setdefault(message_type, self._dispatch)


def _run_async(
    handler: Handler, actor: Actor, ctx: SimContext, sender: PeerId, message: Message,
    answer: Callable[[Message | None], None],
) -> None:  # fmt: skip
    coroutine = handler.function(actor, ctx, sender, message)
    task = Task(ctx, coroutine, answer)
    if not handler.is_reentrant:
        ctx.lock = task
        ctx.enter(ctx.sim.conditions(type(actor))[1])
    task.resume(_BEGIN)


def _dispatch_of(handler: Handler) -> Dispatch:
    """How a plain message goes to its handler."""
    function = handler.function
    if handler.is_async:

        def run_async(actor: Actor, ctx: SimContext, sender: PeerId, message: Message) -> None:
            def answer(reply: Message | None) -> None:
                if reply is not None:
                    ctx.send(sender, reply)

            _run_async(handler, actor, ctx, sender, message, answer)

        return run_async
    if handler.replies:

        def run_and_reply(actor: Actor, ctx: SimContext, sender: PeerId, message: Message) -> None:
            reply = function(actor, ctx, sender, message)
            if reply is not None:
                ctx.send(sender, reply)

        return run_and_reply
    return function


def _ask(actor: Actor, ctx: SimContext, sender: PeerId, ask: Ask) -> None:
    handler = find_handler(actor.handlers, type(ask.body))
    if handler is None:
        refuse(ctx, sender, ask.number, f"{ctx.id} does not handle {type(ask.body).__name__}")
        return

    def answer(reply: Message | None) -> None:
        if reply is None:
            refuse(ctx, sender, ask.number, f"{ctx.id} has no answer")
        else:
            ctx.send(sender, Answer(ask.number, reply))

    if handler.is_async:
        _run_async(handler, actor, ctx, sender, ask.body, answer)
    else:
        answer(handler.function(actor, ctx, sender, ask.body))


def refuse(ctx: SimContext, sender: PeerId, number: int, reason: str) -> None:
    """Answer an ask with the reason why there is no answer."""
    ctx.send(sender, Answer(number, None, reason))


def _ask_while_busy(actor: Actor, ctx: SimContext, sender: PeerId, ask: Ask) -> None:
    handler = find_handler(actor.handlers, type(ask.body))
    if handler is not None and handler.is_reentrant:
        _ask(actor, ctx, sender, ask)
    elif ctx.mailbox and len(ctx.mailbox) >= actor.mailbox_limit:
        ctx.sim.drop("mailbox full")
        refuse(ctx, sender, ask.number, f"the mailbox of {ctx.id} is full")
    else:
        ctx.enqueue(sender, ask)


def _queue(actor: Actor, ctx: SimContext, sender: PeerId, message: Message) -> None:
    if ctx.mailbox and len(ctx.mailbox) >= actor.mailbox_limit:
        ctx.sim.drop("mailbox full")
    else:
        ctx.enqueue(sender, message)


def _queue_always(actor: Actor, ctx: SimContext, sender: PeerId, message: Any) -> None:
    ctx.enqueue(sender, message)


def _start(actor: Actor, ctx: SimContext, sender: PeerId, start: Start) -> None:
    actor.on_start(ctx, ctx.store.get("state") if start.restart else None)


def _timer(actor: Actor, ctx: SimContext, sender: PeerId, timer: Timer) -> None:
    if ctx.sim.is_due(ctx.id, timer):
        timer.deadline = -1.0
        actor.on_timer(ctx, timer.name)


def _timer_while_busy(actor: Actor, ctx: SimContext, sender: PeerId, timer: Timer) -> None:
    if ctx.sim.is_due(ctx.id, timer):
        ctx.enqueue(sender, TimerFired(timer, timer.deadline))


def _timer_fired(actor: Actor, ctx: SimContext, sender: PeerId, fired: TimerFired) -> None:
    # The handler that was running may have set or cancelled the timer since.
    if fired.timer.deadline == fired.deadline:
        fired.timer.deadline = -1.0
        actor.on_timer(ctx, fired.timer.name)


def _wake(actor: Actor, ctx: SimContext, sender: PeerId, wake: Wake) -> None:
    if not ctx.settle(wake.number, _BEGIN):
        ctx.sim.disregard(wake)  # what it was for has been settled otherwise


def _answer(actor: Actor, ctx: SimContext, sender: PeerId, answer: Answer) -> None:
    ctx.settle(answer.number, Failed(answer.refusal) if answer.body is None else Done(answer.body))


def _completed(actor: Actor, ctx: SimContext, sender: PeerId, completed: Completed) -> None:
    actor.on_complete(ctx, completed.tag, completed.outcome)


def _unhandled(actor: Actor, ctx: SimContext, sender: PeerId, message: Message) -> None:
    ctx.sim.drop(f"no handler for {type(message).__name__}")


def _hold(actor: Actor, ctx: SimContext, sender: PeerId, message: Any) -> None:
    assert ctx.held is not None, "only a paused peer has this table"
    ctx.held.append((sender, message))


def _hold_timer(actor: Actor, ctx: SimContext, sender: PeerId, timer: Timer) -> None:
    if ctx.sim.is_due(ctx.id, timer):
        _hold(actor, ctx, sender, TimerFired(timer, timer.deadline))


def _drop(actor: None, ctx: SimContext, sender: PeerId, message: Any) -> None:
    if isinstance(message, Message):
        ctx.sim.drop("receiver down")
    elif type(message) is Timer or type(message) is Wake:
        ctx.sim.disregard(message)


PAUSED = Same(_hold, {Timer: _hold_timer})
DOWN = Same(_drop)
