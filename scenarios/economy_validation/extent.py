"""How much `prsm validate economy` measures, fully and quickly."""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from prsm_sim.validation import Claim
from scenarios.economy_validation.comparison import Uncertain


class Extent(NamedTuple):
    """How much is measured.

    Attributes:
        runs: independent runs of each case, one a seed.
        steps: length of a run of exchange, in steps.
        few: agents of the runs that are compared with an exact chain.
        some: agents of other event runs; `many` of population runs compared with a limit.
        jobs: of a run of a queue.
        unequal: how many runs of a yard sale.
        urns: of staking, as actors with a ledger each; `many_urns` in a population.
        rewards: that an urn pays.
        auction_runs: runs of each case of auctions, and `auctions` of each.
        cartels: numbers of their members.
        swaps: random ones in a pool; as many periods of a random base fee.
        games: random votes that are counted one by one.
        orders: random orders in which the states of a large vote join.
    """

    runs: int
    steps: int
    few: int
    some: int
    many: int
    jobs: int
    unequal: int
    urns: int
    many_urns: int
    rewards: int
    auction_runs: int
    auctions: int
    cartels: tuple[int, ...]
    swaps: int
    games: int
    orders: int


FULL = Extent(
    runs=12, steps=300, few=4, some=100, many=10_000, jobs=50_000, unequal=300, urns=1000,
    many_urns=20_000, rewards=200, auction_runs=30, auctions=1000, cartels=(2, 3, 4, 6, 10),
    swaps=20_000, games=300, orders=1_000_000,
)  # fmt: skip
QUICK = Extent(
    runs=6, steps=150, few=4, some=60, many=5_000, jobs=15_000, unequal=100, urns=200,
    many_urns=4000, rewards=80, auction_runs=12, auctions=150, cartels=(2, 3, 5),
    swaps=2000, games=60, orders=100_000,
)  # fmt: skip

Found: TypeAlias = Iterator[Uncertain | Claim]
"""What a family finds: claims that are decided already, and comparisons that are to be."""
