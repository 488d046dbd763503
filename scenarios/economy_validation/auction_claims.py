"""Claims about auctions: the scenario `uniform_auction` against expectations in closed form.

n bidders have independent values, uniform from 0 to 1, and the seller a reserve r. Whoever has a
value v ≥ r pays, on average and under either rule, v P(wins) − ∫ᵣᵛ P(one with x wins) dx with
P = xⁿ⁻¹ (revenue equivalence, Myerson 1981). Summed up over values and bidders:

    revenue      (n − 1)/(n + 1) + rⁿ − 2n rⁿ⁺¹/(n + 1),
    surplus      ((1 − rⁿ⁺¹)/(n + 1) − rⁿ (1 − r)) / n    of each bidder, 1/(n (n + 1)) if r = 0,
    efficiency   1 − rⁿ    (sold, and then to the highest value).

Without a reserve the first price is (n − 1)/n times the highest value and the second price the
second highest value, of the laws Beta(n, 1) and Beta(n − 1, 2), which gives their variances.
"""

from typing import Any

import numpy as np

from scenarios.economy_validation.comparison import Comparison, Floats
from scenarios.economy_validation.extent import Extent, Found
from scenarios.economy_validation.runs import figures_of
from scenarios.uniform_auction.parameters import UniformAuctionParameters
from scenarios.uniform_auction.scenario import MEASURES, uniform_auction


def expected(bidders: int, reserve: float) -> dict[str, float]:
    """Each measure of `uniform_auction`, under either rule."""
    n, r = bidders, reserve
    return {
        "revenue": (n - 1) / (n + 1) + r**n - 2 * n * r ** (n + 1) / (n + 1),
        "surplus": ((1 - r ** (n + 1)) / (n + 1) - r**n * (1 - r)) / n,
        "efficiency": 1 - r**n,
    }


def revenue_variance(bidders: int, rule: str) -> float:
    """Variance of the price that is paid, without a reserve."""
    n = bidders
    highest, second = n / ((n + 1) ** 2 * (n + 2)), 2 * (n - 1) / ((n + 1) ** 2 * (n + 2))
    return second if rule == "second" else ((n - 1) / n) ** 2 * highest


def auctions(extent: Extent) -> Found:
    """Revenue, surplus and efficiency under both rules, with and without a reserve."""
    for bidders, reserve in ((2, 0.0), (3, 0.0), (7, 0.0), (2, 0.5), (2, 0.75), (4, 0.5)):
        both = {}
        how = f"{extent.auction_runs} runs of {extent.auctions:,} auctions"
        kept = f", reserve {reserve:g}" if reserve else ""
        for rule in ("first", "second"):
            found = both[rule] = auction_runs(extent, bidders=bidders, rule=rule, reserve=reserve)
            name = f"{rule} price, {bidders} bidders{kept}"
            for measure, value in expected(bidders, reserve).items():
                yield Comparison(f"{name}: {measure}", value, found[measure], how)
            if not reserve:
                variance = revenue_variance(bidders, rule)
                yield Comparison(
                    f"{name}: variance of revenue", variance, found["revenue_variance"], how
                )
        yield Comparison(
            f"revenue equivalence, {bidders} bidders{kept}: first less second price",
            0.0,
            both["first"]["revenue"] - both["second"]["revenue"],
            f"{how}, the same values under both rules",
        )


def auction_runs(extent: Extent, **parameters: Any) -> dict[str, Floats]:
    """Each measure, and the variance of revenue, in each run."""
    chosen = UniformAuctionParameters.model_validate({**parameters, "auctions": extent.auctions})
    runs = [figures_of(uniform_auction, chosen, seed) for seed in range(extent.auction_runs)]
    return {
        name: np.array([metrics[name] for metrics in runs])
        for name in (*MEASURES, "revenue_variance")
    }
