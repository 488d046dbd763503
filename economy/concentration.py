"""Concentration: how unequally something is held, from integer balances and without rounding.

All measures are exact rationals (`fractions.Fraction`) of the same sorted integers, so every
replica computes the same ones and a threshold is crossed at one definite balance. With n holders,
balances x₁ ≤ … ≤ xₙ, sum S and shares sᵢ = xᵢ / S:

- Lorenz curve: the points (k/n, (x₁ + … + x_k)/S);
- Gini: twice the area between that curve and the diagonal, Σᵢ Σⱼ |xᵢ − xⱼ| / (2 n S), which with
  sorted balances is Σᵢ (2i − n − 1) xᵢ / (n S). It is 0 if all hold the same and (n − 1)/n, not 1,
  if one holds all (Gini 1914; Sen, "On Economic Inequality", 1973, 2.6);
- Herfindahl–Hirschman: H = Σ sᵢ², from 1/n to 1; 1/H is the *effective number* of holders, the
  number of equal ones that would be as concentrated (Adelman 1969);
- Nakamoto: the fewest holders that together have more than a share, ½ unless said otherwise
  (Srinivasan and Lee 2017).

Who holds nothing counts for the Gini coefficient and the Lorenz curve if it is among the balances
given, since the poor are part of a population; for the other measures it makes no difference.
"""

from collections.abc import Iterable
from fractions import Fraction
from itertools import accumulate
from typing import Final

import msgspec

HALF: Final = Fraction(1, 2)
PPM: Final = 1_000_000


def gini(balances: Iterable[int]) -> Fraction:
    """The Gini coefficient of non-negative balances; 0 where nothing is held."""
    ordered = _sorted(balances)
    count, total = len(ordered), sum(ordered)
    if not total:
        return Fraction(0)
    weighted = sum(
        (2 * rank - count - 1) * balance for rank, balance in enumerate(ordered, start=1)
    )
    return Fraction(weighted, count * total)


def lorenz(balances: Iterable[int]) -> tuple[tuple[Fraction, Fraction], ...]:
    """The Lorenz curve: n + 1 points from (0, 0) to (1, 1), share of holders and what they hold.

    Where nothing is held it is the diagonal, as for all equal; of no holders, its two ends.
    """
    ordered = _sorted(balances)
    if not sum(ordered):
        ordered = [1] * max(1, len(ordered))
    count, total = len(ordered), sum(ordered)
    sums = accumulate(ordered, initial=0)
    return tuple((Fraction(rank, count), Fraction(part, total)) for rank, part in enumerate(sums))


def herfindahl(balances: Iterable[int]) -> Fraction:
    """The Herfindahl–Hirschman index, the sum of squared shares; 0 where nothing is held."""
    ordered = _sorted(balances)
    total = sum(ordered)
    return Fraction(sum(x * x for x in ordered), total * total) if total else Fraction(0)


def effective_number(balances: Iterable[int]) -> Fraction:
    """How many equal holders would be as concentrated, 1 / HHI; 0 where nothing is held."""
    index = herfindahl(balances)
    return 1 / index if index else index


def nakamoto(balances: Iterable[int], threshold: Fraction = HALF) -> int:
    """The fewest holders that together have *more* than `threshold` of all; 0 of nothing.

    Args:
        balances: units, each ≥ 0.
        threshold: a share in [0, 1).
    """
    assert 0 <= threshold < 1, f"nobody can hold more than {threshold} of all"
    richest_first = _sorted(balances)[::-1]
    total = sum(richest_first)
    for holders, part in enumerate(accumulate(richest_first), start=1):
        if part * threshold.denominator > total * threshold.numerator:
            return holders
    return 0


def top_share(balances: Iterable[int], holders: int) -> Fraction:
    """What the richest so many hold of all; 0 where nothing is held."""
    assert holders >= 0, f"there are no {holders} holders"
    richest_first = _sorted(balances)[::-1]
    total = sum(richest_first)
    return Fraction(sum(richest_first[:holders]), total) if total else Fraction(0)


class Measures(msgspec.Struct, frozen=True):
    """All measures of one population.

    Attributes:
        holders: how many balances there are, empty ones among them.
        total_units: their sum.
        gini: the Gini coefficient, `herfindahl` the HHI, `effective` its inverse.
        nakamoto: the fewest holders with more than half.
        top_one: the share of the richest one, `top_three` of the richest three.
    """

    holders: int
    total_units: int
    gini: Fraction
    herfindahl: Fraction
    effective: Fraction
    nakamoto: int
    top_one: Fraction
    top_three: Fraction


def measure(balances: Iterable[int]) -> Measures:
    """All measures of balances, each ≥ 0."""
    ordered = _sorted(balances)
    return Measures(
        holders=len(ordered),
        total_units=sum(ordered),
        gini=gini(ordered),
        herfindahl=herfindahl(ordered),
        effective=effective_number(ordered),
        nakamoto=nakamoto(ordered),
        top_one=top_share(ordered, 1),
        top_three=top_share(ordered, 3),
    )


def _sorted(balances: Iterable[int]) -> list[int]:
    ordered = sorted(balances)
    assert not ordered or ordered[0] >= 0, f"a balance is negative: {ordered[0]}"
    return ordered
