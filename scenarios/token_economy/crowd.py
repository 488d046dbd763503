"""Crowds: agents of one kind, that can be asked one after the other or all at once.

What an agent wants is a rule, and the rule is written once: with operators that mean the same for
one agent's numbers and for arrays of all agents' (`Strategy.wants`). Wanting depends on the market
as it was when the kind's turn began and on nothing that another agent does in the same turn, so
asking all at once is exact, not an approximation. Acting is not vectorised: money moves one
balanced transfer at a time, in the same order on both paths. Most agents do nothing most of the
time, so the fast path costs little more than the acts.

Chance comes from a generator for each crowd, a block of draws a step: rows are what a strategy
wants to draw, columns are agents. Nobody's draws depend on what others do, nor on whether other
crowds exist. So two economies that differ in one crowd only (an attacker, say) give everybody else
the same chances, and their difference is due to it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

import mesa
import numpy as np
import numpy.typing as npt

from scenarios.token_economy.view import View

if TYPE_CHECKING:
    from scenarios.token_economy.model import TokenEconomy

Floats: TypeAlias = npt.NDArray[np.float64]
Traits: TypeAlias = Mapping[str, Any]
"""Numbers of one agent, or arrays of those of all agents, by name."""

TURN: Final = 1
"""Each crowd draws a row more than its strategy asks for: who acts before whom."""


class EconomicAgent(mesa.Agent):  # type: ignore[misc]
    """Someone with an account.

    Args:
        model: the economy.
        crowd: that it belongs to.
        number: its place there.

    Attributes:
        name: of its account in both ledgers.
        memory: what its strategy remembers between steps.
    """

    def __init__(self, model: "TokenEconomy", crowd: "Crowd", number: int) -> None:
        super().__init__(model)
        self.crowd = crowd
        self.number = number
        self.name = f"{crowd.name}-{number:0{len(str(crowd.count - 1))}}"
        self.memory: dict[str, float] = {}

    def trait(self, name: str) -> float:
        """One of its traits."""
        return float(self.crowd.traits[name][self.number])

    def step(self) -> None:
        """Act, if it wants to."""
        crowd, number = self.crowd, self.number
        draws = crowd.draws[:, number]
        traits = {name: values[number] for name, values in crowd.traits.items()}
        if crowd.strategy.wants(crowd.view, traits, draws):
            crowd.acts += 1
            crowd.strategy.act(self.model, self, draws.tolist())


class Strategy(ABC):
    """How agents of a kind behave: bounded-rational, by rules of thumb.

    Attributes:
        rows: how many numbers an agent draws a step, uniform in [0, 1).
    """

    rows: ClassVar[int] = 1

    @abstractmethod
    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw what makes agents differ; each array of shape (count,)."""

    @abstractmethod
    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """Whether to act: of one agent, or of all.

        Args:
            view: what everyone sees.
            traits: of one agent, or arrays of shape (count,).
            draws: shape (rows,), or (rows, count).

        Returns:
            A truth value, or an array of them of shape (count,). Written with ``& | ~`` and
            comparisons, so that both mean the same.
        """

    @abstractmethod
    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Do it; what the books refuse has not happened."""

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """FTNS and dollars that an agent has at first; nothing unless the kind says so."""
        return 0.0, 0.0

    def learn(self, view: View, traits: dict[str, Floats]) -> None:
        """Let a step's experience change the traits, for all agents at once."""
        return


class Crowd:
    """The agents of one kind.

    Args:
        name: of the kind; agents are called after it.
        count: how many.
        strategy: how they behave.
        rng: their own chance.
        is_honest: whether harm to them counts as harm.

    Attributes:
        agents: by number; `members` is Mesa's set of them.
        traits: arrays of shape (count,), by name.
        draws: of this step, shape (rows + 1, count).
        view: what they saw when their turn began.
        acts: how often someone acted so far.
    """

    def __init__(
        self,
        name: str,
        count: int,
        strategy: Strategy,
        rng: np.random.Generator,
        *,
        is_honest: bool = True,
    ) -> None:
        self.name = name
        self.count = count
        self.strategy = strategy
        self.is_honest = is_honest
        self.traits = strategy.traits(count, rng)
        self.acts = 0
        self.agents: list[EconomicAgent] = []
        self.members: mesa.agent.AgentSet
        self.view: View
        self.draws: Floats
        self._rng = rng

    def enter(self, economy: "TokenEconomy") -> None:
        """Become agents of an economy."""
        agent_type = type(self.name.title().replace("-", ""), (EconomicAgent,), {})
        self.agents = [agent_type(economy, self, number) for number in range(self.count)]
        if self.count:
            self.members = economy.agents_by_type[agent_type]

    def take_turn(self, view: View, *, at_once: bool) -> None:
        """Let everyone who wants to act do so, in random order.

        Args:
            view: what they see.
            at_once: ask all at once who wants to; else one after the other. The outcome is equal.
        """
        self.view = view
        self.draws = draws = self._rng.random((self.strategy.rows + TURN, self.count))
        if at_once:
            wanting = np.flatnonzero(self.strategy.wants(view, self.traits, draws))
            order = wanting[np.argsort(draws[-1, wanting], kind="stable")]
            self.acts += len(order)
            act = self.strategy.act
            for number, row in zip(order.tolist(), draws[:, order].T.tolist(), strict=True):
                agent = self.agents[number]
                act(agent.model, agent, row)
        else:
            turns = draws[-1].tolist()
            self.members.sort(lambda agent: turns[agent.number], ascending=True).do("step")
        self.strategy.learn(view, self.traits)
