"""`prsm validate economy`: the economy's code against answers that were obtained otherwise.

Scenarios are run as they are shipped, one seed a replication, and the figures that they report are
compared with closed forms, exactly solved Markov chains and second implementations; mechanisms are
given published vectors. What is random is decided by intervals (`comparison`), all together; what
is not must be equal.

To add a family write a function ``(extent) -> Found`` (`extent`) and name it in `FAMILIES`.
"""

from collections.abc import Callable

from prsm_sim.validation import Claim, equal
from scenarios.economy_validation.auction_claims import auctions
from scenarios.economy_validation.comparison import Uncertain, decide
from scenarios.economy_validation.cournot_claims import cartels, rivals
from scenarios.economy_validation.exchange_claims import (
    few_agents,
    pooling,
    unit_exchange,
    yard_sale,
)
from scenarios.economy_validation.extent import FULL, QUICK, Extent, Found
from scenarios.economy_validation.fee_claims import base_fees
from scenarios.economy_validation.pool_claims import pools
from scenarios.economy_validation.queue_claims import queues
from scenarios.economy_validation.runs import UnsoundRun
from scenarios.economy_validation.urn_claims import urns
from scenarios.economy_validation.vote_claims import votes

Note = Callable[[str], None]


def validate(quick: bool, note: Note) -> list[Claim]:
    """All claims about the economy.

    Args:
        quick: fewer and shorter runs.
        note: is told what is being measured.
    """
    extent = QUICK if quick else FULL
    claims: list[Claim] = []
    comparisons: list[Uncertain] = []
    for name, family in FAMILIES.items():
        note(name)
        broken = "none"
        try:
            for one in family(extent):
                if isinstance(one, Claim):
                    claims.append(one)
                else:
                    comparisons.append(one)
        except UnsoundRun as run:  # what the family has found so far counts nevertheless
            broken = str(run)
        claims.append(equal(f"{name}: runs that broke their own checks", "none", broken))
    return claims + decide(comparisons)


FAMILIES: dict[str, Callable[[Extent], Found]] = {
    "voting power and concentration": votes,
    "base fees": base_fees,
    "constant-product pools": pools,
    "rivals in a Cournot market": rivals,
    "cartels": cartels,
    "auctions": auctions,
    "staking as an urn": urns,
    "unit exchange of few agents": few_agents,
    "unit exchange": unit_exchange,
    "pooling": pooling,
    "yard sale": yard_sale,
    "queues": queues,
}
