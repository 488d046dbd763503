"""The load: clients in a closed loop, then healing, settling and a last look at every node.

A client has one operation outstanding. If it is not answered in time, or the answer is an error
that leaves open whether the operation happened, the operation stays open in the history for ever,
and the client goes on under a new name: a history in which one client did two things at once would
be nonsense (the way of Jepsen's processes).
"""

import asyncio
from typing import TYPE_CHECKING

import msgspec

from live.maelstrom.facts import Answered, Lapsed, ReadFinally
from live.maelstrom.protocol import Body, error_code, is_definite
from live.maelstrom.workloads import Workload
from prsm_sim.actor.errors import RemoteProtocolError
from prsm_sim.actor.types import PeerId, Seconds
from prsm_sim.history import Invoked, Returned

if TYPE_CHECKING:
    from live.maelstrom.checkers import Settling
    from live.maelstrom.world import Maelstrom

LOOK_EVERY_S = 0.05
"""While nodes settle they are read so often."""
encode = msgspec.json.encode


class Load:
    """Everything that clients do to a world.

    Args:
        workload: what they ask.
        clients: how many there are; client i talks to node i modulo the number of nodes.
        rate: operations a second, of all clients together.
        timeout_s: how long a client waits for an answer.
        duration_s: how long they go on.
        settle_s: how long nodes may take after that, with all faults healed, to agree.
        settling: knows what every node must hold in the end; None where nothing must be.
    """

    def __init__(
        self,
        workload: Workload,
        *,
        clients: int,
        rate: float,
        timeout_s: Seconds,
        duration_s: Seconds,
        settle_s: Seconds,
        settling: "Settling | None",
    ) -> None:
        self._workload = workload
        self._clients = clients
        self._rate = rate
        self._timeout_s = timeout_s
        self._duration_s = duration_s
        self._settle_s = settle_s
        self._settling = settling
        self._named = 0
        self._numbers: dict[PeerId, int] = {}

    async def story(self, world: "Maelstrom") -> None:
        """Start the nodes, load them, heal, let them settle, and look."""
        await asyncio.gather(*(world.start_node(name) for name in world.names))
        if world.stopped is not None:
            return
        world.clients_begin()
        await asyncio.gather(*(self._client(world, i) for i in range(self._clients)))
        await world.nemesis.heal_all()
        if self._workload.final_read is not None:
            deadline_s = world.now + self._settle_s
            names = [name for name in world.names if name in world.up]
            read = self._workload.final_read
            await asyncio.gather(*(self._settle(world, n, read, deadline_s) for n in names))

    async def _client(self, world: "Maelstrom", index: int) -> None:
        """One client's life, under as many names as it takes."""
        rng = world.stream(f"client {index}")
        node = world.names[index % len(world.names)]
        name = self._new_name()
        mean_s = self._clients / self._rate
        while True:
            pause_s, left_s = rng.expovariate(1.0 / mean_s), self._duration_s - world.now
            await asyncio.sleep(max(0.0, min(pause_s, left_s)))
            if pause_s >= left_s or world.stopped is not None:
                return
            if not await self.operate(world, name, node, self._workload.next(rng)):
                name = self._new_name()

    async def operate(
        self, world: "Maelstrom", client: PeerId, node: PeerId, operation: Body
    ) -> bool:
        """Do one operation and tell its history; whether its outcome is known."""
        number = self._numbers[client] = self._numbers.get(client, 0) + 1
        began_s, struck, calm = world.now, world.nemesis.struck, world.nemesis.active == 0
        world.emit(client, Invoked(client, number, encode(operation)))
        answer = await world.ask(client, node, operation, self._timeout_s)
        if answer is None:
            calm = calm and world.nemesis.struck == struck
            world.emit(client, Lapsed(client, number, node, began_s, calm))
            return False
        try:
            code = error_code(answer)
        except RemoteProtocolError as error:
            world.broke(node, f"answered {operation!r} with {error}")
            return False
        world.emit(node, Answered(node, world.now - began_s, code))
        if code is None:
            complaint = self._workload.complaint(operation, answer)
            if complaint is not None:
                world.broke(node, complaint)
                return False
        elif not is_definite(code):
            return False
        world.emit(client, Returned(client, number, encode(_bare(answer))))
        return True

    async def _settle(
        self, world: "Maelstrom", node: PeerId, read: Body, deadline_s: Seconds
    ) -> None:
        """Read a node until it holds what it must, or its time is up; tell what it held last."""
        client = self._new_name()
        held: Body | None = None
        while True:
            wait_s = max(deadline_s - world.now, LOOK_EVERY_S)
            answer = await world.ask(client, node, read, min(wait_s, self._timeout_s))
            if answer is not None and self._workload.complaint(read, answer) is None:
                held = answer
            settled = held is not None and self._settling is not None and self._settling.holds(held)
            if settled or world.now >= deadline_s:
                break
            await asyncio.sleep(LOOK_EVERY_S)
        world.emit(node, ReadFinally(node, b"" if held is None else encode(_bare(held))))

    def _new_name(self) -> PeerId:
        self._named += 1
        return f"c{self._named}"


def _bare(answer: Body) -> Body:
    """An answer without the numbers of its envelope."""
    return {name: value for name, value in answer.items() if name not in ("msg_id", "in_reply_to")}
