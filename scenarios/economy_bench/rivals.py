"""The rivals: unit exchange as one would write it with SimPy and with Mesa.

The model is that of scenario `kinetic_exchange` with rule ``unit``: an agent whose clock rings
gives one coin, if it owns one, to a random other agent. The rivals keep coins in a dictionary or in
an attribute; they have no ledger, check no conservation and measure nothing. Both choose the
partner the fast way, by one `randrange`: Mesa's own `AgentSet` copies itself at each indexed
access, which would make a step of n agents cost n², and Mesa far slower than it is here.
"""

import random
from collections.abc import Generator, Iterable
from typing import Any

import mesa
import simpy

from scenarios.kinetic_exchange.rules import Clock


class SimpyExchange:
    """One SimPy process an agent.

    Args:
        agents: how many; each begins with one coin.
        clock: ``async``: exponential waiting times of mean 1; ``sync``: all at once, on the state
            in which the step begins; ``shuffled``: each once a step, at a uniform moment.
        seed: decides all that is left to chance.

    Attributes:
        coins: by name.
        acts: how often a clock has rung.
    """

    def __init__(self, agents: int, clock: Clock, seed: int) -> None:
        self.env = simpy.Environment()
        self.random = random.Random(seed)
        self.names = [f"agent-{number}" for number in range(agents)]
        self.coins = dict.fromkeys(self.names, 1)
        self.acts = 0
        self.step_began: dict[str, int] = {}
        life = {"async": self._poisson, "sync": self._together, "shuffled": self._shuffled}[clock]
        if clock == "sync":
            self.env.process(self._remember())
        for number in range(agents):
            self.env.process(life(number))

    def run(self, steps: int) -> None:
        """Let so many steps pass, each one unit of time long."""
        self.env.run(until=self.env.now + steps)

    def _poisson(self, number: int) -> Generator[simpy.Event, Any, None]:
        env, wait = self.env, self.random.expovariate
        while True:
            yield env.timeout(wait(1.0))
            self._act(number, self.coins)

    def _together(self, number: int) -> Generator[simpy.Event, Any, None]:
        env = self.env
        yield env.timeout(0.5)
        while True:
            self._act(number, self.step_began)
            yield env.timeout(1)

    def _remember(self) -> Generator[simpy.Event, Any, None]:
        """Keep the state in which each step begins."""
        while True:
            self.step_began = dict(self.coins)
            yield self.env.timeout(1)

    def _shuffled(self, number: int) -> Generator[simpy.Event, Any, None]:
        env, moment = self.env, self.random.random
        waited = moment()
        yield env.timeout(waited)
        while True:
            self._act(number, self.coins)
            following = moment()
            yield env.timeout(1.0 - waited + following)
            waited = following

    def _act(self, number: int, decisive: dict[str, int]) -> None:
        """Give a coin away, if there was one on the decisive state."""
        self.acts += 1
        me = self.names[number]
        if decisive[me]:
            other = self.random.randrange(len(self.names) - 1)
            self.coins[me] -= 1
            self.coins[self.names[other + (other >= number)]] += 1


class Giver(mesa.Agent):  # type: ignore[misc]  # Mesa has no types
    """A Mesa agent with coins."""

    def __init__(self, model: "MesaExchange", number: int) -> None:
        super().__init__(model)
        self.number = number
        self.coins = 1

    def step(self) -> None:
        """Give a coin to somebody else."""
        model = self.model
        model.acts += 1
        if self.coins > 0:
            other = self.random.randrange(len(model.everybody) - 1)
            self.coins -= 1
            model.everybody[other + (other >= self.number)].coins += 1


class MesaExchange(mesa.Model):  # type: ignore[misc]
    """Agents who act once a step in random order: `shuffle_do`.

    Args:
        agents: how many; each begins with one coin.
        seed: decides all that is left to chance.
    """

    def __init__(self, agents: int, seed: int) -> None:
        super().__init__(seed=seed)
        self.acts = 0
        self.everybody = [Giver(self, number) for number in range(agents)]

    def step(self) -> None:
        """One step."""
        self.agents.shuffle_do("step")

    def run(self, steps: int) -> None:
        """So many steps."""
        for _ in range(steps):
            self.step()

    @property
    def coins(self) -> Iterable[int]:
        """What everybody owns."""
        return [agent.coins for agent in self.everybody]
