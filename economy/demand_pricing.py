"""The price of context by supply and demand, and what any rule for a price looks like.

    price = base · (1 + 0.3·(d − 0.5)) · (1 − 0.2·(s − 0.5)) · (1 + 0.1·min(0.5, CV))

clamped to 10–500 % of the base price. *d* and *s* are demand and supply as shares of the nominal
capacity (0.5 is the ordinary level of both; they may exceed 1), and *CV* is the coefficient of
variation of the last ten prices, their standard deviation over their mean: restless prices carry a
small premium. Because the price depends on demand and supply as they are, and not on the last
price, it cannot run away; `pace_ppm` damps it further, by going only part of the way from the last
price to the one the formula gives (exponential smoothing, Brown 1959).

Everything is an integer or a fraction. The one irrational number, the square root in the CV, is
rounded down to a millionth by the integer square root, and the price is rounded once, up to a whole
unit, like every charge for context.

A *controller* is anything with `next_price`; it has no memory, so controllers can be compared on
the same past. The memory is a `PriceTrack`, which any of them can drive.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, isqrt
from typing import Final, Protocol

import msgspec

from economy.money import UnitsText, decode_units, encode_units, ftns
from prsm_sim.actor import RemoteProtocolError, decode, encode

PPM: Final = 1_000_000
WINDOW: Final = 10
"""How many prices a `PriceTrack` remembers, the present one included."""


class PriceController(Protocol):
    """A rule that sets a price from what was just observed."""

    def next_price(
        self, price_units: int, demand: int, supply: int, recent_units: Sequence[int] = ()
    ) -> int:
        """The price for the period to come.

        Args:
            price_units: the price of the period that has ended.
            demand: how much was asked for in it, ≥ 0.
            supply: how much was on offer in it, ≥ 0, in the same measure.
            recent_units: the last prices, oldest first, up to and including `price_units`.
        """
        ...


class DemandPricingParameters(msgspec.Struct, frozen=True):
    """The figures of the supply-and-demand price.

    Attributes:
        base_units: the price when demand and supply are ordinary and prices have been still.
        capacity: the demand, or supply, that counts as 1; half of it is ordinary.
        demand_ppm: what an extra demand of 1 adds to the price, as a share.
        supply_ppm: what an extra supply of 1 takes from it.
        volatility_ppm: what a CV of 1 adds to it.
        volatility_most_ppm: the CV counts up to this.
        least_ppm, most_ppm: bounds of the price, as shares of the base price.
        pace_ppm: how much of the way to the formula's price is gone at once; 1,000,000 is all.
    """

    base_units: int = ftns("0.1")
    capacity: int = 100_000
    demand_ppm: int = 300_000
    supply_ppm: int = 200_000
    volatility_ppm: int = 100_000
    volatility_most_ppm: int = 500_000
    least_ppm: int = 100_000
    most_ppm: int = 5_000_000
    pace_ppm: int = PPM


def variation_ppm(prices_units: Sequence[int]) -> int:
    """The coefficient of variation of the prices, in millionths, rounded down.

    With n prices of sum S and sum of squares Q the variance is (n·Q − S²)/n² and the mean S/n, so
    CV² = (n·Q − S²)/S², in which no division happens before the last. Prices that are all zero, or
    none, do not vary.
    """
    total = sum(prices_units)
    if total == 0:
        return 0
    squares = sum(price * price for price in prices_units)
    return isqrt((len(prices_units) * squares - total * total) * PPM**2 // (total * total))


class DemandPricing:
    """The supply-and-demand price as a controller.

    Args:
        parameters: its figures.
    """

    __slots__ = ("parameters",)

    def __init__(self, parameters: DemandPricingParameters | None = None) -> None:
        self.parameters = DemandPricingParameters() if parameters is None else parameters

    def next_price(
        self, price_units: int, demand: int, supply: int, recent_units: Sequence[int] = ()
    ) -> int:
        """The price of the next period, rounded up; see `PriceController.next_price`."""
        aim = self.aim(demand, supply, variation_ppm(recent_units[-WINDOW:]))
        gone = Fraction(self.parameters.pace_ppm, PPM) * (aim - price_units)
        return ceil(self._clamp(price_units + gone))

    def aim(self, demand: int, supply: int, volatility_ppm: int) -> Fraction:
        """What the formula gives, clamped and exact, in units."""
        figures = self.parameters
        assert demand >= 0, f"a demand of {demand}"
        assert supply >= 0, f"a supply of {supply}"
        half = Fraction(1, 2)
        by_demand = 1 + Fraction(figures.demand_ppm, PPM) * (
            Fraction(demand, figures.capacity) - half
        )
        by_supply = 1 - Fraction(figures.supply_ppm, PPM) * (
            Fraction(supply, figures.capacity) - half
        )
        counted_ppm = min(figures.volatility_most_ppm, volatility_ppm)
        by_volatility = 1 + Fraction(figures.volatility_ppm * counted_ppm, PPM**2)
        # A supply beyond 5.5 makes its factor negative; with other figures so can a low demand, and
        # two negatives would make a high price of a glut.
        factors = by_demand * max(by_supply, Fraction(0)) * by_volatility
        return self._clamp(figures.base_units * factors)

    def _clamp(self, price: Fraction) -> Fraction:
        figures = self.parameters
        least = Fraction(figures.base_units * figures.least_ppm, PPM)
        most = Fraction(figures.base_units * figures.most_ppm, PPM)
        return min(max(price, least), most)


class PriceTrack:
    """A price that a controller moves, with its last `WINDOW` values.

    Args:
        controller: what sets the price.
        start_units: the price of the first period.

    Attributes:
        recent_units: the last prices, oldest first; the last is the present one.
    """

    __slots__ = ("controller", "recent_units")

    def __init__(self, controller: PriceController, start_units: int) -> None:
        assert start_units >= 0, f"a price of {start_units} units"
        self.controller = controller
        self.recent_units = [start_units]

    @property
    def price_units(self) -> int:
        """The present price."""
        return self.recent_units[-1]

    def close_period(self, demand: int, supply: int) -> int:
        """End the period in which this was asked and offered; returns the new price, in units."""
        price_units = self.controller.next_price(
            self.price_units, demand, supply, self.recent_units
        )
        self.recent_units = [*self.recent_units, price_units][-WINDOW:]
        return price_units

    def encode(self) -> bytes:
        """The prices as canonical bytes."""
        return encode([encode_units(price) for price in self.recent_units])

    def restore(self, encoded: bytes) -> None:
        """Replace the prices by those in `encoded`.

        Raises:
            RemoteProtocolError: it encodes no track; nothing has changed.
        """
        texts: tuple[UnitsText, ...] = decode(encoded, tuple[UnitsText, ...])
        if not 1 <= len(texts) <= WINDOW:
            raise RemoteProtocolError(f"a track has 1 to {WINDOW} prices, not {len(texts)}")
        self.recent_units = [decode_units(text) for text in texts]
