"""Unmodified SimPy models: run by SimPy's environment and by ours, to compare their speed.

Each model is a function of an environment, written as SimPy's documentation would; none knows whose
environment it is given.
"""

from collections.abc import Callable, Generator
from typing import Any

import simpy

from prsm_sim.chance import Stream

Process = Generator[simpy.Event, Any, None]


def clocks(env: simpy.Environment) -> None:
    """Two hundred clocks of different pace: time-outs and little else."""

    def clock(pace: float) -> Process:
        for _ in range(100):
            yield env.timeout(pace)

    for i in range(200):
        env.process(clock(1.0 + i / 200))


def car_wash(env: simpy.Environment) -> None:
    """Cars queue for five machines: requests, releases and a process for each car."""
    rng = Stream(1, "car wash")
    machines = simpy.Resource(env, capacity=5)

    def car(takes: float) -> Process:
        with machines.request() as turn:
            yield turn
            yield env.timeout(takes)

    def arrivals() -> Process:
        for _ in range(4000):
            yield env.timeout(rng.expovariate(1.0))
            env.process(car(rng.uniform(1.0, 8.0)))

    env.process(arrivals())


def pipeline(env: simpy.Environment) -> None:
    """Producers and consumers with bounded stores between them."""
    rng = Stream(1, "pipeline")
    stores = [simpy.Store(env, capacity=10) for _ in range(20)]

    def produce(into: simpy.Store) -> Process:
        for item in range(200):
            yield env.timeout(rng.random())
            yield into.put(item)

    def consume(out_of: simpy.Store) -> Process:
        for _ in range(200):
            yield out_of.get()
            yield env.timeout(rng.random())

    for store in stores:
        env.process(produce(store))
        env.process(consume(store))


def reneging(env: simpy.Environment) -> None:
    """Customers wait for a counter or lose patience: conditions of several events."""
    rng = Stream(1, "reneging")
    counter = simpy.Resource(env, capacity=1)

    def customer() -> Process:
        with counter.request() as turn:
            outcome = yield turn | env.timeout(rng.uniform(1.0, 3.0))
            if turn in outcome:
                yield env.timeout(rng.expovariate(1 / 0.8))

    def arrivals() -> Process:
        for _ in range(3000):
            env.process(customer())
            yield env.timeout(rng.expovariate(1.0))

    env.process(arrivals())


MODELS: dict[str, Callable[[simpy.Environment], None]] = {
    "clocks": clocks,
    "car_wash": car_wash,
    "pipeline": pipeline,
    "reneging": reneging,
}
