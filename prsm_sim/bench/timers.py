"""The timer workload: peers that set their timers again and again, as consensus does.

Each of 100 peers has a tick every millisecond, at which it sets twenty watchdogs of one second
anew; they hardly ever fire. Counted are the settings.

* *SimPy processes*: a watchdog is a process that is interrupted and starts its time-out anew, as
  SimPy's documentation does it;
* *heapq*: the old entry is marked as cancelled and a new one is pushed.
"""

from collections.abc import Callable, Generator
from heapq import heappop, heappush
from itertools import count
from typing import Any

import simpy

from prsm_sim.actor import Actor, Context
from prsm_sim.bench.engines import Bench
from prsm_sim.sim import Sim

PEERS = 100
WATCHDOGS = 20
TICK_S = 0.001
PATIENCE_S = 1.0
NAMES = tuple(f"watchdog {i}" for i in range(WATCHDOGS))


class Watcher(Actor):
    """Sets its watchdogs at every tick."""

    def __init__(self, ticks: int) -> None:
        self.ticks = ticks
        self.barked = 0

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """Begin ticking."""
        ctx.set_timer("tick", TICK_S)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Set all watchdogs at a tick."""
        if name != "tick":
            self.barked += 1
            return
        self.ticks -= 1
        for watchdog in NAMES:
            ctx.set_timer(watchdog, PATIENCE_S)
        if self.ticks:
            ctx.set_timer("tick", TICK_S)


def ours(ticks: int) -> Bench:
    """The workload on our kernel."""
    sim = Sim(1)
    for i in range(PEERS):
        sim.spawn(f"peer-{i}", lambda: Watcher(ticks))
    return Bench(sim.run, lambda: ticks * PEERS * WATCHDOGS)


def on_simpy(ticks: int) -> Bench:
    """The same as SimPy processes."""
    env = simpy.Environment()
    barked = 0

    def watchdog() -> Generator[simpy.Event, Any, None]:
        nonlocal barked
        while True:
            try:
                yield env.timeout(PATIENCE_S)
                barked += 1
                return
            except simpy.Interrupt:
                pass

    def watcher() -> Generator[simpy.Event, Any, None]:
        watchdogs = [env.process(watchdog()) for _ in range(WATCHDOGS)]
        for _ in range(ticks):
            yield env.timeout(TICK_S)
            for process in watchdogs:
                process.interrupt()

    for _ in range(PEERS):
        env.process(watcher())
    return Bench(env.run, lambda: ticks * PEERS * WATCHDOGS)


class _Pending:
    """An entry of the heap that can be cancelled."""

    __slots__ = ("action", "cancelled")

    def __init__(self, action: Callable[[], None]) -> None:
        self.action = action
        self.cancelled = False


def on_heapq(ticks: int) -> Bench:
    """The same on a heap."""
    heap: list[tuple[float, int, _Pending]] = []
    sequence = count().__next__
    now = 0.0
    barked = 0

    def push(after_s: float, action: Callable[[], None]) -> _Pending:
        pending = _Pending(action)
        heappush(heap, (now + after_s, sequence(), pending))
        return pending

    def bark() -> None:
        nonlocal barked
        barked += 1

    def tick(left: int, watchdogs: list[_Pending]) -> None:
        for i, old in enumerate(watchdogs):
            old.cancelled = True
            watchdogs[i] = push(PATIENCE_S, bark)
        if left > 1:
            push(TICK_S, lambda: tick(left - 1, watchdogs))

    def run() -> None:
        nonlocal now
        while heap:
            now, _, pending = heappop(heap)
            if not pending.cancelled:
                pending.action()

    def first(watchdogs: list[_Pending]) -> Callable[[], None]:
        return lambda: tick(ticks, watchdogs)

    for _ in range(PEERS):
        push(TICK_S, first([push(PATIENCE_S, bark) for _ in range(WATCHDOGS)]))
    return Bench(run, lambda: ticks * PEERS * WATCHDOGS)
