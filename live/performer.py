"""The performer: begins a life's operations and tells their outcomes, each exactly once.

Sleeps and time-outs are timers of the event loop, asks are letters whose answers are matched by a
correlation id, and operations on a port run their adapter in a worker thread, so that a model that
computes for a second delays nobody else's messages.
"""

import asyncio
import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from prsm_sim.actor.codec import Codec
from prsm_sim.actor.errors import OperationFailed, RemoteProtocolError, UserError
from prsm_sim.actor.operations import Done, Failed, Operation, Outcome, TimedOut
from prsm_sim.actor.types import Message, PeerId, Seconds
from prsm_sim.ports import Adapter
from prsm_sim.world import ASK_TIMEOUT_S

if TYPE_CHECKING:
    from live.life import Life
    from live.peer import Peer
    from live.world import Live

CLOCK = "clock"
PEERS = "peers"
GROUP = "group"

Told = Callable[[Outcome], None]


class Waiting:
    """One operation under way: told once, by whoever comes first."""

    __slots__ = ("_performer", "_told", "correlation", "timer")

    def __init__(self, performer: "Performer", told: Told) -> None:
        self._performer = performer
        self._told: Told | None = told
        self.timer: asyncio.TimerHandle | None = None
        self.correlation = 0

    def tell(self, outcome: Outcome) -> None:
        """Tell the outcome as soon as the peer is awake; later ones are not heard."""
        self._performer.life.awake(lambda: self._tell_once(outcome))

    def _tell_once(self, outcome: Outcome) -> None:
        told = self._told
        if told is not None:
            self.forget()
            told(outcome)

    def forget(self) -> None:
        """Wait no longer."""
        self._told = None
        if self.timer is not None:
            self.timer.cancel()
        self._performer.forget(self)


class Asked:
    """An ask whose answer is awaited."""

    __slots__ = ("codec", "of", "waiting")

    def __init__(self, of: PeerId, reply: type[Message], waiting: Waiting) -> None:
        self.of = of
        self.codec: Codec[Message] = Codec((reply,))
        self.waiting = waiting


class Performer:
    """Performs the operations of one life."""

    def __init__(self, world: "Live", peer: "Peer", life: "Life") -> None:
        self.life = life
        self.waiting: dict[int, Waiting] = {}  # by identity: two may be equal in all else
        self._world = world
        self._peer = peer
        self._loop = asyncio.get_running_loop()
        self._asked: dict[int, Asked] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, operation: Operation[Any], told: Told) -> None:
        """Begin `operation`; call ``told(outcome)`` once, later, unless the life ends before."""
        if not self.life.alive:
            return
        waiting = Waiting(self, told)
        self.waiting[id(waiting)] = waiting
        timeout_s = operation.timeout_s
        if operation.port == CLOCK:
            (for_s,) = operation.arguments
            if not 0.0 <= for_s < math.inf:
                raise ValueError(f"{self._peer.name} cannot wait for {for_s} s")
            waiting.timer = self._loop.call_later(for_s, waiting.tell, Done(None))
        elif operation.port == PEERS:
            self._ask(operation, waiting)
            timeout_s = ASK_TIMEOUT_S if timeout_s is None else timeout_s
        elif operation.port == GROUP:
            self._gather(operation.arguments, waiting)
        else:
            self._call(operation, waiting)
        if timeout_s is not None:
            waiting.timer = self._loop.call_later(max(0.0, timeout_s), waiting.tell, TimedOut())

    def answer(self, sender: PeerId, correlation: int, body: bytes, refused: bool) -> bool:
        """Take in a reply or a refusal; False if nobody awaits it from this sender."""
        asked = self._asked.get(correlation)
        if asked is None or asked.of != sender:
            return False
        del self._asked[correlation]
        if refused:
            asked.waiting.tell(Failed(body.decode(errors="replace")))
            return True
        try:
            asked.waiting.tell(Done(asked.codec.decode(body)))
        except RemoteProtocolError as error:
            wanted = asked.codec.types[0].__name__
            asked.waiting.tell(Failed(f"{sender} answered with something not {wanted}: {error}"))
        return True

    def forget(self, waiting: Waiting) -> None:
        """Wait no longer for this one; a late answer to it finds nobody."""
        self.waiting.pop(id(waiting), None)
        self._asked.pop(waiting.correlation, None)

    def end(self) -> None:
        """Forget every operation under way."""
        for waiting in tuple(self.waiting.values()):
            waiting.forget()
        for task in self._tasks:
            task.cancel()
        self._asked.clear()

    def _ask(self, operation: Operation[Any], waiting: Waiting) -> None:
        to, message, reply = operation.arguments
        waiting.correlation = self._peer.next_correlation()
        self._asked[waiting.correlation] = Asked(to, reply, waiting)
        self._peer.ask(to, message, waiting.correlation)

    def _gather(self, operations: tuple[Operation[Any], ...], waiting: Waiting) -> None:
        outcomes: list[Outcome | None] = [None] * len(operations)
        missing = len(operations)

        def keep(index: int, outcome: Outcome) -> None:
            nonlocal missing
            outcomes[index] = outcome
            missing -= 1
            if missing == 0:
                waiting.tell(Done(outcomes))

        for index, operation in enumerate(operations):
            self.begin(operation, functools.partial(keep, index))
        if not operations:
            self._loop.call_soon(waiting.tell, Done([]))

    def _call(self, operation: Operation[Any], waiting: Waiting) -> None:
        adapter = self._world.adapters.get(operation.port)
        if adapter is None:
            raise UserError(
                f"{self._peer.name} uses the port {operation.port!r}, and the world provides no "
                f"adapter for it: call world.provide({operation.port!r}, …) in the scenario"
            )
        task = self._loop.create_task(self._work(adapter, operation, waiting))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, adapter: Adapter, operation: Operation[Any], waiting: Waiting) -> None:
        with self._world.watch(self._peer.name, operation):
            try:
                value = await asyncio.to_thread(
                    adapter.call, self._peer.name, operation.verb, operation.arguments
                )
            except OperationFailed as refusal:
                waiting.tell(Failed(str(refusal)))
            else:
                waiting.tell(Done(value))


def sleeping(for_s: Seconds) -> Operation[None]:
    """The operation that is done `for_s` from its beginning."""
    return Operation(CLOCK, "sleep", (for_s,))


def asking(
    to: PeerId, message: Message, reply: type[Any], timeout_s: Seconds | None
) -> Operation[Any]:
    """The operation that sends `message` and is done when a `reply` comes back."""
    return Operation(PEERS, "ask", (to, message, reply), timeout_s)


def gathering(operations: tuple[Operation[Any], ...]) -> Operation[list[Outcome]]:
    """The operation that is done when all `operations` have an outcome."""
    return Operation(GROUP, "gather", operations)
