"""The nemesis of processes: cuts links, kills and pauses, and makes whole again.

A fault of the vocabulary that means nothing to a foreign process (a typed field, a store we do not
own) is refused by name before anything starts.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from live.maelstrom.wire import KINDS, WireFault
from prsm_sim.actor.errors import UserError
from prsm_sim.actor.types import PeerId
from prsm_sim.faults import (
    Clog,
    Crash,
    Delay,
    Duplication,
    Fault,
    FaultHealed,
    FaultStruck,
    LinkFault,
    Loss,
    OneWay,
    Partition,
    Pause,
    Reordering,
    target_of,
)

if TYPE_CHECKING:
    from live.maelstrom.world import Maelstrom

Struck = WireFault | Crash | Pause
KNOWN = (Partition, OneWay, Loss, Delay, Duplication, Reordering, Clog, Crash, Pause)


class Nemesis:
    """Strikes one world of processes.

    Attributes:
        active: faults that have struck and are not healed.
        struck: faults that have struck so far.
    """

    def __init__(self, world: "Maelstrom") -> None:
        self.active = 0
        self.struck = 0
        self._world = world
        self._handles: list[asyncio.TimerHandle] = []
        self._heals: list[Callable[[], None]] = []
        self._restarts: set[asyncio.Task[None]] = set()

    def arm_all(self, faults: Sequence[Fault]) -> None:
        """Let each fault strike at its time, in world time."""
        loop = asyncio.get_running_loop()
        for fault in faults:
            assert isinstance(fault, KNOWN), "check_faults lets no other through"
            handle = loop.call_later(fault.at_s - self._world.now, self._strike, fault)
            self._handles.append(handle)

    def end(self) -> None:
        """Strike no more."""
        for handle in self._handles:
            handle.cancel()
        self._handles.clear()

    async def heal_all(self) -> None:
        """Strike no more, heal what can heal, and return once every restarted node is ready."""
        self.end()
        for heal in tuple(self._heals):
            heal()
        if self._restarts:
            await asyncio.wait(self._restarts)

    def _strike(self, fault: Struck) -> None:
        target = target_of(fault)
        heal = self._apply(fault)
        if heal is None:
            return  # a node that is down already is not struck
        self.active += 1
        self.struck += 1
        self._world.observatory.faults_struck[fault.kind] += 1
        self._world.emit("", FaultStruck(fault.kind, target))
        if fault.for_s is None:
            return

        def end() -> None:
            if end in self._heals:
                self._heals.remove(end)
                self.active -= 1
                heal()
                self._world.emit("", FaultHealed(fault.kind, target))

        self._heals.append(end)
        self._handles.append(asyncio.get_running_loop().call_later(fault.for_s, end))

    def _apply(self, fault: Struck) -> Callable[[], None] | None:
        match fault:
            case Crash():
                if fault.peer not in self._world.up:
                    return None
                self._world.strike_down(fault.peer)
                return lambda: self._restart(fault.peer)
            case Pause():
                if fault.peer not in self._world.up:
                    return None
                node = self._world.nodes[fault.peer]
                node.pause()
                return node.resume
        return self._world.wire.begin(fault)

    def _restart(self, name: PeerId) -> None:
        task = self._world.start_task(self._world.start_node(name))
        self._restarts.add(task)
        task.add_done_callback(self._restarts.discard)


def check_faults(faults: Sequence[Fault], nodes: Sequence[PeerId]) -> None:
    """Refuse what cannot strike processes, and names that are no node's.

    Raises:
        UserError: which fault, and why.
    """
    for fault in faults:
        if not isinstance(fault, KNOWN):
            kinds = ", ".join((*KINDS, "crash", "pause"))
            raise UserError(f"the fault {fault.kind!r} cannot strike a process; {kinds} can")
        for name in _named(fault):
            if name not in nodes:
                raise UserError(
                    f"the fault {fault.kind!r} at {fault.at_s:g} s names {name!r}; "
                    f"the nodes are {', '.join(nodes)}"
                )


def _named(fault: Struck) -> tuple[PeerId, ...]:
    match fault:
        case Partition():
            return tuple(name for group in fault.groups for name in group)
        case Crash() | Pause():
            return (fault.peer,)
        case LinkFault():
            return (*fault.senders, *fault.receivers)
