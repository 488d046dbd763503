"""A life: one incarnation of a peer, from its start to its crash.

A life takes one job at a time (a message, a timer, the outcome of a started operation). A
synchronous handler is done when it returns. An async one is driven by hand: its coroutine yields an
`Operation`, the life begins it, and when its outcome is known sends the value in. Until then the
peer is busy and further jobs wait in its mailbox, unless their handler is `@reentrant`.

Everything that a life waits for (timers, answers, adapters) hangs on it, so a crash is one `end`:
coroutines are closed, handles cancelled, and whatever still arrives finds nobody.
"""

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple

from live.context import LiveContext
from live.performer import Performer
from prsm_sim.actor.actor import Handler, find_handler
from prsm_sim.actor.codec import Codec
from prsm_sim.actor.context import Store
from prsm_sim.actor.errors import ForeignAwait, OperationFailed, OperationTimedOut
from prsm_sim.actor.operations import Done, Failed, Operation, Outcome
from prsm_sim.actor.types import Message, PeerId, Seconds

if TYPE_CHECKING:
    from live.peer import Peer
    from live.world import Live


class Letter(NamedTuple):
    """A message to handle, and the correlation id under which its answer is awaited (or 0)."""

    sender: PeerId
    message: Message
    correlation: int


class Start(NamedTuple):
    """The beginning of a life."""

    restart: bool


class Tick(NamedTuple):
    """A timer that is due; `setting` tells which of its settings it was."""

    name: str
    setting: int


class Completion(NamedTuple):
    """An operation begun by `ctx.start` that has an outcome."""

    tag: str
    outcome: Outcome


Job = Letter | Tick | Completion


class Run(NamedTuple):
    """An async handler under way."""

    coroutine: Coroutine[Any, Any, Message | None]
    letter: Letter
    handler: Handler


