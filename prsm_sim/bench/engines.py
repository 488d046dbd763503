"""The engines of the kernel benchmark: ours, and the two that everyone else would write.

* *ours*: `Sim` with `ctx`, the network model (exponential delays) and, unless switched off, the
  digest;
* *SimPy processes*: a process and a `Store` for each peer, and a process for each message on its
  way, which waits for the link's latency and then for the store to take the message, as the
  producers and consumers in SimPy's documentation of stores do;
* *heapq*: the least that a hand-written simulator can do: a heap of (time, sequence, closure).

Every engine draws its delays in the way at hand: ours by the network model, from a stream of each
sender's own, the rivals by ``random.expovariate`` from one generator. Every handler is told who
sent the message. Rivals run with Python's garbage collector as it comes; owning it is part of ours.
"""

import random
from collections.abc import Callable, Generator
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Any, NamedTuple

import simpy

from prsm_sim.actor import Message
from prsm_sim.bench.workloads import Workload
from prsm_sim.network import Latency, Network
from prsm_sim.sim import Sim

MEAN_DELAY_S = 0.01


class Bench(NamedTuple):
    """A workload on one engine: what runs it, and what counts the messages handled."""

    run: Callable[[], object]
    events: Callable[[], int]


def delays() -> Callable[[], float]:
    """A function that draws the rivals' next delay, exponential, s."""
    return partial(random.Random(1).expovariate, 1.0 / MEAN_DELAY_S)


def ours(workload: Workload, *, digest: bool = True) -> Bench:
    """The workload on our kernel."""
    sim = Sim(1, digest=digest)
    sim.set_network(Network(latency=Latency(law="exponential", mean_s=MEAN_DELAY_S)))
    names = tuple(f"peer-{i}" for i in range(workload.size))
    for name, factory in zip(names, workload.actors(names), strict=True):
        sim.spawn(name, factory)
    sim.run(until=1e-9)  # every peer has started
    for sender, to, message in workload.begin():
        sim.peer(names[sender]).send(names[to], message)
    started = sim.events
    return Bench(sim.run, lambda: sim.events - started)


def on_heapq(workload: Workload) -> Bench:
    """The same on a heap of closures."""
    peers = workload.rivals()
    heap: list[tuple[float, int, Callable[[], None]]] = []
    sequence, delay = count(), delays()
    now = 0.0
    handled = 0

    def send(me: int, to: int, message: Message) -> None:
        heappush(heap, (now + delay(), next(sequence), lambda: peers[to].handle(send, me, message)))

    def run() -> None:
        nonlocal now, handled
        while heap:
            now, _, deliver = heappop(heap)
            handled += 1
            deliver()

    for me, to, message in workload.begin():
        send(me, to, message)
    return Bench(run, lambda: handled)


def on_simpy(workload: Workload) -> Bench:
    """The same as SimPy processes with stores."""
    env = simpy.Environment()
    peers = workload.rivals()
    stores = [simpy.Store(env) for _ in peers]
    delay = delays()
    handled = 0

    def link(me: int, to: int, message: Message) -> Generator[simpy.Event, Any, None]:
        yield env.timeout(delay())
        yield stores[to].put((me, message))

    def send(me: int, to: int, message: Message) -> None:
        env.process(link(me, to, message))

    def process(me: int) -> Generator[simpy.Event, Any, None]:
        nonlocal handled
        peer, store = peers[me], stores[me]
        while True:
            sender, message = yield store.get()
            handled += 1
            peer.handle(send, sender, message)

    for me in range(workload.size):
        env.process(process(me))
    for me, to, message in workload.begin():
        send(me, to, message)
    return Bench(env.run, lambda: handled)
