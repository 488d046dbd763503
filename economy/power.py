"""Voting power: who decides a weighted vote, which is not who has how many votes.

A motion passes with weight ≥ quota. A voter is *pivotal* in a coalition that passes with it and not
without. With weights 50, 49, 1 and quota 51 the last voter is pivotal as often as the second.

- Banzhaf (1965; Penrose 1946): the share of the 2ⁿ⁻¹ coalitions of the others in which a voter is
  pivotal; normalised, its share of all pivots.
- Shapley–Shubik (1954): the probability that a voter is the pivotal one if all join in random
  order, Σₖ k! (n−1−k)! / n! · (pivots in coalitions of k others). These add up to 1.

Both count coalitions by their weight, and the second one by their size too. The counts are the
coefficients of Πᵢ (1 + y x^wᵢ) (Brams and Affuso 1976; Lucas 1983), multiplied out one voter at a
time, and divided by one voter's factor for the coalitions without it: n multiplications and n
divisions instead of 2ⁿ coalitions. Powers of x are a dict from weight to coefficient, so weights
may be in base units with few distinct sums; a coefficient, which is a polynomial in y, is packed
into one integer with n + 1 bits a power (Kronecker substitution), wide enough for any count ≤ 2ⁿ.
All is exact. Weights are divided by their greatest common divisor first. The work is n times the
number of distinct sums below the total, at most 2ⁿ.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import factorial, gcd
from typing import Final

import msgspec

from prsm_sim.actor import UserError

SUMS_MOST: Final = 2_000_000
"""More distinct sums than this are refused: they would take minutes and gigabytes."""


class Power(msgspec.Struct, frozen=True):
    """The power of each voter, in the order of the weights.

    Attributes:
        pivots: coalitions of the others in which it is pivotal.
        banzhaf: that as a share of all 2ⁿ⁻¹ coalitions of the others.
        banzhaf_index: its share of all voters' pivots.
        shapley: its Shapley–Shubik index.
    """

    pivots: tuple[int, ...]
    banzhaf: tuple[Fraction, ...]
    banzhaf_index: tuple[Fraction, ...]
    shapley: tuple[Fraction, ...]


def power(weights: Sequence[int], quota: int) -> Power:
    """The power of each voter in a weighted vote.

    Args:
        weights: of the voters, each ≥ 0.
        quota: the weight that passes a motion, from 1 to the sum of the weights.

    Raises:
        UserError: a weight is negative, the quota cannot be, or there are too many distinct sums.
    """
    total = sum(weights)
    if min(weights, default=0) < 0:
        raise UserError(f"a voter has the weight {min(weights)}; give weights of at least 0")
    if not 0 < quota <= total:
        raise UserError(f"quota {quota} is not from 1 to the sum of the weights, {total}")
    divisor = gcd(*weights)
    scaled = [weight // divisor for weight in weights]
    needed = -(-quota // divisor)
    shift = len(weights) + 1
    counts = _multiply(scaled, shift)
    by_weight: dict[int, list[int]] = {}
    for weight in dict.fromkeys(scaled):
        by_weight[weight] = _pivots_by_size(counts, weight, needed, shift)
    pivots_by_size = [by_weight[weight] for weight in scaled]
    pivots = tuple(map(sum, pivots_by_size))
    voters = len(weights)
    shares = [
        Fraction(factorial(size) * factorial(voters - 1 - size), factorial(voters))
        for size in range(voters)
    ]
    return Power(
        pivots=pivots,
        banzhaf=tuple(Fraction(count, 1 << (voters - 1)) for count in pivots),
        banzhaf_index=tuple(Fraction(count, sum(pivots)) for count in pivots),
        shapley=tuple(
            sum((share * count for share, count in zip(shares, sizes, strict=True)), Fraction(0))
            for sizes in pivots_by_size
        ),
    )


def banzhaf(weights: Sequence[int], quota: int) -> tuple[Fraction, ...]:
    """The normalised Banzhaf index of each voter; see `power`."""
    return power(weights, quota).banzhaf_index


def shapley(weights: Sequence[int], quota: int) -> tuple[Fraction, ...]:
    """The Shapley–Shubik index of each voter; see `power`."""
    return power(weights, quota).shapley


def _multiply(weights: Sequence[int], shift: int) -> dict[int, int]:
    """Coalitions of all voters by weight; the number of those of k voters at bit k · `shift`."""
    counts = {0: 1}
    for weight in weights:
        longer = dict(counts)
        for reached, packed in counts.items():
            longer[reached + weight] = longer.get(reached + weight, 0) + (packed << shift)
        counts = longer
        if len(counts) > SUMS_MOST:
            raise UserError(
                f"the weights have more than {SUMS_MOST} distinct sums; "
                "round them to a coarser unit first"
            )
    return counts


def _pivots_by_size(counts: dict[int, int], weight: int, quota: int, shift: int) -> list[int]:
    """Coalitions, by their size, in which a voter of this weight, not in them, is pivotal.

    Without the voter, c'(s) = c(s) − y c'(s − weight): the division, from the smallest sum up.
    """
    voters = shift - 1
    if weight == 0:
        return [0] * voters
    without: dict[int, int] = {}
    packed_pivots = 0
    for reached in sorted(counts):
        if reached >= quota:
            break
        left = counts[reached] - (without.get(reached - weight, 0) << shift)
        if left:
            without[reached] = left
            if reached + weight >= quota:
                packed_pivots += left
    mask = (1 << shift) - 1
    return [packed_pivots >> (size * shift) & mask for size in range(voters)]
