"""The market's arithmetic, in whole units and whole grains of compute.

Inverse demand is linear: if providers offer Q together, buyers pay the price p = a − b Q, or
nothing once there is too much; a provider's cost is c for each of what it offers. With n providers

    best reply to others who offer R:    (a − c − b R) / (2 b)
    Cournot–Nash equilibrium, each:      q* = (a − c) / (b (n + 1)),  at the price (a + n c)/(n + 1)
    cartel, each:                        (a − c) / (2 b n),           at the price (a + c)/2

(Cournot, "Recherches sur les principes mathématiques de la théorie des richesses", 1838, chapter
VII). Quantities are counted in grains, 10¹⁸ to one; everything is rounded down, so a figure is off
by a few parts in 10¹⁸.
"""

from typing import NamedTuple

GRAINS = 10**18


class Demand(NamedTuple):
    """What buyers pay, what offering costs, and how many offer.

    Attributes:
        intercept_units: the price at which nobody buys, a.
        slope_units: what one more offered takes off the price, b.
        cost_units: what one offered costs its provider, c < a.
        providers: n.
    """

    intercept_units: int
    slope_units: int
    cost_units: int
    providers: int

    def price(self, total_grains: int) -> int:
        """The price for one, in units, if so much is offered."""
        return max(0, self.intercept_units - self.slope_units * total_grains // GRAINS)

    def revenue(self, offer_grains: int, total_grains: int) -> int:
        """What buyers pay for an offer, in units."""
        return self.price(total_grains) * offer_grains // GRAINS

    def cost(self, offer_grains: int) -> int:
        """What an offer costs its provider, in units."""
        return self.cost_units * offer_grains // GRAINS

    def profit(self, offer_grains: int, others_grains: int) -> int:
        """What an offer earns beside those of others, in units; below 0 if it loses."""
        total_grains = offer_grains + others_grains
        return self.revenue(offer_grains, total_grains) - self.cost(offer_grains)

    def best_reply(self, others_grains: int) -> int:
        """The offer that earns most beside those of others, in grains."""
        margin = (self.intercept_units - self.cost_units) * GRAINS
        return max(0, (margin - self.slope_units * others_grains) // (2 * self.slope_units))

    @property
    def rivals_grains(self) -> int:
        """What each offers in equilibrium."""
        margin = (self.intercept_units - self.cost_units) * GRAINS
        return margin // (self.slope_units * (self.providers + 1))

    @property
    def cartel_grains(self) -> int:
        """What each offers if they share the monopoly's quantity."""
        margin = (self.intercept_units - self.cost_units) * GRAINS
        return margin // (2 * self.slope_units * self.providers)
