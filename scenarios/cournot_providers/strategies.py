"""How providers decide what to offer.

Rivals are bounded: they know demand and their own cost, and see afterwards what others offered.

- `BestReply` moves a part of the way to the best reply to what others offered last; the rest is
  inertia. The mean offer's distance to equilibrium is multiplied by 1 − λ (n + 1)/2 a period, where
  λ is the part that it moves. So without inertia (λ = 1) two providers settle, three go in circles
  and more never settle (Theocharis, "On the stability of the Cournot solution", Review of Economic
  Studies 27, 1960); all settle if λ < 4/(n + 1).
- `FictitiousPlay` replies to what others offered on average so far (Brown 1951).

Members of a cartel hold to `Grim`: offer the cartel's share as long as all do, and what they would
offer in equilibrium for ever after somebody did not (Friedman, "A non-cooperative equilibrium for
supergames", Review of Economic Studies 38, 1971). Whoever breaks it offers the best reply to the
others' shares, once. Whether that pays is found by playing both futures through, in fractions.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal, Protocol

from scenarios.cournot_providers.demand import Demand

Betrayal = Literal["never", "always", "if_it_pays"]
PPM = 1_000_000


class Strategy(Protocol):
    """Decides what one provider offers."""

    def offer(self) -> int:
        """What to offer now, in grains."""

    def learn(self, others_grains: int) -> None:
        """What all others offered together, in grains."""


class BestReply:
    """Moves towards the best reply.

    Args:
        demand: of the market.
        first_grains: the first offer.
        inertia_ppm: the part of the way that it does not move, in parts per million.
    """

    def __init__(self, demand: Demand, first_grains: int, inertia_ppm: int) -> None:
        self.demand = demand
        self.grains = first_grains
        self.inertia_ppm = inertia_ppm

    def offer(self) -> int:
        """What it has come to."""
        return self.grains

    def learn(self, others_grains: int) -> None:
        """Move."""
        reply = self.demand.best_reply(others_grains)
        stays = self.inertia_ppm
        self.grains = (stays * self.grains + (PPM - stays) * reply) // PPM


class FictitiousPlay:
    """Replies to the average of the past.

    Args:
        demand: of the market.
        first_grains: the first offer.
    """

    def __init__(self, demand: Demand, first_grains: int) -> None:
        self.demand = demand
        self.grains = first_grains
        self.seen_grains = 0
        self.periods = 0

    def offer(self) -> int:
        """The best reply to what was seen."""
        return self.grains

    def learn(self, others_grains: int) -> None:
        """Add to what was seen."""
        self.seen_grains += others_grains
        self.periods += 1
        self.grains = self.demand.best_reply(self.seen_grains // self.periods)


class Grim:
    """A member of the cartel.

    Args:
        demand: of the market.
        discount: what a unit is worth a period later, 0 ≤ discount < 1.
        betrayal: when it breaks the cartel.
    """

    def __init__(self, demand: Demand, discount: Fraction, betrayal: Betrayal = "never") -> None:
        self.demand = demand
        self.discount = discount
        self.betrayal = betrayal
        self.trusts = True

    def offer(self) -> int:
        """The share, or the best reply to the others', or the equilibrium's offer."""
        demand = self.demand
        if not self.trusts:
            return demand.rivals_grains
        if self.betrays():
            return demand.best_reply((demand.providers - 1) * demand.cartel_grains)
        return demand.cartel_grains

    def learn(self, others_grains: int) -> None:
        """Trust no more if others offered too much, or it did itself."""
        shares_grains = (self.demand.providers - 1) * self.demand.cartel_grains
        if others_grains > shares_grains or self.betrays():
            self.trusts = False

    def betrays(self) -> bool:
        """Whether it breaks the cartel now, if all others are loyal."""
        if self.betrayal == "if_it_pays":
            self.betrayal = "always" if self.gain() > 0 else "never"
        return self.betrayal == "always"

    def gain(self) -> Fraction:
        """Discounted units that it would win by breaking the cartel now."""
        others = self.demand.providers - 1
        choices: tuple[Betrayal, Betrayal] = ("always", "never")
        broken, held = (
            play(
                self.demand,
                [
                    Grim(self.demand, self.discount, betrayal),
                    *(Grim(self.demand, self.discount) for _ in range(others)),
                ],
                self.discount,
            )
            for betrayal in choices
        )
        return broken - held


def play(demand: Demand, players: Sequence[Strategy], discount: Fraction) -> Fraction:
    """Discounted units that the first player earns, for ever, if all play as they do.

    They must come to a state in which their offers stay the same once they did so twice.

    Args:
        demand: of the market.
        players: all providers, at the beginning.
        discount: what a unit is worth a period later, 0 ≤ discount < 1.
    """
    value, weight = Fraction(0), Fraction(1)
    before: list[int] | None = None
    while True:
        offers = [player.offer() for player in players]
        total = sum(offers)
        profit = demand.profit(offers[0], total - offers[0])
        if offers == before:
            return value + weight * profit / (1 - discount)
        value += weight * profit
        weight *= discount
        before = offers
        for player, offered in zip(players, offers, strict=True):
            player.learn(total - offered)
