"""What two agents do when they meet: three rules of exchange, in whole grains of money.

- ``pooling``: each keeps the share λ (`saving`), both put the rest into a pool, and a uniform part
  of it goes to the one who acts (Drăgulescu and Yakovenko 2000; with saving Chakraborti and
  Chakrabarti 2000).
- ``unit``: who acts gives one coin to the other, if it owns one (Drăgulescu and Yakovenko's
  constant exchange; a zero-range process).
- ``yard_sale``: both stake the same, a uniform part of what the poorer one does not save, and a
  fair coin says who gets the other's stake (Chakraborti 2002; Hayes 2002).

A rule is a function of the two balances and a draw of `DRAW_BITS` bits, so that the ledger and the
vectorised population do exactly the same with the same draws. All divisions round down; what
rounding leaves stays with whom it belongs to, so a meeting only moves money.
"""

from collections.abc import Callable
from typing import Final, Literal

Rule = Literal["pooling", "unit", "yard_sale"]
Clock = Literal["async", "sync", "shuffled"]
Gain = Callable[[int, int, int, int], int]
"""``gain(acting, other, saving_ppm, draw)``: what the acting one gets of the other; may be < 0."""

GRAINS_PER_COIN: Final = 10**9
"""The coin that `mean` counts is so many base units: rounding is far below any noise."""
PPM: Final = 1_000_000
SHARE_BITS: Final = 32
DRAW_BITS: Final = SHARE_BITS + 1
"""A uniform part in units of 2⁻³², and above it the toss of a coin."""
_SHARE_MASK: Final = (1 << SHARE_BITS) - 1


def pooling(acting: int, other: int, saving_ppm: int, draw: int) -> int:
    """What the acting one gains by pooling."""
    at_stake = acting - acting * saving_ppm // PPM
    pool = at_stake + other - other * saving_ppm // PPM
    return (pool * (draw & _SHARE_MASK) >> SHARE_BITS) - at_stake


def unit(acting: int, other: int, saving_ppm: int, draw: int) -> int:
    """What the acting one gains by giving a coin: less one coin, or nothing if it has none."""
    return -GRAINS_PER_COIN if acting >= GRAINS_PER_COIN else 0


def yard_sale(acting: int, other: int, saving_ppm: int, draw: int) -> int:
    """What the acting one gains in a yard sale."""
    poorer = min(acting, other)
    most = poorer - poorer * saving_ppm // PPM
    stake = most * (draw & _SHARE_MASK) >> SHARE_BITS
    return stake if draw >> SHARE_BITS else -stake


GAINS: Final[dict[Rule, Gain]] = {"pooling": pooling, "unit": unit, "yard_sale": yard_sale}


def endowment(agents: int, amount: int) -> list[int]:
    """What each agent begins with, as equal as can be in whole numbers; the first get the rest.

    Args:
        agents: how many.
        amount: what there is in all, in coins or in grains.
    """
    each, more = divmod(amount, agents)
    return [each + (number < more) for number in range(agents)]
