"""Free-riders on a pool of rewards, and what they leave to those who contribute.

Let P be what flows into the pool in an hour, D what honest contributors ask of it and E what
passes of what free-riders ask, q of which reviewers see through. While D + E ≤ P everybody is paid.
Beyond that the pool is empty most of the time; who asks is paid or has to ask again, whoever it is,
and so P is shared in proportion to what is asked:

    lost share of honest rewards = 1 − min(1, P / (D + E)) / min(1, P / D).

It is x > 0, where D ≤ P, as soon as E = P / (1 − x) − D; with R riders who each ask e an hour, that
is R = (P / (1 − x) − D) / (e · (1 − q)). Reviewing changes nothing but the last factor: it lets the
economy bear 1 / (1 − q) times as many.

This is a fluid: claims of many sizes and chance make the loss begin a little earlier.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.token_economy.crowd import Crowd, EconomicAgent, Floats, Strategy, Traits
from scenarios.token_economy.kinds import Padding
from scenarios.token_economy.purse import Purse
from scenarios.token_economy.view import View

if TYPE_CHECKING:
    from scenarios.token_economy.model import TokenEconomy

RIDER = "rider"
HONEST = "data-provider"
FTNS_PER_MB = 0.05


class Riding(Padding):
    """Free-riders who keep a purse together; `purse` is to be set before the first step."""

    purse: Purse

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Hand in padded data."""
        self.purse.watch(lambda: super(Riding, self).act(economy, agent, draws))


def asked_ftns_per_hour(crowd: Crowd, megabytes: float, hours: float) -> float:
    """What a crowd of contributors asks of the pool in an hour, on average, before any review."""
    chances = np.minimum(1.0, crowd.traits["rate"] * hours)
    return float(chances.sum()) / hours * megabytes * FTNS_PER_MB


def lost_share(inflow: float, honest: float, riders: float) -> float:
    """The closed form; all in FTNS an hour, `honest` > 0, `riders` those that pass."""
    return 1.0 - min(1.0, inflow / (honest + riders)) / min(1.0, inflow / honest)


def bearable_riders(inflow: float, honest: float, each: float, lost: float) -> float:
    """How many riders cost honest contributors the share `lost`; `each` asks, after review."""
    if not each:
        return float("inf")
    return max(0.0, (inflow / (1.0 - lost) - honest) / each)


class Queued(Strategy):
    """Contributors as `inner` has them, whose work waits in a tray until it is looked at.

    Args:
        inner: how they behave.
        tray: where it waits.
    """

    def __init__(self, inner: Strategy, tray: "Tray") -> None:
        self.inner = inner
        self.tray = tray

    @property
    def rows(self) -> int:  # type: ignore[override]
        """Those of `inner`."""
        return self.inner.rows

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Those of `inner`."""
        return self.inner.traits(count, rng)

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """As `inner` does."""
        return self.inner.wants(view, traits, draws)

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Put it into the tray; the last draw, who acts before whom, is its place there."""
        self.tray.waiting.append((draws[-1], len(self.tray.waiting), self.inner, agent, draws))


class Tray:
    """Work that was handed in; looked at when the next step begins, whoever it is of.

    Crowds act one after the other, and who comes first would drain the pool; places in the tray are
    drawn, for all crowds alike.

    Args:
        economy: whose contributors hand in here.
        crowds: their names.
    """

    def __init__(self, economy: "TokenEconomy", crowds: Sequence[str]) -> None:
        self.economy = economy
        self.waiting: list[tuple[float, int, Strategy, EconomicAgent, Sequence[float]]] = []
        for name in crowds:
            crowd = economy.crowds[name]
            crowd.strategy = Queued(crowd.strategy, self)
        economy.before_turns.append(self.settle)

    def settle(self, _view: View) -> None:
        """Look at all that waits."""
        waiting, self.waiting = self.waiting, []
        for _, _, strategy, agent, draws in sorted(waiting, key=itemgetter(0, 1)):
            strategy.act(self.economy, agent, draws)
