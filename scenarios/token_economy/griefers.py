"""Griefers: buyers who want nothing but that others do not get it, or are not paid.

Two tactics on a marketplace that rents by use (`bazaar`):

- *hog*: reserve one unit, so that a place is taken, and use nothing. When the time is up the
  griefer gets everything back, and does it again.
- *dispute*: use all that was reserved, like anybody, and dispute the bill. If the arbiter looks, he
  gives the seller everything; if he sleeps, half of it is the seller's after a week.

The *griefing factor* is what sellers lose over what it costs the griefer. Let v be what an ordinary
rental pays in an hour, s the seller's share of it, f the floor that a rental owes for an hour, and
b the probability that a place which is not taken would have been rented. An hour of hogging costs
the griefer f, which the seller gets, and the seller s·b·v, so

    factor = (s·b·v − f) / f,     which is below 1 where f > s·b·v / 2.

Without a floor hogging costs nothing: the factor is infinite. The *damage share* is harm over harm
plus cost, a number between 0 and 1 that is above one half where the factor is above 1.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from economy.rentals import UNDER_WAY, RentalState
from scenarios.token_economy.bazaar import (
    ORDINARY_FTNS_PER_HOUR,
    ORDINARY_HOURS,
    ORDINARY_UNITS,
    Bazaar,
)
from scenarios.token_economy.books import amount
from scenarios.token_economy.crowd import EconomicAgent, Floats, Strategy, Traits
from scenarios.token_economy.purse import Purse
from scenarios.token_economy.view import View

if TYPE_CHECKING:
    from scenarios.token_economy.model import TokenEconomy

GRIEFER = "griefer"
Tactic = Literal["hog", "dispute"]
PPM = 1_000_000


def griefing_factor(
    floor: float, busy: float, seller_share: float, ordinary: float
) -> float | None:
    """The closed form of hogging; None: it costs nothing.

    Args:
        floor: f, FTNS an hour.
        busy: b, the probability that the place would have been rented.
        seller_share: s.
        ordinary: v, FTNS an hour.
    """
    return (seller_share * busy * ordinary - floor) / floor if floor else None


def damage_share(harm: float, cost: float) -> float | None:
    """Harm over harm plus cost; 0 where nobody is harmed, None where nothing happened."""
    if harm <= 0:
        return 0.0 if cost > 0 else None
    return harm / (harm + cost)


class Griefing(Strategy):
    """One griefer.

    Args:
        tactic: how it griefs.
        places: that it wants to take at a time.
        arbiter_looks: probability that the arbiter looks at a dispute.
        budget_ftns: of the griefer.

    Attributes:
        bazaar, purse: to be set before the first step.
        rented, disputed: how often.
    """

    rows = 2

    def __init__(
        self, tactic: Tactic, places: int, arbiter_looks: float, budget_ftns: float
    ) -> None:
        self.tactic = tactic
        self.places = places
        self.arbiter_looks = arbiter_looks
        self.budget_ftns = budget_ftns
        self.bazaar: Bazaar
        self.purse: Purse
        self.rented = self.disputed = 0
        self._mine: list[int] = []

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """None: there is one griefer."""
        return {}

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """Its budget."""
        return self.budget_ftns, 0.0

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """Always."""
        return draws[0] >= 0.0

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Dispute what has ended, if that is the tactic; take as many places as it wants."""
        self.purse.watch(lambda: self._grief(agent.name, draws[1]))

    def _grief(self, griefer: str, draw: float) -> None:
        bazaar = self.bazaar
        states = {number: bazaar.market.rentals[number].state for number in self._mine}
        if self.tactic == "dispute":
            award_ppm = PPM if draw < self.arbiter_looks else None
            for number, state in states.items():
                if state is RentalState.REVIEW:
                    self.disputed += bazaar.dispute(number, award_ppm)
        self._mine = [number for number, state in states.items() if state in UNDER_WAY]
        quantity = ORDINARY_UNITS if self.tactic == "dispute" else 1
        while len(self._mine) < self.places:
            free = bazaar.free()
            rented = None
            if free:
                rented = bazaar.rent(free[0], griefer, quantity, use=self.tactic == "dispute")
            if rented is None:
                return
            self.rented += 1
            self._mine.append(rented)


def griefing_figures(attacked: Bazaar, peaceful: Bazaar, cost_ftns: float) -> dict[str, Any]:
    """What came of an attack.

    Args:
        attacked: the bazaar with the griefer.
        peaceful: the same without.
        cost_ftns: what the griefer has lost, net.
    """
    griefer = attacked.economy.crowds[GRIEFER].strategy
    assert isinstance(griefer, Griefing), "the griefer griefs"
    lost_ftns = peaceful.sellers_ftns() - attacked.sellers_ftns()
    displaced = attacked.lost_sales - peaceful.lost_sales
    busy = displaced * ORDINARY_HOURS / max(1.0, attacked.place_hours)
    share = attacked.parameters.seller_ppm / PPM
    theory = griefing_factor(amount(attacked.floor_units), busy, share, ORDINARY_FTNS_PER_HOUR)
    return {
        "rentals": len(attacked.market.rentals) - griefer.rented,
        "griefer_rentals": griefer.rented,
        "disputes": griefer.disputed,
        "lost_sales": attacked.lost_sales,
        "lost_sales_in_peace": peaceful.lost_sales,
        "busy": busy,
        "sellers_ftns": attacked.sellers_ftns(),
        "sellers_lost_ftns": lost_ftns,
        "damage_share": damage_share(lost_ftns, cost_ftns),
        "griefing_factor": lost_ftns / cost_ftns if cost_ftns > 0 else None,
        "theory_griefing_factor": theory if griefer.tactic == "hog" else None,
    }