class Life:
    """One incarnation of `peer`.

    Attributes:
        alive: it has not ended; a life that ended does nothing more.
    """

    def __init__(self, world: "Live", peer: "Peer", store: Store) -> None:
        self._world = world
        self._peer = peer
        self._actor = peer.factory()
        self._loop = asyncio.get_running_loop()
        self._mailbox: deque[Job] = deque()
        self._letters_waiting = 0
        self._busy = False
        self._paused = False
        self._held: list[Callable[[], None]] = []
        self._runs: dict[int, Run] = {}
        self._timers: dict[str, tuple[int, asyncio.TimerHandle]] = {}
        self._settings = 0
        self.alive = True
        self.actor = self._actor
        self.codec: Codec[Message] = Codec(self._actor.accepts())
        self.performer = Performer(world, peer, self)
        self.context = LiveContext(world, peer, self, store)

    def begin(self, recovered: bytes | None) -> None:
        """Start the actor with what its store durably held."""
        self._world.record("start", "", self._peer.name, "" if recovered is None else "recovered")
        self._actor.on_start(self.context, recovered)

    def end(self) -> None:
        """Lose all memory: nothing that this life waits for happens any more."""
        self.alive = False
        for _, handle in self._timers.values():
            handle.cancel()
        self._timers.clear()
        self.performer.end()
        self._mailbox.clear()
        self._held.clear()
        for run in tuple(self._runs.values()):
            with self._world.watch(self._peer.name, run.letter.message):
                run.coroutine.close()
        self._runs.clear()

    def pause(self) -> None:
        """Stand still: jobs and outcomes wait."""
        self._paused = True

    def resume(self) -> None:
        """Go on with all that waited, in the order it came."""
        self._paused = False
        held, self._held = self._held, []
        for callback in held:
            self.awake(callback)
        self._drain()

    def awake(self, callback: Callable[[], None]) -> None:
        """Call `callback` now, or as soon as this life is no longer paused; never if it ends."""
        if not self.alive:
            return
        if self._paused:
            self._held.append(callback)
        else:
            callback()

    def take(self, letter: Letter) -> str | None:
        """Handle `letter` now or later; returns why not, if it is refused."""
        handler = find_handler(self._actor.handlers, type(letter.message))
        if handler is None:
            self._world.count(f"dropped: no handler for {type(letter.message).__name__}")
            return f"{self._peer.name} does not handle {type(letter.message).__name__}"
        if self._paused or (self._busy and not handler.is_reentrant):
            if self._letters_waiting >= self._actor.mailbox_limit:
                self._world.count("dropped: mailbox full")
                return f"the mailbox of {self._peer.name} is full"
            self._letters_waiting += 1
            self._mailbox.append(letter)
            return None
        self._handle(letter, handler)
        return None

    def set_timer(self, name: str, after_s: Seconds) -> None:
        """Arm or re-arm the timer `name`."""
        if not 0.0 <= after_s < math.inf:
            raise ValueError(f"timer {name!r} of {self._peer.name} is set to {after_s} s from now")
        self.cancel_timer(name)
        if self.alive:
            self._settings += 1
            tick = Tick(name, self._settings)
            handle = self._loop.call_later(after_s, self.awake, lambda: self._enqueue(tick))
            self._timers[name] = (tick.setting, handle)

    def cancel_timer(self, name: str) -> None:
        """Disarm the timer `name`, if it is armed; also if it is due and waits its turn."""
        setting_and_handle = self._timers.pop(name, None)
        if setting_and_handle is not None:
            setting_and_handle[1].cancel()

    def start(self, operation: Operation[Any], tag: str) -> None:
        """Begin `operation`; its outcome becomes a job."""
        self.performer.begin(operation, lambda outcome: self._enqueue(Completion(tag, outcome)))

    def _enqueue(self, job: Tick | Completion) -> None:
        if self._busy or self._paused:
            self._mailbox.append(job)
        else:
            self._do(job)

    def _drain(self) -> None:
        while self._mailbox and self.alive and not (self._busy or self._paused):
            job = self._mailbox.popleft()
            if isinstance(job, Letter):
                self._letters_waiting -= 1
                handler = find_handler(self._actor.handlers, type(job.message))
                assert handler is not None, "take() lets in only what has a handler"
                self._handle(job, handler)
            else:
                self._do(job)

    def _do(self, job: Tick | Completion) -> None:
        if self._world.over:
            return
        if isinstance(job, Tick):
            # While the tick waited its turn, the timer may have been replaced or disarmed.
            setting_and_handle = self._timers.get(job.name)
            if setting_and_handle is None or setting_and_handle[0] != job.setting:
                return
            del self._timers[job.name]
            self._world.record("timer", self._peer.name, self._peer.name, job.name)
            with self._world.watch(self._peer.name, job):
                self._actor.on_timer(self.context, job.name)
        else:
            self._world.record("complete", self._peer.name, self._peer.name, job.tag)
            with self._world.watch(self._peer.name, job):
                self._actor.on_complete(self.context, job.tag, job.outcome)

    def _handle(self, letter: Letter, handler: Handler) -> None:
        if self._world.over:
            return
        self._world.record("message", letter.sender, self._peer.name, letter.message)
        with self._world.watch(self._peer.name, letter.message):
            result = handler.function(self._actor, self.context, letter.sender, letter.message)
            if not handler.is_async:
                self._reply(letter, handler, result)
                return
            run = Run(result, letter, handler)
            self._runs[id(run)] = run
            self._busy = self._busy or not handler.is_reentrant
            self._resume(run, Done(None))

    def _resume(self, run: Run, outcome: Outcome) -> None:
        """Send an outcome into a suspended handler, and begin what it awaits next."""
        with self._world.watch(self._peer.name, run.letter.message):
            try:
                awaited = _advance(run.coroutine, outcome)
            except StopIteration as stop:
                self._finish(run)
                self._reply(run.letter, run.handler, stop.value)
                self._drain()
                return
            if not isinstance(awaited, Operation):
                # Thrown in at the await, so that the traceback shows the actor's own line; raised
                # again here, so that an actor which catches it does not hide it.
                foreign = ForeignAwait(awaited)
                with contextlib.suppress(StopIteration):
                    run.coroutine.throw(foreign)
                raise foreign
            self.performer.begin(awaited, lambda result: self._resume(run, result))

    def _finish(self, run: Run) -> None:
        self._runs.pop(id(run), None)
        if not run.handler.is_reentrant:
            self._busy = False

    def _reply(self, letter: Letter, handler: Handler, reply: Message | None) -> None:
        if letter.correlation and reply is None:
            self._peer.refuse(letter, f"{self._peer.name} has no answer")
        elif reply is not None and handler.replies and letter.sender:
            self._peer.reply(letter.sender, reply, letter.correlation)


def _advance(coroutine: Coroutine[Any, Any, Message | None], outcome: Outcome) -> object:
    if isinstance(outcome, Done):
        return coroutine.send(outcome.value)
    if isinstance(outcome, Failed):
        return coroutine.throw(OperationFailed(outcome.reason))
    return coroutine.throw(OperationTimedOut("no answer came in time; the outcome is unknown"))
