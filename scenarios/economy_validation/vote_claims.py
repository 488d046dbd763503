"""Claims about voting power: `economy.power` and `economy.concentration`.

Four ways to know it otherwise. Published figures: the council of the European Economic Community
of 1958, the Security Council (Shapley and Shubik 1954), the board of Nassau County (Banzhaf 1965).
Closed forms: an apex game, one voter of weight n − 2 among n − 1 of weight 1 with quota n − 1,
gives the apex the Shapley index (n − 2)/n and pivots in 2ⁿ⁻¹ − 2 coalitions, the others in 2; and a
holder of W tokens among m of one token each, where a simple majority decides and W < m, is pivotal
in W of the m + 1 places that it may have in the order. Counting: all coalitions and all orders of
random small votes, one by one. Sampling: random orders of the 51 members of the Electoral College
(538 votes from 2024 on, quota 270), where there are too many to count.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations, product
from math import factorial

import numpy as np

from economy.concentration import gini, herfindahl, nakamoto
from economy.power import banzhaf, power, shapley
from prsm_sim.validation import equal
from scenarios.economy_validation.comparison import Frequency
from scenarios.economy_validation.extent import Extent, Found

# California, Texas, Florida, New York, … to those with three votes.
ELECTORAL_COLLEGE = (
    54, 40, 30, 28, 19, 19, 17, 16, 16, 15, 14, 13, 12, 12, *[11] * 4, *[10] * 5, 9, 9, *[8] * 3,
    7, 7, *[6] * 6, *[5] * 2, *[4] * 7, *[3] * 7,
)  # fmt: skip


def votes(extent: Extent) -> Found:
    """Voting power and concentration: published, in closed form, counted and sampled."""
    council = [4, 4, 4, 2, 2, 1]
    security = power([7] * 5 + [1] * 10, 39)
    nassau = [31, 31, 28, 21, 2, 2]
    for what, expected, measured in (
        ("Banzhaf, EEC council of 1958", "5 5 5 3 3 0 / 21", over(banzhaf(council, 12), 21)),
        ("Shapley, EEC council of 1958", "14 14 14 9 9 0 / 60", over(shapley(council, 12), 60)),
        ("Shapley, a veto in the Security Council", "421/2145", str(security.shapley[0])),
        ("Shapley, no veto in the Security Council", "4/2145", str(security.shapley[14])),
        ("Banzhaf, a veto in the Security Council", "106/635", str(security.banzhaf_index[0])),
        ("Banzhaf, no veto in the Security Council", "21/1270", str(security.banzhaf_index[14])),
        ("Banzhaf, Nassau County in 1964", "1 1 1 0 0 0 / 3", over(banzhaf(nassau, 58), 3)),
        ("Banzhaf, weights 50, 49, 1, quota 51", "3 1 1 / 5", over(banzhaf([50, 49, 1], 51), 5)),
        ("Shapley, weights 50, 49, 1, quota 51", "4 1 1 / 6", over(shapley([50, 49, 1], 51), 6)),
        ("Gini of 1, …, 100: (n − 1)/(3n)", "33/100", str(gini(range(1, 101)))),
        ("HHI of 50, 30, 20 %", "19/50", str(herfindahl([50, 30, 20]))),
        ("Nakamoto coefficient of ten equal holders", "6", str(nakamoto([1] * 10))),
    ):
        yield equal(what, expected, measured)
    yield from closed_forms()
    yield from counted(extent.games)
    yield from sampled(extent.orders)


def closed_forms() -> Found:
    """Votes whose power is known whatever their size."""
    for n in (4, 12, 40):
        apex = power([n - 2, *[1] * (n - 1)], n - 1)
        name = f"apex game of {n}"
        yield equal(f"{name}: Shapley of the apex", ratio(n - 2, n), str(apex.shapley[0]))
        yield equal(f"{name}: Shapley of another", ratio(2, n * (n - 1)), str(apex.shapley[1]))
        yield equal(f"{name}: pivots of the apex", str(2 ** (n - 1) - 2), str(apex.pivots[0]))
        yield equal(f"{name}: pivots of another", 2, apex.pivots[1])
    for whale, others in ((20, 80), (49, 51), (120, 180)):
        quota = (whale + others) // 2 + 1
        found = shapley([whale, *[1] * others], quota)[0]
        what = f"Shapley of {whale} tokens in one hand among {others} single ones: W/(m + 1)"
        yield equal(what, ratio(whale, others + 1), str(found), f"quota {quota}")


def counted(games: int) -> Found:
    """Random votes of token holders, whose coalitions and orders are counted one by one."""
    rng = np.random.default_rng(1965)
    wrong_banzhaf = wrong_shapley = 0
    for _ in range(games):
        # Some hold a little, some a lot, some nothing.
        weights = (rng.pareto(1.0, rng.integers(2, 7)) * 5).astype(int).tolist()
        weights[0] += 1
        quota = int(rng.integers(1, sum(weights) + 1))
        found = power(weights, quota)
        wrong_banzhaf += list(found.pivots) != pivots_by_coalitions(weights, quota)
        wrong_shapley += list(found.shapley) != shapley_by_orders(weights, quota)
    name = f"{games} random votes of 2 to 6 holders"
    yield equal(f"{name}: Banzhaf other than by all coalitions", 0, wrong_banzhaf)
    yield equal(f"{name}: Shapley other than by all orders", 0, wrong_shapley)


def pivots_by_coalitions(weights: Sequence[int], quota: int) -> list[int]:
    """In how many coalitions of the others each voter is pivotal."""
    pivots = [0] * len(weights)
    for members in product((False, True), repeat=len(weights)):
        weight = sum(w for w, joins in zip(weights, members, strict=True) if joins)
        for voter, joins in enumerate(members):
            pivots[voter] += joins and weight >= quota > weight - weights[voter]
    return pivots


def shapley_by_orders(weights: Sequence[int], quota: int) -> list[Fraction]:
    """In which share of all orders each voter is the one who makes the quota."""
    pivotal = [0] * len(weights)
    for order in permutations(range(len(weights))):
        weight = 0
        for voter in order:
            weight += weights[voter]
            if weight >= quota:
                pivotal[voter] += 1
                break
    return [Fraction(count, factorial(len(weights))) for count in pivotal]


def sampled(orders: int) -> Found:
    """The Electoral College: how often a state is pivotal, if all join in random order."""
    weights, quota = np.array(ELECTORAL_COLLEGE), 270
    found = power(list(ELECTORAL_COLLEGE), quota)
    yield equal("Shapley, Electoral College: all together", "1", str(sum(found.shapley)))
    rng = np.random.default_rng(538)
    hits = np.zeros(len(weights), dtype=np.int64)
    for begin in range(0, orders, 10_000):
        many = min(10_000, orders - begin)
        order = np.argsort(rng.random((many, len(weights))), axis=1)
        reached = np.cumsum(weights[order], axis=1)
        pivots = order[np.arange(many), np.argmax(reached >= quota, axis=1)]
        hits += np.bincount(pivots, minlength=len(weights))
    for voter in (0, 1, 5, 17, 50):
        what = f"Shapley, Electoral College: state {voter + 1}, of {weights[voter]} votes"
        probability = float(found.shapley[voter])
        yield Frequency(what, probability, int(hits[voter]), orders, f"{orders:,} random orders")


def over(values: Sequence[Fraction], denominator: int) -> str:
    """Fractions over one denominator."""
    return " ".join(str(value * denominator) for value in values) + f" / {denominator}"


def ratio(numerator: int, denominator: int) -> str:
    """A fraction in lowest terms, as `Fraction` writes it."""
    return str(Fraction(numerator, denominator))
