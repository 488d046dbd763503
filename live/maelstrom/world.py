"""A world of processes: nodes in any language, joined by a network that we may break.

It is a `World` like the others as far as it can be: it takes a network, faults, checkers and
gauges, and tells facts. What it cannot take is an actor, for here the code under test is somebody's
program. And it is not deterministic: the processes run when the operating system lets them, so a
seed fixes the clients' operations, the faults and each link's draws, but not the order in which
things happen.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from live.maelstrom.facts import NodeBroke, NodeReady
from live.maelstrom.nemesis import Nemesis
from live.maelstrom.node import Node
from live.maelstrom.protocol import Body, ErrorCode, Letter, read_letter, spoken, type_of
from live.maelstrom.wire import Wire
from prsm_sim.actor.actor import Actor
from prsm_sim.actor.errors import InvariantViolation, RemoteProtocolError, UserError
from prsm_sim.actor.types import Fact, PeerId, Seconds
from prsm_sim.recorder import Recorder
from prsm_sim.world import World

OPERATOR: PeerId = "c0"
"""The client that sends ``init`` and what else a node is told before the load begins."""
LOGS = "nodes"
"""Folder, inside the run's, that holds each node's stderr."""

Story = Callable[["Maelstrom"], Coroutine[Any, Any, None]]
Welcome = Callable[[PeerId], Body | None]


class External:
    """Stands in the manifest for what answers here; operations of actors there are none."""

    mode = "external processes, real time, not deterministic"

    def call(self, peer: PeerId, verb: str, arguments: tuple[Any, ...]) -> Any:
        """Never called: no actor lives here."""
        raise AssertionError(f"{peer} called {verb}, but no actor lives among processes")

    def duration_s(self, peer: PeerId, verb: str, arguments: tuple[Any, ...], rng: object) -> float:
        """Never called: no actor lives here."""
        raise AssertionError(f"{peer} called {verb}, but no actor lives among processes")


class Maelstrom(World):
    """Processes that speak Maelstrom's protocol, and the clients that ask them.

    Args:
        seed: of the clients' operations and of each link's draws; not of the processes.
        recorder: takes down letters and facts, and says where the run's folder is.

    Attributes:
        events: letters delivered so far.
        nodes: the nodes, by name.
        story: what happens from the start to the end; the scenario sets it.
        welcome: what a node is told after ``init``, if anything; the scenario sets it.
        init_s: a node that has not answered ``init`` by then counts as broken, s.
        up: names of the nodes that have answered ``init`` and have not been struck down since.
    """

    kind: Literal["sim", "live"] = "live"

    def __init__(self, seed: int, *, recorder: Recorder | None = None) -> None:
        super().__init__(seed)
        self.adapters["nodes"] = External()
        self.events = 0
        self.nodes: dict[PeerId, Node] = {}
        self.up: set[PeerId] = set()
        self.story: Story | None = None
        self.welcome: Welcome = lambda _: None
        self.init_s = 10.0
        self._recorder = recorder
        self._command: tuple[str, ...] = ()
        self._names: tuple[PeerId, ...] = ()
        self._wire: Wire | None = None
        self.nemesis = Nemesis(self)
        self._waiting: dict[tuple[PeerId, int], asyncio.Future[Body]] = {}
        self._asked: dict[PeerId, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._started_s: float | None = None
        self._finished_s: Seconds | None = None

    @property
    def now(self) -> Seconds:
        """Seconds since all nodes were ready; 0 before, and the last instant after."""
        if self._finished_s is not None:
            return self._finished_s
        if self._loop is None or self._started_s is None:
            return 0.0
        return self._loop.time() - self._started_s

    @property
    def names(self) -> tuple[PeerId, ...]:
        """The names of all nodes."""
        return self._names

    @property
    def wire(self) -> Wire:
        """The network between the nodes."""
        assert self._wire is not None, "the nodes have not been added"
        return self._wire

    def spawn(
        self,
        name: PeerId,
        factory: Callable[[], Actor],
        *,
        region: str = "",
        peers: Sequence[PeerId] | None = None,
    ) -> None:
        """Refused: no actor lives here.

        Raises:
            UserError: always.
        """
        raise UserError(f"{name}: among processes no actor can live; use prsm run or prsm live")

    def add_nodes(self, names: Iterable[PeerId], command: Sequence[str]) -> None:
        """Add nodes that run `command`; call `set_network` before.

        Raises:
            UserError: the network has what this world has not.
        """
        self._names, self._command = tuple(names), tuple(command)
        self._wire = Wire(
            self.network, self.seed, self._deliver, self._drop, self.observatory.counters
        )
        self.inhabited = True

    def clients_begin(self) -> None:
        """Let world time begin: all nodes are ready."""
        assert self._loop is not None
        self._started_s = self._loop.time()
        self.nemesis.arm_all(self.faults)

    async def run(self) -> None:
        """Live through the story, then end every process.

        Raises:
            InvariantViolation: a checker found the world wrong, or a node broke the protocol.
            UserError: the command cannot be started.
        """
        assert self.story is not None, "the scenario tells no story"
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        if self.stopped is not None:
            return
        try:
            self.start_task(self._tell(self.story))
            await self._ended.wait()
        finally:
            self._finished_s = self.now
            self.kill_all()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for node in self.nodes.values():
                await node.reap()
        if self._failure is not None:
            raise self._failure

    def stop(self, reason: str = "done") -> None:
        """End the run now."""
        if self.stopped is None:
            super().stop(reason)
        self._end()

    def fail(self, error: BaseException) -> None:
        """End the run because of `error`; the first one is raised from `run`."""
        if self._failure is None:
            self._failure = error
        if self.stopped is None:
            self.stopped = str(error)
        self._end()

    def kill_all(self) -> None:
        """End every process at once."""
        self.nemesis.end()
        for node in self.nodes.values():
            node.kill()

    def start_task(self, coroutine: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run something beside the story; what it raises ends the run."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)
        return task

    def sample_every(
        self, every_s: Seconds, progress: Callable[[Seconds, int], None] | None
    ) -> None:
        """Sample the gauges, and tell the progress, so often from now on."""

        async def sample() -> None:
            while True:
                await asyncio.sleep(every_s)
                self.observatory.sample(self.now)
                if progress is not None:
                    progress(self.now, self.events)

        self.start_task(sample())

    def emit(self, peer: PeerId, fact: Fact) -> None:
        """Take in a fact; a violated invariant ends the run, and what follows is no finding."""
        if self.stopped is not None:
            return
        now = self.now
        if self._recorder is not None:
            self._recorder.event(now, "fact", peer, "", fact)
        try:
            self.observatory.fact(now, peer, fact)
        except InvariantViolation as violation:
            self.fail(violation)

    def count(self, name: str) -> None:
        """Count something that is not a fact, such as a lost letter."""
        self.observatory.counters[name] += 1

    async def start_node(self, name: PeerId) -> None:
        """Start a node's process and tell it who it is."""
        node = self.nodes.get(name)
        if node is None:
            node = self.nodes[name] = Node(
                name,
                self._command,
                lambda line: self._hear(name, line),
                lambda what: self.broke(name, what),
                self._log_of(name),
            )
        await node.start()
        for told in (
            {"type": "init", "node_id": name, "node_ids": [*self._names]},
            self.welcome(name),
        ):
            if told is not None and not await self._introduce(name, told):
                return
        self.up.add(name)
        self.emit(name, NodeReady(name))

    def strike_down(self, name: PeerId) -> None:
        """Kill a node's process without warning; its memory is gone."""
        self.up.discard(name)
        self.nodes[name].kill()

    async def ask(
        self, client: PeerId, node: PeerId, body: Body, timeout_s: Seconds
    ) -> Body | None:
        """Send a client's request and return the body of the answer; None if none comes in time."""
        number = self._asked.get(client, 0) + 1
        self._asked[client] = number
        waiting = (client, number)
        answer: asyncio.Future[Body] = asyncio.get_running_loop().create_future()
        self._waiting[waiting] = answer
        try:
            self._deliver(Letter(client, node, body | {"msg_id": number}))
            return await asyncio.wait_for(answer, timeout_s)
        except TimeoutError:
            return None
        finally:
            del self._waiting[waiting]

    def broke(self, name: PeerId, what: str) -> None:
        """A node did what no node may: the run ends with that as its finding."""
        self.emit(name, NodeBroke(name, f"{name} {what}"))

    async def _tell(self, story: Story) -> None:
        await story(self)
        self._end()

    async def _introduce(self, name: PeerId, body: Body) -> bool:
        """Tell a node something before its load; whether it took it in."""
        kind = type_of(body)
        answer = await self.ask(OPERATOR, name, body, self.init_s)
        if answer is None:
            self.broke(name, f"did not answer {kind} within {self.init_s:g} s")
        elif type_of(answer) != f"{kind}_ok":
            self.broke(name, f"answered {kind} with {answer!r}, not with {kind}_ok")
        else:
            return True
        return False

    def _hear(self, name: PeerId, line: bytes) -> None:
        """Take a line from a node's stdout."""
        try:
            letter = read_letter(line)
        except RemoteProtocolError as error:
            self.broke(name, f"wrote to stdout what is no message: {error}")
            return
        if letter.src != name:
            self.broke(name, f"sent a message as {letter.src!r}; src must be its own id")
        elif letter.dest in self._asked:
            self._answered(letter)
        elif letter.dest in self._names:
            self.wire.send(letter)
        else:
            self.count("letters to nobody")
            if "msg_id" in letter.body:
                refusal = {
                    "type": "error",
                    "in_reply_to": letter.body["msg_id"],
                    "code": int(ErrorCode.NODE_NOT_FOUND),
                    "text": f"there is no node {letter.dest}",
                }
                self._deliver(Letter(letter.dest, name, refusal))

    def _answered(self, letter: Letter) -> None:
        """A node's letter to a client: an answer to a request, or it came too late."""
        number = letter.body.get("in_reply_to")
        self._record(letter)
        answer = self._waiting.get((letter.dest, number)) if isinstance(number, int) else None
        if answer is None or answer.done():
            asked = self._asked[letter.dest]
            if not isinstance(number, int) or not 1 <= number <= asked:
                what = f"answered {letter.dest}, which did not ask this: {letter.body!r}"
                self.broke(letter.src, what)
            self.count("late or repeated answers")
            return
        answer.set_result(letter.body)

    def _deliver(self, letter: Letter) -> None:
        """Hand a letter to a node."""
        node = self.nodes.get(letter.dest)
        introducing = letter.src == OPERATOR
        if node is None or not (letter.dest in self.up or introducing):
            self._drop("down")
            return
        self._record(letter)
        node.send(letter)

    def _record(self, letter: Letter) -> None:
        if self.stopped is not None:
            return
        self.events += 1
        if self._recorder is not None:
            body = spoken(letter.body)
            self._recorder.event(self.now, "message", letter.src, letter.dest, body)

    def _drop(self, reason: str) -> None:
        self.count(f"dropped: {reason}")

    def _log_of(self, name: PeerId) -> Path | None:
        """Where a node's stderr goes, if the run has a folder."""
        if self._recorder is None:
            return None
        folder = self._recorder.path / LOGS
        folder.mkdir(exist_ok=True)
        return folder / f"{name}.stderr"

    def _task_ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.fail(error)

    def _end(self) -> None:
        if self._loop is not None and self._ended is not None:
            # Also from a signal handler, where the loop may be asleep.
            self._loop.call_soon_threadsafe(self._ended.set)
